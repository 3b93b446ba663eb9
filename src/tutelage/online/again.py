"""Results from a file, made once more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tutelage.activations import activation
from tutelage.errors import ArgumentError, refuse
from tutelage.online.fluctuations import fluctuations
from tutelage.online.ode import solve
from tutelage.online.rule import OnlineSGD
from tutelage.online.simulation import ENGINES, simulate
from tutelage.results import start

if TYPE_CHECKING:
    import xarray

__all__ = ["rerun", "rule_of"]


def rerun(ds: xarray.Dataset, **changes: Any) -> xarray.Dataset:
    """Run again what made a dataset of this room; see :func:`tutelage.rerun`."""
    settings = _settings(ds)
    state = changes.pop("state") if "state" in changes else start(ds)
    rule = changes.pop("rule") if "rule" in changes else rule_of(settings["rule"])
    alpha = changes.pop("alpha", settings["alpha"])
    if settings["view"] == "ode":
        arguments = {name: settings[name] for name in ("rtol", "atol", "method")}
        return solve(rule, state, alpha, **(arguments | changes))
    if settings["view"] == "fluctuations":
        arguments = {name: settings[name] for name in ("dim", "rtol", "samples", "covariance")}
        return fluctuations(rule, state, alpha, **(arguments | changes))
    inputs = settings["inputs"]
    if inputs["kind"] != "gaussian" and "inputs" not in changes:
        raise refuse("inputs", "be given again, as the file does not hold them", "was not given")
    if isinstance(inputs.get("held_out"), dict) and "held_out" not in changes:
        raise refuse("held_out", "be given again, as the file holds only its checksum", "was not given")
    if settings["own_weights"] and "weights" not in changes:
        raise refuse("weights", "be given again, as the file holds only their overlaps", "was not given")
    arguments = {name: settings[name] for name in ("dim", "replicas", "seed", "step") if name in settings}
    if "held_out" in inputs:
        arguments["held_out"] = inputs["held_out"]
    return simulate(rule, state, alpha, **({"engine": settings["view"]} | arguments | changes))


def rule_of(settings: dict[str, Any]) -> OnlineSGD:
    """Return the rule of stored settings, or refuse one whose activation was a function of the user's own."""
    for name in ("activation", "teacher_activation"):
        try:
            activation(settings[name])
        except ArgumentError:
            but = f"has the {name} {settings[name]!r}, a function that a file cannot hold"
            raise refuse("rule", "be given again", f"the one that the dataset was made with {but}") from None
    return OnlineSGD(**settings)


def _settings(ds: Any) -> dict[str, Any]:
    """Return how a dataset was made, or refuse one that does not tell."""
    try:
        settings = json.loads(ds.attrs["settings"])
        if "kind" not in ds.attrs and settings["view"] in ("ode", "fluctuations", *ENGINES):
            return settings
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise refuse(
        "ds",
        "be a dataset of `solve`, `simulate`, `fluctuations`, or of another verb that `tl.rerun` lists",
        f"is {type(ds).__name__} of another kind",
    )
