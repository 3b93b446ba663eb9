r"""The equations of motion of the order parameters, as one reads them in the paper.

Stack the fields :math:`X = (\lambda_1..\lambda_K, \rho_1..\rho_M)` with covariance C = [[Q, R], [R', T]], and let
:math:`a = (v, -v^*)` be the signed readout, so that the noise-free error is :math:`\sum_c a_c g(X_c)`. Averaging the
rule over the fields gives, as N goes to infinity (Saad & Solla, Phys. Rev. E 52, 4225
(1995); Goldt et al. 2019, arXiv:1906.08632),

.. math::

    \dot R_{in} &= -\eta v_i \sum_c a_c I_3(i, n, c) - \kappa R_{in} \\
    \dot Q_{ik} &= -\eta v_i \sum_c a_c I_3(i, k, c) - \eta v_k \sum_c a_c I_3(k, i, c) - 2 \kappa Q_{ik}
                   + \frac{\eta^2}{B} v_i v_k \Big[ \sum_{cd} a_c a_d I_4(i, k, c, d) + \sigma^2 J_2(i, k) \Big] \\
    \dot v_i &= -\eta_v \sum_c a_c I_2(i, c) - \kappa v_i .

Of the terms of order :math:`\eta^2`, ``terms`` of the rule drops the first, or both. Where weights are scaled back to
:math:`Q_{ii} = 1` after each step, :math:`\dot R_{in}` loses :math:`R_{in} \dot Q_{ii} / 2` and :math:`\dot Q_{ik}`
loses :math:`Q_{ik} (\dot Q_{ii} + \dot Q_{kk}) / 2` (Arnaboldi et al. 2023, arXiv:2305.18502).

This module is the definition; :mod:`tutelage.online.kernels` holds its compiled twins, kept equal by a test.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tutelage import gaussian
from tutelage.kernels.codes import VANISHING
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["Velocity", "right_hand_side"]


class Velocity(NamedTuple):
    """Derivatives of the order parameters by alpha = steps / N.

    Attributes
    ----------
    Q : array, shape (K, K)
    R : array, shape (K, M)
    v : array, shape (K,)
    """

    Q: np.ndarray
    R: np.ndarray
    v: np.ndarray


def right_hand_side(rule: OnlineSGD, state: Overlaps) -> Velocity:
    """Return the velocity of `state` under `rule` in the limit of large N; of a complex state, its continuation.

    Parameters
    ----------
    rule : OnlineSGD
    state : Overlaps

    Returns
    -------
    Velocity
    """
    r, K, v = rule.rates, state.students, state.v
    drift = -r.lr * v[:, None] * first_layer_drift(rule, state)  # (K, K + M)
    spread = np.outer(v, v) * gradient_covariance(rule, state)
    Q, R = rule.tangent(
        state,
        Q=drift[:, :K] + drift[:, :K].T + r.lr**2 / r.batch * spread - 2 * r.decay * state.Q,
        R=drift[:, K:] - r.decay * state.R,
    )
    return Velocity(Q, R, v=-r.lr_readout * readout_drift(rule, state) - r.decay_readout * v)


def first_layer_drift(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    """Return sum_c a_c I3(i, n, c) for students i and all fields n, shape (K, K + M)."""
    K, P = state.students, state.students + state.teachers
    total: np.ndarray = np.zeros((K, P))
    for c, (a, g) in enumerate(zip(state.signed_readout, _units(rule, state), strict=True)):
        i, n = np.meshgrid(np.arange(K), np.arange(P), indexing="ij")
        total = total + a * gaussian.I3((rule.student, g, g), _gather(state, i, n, c))
    return total


def gradient_covariance(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    """Return sum_cd a_c a_d I4(i, k, c, d) + sigma^2 J2(i, k) for students i, k, shape (K, K), as `terms` has it."""
    i, k = np.meshgrid(np.arange(state.students), np.arange(state.students), indexing="ij")
    if rule.terms == "flow":
        return np.zeros((state.students, state.students))
    state = _with_directions(rule, state)
    total = rule.noise**2 * gaussian.J2(rule.student, _gather(state, i, k))
    if rule.terms == "flow+noise":
        return total
    for c, (a, g) in enumerate(zip(state.signed_readout, _units(rule, state), strict=True)):
        for d, (b, h) in enumerate(zip(state.signed_readout, _units(rule, state), strict=True)):
            total = total + a * b * gaussian.I4((rule.student, rule.student, g, h), _gather(state, i, k, c, d))
    return total


def readout_drift(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    """Return sum_c a_c I2(i, c) for students i, shape (K,)."""
    total: np.ndarray = np.zeros(state.students)
    for c, (a, g) in enumerate(zip(state.signed_readout, _units(rule, state), strict=True)):
        total = total + a * gaussian.I2((rule.student, g), _gather(state, np.arange(state.students), c))
    return total


def _with_directions(rule: OnlineSGD, state: Overlaps) -> Overlaps:
    """Return the state with ramps of zero length made ones of vanishing length, each in a direction of its own.

    Averages know fields by their covariance, in which two units of zero length are one and the same.
    """
    lengths = np.diag(state.Q)
    if rule.student.kind not in gaussian.RAMPS or lengths.all():
        return state
    Q = state.Q + np.diag(np.where(lengths == 0, VANISHING, 0.0))
    return Overlaps.unchecked(Q, state.R, state.T, state.v, state.v_star)


def _units(rule: OnlineSGD, state: Overlaps) -> list:
    """Return the activation of each field."""
    return [rule.student] * state.students + [rule.teacher] * state.teachers


def _gather(state: Overlaps, *fields: int | np.ndarray) -> np.ndarray:
    """Return the covariances of the named fields, one for each entry of the index arrays."""
    index = np.stack(np.broadcast_arrays(*fields), -1)
    return state.covariance[index[..., :, None], index[..., None, :]]
