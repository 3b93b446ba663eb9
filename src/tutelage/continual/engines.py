"""Two engines of SGD on several tasks: the exact chain, and real weight vectors.

Each knows the phases and what is done between them (:mod:`tutelage.continual.protocol`), so that a run is one thing
from its first step to its last (see :mod:`tutelage.online.runs`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tutelage.continual.phases import Consolidation, Resolved
from tutelage.continual.protocol import Snapshots, wanted
from tutelage.continual.state import MultiTask
from tutelage.continual.vector import unchecked
from tutelage.kernels.draws import new_state
from tutelage.networks import realise
from tutelage.online.chain import GROWTH
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["Chain", "Weights"]

AHEAD = (1024, 256)  # normal and uniform numbers drawn at once, at least
LOOKS = 100  # of a phase that may end early, in each unit of time


class _Engine:
    """What both share: phases that follow one another."""

    moving: dict[str, np.ndarray] = {}  # noqa: RUF012 - no checkpoints yet

    def __init__(
        self, rule: OnlineSGD, state: MultiTask, phases: list[Resolved], dim: int, seed: int, index: int
    ) -> None:
        self._rule, self._begin, self._phases, self._dim = rule, state, phases, dim
        self._seed, self._index = seed, index
        self._heads, self._readouts = np.array(state.heads), np.array(state.readouts)
        self._snapshots = Snapshots()
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
        if wanted(self._phases, self._phase):
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
        return {
            "Q": keep * here.Q,
            "R": keep * here.R[:, :F],
            "heads": keep * self._heads,
            "phase": np.array(float(max(self._phase, 0))),
        }

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


class Chain(_Engine):
    """The exact chain: overlaps alone, at a cost that does not depend on N."""

    def __init__(
        self, rule: OnlineSGD, state: MultiTask, phases: list[Resolved], dim: int, seed: int, index: int
    ) -> None:
        super().__init__(rule, state, phases, dim, seed, index)
        student, self._F = Overlaps.unchecked(state.Q, state.R, state.T, state.heads[0], state.readouts[0]).factor()
        self._generator = new_state(seed, (index,))[None]
        self._frame(student)

    def _frame(self, student: np.ndarray) -> None:
        """Set up room for a frame of all fixed rows and the student's."""
        K, used = student.shape
        batch = self._rule.batch
        capacity = used + max(GROWTH, min(batch, K))
        self._A = np.zeros((K, capacity, 1))
        self._A[:, :used, 0] = student
        self._columns = np.array([used])
        self._need = batch * (2 * capacity + 2) + 4 * K * K + 1
        ahead = max(AHEAD[0], 3 * self._need), max(AHEAD[1], 3 * self._need)
        self._random = self._generator, np.zeros((1, ahead[0])), np.zeros((1, ahead[1])), np.array([ahead])

    def _rows(self) -> np.ndarray:
        """Return the student's rows (K, F + K) in the frame."""
        from tutelage.online.kernels.chain import turn_back

        M, K = len(self._F), len(self._A)
        A = self._A.copy()
        if self._columns[0] > M + K:
            turn_back((0,), A, M, int(self._columns[0]))
        return A[:, : M + K, 0]

    def _state(self) -> MultiTask:
        A, F = self._rows(), self._F
        return unchecked(A @ A.T, A[:, : len(F)] @ F.T, F @ F.T, self._heads.copy(), self._readouts)

    def _redraw(self, std: float, rng: np.random.Generator) -> None:
        M, (K, _) = len(self._F), self._A.shape[:2]
        rows = np.zeros((K, M + K))
        rows[:, :M] = rng.standard_normal((K, M))
        rows[:, M:] = np.tril(rng.standard_normal((K, K)), -1)
        rows[:, M:] += np.diag(np.sqrt(rng.chisquare(self._dim - M - np.arange(K))))
        self._frame(std / math.sqrt(self._dim) * rows)

    def _prepare(self, phase: Resolved, index: int) -> None:
        holds = self._snapshots.holds(self._rule, self._phases, index)
        self._first = np.array([hold.first for hold in holds], np.int64)
        self._strength = np.array([hold.strength for hold in holds]).reshape(len(holds), len(self._A))

    def _steps(self, phase: Resolved, begun: int, count: int) -> None:
        from tutelage.continual.kernels.walk import walk_tasks

        walk_tasks(
            self._A, self._columns, self._heads, self._F, self._readouts, phase.noise, self._cumulative, self._pattern,
            begun, phase.lr, phase.decay, self._numbers, self._first, self._strength, *self._units(), self._dim, count,
            self._need, *self._random,
        )  # fmt: skip

    def _anchor(self, index: int) -> None:
        """Add the student's rows to the fixed ones."""
        self._snapshots.first[index], self._snapshots.states[index] = len(self._F), self._state()
        rows, M, K = self._rows(), len(self._F), len(self._A)
        F = np.zeros((M + K, M + K))
        F[:M, :M], F[M:] = self._F, rows
        self._F = F
        self._readouts = np.hstack((self._readouts, np.zeros((len(self._readouts), K))))
        self._frame(np.hstack((rows, np.zeros((K, K)))))


