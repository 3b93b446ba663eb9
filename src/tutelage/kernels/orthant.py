r"""Truncated moments of up to four jointly Gaussian fields, compiled: the closed forms of ReLU and of its mixtures.

Wanted are averages :math:`\langle \prod_{b \in S} \theta(x_b) \prod_{y \in L} x_y \rangle` of unit-variance fields
with correlation matrix :math:`r`, at most four steps and two linear factors. Integration by parts removes the linear
factors, each step it meets becoming the condition :math:`x_b = 0`:

.. math:: \langle x_y F \rangle = \sum_z r_{yz} \langle \partial_z F \rangle, \qquad
          \partial_b \theta(x_b) = \delta(x_b).

What is left are orthant probabilities of two, three and four (conditioned) fields. The first two are elementary in the
angles between fields; the third is one integral (Plackett 1954).

Degenerate arguments (equal, opposite, coplanar fields) make the textbook formula 0/0. So the fields are drawn as unit
vectors :math:`r = X X^T` once, and every conditional quantity is read off as exterior products of the rows of X, which
lose nothing to cancellation: with :math:`B_{bc} = x_b \wedge x_c` and :math:`T_{bcd} = x_b \wedge x_c \wedge x_d`,

.. math:: C_{cd|b} = B_{bc} \cdot B_{bd}, \quad
          \angle(c,d\,|\,b) = \mathrm{atan2}(|T_{bcd}|,\, B_{bc} \cdot B_{bd}), \quad
          \angle(d,e\,|\,b,c) = \mathrm{atan2}(|B_{bc}||\det X|,\, T_{bcd} \cdot T_{bce}).

Coincident fields are kept apart by an angle of 1e-14, which is also the error they cause.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

ERF, LINEAR, RELU = 0, 1, 2  # codes of the activations that have closed forms
ONE = 3  # the constant 1 in place of an activation
LEAKY, STEP, SIGN = 4, 5, 6  # the last two have no derivative
CODES = {  # by the kind of an activation
    "erf": ERF,
    "linear": LINEAR,
    "relu": RELU,
    "leaky_relu": LEAKY,
    "step": STEP,
    "sign": SIGN,
}

_APART = 1e-14  # least distance of a field from the span of the others
_NOISE = 4e-15  # a squared distance below this is rounding
_SQRT_2PI = math.sqrt(2 * math.pi)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(14)
_PANEL = 0.3  # ratio of successive panels of the graded rule


@njit(cache=True, error_model="numpy")
def _correlations(C: np.ndarray, n: int, r: np.ndarray) -> None:
    """Write the correlations of the first n fields of covariance C into r; zero variance counts as independent."""
    for i in range(n):
        r[i, i] = 1.0
        for j in range(i):
            scale = math.sqrt(C[i, i] * C[j, j])
            rho = C[i, j] / scale if scale > 0.0 else 0.0
            r[i, j] = r[j, i] = min(1.0, max(-1.0, rho))


@njit(cache=True, error_model="numpy")
def _vectors(r: np.ndarray, n: int, X: np.ndarray) -> None:
    """Factor r[:n, :n] = X X^T by Cholesky with pivoting; rows are kept at least _APART from each other's span."""
    distance2, done = np.empty(4), np.empty(4, np.bool_)
    for i in range(4):
        distance2[i], done[i] = 1.0, False
        for c in range(4):
            X[i, c] = 0.0
    for column in range(n):
        pivot = -1
        for i in range(n):
            if not done[i] and (pivot < 0 or distance2[i] > distance2[pivot]):
                pivot = i
        done[pivot] = True
        if distance2[pivot] < _NOISE:
            X[pivot, column] = _APART
            continue
        X[pivot, column] = math.sqrt(distance2[pivot])
        for i in range(n):
            if not done[i]:
                dot = 0.0
                for c in range(column):
                    dot += X[i, c] * X[pivot, c]
                X[i, column] = (r[i, pivot] - dot) / X[pivot, column]
                distance2[i] -= X[i, column] ** 2
    for i in range(n, 4):  # absent fields: orthogonal to all
        X[i, i] = 1.0


