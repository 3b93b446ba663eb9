"""Protocols: what a student is taught, one phase after the other, and what is done to help it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tutelage.continual.interventions import Consolidation, Restart
from tutelage.continual.state import MultiTask, check_task
from tutelage.errors import ArgumentError, check_count, check_flag, check_number, check_type, check_vector, refuse
from tutelage.online.rule import OnlineSGD

__all__ = ["Phase", "Resolved", "resolve"]


@dataclass(frozen=True)
class Phase:
    r"""A stretch of learning.

    Parameters
    ----------
    task : int
        What is learned; 0 is the first.
    alpha : float
        How long, in steps / N.
    lr, lr_readout, noise, weight_decay : float, optional
        In place of the rule's. `noise` may be one number for each task.
    input_noise : float
        Standard deviation s of the noise that the student's inputs have and the teacher's do not.
    replay : mapping from int to float, optional
        Share of the steps that other tasks get, each drawn at random: ``{0: 0.1}``.
    interleave : (int, int, int), optional
        (n, d, other): n steps on the task, then d on another, again and again. In high dimension this is `replay` with
        the share d / (n + d).
    freeze_units : sequence of int
        Units whose first-layer weights do not move.
    freeze_features : bool
        Whether none of them do.
    freeze_heads : bool
        Whether heads do not.
    consolidate : Consolidation or sequence of them, optional
    copy_head : int, optional
        The task whose head this phase's task begins with a copy of; the state must have a head for each task.
    restart : Restart, optional
        Weights drawn anew at the beginning.
    until : float, optional
        End earlier, as soon as the generalisation error of the phase's task is not above this.

    Raises
    ------
    ArgumentError
        Naming what cannot be.
    """

    task: int
    alpha: float
    lr: float | None = None
    lr_readout: float | None = None
    noise: float | Sequence[float] | None = None
    weight_decay: float | None = None
    input_noise: float = 0.0
    replay: Mapping[int, float] | None = None
    interleave: tuple[int, int, int] | None = None
    freeze_units: Sequence[int] = ()
    freeze_features: bool = False
    freeze_heads: bool = False
    consolidate: Any = ()
    copy_head: int | None = None
    restart: Restart | None = None
    until: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", check_count("task", self.task, minimum=0))
        object.__setattr__(self, "alpha", check_number("alpha", self.alpha, minimum=0, strict=True))
        for name in ("lr", "lr_readout", "weight_decay", "until"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), minimum=0)
        check_number("input_noise", self.input_noise, minimum=0)
        for name in ("freeze_features", "freeze_heads"):
            object.__setattr__(self, name, check_flag(name, getattr(self, name)))
        if self.noise is not None:
            levels = check_vector("noise", self.noise, "tasks").tolist()
            for level in levels:
                check_number("noise", level, minimum=0)
            object.__setattr__(self, "noise", levels[0] if np.isscalar(self.noise) else tuple(levels))
        object.__setattr__(self, "consolidate", _several(self.consolidate))
        for each in self.consolidate:
            check_type("consolidate", each, Consolidation)
        units = _several(self.freeze_units)
        object.__setattr__(self, "freeze_units", tuple(check_count("freeze_units", k, minimum=0) for k in units))
        if self.copy_head is not None:
            object.__setattr__(self, "copy_head", check_count("copy_head", self.copy_head, minimum=0))
        if self.restart is not None:
            check_type("restart", self.restart, Restart)
        if self.replay is not None and self.interleave is not None:
            raise refuse("replay, interleave", "be given one at a time", "are given both")
        if self.replay is not None:
            object.__setattr__(self, "replay", _replay(self.task, self.replay))
        if self.interleave is not None:
            object.__setattr__(self, "interleave", _interleave(self.task, self.interleave))

    @property
    def shares(self) -> dict[int, float]:
        """Share of the steps by task."""
        if self.interleave is not None:
            n, d, other = self.interleave
            return {self.task: n / (n + d), other: d / (n + d)}
        others = dict(self.replay or {})
        return {self.task: 1 - sum(others.values())} | others


def _several(given: Any) -> tuple[Any, ...]:
    """Return one thing, several, or None as a tuple."""
    if given is None:
        return ()
    return tuple(given) if isinstance(given, (tuple, list, set, range, np.ndarray)) else (given,)


def _replay(own: int, given: Any) -> dict[int, float]:
    if not isinstance(given, Mapping):
        raise refuse("replay", "be a mapping from tasks to their shares, such as {0: 0.1}", f"is {given!r}")
    tasks = [check_count("task of replay", task, minimum=0) for task in given]
    shares = dict(zip(tasks, given.values(), strict=True))
    if sum(check_number(f"replay[{task}]", share, minimum=0) for task, share in shares.items()) > 1 or own in shares:
        raise refuse("replay", "be shares of other tasks, at most 1 in all", f"is {shares}")
    return shares


def _interleave(own: int, given: Any) -> tuple[int, int, int]:
    if not isinstance(given, (tuple, list, np.ndarray)) or len(given) != 3:
        raise refuse("interleave", "be (n, d, other task)", f"is {given!r}")
    n, d = (check_count(f"interleave[{i}]", given[i]) for i in (0, 1))
    other = check_count("interleave[2]", given[2], minimum=0)
    if other == own:
        raise refuse("interleave[2]", "be another task", f"is {other}, too")
    return n, d, other


@dataclass(frozen=True, eq=False)
class Resolved:
    """A phase as numbers, with all of the rule's in it.

    Attributes
    ----------
    shares : array, shape (tasks,)
    noise : array, shape (tasks,)
        Standard deviations of the labels' noise.
    lr : array, shape (K,)
        Of each unit, zero where it is frozen.
    lr_readout, decay, decay_readout, input_noise : float
    anchors : tuple of int
        Phases at whose end weights are anchored, one for each consolidation.
    """

    phase: Phase
    shares: np.ndarray
    noise: np.ndarray
    lr: np.ndarray
    lr_readout: float
    decay: np.ndarray
    decay_readout: float
    anchors: tuple[int, ...] = field(default=())

    @property
    def input_noise(self) -> float:
        """Standard deviation of the noise of the student's inputs."""
        return self.phase.input_noise


