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
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_count, check_number, refuse
from tutelage.gaussian.conditional import Table
from tutelage.gaussian.integral import RADIUS, Function, Integral, factorise
from tutelage.gaussian.panels import cutting_planes, nodes_in_panels

__all__ = ["Average", "Function", "QuadratureError", "product_average"]

CAUTION = 10  # times the difference of two resolutions: bounds the error even where it falls slowly, erratically
PACE = math.sqrt(2)  # exponential convergence turns a difference d into d^PACE by the next; a smaller one is luck
SHELL = 0.5  # what lies in the outermost shell of this thickness bounds what lies beyond it
RESOLUTIONS = tuple(round(8 * 2 ** (k / 2)) for k in range(23))  # nodes in ten standard deviations, or a panel
COARSEST = (16, 64, 32, 8, 8)  # first resolution by dimension of the integral


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
    integral = factorise(functions, kinks, _check_covariance(C, len(functions)))
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


# Raising the resolution


def _tail(integral: Integral, tolerance: float, budget: int) -> float:
    """Return the relative error of the last function averaged on its own, if it is tabulated.

    The sums over nodes see what is cut off in z, but not what is cut off inside the table.
    """
    if integral.spread == 0:
        return 0.0
    deviation = math.hypot(*integral.L[-1], integral.spread)
    alone = Integral(integral.functions[-1:], integral.kinks[-1:], np.array([[deviation]]))
    average, scale = _refine(alone, tolerance / 4, budget, 0.0)
    return average.error / scale if scale > 0 else 0.0


def _refine(integral: Integral, tolerance: float, budget: int, relative: float) -> tuple[Average, float]:
    """Raise the resolution until it settles or the budget ends; return the average and that of the absolute value.

    `relative` is an error to add, relative to the latter.
    """
    dim = integral.L.shape[1]
    cuts = cutting_planes(integral)
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


def _sum(integral: Integral, cuts: list[np.ndarray], resolution: int) -> _Sums:
    """Evaluate the integral at one resolution."""
    functions = list(integral.functions)
    if integral.spread > 0:
        functions[-1] = Table.build(integral, resolution)
    sums = np.zeros(4)
    for points, weights in nodes_in_panels(np.zeros((1, 0)), np.ones(1), cuts, resolution):
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
