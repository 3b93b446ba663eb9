r"""Gaussian fluctuations about the ODE: what one run at finite N does, to order 1/sqrt N.

The order parameters y = (R, Q, v) of SGD at input dimension N are y_N = y + xi / sqrt N with y the solution of the ODE
and xi, as N goes to infinity, a Gaussian process of mean zero (the linear noise approximation; Kurtz, *J. Appl. Prob.*
8, 344 (1971)) whose covariance obeys

.. math:: \frac{d\Sigma}{d\alpha} = J \Sigma + \Sigma J^\top + D(y(\alpha)), \qquad \Sigma(0) = 0,

J the Jacobian of the velocity and D the covariance of one step (:mod:`tutelage.online.diffusion`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import DivergenceError, check_number, check_times, check_type
from tutelage.online.diffusion import SAMPLES, check_samples, coordinates, error_gradient, step_covariance
from tutelage.online.integration import diverged
from tutelage.online.jacobian import Coordinates
from tutelage.online.ode import describe, solve
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps
from tutelage.progress import progress as progress_bar
from tutelage.results import dataset

if TYPE_CHECKING:
    import xarray

__all__ = ["fluctuations", "step_covariance"]

FLOOR = 1e-6  # of the largest variance: below it a variance need not be accurate
CANCELS = 1e-8  # of the terms it is made of: the same for the variance of eg
SMALLEST = 1e-6  # standard deviations below it, times sqrt(N), need not be accurate: D is lost in rounding at 1e-16
GAIN = 3.0  # how much better the extrapolated result is than the one whose error is estimated, as measured
FIRST = 0.05  # first step in alpha
NODES = (0.25, 0.5, 0.75)  # of a step, where J and D are taken

Local = tuple[np.ndarray, np.ndarray]  # J and D


def fluctuations(
    rule: OnlineSGD,
    state: Overlaps,
    alpha: ArrayLike,
    *,
    dim: float | None = None,
    rtol: float = 1e-3,
    samples: int = SAMPLES,
    covariance: bool = False,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Return the ODE's trajectory and how far one run of SGD strays from it, to leading order in 1/N.

    The standard deviations are those of runs that all begin at the given overlaps, on inputs with independent standard
    normal components, each used once. They hold for fluctuations that are small: where the ODE runs away from a plateau
    by exponential growth of small differences, N must be large enough for the linear approximation.

    Parameters
    ----------
    rule : OnlineSGD
    state : Overlaps
        Overlaps and readouts at alpha = 0, the same in every run.
    alpha : float or array, shape (times,)
        Increasing times >= 0, in steps / N.
    dim : float, optional
        Input dimension N. Default: standard deviations come multiplied by sqrt N.
    rtol : float
        Tolerance of the standard deviations from the integration in alpha; that of eg is one of them.
    samples : int, a power of two
        Points of the average over fields behind D (:func:`step_covariance`, which states its error).
    covariance : bool
        Whether to return the whole covariance matrix, too.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        ``eg``, ``Q``, ``R``, ``v`` as from :func:`tutelage.solve`; ``eg_std``, ``Q_std``, ``R_std``, ``v_std``, the
        standard deviation of one run; with `covariance` also ``covariance`` (alpha, coordinate, ``coordinate_``),
        multiplied by N unless `dim` is given. eg has the factor 1/2 and no label noise; ``eg_std`` is of first order in
        the overlaps' fluctuations, and means nothing where eg is below 1e-10, the accuracy of the
        overlaps. After Ctrl-C: the times reached.

    Raises
    ------
    ArgumentError
        For times that do not increase, or an activation without ODE.
    DivergenceError
        When the state leaves every bound; its ``dataset`` holds the times before.

    Notes
    -----
    J and D are taken at three nodes of a step; between them they are interpolated, and Sigma is propagated by the exact
    solution for constant J and D on a step and on its halves, extrapolated to fourth order. Their difference controls
    the step. So stiffness costs nothing: on a plateau the steps are as long as the plateau. Variances below 1e-12 or
    1e-6 of the largest, and that of eg below 1e-8 of the terms it is made of, need not meet the tolerance.

    Examples
    --------
    >>> rule, state = OnlineSGD(lr=0.5), Overlaps(Q=[[1.0]], R=[[0.1]], T=[[1.0]])
    >>> ds = fluctuations(rule, state, [0, 1, 5], dim=1000)
    >>> [f"{std:.4f}" for std in ds.eg_std.values]
    ['0.0000', '0.0023', '0.0024']
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    times = check_times("alpha", alpha)
    N = 1.0 if dim is None else check_number("dim", dim, minimum=0, strict=True)
    rtol = check_number("rtol", rtol, minimum=0, strict=True)
    settings = {"view": "fluctuations", "rule": describe(rule), "dim": None if dim is None else N, "rtol": rtol}
    settings |= {"samples": check_samples(samples), "covariance": bool(covariance), "alpha": times.tolist()}
    mean, ending = _mean(rule, state, times)
    with progress_bar("fluctuations", times[-1], progress) as bar:
        reached, stop = _integrate(rule, state, mean.alpha.values, rtol, samples, bar.update)
    n = len(coordinates(state.students, state.teachers))
    Sigma = np.array(reached).reshape(-1, n, n) / N
    result = _dataset(rule, state, mean.isel(alpha=slice(len(Sigma))), Sigma, settings, covariance)
    ending = stop or ending
    if isinstance(ending, DivergenceError):
        ending.dataset = result
        raise ending
    if result.sizes["alpha"] < len(times):
        warnings.warn(f"interrupted: {result.sizes['alpha']} of {len(times)} times were reached", stacklevel=2)
    return result


def _mean(rule: OnlineSGD, state: Overlaps, times: np.ndarray) -> tuple[xarray.Dataset, DivergenceError | None]:
    """Return the ODE's trajectory as far as it goes, and the error that ended it."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "interrupted")
            return solve(rule, state, times, progress=False), None
    except DivergenceError as error:
        return error.dataset, error


