"""The verb: compute what is missing of a sweep, whoever computes it, and return all of it as one dataset."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import check_count, check_type, refuse
from tutelage.problem import Problem, build, parse
from tutelage.sweeps.axes import Axis, axis
from tutelage.sweeps.files import planned
from tutelage.sweeps.perform import Computer, Found, finish, tally
from tutelage.sweeps.plan import Plan
from tutelage.sweeps.store import Store

if TYPE_CHECKING:
    import xarray

__all__ = ["axes_of", "base_of", "collected", "computed", "folder_of", "status", "sweep"]


def sweep(
    base: Problem | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    axes: Mapping[Any, Any] | None = None,
    *,
    run: str | Callable[..., Any] = "solve",
    store: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    scheduler: str | os.PathLike[str] | None = None,
    keep: list[str] | None = None,
    version: str = "",
    retry_failed: bool = False,
    progress: bool = True,
) -> xarray.Dataset:
    """Run one problem at many values of its parameters.

    Every point is written to a file of its own as soon as it is computed, and what there is in `store` is never
    computed again: after Ctrl-C, a crash or a full disk the same call goes on. The numbers do not depend on who
    computes them.

    Parameters
    ----------
    base : Problem, dict of sections, path of a problem or sweep file, optional
        What every point starts from. Left out with a function of your own: it gets the values of the axes alone.
    axes : dict
        For each parameter (a key of the problem file, as ``"rule.lr"``, or an argument of your function) its values: a
        sequence, or a dict with the keys of ``[[sweep.axes]]`` in a sweep file, as ``{"seeds": 100}`` or ``{"from":
        0.1, "to": 10, "points": 20, "scale": "log"}``. A tuple of parameters with a sequence of tuples: they go
        together. Left out if `base` is a sweep file.
    run : {"solve", "simulate", "fixed_point", "mean_field"} or callable
        What is done at each point. A function is called with the problem (if there is a base) and the axes that are no
        keys of one, and returns a dataset, a dict of arrays, or a number.
    store : path, optional
        A folder; made if need be. Left out: nothing is kept but the result.
    workers : int, >= 1, optional
        Processes on this machine. Default: one for each core.
    scheduler : str, optional
        Address or scheduler-file of a Dask cluster whose workers see `store` under the same path.
    keep : list of str, optional
        Names of the results to keep. Default: all. Those of a function of your own are known only when it has run: a
        wrong name makes its points fail.
    version : str
        Of your function: say another when something that it calls has changed, and its points are computed anew.
    retry_failed : bool
        Whether to compute failed points again.
    progress : bool
        Whether to show how far it is.

    Returns
    -------
    xarray.Dataset
        The variables of each point over the axes, which are named by the last part of the parameter (``lr``). Also
        ``status`` (0 missing, 1 done, 2 failed), ``key`` (which names the file) and, if any failed, ``error``.

    Raises
    ------
    ArgumentError
        Naming what cannot be swept, before anything is computed.
    OSError
        When the store cannot be written to, or the scheduler is lost.

    Examples
    --------
    >>> ds = sweep({"time": {"alpha_max": 10, "points": 5}}, {"rule.lr": [0.1, 0.5]}, workers=1)
    >>> ds.eg.dims, ds.lr.values.tolist()
    (('lr', 'alpha'), [0.1, 0.5])
    """
    return computed(_plan(base, axes, run, keep, version), store, workers, scheduler, retry_failed, progress)


def computed(
    plan: Plan,
    store: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    scheduler: str | os.PathLike[str] | None = None,
    retry_failed: bool = False,
    progress: bool = True,
) -> xarray.Dataset:
    """Return the dataset of a plan; the arguments are those of :func:`sweep`."""
    count = None if workers is None else check_count("workers", workers)
    with folder_of(store, scheduler) as where, Computer(plan, where, count, scheduler) as computer:
        found = computer.compute(plan.points, retry_failed, progress)
        if found.interrupted:
            done = tally(found.entries, len(plan.points))["done"]
            said = f"interrupted: {done} of {len(plan.points)} points are done"
            warnings.warn(said + ("" if store is None else "; the same call goes on"), stacklevel=2)
        return finish(plan, where, found)


def status(plan: Plan, store: str | os.PathLike[str]) -> dict[str, int]:
    """Return how many points of a plan are done, failed and missing in a store; another process may be at it.

    Parameters
    ----------
    plan : Plan
        As :func:`tutelage.sweeps.files.read` returns it.
    store : path
        The folder of the points.

    Returns
    -------
    dict
        Of counts: "points", "done", "failed", "missing".
    """
    keys = {point.key for point in plan.points}
    return tally(Store(store).scan(keys)[0], len(keys))


def collected(plan: Plan, store: str | os.PathLike[str]) -> xarray.Dataset:
    """Return the dataset of what there is of a plan, and write it to the store; another process may be at it.

    Parameters
    ----------
    plan : Plan
        As :func:`tutelage.sweeps.files.read` returns it.
    store : path
        The folder of the points; made if need be.

    Returns
    -------
    xarray.Dataset
        As of :func:`tutelage.sweep`.
    """
    where = Store(store).make()
    return finish(plan, where, Found(where.scan(point.key for point in plan.points)[0]))


def _plan(base: Any, axes: Any, run: Any, keep: list[str] | None, version: str) -> Plan:
    """Return the plan that the arguments of :func:`sweep` describe."""
    if axes is None:
        if not isinstance(base, (str, os.PathLike)):
            raise refuse("axes", "be given unless `base` is a sweep file", "is left out")
        return planned(parse(Path(base)), Path(base).parent)
    return Plan.make(base_of(base), axes_of(axes), run, keep, version)


def base_of(base: Any) -> Problem | None:
    """Return a base, which may be a problem, a file of one, or a dict of its sections, as a problem."""
    if base is None or isinstance(base, Problem):
        return base
    if isinstance(base, (str, os.PathLike)):
        raw = parse(Path(base))
        raw.pop("sweep", None)
        return build(raw, Path(base).parent)
    check_type("base", base, Mapping)
    return build(dict(base))


def axes_of(axes: Any) -> list[Axis]:
    """Return the axes that a dict describes; a key that is a tuple of parameters is several that go together."""
    check_type("axes", axes, Mapping)
    result: list[Axis] = []
    for name, given in axes.items():
        if isinstance(name, str):
            result.append(axis(name, given))
            continue
        rows = [tuple(row) for row in given]
        if any(len(row) != len(name) for row in rows):
            raise refuse("axes", f"have {len(name)} values in each row of {name}", f"has rows of {set(map(len, rows))}")
        link = "_".join(each.rpartition(".")[2] for each in name)
        result += [axis(each, [row[i] for row in rows])._replace(link=link) for i, each in enumerate(name)]
    return result


@contextmanager
def folder_of(store: Any, scheduler: Any) -> Iterator[Store]:
    """Yield a store in the folder given, or in one that is gone afterwards."""
    if store is not None:
        if not isinstance(store, (str, os.PathLike)):
            raise refuse("store", "name a folder", f"is {store!r:.60}")
        yield Store(store)
        return
    if scheduler is not None:
        raise refuse("store", "be a folder that the workers see, where there is a `scheduler`", "is left out")
    with tempfile.TemporaryDirectory(prefix="tutelage-") as folder:
        yield Store(folder)
