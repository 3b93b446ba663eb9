r"""Which regime a problem is in, its clock, and what comes out.

Arnaboldi et al., COLT 2023, arXiv:2302.05882, write SGD in one clock for all regimes; here for any readouts. With

.. math:: g = \eta \, \bar v \, s, \qquad \bar v = \sqrt{\tfrac1K \sum_k v_k^2}, \qquad s = \sum_m |v^*_m|

(so that g = lr/K, their gamma/p, in mean-field scaling v = 1/K, v* = 1/M), time
:math:`t = \max(g, g^2/B)\, \alpha` and :math:`a_i = v_i/\bar v`, the equations of motion are

.. math::

    \frac{dR_{in}}{dt} &= c_1 a_i \langle g'(\lambda_i) \rho_n E \rangle, \\
    \frac{dQ_{ik}}{dt} &= c_1 \langle (a_i g'(\lambda_i) \lambda_k + a_k g'(\lambda_k) \lambda_i) E \rangle
        + c_2 a_i a_k \langle g'(\lambda_i) g'(\lambda_k) E^2 \rangle, \qquad
    (c_1, c_2) = \frac{(g, g^2/B)}{\max(g, g^2/B)}

with E = (label - output)/s, noise included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tutelage import gaussian
from tutelage.errors import check_count, check_number, check_type, refuse
from tutelage.online import asymptotics
from tutelage.online.fixed_points import FixedPoint, fixed_point
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps
from tutelage.regimes.perfect import merged, perfect_student
from tutelage.regimes.scaling import BAD_LEARNING, FINITE_WIDTH, GRADIENT_FLOW, HIGH_DIMENSION, MEAN_FIELD, NO_EQUATIONS
from tutelage.regimes.sphere import sphere_end
from tutelage.regimes.target import information_exponent

__all__ = ["Prediction", "predict"]

FLOW = 1 / 40  # of the critical lr, the largest of gradient flow: terms of order lr^2 then change the plateau by 3 %
SMALL, LARGE = 0.1, 10.0  # g/B of gradient flow at most, and of bad learning at least, where no critical lr is known
MANY = 50  # student units from which on a wide student is in the mean field
SHARED = 10.0  # times the teacher's sum of |readouts|: largest one of a student in mean-field scaling
CLOSED, QUADRATURE = 16, 4  # different student units up to which averages of four derivatives are quick


@dataclass(frozen=True, eq=False)
class Prediction:
    r"""What theory says about a problem before anything is solved.

    Attributes
    ----------
    rule, state : OnlineSGD, Overlaps
        The problem.
    dim : int or None
        Input dimension N.
    regime : str
        "gradient flow" (lr at most 1/40 of `critical_lr`), "mean field" (the same, with K >= 50 and readouts that go
        as 1/K), "high dimension (Saad & Solla)", "bad learning" (lr at or above `critical_lr`) or "no equations" (a
        step moves the overlaps by order one: `step` >= 1). In between they pass into each other. Where `critical_lr` is
        not known, gradient flow is g/B <= 0.1 and bad learning g/B >= 10, where one term outweighs the other tenfold.
    g, clock, c1, c2 : float
        See :mod:`tutelage.regimes.prediction`; t = clock alpha.
    outcome : str
        What comes out, in a clause.
    perfect : Overlaps or None
        The state of zero error that the student can be in; see :func:`tutelage.regimes.perfect_student`. On the sphere
        it is known for one square unit of one, v = v_star T, first layer trained (:mod:`tutelage.regimes.sphere`), and
        nothing is predicted for others.
    critical_lr : float or None
        Learning rate from which on `perfect` attracts no student, in the limit of large N; None where it is not known,
        or not quick to compute (more than 16 different units; 4 if averages of the activation are quadratures). On the
        sphere it depends on the noise, 2B/(12 v^2 + sigma^2).
    plateau : float or None
        Error, with the factor 1/2 and without label noise, at which label noise holds a student near `perfect`, to
        leading order in lr: :math:`\frac{\eta \sigma^2}{4B} \sum_k v_k^2 \langle g'(\lambda_k)^2 \rangle`.
    plateau_all_orders : float or None
        The same to all orders in lr and, like it, to leading order in the noise: good for eta sigma^2 << 1 away from
        the critical rate (:func:`tutelage.asymptotics.perturbative`), and exact for linear units; :meth:`fixed_point`
        knows no such limit. On the sphere it is exact.
    information_exponent : int or None
        See :func:`tutelage.regimes.information_exponent`.
    """

    rule: OnlineSGD
    state: Overlaps
    dim: int | None
    regime: str
    g: float
    clock: float
    c1: float
    c2: float
    outcome: str
    perfect: Overlaps | None
    critical_lr: float | None
    plateau: float | None
    plateau_all_orders: float | None
    information_exponent: int | None

    @property
    def step(self) -> float | None:
        """The time that one step takes, clock/N; None without a dimension."""
        return None if self.dim is None else self.clock / self.dim

    def time(self, alpha: Any) -> Any:
        """Return the regime's time t of alpha = steps/N."""
        return np.asarray(alpha, np.float64)[()] * self.clock

    def alpha(self, time: Any) -> Any:
        """Return alpha = steps/N of the regime's time."""
        return np.asarray(time, np.float64)[()] / self.clock

    def horizon(self, rate: float = 1.0) -> float:
        r"""Return the time t up to which the equations are bound to hold.

        .. math:: |\Omega^\nu - \Omega(\nu\, \delta t)| \le e^{C t} \sqrt{\delta t}
                  \quad\Rightarrow\quad t \lesssim \frac{1}{2C} \log \frac{1}{\delta t}, \qquad \delta t = \text{step}

        Fluctuations of a step's size grow as e^(C t) at most; where the flow contracts, the equations hold much longer.
        (Theorem 1 of arXiv:2302.05882, for bounded activations.)

        Parameters
        ----------
        rate : float, > 0
            C, by t: the constant of the theorem, or at a saddle the growth rate there, which makes this the time to
            leave it: :attr:`tutelage.online.plateau.Plateau.exponent` / clock.

        Raises
        ------
        ArgumentError
            Without a dimension.
        """
        if self.step is None:
            raise refuse("dim", "be given to the prediction whose horizon is asked for", "is None")
        return max(0.0, float(np.log(1 / self.step)) / (2 * check_number("rate", rate, minimum=0, strict=True)))

    def fixed_point(self, *, progress: bool = True) -> FixedPoint:
        """Return the plateau exactly, by :func:`tutelage.fixed_point` from the perfect student.

        It takes milliseconds for a few units, and minutes for many: all overlaps are solved for, and for erf units each
        velocity costs K^2 (K + M)^2 averages: `progress` shows a bar after two seconds.

        Raises
        ------
        ArgumentError
            If no perfect student is known.
        """
        if self.perfect is None:
            raise refuse("state", "be one whose student can equal the teacher", "is not known to be")
        return fixed_point(self.rule, self.perfect, progress=progress)

    def __str__(self) -> str:
        exponent = "" if self.information_exponent is None else f" Information exponent {self.information_exponent}."
        horizon = ""
        if self.step is not None and self.step < 1:
            horizon = (
                f" The equations are bound to hold up to t = {self.horizon():.2g}/C; C: rate at which states part."
            )
        return (
            f"Regime: {self.regime}; g = {self.g:.3g}, time t = {self.clock:.3g} alpha, "
            f"c1 = {self.c1:.3g}, c2 = {self.c2:.3g}.\nPredicted: {self.outcome}.{exponent}{horizon}"
            + (f" {FINITE_WIDTH}" if self.regime == MEAN_FIELD else "")
        )

    __repr__ = __str__


