"""Protocols: what a student is taught, one phase after the other, and what is done to help it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tutelage.errors import ArgumentError, check_choice, check_count, check_number, check_type, check_vector, refuse
from tutelage.online.rule import OnlineSGD

__all__ = ["Consolidation", "Phase", "Resolved", "Restart", "resolve"]

IMPORTANCE = ("node", "quadratic", "fisher", "empirical", "weights")
RESTART = ("all", "features", "heads")


@dataclass(frozen=True)
class Consolidation:
    r"""A penalty :math:`\frac{\lambda}{2 N} \sum_k \Omega_k |w_k - w^a_k|^2` that holds weights where they were.

    Added to the loss, it moves :math:`w_k` by :math:`-\frac{\eta}{N} \lambda \Omega_k (w_k - w^a_k)` in each step.

    Parameters
    ----------
    strength : float
        lambda >= 0.
    importance : {"node", "quadratic", "fisher", "empirical", "weights"} or sequence of float
        :math:`\Omega_k` of each unit, with the head and the overlaps at the anchor: "node", the square of its head;
        "quadratic", one; "fisher", the diagonal of the Fisher information of the network's own labels with unit noise,
        times N; "empirical", that of the gradients of the loss on the task's labels (elastic weight consolidation,
        Kirkpatrick et al. 2017). "weights": the empirical Fisher information of each weight, times N, averaged over
        `samples` inputs, for simulations with weights only.
    anchor : int, optional
        The phase at whose end the weights are held and importance is taken. Default: the one before.
    task : int, optional
        Of which importance is taken. Default: that of the anchor's phase.
    samples : int
        Inputs, for "weights".
    """

    strength: float
    importance: str | Sequence[float] = "node"
    anchor: int | None = None
    task: int | None = None
    samples: int = 2000

    def __post_init__(self) -> None:
        check_number("strength", self.strength, minimum=0)
        if isinstance(self.importance, str) or self.importance is None:
            check_choice("importance", self.importance, IMPORTANCE)
        else:
            object.__setattr__(self, "importance", tuple(check_vector("importance", self.importance, "K").tolist()))
            for value in self.importance:
                check_number("importance", value, minimum=0)
        check_count("samples", self.samples)


@dataclass(frozen=True)
class Restart:
    """Weights drawn anew at the beginning of a phase.

    Parameters
    ----------
    what : {"all", "features", "heads"}
    std, head_std : float
        Standard deviations of first-layer weights and heads; `head_std` is `std` if left out.
    seed : int
        Of the theory's start; each replica of a simulation draws its own.
    dim : int
        Dimension in which the theory draws its overlaps, which are off their mean by 1/sqrt(dim).
    """

    what: str = "all"
    std: float = 1e-3
    head_std: float | None = None
    seed: int = 0
    dim: int = 1000

    def __post_init__(self) -> None:
        check_choice("what", self.what, RESTART)
        check_number("std", self.std, minimum=0, strict=True)
        if self.head_std is not None:
            check_number("head_std", self.head_std, minimum=0)
        check_count("seed", self.seed, minimum=0)
        check_count("dim", self.dim)


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
        The task whose head this phase's task begins with a copy of.
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
        if self.noise is not None:
            levels = check_vector("noise", self.noise, "tasks").tolist()
            for level in levels:
                check_number("noise", level, minimum=0)
            object.__setattr__(self, "noise", levels[0] if np.isscalar(self.noise) else tuple(levels))
        several = self.consolidate if isinstance(self.consolidate, (tuple, list)) else (self.consolidate,)
        for each in several:
            check_type("consolidate", each, Consolidation)
        object.__setattr__(self, "consolidate", tuple(several))
        units = [self.freeze_units] if np.isscalar(self.freeze_units) else self.freeze_units
        object.__setattr__(self, "freeze_units", tuple(check_count("freeze_units", k, minimum=0) for k in units))
        if self.restart is not None:
            check_type("restart", self.restart, Restart)
        if self.replay is not None and self.interleave is not None:
            raise refuse("replay, interleave", "be given one at a time", "are given both")
        if self.replay is not None:
            check_type("replay", self.replay, Mapping)
            tasks = [check_count("task of replay", task, minimum=0) for task in self.replay]
            object.__setattr__(self, "replay", dict(zip(tasks, self.replay.values(), strict=True)))
            shares = [check_number(f"replay[{task}]", share, minimum=0) for task, share in self.replay.items()]
            if sum(shares) > 1 or self.task in self.replay:
                raise refuse("replay", "be shares of other tasks, at most 1 in all", f"is {dict(self.replay)}")
        if self.interleave is not None:
            if np.isscalar(self.interleave) or len(self.interleave) != 3:
                raise refuse("interleave", "be (n, d, other task)", f"is {self.interleave!r}")
            n, d, other = self.interleave
            check_count("interleave[0]", n), check_count("interleave[1]", d)
            if check_count("interleave[2]", other, minimum=0) == self.task:
                raise refuse("interleave[2]", "be another task", f"is {other}, too")
            object.__setattr__(self, "interleave", (int(n), int(d), int(other)))

    @property
    def shares(self) -> dict[int, float]:
        """Share of the steps by task."""
        if self.interleave is not None:
            n, d, other = self.interleave
            return {self.task: n / (n + d), other: d / (n + d)}
        others = dict(self.replay or {})
        return {self.task: 1 - sum(others.values())} | others


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


def resolve(rule: OnlineSGD, phases: Sequence[Phase] | Phase, tasks: int, students: int) -> list[Resolved]:
    """Return the phases as numbers, checked against the numbers of tasks and units.

    Raises
    ------
    ArgumentError
        Naming the phase and what of it cannot be.
    """
    check_type("rule", rule, OnlineSGD)
    if rule.constraint is not None:
        raise refuse("rule", "have no constraint in continual learning", f"has {rule.constraint!r}")
    several: list[Phase] = [phases] if isinstance(phases, Phase) else list(phases or ())
    if not several:
        raise refuse("phases", "be at least one", "are none")
    result = []
    for index, phase in enumerate(several):
        check_type(f"phases[{index}]", phase, Phase)
        try:
            result.append(_resolve(rule, phase, index, tasks, students, several))
        except ArgumentError as error:
            raise ArgumentError(f"phases[{index}]: {error}") from None
    return result


def _resolve(rule: OnlineSGD, phase: Phase, index: int, tasks: int, students: int, phases: list[Phase]) -> Resolved:
    mine = {name: getattr(phase, name) for name in ("lr", "lr_readout", "weight_decay")}
    rates = replace(rule, **{name: x for name, x in mine.items() if x is not None}).rates
    known = [phase.task, *phase.shares, *([] if phase.copy_head is None else [phase.copy_head])]
    known += [each.task for each in phase.consolidate if each.task is not None]
    for task in known:
        if not 0 <= task < tasks:
            raise refuse("task", f"be one of 0, ..., {tasks - 1}", f"is {task}")
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
