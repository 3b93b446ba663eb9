r"""Gaussian smoothing of a smooth function g on a grid: one table for each field that is not known exactly.

A field that is known to be m, up to a normal part of standard deviation s, has the coefficients

.. math:: T_n(m) = \int g(m + s \xi)\, he_n(\xi)\, \phi(\xi)\, d\xi , \qquad he_n = He_n / \sqrt{n!} ,

and two such fields whose normal parts have correlation :math:`\rho` obey Mehler's formula

.. math:: \langle g(x_c) h(x_d) \rangle = \sum_n \rho^n T^c_n(m_c) T^d_n(m_d) , \qquad
          \sum_n T_n^2 = \langle g^2 \rangle .

Tables stand on the grid on which g was sampled, so that the integral over :math:`\xi` by the trapezoidal rule is a sum
over samples with weights that are the same for every m: a stencil. Between rows one interpolates with POINTS points.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = [
    "CAP", "COLUMNS", "FINER", "POINTS", "Samples", "begin_stencil", "interpolate", "lagrange", "next_stencil",
    "parity", "plan_stencil", "smooth_column", "tabulate",
]  # fmt: skip

COLUMNS = 16  # of a block of a table: what a vectorised loop takes at once
POINTS = 10  # of the interpolation: exact for polynomials up to degree 9
FINER = 4  # samples to a step of the trapezoidal rule
CAP = 0.6  # step in standard deviations that no smoothness lets one exceed: the Gaussian itself needs it
_WIDEST = 4  # samples between nodes of a stencil: one factor is smoother than the product of four
_NARROW = 0.5  # step in standard deviations of a stencil narrower than the samples
_UNROLLED = 8  # taps of a stencil at once
_DENSITY = 1 / math.sqrt(2 * math.pi)
_INVERSE = tuple((-1) ** (9 - q) / (math.factorial(q) * math.factorial(9 - q)) for q in range(POINTS))

_fast = {"cache": True, "error_model": "numpy", "fastmath": {"contract"}}


class Samples(NamedTuple):
    """g, g' and g^2 of student and teacher, each (2, 2 half + 1), at multiples of `spacing`."""

    spacing: float
    half: int
    value: np.ndarray
    slope: np.ndarray
    square: np.ndarray
    parity: int  # 1 if both are even, -1 if both are odd, else 0