def resolve(rule: OnlineSGD, phases: Sequence[Phase] | Phase, state: MultiTask) -> list[Resolved]:
    """Return the phases as numbers, checked against the tasks, units and heads of the state.

    Raises
    ------
    ArgumentError
        Naming the phase and what of it cannot be.
    """
    check_type("rule", rule, OnlineSGD)
    if rule.constraint is not None:
        raise refuse("rule", "have no constraint in continual learning", f"has {rule.constraint!r}")
    several: list[Phase] = list(_several(phases))
    if not several:
        raise refuse("phases", "be at least one", "are none")
    result = []
    for index, phase in enumerate(several):
        check_type(f"phases[{index}]", phase, Phase)
        try:
            result.append(_resolve(rule, phase, index, state))
        except ArgumentError as error:
            raise ArgumentError(f"phases[{index}]: {error}") from None
    return result


def _named(phase: Phase) -> list[tuple[str, int | None]]:
    """Return the tasks that a phase names, with where it does."""
    inner = [] if phase.interleave is None else [("interleave[2]", phase.interleave[2])]
    of_replay = [("task of replay", task) for task in phase.replay or {}]
    of_consolidation = [("task of consolidate", each.task) for each in phase.consolidate]
    return [("task", phase.task), ("copy_head", phase.copy_head), *of_replay, *inner, *of_consolidation]


def _resolve(rule: OnlineSGD, phase: Phase, index: int, state: MultiTask) -> Resolved:
    tasks, students = state.tasks, state.students
    mine = {name: getattr(phase, name) for name in ("lr", "lr_readout", "weight_decay")}
    rates = replace(rule, **{name: x for name, x in mine.items() if x is not None}).rates
    for name, task in _named(phase):
        if task is not None:
            check_task(task, tasks, name)
    if phase.copy_head is not None and len(state.heads) == 1:
        raise refuse(
            "copy_head",
            "be None where all tasks share one head (a head for each: single_head=False)",
            f"is {phase.copy_head}",
        )
    shares = np.zeros(tasks)
    for task, share in phase.shares.items():
        shares[task] = share
    given = rule.noise if phase.noise is None else phase.noise
    noise = np.atleast_1d(np.asarray(given, float))
    if noise.size not in (1, tasks):
        raise refuse("noise", f"be one number, or one for each of {tasks} tasks", f"has {noise.size}")
    moves = np.ones(students)
    for unit in phase.freeze_units:
        if unit >= students:
            raise refuse("freeze_units", f"be units of 0, ..., {students - 1}", f"has {unit}")
        moves[unit] = 0.0
    if phase.freeze_features:
        moves[:] = 0.0
    anchors = []
    for each in phase.consolidate:
        anchor = index - 1 if each.anchor is None else each.anchor
        if not 0 <= anchor < index:
            raise refuse("anchor", "be an earlier phase", "has none before it" if index == 0 else f"is {anchor}")
        anchors.append(anchor)
        if not isinstance(each.importance, str) and len(each.importance) != students:
            raise refuse("importance", f"be one number for each of {students} units", f"is {each.importance}")
    heads = not phase.freeze_heads
    return Resolved(
        phase,
        shares,
        np.array(np.broadcast_to(noise, (tasks,))),
        rates.lr * moves,
        rates.lr_readout * heads,
        rates.decay * moves,
        rates.decay_readout * heads,
        tuple(anchors),
    )
