"""From a rule and a state to what the compiled equations take: one vector, constants, and a right-hand side."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from tutelage import gaussian
from tutelage.activations import Activation
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["compiled_velocity", "constants", "start_vector", "state_of", "units", "way"]


def start_vector(state: Overlaps) -> np.ndarray:
    """Return the state vector (R row by row, Q row by row, v)."""
    return np.concatenate([state.R.ravel(), state.Q.ravel(), state.v])


def state_of(y: np.ndarray, begin: Overlaps) -> Overlaps:
    """Return the state of a vector, unchecked, with the teacher of `begin`."""
    K, M = begin.students, begin.teachers
    Q = y[K * M : K * M + K * K].reshape(K, K)
    return Overlaps.unchecked((Q + Q.T) / 2, y[: K * M].reshape(K, M), begin.T, y[K * M + K * K :], begin.v_star)


def way(rule: OnlineSGD) -> str | None:
    """Return how the averages of a rule are compiled, the name of a module of kernels; None if they are not.

    "mixed" is the recipe of :mod:`tutelage.kernels.averages`, "general" the quadrature of any smooth functions.
    """
    if rule.student.name == rule.teacher.name == "square":
        return "square"
    kinds = {rule.student.kind, rule.teacher.kind}
    if kinds in ({"erf"}, {"linear"}):
        return kinds.pop()
    if kinds <= gaussian.COMPILED:
        return "mixed"
    if rule.student.coefficients and rule.teacher.coefficients:
        return "polynomial"
    smooth = not rule.student.kinks and not rule.teacher.kinks
    return "general" if smooth and rule.student.unit and rule.teacher.unit else None


def compiled_velocity(rule: OnlineSGD) -> Any:
    """Return the compiled right-hand side for the rule's activations; the others stay uncompiled."""
    from tutelage.pointers import pointer

    name = way(rule)
    return pointer(getattr(import_module(f"tutelage.online.kernels.{name}"), f"{name}_velocity"))


def units(rule: OnlineSGD) -> tuple[Any, Any]:
    """Return the compiled units of student and teacher; None where one cannot be compiled."""
    from tutelage.pointers import pointer

    compiled = (rule.student.unit, rule.teacher.unit)
    return tuple(unit and pointer(unit[0]) for unit in compiled)  # type: ignore[return-value]


def constants(rule: OnlineSGD, state: Overlaps, step: float = 0.0) -> Any:
    """Return the constants of a run for the compiled kernels; `step` is that of the quadrature, if there is one."""
    from tutelage.kernels.codes import CODES
    from tutelage.online.kernels.model import Model

    student, teacher, exact = rule.student, rule.teacher, way(rule) == "polynomial"
    rates = rule.rates._replace(decay=0.0) if rule.constraint else rule.rates  # which the constraint undoes
    return Model(
        CODES.get(student.kind, -1),
        CODES.get(teacher.kind, -1),
        *rates,
        rule.powers,
        T=np.array(state.T),
        v_star=np.array(state.v_star),
        partner=np.zeros(state.students, np.int64),
        sign=np.zeros(state.students),
        student_parameters=np.array(student.coefficients if exact else student.parameters, np.float64),
        teacher_parameters=np.array(teacher.coefficients if exact else teacher.parameters, np.float64),
        step=step,
        nodes=_gauss_rule(student, teacher) if exact else np.zeros((2, 0)),
        more=np.zeros((0, 0)),
    )


def _gauss_rule(student: Activation, teacher: Activation) -> np.ndarray:
    """Return nodes and weights (2, n) that are exact for the averages of g'^2 (g + g*)^2 over a normal number."""
    degrees = [len(unit.coefficients or ()) - 1 for unit in (student, teacher)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(max(1, degrees[0] + max(degrees)))
    return np.stack([nodes, weights / weights.sum()])
