"""A phase in pieces, each with learning rate and replay of its own: its final error, and the gradient of that.

Direct transcription: what is sought are the numbers of all pieces. A learning rate enters by its logarithm, a share of
replay as it is, so that it may be 0 or 1. A number of piece p moves only what comes after; so the gradient by central
differences starts each solution from the kept state at the beginning of its piece, and costs 1 + pieces solutions of
the equations for each control.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tutelage.continual.ode import passed
from tutelage.continual.phases import Phase, Resolved, resolve
from tutelage.continual.state import MultiTask
from tutelage.errors import DivergenceError, check_choice, check_count, check_number, check_vector, refuse
from tutelage.online.rule import OnlineSGD

__all__ = ["Course", "course_of"]

CONTROLS = ("lr", "replay")
RANGE = 0.01, 10.0  # of learning rates, in those of the phase
RTOL, ATOL = 1e-10, 1e-13  # of a solution
STEP = 3e-4  # of differences, in the logarithm of a learning rate, or in a share
TINY = 1e-300  # errors below are taken for this


@dataclass(frozen=True, eq=False)
class Course:
    """What is minimised, as a function of a vector x: the controls of all pieces, control after control.

    Attributes
    ----------
    rule : OnlineSGD
    state : MultiTask
        At the beginning.
    phase : Phase
        All of it, with what is the same in each piece.
    lengths : array, shape (pieces,)
        Durations of the pieces.
    names : tuple of str
        Of "lr" and "replay".
    other : int or None
        The task that is replayed.
    goal : tuple of int
        Tasks whose errors are averaged.
    low, high : array, shape (controls,)
        Bounds, of the controls themselves.
    """

    rule: OnlineSGD
    state: MultiTask
    phase: Phase
    lengths: np.ndarray
    names: tuple[str, ...]
    other: int | None
    goal: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray

    @property
    def constant(self) -> Course:
        """The same in one piece."""
        return replace(self, lengths=np.array([self.phase.alpha]))

    @property
    def bounds(self) -> np.ndarray:
        """Bounds of x, (size, 2)."""
        pairs = [
            [math.log(a), math.log(b)] if name == "lr" else [a, b]
            for name, a, b in zip(self.names, self.low, self.high, strict=True)
        ]
        return np.repeat(pairs, len(self.lengths), axis=0)

    def spread(self, x: np.ndarray) -> np.ndarray:
        """Return the x of controls that are the same in all pieces, from those of one piece."""
        return np.repeat(x, len(self.lengths))

    def controls(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return the controls (pieces,) by name, within their bounds to the last digit."""
        rows = x.reshape(len(self.names), -1)
        return {
            name: np.clip(np.exp(row) if name == "lr" else row, low, high)
            for name, row, low, high in zip(self.names, rows, self.low, self.high, strict=True)
        }

    def phases(self, x: np.ndarray) -> list[Phase]:
        """Return the pieces as phases; what is done once, at the beginning, is done in the first."""
        controls = self.controls(x)
        return [self._piece(controls, p) for p in range(len(self.lengths))]

    def errors(self, x: np.ndarray) -> np.ndarray:
        """Return the final error of each task (tasks,); raise DivergenceError where there is none."""
        return self._errors(self._states(self._resolved(self.phases(x)), self.state)[-1])

    def value(self, x: np.ndarray) -> float:
        """Return the logarithm of the mean final error; infinity where the equations diverge."""
        try:
            return self._value(self._states(self._resolved(self.phases(x)), self.state)[-1])
        except DivergenceError:
            return math.inf

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the same and its gradient, zero where it is infinite, or where a neighbour's is."""
        pieces = self._resolved(self.phases(x))
        try:
            states = self._states(pieces, self.state)
        except DivergenceError:
            return math.inf, np.zeros_like(x)
        here, gradient = self._value(states[-1]), np.empty_like(x)
        for i, (low, high) in enumerate(self.bounds):
            p = i % len(pieces)

            def at(shift: float, i: int = i, p: int = p) -> float:
                moved = x.copy()
                moved[i] += shift
                other = self._resolved([self._piece(self.controls(moved), p)])
                try:
                    return self._value(self._states(other + pieces[p + 1 :], states[p])[-1])
                except DivergenceError:
                    return math.nan

            if low <= x[i] - STEP and x[i] + STEP <= high:
                gradient[i] = (at(STEP) - at(-STEP)) / (2 * STEP)
            else:  # at a bound: three points on its inner side
                inward = STEP if x[i] - STEP < low else -STEP
                gradient[i] = (4 * at(inward) - at(2 * inward) - 3 * here) / (2 * inward)
        return here, np.nan_to_num(gradient)

    def _piece(self, controls: dict[str, np.ndarray], p: int) -> Phase:
        given: dict[str, object] = {"alpha": float(self.lengths[p])}
        if "lr" in controls:
            given["lr"] = float(controls["lr"][p])
        if "replay" in controls:
            given["replay"] = {self.other: float(controls["replay"][p])}
        if p:
            given |= {"copy_head": None, "restart": None}
        return replace(self.phase, **given)  # type: ignore[arg-type]

    def _resolved(self, phases: list[Phase]) -> list[Resolved]:
        return resolve(self.rule, phases, self.state)

    def _states(self, pieces: list[Resolved], state: MultiTask) -> list[MultiTask]:
        """Return the state at the beginning of each of some pieces, and at their end."""
        states = [state]
        for piece in pieces:
            states.append(passed(self.rule, states[-1], piece, RTOL, ATOL))
        return states

    def _errors(self, state: MultiTask) -> np.ndarray:
        return state.errors(self.rule.student, self.rule.teacher)

    def _value(self, state: MultiTask) -> float:
        return math.log(max(self._errors(state)[list(self.goal)].mean(), TINY))