@njit(cache=True, error_model="numpy")
def parity(value):
    """Return 1 if the functions sampled in the rows of `value` are all even about the middle, -1 if odd, else 0."""
    even = odd = True
    n = value.shape[1]
    for u in range(value.shape[0]):
        for p in range(n // 2 + 1):
            one, other = value[u, p], value[u, n - 1 - p]
            rounding = 1e-14 * (abs(one) + abs(other))
            even = even and abs(one - other) <= rounding
            odd = odd and abs(one + other) <= rounding
    return 1 if even else (-1 if odd else 0)


@njit(forceinline=True, **_fast)
def lagrange(t, weights, at):
    """Write the weights of the points -4 .. 5 for interpolation at 0 <= t < 1 to weights[at : at + POINTS]."""
    product = 1.0
    for q in range(POINTS):
        weights[at + q] = product * _INVERSE[q]
        product *= t + 4.0 - q
    product = 1.0
    for q in range(POINTS - 1, -1, -1):
        weights[at + q] *= product
        product *= t + 4.0 - q


@njit(cache=True, error_model="numpy")
def plan_stencil(spread, spacing, reach, plan):
    """Write (nodes, stride, first tap, taps) of the stencil of a normal part of standard deviation `spread`.

    Its nodes are samples if they may be as close as that; otherwise each node takes POINTS samples around it.
    """
    stride = int(min(CAP * spread / spacing, _WIDEST))
    if stride >= 1:
        J = math.ceil(reach * spread / (stride * spacing))
        plan[0], plan[1], plan[2], plan[3] = 2 * J + 1, stride, -J * stride, 2 * J + 1
    else:
        J = math.ceil(reach / _NARROW)
        width = math.ceil(J * _NARROW * spread / spacing)
        plan[0], plan[1], plan[2], plan[3] = 2 * J + 1, 0, -width - 4, 2 * width + POINTS


@njit(cache=True, error_model="numpy")
def begin_stencil(spread, spacing, weight, plan, node, now, before):
    """Write the nodes xi and weight he_n phi h at n = 0 (`now`) and n = -1 (`before`); return where n must end.

    Beyond that he_n turns faster than the nodes can follow.
    """
    nodes = plan[0]
    h = plan[1] * spacing / spread if plan[1] > 0 else _NARROW
    for j in range(nodes):
        node[j] = (j - nodes // 2) * h
        now[j] = weight * h * _DENSITY * math.exp(-0.5 * node[j] ** 2)
        before[j] = 0.0
    return int((math.pi / h) ** 2)


@njit(**_fast)
def next_stencil(order, columns, ratio, plan, node, now, before, hermite, stencil):
    """Write the stencils of the orders n = order, order + 1, ... to the last `columns` of `stencil`; go on with n.

    `ratio` is the standard deviation in samples. Rows of zeros fill `stencil` (taps, COLUMNS), flat, up to a whole
    number of loops. In the first block, where columns < COLUMNS, column 0 gets n = 0 as well.
    """
    nodes = plan[0]
    rows = hermite if plan[1] == 0 else stencil
    padded = (plan[3] + _UNROLLED - 1) // _UNROLLED * _UNROLLED
    stencil[: padded * COLUMNS] = 0.0
    rows[: nodes * COLUMNS] = 0.0
    for column in range(COLUMNS - columns, COLUMNS):
        n = order + column - (COLUMNS - columns)
        one = 1 / math.sqrt(n + 1.0)
        two = math.sqrt(n) * one
        for j in range(nodes):
            rows[j * COLUMNS + column] = now[j]
            new = one * node[j] * now[j] - two * before[j]
            before[j] = now[j]
            now[j] = new
    if columns < COLUMNS:
        for j in range(nodes):
            rows[j * COLUMNS] = rows[j * COLUMNS + COLUMNS - columns]
    if plan[1] == 0:
        weights = np.empty(POINTS)
        for j in range(nodes):
            position = node[j] * ratio
            whole = math.floor(position)
            lagrange(position - whole, weights, 0)
            tap = int(whole) - 4 - plan[2]
            for q in range(POINTS):
                for n in range(COLUMNS):
                    stencil[(tap + q) * COLUMNS + n] += weights[q] * hermite[j * COLUMNS + n]
    return padded


@njit(**_fast)
def tabulate(g, start, stride, padded, stencil, table, rows):
    """Write table[p, n] = sum_r g[start + p + r stride] stencil[r, n], both flat, for `rows` rows."""
    for p in range(rows):
        out = p * COLUMNS
        for n in range(COLUMNS):
            table[out + n] = 0.0
        for r in range(0, padded, _UNROLLED):
            a = start + p + r * stride
            s = r * COLUMNS
            g0, g1, g2, g3 = g[a], g[a + stride], g[a + 2 * stride], g[a + 3 * stride]
            a += 4 * stride
            g4, g5, g6, g7 = g[a], g[a + stride], g[a + 2 * stride], g[a + 3 * stride]
            for n in range(COLUMNS):
                table[out + n] += (
                    g0 * stencil[s + n]
                    + g1 * stencil[s + 16 + n]
                    + g2 * stencil[s + 32 + n]
                    + g3 * stencil[s + 48 + n]
                    + g4 * stencil[s + 64 + n]
                    + g5 * stencil[s + 80 + n]
                    + g6 * stencil[s + 96 + n]
                    + g7 * stencil[s + 112 + n]
                )


@njit(**_fast)
def smooth_column(g, start, stride, taps, stencil, factor, column, table, rows, buffer):
    """Write factor times the average of `g` by the stencil in column 0 to `column` of the table."""
    buffer[:rows] = 0.0
    for r in range(taps):
        weight = factor * stencil[r * COLUMNS]
        a = start + r * stride
        for p in range(rows):
            buffer[p] += weight * g[a + p]
    for p in range(rows):
        table[p * COLUMNS + column] = buffer[p]


@njit(forceinline=True, **_fast)
def interpolate(weights, w, table, row, out, at):
    """Write the row between rows of the table, all flat, to out[at : at + COLUMNS]."""
    w0, w1, w2, w3, w4 = weights[w], weights[w + 1], weights[w + 2], weights[w + 3], weights[w + 4]
    w5, w6, w7, w8, w9 = weights[w + 5], weights[w + 6], weights[w + 7], weights[w + 8], weights[w + 9]
    for n in range(COLUMNS):
        t = row * COLUMNS + n
        out[at + n] = (
            w0 * table[t]
            + w1 * table[t + 16]
            + w2 * table[t + 32]
            + w3 * table[t + 48]
            + w4 * table[t + 64]
            + w5 * table[t + 80]
            + w6 * table[t + 96]
            + w7 * table[t + 112]
            + w8 * table[t + 128]
            + w9 * table[t + 144]
        )
