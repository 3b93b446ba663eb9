r"""The chain view: SGD at finite N, exactly, at a cost that does not depend on N.

SGD moves the student's weights only within the span of student, teacher and input, and the law of a Gaussian input is
the same in every direction. So overlaps and readouts are a Markov chain of their own, for every N >= K + M. The frame
of W* and then W is kept as a factor, :math:`[W^*; W]/\sqrt N = [F, 0; A]`, whose products are the overlaps,

.. math:: Q = A A^\top, \qquad R = A_{:, 1..M} F^\top, \qquad T = F F^\top ,

never the overlaps themselves: they are positive semidefinite by construction, nothing is inverted, and perfect
learning is harmless. For B examples with coordinates :math:`z_b` in the frame and increments :math:`c_b` of the rule,
one step is

.. math:: A \leftarrow \Big[ (1 - \kappa/N) A + \frac{1}{B N} \sum_b c_b z_b^\top, \;
          \frac{1}{B N} \, L \, T_\nu \Big], \qquad L L^\top = \sum_b c_b c_b^\top ,

where :math:`T_\nu` is the Bartlett factor of a Wishart matrix with :math:`\nu = N - \text{columns}` degrees of freedom;
for B = 1 it is the length of a normal vector in as many dimensions.

The principle, that an isotropic input need only be drawn in the directions that are looked at, is that of Y. M. Lu's
Householder dice (arXiv:2101.07464); that overlaps are an exact process is in Arnaboldi et al., COLT 2023, eq. (9). The
simulator itself is derived here.
"""

from __future__ import annotations

import numpy as np

from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["Chain"]

GROWTH = 4  # columns that the frame may grow by before it is turned back
AHEAD = (1024, 256)  # normal and uniform numbers drawn at once, at least


class Chain:
    """Replicas of the chain that go in step (an engine, see :mod:`tutelage.online.runs`).

    Parameters
    ----------
    rule : OnlineSGD
    state : Overlaps
        At alpha = 0.
    dim : int
        N >= K + M.
    seed : int
    replicas : range
        Their numbers: one, or as many as there are lanes (:mod:`tutelage.online.kernels.chain`).
    """

    def __init__(self, rule: OnlineSGD, state: Overlaps, dim: int, seed: int, replicas: range) -> None:
        from tutelage.kernels.draws import new_state

        self._rule, self._dim, self._v_star, lanes = rule.resolved, dim, np.array(state.v_star), len(replicas)
        student, self._F = state.factor()
        K = state.students
        capacity = student.shape[1] + max(GROWTH, min(rule.batch, K))
        self._A = np.zeros((K, capacity, lanes))
        self._A[:, : student.shape[1]] = student[:, :, None]
        self._v = np.repeat(np.array(state.v)[:, None], lanes, axis=1)
        self._columns = np.array([student.shape[1]])
        self._need = rule.batch * (capacity + 1) + K * K + 1  # random numbers in one step, at most
        ahead = max(AHEAD[0], 3 * self._need), AHEAD[1] + self._need
        generator = np.stack([new_state(seed, (index,)) for index in replicas])
        self._random = generator, np.zeros((lanes, ahead[0])), np.zeros((lanes, ahead[1])), np.array([ahead] * lanes)
        names = ("generator", "normals", "uniforms", "used")
        self.moving = {
            "A": np.moveaxis(self._A, -1, 0),
            "v": self._v.T,
            "columns": np.lib.stride_tricks.as_strided(self._columns, (lanes,), (0,)),  # one number for all
            **dict(zip(names, self._random, strict=True)),
        }

    def advance(self, first: int, count: int) -> None:
        """Make `count` steps."""
        rule, student, teacher = self._rule, self._rule.student.unit, self._rule.teacher.unit
        if student is None or teacher is None:
            for _ in range(count):
                self.step()
            return
        from tutelage.online.kernels.chain import walk

        lanes, same, rates = (0,) * self._v.shape[1], rule.student == rule.teacher, np.array(rule.rates)
        units, frame = (*student, *teacher, same), (self._A, self._columns, self._v, self._F, self._v_star)
        walk(len(lanes))(lanes, *frame, rates, *units, self._dim, count, self._need, *self._random)

    def step(self) -> None:
        """Make one step as the rule states it, with the random numbers of the compiled one."""
        from tutelage.online.kernels import frame, variates

        A, v, (generator, normals, uniforms, used) = self._A, self._v, self._random
        rule, N, B, (K, M) = self._rule, self._dim, self._rule.batch, (len(A), len(self._F))
        count, most, lanes = int(self._columns[0]), min(B, K), (0,) * v.shape[1]
        noise, z = np.zeros((1, B, len(lanes))), np.empty((B, count, len(lanes)))
        for lane in range(len(lanes)):
            variates.refill(lane, *self._random, self._need)
        if rule.noise > 0:
            variates.take(lanes, normals, used, noise, 0, B)
        for b in range(B):
            variates.take(lanes, normals, used, z, b, count)
        fields = np.concatenate(
            [np.einsum("kjl,bjl->lbk", A[:, :count], z), np.einsum("mj,bjl->lbm", self._F, z[:, :M])], axis=2
        )
        moves = [
            rule.increments(fields[lane], rule.noise * noise[0, :, lane], v[:, lane], self._v_star)
            for lane in range(len(lanes))
        ]
        c = np.ascontiguousarray(np.stack([move[0] for move in moves], -1)) / B
        r, new = rule.rates, min(most, N - count)
        A[:, :count] += np.einsum("bkl,bjl->kjl", c, z) / N - r.decay / N * A[:, :count]
        if r.lr or r.decay:
            factor, bartlett = np.ascontiguousarray(np.swapaxes(c, 0, 1)), np.zeros((most, most, len(lanes)))
            if B >= K:
                factor = np.empty((K, K, len(lanes)))
                frame.gram_root(lanes, c, B, K, factor)
            if new:
                spare = np.empty((2, len(lanes))), np.empty((1, len(lanes)))
                variates.bartlett(lanes, most, N - count, generator, normals, uniforms, used, *spare, bartlett)
            A[:, count : count + new] = np.einsum("kil,ijl->kjl", factor, bartlett)[:, :new] / N
            self._columns[0] += new
            if r.sphere:
                A /= np.sqrt(np.einsum("kjl,kjl->kl", A, A))[:, None]
            if self._columns[0] + most > A.shape[1]:
                frame.turn_back(lanes, A, M, int(self._columns[0]))
                self._columns[0] = K + M
        v += np.stack([move[1].mean(0) for move in moves], -1) / N - r.decay_readout / N * v

    def alpha(self, steps: int) -> float:
        """Return the time after `steps` steps."""
        return steps / self._dim

    def sizes(self) -> np.ndarray:
        """Return the largest squared length or readout of each replica."""
        return np.maximum(np.einsum("kjl,kjl->kl", self._A, self._A).max(0), np.abs(self._v).max(0))

    def observe(self) -> dict[str, np.ndarray]:
        """Return the students' rows of the factor, (replicas, K, M + K), and the readouts."""
        A, (K, M) = self._A.copy(), (len(self._A), len(self._F))
        if self._columns[0] > K + M:
            from tutelage.online.kernels.frame import turn_back

            turn_back((0,) * A.shape[2], A, M, int(self._columns[0]))
        return {"factor": np.moveaxis(A[:, : K + M], -1, 0).copy(), "v": self._v.T.copy()}
