"""Results of this room from a file, made once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tutelage.online.again import rule_of
from tutelage.regimes.mean_field import solve_mean_field
from tutelage.regimes.mean_field_particles import Particles
from tutelage.results import stored

if TYPE_CHECKING:
    import xarray

__all__ = ["MAKERS"]

START = ("R_start", "q_start", "T", "v_start", "v_star")


def _mean_field(ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    state = changes.pop("state") if "state" in changes else Particles(*stored(ds, *START))
    rule = changes.pop("rule") if "rule" in changes else rule_of(settings["rule"])
    arguments = {name: settings[name] for name in ("alpha", "dim", "rtol", "atol") if name in settings}
    return solve_mean_field(rule, state, **(arguments | changes))


MAKERS = {"mean_field": _mean_field}
