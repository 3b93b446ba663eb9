"""Steps of the order parameters as a diffusion, compiled; right-hand side and units come as function pointers."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from tutelage.kernels.draws import fill_normal
from tutelage.kernels.units import UNIT
from tutelage.online.kernels.model import MODEL, VELOCITY, project, unpack, workspace

f8, i8, u8 = types.float64, types.int64, types.uint64


@njit(types.void(f8[:, ::1], f8[:, ::1]), cache=True, error_model="numpy", nogil=True)
def factor(C, L):
    """Write L with L L' = C, by Cholesky with pivoting.

    Where C is not positive semidefinite, correlations beyond +-1 (given the fields before) are cut off there, and
    negative variances are zero: L L' is then the covariance with the variances of C that this order of fields leads to.
    """
    P = C.shape[0]
    left, done = np.empty(P), np.zeros(P, np.bool_)
    for i in range(P):
        left[i] = max(C[i, i], 0.0)
        for q in range(P):
            L[i, q] = 0.0
    for column in range(P):
        pivot = -1
        for i in range(P):
            if not done[i] and (pivot < 0 or left[i] > left[pivot]):
                pivot = i
        done[pivot] = True
        if not left[pivot] > 0.0:
            return
        L[pivot, column] = math.sqrt(left[pivot])
        for i in range(P):
            if not done[i]:
                rest = C[i, pivot]
                for q in range(column):
                    rest -= L[i, q] * L[pivot, q]
                most = math.sqrt(left[i])
                L[i, column] = min(most, max(-most, rest / L[pivot, column]))
                left[i] = max(left[i] - L[i, column] ** 2, 0.0)


@njit(cache=True, error_model="numpy")
def _fields(L, normals, fields):
    """Write fields (P, samples) = L normals."""
    P, m = fields.shape
    for p in range(P):
        for j in range(m):
            fields[p, j] = 0.0
        for q in range(P):
            weight = L[p, q]
            if weight != 0.0:
                for j in range(m):
                    fields[p, j] += weight * normals[q, j]


@njit(cache=True, error_model="numpy")
def _dot(x, y):
    """Sum of products, in four sums that run side by side."""
    m = x.shape[0]
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for j in range(0, m - 3, 4):
        s0 += x[j] * y[j]
        s1 += x[j + 1] * y[j + 1]
        s2 += x[j + 2] * y[j + 2]
        s3 += x[j + 3] * y[j + 3]
    for j in range(m - m % 4, m):
        s0 += x[j] * y[j]
    return (s0 + s1) + (s2 + s3)


@njit(cache=True, error_model="numpy")
def _kick(model, a, fields, value, slope, zeta, gamma, error, c, weighted, kick):
    """Write sum_j gamma_j f_j, f_j the increment of one example without decay in the layout of the state vector.

    value, slope (P, samples) are those of the units; error (samples,), c and weighted (K, samples) are overwritten.
    """
    K, m = c.shape
    M, sigma = fields.shape[0] - K, math.sqrt(model.noise_variance)
    Q0, v0 = K * M, K * M + K * K
    for j in range(m):
        error[j] = -sigma * zeta[j]
    for p in range(K + M):
        for j in range(m):
            error[j] += a[p] * value[p, j]
    for k in range(K):
        for j in range(m):
            c[k, j] = -model.lr * a[k] * slope[k, j] * error[j]
            weighted[k, j] = gamma[j] * c[k, j]
    for j in range(m):
        error[j] *= gamma[j]
    for i in range(K):
        for n in range(M):
            kick[i * M + n] = _dot(weighted[i], fields[K + n])
        for k in range(i + 1):
            total = _dot(weighted[i], fields[k]) + _dot(weighted[k], fields[i])
            total += _dot(weighted[i], c[k]) / model.batch
            kick[Q0 + i * K + k] = kick[Q0 + k * K + i] = total
        kick[v0 + i] = -model.lr_readout * _dot(value[i], error)


@njit(cache=True, error_model="numpy")
def _decayed(y, model, K, dy, out):
    """Write the drift: the velocity dy without decay, and the decay."""
    M = model.T.shape[0]
    Q0, v0 = K * M, K * M + K * K
    for p in range(y.shape[0]):
        rate = model.decay if p < Q0 else 2 * model.decay if p < v0 else model.decay_readout
        out[p] = dy[p] - rate * y[p]


@njit(
    types.void(VELOCITY, f8[::1], MODEL, MODEL, UNIT, UNIT, i8, f8, f8, i8, u8[:, ::1], i8),
    cache=True,
    error_model="numpy",
    nogil=True,
)
def advance(velocity, y, model, undecayed, student, teacher, K, step, dim, samples, generator, count):
    """Make `count` steps of length `step` in alpha; `undecayed` is the model with decays zero.

    The noise is that of Euler and Maruyama, the drift the mean of those at both ends of an Euler step (Heun).

    Each step draws (K + M + 2) samples normal numbers, none if dim is infinite.
    """
    M, m = model.T.shape[0], samples
    P = K + M
    C, L, a, work = np.empty((P, P)), np.empty((P, P)), np.empty(P), np.empty((workspace(P), P))
    dy, kick = np.empty_like(y), np.zeros_like(y)
    drift, later, ahead = np.empty_like(y), np.empty_like(y), np.empty_like(y)
    flat, flat_value, flat_slope = np.empty(P * m), np.empty(P * m), np.empty(P * m)
    fields, value, slope = flat.reshape(P, m), flat_value.reshape(P, m), flat_slope.reshape(P, m)
    error, c, weighted = np.empty(m), np.empty((K, m)), np.empty((K, m))
    drawn = np.empty((P + 2) * m)
    normals = drawn.reshape(P + 2, m)
    scale, gammas = math.sqrt(step / (dim * m * model.batch)), 0.0
    for _ in range(count):
        velocity(y, undecayed, student, teacher, C, a, work, dy)
        if scale > 0.0:
            unpack(y, model, C, a, K)
            factor(C, L)
            fill_normal(generator, drawn)
            _fields(L, normals, fields)
            student(flat[: K * m], model.student_parameters, flat_value[: K * m], flat_slope[: K * m])
            teacher(flat[K * m :], model.teacher_parameters, flat_value[K * m :], flat_slope[K * m :])
            _kick(model, a, fields, value, slope, normals[P], normals[P + 1], error, c, weighted, kick)
            if model.sphere != 0.0:
                project(C, K, kick)
            gammas = 0.0
            for j in range(m):
                gammas += normals[P + 1, j]
        _decayed(y, model, K, dy, drift)
        for p in range(y.shape[0]):
            ahead[p] = y[p] + step * drift[p]
        velocity(ahead, model, student, teacher, C, a, work, later)
        for p in range(y.shape[0]):
            y[p] += 0.5 * step * (drift[p] + later[p]) + scale * (kick[p] - gammas * dy[p])
