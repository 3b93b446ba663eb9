r"""Stationary generalisation errors of one-pass SGD in closed form: where label noise holds a trained student.

Each noisy label kicks the weights of a student that could copy its teacher, each example pulls them back, and the error
settles at a plateau :math:`\epsilon_g^* = \tfrac12 \langle (\text{student} - \text{teacher})^2 \rangle`.

**Convention** of all: the factor 1/2 is in, label noise is not. Steps are :math:`(\eta/\sqrt N)` error
:math:`v\,g'(\lambda)\,x` in the first layer and :math:`(\eta/N)` error :math:`g(\lambda)` in the readout, fields
:math:`w \cdot x/\sqrt N`, and N is infinite. `lr` is :math:`\eta`, `noise` the standard deviation :math:`\sigma` of the
label noise, `batch` the number B of examples averaged over in a step, which acts as :math:`\eta/B`: functions without
it take that quotient as `lr`. There is no weight decay. A learning rate at which the plateau diverges is refused.

**Flat directions.** Two or more surplus units can move without a change of the student's output: an erf pair w, -w
cancels at any length, copies of one teacher unit may share its readout in any proportion. Which of these zero-error
states a run comes near depends on its start; each has its own plateau (:func:`perturbative`), and label noise makes the
state drift along them, over :math:`\alpha \sim (\eta\sigma)^{-2}`. A plateau is then a level that a run stays on for
long, not its limit: quote :math:`\alpha` and the start with it.
"Goldt et al." is NeurIPS 2019, arXiv:1906.08632; "derived here" points to the test that names the function.
"""

from __future__ import annotations

from tutelage.online.asymptotics.closed_forms import (
    critical_learning_rate_erf,
    denoising_erf,
    linear,
    linear_both_layers,
    relu_small_lr,
    soft_committee_erf,
)
from tutelage.online.asymptotics.perturbation import NoiseModes, leading_order, noise_modes, perturbative, small_lr

__all__ = [
    "NoiseModes",
    "critical_learning_rate_erf",
    "denoising_erf",
    "leading_order",
    "linear",
    "linear_both_layers",
    "noise_modes",
    "perturbative",
    "relu_small_lr",
    "small_lr",
    "soft_committee_erf",
]