@njit(cache=True, error_model="numpy")
def _exterior(X: np.ndarray, B: np.ndarray, V: np.ndarray) -> float:
    """Fill the bivectors B[b, c] (6 components) and the cofactor vectors V = det(X) X^-T; return |det X|.

    V[d] is the dual of the wedge of the other three rows: |V[e]| = |T_bcd| and V[d].V[e] = -T_bcd.T_bce.
    """
    for b in range(4):
        for c in range(4):
            k = 0
            for p in range(4):
                for q in range(p + 1, 4):
                    B[b, c, k] = X[b, p] * X[c, q] - X[b, q] * X[c, p]
                    k += 1
    for e in range(4):
        b, c, d = 0 if e > 0 else 1, 1 if e > 1 else 2, 2 if e > 2 else 3
        sign = -1.0 if e % 2 else 1.0  # B components: 01 02 03 12 13 23
        V[e, 0] = sign * (X[b, 1] * B[c, d, 5] - X[b, 2] * B[c, d, 4] + X[b, 3] * B[c, d, 3])
        V[e, 1] = -sign * (X[b, 0] * B[c, d, 5] - X[b, 2] * B[c, d, 2] + X[b, 3] * B[c, d, 1])
        V[e, 2] = sign * (X[b, 0] * B[c, d, 4] - X[b, 1] * B[c, d, 2] + X[b, 3] * B[c, d, 0])
        V[e, 3] = -sign * (X[b, 0] * B[c, d, 3] - X[b, 1] * B[c, d, 1] + X[b, 2] * B[c, d, 0])
    return abs(_dot(X[0], V[0]))


@njit(cache=True, error_model="numpy")
def _dot(x: np.ndarray, y: np.ndarray) -> float:
    total = 0.0
    for p in range(x.shape[0]):
        total += x[p] * y[p]
    return total


@njit(cache=True, error_model="numpy")
def _norm(x: np.ndarray) -> float:
    return math.sqrt(_dot(x, x))


@njit(cache=True, error_model="numpy")
def _angle(X: np.ndarray, B: np.ndarray, b: int, c: int) -> float:
    """Angle between fields b and c."""
    return math.atan2(_norm(B[b, c]), _dot(X[b], X[c]))


@njit(cache=True, error_model="numpy")
def _angle_given(B: np.ndarray, V: np.ndarray, c: int, d: int, b: int) -> float:
    """Angle between fields c and d given x_b = 0."""
    return math.atan2(_norm(V[6 - b - c - d]), _dot(B[b, c], B[b, d]))


@njit(cache=True, error_model="numpy")
def _angle_given_two(B: np.ndarray, V: np.ndarray, det: float, b: int, c: int) -> float:
    """Angle between the two fields other than b and c, given x_b = x_c = 0."""
    d = -1
    for i in range(4):
        if i not in (b, c):
            d = i
            break
    return math.atan2(_norm(B[b, c]) * det, -_dot(V[d], V[6 - b - c - d]))


@njit(cache=True, error_model="numpy")
def _four_steps(r: np.ndarray, B: np.ndarray, V: np.ndarray, det: float) -> float:
    """Return <theta theta theta theta> of four fields with correlations r.

    Plackett's integral along t -> 1 + t (r - 1), t = cos w, on panels graded towards w = 0 down to the smallest
    singular value of X, where the integrand bends. The determinant along the path is sum_k t^k (1-t)^(4-k) e_k with
    e_k >= 0 the sums of the principal minors, so it never cancels.
    """
    e2, e3, e4 = 0.0, 0.0, det * det
    for i in range(4):
        e3 += _dot(V[i], V[i])
        for j in range(i):
            e2 += _dot(B[i, j], B[i, j])
    bend = math.sqrt(min(e4 / e3, e3 / e2, e2 / 6))
    total = 1 / 16
    top = math.pi / 2
    while top > 0.0:
        bottom = _PANEL * top
        if top < bend or top < _APART:
            bottom = 0.0
        for node in range(_NODES.shape[0]):
            w = 0.5 * (top + bottom + (top - bottom) * _NODES[node])
            total += 0.5 * (top - bottom) * _WEIGHTS[node] * _plackett(r, w, e2, e3, e4, B, V)
        top = bottom
    return total


