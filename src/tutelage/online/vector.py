"""From a rule and a state to what the compiled equations take: one vector, constants, and a right-hand side."""

from __future__ import annotations

from typing import Any

import numpy as np

from tutelage import gaussian
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["compiled_velocity", "constants", "start_vector", "state_of", "units", "way"]

DEGREE = 8  # of polynomials, up to which quadrature reaches every accuracy


def start_vector(state: Overlaps) -> np.ndarray:
    """Return the state vector (R row by row, Q row by row, v)."""
    return np.concatenate([state.R.ravel(), state.Q.ravel(), state.v])


def state_of(y: np.ndarray, begin: Overlaps) -> Overlaps:
    """Return the state of a vector, unchecked, with the teacher of `begin`."""
    K, M = begin.students, begin.teachers
    Q = y[K * M : K * M + K * K].reshape(K, K)
    return Overlaps.unchecked((Q + Q.T) / 2, y[: K * M].reshape(K, M), begin.T, y[K * M + K * K :], begin.v_star)


def way(rule: OnlineSGD) -> str | None:
    """Return how the averages of a rule are compiled: "erf", "linear", "mixed", "general", or None if they are not.

    "mixed" is the recipe of :mod:`tutelage.kernels.averages`, "general" the quadrature of any smooth functions.
    """
    kinds = {rule.student.kind, rule.teacher.kind}
    if kinds in ({"erf"}, {"linear"}):
        return kinds.pop()
    if kinds <= gaussian.COMPILED:
        return "mixed"
    powers = [g.coefficients for g in (rule.student, rule.teacher)]
    if all(powers) and max(map(len, powers)) > DEGREE + 1:  # type: ignore[arg-type]
        return None  # too steep for a grid; Wick's theorem has their averages
    smooth = not rule.student.kinks and not rule.teacher.kinks
    return "general" if smooth and rule.student.unit and rule.teacher.unit else None


def compiled_velocity(rule: OnlineSGD) -> Any:
    """Return the compiled right-hand side for the rule's activations; the others stay uncompiled."""
    from tutelage.online.pointers import pointer

    name = way(rule)
    if name == "erf":
        from tutelage.online.kernels.erf import erf_velocity

        return pointer(erf_velocity)
    if name == "linear":
        from tutelage.online.kernels.linear import linear_velocity

        return pointer(linear_velocity)
    if name == "mixed":
        from tutelage.online.kernels.mixed import mixed_velocity

        return pointer(mixed_velocity)
    from tutelage.online.kernels.general import general_velocity

    return pointer(general_velocity)


def units(rule: OnlineSGD) -> tuple[Any, Any]:
    """Return the compiled units of student and teacher; None where one cannot be compiled."""
    from tutelage.online.pointers import pointer

    compiled = (rule.student.unit, rule.teacher.unit)
    return tuple(unit and pointer(unit[0]) for unit in compiled)  # type: ignore[return-value]


def constants(rule: OnlineSGD, state: Overlaps, step: float = 0.0) -> Any:
    """Return the constants of a run for the compiled kernels; `step` is that of the quadrature, if there is one."""
    from tutelage.kernels.orthant import CODES
    from tutelage.online.kernels.model import Model

    student, teacher = rule.student, rule.teacher
    return Model(
        CODES.get(student.kind, -1),
        CODES.get(teacher.kind, -1),
        *rule.rates,
        T=np.array(state.T),
        v_star=np.array(state.v_star),
        partner=np.zeros(state.students, np.int64),
        sign=np.zeros(state.students),
        student_parameters=np.array(student.parameters, np.float64),
        teacher_parameters=np.array(teacher.parameters, np.float64),
        step=step,
    )
