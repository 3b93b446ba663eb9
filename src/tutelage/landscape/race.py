"""The race for a minimum: a flow first, then methods in turn, each from the best point that any has met."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tutelage.errors import refuse
from tutelage.landscape.flow import Stops, integrate
from tutelage.landscape.objective import gauss_newton_model
from tutelage.landscape.quasi_newton import minimise_by_scipy
from tutelage.landscape.trust_region import Descent, minimise_by_newton

__all__ = ["SPECTRUM_UP_TO", "Search"]

NEWTON_UP_TO = 500  # parameters: beyond, eigendecompositions cost too much
BFGS_UP_TO = 3000  # parameters: beyond, even a dense matrix does
SPECTRUM_UP_TO = 2000  # parameters
ROUND = 100  # iterations before the two methods are compared again
TRIAL = 5  # every so many rounds the slower of the two gets one
FLOW_TOLERANCE = (1e-3, 1e-6)  # the flow only has to lead into a basin
FLOW_STEPS = 2000  # at most: smooth losses take some hundred; at kinks of ReLUs steps become as short as one likes
AGAIN = (2, 12)  # rounds after which the flow is followed on: in a long valley it is faster than either method
FURTHER, FINER = 1e5, (1e-6, 1e-9)  # how much longer each time, and its tolerances


class Search:
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
        self._trail, self._horizon = begin, 0.0  # where the flow is, and how long it has been followed
        self._first = max(self.best.gradient_norm, 1e-300) if self.finite else 1.0
        self.notice: Callable[[float], Any] = lambda _: None

    def progress(self, norm: float) -> float:
        """Return the share of decades that the gradient has come down."""
        return math.log(self._first / max(norm, 1e-300)) / max(math.log(self._first / max(self._gtol, 1e-16)), 1e-9)

    def flow(self, length: float, tolerances: tuple[float, float] = FLOW_TOLERANCE) -> bool:
        """Follow the flow on, and stay where it ends if that is better; return whether it is."""
        left = max(0.0, self._deadline - time.monotonic())
        stops = Stops(gtol=self._gtol, ltol=self._ltol, max_seconds=left, steps=FLOW_STEPS)
        path = integrate(self._objective, self._trail, np.array([length]), "LSODA", *tolerances, np.ones(1), stops)
        loss, slope = self._objective.loss(path.last), self._objective.gradient(path.last)
        better = math.isfinite(loss) and loss < self.best.loss and bool(np.isfinite(slope).all())
        if better:
            self.best = Descent(path.last, loss, slope)
        self._trail, self._horizon = path.last, length if path.stopped_by == "time" else math.inf
        if path.stopped_by == "interrupted":
            raise KeyboardInterrupt
        return better

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
            on = method == "auto" and count in AGAIN and 0 < self._horizon < math.inf
            if on and self.flow(FURTHER * self._horizon, FINER):
                gains = dict.fromkeys(names, math.inf)

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
