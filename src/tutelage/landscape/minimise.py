"""Minima to the last digit, and what kind of point was found."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_choice, check_count, check_number, check_type, refuse
from tutelage.landscape.flow import Stops, integrate
from tutelage.landscape.objective import Objective, check_objective, gauss_newton_model
from tutelage.landscape.quasi_newton import minimise_by_scipy
from tutelage.landscape.trust_region import Descent, minimise_by_newton, vanishes
from tutelage.progress import progress as progress_bar

__all__ = ["Minimum", "minimise"]

METHODS = ("auto", "newton", "lm", "bfgs", "lbfgs")
NEWTON_UP_TO = 500  # parameters: beyond, eigendecompositions cost too much
BFGS_UP_TO = 3000  # parameters: beyond, even a dense matrix does
SPECTRUM_UP_TO = 2000  # parameters
ROUND = 100  # iterations before the two methods are compared again
TRIAL = 5  # every so many rounds the slower of the two gets one
FAR = 100.0  # times the size at the start: parameters on their way to infinity
FLOW_TOLERANCE = (1e-3, 1e-6)  # the flow only has to lead into a basin
FLOW_STEPS = (
    2000  # at most: smooth losses take some hundred, while at kinks of ReLUs steps become as short as one likes
)
UNFINISHED = ("iterations", "seconds", "interrupted")


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where a minimiser ended.

    Attributes
    ----------
    p : array, shape (size,)
        The best point that was met.
    loss : float
    gradient_norm : float
        The largest component of the gradient there.
    eigenvalues : array, shape (size,), or None
        Of the Hessian there, ascending; none beyond 2,000 parameters.
    kind : str
        "minimum" (all eigenvalues positive), "saddle" (some negative), "degenerate" (none negative, some zero),
        "diverging" (parameters a hundred times larger than at the start: a channel to infinity), "unfinished" (stopped
        before the gradient vanished, or at a kink, where it does not), or "unknown" (no eigenvalues).
    negative, zero : int
        Number of negative eigenvalues, and of those within the tolerance of zero.
    stopped_by : str
        "gradient" (at most gtol), "loss" (at most ltol), "rounding" (neither falls further), "iterations", "seconds",
        "interrupted" (Ctrl-C), or "not finite", where the objective was NaN or infinite.
    iterations : int
    seconds : float
    """

    p: np.ndarray
    loss: float
    gradient_norm: float
    eigenvalues: np.ndarray | None
    kind: str
    negative: int
    zero: int
    stopped_by: str
    iterations: int
    seconds: float

    def __str__(self) -> str:
        what = f"{self.kind}, {self.negative} negative directions" if self.kind == "saddle" else self.kind
        if self.kind == "degenerate":
            what += f", {self.zero} flat directions"
        size = f", parameters up to {np.abs(self.p).max():.3g}" if self.kind == "diverging" else ""
        lowest = "" if self.eigenvalues is None else f", smallest eigenvalue {self.eigenvalues[0]:.3g}"
        return (
            f"{what}{size}: loss {self.loss:.6g}, gradient {self.gradient_norm:.2g}{lowest}; "
            f"stopped by {self.stopped_by} after {self.iterations} iterations, {self.seconds:.2g} s"
        )


