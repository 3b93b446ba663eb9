r"""Equations of motion near perfect learning, in differences, compiled: erf or linear units without noise or decay.

There the overlaps no longer resolve how far student and teacher are apart. Write :math:`x_i = s_i \rho_{\pi(i)} +
\Delta_i` with the teacher's unit that student i tends to (:math:`s_i = \pm 1`, or 0 for a unit that vanishes) and
follow :math:`E_{ij} = \langle \Delta_i \Delta_j \rangle`, :math:`G_{in} = \langle \Delta_i \rho_n \rangle` and v. The
error is

.. math:: \sum_k v_k h_k + \sum_m u_m g(\rho_m), \qquad u_m = \sum_{k: \pi(k) = m} s_k v_k - v^*_m, \qquad
          h_k = \int_0^1 \! d\tau \; g'(s_k \rho_{\pi(k)} + \tau \Delta_k) \, \Delta_k

(:mod:`tutelage.coincidence`), so that every term is linear or quadratic in what tends to zero. Two Gauss nodes for
tau leave a relative error of the order of :math:`|\Delta|^4`. Factors g' tilt the covariance D of (Delta, rho), one
rank-one update each, as in :mod:`tutelage.kernels.averages`.

The state vector has G in place of R, E in place of Q, and :math:`u_m` in place of the readout of the first student that
tends to teacher m: as :math:`v - v^*` it would not be known to better than the rounding of v, which tolerances relative
to what tends to zero do not forgive.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.kernels.codes import ERF
from tutelage.online.kernels.model import SIGNATURE

_TAU = (0.5 - 0.5 / math.sqrt(3.0), 0.5 + 0.5 / math.sqrt(3.0))


@njit(cache=True, error_model="numpy")
def _field(model, k, tau, K, f):
    """Write the field s_k rho_pi(k) + tau Delta_k as coefficients over (Delta, rho)."""
    f[:] = 0.0
    f[k] = tau
    f[K + model.partner[k]] = model.sign[k]


@njit(cache=True, error_model="numpy")
def _tilt(D, f, code, d, out):
    """Write to `out` the covariance under the weight g'(f); return <g'(f)>."""
    P = D.shape[0]
    variance = 0.0
    for p in range(P):
        d[p] = 0.0
        for q in range(P):
            d[p] += D[p, q] * f[q]
        variance += f[p] * d[p]
    if code != ERF:
        out[:, :] = D
        return 1.0
    for p in range(P):
        for q in range(P):
            out[p, q] = D[p, q] - d[p] * d[q] / (1 + variance)
    return math.sqrt(2 / math.pi / (1 + variance))


@njit(cache=True, error_model="numpy")
def _gain(variance, code):
    """Return <g'> of a field of this variance, so that <y g(x)> = <y x> gain."""
    return math.sqrt(2 / math.pi / (1 + variance)) if code == ERF else 1.0


@njit(cache=True, error_model="numpy")
def _both(D, p, q, code):
    """Return <g(z_p) g(z_q)>."""
    if code != ERF:
        return D[p, q]
    return 2 / math.pi * math.asin(D[p, q] / math.sqrt((1 + D[p, p]) * (1 + D[q, q])))


@njit(cache=True, error_model="numpy")
def _drift(D, v, u, model, K, i, f, d, one, two, out):
    """Write <g'(x_i) z_n error> for every z_n of (Delta, rho)."""
    code, P = model.student, D.shape[0]
    _field(model, i, 1.0, K, f)
    weight = _tilt(D, f, code, d, one)
    out[:] = 0.0
    for k in range(K):
        for tau in _TAU:
            _field(model, k, tau, K, f)
            share = 0.5 * v[k] * weight * _tilt(one, f, code, d, two)
            for n in range(P):
                out[n] += share * two[n, k]
    for m in range(K, P):
        share = weight * u[m - K] * _gain(one[m, m], code)
        for n in range(P):
            out[n] += share * one[n, m]


