r"""Deterministic equivalents: what resolvents of :math:`H = X^\top X` are at large n and d, for any spectrum.

All of it follows from one number :math:`\nu(a)`, the solution of

.. math:: n = \sum_j \frac{\Lambda_j}{\Lambda_j + \nu} + \frac a\nu ,

real for a penalty a > 0, and continued to all complex a but minus the eigenvalues of H. Then

.. math:: a\,(H + a)^{-1} \simeq \frac{\nu}{\Lambda + \nu}, \qquad
          ab\,(H + a)^{-1} \Lambda\, (H + b)^{-1} \simeq
          \frac{\Lambda \nu_a \nu_b}{(\Lambda + \nu_a)(\Lambda + \nu_b)}
          \Big[ 1 - \frac1n \sum_j \frac{\Lambda_j^2}{(\Lambda_j + \nu_a)(\Lambda_j + \nu_b)} \Big]^{-1}

on the diagonal, with errors of order 1/n in sums over features. References: Hastie, Montanari, Rosset & Tibshirani,
Ann. Statist. 50, 949 (2022); Dobriban & Wager, Ann. Statist. 46, 247 (2018); Bach, SIAM J. Math. Data Sci. 6, 26
(2024).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tutelage.linear.spectrum import Spectrum

__all__ = ["continued_nu", "nu", "ridge_law"]

ITERATIONS = 400  # of Newton's method at most; at n = d and no penalty it halves the distance each time
TOLERANCE = 1e-14


def penalty_of(spectrum: Spectrum, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return a and da/dnu (times,) at each nu `v` (times,), in forms that do not cancel for n >= d."""
    L, m, _ = spectrum.levels
    excess, v = spectrum.n - spectrum.d, v[:, None]
    a = v[:, 0] * (excess + (m * v / (L + v)).sum(1))
    return a, excess + (m * v * (v + 2 * L) / (L + v) ** 2).sum(1)


def nu(spectrum: Spectrum, penalty: np.ndarray) -> np.ndarray:
    r"""Return :math:`\nu > 0` at each penalty (times,) > 0.

    a is a convex function of nu, so that Newton's method from above converges steadily.
    """
    L, m, _ = spectrum.levels
    v = (penalty + (m * L).sum()) / spectrum.n
    for _ in range(ITERATIONS):
        a, slope = penalty_of(spectrum, v)
        new = v - (a - penalty) / slope
        new = np.where(new > 0, new, v / 2)
        done = np.abs(new - v) <= TOLERANCE * v
        v = new
        if done.all():
            break
    return v


def ridge_law(spectrum: Spectrum, penalty: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return R and :math:`2 \epsilon_g = \mathrm{signal} - 2R + Q`, each (times,), of ridge regression.

    With the learned fraction :math:`x_j = \Lambda_j/(\Lambda_j + \nu)` of each feature,

    .. math:: R = \frac1d \sum_j \langle W_j^2 \rangle x_j, \qquad
              2 \epsilon_g = \frac{\frac1d \sum_j \langle W_j^2 \rangle (1 - x_j)^2 + \sigma^2 \gamma}{1 - \gamma},
              \qquad \gamma = \frac1n \sum_j x_j^2 .

    Parameters
    ----------
    spectrum : Spectrum
    penalty : array, shape (times,)
        Of the loss summed over samples, > 0; infinity is a student that does not learn.
    """
    L, _, carried = spectrum.levels
    known = np.isfinite(penalty)
    v = nu(spectrum, np.where(known, penalty, 1.0))[:, None]
    missing = np.where(known[:, None], v / (L + v), 1.0)
    rest = np.where(known, penalty_of(spectrum, v[:, 0])[1] / spectrum.n, 1.0)  # 1 - gamma
    error = ((carried * missing**2).sum(1) + spectrum.noise**2 * (1 - rest)) / rest
    return (carried * (1 - missing)).sum(1), error


def continued_nu(spectrum: Spectrum, path: np.ndarray) -> np.ndarray:
    r"""Return :math:`\nu(a)` along a `path` (nodes,) of complex a that begins on the positive axis.

    Each value is the start of Newton's method for the next, after a step along the tangent; where that does not
    arrive, the step is halved.
    """
    values = np.empty(len(path), complex)
    values[0] = nu(spectrum, path[:1].real)[0]
    for k in range(1, len(path)):
        values[k] = _next(spectrum, path[k - 1], path[k], values[k - 1])
    return values


def _next(spectrum: Spectrum, here: complex, there: complex, value: complex, depth: int = 0) -> complex:
    """Return nu at `there`, from its `value` at `here`."""
    new = value + (there - here) / _complex_penalty(spectrum, value)[1]
    for _ in range(8):
        a, slope = _complex_penalty(spectrum, new)
        step = (a - there) / slope
        new -= step
        if abs(step) <= 1e-13 * abs(new):
            break
    arrived = abs(step) <= 1e-10 * abs(new) and new.imag * there.imag >= 0
    if (arrived and abs(new - value) < 0.7 * max(abs(value), abs(new))) or depth > 30:
        return new
    middle = (here + there) / 2
    return _next(spectrum, middle, there, _next(spectrum, here, middle, value, depth + 1), depth + 1)


def _complex_penalty(spectrum: Spectrum, v: Any) -> tuple[complex, complex]:
    a, slope = penalty_of(spectrum, np.array([v]))
    return a[0], slope[0]
