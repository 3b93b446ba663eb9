"""Sweeps from their dataset, computed once more: whole, or the part that was selected from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.errors import refuse
from tutelage.results import stored
from tutelage.sweeps.axes import Axis
from tutelage.sweeps.plan import Plan, unflatten
from tutelage.sweeps.sweep import axes_of, base_of, computed

if TYPE_CHECKING:
    import xarray

__all__ = ["MAKERS", "taken"]


def taken(described: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Take base, run, keep and version out of the changes, or else from the description of a plan."""
    if described["own"] and "run" not in changes:
        raise refuse("run", f"be given again, as the file holds only its name, {described['run']}", "was not given")
    found = {
        "base": None if described["base"] is None else unflatten(described["base"])[0],
        "run": described["run"],
        "keep": described["keep"],
        "version": described["version"].partition(" ")[2],  # what stands before it is found anew
    }
    return {name: changes.pop(name, value) for name, value in found.items()}


def _swept(ds: xarray.Dataset, described: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    if not changes.keys().isdisjoint(("base", "axes", "keep", "version")):  # another sweep
        given = taken(described, changes)
        axes = axes_of(changes.pop("axes")) if "axes" in changes else _axes(described)
        return computed(Plan.make(base_of(given.pop("base")), axes, **given), **changes)
    plan = Plan.make(axes=_axes(described), **taken(described, changes))
    whole = computed(_part(ds, plan, described), **changes)
    return whole.isel({dimension.name: 0 for dimension in plan.dimensions if dimension.name not in ds.dims})


def _axes(described: Mapping[str, Any]) -> list[Axis]:
    return [Axis(**each) for each in described["axes"]]


def _part(ds: xarray.Dataset, plan: Plan, described: Mapping[str, Any]) -> Plan:
    """Return the plan of the points that a dataset holds, which are all or some along each axis."""
    before = replace(plan, run=plan.run._replace(identity=described["run"], version=described["version"]))
    keys, mine = np.array([point.key for point in before.points]).reshape(plan.shape), stored(ds, "key")[0]
    if not np.isin(mine, keys).all():
        raise refuse("ds", "be of inputs that are what they were", "they have changed: another sweep would come of it")
    there = np.isin(keys, mine)
    along = [np.flatnonzero(there.any(tuple(set(range(there.ndim)) - {i}))) for i in range(there.ndim)]
    if not there[np.ix_(*along)].all():
        raise refuse("ds", "be a sweep, or a part of one along its axes", "holds other points of it")
    where = {dimension.name: index for dimension, index in zip(plan.dimensions, along, strict=True)}
    kept = {axis.name: where[each.name] for each in plan.dimensions for axis in each.axes}
    return replace(plan, axes=tuple(a._replace(values=[a.values[i] for i in kept[a.name]]) for a in plan.axes))


MAKERS = {"sweep": _swept}
