"""BFGS and L-BFGS of SciPy, for networks too large for Newton's method."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tutelage.landscape.objective import Objective
from tutelage.landscape.trust_region import Descent

__all__ = ["minimise_by_scipy"]


class _Ended(Exception):  # noqa: N818 - not an error
    """Carries why."""


def minimise_by_scipy(
    objective: Objective,
    begin: Descent,
    method: str,
    gtol: float,
    iterations: int,
    deadline: float,
    notice: Callable[[float], Any],
    ltol: float = 0.0,
) -> Descent:
    """Return the best finite point that "bfgs" or "lbfgs" meet."""
    from scipy.optimize import minimize

    best = Descent(begin.p, begin.loss, begin.gradient)
    both = getattr(objective, "loss_and_gradient", lambda p: (objective.loss(p), objective.gradient(p)))

    def value(p: np.ndarray) -> tuple[float, np.ndarray]:
        if time.monotonic() > deadline:
            raise _Ended("seconds")
        loss, slope = both(p)
        best.evaluations += 1
        if not (math.isfinite(loss) and np.isfinite(slope).all()):
            raise _Ended("not finite")
        if loss < best.loss or (loss == best.loss and np.abs(slope).max() < best.gradient_norm):
            best.p, best.loss, best.gradient = p.copy(), loss, slope.copy()
            notice(best.gradient_norm)
            if 0 < loss <= ltol:
                raise _Ended("loss")
        return loss, slope

    options: dict[str, Any] = {"maxiter": iterations, "gtol": gtol}
    if method == "lbfgs":
        options |= {"maxcor": 30, "maxfun": 10 * iterations, "ftol": 0.0}
    try:
        found = minimize(value, begin.p, jac=True, method="BFGS" if method == "bfgs" else "L-BFGS-B", options=options)
        best.iterations = int(found.nit)
        best.stopped_by = "iterations" if found.nit >= iterations else "rounding"
    except _Ended as end:
        best.stopped_by = str(end)
    if best.gradient_norm <= gtol:
        best.stopped_by = "gradient"
    return best
