"""Nodes for integrals over independent normals: one coordinate after the other, in panels that end at kinks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from tutelage.gaussian.integral import RADIUS, RANK_TOLERANCE, Integral

__all__ = ["BLOCK", "STRIP", "cutting_planes", "nodes_in_panels", "quadrature_rule"]

SHARP = 0.05  # a crossing steeper than this in the inner variable gets panels of its own further out
STRIP = (-8.0, 8.0)  # where a step smoothed by a unit normal has reached its ends, to 1e-15
BLOCK = 1 << 14  # points held at once


@lru_cache(maxsize=64)
def quadrature_rule(resolution: int, smooth: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights on [-1, 1]: trapezoidal if `smooth`, else Gauss-Legendre (composite if long)."""
    if smooth:
        return np.arange(-resolution, resolution + 1) / resolution, np.full(2 * resolution + 1, 1 / resolution)
    pieces = -(-resolution // 24)
    nodes, weights = np.polynomial.legendre.leggauss(resolution // pieces)
    centres = (2 * np.arange(pieces) + 1) / pieces - 1
    return (centres[:, None] + nodes / pieces).ravel(), np.tile(weights / pieces, pieces)


def nodes_in_panels(
    points: np.ndarray, weights: np.ndarray, cuts: list[np.ndarray], resolution: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Extend points (N, k) by the coordinates that remain; yield blocks of nodes (N', r) with their weights."""
    k = points.shape[1]
    if k == len(cuts):
        yield points, weights
        return
    smooth = not any(len(planes) for planes in cuts)
    rule = quadrature_rule(resolution, smooth)
    block = max(1, BLOCK // (len(rule[0]) * (len(cuts[k]) + 1)))
    for start in range(0, len(points), block):
        some = slice(start, start + block)
        yield from nodes_in_panels(*_extend(points[some], weights[some], cuts[k], rule), cuts, resolution)


def _extend(
    points: np.ndarray, weights: np.ndarray, planes: np.ndarray, rule: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Extend points (N, k) by one coordinate, in panels that end where it crosses `planes` (p, k + 2)."""
    crossings = (planes[:, -1] - points @ planes[:, :-2].T) / planes[:, -2]
    ends = np.pad(crossings.clip(-RADIUS, RADIUS), ((0, 0), (1, 1)), constant_values=(-RADIUS, RADIUS))
    ends.sort(axis=1)
    parent, panel = np.nonzero(np.diff(ends) > 0)
    half = (ends[parent, panel + 1] - ends[parent, panel]) / 2
    z = (ends[parent, panel] + half)[:, None] + half[:, None] * rule[0]
    inside = z**2 <= RADIUS**2 - np.einsum("ij,ij->i", points, points)[parent, None]
    row, column = np.nonzero(inside)
    z = z[inside]
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    mass = (weights[parent] * half)[row] * rule[1][column] * density
    return np.column_stack([points[parent[row]], z]), mass


def cutting_planes(integral: Integral) -> list[np.ndarray]:
    """For each coordinate k, the planes (p, k + 2) of rows (a_1 .. a_k, kappa), a.z = kappa, to end panels at."""
    planes = [[*row, kink] for row, of_one in zip(integral.L, _hard_kinks(integral), strict=True) for kink in of_one]
    remaining = _tidy(np.reshape(planes, (len(planes), integral.L.shape[1] + 1)))
    cuts = []
    while remaining.shape[1] > 1:
        crossing = np.abs(remaining[:, -2]) > RANK_TOLERANCE
        cuts.append(remaining[crossing])
        remaining = _project(remaining[crossing], remaining[~crossing])
    return cuts[::-1]


def _hard_kinks(integral: Integral) -> list[tuple[float, ...]]:
    """Return the kinks of each function of z; those of a tabulated one only if the table hardly softens them."""
    kinks = list(integral.kinks)
    if integral.spread == 0:
        return kinks
    sharp = integral.spread < SHARP * math.hypot(*integral.L[-1])
    kinks[-1] = tuple(k + t * integral.spread for k in kinks[-1] for t in STRIP) if sharp else ()
    return kinks


def _project(crossing: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Drop the last coordinate: keep what does not depend on it, and add where two crossings meet.

    A crossing that is steep in it also leaves the range of that coordinate quickly, which further out
    looks like a step smoothed over a short distance; the ends and the middle of that step are added.
    """
    planes = [np.delete(row, -2) for row in others]
    for i, a in enumerate(crossing):
        planes += [np.delete(a * b[-2] - b * a[-2], -2) for b in crossing[:i]]
        if abs(a[-2]) < SHARP:
            planes += [np.append(a[:-2], a[-1] - t * a[-2]) for t in STRIP]
    return _tidy(np.reshape(planes, (len(planes), crossing.shape[1] - 1)))


def _tidy(planes: np.ndarray) -> np.ndarray:
    """Scale planes (p, k + 1) to unit normals, drop those outside the ball and all but one of equals."""
    norms = np.sqrt((planes[:, :-1] ** 2).sum(axis=1))
    planes = planes[norms > RANK_TOLERANCE] / norms[norms > RANK_TOLERANCE, None]
    planes = planes[np.abs(planes[:, -1]) < RADIUS]
    if len(planes) < 2:
        return planes
    leading = np.take_along_axis(planes[:, :-1], np.abs(planes[:, :-1]).argmax(axis=1)[:, None], axis=1)
    planes = planes * np.sign(leading)
    _, first = np.unique(planes.round(13) + 0.0, axis=0, return_index=True)
    return planes[np.sort(first)]
