"""One part of an activation, a polynomial or ramps, at one field of each of many pairs.

The two kinds have the same three attributes: `x`, the derivative of the field by the inputs, along the two vectors of a
frame; `jets`, the average of the part alone and its derivatives by the field; and `terms(order)`, which jets make up a
derivative of the activation. All arrays have the shape (pairs, terms).
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TypeAlias

import numpy as np

from tutelage.gaussian.frames import Fields
from tutelage.gaussian.polynomial import factorial_roots, mean_derivatives
from tutelage.gaussian.ramps import Form, Ramps

__all__ = ["Part", "PolynomialPart", "RampsPart", "averaged_ramps", "densities"]

UNSEEN = 1e-20  # of its bias: a width that the ramp of a vanishing field may have
NOTHING = 1e-300  # its squared width if there is no bias either


class PolynomialPart:
    """A polynomial; its jets are in units of s_n (:func:`tutelage.gaussian.polynomial.factorial_roots`)."""

    def __init__(self, form: Form, field: Fields) -> None:
        variance = (field.weight**2).sum(1)
        at_zero = mean_derivatives(form.polynomial, variance - form.hermite)
        count = at_zero.shape[-1]
        s, shift = factorial_roots(count), [field.bias**n / math.factorial(n) for n in range(count)]
        self.jets = [
            sum(shift[m - n] * at_zero[:, m] * (s[m] / s[n]) for m in range(n, count))[:, None] for n in range(count)
        ]
        self.x = field.weight[:, :1], field.weight[:, 1:]

    def terms(self, order: int) -> list[tuple[int, np.ndarray]]:
        """Return the numbers of the jets that make up the derivative of this order, and their weights."""
        return [(order, np.ones((1, 1)))] if order < len(self.jets) else []


class RampsPart:
    """Ramps, each in units of the deviation of its argument.

    A sharp ramp of a field that does not vary is given a width that is too small to be seen, so that nothing is divided
    by zero; where it has its kink in that very point, its step is 1/2 and its density is left out.
    """

    def __init__(self, ramps: Ramps, field: Fields, count: int) -> None:
        square = (field.weight**2).sum(1)[:, None]
        least = np.maximum((UNSEEN * field.bias) ** 2, NOTHING)[:, None]
        self.varies = square + ramps.variance > 0
        width = ramps.variance + np.where(square + ramps.variance < least, least, 0.0)
        self.deviation = np.sqrt(square + width)
        self.mean = field.bias[:, None] / self.deviation
        self.x = field.weight[:, :1] / self.deviation, field.weight[:, 1:] / self.deviation
        self.own = width / (square + width)  # 1 - |x|^2
        self.weight, self.count = ramps.weight, count

    def terms(self, order: int) -> list[tuple[int, np.ndarray]]:
        """Return the numbers of the jets that make up the derivative of this order, and their weights."""
        return [
            (n, weight * self.deviation ** float(1 - n) * (self.varies if n > 1 else 1.0))
            for n, weight in enumerate(self.weight, order)
            if weight.any()
        ]

    @cached_property
    def jets(self) -> list[np.ndarray]:
        """The average of the ramp alone and its derivatives, in units of s_n."""
        jets = averaged_ramps(self.mean, np.ones_like(self.mean), self.mean, self.count)
        return [jet / s for jet, s in zip(jets, factorial_roots(self.count), strict=True)]


Part: TypeAlias = PolynomialPart | RampsPart


def densities(x: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the standard normal density at x and its derivatives, `count` in all."""
    x = np.clip(x, -40.0, 40.0)
    out = [np.exp(-x * x / 2) / math.sqrt(2 * math.pi)]
    for n in range(1, count):
        out.append(-x * out[-1] - ((n - 1) * out[-2] if n > 1 else 0.0))
    return out


def averaged_ramps(m: np.ndarray, sigma: np.ndarray, x: np.ndarray, count: int) -> list[np.ndarray]:
    """Return <(m + sigma z)_+> and its derivatives by m, `count` >= 2 in all; x is m / sigma.

    At sigma = 0 the densities, from the second derivative on, are left out.
    """
    from scipy.special import ndtr

    density, step = densities(x, max(count - 2, 1)), ndtr(x)
    inverse = np.divide(1.0, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    out, power = [m * step + sigma * density[0], step], inverse
    for each in density[: count - 2]:
        out.append(each * power)
        power = power * inverse
    return out
