"""Minima to the last digit, and what kind of point was found."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_choice, check_count, check_number, check_type
from tutelage.landscape.objective import Objective, check_start
from tutelage.landscape.race import SPECTRUM_UP_TO, Search
from tutelage.landscape.trust_region import vanishes
from tutelage.progress import progress as progress_bar

__all__ = ["Minimum", "minimise"]

METHODS = ("auto", "newton", "lm", "bfgs", "lbfgs")
FAR = 100.0  # times the size at the start: parameters on their way to infinity
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
        Without the steps of the flow before.
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
        took = f"{self.iterations} iteration{'' if self.iterations == 1 else 's'}"
        return (
            f"{what}{size}: loss {self.loss:.6g}, gradient {self.gradient_norm:.2g}{lowest}; "
            f"stopped by {self.stopped_by} after {took}, {self.seconds:.2g} s"
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
    method converges slowly, the second is often faster. Where neither is done soon, the flow is followed on, 10^5 and
    10^10 times as far. The result does not depend on the machine's speed, unless `max_seconds` ends it.

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
    begin = check_start(objective, p0)
    gtol, zero = check_number("gtol", gtol, minimum=0), check_number("zero", zero, minimum=0)
    ltol = check_number("ltol", ltol, minimum=0)
    check_type("escape", escape, bool)
    check_choice("method", method, METHODS)
    flow_time = check_number("flow_time", flow_time, minimum=0)
    check_count("iterations", iterations, minimum=0)
    started = time.monotonic()
    deadline = started + check_number("max_seconds", max_seconds, minimum=0)
    search = Search(objective, begin, gtol, ltol, iterations, deadline)
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


def _result(objective: Objective, begin: np.ndarray, search: Search, zero: float, seconds: float) -> Minimum:
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
