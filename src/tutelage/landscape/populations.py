"""Averages over standard normal inputs of products of units, and of their derivatives by the units' parameters.

A unit with weights and bias (w, b) has the field w.x + b = (w, b).(x, 1): each derivative by its parameters brings a
derivative of its activation and a factor (x, 1). With G a product of two activations, or of derivatives of them, all
that a loss needs is <G>, <G (x, 1)> and <G (x, 1)(x, 1)'> (:mod:`tutelage.gaussian.moments`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tutelage.gaussian.frames import Fields, Frame
from tutelage.gaussian.moments import Order, moments
from tutelage.gaussian.ramps import Form

__all__ = ["Averages", "Units", "averages"]


@dataclass(frozen=True, eq=False)
class Units:
    """Units of parameters (w, b) in the rows of `theta` (units, inputs + 1), with their activations' forms."""

    theta: np.ndarray
    forms: tuple[Form, ...]

    def __len__(self) -> int:
        return len(self.theta)

    def take(self, index: np.ndarray) -> Units:
        """Return the units of these numbers."""
        return Units(self.theta[index], tuple(self.forms[i] for i in index))


Averages = dict[Order, np.ndarray]


def averages(first: Units, second: Units, orders: Iterable[Order]) -> Averages:
    """Return averages of products of the n-th unit of `first` and the n-th of `second`, for all n.

    For the order (a, b) the a-th derivative by the parameters of the first and the b-th by those of the second, a + b
    <= 2: arrays (n,), (n, inputs + 1) or (n, inputs + 1, inputs + 1).
    """
    orders = list(orders)
    n, inputs = len(first), first.theta.shape[1] - 1
    out = {order: np.zeros((n, *(inputs + 1,) * sum(order))) for order in orders}
    groups: dict[tuple[Form, Form], list[int]] = {}
    for index, pair in enumerate(zip(first.forms, second.forms, strict=True)):
        groups.setdefault(pair, []).append(index)
    for (f, g), members in groups.items():
        some = np.array(members)
        one, two = first.theta[some], second.theta[some]
        frame = Frame.of(one[:, :-1], two[:, :-1])
        fields = Fields(frame.first, one[:, -1]), Fields(frame.second, two[:, -1])
        for order, rows in moments(f, g, *fields, orders).items():
            out[order][some] = frame.inputs(rows)
    return out
