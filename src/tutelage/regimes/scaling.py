r"""The regimes of SGD when width and learning rate are powers of the dimension.

Veiga et al., NeurIPS 2022, arXiv:2202.00293: :math:`p = p_0 d^\kappa` units with readouts 1/p, learning rate
:math:`\gamma = \gamma_0 d^{-\delta}`, and everything depends on :math:`\kappa + \delta`, the exponent of p/gamma.
"""

from __future__ import annotations

from dataclasses import dataclass

from tutelage.errors import check_number

__all__ = [
    "BAD_LEARNING",
    "FINITE_WIDTH",
    "GRADIENT_FLOW",
    "HIGH_DIMENSION",
    "MEAN_FIELD",
    "NO_EQUATIONS",
    "Limit",
    "of_exponents",
]

GRADIENT_FLOW = "gradient flow"
MEAN_FIELD = "mean field"
HIGH_DIMENSION = "high dimension (Saad & Solla)"
BAD_LEARNING = "bad learning"
NO_EQUATIONS = "no equations"
FINITE_WIDTH = "Mean field errs by a share of order 1/K that grows as eg falls: for erf by 11 to 57 % at K = 160."

EDGE = 1e-12  # of kappa + delta: closer to the border between two regimes is on it


@dataclass(frozen=True)
class Limit:
    r"""What becomes of SGD as the dimension goes to infinity.

    Attributes
    ----------
    kappa, delta : float
        Exponents of the width, K ~ d^kappa, and of the learning rate, lr ~ d^-delta.
    regime : str
        "gradient flow" or, if the width grows, "mean field" (both: kappa + delta > 0); "high dimension (Saad & Solla)"
        (= 0); "bad learning" (between -1/2 and 0); "no equations" (from -1/2 down).
    clock : float or None
        The unit of time takes d^clock steps: 1 + min(theta, 2 theta), theta = kappa + delta: for theta >= 0 that is 1
        + theta, below 1 + 2 theta.
    c1, c2 : int or None
        Whether the terms of order :math:`g_0 = \gamma_0/p_0` (drift) and :math:`g_0^2` (noise of the steps) are there:
        dR = c1 g_0 Psi, dQ = c1 g_0 Phi + c2 g_0^2 Phi_var.
    plateau : float or None
        Exponent of the final error under label noise, eg ~ d^plateau; None if there is no such plateau.
    outcome : str
        What comes out, in a clause.
    """

    kappa: float
    delta: float
    regime: str
    clock: float | None
    c1: int | None
    c2: int | None
    plateau: float | None
    outcome: str

    def __str__(self) -> str:
        time = ""
        if self.clock is not None:
            time = f"; the unit of time is d^{self.clock:g} steps, c1 = {self.c1}, c2 = {self.c2}"
        return f"kappa + delta = {self.kappa + self.delta:g}: {self.regime}{time}; {self.outcome}"

    __repr__ = __str__


def of_exponents(kappa: float, delta: float) -> Limit:
    r"""Return the regime of K ~ d^kappa student units with readouts 1/K and learning rate ~ d^-delta.

    Parameters
    ----------
    kappa : float, >= 0
        Exponent of the width.
    delta : float
        Exponent of the learning rate, of either sign.

    Returns
    -------
    Limit

    Notes
    -----
    Fig. 1 of arXiv:2202.00293. Each step moves R by order :math:`d^{-(1 + \theta)}` and Q, by its noise, by order
    :math:`d^{-(1 + 2\theta)}`, with :math:`\theta = \kappa + \delta`. The larger of the two sets the clock. Equations
    exist if it goes to zero, that is for theta > -1/2; whether the border belongs to them is not known.

    Examples
    --------
    >>> of_exponents(0, 0.5)
    kappa + delta = 0.5: gradient flow; the unit of time is d^1.5 steps, c1 = 1, c2 = 0; eg falls to order d^-0.5
    """
    kappa, delta = check_number("kappa", kappa, minimum=0), check_number("delta", delta)
    theta = kappa + delta
    if abs(theta) < EDGE:
        theta = 0.0
    if theta <= -0.5 + EDGE:
        return Limit(kappa, delta, NO_EQUATIONS, None, None, None, None, "one step moves the overlaps by order one")
    if theta < 0:
        outcome = "the noise of the steps moves Q long before R learns: eg grows"
        return Limit(kappa, delta, BAD_LEARNING, 1 + 2 * theta, 0, 1, None, outcome)
    if theta == 0:
        outcome = "eg falls to a plateau in proportion to the label noise"
        return Limit(kappa, delta, HIGH_DIMENSION, 1.0, 1, 1, 0.0, outcome)
    regime = MEAN_FIELD if kappa > 0 else GRADIENT_FLOW
    return Limit(kappa, delta, regime, 1 + theta, 1, 0, -theta, f"eg falls to order d^-{theta:g}")
