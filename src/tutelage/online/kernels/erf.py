"""Equations of motion for erf units, compiled: twin of tutelage.online.equations with tutelage.gaussian.erf."""

from __future__ import annotations

import math

from numba import njit

from tutelage.kernels.elementary import asin
from tutelage.online.kernels.model import SIGNATURE, assemble, unpack


@njit(cache=True, error_model="numpy")
def _averages(C, a, model, K, drift, spread, slope, work):
    """Sums over the fields of I3, I4 and I2 (drift, spread, slope) for erf; see tutelage.gaussian.erf."""
    P = C.shape[0]
    first, second, scale = work[0], work[1], work[2]
    for i in range(K):
        one = 1 + C[i, i]
        along = 0.0
        for c in range(P):
            first[c] = a[c] / math.sqrt(one * (1 + C[c, c]) - C[i, c] ** 2)
            along += first[c] * C[i, c]
        along /= one
        for n in range(P):
            total = 0.0
            for c in range(P):
                total += first[c] * C[n, c]
            drift[i, n] = 2 / math.pi * (total - C[i, n] * along)
    if model.lr_readout != 0.0:
        for i in range(K):
            for c in range(P):
                first[c] = C[i, c] / math.sqrt((1 + C[i, i]) * (1 + C[c, c]))
            total = 0.0
            for c in range(P):
                total += a[c] * asin(first[c])
            slope[i] = 2 / math.pi * total
    else:
        slope[:K] = 0.0
    angle = work[3:].ravel()
    for i in range(K):
        for k in range(i + 1):
            spread[i, k] = spread[k, i] = _spread(C, a, model, i, k, first, second, scale, angle)


@njit(cache=True, error_model="numpy")
def _spread(C, a, model, i, k, first, second, scale, angle):
    """Return sum_cd a_c a_d I4(i, k, c, d) + noise_variance J2(i, k) for erf, as far as model.powers wants them.

    With (first, second) = L^-1 (C_i., C_k.) and L the Cholesky factor of the 2x2 matrix 1 + C of fields i and k, the
    tilted covariance is C_cd - first_c first_d - second_c second_d.
    """
    P = C.shape[0]
    l11 = math.sqrt(1 + C[i, i])
    l21 = C[i, k] / l11
    L4 = (1 + C[i, i]) * (1 + C[k, k]) - C[i, k] ** 2
    l22 = math.sqrt(L4) / l11
    if model.powers < 2:
        return 2 / math.pi / math.sqrt(L4) * model.noise_variance * model.powers
    for c in range(P):
        first[c] = C[i, c] / l11
        second[c] = (C[k, c] - l21 * first[c]) / l22
        scale[c] = 1 / math.sqrt(1 + C[c, c] - first[c] ** 2 - second[c] ** 2)
    count = 0
    for c in range(P):
        for d in range(c + 1):
            angle[count + d] = (C[c, d] - first[c] * first[d] - second[c] * second[d]) * scale[c] * scale[d]
        count += c + 1
    for p in range(count):
        angle[p] = asin(angle[p])
    total, count = 0.0, 0
    for c in range(P):
        row = -0.5 * a[c] * angle[count + c]
        for d in range(c + 1):
            row += a[d] * angle[count + d]
        total += 2 * a[c] * row
        count += c + 1
    return 2 / math.pi / math.sqrt(L4) * (2 / math.pi * total + model.noise_variance)


@njit(SIGNATURE, cache=True, error_model="numpy")
def erf_velocity(y, model, student, teacher, C, a, work, dy):
    """Write dy/dalpha for erf students of erf teachers."""
    K = C.shape[0] - model.T.shape[0]
    unpack(y, model, C, a, K)
    drift, spread, slope = work[:K], work[K : 2 * K], work[2 * K]
    _averages(C, a, model, K, drift, spread, slope, work[2 * K + 1 :])
    assemble(model, C, a, K, drift, spread, slope, dy)
