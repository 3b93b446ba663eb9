"""The ODE view: the rule averaged over its Gaussian fields, integrated in alpha."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import DivergenceError, check_choice, check_number, check_times, check_type
from tutelage.online.integration import Trajectory, check_compiled, integrate, integrate_scipy
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps, generalisation_error, stacked
from tutelage.progress import progress as progress_bar
from tutelage.results import dataset

if TYPE_CHECKING:
    import xarray

__all__ = ["solve"]

METHODS = ("dop853", "lsoda", "radau", "bdf")


def solve(
    rule: OnlineSGD,
    state: Overlaps,
    alpha: ArrayLike,
    *,
    rtol: float = 1e-8,
    atol: float = 1e-10,
    method: str = "dop853",
    progress: bool = True,
) -> xarray.Dataset:
    r"""Integrate the equations of motion of the order parameters: SGD in the limit of large N.

    The equations are those of :mod:`tutelage.online.equations` (Saad & Solla 1995; Goldt et al.
    2019, arXiv:1906.08632).

    Parameters
    ----------
    rule : OnlineSGD
        Activations "erf", "linear", "relu", "leaky_relu" in any mixture, with "step" and "sign" for the teacher, run on
        closed forms. All smooth ones, a user's own included, run on a compiled quadrature whose error follows `rtol`;
        a right-hand side then takes milliseconds (see :mod:`tutelage.online.kernels.general`).
    state : Overlaps
        Overlaps and readouts at alpha = 0.
    alpha : float or array, shape (times,)
        Increasing times >= 0, in steps / N. Results stand exactly there.
    rtol, atol : float
        Tolerance of each step, relative and absolute, for every order parameter. Errors at the end are up to some
        hundred times larger. Where they make overlaps that no weights have (a run on quadratures whose units all but
        coincide), that part is done again with tolerances ten times tighter, and the rest with these.
        Where tolerances are below rounding (ReLU near perfect learning, from about 1e-12 on), the rest is done with
        wider ones, with a warning.
    method : {"dop853", "lsoda", "radau", "bdf"}
        "dop853": our compiled Dormand-Prince pair of order 8(5, 3) with dense output. The others are SciPy's, for stiff
        problems.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        ``eg`` (alpha), ``Q`` (alpha, student, ``student_``), ``R`` (alpha, student, teacher), ``v`` (alpha, student),
        and what is needed to run it again. Where averages were done by quadrature, the attribute ``quadrature_error``
        is the measured error of the velocity, relative to max(1, velocity). After Ctrl-C: what was reached,
        with a warning.

    Raises
    ------
    ArgumentError
        For times that do not increase, or an activation without ODE.
    DivergenceError
        When the state leaves every bound; its ``dataset`` holds the times before.

    Examples
    --------
    >>> ds = solve(OnlineSGD(lr=0.5), Overlaps(Q=[[1.0]], R=[[0.1]], T=[[1.0]]), alpha=[0, 10, 100])
    >>> bool(ds.eg[-1] < 1e-6)
    True
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    times = check_times("alpha", alpha)
    rtol, atol = check_number("rtol", rtol, minimum=1e-14), check_number("atol", atol, minimum=0, strict=True)
    check_choice("method", method, METHODS)
    check_compiled(rule)
    rule.check_start(state)
    settings = {
        "view": "ode",
        "rule": describe(rule),
        "method": method,
        "rtol": rtol,
        "atol": atol,
        "alpha": times.tolist(),
    }
    with progress_bar("ODE", times[-1], progress) as bar:
        if method == "dop853":
            trajectory = integrate(rule, state, times, rtol, atol, bar.update)
        else:
            trajectory = integrate_scipy(rule, state, times, method, rtol, atol, bar.update)
    result = _dataset(rule, state, times, trajectory, settings)
    if isinstance(trajectory.ending, DivergenceError):
        trajectory.ending.dataset = result
        raise trajectory.ending
    if trajectory.ending is not None:
        warnings.warn(f"interrupted: {result.sizes['alpha']} of {len(times)} times were reached", stacklevel=2)
    return result


def describe(rule: OnlineSGD) -> dict[str, Any]:
    """Return the rule as JSON-ready settings; activations by name."""
    settings = {field.name: getattr(rule, field.name) for field in dataclasses.fields(rule)}
    return settings | {"activation": rule.student.name, "teacher_activation": rule.teacher.name}


def _dataset(
    rule: OnlineSGD, state: Overlaps, times: np.ndarray, trajectory: Trajectory, settings: dict[str, Any]
) -> xarray.Dataset:
    """Return the dataset of a trajectory."""
    K, M, y = state.students, state.teachers, trajectory.states
    R = y[:, : K * M].reshape(-1, K, M)
    Q = y[:, K * M : K * M + K * K].reshape(-1, K, K)
    Q = (Q + np.swapaxes(Q, 1, 2)) / 2
    v = y[:, K * M + K * K :]
    eg = np.array(trajectory.errors)
    rest = np.isnan(eg)
    C, a = stacked(Q[rest], R[rest], state.T, v[rest], state.v_star)
    eg[rest] = generalisation_error(C, a, K, rule.student, rule.teacher)
    result = dataset(times[: len(y)], {"eg": eg, "Q": Q, "R": R, "v": v}, state, settings)
    if trajectory.quadrature is not None:
        result.attrs["quadrature_error"] = trajectory.quadrature
    return result
