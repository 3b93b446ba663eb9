r"""Sums of I2, I3 and I4 over the fields of ReLU, leaky ReLU and linear units, compiled.

Each factor g or g' is a field, or none, times a constant plus a multiple of its sign. So all averages are made of
correlations, of :math:`\langle \sigma_b \sigma_c \rangle`, once for each pair, and where four fields differ of what
:mod:`tutelage.kernels.orthant` knows of them: the pairs given the two others at zero, and the average of four signs, an
integral. That is done once for each set of four fields and serves all pairs of students in it, up to six.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.kernels.codes import LEAKY, LINEAR, RELU
from tutelage.kernels.orthant import correlations, edge, exterior, signs, signs_given_two
from tutelage.kernels.signs import MOST, four_signs, vectors

PAIRS = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])  # the p-th and the (5 - p)-th make four


@njit(cache=True, error_model="numpy")
def is_ramp(code: int) -> bool:
    """Tell whether :func:`ramp_averages` knows a unit."""
    return code in (RELU, LEAKY, LINEAR)


@njit(cache=True, error_model="numpy")
def _factors(model, K, P):
    """Return mean and half (2, P): a slope g' (row 0), or g without its field (row 1), is mean + half sign(x)."""
    mean, half = np.empty((2, P)), np.empty((2, P))
    for c in range(P):
        code, leak = (model.student, 0.0) if c < K else (model.teacher, 0.0)
        if code == LEAKY:
            leak = model.student_parameters[0] if c < K else model.teacher_parameters[0]
        if code == LINEAR:
            leak = 1.0
        mean[:, c] = 0.5 * (1.0 + leak)
        half[:, c] = 0.5 * (1.0 - leak)
    return mean, half


@njit(cache=True, error_model="numpy")
def _few(S, size, y, z, mean, half, r, arc):
    """Return < x_y x_z prod_p (mean_p + half_p sign(x_S[p])) > of at most three fields of unit variance."""
    total = 1.0
    for p in range(size):
        total *= mean[p]
    edges = 0.0
    for p in range(size):
        for q in range(p):
            weight = half[p] * half[q] * (mean[3 - p - q] if size == 3 else 1.0)
            if weight != 0.0:
                b, c = S[p], S[q]
                total += weight * arc[b, c]
                edges += weight * edge(r[b, c], r[y, b], r[y, c], r[z, b], r[z, c])
    return r[y, z] * total + 2.0 / math.pi * edges


@njit(cache=True, error_model="numpy")
def _drift(C, a, i, mean, half, r, arc, deviation, drift):
    """Write sum_c a_c I3(i, n, c) for all n, and return sum_c a_c I2(i, c)."""
    P = C.shape[0]
    drift[:P] = 0.0
    total = 0.0
    for c in range(P):
        if c == i:
            both = mean[0, i] * mean[1, i] + half[0, i] * half[1, i]
            square = mean[1, i] ** 2 + half[1, i] ** 2
            total += a[c] * C[i, i] * square
            for n in range(P):
                drift[n] += a[c] * C[n, i] * both
        else:
            weight = half[0, i] * half[1, c]
            both = mean[0, i] * mean[1, c] + weight * arc[i, c]
            rho = r[i, c]
            for n in range(P):
                across = weight * edge(rho, r[n, i], r[n, c], rho, 1.0) if weight != 0.0 else 0.0
                drift[n] += a[c] * (C[n, c] * both + 2.0 / math.pi * deviation[n] * deviation[c] * across)
            weight = half[1, i] * half[1, c]
            value = rho * (mean[1, i] * mean[1, c] + weight * arc[i, c])
            value += 2.0 / math.pi * weight * edge(rho, 1.0, rho, rho, 1.0)
            total += a[c] * deviation[i] * deviation[c] * value
    return total


@njit(cache=True, error_model="numpy")
def _merge(S, mean, half, size, field, m, h):
    """Multiply by a factor of a field, which may be there already; return how many fields there are."""
    for p in range(size):
        if S[p] == field:
            mean[p], half[p] = mean[p] * m + half[p] * h, mean[p] * h + half[p] * m
            return size
    S[size], mean[size], half[size] = field, m, h
    return size + 1


@njit(cache=True, error_model="numpy")
def _repeated(a, i, k, mean, half, r, arc, deviation):
    """Return sum_cd a_c a_d I4(i, k, c, d) where these are fewer than four fields."""
    P = a.shape[0]
    S, m, h = np.empty(4, np.int64), np.empty(4), np.empty(4)
    total = 0.0
    for c in range(P):
        for d in range(c + 1):
            if i != k and c != d and c not in (i, k) and d not in (i, k):
                continue
            size = _merge(S, m, h, 0, i, mean[0, i], half[0, i])
            size = _merge(S, m, h, size, k, mean[0, k], half[0, k])
            size = _merge(S, m, h, size, c, mean[1, c], half[1, c])
            size = _merge(S, m, h, size, d, mean[1, d], half[1, d])
            weight = (1.0 if c == d else 2.0) * a[c] * a[d] * deviation[c] * deviation[d]
            if weight != 0.0:
                total += weight * _few(S, size, c, d, m, h, r, arc)
    return total


