"""Averages of products of arbitrary functions over correlated Gaussian fields, with an honest error.

The route, for n fields x ~ N(0, C):

1. C = L L^T on its span, by a pivoted Cholesky factor: the fields are x = L z with r <= n independent
   standard normal z, so a singular C only makes the integral smaller.
2. From three dimensions on, one field is averaged given the others beforehand. That conditional
   average depends on a single number, so it is tabulated, and one dimension is saved: four fields
   cost a three-dimensional integral.
3. Smooth functions: the trapezoidal rule in z, which converges exponentially. Functions with kinks
   or jumps: nested Gauss-Legendre panels that end wherever a field crosses a kink, and wherever two
   such crossings meet further in, so that every panel sees a smooth function.
4. The resolution rises until successive ones agree, each time to the degree that exponential
   convergence predicts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_count, check_number, refuse

__all__ = ["Average", "Function", "QuadratureError", "product_average"]

Function = Callable[[np.ndarray], np.ndarray]

RADIUS = 10.0  # standard deviations kept; the normal weight there is 1e-22
CAUTION = 10  # times the difference of two resolutions: bounds the error even where it falls slowly, erratically
PACE = math.sqrt(2)  # exponential convergence turns a difference d into d^PACE by the next; a smaller one is luck
SHELL = 0.5  # what lies in the outermost shell of this thickness bounds what lies beyond it
RANK_TOLERANCE = 4e-15  # of a field's variance: a smaller remainder is rounding, the field is dependent
SHARP = 0.05  # a crossing steeper than this in the inner variable gets panels of its own further out
STRIP = (-8.0, 8.0)  # where a step smoothed by a unit normal has reached its ends, to 1e-15
DEGREE = 11  # of the tabulated conditional average in each cell
BLOCK = 1 << 14  # points held at once
RESOLUTIONS = tuple(round(8 * 2 ** (k / 2)) for k in range(23))  # nodes in ten standard deviations, or a panel
COARSEST = (16, 64, 32, 8, 8)  # first resolution by dimension of the integral
EPSILON = float(np.finfo(np.float64).eps)


class Average(NamedTuple):
    """A Gaussian average and the bound on its error.

    Attributes
    ----------
    value, error : float
        In the same unit.
    """

    value: float
    error: float


class QuadratureError(ArithmeticError):
    """An average that could not be had as accurately as it was asked for.

    Attributes
    ----------
    value, error : float
        The best value reached and the estimate of its error.
    """

    def __init__(self, message: str, value: float, error: float) -> None:
        super().__init__(message)
        self.value = value
        self.error = error


@dataclass(frozen=True)
class _Integral:
    """The average of prod_i f_i(L_i . z) over independent standard normal z, one per column of L (n, r).

    If `spread` > 0, the last function stands for its average over a further independent normal of
    that standard deviation, added to its field. `rounding` is the relative error that C itself brings.
    """

    functions: tuple[Function, ...]
    kinks: tuple[tuple[float, ...], ...]
    L: np.ndarray
    spread: float = 0.0
    rounding: float = 16 * EPSILON


class _Sums(NamedTuple):
    """Sums over the nodes of one resolution: of the integrand, of its absolute value, of that in the shell."""

    value: float
    scale: float
    shell: float
    points: int


def product_average(
    functions: Sequence[Function],
    C: ArrayLike,
    *,
    tolerance: float = 1e-11,
    kinks: Sequence[Sequence[float]] | None = None,
    budget: int = 20_000_000,
) -> Average:
    r"""Average a product of functions, one per field, over zero-mean Gaussian fields.

    .. math:: \Big\langle \prod_{i=1}^n f_i(x_i) \Big\rangle, \qquad x \sim N(0, C), \quad n = 1 \dots 4

    Parameters
    ----------
    functions : sequence of n callables
        Each maps an array of fields to the array of its values, elementwise.
    C : array of shape (n, n)
        Covariance, positive semidefinite; singular is fine. A field whose variance given others is
        below 4e-15 of its own is taken as determined by them; one of zero variance sits at 0.
    tolerance : float, default 1e-11
        Wanted error relative to :math:`\langle \prod_i |f_i(x_i)| \rangle`, at least 1e-13. Relative to
        the average itself would ask for the impossible where that vanishes by symmetry.
    kinks : sequence of n sequences of float, optional
        Where each function, or a derivative of it, jumps: ``(0.0,)`` for a ReLU or a step, ``()`` for a
        smooth function. Default: all smooth. A kink that is not declared costs accuracy, not honesty:
        the resolutions then disagree.
    budget : int, default 20,000,000
        Most nodes to spend on one resolution.

    Returns
    -------
    Average
        ``value`` and ``error``, both absolute. The error adds what the last differences between
        resolutions leave open, the part cut off beyond ten standard deviations, and rounding, which with kinks
        includes the sensitivity to the last digit of C where fields nearly coincide.

    Raises
    ------
    QuadratureError
        The tolerance was not reached; says what was, and carries ``value`` and ``error``.
    ArgumentError
        A shape that does not fit, C not positive semidefinite, a function that is not finite.

    Notes
    -----
    Convention: no prefactor of any kind; <g'(x1) x2 g(x3)> is
    ``product_average([g_prime, lambda x: x, g], C)``.

    No rule that samples functions can see a feature that falls between all of its nodes; functions
    are taken to vary on scales that a few dozen nodes per standard deviation notice.

    Reference for the exponential convergence: L. N. Trefethen, J. A. C. Weideman, SIAM Rev. 56, 385 (2014).

    Examples
    --------
    >>> average = product_average([np.cos, np.cos], [[1.0, 0.5], [0.5, 1.0]])
    >>> print(f"{average.value:.12f}", average.error < 1e-11)
    0.414830409931 True
    """
    tolerance = check_number("tolerance", tolerance, minimum=1e-13)
    budget = check_count("budget", budget)
    functions = tuple(functions)
    kinks = _check_kinks(functions, kinks)
    integral = _factorise(functions, kinks, _check_covariance(C, len(functions)))
    average, scale = _refine(integral, tolerance, budget, _tail(integral, tolerance, budget))
    if not average.error <= tolerance * scale:
        raise QuadratureError(
            f"The average over {len(functions)} fields was asked to an error of {tolerance * scale:.1e}, but "
            f"{average.value:.17g} is known to {average.error:.1e} only; loosen `tolerance`, raise `budget` "
            "or, if a function or its derivative jumps, declare where in `kinks`.",
            *average,
        )
    return average


def _check_kinks(
    functions: tuple[Function, ...], kinks: Sequence[Sequence[float]] | None
) -> tuple[tuple[float, ...], ...]:
    """Return the kinks as one tuple of finite floats for each function."""
    if not 1 <= len(functions) <= 4:
        raise refuse("functions", "hold 1 to 4 functions", f"holds {len(functions)}")
    if kinks is None:
        return ((),) * len(functions)
    if len(kinks) != len(functions):
        raise refuse("kinks", f"hold one sequence for each of the {len(functions)} functions", f"holds {len(kinks)}")
    return tuple(tuple(check_number("kinks", kink) for kink in of_one) for of_one in kinks)


def _check_covariance(C: ArrayLike, n: int) -> np.ndarray:
    """Return `C` as a symmetric positive semidefinite float64 array of shape (n, n)."""
    covariance = check_array("C", C, (n, n))
    largest = float(np.abs(covariance).max())
    asymmetry = float(np.abs(covariance - covariance.T).max())
    if asymmetry > 1e-10 * largest:
        raise refuse("C", "be symmetric", f"differs from its transpose by {asymmetry:g}")
    covariance = (covariance + covariance.T) / 2
    smallest = float(np.linalg.eigvalsh(covariance)[0])
    if smallest < -1e-10 * largest:
        raise refuse("C", "be positive semidefinite", f"its smallest eigenvalue is {smallest:g}")
    return covariance


# From the covariance to independent normals


def _factorise(functions: tuple[Function, ...], kinks: tuple[tuple[float, ...], ...], C: np.ndarray) -> _Integral:
    """Write the fields as L z; from three dimensions on, leave one field's own part out, as `spread`."""
    n = len(functions)
    deviation = np.sqrt(np.diag(C).clip(min=0.0))
    inverse = np.divide(1.0, deviation, out=np.zeros(n), where=deviation > 0)
    R = C * inverse[:, None] * inverse
    order, spread = list(range(n)), 0.0
    L, remainder, pivot = _cholesky(R, order)
    if L.shape[1] >= 3:
        options = [_cholesky(R, [j for j in order if j != i]) for i in order]
        worth = [option[1][i] * (4 if kinks[i] else 1) for i, option in enumerate(options)]
        last = int(np.argmax(worth))
        if worth[last] > RANK_TOLERANCE:
            L, remainder, pivot = options[last]
            order = [*(j for j in order if j != last), last]
            spread = math.sqrt(remainder[last])
            pivot = min(pivot, remainder[last])
    defect = np.abs(R - L @ L.T - np.diag(remainder if spread else np.zeros(n))).max()
    rounding = defect + (64 if spread else 16) * EPSILON
    if any(kinks):  # a jump feels the angle between two fields, and the angle feels the root of a remainder
        rounding = max(rounding, (defect + n * EPSILON) / math.sqrt(pivot))
    return _Integral(
        tuple(functions[i] for i in order),
        tuple(kinks[i] for i in order),
        (deviation[:, None] * L)[order],
        spread * deviation[order[-1]],
        float(rounding),
    )


