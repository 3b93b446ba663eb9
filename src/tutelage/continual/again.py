"""Results of this room from a file, made once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tutelage.continual.images import data_mixing
from tutelage.continual.ode import solve
from tutelage.continual.settings import phase_of
from tutelage.continual.simulation import simulate
from tutelage.continual.state import MultiTask
from tutelage.errors import refuse
from tutelage.online.again import check_held, rule_of
from tutelage.results import stored

if TYPE_CHECKING:
    import xarray

__all__ = ["MAKERS"]

START = ("Q_start", "R_start", "T", "heads_start", "readouts")


def _phased(ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    rule = changes.pop("rule") if "rule" in changes else rule_of(settings["rule"])
    state = changes.pop("state") if "state" in changes else MultiTask(*stored(ds, *START))
    phases = changes.pop("phases") if "phases" in changes else [phase_of(each) for each in settings["phases"]]
    alpha = changes.pop("alpha", settings["alpha"])
    if settings["view"] == "continual ode":
        arguments = {name: settings[name] for name in ("rtol", "atol", "snapshots")}
        return solve(rule, state, phases, alpha, **(arguments | changes))
    if settings["own_weights"] and "weights" not in changes:
        raise refuse("weights", "be given again, as the file holds only their overlaps", "was not given")
    arguments = {name: settings[name] for name in ("dim", "replicas", "seed", "snapshots")}
    arguments["engine"] = settings["view"].removeprefix("continual ")
    return simulate(rule, state, phases, alpha, **(arguments | changes))


def _images(_: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    arguments = settings["arguments"] | changes
    if arguments["data"] is None:
        raise refuse("data", "be given again, as the file holds only a checksum of the images", "was not given")
    if isinstance(arguments["activation"], str) and "activation" not in changes:
        check_held("activation", "activation", arguments["activation"])
    return data_mixing(**arguments)


MAKERS = {**dict.fromkeys(("continual ode", "continual chain", "continual weights"), _phased), "data mixing": _images}
