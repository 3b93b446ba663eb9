"""A search that keeps the best that it saw: a grid, and descents by L-BFGS-B."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from tutelage.continual.transcription import Course

__all__ = ["Search"]

BARRIER = 1e3  # what a descent is told where the equations diverge
ENOUGH = {"ftol": 1e-12, "gtol": 1e-7}  # when a descent ends
POINTS = {1: 25, 2: 11}  # of a scan, along each of so many controls
REFINED = 3  # best points of a scan from which a descent starts
TREND, SHAKE = 1.0, 0.3  # standard deviations of random schedules about a constant, in log lr


@dataclass(eq=False)
class Search:
    """A search for the best x, which keeps the best that it saw whatever happens.

    Attributes
    ----------
    x : array or None
        The best so far.
    value : float
    history : list of float
        The best value so far, after each evaluation.
    """

    course: Course
    x: np.ndarray | None = None
    value: float = math.inf
    history: list[float] = field(default_factory=list)

    def note(self, x: np.ndarray, value: float) -> None:
        """Take a value into account."""
        if value < self.value:
            self.x, self.value = x.copy(), value
        self.history.append(self.value)

    def descend(self, begin: np.ndarray, iterations: int, report: Callable[[float], None]) -> float:
        """Descend by L-BFGS-B; report the share of the iterations that is done, and return the smallest value met."""
        from scipy.optimize import minimize

        least, done = math.inf, 0

        def measured(x: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal least
            value, gradient = self.course.value_and_gradient(x)
            self.note(x, value)
            least = min(least, value)
            return min(value, BARRIER), gradient

        def after(_: np.ndarray) -> None:
            nonlocal done
            done += 1
            report(done / iterations)

        options = {"maxiter": iterations, **ENOUGH}
        bounds = self.course.bounds
        minimize(measured, begin, jac=True, method="L-BFGS-B", bounds=bounds, callback=after, options=options)
        return least

    def scan(self, iterations: int, report: Callable[[float], None]) -> None:
        """Look at a grid of all x, for courses of one piece, and descend from its best points."""
        grid = list(
            product(*(np.linspace(low, high, POINTS[len(self.course.names)]) for low, high in self.course.bounds))
        )
        values, whole = [], len(grid) + REFINED
        for i, point in enumerate(grid):
            values.append(self.course.value(np.array(point)))
            self.note(np.array(point), values[-1])
            report(i / whole)
        for i, best in enumerate(np.argsort(values)[:REFINED]):
            self.descend(np.array(grid[best]), iterations, lambda share, i=i: report((len(grid) + i + share) / whole))  # type: ignore[misc]

    def shaken(self, about: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a random x about another: log lr with a trend and noise, shares uniform within their bounds."""
        (low, high), rows = self.course.bounds.T, about.reshape(len(self.course.names), -1).copy()
        for name, row, a, b in zip(self.course.names, rows, *(x.reshape(rows.shape) for x in (low, high)), strict=True):
            if name == "lr":
                trend, noise = rng.standard_normal(), rng.standard_normal(len(row))
                row += TREND * trend * np.linspace(-1, 1, len(row)) + SHAKE * noise
            else:
                row[:] = rng.uniform(a, b)
        return np.clip(rows.ravel(), low, high)
