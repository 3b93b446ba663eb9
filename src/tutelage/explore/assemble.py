"""From the parts in this folder to one file: the mathematics as a script for node, a worker or the page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import numpy as np

from tutelage.kernels import dop853

__all__ = ["SCRIPTS", "mathematics", "part"]

SCRIPTS = ("averages.js", "dynamics.js", "random.js", "chain.js")  # of the mathematics, in order


@cache
def part(name: str) -> str:
    """Return the text of a file of this folder."""
    return files(__package__).joinpath(name).read_text("utf-8")


def mathematics() -> str:
    """Return the JavaScript of the dynamics, which needs nothing but the language.

    Examples
    --------
    >>> mathematics().startswith("const TABLEAU = {")
    True
    """
    return "\n".join([f"const TABLEAU = {json.dumps(_tableau())};", *map(part, SCRIPTS)])


def _tableau() -> dict[str, list]:
    """Return the coefficients of the integrator, each row as j, weight, j, weight, ..., without zeros."""
    return {
        "A": [_sparse(row) for row in dop853.A],
        "ERROR_3": _sparse(dop853.ERROR_3),
        "ERROR_5": _sparse(dop853.ERROR_5),
        "DENSE": [_sparse(row) for row in dop853.DENSE],
    }


def _sparse(row: Iterable[float]) -> list[float]:
    return [number for j, weight in enumerate(row) if weight for number in (j, float(np.float64(weight)))]
