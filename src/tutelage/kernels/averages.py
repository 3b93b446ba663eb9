r"""Averages of erf, linear and ReLU units, in any mixture, compiled: every average an ODE needs, by one recipe.

With :math:`g_d` the activation of the differentiated (student) units and :math:`g_1, g_2` those of the other two,

.. math:: \Big\langle \prod_{d \le n_d} g_d'(x_d) \; g_1(y) \, g_2(z) \Big\rangle , \qquad n_d = 0, 1, 2,

is I2, I3 (with :math:`g_1` the identity) and I4. Three facts reduce all cases to the truncated moments of
:mod:`tutelage.kernels.orthant`:

* erf' is a Gaussian weight: it tilts the covariance, :math:`C \to C - C_{\cdot d}(1 + C_{dd})^{-1} C_{d \cdot}`, and
  leaves the factor :math:`\sqrt{2/\pi}/\sqrt{1 + C_{dd}}`, one unit after the other;
* erf is a step averaged over an independent normal: :math:`\mathrm{erf}(y/\sqrt 2) = \langle 2\theta(y + \zeta) - 1
  \rangle_\zeta`, so it is a field of variance :math:`C_{yy} + 1`;
* ReLU is a step times its field, and its derivative a step.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.kernels.orthant import ERF, LINEAR, ONE, _correlations, _exterior, _moment, _vectors


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
def average(C: np.ndarray, derivatives: int, student: int, first: int, second: int) -> float:
    """Return < prod g_student'(x_d) g_first(y) g_second(z) >.

    Parameters
    ----------
    C : array, shape (derivatives + 2, derivatives + 2)
        Covariance of (x_1..x_derivatives, y, z); may be singular.
    derivatives : int
        0, 1 or 2.
    student, first, second : int
        Codes ERF, LINEAR, RELU; the last two also ONE.
    """
    n = derivatives + 2
    K = np.empty((4, 4))
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
            steps += 1
    return weight * _product(K, steps, first, second)


@njit(cache=True, error_model="numpy")
def _product(C: np.ndarray, steps: int, first: int, second: int) -> float:
    """Return < prod_{b < steps} theta(x_b) g_first(y) g_second(z) > of the steps + 2 fields of C (overwritten)."""
    n = steps + 2
    scale = 1.0
    linear = np.empty(2, np.int64)  # the linear factors: y, z
    linear[0] = linear[1] = -1
    factors = 0
    for field, code in ((n - 2, first), (n - 1, second)):
        if code == ERF:
            C[field, field] += 1.0
        elif code != ONE:
            scale *= math.sqrt(max(C[field, field], 0.0))
            linear[factors] = field
            factors += 1
    r, X = np.zeros((4, 4)), np.empty((4, 4))
    B, V = np.empty((4, 4, 6)), np.empty((4, 4))
    _correlations(C, n, r)
    _vectors(r, n, X)
    det = _exterior(X, B, V)
    S = np.empty(4, np.int64)
    total = 0.0
    for with_first in range(2 if first == ERF else 1):  # which of (2 theta - 1) is taken: 2 theta or -1
        for with_second in range(2 if second == ERF else 1):
            size, sign = steps, 1.0
            for b in range(steps):
                S[b] = b
            for code, dropped, field in ((first, with_first, n - 2), (second, with_second, n - 1)):
                if code in (LINEAR, ONE):
                    continue
                if dropped:
                    sign = -sign
                else:
                    S[size] = field
                    size += 1
                    sign *= 2.0 if code == ERF else 1.0
            total += sign * _moment(S, size, linear[0], linear[1], r, X, B, V, det)
    return scale * total


@njit(cache=True, error_model="numpy")
def derivative_average(C: np.ndarray, code: int) -> float:
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
    r, X = np.zeros((4, 4)), np.empty((4, 4))
    B, V = np.empty((4, 4, 6)), np.empty((4, 4))
    _correlations(C, n, r)
    _vectors(r, n, X)
    return _moment(np.arange(n), n, -1, -1, r, X, B, V, _exterior(X, B, V))


@njit(cache=True, error_model="numpy")
def averages(C: np.ndarray, derivatives: int, student: int, first: int, second: int, out: np.ndarray) -> None:
    """Write :func:`average` of each covariance of a stack C (batch, n, n) into out (batch,)."""
    for b in range(C.shape[0]):
        out[b] = average(C[b], derivatives, student, first, second)


@njit(cache=True, error_model="numpy")
def derivative_averages(C: np.ndarray, code: int, out: np.ndarray) -> None:
    """Write :func:`derivative_average` of each covariance of a stack C (batch, n, n) into out (batch,)."""
    for b in range(C.shape[0]):
        out[b] = derivative_average(C[b], code)
