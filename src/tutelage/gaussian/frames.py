"""Orthonormal frames in the plane of two weight vectors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Fields", "Frame"]

PARALLEL = 4 * np.finfo(float).eps  # a smaller angle between weights is rounding


class Fields(NamedTuple):
    """Weights in the frame, (pairs, 2), and biases (pairs,) of one field of each pair."""

    weight: np.ndarray
    bias: np.ndarray


class Frame(NamedTuple):
    """Orthonormal vectors (pairs, 2, n) whose span has both weights of each pair, and these in it, (pairs, 2)."""

    axes: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, w: np.ndarray, other: np.ndarray) -> Frame:
        """Return the frames of weights (pairs, n) and others; the first vector is along w, where w is not zero."""
        length, length2 = np.linalg.norm(w, axis=1), np.linalg.norm(other, axis=1)
        leading = np.where(length[:, None] > 0, w, other)
        one = _unit(leading, np.where(length > 0, length, length2))
        along = (one * other).sum(1)
        rest = other - along[:, None] * one
        correction = (one * rest).sum(1)
        rest = rest - correction[:, None] * one
        across = np.linalg.norm(rest, axis=1)
        across[across < PARALLEL * length2] = 0.0
        axes = np.stack([one, _unit(rest * (across[:, None] > 0), across)], 1)
        return cls(axes, np.stack([length, np.zeros_like(length)], 1), np.stack([along + correction, across], 1))

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """Return the moments of (x, 1) that rows (1, 3 or 6, pairs) stand for.

        One row is the average of G itself, (pairs,); three give <G (x, 1)>, (pairs, n + 1), six the matrix <G (x, 1)
        (x, 1)'>, (pairs, n + 1, n + 1).
        """
        if len(rows) == 1:
            return rows[0]
        vector = np.einsum("ap,pan->pn", rows[1:3], self.axes)
        if len(rows) == 3:
            return np.concatenate([vector, rows[0][:, None]], 1)
        pairs, n = vector.shape
        matrix = np.empty((pairs, n + 1, n + 1))
        matrix[:, n, n] = rows[0]
        matrix[:, :n, n] = matrix[:, n, :n] = vector
        square = np.stack([rows[3:5], rows[4:6]])
        matrix[:, :n, :n] = np.swapaxes(self.axes, 1, 2) @ (square.transpose(2, 0, 1) @ self.axes)
        matrix[:, range(n), range(n)] += rows[0][:, None]
        return matrix


def _unit(v: np.ndarray, length: np.ndarray) -> np.ndarray:
    return v / np.where(length > 0, length, 1.0)[:, None]
