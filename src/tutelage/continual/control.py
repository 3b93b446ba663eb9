"""Optimal protocols: schedules of learning rate and replay that leave the smallest error at a given time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.continual.descent import Search
from tutelage.continual.phases import Phase
from tutelage.continual.settings import described
from tutelage.continual.state import MultiTask
from tutelage.continual.transcription import ATOL, RTOL, STEP, TINY, Course, course_of
from tutelage.errors import check_count, check_type, refuse
from tutelage.online.integration import check_compiled
from tutelage.online.ode import describe
from tutelage.online.rule import OnlineSGD
from tutelage.progress import progress as progress_bar
from tutelage.version import __version__

__all__ = ["OptimalProtocol", "optimal_protocol"]


@dataclass(frozen=True, eq=False)
class OptimalProtocol:
    """The best schedule that was found, next to the best constant choice.

    Attributes
    ----------
    times : array, shape (pieces + 1,)
        Where pieces begin and end.
    controls : dict of arrays, shape (pieces,)
        "lr", "replay" or both.
    phases : tuple of Phase
        The schedule, for :func:`tutelage.continual.solve` and :func:`tutelage.continual.simulate`.
    error : float
        Mean generalisation error of the tasks in `goal` at the end.
    errors : array, shape (tasks,)
        Of each task at the end.
    constant : dict of float
        The best controls that do not change.
    constant_phases : tuple of Phase
    constant_error, constant_errors
        With these.
    goal : tuple of int
        Tasks whose errors are averaged.
    found : array, shape (starts,)
        What each start led to; the first from the best constant. NaN where one was not finished.
    history : array, shape (evaluations,)
        The smallest error so far, after each evaluation of a schedule.
    provenance : dict
        All that makes it again, ready for JSON.
    """

    times: np.ndarray
    controls: dict[str, np.ndarray]
    phases: tuple[Phase, ...]
    error: float
    errors: np.ndarray
    constant: dict[str, float]
    constant_phases: tuple[Phase, ...]
    constant_error: float
    constant_errors: np.ndarray
    goal: tuple[int, ...]
    found: np.ndarray
    history: np.ndarray
    provenance: dict[str, Any] = field(repr=False)

    @property
    def factor(self) -> float:
        """The best constant choice's error in that of the schedule, >= 1."""
        return max(self.constant_error, TINY) / max(self.error, TINY)

    def __str__(self) -> str:
        of = f"task {self.goal[0]}" if len(self.goal) == 1 else f"tasks {', '.join(map(str, self.goal))} (mean)"
        lines = [
            f"Schedule of {' and '.join(self.controls)} for the error of {of} at alpha = {self.times[-1]:g}",
            f"  best schedule  {self.error:.4g}",
            f"  best constant  {self.constant_error:.4g}  "
            f"({', '.join(f'{name} = {value:.4g}' for name, value in self.constant.items())})",
            f"  factor         {self.factor:.4g}",
            "  from      to        " + "  ".join(f"{name:<8}" for name in self.controls).rstrip(),
        ]
        for p, (begin, end) in enumerate(zip(self.times, self.times[1:], strict=False)):
            row = "  ".join(f"{values[p]:<8.4g}" for values in self.controls.values())
            lines.append(f"  {begin:<8.4g}  {end:<8.4g}  {row}".rstrip())
        return "\n".join(lines)


