"""Equations of motion for linear units, compiled: twin of tutelage.online.equations."""

from __future__ import annotations

from numba import njit

from tutelage.online.kernels.model import SIGNATURE, assemble, unpack


@njit(cache=True, error_model="numpy")
def _averages(C, a, model, K, drift, spread, slope):
    """Sums over the fields of I3 = C_nc, I4 = C_cd and I2 = C_ic (drift, spread, slope); J2 = 1."""
    P = C.shape[0]
    error = 0.0  # twice the generalisation error
    for n in range(P):
        total = 0.0
        for c in range(P):
            total += a[c] * C[n, c]
        error += a[n] * total
        for i in range(K):
            drift[i, n] = total
        if n < K:
            slope[n] = total
    for i in range(K):
        for k in range(K):
            spread[i, k] = (error if model.powers == 2 else 0.0) + (model.noise_variance if model.powers else 0.0)


@njit(SIGNATURE, cache=True, error_model="numpy")
def linear_velocity(y, model, student, teacher, C, a, work, dy):
    """Write dy/dalpha for linear students of linear teachers."""
    K = C.shape[0] - model.T.shape[0]
    unpack(y, model, C, a, K)
    drift, spread, slope = work[:K], work[K : 2 * K], work[2 * K]
    _averages(C, a, model, K, drift, spread, slope)
    assemble(model, C, a, K, drift, spread, slope, dy)
