r"""Equations of motion for any smooth activations, compiled: by quadrature in the fields' own units.

For students i, k the averages over :math:`(x_i, x_k)` are sums over a grid z of the plane by the trapezoidal rule
(exponentially exact for analytic g). Given z, every other field is :math:`x_c = m_c(z) + s_c \xi_c` with a known
correlation :math:`\rho_{cd}` of :math:`\xi_c, \xi_d`, and with the tables T of :mod:`tutelage.kernels.smooth`

.. math::

    \sum_{cd} a_c a_d I_4(i, k, c, d) = \Big\langle g'_i g'_k \Big[ \Big(\sum_c a_c T^c_0\Big)^2
        + \sum_c a_c^2 \big(\langle g^2 \rangle_c - (T^c_0)^2\big)
        + 2 \sum_{c < d} a_c a_d \sum_{n \ge 1} \rho_{cd}^n T^c_n T^d_n \Big] \Big\rangle_z .

What is left of the last sum after N orders is at most :math:`|\rho|^N` times what is left of Parseval's sums, and the
orders end when that is negligible. On the line i = k the same tables give, with Stein's lemma and Cov given x_i,

.. math::

    I_3(i, n, c) = \frac{C_{in}}{\sigma_i} \langle z g'_i T^c_0 \rangle + \mathrm{Cov}(n, c | i) \langle g'_i
        \langle g'_c | z \rangle \rangle , \qquad I_2(i, c) = \langle g_i T^c_0 \rangle .

Nothing is divided by a conditional variance that may vanish. With :math:`n \approx 15 \sigma/` step nodes to a
dimension, at least 25, this costs about :math:`K^2/2 \cdot n^2 \cdot N \cdot [10 (P - 2) + (P - 2)^2/2]`
multiplications, half of it if g and g* are both even or both odd. N is 14 to 30 for tanh at unit variance; it grows
with the correlation and with the variance.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.kernels import smooth
from tutelage.kernels.smooth import COLUMNS, POINTS, interpolate
from tutelage.online.kernels.model import SIGNATURE, assemble, outside, raised, unpack
from tutelage.online.kernels.plane import (
    clip,
    condition,
    largest_deviation,
    line_or_plane,
    locate,
    measure_reach,
    prune,
    take_samples,
)

FIRST = COLUMNS - 2  # orders in the first block, whose other columns are <g^2> and <g'>
NEGLIGIBLE = 3e-12  # of the sum of squares: where the orders end

_plain = {"cache": True, "error_model": "numpy"}
_fast = {"cache": True, "error_model": "numpy", "fastmath": {"contract"}}


@njit(**_fast)
def _accumulate(nodes, row, weights, table, active, starting, gram, left, v):
    """Add the nodes' share to gram[pair, n] = <q T_n T_n> and take it from left[c] = <|q| (<g^2> - sum_n T_n^2)>.

    In the first block, return the part that needs no correlations, and the scale <|q| sum_c <g^2>>.
    """
    m = active.shape[0]
    total = scale = 0.0
    for p in range(nodes.shape[0]):
        q = nodes[p, 3]
        size = abs(q)
        for c in range(m):
            if active[c]:
                interpolate(weights, (p * m + c) * POINTS, table, row[p * m + c], v, c * COLUMNS)
        if starting:
            mean, own = nodes[p, 4], 0.0
            for c in range(m):
                at = c * COLUMNS
                variance = v[at] - v[at + 2] ** 2
                mean += v[at + 2]
                own += variance
                left[c] += size * variance
                scale += size * v[at]
                v[at] = v[at + 1] = v[at + 2] = 0.0
            total += q * (mean * mean + own)
        pair = 0
        for c in range(m):
            one = c * COLUMNS
            if active[c]:
                for n in range(COLUMNS):
                    gram[(m * (m - 1) // 2 + c) * COLUMNS + n] += size * v[one + n] * v[one + n]
            for d in range(c):
                if active[c] and active[d]:
                    two = d * COLUMNS
                    for n in range(COLUMNS):
                        gram[pair * COLUMNS + n] += q * v[one + n] * v[two + n]
                pair += 1
    return total, scale


@njit(**_plain)
def _close(order, starting, scale, correlation, limit, power, live, active, gram, left):
    """Return 2 sum_pairs sum_n rho^n gram of a block, and whether more is needed; mark which pairs and fields do."""
    m = active.shape[0]
    total, pair, more = 0.0, 0, False
    skip = COLUMNS - FIRST if starting else 0
    for c in range(m):
        for n in range(COLUMNS):
            left[c] -= gram[(m * (m - 1) // 2 + c) * COLUMNS + n]
    active[:] = False
    for c in range(m):
        for d in range(c):
            if live[pair]:
                for n in range(skip, COLUMNS):
                    total += 2.0 * power[pair] * gram[pair * COLUMNS + n]
                    power[pair] *= correlation[pair]
                rest = 2.0 * abs(power[pair]) * math.sqrt(max(left[c], 0.0) * max(left[d], 0.0))
                end = order + COLUMNS - skip
                live[pair] = rest > NEGLIGIBLE * scale and end < min(limit[c], limit[d])
                if live[pair]:
                    active[c] = active[d] = more = True
            pair += 1
    gram[:] = 0.0
    return total, more


@njit(**_plain)
def _fill(samples, unit, weight, starting, plan, padded, stencil, table, begin, half, buffer):
    """Fill the rows of one field's table for one block of orders, by symmetry where there is one."""
    low = 0 if samples.parity != 0 else -half
    rows, top = half - low + 1, begin + half + low
    start, stride = samples.half + low + plan[2], max(plan[1], 1)
    part = table[top * COLUMNS :]
    smooth.tabulate(samples.value[unit], start, stride, padded, stencil, part, rows)
    if starting:
        smooth.smooth_column(samples.square[unit], start, stride, plan[3], stencil, weight, 0, part, rows, buffer)
        smooth.smooth_column(samples.slope[unit], start, stride, plan[3], stencil, 1.0, 1, part, rows, buffer)
    if samples.parity != 0:
        # Blocks begin with even n: there and for column 2 of the first, T_n has the parity of g in even columns.
        for p in range(1, half + 1):
            above, below = (begin + half + p) * COLUMNS, (begin + half - p) * COLUMNS
            for n in range(0, COLUMNS, 2):
                table[below + n] = samples.parity * table[above + n]
                table[below + n + 1] = -samples.parity * table[above + n + 1]
            if starting:
                table[below] = table[above]