def _integrate(
    rule: OnlineSGD, state: Overlaps, times: np.ndarray, rtol: float, samples: int, report: Callable[[float], None]
) -> tuple[list[np.ndarray], DivergenceError | None]:
    """Return Sigma at the times reached, and what stopped it, if it was not Ctrl-C."""
    n = len(coordinates(state.students, state.teachers))
    alpha, step, Sigma = 0.0, FIRST, np.zeros((n, n))
    out = [Sigma] * int((times == 0).sum())
    try:
        while len(out) < len(times):
            rest = times[-1] - alpha
            step = rest if step > 0.999 * rest else step  # leaves no crumbs
            if not step > 1e-12 * times[-1]:
                return out, diverged(alpha, "the step size underflows")
            *inside, after = _flow(rule, state, step * np.array([*NODES, 1.0]))
            there = _interpolant(
                [(_jacobian(rule, s), step_covariance(rule, s, samples=samples)) for s in inside], step
            )
            coarse, fine = _piecewise(Sigma, there, step, 1), _piecewise(Sigma, there, step, 2)
            error = _distance(coarse, fine, error_gradient(rule, after)) / (GAIN * rtol)
            if error <= 1:
                reached = times[-1] if step == rest else alpha + step
                passed = times[len(out) :][times[len(out) :] <= reached]
                out += [_extrapolated(Sigma, there, time - alpha) for time in passed]
                Sigma, state, alpha = _extrapolated(Sigma, there, step), after, reached
                report(alpha)
            step *= min(4.0, max(0.2, 0.9 * max(error, 1e-9) ** (-1 / 3))) if np.isfinite(error) else 0.2
    except KeyboardInterrupt:
        pass
    return out, None


