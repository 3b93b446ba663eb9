r"""The average of the product of four signs of Gaussian fields, compiled: the one integral among the averages of ReLU.

Plackett's derivative with respect to a correlation, integrated along a path that frees one field, the lead p, from the
others. With e normal to the span of the other three, p is :math:`\sin\phi\, u + \cos\phi\, e` along the path, from
:math:`\phi = 0`, where it is free, to :math:`\Phi`. Per pair of p with another field q, and s, t the rest,

.. math::

    \langle \sigma_p \sigma_q \sigma_s \sigma_t \rangle = \frac4{\pi^2} \sum_q \int_0^\Phi
    \frac{c_q \cos\phi\, d\phi}{D_q} \arctan \frac{\sin^2\!\phi\, \alpha_q + \cos^2\!\phi\, \beta_q}
    {\cos\phi\, |q \wedge s \wedge t|\, D_q} , \qquad D_q^2 = \cos^2\!\phi + s_q^2 \sin^2\!\phi ,

with :math:`c_q, s_q` the cosine and sine between u and q, :math:`\alpha_q = (u \wedge q \wedge s) \cdot
(u \wedge q \wedge t)` and :math:`\beta_q = (q \wedge s) \cdot (q \wedge t)`. The integrand is even in :math:`\phi`, and
its singularities are at :math:`\pm \pi/2 \pm i \beta`, with :math:`\tanh\beta` at least a, the sine between u and the
nearest plane of two other fields. Gauss and Legendre's rule on :math:`[-\Phi, \Phi]` is taken in one of two variables:

* :math:`v = \tan(\phi/2)`, with singularities at :math:`\pm e^{\pm i \arcsin a}` and beyond: rational, and quick unless
  u all but lies in such a plane;
* y with :math:`\cos\phi = 1/\cosh y`: analytic for :math:`|\mathrm{Im}\, y| < \pi/2` whatever the fields.

With each node the error falls by a factor :math:`\rho^4`, :math:`\rho` the size of the ellipse in which the
integrand is analytic. The lead and the variable with the largest :math:`\rho` are taken, and as many nodes as make the
error of the order of rounding: 3 to 10 for random fields in six dimensions, 30
for two pairs of fields at 1 percent of distance, 180 at most, for two pairs that coincide.
Where fields are a distance d apart, rounding of their correlations alone makes an
error of about 1e-17 / d.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.kernels.elementary import _fma, _inlined, _polynomial, exp

_APART = 1e-14  # least distance of a field from the span of the others
NOISE = 4e-15  # a squared distance below this is rounding
ATAN_TAIL = (
    -0.019227558112916526,
    0.03927523547731399,
    -0.050870428395680824,
    0.05858471438284845,
    -0.06664550917862595,
    0.07692186181505295,
    -0.0909090471613866,
    0.11111111018916742,
    -0.14285714284715878,
    0.1999999999999578,
    -0.3333333333333333,
)
TAN_PI_8 = math.tan(math.pi / 8)
ACCURACY = 8.6  # rho^(-4 n) = 1e-15 for n log(rho) = ACCURACY
ORDERS = np.array([3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32, 36, 44, 52, 64, 80, 108, 140, 180])
_rules = [np.polynomial.legendre.leggauss(2 * n) for n in ORDERS]
NODES, WEIGHTS = (np.concatenate([rule[part][len(rule[part]) // 2 :] for rule in _rules]) for part in (0, 1))
BEGIN = np.concatenate([[0], np.cumsum(ORDERS)])
MOST = int(ORDERS[-1])
WELL = 0.3  # of sinh(log rho)^2: from there on the second variable is not looked at


@_inlined
def arctangent(x: float, y: float) -> float:
    """atan(x / y) for y >= 0; 0 at the origin. Branch-free, for loops that LLVM vectorises."""
    size = math.fabs(x)
    small = size if size < y else y
    large = y if size < y else size
    shifted = small > TAN_PI_8 * large
    above = small - large if shifted else small
    below = small + large if shifted else large
    t = above / (below if below > 0.0 else 1.0)
    z = t * t
    value = _fma(t * z, _polynomial(z, ATAN_TAIL), t)
    value = value + 0.25 * math.pi if shifted else value
    value = value if size < y else 0.5 * math.pi - value
    value = value if large > 0.0 else 0.0
    return -value if x < 0.0 else value


@njit(cache=True, error_model="numpy")
def _dot(x: np.ndarray, y: np.ndarray) -> float:
    total = 0.0
    for p in range(x.shape[0]):
        total += x[p] * y[p]
    return total


@njit(cache=True, error_model="numpy")
def _others(p: int) -> tuple[int, int, int]:
    """Return the other three of 0..3."""
    return 0 if p > 0 else 1, 1 if p > 1 else 2, 2 if p > 2 else 3


@njit(cache=True, error_model="numpy")
def vectors(r: np.ndarray, n: int, X: np.ndarray, last: int = -1) -> float:
    """Factor r[:n, :n] = X X^T by Cholesky with pivoting, one field the `last` if wanted, in which column n - 1 is its.

    Rows are kept at least _APART from each other's span. Returns the volume that all fields but the last of them span.
    """
    distance2, done = np.empty(4), np.empty(4, np.bool_)
    volume = 1.0
    for i in range(4):
        distance2[i], done[i] = 1.0, False
        for c in range(4):
            X[i, c] = 0.0
    for column in range(n):
        pivot = -1
        for i in range(n):
            if not done[i] and (i != last or column == n - 1) and (pivot < 0 or distance2[i] > distance2[pivot]):
                pivot = i
        done[pivot] = True
        X[pivot, column] = math.sqrt(distance2[pivot]) if distance2[pivot] >= NOISE else _APART
        if column < n - 1:
            volume *= X[pivot, column]
        if distance2[pivot] < NOISE:
            continue
        for i in range(n):
            if not done[i]:
                dot = 0.0
                for c in range(column):
                    dot += X[i, c] * X[pivot, c]
                X[i, column] = (r[i, pivot] - dot) / X[pivot, column]
                distance2[i] -= X[i, column] ** 2
    for i in range(n, 4):  # absent fields: orthogonal to all
        X[i, i] = 1.0
    return volume


@njit(cache=True, error_model="numpy")
def _size(near2: float, length: float, height: float) -> float:
    """Return sinh(log rho)^2 of the first variable, with near2 = a^2."""
    more = 2.0 * height * (1.0 + height) / (length * length)
    return 0.5 * (more + math.sqrt(more * more + 4.0 * near2 * (1.0 + more)))


@njit(cache=True, error_model="numpy")
def _lead(X: np.ndarray, B: np.ndarray, V: np.ndarray) -> int:
    """Return the field to free; -1 if there is one uncorrelated with all others, which makes the average 0."""
    lead, best, highest, top = 0, -1.0, 0, -1.0
    for p in range(4):
        n2 = _dot(V[p], V[p])
        volume = _dot(X[p], V[p])
        length2 = 0.0
        for c in range(4):
            length2 += (X[p, c] - volume / n2 * V[p, c]) ** 2
        if length2 < 1e-200:
            return -1
        height, near2 = abs(volume) / math.sqrt(n2), 1.0
        q, s, t = _others(p)
        for b, c, d in ((q, s, t), (q, t, s), (s, t, q)):
            near2 = min(near2, _dot(V[d], V[p]) ** 2 / (length2 * n2 * _dot(B[b, c], B[b, c])))
        size = _size(near2, math.sqrt(length2), height)
        if size > best:
            lead, best = p, size
        if height > top:
            highest, top = p, height
    return lead if best > WELL else highest


@njit(cache=True, error_model="numpy")
def _path(rational: bool, order: int, length: float, height: float, path: np.ndarray) -> int:
    """Write cos phi, sin^2 phi and the measure cos phi dphi (rows of path) at the nodes; return how many there are."""
    n, begin = ORDERS[order], BEGIN[order]
    if rational:
        end = length / (1.0 + height)
        for node in range(n):
            v = end * NODES[begin + node]
            less = 1.0 / (1.0 + v * v)
            path[0, node] = (1.0 - v * v) * less
            path[1, node] = 4.0 * v * v * less * less
            path[2, node] = 2.0 * end * WEIGHTS[begin + node] * less * path[0, node]
    else:
        end = math.log((1.0 + length) / height)
        for node in range(n):
            e = exp(-end * NODES[begin + node])
            less = 1.0 / (1.0 + e * e)
            path[0, node] = 2.0 * e * less
            path[1, node] = ((1.0 - e * e) * less) ** 2
            path[2, node] = end * WEIGHTS[begin + node] * path[0, node] ** 2
    return n


@njit(cache=True, error_model="numpy")
def _integrate(n: int, c: float, s2: float, alpha: float, beta: float, volume: float, path: np.ndarray) -> None:
    """Add the integrand of one pair to path[3]."""
    for node in range(n):
        cosine, sine2 = path[0, node], path[1, node]
        cosine2 = cosine * cosine
        D = math.sqrt(cosine2 + s2 * sine2)
        angle = arctangent(sine2 * alpha + cosine2 * beta, cosine * volume * D)
        path[3, node] += path[2, node] * c / D * angle


@njit(cache=True, error_model="numpy")
def _wedges(X: np.ndarray, p: int, length: float, given: np.ndarray) -> float:
    """Write (c, s^2, alpha, beta) of the other fields q into rows of `given`, and return a^2; p is last in X."""
    near2 = 1.0
    for q in _others(p):
        c = _dot3(X, q, X, p) / length
        s2 = 0.0
        for i in range(3):
            s2 += (X[q, i] - c * X[p, i] / length) ** 2
        alpha, beta = 1.0, 0.0
        first, second = np.empty(3), np.empty(3)
        cross = first
        for s in _others(p):
            if s != q:
                cross[0] = X[q, 1] * X[s, 2] - X[q, 2] * X[s, 1]
                cross[1] = X[q, 2] * X[s, 0] - X[q, 0] * X[s, 2]
                cross[2] = X[q, 0] * X[s, 1] - X[q, 1] * X[s, 0]
                volume, area2 = 0.0, 0.0
                for i in range(3):
                    volume += X[p, i] * cross[i] / length
                    area2 += cross[i] * cross[i]
                near2 = min(near2, volume * volume / area2)
                alpha *= volume
                cross = second
        for i in range(3):
            beta += first[i] * second[i]
        given[q, 0], given[q, 1], given[q, 2], given[q, 3] = c, s2, alpha, beta
    return near2


@njit(cache=True, error_model="numpy")
def _dot3(X: np.ndarray, p: int, Y: np.ndarray, q: int) -> float:
    return X[p, 0] * Y[q, 0] + X[p, 1] * Y[q, 1] + X[p, 2] * Y[q, 2]


@njit(cache=True, error_model="numpy")
def four_signs(r: np.ndarray, X: np.ndarray, B: np.ndarray, V: np.ndarray, path: np.ndarray) -> float:
    """Return <sign sign sign sign> of four fields.

    Parameters
    ----------
    r, X, B, V : array, shapes (4, 4), (4, 4), (4, 4, 6), (4, 4)
        Correlations, vectors and their exterior products, see :mod:`tutelage.kernels.orthant`; these choose the lead.
        The rest is read off vectors with the lead as the last, where its parts u and e are known to rounding.
    path : array, shape (4, MOST)
        Room to work in.
    """
    p = _lead(X, B, V)
    if p < 0:
        return 0.0
    Y, given = np.empty((4, 4)), np.empty((4, 4))
    volume = vectors(r, 4, Y, p)
    length, height = math.sqrt(_dot3(Y, p, Y, p)), Y[p, 3]
    if length < 1e-100:
        return 0.0
    size = _size(_wedges(Y, p, length, given), length, height)
    other = (0.5 * math.pi / math.log((1.0 + length) / height)) ** 2 if size < WELL else 0.0
    wanted = ACCURACY / math.asinh(math.sqrt(max(size, other)))
    order = 0
    while ORDERS[order] < wanted and order < ORDERS.shape[0] - 1:
        order += 1
    n = _path(size >= other, order, length, height, path)
    path[3, :n] = 0.0
    for q in _others(p):
        _integrate(n, given[q, 0], given[q, 1], given[q, 2], given[q, 3], volume, path)
    total = 0.0
    for node in range(n):
        total += path[3, node]
    return 4.0 / math.pi**2 * total
