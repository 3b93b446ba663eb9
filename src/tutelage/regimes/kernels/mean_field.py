r"""Sums over all pairs of particles, averaged over the frames of their weights off the teacher's span.

Particle i has coordinates m_i in the teacher's span and a length r_i off it; the covariance of the fields of i and j is
:math:`c = m_i \cdot m_j + r_i r_j \xi`, where xi, the cosine of two directions, is averaged by a Gauss rule. With
:math:`I(p, c, q) = \langle g(x) g(y) \rangle` for variances p, q and covariance c, and its derivatives by them, a
kernel writes for each particle i

.. math:: \sum_{j \ne i} v_j \Big\{ 2 \langle I_p \rangle_\xi, \; r_j \langle \xi I_c \rangle_\xi, \;
          \langle I \rangle_\xi, \; \langle I_c \rangle_\xi \, m_j \Big\}

into the rows RADIAL, ACROSS, VALUE and the last, one for each coordinate, of `out`. A pair is looked at once, from
its later particle; `first` and `last` bound that. Loops over the other are vector instructions, a block at a time.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from tutelage.kernels.elementary import asin

__all__ = ["ACROSS", "ALONG", "RADIAL", "VALUE", "erf_pairs", "kinked_pairs", "series_pairs"]

RADIAL, ACROSS, VALUE, ALONG = 0, 1, 2, 3  # rows of the output; of the averages over xi: I_p, xi I_c, I, I_c
BY_Q = 4
BLOCK = 256  # particles at once: the arrays over them stay in the nearest cache
_TWO_OVER_PI, _QUARTER = 2 / math.pi, math.pi / 2

f8, i8, b1 = types.float64, types.int64, types.boolean
# first, last, m (r, K), radius (K,), variance (K,), v (K,), nodes, weights, values
_COMMON = (i8, i8, f8[:, ::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1], b1)
_compiled = {"cache": True, "error_model": "numpy", "nogil": True, "fastmath": {"contract"}}
_sums = {"cache": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}


@njit(**_sums)
def _overlaps(i, low, high, m, radius, fixed, lever):
    """Write m_i.m_j and r_i r_j of the particles j from `low` to `high`."""
    for j in range(low, high):
        fixed[j - low] = 0.0
        lever[j - low] = radius[i] * radius[j]
    for n in range(m.shape[0]):
        for j in range(low, high):
            fixed[j - low] += m[n, i] * m[n, j]


@njit(**_sums)
def _add(i, low, high, m, radius, v, average, values, out):
    """Add the averages over xi of the pairs (i, low..high) to the sums of both particles."""
    radial = across = value = 0.0
    for j in range(low, high):
        b = j - low
        radial += 2 * v[j] * average[RADIAL, b]
        across += v[j] * radius[j] * average[ACROSS, b]
        out[RADIAL, j] += 2 * v[i] * average[BY_Q, b]
        out[ACROSS, j] += v[i] * radius[i] * average[ACROSS, b]
    out[RADIAL, i] += radial
    out[ACROSS, i] += across
    if values:
        for j in range(low, high):
            value += v[j] * average[VALUE, j - low]
            out[VALUE, j] += v[i] * average[VALUE, j - low]
        out[VALUE, i] += value
    for n in range(m.shape[0]):
        along = 0.0
        for j in range(low, high):
            along += v[j] * average[ALONG, j - low] * m[n, j]
            out[ALONG + n, j] += v[i] * average[ALONG, j - low] * m[n, i]
        out[ALONG + n, i] += along


@njit(types.void(*_COMMON, f8[:, ::1]), **_compiled)
def erf_pairs(first, last, m, radius, variance, v, nodes, weights, values, out):
    r"""Pairs of erf units.

    All derivatives of :math:`I = (2/\pi) \arcsin(c / \sqrt{(1 + p)(1 + q)})` (Saad & Solla 1995) follow from
    :math:`\langle D^{-1/2} \rangle` and :math:`\langle \xi D^{-1/2} \rangle`, with :math:`D = (1 + p)(1 + q) - c^2`.
    """
    fixed, lever, size, average = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty((5, BLOCK))
    for i in range(first, last):
        for low in range(0, i, BLOCK):
            high = min(low + BLOCK, i)
            width = high - low
            _overlaps(i, low, high, m, radius, fixed, lever)
            for b in range(width):
                size[b] = (1 + variance[i]) * (1 + variance[low + b])
                average[ACROSS, b] = average[VALUE, b] = average[ALONG, b] = 0.0
            for k in range(nodes.shape[0]):
                xi, weight = nodes[k], _TWO_OVER_PI * weights[k]
                for b in range(width):
                    c = fixed[b] + lever[b] * xi
                    share = weight / math.sqrt(size[b] - c * c)
                    average[ALONG, b] += share
                    average[ACROSS, b] += xi * share
                if values:
                    for b in range(width):
                        average[VALUE, b] += weight * asin((fixed[b] + lever[b] * xi) / math.sqrt(size[b]))
            for b in range(width):
                bend = -0.5 * (fixed[b] * average[ALONG, b] + lever[b] * average[ACROSS, b])
                average[RADIAL, b] = bend / (1 + variance[i])
                average[BY_Q, b] = bend / (1 + variance[low + b])
            _add(i, low, high, m, radius, v, average, values, out)


@njit(**_sums)
def _apart(i, low, high, m, radius, fixed, apart):
    r"""Write the part of :math:`p q - c^2` that is common to all cosines, without a difference of large numbers.

    With :math:`\sigma` the sign of :math:`m_i \cdot m_j \, r_i r_j`, it is a sum of squares and terms of one sign,

    .. math:: p q - c^2 = |m_i \wedge m_j|^2 + |r_i m_j - \sigma r_j m_i|^2
              + 2 (1 - \sigma \xi) |m_i \cdot m_j \, r_i r_j| + r_i^2 r_j^2 (1 - \xi^2) .
    """
    for b in range(high - low):
        apart[b] = 0.0
    for n in range(m.shape[0]):
        for j in range(low, high):
            sign = -1.0 if fixed[j - low] * radius[i] * radius[j] < 0.0 else 1.0
            apart[j - low] += (radius[i] * m[n, j] - sign * radius[j] * m[n, i]) ** 2
        for k in range(n):
            for j in range(low, high):
                apart[j - low] += (m[n, i] * m[k, j] - m[k, i] * m[n, j]) ** 2


@njit(types.void(*_COMMON, f8, f8, f8[:, ::1]), **_compiled)
def kinked_pairs(first, last, m, radius, variance, v, nodes, weights, values, slope, kink, out):
    r"""Pairs of units :math:`g(x) = \text{slope} \, x + \text{kink} \, |x|`: (leaky) ReLU.

    .. math:: \langle |x| |y| \rangle = \tfrac{2}{\pi} \big(\sqrt\Delta + c \varphi\big), \quad
              I_c = \tfrac{2}{\pi} \varphi, \quad I_p = \frac{\sqrt\Delta}{\pi p}, \qquad
              \Delta = p q - c^2, \quad \varphi = \arcsin \frac{c}{\sqrt{p q}}

    The angle comes from the smaller of its sine and cosine: fields may be parallel.
    """
    fixed, lever, average = np.empty(BLOCK), np.empty(BLOCK), np.empty((5, BLOCK))
    apart, scale, angle, root = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    line, bent = slope * slope, kink * kink * _TWO_OVER_PI
    for i in range(first, last):
        for low in range(0, i, BLOCK):
            high = min(low + BLOCK, i)
            width = high - low
            _overlaps(i, low, high, m, radius, fixed, lever)
            _apart(i, low, high, m, radius, fixed, apart)
            average[:] = 0.0
            for b in range(width):
                size = variance[i] * variance[low + b]
                scale[b] = 1 / math.sqrt(size) if size > 0.0 else 0.0
            for k in range(nodes.shape[0]):
                xi, weight = nodes[k], weights[k]
                for b in range(width):
                    product = fixed[b] * lever[b]
                    signed = xi if product >= 0.0 else -xi
                    square = lever[b] * lever[b] * (1 - xi * xi)
                    root[b] = math.sqrt(apart[b] + 2 * (1 - signed) * abs(product) + square)
                for b in range(width):
                    c = fixed[b] + lever[b] * xi
                    sine, cosine = abs(c) * scale[b], root[b] * scale[b]
                    near = asin(min(sine, cosine))
                    size = near if sine < cosine else _QUARTER - near
                    angle[b] = size if c > 0.0 else -size
                for b in range(width):
                    c = fixed[b] + lever[b] * xi
                    by_c = line + bent * angle[b]
                    average[ALONG, b] += weight * by_c
                    average[ACROSS, b] += weight * xi * by_c
                    average[RADIAL, b] += weight * 0.5 * bent * root[b]
                    average[VALUE, b] += weight * (c * by_c + bent * root[b])
            for b in range(width):
                p, q, half = variance[i], variance[low + b], average[RADIAL, b]
                average[RADIAL, b] = half / p if p > 0.0 else 0.0
                average[BY_Q, b] = half / q if q > 0.0 else 0.0
            _add(i, low, high, m, radius, v, average, values, out)


@njit(**_sums)
def _next_moments(n, l, width, a, bend, moment, before):
    """Put the averages of order l + 1 in the place of those of order l, and these in that of order l - 1."""
    ahead, back = (n - 1 + 2 * l) / (n - 1 + l) if l > 0 else 1.0, l / (n - 1 + l) if l > 0 else 0.0
    for b in range(width):
        after = ahead * a[b] * moment[b] + back * bend[b] * before[b]
        before[b] = moment[b]
        moment[b] = after


@njit(
    types.void(i8, i8, f8[:, ::1], f8[::1], f8[::1], f8[::1], f8, i8[::1], f8, b1, f8[:, :, ::1], f8[:, ::1]),
    **_compiled,
)
def series_pairs(first, last, m, radius, variance, v, n, limits, negligible, values, tables, out):
    r"""Pairs of any units, from the Hermite coefficients of :math:`g, g', g''` in the unit of each field.

    `tables` (3, orders, K) holds them: :math:`\langle g(x) h(y) \rangle = \sum_l \hat g_l \hat h_l \, \rho^l`.
    For particle i the series ends at limits[i], or where :math:`|\rho|^l` is `negligible`. The averages of
    :math:`\rho = a + b \xi` in n dimensions obey, by parts,

    .. math:: (n - 1 + l) \mu_{l+1} = (n - 1 + 2 l) \, a \mu_l + l \, (b^2 - a^2) \mu_{l-1}, \qquad
              \langle \xi \rho^l \rangle_n = \frac{l b}{n} \langle \rho^{l-1} \rangle_{n+2} .
    """
    fixed, lever, average = np.empty(BLOCK), np.empty(BLOCK), np.empty((5, BLOCK))
    bend, moment, before = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    other, earlier = np.empty(BLOCK), np.empty(BLOCK)
    for i in range(first, last):
        for low in range(0, i, BLOCK):
            high = min(low + BLOCK, i)
            width, orders = high - low, limits[i]
            _overlaps(i, low, high, m, radius, fixed, lever)
            average[:] = 0.0
            reach = 0.0
            for b in range(width):
                orders = max(orders, limits[low + b])
                size = variance[i] * variance[low + b]
                scale = 1 / math.sqrt(size) if size > 0.0 else 0.0
                fixed[b] *= scale
                lever[b] *= scale
                reach = max(reach, abs(fixed[b]) + abs(lever[b]))
                bend[b] = lever[b] * lever[b] - fixed[b] * fixed[b]
                moment[b], before[b] = 1.0, 0.0  # of order l and l - 1
                other[b], earlier[b] = 0.0, 0.0  # in n + 2 dimensions, of order l - 1 and l - 2
            power = 1.0
            for l in range(orders):
                if power < negligible:
                    break
                power *= reach
                g, dg, ddg = tables[0, l, i], tables[1, l, i], tables[2, l, i]
                if dg != 0.0:
                    for b in range(width):
                        both = dg * tables[1, l, low + b]
                        average[ALONG, b] += both * moment[b]
                        average[ACROSS, b] += both * (l / n) * lever[b] * other[b]
                if g != 0.0 or ddg != 0.0:
                    for b in range(width):
                        average[RADIAL, b] += 0.5 * ddg * tables[0, l, low + b] * moment[b]
                        average[BY_Q, b] += 0.5 * g * tables[2, l, low + b] * moment[b]
                if values and g != 0.0:
                    for b in range(width):
                        average[VALUE, b] += g * tables[0, l, low + b] * moment[b]
                _next_moments(n, l, width, fixed, bend, moment, before)
                if l == 0:
                    other[:width] = 1.0
                else:
                    _next_moments(n + 2, l - 1, width, fixed, bend, other, earlier)
            _add(i, low, high, m, radius, v, average, values, out)
