r"""A penalty on the outputs that is taken away during training.

The gradient is :math:`(1 + \alpha_i) X^\top X w - X^\top y`, that of the loss with
:math:`\frac{\alpha_i}2 |X w|^2` added. The gain of an eigenvalue h obeys

.. math:: g_{i+1} = g_i + \eta\, [1 - ((1 + \alpha_i) h + \lambda)\, g_i] ,

or the equation :math:`\dot g = 1 - ((1 + \alpha) h + \lambda)\, g` of gradient flow. Reference: Pezeshki et al., ICML
2022, Fig. 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tutelage.errors import check_number, refuse
from tutelage.linear.filters import Filter

__all__ = ["Scheduled", "fading"]

RATIO = 1.01  # between the ends of cells in which the penalty is constant
FIRST = 1e-3  # of the last time: the first cell ends there, or at the first time that is asked for


@dataclass(frozen=True)
class Scheduled(Filter):
    r"""Training with the penalty `strength` (i) on outputs, a function of the step; in `whole` steps, or as a flow."""

    strength: Callable[[float], float] = float
    whole: bool = False

    def residual(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        return 1 - h * self.gain(h, t)

    def gain(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        found = np.zeros((len(t), *h.shape), h.dtype)
        order = np.argsort(t)
        edges = self._edges(t[order])
        g, here = np.zeros_like(h), 0
        for begin, end in pairwise(edges):
            while here < len(t) and t[order[here]] <= begin:
                found[order[here]], here = g, here + 1
            g = self._step(h, g, begin, end)
        for k in order[here:]:
            found[k] = g
        return found

    def _edges(self, t: np.ndarray) -> np.ndarray:
        """Return the ends of the steps, or of the cells of the flow, with all times among them."""
        last = float(t[-1])
        if self.whole or not last:
            return np.arange(last + 1)
        first = min(FIRST * last, t[t > 0][0])
        cells = np.geomspace(first, last, 2 + int(np.log(last / first) / np.log(RATIO)))
        return np.unique(np.concatenate([[0.0], cells[:-1], t]))

    def _step(self, h: np.ndarray, g: np.ndarray, begin: float, end: float) -> np.ndarray:
        """Return the gain at the end of a cell: exact where the penalty does not change within it."""
        if self.whole:
            return g + self.lr * (1 - ((1 + self._at(begin)) * h + self.ridge) * g)
        rate = (1 + self._at((begin + end) / 2)) * h + self.ridge
        reach = self.lr * (end - begin)
        small = np.abs(rate * reach) < 1e-12
        moved = -np.expm1(-rate * reach) / np.where(small, 1.0, rate)
        return g * np.exp(-rate * reach) + np.where(small, reach, moved)

    def _at(self, i: float) -> float:
        return float(self.strength(i))

    def check(self, top: float, last: float) -> None:
        """Refuse what is no penalty, and steps with which eigenvalues up to `top` diverge."""
        largest = max(check_strength(self.strength, i) for i in np.concatenate([[0.0], np.geomspace(1, max(last, 2))]))
        if self.whole and self.lr * ((1 + largest) * top + self.ridge) >= 2:
            must = (
                f"be below 2/((1 + penalty) largest eigenvalue + ridge) = {2 / ((1 + largest) * top + self.ridge):.4g}"
            )
            raise refuse("lr", must, f"is {self.lr:g}")


def check_strength(strength: Any, i: float) -> float:
    """Return the penalty at step i, a number >= 0, or refuse it."""
    if not callable(strength):
        raise refuse("penalty", "be a function of the step, such as `fading()`", f"is {strength!r}")
    return check_number(f"penalty({i:g})", strength(i), minimum=0)


def fading(first: float = 0.6, rate: float = 1e-3) -> Callable[[float], float]:
    r"""Return the penalty :math:`\alpha_i = \text{first} \cdot \log(1 + e^{-\text{rate} \cdot i}) / \log 2` of a step.

    The defaults are those of Pezeshki et al., ICML 2022, Fig. 6.

    Parameters
    ----------
    first : float
        The penalty at step 0, >= 0.
    rate : float
        By step, >= 0: the penalty falls as exp(-rate i) in the end, and stays as it is for 0.

    Returns
    -------
    callable
        From the number of the step i, at any real value, to the penalty: what :func:`learning_curve` takes as
        `penalty`.

    Raises
    ------
    ArgumentError
        Naming the argument that is negative.

    Examples
    --------
    >>> penalty = fading()
    >>> round(penalty(0), 12), round(penalty(1000), 4)
    (0.6, 0.2712)
    """
    first, rate = check_number("first", first, minimum=0), check_number("rate", rate, minimum=0)
    return lambda i: float(first * np.logaddexp(0, -rate * i) / np.log(2))
