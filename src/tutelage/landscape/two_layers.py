r"""Two-layer networks with one linear output: the Hessian at the speed of one symmetric matrix product.

For :math:`f(x) = \sum_a v_a g(w_a \cdot x) + c` (the bias is a weight of an input that is one) the mean of the
:math:`(f - y)^2/2` has the Hessian

.. math:: H = \langle J J^T \rangle + \text{blocks of } \langle (f - y)\, v_a g''_a\, x x^T \rangle
          \text{ and } \langle (f - y)\, g'_a x \rangle ,

with :math:`J = (v_a g'_a x, \ldots, g_a, \ldots, 1)`. A block of samples goes through the activations once; J J^T is
one call of ``dsyrk``, the rest are two thin products, and loss and gradient fall out on the way.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from tutelage.landscape.blocks import Block, sum_exactly
from tutelage.landscape.layers import Layer

__all__ = ["TwoLayers"]


class TwoLayers:
    """Loss, gradient and Hessian of half the sum of squares, for the layers of a two-layer network."""

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self._hidden, self._last = layers
        unit = self._hidden.groups[0][0]
        self._unit, self._parameters = unit.unit  # type: ignore[misc]
        self._curvature = unit.curvature
        self._work = _Work()

    def _arrays(self, samples: int, *names: str) -> list[Any]:
        """Return arrays (units, samples) of these names, and one (samples,)."""
        units = self._hidden.units
        return [*(self._work.take(name, units, samples) for name in names), self._work.take("error", samples)]

    @staticmethod
    def suits(layers: tuple[Layer, ...]) -> bool:
        """Whether these are the layers of such a network, with one compiled activation."""
        if len(layers) != 2 or layers[1].units != 1 or not layers[1].linear or len(layers[0].groups) != 1:
            return False
        unit = layers[0].groups[0][0]
        return unit.unit is not None and unit.curvature is not None

    def _split(self, matrices: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
        row = matrices[1][0]
        return matrices[0], np.ascontiguousarray(row[: self._hidden.units]), float(row[-1]) if self._last.bias else 0.0

    def gradient(self, matrices: list[np.ndarray], blocks: list[Block], scale: float) -> tuple[float, np.ndarray]:
        """Return `scale` times half the sum of squares, and its gradient."""
        from tutelage.landscape.kernels.two_layers import descend
        from tutelage.pointers import pointer

        W, v, c = self._split(matrices)
        units = len(W)
        gradient, readout = np.zeros_like(W), np.zeros(units + 1)
        losses = []
        for block in blocks:
            z, value, slope, error = self._arrays(block.x.shape[1], "z", "value", "slope")
            losses.append(
                descend(
                    W, v, c, block.x, block.y[0], block.weight, pointer(self._unit), self._parameters,
                    z, value, slope, error, gradient, readout,
                )
            )  # fmt: skip
        return scale * sum_exactly(losses), scale * self._flat(gradient, readout)

    def _flat(self, gradient: np.ndarray, readout: np.ndarray) -> np.ndarray:
        return np.concatenate((gradient.reshape(-1), readout[: self._last.size]))

    def hessian(
        self, matrices: list[np.ndarray], blocks: list[Block], scale: float, newton: bool = False
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Return `scale` times half the sum of squares, its gradient and its Hessian.

        With `newton` J J^T alone, the Gauss-Newton matrix.
        """
        from scipy.linalg.blas import dsyrk

        from tutelage.landscape.kernels.two_layers import complete, jacobian_block
        from tutelage.pointers import pointer

        W, v, c = self._split(matrices)
        units, columns = W.shape
        size = W.size + self._last.size
        H = np.zeros((size, size), order="F")
        bend, cross = np.zeros((units, columns * (columns + 1) // 2)), np.zeros_like(W)
        readout = np.zeros(units + 1)
        losses = []
        for block in blocks:
            samples = block.x.shape[1]
            z, value, slope, curve, error = self._arrays(samples, "z", "value", "slope", "curve")
            J = self._work.take("J", size, samples)
            losses.append(
                jacobian_block(
                    W, v, c, block.x, block.y[0], block.weight, pointer(self._unit), pointer(self._curvature),
                    self._parameters, z, value, slope, curve, error, J, bend, cross, readout, self._last.bias,
                )
            )  # fmt: skip
            H = dsyrk(1.0, J.T, trans=1, beta=1.0, c=H, overwrite_c=1)
        slope = self._flat(cross * v[:, None], readout)
        if newton:
            bend, cross = np.zeros_like(bend), np.zeros_like(cross)
        complete(H.T, bend, cross, scale)
        return scale * sum_exactly(losses), scale * slope, H.T


class _Work(threading.local):
    """Arrays that calls share, in each thread its own: fresh ones cost a page fault every 4 kB."""

    def __init__(self) -> None:
        self._storage: dict[str, np.ndarray] = {}

    def take(self, name: str, *shape: int) -> np.ndarray:
        """Return an array of this shape, whose content does not matter."""
        size = math.prod(shape)
        if len(self._storage.get(name, ())) < size:
            self._storage[name] = np.empty(size)
        return self._storage[name][:size].reshape(shape)
