"""Minima from many starts: found in parallel, kept as they are found, and counted.

Each start is a file of its own, named by its content: a search that was interrupted goes on, and starts that are added
later are the only ones computed.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_count, check_number, refuse
from tutelage.landscape import MLP, Minimum, minimise
from tutelage.landscape.objective import Objective, check_objective
from tutelage.landscape.stored import objective_of, stored
from tutelage.sweeps.axes import Axis
from tutelage.sweeps.perform import Computer, finish, tally
from tutelage.sweeps.plan import Plan
from tutelage.sweeps.runs import Run
from tutelage.sweeps.sweep import folder_of
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["distinct", "search"]

VERSION = "1"  # raise when the same start ends elsewhere than before
REACHED = ("minimum", "degenerate", "saddle", "unknown")  # kinds of points where the gradient vanishes
NUMBERS = ("loss", "gradient_norm", "kind", "negative", "zero", "stopped_by", "iterations", "seconds")


def search(
    objective: Objective,
    starts: int | ArrayLike | Iterable[ArrayLike] = 20,
    *,
    store: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    scheduler: str | os.PathLike[str] | None = None,
    retry_failed: bool = False,
    progress: bool = True,
    **options: Any,
) -> xarray.Dataset:
    """Look for minima from many starts, by :func:`tutelage.landscape.minimise` from each.

    Parameters
    ----------
    objective : Objective
        ``net.on(x, y)``, ``PopulationLoss(teacher, student)``, or a sum with penalties.
    starts : int or array, shape (starts, size)
        Parameters to start from; a number stands for ``net.init(seed)`` with the seeds 0, 1, ...
    store : path, optional
        A folder for what is found, made if need be: after an accident the same call goes on, and with more starts only
        these are computed. Left out: nothing is kept but the result.
    workers : int, >= 1, optional
        Processes on this machine, each with one thread. Default: one for each core.
    scheduler : str, optional
        Address or scheduler-file of a Dask cluster, as in :func:`tutelage.sweep`.
    retry_failed : bool
        Whether to compute failed starts again.
    progress : bool
        Whether to show how far it is.
    **options
        Of :func:`tutelage.landscape.minimise`: ``gtol``, ``ltol``, ``method``, ``flow_time``, ``iterations``,
        ``max_seconds``, ``zero``, ``escape``. Seconds are those of each start; where none runs into them the result
        does not depend on the machine's speed or the number of workers.

    Returns
    -------
    xarray.Dataset
        Over ``start``: ``p_start`` and ``p`` (start, parameter), ``loss``, ``gradient_norm``, ``eigenvalues`` (start,
        eigenvalue), ``kind``, ``negative``, ``zero``, ``stopped_by``, ``iterations``, ``seconds``, as in
        :class:`tutelage.landscape.Minimum`; ``status`` (0 missing, 1 done, 2 failed) and, if any failed, ``error``.

    Raises
    ------
    ArgumentError
        For arguments that cannot be.
    KeyboardInterrupt
        After Ctrl-C; with a store, the same call goes on.

    Examples
    --------
    >>> from tutelage.landscape import PopulationLoss
    >>> net = MLP(3, [(2, "erf", False), (1, "linear", False)])
    >>> teacher = net.at(net.pack([(2 * np.eye(2, 3), None), ([[1.0, 1.0]], None)]))
    >>> found = search(PopulationLoss(teacher, net), starts=4, workers=1)
    >>> bool(found.loss.min() < 1e-28)
    True
    """
    check_objective("objective", objective)
    options = _options(options)
    points = _points(objective, starts)
    names = [hashlib.sha256(p.tobytes()).hexdigest()[:16] for p in points]
    job = _From(objective, dict(zip(names, points, strict=True)), options)
    plan = Plan(None, (Axis("start", list(job.points)),), Run(job, "minima.search", _version(job), True))
    count = None if workers is None else check_count("workers", workers)
    with folder_of(store, scheduler) as where, Computer(plan, where, count, scheduler) as computer:
        found = computer.compute(plan.points, retry_failed, progress)
        if found.interrupted:
            done = tally(found.entries, len(plan.points))["done"]
            kept = f"{done} of {len(plan.points)} starts are done; the same call goes on"
            raise KeyboardInterrupt("interrupted" if store is None else f"interrupted: {kept}")
        ds = finish(plan, where, found)
    ds = ds.sel(start=names).drop_vars("key").assign_coords(start=range(len(names)))
    variables, described = stored(objective)
    ds = ds.assign({"p_start": (("start", "parameter"), np.array(points)), **variables})
    settings = {"view": "minima", **options, "objective": described}
    ds.attrs = {"tutelage_version": __version__, "settings": json.dumps(settings)}
    return ds


def distinct(found: xarray.Dataset, ltol: float = 1e-12, rtol: float = 1e-5) -> xarray.Dataset:
    """Tell which of the points found are the same, up to symmetries of the network, and count them.

    Exchanging units, or changing signs where the activation allows it, leaves the loss and the eigenvalues of the
    Hessian as they are: points that agree in both count as one. Of degenerate points, which lie in valleys whose
    eigenvalues vary, the loss alone is compared.

    Parameters
    ----------
    found : Dataset
        Of :func:`search`. Points where the gradient does not vanish ("unfinished", "diverging") are left out.
    ltol : float
        Losses this close are the same.
    rtol : float
        So are losses closer than this part of themselves, and eigenvalues closer than this part of the largest.

    Returns
    -------
    xarray.Dataset
        Over ``point``, by increasing loss: ``count``, the variables of :func:`search` for the representative with the
        smallest gradient, and ``first``, the first start that led there; ``point_of`` (start), -1 for those left out,
        and ``p_start_of`` (start, parameter), where each start was.

    Examples
    --------
    >>> from tutelage.landscape import PopulationLoss
    >>> net = MLP(3, [(2, "erf", False), (1, "linear", False)])
    >>> teacher = net.at(net.pack([(2 * np.eye(2, 3), None), ([[1.0, 1.0]], None)]))
    >>> found = distinct(search(PopulationLoss(teacher, net), starts=4, workers=1))
    >>> int(found["count"].sum()), str(found.kind.values[0])
    (4, 'minimum')
    """
    missing = [name for name in ("p", "loss", "kind", "gradient_norm") if name not in getattr(found, "variables", ())]
    if missing:
        raise refuse("found", "be a dataset of `tutelage.minima.search`", f"has no {missing[0]!r}")
    check_number("ltol", ltol, minimum=0)
    check_number("rtol", rtol, minimum=0)
    kind, loss = found["kind"].values, found["loss"].values
    values = found["eigenvalues"].values if "eigenvalues" in found else np.empty((len(loss), 0))
    valley = kind != "minimum"
    groups: list[list[int]] = []
    for i in np.argsort(loss, kind="stable"):
        if kind[i] not in REACHED:
            continue
        home = next((g for g in groups if _same(i, g[0], loss, values, valley, ltol, rtol)), None)
        groups.append([i]) if home is None else home.append(i)
    best = [min(group, key=lambda i: found["gradient_norm"].values[i]) for group in groups]
    point_of = np.full(len(loss), -1)
    for number, group in enumerate(groups):
        point_of[group] = number
    ds = found.isel(start=best).rename(start="point").assign_coords(point=range(len(groups)))
    ds["count"] = ("point", [len(group) for group in groups])
    ds["first"] = ("point", [min(group) for group in groups])
    ds["point_of"] = ("start", point_of)
    if "p_start" in found and "settings" in found.attrs:  # what makes it again
        ds["p_start_of"] = (("start", "parameter"), found["p_start"].values)
        settings = {"view": "distinct minima", "ltol": ltol, "rtol": rtol, "of": json.loads(found.attrs["settings"])}
        ds.attrs["settings"] = json.dumps(settings)
    return ds


def _searched(ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    """Return the search of a dataset once more."""
    objective = changes.pop("objective") if "objective" in changes else objective_of(ds, settings["objective"])
    starts = changes.pop("starts") if "starts" in changes else ds["p_start" if "point_of" not in ds else "p_start_of"]
    options = {name: value for name, value in settings.items() if name not in ("view", "objective")}
    return search(objective, starts, **(options | changes))


def _counted(ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]) -> xarray.Dataset:
    """Return the points of a search once more; `ltol` and `rtol` among the changes are those of :func:`distinct`."""
    tolerances = {name: changes.pop(name, settings[name]) for name in ("ltol", "rtol")}
    return distinct(_searched(ds, settings["of"], changes), **tolerances)


MAKERS = {"minima": _searched, "distinct minima": _counted}


def _same(i: int, j: int, loss: Any, values: Any, valley: Any, ltol: float, rtol: float) -> bool:
    if abs(loss[i] - loss[j]) > ltol + rtol * abs(loss[j]):
        return False
    apart = np.abs(values[i] - values[j]).max(initial=0.0)
    return bool((valley[i] and valley[j]) or apart <= rtol * np.abs(values[j]).max(initial=0.0))


@dataclass(frozen=True, eq=False)
class _From:
    """What is run: a search from the start of this name."""

    objective: Objective
    points: Mapping[str, np.ndarray]
    options: Mapping[str, Any]

    def __call__(self, start: str) -> dict[str, Any]:
        return _record(minimise(self.objective, self.points[start], progress=False, **self.options))


def _record(found: Minimum) -> dict[str, Any]:
    spectrum = {} if found.eigenvalues is None else {"eigenvalues": ("eigenvalue", found.eigenvalues)}
    return {"p": ("parameter", found.p), **spectrum, **{name: getattr(found, name) for name in NUMBERS}}


def _options(options: dict[str, Any]) -> dict[str, Any]:
    """Return all options of `minimise`, with the defaults; or refuse one it has not."""
    known = {
        name: each.default
        for name, each in inspect.signature(minimise).parameters.items()
        if each.default is not inspect.Parameter.empty and name != "progress"
    }
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise refuse("options", f"be of `minimise`: {', '.join(known)}", f"have {unknown[0]!r}")
    return known | options


def _points(objective: Objective, starts: Any) -> list[np.ndarray]:
    if isinstance(starts, (int, np.integer)):
        net = _network(objective)
        if net is None:
            raise refuse("starts", "be parameters, for an objective without a network to draw them", f"is {starts}")
        return [net.init(seed) for seed in range(check_count("starts", starts))]
    if not isinstance(starts, Iterable):
        raise refuse("starts", "be a number, or an array (starts, size)", f"is {starts!r:.60}")
    points = [check_array(f"starts[{i}]", p, (objective.size,)) for i, p in enumerate(starts)]
    if not points:
        raise refuse("starts", "hold at least one start", "is empty")
    return points


def _network(objective: Any) -> MLP | None:
    """Return the network whose parameters an objective takes; None if there is none."""
    for part in getattr(objective, "parts", (objective,)):
        net = getattr(part, "net", None) or getattr(part, "student", None)
        if isinstance(net, MLP):
            return net
    return None


def _version(job: _From) -> str:
    """Return a hash of all that decides where a start leads."""
    import cloudpickle

    content = hashlib.sha256(cloudpickle.dumps(job.objective))
    content.update(json.dumps(dict(job.options), sort_keys=True).encode())
    return f"{VERSION} {content.hexdigest()[:16]}"
