"""The bivariate normal distribution function, also where the two variables are nearly one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Correlated", "both_positive"]

LARGE = 1e100  # for x / 0
STRONG = 0.5  # a correlation from which h and k are compared before they are subtracted


class Correlated(NamedTuple):
    """Two unit normals of means h, k and correlation rho, with sigma = sqrt(1 - rho^2) to full relative accuracy.

    `m` and `x` are mean, and mean over deviation sigma, of the second where the first is zero; `m_`, `x_` the reverse.
    """

    h: np.ndarray
    k: np.ndarray
    rho: np.ndarray
    sigma: np.ndarray
    m: np.ndarray
    m_: np.ndarray
    x: np.ndarray
    x_: np.ndarray

    @classmethod
    def of(cls, h: np.ndarray, k: np.ndarray, rho: np.ndarray, sigma: np.ndarray) -> Correlated:
        """Complete the means; near rho = 1, -1 from k - h, k + h, so that both have the same error."""
        gap = sigma * sigma / (1 + np.abs(rho))
        sign = np.where(rho < 0, -1.0, 1.0)
        strong = np.abs(rho) > STRONG
        m = np.where(strong, (k - sign * h) + sign * gap * h, k - rho * h)
        m_ = np.where(strong, (h - sign * k) + sign * gap * k, h - rho * k)
        zero = sigma == 0
        inverse = np.where(zero, LARGE, 1 / np.where(zero, 1.0, sigma))
        return cls(h, k, rho, sigma, m, m_, m * inverse, m_ * inverse)


def both_positive(y: Correlated) -> np.ndarray:
    r"""Return the probability that both are positive, with an absolute error of 3e-16.

    D. B. Owen, Ann. Math. Stat. 27, 1075 (1956): with his function T, it is

    .. math:: \tfrac12 \Phi(h) + \tfrac12 \Phi(k) - T\Big(h, \frac{k - \rho h}{h \sigma}\Big)
              - T\Big(k, \frac{h - \rho k}{k \sigma}\Big) - \tfrac12 [hk < 0] .

    Examples
    --------
    >>> one = np.ones(1)
    >>> round(float(both_positive(Correlated.of(0 * one, 0 * one, 0.5 * one, 0.75**0.5 * one))[0]), 12)
    0.333333333333
    """
    from scipy.special import ndtr, owens_t

    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        first = owens_t(y.h, y.x / np.where(y.h == 0, 1e-300, y.h))
        second = owens_t(y.k, y.x_ / np.where(y.k == 0, 1e-300, y.k))
    opposite = (y.h < 0) != (y.k < 0)  # zero counts as the limit from above
    general = (ndtr(y.h) + ndtr(y.k) - opposite) / 2 - first - second
    centred = 0.25 + np.arctan2(y.rho, y.sigma) / (2 * np.pi)
    return np.where((y.h == 0) & (y.k == 0), centred, np.maximum(general, 0.0))
