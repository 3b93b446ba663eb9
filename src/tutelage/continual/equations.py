r"""The equations of motion in one phase of continual learning, as one reads them.

Fields are those of the K students, of the F units of all teachers, and of snapshots of the student that a consolidation
holds on to: these are more rows like those of teachers, without readouts. Task t, which gets the share p_t of the
steps, has the signed readouts :math:`a = (h^t, -v^t, 0)`. With

.. math:: D_{kb} = -\sum_t p_t \eta_k h^t_k \sum_c a_c I_3(k, b, c)

for any field b (learning rates :math:`\eta_k` are zero for frozen units)

.. math::

    \dot R_{kb} &= D_{kb} - \gamma_k (R_{kb} - C_{s(k) b}) - \kappa_k R_{kb} \\
    \dot Q_{kl} &= D_{kl} + D_{lk} + (1 + s^2) \sum_t p_t \eta_k \eta_l h^t_k h^t_l
        \Big[ \sum_{cd} a_c a_d I_4(k, l, c, d) + \sigma_t^2 J_2(k, l) \Big]
        - \gamma_k (Q_{kl} - C_{s(k) l}) - \gamma_l (Q_{kl} - C_{s(l) k}) - (\kappa_k + \kappa_l) Q_{kl} \\
    \dot h^t_k &= p_t \Big[ -\eta_v \sum_c a_c I_2(k, c) - \kappa_v h^t_k \Big] ,

where s(k) is the snapshot of unit k and :math:`\gamma_k = \eta_k \lambda \Omega_k`; several consolidations add up.
Terms of order :math:`\gamma^2` vanish as N grows. (Lee, Goldt & Saxe 2021, arXiv:2107.04384, for switching between two
tasks; mixtures, snapshots and masks are derived here.)

Noise of variance s^2 on the inputs of the student alone adds fields: averages run over the student's noisy fields and
the teachers' clean ones, while weights move along noisy inputs. So :math:`I_3(k, b, c)` takes b from noisy fields and c
from what the networks see, in one covariance of all of them.

This module is the definition; :mod:`tutelage.continual.kernels.tasks` is its compiled twin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from tutelage.continual.phases import Resolved
from tutelage.continual.state import MultiTask
from tutelage.online.equations import first_layer_drift, gradient_covariance, readout_drift
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["Hold", "Velocity", "right_hand_side", "view"]


@dataclass(frozen=True, eq=False)
class Hold:
    """A consolidation at work: the snapshot's first row among the fixed fields, and lambda Omega_k (K,)."""

    first: int
    strength: np.ndarray


class Velocity(NamedTuple):
    """Derivatives by alpha: Q (K, K), R (K, F), heads (tasks or 1, K)."""

    Q: np.ndarray
    R: np.ndarray
    heads: np.ndarray


def view(state: MultiTask, task: int, input_noise: float = 0.0) -> Overlaps:
    """Return the fields of one task: students, fixed ones, and, with noisy inputs, the latter as these see them."""
    here = state.overlaps(task)
    if input_noise == 0:
        return here
    more = 1 + input_noise**2
    T = np.block([[here.T, here.T], [here.T, more * here.T]])
    return Overlaps.unchecked(
        more * here.Q, np.hstack((here.R, more * here.R)), T, here.v, np.append(here.v_star, np.zeros(len(here.T)))
    )


def right_hand_side(rule: OnlineSGD, phase: Resolved, state: MultiTask, holds: list[Hold] = []) -> Velocity:  # noqa: B006
    """Return the velocity of a state whose fixed fields are teachers and snapshots.

    Parameters
    ----------
    rule : OnlineSGD
        Activations and batch.
    phase : Resolved
        Learning rates, shares of tasks, noise and decay.
    state : MultiTask
        Of K units and F fixed fields.
    holds : list of Hold
        The consolidations at work.

    Returns
    -------
    Velocity
        By alpha = steps / N: Q (K, K), R (K, F), heads as in the state.
    """
    K, F, lr = state.students, state.teachers, phase.lr
    more = 1 + phase.input_noise**2
    moved = slice(K + F, K + 2 * F) if phase.input_noise else slice(K, K + F)  # fields along which weights move
    D, spread, dh = np.zeros((K, K + F)), np.zeros((K, K)), np.zeros_like(state.heads)
    for task in np.flatnonzero(phase.shares).tolist():
        here, share = view(state, task, phase.input_noise), phase.shares[task]
        loud = replace(rule, noise=phase.noise[task])
        drift = first_layer_drift(loud, here)
        D -= share * (lr * here.v)[:, None] * np.hstack((drift[:, :K], drift[:, moved]))
        push = lr * here.v
        spread += share * more / rule.batch * np.outer(push, push) * gradient_covariance(loud, here)
        dh[state.head(task)] += share * (-phase.lr_readout * readout_drift(loud, here) - phase.decay_readout * here.v)
    dQ = D[:, :K] + D[:, :K].T + spread - (phase.decay[:, None] + phase.decay) * state.Q
    dR = D[:, K:] - phase.decay[:, None] * state.R
    for hold in holds:
        own = slice(hold.first, hold.first + K)
        gamma = (lr * hold.strength)[:, None]
        dR -= gamma * (state.R - state.T[own])
        pull = gamma * (state.Q - state.R[:, own].T)
        dQ -= pull + pull.T
    return Velocity(dQ, dR, dh)
