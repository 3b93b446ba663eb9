r"""Exact averages over two activations: I2, J2, I3 and what a gradient needs, for every pair of the known families.

With fields :math:`(x, y) \sim N(0, [[p, c], [c, q]])` let :math:`I(p, c, q) = \langle g(x) h(y) \rangle`. By Price's
theorem (IRE Trans. Inf. Theory 4, 69, 1958) its derivatives are averages too,

.. math:: I_c = \langle g'(x) h'(y) \rangle, \qquad I_p = \tfrac12 \langle g''(x) h(y) \rangle, \qquad
          I_q = \tfrac12 \langle g(x) h''(y) \rangle .

Activations are taken as in :mod:`tutelage.gaussian.kinks`. Their odd and even terms do not meet, and both kinds have
one closed form each, in the angle between the fields. Nothing cancels where variances vanish, or fields are parallel or
opposite: the error is below 1e-13 of :math:`\sqrt{I_{gg} I_{hh}}`, divided by p, :math:`\sqrt{pq}` or q for the
derivatives, or of these themselves where they are larger.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations import ActivationLike, activation
from tutelage.errors import refuse
from tutelage.gaussian.kinks import Decomposition, Kinks, decomposition

__all__ = ["I2", "I3", "J2", "PairAverages", "pair_averages"]

DEPENDENT = 4e-15  # of p q: a smaller determinant is rounding, and unsmoothed fields are parallel
BLOCK = 512  # covariances at once, so that the arrays over pairs of terms stay in the cache
_TWO_PI = 2 * np.pi


class PairAverages(NamedTuple):
    """I(p, c, q) = <g(x) h(y)> and its derivatives, each (...,)."""

    value: np.ndarray
    by_p: np.ndarray
    by_c: np.ndarray
    by_q: np.ndarray


# Pairs of kinks


class _Angle(NamedTuple):
    r"""The geometry of the arguments :math:`u, v` of two signs, for each covariance and each pair of terms.

    Variances :math:`U, V`, covariance :math:`c = \sqrt{UV} \sin\varphi`, :math:`k = \cos^2\varphi`,
    :math:`S = \sqrt{UV - c^2}`; the determinant D of the fields in front of the signs, and the parts a, b of U, V that
    only the signs see. A vanishing field counts as independent of all others.
    """

    c: np.ndarray
    U: np.ndarray
    V: np.ndarray
    D: np.ndarray
    S: np.ndarray
    phi: np.ndarray
    k: np.ndarray
    a: np.ndarray
    b: np.ndarray


def _ratio(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return x / y with 0 / 0 = 0."""
    return x / np.where((x == 0) & (y == 0), 1.0, y)


