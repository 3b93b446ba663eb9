"""From a rule and a state to what the compiled equations take: one vector, constants, and a right-hand side."""

from __future__ import annotations

from typing import Any

import numpy as np

from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["COMPILED", "compiled_velocity", "constants", "start_vector", "units"]

COMPILED = ("erf", "linear", "relu")  # activations whose averages are compiled in closed form


def start_vector(state: Overlaps) -> np.ndarray:
    """Return the state vector (R row by row, Q row by row, v)."""
    return np.concatenate([state.R.ravel(), state.Q.ravel(), state.v])


def compiled_velocity(rule: OnlineSGD) -> Any:
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


def units(rule: OnlineSGD) -> tuple[Any, Any]:
    """Return the compiled units of student and teacher; None where one cannot be compiled."""
    return rule.student.unit and rule.student.unit[0], rule.teacher.unit and rule.teacher.unit[0]


def constants(rule: OnlineSGD, state: Overlaps, step: float = 0.0) -> Any:
    """Return the constants of a run for the compiled kernels; `step` is that of the quadrature, if there is one."""
    from tutelage.kernels.orthant import CODES
    from tutelage.online.kernels.model import Model

    codes = (CODES.get(g.name, -1) for g in (rule.student, rule.teacher))
    parameters = (g.unit[1] if g.unit else np.empty(0) for g in (rule.student, rule.teacher))
    nobody = np.zeros(state.students, np.int64), np.zeros(state.students)
    return Model(*codes, *rule.rates, np.array(state.T), np.array(state.v_star), *nobody, *parameters, step)