def _cholesky(R: np.ndarray, pivots: list[int]) -> tuple[np.ndarray, np.ndarray, float]:
    """Factor R = L L^T on the span of the fields in `pivots`; largest remainder first.

    Returns L (n, r), the variances (n,) it leaves unexplained, and the smallest pivot.
    """
    L = np.zeros((len(R), 0))
    remainder, smallest = np.diag(R).copy(), 1.0
    while True:
        pivot = max(pivots, key=lambda i: remainder[i])
        if remainder[pivot] <= RANK_TOLERANCE:
            return L, remainder, smallest
        smallest = min(smallest, remainder[pivot])
        column = (R[:, pivot] - L @ L[pivot]) / math.sqrt(remainder[pivot])
        column[remainder <= RANK_TOLERANCE] = 0.0
        column[pivot] = math.sqrt(remainder[pivot])
        L = np.column_stack([L, column])
        remainder = (np.diag(R) - (L**2).sum(axis=1)).clip(min=0.0)
        remainder[pivot] = 0.0


# Raising the resolution


def _tail(integral: _Integral, tolerance: float, budget: int) -> float:
    """Return the relative error of the last function averaged on its own, if it is tabulated.

    The sums over nodes see what is cut off in z, but not what is cut off inside the table.
    """
    if integral.spread == 0:
        return 0.0
    deviation = math.hypot(*integral.L[-1], integral.spread)
    alone = _Integral(integral.functions[-1:], integral.kinks[-1:], np.array([[deviation]]))
    average, scale = _refine(alone, tolerance / 4, budget, 0.0)
    return average.error / scale if scale > 0 else 0.0


