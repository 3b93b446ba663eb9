r"""The equations of mean field: the risk averaged over frames, and its gradient.

Student i has coordinates m_i in the teacher's span and a length r_i off it, so that fields have the covariances
:math:`Q_{ij} = m_i \cdot m_j + r_i r_j \xi_{ij}`, with :math:`\xi_{ij}` the cosine of two independent directions
(:math:`\xi_{ii} = 1`). With the risk :math:`E = \langle \epsilon_g \rangle_\xi` the limit of small steps is

.. math:: \dot m_i = -\eta \, \partial_{m_i} E - \kappa m_i, \qquad \dot r_i = -\eta \, \partial_{r_i} E - \kappa r_i,
          \qquad \dot v_i = -\eta_v \, \partial_{v_i} E - \kappa v_i ,

which is equation (MF-ODE) of Arnaboldi et al. 2023 (arXiv:2302.05882) in :math:`q_i = r_i^2` and
:math:`R_i = m_i F^\top`, :math:`T = F F^\top`. With :math:`I(p, c, q) = \langle g(x) g(y) \rangle`, a = (v, -v_star),

.. math:: \partial_{m_i} E = v_i \Big[ m_i \sum_c 2 a_c \langle I_p \rangle + \sum_c a_c \langle I_c \rangle m_c \Big],
          \qquad
          \partial_{r_i} E = v_i \Big[ r_i \sum_c 2 a_c \langle I_p \rangle
          + \sum_c a_c \langle \xi I_c \rangle r_c \Big] .
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from tutelage import gaussian
from tutelage.activations import Activation
from tutelage.gaussian.kinks import decomposition
from tutelage.gaussian.pairs import PairAverages, pair_averages
from tutelage.online.rule import OnlineSGD
from tutelage.regimes.mean_field_particles import Particles
from tutelage.regimes.mean_field_rules import POINT, Rule, angular_rule, cosine_rule, nodes_for_pole
from tutelage.regimes.mean_field_series import limits_of, orders_for, self_averages, series_averages, tables

__all__ = ["MeanField", "Moving", "way"]

RADIAL, ACROSS, VALUE, ALONG = 0, 1, 2, 3  # rows of sums, as in the kernels
SHARES = 8  # in which the pairs are dealt to threads: sums do not depend on the number of cores
ALONE = 300  # particles that one thread does
KINKED = {2: 64, 3: 48, 4: 48}  # nodes for units with kinks: averages err by 1e-7 for n = 2, 1e-9 for 3, 1e-11 from 5
MANY = 50  # dimensions off the teacher


def way(rule: OnlineSGD) -> str | None:
    """Return how pairs of students are averaged: "quadratic", "erf", "kinked", "series", or None if they are not."""
    unit = rule.student
    if _is_quadratic(unit):
        return "quadratic"
    if unit.kind == "erf":
        return "erf"
    if unit.kind in ("relu", "leaky_relu"):
        return "kinked"
    return None if unit.kinks else "series"


@dataclass(frozen=True, eq=False)
class Moving:
    """What moves: coordinates m (rank, K) in the teacher's span, lengths `radius` (K,) off it, readouts v (K,)."""

    m: np.ndarray
    radius: np.ndarray
    v: np.ndarray

    @classmethod
    def of(cls, particles: Particles) -> Moving:
        """Return the particles at their start."""
        return cls(np.ascontiguousarray(particles.coordinates.T), np.sqrt(particles.q), np.array(particles.v))

    @classmethod
    def from_vector(cls, y: np.ndarray, students: int) -> Moving:
        """Return the state of a vector."""
        rows = y.reshape(-1, students)
        return cls(np.ascontiguousarray(rows[:-2]), np.ascontiguousarray(rows[-2]), np.ascontiguousarray(rows[-1]))

    @property
    def vector(self) -> np.ndarray:
        """The state as one vector: m row by row, radius, v."""
        return np.concatenate([self.m.ravel(), self.radius, self.v])

    @property
    def variance(self) -> np.ndarray:
        """Variances of the fields, Q_ii (K,)."""
        return (self.m**2).sum(0) + self.radius**2


