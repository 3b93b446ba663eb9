"""How a trajectory is integrated: by our compiled pair, slice by slice, or by one of SciPy's integrators."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tutelage.errors import ArgumentError, DivergenceError, refuse
from tutelage.online.rule import OnlineSGD
from tutelage.online.runs import BOUND
from tutelage.online.tail import INTERRUPTED, Tail
from tutelage.online.vector import compiled_velocity, constants, start_vector, state_of, units, way
from tutelage.overlaps import Overlaps

__all__ = [
    "Report",
    "Trajectory",
    "check_compiled",
    "integrate",
    "integrate_scipy",
    "integrate_velocity",
    "quadrature_step",
    "refined",
    "velocity_function",
]

FINE = 1e-10  # the averages of general activations are as good as this, or as rtol
IMPOSSIBLE = 1e-6  # of the largest eigenvalue: a covariance with one more negative is that of no weights
SLICE = 0.1  # seconds of compiled work between two looks at the keyboard
TIGHTER, TIGHTEST = 0.1, 1e-12  # rtol of a slice that is done again, of rtol before; and where that ends
LEAST = 8  # steps in a slice
SHORT, LONG, TIGHT = 0.03, 2000, 1e-9  # rounding holds up: step times fastest rate below, for steps, at rtol below
WATCH = 4  # steps between two looks for the neighbourhood of perfect learning

Report = Callable[[float], None]
Velocity = Callable[[float, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """States (R, Q, v) at the times reached, shape (times, size), and how it ended.

    `ending` is None, a DivergenceError without its dataset, or KeyboardInterrupt. `errors` holds the generalisation
    error where the integrator knows it better than the overlaps do, NaN elsewhere. `quadrature` is the measured error
    of the velocity by quadrature, relative to max(1, velocity), at the start or the end, whichever is larger.
    """

    states: np.ndarray
    ending: Any = None
    errors: np.ndarray = field(default_factory=lambda: np.empty(0))
    quadrature: float | None = None


def integrate(
    rule: OnlineSGD, state: Overlaps, times: np.ndarray, rtol: float, atol: float, report: Report
) -> Trajectory:
    """Integrate by the compiled pair of order 8(5, 3), in slices of SLICE seconds.

    Close to perfect learning it goes over to the equations in differences (:mod:`tutelage.online.tail`). Where units
    coincide but slowly, errors can make overlaps that no weights have: such a slice is done again, and the rest of the
    run with it, with a tolerance ten times tighter. Where rounding holds the steps up, the tolerance becomes ten times
    wider, with a warning.
    """
    from tutelage.online.kernels import integrate as kernel

    accuracy, y, K, both = max(FINE, rtol), start_vector(state), state.students, units(rule)
    velocity, model, chosen = (
        compiled_velocity(rule),
        constants(rule, state, quadrature_step(rule, state, accuracy)),
        state,
    )
    out, errors = np.empty((len(times), len(y))), np.full(len(times), np.nan)
    tolerance, bound = np.full(len(y), atol), BOUND * max(1.0, np.abs(y).max())
    alpha, done, status, steps = 0.0, 0, kernel.RUNNING, LEAST
    h = kernel.first_step(velocity, y, model, *both, K, max(times[-1], 1e-12), rtol, tolerance)
    watched, fastest, slow = Tail.possible(rule, state), np.zeros(len(y) + 1), 0
    try:
        while status == kernel.RUNNING:
            begin, first, before = time.perf_counter(), done, (y.copy(), alpha, h, done)
            alpha, h, done, status = kernel.advance(
                velocity, y, alpha, h, fastest, model, *both, K, times, done, out, rtol, tolerance, bound, steps
            )
            if model.step and (bad := _impossible(state, [*out[first:done], y])) is not None:
                if rtol * TIGHTER < TIGHTEST:
                    why = "overlaps that no weights have, as students that coincide drift apart"
                    return Trajectory(out[: first + bad], diverged(alpha, why), errors[: first + bad])
                (y, alpha, h, done), status = before, kernel.RUNNING
                rtol, tolerance = rtol * TIGHTER, tolerance * TIGHTER
                accuracy = max(FINE, rtol)
                model = model._replace(step=quadrature_step(rule, chosen, accuracy))
                continue
            report(alpha)
            slow = slow + steps if h * fastest[-1] < SHORT and rtol < TIGHT else 0
            if slow > LONG and status == kernel.RUNNING:
                rtol, tolerance, slow = rtol / TIGHTER, tolerance / TIGHTER, 0
                _warn_of_rounding(alpha, rtol)
            if model.step and status == kernel.RUNNING:
                model, chosen = refined(rule, state, y, chosen, model, accuracy)
            if watched and status == kernel.RUNNING and (tail := Tail.enter(rule, state, y)):
                status, done = tail.integrate(alpha, h, times, done, out, errors, rtol, report)
                if status == INTERRUPTED:
                    raise KeyboardInterrupt
            spent = time.perf_counter() - begin
            steps = WATCH if watched else max(LEAST, min(4 * steps, int(steps * SLICE / max(spent, 1e-9))))
    except KeyboardInterrupt:
        return Trajectory(out[:done], KeyboardInterrupt, errors[:done])
    except ArgumentError as error:  # of a quadrature that would have to be finer than it can be
        return Trajectory(out[:done], diverged(alpha, str(error)), errors[:done])
    if status == kernel.FINISHED:
        return Trajectory(out, None, errors, _measured(rule, (state, chosen, state_of(y, state)), model.step))
    why = "values beyond every bound" if status == kernel.DIVERGED else "the step size underflows"
    return Trajectory(out[:done], diverged(alpha, why), errors[:done])


def _warn_of_rounding(alpha: float, rtol: float) -> None:
    warnings.warn(
        f"`rtol` is below the rounding of the equations from alpha = {alpha:.6g} on, where steps would become ever "
        f"shorter: the run goes on with {rtol:.1g}",
        stacklevel=4,
    )


def integrate_scipy(
    rule: OnlineSGD, state: Overlaps, times: np.ndarray, method: str, rtol: float, atol: float, report: Report
) -> Trajectory:
    """Integrate by one of SciPy's solvers, step by step."""
    return integrate_velocity(velocity_function(rule, state), start_vector(state), times, method, rtol, atol, report)


