r"""The plateau of an erf soft committee machine as four linear equations, what its symmetry leaves of any size.

A zero-error state of M units on an orthonormal teacher and L surplus units of length zero, first layer trained: the
equations of :func:`tutelage.online.asymptotics.perturbation.perturbative` between four numbers.
"""

from __future__ import annotations

import numpy as np

__all__ = ["critical_rate", "plateau_per_variance"]


def plateau_per_variance(M: int, L: int, rate: float) -> float:
    """Return eps_g* / sigma^2 of the soft committee machine, (rate / 2 pi) f(M, L, rate)."""
    pull, kicks, source, trace = _four_equations(M, L)
    return float(rate / np.pi * (trace @ np.linalg.solve(pull - 2 * rate / np.pi * kicks, source)))


def critical_rate(M: int, L: int) -> float:
    """Return the rate at which pull - (2 rate / pi) kicks becomes singular."""
    pull, kicks = _four_equations(M, L)[:2]
    return float(np.pi / 2 / np.linalg.eigvals(np.linalg.solve(pull, kicks)).real.max())


def _four_equations(M: int, L: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return H G + G H and F:G as matrices on (a, b, s, t), H as a vector, and tr(H G) as a vector on them.

    a is G of a unit with itself, b with another, s with the sum of the L surplus units, t that sum with itself; H and F
    are in units of 2/pi and its square. Equations and unknowns that do not exist (M = 1: b; L = 0: s, t) are left out.
    """
    A, B, c = 1 / np.sqrt(3), 1 / 2, 1 / np.sqrt(2)  # <g'_1 g'_1>, <g'_1 g'_2>, <g'_1 g'_surplus>
    others, size = (M - 1) * B, np.array([1, 1, L, L**2])
    one, two = [2 * A, 2 * others, 2 * c, 0], [2 * B, 2 * (A + others - B), 2 * c, 0]
    pull = np.array([one, two, [L * c, L * (M - 1) * c, A + others + L, c], [0, 0, 2 * L * M * c, 2 * L]])
    kicks = size[:, None] * np.array([_quadratic(M, powers) for powers in ([2], [1, 1][:M], [1], [])])
    there = np.array([True, M > 1, L > 0, L > 0])
    both = np.ix_(there, there)
    return pull[both], kicks[both], (size * [A, B, c, 1])[there], _quadratic(M, [])[there]


def _quadratic(M: int, powers: list[int]) -> np.ndarray:
    """Return <prod_k g'_k^powers_k (sum_i g'_i delta_i)^2> as a vector on (a, b, s, t), in units of 2/pi a pair of g'.

    For independent fields of variance one, <prod_k g'_k^p_k> = prod_k (1 + p_k)^(-1/2) in these units.
    """
    p = np.pad(np.array(powers, dtype=np.float64), (0, M - len(powers)))
    once, twice = np.sqrt((1 + p) / (2 + p)), np.sqrt((1 + p) / (3 + p))  # what one, two more factors g'_i change
    pairs = np.array([twice.sum(), once.sum() ** 2 - (once**2).sum(), 2 * once.sum(), 1.0])
    return pairs / np.sqrt(np.prod(1 + p))
