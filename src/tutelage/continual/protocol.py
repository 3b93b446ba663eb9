"""What happens between phases, on overlaps: snapshots are taken, heads copied, weights drawn anew."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tutelage.continual.equations import Hold
from tutelage.continual.importance import strengths
from tutelage.continual.interventions import Restart
from tutelage.continual.phases import Resolved
from tutelage.continual.state import MultiTask
from tutelage.continual.vector import unchecked
from tutelage.errors import refuse
from tutelage.online.rule import OnlineSGD

__all__ = ["Snapshots", "anchored", "copied", "restarted", "with_snapshot"]


@dataclass
class Snapshots:
    """The anchors of consolidations to come: where each stands among the fixed fields, and the state then."""

    first: dict[int, int] = field(default_factory=dict)
    states: dict[int, MultiTask] = field(default_factory=dict)

    def holds(self, rule: OnlineSGD, phases: list[Resolved], index: int) -> list[Hold]:
        """Return the consolidations of a phase."""
        result = []
        for given, anchor in zip(phases[index].phase.consolidate, phases[index].anchors, strict=True):
            of = phases[anchor]
            task = of.phase.task if given.task is None else given.task
            result.append(Hold(self.first[anchor], strengths(rule, self.states[anchor], task, given, of.noise[task])))
        return result


def anchored(phases: list[Resolved], every: bool = False) -> frozenset[int]:
    """Return the phases whose weights at the end are kept: those that later ones hold on to, or all but the last."""
    return frozenset(range(len(phases) - 1)) if every else frozenset(a for each in phases for a in each.anchors)


def with_snapshot(state: MultiTask) -> MultiTask:
    """Return the state with a copy of the student's units among the fixed fields."""
    T = np.block([[state.T, state.R.T], [state.R, state.Q]])
    readouts = np.hstack((state.readouts, np.zeros((state.tasks, state.students))))
    return unchecked(state.Q, np.hstack((state.R, state.Q)), T, state.heads, readouts)


def copied(state: MultiTask, task: int, source: int | None) -> MultiTask:
    """Return the state with the head of a task replaced by that of another."""
    if source is None or state.head(task) == state.head(source):
        return state
    heads = state.heads.copy()
    heads[task] = heads[source]
    return unchecked(state.Q, state.R, state.T, heads, state.readouts)


def restarted(state: MultiTask, how: Restart | None) -> MultiTask:
    """Return the state with weights drawn anew, in as many dimensions as the restart says."""
    if how is None:
        return state
    rng = np.random.default_rng(how.seed)
    Q, R, heads = state.Q, state.R, state.heads
    if how.what != "heads":
        # new rows in a frame of the fixed fields: normal numbers along it, and their own triangle beyond
        values, vectors = np.linalg.eigh(state.T)
        frame = vectors * np.sqrt(np.maximum(values, 0.0))
        K, F = R.shape
        if how.dim < K + F:
            raise refuse(
                "restart", f"be in dim >= {K + F}, the units of student, teachers and snapshots", f"has {how.dim}"
            )
        along = rng.standard_normal((K, F))
        beyond = np.tril(rng.standard_normal((K, K)), -1) + np.diag(np.sqrt(rng.chisquare(how.dim - F - np.arange(K))))
        R = how.std / np.sqrt(how.dim) * along @ frame.T
        Q = how.std**2 / how.dim * (along @ along.T + beyond @ beyond.T)
    if how.what != "features":
        heads = (how.std if how.head_std is None else how.head_std) * rng.standard_normal(heads.shape)
    return unchecked(Q, R, state.T, heads, state.readouts)
