"""Objectives as a file holds them: arrays as variables of a dataset, the rest as a description, JSON-ready; and back.

Variables of the parts of a sum, and of what a subspace lies in, have a prefix, so that those of several do not clash.
An objective of the user's own is described by the name of its type alone: from that nothing makes it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tutelage.errors import ArgumentError, refuse
from tutelage.landscape.data_loss import DataLoss
from tutelage.landscape.network import MLP
from tutelage.landscape.objective import Objective, Subspace, Sum
from tutelage.landscape.penalties import Merge, NormBarrier
from tutelage.landscape.population import PopulationLoss

if TYPE_CHECKING:
    import xarray

__all__ = ["objective_of", "stored"]

Variables = dict[str, Any]
Description = dict[str, Any]


class Kind(NamedTuple):
    """How objectives of one type are stored, and how they are made again of what there is of them in a dataset."""

    type: type
    stored: Callable[[Any, str], tuple[Variables, Description]]
    again: Callable[[xarray.Dataset, Description, str], Objective]


def stored(objective: Objective, prefix: str = "") -> tuple[Variables, Description | str]:
    """Return the variables and the description of an objective; of the user's own, the name of its type."""
    for name, kind in KINDS.items():
        if type(objective) is kind.type:
            variables, described = kind.stored(objective, prefix)
            return variables, {"kind": name, **described}
    return {}, type(objective).__name__


def objective_of(ds: xarray.Dataset, description: Any, prefix: str = "") -> Objective:
    """Return the objective that a dataset was made from, or refuse one that a file does not hold."""
    if not isinstance(description, dict):
        raise _not_held(f"is of the type {description or 'of your own'}")
    return KINDS[description["kind"]].again(ds, description, prefix)


def _not_held(why: str) -> ArgumentError:
    return refuse("objective", "be given again", f"the one that the dataset was made with {why}, which no file holds")


def _array(ds: xarray.Dataset, name: str) -> Any:
    if name not in ds.variables:
        raise refuse("ds", "hold the objective that it was made with", f"has no {name}")
    return ds[name].values


def _net(described: Description) -> MLP:
    """Return the network of its description, or refuse one with an activation of the user's own."""
    try:
        return MLP(**described)
    except ArgumentError:
        raise _not_held("has an activation that is a function of your own") from None


def _data(data: DataLoss, prefix: str) -> tuple[Variables, Description]:
    variables, described = data.record()
    own = {name: (tuple(prefix + dim for dim in dims), array) for name, (dims, array) in variables.items()}
    return {prefix + name: each for name, each in own.items()}, {"net": described["net"]}


def _data_again(ds: xarray.Dataset, described: Description, prefix: str) -> Objective:
    weights = ds[f"{prefix}weights"].values if f"{prefix}weights" in ds else None
    return _net(described["net"]).on(_array(ds, f"{prefix}x"), _array(ds, f"{prefix}y"), weights)


def _population(loss: PopulationLoss, prefix: str) -> tuple[Variables, Description]:
    about = {"long_name": "parameters of the teacher"}
    taught = {f"{prefix}teacher": ((f"{prefix}teacher_parameter",), loss.teacher.p, about)}
    return taught, {"teacher": loss.teacher.net.describe(), "student": loss.student.describe()}


def _population_again(ds: xarray.Dataset, described: Description, prefix: str) -> Objective:
    teacher = _net(described["teacher"]).at(_array(ds, f"{prefix}teacher"))
    return PopulationLoss(teacher, _net(described["student"]))


def _sum(whole: Sum, prefix: str) -> tuple[Variables, Description]:
    each = [stored(part, f"{prefix}part{i}_") for i, part in enumerate(whole.parts)]
    variables = {name: array for found, _ in each for name, array in found.items()}
    return variables, {"parts": [described for _, described in each]}


def _sum_again(ds: xarray.Dataset, described: Description, prefix: str) -> Objective:
    return Sum(*(objective_of(ds, part, f"{prefix}part{i}_") for i, part in enumerate(described["parts"])))


def _barrier(wall: NormBarrier, _: str) -> tuple[Variables, Description]:
    return {}, {"size": int(wall.size), "maximum": float(wall.maximum)}


def _barrier_again(_: xarray.Dataset, described: Description, __: str) -> Objective:
    return NormBarrier(described["size"], described["maximum"])


def _merge(spring: Merge, _: str) -> tuple[Variables, Description]:
    pair = [int(unit) for unit in spring.pair]
    strength = float(spring.strength)
    return {}, {"net": spring.net.describe(), "layer": int(spring.layer), "pair": pair, "strength": strength}


def _merge_again(_: xarray.Dataset, described: Description, __: str) -> Objective:
    first, second = described["pair"]
    return Merge(_net(described["net"]), described["layer"], (first, second), described["strength"])


def _subspace(plane: Subspace, prefix: str) -> tuple[Variables, Description]:
    variables, whole = stored(plane.objective, f"{prefix}whole_")
    dims = f"{prefix}coordinate", f"{prefix}whole_parameter"
    variables[f"{prefix}origin"] = (dims[1:], plane.origin)
    variables[f"{prefix}directions"] = (dims, plane.directions)
    return variables, {"objective": whole}


def _subspace_again(ds: xarray.Dataset, described: Description, prefix: str) -> Objective:
    whole = objective_of(ds, described["objective"], f"{prefix}whole_")
    return Subspace(whole, _array(ds, f"{prefix}origin"), _array(ds, f"{prefix}directions"))


KINDS = {
    "data": Kind(DataLoss, _data, _data_again),
    "population": Kind(PopulationLoss, _population, _population_again),
    "sum": Kind(Sum, _sum, _sum_again),
    "barrier": Kind(NormBarrier, _barrier, _barrier_again),
    "merge": Kind(Merge, _merge, _merge_again),
    "subspace": Kind(Subspace, _subspace, _subspace_again),
}
