"""A small convolutional network for square images: 3 x 3 filters, 2 x 2 maxima, dense layers, ReLU, in float32.

Sums over patches are matrix products, so that BLAS does the work. It is made for a few thousand images of 28 x 28
pixels on a CPU; what is larger wants a library of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from tutelage.errors import check_array, check_count, refuse

__all__ = ["ConvolutionLoss", "ConvolutionalNetwork"]

BLOCK = 256  # images that are worked on at once
Parts = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class ConvolutionalNetwork:
    """Layers of 3 x 3 filters, each with ReLU, then dense layers with ReLU, then one output for each class.

    Images keep their size in a layer of filters (zeros around), and are halved after each of the first `halved` by the
    maximum of 2 x 2 pixels. Parameters are one vector, as of :class:`tutelage.landscape.MLP`, and the loss is the mean
    cross-entropy.

    Parameters
    ----------
    side : int
        Of the images, divisible by 2 `halved` times.
    filters : sequence of int
        Of each layer.
    halved : int
    dense : sequence of int
        Units.
    classes : int

    Notes
    -----
    In the methods `p` are the parameters, shape (size,), and `seed` is that of what is drawn.

    Examples
    --------
    >>> net = ConvolutionalNetwork(side=8, filters=(4, 4), dense=(16,))
    >>> net.size
    494
    >>> import numpy as np
    >>> net(net.init(0), np.zeros((3, 64))).shape
    (3, 2)
    """

    side: int
    filters: tuple[int, ...] = (32, 32, 32, 32)
    halved: int = 2
    dense: tuple[int, ...] = (256,)
    classes: int = 2

    def __post_init__(self) -> None:
        for name in ("filters", "dense"):
            object.__setattr__(self, name, tuple(check_count(name, each) for each in getattr(self, name)))
        check_count("classes", self.classes, minimum=2)
        if not 0 <= check_count("halved", self.halved, minimum=0) <= len(self.filters):
            raise refuse("halved", f"be at most the {len(self.filters)} layers of filters", f"is {self.halved}")
        if check_count("side", self.side) % 2**self.halved:
            raise refuse("side", f"be divisible by {2**self.halved}", f"is {self.side}")

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """Shapes (inputs, outputs) of the layers' matrices; an input of a filter is a pixel of its patch."""
        channels = [1, *self.filters]
        flat = (self.side >> self.halved) ** 2 * channels[-1]
        return [(9 * a, b) for a, b in pairwise(channels)] + list(pairwise([flat, *self.dense, self.classes]))

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        return sum((inputs + 1) * outputs for inputs, outputs in self.shapes)

    def init(self, seed: int = 0) -> np.ndarray:
        """Return random parameters (size,): uniform weights of variance 2 / (inputs + outputs) (Glorot), biases zero.

        Outputs of a filter are the 9 pixels of its patch times the filters of its layer.
        """
        rng = np.random.default_rng(check_count("seed", seed, minimum=0))
        parts = []
        for layer, (inputs, outputs) in enumerate(self.shapes):
            fan_out = 9 * outputs if layer < len(self.filters) else outputs
            edge = np.sqrt(6 / (inputs + fan_out))
            parts += [rng.uniform(-edge, edge, inputs * outputs), np.zeros(outputs)]
        return np.concatenate(parts)

    def on(self, x: Any, y: Any) -> ConvolutionLoss:
        """Return the loss on images x (N, side^2) of labels y (N,), for :func:`tutelage.landscape.descend`."""
        images = check_array("x", x, ("N", self.side**2)).astype(np.float32)
        labels = check_array("y", y, (len(images),))
        if (labels != np.round(labels)).any() or labels.min() < 0 or labels.max() >= self.classes:
            raise refuse(
                "y", f"be labels 0, ..., {self.classes - 1}", f"runs from {labels.min():g} to {labels.max():g}"
            )
        return ConvolutionLoss(self, images, labels.astype(int))

    def __call__(self, p: Any, x: Any) -> np.ndarray:
        """Return the logits (N, classes) of images x (N, side^2)."""
        parts = self.unpack(check_array("p", p, (self.size,)))
        images = check_array("x", x, ("N", self.side**2)).astype(np.float32)
        return np.concatenate(
            [_forward(self, parts, images[i : i + BLOCK])[-1][0] for i in range(0, len(images), BLOCK)]
        )

    def unpack(self, p: np.ndarray) -> Parts:
        """Return the matrix and the biases of each layer, in float32."""
        found, start, single = [], 0, p.astype(np.float32)
        for inputs, outputs in self.shapes:
            end = start + inputs * outputs
            found.append((single[start:end].reshape(inputs, outputs), single[end : end + outputs]))
            start = end + outputs
        return found


