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

from tutelage.kernels.draws import fill_normal, fill_uniform
from tutelage.kernels.units import UNIT

WIDTH = 8  # of the vectorised loops in compiled units

f8, i8, u8 = types.float64, types.int64, types.uint64

_inlined = njit(cache=True, forceinline=True, error_model="numpy")
_compiled = njit(cache=True, error_model="numpy")


@_inlined
def _whole(count):
    """Round `count` up to a multiple of WIDTH."""
    return (count + WIDTH - 1) // WIDTH * WIDTH


@_inlined
def _normal(l, normals, used):
    """Return the next normal number of a lane."""
    used[l, 0] += 1
    return normals[l, used[l, 0] - 1]


@_inlined
def _uniform(l, uniforms, used):
    used[l, 1] += 1
    return uniforms[l, used[l, 1] - 1]


@_compiled
def refill(l, generator, normals, uniforms, used, most):
    """Draw anew for a lane that may run out within `most` more numbers of either kind; what was left is dropped."""
    if used[l, 0] + most > normals.shape[1]:
        fill_normal(generator[l], normals[l])
        used[l, 0] = 0
    if used[l, 1] + most > uniforms.shape[1]:
        fill_uniform(generator[l], uniforms[l])
        used[l, 1] = 0


@_inlined
def take(lanes, normals, used, out, b, count):
    """Move the next `count` normal numbers of each lane to out[b, :count]."""
    for l in range(len(lanes)):
        for j in range(count):
            out[b, j, l] = normals[l, used[l, 0] + j]
        used[l, 0] += count


@_compiled
def _chi_again(l, d, c, x, u, generator, normals, uniforms, used):
    """Return a length of :func:`chi` for a lane whose first proposal was not accepted at once."""
    while True:
        root = 1.0 + c * x
        if root > 0.0:
            cube = root * root * root
            if math.log(u) < 0.5 * (x * x) + d * (1.0 - cube + math.log(cube)):
                return math.sqrt(2.0 * d * cube)
        refill(l, generator, normals, uniforms, used, 1)
        x, u = _normal(l, normals, used), _uniform(l, uniforms, used)


@_inlined
def chi(lanes, freedom, generator, normals, uniforms, used, proposal, out, i):
    """Write the length of a normal vector in `freedom` >= 1 dimensions to out[i] (Marsaglia and Tsang 2000)."""
    n = len(lanes)
    if freedom == 1:
        for l in range(n):
            out[i, l] = abs(_normal(l, normals, used))
        return
    d = 0.5 * freedom - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    for l in range(n):
        proposal[0, l], proposal[1, l] = _normal(l, normals, used), _uniform(l, uniforms, used)
    refused = 0
    for l in range(n):
        x, u = proposal[0, l], proposal[1, l]
        root, square = 1.0 + c * x, x * x
        out[i, l] = math.sqrt(max(2.0 * d * (root * root * root), 0.0))
        refused += 0 if root > 0.0 and u < 1.0 - 0.0331 * square * square else 1
    if refused:
        for l in range(n):
            x, u = proposal[0, l], proposal[1, l]
            if not (1.0 + c * x > 0.0 and u < 1.0 - 0.0331 * (x * x) * (x * x)):
                out[i, l] = _chi_again(l, d, c, x, u, generator, normals, uniforms, used)


@_compiled
def bartlett(lanes, rows, freedom, generator, normals, uniforms, used, proposal, length, T):
    """Write a lower triangular T (rows, rows, lanes) whose T T' is Wishart; columns beyond `freedom` are zero."""
    for i in range(rows):
        for j in range(rows):
            if j == i and j < freedom:
                chi(lanes, freedom - i, generator, normals, uniforms, used, proposal, length, 0)
                for l in range(len(lanes)):
                    T[i, i, l] = length[0, l]
            else:
                for l in range(len(lanes)):
                    T[i, j, l] = _normal(l, normals, used) if j < i and j < freedom else 0.0