def minimise(
    objective: Objective,
    p0: ArrayLike,
    gtol: float = 1e-15,
    *,
    ltol: float = 0.0,
    method: str = "auto",
    flow_time: float = 1e4,
    iterations: int = 20000,
    max_seconds: float = 60.0,
    zero: float = 1e-10,
    escape: bool = False,
    progress: bool = True,
) -> Minimum:
    """Find a minimum: a short gradient flow, then Newton's method within a region of trust, to machine precision.

    The flow leads to the basin that belongs to the start. "auto" then takes turns between the Hessian and the
    Gauss-Newton matrix (Levenberg and Marquardt), and stays with what wins more: at degenerate minima, where Newton's
    method converges slowly, the second is often faster. The result does not depend on the machine's speed, unless
    `max_seconds` ends it.

    Parameters
    ----------
    objective : Objective
    p0 : array, shape (size,)
    gtol : float
        Largest component of the gradient to be reached.
    ltol : float
        Loss to be content with, whatever the gradient: for valleys of loss zero, along which Newton's method is slow.
    method : {"auto", "newton", "lm", "bfgs", "lbfgs"}
        "auto": "newton" and "lm" in turn up to 500 parameters ("newton" alone, if the objective has no method
        ``gauss_newton``), "bfgs" up to 3,000, "lbfgs" beyond. The last two are SciPy's.
    flow_time : float
        Length of the flow before, which ends after 2,000 steps of the solver if it comes no further; 0 for none.
    iterations : int
        At most, not counting the flow.
    max_seconds : float
        At most, the flow included.
    zero : float
        Eigenvalues smaller than this times the largest count as zero.
    escape : bool
        Whether to go on from a saddle, along the direction of its lowest eigenvalue.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    Minimum
        The best finite point, whatever ended the search, Ctrl-C included.

    Raises
    ------
    ArgumentError
        For arguments that cannot be.

    Examples
    --------
    >>> from tutelage.landscape import MLP
    >>> net = MLP(2, [(3, "tanh", False), (1, "linear", False)])
    >>> x = np.random.default_rng(0).standard_normal((500, 2))
    >>> found = minimise(net.on(x, net.at(net.init(seed=1))(x)), net.init(seed=2))
    >>> bool(found.gradient_norm < 1e-14)
    True
    """
    check_objective("objective", objective)
    begin = check_array("p0", p0, (objective.size,))
    gtol, zero = check_number("gtol", gtol, minimum=0), check_number("zero", zero, minimum=0)
    ltol = check_number("ltol", ltol, minimum=0)
    check_type("escape", escape, bool)
    check_choice("method", method, METHODS)
    flow_time = check_number("flow_time", flow_time, minimum=0)
    check_count("iterations", iterations, minimum=0)
    started = time.monotonic()
    deadline = started + check_number("max_seconds", max_seconds, minimum=0)
    search = _Search(objective, begin, gtol, ltol, iterations, deadline)
    with progress_bar("minimum", 1.0, progress) as bar:
        search.notice = lambda norm: bar.update(search.progress(norm))
        try:
            if flow_time > 0 and search.finite:
                search.flow(flow_time)
            search.run(method)
            while escape and search.leave(zero):
                search.run(method)
        except KeyboardInterrupt:
            search.stopped_by = "interrupted"
    return _result(objective, begin, search, zero, time.monotonic() - started)


