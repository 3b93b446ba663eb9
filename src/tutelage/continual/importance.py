r"""How much each unit matters to a task, in closed form: the weights of consolidation.

The diagonal of a Fisher information has an entry for each weight :math:`w_{kj}`; over the components j of Gaussian
inputs it is the same for all in high dimension, :math:`F_{kj} = \Omega_k / N` with an average over fields alone:

==============  ========================================================================================
"node"          :math:`h_k^2`
"quadratic"     1
"fisher"        :math:`h_k^2 J_2(k, k)`
"empirical"     :math:`h_k^2 \big[ \sum_{cd} a_c a_d I_4(k, k, c, d) + \sigma^2 J_2(k, k) \big]`
==============  ========================================================================================

The last one is proportional to the error of the task, and thus small after long learning.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tutelage import gaussian
from tutelage.continual.interventions import Consolidation
from tutelage.continual.state import MultiTask, check_task
from tutelage.errors import check_choice, check_number, check_type, refuse
from tutelage.online.equations import gradient_covariance
from tutelage.online.rule import OnlineSGD

__all__ = ["importance", "strengths"]


def importance(rule: OnlineSGD, state: MultiTask, task: int, kind: str = "node", noise: float = 0.0) -> np.ndarray:
    """Return the importance of each unit for a task, (K,).

    Parameters
    ----------
    rule : OnlineSGD
        For its activations.
    state : MultiTask
    task : int
    kind : {"node", "quadratic", "fisher", "empirical"}
    noise : float
        Standard deviation of the labels' noise, which the empirical Fisher information sees.

    Examples
    --------
    >>> state = MultiTask(Q=[[1.0]], R=[[0.0]], T=[[1.0]], heads=[[3.0]], readouts=[[1.0]])
    >>> importance(OnlineSGD("linear"), state, task=0, kind="fisher")
    array([9.])
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, MultiTask)
    check_choice("kind", kind, ("node", "quadratic", "fisher", "empirical"))
    here = state.overlaps(check_task(task, state.tasks))
    squares = here.v**2
    if kind == "quadratic":
        return np.ones_like(squares)
    if kind == "node":
        return squares
    if kind == "fisher":
        variances = np.diagonal(here.Q)[:, None, None] * np.ones((2, 2))
        return squares * gaussian.J2(rule.student, variances)
    loud = replace(rule, noise=check_number("noise", noise, minimum=0), terms="full", constraint=None)
    return squares * np.diagonal(gradient_covariance(loud, here))


def strengths(rule: OnlineSGD, state: MultiTask, task: int, given: Consolidation, noise: float) -> np.ndarray:
    """Return lambda Omega_k of a consolidation whose anchor is this state, (K,)."""
    if not isinstance(given.importance, str):
        omega = np.array(given.importance)
    elif given.importance == "weights":
        raise refuse("importance", 'be no "weights" without weights: simulate with engine="weights"', 'is "weights"')
    else:
        omega = importance(rule, state, task if given.task is None else given.task, given.importance, noise)
    return given.strength * omega