@_compiled
def gram_root(lanes, c, batch, K, L):
    """Write the lower triangular L (K, K, lanes) with L L' = c' c; a dependent row has a zero on the diagonal."""
    for k in range(K):
        for i in range(K):
            for l in range(len(lanes)):
                total = 0.0
                if i <= k:
                    for b in range(batch):
                        total += c[b, k, l] * c[b, i, l]
                    size = total
                    for j in range(i):
                        total -= L[k, j, l] * L[i, j, l]
                    if i < k:
                        total = total / L[i, i, l] if L[i, i, l] > 0.0 else 0.0
                    else:
                        total = math.sqrt(total) if total > 1e-15 * size else 0.0
                L[k, i, l] = total


@_compiled
def _normalise(lanes, A, columns, length):
    """Scale the rows of A to length one; length (lanes,) is overwritten."""
    for k in range(A.shape[0]):
        for l in range(len(lanes)):
            length[l] = 0.0
        for j in range(columns):
            for l in range(len(lanes)):
                length[l] += A[k, j, l] * A[k, j, l]
        for l in range(len(lanes)):
            length[l] = 1.0 / math.sqrt(length[l])
        for j in range(columns):
            for l in range(len(lanes)):
                A[k, j, l] *= length[l]


@_compiled
def turn_back(lanes, A, M, columns):
    """Reflect the columns of A after the first M so that all after M + K vanish; rows keep their products."""
    K, n = A.shape[0], len(lanes)
    lead, scale, along = np.empty(n), np.empty(n), np.empty(n)
    for k in range(K):
        first = M + k
        for l in range(n):
            along[l] = 0.0
        for j in range(first + 1, columns):
            for l in range(n):
                along[l] += A[k, j, l] * A[k, j, l]
        for l in range(n):
            head, tail = A[k, first, l], along[l]
            length = math.sqrt(head * head + tail)
            to = head if tail == 0.0 else (-length if head > 0.0 else length)
            lead[l] = head - to
            scale[l] = 0.0 if tail == 0.0 else 2.0 / (lead[l] * lead[l] + tail)
            A[k, first, l] = to
        for i in range(k + 1, K):
            for l in range(n):
                along[l] = A[i, first, l] * lead[l]
            for j in range(first + 1, columns):
                for l in range(n):
                    along[l] += A[i, j, l] * A[k, j, l]
            for l in range(n):
                along[l] *= scale[l]
                A[i, first, l] -= along[l] * lead[l]
            for j in range(first + 1, columns):
                for l in range(n):
                    A[i, j, l] -= along[l] * A[k, j, l]
        for j in range(first + 1, columns):
            for l in range(n):
                A[k, j, l] = 0.0


@_inlined
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


@_inlined
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


@_compiled
def widen(lanes, c, L, T, new, most, scale, A, count):
    """Write the columns count to count + new - 1 of A: the part of a mini-batch outside of the frame."""
    K, batch = A.shape[0], c.shape[0]
    for k in range(K):
        for j in range(new):
            for l in range(len(lanes)):
                total = 0.0
                for i in range(j, most):
                    total += (L[k, i, l] if batch >= K else c[i, k, l]) * T[i, j, l]
                A[k, count + j, l] = scale * total


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
            if decay != 0.0:
                for k in range(K):
                    for j in range(count):
                        for l in range(n):
                            A[k, j, l] -= decay * A[k, j, l]
            for b in range(batch):
                for k in range(K):
                    for l in range(n):
                        move[l] = scale * c[b, k, l]
                    for j in range(count):
                        for l in range(n):
                            A[k, j, l] += move[l] * z[b, j, l]
            freedom = N - count
            new = min(most, freedom)
            if new > 0 and batch == 1:
                chi(lanes, freedom, generator, normals, uniforms, used, proposal, length, 0)
                for k in range(K):
                    for l in range(n):
                        A[k, count, l] = c[0, k, l] * (scale * length[0, l])
            elif new > 0:
                bartlett(lanes, most, freedom, generator, normals, uniforms, used, proposal, length, T)
                if batch >= K:
                    gram_root(lanes, c, batch, K, L)
                widen(lanes, c, L, T, new, most, scale, A, count)
            columns[0] = count + new
            if rates[6] != 0.0:
                _normalise(lanes, A, columns[0], error)
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
