"""Two engines of SGD on several tasks: the exact chain, and real weight vectors.

Each knows the phases and what is done between them (:mod:`tutelage.continual.protocol`), so that a run is one thing
from its first step to its last (see :mod:`tutelage.online.runs`).
"""

from __future__ import annotations

import math

import numpy as np

from tutelage.continual.interventions import Consolidation
from tutelage.continual.phased import Phased, Setup
from tutelage.continual.phases import Resolved
from tutelage.continual.state import MultiTask
from tutelage.continual.vector import unchecked
from tutelage.kernels.draws import new_state
from tutelage.networks import realise
from tutelage.online.chain import GROWTH
from tutelage.overlaps import Overlaps

__all__ = ["Chain", "Weights"]

AHEAD = (1024, 256)  # normal and uniform numbers drawn at once, at least


class Chain(Phased):
    """The exact chain: overlaps alone, at a cost that does not depend on N."""

    def __init__(self, setup: Setup, index: int) -> None:
        super().__init__(setup, index)
        student, self._F = setup.state.overlaps(0).factor()
        self._generator = new_state(setup.seed, (index,))[None]
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
        from tutelage.online.kernels.frame import turn_back

        M, K = len(self._F), len(self._A)
        A = self._A.copy()
        if self._columns[0] > M + K:
            turn_back((0,), A, M, int(self._columns[0]))
        return A[:, : M + K, 0]

    def size(self) -> float:
        """Return the largest squared length or head, from rows as they stand."""
        return float(max(np.square(self._A).sum(1).max(), np.abs(self._heads).max()))

    def _state(self) -> MultiTask:
        A, F = self._rows(), self._F
        return unchecked(A @ A.T, A[:, : len(F)] @ F.T, F @ F.T, self._heads.copy(), self._readouts)

    def _with(self, end: int, here: MultiTask) -> np.ndarray:
        first = self._snapshots.first[end]
        return here.R[:, first : first + here.students]

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


class Weights(Phased):
    """Real weight vectors on fresh Gaussian inputs."""

    def __init__(self, setup: Setup, index: int, weights: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        super().__init__(setup, index)
        if weights is None:
            rng = np.random.default_rng(np.random.SeedSequence(setup.seed, spawn_key=(index, 1)))
            weights = realise(setup.state.overlaps(0), setup.dim, rng)
        self._W, self._W_star = (np.array(each, order="C") for each in weights)
        self._generator = new_state(setup.seed, (index,))
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def _state(self) -> MultiTask:
        both = Overlaps.from_weights(self._W, self._W_star)
        return unchecked(both.Q, both.R, both.T, self._heads.copy(), self._begin.readouts)

    def _with(self, end: int, here: MultiTask) -> np.ndarray:
        return self._W @ self._kept[end][0].T / self._dim

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
