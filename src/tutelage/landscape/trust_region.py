r"""Newton's method within a region of trust, by eigendecomposition: down to the rounding of the gradient.

At each point the model :math:`g \cdot s + \frac12 s^T B s` is minimised exactly over :math:`|s| \le \Delta`. With
:math:`B = V \Lambda V^T` the step is :math:`s = -V (\Lambda + \mu)^{-1} V^T g` with :math:`\mu \ge 0` the root of
:math:`|s| = \Delta`, or zero. (Conn, Gould and Toint 2000, chapter 7.) B is the Hessian, or the Gauss-Newton matrix.

What a step brings is judged by the loss as long as it can be told from rounding, and by the gradient after that: so the
end is where neither falls any more. A loss that is a small difference of large numbers, as that of a population, is
known less well than to its own rounding: a step that it rejects by a hair is judged by the gradients at both ends.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Descent", "minimise_by_newton", "model_step", "vanishes"]

Model = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
ROUNDING = 1e-13  # of the loss: a smaller change cannot be told
HAIR = 1e-6  # of the loss: where it changes by less, gradients may know better
GOOD, BAD = 0.75, 0.25  # of the promised decrease: widen, narrow
CRITICAL = 1e-5  # times the root of loss and largest eigenvalue, which bounds gradients of squares: one that vanishes
STALLS = 12  # rejected steps in a row, each at a quarter of the radius: nothing is left to win
SMALLEST = 1e-150  # radius


@dataclass
class Descent:
    """Where a minimiser is: the best point yet and how it came there."""

    p: np.ndarray
    loss: float
    gradient: np.ndarray
    iterations: int = 0
    evaluations: int = 1
    stopped_by: str = ""

    @property
    def gradient_norm(self) -> float:
        """The largest component of the gradient."""
        return float(np.abs(self.gradient).max())


def model_step(values: np.ndarray, along: np.ndarray, radius: float) -> np.ndarray:
    """Return the minimiser of along.s + sum values s^2 / 2 within |s| <= radius, in the basis of eigenvectors."""
    lowest = float(values[0])
    if lowest > 0:
        step = -along / values
        if np.linalg.norm(step) <= radius:
            return step
    edge = np.isclose(values, lowest, rtol=1e-12, atol=0)
    floor = max(0.0, -lowest)
    rest = np.where(edge & (values + floor <= 0), 0.0, along)
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.where(rest == 0, 0.0, -rest / (values + floor))
    if not np.any(along[edge]) and np.linalg.norm(inner) <= radius:  # the hard case: the gradient does not see the way
        inner[0] += math.sqrt(max(radius**2 - float(inner @ inner), 0.0))
        return inner
    slopes = np.maximum(values + _shift(values, along, radius, floor), np.finfo(float).tiny)
    with np.errstate(over="ignore"):  # along a flat direction, which the region bounds
        step = np.clip(-along / slopes, -radius, radius)
    return step * min(1.0, radius / float(np.linalg.norm(step)))


def _shift(values: np.ndarray, along: np.ndarray, radius: float, floor: float) -> float:
    """Return mu with |along / (values + mu)| = radius, above `floor`, by Newton's method for 1/|s| between bounds."""
    size = float(np.linalg.norm(along))
    low, high = floor, floor + size / radius + abs(float(values[0])) * (floor == 0)
    mu = max(floor + abs(float(along[0])) / radius, low * (1 + 1e-16))
    for _ in range(100):
        if not low < mu < high:
            mu = 0.5 * (low + high)
        shifted = values + mu
        if shifted[0] <= 0:
            low, mu = mu, 0.5 * (mu + high)
            continue
        step = along / shifted
        norm = float(np.linalg.norm(step))
        if abs(norm - radius) <= 1e-3 * radius or high - low <= 1e-15 * high:
            return mu
        low, high = (mu, high) if norm > radius else (low, mu)
        slope = float(step @ (step / shifted)) / norm
        mu += (norm - radius) / radius * norm / slope
    return mu


