r"""Plateaus around any zero-error state, to second order in the label noise and all orders in the learning rate.

The convention is that of :mod:`tutelage.online.asymptotics`, where these names belong to the public ones.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import numpy as np

from tutelage import gaussian
from tutelage.errors import refuse
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["NoiseModes", "leading_order", "noise_modes", "perturbative", "small_lr"]

ZERO = 1e-12  # of the power of all units: an error below it is zero up to rounding
FLAT = 1e-8  # of the largest stiffness: a direction below it is flat


def small_lr(rule: OnlineSGD, state: Overlaps) -> float:
    r"""Return the leading order in lr of :func:`perturbative`, under the same conditions. Derived here.

    .. math:: \epsilon_g^* = \frac{\eta \sigma^2}{4 B} \sum_k v_k^2 \langle g'(\lambda_k)^2 \rangle

    Parameters
    ----------
    rule : OnlineSGD
        With ``train="first"`` and no weight decay.
    state : Overlaps
        A state of zero generalisation error under `rule`; student units K, teacher units M, any T, v and v_star.
    """
    _check_zero_error(rule, state)
    return leading_order(rule, state)


def leading_order(rule: OnlineSGD, state: Overlaps) -> float:
    """Return :func:`small_lr` of a state that is known to have zero error: nothing is checked.

    Parameters
    ----------
    rule, state
        As of :func:`small_lr`.

    Returns
    -------
    float
    """
    slopes = gaussian.J2(rule.student, np.diag(state.Q)[:, None, None] * np.ones((2, 2)))
    return rule.lr / rule.batch * rule.noise**2 / 4 * float(state.v**2 @ slopes)


def perturbative(rule: OnlineSGD, state: Overlaps) -> float:
    r"""Return the plateau around any zero-error state, to order sigma^2 and all orders in lr; first layer trained.

    .. math::

        H G + G H &= \frac{\eta}{B} \Big( \sigma^2 H + \sum_{ij} F_{klij} G_{ij} \Big), \qquad
        \epsilon_g^* = \tfrac12 \operatorname{tr}(H G), \\
        H_{kl} &= v_k v_l \langle g'_k g'_l \rangle, \qquad
        F_{klij} = v_k v_l v_i v_j \langle g'_k g'_l g'_i g'_j \rangle, \qquad g'_k = g'(\lambda_k)

    What is perturbed: :math:`w_k = w_k^0 + \delta_k`, with :math:`w^0` the weights of `state` and :math:`\delta_k` in
    the N - K - M dimensions orthogonal to them and the teacher's. Noise kicks all dimensions alike, so :math:`G_{kl} =
    \delta_k \cdot \delta_l/N` collects all of it, is of order :math:`\sigma^2`, and the fields of :math:`\delta` are
    independent of the :math:`\lambda`. Within the span, kicks are O(1/N); G only shifts the mean there, by
    :math:`O(\sigma^2)`, and so the error by :math:`O(\sigma^4)`.

    Holds for :math:`\delta` small against the units, :math:`\eta\sigma^2 \ll 1` away from the critical rate.
    Corrections are :math:`O(\sigma^4)` for smooth g, :math:`O(\sigma^3)` for ReLU, none for linear units.
    Flat directions of :math:`\delta` (kernel of H) receive neither pull nor kick and do not touch the error: they are
    left out, the solution of minimum norm. Flat directions in the span are not seen: `state` drifts along them, and
    this is the plateau of where it is. `rule` must train the first layer without weight decay, at a rate below the
    critical one of `state`; `state` must have zero error (the end of a run without noise, say) and no unit on a kink
    (ReLU of length zero). Derived here.

    Parameters
    ----------
    rule : OnlineSGD
        With ``train="first"`` and no weight decay.
    state : Overlaps
        A state of zero generalisation error under `rule`; student units K, teacher units M, any T, v and v_star.

    Raises
    ------
    ArgumentError
        For a state whose error is not zero, another rule, or lr at or above its critical value for this state.

    Examples
    --------
    >>> f"{perturbative(OnlineSGD('erf', lr=0.2, noise=0.01), Overlaps([[1.0]], [[1.0]], [[1.0]])):.4e}"
    '1.9331e-06'
    """
    _check_zero_error(rule, state)
    return noise_modes(rule, state).plateau(rule)


class NoiseModes(NamedTuple):
    r"""How label noise adds up around a zero-error state: gains m and weights c of :func:`perturbative`'s solution.

    .. math:: \epsilon_g^* = \frac{\eta \sigma^2}{2 B} \sum_n \frac{c_n}{1 - \eta m_n / B}

    Attributes
    ----------
    gains, weights : array, shape (modes,)
    """

    gains: np.ndarray
    weights: np.ndarray

    @property
    def critical(self) -> float:
        """The lr of single examples from which on the state attracts no student; infinite without gains."""
        highest = float(max(self.gains, default=0.0))
        return 1 / highest if highest > 0 else np.inf

    def plateau(self, rule: OnlineSGD) -> float:
        """Return the error of a rule; lr from the critical one on is refused."""
        rate, critical = rule.lr / rule.batch, self.critical
        if rate >= critical:
            must = f"have lr < {critical * rule.batch:.6g}, critical for this state"
            raise refuse("rule", must, f"has lr = {rule.lr:g}")
        return rate * rule.noise**2 / 2 * float(np.sum(self.weights / (1 - rate * self.gains)))


def noise_modes(rule: OnlineSGD, state: Overlaps) -> NoiseModes:
    """Return the modes of a state known to have zero error, for :func:`perturbative`; lr and noise do not matter.

    In the eigenbasis of H without its kernel, (D - rate F) G = rate sigma^2 H with D > 0 diagonal and F a Gram matrix.

    Parameters
    ----------
    rule, state
        As of :func:`perturbative`.

    Returns
    -------
    NoiseModes
    """
    H, F = _products(rule, state, 2), _products(rule, state, 4)
    stiffness, basis = np.linalg.eigh(H)
    stiff = stiffness > FLAT * stiffness[-1]
    h, U = stiffness[stiff], basis[:, stiff]
    scale = 1 / np.sqrt(h[:, None] + h)
    F = np.einsum("abcd,ai,bj,ck,dl->ijkl", F, U, U, U, U, optimize=True) * scale[:, :, None, None] * scale
    gains, modes = np.linalg.eigh(F.reshape(len(h) ** 2, len(h) ** 2))
    return NoiseModes(gains, ((np.diag(h) * scale).ravel() @ modes) ** 2)


def _products(rule: OnlineSGD, state: Overlaps, order: int) -> np.ndarray:
    """Return the averages of all products of 2 or 4 factors v_k g'_k, shape (K,) * order; each multiset done once."""
    shape = (state.students,) * order
    index = np.sort(np.indices(shape).reshape(order, -1), axis=0)
    once, back = np.unique(np.ravel_multi_index(tuple(index), shape), return_inverse=True)
    units = np.stack(np.unravel_index(once, shape), -1)
    average = gaussian.J2 if order == 2 else gaussian.J4
    values = average(rule.student, state.Q[units[:, :, None], units[:, None, :]])
    return reduce(np.multiply.outer, [state.v] * order) * values[back].reshape(shape)


def _check_zero_error(rule: OnlineSGD, state: Overlaps) -> None:
    """Refuse what the perturbation of a zero-error state does not hold for."""
    if rule.train != "first" or rule.weight_decay:
        given = f"train={rule.train!r} and weight_decay={rule.weight_decay:g}"
        raise refuse("rule", 'have train="first" and weight_decay=0', f"has {given}")
    units = [rule.student] * state.students + [rule.teacher] * state.teachers
    powers = [float(gaussian.I2(g, np.full((2, 2), c))) for g, c in zip(units, np.diag(state.covariance), strict=True)]
    error = state.generalisation_error(rule.student, rule.teacher)
    if error > ZERO * (state.signed_readout**2 @ powers):
        raise refuse("state", "have zero generalisation error", f"has eg = {error:.3g}")
    if 0.0 in rule.student.kinks and (state.v[np.diag(state.Q) < ZERO] != 0).any():
        raise refuse("state", "have no unit on the kink of the activation", "has a student unit of length zero")