def integrate_velocity(
    velocity: Velocity,
    y0: np.ndarray,
    times: np.ndarray,
    method: str,
    rtol: float,
    atol: float,
    report: Report,
    observe: Callable[[np.ndarray], float] = lambda _: math.nan,
) -> Trajectory:
    """Integrate dy/dalpha = velocity(alpha, y) from y0 by one of SciPy's solvers, step by step.

    Steps of the explicit one stay stable at rest, as those of the compiled pair do, at the cost of a velocity a step.
    `observe` gives the generalisation error of a state, as soon as one is known.
    """
    from scipy.integrate import BDF, DOP853, LSODA, Radau

    solver_class = {"dop853": DOP853, "lsoda": LSODA, "radau": Radau, "bdf": BDF}[method]
    out: list[np.ndarray] = []
    errors: list[float] = []
    bound = BOUND * max(1.0, np.abs(y0).max())

    def record(states: Iterable[np.ndarray]) -> None:
        for y in states:
            errors.append(observe(y))
            out.append(y)

    def trajectory(ending: Any = None) -> Trajectory:
        return Trajectory(np.array(out).reshape(len(out), len(y0)), ending, np.array(errors[: len(out)]))

    try:
        record([y0] if times[0] == 0 else [])
        if len(out) == len(times):
            return trajectory()
        solver = solver_class(velocity, 0.0, y0, times[-1], rtol=max(rtol, 1e-13), atol=atol)
        stable = _Stable(rtol, atol, velocity, solver) if method == "dop853" else None
        while solver.status == "running":
            solver.step()
            if solver.status == "failed" or not np.abs(solver.y).max() <= bound:
                why = "values beyond every bound, or a step size that underflows"
                return trajectory(diverged(solver.t, why))
            passed = times[len(out) :][times[len(out) :] <= solver.t]
            if len(passed):
                states = solver.dense_output()(passed).T
                if passed[-1] == solver.t:
                    states[-1] = solver.y
                record(states)
            if stable and solver.status == "running":
                stable.bound()
            report(solver.t)
    except KeyboardInterrupt:
        return trajectory(KeyboardInterrupt)
    return trajectory()


