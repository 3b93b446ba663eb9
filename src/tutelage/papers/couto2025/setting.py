"""What the experiments of this paper share: datasets, distances of distributions, names of activations."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tutelage.papers.common import labelled

__all__ = ["dataset", "distance", "label_of"]

CONVENTION = "loss 1/(2N) sum (y - y*)^2; inputs N(0, 1); weights N(0, 1/Ni) and N(0, 1/Nh)"
dataset = partial(labelled, CONVENTION)
CHECKED = 2000  # eigenvalues at which two distributions are compared
LABELS = {
    "linear": "$z$",
    "square": "$z^2$",
    "polynomial(0, 0, 0, 1)": "$z^3$",
    "polynomial(0, 1, 1)": "$z + z^2$",
    "polynomial(0, 1, 0, 1)": "$z + z^3$",
    "polynomial(0, 1, 1, 1)": "$z + z^2 + z^3$",
    "relu": "ReLU",
}


def distance(values: np.ndarray, law: Any) -> float:
    """Return the Kolmogorov-Smirnov distance of eigenvalues to a law, at 2,000 of them."""
    each = np.sort(values, axis=None)
    at = np.unique(np.linspace(0, len(each) - 1, CHECKED).astype(int))
    return float(np.abs(law.cdf(each[at]) - (at + 0.5) / len(each)).max())


def label_of(activation: str) -> str:
    """Return the activation as it stands in pictures."""
    return LABELS.get(activation, activation)