@njit(cache=True, error_model="numpy")
def _four(S, K, a, mean, half, arc, deviation, room, spread):
    """Add to spread what four different fields give, for all pairs of students among them."""
    corr, X, B, V, path, given, m, h = room
    vectors(corr, 4, X)
    det = exterior(X, B, V)
    curved = True
    for p in range(4):
        curved = curved and half[1, S[p]] != 0.0
    all_signs = four_signs(corr, X, B, V, path) if curved else 0.0
    for e in range(6):
        given[e] = signs_given_two(B, V, det, PAIRS[e, 0], PAIRS[e, 1])
    for students in range(6):
        p, q = PAIRS[students]
        y, z = PAIRS[5 - students]
        if S[q] >= K:
            continue
        i, k, c, d = S[p], S[q], S[y], S[z]
        weight = 2.0 * a[c] * a[d] * deviation[c] * deviation[d]
        m[p], m[q], m[y], m[z] = mean[0, i], mean[0, k], mean[1, c], mean[1, d]
        h[p], h[q], h[y], h[z] = half[0, i], half[0, k], half[1, c], half[1, d]
        total = m[0] * m[1] * m[2] * m[3] + h[0] * h[1] * h[2] * h[3] * all_signs
        edges = 0.0
        for e in range(6):
            b, f = PAIRS[e]
            s, t = PAIRS[5 - e]
            both = h[b] * h[f]
            if both != 0.0:
                total += both * m[s] * m[t] * arc[S[b], S[f]]
                left = m[s] * m[t] + h[s] * h[t] * given[e]
                edges += both * left * edge(corr[b, f], corr[y, b], corr[y, f], corr[z, b], corr[z, f])
        total = weight * (corr[y, z] * total + 2.0 / math.pi * edges)
        spread[i, k] += total
        spread[k, i] += total


@njit(cache=True, error_model="numpy")
def _fours(K, a, mean, half, r, arc, deviation, spread):
    """Add to spread what all sets of four different fields give."""
    P = a.shape[0]
    S = np.empty(4, np.int64)
    corr, X, B, V = np.empty((4, 4)), np.empty((4, 4)), np.empty((4, 4, 6)), np.empty((4, 4))
    room = corr, X, B, V, np.empty((4, MOST)), np.empty(6), np.empty(4), np.empty(4)
    for b in range(K):
        for c in range(b + 1, K):
            for d in range(c + 1, P):
                for e in range(d + 1, P):
                    if (d >= K and a[d] == 0.0) or (e >= K and a[e] == 0.0):
                        continue
                    S[0], S[1], S[2], S[3] = b, c, d, e
                    for p in range(4):
                        for q in range(4):
                            corr[p, q] = r[S[p], S[q]]
                    _four(S, K, a, mean, half, arc, deviation, room, spread)


@njit(cache=True, error_model="numpy")
def ramp_averages(C, a, model, K, drift, spread, slope):
    """Sums over the fields of I3, I4 and I2 (drift, spread, slope); zero where the learning rate is."""
    P = C.shape[0]
    r, arc, deviation = np.empty((P, P)), np.empty((P, P)), np.empty(P)
    correlations(C, P, r)
    for c in range(P):
        deviation[c] = math.sqrt(max(C[c, c], 0.0))
        arc[c, c] = 1.0
        for d in range(c):
            arc[c, d] = arc[d, c] = signs(r[c, d])
    mean, half = _factors(model, K, P)
    for i in range(K):
        slope[i] = 0.0
        drift[i] = 0.0
        both = _drift(C, a, i, mean, half, r, arc, deviation, drift[i])
        if model.lr == 0.0:
            drift[i] = 0.0
        if model.lr_readout != 0.0:
            slope[i] = both
        for k in range(i + 1):
            total = 0.0
            if model.lr != 0.0 and model.powers > 0:
                total = model.noise_variance * (mean[0, i] * mean[0, k] + half[0, i] * half[0, k] * arc[i, k])
                if model.powers > 1:
                    total += _repeated(a, i, k, mean, half, r, arc, deviation)
            spread[i, k] = spread[k, i] = total
    if model.lr != 0.0 and model.powers > 1:
        _fours(K, a, mean, half, r, arc, deviation, spread)