def predict(rule: OnlineSGD, state: Overlaps, dim: int | None = None) -> Prediction:
    r"""Return the regime of a problem, its clock and its outcome.

    Parameters
    ----------
    rule : OnlineSGD
        Must train the first layer.
    state : Overlaps
        Units and readouts of student and teacher. Where the start is does not matter, but a problem whose readouts are
        trained and end elsewhere is judged by those it ends with, if they are known.
    dim : int, optional
        Input dimension N; without it, whether there are equations at all cannot be said.

    Returns
    -------
    Prediction

    Raises
    ------
    ArgumentError
        For a rule that leaves the first layer as it is, or readouts that are all zero.

    Examples
    --------
    >>> state = Overlaps.random(students=4, teachers=4, dim=1000, seed=0)
    >>> state = Overlaps(state.Q, state.R, np.eye(4), np.full(4, 1 / 4), np.full(4, 1 / 4))
    >>> found = predict(OnlineSGD("erf", lr=0.04, noise=0.1), state, dim=1000)
    >>> found.regime, round(found.g, 12), f"{found.plateau:.4g}"
    ('gradient flow', 0.01, '9.189e-06')
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    N = None if dim is None else check_count("dim", dim)
    if not rule.rates.lr:
        raise refuse("rule", "train the first layer, with lr > 0", f"has train={rule.train!r} and lr = {rule.lr:g}")
    perfect, critical, leading, all_orders = _end(rule, state)
    g = _step_size(rule, state if perfect is None else perfect)
    clock = max(g, g**2 / rule.batch)
    regime = _regime(rule, g, critical, None if N is None else clock / N, state)
    return Prediction(
        rule=rule,
        state=state,
        dim=N,
        regime=regime,
        g=g,
        clock=clock,
        c1=g / clock,
        c2=g**2 / rule.batch / clock,
        outcome=_outcome(rule, regime, critical, leading, all_orders),
        perfect=perfect,
        critical_lr=critical,
        plateau=leading,
        plateau_all_orders=all_orders,
        information_exponent=information_exponent(rule.teacher, state.T, state.v_star),
    )


def _step_size(rule: OnlineSGD, state: Overlaps) -> float:
    """Return g."""
    size, scale = float(np.sqrt(np.mean(state.v**2))), float(np.abs(state.v_star).sum())
    if not size * scale:
        raise refuse("state", "have readouts v and v_star that are not all zero", f"has v = {state.v}")
    return rule.lr * size * scale


def _end(rule: OnlineSGD, state: Overlaps) -> tuple[Overlaps | None, float | None, float | None, float | None]:
    """Return the perfect student, the critical lr, and the plateau to leading and to all orders; None if not known."""
    if rule.constraint:  # whose scaling undoes decay
        return sphere_end(rule, state) or (None, None, None, None)
    perfect = None if rule.weight_decay else perfect_student(rule, state)
    return (None, None, None, None) if perfect is None else (perfect, *_plateau(rule, perfect))


def _plateau(rule: OnlineSGD, perfect: Overlaps) -> tuple[float | None, float, float | None]:
    """Return the critical lr, and the plateau to leading and to all orders in lr; None where it takes long."""
    first = replace(rule, train="first")  # noise of the readouts is of order 1/N: it does not matter here
    student, units = rule.student, merged(first, perfect)
    leading = asymptotics.leading_order(first, units)
    quick = student.kind in gaussian.COMPILED or student.coefficients is not None
    if units.students > (CLOSED if quick else QUADRATURE):
        return None, leading, None
    modes = asymptotics.noise_modes(first, units)
    critical = modes.critical * rule.batch
    return critical, leading, modes.plateau(first) if rule.lr < critical else None


def _regime(rule: OnlineSGD, g: float, critical: float | None, step: float | None, state: Overlaps) -> str:
    """Return the regime's name."""
    size, flow, bad = (g / rule.batch, SMALL, LARGE) if critical is None else (rule.lr / critical, FLOW, 1.0)
    if step is not None and step >= 1:
        return NO_EQUATIONS
    if size >= bad:
        return BAD_LEARNING
    if size > flow:
        return HIGH_DIMENSION
    wide = state.students >= MANY and np.abs(state.v).sum() <= SHARED * np.abs(state.v_star).sum()
    return MEAN_FIELD if wide else GRADIENT_FLOW


