"""The layers of a network, and their values and derivatives on a block of samples.

Inside this room samples stand in columns: a layer of n units has fields z and outputs a of shape (n, samples), so that
a row, which is contiguous, goes through one compiled activation in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage.activations import Activation, activation
from tutelage.errors import check_count, refuse

__all__ = ["SOFTMAX", "Layer", "layers_of"]

SOFTMAX = "softmax"


@dataclass(frozen=True)
class Layer:
    """Units of one layer: a = g(W input + b)."""

    inputs: int
    units: int
    groups: tuple[tuple[Activation, int, int], ...]  # (activation, first unit, unit after the last); empty for softmax
    bias: bool

    @property
    def columns(self) -> int:
        """Columns of the matrix [W | b]."""
        return self.inputs + self.bias

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.units * self.columns

    @property
    def activations(self) -> tuple[Activation, ...]:
        """Of each unit; none for softmax."""
        return tuple(unit for unit, first, last in self.groups for _ in range(first, last))

    @property
    def linear(self) -> bool:
        """Whether every activation is linear."""
        return bool(self.groups) and all(unit.kind == "linear" for unit, _, _ in self.groups)

    def extended(self, a: np.ndarray) -> np.ndarray:
        """Return the inputs `a` (inputs, samples), with a row of ones below if there is a bias."""
        return np.vstack((a, np.ones((1, a.shape[1])))) if self.bias else a

    def activate(self, z: np.ndarray, order: int = 0) -> list[np.ndarray]:
        """Return g, g', ..., up to the derivative of this `order` (at most 2), of the fields z (units, samples)."""
        z = np.ascontiguousarray(z)
        if len(self.groups) == 1:
            return _activate(self.groups[0][0], z, order)
        parts = [_activate(unit, z[first:last], order) for unit, first, last in self.groups]
        return [np.concatenate(rows) for rows in zip(*parts, strict=True)]


def _activate(unit: Activation, z: np.ndarray, order: int) -> list[np.ndarray]:
    if unit.kind == "linear":
        return [z, np.ones_like(z), np.zeros_like(z)][: order + 1]
    if unit.unit is None or (order == 2 and unit.curvature is None):
        functions = [unit.f, unit.df, *([_curved(unit)] if order == 2 else [])][: order + 1]
        return [np.asarray(f(z), np.float64) for f in functions]
    kernel, parameters = unit.unit
    value, slope = np.empty_like(z), np.empty_like(z)
    kernel(z.reshape(-1), parameters, value.reshape(-1), slope.reshape(-1))
    if order < 2:
        return [value, slope][: order + 1]
    curve = np.empty_like(z)
    unit.curvature(z.reshape(-1), parameters, value.reshape(-1), slope.reshape(-1), curve.reshape(-1))  # type: ignore[misc]
    return [value, slope, curve]


def _curved(unit: Activation) -> Any:
    """Return g'', or refuse an activation that has none."""
    if unit.d2f is None:
        raise refuse("activation", "have a second derivative `d2f` for second derivatives", f"{unit.name!r} has none")
    return unit.d2f


def layers_of(inputs: int, layers: Any) -> tuple[Layer, ...]:
    """Return the layers of the description (units, activation or one for each unit, bias)."""
    described = list(layers) if isinstance(layers, Sequence) and not isinstance(layers, str) else []
    if not described:
        raise refuse("layers", "be a list of (units, activation, bias), one for each layer", f"is {layers!r:.60}")
    result = []
    for index, described_layer in enumerate(described):
        name = f"layers[{index}]"
        try:
            units, kinds, bias = described_layer
        except (TypeError, ValueError):
            raise refuse(name, "be (units, activation, bias)", f"is {described_layer!r:.60}") from None
        units = check_count(f"{name}[0]", units)
        if not isinstance(bias, (bool, np.bool_)):
            raise refuse(f"{name}[2]", "be True (with biases) or False", f"is {bias!r}")
        groups = _groups(f"{name}[1]", kinds, units, last=index == len(described) - 1)
        result.append(Layer(inputs, units, groups, bool(bias)))
        inputs = units
    return tuple(result)


def _groups(name: str, kinds: Any, units: int, last: bool) -> tuple[tuple[Activation, int, int], ...]:
    """Return runs of units with one activation."""
    if kinds == SOFTMAX:
        if not last:
            raise refuse(name, "be softmax in the last layer only", "is softmax in an earlier one")
        return ()
    if isinstance(kinds, (str, Activation)):
        return ((activation(kinds, name), 0, units),)
    each = [activation(kind, name) for kind in kinds] if isinstance(kinds, Sequence) else []
    if len(each) != units:
        raise refuse(name, f"be an activation or a sequence of {units}, one for each unit", f"is {kinds!r:.60}")
    starts = [i for i in range(units) if i == 0 or each[i] != each[i - 1]]
    return tuple((each[i], i, j) for i, j in zip(starts, [*starts[1:], units], strict=True))
