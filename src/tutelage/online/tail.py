"""The last part of a noiseless run that learns its teacher perfectly: integrated in differences.

The overlaps of a student that is within 1e-8 of its teacher differ from the teacher's by less than rounding. From well
before that, the integrator therefore follows the differences themselves (:mod:`tutelage.online.kernels.tail`), with a
tolerance relative to their size, so that the error falls exponentially without a floor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tutelage import coincidence
from tutelage.coincidence import Pairing
from tutelage.online.rule import OnlineSGD
from tutelage.online.vector import constants, units
from tutelage.overlaps import Overlaps, stacked

__all__ = ["INTERRUPTED", "Tail"]

NEAR = 1e-5  # mean squared distance at which the differences take over; two Gauss nodes err by its square
STEPS = 8  # between two updates of the tolerance
INTERRUPTED = -1


@dataclass(frozen=True, eq=False)
class Tail:
    """A state in differences: G (K, M), E (K, K) and v (K,) in one vector, and which unit each student tends to.

    In place of the readout of the first student of a teacher stands what the readouts of all of them miss: u.
    """

    rule: OnlineSGD
    state: Overlaps
    partner: np.ndarray
    sign: np.ndarray
    y: np.ndarray

    @staticmethod
    def possible(rule: OnlineSGD, state: Overlaps) -> bool:
        """Whether a run can come arbitrarily close to perfect learning in a way that this module follows."""
        odd = rule.student.kind in ("erf", "linear") and rule.student == rule.teacher
        plain = rule.terms == "full" and rule.constraint is None
        return odd and plain and rule.noise == 0 and rule.weight_decay == 0 and rule.train != "readout"

    @classmethod
    def enter(cls, rule: OnlineSGD, state: Overlaps, y: np.ndarray) -> Tail | None:
        """Return the state vector y = (R, Q, v) in differences if every student is near its end, else None."""
        K, M = state.students, state.teachers
        R, Q, v = y[: K * M].reshape(K, M), y[K * M : K * M + K * K].reshape(K, K), y[K * M + K * K :]
        size = np.diagonal(state.T)
        distance = np.diagonal(Q)[:, None] - 2 * np.abs(R) + size
        partner, vanishes = distance.argmin(1), np.diagonal(Q) < distance.min(1)
        if np.where(vanishes, np.diagonal(Q), distance.min(1)).max() > NEAR * (1 + size.max()):
            return None
        sign = np.where(vanishes, 0.0, np.where(R[np.arange(K), partner] < 0, -1.0, 1.0))
        u = np.bincount(partner, sign * v, M) - state.v_star
        if np.abs(u).max() > np.sqrt(NEAR) * (1 + np.abs(state.v_star).max()):
            return None
        S = np.eye(M)[partner] * sign[:, None]
        E = Q - R @ S.T - S @ R.T + S @ state.T @ S.T
        tail = cls(rule, state, partner, sign, np.concatenate([(R - S @ state.T).ravel(), E.ravel(), v]))
        tail.y[K * M + K * K :] = tail._sums @ v - tail._targets
        return tail

    @property
    def _first(self) -> np.ndarray:
        """The first student of each teacher, (M,); K where there is none."""
        mine = (self.partner == np.arange(self.state.teachers)[:, None]) & (self.sign != 0)
        return np.where(mine.any(1), mine.argmax(1), self.state.students)

    @property
    def _sums(self) -> np.ndarray:
        """The matrix (K, K) from the readouts to what is followed: sums where a student is the first, else itself."""
        sums = np.eye(self.state.students + 1)
        for m, k in enumerate(self._first):
            sums[k, :-1] = self.sign * (self.partner == m)
        return sums[:-1, :-1]

    @property
    def _targets(self) -> np.ndarray:
        """What these sums tend to, (K,), where they tend to zero as followed; zero for all others."""
        targets = np.zeros(self.state.students + 1)
        targets[self._first] = self.state.v_star
        return targets[:-1]

    def _missing(self, y: np.ndarray) -> np.ndarray:
        """Return u (..., M) of vectors of differences."""
        K, M = self.state.students, self.state.teachers
        followed = np.concatenate([y[..., K * M + K * K :], np.zeros((*y.shape[:-1], 1))], -1)
        return np.where(self._first < K, followed[..., self._first], -self.state.v_star)

    def integrate(
        self,
        alpha: float,
        h: float,
        times: np.ndarray,
        done: int,
        out: np.ndarray,
        errors: np.ndarray,
        rtol: float,
        report: Callable[[float], None],
    ) -> tuple[int, int]:
        """Integrate to the last of `times`; fill the states and errors at times[done:], return status and `done`.

        The status is INTERRUPTED after Ctrl-C, with what was reached.
        """
        from tutelage.online.kernels import integrate as kernel
        from tutelage.online.kernels.tail import tail_velocity
        from tutelage.pointers import pointer

        K, M = self.state.students, self.state.teachers
        velocity, both = pointer(tail_velocity), units(self.rule)
        model = constants(self.rule, self.state)._replace(partner=self.partner, sign=self.sign)
        y, states, status, begin = self.y.copy(), np.empty_like(out), kernel.RUNNING, done
        fastest = np.zeros(len(y) + 1)
        try:
            while status == kernel.RUNNING:
                tolerance = self._tolerance(y, rtol)
                alpha, h, done, status = kernel.advance(
                    velocity, y, alpha, h, fastest, model, *both, K, times, done, states, rtol, tolerance, np.inf, STEPS
                )
                report(alpha)
        except KeyboardInterrupt:
            status = INTERRUPTED
        if done > begin:
            out[begin:done], errors[begin:done] = self._leave(states[begin:done], K, M)
        return status, done

    def _tolerance(self, y: np.ndarray, rtol: float) -> np.ndarray:
        """Return the absolute tolerance: relative to the distance, squared for E."""
        K, M = self.state.students, self.state.teachers
        far = np.abs(np.diagonal(y[K * M : K * M + K * K].reshape(K, K))).max()
        square = max(far, (self._missing(y) ** 2).max(), 1e-290)
        sizes = [np.full(K * M, np.sqrt(square)), np.full(K * K, square), np.full(K, np.sqrt(square))]
        return rtol * np.concatenate(sizes)

    def _leave(self, y: np.ndarray, K: int, M: int) -> tuple[np.ndarray, np.ndarray]:
        """Return state vectors (R, Q, v) and generalisation errors of vectors of differences (times, size)."""
        G, E = y[:, : K * M].reshape(-1, K, M), y[:, K * M : K * M + K * K].reshape(-1, K, K)
        v = (y[:, K * M + K * K :] + self._targets) @ np.linalg.inv(self._sums).T
        T, S = self.state.T, np.eye(M)[self.partner] * self.sign[:, None]
        Q = E + G @ S.T + S @ np.swapaxes(G, 1, 2) + S @ T @ S.T
        pairing = Pairing(np.concatenate([K + self.partner, np.arange(K, K + M)]), np.append(self.sign, np.ones(M)))
        D, a = stacked(E, G, T, v, self.state.v_star)
        errors = coincidence.error_from_differences(D, a, pairing, self.rule.student, self._missing(y))
        return np.concatenate([(S @ T + G).reshape(len(y), -1), Q.reshape(len(y), -1), v], 1), errors
