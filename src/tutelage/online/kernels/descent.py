"""The weights view, compiled: SGD on real weight vectors, on fresh Gaussian inputs or on rows of an array."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from tutelage.kernels.draws import fill_normal
from tutelage.kernels.units import UNIT

f8v, f8m = types.float64[::1], types.float64[:, ::1]

_REASSOCIATE = {"reassoc", "contract"}  # lets a dot product run in several accumulators; NaN stays NaN


@njit(cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def _dot(a, b):
    total = 0.0
    for j in range(a.shape[0]):
        total += a[j] * b[j]
    return total


@njit(cache=True, error_model="numpy")
def _example(W, W_star, v, v_star, sigma, student, p, teacher, p_star, x, zeta, lam, g, slope, rho, h, unused, c):
    """Fill g = g(fields) and c = error * v g'(fields) / sqrt(N) of one example; return the error."""
    scale = 1 / math.sqrt(x.shape[0])
    for k in range(W.shape[0]):
        lam[k] = scale * _dot(W[k], x)
    for m in range(W_star.shape[0]):
        rho[m] = scale * _dot(W_star[m], x)
    student(lam, p, g, slope)
    teacher(rho, p_star, h, unused)
    error = -sigma * zeta
    for m in range(W_star.shape[0]):
        error -= v_star[m] * h[m]
    for k in range(W.shape[0]):
        error += v[k] * g[k]
    for k in range(W.shape[0]):
        c[k] = error * v[k] * slope[k] * scale
    return error


@njit(
    types.void(f8m, f8m, f8v, f8v, f8v, UNIT, f8v, UNIT, f8v, types.int64, types.uint64[:, ::1], f8m, types.int64[::1]),
    cache=True,
    error_model="numpy",
    nogil=True,
)
def descend(W, W_star, v, v_star, rates, student, p, teacher, p_star, steps, generator, rows, order):
    """Make `steps` steps of SGD in place.

    Parameters
    ----------
    W, W_star, v, v_star : arrays, shape (K, N), (M, N), (K,), (M,)
        Weights; W and v are overwritten.
    rates : array, shape (7,)
        The rule as numbers, in the order of ``Rates``.
    student, p, teacher, p_star : compiled units and their parameters
    generator : array of uint64
        State of the random numbers, advanced in place: for each example the input, if drawn, then its label noise.
    rows, order : arrays, shape (samples, N) and (steps * batch,)
        Inputs and which of them to take; no rows: fresh Gaussian inputs.
    """
    K, N = W.shape
    lr, lr_readout, decay, decay_readout = rates[0], rates[1], rates[3] / N, rates[4] / N
    batch, drawn, sigma = int(rates[5]), rows.shape[0] == 0, math.sqrt(rates[2])
    numbers = np.zeros((N + 2) // 2 * 2 if drawn else 2)  # an even count leaves no draw unused
    lam, g, slope, c = np.empty(K), np.empty(K), np.empty(K), np.empty(K)
    rho, h, unused = np.empty(W_star.shape[0]), np.empty(W_star.shape[0]), np.empty(W_star.shape[0])
    move, turn = np.zeros((K, N)), np.zeros(K)  # summed over a batch
    for step in range(steps):
        if batch > 1:
            move[:, :] = 0.0
        turn[:] = 0.0
        for b in range(batch):
            if drawn or sigma > 0.0:
                fill_normal(generator, numbers)
            x = numbers[:N] if drawn else rows[order[step * batch + b]]
            error = _example(
                W,
                W_star,
                v,
                v_star,
                sigma,
                student,
                p,
                teacher,
                p_star,
                x,
                numbers[-1],
                lam,
                g,
                slope,
                rho,
                h,
                unused,
                c,
            )
            for k in range(K):
                turn[k] += error * g[k]
                if batch > 1:
                    for j in range(N):
                        move[k, j] += c[k] * x[j]
                elif lr > 0.0 or decay > 0.0:
                    size = -lr * c[k]
                    for j in range(N):
                        W[k, j] += size * x[j] - decay * W[k, j]
        if batch > 1:
            for k in range(K):
                for j in range(N):
                    W[k, j] -= lr / batch * move[k, j] + decay * W[k, j]
        if rates[6] != 0.0:
            for k in range(K):
                shrink = math.sqrt(N / _dot(W[k], W[k]))
                for j in range(N):
                    W[k, j] *= shrink
        for k in range(K):
            v[k] -= lr_readout / (N * batch) * turn[k] + decay_readout * v[k]