def _outcome(
    rule: OnlineSGD, regime: str, critical: float | None, leading: float | None, all_orders: float | None
) -> str:
    """Return what comes out, in a clause."""
    if regime == NO_EQUATIONS:
        return "one step moves the overlaps by order one: no equations hold, and the error does not settle"
    if regime == BAD_LEARNING:
        above = "is not known, but g is large" if critical is None else f"is {critical:.4g}"
        then = "stays high" if rule.constraint else "stays high, or grows"
        return f"the noise of the steps wins (the critical lr {above}): the error {then}"
    unsure = regime == HIGH_DIMENSION and critical is None
    hedge = "; from a critical lr on, not known here, the noise of the steps wins" if unsure else ""
    if leading is None and rule.constraint:
        return (
            "no prediction is made for weights on the sphere, but for one square unit of one, with v = v_star T and "
            f"the first layer trained{hedge}"
        )
    if leading is None:
        return (
            f"no plateau is known: the student cannot equal the teacher, or where it ends depends on the start{hedge}"
        )
    if not rule.noise:
        return f"eg falls to zero where the student finds the teacher{hedge}"
    if rule.constraint:
        ends = f"{all_orders:.4g} ({leading:.4g} to leading order in lr)"
    elif all_orders is None:
        ends = f"{leading:.4g} to leading order in lr and in the noise"
    else:
        ends = (
            f"{all_orders:.4g} to all orders in lr, {leading:.4g} to leading order, both to leading order in the noise"
        )
    return f"eg falls to the plateau of the label noise, {ends}{hedge}"
