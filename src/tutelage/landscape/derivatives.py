r"""Derivatives of the loss of a network of any depth, on a block of samples: recursions of matrix products.

With fields :math:`z_l = W_l a_{l-1}` (the bias is a column of W whose input is one), :math:`a_l = g_l(z_l)` and
:math:`\delta_l = d\ell/dz_l`, the gradient is :math:`d\ell/dW_l = \delta_l a_{l-1}^T`. The second derivatives are,
for :math:`l \le m`,

.. math:: \frac{d^2 \ell}{dW_m^{ij} dW_l^{pq}} =
   \frac{d\delta_m^i}{dz_l^p} a_{m-1}^j a_{l-1}^q + \delta_m^i \frac{da_{m-1}^j}{dz_l^p} a_{l-1}^q ,

whose two factors :math:`B = d\delta_m/dz_l` and :math:`G = dz_m/dz_l` obey

.. math:: G_{m l} = W_m g'_{m-1} G_{m-1, l} , \qquad
          B_{m l} = g''_m \, (W_{m+1}^T \delta_{m+1}) \, G_{m l} + g'_m W_{m+1}^T B_{m+1, l} .

Summed over samples each of the two terms is one matrix product, between the rows B (or :math:`\delta_m a_{l-1}`) and
the products of two inputs :math:`a_{m-1} a_{l-1}` (or :math:`g' G`). The cost is that of forming J J^T for one output,
however many outputs there are. (Brea et al. 2023, arXiv:2301.10638, whose package has the same blocks.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage.landscape.layers import Layer

__all__ = ["Pass", "backward", "forward", "gradients", "hessian_blocks", "products", "tangent_gradients"]


@dataclass
class Pass:
    """One pass through the layers: of layer l the matrix, the inputs, the fields, and g, g', g'' of the fields.

    Of the last layer only fields are here: its activation belongs to the loss.
    """

    layers: tuple[Layer, ...]
    matrices: list[np.ndarray]  # [W | b], (units, columns)
    inputs: list[np.ndarray]  # (columns, samples)
    fields: list[np.ndarray]  # (units, samples)
    slopes: list[np.ndarray]  # of all layers but the last
    curves: list[np.ndarray]


def forward(layers: tuple[Layer, ...], matrices: list[np.ndarray], a: np.ndarray, order: int = 0) -> Pass:
    """Return the pass of the inputs `a` (inputs, samples), with derivatives of activations up to `order`."""
    done = Pass(layers, matrices, [], [], [], [])
    for layer, matrix in zip(layers, matrices, strict=True):
        done.inputs.append(layer.extended(a))
        done.fields.append(matrix @ done.inputs[-1])
        if len(done.fields) < len(layers):
            a, *more = layer.activate(done.fields[-1], order)
            done.slopes.extend(more[:1])
            done.curves.extend(more[1:])
    return done


def backward(done: Pass, delta: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return delta of every layer, and W^T delta, what reaches the outputs of each layer but the last."""
    deltas = [delta]
    arrived: list[np.ndarray] = []
    for m in range(len(done.layers) - 2, -1, -1):
        weights = done.matrices[m + 1][:, : done.layers[m + 1].inputs]
        arrived.insert(0, weights.T @ deltas[0])
        deltas.insert(0, done.slopes[m] * arrived[0])
    return deltas, arrived


def gradients(done: Pass, deltas: list[np.ndarray]) -> np.ndarray:
    """Return the flat gradient, summed over samples."""
    return np.concatenate([(d @ a.T).reshape(-1) for d, a in zip(deltas, done.inputs, strict=True)])


def tangent_gradients(
    done: Pass, deltas: list[np.ndarray], arrived: list[np.ndarray], second: np.ndarray, direction: list[np.ndarray]
) -> np.ndarray:
    """Return the derivative of the flat gradient in a direction (matrices like the network's): H v, without H.

    `second` (outputs, outputs, samples) is the loss's second derivative with respect to the last fields.
    """
    last = len(done.layers) - 1
    changes = [np.zeros_like(done.inputs[0])]  # of the inputs of each layer
    turned = []  # of the fields
    for m, (matrix, v) in enumerate(zip(done.matrices, direction, strict=True)):
        turned.append(v @ done.inputs[m] + matrix @ changes[m])
        if m < last:
            change = done.slopes[m] * turned[m]
            changes.append(np.vstack((change, np.zeros((1, change.shape[1])))) if done.layers[m + 1].bias else change)
    moved = np.einsum("opn,pn->on", second, turned[last])
    parts: list[np.ndarray] = []
    for m in range(last, -1, -1):
        parts.insert(0, (moved @ done.inputs[m].T + deltas[m] @ changes[m].T).reshape(-1))
        if m > 0:
            layer = done.layers[m]
            weights, v = done.matrices[m][:, : layer.inputs], direction[m][:, : layer.inputs]
            moved = done.curves[m - 1] * turned[m - 1] * arrived[m - 1] + done.slopes[m - 1] * (
                v.T @ deltas[m] + weights.T @ moved
            )
    return np.concatenate(parts)


