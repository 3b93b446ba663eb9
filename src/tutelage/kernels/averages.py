r"""Averages of erf, linear, (leaky) ReLU, step and sign units in any mixture, compiled, by one recipe.

With :math:`g_d` the activation of the differentiated (student) units and :math:`g_1, g_2` those of the other two,

.. math:: \Big\langle \prod_{d \le n_d} g_d'(x_d) \; g_1(y) \, g_2(z) \Big\rangle , \qquad n_d = 0, 1, 2,

is I2, I3 (with :math:`g_1` the identity) and I4. These facts reduce all cases to the truncated moments of
:mod:`tutelage.kernels.orthant`:

* erf' is a Gaussian weight: it tilts the covariance, :math:`C \to C - C_{\cdot d}(1 + C_{dd})^{-1} C_{d \cdot}`, and
  leaves the factor :math:`\sqrt{2/\pi}/\sqrt{1 + C_{dd}}`, one unit after the other;
* every other factor is a constant plus a multiple of a step, times its field or not: ReLU is :math:`y \theta(y)`, its
  derivative :math:`\theta(x)`, leaky ReLU :math:`y (a + (1 - a) \theta(y))`, the sign :math:`2 \theta(y) - 1`, and the
  product is multiplied out;
* erf is a sign averaged over an independent normal: :math:`\mathrm{erf}(y/\sqrt 2) = \langle 2\theta(y + \zeta) - 1
  \rangle_\zeta`, so it is a field of variance :math:`C_{yy} + 1`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.kernels.codes import ERF, LEAKY, LINEAR, ONE, RELU, STEP
from tutelage.kernels.orthant import (
    correlations,
    edge,
    exterior,
    rest,
    signs,
    signs_given,
    signs_given_two,
)
from tutelage.kernels.signs import MOST, four_signs, vectors

Leaks = tuple[float, float, float]
_NO_LEAK = (0.0, 0.0, 0.0)


@njit(cache=True, error_model="numpy")
def _tilt(C: np.ndarray, n: int) -> float:
    """Absorb erf'(x_0) into the law of fields 1..n-1, in place; return the weight it leaves."""
    row, shrink = np.empty(n), 1 / (1 + C[0, 0])
    for i in range(n):
        row[i] = C[0, i]
    for i in range(1, n):
        for j in range(1, n):
            C[i - 1, j - 1] = C[i, j] - row[i] * row[j] * shrink
    return math.sqrt(2 / math.pi * shrink)


@njit(cache=True, error_model="numpy")
def average(C: np.ndarray, derivatives: int, student: int, first: int, second: int, leaks: Leaks = _NO_LEAK) -> float:
    """Return < prod g_student'(x_d) g_first(y) g_second(z) >.

    Parameters
    ----------
    C : array, shape (derivatives + 2, derivatives + 2)
        Covariance of (x_1..x_derivatives, y, z); may be singular.
    derivatives : int
        0, 1 or 2.
    student, first, second : int
        Codes of :mod:`tutelage.kernels.codes`. A differentiated step or sign gives NaN; ONE cannot be differentiated.
    leaks : (float, float, float)
        Of the leaky ones among these three.
    """
    n = derivatives + 2
    K, terms = np.empty((4, 4)), np.empty((2, 4))
    for p in range(n):
        for q in range(n):
            K[p, q] = C[p, q]
    weight = 1.0
    steps = 0  # differentiated ReLU units stay as the first fields; the others are gone
    for _ in range(derivatives):
        if student == ERF:
            weight *= _tilt(K, n)
            n -= 1
        elif student == LINEAR:
            for p in range(n - 1):
                for q in range(n - 1):
                    K[p, q] = K[p + 1, q + 1]
            n -= 1
        else:
            terms[0, steps], terms[1, steps] = _derivative_terms(student, leaks[0])
            steps += 1
    y, z = -1, -1  # the fields that are factors
    for field, code, leak in ((n - 2, first, leaks[1]), (n - 1, second, leaks[2])):
        terms[0, field], terms[1, field] = _value_terms(code, leak)
        if code == ERF:
            K[field, field] += 1.0
        elif code in (LINEAR, RELU, LEAKY):
            weight *= math.sqrt(max(K[field, field], 0.0))
            y, z = (field, -1) if y < 0 else (y, field)
    return weight * _product(K, n, terms, y, z)


@njit(cache=True, error_model="numpy")
def _derivative_terms(code: int, leak: float) -> tuple[float, float]:
    """Return (a, b) of g'(x) = a + b theta(x)."""
    if code == RELU:
        return 0.0, 1.0
    if code == LEAKY:
        return leak, 1.0 - leak
    return math.nan, math.nan


