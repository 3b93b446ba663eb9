r"""Averages of any two activations from their Hermite coefficients, and the particle's average with itself.

With :math:`x = \sqrt p z` the coefficients of g are :math:`\hat g_l(p) = \langle g(x) He_l(z) \rangle / \sqrt{l!}`, and
fields of correlation rho have :math:`\langle g(x) h(y) \rangle = \sum_l \hat g_l \hat h_l \rho^l` (Mehler's formula).
Coefficients of polynomials end, and are exact. All others are sums on a grid in z; how many orders count follows from
what is left.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tutelage.activations import Activation
from tutelage.gaussian.pairs import PairAverages

__all__ = ["limits_of", "orders_for", "self_averages", "series_averages", "tables"]

MOST = 400  # orders
REACH, STEP = 12.0, 0.06  # of the grid, in standard deviations; STEP for unit variance
NOTHING = 1e-15  # of the largest coefficient: what symmetry makes zero is rounding
FLAT = 1e-30  # a smaller variance counts as this


def tables(unit: Activation, variance: np.ndarray, orders: int, fine: int = 1) -> np.ndarray:
    """Return the Hermite coefficients of g, g' and g'', shape (3, orders, K), of fields of `variance` (K,).

    `fine` = 2 halves the step of the grid.
    """
    if unit.coefficients is not None:
        return _polynomial_tables(unit.coefficients, variance, orders)
    x, weight, basis = _grid(variance, orders + 1, fine)
    deviation = np.sqrt(np.maximum(variance, FLAT))
    slopes = basis @ (weight[:, None] * unit.df(x))
    rise = np.sqrt(np.arange(1, orders + 1))[:, None]
    found = np.stack([basis[:orders] @ (weight[:, None] * unit.f(x)), slopes[:orders], rise * slopes[1:] / deviation])
    size = np.abs(found).max(2, keepdims=True)
    return np.where(size > NOTHING * size.max(1, keepdims=True), found, 0.0)


def _polynomial_tables(coefficients: tuple[float, ...], variance: np.ndarray, orders: int) -> np.ndarray:
    """Return the same of a polynomial, from the averages of its derivatives (Stein's lemma)."""
    from numpy.polynomial import Polynomial

    derivatives = [Polynomial(coefficients)]
    for _ in range(orders + 1):
        derivatives.append(derivatives[-1].deriv())
    means = np.array([_mean(d.coef, variance) for d in derivatives])
    l = np.arange(orders)
    scale = np.sqrt(variance ** l[:, None]) / np.sqrt(np.cumprod(np.maximum(l, 1.0)))[:, None]
    return np.stack([scale * means[shift : shift + orders] for shift in range(3)])


def _mean(coefficients: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return the average of a polynomial of a field of `variance` (K,)."""
    total, moment = np.zeros(len(variance)), np.ones(len(variance))
    for power, coefficient in enumerate(coefficients[::2]):
        total = total + coefficient * moment
        moment = moment * (2 * power + 1) * variance
    return total


def _grid(variance: np.ndarray, orders: int, fine: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return fields x (nodes, K), weights (nodes,) and normalised Hermite polynomials (orders, nodes)."""
    widest = float(np.sqrt(max(1.0, variance.max())))
    nodes, weight, basis = _hermite(orders, int(np.ceil(4 * np.log2(widest))) + 4 * (fine - 1))
    return nodes[:, None] * np.sqrt(variance), weight, basis


@lru_cache(maxsize=16)
def _hermite(orders: int, quarters: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return grid, root of the weights and He_l / sqrt(l!) times it: large factors meet small ones."""
    step = STEP / 2 ** (quarters / 4)
    z = step * np.arange(-int(REACH / step), int(REACH / step) + 1)
    root = np.exp(-(z**2) / 4) * np.sqrt(step / np.sqrt(2 * np.pi))
    return z, root, _hermite_functions(z, root, orders)


def _hermite_functions(z: np.ndarray, root: np.ndarray, orders: int) -> np.ndarray:
    """Return He_l(z) / sqrt(l!) times `root`, (orders, nodes)."""
    basis = np.empty((orders, len(z)))
    basis[0] = root
    for l in range(1, orders):
        basis[l] = (z * basis[l - 1] - (np.sqrt(l - 1) * basis[l - 2] if l > 1 else 0.0)) / np.sqrt(l)
    return basis


def self_averages(unit: Activation, variance: np.ndarray, orders: int, fine: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return <g^2> and <g g' x>/p of fields of variance p (K,): the latter is 2 I_p + I_c of a field with itself."""
    if unit.coefficients is not None:
        g, dg, ddg = _polynomial_tables(unit.coefficients, variance, orders)
        return (g**2).sum(0), (ddg * g + dg**2).sum(0)
    x, root, _ = _grid(variance, 1, fine)
    g, dg, weight = unit.f(x), unit.df(x), (root**2)[:, None]
    return (weight * g**2).sum(0), (weight * g * dg * x).sum(0) / np.maximum(variance, FLAT)


def orders_for(unit: Activation, variance: float, accuracy: float) -> int:
    """Return how many orders leave less than `accuracy` of <g g>, <g' g'> and <g'' g> at any correlation."""
    if unit.coefficients is not None:
        return len(unit.coefficients)
    return int(limits_of(tables(unit, np.array([variance]), MOST), accuracy)[0])


def limits_of(series: np.ndarray, accuracy: float) -> np.ndarray:
    """Return for each field (K,) how many of its orders in `series` (3, orders, K) count: see :func:`orders_for`."""
    left = np.cumsum(series[:, ::-1] ** 2, 1)[:, ::-1]
    rest = left[0] + left[1] + np.sqrt(left[0] * left[2])
    return (rest > accuracy * np.maximum(1.0, left[1, 0])).sum(0)


def series_averages(
    g: Activation, h: Activation, p: np.ndarray, c: np.ndarray, q: np.ndarray, orders: int, fine: int = 1
) -> PairAverages:
    """Return <g(x) h(y)> and its derivatives by p and c (that by q is NaN) for p (K,), c (K, M), q (M,)."""
    ours, theirs = tables(g, p, orders, fine), _values(h, q, orders + 1, fine)
    size = np.sqrt(np.outer(p, q))
    rho = np.divide(c, size, out=np.zeros_like(size), where=size > 0)
    rise = np.sqrt(np.arange(1, orders + 1))[:, None] * theirs[1:] / np.sqrt(np.maximum(q, FLAT))
    value, by_p, by_c = np.zeros((3, *c.shape))
    for l in range(orders - 1, -1, -1):
        value = value * rho + np.outer(ours[0, l], theirs[l])
        by_p = by_p * rho + np.outer(ours[2, l], theirs[l]) / 2
        by_c = by_c * rho + np.outer(ours[1, l], rise[l])
    return PairAverages(value, by_p, by_c, np.full(c.shape, np.nan))


def _values(unit: Activation, variance: np.ndarray, orders: int, fine: int) -> np.ndarray:
    """Return the coefficients of g alone, (orders, K): of functions that jump as well."""
    if unit.coefficients is not None:
        return _polynomial_tables(unit.coefficients, variance, orders)[0]
    if not unit.kinks:
        x, root, basis = _grid(variance, orders, fine)
        return basis @ (root[:, None] * unit.f(x))
    return np.stack([_between_kinks(unit, float(np.sqrt(max(p, FLAT))), orders) for p in variance], 1)


def _between_kinks(unit: Activation, deviation: float, orders: int) -> np.ndarray:
    """Return the coefficients of a g with kinks, (orders,): by Gauss's rule from one to the next."""
    kinks = np.clip(np.array(unit.kinks) / deviation, -REACH, REACH)
    ends = np.unique(np.concatenate([np.arange(-REACH, REACH + 1), kinks]))
    nodes, weights = np.polynomial.legendre.leggauss(32)
    half = np.diff(ends)[:, None] / 2
    z, weight = (ends[:-1, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()
    root = np.exp(-(z**2) / 4) / (2 * np.pi) ** 0.25
    return _hermite_functions(z, root, orders) @ (weight * root * unit.f(deviation * z))