def _refine(integral: _Integral, tolerance: float, budget: int, relative: float) -> tuple[Average, float]:
    """Raise the resolution until it settles or the budget ends; return the average and that of the absolute value.

    `relative` is an error to add, relative to the latter.
    """
    dim = integral.L.shape[1]
    cuts = _cuts(integral)
    best, coarse, last, jump = Average(math.nan, math.inf), _Sums(0.0, 0.0, 0.0, 0), 0, 1.0
    for resolution in RESOLUTIONS[RESOLUTIONS.index(COARSEST[dim]) :]:
        if last and coarse.points * (resolution / last) ** dim > budget:
            break
        fine = _sum(integral, cuts, resolution)
        if fine.scale == coarse.scale == 0 and last:
            return Average(0.0, 0.0), 0.0
        if last and fine.scale > 0:
            earlier, jump = jump, abs(fine.value - coarse.value) / fine.scale
            drift = CAUTION * max(jump, earlier**PACE)
            floor = relative + integral.rounding + fine.shell / fine.scale
            best = Average(fine.value, fine.scale * (floor + drift))
            if floor + drift <= tolerance or drift <= floor / 10:  # reached, or more nodes would not help
                return best, fine.scale
        coarse, last = fine, resolution
    return best, coarse.scale


def _sum(integral: _Integral, cuts: list[np.ndarray], resolution: int) -> _Sums:
    """Evaluate the integral at one resolution."""
    functions = list(integral.functions)
    if integral.spread > 0:
        functions[-1] = _Table.build(integral, resolution)
    sums = np.zeros(4)
    for points, weights in _nodes(np.zeros((1, 0)), np.ones(1), cuts, resolution):
        fields = integral.L @ points.T
        product = weights * functions[0](fields[0])
        for function, field in zip(functions[1:], fields[1:], strict=True):
            product = product * function(field)
        size = np.abs(product)
        outside = np.einsum("ij,ij->i", points, points) > (RADIUS - SHELL) ** 2
        sums += product.sum(), size.sum(), size[outside].sum(), len(product)
    if not np.isfinite(sums).all():
        raise refuse("functions", "return finite values on the fields", "returned NaN or infinity")
    return _Sums(float(sums[0]), float(sums[1]), float(sums[2]), int(sums[3]))


