r"""Activations as polynomials plus smoothed ramps and their derivatives.

With the ramp :math:`\rho_s(x) = \langle (x + s z)_+ \rangle`, z a standard normal,

.. math:: g(x) = \text{polynomial}(x) + \sum_m \big[ \alpha_m \rho_{s_m}(x) + \beta_m \rho_{s_m}'(x)
          + \gamma_m \rho_{s_m}''(x) \big] .

The ramp of width 0 is the ReLU, :math:`\rho_s'(x) = \Phi(x/s)` is a smoothed step, and :math:`\rho_s''` a normal
density. Times x a step is no new function, :math:`x \Phi(x/s) = \rho_s(x) - s^2 \rho_s''(x)`, so that GELU and SiLU
are of this form too. Kinks (:mod:`tutelage.gaussian.kinks`) are these terms, sorted by parity.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tutelage.activations import OWN, Activation
from tutelage.gaussian.kinks import NODES, decomposition

__all__ = ["KNOWN", "Form", "Ramps", "form"]

KNOWN = (
    "erf", "normal_cdf", "relu", "leaky_relu", "gelu", "sigmoid", "tanh", "softplus", "silu", "g", "linear", "square",
    "hermite-k", "polynomial(c0, c1, ...)",
)  # fmt: skip
ROUNDING = 1e-15  # what is left of a constant or a slope that the ramps cancel


class Ramps(NamedTuple):
    """Ramps of squared widths `variance` (terms,); `weight` (3, terms) of the ramp, its first and second derivative."""

    variance: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class Form:
    """An activation as the sum of a polynomial and ramps.

    `polynomial` holds the coefficients, lowest first, of powers or, with `hermite`, of Hermite polynomials; it is empty
    if there is none.
    """

    polynomial: np.ndarray
    hermite: bool
    ramps: tuple[Ramps, ...]

    @property
    def sharp(self) -> bool:
        """Whether a ramp has no width."""
        return any((ramps.variance == 0).any() for ramps in self.ramps)

    @property
    def odd(self) -> bool:
        """Whether g(-x) = -g(x): steps about their middle, and odd powers."""
        even = np.append(self.polynomial[::2], 0.0)
        even[0] += sum(ramps.weight[1].sum() for ramps in self.ramps) / 2
        return not (np.abs(even) > ROUNDING).any() and not any(ramps.weight[::2].any() for ramps in self.ramps)


def form(unit: Activation, nodes: int = NODES) -> Form | None:
    """Return the activation as polynomial plus ramps; None if it has no such form.

    Parameters
    ----------
    unit : Activation
    nodes : int
        How many widths stand for the logistic law (:mod:`tutelage.gaussian.kinks`).

    Returns
    -------
    Form or None

    Examples
    --------
    >>> from tutelage.activations import activation
    >>> form(activation("relu")).ramps[0].weight[:, 0].tolist()
    [1.0, 0.0, 0.0]
    >>> form(activation("square")).polynomial.tolist()
    [0.0, 0.0, 1.0]
    """
    if unit.coefficients is not None:
        return _polynomial(tuple(unit.coefficients), unit.hermite_degree)
    return None if unit.kind == OWN else _ramps(unit, nodes)


@lru_cache
def _polynomial(coefficients: tuple[float, ...], degree: int | None) -> Form:
    powers = np.array(coefficients) if degree is None else np.eye(degree + 1)[degree]
    return Form(powers, degree is not None, ())


@lru_cache
def _ramps(unit: Activation, nodes: int) -> Form | None:
    parts = decomposition(unit, nodes)
    if parts is None:
        return None
    odd, even = parts.odd, parts.even
    groups = []
    if len(odd.weight):
        none = np.zeros(len(odd.weight))
        groups.append(Ramps(odd.inner + odd.outer, np.stack([none, odd.weight, none])))
    if len(even.weight):
        weight = np.stack([even.weight, np.zeros(len(even.weight)), -even.weight * even.outer + 0.0])
        groups.append(Ramps(even.inner + even.outer, weight))
    line = np.array([parts.constant - odd.weight.sum() / 2, parts.slope - even.weight.sum() / 2])
    line[np.abs(line) < ROUNDING] = 0.0
    return Form(np.trim_zeros(line, "b"), False, tuple(groups))
