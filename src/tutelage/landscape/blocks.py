"""Blocks of samples, which stay in the processor's cache, and the sum of what they give."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Block", "sum_exactly"]


@dataclass(frozen=True)
class Block:
    """Samples in columns: inputs with a row of ones if there is a bias, targets, weights (none: empty)."""

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray


def sum_exactly(values: list[float]) -> float:
    """Return the sum of the blocks' sums, correctly rounded."""
    return math.fsum(values) if np.isfinite(values).all() else float(np.sum(values))
