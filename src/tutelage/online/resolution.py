"""How fine the quadrature of the general equations must be: its step for a tolerance, and the error that it leaves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from tutelage.activations import Activation
from tutelage.errors import ArgumentError
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["choose_step", "measured_error", "outgrown"]

GROWTH = 1.5  # standard deviations may grow by this factor before a step is chosen anew
RADIUS = 11.5  # of the averages, in standard deviations
RATIO = 2**0.25  # between steps that are tried
IN_A_ROW = 3  # steps that must be good, so that none is so by accident


@np.errstate(all="ignore")  # functions of a user's own may overflow far out; what is no number counts as infinite
def choose_step(rule: OnlineSGD, state: Overlaps, tolerance: float) -> float:
    """Return the step of the quadrature, in units of the fields, that keeps averages to a relative error `tolerance`.

    The step is the largest that, with the next finer ones, is good enough where the integrand is least smooth: for
    averages of one field as <g'^2 g^2>, at standard deviations up to GROWTH times the largest of `state`, and for the
    interpolation of g, g' and g^2 between samples. An analytic g with poles at a distance d from the real axis needs a
    step of about 2 pi d / log(1 / tolerance), whatever the variance.

    Parameters
    ----------
    rule : OnlineSGD
        With activations that compile (:attr:`tutelage.activations.Activation.unit`).
    state : Overlaps
        Where the run stands.
    tolerance : float
        Relative error; about 1e-12 is the least that can be reached.

    Raises
    ------
    ArgumentError
        For kinks, jumps and poles so close to the real axis that no step is fine enough.
    """
    from tutelage.kernels.smooth import CAP
    from tutelage.online.kernels.plane import MOST

    for name, g in (("activation", rule.student), ("teacher_activation", rule.teacher)):
        if g.kinks:
            raise _rough(name, f"{g.name!r} has kinks at {g.kinks}")
    sigma = _deviation(state) or 1.0
    passed = 0
    try:
        _error(rule, sigma, CAP * sigma)
    except (ArithmeticError, ValueError) as error:  # of functions of one number, which do not return infinity
        why = f"it raises {type(error).__name__} ({error}) on fields up to {RADIUS * sigma:.3g}"
        raise _rough("activation", why) from None
    for step in CAP * sigma / RATIO ** np.arange(math.ceil(math.log(CAP * MOST) / math.log(RATIO))):
        passed = passed + 1 if _error(rule, sigma, float(step)) <= tolerance else 0
        if passed == IN_A_ROW:
            return float(step) * RATIO ** (IN_A_ROW - 1)
    alone = replace(rule, activation=rule.teacher, teacher_activation=None)
    rough = rule.teacher != rule.student and not _error(alone, sigma, sigma / MOST) <= tolerance
    name, g = ("teacher_activation", rule.teacher) if rough else ("activation", rule.student)
    why = f"averages of {g.name!r} over fields of variance {sigma**2:.3g} do not converge to {tolerance:.1g}"
    raise _rough(name, why)


def outgrown(state: Overlaps, chosen: Overlaps) -> bool:
    """Return whether a step chosen for one state is to be chosen anew for another."""
    return _deviation(state) > GROWTH * _deviation(chosen)


def measured_error(rule: OnlineSGD, state: Overlaps, step: float) -> float:
    """Return how much the right-hand side changes from `step` to step / sqrt(2), relative to max(1, largest entry)."""
    coarse, fine = (_velocity(rule, state, h) for h in (step, step / math.sqrt(2)))
    difference = np.abs(coarse - fine).max() / max(1.0, np.abs(fine).max())
    return float(difference) if math.isfinite(difference) else math.inf


def _velocity(rule: OnlineSGD, state: Overlaps, step: float) -> np.ndarray:
    from tutelage.online.kernels.general import general_velocity
    from tutelage.online.kernels.model import workspace
    from tutelage.online.vector import constants, start_vector, units

    y, P = start_vector(state), state.students + state.teachers
    out = np.empty_like(y)
    arrays = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P))
    general_velocity(y, constants(rule, state, step), *units(rule), *arrays, out)
    return out


def _deviation(state: Overlaps) -> float:
    return math.sqrt(max(float(np.diagonal(state.covariance).max()), 0.0))


def _rough(name: str, why: str) -> ArgumentError:
    return ArgumentError(
        f"Argument `{name}` must be smooth enough for the equations of motion, but {why}. Declare its `kinks` if it "
        'has some, and simulate it with engine="chain" instead.'
    )


def _fields(sigma: float, h: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of the trapezoidal rule for a normal field."""
    z = h * np.arange(-int(RADIUS / h), int(RADIUS / h) + 1)
    return sigma * z, np.exp(-(z**2) / 2) * h / math.sqrt(2 * math.pi)


def _products(rule: OnlineSGD, x: np.ndarray) -> np.ndarray:
    """Return what is averaged in the worst cases, all fields equal or opposite; shape (products, nodes).

    The nodes are symmetric about zero.
    """
    g, h = rule.student, rule.teacher
    one, slope, other = g.f(x), g.df(x), h.f(x)
    steep, facing = slope**2, other[::-1]
    return np.stack([
        one * one, other * other, one * other, one * facing, x * slope * one, x * slope * other, x * slope * facing,
        steep, slope * slope[::-1], steep * one * one, steep * other * other, steep * one * other, steep * one * facing,
    ])  # fmt: skip


def _error(rule: OnlineSGD, largest: float, step: float) -> float:
    """Return the largest relative error of averages, and of the interpolation between samples.

    Narrow fields are as telling as wide ones: there the Gaussian smooths less.
    """
    from tutelage.kernels.smooth import CAP

    worst = 0.0
    for sigma in largest * GROWTH ** np.arange(1, -4, -1):
        h = min(CAP, step / sigma)
        sums = []
        for nodes in (h, h / 3):
            x, weights = _fields(sigma, nodes)
            values = _products(rule, x)
            sums.append((values @ weights, np.abs(values) @ weights))
        (coarse, _), (fine, scale) = sums
        worst = max(worst, _largest(np.abs(coarse - fine) / np.where(scale > 0, scale, 1.0)))
        worst = max(worst, *(_interpolation(g, sigma, min(step, CAP * largest)) for g in (rule.student, rule.teacher)))
    return worst


def _interpolation(g: Activation, sigma: float, step: float) -> float:
    """Return the largest error, relative in the mean over the field, of g, g' and g^2 half way between samples."""
    from tutelage.kernels.smooth import FINER, POINTS, lagrange

    weights = np.empty(POINTS)
    lagrange(0.5, weights, 0)
    spacing = step / FINER
    x, density = _fields(sigma, spacing / sigma)
    samples = np.concatenate([x[0] + spacing * np.arange(-4, 0), x, x[-1] + spacing * np.arange(1, POINTS - 4)])
    value, slope, exact, steep = g.f(samples), g.df(samples), g.f(x + spacing / 2), g.df(x + spacing / 2)
    worst = 0.0
    for here, between in ((value, exact), (slope, steep), (value**2, exact**2)):
        gap = np.abs(between - np.convolve(here, weights[::-1], "valid")[: len(x)])
        scale = float(density @ np.abs(between))
        worst = max(worst, _largest(np.array(density @ gap) / scale) if scale != 0 else 0.0)
    return worst


def _largest(errors: np.ndarray) -> float:
    """Return the largest of the errors, infinity if one is no number."""
    return float(np.nan_to_num(errors, nan=np.inf).max())