@dataclass(frozen=True, eq=False)
class MeanField:
    """The equations for one rule and one teacher.

    Parameters
    ----------
    rule : OnlineSGD
        With activations looked up.
    frame : array, shape (M, rank)
        Teachers in coordinates of their span.
    v_star : array, shape (M,)
    freedom : int or None
        Dimensions off the teacher's span; None for infinitely many.
    accuracy : float
        Of averages over frames and over fields.
    fine : int
        Factor on the numbers of nodes and orders: to measure their error.
    """

    rule: OnlineSGD
    frame: np.ndarray
    v_star: np.ndarray
    freedom: int | None
    accuracy: float
    fine: int = 1

    def velocity(self, state: Moving) -> Moving:
        """Return the derivatives of the state by alpha."""
        r = self.rule.rates
        sums = self._sums(state, r.lr_readout != 0)[0]
        push = -r.lr * state.v
        return Moving(
            push * (sums[RADIAL] * state.m + sums[ALONG:]) - r.decay * state.m,
            push * (sums[RADIAL] * state.radius + sums[ACROSS]) - r.decay * state.radius,
            -r.lr_readout * sums[VALUE] - r.decay_readout * state.v,
        )

    def risk(self, state: Moving) -> float:
        """Return eps_g averaged over frames; never negative, and no better than rounding."""
        sums, teachers = self._sums(state, True)
        return max(float(state.v @ (sums[VALUE] + teachers) + self._teacher_risk()) / 2, 0.0)

    def _teacher_risk(self) -> float:
        """Return <output^2> of the teacher."""
        T = self.frame @ self.frame.T
        i, k = np.indices(T.shape)
        pairs = np.stack([np.stack([T[i, i], T[i, k]], -1), np.stack([T[i, k], T[k, k]], -1)], -2)
        return float(self.v_star @ gaussian.I2(self.rule.teacher, pairs) @ self.v_star)

    def _sums(self, state: Moving, values: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums over all fields, (3 + rank, K), and the teachers' share (K,) of the row VALUE."""
        sums = self._pairs(state, values)
        value, drift = self._own(state.variance)
        sums[RADIAL] += state.v * drift
        sums[VALUE] += state.v * value
        averages = self._against_teachers(state)
        teachers = -averages.value @ self.v_star
        sums[RADIAL] -= 2 * averages.by_p @ self.v_star
        sums[VALUE] += teachers
        sums[ALONG:] -= ((averages.by_c * self.v_star) @ self.frame).T
        return sums, teachers

    # Of a particle with itself, and with the teachers

    def _own(self, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return <g^2> and 2 I_p + I_c of each particle with itself: there the cosine is one."""
        unit = self.rule.student
        if way(self.rule) == "quadratic":
            both = _quadratic_averages(unit, unit, variance, variance, variance)
            return both.value, 2 * both.by_p + both.by_c
        if decomposition(unit) is None:
            return self_averages(unit, variance, self._orders(variance), self.fine)
        both = pair_averages(unit, unit, variance, variance, variance)
        return both.value, 2 * both.by_p + both.by_c

    def _against_teachers(self, state: Moving) -> PairAverages:
        """Return the averages of students with teachers, (K, M)."""
        g, h, p = self.rule.student, self.rule.teacher, state.variance
        c, q = (self.frame @ state.m).T, (self.frame**2).sum(1)
        if _is_quadratic(g) and _is_quadratic(h):
            return _quadratic_averages(g, h, p[:, None], c, q)
        if decomposition(g) is not None and decomposition(h) is not None:
            return pair_averages(g, h, p[:, None], c, q)
        return series_averages(g, h, p, c, q, self._orders(p), self.fine)

    # Of pairs of particles

    def _pairs(self, state: Moving, values: bool) -> np.ndarray:
        """Return the sums over the other students, (3 + rank, K)."""
        if way(self.rule) == "quadratic":
            return self._quadratic_pairs(state)
        from tutelage.regimes.kernels import mean_field as kernels

        if way(self.rule) == "series":
            return self._series_pairs(state, values)
        m, radius, v, p = state.m, state.radius, state.v, state.variance
        rule, unit = self._cosines(state), self.rule.student
        common = (m, radius, p, v, rule.nodes, rule.weights, values)
        if way(self.rule) == "erf":
            return _share_out(kernels.erf_pairs, len(v), len(m), common)
        leak = unit.parameters[0] if unit.parameters else 0.0
        return _share_out(kernels.kinked_pairs, len(v), len(m), (*common, (1 + leak) / 2, (1 - leak) / 2))

    def _series_pairs(self, state: Moving, values: bool) -> np.ndarray:
        """Return the sums from Hermite series; particles of like variance, whose series are as long, side by side."""
        from tutelage.regimes.kernels import mean_field as kernels

        order, infinite = np.argsort(state.variance, kind="stable"), not self.freedom
        m, radius, v, p = (
            np.ascontiguousarray(x[..., order]) for x in (state.m, state.radius, state.v, state.variance)
        )
        series = tables(self.rule.student, p, self._orders(p), self.fine)
        limits = self.fine * limits_of(series, self.accuracy)
        lengths, negligible = 0.0 * radius if infinite else radius, self.accuracy**self.fine
        arguments = (m, lengths, p, v, float(self.freedom or 1), limits, negligible, values, series)
        out = np.empty((ALONG + len(m), len(v)))
        out[:, order] = _share_out(kernels.series_pairs, len(v), len(m), arguments)
        return out

    def _quadratic_pairs(self, state: Moving) -> np.ndarray:
        r"""Return the sums for g = c0 + c1 x + c2 x^2 in closed form, at a cost linear in K.

        :math:`I = (c_0 + c_2 p)(c_0 + c_2 q) + c_1^2 c + 2 c_2^2 c^2`, and :math:`\langle \xi^2 \rangle = 1/n`.
        """
        m, radius, v, p = state.m, state.radius, state.v, state.variance
        c0, c1, c2 = _powers(self.rule.student)
        spread, length = (0.0 if self.freedom is None else 1 / max(self.freedom, 1)), (m**2).sum(0)
        mean, q = c0 + c2 * p, radius**2
        others, moment = v @ mean - v * mean, (m * v) @ m.T
        rest = v @ q - v * q
        along = c1**2 * ((m @ v)[:, None] - m * v) + 4 * c2**2 * (moment @ m - m * v * length)
        square = np.einsum("rk,rs,sk->k", m, moment, m) - v * length**2 + spread * q * rest
        value = mean * others + c1**2 * (m * ((m @ v)[:, None] - m * v)).sum(0) + 2 * c2**2 * square
        return np.stack([2 * c2 * others, 4 * c2**2 * spread * radius * rest, value, *along])

    def _cosines(self, state: Moving) -> Rule:
        """Return the rule for the cosine that is fine enough for every pair of a state."""
        n, longest = self.freedom, float((state.radius**2).max())
        if not n or longest == 0:
            return POINT
        if n == 1:
            return cosine_rule(1, 2)
        if way(self.rule) == "erf":  # sqrt((1+p)(1+q)) >= 1 + |m_i||m_j| + r_i r_j: where D vanishes, at least
            return cosine_rule(n, self.fine * nodes_for_pole(n, 1 + 1 / longest, self.accuracy))
        if n >= MANY:  # the cosine stays far from its ends, where these functions have roots
            return cosine_rule(n, self.fine * 12)
        return angular_rule(n, self.fine * KINKED.get(n, 32 if n <= 6 else 24 if n <= 12 else 16))

    def _orders(self, variance: np.ndarray) -> int:
        """Return the order at which Hermite series end."""
        return self.fine * orders_for(self.rule.student, float(variance.max()), self.accuracy)


def _is_quadratic(unit: Activation) -> bool:
    """Return whether g is a polynomial of degree 2 at most."""
    return unit.coefficients is not None and len(unit.coefficients) <= 3


def _powers(unit: Activation) -> tuple[float, float, float]:
    """Return c0, c1, c2 of a g = c0 + c1 x + c2 x^2."""
    c0, c1, c2, *_ = (*(unit.coefficients or ()), 0.0, 0.0, 0.0)
    return c0, c1, c2


def _quadratic_averages(g: Activation, h: Activation, p: np.ndarray, c: np.ndarray, q: np.ndarray) -> PairAverages:
    r"""Return :math:`I = (a_0 + a_2 p)(b_0 + b_2 q) + a_1 b_1 c + 2 a_2 b_2 c^2` and its derivatives."""
    (a0, a1, a2), (b0, b1, b2) = _powers(g), _powers(h)
    ours, theirs = a0 + a2 * p, b0 + b2 * q
    return PairAverages(
        ours * theirs + a1 * b1 * c + 2 * a2 * b2 * c**2, a2 * theirs, a1 * b1 + 4 * a2 * b2 * c, b2 * ours
    )


def _share_out(kernel: Callable[..., None], K: int, rank: int, arguments: tuple) -> np.ndarray:
    """Return what a kernel of pairs sums up, (3 + rank, K), done by all cores."""
    shares = 1 if K <= ALONE else SHARES
    ends = np.round(K * np.sqrt(np.arange(shares + 1) / shares)).astype(int)  # as many pairs in each
    out = np.zeros((shares, ALONG + rank, K))
    if shares == 1:
        kernel(0, K, *arguments, out[0])
        return out[0]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = [pool.submit(partial(kernel, ends[s], ends[s + 1]), *arguments, out[s]) for s in range(shares)]
    for job in jobs:
        job.result()
    return out.sum(0)
