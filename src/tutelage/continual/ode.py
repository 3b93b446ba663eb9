"""The ODE view of continual learning: phase after phase in the limit of large N."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.continual.equations import Hold
from tutelage.continual.phases import Phase, Resolved, resolve
from tutelage.continual.protocol import Snapshots, anchored, copied, restarted, with_snapshot
from tutelage.continual.record import Log, dataset
from tutelage.continual.settings import described
from tutelage.continual.state import MultiTask
from tutelage.continual.vector import compiled, model_of, state_of, vector_of
from tutelage.errors import DivergenceError, check_flag, check_number, check_times, check_type, refuse
from tutelage.online.integration import FINE, check_compiled
from tutelage.online.ode import describe
from tutelage.online.rule import OnlineSGD
from tutelage.online.runs import BOUND
from tutelage.online.vector import units
from tutelage.progress import progress as progress_bar

if TYPE_CHECKING:
    import xarray

__all__ = ["passed", "solve", "times_of"]

SLICE = 0.1  # seconds of compiled work between two looks at the keyboard
LEAST = 8  # steps in a slice
BISECTIONS = 60


def solve(
    rule: OnlineSGD,
    state: MultiTask,
    phases: Sequence[Phase] | Phase,
    alpha: ArrayLike | None = None,
    *,
    rtol: float = 1e-8,
    atol: float = 1e-10,
    snapshots: bool = False,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Integrate the equations of motion through all phases (:mod:`tutelage.continual.equations`).

    Parameters
    ----------
    rule : OnlineSGD
        Activations, learning rates, label noise and so on, where a phase does not say otherwise. With train="first"
        heads stay as they are.
    state : MultiTask
        At alpha = 0.
    phases : sequence of Phase
    alpha : array, shape (times,), optional
        Increasing times >= 0, in steps / N from the beginning of the first phase, at most the sum of all durations;
        they may end earlier. At a switch the state before it is kept. Default: 0 and, of each phase, forty times
        evenly in the logarithm of the time since its beginning, and forty evenly in time.
    rtol, atol : float
        Tolerance of each step.
    snapshots : bool
        Whether to follow the student's overlaps with itself at the end of every phase. Else only those are known that
        consolidations hold on to.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        ``eg`` (alpha, task), ``Q`` (alpha, student, student), ``R`` (alpha, student, teacher) with all teachers' units
        stacked, ``heads`` (alpha, head, student), ``phase`` (alpha), ``switch`` (phase_end), the times at which phases
        end, ``eg_switch``, ``Q_switch``, ``R_switch`` and ``heads_switch`` (phase_end first) the state there, before
        anything is copied or drawn anew; ``T``, ``readouts`` and the start. With snapshots ``S`` (alpha, phase_end,
        student, student), overlaps :math:`w_k \cdot w_l / N` with the student at the end of a phase, missing before.
        Where a phase ends early (``until``) the later ones begin earlier, and at times beyond the end of all phases the
        state is NaN, so that theory and simulation have the same times. After Ctrl-C: what was reached, with a warning.

    Raises
    ------
    ArgumentError
        Naming the argument, or the phase and what of it cannot be.
    DivergenceError
        When the state leaves every bound; its ``dataset`` holds the times before.

    Examples
    --------
    >>> from tutelage.continual import MultiTask, Phase, two_teachers
    >>> start = MultiTask.random(2, two_teachers(dim=500), std=0.1)
    >>> rule = OnlineSGD(lr=1.0, train="both")
    >>> ds = solve(rule, start, [Phase(task=0, alpha=50), Phase(task=1, alpha=50)], alpha=[0, 50, 100])
    >>> ds.eg.dims, bool(ds.eg[1, 0] < 0.01), bool(ds.eg[2, 0] > 0.02)
    (('alpha', 'task'), True, True)
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, MultiTask)
    check_compiled(rule)
    several = resolve(rule, phases, state)
    times = times_of(several, alpha)
    rtol, atol = check_number("rtol", rtol, minimum=1e-14), check_number("atol", atol, minimum=0, strict=True)
    snapshots, log = check_flag("snapshots", snapshots), Log(state, rule)
    with progress_bar("ODE", times[-1], progress) as bar:
        ending = _run(rule, state, several, times, rtol, atol, snapshots, log, bar.update)
    settings = {"view": "continual ode", "rule": describe(rule), "rtol": rtol, "atol": atol, "alpha": times.tolist()}
    settings["snapshots"] = snapshots
    settings["phases"] = [described(each.phase) for each in several]
    result = dataset(log, state, settings)
    if isinstance(ending, DivergenceError):
        ending.dataset = result
        raise ending
    if ending is not None:
        if not log.times:
            raise ending
        warnings.warn(f"interrupted: {result.sizes['alpha']} of {len(times)} times were reached", stacklevel=2)
    return result


def times_of(phases: list[Resolved], alpha: ArrayLike | None) -> np.ndarray:
    """Return the asked times, checked; by default some of each phase."""
    lengths = [each.phase.alpha for each in phases]
    if alpha is None:
        shares = np.union1d(np.geomspace(1e-3, 1, 41)[:-1], np.linspace(0, 1, 41)[1:])
        parts, begin = [np.zeros(1)], 0.0
        for length in lengths:
            parts.append(begin + length * shares)
            begin += length
        return np.concatenate(parts)
    times = check_times("alpha", alpha)
    if times[-1] > math.fsum(lengths) * (1 + 1e-12):
        raise refuse("alpha", f"end with the phases at the latest, at {math.fsum(lengths):g}", f"ends at {times[-1]:g}")
    return times


def _run(
    rule: OnlineSGD,
    state: MultiTask,
    phases: list[Resolved],
    times: np.ndarray,
    rtol: float,
    atol: float,
    all_snapshots: bool,
    log: Log,
    report: Callable[[float], None],
) -> Any:
    """Go through all phases; return None, or the error that ended it."""
    snapshots, kept, begin = Snapshots(), anchored(phases, all_snapshots), 0.0
    if times[0] == 0:
        log.note(0.0, 0, state, {})
    for index, phase in enumerate(phases):
        if len(log.times) == len(times):
            return None
        asked = times[len(log.times) :]
        here = asked[asked <= begin + phase.phase.alpha * (1 + 1e-12)] - begin
        here = np.minimum(here, phase.phase.alpha)
        end = phase.phase.alpha if len(here) < len(asked) else here[-1]  # what comes after the last time is not asked
        leg = None
        try:
            state = restarted(copied(state, phase.phase.task, phase.phase.copy_head), phase.phase.restart)
            leg = _Leg(rule, phase, state, snapshots.holds(rule, phases, index), rtol, atol)
            reached = leg.go(here, end, lambda a, b=begin: report(b + a))  # type: ignore[misc]
        except KeyboardInterrupt as interrupt:
            if leg is None:
                return interrupt
            reached, leg.ending = leg.alpha, interrupt
        for time_, each in zip(here, leg.states, strict=False):
            log.note(begin + time_, index, each, snapshots.first)
        if leg.ending is not None:
            if isinstance(leg.ending, DivergenceError):
                leg.ending = _diverged(begin + reached)
            return leg.ending
        if reached >= end * (1 - 1e-12) and end < phase.phase.alpha:
            return None
        state = state_of(leg.y, state)
        begin += reached
        log.end(begin, state)
        if index in kept:
            snapshots.first[index], snapshots.states[index] = state.teachers, state
            state = with_snapshot(state)
    log.lack(times[len(log.times) :])
    return None


def passed(rule: OnlineSGD, state: MultiTask, phase: Resolved, rtol: float, atol: float) -> MultiTask:
    """Return the state at the end of a phase without consolidation; raise DivergenceError where there is none."""
    state = restarted(copied(state, phase.phase.task, phase.phase.copy_head), phase.phase.restart)
    leg = _Leg(rule, phase, state, [], rtol, atol)
    leg.go(np.empty(0), phase.phase.alpha, lambda _: None)
    if leg.ending is not None:
        raise leg.ending
    return state_of(leg.y, state)


def _diverged(alpha: float) -> DivergenceError:
    return DivergenceError(
        f"The order parameters diverge at alpha = {alpha:.6g} (values beyond every bound); a smaller lr may help. The "
        "results before that are in this error's `dataset`.",
        alpha,
    )


class _Leg:
    """The integration of one phase, in slices."""

    def __init__(
        self, rule: OnlineSGD, phase: Resolved, state: MultiTask, holds: list[Hold], rtol: float, atol: float
    ) -> None:
        self._rule, self._phase, self._state, self._holds = rule, phase, state, holds
        self._rtol, self._atol = rtol, atol
        self.y, self.alpha = vector_of(state), 0.0
        self.states: list[MultiTask] = []
        self.ending: Any = None
        self._velocity, self._both = compiled(rule), units(rule)
        self._model = model_of(rule, phase, state, holds, max(FINE, rtol))

    def go(self, times: np.ndarray, end: float, report: Callable[[float], None]) -> float:
        """Integrate to `end`, or to where the phase ends before; return when that was."""
        from tutelage.online.kernels import integrate as kernel

        K = self._state.students
        targets = times if len(times) and times[-1] == end else np.append(times, end)
        out, done = np.empty((len(targets), len(self.y))), 0
        tolerance, bound = np.full(len(self.y), self._atol), BOUND * max(1.0, np.abs(self.y).max())
        h = kernel.first_step(self._velocity, self.y, self._model, *self._both, K, end, self._rtol, tolerance)
        status, steps, fastest = kernel.RUNNING, LEAST, np.zeros(len(self.y) + 1)
        stop = self._phase.phase.until
        if stop is not None and self._error(self.y) <= stop:
            self.states = [self._state for t in times if t == 0]
            return 0.0
        while status == kernel.RUNNING:
            begun, before, first = time.perf_counter(), (self.y.copy(), self.alpha), done
            self.alpha, h, done, status = kernel.advance(
                self._velocity, self.y, self.alpha, h, fastest, self._model, *self._both, K, targets, done, out,
                self._rtol, tolerance, bound, steps if stop is None else LEAST,
            )  # fmt: skip
            self.states += [state_of(each, self._state) for each in out[first:done].copy()][: len(times) - first]
            report(self.alpha)
            if stop is not None and self._error(self.y) <= stop:
                return self._cross(before, times, stop, bound)
            if self._model.step and status == kernel.RUNNING:
                self._model = model_of(
                    self._rule, self._phase, state_of(self.y, self._state), self._holds, max(FINE, self._rtol)
                )
            spent = time.perf_counter() - begun
            steps = max(LEAST, min(4 * steps, int(steps * SLICE / max(spent, 1e-9))))
        if status != kernel.FINISHED:
            self.ending = _diverged(self.alpha)
        return self.alpha

    def _error(self, y: np.ndarray) -> float:
        here = state_of(y, self._state).overlaps(self._phase.phase.task)
        return here.generalisation_error(self._rule.student, self._rule.teacher)

    def _cross(self, before: tuple[np.ndarray, float], times: np.ndarray, stop: float, bound: float) -> float:
        """Bisect for the time at which the error crosses `stop`, within the slice from `before` on; end there."""
        from tutelage.online.kernels import integrate as kernel

        low, high, (y, start), K = 0.0, self.alpha - before[1], before, self._state.students
        tolerance, best = np.full(len(y), self._atol), self.y
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            if not low < middle < high or high - low < 1e-9 * max(start, 1e-6):
                break
            here, target = y.copy(), np.array([middle])
            out = np.empty((1, len(y)))
            h = kernel.first_step(self._velocity, here, self._model, *self._both, K, middle, self._rtol, tolerance)
            fastest = np.zeros(len(y) + 1)
            kernel.advance(
                self._velocity, here, 0.0, h, fastest, self._model, *self._both, K, target, 0, out, self._rtol,
                tolerance, bound, 100_000,
            )  # fmt: skip
            if self._error(out[0]) <= stop:
                high, best = middle, out[0].copy()
            else:
                low = middle
        self.y, self.alpha = best, start + high
        self.states = self.states[: int((times <= self.alpha).sum())]
        return self.alpha
