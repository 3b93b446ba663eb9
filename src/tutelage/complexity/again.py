"""Results of this room from a file, made once more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tutelage.complexity.three_scalars import memorisation, memorisation_directly
from tutelage.errors import refuse

if TYPE_CHECKING:
    import xarray

__all__ = ["MAKERS"]


def _made(
    maker: Callable[..., Any], _: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]
) -> xarray.Dataset:
    """Return the course; all settings are arguments of what made it."""
    return maker(**({name: value for name, value in settings.items() if name != "view"} | changes))


def _tracked(_: xarray.Dataset, __: dict[str, Any], ___: dict[str, Any]) -> xarray.Dataset:
    but = "is of a `Tracker`, called in a training loop that no file holds: run the loop again with a new `Tracker`"
    raise refuse("ds", "be of a verb of tutelage to be made again", but)


MAKERS = {
    "memorisation": partial(_made, memorisation),
    "memorisation directly": partial(_made, memorisation_directly),
    "tracker": _tracked,
}
