"""Results: xarray datasets that know how they were made, on disk and back.

Every dataset has the time ``alpha`` first; simulations carry a leading ``replica``. Its attributes hold the version,
the rule, the arguments and the scalings, and its variables ``T``, ``v_star``, ``Q_start``, ``R_start``, ``v_start`` the
teacher and the state at alpha = 0: enough to run it again from the file alone (:func:`tutelage.rerun`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.errors import ArgumentError, check_number, refuse
from tutelage.overlaps import Overlaps
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["dataset", "load", "save", "start", "state_at", "stored"]

SCALINGS = (
    "fields w.x/sqrt(N); first-layer step (lr/sqrt(N)) error v g'(field) x; "
    "readout step (lr_readout/N) error g(field); alpha = steps/N; overlaps divided by N; "
    "eg = 1/2 <(student - teacher)^2> without label noise"
)
LABELS = {
    "eg": "generalisation error",
    "Q": "student-student overlap",
    "R": "student-teacher overlap",
    "T": "teacher-teacher overlap",
    "q": "squared length of students off the teacher's span",
    "v": "readout of the student",
    "v_star": "readout of the teacher",
}


def dataset(
    alpha: np.ndarray, variables: dict[str, np.ndarray], begin: Any, settings: dict[str, Any]
) -> xarray.Dataset:
    """Return a dataset of trajectories.

    Parameters
    ----------
    alpha : array, shape (times,)
        Times, steps / N.
    variables : dict of arrays
        ``eg`` (times,), ``Q`` (times, K, K), ``R`` (times, K, M), ``v`` (times, K), each with a leading replica axis
        for simulations; ``q`` (times, K) stands in for ``Q`` in mean field. Others are (times,) or (replicas, times).
    begin : Overlaps or Particles
        The state at alpha = 0, with the teacher.
    settings : dict
        What else is needed to run it again, JSON-ready; stored as the attribute ``settings``.
    """
    import xarray

    shapes = {"Q": ("student", "student_"), "R": ("student", "teacher"), "q": ("student",), "v": ("student",)}
    data: dict[str, Any] = {}
    for name, array in variables.items():
        tail = ("alpha", *shapes.get(name.split("_")[0], ()))
        dims = tail if array.ndim == len(tail) else ("replica", *tail)
        data[name] = (dims, array, {"long_name": LABELS[name]} if name in LABELS else {})
    data["T"] = (("teacher", "teacher_"), begin.T, {"long_name": LABELS["T"]})
    data["v_star"] = (("teacher",), begin.v_star, {"long_name": LABELS["v_star"]})
    for name, dims in ((name, dims) for name, dims in shapes.items() if hasattr(begin, name)):
        data[f"{name}_start"] = (dims, getattr(begin, name), {"long_name": f"{LABELS[name]} at alpha = 0"})
    coordinates = {"alpha": ("alpha", alpha, {"long_name": "steps / N"})}
    attributes: dict[str, Any] = {
        "tutelage_version": __version__,
        "settings": json.dumps(settings),
        "scalings": SCALINGS,
    }
    attributes |= {k: v for k, v in settings.items() if isinstance(v, (str, float))}
    attributes |= {  # NetCDF has no larger integers
        k: v if abs(v) < 2**63 else str(v)
        for k, v in settings.items()
        if isinstance(v, int) and not isinstance(v, bool)
    }
    return xarray.Dataset(data, coordinates, attributes)


def start(ds: xarray.Dataset) -> Overlaps:
    """Return the state at alpha = 0 that `ds` was made from."""
    return Overlaps(*stored(ds, "Q_start", "R_start", "T", "v_start", "v_star"))


def stored(ds: xarray.Dataset, *names: str) -> list[np.ndarray]:
    """Return variables that hold what `ds` was made from, or refuse a dataset that has lost one."""
    missing = [name for name in names if name not in ds.variables]
    if missing:
        raise refuse("ds", "hold the state that it was made from", f"has no {missing[0]}")
    return [ds[name].values for name in names]


def state_at(ds: xarray.Dataset, alpha: float) -> Overlaps:
    """Return the state of `ds` at the stored time nearest to `alpha`; the mean over replicas for a simulation.

    Parameters
    ----------
    ds : xarray.Dataset
        Of :func:`tutelage.solve` or :func:`tutelage.simulate`.
    alpha : float
        Time, steps / N.

    Returns
    -------
    Overlaps

    Raises
    ------
    ArgumentError
        For another dataset, and a state that is not known there (NaN).
    """
    _check_variables(ds, ("Q", "R", "T", "v", "v_star", "alpha"))
    at = ds.sel(alpha=check_number("alpha", alpha), method="nearest")
    Q, R, v = (at[name].mean("replica").values if "replica" in at.dims else at[name].values for name in ("Q", "R", "v"))
    return Overlaps(Q, R, ds["T"].values, v, ds["v_star"].values)


def _check_variables(ds: Any, names: tuple[str, ...]) -> None:
    """Refuse what has not the variables of a dataset of ours."""
    missing = [name for name in names if name not in getattr(ds, "variables", ())]
    if missing:
        raise refuse("ds", "be a dataset of `solve` or `simulate`", f"is {type(ds).__name__} without {missing[0]}")


def save(ds: xarray.Dataset, path: str | os.PathLike) -> Path:
    """Write a dataset to a NetCDF file (HDF5) and return its path; an existing file is replaced in one move.

    Parameters
    ----------
    ds : xarray.Dataset
    path : path
        In a folder that exists.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        For what is no dataset, and a path that names no file.
    OSError
        When it cannot be written; what was there is still there.
    """
    if not hasattr(ds, "to_netcdf"):
        raise refuse("ds", "be a dataset", f"is {type(ds).__name__}")
    if not isinstance(path, (str, os.PathLike)):
        raise refuse("path", "name a file", f"is {path!r}")
    target = Path(path)
    if not os.path.isdir(target.parent):
        raise refuse("path", "lie in an existing folder", f"{target.parent} is none")
    if os.path.isdir(target):
        raise refuse("path", "name a file", f"{target} is a folder")
    part = target.with_name(f".{target.name}.part")
    try:
        ds.to_netcdf(part, engine="h5netcdf")
        os.replace(part, target)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        raise refuse("path", "name a file that can be written", f"{target} cannot: {why}") from None
    finally:
        if os.path.exists(part):
            part.unlink()
    return target


def load(path: str | os.PathLike) -> xarray.Dataset:
    """Read a dataset written by :func:`save`, whole, and close the file.

    Parameters
    ----------
    path : path
        A NetCDF file.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    ArgumentError
        If there is no such file, or it cannot be read.
    """
    import xarray

    if not isinstance(path, (str, os.PathLike)) or not os.path.isfile(path):
        raise refuse("path", "name a file", f"{path} is none")
    try:
        return xarray.load_dataset(path, engine="h5netcdf", phony_dims="access")
    except (OSError, ValueError, KeyError) as error:
        raise ArgumentError(f"Argument `path` must name a NetCDF file, but {path} cannot be read: {error}.") from None
