"""A two-layer network with one linear output, on a block of samples: everything the Hessian is made of, in one pass.

Samples stand in columns. Sums over samples go through BLAS, or run in the order of the samples.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from tutelage.kernels.units import UNIT

__all__ = ["ACTIVATED", "complete", "descend", "jacobian_block"]

f1, f2 = types.float64[::1], types.float64[:, ::1]
ACTIVATED = types.FunctionType(types.void(f1, f1, f1, f1, f1))

_compiled = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(forceinline=True, **_compiled)
def _fields(W, X, z):
    """Write W X to z (units, samples)."""
    units, columns, samples = W.shape[0], W.shape[1], X.shape[1]
    if columns > 24:
        np.dot(W, X, z)
        return
    for a in range(units):
        out = z[a]
        weight, row = W[a, 0], X[0]
        for n in range(samples):
            out[n] = weight * row[n]
        for i in range(1, columns):
            weight, row = W[a, i], X[i]
            for n in range(samples):
                out[n] += weight * row[n]


@njit(forceinline=True, **_compiled)
def _errors(v, c, value, y, weight, error):
    """Write the outputs minus y, times the weight, to `error`; return the weighted sum of squares."""
    for n in range(len(error)):
        error[n] = c - y[n]
    for a in range(len(v)):
        readout, row = v[a], value[a]
        for n in range(len(error)):
            error[n] += readout * row[n]
    total = 0.0
    for n in range(len(error)):
        total += error[n] * error[n] * (weight[n] if len(weight) else 1.0)
    if len(weight):
        for n in range(len(error)):
            error[n] *= weight[n]
    return total


@njit(types.float64(f2, f1, types.float64, f2, f1, f1, UNIT, f1, f2, f2, f2, f1, f2, f1), **_compiled)
def descend(W, v, c, X, y, weight, unit, parameters, z, value, slope, error, gradient, readout):
    """Return the sum of weight error^2 / 2; add its gradient to `gradient` (units, columns) and `readout` (units + 1).

    An empty `weight` is one for each sample. z, value, slope (units, samples) and error (samples) are overwritten.
    """
    units, samples = W.shape[0], X.shape[1]
    _fields(W, X, z)
    unit(z.reshape(-1), parameters, value.reshape(-1), slope.reshape(-1))
    total = _errors(v, c, value, y, weight, error)
    for a in range(units):
        row = slope[a]
        for n in range(samples):
            row[n] *= error[n] * v[a]
    gradient += np.dot(slope, X.T)
    readout[:units] += np.dot(value, error)
    readout[units] += error.sum()
    return 0.5 * total


@njit(
    types.float64(
        f2, f1, types.float64, f2, f1, f1, UNIT, ACTIVATED, f1, f2, f2, f2, f2, f1, f2, f2, f2, f1, types.int64
    ),
    **_compiled,
)  # fmt: skip
def jacobian_block(
    W, v, c, X, y, weight, unit, curvature, parameters, z, value, slope, curve, error, J, bend, cross, readout, biased
):
    """Write dy/dtheta of each sample to J (parameters, samples) and add what the residuals contribute; return the loss.

    J comes times the root of the weight. `bend` (units, columns (columns + 1) / 2) gets the sums of
    e v g'' x_i x_j (j <= i), `cross` (units, columns) those of e g' x_i, `readout` those of e g (units) and of e.
    """
    units, columns, samples = W.shape[0], W.shape[1], X.shape[1]
    _fields(W, X, z)
    unit(z.reshape(-1), parameters, value.reshape(-1), slope.reshape(-1))
    curvature(z.reshape(-1), parameters, value.reshape(-1), slope.reshape(-1), curve.reshape(-1))
    total = _errors(v, c, value, y, weight, error)
    root = np.sqrt(weight)
    readout[:units] += np.dot(value, error)
    readout[units] += error.sum()
    for a in range(units):
        row, out = slope[a], z[a]  # z is done with
        for n in range(samples):
            out[n] = v[a] * row[n]
        if len(weight):
            for n in range(samples):
                out[n] *= root[n]
        for i in range(columns):
            left, right = J[a * columns + i], X[i]
            for n in range(samples):
                left[n] = out[n] * right[n]
        left = J[units * columns + a]
        row = value[a]
        if len(weight):
            for n in range(samples):
                left[n] = row[n] * root[n]
        else:
            for n in range(samples):
                left[n] = row[n]
        row = slope[a]
        for n in range(samples):
            row[n] *= error[n]
        row = curve[a]
        for n in range(samples):
            row[n] *= error[n] * v[a]
    if biased:
        left = J[units * columns + units]
        for n in range(samples):
            left[n] = root[n] if len(weight) else 1.0
    cross += np.dot(slope, X.T)
    pairs = np.empty((columns * (columns + 1) // 2, samples))
    at = 0
    for i in range(columns):
        for j in range(i + 1):
            out, left, right = pairs[at], X[i], X[j]
            for n in range(samples):
                out[n] = left[n] * right[n]
            at += 1
    bend += np.dot(curve, pairs.T)
    return 0.5 * total


@njit(types.void(f2, f2, f2, types.float64), **_compiled)
def complete(H, bend, cross, scale):
    """Add the residuals' blocks to the lower triangle of H, multiply it, and copy it to the upper."""
    units, columns = cross.shape
    for a in range(units):
        first = a * columns
        at = 0
        for i in range(columns):
            for j in range(i + 1):
                H[first + i, first + j] += bend[a, at]
                at += 1
            H[units * columns + a, first + i] += cross[a, i]
    size, tile = len(H), 32
    for row in range(0, size, tile):
        for column in range(0, row + 1, tile):
            for i in range(row, min(row + tile, size)):
                for j in range(column, min(column + tile, i + 1)):
                    H[i, j] *= scale
            for j in range(column, min(column + tile, size)):
                for i in range(max(row, j + 1), min(row + tile, size)):
                    H[j, i] = H[i, j]