def _times(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return x y with 0 inf = 0: a field that vanishes adds nothing, however singular its partner."""
    absent = (x == 0) | (y == 0)
    return np.where(absent, 0.0, x) * np.where(absent, 0.0, y)


def _angle(g: Kinks, h: Kinks, p: np.ndarray, c: np.ndarray, q: np.ndarray) -> _Angle:
    """Return the geometry for p, c, q (batch, 1, 1) and terms (m,), (n,): arrays (batch, m, n)."""
    s0, s1, t0, t1 = g.inner[:, None], g.outer[:, None], h.inner, h.outer
    det = np.maximum(p * q - c * c, 0.0)
    sharp = s0 + s1 + t0 + t1 == 0
    det = np.where(sharp & (det < DEPENDENT * p * q), 0.0, det)
    P, Q = p + s0, q + t0
    U, V = P + s1, Q + t1
    D = det + p * t0 + s0 * Q
    S2 = D + P * t1 + s1 * V
    k = np.where(U * V > 0, S2 / np.where(U * V > 0, U * V, 1.0), 1.0)
    S = np.sqrt(S2)
    return _Angle(c, U, V, D, S, np.arctan2(c, S), k, _ratio(s1 + 0 * U, U), _ratio(t1 + 0 * V, V))


def _odd(f: _Angle) -> PairAverages:
    r"""<sign(u) sign(v)> / 4 :math:`= \varphi / 2\pi`, and its derivatives."""
    return PairAverages(
        value=f.phi / _TWO_PI,
        by_p=-_ratio(f.c, 2 * _TWO_PI * f.U * f.S),
        by_c=1 / (_TWO_PI * f.S),
        by_q=-_ratio(f.c, 2 * _TWO_PI * f.V * f.S),
    )


def _even(f: _Angle) -> PairAverages:
    r"""<x sign(u) y sign(v)> / 4 :math:`= \frac{1}{2\pi} \big[ c \varphi + (D + c^2 (a + b)) / S \big]`.

    By Stein's lemma from :func:`_odd`; with a = 0 it is the average of abs(x) and y sign(v).
    """
    both, product = f.a + f.b, f.a * f.b
    root3 = 2 * _TWO_PI * f.k**1.5
    bend = f.k * (f.k - both) - product
    return PairAverages(
        value=(f.c * f.phi + _ratio(f.D + f.c**2 * both, f.S)) / _TWO_PI,
        by_p=_times(np.sqrt(_ratio(f.V, f.U)), _ratio(bend + 2 * f.a * f.k**2, root3)),
        by_c=(f.phi + _ratio(f.c * (both * f.k + product), f.S * f.k)) / _TWO_PI,
        by_q=_times(np.sqrt(_ratio(f.U, f.V)), _ratio(bend + 2 * f.b * f.k**2, root3)),
    )


def _sum(
    form: Callable[[_Angle], PairAverages], g: Kinks, h: Kinks, p: np.ndarray, c: np.ndarray, q: np.ndarray
) -> np.ndarray:
    """Return a form summed over the terms of both, (4, batch)."""
    if not (len(g.weight) and len(h.weight)):
        return np.zeros((4, len(p)))
    each = form(_angle(g, h, p[:, None, None], c[:, None, None], q[:, None, None]))
    return np.stack([np.einsum("bmn,m,n->b", x, g.weight, h.weight) for x in each])


# Kinks against constant and line


def _slope(h: Kinks, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return <h'(y)> :math:`= \sum w / \sqrt{2 \pi V}` of odd kinks and its derivative by q, (batch,)."""
    V = q[:, None] + h.inner + h.outer
    density = h.weight / np.sqrt(_TWO_PI * V)
    return density.sum(1), -_ratio(density, 2 * V).sum(1)


def _mean(h: Kinks, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return <h(y)> :math:`= \sum w Q / \sqrt{2 \pi V}` of even kinks and its derivative by q, (batch,)."""
    Q = q[:, None] + h.inner
    V = Q + h.outer
    root = np.sqrt(_TWO_PI * V)
    return (h.weight * _ratio(Q, root)).sum(1), (h.weight * (1 + _ratio(h.outer + 0 * V, V)) / (2 * root)).sum(1)


def _straight(g: Decomposition, h: Decomposition, p: np.ndarray, c: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return what the constants and lines of either bring, (4, batch)."""
    total = np.zeros((4, len(p)))
    total[0] = g.constant * h.constant + g.slope * h.slope * c
    total[2] = g.slope * h.slope
    for one, other, variance, index in ((h, g, p, 1), (g, h, q, 3)):
        if one.constant and len(other.even.weight):
            mean, by = _mean(other.even, variance)
            total[0] += one.constant * mean
            total[index] += one.constant * by
        if one.slope and len(other.odd.weight):
            slope, by = _slope(other.odd, variance)
            total[0] += one.slope * _times(c, slope)
            total[index] += one.slope * _times(c, by)
            total[2] += one.slope * slope
    return total


# Averages


def pair_averages(g: ActivationLike, h: ActivationLike, p: ArrayLike, c: ArrayLike, q: ArrayLike) -> PairAverages:
    r"""Return :math:`I = \langle g(x) h(y) \rangle` and its derivatives by the covariance of the two fields.

    Parameters
    ----------
    g, h : str or Activation
        Of those :func:`decomposition` knows.
    p, c, q : array, broadcast to shape (...)
        Variance of x, covariance, variance of y; :math:`c^2 \le p q`.

    Returns
    -------
    PairAverages
        ``value``, ``by_p`` = <g'' h>/2, ``by_c`` = <g' h'>, ``by_q`` = <g h''>/2; each (...,), derivatives of jumps in
        the sense of distributions.

    Notes
    -----
    At zero variance, and for parallel or opposite fields, each is the limit, a vanishing field being independent of the
    other: <step> is 1/2 there, and infinite is what diverges, such as ``by_c`` of two steps.

    Examples
    --------
    >>> round(float(pair_averages("relu", "relu", 1.0, 1.0, 1.0).value), 12)
    0.5
    """
    one, two = (decomposition(activation(u)) for u in (g, h))
    if one is None or two is None:
        name = activation(g if one is None else h).name
        raise refuse("activation", "be a constant, a line and smoothed kinks", f"is {name!r}")
    p, c, q = np.broadcast_arrays(*(np.asarray(x).astype(np.float64, casting="same_kind") for x in (p, c, q)))
    flat = np.maximum(p, 0.0).ravel(), np.where(np.minimum(p, q) > 0, c, 0.0).ravel(), np.maximum(q, 0.0).ravel()
    out = np.empty((4, p.size))
    with np.errstate(divide="ignore"):
        for start in range(0, p.size, BLOCK):
            some = tuple(x[start : start + BLOCK] for x in flat)
            total = _straight(one, two, *some) + _sum(_odd, one.odd, two.odd, *some)
            out[:, start : start + BLOCK] = total + _sum(_even, one.even, two.even, *some)
    return PairAverages(*(x.reshape(p.shape)[()] for x in out))


def I2(g: ActivationLike, h: ActivationLike, C: np.ndarray) -> np.ndarray:
    """Return <g(x1) h(x2)>; C (..., 2, 2)."""
    return pair_averages(g, h, C[..., 0, 0], C[..., 0, 1], C[..., 1, 1]).value


def J2(g: ActivationLike, h: ActivationLike, C: np.ndarray) -> np.ndarray:
    """Return <g'(x1) h'(x2)>; C (..., 2, 2)."""
    return pair_averages(g, h, C[..., 0, 0], C[..., 0, 1], C[..., 1, 1]).by_c


def I3(g: ActivationLike, h: ActivationLike, C: np.ndarray) -> np.ndarray:
    r"""Return <g'(x1) x2 h(x3)> :math:`= 2 C_{12} I_p + C_{23} I_c` of fields 1 and 3; C (..., 3, 3)."""
    averages = pair_averages(g, h, C[..., 0, 0], C[..., 0, 2], C[..., 2, 2])
    return _times(2 * C[..., 0, 1], averages.by_p) + _times(C[..., 1, 2], averages.by_c)