@njit(**_fast)
def _line(C, a, i, nodes, rest, along, row, weights, table, v, drift, slope):
    """Write sum_c a_c I3(i, n, c) for all n and sum_c a_c I2(i, c) from the tables on the line of field i."""
    m = rest.shape[0]
    drift[:] = 0.0
    slope[i] = 0.0
    own = 0.0
    for p in range(nodes.shape[0]):
        slope[i] += a[i] * nodes[p, 2] * nodes[p, 5] ** 2
        own += a[i] * nodes[p, 2] * nodes[p, 0] * nodes[p, 5] * nodes[p, 6]
    for c in range(m):
        parallel = across = 0.0
        for p in range(nodes.shape[0]):
            interpolate(weights, (p * m + c) * POINTS, table, row[p * m + c], v, 0)
            slope[i] += nodes[p, 2] * nodes[p, 5] * v[2]
            parallel += nodes[p, 2] * nodes[p, 6] * nodes[p, 0] * v[2]
            across += nodes[p, 2] * nodes[p, 6] * v[1]
        own += parallel
        for n in range(C.shape[0]):
            drift[n] += (C[n, rest[c]] - along[n] * along[rest[c]]) * across
    for n in range(C.shape[0]):
        drift[n] += along[n] * own


@njit(**_plain)
def _plan(a, rest, along, across, spread, samples, reach, begin, half, plan, limit, state):
    """Lay out tables and stencils of all fields; return the rows of all tables."""
    m = rest.shape[0]
    rows = 0
    for c in range(m):
        f = rest[c]
        begin[c] = rows
        half[c] = math.ceil(reach * math.sqrt(along[f] ** 2 + across[f] ** 2) / samples.spacing) + 6
        rows += 2 * half[c] + 1
        limit[c] = smooth.begin_stencil(
            spread[f], samples.spacing, a[f], plan[c], state[c, 0], state[c, 1], state[c, 2]
        )
    return rows