# Nodes: one coordinate after the other, each cut where the integrand may have a kink in it


@lru_cache(maxsize=64)
def _rule(resolution: int, smooth: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights on [-1, 1]: trapezoidal if `smooth`, else Gauss-Legendre (composite if long)."""
    if smooth:
        return np.arange(-resolution, resolution + 1) / resolution, np.full(2 * resolution + 1, 1 / resolution)
    pieces = -(-resolution // 24)
    nodes, weights = np.polynomial.legendre.leggauss(resolution // pieces)
    centres = (2 * np.arange(pieces) + 1) / pieces - 1
    return (centres[:, None] + nodes / pieces).ravel(), np.tile(weights / pieces, pieces)


def _nodes(
    points: np.ndarray, weights: np.ndarray, cuts: list[np.ndarray], resolution: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Extend points (N, k) by the coordinates that remain; yield blocks of nodes (N', r) with their weights."""
    k = points.shape[1]
    if k == len(cuts):
        yield points, weights
        return
    smooth = not any(len(planes) for planes in cuts)
    rule = _rule(resolution, smooth)
    block = max(1, BLOCK // (len(rule[0]) * (len(cuts[k]) + 1)))
    for start in range(0, len(points), block):
        some = slice(start, start + block)
        yield from _nodes(*_extend(points[some], weights[some], cuts[k], rule), cuts, resolution)


def _extend(
    points: np.ndarray, weights: np.ndarray, planes: np.ndarray, rule: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Extend points (N, k) by one coordinate, in panels that end where it crosses `planes` (p, k + 2)."""
    crossings = (planes[:, -1] - points @ planes[:, :-2].T) / planes[:, -2]
    ends = np.pad(crossings.clip(-RADIUS, RADIUS), ((0, 0), (1, 1)), constant_values=(-RADIUS, RADIUS))
    ends.sort(axis=1)
    parent, panel = np.nonzero(np.diff(ends) > 0)
    half = (ends[parent, panel + 1] - ends[parent, panel]) / 2
    z = (ends[parent, panel] + half)[:, None] + half[:, None] * rule[0]
    inside = z**2 <= RADIUS**2 - np.einsum("ij,ij->i", points, points)[parent, None]
    row, column = np.nonzero(inside)
    z = z[inside]
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    mass = (weights[parent] * half)[row] * rule[1][column] * density
    return np.column_stack([points[parent[row]], z]), mass


def _cuts(integral: _Integral) -> list[np.ndarray]:
    """For each coordinate k, the planes (p, k + 2) of rows (a_1 .. a_k, kappa), a.z = kappa, to end panels at."""
    planes = [[*row, kink] for row, of_one in zip(integral.L, _hard_kinks(integral), strict=True) for kink in of_one]
    remaining = _tidy(np.reshape(planes, (len(planes), integral.L.shape[1] + 1)))
    cuts = []
    while remaining.shape[1] > 1:
        crossing = np.abs(remaining[:, -2]) > RANK_TOLERANCE
        cuts.append(remaining[crossing])
        remaining = _project(remaining[crossing], remaining[~crossing])
    return cuts[::-1]


def _hard_kinks(integral: _Integral) -> list[tuple[float, ...]]:
    """Return the kinks of each function of z; those of a tabulated one only if the table hardly softens them."""
    kinks = list(integral.kinks)
    if integral.spread == 0:
        return kinks
    sharp = integral.spread < SHARP * math.hypot(*integral.L[-1])
    kinks[-1] = tuple(k + t * integral.spread for k in kinks[-1] for t in STRIP) if sharp else ()
    return kinks


def _project(crossing: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Drop the last coordinate: keep what does not depend on it, and add where two crossings meet.

    A crossing that is steep in it also leaves the range of that coordinate quickly, which further out
    looks like a step smoothed over a short distance; the ends and the middle of that step are added.
    """
    planes = [np.delete(row, -2) for row in others]
    for i, a in enumerate(crossing):
        planes += [np.delete(a * b[-2] - b * a[-2], -2) for b in crossing[:i]]
        if abs(a[-2]) < SHARP:
            planes += [np.append(a[:-2], a[-1] - t * a[-2]) for t in STRIP]
    return _tidy(np.reshape(planes, (len(planes), crossing.shape[1] - 1)))


def _tidy(planes: np.ndarray) -> np.ndarray:
    """Scale planes (p, k + 1) to unit normals, drop those outside the ball and all but one of equals."""
    norms = np.sqrt((planes[:, :-1] ** 2).sum(axis=1))
    planes = planes[norms > RANK_TOLERANCE] / norms[norms > RANK_TOLERANCE, None]
    planes = planes[np.abs(planes[:, -1]) < RADIUS]
    if len(planes) < 2:
        return planes
    leading = np.take_along_axis(planes[:, :-1], np.abs(planes[:, :-1]).argmax(axis=1)[:, None], axis=1)
    planes = planes * np.sign(leading)
    _, first = np.unique(planes.round(13) + 0.0, axis=0, return_index=True)
    return planes[np.sort(first)]


# The conditional average of one field


@dataclass(frozen=True)
class _Table:
    """A function of one variable, in Chebyshev coefficients (DEGREE + 1, cells) between `edges` (cells + 1,)."""

    edges: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def build(cls, integral: _Integral, resolution: int) -> _Table:
        """Tabulate the last function of `integral`, averaged over its spread."""
        edges = _edges(integral, resolution)
        angles = (np.arange(DEGREE + 1) + 0.5) * math.pi / (DEGREE + 1)
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        values = _smoothed(integral, (middle + half * np.cos(angles)[:, None]).ravel(), resolution)
        transform = np.cos(np.outer(np.arange(DEGREE + 1), angles)) * 2 / (DEGREE + 1)
        transform[0] /= 2
        return cls(edges, transform @ values.reshape(DEGREE + 1, -1))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Evaluate by Clenshaw's recurrence."""
        cell = (np.searchsorted(self.edges, x) - 1).clip(0, len(self.edges) - 2)
        low, high = self.edges[cell], self.edges[cell + 1]
        u = (2 * x - low - high) / (high - low)
        one, two = self.coefficients[DEGREE][cell], np.zeros_like(u)
        for row in self.coefficients[DEGREE - 1 : 0 : -1]:
            one, two = row[cell] + 2 * u * one - two, one
        return self.coefficients[0][cell] + u * one - two


def _edges(integral: _Integral, resolution: int) -> np.ndarray:
    """Return the cell edges over the range of the last field, finer in steps about a sharp kink."""
    reach = RADIUS * max(math.hypot(*integral.L[-1]), 1e-3 * integral.spread)
    kinks = [k + t * integral.spread for k in integral.kinks[-1] for t in (0.0, *STRIP)]
    ends = np.unique([-reach, *(k for k in kinks if abs(k) < reach), reach])
    steps = np.arange(resolution) / resolution
    return np.append((ends[:-1, None] + np.diff(ends)[:, None] * steps).ravel(), reach)


def _smoothed(integral: _Integral, x: np.ndarray, resolution: int) -> np.ndarray:
    """Return <f(x + spread z)> for the last function f at each of x (N,)."""
    f, kinks, spread = integral.functions[-1], integral.kinks[-1], integral.spread
    nodes, weights = _rule(resolution, not kinks)
    result = np.empty_like(x)
    block = max(1, BLOCK // (len(nodes) * (len(kinks) + 1)))
    for start in range(0, len(x), block):
        some = x[start : start + block, None]
        crossings = np.sort((np.array(kinks) - some) / spread, axis=1).clip(-RADIUS, RADIUS)
        ends = np.pad(crossings, ((0, 0), (1, 1)), constant_values=(-RADIUS, RADIUS))[..., None]
        half = np.diff(ends, axis=1) / 2
        z = ends[:, :-1] + half * (1 + nodes)
        density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * half * weights
        result[start : start + block] = (f(some[..., None] + spread * z) * density).sum(axis=(1, 2))
    return result
