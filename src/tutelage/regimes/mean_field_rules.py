r"""Gauss rules for the cosine :math:`\xi` of two directions drawn uniformly on the sphere in n dimensions.

Its density is proportional to :math:`(1 - \xi^2)^{(n - 3)/2}`: two points for n = 1, Chebyshev's for n = 2, and zero
itself for n to infinity. Rules are in xi for functions smooth beyond its ends, and in the angle arcsin(xi) for those
with square roots there, as averages of units with kinks are.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

__all__ = ["POINT", "Rule", "angular_rule", "cosine_rule", "nodes_for_pole"]

MOST = 256  # nodes
SIZES = (4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, MOST)  # few, so that a moving state seldom changes it
FINE = 256  # Legendre nodes that stand for the law of the angle, up to about a hundred dimensions
FAR = 1e100  # beyond this a pole may be anywhere


class Rule(NamedTuple):
    """Nodes and weights, whose sum is one; both (nodes,)."""

    nodes: np.ndarray
    weights: np.ndarray


POINT = Rule(np.zeros(1), np.ones(1))  # in infinitely many dimensions directions are orthogonal
_PAIR = Rule(np.array([-1.0, 1.0]), np.full(2, 0.5))  # in one they are equal or opposite


@lru_cache(maxsize=64)
def cosine_rule(n: int, size: int) -> Rule:
    """Return the Gauss-Gegenbauer rule of `size` nodes for n >= 1 dimensions."""
    return _PAIR if n == 1 else _golub_welsch(_recurrence(n, size))


@lru_cache(maxsize=64)
def angular_rule(n: int, size: int) -> Rule:
    """Return the rule of `size` nodes that is Gauss's in the angle arcsin(xi), as a rule for xi; n at most 100."""
    if n == 1:
        return _PAIR
    angle, weight = _legendre()
    angle = angle * math.pi / 2
    weight = weight * np.cos(angle) ** (n - 2)
    before, here, norm = np.zeros(FINE), np.ones(FINE), weight.sum()
    squares: list[float] = []
    for _ in range(size - 1):  # Stieltjes' procedure; the law is even, so that the recurrence has one coefficient
        after = angle * here - (squares[-1] if squares else 0.0) * before
        before, here, last = here, after, norm
        norm = float(weight @ here**2)
        squares.append(norm / last)
        scale = math.sqrt(squares[-1])
        before, here, norm = before / scale, here / scale, norm / scale**2
    angles, weights = _golub_welsch(np.array(squares))
    return Rule(np.sin(angles), weights)


@lru_cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(FINE)


def nodes_for_pole(n: int, pole: float, accuracy: float) -> int:
    r"""Return how many nodes integrate a function of xi whose nearest singularities are at +-`pole`, > 1.

    The error falls as :math:`\rho^{-2N} \prod_{k<=N} 4 b_k^2` with the recurrence coefficients b_k of the rule and the
    half-axes' sum rho of the ellipse through the poles.
    """
    near = min(pole, FAR)
    rho2 = (near + math.sqrt(near * near - 1)) ** 2
    error = np.cumprod(4 * _recurrence(n, MOST + 1) / rho2)
    for size in SIZES:
        if error[size - 1] <= accuracy:
            return size
    return MOST


def _recurrence(n: int, size: int) -> np.ndarray:
    """Return the squares b_k^2, k = 1 to size - 1, of the Gegenbauer recurrence in n >= 2 dimensions."""
    k = np.arange(2.0, size)
    return np.concatenate([[1 / n], k * (k + n - 3) / ((2 * k + n - 2) * (2 * k + n - 4))])[: size - 1]


def _golub_welsch(squares: np.ndarray) -> Rule:
    """Return the Gauss rule of an even law from its recurrence (Golub & Welsch, Math. Comp. 23, 221, 1969)."""
    nodes, vectors = np.linalg.eigh(np.diag(np.sqrt(squares), -1))
    return Rule(nodes, np.ascontiguousarray(vectors[0] ** 2))