def course_of(
    rule: OnlineSGD, state: MultiTask, phase: Phase, pieces: Any, control: Any, replayed: Any, goal: Any, bounds: Any
) -> Course:
    """Return what is minimised, checked."""
    resolve(rule, phase, state)  # refuses what cannot be
    for name in ("until", "consolidate", "interleave"):
        if getattr(phase, name) not in (None, ()):
            raise refuse(f"phase: {name}", "be left out of an optimal protocol", f"is {getattr(phase, name)!r}")
    names = tuple(
        check_choice("control", each, CONTROLS) for each in ([control] if isinstance(control, str) else control)
    )
    if not names or len(set(names)) < len(names):
        raise refuse("control", 'be "lr", "replay" or both', f"is {control!r}")
    limits = _limits(rule, state, phase, names, bounds)
    other = _other(state, phase, replayed) if "replay" in names else None
    tasks = range(state.tasks) if goal is None else [goal] if np.isscalar(goal) else goal
    chosen = tuple(check_count("goal", task, minimum=0) for task in tasks)
    if not chosen or max(chosen) >= state.tasks or len(set(chosen)) < len(chosen):
        raise refuse("goal", f"be different tasks of 0, ..., {state.tasks - 1}", f"is {goal!r}")
    low, high = np.array([limits[name] for name in names]).T
    return Course(rule, state, phase, _lengths(pieces, phase.alpha), names, other, chosen, low, high)


def _limits(
    rule: OnlineSGD, state: MultiTask, phase: Phase, names: tuple[str, ...], bounds: Any
) -> dict[str, tuple[float, float]]:
    """Return the bounds of each control."""
    lr = rule.lr if phase.lr is None else phase.lr
    limits = {"lr": (lr * RANGE[0], lr * RANGE[1]), "replay": (0.0, 1.0)}
    for name, pair in dict(bounds or {}).items():
        limits[check_choice("bounds", name, names)] = _pair(name, pair)
    if "lr" not in names:
        return limits
    if limits["lr"][0] == 0:
        raise refuse("bounds", "have a lowest lr > 0, as it is sought by its logarithm", "have 0")
    moved = resolve(rule, replace(phase, lr=limits["lr"][1]), state)[0]
    if not (moved.lr.any() or moved.lr_readout):
        raise refuse("control", "be of something that moves", 'is "lr", but no layer is trained')
    return limits


def _pair(name: str, pair: Any) -> tuple[float, float]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise refuse(f"bounds[{name!r}]", "be (low, high)", f"is {pair!r}")
    low, high = (check_number(f"bounds[{name!r}]", each, minimum=0) for each in pair)
    if not low < high or (name == "replay" and high > 1):
        raise refuse(f"bounds[{name!r}]", "increase" + (" within 0 and 1" if name == "replay" else ""), f"is {pair!r}")
    return low, high


def _other(state: MultiTask, phase: Phase, replayed: Any) -> int:
    if phase.replay is not None:
        raise refuse("phase: replay", "be left out where it is sought", f"is {dict(phase.replay)}")
    if replayed is None:
        if state.tasks != 2:
            raise refuse("replayed", f"be given, as there are {state.tasks} tasks", "is not")
        return 1 - phase.task
    other = check_count("replayed", replayed, minimum=0)
    if other == phase.task or other >= state.tasks:
        raise refuse("replayed", f"be another task of 0, ..., {state.tasks - 1}", f"is {other}")
    return other


def _lengths(pieces: Any, alpha: float) -> np.ndarray:
    if np.isscalar(pieces):
        count = check_count("pieces", pieces)
        return np.full(count, alpha / count)
    lengths = check_vector("pieces", pieces, "pieces")
    if lengths.min() <= 0:
        raise refuse("pieces", "be lengths > 0", f"have {lengths.min():g}")
    return lengths * (alpha / lengths.sum())
