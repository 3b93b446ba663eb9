"""One-pass stochastic gradient descent on a two-layer student: the rule that every view of the dynamics applies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tutelage.activations import Activation, ActivationLike, activation
from tutelage.errors import check_choice, check_count, check_number, refuse

if TYPE_CHECKING:
    from tutelage.overlaps import Overlaps

__all__ = ["OnlineSGD", "Rates"]

TRAIN = ("first", "both", "readout")
TERMS = ("flow", "flow+noise", "full")  # with none, the noise's, or all terms of order lr^2
CONSTRAINTS = ("sphere",)  # or None
ROUND = 1e-8  # how far Q_kk may be from 1 where a run on the sphere begins


class Rates(NamedTuple):
    """What the views need of a rule, as numbers: a layer that is not trained has rate and decay zero."""

    lr: float
    lr_readout: float
    noise_variance: float
    decay: float
    decay_readout: float
    batch: float
    sphere: float


@dataclass(frozen=True)
class OnlineSGD:
    r"""One-pass SGD on the squared error of a two-layer student.

    With fields :math:`\lambda_k = w_k \cdot x / \sqrt N`, :math:`\rho_m = w^*_m \cdot x / \sqrt N` and the error
    :math:`\Delta = \sum_k v_k g(\lambda_k) - \sum_m v^*_m g^*(\rho_m) - \sigma \zeta`, one example moves

    .. math::

        w_k &\leftarrow w_k - \frac{\eta}{\sqrt N} v_k g'(\lambda_k) \Delta \, x - \frac{\kappa}{N} w_k , \\
        v_k &\leftarrow v_k - \frac{\eta_v}{N} g(\lambda_k) \Delta - \frac{\kappa}{N} v_k

    (Goldt et al. 2019, arXiv:1906.08632: the loss is :math:`\Delta^2/2`; inputs have components of variance 1).

    Parameters
    ----------
    activation : str or Activation
        g of the student: "erf" is erf(x/sqrt 2); "linear", "relu", "leaky_relu(a)", "tanh", "sigmoid", "softplus",
        "silu", "gelu", "normal_cdf", "square", "hermite-k", "polynomial(c0, c1, ...)"; "step" and "sign" for the
        teacher, or where only the readout is trained; or ``tutelage.Activation(f, df)``.
    teacher_activation : str or Activation, optional
        g* of the teacher; default: the student's.
    lr : float, >= 0
        Learning rate :math:`\eta` of the first layer, divided by sqrt(N) in the step.
    lr_readout : float, >= 0, optional
        Learning rate :math:`\eta_v` of the readout, divided by N in the step; default: `lr`.
    train : {"first", "both", "readout"}
        Which layers move.
    noise : float, >= 0
        Standard deviation :math:`\sigma` of the Gaussian label noise.
    weight_decay : float, >= 0
        :math:`\kappa`; shrinks the trained layers by (1 - kappa/N) a step, never multiplied by the learning rate.
    batch : int, >= 1
        Examples averaged over in each step; time alpha = steps / N counts steps, not examples.
    terms : {"full", "flow+noise", "flow"}
        Which terms of order lr^2 the equations of motion keep: all; those of the label noise,
        :math:`\eta^2 v_i v_k \sigma^2 J_2(i, k) / B`; none, which is gradient flow on the population risk, in units
        of time of 1/lr (Arnaboldi et al. 2023, arXiv:2302.05882, eqs. GF-ODE and SS-ODE). Simulations do what SGD
        does, whatever `terms`: they have all of them.
    constraint : {None, "sphere"}
        "sphere": after each step the first layer's weights are scaled back to :math:`|w_k|^2 = N`. The start must have
        Q_kk = 1 (``Overlaps.normalised``).

    Raises
    ------
    ArgumentError
        Naming the argument, what is allowed and what was given.

    Examples
    --------
    >>> OnlineSGD(lr=0.2, train="both").rates.lr_readout
    0.2
    """

    activation: ActivationLike = "erf"
    teacher_activation: ActivationLike | None = None
    lr: float = 0.5
    lr_readout: float | None = None
    train: str = "first"
    noise: float = 0.0
    weight_decay: float = 0.0
    batch: int = 1
    terms: str = "full"
    constraint: str | None = None

    def __post_init__(self) -> None:
        activation(self.activation)
        if self.teacher_activation is not None:
            activation(self.teacher_activation, "teacher_activation")
        if self.constraint is not None and not (isinstance(self.constraint, str) and self.constraint in CONSTRAINTS):
            raise refuse("constraint", f'be None or "{CONSTRAINTS[0]}"', f"is {self.constraint!r}")
        checked = {
            "lr": check_number("lr", self.lr, minimum=0),
            "noise": check_number("noise", self.noise, minimum=0),
            "weight_decay": check_number("weight_decay", self.weight_decay, minimum=0),
            "batch": check_count("batch", self.batch),
            "train": check_choice("train", self.train, TRAIN),
            "terms": check_choice("terms", self.terms, TERMS),
            "constraint": self.constraint,
        }
        if self.lr_readout is not None:
            checked["lr_readout"] = check_number("lr_readout", self.lr_readout, minimum=0)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.rates.lr and self.student.jumps:
            but = f"{self.student.name!r} jumps: its derivative is zero almost everywhere, and the layer would not move"
            raise refuse("activation", 'have a derivative where the first layer is trained (or train="readout")', but)

    @property
    def student(self) -> Activation:
        """The student's activation."""
        return activation(self.activation)

    @property
    def teacher(self) -> Activation:
        """The teacher's activation."""
        return self.student if self.teacher_activation is None else activation(self.teacher_activation)

    @property
    def resolved(self) -> OnlineSGD:
        """The same rule with activations looked up: for loops that ask for them in each step."""
        return replace(self, activation=self.student, teacher_activation=self.teacher)

    @property
    def rates(self) -> Rates:
        """The rule as numbers, with rate and decay zero where a layer is not trained."""
        first, readout = self.train != "readout", self.train != "first"
        lr_readout = self.lr if self.lr_readout is None else self.lr_readout
        return Rates(
            lr=self.lr * first,
            lr_readout=lr_readout * readout,
            noise_variance=self.noise**2,
            decay=self.weight_decay * first,
            decay_readout=self.weight_decay * readout,
            batch=float(self.batch),
            sphere=float(self.constraint == "sphere" and first),
        )

    @property
    def powers(self) -> int:
        """How many kinds of terms of order lr^2 the equations of motion have: 2 all, 1 the noise's, 0 none."""
        return TERMS.index(self.terms)

    def check_start(self, state: Overlaps) -> None:
        """Refuse a state that does not obey the constraint."""
        if self.rates.sphere and (off := np.abs(np.diagonal(state.Q) - 1).max()) > ROUND:
            but = f"one is off by {off:.3g}; state.normalised() has weights of that length"
            raise refuse("state", 'have Q_kk = 1 for constraint="sphere"', but)

    def tangent(self, state: Overlaps, Q: np.ndarray, R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r"""Return the part of a direction (Q, R) that keeps lengths, if they are kept.

        .. math:: R_{in} - \tfrac12 R^{s}_{in} Q_{ii} , \qquad
                  Q_{ik} - \tfrac12 Q^{s}_{ik} (Q_{ii} + Q_{kk})

        at the state with overlaps :math:`Q^s, R^s` and :math:`Q^s_{ii} = 1`.
        """
        if not self.rates.sphere:
            return Q, R
        growth = np.diagonal(Q) / 2
        kept = Q - state.Q * (growth[:, None] + growth)
        return kept * (1 - np.eye(len(Q))), R - state.R * growth[:, None]

    def increments(
        self, fields: np.ndarray, noise: np.ndarray, v: np.ndarray, v_star: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""Return how far one example moves the student, without decay.

        Parameters
        ----------
        fields : array, shape (..., K + M)
            Fields of the student's, then of the teacher's units.
        noise : array, shape (...)
            Label noise of each example (sigma zeta).
        v, v_star : array, shape (K,), (M,)
            Readouts.

        Returns
        -------
        c : array, shape (..., K)
            w_k moves by c_k x / sqrt(N).
        dv : array, shape (..., K)
            v_k moves by dv_k / N.
        """
        r, K = self.rates, len(v)
        lam, rho = fields[..., :K], fields[..., K:]
        error = (self.student.f(lam) @ v - self.teacher.f(rho) @ v_star - noise)[..., None]
        return -r.lr * v * self.student.df(lam) * error, -r.lr_readout * self.student.f(lam) * error
