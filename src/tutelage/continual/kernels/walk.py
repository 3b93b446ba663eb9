r"""SGD on several tasks, compiled: the exact chain of overlaps, and real weight vectors.

The chain is that of :mod:`tutelage.online.kernels.chain` with one lane. Its fixed rows F are units of teachers and
snapshots of the student. Noise on the student's inputs is :math:`x + s \xi`, of variance :math:`1 + s^2` outside of the
frame.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from tutelage.kernels.draws import fill_normal, fill_uniform
from tutelage.kernels.units import UNIT
from tutelage.online.kernels.frame import gram_root, turn_back, widen
from tutelage.online.kernels.variates import bartlett, refill, take

f8, i8, u8 = types.float64, types.int64, types.uint64
f1, f2, f3, i1 = f8[::1], f8[:, ::1], f8[:, :, ::1], i8[::1]

LR_READOUT, DECAY_READOUT, BATCH, INPUT_NOISE, NUMBERS = range(5)  # of `numbers`


_inlined = njit(cache=True, error_model="numpy", inline="always")  # calls in a hot loop cost a tenth of it


@njit(cache=True, error_model="numpy")
def choose(u, cumulative):
    """Return the task of a uniform number, given the sums of the tasks' shares."""
    for t in range(cumulative.shape[0] - 1):
        if u < cumulative[t]:
            return t
    return cumulative.shape[0] - 1


@njit(cache=True, error_model="numpy")
def _error(head, readouts, sigma, zeta, g, h):
    """Return what the student says more than the label."""
    error = -sigma * zeta
    for k in range(head.shape[0]):
        error += head[k] * g[k]
    for m in range(readouts.shape[0]):
        error -= readouts[m] * h[m]
    return error


@_inlined
def _row(heads, t):
    """Return which row of the heads a task uses."""
    return t if heads.shape[0] > 1 else 0


@_inlined
def _turn_head(turn, row, head, g, error, rate, decay):
    """Add what one example takes off the head of a row, times N."""
    for k in range(head.shape[0]):
        turn[row, k] += rate * error * g[k] + decay * head[k]


@_inlined
def _move_heads(heads, turn, scale):
    for row in range(heads.shape[0]):
        for k in range(heads.shape[1]):
            heads[row, k] -= scale * turn[row, k]


@_inlined
def _see(F, z, b, rho):
    """Write the teachers' fields of input b into rho: their rows are in the first columns of the frame."""
    for m in range(F.shape[0]):
        rho[m] = 0.0
        for j in range(F.shape[0]):
            rho[m] += F[m, j] * z[b, j, 0]


@_inlined
def _move_rows(A, count, F, z, c, scale, old, decay, lr, first, strength, N):
    """Move the student's rows within the frame: along the inputs z, by decay, and towards snapshots."""
    K, M, batch = A.shape[0], F.shape[0], c.shape[0]
    for k in range(K):
        for j in range(count):
            old[k, j] = A[k, j, 0]
            A[k, j, 0] -= decay[k] / N * old[k, j]
        for b in range(batch):
            for j in range(count):
                A[k, j, 0] += scale * c[b, k, 0] * z[b, j, 0]
        for i in range(first.shape[0]):
            pull = lr[k] * strength[i, k] / N
            for j in range(count):
                A[k, j, 0] -= pull * (old[k, j] - (F[first[i] + k, j] if j < M else 0.0))


