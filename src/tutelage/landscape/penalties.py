"""Penalties: functions of the parameters that are added to a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage.errors import check_array, check_count, check_number, refuse
from tutelage.landscape.network import MLP

__all__ = ["Merge", "NormBarrier"]


class _Penalty:
    """What the penalties share: all from their derivatives, which are cheap."""

    size: int

    def derivatives(self, p: Any) -> tuple[float, np.ndarray, np.ndarray]:
        raise NotImplementedError

    def loss(self, p: Any) -> float:
        """Return the value."""
        return self.derivatives(p)[0]

    def gradient(self, p: Any) -> np.ndarray:
        """Return the gradient (size,)."""
        return self.derivatives(p)[1]

    def hessian(self, p: Any) -> np.ndarray:
        """Return the Hessian (size, size)."""
        return self.derivatives(p)[2]

    def hvp(self, p: Any, v: Any) -> np.ndarray:
        """Return the Hessian times v (size,)."""
        return self.derivatives(p)[2] @ check_array("v", v, (self.size,))


@dataclass(frozen=True)
class NormBarrier(_Penalty):
    r"""A wall that keeps parameters from running to infinity.

    :math:`(n - c)^3 / 3` where :math:`n = |p|^2 / (2 P)`, half the mean square of the P parameters, exceeds c; else 0.
    It has two continuous derivatives. (Brea et al. 2023, arXiv:2301.10638, as in the authors' package.)

    Parameters
    ----------
    size : int
        P.
    maximum : float
        c > 0.
    """

    size: int
    maximum: float

    def __post_init__(self) -> None:
        check_count("size", self.size)
        check_number("maximum", self.maximum, minimum=0, strict=True)

    def derivatives(self, p: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Return value, gradient and Hessian."""
        p = check_array("p", p, (self.size,))
        over = max(float(p @ p) / (2 * self.size) - self.maximum, 0.0)
        unit = p / self.size
        H = over**2 / self.size * np.eye(self.size) + 2 * over * np.outer(unit, unit)
        return over**3 / 3, over**2 * unit, H


@dataclass(frozen=True)
class Merge(_Penalty):
    r"""A spring between two units of a layer, :math:`\frac{\lambda}{2} |w_i - w_j|^2`, biases included.

    Parameters
    ----------
    net : MLP
    layer : int
        0 is the first.
    pair : tuple of two int
        Units i and j.
    strength : float
        lambda >= 0.

    Notes
    -----
    In every method `p` are the parameters, shape (net.size,).
    """

    net: MLP
    layer: int
    pair: tuple[int, int]
    strength: float

    def __post_init__(self) -> None:
        if check_count("layer", self.layer, minimum=0) >= len(self.net.stack):
            raise refuse("layer", f"be one of 0, ..., {len(self.net.stack) - 1}", f"is {self.layer}")
        units = self.net.stack[self.layer].units
        pair = tuple(self.pair)
        if (
            len(pair) != 2
            or pair[0] == pair[1]
            or not all(0 <= check_count("pair", i, minimum=0) < units for i in pair)
        ):
            raise refuse("pair", f"be two different units of 0, ..., {units - 1}", f"is {self.pair}")
        check_number("strength", self.strength, minimum=0)

    @property
    def size(self) -> int:  # type: ignore[override]
        """Number of parameters."""
        return self.net.size

    def derivatives(self, p: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Return value, gradient and Hessian."""
        p = self.net.parameters(p)
        index = self.net.matrices(np.arange(self.size))[self.layer]
        i, j = (index[unit] for unit in self.pair)
        gap = p[i] - p[j]
        slope, H = np.zeros(self.size), np.zeros((self.size, self.size))
        slope[i], slope[j] = self.strength * gap, -self.strength * gap
        H[i, i] = H[j, j] = self.strength
        H[i, j] = H[j, i] = -self.strength
        return 0.5 * self.strength * float(gap @ gap), slope, H