@njit(**_plain)
def _pair(C, a, model, student, samples, reach, growth, i, k, drift, slope):
    """Return sum_cd a_c a_d I4(i, k, c, d) + noise_variance J2(i, k); for i = k also write drift[i] and slope[i]."""
    P, K = C.shape[0], C.shape[0] - model.T.shape[0]
    first, second = (i, k) if C[i, i] >= C[k, k] else (k, i)
    along, across, spread = np.empty(P), np.empty(P), np.empty(P)
    condition(C, first, second, along, across, spread)
    nodes = line_or_plane(a, model, student, first, second, along, across, reach, samples.parity != 0)
    if i != k:
        nodes = nodes[: prune(nodes, growth)]
    rest, m = np.empty(P, np.int64), 0
    for c in range(P):
        if c != i and c != k and a[c] != 0.0:
            rest[m] = c
            m += 1
    rest = rest[:m]
    plan, limit, most = np.empty((m, 4), np.int64), np.empty(m, np.int64), 0
    for c in range(m):
        smooth.plan_stencil(spread[rest[c]], samples.spacing, reach, plan[c])
        most = max(most, plan[c, 0], plan[c, 3])
    begin, half, state = np.empty(m, np.int64), np.empty(m, np.int64), np.empty((m, 3, most))
    table = np.empty(COLUMNS * _plan(a, rest, along, across, spread, samples, reach, begin, half, plan, limit, state))
    row, weights = np.empty(nodes.shape[0] * m, np.int64), np.empty(nodes.shape[0] * m * POINTS)
    locate(nodes, rest, along, across, samples.spacing, begin, half, row, weights)

    pairs = m * (m - 1) // 2
    correlation, power, live, active = np.empty(pairs), np.ones(pairs), np.ones(pairs, np.bool_), np.ones(m, np.bool_)
    pair = 0
    for c in range(m):
        for d in range(c):
            e, f = rest[c], rest[d]
            product = spread[e] * spread[f]
            shared = C[e, f] - along[e] * along[f] - across[e] * across[f]
            correlation[pair] = clip(shared / product, 1.0) if product > 0.0 else 0.0
            pair += 1
    gram, left, v = np.zeros((pairs + m) * COLUMNS), np.zeros(m), np.zeros((m + 1) * COLUMNS)
    hermite, stencil = np.empty((most + 8) * COLUMNS), np.empty((most + 8) * COLUMNS)
    buffer = np.empty(table.shape[0] // COLUMNS)
    total, scale, order, starting = 0.0, 0.0, 0, True
    for p in range(nodes.shape[0]):
        total += model.noise_variance * nodes[p, 3] if model.powers > 0 else 0.0
    if model.powers < 2 and i != k:
        return total
    while True:
        for c in range(m):
            if active[c]:
                ratio = spread[rest[c]] / samples.spacing
                columns = FIRST if starting else COLUMNS
                s = state[c]
                padded = smooth.next_stencil(order, columns, ratio, plan[c], s[0], s[1], s[2], hermite, stencil)
                unit = 0 if rest[c] < K else 1
                _fill(samples, unit, a[rest[c]], starting, plan[c], padded, stencil, table, begin[c], half[c], buffer)
        if starting and i == k:
            _line(C, a, i, nodes, rest, along, row, weights, table, v, drift[i], slope)
            if model.lr == 0.0 or model.powers < 2:
                return total
        part, size = _accumulate(nodes, row, weights, table, active, starting, gram, left, v)
        total += part
        if starting:
            scale = size
        part, more = _close(order, starting, scale, correlation, limit, power, live, active, gram, left)
        total += part
        if not more:
            return total
        order += FIRST if starting else COLUMNS
        starting = False


@njit(**_plain)
def _velocity(y, model, student, teacher, C, a, work, dy):
    """Write dy/dalpha for a state with a positive semidefinite covariance."""
    K = C.shape[0] - model.T.shape[0]
    unpack(y, model, C, a, K)
    drift, spread, slope = work[:K], work[K : 2 * K], work[2 * K]
    drift[:] = 0.0
    spread[:] = 0.0
    slope[:] = 0.0
    sigma = largest_deviation(C, a, model.step)
    if sigma < 0.0:
        dy[:] = math.nan
        return
    if model.lr != 0.0 or model.lr_readout != 0.0:
        reach, growth = measure_reach(model, student, teacher, sigma)
        samples = take_samples(model, student, teacher, sigma, reach)
        for i in range(K):
            for k in range(i, -1, -1):
                if k == i or (model.lr != 0.0 and model.powers > 0 and a[i] * a[k] != 0.0):
                    value = _pair(C, a, model, student, samples, reach, growth, i, k, drift, slope)
                    spread[i, k] = spread[k, i] = value
    assemble(model, C, a, K, drift, spread, slope, dy)


@njit(SIGNATURE, nogil=True, **_plain)
def general_velocity(y, model, student, teacher, C, a, work, dy):
    """Write dy/dalpha for smooth units of any kind; NaN beyond MOST steps in the largest standard deviation.

    A state whose covariance has a negative eigenvalue, as rounding and the integrator's errors make it where students
    coincide, gets the analytic continuation, extrapolated linearly from two states inside.
    """
    K, M = C.shape[0] - model.T.shape[0], model.T.shape[0]
    unpack(y, model, C, a, K)
    more = outside(C) if largest_deviation(C, a, model.step) >= 0.0 else 0.0
    if more == 0.0:
        _velocity(y, model, student, teacher, C, a, work, dy)
        return
    further = np.empty_like(dy)
    _velocity(raised(y, K, M, more), model, student, teacher, C, a, work, dy)
    _velocity(raised(y, K, M, 2.0 * more), model, student, teacher, C, a, work, further)
    for p in range(dy.shape[0]):
        dy[p] = 2.0 * dy[p] - further[p]
