"""Results of this room from a file, made once more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tutelage.landscape.descent import descend
from tutelage.landscape.flow import flow
from tutelage.landscape.stored import objective_of
from tutelage.results import stored

if TYPE_CHECKING:
    import xarray

__all__ = ["MAKERS"]

NOT_ARGUMENTS = ("view", "objective")


def _made(
    maker: Callable[..., Any], ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]
) -> xarray.Dataset:
    """Return the trajectory; all settings are arguments of what made it."""
    objective = changes.pop("objective") if "objective" in changes else objective_of(ds, settings["objective"])
    begin = changes.pop("p0") if "p0" in changes else stored(ds, "p_start")[0]
    arguments = {name: value for name, value in settings.items() if name not in NOT_ARGUMENTS}
    return maker(objective, begin, **(arguments | changes))


MAKERS = {"flow": partial(_made, flow), "descent": partial(_made, descend)}
