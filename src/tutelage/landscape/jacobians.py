"""Derivatives of the outputs themselves: with respect to the parameters, and to the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tutelage.landscape.derivatives import Pass, backward, forward

if TYPE_CHECKING:
    from tutelage.landscape.network import MLP

__all__ = ["input_jacobian", "parameter_jacobian"]


def _output_deltas(net: MLP, done: Pass) -> list[np.ndarray]:
    """Return the derivative of each output with respect to the last fields: logits, or g' on the diagonal."""
    z = done.fields[-1]
    slope = net.stack[-1].activate(z, 1)[1] if net.stack[-1].groups else np.ones_like(z)
    return [slope * (np.arange(len(z)) == o)[:, None] for o in range(len(z))]


def parameter_jacobian(net: MLP, p: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return d f_o / d p, (N, outputs, size)."""
    done = forward(net.stack, net.matrices(p), x.T, 1)
    rows = []
    for delta in _output_deltas(net, done):
        deltas, _ = backward(done, delta)
        parts = [(d[:, None] * a[None]).reshape(-1, len(x)) for d, a in zip(deltas, done.inputs, strict=True)]
        rows.append(np.concatenate(parts).T)
    return np.stack(rows, 1)


def input_jacobian(net: MLP, p: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return d f_o / d x, (N, outputs, inputs)."""
    done = forward(net.stack, net.matrices(p), x.T, 1)
    weights = done.matrices[0][:, : net.inputs]
    return np.stack([(weights.T @ backward(done, delta)[0][0]).T for delta in _output_deltas(net, done)], 1)
