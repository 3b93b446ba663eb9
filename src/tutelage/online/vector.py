"""From a rule and a state to what the compiled equations take: one vector, constants, and a right-hand side."""

from __future__ import annotations

from typing import Any

import numpy as np

from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["COMPILED", "compiled_velocity", "constants", "start_vector"]

COMPILED = ("erf", "linear", "relu")  # activations whose equations are compiled


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


def constants(rule: OnlineSGD, state: Overlaps) -> Any:
    """Return the constants of a run for the compiled kernels."""
    from tutelage.kernels.orthant import CODES
    from tutelage.online.kernels.model import Model

    codes, K = (CODES[rule.student.name], CODES[rule.teacher.name]), state.students
    nobody = np.zeros(K, np.int64), np.zeros(K)
    return Model(*codes, *rule.rates, np.array(state.T), np.array(state.v_star), *nobody)