def optimal_protocol(
    rule: OnlineSGD,
    state: MultiTask,
    phase: Phase,
    pieces: int | ArrayLike = 10,
    control: str | Sequence[str] = "lr",
    *,
    replayed: int | None = None,
    goal: int | Sequence[int] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    starts: int = 3,
    seed: int = 0,
    iterations: int = 200,
    progress: bool = True,
) -> OptimalProtocol:
    r"""Return the schedule that minimises the mean generalisation error at the end of a phase.

    Controls are constant in each of several pieces of the phase, and minimise

    .. math:: \log \frac{1}{|G|} \sum_{t \in G} \epsilon_t(\alpha_{\mathrm{end}})

    of the equations of motion within their bounds (optimal control of order parameters as in Mori, Sarao Mannelli &
    Mignacco 2024, "Optimal protocols for continual learning via statistical physics and control theory", here by direct
    transcription): L-BFGS-B on log lr and on the share, with central differences of solutions (relative tolerance
    1e-10), from the best constant choice and from random schedules about it. A minimum is a local one; ``found`` tells
    whether several starts agree.

    Parameters
    ----------
    rule : OnlineSGD
    state : MultiTask
        At the beginning of the phase; may have one task only.
    phase : Phase
        Its task, its whole duration, and all that is not controlled.
    pieces : int or array, shape (pieces,)
        How many of equal length; or their lengths in any unit.
    control : {"lr", "replay"} or both
        "lr": the learning rate, with that of the readout where neither rule nor phase give it one of its own.
        "replay": the share of steps on the task `replayed`.
    replayed : int, optional
        Default: the other one of two tasks.
    goal : int or sequence of int, optional
        Tasks whose errors are averaged. Default: all.
    bounds : mapping from control to (low, high), optional
        Default: of "lr" 0.01 and 10 times the phase's (or rule's), of "replay" 0 and 1.
    starts : int
        Descents: one from the best constant, others from random schedules.
    seed : int
        Of those; start i is the same however many there are.
    iterations : int
        Of each descent, at most.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    OptimalProtocol
        Never worse than the best constant choice. After Ctrl-C: the best so far, with a warning.

    Raises
    ------
    ArgumentError
        Naming the argument.
    KeyboardInterrupt
        If nothing had been found by then.

    Examples
    --------
    The error of one linear unit with noisy labels obeys a law whose best learning rate falls with the error:

    >>> start = MultiTask(Q=[[0.0]], R=[[0.0]], T=[[1.0]], heads=[[1.0]], readouts=[[1.0]])
    >>> best = optimal_protocol(OnlineSGD("linear", noise=0.5), start, Phase(task=0, alpha=10), pieces=3, starts=1)
    >>> print(best)
    Schedule of lr for the error of task 0 at alpha = 10
      best schedule  0.01879
      best constant  0.02389  (lr = 0.2569)
      factor         1.271
      from      to        lr
      0         3.333     0.5288
      3.333     6.667     0.2623
      6.667     10        0.1573
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, MultiTask)
    check_type("phase", phase, Phase)
    check_compiled(rule)
    course = course_of(rule, state, phase, pieces, control, replayed, goal, bounds)
    starts, seed = check_count("starts", starts), check_count("seed", seed, minimum=0)
    iterations = check_count("iterations", iterations)
    settings: dict[str, Any] = {
        "tutelage_version": __version__,
        "rule": describe(rule),
        "state": {name: getattr(state, name).tolist() for name in ("Q", "R", "T", "heads", "readouts")},
        "phase": described(phase),
        "pieces": course.lengths.tolist(),
        "control": list(course.names),
        "replayed": course.other,
        "goal": list(course.goal),
        "bounds": {
            name: [float(a), float(b)] for name, a, b in zip(course.names, course.low, course.high, strict=True)
        },
        "starts": starts,
        "seed": seed,
        "iterations": iterations,
        "interrupted": False,
        "gradient": f"central differences of {STEP:g} of solutions with rtol {RTOL:g}, atol {ATOL:g}",
    }
    constant, schedule, found = Search(course.constant), Search(course), np.full(starts, np.nan)
    with progress_bar("schedule", float(1 + starts), progress) as bar:
        try:
            constant.scan(iterations, bar.update)
            for start in range(starts):
                begin = course.spread(_known(constant))
                if start:
                    begin = schedule.shaken(begin, np.random.default_rng([seed, start]))
                least = schedule.descend(begin, iterations, lambda done, start=start: bar.update(1 + start + done))  # type: ignore[misc]
                found[start] = np.exp(least)
        except KeyboardInterrupt:
            if constant.x is None:
                raise
            settings["interrupted"] = True
            warnings.warn("interrupted: the best schedule so far is kept", stacklevel=2)
    return _result(course, _known(constant), schedule, found, settings)


def _known(search: Search) -> np.ndarray:
    if search.x is None:
        raise refuse("bounds", "contain a learning rate that converges", "have none: the equations diverge for all")
    return search.x


def _result(
    course: Course, same: np.ndarray, schedule: Search, found: np.ndarray, settings: dict[str, Any]
) -> OptimalProtocol:
    goal, flat = list(course.goal), course.spread(same)
    x = flat if schedule.x is None else schedule.x
    errors, constant_errors = course.errors(x), course.errors(flat)
    if constant_errors[goal].mean() < errors[goal].mean():
        x, errors = flat, constant_errors
    return OptimalProtocol(
        times=np.append(0.0, np.cumsum(course.lengths)),
        controls=course.controls(x),
        phases=tuple(course.phases(x)),
        error=float(errors[goal].mean()),
        errors=errors,
        constant={name: float(value[0]) for name, value in course.constant.controls(same).items()},
        constant_phases=tuple(course.constant.phases(same)),
        constant_error=float(constant_errors[goal].mean()),
        constant_errors=constant_errors,
        goal=course.goal,
        found=found,
        history=np.exp(schedule.history),
        provenance=settings,
    )