class _Stable:
    """Bounds the steps of an explicit solver by the fastest rate (:mod:`tutelage.online.kernels.integrate`)."""

    def __init__(self, rtol: float, atol: float, velocity: Velocity, solver: Any) -> None:
        from tutelage.online.kernels import integrate as kernel

        self._kernel, self._velocity, self._solver = kernel, velocity, solver
        self._rtol, self._atol = rtol, np.full(len(solver.y), atol)
        self._fastest = np.zeros(len(solver.y) + 1)
        kernel.begin_to_watch(self._fastest)
        for _ in range(kernel.LOOKS):
            self._fastest[-1] = 0.0  # of a direction that is none yet
            self.bound()

    def bound(self) -> None:
        """Look at the rate where the solver is, and bound its next step."""
        y, moved = self._solver.y, np.empty_like(self._solver.y)
        self._kernel.probe(y, self._rtol, self._atol, self._fastest, moved)
        there = self._velocity(self._solver.t, moved)
        self._kernel.learn(y, self._solver.f, there, self._rtol, self._atol, self._fastest)
        self._solver.max_step = self._kernel.STABLE / max(self._fastest[-1], 1e-300)


def diverged(alpha: float, why: str) -> DivergenceError:
    """Return the error of a run that left every bound at `alpha`."""
    return DivergenceError(
        f"The order parameters diverge at alpha = {alpha:.6g} ({why}); a smaller lr may help. The results before that "
        "are in this error's `dataset`.",
        alpha,
    )


def velocity_function(rule: OnlineSGD, state: Overlaps) -> Velocity:
    """Return the right-hand side as a function of (alpha, y)."""
    from tutelage.online.kernels.model import workspace

    P = state.students + state.teachers
    kernel, model, both = (
        compiled_velocity(rule),
        constants(rule, state, quadrature_step(rule, state, FINE)),
        units(rule),
    )
    C, a, work = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P))

    def compiled(_: float, y: np.ndarray) -> np.ndarray:
        dy = np.empty_like(y)
        kernel(np.ascontiguousarray(y), model, *both, C, a, work, dy)
        return dy

    return compiled


def check_compiled(rule: OnlineSGD) -> None:
    """Refuse activations whose equations of motion cannot be compiled."""
    if way(rule) is not None:
        return
    for name, unit in (("activation", rule.student), ("teacher_activation", rule.teacher)):
        if unit.kinks or unit.unit is None:
            but = f"{unit.name!r} has kinks at {unit.kinks}" if unit.kinks else f"{unit.name!r} cannot be compiled"
            must = "be smooth, or be mixed with no others than erf, linear and (leaky) ReLU, for equations of motion"
            raise refuse(name, must, f'{but}; tl.simulate with engine="chain" takes it')


def quadrature_step(rule: OnlineSGD, state: Overlaps, tolerance: float) -> float:
    """Return the step of the quadrature for an error `tolerance` of the averages; 0 where there is no quadrature."""
    if way(rule) != "general":
        return 0.0
    from tutelage.online.resolution import choose_step

    return choose_step(rule, state, tolerance)


def _impossible(begin: Overlaps, states: list[np.ndarray]) -> int | None:
    """Return the first of some state vectors whose covariance is not positive semidefinite, up to the tolerances."""
    for index, y in enumerate(states):
        C = state_of(y, begin).covariance
        if np.isfinite(C).all():
            values = np.linalg.eigvalsh(C)
            if values[0] < -IMPOSSIBLE * values[-1]:
                return index
    return None


def _measured(rule: OnlineSGD, states: tuple[Overlaps, ...], step: float) -> float | None:
    """Return the largest error of the velocity that a quadrature makes at any of `states`; None where there is none."""
    if not step:
        return None
    from tutelage.online.resolution import measured_error

    return max(measured_error(rule, here, step) for here in states)


def refined(rule: OnlineSGD, state: Overlaps, y: np.ndarray, chosen: Overlaps, model: Any, tolerance: float) -> Any:
    """Return the constants, with another step where the state has outgrown that it was `chosen` for; and that."""
    from tutelage.online.resolution import outgrown

    here = state_of(y.copy(), state)
    if not outgrown(here, chosen):
        return model, chosen
    return model._replace(step=quadrature_step(rule, here, tolerance)), here
