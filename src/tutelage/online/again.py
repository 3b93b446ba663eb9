"""Results of this room from a file, made once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tutelage.activations import activation
from tutelage.errors import ArgumentError, refuse
from tutelage.online.continuation import continuation
from tutelage.online.fluctuations import fluctuations
from tutelage.online.ode import solve
from tutelage.online.rule import OnlineSGD
from tutelage.online.simulation import ENGINES, simulate
from tutelage.overlaps import Overlaps
from tutelage.results import start

if TYPE_CHECKING:
    import xarray

__all__ = ["MAKERS", "check_held", "rule_of"]


def rule_of(settings: dict[str, Any]) -> OnlineSGD:
    """Return the rule of stored settings, or refuse one whose activation was a function of the user's own."""
    for name in ("activation", "teacher_activation"):
        check_held("rule", name, settings[name])
    return OnlineSGD(**settings)


def check_held(argument: str, what: str, name: str) -> None:
    """Refuse to go on without an argument whose activation a file holds by a name that says nothing."""
    try:
        activation(name)
    except ArgumentError:
        but = f"has the {what} {name!r}, a function that a file cannot hold"
        raise refuse(argument, "be given again", f"the one that the dataset was made with {but}") from None


def _problem(ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> tuple[OnlineSGD, Overlaps]:
    """Take rule and state out of the changes, or else from the dataset."""
    state = changes.pop("state") if "state" in changes else start(ds)
    rule = changes.pop("rule") if "rule" in changes else rule_of(settings["rule"])
    return rule, state


def _ode(ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    problem = _problem(ds, settings, changes)
    return solve(*problem, **({name: settings[name] for name in ("alpha", "rtol", "atol", "method")} | changes))


def _fluctuations(ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    names = ("alpha", "dim", "rtol", "samples", "covariance")
    return fluctuations(*_problem(ds, settings, changes), **({name: settings[name] for name in names} | changes))


def _branch(ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    parameter = settings["parameter"]
    arguments = {"parameter": parameter, "values": ds[parameter].values}
    return continuation(*_problem(ds, settings, changes), **(arguments | changes))


def _simulation(ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    problem, inputs = _problem(ds, settings, changes), settings["inputs"]
    if inputs["kind"] != "gaussian" and "inputs" not in changes:
        raise refuse("inputs", "be given again, as the file does not hold them", "was not given")
    if isinstance(inputs.get("held_out"), dict) and "held_out" not in changes:
        raise refuse("held_out", "be given again, as the file holds only its checksum", "was not given")
    if settings["own_weights"] and "weights" not in changes:
        raise refuse("weights", "be given again, as the file holds only their overlaps", "was not given")
    names = ("alpha", "dim", "replicas", "seed", "step")
    arguments = {"engine": settings["view"]} | {name: settings[name] for name in names if name in settings}
    if "held_out" in inputs:
        arguments["held_out"] = inputs["held_out"]
    return simulate(*problem, **(arguments | changes))


MAKERS = {
    "ode": _ode,
    "fluctuations": _fluctuations,
    "continuation": _branch,
    **dict.fromkeys(ENGINES, _simulation),
}
