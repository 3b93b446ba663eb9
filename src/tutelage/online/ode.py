"""The ODE view: the rule averaged over its Gaussian fields, integrated in alpha."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import DivergenceError, check_choice, check_number, check_times, refuse
from tutelage.online.equations import right_hand_side
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps, generalisation_error, stacked
from tutelage.progress import progress as progress_bar
from tutelage.results import dataset

if TYPE_CHECKING:
    import xarray

__all__ = ["solve"]

METHODS = ("dop853", "lsoda", "radau", "bdf")
COMPILED = ("erf", "linear", "relu")
BOUND = 1e12  # a state beyond this multiple of where it began has diverged
SLICE = 0.1  # seconds of compiled work between two looks at the keyboard


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

    The equations are those of :mod:`tutelage.online.equations` (Goldt et al. 2019, eqs. 12 to 14).

    Parameters
    ----------
    rule : OnlineSGD
        Activations "erf", "linear" and "relu" in any mixture run compiled; polynomials run through NumPy, a thousand
        times slower.
    state : Overlaps
        Overlaps and readouts at alpha = 0.
    alpha : float or array, shape (times,)
        Increasing times >= 0, in steps / N. Results stand exactly there.
    rtol, atol : float
        Tolerance of each step, relative and absolute, for every order parameter.
    method : {"dop853", "lsoda", "radau", "bdf"}
        "dop853": our compiled Dormand-Prince pair of order 8(5, 3) with dense output. The others are SciPy's, for stiff
        problems.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        ``eg`` (alpha), ``Q`` (alpha, student, student_), ``R`` (alpha, student, teacher), ``v`` (alpha, student), and
        what is needed to run it again. After Ctrl-C: the times reached so far, with a warning.

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
    times = check_times("alpha", alpha)
    rtol, atol = check_number("rtol", rtol, minimum=1e-14), check_number("atol", atol, minimum=0, strict=True)
    check_choice("method", method, METHODS)
    for name, unit in (("activation", rule.student), ("teacher_activation", rule.teacher)):
        if unit.name not in COMPILED and (rule.student.coefficients is None or rule.teacher.coefficients is None):
            allowed = ", ".join(f'"{c}"' for c in COMPILED)
            raise refuse(name, f"be one of {allowed}, or both be polynomials, for an ODE", f"is {unit.name!r}")
    y0 = np.concatenate([state.R.ravel(), state.Q.ravel(), state.v])
    settings = {
        "view": "ode",
        "rule": describe(rule),
        "method": method,
        "rtol": rtol,
        "atol": atol,
        "alpha": times.tolist(),
    }
    compiled = {rule.student.name, rule.teacher.name} <= set(COMPILED)
    with progress_bar("ODE", times[-1], progress) as bar:
        if compiled and method == "dop853":
            trajectory, ending = _integrate(rule, state, y0, times, rtol, atol, bar.update)
        else:
            velocity = _compiled_velocity(rule, state) if compiled else _plain_velocity(rule, state)
            trajectory, ending = _integrate_scipy(velocity, method, y0, times, rtol, atol, bar.update)
    result = _dataset(rule, state, times[: len(trajectory)], trajectory, settings)
    if isinstance(ending, DivergenceError):
        ending.dataset = result
        raise ending
    if ending is KeyboardInterrupt:
        warnings.warn(f"interrupted: {len(trajectory)} of {len(times)} times were reached", stacklevel=2)
    return result


def describe(rule: OnlineSGD) -> dict[str, Any]:
    """Return the rule as JSON-ready settings; activations by name."""
    settings = {field.name: getattr(rule, field.name) for field in dataclasses.fields(rule)}
    return settings | {"activation": rule.student.name, "teacher_activation": rule.teacher.name}


def _dataset(
    rule: OnlineSGD, state: Overlaps, times: np.ndarray, trajectory: np.ndarray, settings: dict[str, Any]
) -> xarray.Dataset:
    """Return the dataset of a trajectory of state vectors (times, size)."""
    K, M = state.students, state.teachers
    R = trajectory[:, : K * M].reshape(-1, K, M)
    Q = trajectory[:, K * M : K * M + K * K].reshape(-1, K, K)
    Q = (Q + np.swapaxes(Q, 1, 2)) / 2
    v = trajectory[:, K * M + K * K :]
    eg = generalisation_error(*stacked(Q, R, state.T, v, state.v_star), K, rule.student, rule.teacher)
    return dataset(times, {"eg": eg, "Q": Q, "R": R, "v": v}, state, settings)


def _diverged(alpha: float, why: str) -> DivergenceError:
    return DivergenceError(
        f"The order parameters diverge at alpha = {alpha:.6g} ({why}); a smaller lr may help. The results before that "
        "are in this error's `dataset`.",
        alpha,
    )


def _integrate(
    rule: OnlineSGD,
    state: Overlaps,
    y0: np.ndarray,
    times: np.ndarray,
    rtol: float,
    atol: float,
    report: Callable[[float], None],
) -> tuple[np.ndarray, Any]:
    """Run the compiled integrator in slices of SLICE seconds; return the states reached and how it ended."""
    from tutelage.online.kernels import integrate

    velocity, model, K = _kernel(rule), _model(rule, state), state.students
    y, out = y0.copy(), np.empty((len(times), len(y0)))
    bound = BOUND * max(1.0, np.abs(y0).max())
    alpha, done, status, steps = 0.0, 0, integrate.RUNNING, 16
    h = integrate.first_step(velocity, y, model, K, max(times[-1], 1e-12), rtol, atol)
    try:
        while status == integrate.RUNNING:
            begin = time.perf_counter()
            alpha, h, done, status = integrate.advance(
                velocity, y, alpha, h, model, K, times, done, out, rtol, atol, bound, steps
            )
            spent = time.perf_counter() - begin
            steps = max(16, min(4 * steps, int(steps * SLICE / max(spent, 1e-9))))
            report(alpha)
    except KeyboardInterrupt:
        return out[:done], KeyboardInterrupt
    if status == integrate.FINISHED:
        return out, None
    why = "values beyond every bound" if status == integrate.DIVERGED else "the step size underflows"
    return out[:done], _diverged(alpha, why)


def _integrate_scipy(
    velocity: Callable[[float, np.ndarray], np.ndarray],
    method: str,
    y0: np.ndarray,
    times: np.ndarray,
    rtol: float,
    atol: float,
    report: Callable[[float], None],
) -> tuple[np.ndarray, Any]:
    """The same through one of SciPy's integrators, step by step."""
    from scipy.integrate import BDF, DOP853, LSODA, Radau

    solver_class = {"dop853": DOP853, "lsoda": LSODA, "radau": Radau, "bdf": BDF}[method]
    out = [y0] if times[0] == 0 else []
    if len(out) == len(times):
        return np.array(out), None
    bound = BOUND * max(1.0, np.abs(y0).max())
    solver = solver_class(velocity, 0.0, y0, times[-1], rtol=max(rtol, 1e-13), atol=atol)
    try:
        while solver.status == "running":
            solver.step()
            if solver.status == "failed" or not np.abs(solver.y).max() <= bound:
                return _stack(out, y0), _diverged(solver.t, "values beyond every bound or a step size that underflows")
            passed = times[len(out) :][times[len(out) :] <= solver.t]
            if len(passed):
                states = solver.dense_output()(passed).T
                if passed[-1] == solver.t:
                    states[-1] = solver.y
                out.extend(states)
            report(solver.t)
    except KeyboardInterrupt:
        return _stack(out, y0), KeyboardInterrupt
    return np.array(out), None


