"""From the parts in this folder to one file: the mathematics as a script for node or a worker, and the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from tutelage.kernels import dop853
from tutelage.version import __version__

__all__ = ["assemble", "mathematics", "part", "words"]

AVERAGES = ("fields.js", "erf.js", "linear.js", "relu.js", "averages.js")
MATHEMATICS = (*AVERAGES, "tail.js", "dynamics.js", "switch.js", "random.js", "chain.js", "replicas.js")
WORDS = ("setting.js", "export.js")  # from settings to starts and texts: also without a browser
WINDOW = ("controls.js", "plot.js", "view.js", "sgd.js", "one.js", "two.js", "open.js")


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
    return "\n".join([f"const TABLEAU = {json.dumps(_tableau())};", *map(part, MATHEMATICS)])


def words() -> str:
    """Return the JavaScript between settings and the mathematics, to stand after :func:`mathematics`."""
    return "\n".join(map(part, WORDS))


def assemble(given: dict[str, Any] | None) -> str:
    """Return the page as one HTML file, which opens with the setting `given`, in the names of ``setting.js``."""
    filled = {
        "page.css": part("page.css"),
        "version": __version__,
        "mathematics": mathematics(),
        "given": json.dumps(given).replace("<", "\\u003c"),
        "scripts": words() + "\n" + "\n".join(map(part, WINDOW)),
    }
    return re.sub("{(" + "|".join(filled) + ")}", lambda found: filled[found[1]], part("page.html"))


def _tableau() -> dict[str, list]:
    """Return the coefficients of the integrator, each row as j, weight, j, weight, ..., without zeros."""
    return {
        "A": [_sparse(row) for row in dop853.A],
        "ERROR_3": _sparse(dop853.ERROR_3),
        "ERROR_5": _sparse(dop853.ERROR_5),
        "DENSE": [_sparse(row) for row in dop853.DENSE],
    }


def _sparse(row: Iterable[float]) -> list[float]:
    return [number for j, weight in enumerate(row) if weight for number in (j, float(weight))]
