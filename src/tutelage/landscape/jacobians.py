"""Derivatives of the outputs themselves: with respect to the parameters, and to the inputs."""

from __future__ import annotations

import numpy as np

from tutelage.landscape.derivatives import Pass, backward, forward
from tutelage.landscape.layers import Layer

__all__ = ["input_jacobian", "parameter_jacobian"]


def parameter_jacobian(layers: tuple[Layer, ...], matrices: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return d f_o / d p, (N, outputs, size), at inputs x (N, inputs)."""
    done = forward(layers, matrices, x.T, 1)
    rows = []
    for delta in _output_deltas(done):
        deltas, _ = backward(done, delta)
        parts = [(d[:, None] * a[None]).reshape(-1, len(x)) for d, a in zip(deltas, done.inputs, strict=True)]
        rows.append(np.concatenate(parts).T)
    return np.stack(rows, 1)


def input_jacobian(layers: tuple[Layer, ...], matrices: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return d f_o / d x, (N, outputs, inputs), at inputs x (N, inputs)."""
    done = forward(layers, matrices, x.T, 1)
    weights = matrices[0][:, : layers[0].inputs]
    return np.stack([(weights.T @ backward(done, delta)[0][0]).T for delta in _output_deltas(done)], 1)


def _output_deltas(done: Pass) -> list[np.ndarray]:
    """Return the derivative of each output with respect to the last fields: logits, or g' on the diagonal."""
    z, last = done.fields[-1], done.layers[-1]
    slope = last.activate(z, 1)[1] if last.groups else np.ones_like(z)
    return [slope * (np.arange(len(z)) == o)[:, None] for o in range(len(z))]
