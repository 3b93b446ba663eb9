r"""The exact chain, compiled: one-pass SGD at finite N in the frame that the weights span.

With :math:`W/\sqrt N = [A, 0]` and :math:`W^*/\sqrt N = [F, 0]` in an orthonormal frame whose first vectors span the
teacher and then the student, a standard normal input is :math:`x = (z, x')` with independent parts, fields are
:math:`\lambda = A z` and :math:`\rho = F z`, and a step adds :math:`c_b z_b^\top/N` for each of the B examples to A,
and outside of the frame the K vectors :math:`\sum_b c_b x'_b/N`. Of these only the Gram matrix counts. It is a
Wishart matrix with :math:`N - \text{columns}` degrees of freedom, and its Bartlett factor makes new columns of A. When
the frame is full, reflections turn it back to M + K columns.

Every array has a last axis of lanes, one a replica, that advance side by side: with LANES of them, loops over lanes are
vector instructions. Arithmetic is the same in each, so that a replica does not depend on who its neighbours are. The
number of lanes is the length of a tuple, `lanes`, hence known to the compiler.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit, types

from tutelage.kernels.units import UNIT
from tutelage.online.kernels.frame import gram_root, normalise, turn_back, widen
from tutelage.online.kernels.variates import bartlett, chi, inlined, refill, take

WIDTH = 8  # of the vectorised loops in compiled units

f8, i8, u8 = types.float64, types.int64, types.uint64


@inlined
def _whole(count):
    """Round `count` up to a multiple of WIDTH."""
    return (count + WIDTH - 1) // WIDTH * WIDTH


@inlined
def _fields(lanes, A, F, z, b, count, x, begin, stride):
    """Write the fields of example b: row f of the fields, students then teachers, begins at begin[f] + b * lanes."""
    K, M, n = A.shape[0], F.shape[0], len(lanes)
    for k in range(K):
        at = k * stride + b * n
        for l in range(n):
            x[at + l] = A[k, 0, l] * z[b, 0, l]
        for j in range(1, count):
            for l in range(n):
                x[at + l] += A[k, j, l] * z[b, j, l]
    for m in range(M):
        at = begin + m * stride + b * n
        for l in range(n):
            x[at + l] = F[m, 0] * z[b, 0, l]
        for j in range(1, M):
            for l in range(n):
                x[at + l] += F[m, j] * z[b, j, l]


@inlined
def _errors(lanes, v, v_star, sigma, noise, g, slope, begin, stride, b, rate, error, c, turn):
    """Write c (b, K, lanes), how far each w_k moves along x / sqrt N; add error g to turn. All of example b."""
    K, n = v.shape[0], len(lanes)
    for l in range(n):
        error[l] = -sigma * noise[0, b, l]
    for k in range(K):
        for l in range(n):
            error[l] += v[k, l] * g[k * stride + b * n + l]
    for m in range(v_star.shape[0]):
        for l in range(n):
            error[l] -= v_star[m] * g[begin + m * stride + b * n + l]
    for k in range(K):
        for l in range(n):
            c[b, k, l] = -rate * v[k, l] * slope[k * stride + b * n + l] * error[l]
            turn[k, l] += error[l] * g[k * stride + b * n + l]


@inlined
def _move_within(lanes, A, c, z, count, decay, scale, move):
    """Decay the first `count` columns of A and add what the mini-batch brings to them; move (lanes,) is overwritten."""
    K, n = A.shape[0], len(lanes)
    if decay != 0.0:
        for k in range(K):
            for j in range(count):
                for l in range(n):
                    A[k, j, l] -= decay * A[k, j, l]
    for b in range(c.shape[0]):
        for k in range(K):
            for l in range(n):
                move[l] = scale * c[b, k, l]
            for j in range(count):
                for l in range(n):
                    A[k, j, l] += move[l] * z[b, j, l]


@inlined
def _move_along(lanes, A, c, count, scale, length):
    """Write the column of A that a single example adds: its part outside of the frame, of this length (1, lanes)."""
    for k in range(A.shape[0]):
        for l in range(len(lanes)):
            A[k, count, l] = c[0, k, l] * (scale * length[0, l])


def _signature(lanes):
    f1, f2, f3 = f8[::1], f8[:, ::1], f8[:, :, ::1]
    return types.void(
        types.UniTuple(i8, lanes), f3, i8[::1], f2, f2, f1, f1, UNIT, f1, UNIT, f1, types.boolean, i8, i8, i8,
        u8[:, :, ::1], f2, f2, i8[:, ::1],
    )  # fmt: skip


def _walk(
    lanes, A, columns, v, F, v_star, rates, student, p, teacher, p_star, same, N, steps, need,
    generator, normals, uniforms, used,
):  # fmt: skip
    """Make `steps` steps of SGD on fresh Gaussian inputs, in place, in each lane.

    Parameters
    ----------
    lanes : tuple of int
        As long as there are lanes, 1 or LANES.
    A : array, shape (K, capacity, lanes)
        Student weights / sqrt(N) in the frame; capacity >= M + K + min(B, K).
    columns : array, shape (1,)
        How many columns of A are in use, M + K at least; beyond them A is zero.
    v : array, shape (K, lanes)
        Readout.
    F, v_star : arrays, shape (M, M), (M,)
        Teacher weights / sqrt(N) in the first M columns of the frame, and their readout.
    rates : array, shape (7,)
        The rule as numbers, in the order of ``Rates``.
    student, p, teacher, p_star : compiled units and their parameters
    same : bool
        Whether the two units are one.
    N : int
        Input dimension, at least M + K.
    need : int
        No step takes more numbers, normal or uniform, but for refused proposals; at most half of what is drawn ahead.
    generator, normals, uniforms, used : arrays, lanes first
        State of the random numbers, numbers drawn ahead, and how many of these are used up.
    """
    K, M, n = A.shape[0], F.shape[0], len(lanes)
    batch, sigma, scale = int(rates[5]), math.sqrt(rates[2]), 1.0 / N
    rate, decay, decay_readout, rate_readout = rates[0] / batch, rates[3] / N, rates[4] / N, rates[1] / (N * rates[5])
    moves, most = rates[0] != 0.0 or rates[3] != 0.0, min(batch, K)
    noise, z = np.zeros((1, batch, n)), np.empty((batch, A.shape[1], n))
    # Fields in rows of `stride`, teachers from `begin` on. Units get whole groups of numbers: what a vectorised loop
    # leaves over costs more than it does.
    stride = batch * n
    begin = K * stride if same else _whole(K * stride)
    size = _whole(begin + M * stride)
    x, g, slope = np.zeros(size), np.empty(size), np.empty(size)
    x_student, g_student, slope_student = x[:begin], g[:begin], slope[:begin]
    x_teacher, g_teacher, slope_teacher = x[begin:], g[begin:], slope[begin:]
    c, turn, length = np.empty((batch, K, n)), np.empty((K, n)), np.empty((1, n))
    error, move = np.empty(n), np.empty(n)
    proposal = np.empty((2, n))
    L, T = np.empty((K, K, n)), np.empty((most, most, n))
    for _ in range(steps):
        count = columns[0]
        for l in range(n):
            if used[l, 0] + need > normals.shape[1] or used[l, 1] + need > uniforms.shape[1]:
                refill(l, generator, normals, uniforms, used, need)
        if sigma > 0.0:
            take(lanes, normals, used, noise, 0, batch)
        for b in range(batch):
            take(lanes, normals, used, z, b, count)
            _fields(lanes, A, F, z, b, count, x, begin, stride)
        if same:
            student(x, p, g, slope)
        else:
            student(x_student, p, g_student, slope_student)
            teacher(x_teacher, p_star, g_teacher, slope_teacher)
        for k in range(K):
            for l in range(n):
                turn[k, l] = 0.0
        for b in range(batch):
            _errors(lanes, v, v_star, sigma, noise, g, slope, begin, stride, b, rate, error, c, turn)
        if moves:
            _move_within(lanes, A, c, z, count, decay, scale, move)
            freedom = N - count
            new = min(most, freedom)
            if new > 0 and batch == 1:
                chi(lanes, freedom, generator, normals, uniforms, used, proposal, length, 0)
                _move_along(lanes, A, c, count, scale, length)
            elif new > 0:
                bartlett(lanes, most, freedom, generator, normals, uniforms, used, proposal, length, T)
                if batch >= K:
                    gram_root(lanes, c, batch, K, L)
                widen(lanes, c, L, T, new, most, scale, A, count)
            columns[0] = count + new
            if rates[6] != 0.0:
                normalise(lanes, A, columns[0], error)
            if columns[0] + most > A.shape[1]:
                turn_back(lanes, A, M, columns[0])
                columns[0] = M + K
        for k in range(K):
            for l in range(n):
                v[k, l] -= rate_readout * turn[k, l] + decay_readout * v[k, l]


@lru_cache
def walk(lanes: int) -> Any:
    """Return :func:`_walk` compiled for so many lanes, 1 or LANES."""
    return njit(_signature(lanes), cache=True, error_model="numpy", nogil=True)(_walk)
