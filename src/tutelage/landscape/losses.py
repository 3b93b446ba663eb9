r"""What is made of the outputs: a loss for each sample, and its derivatives with respect to the last layer's fields z.

``"mse"``: :math:`\ell = \sum_o (g(z_o) - y_o)^2`; ``"nll"``: :math:`\ell = -\sum_c y_c \log p_c`, with
:math:`p = \mathrm{softmax}(z)`, for targets y that sum to one. The loss of a data set is the mean of
:math:`\ell` over its samples (weighted, if they have weights), times one half if so asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tutelage.errors import check_array, refuse
from tutelage.landscape.layers import Layer

__all__ = ["MSE", "NLL", "SoftmaxLikelihood", "Squares", "log_softmax"]

MSE, NLL = "mse", "nll"


class Squares:
    """The sum over outputs of squared differences, or half of it."""

    def __init__(self, layer: Layer, half: bool) -> None:
        self._layer, self._scale = layer, 0.5 if half else 1.0
        self.fisher_factor = 1.0 if half else 0.5  # Fisher over Gauss-Newton, for outputs with unit Gaussian noise

    def targets(self, y: Any, samples: int) -> np.ndarray:
        """Return targets as (outputs, samples); a vector is one output."""
        outputs = self._layer.units
        given = np.asarray(y)
        if given.ndim == 1 and outputs == 1:
            return check_array("y", given, (samples,))[None, :]
        return np.ascontiguousarray(check_array("y", given, (samples, outputs)).T)

    def outputs(self, z: np.ndarray) -> np.ndarray:
        """Return the network's outputs."""
        return self._layer.activate(z)[0]

    def losses(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the loss of each sample."""
        return self._scale * np.square(self.outputs(z) - y).sum(0)

    def first(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the losses (samples,) and their derivatives with respect to z (outputs, samples)."""
        a, slope = self._layer.activate(z, 1)
        error = a - y
        return self._scale * np.square(error).sum(0), 2 * self._scale * error * slope

    def second(self, z: np.ndarray, y: np.ndarray, newton: bool) -> np.ndarray:
        """Return the second derivatives with respect to z (outputs, outputs, samples).

        With `newton` those of Gauss and Newton, which leave out the curvature of the network's own outputs.
        """
        a, slope, *curve = self._layer.activate(z, 1 if newton else 2)
        diagonal = 2 * self._scale * (slope * slope + sum((a - y) * c for c in curve))
        full = np.zeros((len(z), len(z), z.shape[1]))
        full[np.arange(len(z)), np.arange(len(z))] = diagonal
        return full


class SoftmaxLikelihood:
    """The negative logarithm of the likelihood of classes, of which the fields are the logits."""

    fisher_factor = 1.0

    def __init__(self, layer: Layer) -> None:
        self._classes = layer.units

    def targets(self, y: Any, samples: int) -> np.ndarray:
        """Return targets as (classes, samples): of integer labels 0, 1, ..., or of probabilities (samples, classes)."""
        given = np.asarray(y)
        if given.ndim == 2:
            soft = check_array("y", given, (samples, self._classes))
            if (soft < 0).any() or np.abs(soft.sum(1) - 1).max() > 1e-9:
                raise refuse("y", "be probabilities that sum to 1 over the classes", "is not, in some samples")
            return np.ascontiguousarray(soft.T)
        labels = check_array("y", given, (samples,))
        wrong = (labels != np.round(labels)) | (labels < 0) | (labels >= self._classes)
        if wrong.any():
            must = f"be labels 0, 1, ..., {self._classes - 1}"
            raise refuse("y", must, f"contains {labels[wrong][0]:g}")
        return np.eye(self._classes)[:, labels.astype(int)]

    def outputs(self, z: np.ndarray) -> np.ndarray:
        """Return the probabilities."""
        return np.exp(log_softmax(z))

    def losses(self, z: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the loss of each sample."""
        return -np.sum(y * log_softmax(z), 0)

    def first(self, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the losses (samples,) and their derivatives with respect to z (classes, samples)."""
        logs = log_softmax(z)
        return -np.sum(y * logs, 0), np.exp(logs) - y

    def second(self, z: np.ndarray, y: np.ndarray, newton: bool) -> np.ndarray:
        """Return the second derivatives with respect to z (classes, classes, samples): diag(p) - p p'."""
        p = self.outputs(z)
        full = -p[:, None] * p[None, :]
        full[np.arange(len(p)), np.arange(len(p))] += p
        return full


def log_softmax(z: np.ndarray) -> np.ndarray:
    """Return the logarithms of softmax over the rows of z (classes, samples)."""
    shifted = z - z.max(0)
    return shifted - np.log(np.exp(shifted).sum(0))
