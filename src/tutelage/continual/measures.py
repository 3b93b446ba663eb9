r"""What a run of several phases lost and gained: measures on the datasets of this room.

Forgetting and transfer are curves: what changed since a phase began, with :math:`\tilde s` the time of the switch,

.. math:: F(\alpha) = \ell(\epsilon_s(\alpha)) - \ell(\epsilon_s(\tilde s)), \qquad
          T(\alpha) = \ell(\epsilon_t(\tilde s)) - \ell(\epsilon_t(\alpha)),

for the task s of the phase before and t of the phase itself, and :math:`\ell` the decimal logarithm or nothing (Lee,
Goldt & Saxe 2021, arXiv:2107.04384). :func:`summary` makes numbers of them. All are positive where the word says so.

Every function keeps a leading dimension of replicas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.continual.lookup import at_end, checked, later, task_of, within
from tutelage.continual.state import check_task
from tutelage.errors import check_choice, check_count, refuse

if TYPE_CHECKING:
    import xarray

__all__ = ["equal_competence", "forgetting", "summary", "transfer"]


def forgetting(ds: xarray.Dataset, phase: int = 1, task: int | None = None, scale: str = "log10") -> xarray.DataArray:
    """Return by how much the error of a task is above that at the beginning of a phase, in the phase.

    Parameters
    ----------
    ds : xarray.Dataset
        Of `solve` or `simulate`.
    phase : int
        In which something is forgotten, from 1 on.
    task : int, optional
        What is forgotten; default: the task of the phase before.
    scale : {"log10", "linear"}
        Difference of decimal logarithms, or of errors.

    Returns
    -------
    xarray.DataArray
        At the stored times of the phase, (alpha,), after a replica if there is one; the coordinate ``since`` is the
        time since the switch.

    Examples
    --------
    >>> from tutelage import OnlineSGD
    >>> from tutelage.continual import MultiTask, Phase, solve, two_teachers
    >>> start = MultiTask.random(2, two_teachers(dim=500), std=0.1)
    >>> ds = solve(OnlineSGD(lr=1.0, train="both"), start, [Phase(0, 50), Phase(1, 50)])
    >>> float(forgetting(ds)[-1]) > 1.0 > float(forgetting(ds, scale="linear")[-1]) > 0.0
    True
    """
    return _change(ds, phase, task_of(ds, later(ds, phase) - 1) if task is None else task, scale)


def transfer(ds: xarray.Dataset, phase: int = 1, task: int | None = None, scale: str = "log10") -> xarray.DataArray:
    """Return by how much the error of a task is below that at the beginning of a phase; default: the phase's task.

    Parameters
    ----------
    ds, phase, task, scale
        As of :func:`forgetting`, but for the default of `task`.

    Returns
    -------
    xarray.DataArray
        As of :func:`forgetting`; positive where learning helps.
    """
    return -_change(ds, phase, task_of(ds, later(ds, phase)) if task is None else task, scale)


def summary(curve: xarray.DataArray, first: int = 10) -> xarray.Dataset:
    """Return the numbers that a curve of forgetting or transfer is reported by.

    Parameters
    ----------
    curve : xarray.DataArray
        Of :func:`forgetting` or :func:`transfer`.
    first : int
        The initial rate is that up to this stored time of the phase.

    Returns
    -------
    xarray.Dataset
        ``end``, the last value; ``rate``, the mean initial rate per unit of alpha; ``maximum`` over the phase, and
        ``long_time``, the mean over stored times of the last tenth of the phase, as far as it is stored.
    """
    import xarray

    if "since" not in getattr(curve, "coords", ()):
        raise refuse("curve", "come from forgetting or transfer", f"is {type(curve).__name__} without `since`")
    present = curve.notnull()
    order = present.cumsum("alpha")

    def at(which: Any, array: Any = curve) -> Any:
        return array.where(present & (order == which)).max("alpha")

    count = order.max("alpha")
    soon, since = np.minimum(check_count("first", first), count), curve.since.where(present)
    late = curve.where(since >= 0.9 * since.max("alpha"))
    numbers = {
        "end": at(count),
        "rate": at(soon) / at(soon, since),
        "maximum": curve.max("alpha"),
        "long_time": late.mean("alpha"),
    }
    return xarray.Dataset(numbers)


def equal_competence(ds: xarray.Dataset, phase: int = 1) -> xarray.DataArray:
    """Return the error of the old task when the new one is known as well as the old one was.

    That is the error of the task of the phase before, at the first stored time of the phase at which the phase's own
    task has no larger error than the old one had at the switch; NaN if that does not happen.

    Parameters
    ----------
    ds : xarray.Dataset
        Of :func:`tutelage.continual.solve` or :func:`tutelage.continual.simulate`.
    phase : int
        From 1 on; 0 is the first.

    Returns
    -------
    xarray.DataArray
        A number, or (replica,).
    """
    old = task_of(ds, later(ds, phase) - 1)
    then, eg = at_end(ds, phase - 1).eg, within(ds, phase).eg
    known = eg.sel(task=task_of(ds, phase)) <= then.sel(task=old)
    first = known & (known.cumsum("alpha") == 1)
    return eg.sel(task=old).where(first).max("alpha")


def _change(ds: Any, phase: int, task: int, scale: str) -> Any:
    """Return the error of a task in a phase above that at its beginning, with the time since then."""
    check_choice("scale", scale, ("log10", "linear"))
    check_task(task, checked(ds).sizes["task"])
    later(ds, phase)
    then, now = at_end(ds, phase - 1).eg.isel(task=task), within(ds, phase).eg.isel(task=task)
    change = np.log10(now) - np.log10(then) if scale == "log10" else now - then
    return change.assign_coords(since=now.alpha - ds.switch.isel(phase_end=phase - 1))
