"""From the files of points to one labelled dataset over the axes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.sweeps.plan import Plan, values_on
from tutelage.sweeps.runs import Record
from tutelage.sweeps.store import DONE, FAILED, Entry, Store
from tutelage.version import __version__
from tutelage.works import behind

if TYPE_CHECKING:
    import xarray

__all__ = ["DATASET", "collect", "stored"]

DATASET = "dataset.nc"
MARK = "points"  # attribute: which files, in which state, a stored dataset was made from
STATUS = {None: 0, DONE: 1, FAILED: 2}
OWN = ("status", "error", "key")


def collect(
    plan: Plan, store: Store, entries: Mapping[str, Entry], known: Mapping[str, Record], errors: Mapping[str, str]
) -> xarray.Dataset:
    """Return the dataset of a plan from what there is of it, and write it to the store.

    Values are NaN (text is empty) where there is none. Where points differ in a coordinate, as in their times, the
    dimension becomes an index, ``alpha_index``, and the coordinate a variable over the axes.

    Parameters
    ----------
    entries : dict by key
        The files that there are.
    known : dict by key
        Results at hand; others are read from their files.
    errors : dict by key
        Errors at hand, likewise.
    """
    import xarray

    keys = [point.key for point in plan.points]
    records: dict[int, Record] = {}
    failures: dict[int, str] = {}
    for i, key in enumerate(keys):
        entry = entries.get(key)
        with suppress(OSError, ValueError):  # changed by somebody else since it was looked at
            if entry is not None and entry.status == DONE:
                records[i] = known[key] if key in known else store.read(key)
            elif entry is not None:
                failures[i] = errors.get(key) or store.failure(key)
    ds = xarray.Dataset(_variables(plan, records, failures, keys), _coordinates(plan), _attributes(plan, records))
    ds.attrs[MARK] = fingerprint(plan, entries)
    _save(ds, store)
    return ds


def stored(plan: Plan, store: Store, entries: Mapping[str, Entry]) -> xarray.Dataset | None:
    """Return the dataset in the store if it is made of just these files, else None."""
    from tutelage.errors import ArgumentError
    from tutelage.results import load

    with suppress(ArgumentError):
        ds = load(store.folder / DATASET)
        if ds.attrs.get(MARK) == fingerprint(plan, entries):
            return ds
    return None


def fingerprint(plan: Plan, entries: Mapping[str, Entry]) -> str:
    """Return a hash of a plan and of the files it is collected from."""
    digest = hashlib.sha256(json.dumps(plan.description()).encode())
    for point in plan.points:
        digest.update(f"{point.key} {tuple(entries.get(point.key, ()))}\n".encode())
    return digest.hexdigest()


def _save(ds: xarray.Dataset, store: Store) -> None:
    """Write the dataset in one move, whoever else does so at the time; a full disk does no harm to the points."""
    from tutelage.errors import ArgumentError
    from tutelage.results import save

    part = store.folder / f".{os.getpid()}.{DATASET}"
    try:
        os.replace(save(ds, part), store.folder / DATASET)
    except (ArgumentError, OSError):
        with suppress(OSError):
            part.unlink()


def _coordinates(plan: Plan) -> dict[str, Any]:
    coordinates: dict[str, Any] = {}
    for dimension in plan.dimensions:
        for axis in dimension.axes:
            coordinates[plan.labels[axis.name]] = (dimension.name, values_on(axis), {"long_name": axis.name})
    return coordinates


def _attributes(plan: Plan, records: Mapping[int, Record]) -> dict[str, Any]:
    first = next(iter(records.values()), None)
    inherited = {name: first.attrs[name] for name in ("scalings",) if first is not None and name in first.attrs}
    if plan.run.own:  # what its results say that they rest on
        inherited["works"] = " ".join(sorted(set().union(*(behind(record.attrs) for record in records.values()))))
    return {"tutelage_version": __version__, "sweep": json.dumps(plan.description()), **inherited}


def _variables(
    plan: Plan, records: Mapping[int, Record], failures: Mapping[int, str], keys: list[str]
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    axes, shape = tuple(dimension.name for dimension in plan.dimensions), plan.shape
    status = np.zeros(len(keys), np.int8)
    status[list(records)], status[list(failures)] = STATUS[DONE], STATUS[FAILED]
    error = np.array([failures.get(i, "") for i in range(len(keys))], dtype=str)
    variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        "status": (axes, status.reshape(shape)),
        "key": (axes, np.array(keys).reshape(shape)),
        **({"error": (axes, error.reshape(shape))} if failures else {}),
    }
    taken = {*axes, *plan.labels.values(), *OWN}
    shared, own = _shared(records), _indexed(records)
    rename: Callable[[str], str] = lambda name: f"{name}_" if name in taken else name  # noqa: E731
    for name in dict.fromkeys(name for record in records.values() for name in record.arrays):
        if name in shared:
            variables[rename(name)] = (tuple(map(rename, shared[name][0])), shared[name][1])
            continue
        dims = next(record.dims[name] for record in records.values() if name in record.dims)
        inner = tuple(rename(dim) if dim in shared or dim not in own else f"{dim}_index" for dim in dims)
        values = _stacked(name, len(dims), records, len(keys))
        variables[rename(name)] = (axes + inner, values.reshape(shape + values.shape[1:]))
    return variables


def _indexed(records: Mapping[int, Record]) -> set[str]:
    """Return the dimensions that are coordinates of their own in any record."""
    return {name for record in records.values() for name in record.coordinates}


def _shared(records: Mapping[int, Record]) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Return the coordinates in which all records agree."""
    shared: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for name in _indexed(records):
        every = [record.arrays.get(name) for record in records.values()]
        first = next(array for array in every if array is not None)
        if all(array is not None and np.array_equal(array, first) for array in every):
            dims = next(record.dims[name] for record in records.values())
            shared[name] = (dims, first)
    return shared


def _stacked(name: str, depth: int, records: Mapping[int, Record], count: int) -> np.ndarray:
    """Return the arrays of one name, padded to the largest, along a first axis of all points."""
    arrays = {i: record.arrays[name] for i, record in records.items() if name in record.arrays}
    arrays = {i: array for i, array in arrays.items() if array.ndim == depth}
    largest = tuple(np.max([array.shape for array in arrays.values()], axis=0).astype(int)) if depth else ()
    whole = len(arrays) == count and all(array.shape == largest for array in arrays.values())
    kind = np.result_type(*{array.dtype for array in arrays.values()})
    if kind.kind == "U":
        out = np.full((count, *largest), "", kind)
    else:
        out = np.full((count, *largest), np.nan) if not whole else np.empty((count, *largest), kind)
    for i, array in arrays.items():
        index: tuple[Any, ...] = (i, *(slice(length) for length in array.shape))
        out[index] = array
    return out
