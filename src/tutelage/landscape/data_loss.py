"""The loss of a network on data, as a function of its parameters alone, with exact derivatives.

Samples are worked through in blocks that stay in the processor's cache. Sums over blocks run in their order, so that a
result is the same bits whenever BLAS runs with the same number of threads.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np

from tutelage.errors import check_array, refuse
from tutelage.landscape.blocks import Block, sum_exactly
from tutelage.landscape.derivatives import backward, forward, gradients, hessian_blocks, tangent_gradients
from tutelage.landscape.layers import Layer
from tutelage.landscape.losses import SoftmaxLikelihood, Squares
from tutelage.landscape.two_layers import TwoLayers

__all__ = ["DataLoss"]

CACHE = 1 << 20  # bytes that the largest array of a block may take
FEWEST, MOST = 32, 1024  # samples of a block


class Network(Protocol):
    """What a loss on data asks of its network (:class:`tutelage.landscape.MLP` answers)."""

    @property
    def inputs(self) -> int:
        """Number of inputs."""

    @property
    def half(self) -> bool:
        """Whether the loss is half the sum of squares."""

    @property
    def loss_name(self) -> str | None:
        """Return "mse" or "nll"."""

    @property
    def stack(self) -> tuple[Layer, ...]:
        """The layers."""

    @property
    def size(self) -> int:
        """Number of parameters."""

    @property
    def likelihood(self) -> Squares | SoftmaxLikelihood:
        """The loss of one sample."""

    def parameters(self, p: Any, name: str = "p") -> np.ndarray:
        """Return `p` as a float64 vector (size,)."""

    def matrices(self, p: np.ndarray) -> list[np.ndarray]:
        """Return the matrix [W | b] of each layer."""

    def check_inputs(self, x: Any) -> np.ndarray:
        """Return inputs as (N, inputs)."""

    def describe(self) -> dict[str, Any]:
        """Return the network's arguments, JSON-ready."""


