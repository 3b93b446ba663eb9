"""Averages of smooth functions that depend on two fields, for whole stacks of covariances at once.

I2 and J2 are such averages, and so are I3 and an I4 with two linear arguments: what a linear argument adds beyond its
regression on the two others averages out. The fields are L z with independent normal z, in which the trapezoidal rule
converges exponentially; its step falls until the whole stack has settled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["average"]

Function = Callable[[np.ndarray], np.ndarray]

RADIUS = 10.0  # standard deviations
STEPS = 0.6 / 2.0 ** np.arange(0, 5, 0.5)
TOLERANCE = 1e-12  # of the average of the absolute value
CAUTION = 10
BLOCK = 1 << 21  # values of a function held at once
DEPENDENT = 4e-15  # of a field's variance: a smaller remainder is rounding


def average(f: Function, g: Function, C: np.ndarray, linear: int) -> tuple[np.ndarray, np.ndarray]:
    """Return <f(x1) g(x2) prod of the linear fields> and whether it settled, for covariances C (stack, n, n).

    Parameters
    ----------
    f, g : callable
        Smooth; of the first two fields.
    C : array, shape (stack, 2 + linear, 2 + linear)
    linear : int
        0, 1 or 2 further fields that enter as factors.
    """
    value, settled = np.zeros(len(C)), np.zeros(len(C), np.bool_)
    frame = _frame(C)
    last: np.ndarray | None = None
    for h in STEPS:
        left = np.flatnonzero(~settled)
        if not len(left):
            break
        new, scale = _sum(f, g, frame[left], C[left], linear, h)
        if last is not None:
            settled[left] = CAUTION * np.abs(new - last[left]) <= TOLERANCE * scale
        value[left] = new
        last = value.copy()
    return value, settled


def _frame(C: np.ndarray) -> np.ndarray:
    """Return (stack, n, 2): the fields' coordinates along two independent normals that span the first two."""
    p, q = C[:, 0, 0], C[:, 1, 1]
    swap = q > p  # the wider field comes first: nothing is divided by a small number
    wide = np.where(swap, q, p)
    one = np.where(swap[:, None], C[:, 1], C[:, 0])
    two = np.where(swap[:, None], C[:, 0], C[:, 1])
    root = np.sqrt(np.where(wide > 0, wide, 1.0))
    first = np.where(wide[:, None] > 0, one / root[:, None], 0.0)
    narrow = np.where(swap, 0, 1)
    at = np.take_along_axis(first, narrow[:, None], 1)[:, 0]
    rest = np.where(swap, p, q) - at**2
    alive = rest > DEPENDENT * wide
    second = (two - at[:, None] * first) / np.sqrt(np.where(alive, rest, 1.0))[:, None]
    second[np.arange(len(C)), np.where(swap, 1, 0)] = 0.0
    return np.stack([first, np.where(alive[:, None], second, 0.0)], -1)


def _sum(
    f: Function, g: Function, frame: np.ndarray, C: np.ndarray, linear: int, h: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums at step h, of the integrand and of its absolute value."""
    nodes = h * np.arange(-int(RADIUS / h), int(RADIUS / h) + 1)
    z = np.stack([axis.ravel() for axis in np.meshgrid(nodes, nodes)])
    z = z[:, (z**2).sum(0) <= RADIUS**2]
    weight = np.exp(-(z**2).sum(0) / 2) * h**2 / (2 * np.pi)
    out = np.empty((2, len(frame)))
    rows = max(1, BLOCK // z.shape[1])
    for begin in range(0, len(frame), rows):
        some = slice(begin, begin + rows)
        fields = frame[some] @ z
        product = weight * f(fields[:, 0]) * g(fields[:, 1])
        if linear == 1:
            product = product * fields[:, 2]
        elif linear == 2:
            apart = C[some, 2, 3] - (frame[some, 2] * frame[some, 3]).sum(-1)
            product = product * (fields[:, 2] * fields[:, 3] + apart[:, None])
        out[:, some] = product.sum(1), np.abs(product).sum(1)
    return out[0], out[1]