@njit(cache=True, error_model="numpy")
def _spread(D, v, u, model, K, k, l, f, d, one, two, three):
    """Return <g'(x_k) g'(x_l) error^2>."""
    code, P = model.student, D.shape[0]
    _field(model, k, 1.0, K, f)
    weight = _tilt(D, f, code, d, one)
    _field(model, l, 1.0, K, f)
    weight *= _tilt(one, f, code, d, two)
    total = 0.0
    for m in range(K, P):
        for n in range(K, P):
            if u[m - K] != 0.0 and u[n - K] != 0.0:
                total += u[m - K] * u[n - K] * _both(two, m, n, code)
    for a in range(K):
        for tau in _TAU:
            _field(model, a, tau, K, f)
            share = 0.5 * v[a] * _tilt(two, f, code, d, three)
            for m in range(K, P):
                total += 2 * share * u[m - K] * three[a, m] * _gain(three[m, m], code)
            for b in range(K):
                for other in _TAU:
                    _field(model, b, other, K, f)
                    d[a] = d[b] = variance = 0.0
                    for q in range(P):
                        d[a] += three[a, q] * f[q]
                        if b != a:
                            d[b] += three[b, q] * f[q]
                        for p in range(P):
                            variance += f[p] * three[p, q] * f[q]
                    shrunk = three[a, b] - d[a] * d[b] / (1 + variance) if code == ERF else three[a, b]
                    total += share * 0.5 * v[b] * _gain(variance, code) * shrunk
    return weight * total


@njit(cache=True, error_model="numpy")
def _turn(D, v, u, model, K, i, f, d, one):
    """Return <g(x_i) error>."""
    code, P = model.student, D.shape[0]
    total = 0.0
    for k in range(K):
        for tau in _TAU:
            _field(model, k, tau, K, f)
            weight = _tilt(D, f, code, d, one)
            _field(model, i, 1.0, K, f)
            along = variance = 0.0
            for p in range(P):
                along += one[k, p] * f[p]
                for q in range(P):
                    variance += f[p] * one[p, q] * f[q]
            total += 0.5 * v[k] * weight * along * _gain(variance, code)
    _field(model, i, 1.0, K, f)
    own = 0.0
    for p in range(P):
        for q in range(P):
            own += f[p] * D[p, q] * f[q]
    for m in range(K, P):
        if u[m - K] != 0.0:
            along = 0.0
            for p in range(P):
                along += D[m, p] * f[p]
            if code == ERF:
                along = 2 / math.pi * math.asin(along / math.sqrt((1 + own) * (1 + D[m, m])))
            total += u[m - K] * along
    return total


@njit(cache=True, error_model="numpy")
def _readouts(followed, model, v, u, first):
    """Write v (K,), u (M,) and the number of the first student of each teacher (K where there is none)."""
    K = v.shape[0]
    for m in range(u.shape[0]):
        u[m], first[m] = -model.v_star[m], K
    for k in range(K - 1, -1, -1):
        v[k] = followed[k]
        if model.sign[k] != 0.0:
            first[model.partner[k]] = k
    for m in range(u.shape[0]):
        if first[m] < K:
            u[m] = followed[first[m]]
            v[first[m]] = model.sign[first[m]] * (model.v_star[m] + u[m])
    for k in range(K):
        lead = first[model.partner[k]]
        if model.sign[k] != 0.0 and lead != k:
            v[lead] -= model.sign[lead] * model.sign[k] * v[k]


@njit(SIGNATURE, cache=True, error_model="numpy")
def tail_velocity(y, model, student, teacher, C, a, work, dy):
    """Write the derivatives of (G, E, v), with u in v."""
    P, M = C.shape[0], model.T.shape[0]
    K = P - M
    D, v, u, first = C, np.empty(K), np.empty(M), np.empty(M, np.int64)
    _readouts(y[K * M + K * K :], model, v, u, first)
    for i in range(K):
        for n in range(M):
            D[i, K + n] = D[K + n, i] = y[i * M + n]
        for k in range(K):
            D[i, k] = 0.5 * (y[K * M + i * K + k] + y[K * M + k * K + i])
    D[K:, K:] = model.T
    one, two, three = np.empty((P, P)), np.empty((P, P)), np.empty((P, P))
    f, d = np.empty(P), np.empty(P)
    for i in range(K):
        _drift(D, v, u, model, K, i, f, d, one, two, work[i])
    for i in range(K):
        for n in range(M):
            dy[i * M + n] = -model.lr * v[i] * work[i, K + n]
        for k in range(i + 1):
            change = -model.lr * (v[i] * work[i, k] + v[k] * work[k, i])
            if model.lr != 0.0:
                spread = _spread(D, v, u, model, K, i, k, f, d, one, two, three)
                change += model.lr**2 / model.batch * v[i] * v[k] * spread
            dy[K * M + i * K + k] = dy[K * M + k * K + i] = change
        dy[K * M + K * K + i] = 0.0
        if model.lr_readout != 0.0:
            dy[K * M + K * K + i] = -model.lr_readout * _turn(D, v, u, model, K, i, f, d, one)
    for m in range(M):
        if first[m] < K:
            total = 0.0
            for k in range(K):
                if model.partner[k] == m:
                    total += model.sign[k] * dy[K * M + K * K + k]
            dy[K * M + K * K + first[m]] = total
