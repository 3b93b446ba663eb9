r"""Which units did it: how much each matters to a task, how far it moved, how long it is.

A unit is measured by what the error of a task gains when its head loses the unit (:func:`mask_importance`; Lee et al.
2022, arXiv:2205.09029). Every function keeps a leading dimension of replicas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.continual.lookup import at_end, begin_of, checked, later, task_of, within
from tutelage.continual.record import errors_of
from tutelage.errors import check_count, check_number, check_type, refuse
from tutelage.online.rule import OnlineSGD

if TYPE_CHECKING:
    import xarray

__all__ = ["displacement", "mask_importance", "node_fisher", "norm_entropy", "reuse_fraction"]


def mask_importance(rule: OnlineSGD, ds: xarray.Dataset, phase: int | None = None) -> xarray.DataArray:
    r"""Return how much each task's error grows if its head loses a unit, :math:`\epsilon_t(h^t_k = 0) - \epsilon_t`.

    Parameters
    ----------
    rule : OnlineSGD
        For its activations.
    ds : xarray.Dataset
    phase : int, optional
        At whose end; default: at all stored times.

    Returns
    -------
    xarray.DataArray
        (alpha, task, student), or (task, student); negative where a unit does harm.
    """
    import xarray

    check_type("rule", rule, OnlineSGD)
    at = checked(ds) if phase is None else at_end(ds, phase)
    begin = begin_of(ds)
    Q, R, heads = (at[name].values for name in ("Q", "R", "heads"))
    errors = []
    for k in range(begin.students):
        masked = heads.copy()
        masked[..., k] = 0.0
        errors.append(errors_of(rule, begin, Q, R, masked))
    whole = errors_of(rule, begin, Q, R, heads)
    return xarray.DataArray(np.stack(errors, -1) - whole[..., None], dims=(*at.eg.dims, "student"), coords=at.eg.coords)


def reuse_fraction(rule: OnlineSGD, ds: xarray.Dataset, phase: int = 1) -> xarray.DataArray:
    """Return which share of the importance for the task of a phase the unit has that the task before needed most.

    Importance is that of :func:`mask_importance`; the unit is the one of largest importance for the task of the phase
    before, at the end of that. Near 1 the old unit is used again, near 0 another one is activated.

    Parameters
    ----------
    rule : OnlineSGD
        For its activations.
    ds : xarray.Dataset
        Of :func:`tutelage.continual.solve` or :func:`tutelage.continual.simulate`.
    phase : int
        From 1 on; 0 is the first.

    Returns
    -------
    xarray.DataArray
        At the stored times of the phase, (alpha,), after a replica if there is one.
    """
    old = mask_importance(rule, ds, later(ds, phase) - 1).sel(task=task_of(ds, phase - 1))
    new = mask_importance(rule, within(ds, phase)).sel(task=task_of(ds, phase))
    return new.isel(student=old.argmax("student")) / new.sum("student")


def displacement(ds: xarray.Dataset, phase: int = 0) -> xarray.DataArray:
    r"""Return how far each unit is from where it was at the end of a phase, :math:`|w_k - w^a_k| / \sqrt N`.

    Parameters
    ----------
    ds : xarray.Dataset
        With the overlaps ``S``, of ``snapshots=True``.
    phase : int
        At whose end the units are compared with; 0 is the first.

    Returns
    -------
    xarray.DataArray
        (alpha, student), after a replica if there is one; NaN before the end of the phase.

    Raises
    ------
    ArgumentError
        For a dataset without ``S``, or a phase that has no end.
    """
    if "S" not in checked(ds):
        raise refuse("ds", "have the overlaps S, of solve or simulate with `snapshots=True`", "has none")
    then = _diagonal(at_end(ds, phase).Q)
    squares = _diagonal(ds.Q) - 2 * _diagonal(ds.S.isel(phase_end=phase)) + then
    return np.sqrt(squares.clip(min=0.0))


def node_fisher(ds: xarray.Dataset, noise: float = 0.0) -> xarray.DataArray:
    r"""Return the mean square of the loss's derivative by each unit's output, (alpha, task, student).

    The loss :math:`\Delta^2 / 2` has the derivative :math:`h^t_k \Delta` by :math:`g(\lambda_k)`, whose mean square is
    :math:`(h^t_k)^2 (2 \epsilon_t + \sigma^2)`.

    Parameters
    ----------
    ds : xarray.Dataset
        Of :func:`tutelage.continual.solve` or :func:`tutelage.continual.simulate`.
    noise : float
        :math:`\sigma`, the standard deviation of the labels' noise.

    Returns
    -------
    xarray.DataArray
        After a replica if there is one.
    """
    variance = check_number("noise", noise, minimum=0) ** 2
    heads = checked(ds).heads
    own = heads.isel(head=np.arange(ds.sizes["task"]) % ds.sizes["head"]).rename(head="task")
    return (own**2 * (2 * ds.eg + variance)).transpose(..., "alpha", "task", "student")


def norm_entropy(ds: xarray.Dataset, bins: int | None = None) -> xarray.DataArray:
    r"""Return how evenly length is spread over units: the entropy of the shares of :math:`Q_{kk}`, in units of log K.

    Between 0, one unit has all, and 1, all have the same.

    Parameters
    ----------
    ds : xarray.Dataset
        Of :func:`tutelage.continual.solve` or :func:`tutelage.continual.simulate`.
    bins : int, optional
        Return the entropy, in nats, of a histogram of :math:`Q_{kk} / \max_l Q_{ll}` with so many bins between 0 and 1
        instead.

    Returns
    -------
    xarray.DataArray
        (alpha,), after a replica if there is one.
    """
    import xarray

    squares = _diagonal(checked(ds).Q)
    if bins is not None:
        where = np.minimum(squares / squares.max("student") * check_count("bins", bins), bins - 1)
        where = where.fillna(-1).astype(int)
        shares = xarray.concat([(where == b).mean("student") for b in range(bins)], "bin")
        return _entropy(shares, "bin").where(squares.notnull().all("student"))
    entropy = _entropy(squares / squares.sum("student", skipna=False), "student")
    return entropy / np.log(max(ds.sizes["student"], 2))


def _entropy(shares: Any, dim: str) -> Any:
    return -(shares * np.log(shares.where(shares > 0, 1.0))).sum(dim, skipna=False)


def _diagonal(Q: Any) -> Any:
    """Return the diagonal of (..., student, student_)."""
    import xarray

    same = xarray.DataArray(np.arange(Q.sizes["student"]), dims="student")
    return Q.isel(student=same, student_=same)