@njit(cache=True, error_model="numpy")
def _plackett(r: np.ndarray, w: float, e2: float, e3: float, e4: float, B: np.ndarray, V: np.ndarray) -> float:
    """Integrand of _four_steps at t = cos w.

    For each pair (i, j) the determinant of its correlation and the cofactor that couples the two others, both along the
    path and written in powers of 1 - t, so that nothing of order one cancels near w = 0.
    """
    less = 2 * math.sin(w / 2) ** 2  # 1 - t
    t, sin_w = 1 - less, math.sin(w)
    det4 = (((t * e4 + less * e3) * t + less**2 * e2) * t + less**3 * 4) * t + less**4
    total = 0.0
    for i in range(4):
        for j in range(i):
            k, l = 0, 0
            for m in range(4):
                if m not in (i, j):
                    k, l = l, m
            sine2 = _dot(B[i, j], B[i, j])
            det2 = sin_w**2 + t * t * sine2
            crossing = r[k, l] * sine2 + r[i, j] * (r[i, k] * r[j, l] + r[j, k] * r[i, l])
            cofactor = less * (2 * r[k, l] - crossing + less * (crossing - r[k, l])) - t * _dot(V[k], V[l])
            angle = math.atan2(math.sqrt(det2 * det4), t * cofactor)
            total += r[i, j] / math.sqrt(det2) * (0.5 - angle / (2 * math.pi))
    return total * sin_w / (2 * math.pi)


@njit(cache=True, error_model="numpy")
def _steps(S, size, r, X, B, V, det):
    """Return <prod_{b in S} theta(x_b)>, S the first `size` entries of an index array."""
    if size == 0:
        return 1.0
    if size == 1:
        return 0.5
    if size == 4:
        return _four_steps(r, B, V, det)
    angles = 0.0
    for p in range(size):
        for q in range(p):
            angles += _angle(X, B, S[p], S[q])
    return 0.5 - angles / (2 * math.pi * (size - 1))


@njit(cache=True, error_model="numpy")
def _steps_given(S, size, skip, B, V):
    """Return <prod_{c in S, c != S[skip]} theta(x_c) | x_S[skip] = 0>."""
    if size < 3:
        return 0.5 ** (size - 1)
    angles = 0.0
    for p in range(size):
        for q in range(p):
            if p != skip and q != skip:
                angles += _angle_given(B, V, S[p], S[q], S[skip])
    return 0.5 - angles / (2 * math.pi * (size - 2))


@njit(cache=True, error_model="numpy")
def _moment(S, size, y, z, r, X, B, V, det):
    """Return <prod_{b in S} theta(x_b) x_y x_z>; -1 stands for no linear factor, and y = -1 implies z = -1."""
    if y < 0:
        return _steps(S, size, r, X, B, V, det)
    total = 0.0
    if z < 0:
        for p in range(size):
            total += r[y, S[p]] * _steps_given(S, size, p, B, V)
        return total / _SQRT_2PI
    for p in range(size):
        for q in range(size):
            b, c = S[p], S[q]
            if b != c:
                rest = 0.5 ** (size - 2)
                if size == 4:
                    rest = 0.5 - _angle_given_two(B, V, det, b, c) / (2 * math.pi)
                total += r[y, b] * _dot(B[b, c], B[b, z]) / _norm(B[b, c]) * rest
    return total / (2 * math.pi) + r[y, z] * _steps(S, size, r, X, B, V, det)
