r"""Equations of motion for polynomials in student and teacher, compiled, exact but for rounding.

For students i, k the average over :math:`(x_i, x_k)` is a Gauss-Hermite sum of enough nodes z. Given z, field c is
normal with mean :math:`m_c(z)`, and fields c and d have the covariance :math:`\kappa_{cd}`. With :math:`h^c_n(m)` the
n-th derivative of the mean of g given m,

.. math:: \sum_{cd} a_c a_d I_4(i, k, c, d) = \Big\langle g'_i g'_k \sum_n \sum_{cd}
          \frac{\kappa_{cd}^n}{n!} a_c h^c_n a_d h^d_n \Big\rangle_z ,

a series that ends at the degree (Price's theorem). Nothing is divided by a variance that may vanish.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.online.kernels.model import SIGNATURE, assemble, outside, raised, unpack
from tutelage.online.kernels.plane import condition

_plain = {"cache": True, "error_model": "numpy"}


@njit(**_plain)
def _smoothed(p, variance, out):
    """Write the power coefficients of the mean of p(m + x) for x of this variance: exp(variance / 2 d^2) p."""
    out[:] = 0.0
    for n in range(p.shape[0]):
        term = p[n]
        out[n] += term
        for m in range(1, n // 2 + 1):
            term *= variance * (n - 2 * m + 2) * (n - 2 * m + 1) / (2.0 * m)
            out[n - 2 * m] += term


@njit(**_plain)
def _derivatives(p, x, out):
    """Write p and its derivatives at x, by repeated Horner division."""
    degree = out.shape[0] - 1
    out[:] = 0.0
    for n in range(degree, -1, -1):
        for m in range(min(degree - n, degree), 0, -1):
            out[m] = out[m] * x + out[m - 1]
        out[0] = out[0] * x + p[n]
    factorial = 1.0
    for m in range(2, degree + 1):
        factorial *= m
        out[m] *= factorial


@njit(**_plain)
def _pair(C, a, model, i, k, drift, slope):
    """Return sum_cd a_c a_d I4(i, k, c, d) + noise_variance J2(i, k); for i = k also write drift[i] and slope[i]."""
    P, K = C.shape[0], C.shape[0] - model.T.shape[0]
    p, p_star, nodes = model.student_parameters, model.teacher_parameters, model.nodes
    size = max(p.shape[0], p_star.shape[0])
    first, second = (i, k) if C[i, i] >= C[k, k] else (k, i)
    along, across, spread = np.empty(P), np.empty(P), np.empty(P)
    condition(C, first, second, along, across, spread)
    smooth, h = np.empty((P, size)), np.empty((P, size))
    for c in range(P):
        _smoothed(p if c < K else p_star, spread[c] ** 2, smooth[c])
    gram = np.zeros((size, P, P))
    total = 0.0
    inner = 1 if across[second] == 0.0 else nodes.shape[1]
    for r in range(nodes.shape[1]):
        for s in range(inner):
            z1, z2 = nodes[0, r], nodes[0, s] if inner > 1 else 0.0
            weight = nodes[1, r] * (nodes[1, s] if inner > 1 else 1.0)
            for c in range(P):
                _derivatives(smooth[c], along[c] * z1 + across[c] * z2, h[c])
            slope_first = _slope(p, along[first] * z1)
            slope_second = _slope(p, along[second] * z1 + across[second] * z2)
            q = weight * slope_first * slope_second
            if i == k:
                for c in range(P):
                    slope[i] += weight * a[c] * h[i, 0] * h[c, 0]
                    for n in range(P):
                        turned = (C[n, c] - along[n] * along[c]) * h[c, 1] if size > 1 and c != i else 0.0
                        drift[i, n] += weight * slope_first * a[c] * (along[n] * z1 * h[c, 0] + turned)
            if model.powers == 0:
                continue
            total += q * model.noise_variance
            if model.powers < 2:
                continue
            for c in range(P):
                for d in range(c + 1):
                    factor = q * a[c] * a[d] * (1.0 if c == d else 2.0)
                    for n in range(size):
                        gram[n, c, d] += factor * h[c, n] * h[d, n]
    if model.powers == 2:
        for c in range(P):
            for d in range(c + 1):
                shared = 0.0 if c in (i, k) or d in (i, k) else C[c, d] - along[c] * along[d] - across[c] * across[d]
                power = 1.0
                for n in range(size):
                    total += power * gram[n, c, d]
                    power *= shared / (n + 1)
    return total


@njit(**_plain)
def _slope(p, x):
    """Return p'(x)."""
    value = 0.0
    for n in range(p.shape[0] - 1, 0, -1):
        value = value * x + n * p[n]
    return value


@njit(**_plain)
def _velocity(y, model, C, a, work, dy):
    """Write dy/dalpha for a state with a positive semidefinite covariance."""
    K = C.shape[0] - model.T.shape[0]
    unpack(y, model, C, a, K)
    drift, spread, slope = work[:K], work[K : 2 * K], work[2 * K]
    drift[:] = 0.0
    spread[:] = 0.0
    slope[:] = 0.0
    if model.lr != 0.0 or model.lr_readout != 0.0:
        for i in range(K):
            for k in range(i, -1, -1):
                if k == i or (model.lr != 0.0 and model.powers > 0 and a[i] * a[k] != 0.0):
                    spread[i, k] = spread[k, i] = _pair(C, a, model, i, k, drift, slope)
    assemble(model, C, a, K, drift, spread, slope, dy)


@njit(SIGNATURE, nogil=True, **_plain)
def polynomial_velocity(y, model, student, teacher, C, a, work, dy):
    """Write dy/dalpha for polynomials; beyond the possible covariances as :func:`general_velocity` does."""
    K, M = C.shape[0] - model.T.shape[0], model.T.shape[0]
    for p in range(y.shape[0]):
        if not math.isfinite(y[p]):
            dy[:] = math.nan
            return
    unpack(y, model, C, a, K)
    more = outside(C)
    if more == 0.0:
        _velocity(y, model, C, a, work, dy)
        return
    further = np.empty_like(dy)
    _velocity(raised(y, K, M, more), model, C, a, work, dy)
    _velocity(raised(y, K, M, 2.0 * more), model, C, a, work, further)
    for p in range(dy.shape[0]):
        dy[p] = 2.0 * dy[p] - further[p]