@dataclass(frozen=True, eq=False)
class ConvolutionLoss:
    """The loss of a :class:`ConvolutionalNetwork` on images, an objective of its parameters."""

    net: ConvolutionalNetwork
    images: np.ndarray
    labels: np.ndarray

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.net.size

    @property
    def samples(self) -> int:
        """Number of images."""
        return len(self.images)

    def subset(self, index: np.ndarray) -> ConvolutionLoss:
        """Return the loss on the images of this `index`."""
        return ConvolutionLoss(self.net, self.images[index], self.labels[index])

    def loss(self, p: Any) -> float:
        """Return the mean cross-entropy."""
        logits = self.net(p, self.images).astype(float)
        return float(np.mean(_log_sum(logits) - logits[np.arange(self.samples), self.labels]))

    def gradient(self, p: Any) -> np.ndarray:
        """Return its gradient (size,)."""
        return self.loss_and_gradient(p)[1]

    def loss_and_gradient(self, p: Any) -> tuple[float, np.ndarray]:
        """Return both of one pass."""
        parts, total, slope = self.net.unpack(check_array("p", p, (self.size,))), 0.0, np.zeros(self.size)
        for start in range(0, self.samples, BLOCK):
            labels = self.labels[start : start + BLOCK]
            layers = _forward(self.net, parts, self.images[start : start + BLOCK])
            logits = layers[-1][0].astype(float)
            each = np.arange(len(labels))
            total += float(np.sum(_log_sum(logits) - logits[each, labels]))
            delta = np.exp(logits - _log_sum(logits)[:, None])
            delta[each, labels] -= 1
            slope += _backward(self.net, parts, layers, delta.astype(np.float32))
        return total / self.samples, slope / self.samples

    def hessian(self, *_: Any) -> Any:
        """Refuse: second derivatives are not here."""
        raise refuse("objective", "have second derivatives", "is a convolutional network")

    hvp = derivatives = hessian


def _log_sum(logits: np.ndarray) -> np.ndarray:
    top = logits.max(1)
    return top + np.log(np.exp(logits - top[:, None]).sum(1))


def _forward(net: ConvolutionalNetwork, parts: Parts, images: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """Return of each layer what its matrix is multiplied with and its outputs (before halving); last, the logits."""
    a = images.reshape(-1, net.side, net.side, 1)
    done: list[tuple[np.ndarray, ...]] = []
    for layer, (W, b) in enumerate(parts):
        if layer < len(net.filters):
            rows = _patches(a)
            out = np.maximum(rows @ W + b, 0).reshape(*a.shape[:3], -1)
            a = _halved(out) if layer < net.halved else out
            done.append((rows, out, a))
        else:
            rows = a.reshape(len(a), -1)
            a = rows @ W + b
            if layer < len(parts) - 1:
                a = np.maximum(a, 0)
            done.append((rows, a))
    return [*done, (a,)]


def _backward(net: ConvolutionalNetwork, parts: Parts, layers: Any, delta: np.ndarray) -> np.ndarray:
    """Return the flat gradient, summed over images; `delta` (images, classes) is that of the logits."""
    slopes: list[np.ndarray] = []
    for layer in range(len(parts) - 1, -1, -1):
        rows, out = layers[layer][:2]
        if layer < len(net.filters):
            delta = delta.reshape(layers[layer][2].shape)
            if layer < net.halved:
                delta = _spread(delta, layers[layer][2], out)
            delta = (delta * (out > 0)).reshape(-1, out.shape[-1])
        elif layer < len(parts) - 1:
            delta = delta * (out > 0)
        slopes = [(rows.T @ delta).ravel(), delta.sum(0), *slopes]
        if layer:
            delta = delta @ parts[layer][0].T
            if layer < len(net.filters):
                delta = _gathered(delta.reshape(*out.shape[:3], 9, -1))
    return np.concatenate(slopes, dtype=float)


def _patches(a: np.ndarray) -> np.ndarray:
    """Return the 3 x 3 patches around all pixels of images (N, h, w, channels) as rows (N h w, 9 channels)."""
    N, h, w, channels = a.shape
    padded = np.zeros((N, h + 2, w + 2, channels), a.dtype)
    padded[:, 1:-1, 1:-1] = a
    rows = np.empty((N, h, w, 9, channels), a.dtype)
    for k in range(9):
        rows[:, :, :, k] = padded[:, k // 3 : k // 3 + h, k % 3 : k % 3 + w]
    return rows.reshape(N * h * w, -1)


def _gathered(rows: np.ndarray) -> np.ndarray:
    """Return the sums (N, h, w, channels) over patches (N, h, w, 9, channels) that each pixel is in."""
    N, h, w, _, channels = rows.shape
    padded = np.zeros((N, h + 2, w + 2, channels), rows.dtype)
    for k in range(9):
        padded[:, k // 3 : k // 3 + h, k % 3 : k % 3 + w] += rows[:, :, :, k]
    return padded[:, 1:-1, 1:-1]


def _halved(a: np.ndarray) -> np.ndarray:
    """Return the maxima of 2 x 2 pixels."""
    return np.maximum(np.maximum(a[:, ::2, ::2], a[:, 1::2, ::2]), np.maximum(a[:, ::2, 1::2], a[:, 1::2, 1::2]))


def _spread(delta: np.ndarray, maxima: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return derivatives by the pixels from those by their maxima; equal pixels all get them."""
    spread = np.zeros_like(a)
    for i in (0, 1):
        for j in (0, 1):
            spread[:, i::2, j::2] = delta * (a[:, i::2, j::2] == maxima)
    return spread