@njit(cache=True, error_model="numpy")
def _value_terms(code: int, leak: float) -> tuple[float, float]:
    """Return (a, b) of g(y) = a + b theta(y), without the factor y if there is one."""
    if code in (LINEAR, ONE):
        return 1.0, 0.0
    if code in (RELU, STEP):
        return 0.0, 1.0
    if code == LEAKY:
        return leak, 1.0 - leak
    return -1.0, 2.0


@njit(cache=True, error_model="numpy")
def _product(C: np.ndarray, n: int, terms: np.ndarray, y: int, z: int) -> float:
    """Return < prod_i (terms_0i + terms_1i theta(x_i)) x_y x_z >, x_y and x_z scaled to unit variance; -1 for none."""
    r, X = np.zeros((4, 4)), np.empty((4, 4))
    B, V = np.empty((4, 4, 6)), np.empty((4, 4))
    correlations(C, n, r)
    det = 0.0
    if n == 4 or (n == 3 and y >= 0 and z < 0):
        vectors(r, n, X)
        det = exterior(X, B, V)
    mean, half = np.empty(n), np.empty(n)  # of each factor mean + half sign(x_i)
    for i in range(n):
        half[i] = 0.5 * terms[1, i]
        mean[i] = terms[0, i] + half[i]
    if y < 0:
        return _mean_signs(n, mean, half, r, X, B, V)
    if z < 0:
        return _one_factor(n, mean, half, y, r, B, V)
    total = r[y, z] * _mean_signs(n, mean, half, r, X, B, V)
    for b in range(n):
        for c in range(b):
            if half[b] != 0.0 and half[c] != 0.0:
                left = 1.0
                for i in range(n):
                    left *= mean[i] if i not in (b, c) else 1.0
                if n == 4:
                    d, e = rest(b, c)
                    if half[d] != 0.0 and half[e] != 0.0:
                        left += half[d] * half[e] * signs_given_two(B, V, det, b, c)
                total += 2 / math.pi * half[b] * half[c] * edge(r[b, c], r[y, b], r[y, c], r[z, b], r[z, c]) * left
    return total


@njit(cache=True, error_model="numpy")
def _mean_signs(n, mean, half, r, X, B, V):
    """Return < prod_i (mean_i + half_i sign(x_i)) >."""
    total, all_signs = 1.0, 1.0
    for i in range(n):
        total *= mean[i]
        all_signs *= half[i]
    for b in range(n):
        for c in range(b):
            weight = half[b] * half[c]
            for i in range(n):
                weight *= mean[i] if i not in (b, c) else 1.0
            if weight != 0.0:
                total += weight * signs(r[b, c])
    if n == 4 and all_signs != 0.0:
        total += all_signs * four_signs(r, X, B, V, np.empty((4, MOST)))
    return total


@njit(cache=True, error_model="numpy")
def _one_factor(n, mean, half, y, r, B, V):
    """Return < x_y prod_i (mean_i + half_i sign(x_i)) >."""
    total = 0.0
    for b in range(n):
        left = 1.0
        for i in range(n):
            left *= mean[i] if i != b else 1.0
        for c in range(n):
            for d in range(c):
                if b not in (c, d):
                    weight = half[c] * half[d] * (mean[6 - b - c - d] if n == 4 else 1.0)
                    if weight != 0.0:
                        left += weight * signs_given(B, V, c, d, b)
        total += r[y, b] * half[b] * left
    return math.sqrt(2 / math.pi) * total


@njit(cache=True, error_model="numpy")
def derivative_average(C: np.ndarray, code: int, leak: float = 0.0) -> float:
    """Return < prod_d g'(x_d) > of two or four units of one activation (J2, J4); C has their covariance."""
    n = C.shape[0]
    if code == LINEAR:
        return 1.0
    if code == ERF:
        K = C.copy()
        weight = 1.0
        for left in range(n, 0, -1):
            weight *= _tilt(K, left)
        return weight
    terms = np.empty((2, 4))
    for i in range(n):
        terms[0, i], terms[1, i] = _derivative_terms(code, leak)
    return _product(C, n, terms, -1, -1)


@njit(cache=True, error_model="numpy")
def averages(
    C: np.ndarray, derivatives: int, student: int, first: int, second: int, out: np.ndarray, leaks: Leaks = _NO_LEAK
) -> None:
    """Write :func:`average` of each covariance of a stack C (batch, n, n) into out (batch,)."""
    for b in range(C.shape[0]):
        out[b] = average(C[b], derivatives, student, first, second, leaks)


@njit(cache=True, error_model="numpy")
def derivative_averages(C: np.ndarray, code: int, out: np.ndarray, leak: float = 0.0) -> None:
    """Write :func:`derivative_average` of each covariance of a stack C (batch, n, n) into out (batch,)."""
    for b in range(C.shape[0]):
        out[b] = derivative_average(C[b], code, leak)
