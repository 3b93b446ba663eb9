r"""Gradient flow, :math:`\tau_i \, dp_i/dt = -\partial L / \partial p_i`, over as many decades of time as it takes.

The flow of a network is stiff: rates differ by many orders of magnitude, and valleys take 10^12 units of time. Explicit
methods are held back by the fastest rate; implicit ones, with the exact Hessian as Jacobian, take steps as long as the
solution is smooth (Brea et al. 2023, arXiv:2301.10638).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_choice, check_count, check_number, check_times, refuse
from tutelage.landscape.objective import Objective, check_seconds, check_start
from tutelage.landscape.record import dataset
from tutelage.progress import progress as progress_bar

if TYPE_CHECKING:
    import xarray

__all__ = ["Path", "Stops", "flow", "integrate"]

IMPLICIT = ("LSODA", "BDF", "Radau")
EXPLICIT = ("RK45", "DOP853")
POINTS = 100  # times, if only the last is given
DECADES = 10  # that they span
LOOK = 5  # steps between two looks at the gradient


@dataclass(frozen=True)
class Stops:
    """When a flow ends before its time."""

    gtol: float = 0.0
    ltol: float = 0.0
    patience: int | None = None
    max_seconds: float = math.inf
    steps: float = math.inf

    def __post_init__(self) -> None:
        check_number("gtol", self.gtol, minimum=0)
        check_number("ltol", self.ltol, minimum=0)
        if self.patience is not None:
            check_count("patience", self.patience)
        check_seconds(self.max_seconds)


@dataclass
class Path:
    """Points of a flow at the asked times, as far as it came, and the end it came to."""

    times: np.ndarray
    points: np.ndarray
    last: np.ndarray
    last_time: float
    stopped_by: str
    steps: int = 0
    gradients: int = 0
    hessians: int = 0
    seconds: float = 0.0


def flow(
    objective: Objective,
    p0: ArrayLike,
    times: ArrayLike,
    *,
    method: str = "LSODA",
    rtol: float = 1e-6,
    atol: float = 1e-9,
    time_scales: ArrayLike = 1.0,
    gtol: float = 0.0,
    ltol: float = 0.0,
    patience: int | None = None,
    max_seconds: float = math.inf,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Integrate the gradient flow of an objective.

    Parameters
    ----------
    objective : Objective
        ``net.on(x, y)``, ``PopulationLoss(teacher, student)``, or a sum with penalties.
    p0 : array, shape (size,)
        Parameters at time 0.
    times : float or array, shape (times,)
        Increasing times >= 0 to keep, in units where p moves at the rate of the gradient of the loss as it is defined
        (the mean over samples). A single time T stands for 0 and 100 times from T / 10^10 to T, evenly in log t.
    method : {"LSODA", "BDF", "Radau", "RK45", "DOP853"}
        The first three are implicit, with the exact Hessian. LSODA changes its order and suits many decades; the
        last two are explicit, and serve times up to some hundred over the largest eigenvalue of the Hessian.
    rtol, atol : float
        Tolerance of each step.
    time_scales : float or array, shape (size,)
        :math:`\tau_i > 0`.
    gtol, ltol : float
        Stop where the largest component of the gradient (looked at every fifth step), or the loss, is not above this.
    patience : int, optional
        Stop after so many steps without a loss lower than before.
    max_seconds : float
        Stop after this.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        ``p`` (time, parameter), ``loss`` (time), ``gradient_norm`` (time), its largest component; ``p_last``, where the
        flow ended, at the time ``last_time``. The attribute ``stopped_by`` says why: "time" (all of it), "gradient",
        "loss", "patience", "seconds", "interrupted" (Ctrl-C), "not finite" (the objective was NaN or infinite), or what
        the solver could not do. Times beyond the end are missing.

    Raises
    ------
    ArgumentError
        For arguments that cannot be.

    Examples
    --------
    >>> from tutelage.landscape import MLP
    >>> net = MLP(1, [(1, "linear", False)])
    >>> ds = flow(net.on([[1.0]], [[2.0]]), [0.0], times=[0.5])  # p' = 2 (2 - p)
    >>> bool(abs(ds.p[0, 0] - 2 * (1 - np.exp(-1))) < 1e-5)
    True
    """
    begin = check_start(objective, p0)
    asked = _times(times)
    check_choice("method", method, IMPLICIT + EXPLICIT)
    rtol, atol = check_number("rtol", rtol, minimum=1e-14), check_number("atol", atol, minimum=0, strict=True)
    scales = np.asarray(check_array("time_scales", np.atleast_1d(time_scales), ("size",)))
    if scales.shape not in ((1,), begin.shape) or (scales <= 0).any():
        must = f"be one number > 0, or one for each of {len(begin)} parameters"
        raise refuse("time_scales", must, f"has shape {scales.shape} and the minimum {scales.min():g}")
    stops = Stops(gtol, ltol, patience, max_seconds)
    with progress_bar("gradient flow", math.log1p(asked[-1]), progress) as bar:
        path = integrate(
            objective, begin, asked, method, rtol, atol, 1 / scales, stops, lambda t: bar.update(math.log1p(t))
        )
    settings = {
        "view": "flow", "method": method, "rtol": rtol, "atol": atol, "times": asked.tolist(),
        "time_scales": scales.tolist(), "gtol": gtol, "ltol": ltol, "patience": patience,
        **({} if math.isinf(max_seconds) else {"max_seconds": max_seconds}),
    }  # fmt: skip
    result = dataset(objective, "time", path.times, path.points, begin, path.last, settings)
    counts = {"steps": path.steps, "gradients": path.gradients, "hessians": path.hessians}
    return result.assign_attrs(
        stopped_by=path.stopped_by, last_time=path.last_time, seconds=path.seconds, scalings=SCALINGS, **counts
    )


