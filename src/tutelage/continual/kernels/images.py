"""SGD of a network with biases and several heads on rows of an array, one example a step, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from tutelage.kernels.units import UNIT

f8v, f8m = types.float64[::1], types.float64[:, ::1]

_REASSOCIATE = {"reassoc", "contract"}  # lets a dot product run in several accumulators; NaN stays NaN


@njit(
    types.void(
        f8m, f8v, f8v, f8v, UNIT, f8v, f8m, f8v, types.int64[::1], types.float64, types.boolean, f8m, f8v, f8m, f8v
    ),
    cache=True,
    error_model="numpy",
    nogil=True,
    fastmath=_REASSOCIATE,
)
def descend(W, b, head, shift, unit, p, rows, labels, order, lr, biased, pull, pull_b, anchor, anchor_b):
    """Make one step of SGD in place for each entry of `order`, on the loss (output - label)^2 of one example.

    Parameters
    ----------
    W, b : arrays, shape (K, N), (K,)
        First layer; overwritten.
    head, shift : arrays, shape (K,), (1,)
        The head that is trained, and its bias; overwritten.
    unit, p : compiled unit and its parameters
    rows, labels : arrays, shape (samples, N), (samples,)
    order : array of int64, shape (steps,)
        Which examples to take.
    lr : float
    biased : bool
        Whether biases move; they are added in any case.
    pull, pull_b : arrays, shape (K, N), (K,), or (0, 0), (0,)
        By what share of their distance from the anchor weights are drawn back in each step; nothing is where empty.
    anchor, anchor_b : arrays of the same shapes
    """
    K, N = W.shape
    z, g, slope = np.empty(K), np.empty(K), np.empty(K)
    held = pull.shape[0] > 0
    for step in range(order.shape[0]):
        x = rows[order[step]]
        for k in range(K):
            total, w = 0.0, W[k]
            for j in range(N):
                total += w[j] * x[j]
            z[k] = total + b[k]
        unit(z, p, g, slope)
        gap = shift[0] - labels[order[step]]
        for k in range(K):
            gap += head[k] * g[k]
        for k in range(K):
            w, size = W[k], -2.0 * lr * gap * head[k] * slope[k]
            if held:
                rate, start = pull[k], anchor[k]
                for j in range(N):
                    w[j] += size * x[j] - rate[j] * (w[j] - start[j])
                b[k] -= pull_b[k] * (b[k] - anchor_b[k])
            else:
                for j in range(N):
                    w[j] += size * x[j]
            if biased:
                b[k] += size
            head[k] -= 2.0 * lr * gap * g[k]
        if biased:
            shift[0] -= 2.0 * lr * gap
