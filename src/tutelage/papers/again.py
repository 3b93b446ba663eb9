"""Datasets of figures, from the file of one of them, made once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tutelage.errors import refuse
from tutelage.papers import catalogue

if TYPE_CHECKING:
    import xarray

__all__ = ["MAKERS"]


def _reproduced(_: xarray.Dataset, how: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    """Return the dataset of this label of a figure that is made anew; the changes are of the figure's parameters."""
    name, figure = how["figure"], catalogue().get(how["figure"])
    if figure is None or how["parameters"] is None:
        must = "be of a figure that is here, made with parameters that a file can hold: run the figure itself"
        raise refuse("ds", must, f"is of {name}")
    given = {key: _tuples(value) for key, value in how["parameters"].items()}
    datasets = figure.run(how["quick"], **(given | changes)).datasets
    if how["label"] not in datasets:
        raise refuse("changes", f"keep the dataset {how['label']!r} of the figure", f"leave {', '.join(datasets)}")
    return datasets[how["label"]]


def _tuples(value: Any) -> Any:
    """Return lists, which tuples are in a file, as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


MAKERS = {"reproduction": _reproduced}
