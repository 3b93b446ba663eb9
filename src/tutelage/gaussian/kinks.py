r"""Activations as a constant, a line and smoothed kinks, whose Gaussian averages are elementary.

With independent standard normals :math:`z, z'`,

.. math:: g(x) = a_0 + a_1 x + \tfrac12 \sum_m \alpha_m \langle \mathrm{sign}(x + s_m z) \rangle_z
          + \tfrac12 \sum_m \beta_m \langle x_m \, \mathrm{sign}(x_m + t_m z') \rangle_{zz'} , \quad x_m = x + s_m z .

So relu is (x + abs(x))/2, and erf and gelu have one kink of unit width. A logistic variable is normal with a random
width S (D. F. Andrews, C. L. Mallows, J. R. Stat. Soc. B 36, 99, 1974), whence

.. math:: \sigma(x) = \langle \theta(x + S z) \rangle, \qquad \tanh x = 2 \sigma(2x) - 1, \qquad
          \log(1 + e^x) = \langle (x + S z)_+ \rangle .

A Gauss rule in log S stands for its law. With 14 nodes the sigmoid itself is wrong by up to 6e-11, but averages over
Gaussian fields of mean zero, of any variance, by no more than rounding: they are smooth functions of log S. With 26 the
sigmoid is wrong by 6e-16 and its second derivative by 5e-15, which fields of small variance and any mean need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations import Activation

__all__ = ["Decomposition", "Kinks", "decomposition"]

NODES = 14  # widths that stand for the logistic law; 12 leave averages an error of 1e-13, their derivatives 6e-13


class Kinks(NamedTuple):
    """Terms of one parity, arrays (terms,): x sign(x + z') / 2, or sign(x) / 2, times `weight`.

    The field x has `inner` added to its variance, the argument of the sign `outer` on top.
    """

    weight: np.ndarray = np.empty(0)
    inner: np.ndarray = np.empty(0)
    outer: np.ndarray = np.empty(0)


_NONE = Kinks()


@dataclass(frozen=True)
class Decomposition:
    """An activation as constant + slope x + `odd` kinks (signs) + `even` kinks (absolute values and x sign)."""

    constant: float = 0.0
    slope: float = 0.0
    odd: Kinks = _NONE
    even: Kinks = _NONE


def _kinks(weight: ArrayLike, inner: ArrayLike = 0.0, outer: ArrayLike = 0.0) -> Kinks:
    """Return kinks of these weights and variances, broadcast."""
    return Kinks(*np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, np.float64)) for x in (weight, inner, outer))))


_DECOMPOSITIONS: dict[str, Callable[..., Decomposition]] = {
    "linear": lambda: Decomposition(slope=1.0),
    "relu": lambda: Decomposition(slope=0.5, even=_kinks(1.0)),
    "leaky_relu": lambda leak: Decomposition(slope=(1 + leak) / 2, even=_kinks(1 - leak) if leak != 1 else _NONE),
    "step": lambda: Decomposition(constant=0.5, odd=_kinks(1.0)),
    "sign": lambda: Decomposition(odd=_kinks(2.0)),
    "erf": lambda: Decomposition(odd=_kinks(2.0, inner=1.0)),
    "normal_cdf": lambda: Decomposition(constant=0.5, odd=_kinks(1.0, inner=1.0)),
    "gelu": lambda: Decomposition(slope=0.5, even=_kinks(1.0, outer=1.0)),
}

_LOGISTIC: dict[str, Callable[[np.ndarray, np.ndarray], Decomposition]] = {  # of squared widths and their weights
    "tanh": lambda S2, weight: Decomposition(odd=_kinks(2 * weight, S2 / 4)),
    "sigmoid": lambda S2, weight: Decomposition(constant=0.5, odd=_kinks(weight, S2)),
    "softplus": lambda S2, weight: Decomposition(slope=0.5, even=_kinks(weight, inner=S2)),
    "silu": lambda S2, weight: Decomposition(slope=0.5, even=_kinks(weight, outer=S2)),
    "g": lambda S2, weight: Decomposition(0.5, 0.5, odd=_kinks(weight, S2 / 16), even=_kinks(weight, inner=S2)),
}


def decomposition(unit: Activation, nodes: int = NODES) -> Decomposition | None:
    """Return the activation as constant, line and smoothed kinks; None if it has no such form.

    `nodes` is the number of widths that stand for the logistic law.

    Examples
    --------
    >>> from tutelage.activations import activation
    >>> decomposition(activation("leaky_relu(0.5)")).slope
    0.75
    >>> decomposition(activation("square")) is None
    True
    """
    if unit.kind in _LOGISTIC:
        return _LOGISTIC[unit.kind](*_logistic_widths(nodes))
    return _DECOMPOSITIONS[unit.kind](*unit.parameters) if unit.kind in _DECOMPOSITIONS else None


@lru_cache
def _logistic_widths(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Return squared widths :math:`S_m^2` (nodes,) and their weights: the Gauss rule of the law of log S.

    S is twice a Kolmogorov variable. Its law is tabulated on a grid, where the trapezoidal rule is exact to rounding,
    and Lanczos' recurrence on the grid gives the Jacobi matrix (Golub & Welsch, Math. Comp. 23, 221, 1969).
    """
    from scipy.linalg import eigh_tridiagonal

    y = np.linspace(-2.3, 1.6, 401)
    mass = np.exp(y) * _kolmogorov_density(np.exp(y))
    vector = np.sqrt(mass / mass.sum())
    basis, diagonal, off_diagonal = np.empty((0, len(y))), np.empty(nodes), np.empty(nodes)
    for i in range(nodes):
        basis = np.vstack([basis, vector])
        diagonal[i] = vector @ (y * vector)
        rest = y * vector
        for _ in range(2):
            rest = rest - basis.T @ (basis @ rest)
        off_diagonal[i] = np.linalg.norm(rest)
        vector = rest / off_diagonal[i]
    logs, vectors = eigh_tridiagonal(diagonal, off_diagonal[:-1])
    return 4 * np.exp(2 * logs), vectors[0] ** 2


def _kolmogorov_density(k: np.ndarray) -> np.ndarray:
    r"""Return the density of the law :math:`P(K \le k) = 1 - 2 \sum_j (-1)^{j-1} e^{-2 j^2 k^2}`.

    Below k = 1 by Jacobi's transform, :math:`P = \sqrt{2\pi}/k \sum_j e^{-(2j-1)^2 \pi^2 / 8 k^2}`; five terms suffice.
    """
    j = np.arange(1, 6)[:, None]
    decay = ((2 * j - 1) * np.pi / (2 * k)) ** 2
    below = np.sqrt(2 * np.pi) * ((decay - 1) * np.exp(-decay / 2)).sum(0) / k**2
    above = 8 * k * (-((-1.0) ** j) * j**2 * np.exp(-2 * (j * k) ** 2)).sum(0)
    return np.where(k < 1, below, above)