SCALINGS = "dp/dt = -gradient / time_scales, with the loss as its objective defines it (mean over samples)"


def _times(times: ArrayLike) -> np.ndarray:
    if np.ndim(times) == 0:
        last = check_number("times", times, minimum=0, strict=True)
        return np.concatenate(([0.0], last * np.logspace(-DECADES, 0, POINTS)))
    return check_times("times", times)


def integrate(
    objective: Objective,
    begin: np.ndarray,
    times: np.ndarray,
    method: str,
    rtol: float,
    atol: float,
    rates: np.ndarray,
    stops: Stops,
    notice: Callable[[float], Any] = lambda _: None,
) -> Path:
    """Return the path of the flow (the arguments as in :func:`flow`; `rates` are 1 / time_scales)."""
    path = Path(times[:0], np.empty((0, len(begin))), begin, 0.0, "time")
    started = time.monotonic()
    watch = _Watch(objective, rates, stops, started + stops.max_seconds)
    points = [begin] if times[0] == 0 else []
    try:
        if not np.isfinite(watch.velocity(0.0, begin)).all():  # explicit methods would look for a step for ever
            raise ValueError
        solver = _solver(method, watch, begin, times[-1], rtol, atol)
        while times[-1] > 0 and solver.status == "running":
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "lsoda:", UserWarning)  # said in stopped_by
                message = solver.step()
            if solver.status == "failed" or not np.isfinite(solver.y).all():
                path.stopped_by = "not finite" if watch.broken else f"the solver: {_complaint(method, message)}"
                break
            path.steps += 1
            path.last, path.last_time = solver.y.copy(), float(solver.t)
            if len(points) < len(times) and times[len(points)] <= solver.t:
                between = solver.dense_output()
                while len(points) < len(times) and times[len(points)] <= solver.t:
                    at = times[len(points)]
                    points.append(solver.y.copy() if at == solver.t else between(at))
            notice(path.last_time)
            reason = watch.reason(path.last)
            if reason:
                path.stopped_by = reason
                break
    except KeyboardInterrupt:
        path.stopped_by = "interrupted"
    except ValueError:  # of SciPy's implicit methods, at a Hessian with NaN
        if not watch.broken:
            raise
        path.stopped_by = "not finite"
    path.times, path.points = times[: len(points)], np.array(points).reshape(-1, len(begin))
    path.gradients, path.hessians, path.seconds = watch.gradients, watch.hessians, time.monotonic() - started
    return path


def _complaint(method: str, message: str | None) -> str:
    """Return what a solver could not do; LSODA's own words are the number of an error."""
    if not message:
        return "numbers beyond every bound"
    return "no step is short enough for its tolerances" if method == "LSODA" else message


def _solver(method: str, watch: _Watch, begin: np.ndarray, end: float, rtol: float, atol: float) -> Any:
    import scipy.integrate

    options = {"jac": watch.jacobian} if method in IMPLICIT else {}
    return getattr(scipy.integrate, method)(watch.velocity, 0.0, begin, end, rtol=rtol, atol=atol, **options)


class _Watch:
    """Velocity and Jacobian of a flow; counts calls, and knows the last gradient."""

    def __init__(self, objective: Objective, rates: np.ndarray, stops: Stops, deadline: float) -> None:
        self._objective, self._rates, self._stops, self._deadline = objective, rates, stops, deadline
        self.gradients = self.hessians = 0
        self._best, self._stale, self._steps = math.inf, 0, 0
        self.broken = False  # whether the objective was not finite somewhere

    def velocity(self, _: float, p: np.ndarray) -> np.ndarray:
        self.gradients += 1
        if not np.isfinite(p).all():
            return np.full_like(p, np.nan)
        return self._seen(-self._rates * self._objective.gradient(p))

    def jacobian(self, _: float, p: np.ndarray) -> np.ndarray:
        self.hessians += 1
        return self._seen(-(self._rates * np.ones(len(p)))[:, None] * self._objective.hessian(p))

    def _seen(self, values: np.ndarray) -> np.ndarray:
        self.broken = self.broken or not np.isfinite(values).all()
        return values

    def reason(self, p: np.ndarray) -> str:
        """Return why to stop at p; empty to go on."""
        stops = self._stops
        self._steps += 1
        if time.monotonic() > self._deadline:
            return "seconds"
        if self._steps >= stops.steps:
            return "steps"
        if stops.gtol > 0 and self._steps % LOOK == 0 and np.abs(self._objective.gradient(p)).max() <= stops.gtol:
            return "gradient"
        if stops.ltol > 0 or stops.patience is not None:
            loss = self._objective.loss(p)
            if loss <= stops.ltol:
                return "loss"
            self._stale = 0 if loss < self._best else self._stale + 1
            self._best = min(self._best, loss)
            if stops.patience is not None and self._stale >= stops.patience:
                return "patience"
        return ""