class Weights(_Engine):
    """Real weight vectors on fresh Gaussian inputs."""

    def __init__(
        self,
        rule: OnlineSGD,
        state: MultiTask,
        phases: list[Resolved],
        dim: int,
        seed: int,
        index: int,
        weights: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        super().__init__(rule, state, phases, dim, seed, index)
        if weights is None:
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, 1)))
            weights = realise(
                Overlaps.unchecked(state.Q, state.R, state.T, state.heads[0], state.readouts[0]), dim, rng
            )
        self._W, self._W_star = (np.array(each) for each in weights)
        self._generator = new_state(seed, (index,))
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def _state(self) -> MultiTask:
        both = Overlaps.from_weights(self._W, self._W_star)
        return unchecked(both.Q, both.R, both.T, self._heads.copy(), self._begin.readouts)

    def _redraw(self, std: float, rng: np.random.Generator) -> None:
        self._W[...] = std * rng.standard_normal(self._W.shape)

    def _prepare(self, phase: Resolved, index: int) -> None:
        strengths, anchors = [], []
        for given, anchor in zip(phase.phase.consolidate, phase.anchors, strict=True):
            strengths.append(self._strength(given, anchor))
            anchors.append(self._kept[anchor][0])
        shape = (len(anchors), *self._W.shape)
        self._anchors, self._strengths = np.array(anchors).reshape(shape), np.array(strengths).reshape(shape)

    def _strength(self, given: Consolidation, anchor: int) -> np.ndarray:
        from tutelage.continual.importance import strengths

        of = self._phases[anchor]
        task = of.phase.task if given.task is None else given.task
        if given.importance == "weights":
            return given.strength * self._fisher(anchor, task, float(of.noise[task]), given.samples)
        omega = strengths(self._rule, self._snapshots.states[anchor], task, given, float(of.noise[task]))
        return np.repeat(omega[:, None], self._dim, axis=1)

    def _fisher(self, anchor: int, task: int, noise: float, samples: int) -> np.ndarray:
        """Return N times the mean squared gradient of the task's loss by each weight, at the anchor."""
        W, heads = self._kept[anchor]
        rng = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(self._index, 3, anchor)))
        total, head, unit = np.zeros_like(W), heads[self._begin.head(task)], self._rule.student
        for start in range(0, samples, 500):
            x = rng.standard_normal((min(500, samples - start), self._dim))
            lam, rho = x @ W.T / math.sqrt(self._dim), x @ self._W_star.T / math.sqrt(self._dim)
            label = self._rule.teacher.f(rho) @ self._begin.readouts[task] + noise * rng.standard_normal(len(x))
            c = ((unit.f(lam) @ head - label)[:, None] * head * unit.df(lam)) ** 2
            total += c.T @ x**2
        return total / samples

    def _steps(self, phase: Resolved, begun: int, count: int) -> None:
        from tutelage.continual.kernels.walk import descend_tasks

        descend_tasks(
            self._W, self._heads, self._W_star, self._readouts, phase.noise, self._cumulative, self._pattern,
            begun, phase.lr, phase.decay, self._numbers, self._anchors, self._strengths, *self._units(), count,
            self._generator,
        )  # fmt: skip

    def _anchor(self, index: int) -> None:
        self._snapshots.first[index], self._snapshots.states[index] = 0, self._state()
        self._kept[index] = self._W.copy(), self._heads.copy()