def minimise_by_newton(
    model: Model,
    p: np.ndarray,
    gtol: float,
    iterations: int,
    deadline: float,
    notice: Callable[[Descent], bool] = lambda _: False,
    ltol: float = 0.0,
) -> Descent:
    """Return the best point from `p` on.

    Parameters
    ----------
    model : callable
        p -> (loss, gradient, matrix).
    gtol : float
        Largest component of the gradient to stop at.
    iterations : int
        At most.
    deadline : float
        Of :func:`time.monotonic`.
    notice : callable
        Told of every point; returns whether to stop.
    ltol : float
        Loss to stop at.
    """
    loss, slope, B = model(p)
    at = Descent(p, loss, slope)
    if not (math.isfinite(loss) and np.isfinite(slope).all() and np.isfinite(B).all()):
        at.stopped_by = "not finite"
        return at
    radius = 0.1 * max(1.0, float(np.linalg.norm(p)))
    values, vectors = np.linalg.eigh(B)
    stalls, barred = 0, False
    while True:
        at.stopped_by = _reason(at, gtol, ltol, iterations, deadline, stalls, radius) or ("asked" if notice(at) else "")
        if at.stopped_by == "rounding" and barred and not vanishes(at, values):
            at.stopped_by = "not finite"
        if at.stopped_by:
            return at
        along = vectors.T @ at.gradient
        step = model_step(values, along, radius)
        promised = -float(along @ step + 0.5 * values @ np.square(step))
        trial = at.p + vectors @ step
        new_loss, new_slope, new_B = model(trial)
        at.evaluations += 1
        finite = math.isfinite(new_loss) and bool(np.isfinite(new_slope).all() and np.isfinite(new_B).all())
        barred |= not finite
        ratio = _ratio(at, trial - at.p, promised, new_loss, new_slope) if finite else -1.0
        length = float(np.linalg.norm(step))
        if ratio < BAD:
            radius = 0.25 * length
        elif ratio > GOOD and length > 0.9 * radius:
            radius *= 2
        if ratio > 1e-4:
            at.p, at.loss, at.gradient = trial, new_loss, new_slope
            at.iterations += 1
            values, vectors = np.linalg.eigh(new_B)
            stalls = 0
        else:
            stalls += 1


def vanishes(at: Descent, values: np.ndarray) -> bool:
    """Return whether the gradient is small for a Hessian with these eigenvalues: whether this is a critical point."""
    largest = float(np.abs(values).max())
    return at.gradient_norm <= max(CRITICAL * math.sqrt(abs(at.loss) * largest), CRITICAL**2 * largest)


def _ratio(at: Descent, step: np.ndarray, promised: float, loss: float, slope: np.ndarray) -> float:
    """Return the decrease over the promised one; where rounding hides it, 1 if the gradient falls and -1 if not."""
    falls = float(np.abs(slope).max()) < at.gradient_norm
    if promised > ROUNDING * abs(at.loss):
        ratio = (at.loss - loss) / promised
        if ratio < BAD and falls and abs(loss - at.loss) <= HAIR * abs(at.loss):
            return max(ratio, -0.5 * float((at.gradient + slope) @ step) / promised)
        return ratio
    return 1.0 if falls and loss <= at.loss + HAIR * abs(at.loss) else -1.0


def _reason(at: Descent, gtol: float, ltol: float, iterations: int, deadline: float, stalls: int, radius: float) -> str:
    """Return why to stop; empty to go on."""
    if at.loss <= ltol and ltol > 0:
        return "loss"
    if at.gradient_norm <= gtol:
        return "gradient"
    if stalls >= STALLS or radius < SMALLEST:
        return "rounding"
    if at.evaluations > iterations:
        return "iterations"
    return "seconds" if time.monotonic() > deadline else ""
