"""Small runs of SGD that several files of tests look at: on fresh inputs, on rows, from an iterator, and the chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

import tutelage as tl

N = 30
STATE = tl.Overlaps(
    Q=[[1.0, 0.2, 0.0], [0.2, 0.9, -0.3], [0.0, -0.3, 1.2]],
    R=[[0.3, -0.1], [0.2, 0.4], [-0.5, 0.0]],
    T=[[1.0, 0.1], [0.1, 1.1]],
    v=[1.0, -0.7, 0.4],
    v_star=[0.8, 1.3],
)


def simulate(rule: tl.OnlineSGD, state: tl.Overlaps = STATE, alpha: Any = (0, 1, 3), **changes: Any) -> xr.Dataset:
    """Run with small defaults."""
    inputs = changes.get("inputs")
    return tl.simulate(
        rule, state, alpha, **({"dim": N if inputs is None else None, "replicas": 2, "engine": "weights"} | changes)
    )


def largest_gap(a: xr.Dataset, b: xr.Dataset) -> float:
    return max(float(np.abs(a[name].values - b[name].values).max()) for name in ("eg", "Q", "R", "v"))


def gaussian(**changes: Any) -> xr.Dataset:
    rule = tl.OnlineSGD("erf", lr=0.5, noise=0.3, train="both", batch=2)
    return simulate(rule, **({"alpha": [0, 0.5, 3]} | changes))


def finite(**changes: Any) -> xr.Dataset:
    rows = np.random.default_rng(5).standard_normal((37, N))
    rule = tl.OnlineSGD("relu", lr=0.2, noise=0.3, batch=3)
    return simulate(rule, **({"alpha": [0, 0.5, 3], "inputs": rows} | changes))


def stream(**changes: Any) -> xr.Dataset:
    def rows(replica: int) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(replica)
        while True:
            yield rng.standard_normal((7, N))

    rule = tl.OnlineSGD("linear", lr=0.2, noise=0.3, weight_decay=0.1, train="both")
    return simulate(rule, **({"alpha": [0, 0.5, 3], "inputs": rows, "held_out": "gaussian", "dim": N} | changes))


def chain(**changes: Any) -> xr.Dataset:
    rule = tl.OnlineSGD("erf", "relu", lr=0.5, noise=0.3, train="both", batch=2, weight_decay=0.1)
    return simulate(rule, **({"alpha": [0, 0.5, 3], "engine": "chain"} | changes))


SOURCES = pytest.mark.parametrize("run", [gaussian, finite, stream, chain])