def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the products of every row of `a` with every row of `b`, as rows: (rows * rows, samples)."""
    return (a[:, None, :] * b[None, :, :]).reshape(-1, a.shape[1])


def hessian_blocks(
    done: Pass, deltas: list[np.ndarray], arrived: list[np.ndarray], second: np.ndarray, newton: bool, out: Any
) -> None:
    """Add the blocks of the Hessian, summed over samples, to ``out[m][l]`` (units, columns, units_, columns_), l <= m.

    With `newton`, of the Gauss-Newton matrix: without what the curvature of the network itself contributes.
    """
    last, samples = len(done.layers) - 1, done.inputs[0].shape[1]
    for low in range(last + 1):
        width = done.layers[low].units
        reach = _reach(done, low)
        bend = second if last == low else np.einsum("opn,pqn->oqn", second, reach[last])
        for m in range(last, low - 1, -1):
            if m < last:
                weights = done.matrices[m + 1][:, : done.layers[m + 1].inputs]
                bend = (weights.T @ bend.reshape(len(bend), -1)).reshape(-1, width, samples)
                bend *= done.slopes[m][:, None, :]
                if not newton:
                    bent = done.curves[m] * arrived[m]
                    if m == low:
                        bend[np.arange(width), np.arange(width)] += bent
                    else:
                        bend += bent[:, None, :] * reach[m]
            _add_block(done, deltas, reach, bend, newton, m, low, out[m][low])


def _reach(done: Pass, low: int) -> dict[int, np.ndarray]:
    """Return G = dz_m / dz_low (units, units of low, samples) of every layer m above `low`."""
    reach: dict[int, np.ndarray] = {}
    for m in range(low + 1, len(done.layers)):
        weights = done.matrices[m][:, : done.layers[m].inputs]
        if m == low + 1:
            reach[m] = weights[:, :, None] * done.slopes[low][None]
        else:
            through = done.slopes[m - 1][:, None, :] * reach[m - 1]
            reach[m] = (weights @ through.reshape(len(through), -1)).reshape(len(weights), *through.shape[1:])
    return reach


def _add_block(
    done: Pass, deltas: list[np.ndarray], reach: dict[int, np.ndarray], bend: np.ndarray, newton: bool,
    m: int, low: int, out: np.ndarray,
) -> None:  # fmt: skip
    """Add the block of layers m >= low."""
    above, below, samples = done.inputs[m], done.inputs[low], done.inputs[0].shape[1]
    units, width = bend.shape[:2]
    if m == low:
        _add_symmetric(bend, below, out)
        return
    first = bend.reshape(-1, samples) @ products(above, below).T
    out += first.reshape(units, width, len(above), len(below)).transpose(0, 2, 1, 3)
    if newton:
        return
    inner = done.layers[m].inputs  # the bias's input does not depend on anything
    delta = products(deltas[m], below)
    if m == low + 1:  # da / dz is the diagonal of slopes
        part = (delta @ done.slopes[low].T).reshape(units, len(below), width)
        index = np.arange(width)
        out[:, index, index, :] += part.transpose(0, 2, 1)
    else:
        moved = (done.slopes[m - 1][:, None, :] * reach[m - 1]).reshape(-1, samples)
        part = (delta @ moved.T).reshape(units, len(below), inner, width)
        out[:, :inner] += part.transpose(0, 2, 3, 1)


def _add_symmetric(bend: np.ndarray, below: np.ndarray, out: np.ndarray) -> None:
    """Add sum_n bend[i, p] a[j] a[q], which does not change when i and p or j and q change places."""
    i, p = np.tril_indices(len(bend))
    j, q = np.tril_indices(len(below))
    block = bend[i, p] @ (below[j] * below[q]).T
    full = np.empty((len(i), len(below), len(below)))
    full[:, j, q] = full[:, q, j] = block
    out[i, :, p, :] += full
    off = i != p
    out[p[off], :, i[off], :] += full[off]