@njit(
    types.void(
        f3, i1, f2, f2, f2, f1, f1, i1, i8, f1, f1, f1, i1, f2, UNIT, f1, UNIT, f1, i8, i8, i8,
        u8[:, :, ::1], f2, f2, i8[:, ::1],
    ),
    cache=True, error_model="numpy", nogil=True,
)  # fmt: skip
def walk_tasks(
    A, columns, heads, F, readouts, noise, cumulative, pattern, begun, lr, decay, numbers, first, strength,
    student, p, teacher, p_star, N, steps, need, generator, normals, uniforms, used,
):  # fmt: skip
    """Make `steps` steps of the chain in place.

    Parameters
    ----------
    A : array, shape (K, capacity, 1)
        Student weights / sqrt(N) in the frame; columns (1,) says how many columns are in use.
    heads : array, shape (tasks or 1, K)
    F, readouts : arrays, shape (F, F) and (tasks, F)
        Fixed rows / sqrt(N) in the first columns of the frame.
    noise, cumulative : arrays, shape (tasks,)
        Standard deviation of the labels' noise; sums of the shares of tasks.
    pattern : array of int
        The tasks of successive steps, again and again, step `begun` first; empty: tasks are drawn.
    lr, decay : arrays, shape (K,)
    numbers : array, shape (4,)
        Rate and decay of heads, examples of a step, standard deviation of the inputs' noise.
    first, strength : arrays, shape (holds,) and (holds, K)
        For each consolidation the first row of its snapshot in F, and lambda Omega_k.
    student, p, teacher, p_star : compiled units and their parameters
    N, steps, need : int
        `need` is the most random numbers, of either kind, that a step takes.
    generator, normals, uniforms, used : arrays
        As of the chain of one task.
    """
    lanes = (0,)
    K, M = A.shape[0], F.shape[0]
    batch, s = int(numbers[BATCH]), numbers[INPUT_NOISE]
    most, spread, scale = min(batch, K), math.sqrt(1.0 + s * s), 1.0 / (N * numbers[BATCH])
    z, e, zeta = np.zeros((batch, A.shape[1], 1)), np.zeros((1, A.shape[1], 1)), np.zeros((1, 1, 1))
    lam, g, slope, rho, h, unused = np.zeros(K), np.zeros(K), np.zeros(K), np.zeros(M), np.zeros(M), np.zeros(M)
    c, turn, old = np.zeros((batch, K, 1)), np.zeros((heads.shape[0], K)), np.zeros((K, A.shape[1]))
    L, T = np.zeros((K, K, 1)), np.zeros((most, most, 1))
    proposal, length = np.zeros((2, 1)), np.zeros((1, 1))
    for step in range(steps):
        count = columns[0]
        refill(0, generator, normals, uniforms, used, need)
        turn[:, :] = 0.0
        for b in range(batch):
            t = pattern[(begun + step) % len(pattern)] if len(pattern) else 0
            if not len(pattern):
                t = choose(uniforms[0, used[0, 1]], cumulative)
                used[0, 1] += 1
            row = _row(heads, t)
            head = heads[row]
            take(lanes, normals, used, z, b, count)
            take(lanes, normals, used, zeta, 0, 1)
            _see(F, z, b, rho)
            if s > 0.0:
                take(lanes, normals, used, e, 0, count)
                for j in range(count):
                    z[b, j, 0] += s * e[0, j, 0]
            for k in range(K):
                lam[k] = 0.0
                for j in range(count):
                    lam[k] += A[k, j, 0] * z[b, j, 0]
            student(lam, p, g, slope)
            teacher(rho, p_star, h, unused)
            error = _error(head, readouts[t], noise[t], zeta[0, 0, 0], g, h)
            for k in range(K):
                c[b, k, 0] = -lr[k] * head[k] * slope[k] * error
            _turn_head(turn, row, head, g, error, numbers[LR_READOUT], numbers[DECAY_READOUT])
        _move_rows(A, count, F, z, c, scale, old, decay, lr, first, strength, N)
        new = min(most, N - count)
        if new > 0:
            bartlett(lanes, most, N - count, generator, normals, uniforms, used, proposal, length, T)
            if batch >= K:
                gram_root(lanes, c, batch, K, L)
            widen(lanes, c, L, T, new, most, spread * scale, A, count)
        columns[0] = count + new
        if columns[0] + most > A.shape[1]:
            turn_back(lanes, A, M, columns[0])
            columns[0] = M + K
        _move_heads(heads, turn, scale)


@njit(
    types.void(
        f2, f2, f2, f2, f1, f1, i1, i8, f1, f1, f1, f3, f3, UNIT, f1, UNIT, f1, i8, u8[:, ::1],
    ),
    cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "contract"},
)  # fmt: skip
def descend_tasks(
    W, heads, W_star, readouts, noise, cumulative, pattern, begun, lr, decay, numbers, anchors, strength,
    student, p, teacher, p_star, steps, generator,
):  # fmt: skip
    """Make `steps` steps on real weights W (K, N) in place; the arguments as of :func:`walk_tasks`, but for

    Parameters
    ----------
    W_star : array, shape (F, N)
        Units of all teachers.
    anchors, strength : arrays, shape (holds, K, N)
        Snapshots, and lambda Omega of each weight.
    """
    K, N = W.shape
    M, batch, s = W_star.shape[0], int(numbers[BATCH]), numbers[INPUT_NOISE]
    scale, root = 1.0 / (N * numbers[BATCH]), 1.0 / math.sqrt(N)
    rows = 2 if s > 0.0 else 1
    drawn, u = np.zeros((rows * N + 2) // 2 * 2), np.zeros(8)
    lam, g, slope, rho, h, unused = np.zeros(K), np.zeros(K), np.zeros(K), np.zeros(M), np.zeros(M), np.zeros(M)
    move, turn = np.zeros((K, N)), np.zeros((heads.shape[0], K))
    for step in range(steps):
        turn[:, :] = 0.0
        move[:, :] = 0.0
        for b in range(batch):
            t = pattern[(begun + step) % len(pattern)] if len(pattern) else 0
            if not len(pattern):
                if b % len(u) == 0:
                    fill_uniform(generator, u)
                t = choose(u[b % len(u)], cumulative)
            row = _row(heads, t)
            head = heads[row]
            fill_normal(generator, drawn)
            x = drawn[:N]
            for m in range(M):
                total = 0.0
                for j in range(N):
                    total += W_star[m, j] * x[j]
                rho[m] = root * total
            if s > 0.0:
                for j in range(N):
                    x[j] += s * drawn[N + j]
            for k in range(K):
                total = 0.0
                for j in range(N):
                    total += W[k, j] * x[j]
                lam[k] = root * total
            student(lam, p, g, slope)
            teacher(rho, p_star, h, unused)
            error = _error(head, readouts[t], noise[t], drawn[-1], g, h)
            for k in range(K):
                size = -lr[k] * head[k] * slope[k] * error * root / numbers[BATCH]
                for j in range(N):
                    move[k, j] += size * x[j]
            _turn_head(turn, row, head, g, error, numbers[LR_READOUT], numbers[DECAY_READOUT])
        for k in range(K):
            for i in range(anchors.shape[0]):
                for j in range(N):
                    move[k, j] -= lr[k] * strength[i, k, j] / N * (W[k, j] - anchors[i, k, j])
            for j in range(N):
                W[k, j] += move[k, j] - decay[k] / N * W[k, j]
        _move_heads(heads, turn, scale)
