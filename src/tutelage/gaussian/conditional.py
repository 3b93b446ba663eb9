"""The average of one field's function given the other fields, tabulated: a function of one variable."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tutelage.gaussian.integral import RADIUS, Integral
from tutelage.gaussian.panels import BLOCK, STRIP, quadrature_rule

__all__ = ["Table"]

DEGREE = 11  # of the tabulated conditional average in each cell


@dataclass(frozen=True)
class Table:
    """A function of one variable, in Chebyshev coefficients (DEGREE + 1, cells) between `edges` (cells + 1,)."""

    edges: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def build(cls, integral: Integral, resolution: int) -> Table:
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


def _edges(integral: Integral, resolution: int) -> np.ndarray:
    """Return the cell edges over the range of the last field, finer in steps about a sharp kink."""
    reach = RADIUS * max(math.hypot(*integral.L[-1]), 1e-3 * integral.spread)
    kinks = [k + t * integral.spread for k in integral.kinks[-1] for t in (0.0, *STRIP)]
    ends = np.unique([-reach, *(k for k in kinks if abs(k) < reach), reach])
    steps = np.arange(resolution) / resolution
    return np.append((ends[:-1, None] + np.diff(ends)[:, None] * steps).ravel(), reach)


def _smoothed(integral: Integral, x: np.ndarray, resolution: int) -> np.ndarray:
    """Return <f(x + spread z)> for the last function f at each of x (N,)."""
    f, kinks, spread = integral.functions[-1], integral.kinks[-1], integral.spread
    nodes, weights = quadrature_rule(resolution, not kinks)
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
