"""The weights view, compiled: SGD on real weight vectors, on fresh Gaussian inputs or on rows of an array."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.kernels.draws import fill_normal
from tutelage.kernels.elementary import erf, exp
from tutelage.kernels.orthant import ERF, RELU

_REASSOCIATE = {"reassoc", "contract"}  # lets a dot product run in several accumulators; NaN stays NaN
_ERF_SLOPE = math.sqrt(2 / math.pi)


@njit(cache=True, error_model="numpy", fastmath=_REASSOCIATE)
def _dot(a, b):
    total = 0.0
    for j in range(a.shape[0]):
        total += a[j] * b[j]
    return total


@njit(cache=True, error_model="numpy")
def _value(code, x):
    if code == ERF:
        return erf(x / math.sqrt(2.0))
    if code == RELU:
        return max(x, 0.0)
    return x


@njit(cache=True, error_model="numpy")
def _slope(code, x):
    if code == ERF:
        return _ERF_SLOPE * exp(-0.5 * x * x)
    if code == RELU:
        return 1.0 if x > 0.0 else 0.0
    return 1.0


@njit(cache=True, error_model="numpy")
def _example(W, W_star, v, v_star, rates, sigma, student, teacher, x, zeta, g, c):
    """Fill g = g(fields) and c = error * v g'(fields) / sqrt(N) of one example; return the error."""
    scale = 1 / math.sqrt(x.shape[0])
    error = -sigma * zeta
    for m in range(W_star.shape[0]):
        error -= v_star[m] * _value(teacher, scale * _dot(W_star[m], x))
    for k in range(W.shape[0]):
        field = scale * _dot(W[k], x)
        g[k] = _value(student, field)
        c[k] = v[k] * _slope(student, field) * scale
        error += v[k] * g[k]
    for k in range(W.shape[0]):
        c[k] *= error
    return error


@njit(cache=True, error_model="numpy", nogil=True)
def descend(W, W_star, v, v_star, rates, student, teacher, steps, generator, rows, order):
    """Make `steps` steps of SGD in place.

    Parameters
    ----------
    W, W_star, v, v_star : arrays, shape (K, N), (M, N), (K,), (M,)
        Weights; W and v are overwritten.
    rates : Rates
        The rule as numbers.
    student, teacher : int
        Codes of the activations.
    generator : array of uint64
        State of the random numbers, advanced in place: for each example the input, if drawn, then its label noise.
    rows, order : arrays, shape (samples, N) and (steps * batch,)
        Inputs and which of them to take; no rows: fresh Gaussian inputs.
    """
    K, N = W.shape
    batch, drawn = int(rates.batch), rows.shape[0] == 0
    sigma = math.sqrt(rates.noise_variance)
    numbers = np.zeros((N + 2) // 2 * 2 if drawn else 2)  # an even count leaves no draw unused
    g, c = np.empty(K), np.empty(K)
    move, turn = np.zeros((K, N)), np.zeros(K)  # summed over a batch
    shrink, shrink_readout = 1 - rates.decay / N, 1 - rates.decay_readout / N
    for step in range(steps):
        if batch > 1:
            move[:, :] = 0.0
        turn[:] = 0.0
        for b in range(batch):
            if drawn or sigma > 0.0:
                fill_normal(generator, numbers)
            x = numbers[:N] if drawn else rows[order[step * batch + b]]
            error = _example(W, W_star, v, v_star, rates, sigma, student, teacher, x, numbers[-1], g, c)
            for k in range(K):
                turn[k] += error * g[k]
                if batch > 1:
                    for j in range(N):
                        move[k, j] += c[k] * x[j]
                elif rates.lr > 0.0 or rates.decay > 0.0:
                    size = -rates.lr * c[k]
                    for j in range(N):
                        W[k, j] = shrink * W[k, j] + size * x[j]
        if batch > 1:
            for k in range(K):
                for j in range(N):
                    W[k, j] = shrink * W[k, j] - rates.lr / rates.batch * move[k, j]
        for k in range(K):
            v[k] = shrink_readout * v[k] - rates.lr_readout / (N * rates.batch) * turn[k]
