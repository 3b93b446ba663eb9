r"""Phase boundaries: where in the plane of two parameters, or along one, the outcome changes.

The outcome of a point is a label: success or failure, plateau or perfect learning. A boundary is found by bisection of
cells: a coarse grid is computed whole, and each cell that holds points of different labels is halved in every
direction, again and again. The cost grows with the length of the boundary in units of the resolution, not with the
area: for a curve, in proportion to :math:`2^h` in place of :math:`4^h` for `h` halvings. What the coarse grid does not
meet is not found: an island smaller than one of its cells stays unseen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.errors import check_choice, check_count, check_number, check_type, refuse
from tutelage.sweeps.again import taken
from tutelage.sweeps.axes import Axis, takes_whole_numbers_only
from tutelage.sweeps.perform import Computer, Found
from tutelage.sweeps.plan import Plan, Point
from tutelage.sweeps.runs import Record
from tutelage.sweeps.search import Place, Range, Search
from tutelage.sweeps.store import DONE, Store
from tutelage.sweeps.sweep import base_of, folder_of
from tutelage.version import __version__
from tutelage.works import behind

if TYPE_CHECKING:
    import xarray

    from tutelage.problem import Problem

__all__ = ["FAILED", "trace"]

FAILED = "failed"  # label of a point whose run ended in an error


def trace(
    base: Problem | Mapping[str, Any] | str | os.PathLike[str] | None,
    axes: Mapping[str, Any],
    label: Callable[[xarray.Dataset], object] | None = None,
    *,
    run: str | Callable[..., Any] = "solve",
    points: int = 9,
    halvings: int = 5,
    store: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    scheduler: str | os.PathLike[str] | None = None,
    keep: list[str] | None = None,
    version: str = "",
    retry_failed: bool = False,
    progress: bool = True,
) -> xarray.Dataset:
    """Find the boundaries between points of different outcome.

    Parameters
    ----------
    base : Problem, dict of sections, path of a problem file, or None
        As in :func:`tutelage.sweep`.
    axes : dict of one or two
        For each parameter its range: ``(low, high)``, ``(low, high, "log")``, or a dict with ``from``, ``to`` and
        ``scale`` as in a sweep file.
    label : callable, optional
        From the dataset of a point to its label: a truth value, a number or a string. Left out with a function that
        returns the label itself. A point whose run fails, as by diverging, has the label "failed".
    run : {"solve", "simulate", "fixed_point", "mean_field"} or callable
        As in :func:`tutelage.sweep`.
    points : int, >= 2
        Of the coarse grid, along each axis: it has to meet every region that is to be found.
    halvings : int, >= 0
        How often cells at the boundary are halved: it is then known up to 1 / ((points - 1) 2^halvings) of the range.
    store, workers, scheduler, keep, version, retry_failed, progress
        As in :func:`tutelage.sweep`. With a store, the same call goes on after an interruption.

    Returns
    -------
    xarray.Dataset
        The points computed, by the short names of the axes and ``label``, all of dimension ``point``. Where the
        boundary lies: ``boundary_lr`` and alike of dimension ``crossing``, each the middle (on a log scale, of the
        logarithms) of two points with the labels ``between`` (crossing, side), at most ``uncertainty_lr`` away.

    Raises
    ------
    ArgumentError
        Naming the argument, what is allowed and what was given.
    KeyboardInterrupt
        After Ctrl-C; with a store, the same call goes on.

    Examples
    --------
    >>> circle = trace(None, {"x": (0, 2), "y": (0, 2)}, run=_within, points=3, halvings=4, workers=1)
    >>> radius = (circle.boundary_x**2 + circle.boundary_y**2) ** 0.5
    >>> bool((abs(radius - 1) < 2 / 32).all()), circle.sizes["point"] < 33**2 / 4
    (True, True)
    """
    points, halvings = check_count("points", points, minimum=2), check_count("halvings", halvings, minimum=0)
    if halvings > 40:
        raise refuse("halvings", "be at most 40", f"is {halvings}")
    ranges = _ranges(axes, (points - 1) << halvings)
    plan = Plan.make(base_of(base), [Axis(r.name, [r.low, r.high]) for r in ranges], run, keep, version)
    if label is not None and not callable(label):
        raise refuse("label", "be a function of the dataset of a point", f"is {label!r:.60}")
    search, works = Search(len(ranges), points, 1 << halvings), set[str]()
    with (
        folder_of(store, scheduler) as where,
        Computer(plan, where, None if workers is None else check_count("workers", workers), scheduler) as computer,
    ):
        while True:
            places = search.wanted()
            search.labels |= _labels(computer, ranges, places, label, retry_failed, progress, works)
            if not search.halve():
                ds = _dataset(plan, ranges, search)
                how = {"points": points, "halvings": halvings, "label": label is not None}
                ds.attrs |= {"works": " ".join(sorted(works))} if plan.run.own else {}
                return ds.assign_attrs(trace=json.dumps(plan.description() | how))


def _within(x: float, y: float) -> bool:
    """Whether a point is within the circle of radius one: the example above."""
    return x * x + y * y < 1


def _ranges(axes: Any, steps: int) -> list[Range]:
    """Return the ranges that the argument describes."""
    check_type("axes", axes, Mapping)
    if len(axes) not in (1, 2):
        raise refuse("axes", "be one or two parameters", f"are {len(axes)}")
    return [_range(name, given, steps) for name, given in axes.items()]


def _range(name: str, given: Any, steps: int) -> Range:
    where = f"axes[{name!r}]"
    if isinstance(given, Mapping):
        unknown = sorted(set(given) - {"from", "to", "scale"})
        if unknown or not {"from", "to"} <= set(given):
            raise refuse(where, "have `from`, `to` and perhaps `scale`", f"has {', '.join(map(str, given))}")
        given = (given["from"], given["to"], given.get("scale", "linear"))
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise refuse(where, 'be (low, high) or (low, high, "log")', f"is {given!r:.60}")
    low, high = (check_number(where, end) for end in given[:2])
    scale = check_choice(where, given[2] if len(given) == 3 else "linear", ("linear", "log"))
    if not low < high:
        raise refuse(where, "have low < high", f"has {low:g} and {high:g}")
    if scale == "log" and low <= 0:
        raise refuse(where, "be > 0 on a log scale", f"begins at {low:g}")
    if takes_whole_numbers_only(name):
        raise refuse("axes", "be parameters that take any number", f"has `{name}`, which takes integers: sweep it")
    return Range(name, low, high, scale, steps)


def _labels(
    computer: Computer,
    ranges: list[Range],
    places: list[Place],
    label: Callable[[xarray.Dataset], object] | None,
    retry_failed: bool,
    progress: bool,
    works: set[str],
) -> dict[Place, str]:
    """Return the labels of some places, computed where they are not in the store; add to `works` those behind them."""
    values = [{r.name: r.at(i) for r, i in zip(ranges, place, strict=True)} for place in places]
    points = [computer.plan.at(each) for each in values]
    found = computer.compute(points, retry_failed, progress)
    if found.interrupted:
        raise KeyboardInterrupt("interrupted: with a `store`, the same call goes on.")
    labels = {}
    for place, point in zip(places, points, strict=True):
        record = _record(point, found, computer.store)
        labels[place] = FAILED if record is None else _label(record, label)
        works |= set() if record is None else behind(record.attrs)
    return labels


def _record(point: Point, found: Found, store: Store) -> Record | None:
    """Return what came of one point; None if it failed."""
    if found.entries[point.key].status != DONE:
        return None
    return found.records.get(point.key) or store.read(point.key)


def _label(record: Record, label: Callable[[xarray.Dataset], object] | None) -> str:
    """Return the label of one point as text."""
    if label is not None:
        return _text(label(_one(record)))
    if set(record.arrays) != {"value"} or record.arrays["value"].ndim:
        raise refuse("label", "be given unless the function returns one value", f"returns {', '.join(record.arrays)}")
    return _text(record.arrays["value"])


def _text(value: Any) -> str:
    """Return a label as text: True, 3, plateau."""
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "biufU":
        raise refuse("label", "return a truth value, a number or a string", f"returns {value!r:.60}")
    return str(array.item())


def _one(record: Record) -> xarray.Dataset:
    """Return the results of a point as a dataset."""
    import xarray

    pairs = {name: (record.dims[name], array) for name, array in record.arrays.items()}
    coordinates = {name: pairs.pop(name) for name in record.coordinates}
    return xarray.Dataset(pairs, coordinates, record.attrs)


def _dataset(plan: Plan, ranges: list[Range], search: Search) -> xarray.Dataset:
    """Return the points and the crossings of a search."""
    import xarray

    names = [plan.labels[r.name] for r in ranges]
    places, crossings = sorted(search.labels), list(search.crossings())
    ends = np.array(crossings, dtype=float).reshape(len(crossings), 2, len(ranges))
    data: dict[str, Any] = {"label": ("point", np.array([search.labels[place] for place in places]))}
    coordinates: dict[str, Any] = {}
    for i, (name, r) in enumerate(zip(names, ranges, strict=True)):
        about = {"long_name": r.name, "scale": r.scale}
        coordinates[name] = ("point", np.array([r.at(place[i]) for place in places]), about)
        low, middle, high = (
            np.array([r.at(x) for x in where]) for where in (ends.min(1)[:, i], ends.mean(1)[:, i], ends.max(1)[:, i])
        )
        data[f"boundary_{name}"] = ("crossing", middle, about)
        data[f"uncertainty_{name}"] = ("crossing", np.maximum(high - middle, middle - low), about)
    between = np.array([[search.labels[a], search.labels[b]] for a, b in crossings], dtype=str).reshape(-1, 2)
    data["between"] = (("crossing", "side"), between)
    attributes = {
        "tutelage_version": __version__,
        "axes": ", ".join(names),
        "points_of_the_full_grid": float((ranges[0].steps + 1) ** len(ranges)),
    }
    return xarray.Dataset(data, coordinates, attributes)


def _traced(ds: xarray.Dataset, described: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    """Return the boundaries of a dataset once more."""
    if described["label"] and "label" not in changes:
        raise refuse("label", "be given again, as a file holds no functions", "was not given")
    scales = {each.attrs["long_name"]: each.attrs["scale"] for each in ds.coords.values() if "scale" in each.attrs}
    axes = {each["name"]: (*each["values"], scales[each["name"]]) for each in described["axes"]}
    given = {"axes": axes, "points": described["points"], "halvings": described["halvings"]}
    return trace(**(given | taken(described, changes) | changes))


MAKERS = {"trace": _traced}