class DataLoss:
    """The loss of a network on data (:meth:`tutelage.landscape.MLP.on`).

    Every method takes the parameters `p`, shape (size,).

    Parameters
    ----------
    net, x, y, weights
        The network, and the arguments of :meth:`tutelage.landscape.MLP.on`.

    Attributes
    ----------
    net : MLP
    samples : int
    size : int
        Number of parameters.
    """

    def __init__(self, net: Network, x: Any, y: Any, weights: Any = None) -> None:
        self.net = net
        self._x = net.check_inputs(x)
        self.samples = len(self._x)
        self._y = net.likelihood.targets(y, self.samples)
        self._weights = np.empty(0) if weights is None else check_array("weights", weights, (self.samples,))
        if (self._weights < 0).any() or (len(self._weights) and not self._weights.any()):
            raise refuse(
                "weights", "be >= 0, and not all of them 0", f"has the sum {self._weights.sum():g}, or negatives"
            )
        self._total = float(self._weights.sum()) if len(self._weights) else float(self.samples)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes this objective, without what it keeps at hand."""
        return DataLoss, (self.net, self._x, self._y.T, self._weights if len(self._weights) else None)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.net.size

    def subset(self, index: np.ndarray) -> DataLoss:
        """Return the loss on the samples of this `index`."""
        part = object.__new__(DataLoss)
        part.net, part.samples = self.net, len(index)
        part._x, part._y = self._x[index], self._y[:, index]
        part._weights = self._weights[index] if len(self._weights) else self._weights
        part._total = float(part._weights.sum()) if len(part._weights) else float(part.samples)
        return part

    def record(self) -> tuple[dict[str, Any], Any]:
        """Return the data as variables of a dataset, and the network's description, JSON-ready."""
        variables: dict[str, Any] = {"x": (("sample", "input"), self._x), "y": (("sample", "output"), self._y.T)}
        if len(self._weights):
            variables["weights"] = (("sample",), self._weights)
        return variables, {"kind": "data", "net": self.net.describe()}

    @cached_property
    def _two_layers(self) -> TwoLayers | None:
        squares = self.net.loss_name == "mse"
        return TwoLayers(self.net.stack) if squares and TwoLayers.suits(self.net.stack) else None

    def _blocks(self, rows: int) -> list[Block]:
        """Return the samples in blocks for arrays of `rows` rows."""
        length = min(MOST, max(FEWEST, CACHE // (8 * rows) // 32 * 32))
        if length not in self._cut:
            self._cut[length] = _cut(self, length)
        return self._cut[length]

    @cached_property
    def _cut(self) -> dict[int, list[Block]]:
        return {}

    @property
    def _scale(self) -> float:
        """What half the sum of squares is multiplied with."""
        return (1.0 if self.net.half else 2.0) / self._total

    def loss(self, p: Any) -> float:
        """Return the loss."""
        matrices = self.net.matrices(self.net.parameters(p))
        sums = []
        for block in self._blocks(self._widest):
            done = forward(self.net.stack, matrices, block.x[: self.net.inputs])
            each = self.net.likelihood.losses(done.fields[-1], block.y)
            sums.append(float(np.sum(each * block.weight if len(block.weight) else each)))
        return sum_exactly(sums) / self._total

    def loss_and_gradient(self, p: Any) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient (size,) of one pass."""
        matrices = self.net.matrices(self.net.parameters(p))
        if self._two_layers is not None:
            return self._two_layers.gradient(matrices, self._blocks(self._widest), self._scale)
        sums, total = [], np.zeros(self.size)
        for block in self._blocks(self._widest):
            done = forward(self.net.stack, matrices, block.x[: self.net.inputs], 1)
            each, delta = self._first(done.fields[-1], block)
            sums.append(float(np.sum(each)))
            total += gradients(done, backward(done, delta)[0])
        return sum_exactly(sums) / self._total, total / self._total

    def gradient(self, p: Any) -> np.ndarray:
        """Return the gradient (size,)."""
        return self.loss_and_gradient(p)[1]

    def derivatives(self, p: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the loss, its gradient (size,) and its Hessian (size, size), of one pass."""
        return self._second_order(p, newton=False)

    def gauss_newton_derivatives(self, p: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the loss, its gradient (size,) and the Gauss-Newton matrix (size, size), of one pass."""
        return self._second_order(p, newton=True)

    def _second_order(self, p: Any, newton: bool) -> tuple[float, np.ndarray, np.ndarray]:
        if self._two_layers is not None:
            matrices = self.net.matrices(self.net.parameters(p))
            return self._two_layers.hessian(matrices, self._blocks(self.size), self._scale, newton)
        return self._curved(p, newton)

    def hessian(self, p: Any) -> np.ndarray:
        """Return the Hessian (size, size)."""
        return self.derivatives(p)[2]

    def gauss_newton(self, p: Any) -> np.ndarray:
        """Return the Gauss-Newton matrix (size, size): J' (d2 loss / d outputs2) J."""
        return self.gauss_newton_derivatives(p)[2]

    def hvp(self, p: Any, v: Any) -> np.ndarray:
        """Return the Hessian times `v` (size,), without the Hessian."""
        matrices = self.net.matrices(self.net.parameters(p))
        direction = self.net.matrices(self.net.parameters(v, "v"))
        total = np.zeros(self.size)
        for block in self._blocks(self._widest):
            done = forward(self.net.stack, matrices, block.x[: self.net.inputs], 2)
            deltas, arrived = backward(done, self._first(done.fields[-1], block)[1])
            total += tangent_gradients(done, deltas, arrived, self._second(done.fields[-1], block, False), direction)
        return total / self._total

    @property
    def _widest(self) -> int:
        return max(max(layer.units, layer.columns) for layer in self.net.stack)

    def _first(self, z: np.ndarray, block: Block) -> tuple[np.ndarray, np.ndarray]:
        each, delta = self.net.likelihood.first(z, block.y)
        return (each * block.weight, delta * block.weight) if len(block.weight) else (each, delta)

    def _second(self, z: np.ndarray, block: Block, newton: bool) -> np.ndarray:
        second = self.net.likelihood.second(z, block.y, newton)
        return second * block.weight if len(block.weight) else second

    def _curved(self, p: Any, newton: bool) -> tuple[float, np.ndarray, np.ndarray]:
        """Return loss, gradient and Hessian (or Gauss-Newton matrix) by the recursion for any depth."""
        stack = self.net.stack
        matrices = self.net.matrices(self.net.parameters(p))
        H = np.zeros((self.size, self.size))
        ends = np.cumsum([0, *(layer.size for layer in stack)])
        out = [
            [
                H[ends[m] : ends[m + 1], ends[low] : ends[low + 1]].reshape(
                    stack[m].units, stack[m].columns, stack[low].units, stack[low].columns
                )
                for low in range(m + 1)
            ]
            for m in range(len(stack))
        ]
        sums, slope = [], np.zeros(self.size)
        rows = max(max(a.columns * b.columns, a.units * b.units) for a in stack for b in stack)
        for block in self._blocks(rows):
            done = forward(stack, matrices, block.x[: self.net.inputs], 1 if newton else 2)
            each, delta = self._first(done.fields[-1], block)
            deltas, arrived = backward(done, delta)
            sums.append(float(np.sum(each)))
            slope += gradients(done, deltas)
            hessian_blocks(done, deltas, arrived, self._second(done.fields[-1], block, newton), newton, out)
        for m in range(len(stack)):
            for low in range(m):
                one, other = slice(ends[m], ends[m + 1]), slice(ends[low], ends[low + 1])
                H[other, one] = H[one, other].T
        return sum_exactly(sums) / self._total, slope / self._total, H / self._total


def _cut(data: DataLoss, length: int) -> list[Block]:
    first = data.net.stack[0]
    blocks = []
    for start in range(0, data.samples, length):
        part = slice(start, start + length)
        x = np.ascontiguousarray(first.extended(data._x[part].T))
        weight = data._weights[part] if len(data._weights) else data._weights
        blocks.append(Block(x, np.ascontiguousarray(data._y[:, part]), weight))
    return blocks
