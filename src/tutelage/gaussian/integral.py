"""A Gaussian average as an integral over independent normals: the covariance factored on its span."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["EPSILON", "RADIUS", "RANK_TOLERANCE", "Function", "Integral", "factorise"]

Function = Callable[[np.ndarray], np.ndarray]

RADIUS = 10.0  # standard deviations kept; the normal weight there is 1e-22
RANK_TOLERANCE = 4e-15  # of a field's variance: a smaller remainder is rounding, the field is dependent
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Integral:
    """The average of prod_i f_i(L_i . z) over independent standard normal z, one per column of L (n, r).

    If `spread` > 0, the last function stands for its average over a further independent normal of
    that standard deviation, added to its field. `rounding` is the relative error that C itself brings.
    """

    functions: tuple[Function, ...]
    kinks: tuple[tuple[float, ...], ...]
    L: np.ndarray
    spread: float = 0.0
    rounding: float = 16 * EPSILON


def factorise(functions: tuple[Function, ...], kinks: tuple[tuple[float, ...], ...], C: np.ndarray) -> Integral:
    """Write the fields as L z; from three dimensions on, leave one field's own part out, as `spread`."""
    n = len(functions)
    deviation = np.sqrt(np.diag(C).clip(min=0.0))
    inverse = np.divide(1.0, deviation, out=np.zeros(n), where=deviation > 0)
    R = C * inverse[:, None] * inverse
    order, spread = list(range(n)), 0.0
    L, remainder, pivot = _cholesky(R, order)
    if L.shape[1] >= 3:
        options = [_cholesky(R, [j for j in order if j != i]) for i in order]
        worth = [option[1][i] * (4 if kinks[i] else 1) for i, option in enumerate(options)]
        last = int(np.argmax(worth))
        if worth[last] > RANK_TOLERANCE:
            L, remainder, pivot = options[last]
            order = [*(j for j in order if j != last), last]
            spread = math.sqrt(remainder[last])
            pivot = min(pivot, remainder[last])
    defect = np.abs(R - L @ L.T - np.diag(remainder if spread else np.zeros(n))).max()
    rounding = defect + (64 if spread else 16) * EPSILON
    if any(kinks):  # a jump feels the angle between two fields, and the angle feels the root of a remainder
        rounding = max(rounding, (defect + n * EPSILON) / math.sqrt(pivot))
    return Integral(
        tuple(functions[i] for i in order),
        tuple(kinks[i] for i in order),
        (deviation[:, None] * L)[order],
        spread * deviation[order[-1]],
        float(rounding),
    )


def _cholesky(R: np.ndarray, pivots: list[int]) -> tuple[np.ndarray, np.ndarray, float]:
    """Factor R = L L^T on the span of the fields in `pivots`; largest remainder first.

    Returns L (n, r), the variances (n,) it leaves unexplained, and the smallest pivot.
    """
    L = np.zeros((len(R), 0))
    remainder, smallest = np.diag(R).copy(), 1.0
    while True:
        pivot = max(pivots, key=lambda i: remainder[i])
        if remainder[pivot] <= RANK_TOLERANCE:
            return L, remainder, smallest
        smallest = min(smallest, remainder[pivot])
        column = (R[:, pivot] - L @ L[pivot]) / math.sqrt(remainder[pivot])
        column[remainder <= RANK_TOLERANCE] = 0.0
        column[pivot] = math.sqrt(remainder[pivot])
        L = np.column_stack([L, column])
        remainder = (np.diag(R) - (L**2).sum(axis=1)).clip(min=0.0)
        remainder[pivot] = 0.0
