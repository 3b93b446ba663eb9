"""Where the inputs of the weights view come from: fresh Gaussians, rows of a finite set, or a stream of the user's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tutelage.data import RowReader, indices, split
from tutelage.errors import check_array, check_number, refuse

__all__ = ["Source", "gaussian_source", "source"]

NO_ROWS = np.empty((0, 0))


@dataclass(frozen=True, eq=False)
class Source:
    """Inputs for one run.

    Attributes
    ----------
    dim : int
        N.
    held_out : array, shape (samples, N), or None
        Inputs the error is measured on; None: the Gaussian closed form.
    description : dict
        For the provenance, JSON-ready.
    rows : array, shape (samples, N)
        A finite training set; empty if there is none.
    open : callable or None
        Makes the stream of replica i.
    """

    dim: int
    held_out: np.ndarray | None
    description: dict[str, Any]
    rows: np.ndarray = field(default_factory=lambda: NO_ROWS)
    open: Callable[[int], Iterator] | None = None

    def examples(self, seed: int, replica: int, start: int) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
        """Return the function that yields the next `count` examples of a replica, as rows and their order.

        `start` examples have been used before. For Gaussian inputs both are empty: the kernel draws.
        """
        if self.open is not None:
            reader = RowReader(self.open(replica), self.dim, name="inputs")
            reader.skip(start)
            return lambda count: (reader.take(count), np.arange(count))
        if not len(self.rows):
            empty = np.empty((0, self.dim)), np.empty(0, np.int64)
            return lambda count: empty
        position = [start]

        def visit(count: int) -> tuple[np.ndarray, np.ndarray]:
            order = indices(len(self.rows), position[0], count, seed, replica)
            position[0] += count
            return self.rows, order

        return visit


def gaussian_source(dim: int) -> Source:
    """Return fresh inputs of independent standard normal components."""
    return Source(dim, None, {"kind": "gaussian"})


def source(inputs: Any, held_out: Any, dim: int | None, replicas: int, seed: int) -> Source:
    """Return the source that the arguments `inputs`, `held_out` and `dim` of ``simulate`` ask for."""
    if inputs is None:
        if dim is None:
            raise refuse("dim", "be given for Gaussian inputs", "is None")
        if held_out is not None:
            raise refuse("held_out", "be left out for Gaussian inputs, whose error has a closed form", "was given")
        return gaussian_source(dim)
    inputs = getattr(inputs, "inputs", inputs)  # tutelage.data.Images
    if isinstance(inputs, (list, tuple)) or hasattr(inputs, "__array__"):
        return _finite(check_array("inputs", inputs, ("samples", "N")), held_out, dim, seed)
    if isinstance(inputs, (str, bytes)) or (not callable(inputs) and not isinstance(inputs, Iterable)):
        raise refuse("inputs", "be an array (samples, N), an iterator of rows or a function", f"is {inputs!r:.60}")
    return _stream(inputs, held_out, dim, replicas)


def _finite(rows: np.ndarray, held_out: Any, dim: int | None, seed: int) -> Source:
    """Return the source of a finite training set, keeping a part of it back if `held_out` is a fraction."""
    N = rows.shape[1]
    if dim is not None and dim != N:
        raise refuse("dim", f"be the number of columns of `inputs`, {N}, or left out", f"is {dim}")
    description = {"kind": "array", "samples": len(rows), "sha256": _digest(rows)}
    if held_out is None or (np.isscalar(held_out) and not isinstance(held_out, str)):
        fraction = 0.2 if held_out is None else check_number("held_out", held_out, minimum=0, strict=True)
        if len(rows) < 2:
            raise refuse("inputs", "have two rows at least, as some are held out", f"has shape {rows.shape}")
        rows, kept = split(rows, fraction, seed)
        test: np.ndarray | None = kept
        description["held_out"] = fraction
    else:
        test = _test_inputs(held_out, N)
        description["held_out"] = _describe(test)
    return Source(N, test, description, np.ascontiguousarray(rows))


def _stream(inputs: Any, held_out: Any, dim: int | None, replicas: int) -> Source:
    """Return the source of an iterator, or of a function from the replica's number to an iterator."""
    if dim is None:
        raise refuse("dim", "be given with an iterator of inputs", "is None")
    if held_out is None:
        raise refuse("held_out", 'be an array (samples, N), or "gaussian", with an iterator of inputs', "is None")
    if not callable(inputs) and replicas > 1:
        raise refuse(
            "inputs",
            "be a function from the replica's number to an iterator where replicas > 1, as one iterator serves one run",
            f"is an iterator for {replicas} replicas",
        )
    opener = inputs if callable(inputs) else lambda _: iter(inputs)
    test = _test_inputs(held_out, dim)
    return Source(dim, test, {"kind": "stream", "held_out": _describe(test)}, open=opener)


def _digest(rows: np.ndarray) -> str:
    """Return the checksum of an array."""
    return hashlib.sha256(rows.tobytes()).hexdigest()


def _describe(test: np.ndarray | None) -> str | dict[str, str]:
    """Return the provenance of held-out inputs."""
    return "gaussian" if test is None else {"sha256": _digest(test)}


def _test_inputs(held_out: Any, N: int) -> np.ndarray | None:
    """Return held-out inputs (samples, N), or None for the Gaussian closed form."""
    if isinstance(held_out, str):
        if held_out != "gaussian":
            raise refuse("held_out", 'be a fraction, an array (samples, N) or "gaussian"', f"is {held_out!r}")
        return None
    return check_array("held_out", getattr(held_out, "inputs", held_out), ("samples", N))
