"""From a phase and a state to what the compiled equations take, and back."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from tutelage.continual.equations import Hold, view
from tutelage.continual.phases import Resolved
from tutelage.continual.state import MultiTask
from tutelage.online.integration import quadrature_step
from tutelage.online.rule import OnlineSGD
from tutelage.online.vector import constants, way
from tutelage.overlaps import Overlaps

__all__ = ["compiled", "model_of", "state_of", "unchecked", "vector_of"]


def vector_of(state: MultiTask) -> np.ndarray:
    """Return the state vector (R row by row, Q row by row, heads row by row)."""
    return np.concatenate([state.R.ravel(), state.Q.ravel(), state.heads.ravel()])


def unchecked(Q: np.ndarray, R: np.ndarray, T: np.ndarray, heads: np.ndarray, readouts: np.ndarray) -> MultiTask:
    """Return a state without looking at its arrays."""
    state = object.__new__(MultiTask)
    vars(state).update(Q=Q, R=R, T=T, heads=heads, readouts=readouts)
    return state


def state_of(y: np.ndarray, begin: MultiTask) -> MultiTask:
    """Return the state of a vector, unchecked, with what does not move of `begin`."""
    K, F = begin.students, begin.teachers
    R, Q, heads = np.split(y, [K * F, K * F + K * K])
    Q = Q.reshape(K, K)
    return unchecked((Q + Q.T) / 2, R.reshape(K, F), begin.T, heads.reshape(-1, K), begin.readouts)


def compiled(rule: OnlineSGD) -> Any:
    """Return the pointer to the compiled right-hand side."""
    from tutelage.pointers import pointer

    name = way(rule)
    return pointer(getattr(import_module(f"tutelage.continual.kernels.{name}"), f"{name}_tasks"))


def model_of(rule: OnlineSGD, phase: Resolved, state: MultiTask, holds: list[Hold], accuracy: float) -> Any:
    """Return the constants of a phase for the compiled equations."""
    from tutelage.continual.kernels import tasks as kernel

    seen = view(state, int(np.argmax(phase.shares)), phase.input_noise)
    step = max(
        quadrature_step(rule, view(state, int(task), phase.input_noise), accuracy)
        for task in np.flatnonzero(phase.shares)
    ) if way(rule) == "general" else 0.0  # fmt: skip
    K, F = state.students, state.teachers
    more = np.zeros((3 + state.tasks + len(holds), max(kernel.NUMBERS, kernel.READOUTS + F, 1 + K)))
    numbers = {
        kernel.TASKS: state.tasks,
        kernel.HEADS: len(state.heads),
        kernel.FIELDS: F,
        kernel.INPUT_NOISE: phase.input_noise,
        kernel.LR_READOUT: phase.lr_readout,
        kernel.DECAY_READOUT: phase.decay_readout,
    }
    for place, number in numbers.items():
        more[0, place] = number
    for task in range(state.tasks):
        row = more[1 + task]
        row[kernel.SHARE], row[kernel.NOISE] = phase.shares[task], phase.noise[task]
        row[kernel.READOUTS : kernel.READOUTS + F] = state.readouts[task]
    more[1 + state.tasks, :K], more[2 + state.tasks, :K] = phase.lr, phase.decay
    for i, hold in enumerate(holds):
        more[3 + state.tasks + i, 0] = hold.first
        more[3 + state.tasks + i, 1 : 1 + K] = hold.strength
    whole = Overlaps.unchecked(seen.Q, seen.R, np.ascontiguousarray(seen.T), seen.v, seen.v_star)
    return constants(rule, whole, step)._replace(more=more)