class _Search:
    """The best point yet, and the methods that improve it."""

    def __init__(
        self, objective: Any, begin: np.ndarray, gtol: float, ltol: float, iterations: int, deadline: float
    ) -> None:
        self._objective, self._gtol, self._ltol, self._deadline = objective, gtol, ltol, deadline
        self._left = iterations
        self.iterations, self.stopped_by = 0, "not finite"
        loss, slope = objective.loss(begin), objective.gradient(begin)
        self.finite = math.isfinite(loss) and bool(np.isfinite(slope).all())
        self.best = Descent(begin, loss, slope)
        self._first = max(self.best.gradient_norm, 1e-300) if self.finite else 1.0
        self.notice: Callable[[float], Any] = lambda _: None

    def progress(self, norm: float) -> float:
        """Return the share of decades that the gradient has come down."""
        return math.log(self._first / max(norm, 1e-300)) / max(math.log(self._first / max(self._gtol, 1e-16)), 1e-9)

    def flow(self, length: float) -> None:
        """Follow the flow, and stay where it ends if that is better."""
        left = max(0.0, self._deadline - time.monotonic())
        stops = Stops(gtol=self._gtol, ltol=self._ltol, max_seconds=left, steps=FLOW_STEPS)
        times, rates = np.array([length]), np.ones(1)
        path = integrate(self._objective, self.best.p, times, "LSODA", *FLOW_TOLERANCE, rates, stops)
        loss, slope = self._objective.loss(path.last), self._objective.gradient(path.last)
        if math.isfinite(loss) and loss < self.best.loss and np.isfinite(slope).all():
            self.best = Descent(path.last, loss, slope)
        if path.stopped_by == "interrupted":
            raise KeyboardInterrupt

    def run(self, method: str) -> None:
        """Improve the best point by a method."""
        size = self._objective.size
        if method == "auto" and size > NEWTON_UP_TO:
            method = "bfgs" if size <= BFGS_UP_TO else "lbfgs"
        if not self.finite:
            return
        if method in ("bfgs", "lbfgs"):
            self._take(
                minimise_by_scipy(
                    self._objective, self.best, method, self._gtol, self._left, self._deadline, self.notice, self._ltol
                )
            )
        else:
            self._rounds(method)

    def leave(self, zero: float) -> bool:
        """Go down from a saddle along its lowest direction, either way; return whether it was one, and that helped."""
        if self.stopped_by not in ("gradient", "rounding") or self._objective.size > SPECTRUM_UP_TO:
            return False
        values, vectors = np.linalg.eigh(self._objective.hessian(self.best.p))
        if values[0] >= -zero * np.abs(values).max():
            return False
        sizes = max(1.0, float(np.linalg.norm(self.best.p))) * np.logspace(-6, 0, 13)
        trials = [self.best.p + size * vectors[:, 0] for size in np.concatenate((sizes, -sizes))]
        losses = np.array([self._objective.loss(p) for p in trials])
        lowest = int(np.argmin(np.where(np.isfinite(losses), losses, math.inf)))
        if not losses[lowest] < self.best.loss:
            return False
        p = trials[lowest]
        self.best = Descent(p, float(losses[lowest]), self._objective.gradient(p))
        return True

    def _rounds(self, method: str) -> None:
        """Take turns between the two matrices; `method` may allow but one."""
        names = ["newton", "lm"] if method == "auto" else [method]
        if method == "auto" and not hasattr(self._objective, "gauss_newton"):
            names = ["newton"]
        gains = dict.fromkeys(names, math.inf)
        count = 0
        while True:
            count += 1
            order = sorted(names, key=lambda name: -gains[name])
            name = order[-1] if count % TRIAL == 0 and gains[order[-1]] >= 0 else order[0]
            before = self.best.loss
            done = self._newton(name, ROUND if len(names) > 1 else self._left)
            gain = math.log(max(before, 1e-300) / max(done.loss, 1e-300)) / max(done.evaluations, 1)
            stuck = done.stopped_by in ("rounding", "not finite")
            gains[name] = -1.0 if stuck else gain
            if not (stuck or done.stopped_by == "iterations") or self._left <= 0 or max(gains.values()) < 0:
                return

    def _newton(self, name: str, most: int) -> Descent:
        objective = self._objective
        if name == "lm" and not hasattr(objective, "gauss_newton"):
            raise refuse("method", 'not be "lm" for an objective without a Gauss-Newton matrix', "is 'lm'")
        model = gauss_newton_model(objective) if name == "lm" else objective.derivatives
        done = minimise_by_newton(
            model, self.best.p, self._gtol, min(most, self._left), self._deadline,
            lambda at: self.notice(at.gradient_norm), self._ltol,
        )  # fmt: skip
        self._take(done)
        return done

    def _take(self, done: Descent) -> None:
        self.iterations += done.iterations
        self._left -= max(done.evaluations - 1, 1)
        self.best, self.stopped_by = replace(done), done.stopped_by


def _result(objective: Objective, begin: np.ndarray, search: _Search, zero: float, seconds: float) -> Minimum:
    at, values, negative, flat = search.best, None, 0, 0
    if search.finite and objective.size <= SPECTRUM_UP_TO:
        values = np.linalg.eigvalsh(objective.hessian(at.p))
        bound = zero * np.abs(values).max()
        negative, flat = int((values < -bound).sum()), int((np.abs(values) <= bound).sum())
    if not search.finite or search.stopped_by in UNFINISHED or search.stopped_by == "not finite":
        kind = "unfinished"
    elif values is None:
        kind = "unknown"
    elif search.stopped_by == "rounding" and not vanishes(at, values):  # a kink
        kind = "unfinished"
    else:
        kind = "saddle" if negative else "degenerate" if flat else "minimum"
    if np.abs(at.p).max() > FAR * max(1.0, np.abs(begin).max()):
        kind = "diverging"
    return Minimum(
        at.p, at.loss, at.gradient_norm, values, kind, negative, flat, search.stopped_by, search.iterations, seconds
    )
