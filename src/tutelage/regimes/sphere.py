r"""Where one square unit on the sphere ends, in closed form: phase retrieval with K = M = 1.

With :math:`\hat\eta = \eta v^2 / B`, :math:`\hat\sigma = \sigma/v` and the cosine m of student and teacher, the
equation of motion of :math:`v \lambda^2` and :math:`v^* \rho^2`, with :math:`v = v^* T`, is

.. math:: \dot m = \eta v^2 m \left[ 4 (1 - 6 \hat\eta) (1 - m^2) - 2 \hat\eta \hat\sigma^2 \right], \qquad
          \epsilon_g = 2 v^2 (1 - m^2)

(Arnaboldi et al., arXiv:2305.18502, for v = 1). m = 0 repels below the critical rate, :math:`\hat\eta < 2/(12 +
\hat\sigma^2)`, and the student then ends at :math:`\epsilon_g^* = \hat\eta \sigma^2 / (1 - 6 \hat\eta)`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["SphereEnd", "sphere_end"]

EQUAL = 1e-9  # relative: readouts that differ by less are equal
SQUARE = (0.0, 0.0, 1.0)  # coefficients


class SphereEnd(NamedTuple):
    """The student that equals its teacher, the critical lr, and the plateau: to leading order in lr, and exactly.

    The latter is None from the critical lr on.
    """

    perfect: Overlaps
    critical: float
    leading: float
    exact: float | None


def sphere_end(rule: OnlineSGD, state: Overlaps) -> SphereEnd | None:
    """Return where a student on the sphere ends, by all terms of order lr^2; None where that is not known.

    It is for square units, K = M = 1, the first layer trained and v = v_star T, so that the student can be its teacher.
    """
    units = rule.student.coefficients, rule.teacher.coefficients
    if units != (SQUARE, SQUARE) or rule.train != "first" or (state.students, state.teachers) != (1, 1):
        return None
    (v,), (v_star,), T = state.v, state.v_star, float(state.T[0, 0])
    if v == 0 or abs(v - v_star * T) > EQUAL * abs(v):
        return None
    perfect = Overlaps([[1.0]], [[np.sqrt(T)]], state.T, state.v, state.v_star)  # type: ignore[arg-type]
    rate, variance = rule.lr * v**2 / rule.batch, rule.noise**2
    critical = 2 * rule.batch / (12 * v**2 + variance)
    exact = rate * variance / (1 - 6 * rate) if rule.lr < critical else None
    return SphereEnd(perfect, float(critical), float(rate * variance), exact)
