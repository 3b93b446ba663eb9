"""What both engines of SGD on several tasks share: phases that follow one another, and what is done between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage.continual.phases import Resolved
from tutelage.continual.protocol import Snapshots
from tutelage.continual.state import MultiTask
from tutelage.online.rule import OnlineSGD

__all__ = ["Phased", "Setup"]

LOOKS = 100  # of a phase that may end early, in each unit of time


@dataclass(frozen=True, eq=False)
class Setup:
    """What all replicas of a simulation share.

    Attributes
    ----------
    rule, state, phases
        The rule, resolved; the state at alpha = 0; and the phases, as numbers.
    kept : frozenset of int
        Phases at whose end the student is kept.
    dim, seed : int
    """

    rule: OnlineSGD
    state: MultiTask
    phases: list[Resolved]
    kept: frozenset[int]
    dim: int
    seed: int


class Phased:
    """An engine of one replica (see :mod:`tutelage.online.runs`) that goes through phases."""

    moving: dict[str, np.ndarray] = {}  # noqa: RUF012 - no checkpoints yet

    def __init__(self, setup: Setup, index: int) -> None:
        state, phases = setup.state, setup.phases
        self._rule, self._begin, self._phases, self._dim = setup.rule, state, phases, setup.dim
        self._seed, self._index = setup.seed, index
        self._heads, self._readouts = (np.array(each, order="C") for each in (state.heads, state.readouts))
        self._snapshots, self._anchored = Snapshots(), setup.kept
        self._phase, self._finished, self._begun, self._now, self._over = -1, True, 0, 0, math.inf
        many, K, F = len(phases), state.students, state.teachers
        self.ends = {
            "switch": np.full(many, np.nan),
            "Q": np.full((many, K, K), np.nan),
            "R": np.full((many, K, F), np.nan),
            "heads": np.full((many, *state.heads.shape), np.nan),
        }  # times and states at which phases ended
        self._numbers = np.zeros(4)

    def _enter(self, index: int, at: int) -> None:
        """Begin a phase at a step."""
        self._phase, self._finished, self._begun = index, False, at
        phase, B = self._phases[index], self._begin
        source, task = phase.phase.copy_head, phase.phase.task
        if source is not None:
            self._heads[B.head(task)] = self._heads[B.head(source)]
        how = phase.phase.restart
        if how is not None:
            rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(self._index, 2, index)))
            if how.what != "heads":
                self._redraw(how.std, rng)
            if how.what != "features":
                std = how.std if how.head_std is None else how.head_std
                self._heads[...] = std * rng.standard_normal(self._heads.shape)
        inner = phase.phase.interleave
        self._pattern = np.array([task] * inner[0] + [inner[2]] * inner[1] if inner else [], np.int64)
        if not inner and phase.shares[task] == 1:
            self._pattern = np.array([task], np.int64)
        self._cumulative = np.cumsum(phase.shares)
        self._numbers = np.array(
            [phase.lr_readout, phase.decay_readout, float(self._rule.batch), phase.input_noise], np.float64
        )
        self._prepare(phase, index)

    def advance(self, first: int, count: int) -> None:
        """Make `count` steps from step `first` on, through as many phases as they meet."""
        self._now = first + count
        while count > 0:
            if self._finished:
                if self._phase + 1 == len(self._phases):
                    break
                self._enter(self._phase + 1, first)
            phase = self._phases[self._phase]
            left = max(0, round(phase.phase.alpha * self._dim) - (first - self._begun))
            look = count if phase.phase.until is None else max(1, self._dim // LOOKS)
            some = min(count, left, look)
            if some:
                self._steps(phase, first - self._begun, some)
            first, count, left = first + some, count - some, left - some
            stop = phase.phase.until
            if left == 0 or (stop is not None and self._error(phase) <= stop):
                self._leave(first)

    def _leave(self, at: int) -> None:
        """End a phase at a step; what comes between it and the next is done when that begins."""
        here, of = self._state(), self._phase
        self._finished, self.ends["switch"][of] = True, at / self._dim
        self.ends["Q"][of], self.ends["R"][of], self.ends["heads"][of] = (
            here.Q, here.R[:, : self._begin.teachers], self._heads
        )  # fmt: skip
        if self._phase in self._anchored:
            self._anchor(self._phase)
        if self._phase + 1 == len(self._phases):
            self._over = at

    def alpha(self, steps: int) -> float:
        """Return the time after `steps` steps."""
        return steps / self._dim

    def size(self) -> float:
        """Return the largest squared length or head."""
        return float(max(np.diagonal(self._state().Q).max(), np.abs(self._heads).max()))

    def observe(self) -> dict[str, np.ndarray]:
        """Return overlaps, heads and phase."""
        here, F = self._state(), self._begin.teachers
        keep = np.nan if self._now > self._over else 1.0  # nothing is known beyond the end of all phases
        seen = {
            "Q": keep * here.Q,
            "R": keep * here.R[:, :F],
            "heads": keep * self._heads,
            "phase": np.array(float(max(self._phase, 0))),
        }
        if self._anchored:
            seen["S"] = np.full(self.ends["Q"].shape, np.nan)
            for end in self._snapshots.states:
                if self._now > round(self.ends["switch"][end] * self._dim):
                    seen["S"][end] = keep * self._with(end, here)
        return seen

    def _error(self, phase: Resolved) -> float:
        here, task = self._state(), phase.phase.task
        return here.overlaps(task).generalisation_error(self._rule.student, self._rule.teacher)

    def _units(self) -> tuple[Any, ...]:
        return *self._rule.student.unit, *self._rule.teacher.unit  # type: ignore[misc]

    # what differs

    def _redraw(self, std: float, rng: np.random.Generator) -> None:
        raise NotImplementedError

    def _prepare(self, phase: Resolved, index: int) -> None:
        raise NotImplementedError

    def _steps(self, phase: Resolved, begun: int, count: int) -> None:
        raise NotImplementedError

    def _anchor(self, index: int) -> None:
        raise NotImplementedError

    def _state(self) -> MultiTask:
        raise NotImplementedError

    def _with(self, end: int, here: MultiTask) -> np.ndarray:
        """Return the overlaps with the student at the end of a phase."""
        raise NotImplementedError
