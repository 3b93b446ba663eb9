r"""The published approximation: fast and slow features as two problems of their own.

With :math:`\alpha_i = n/p_i`, :math:`\tilde\lambda_i = \lambda/(p_i \Lambda_i)` and the penalty
:math:`\lambda = \text{ridge} + 1/(\eta t)`, each block learns the fraction

.. math:: x_i = \frac{\alpha_i}{a_i}, \qquad
          a_i = \tfrac12 \big[ 1 + \alpha_i + \tilde\lambda_i
                + \sqrt{(1 + \alpha_i + \tilde\lambda_i)^2 - 4 \alpha_i}\, \big] ,

as if the other one were not there, and R and Q follow from the fractions as in ridge regression (:func:`combined`):
that step is exact. The approximation is that the slow block learns from n samples, where those that the p fast
features have used up leave n - p. Reference: Pezeshki et al., ICML 2022, Eqs. 14-16.
"""

from __future__ import annotations

import numpy as np

from tutelage.errors import check_choice, refuse
from tutelage.linear.spectrum import Spectrum

__all__ = ["CONVENTIONS", "check_convention", "combined", "convention_of", "fractions", "penalties"]

CONVENTIONS = {
    "corrected": "scales as given, the slow block learns from n - p samples",
    "published": "scales as given, both blocks learn from n samples: the formula of the paper",
    "released": "as published, with half the scales: the curves that the paper prints",
}


def convention_of(method: str, convention: str | None) -> str | None:
    """Return the convention of a method, None if it has none: only "fast_slow" has one."""
    if method == "fast_slow":
        return check_convention(convention)
    if convention is not None:
        raise refuse("convention", 'be None for other methods than "fast_slow"', f"is {convention!r} for {method!r}")
    return None


def check_convention(convention: str | None) -> str:
    """Return which of the `CONVENTIONS` is meant, the default if none is named, or refuse one that is not known."""
    return check_choice("convention", "corrected" if convention is None else convention, CONVENTIONS)


def penalties(t: np.ndarray, lr: float, ridge: float) -> np.ndarray:
    """Return ridge + 1/(lr t), infinite at t = 0."""
    with np.errstate(divide="ignore"):
        return ridge + 1 / (lr * t)


def fractions(spectrum: Spectrum, penalty: np.ndarray, convention: str) -> np.ndarray:
    """Return x, shape (times, 2): what is learned of the fast features, and of the slow ones."""
    used = spectrum.fast if convention == "corrected" else 0
    scale = 0.25 if convention == "released" else 1.0
    x = np.zeros((len(penalty), 2))
    for i, (block, samples) in enumerate(zip(spectrum.blocks, (spectrum.n, spectrum.n - (used or 0)), strict=True)):
        values = spectrum.eigenvalues[block]
        if len(values) and values.min() != values.max():
            raise refuse("spectrum", "have two scales for `fast_slow`", "has more")
        if len(values) and values[0] > 0:
            x[:, i] = _fraction(max(samples, 0) / len(values), penalty / (len(values) * scale * values[0]))
    return x


def _fraction(alpha: float, penalty: np.ndarray) -> np.ndarray:
    """Return alpha/a at each scaled penalty; zero where it is infinite."""
    finite = np.where(np.isfinite(penalty), penalty, 0.0)
    # (1 + alpha + l)^2 - 4 alpha in a form that does not cancel at alpha = 1
    root = np.sqrt((1 - alpha) ** 2 + finite * (2 + 2 * alpha + finite))
    return np.where(np.isfinite(penalty), 2 * alpha / (1 + alpha + finite + root), 0.0)


def combined(spectrum: Spectrum, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Return R by block (times, 2) and :math:`2 \epsilon_g` (times,) of learned fractions x (times, 2).

    .. math:: 2 \epsilon_g = \frac{\sum_i T_i (1 - x_i)^2 + \sigma^2 \gamma}{1 - \gamma}, \qquad
              \gamma = \frac1n \sum_i p_i x_i^2, \qquad R_i = T_i x_i ,

    :math:`T_i` what block i carries of the signal. As published, the blocks can learn more together than n
    samples allow (n < d): then gamma > 1, and the error is negative.
    """
    assert spectrum.teacher is not None
    carried = np.array([spectrum.teacher[block].sum() for block in spectrum.blocks]) / spectrum.d
    sizes = np.array([block.stop - block.start for block in spectrum.blocks])
    gamma = x**2 @ sizes / spectrum.n
    with np.errstate(divide="ignore", invalid="ignore"):
        error = ((1 - x) ** 2 @ carried + spectrum.noise**2 * gamma) / (1 - gamma)
    return x * carried, error
