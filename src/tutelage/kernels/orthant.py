r"""Jointly Gaussian fields of unit variance as vectors, compiled: what the closed forms of ReLU and its mixtures need.

Wanted are averages :math:`\langle \prod_{b \in S} (m_b + \tfrac12 \beta_b \sigma_b) \prod_{y \in L} x_y \rangle` of
signs :math:`\sigma_b = \mathrm{sign}\, x_b`, at most four, and at most two linear factors; correlations are called r.
Integration by parts removes the linear factors, each sign it meets becoming the condition :math:`x_b = 0`:

.. math:: \langle x_y F \rangle = \sum_z r_{yz} \langle \partial_z F \rangle, \qquad
          \partial_b \sigma_b = 2 \delta(x_b).

What is left are averages of products of signs, given up to two fields at zero. Odd numbers of them average to zero, two
to an angle between fields, :math:`\langle \sigma_b \sigma_c \rangle = \frac2\pi \arcsin r_{bc}`, and four to one
integral (:mod:`tutelage.kernels.signs`).

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

from tutelage.kernels.signs import NOISE, _dot


@njit(cache=True, error_model="numpy")
def correlations(C: np.ndarray, n: int, r: np.ndarray) -> None:
    """Write the correlations of the first n fields of covariance C into r; zero variance counts as independent.

    Fields at a squared distance of rounding coincide, or are opposite.
    """
    for i in range(n):
        r[i, i] = 1.0
        for j in range(i):
            scale = math.sqrt(C[i, i] * C[j, j])
            rho = C[i, j] / scale if scale > 0.0 else 0.0
            if 1.0 - abs(rho) < 0.5 * NOISE:
                rho = 1.0 if rho > 0.0 else -1.0
            r[i, j] = r[j, i] = rho


@njit(cache=True, error_model="numpy")
def exterior(X: np.ndarray, B: np.ndarray, V: np.ndarray) -> float:
    """Fill the bivectors B[b, c] (6 components) and the cofactor vectors V = det(X) X^-T; return |det X|.

    V[d] is the dual of the wedge of the other three rows: |V[e]| = |T_bcd| and V[d].V[e] = -T_bcd.T_bce.
    """
    for b in range(4):
        for c in range(b):
            k = 0
            for p in range(4):
                for q in range(p + 1, 4):
                    B[b, c, k] = X[b, p] * X[c, q] - X[b, q] * X[c, p]
                    B[c, b, k] = -B[b, c, k]
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
def signs(rho: float) -> float:
    """Return <sign sign> of two fields with correlation rho."""
    return 2.0 / math.pi * math.atan2(rho, math.sqrt((1.0 - rho) * (1.0 + rho)))


@njit(cache=True, error_model="numpy")
def signs_given(B: np.ndarray, V: np.ndarray, c: int, d: int, b: int) -> float:
    """Return <sign(x_c) sign(x_d)> given x_b = 0."""
    e = 6 - b - c - d
    return 1.0 - 2.0 / math.pi * math.atan2(math.sqrt(_dot(V[e], V[e])), _dot(B[b, c], B[b, d]))


@njit(cache=True, error_model="numpy")
def signs_given_two(B: np.ndarray, V: np.ndarray, det: float, b: int, c: int) -> float:
    """Return <sign sign> of the two fields other than b and c, given x_b = x_c = 0."""
    d, e = rest(b, c)
    return 1.0 - 2.0 / math.pi * math.atan2(math.sqrt(_dot(B[b, c], B[b, c])) * det, -_dot(V[d], V[e]))


@njit(cache=True, error_model="numpy")
def rest(b: int, c: int) -> tuple[int, int]:
    """Return the two of 0..3 other than b and c."""
    first = 0
    while first in (b, c):
        first += 1
    return first, 6 - b - c - first


@njit(cache=True, error_model="numpy")
def edge(rho: float, yb: float, yc: float, zb: float, zc: float) -> float:
    r"""Return what a pair of steps b, c leaves of two linear factors y, z, from their correlations.

    .. math:: \frac{r_{yb} (r_{zc} - \rho\, r_{zb}) + r_{yc} (r_{zb} - \rho\, r_{zc})}{\sqrt{1 - \rho^2}}

    Written in differences where b and c all but coincide, in sums where they are all but opposite. Neither can be
    larger than the distance of b and c, or of b and -c, unless rounding makes it so.
    """
    size = abs(rho)
    sign = 1.0 if rho >= 0.0 else -1.0
    chord = math.sqrt(2.0 * (1.0 - size))
    y = min(chord, max(-chord, yb - sign * yc))
    z = min(chord, max(-chord, zb - sign * zc))
    tangent = math.sqrt((1.0 - size) / (1.0 + size))
    across = y * z / math.sqrt((1.0 - size) * (1.0 + size)) if chord > 0.0 else 0.0
    return sign * (tangent * (yb * zb + yc * zc) - across)