def _jacobian(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    """Return the Jacobian of the velocity in our coordinates; zeros for a layer that does not move, nor fluctuates."""
    moving, every = Coordinates.of(rule, state), Coordinates.of(replace(rule, train="both", constraint=None), state)
    place = every.shrink(moving.embedding.T) > 0  # which of all coordinates move
    return place.T.astype(float) @ moving.fast(moving.read()) @ place


def _flow(rule: OnlineSGD, state: Overlaps, times: np.ndarray) -> list[Overlaps]:
    """Return the states that the ODE leads to from `state`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "interrupted")
        ds = solve(rule, state, times, progress=False)
    if ds.sizes["alpha"] < len(times):
        raise KeyboardInterrupt
    there = zip(ds.Q.values, ds.R.values, ds.v.values, strict=True)
    return [Overlaps.unchecked(Q, R, state.T, v, state.v_star) for Q, R, v in there]


def _interpolant(local: list[Local], step: float) -> Callable[[float], Local]:
    """Return the parabola through J and D at the NODES of a step, as a function of the time since its beginning."""
    J, D = (np.array(values) for values in zip(*local, strict=True))
    a, b, c = NODES

    def there(time: float) -> Local:
        x = time / step
        weights = np.array(
            [
                (x - b) * (x - c) / ((a - b) * (a - c)),
                (x - a) * (x - c) / ((b - a) * (b - c)),
                (x - a) * (x - b) / ((c - a) * (c - b)),
            ]
        )
        return np.tensordot(weights, J, 1), np.tensordot(weights, D, 1)

    return there


def _extrapolated(Sigma: np.ndarray, there: Callable[[float], Local], time: float) -> np.ndarray:
    """Return Sigma after `time`, to fourth order: errors of constant J and D are even in the length of the pieces."""
    coarse, fine = (_piecewise(Sigma, there, time, pieces) for pieces in (1, 2))
    return (4 * fine - coarse) / 3


def _piecewise(Sigma: np.ndarray, there: Callable[[float], Local], time: float, pieces: int) -> np.ndarray:
    """Return Sigma after `time` with J and D constant on equal pieces, as in their middles."""
    length = time / pieces
    for piece in range(pieces):
        flow, grown = _propagator(*there((piece + 0.5) * length), length)
        Sigma = flow @ Sigma @ flow.T + grown
    return Sigma


def _propagator(J: np.ndarray, D: np.ndarray, time: float) -> Local:
    """Return exp(J time) and the integral of exp(J s) D exp(J' s) over s from 0 to time: a series, then doublings."""
    doublings = max(0, int(np.ceil(np.log2(max(np.abs(J).sum(1).max() * time, 1e-300) / 0.25))))
    h = time / 2**doublings
    flow, grown = np.eye(len(J)), D * h
    power, term = np.eye(len(J)), D * h
    for k in range(1, 12):
        power, term = J @ power * (h / k), (J @ term + term @ J.T) * (h / (k + 1))
        flow, grown = flow + power, grown + term
    for _ in range(doublings):
        flow, grown = flow @ flow, grown + flow @ grown @ flow.T
    return flow, grown


def _distance(coarse: np.ndarray, fine: np.ndarray, gradient: np.ndarray) -> float:
    """Return the largest relative error of a standard deviation, that of eg included, of the finer result."""
    variance = np.append(np.diagonal(fine), gradient @ fine @ gradient)
    gap = np.append(np.diagonal(fine - coarse), gradient @ (fine - coarse) @ gradient)
    floor = np.append(np.full(len(fine), FLOOR * variance[:-1].max()), CANCELS * gradient**2 @ variance[:-1])
    return float((np.abs(gap) / np.maximum(variance, np.maximum(floor, SMALLEST**2))).max()) / 6


def _dataset(
    rule: OnlineSGD, state: Overlaps, mean: xarray.Dataset, Sigma: np.ndarray, settings: dict[str, Any], whole: bool
) -> xarray.Dataset:
    """Return the dataset of means and standard deviations; `Sigma` is that of one run."""
    K, M = state.students, state.teachers
    i, k = np.triu_indices(K)
    std = np.sqrt(np.maximum(np.diagonal(Sigma, axis1=1, axis2=2), 0.0))
    Q_std = np.empty((len(std), K, K))
    Q_std[:, i, k] = Q_std[:, k, i] = std[:, K * M : K * M + len(i)]
    values = {name: mean[name].values for name in ("eg", "Q", "R", "v")}
    slope = np.empty((len(std), Sigma.shape[-1]))
    for t in range(len(std)):
        Q, R, v = (values[name][t] for name in ("Q", "R", "v"))
        slope[t] = error_gradient(rule, Overlaps.unchecked(Q, R, state.T, v, state.v_star))
    variance = np.maximum(np.einsum("tp,tpq,tq->t", slope, Sigma, slope), 0.0)
    spread = {"eg_std": np.sqrt(variance), "Q_std": Q_std, "R_std": std[:, : K * M].reshape(-1, K, M)}
    ds = dataset(mean.alpha.values, values | spread | {"v_std": std[:, K * M + len(i) :]}, state, settings)
    scale = "of one run" if settings["dim"] is not None else "of one run, times sqrt(N)"
    for name in ("eg", "Q", "R", "v"):
        ds[f"{name}_std"].attrs["long_name"] = f"standard deviation {scale}: {ds[name].attrs['long_name']}"
    if whole:
        names = coordinates(K, M)
        ds["covariance"] = (("alpha", "coordinate", "coordinate_"), Sigma, {"long_name": f"covariance {scale}"})
        ds = ds.assign_coords(coordinate=names, coordinate_=names)
    return ds
