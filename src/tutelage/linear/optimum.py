r"""The best time to stop, the best penalty, and the ratio of scales from which a curve is not monotone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tutelage.errors import check_choice, check_number
from tutelage.linear.curves import LAWS, limit_law
from tutelage.linear.equivalents import ridge_law
from tutelage.linear.fast_slow import convention_of
from tutelage.linear.record import check_problem
from tutelage.linear.spectrum import Spectrum, two_scale
from tutelage.progress import progress as progress_bar

__all__ = ["Optimum", "critical_kappa", "optimal_ridge", "optimal_time"]

GRID, ZOOMS = 400, 4  # points of a search, and how often it looks closer
ROUNDING = 1e-12  # of the largest error: less is no difference
SLOPES = 500  # times at which slopes of a curve are compared
KAPPA_MAX = 1e4
KAPPA_TOLERANCE = 1e-4  # relative


class Optimum(NamedTuple):
    """Where the generalisation error is smallest, and how small it is there.

    Attributes
    ----------
    at : float
        The time, in steps, or the penalty; at an end, 0 or infinity.
    eg : float
        The error, with the factor 1/2 and without the noise of test labels; at infinity the limit.
    """

    at: float
    eg: float


def optimal_time(
    spectrum: Spectrum, method: str = "flow", lr: float = 1.0, ridge: float = 0.0, convention: str | None = None
) -> Optimum:
    """Return when to stop, in steps of size `lr`, and the generalisation error then (no noise of test labels).

    Where longer is always better, ``at`` is infinity and eg the limit.

    Parameters
    ----------
    spectrum : Spectrum
    method, lr, ridge, convention
        As of :func:`learning_curve`, without "finite".

    Returns
    -------
    Optimum

    Raises
    ------
    ArgumentError
        Naming the argument, as :func:`learning_curve` does.

    Examples
    --------
    >>> from tutelage.linear import two_scale
    >>> problem = two_scale(n=150, d=100, p=60, kappa=50, noise=0.3)
    >>> best = optimal_time(problem, lr=1 / problem.top)
    >>> round(best.at), round(best.eg, 4)
    (50291, 0.0782)
    """
    lr, ridge = check_problem(spectrum, lr, ridge)
    kind = convention_of(check_choice("method", method, LAWS), convention)
    first, last = _span(spectrum, lr)

    def error(t: np.ndarray) -> np.ndarray:
        t = np.round(t) if method == "descent" else t
        return limit_law(spectrum, t, method, lr, ridge, kind)[1] / 2

    at, least, edge = _smallest(error, first, last)
    return Optimum(np.inf if edge > 0 else 0.0 if edge < 0 else float(round(at) if method == "descent" else at), least)


def optimal_ridge(spectrum: Spectrum) -> Optimum:
    r"""Return the penalty :math:`\lambda` of the loss summed over samples that is best at the end of training.

    For teachers whose components do not depend on the eigenvalue it trades variance for bias; ``at`` is 0 where none is
    better. Without label noise and with n > d, none is needed.

    Parameters
    ----------
    spectrum : Spectrum
        The problem.

    Returns
    -------
    Optimum
        The penalty, and the generalisation error there, with the factor 1/2 and without label noise.

    Raises
    ------
    ArgumentError
        Unless `spectrum` is a :class:`Spectrum`.

    Examples
    --------
    >>> from tutelage.linear import two_scale
    >>> best = optimal_ridge(two_scale(n=150, d=100, p=60, kappa=50, noise=0.3))
    >>> round(best.at, 7), round(best.eg, 4)
    (3.6e-05, 0.0764)
    """
    check_problem(spectrum, 1.0, 0.0)
    first, last = _span(spectrum, 1.0)
    at, least, edge = _smallest(lambda penalty: ridge_law(spectrum, penalty)[1] / 2, 1 / last, 1 / first)
    return Optimum(np.inf if edge > 0 else 0.0 if edge < 0 else at, least)


def critical_kappa(
    *,
    n: int,
    d: int,
    p: int,
    noise: float = 0.0,
    ridge: float = 0.0,
    method: str = "flow",
    convention: str | None = None,
    kappa_max: float = KAPPA_MAX,
    progress: bool = True,
) -> float:
    r"""Return the smallest kappa >= 1 from which the learning curve of two scales falls, rises and falls again.

    Between 1 and `kappa_max` it is found by halving, to 1e-4: of a curve that does so at kappa_max. It is infinity if
    the curve does not there, and 1 if it does at 1.

    Parameters
    ----------
    n, d, p, noise
        As of :func:`two_scale`.
    ridge : float
        Penalty.
    method : {"flow", "ridge", "fast_slow"}
    convention : {"corrected", "published", "released"}, optional
        Of "fast_slow", as of :func:`learning_curve`; default: "corrected".
    kappa_max : float
        Largest kappa that is tried, > 1.
    progress : bool
        Whether to show a bar where it takes more than two seconds.

    Returns
    -------
    float
        kappa, 1, or infinity.

    Raises
    ------
    ArgumentError
        Naming the argument: what :func:`two_scale` refuses, a method that is not known, a convention of another method
        than "fast_slow".

    Notes
    -----
    The step size does not matter, but for "released", whose formula is for lr = 1.

    Examples
    --------
    >>> round(critical_kappa(n=110, d=100, p=70), 2)
    5.2
    >>> round(critical_kappa(n=110, d=100, p=70, method="ridge"), 2)
    7.35
    >>> round(critical_kappa(n=110, d=100, p=70, method="fast_slow", convention="published"), 1)
    11.3
    """
    kind = convention_of(check_choice("method", method, ("flow", "ridge", "fast_slow")), convention)
    high = np.log(check_number("kappa_max", kappa_max, minimum=1, strict=True))
    check_number("ridge", ridge, minimum=0)

    def double(log_kappa: float) -> bool:
        problem = two_scale(n=n, d=d, p=p, kappa=np.exp(log_kappa), noise=noise)
        t = np.geomspace(*_span(problem, 1.0), SLOPES)
        return _falls_rises_falls(limit_law(problem, t, method, 1.0, ridge, kind)[1])

    if not double(high):
        return np.inf
    low = 0.0
    if double(low):
        return 1.0
    halvings = int(np.ceil(np.log2(high / KAPPA_TOLERANCE)))
    with progress_bar("halving", halvings, progress) as bar:
        for k in range(halvings):
            middle = (low + high) / 2
            low, high = (low, middle) if double(middle) else (middle, high)
            bar.update(k + 1)
    return float(np.exp((low + high) / 2))


def _falls_rises_falls(error: np.ndarray) -> bool:
    """Return whether slopes are negative, positive, and negative again, peaks between grid points included."""
    slope = np.diff(error)
    slope[np.abs(slope) < 1e-12 * error.max()] = 0.0
    k = np.arange(1, len(slope) - 1)
    peaks = k[(slope[k] >= slope[k - 1]) & (slope[k] >= slope[k + 1])]
    rising = (slope > 0).copy()
    left, mid, right = slope[peaks - 1], slope[peaks], slope[peaks + 1]
    bend = 2 * mid - left - right
    top = mid + np.where(bend > 0, (right - left) ** 2 / (8 * np.where(bend > 0, bend, 1.0)), 0.0)
    rising[peaks] |= top > 1e-12 * error.max()  # the parabola through three slopes
    if not rising.any():
        return False
    return bool((slope[: int(np.argmax(rising)) + 1] < 0).any() and (slope[_last(rising) :] < 0).any())


def _last(flags: np.ndarray) -> int:
    return len(flags) - 1 - int(np.argmax(flags[::-1]))


def _span(spectrum: Spectrum, lr: float) -> tuple[float, float]:
    """Return times long before the fastest feature is learned and long after the slowest."""
    slowest = spectrum.eigenvalues[spectrum.eigenvalues > 0].min() * spectrum.n
    return 1e-3 / (lr * spectrum.top), 1e5 / (lr * slowest)


def _smallest(f: Callable[[np.ndarray], np.ndarray], first: float, last: float) -> tuple[float, float, int]:
    """Return where f is smallest between two times, its value, and -1 or 1 at the ends of the grid, else 0."""
    at, value, grid = 0.0, np.inf, np.geomspace(first, last, GRID)
    for zoom in range(ZOOMS):
        values = f(grid)
        k = int(np.argmin(values))
        if zoom == 0:
            level = values[k] + ROUNDING * values.max()
            edge = 1 if values[-1] <= level else -1 if values[0] <= level else 0
            if edge:
                return 0.0, float(values[-1 if edge > 0 else 0]), edge
        at, value = float(grid[k]), float(values[k])
        grid = np.geomspace(grid[max(k - 1, 0)], grid[min(k + 1, GRID - 1)], GRID)
    return at, value, 0
