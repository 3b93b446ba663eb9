r"""A network with one hidden layer, one output and a head for each of two tasks, trained on images one at a time.

.. math:: \phi_t(x) = c_t + \sum_k h^t_k\, g(w_k \cdot x + b_k) , \qquad \ell_t = (\phi_t(x) - y)^2 .

There is no factor 1/2 and no :math:`1/\sqrt{N}` here, as the experiments on images have it: a step moves every weight
by -lr times the derivative of :math:`\ell`, first layer and the task's head alike; the other head rests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage.activations import Activation
from tutelage.data import indices

__all__ = ["Hold", "Learner", "Weights", "drawn", "fisher", "measures"]

CHUNK = 1000  # images at a time
NAMES = ("W", "b", "heads", "shifts")


@dataclass(frozen=True, eq=False)
class Weights:
    """W (..., K, N), b (..., K), heads (..., 2, K) and their biases, shifts (..., 2)."""

    W: np.ndarray
    b: np.ndarray
    heads: np.ndarray
    shifts: np.ndarray

    def __getitem__(self, index: Any) -> Weights:
        return Weights(*(getattr(self, name)[index].copy() for name in NAMES))

    def fields(self, inputs: np.ndarray) -> np.ndarray:
        """Return the fields (samples, K) of inputs (samples, N)."""
        return inputs @ self.W.T + self.b


def drawn(hidden: int, dim: int, biases: bool, seed: int, replica: int) -> Weights:
    r"""Return random weights, uniform between :math:`\pm 1/\sqrt{\text{number of inputs}}` of their layer.

    So are biases, or else they are zero.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(replica, 1)))
    near, far = 1 / math.sqrt(dim), 1 / math.sqrt(hidden)
    W, heads = rng.uniform(-near, near, (hidden, dim)), rng.uniform(-far, far, (2, hidden))
    b, shifts = rng.uniform(-near, near, hidden), rng.uniform(-far, far, 2)
    return Weights(W, b * biases, heads, shifts * biases)


@dataclass(frozen=True, eq=False)
class Hold:
    r"""Elastic weight consolidation: the penalty :math:`\frac{\lambda}{2} \sum_j F_j (w_j - w^*_j)^2` on W and b."""

    strength: float
    F: np.ndarray
    F_b: np.ndarray
    anchor: Weights

    def arguments(self, lr: float) -> tuple[np.ndarray, ...]:
        """Return what the compiled steps take."""
        rate = lr * self.strength
        return rate * self.F, rate * self.F_b, self.anchor.W, self.anchor.b


NOTHING = (np.empty((0, 0)), np.empty(0), np.empty((0, 0)), np.empty(0))


class Learner:
    """One replica on one task (an engine, see :mod:`tutelage.online.runs`), recording its weights."""

    def __init__(
        self,
        weights: Weights,
        activation: Activation,
        task: int,
        rows: np.ndarray,
        labels: np.ndarray,
        lr: float,
        biases: bool,
        seed: int,
        replica: int,
        visits: int,
        hold: Hold | None,
    ) -> None:
        self.moving = {name: np.array(getattr(weights, name)) for name in NAMES}
        self._activation, self._task, self._rows, self._labels = activation, task, rows, labels
        self._lr, self._biases, self._seed, self._replica, self._visits = lr, biases, seed, replica, visits
        self._hold = NOTHING if hold is None else hold.arguments(lr)

    def advance(self, first: int, count: int) -> None:
        """Make `count` steps from step `first` on."""
        from tutelage.continual.kernels.images import descend

        W, b, heads, shifts = self.moving.values()
        unit: Any = self._activation.unit
        t = self._task
        order = indices(len(self._rows), self._visits + first, count, self._seed, self._replica)
        descend(
            W, b, heads[t], shifts[t : t + 1], *unit, self._rows, self._labels, order, self._lr, self._biases,
            *self._hold,
        )  # fmt: skip

    def alpha(self, steps: int) -> float:
        """Return the time after `steps` steps, in epochs."""
        return steps / len(self._rows)

    def size(self) -> float:
        """Return the largest weight."""
        return max(float(np.abs(array).max()) for array in self.moving.values())

    def observe(self) -> dict[str, np.ndarray]:
        """Return all weights."""
        return self.moving


def measures(
    activation: Callable[[np.ndarray], np.ndarray], weights: Weights, task: int, inputs: np.ndarray, labels: np.ndarray
) -> tuple[float, float, np.ndarray]:
    """Return the mean loss on a task, the share of right answers, and by how much the loss rises without a unit (K,).

    An output above 1/2 answers 1. NaN where weights are NaN.
    """
    hidden = len(weights.b)
    if not all(np.isfinite(getattr(weights, name)).all() for name in NAMES):
        return math.nan, math.nan, np.full(hidden, np.nan)
    parts = activation(weights.fields(inputs)) * weights.heads[task]
    output = parts.sum(1) + weights.shifts[task]
    loss = float(np.mean((output - labels) ** 2))
    without = ((output - labels)[:, None] - parts) ** 2
    return loss, float(np.mean((output > 0.5) == (labels > 0.5))), without.mean(0) - loss


def fisher(
    activation: Activation, weights: Weights, task: int, inputs: np.ndarray, labels: np.ndarray, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the diagonal of the Fisher information of W (K, N) and b (K,) on a task.

    Means over the inputs of :math:`(\partial \ell / \partial w)^2` on their labels ("empirical"), or of
    :math:`(\partial \phi / \partial w)^2`, the Fisher information of labels with unit Gaussian noise ("fisher").
    """
    F, F_b = np.zeros_like(weights.W), np.zeros_like(weights.b)
    for begin in range(0, len(inputs), CHUNK):
        x, y = inputs[begin : begin + CHUNK], labels[begin : begin + CHUNK]
        z = weights.fields(x)
        slopes = activation.df(z) * weights.heads[task]
        if kind == "empirical":
            output = activation(z) @ weights.heads[task] + weights.shifts[task]
            slopes *= 2 * (output - y)[:, None]
        F += (slopes**2).T @ x**2 / len(inputs)
        F_b += (slopes**2).sum(0) / len(inputs)
    return F, F_b