def _stack(states: list[np.ndarray], y0: np.ndarray) -> np.ndarray:
    return np.array(states).reshape(len(states), len(y0))


def _kernel(rule: OnlineSGD) -> Any:
    """Return the compiled right-hand side for the rule's activations; the others stay uncompiled."""
    names = {rule.student.name, rule.teacher.name}
    if names == {"erf"}:
        from tutelage.online.kernels.erf import erf_velocity

        return erf_velocity
    if names == {"linear"}:
        from tutelage.online.kernels.linear import linear_velocity

        return linear_velocity
    from tutelage.online.kernels.mixed import mixed_velocity

    return mixed_velocity


def _model(rule: OnlineSGD, state: Overlaps) -> Any:
    """Return the constants of a run for the compiled kernels."""
    from tutelage.kernels.orthant import CODES
    from tutelage.online.kernels.model import Model

    codes = CODES[rule.student.name], CODES[rule.teacher.name]
    return Model(*codes, *rule.rates, np.array(state.T), np.array(state.v_star))


def _compiled_velocity(rule: OnlineSGD, state: Overlaps) -> Callable[[float, np.ndarray], np.ndarray]:
    """Return the compiled right-hand side as a function of (alpha, y)."""
    from tutelage.online.kernels.model import workspace

    kernel, model, P = _kernel(rule), _model(rule, state), state.students + state.teachers
    C, a, work = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P))

    def velocity(_: float, y: np.ndarray) -> np.ndarray:
        dy = np.empty_like(y)
        kernel(np.ascontiguousarray(y), model, C, a, work, dy)
        return dy

    return velocity


def _plain_velocity(rule: OnlineSGD, state: Overlaps) -> Callable[[float, np.ndarray], np.ndarray]:
    """Return :func:`right_hand_side` as a function of (alpha, y)."""
    K, M = state.students, state.teachers

    def velocity(_: float, y: np.ndarray) -> np.ndarray:
        Q = y[K * M : K * M + K * K].reshape(K, K)
        here = Overlaps.unchecked((Q + Q.T) / 2, y[: K * M].reshape(K, M), state.T, y[K * M + K * K :], state.v_star)
        return np.concatenate([part.ravel() for part in _order(right_hand_side(rule, here))])

    return velocity


def _order(velocity: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the parts of a velocity in the order of the state vector."""
    return velocity.R, velocity.Q, velocity.v
