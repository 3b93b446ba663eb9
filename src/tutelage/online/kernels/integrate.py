"""The integration of the equations of motion by the pair of order 8(5, 3), with dense output, compiled.

The right-hand side comes as a function pointer, so that this module is compiled once for all of them.

Near a stationary state nothing limits the step of an explicit method but its stability, and the estimated error tells
so late: what is left of fast modes stays at some hundred times the tolerance, and the dense output amplifies it. So the
fastest rate of the linearised flow is followed by the power method, at one velocity a step, and bounds the step.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from tutelage.kernels.dop853 import DENSE, ERROR_3, ERROR_5, STAGES, A
from tutelage.kernels.units import UNIT
from tutelage.online.kernels.model import MODEL, VELOCITY, workspace

f8, i8 = types.float64, types.int64

RUNNING, FINISHED, DIVERGED, STUCK = 0, 1, 2, 3  # what `advance` comes back with
_SAFETY, _SLOWEST, _FASTEST = 0.9, 0.2, 6.0  # of the step-size control
STABLE = 2.5  # most of h times the fastest rate: a step leaves 8 % of a mode, its dense output errs by a thousandth
LOOKS = 3  # steps of the power method to begin with
_NEAR = 1e-6  # relative distance of the two states that the rate is measured between
_FORGET = 0.9  # of a rate that is not found again, in each step


@njit(cache=True, error_model="numpy")
def _norm(error, y, new, rtol, atol):
    """Sum of squares of the error in units of the tolerance."""
    total = 0.0
    for p in range(y.shape[0]):
        total += (error[p] / (atol[p] + rtol * max(abs(y[p]), abs(new[p])))) ** 2
    return total


@njit(cache=True, error_model="numpy")
def _combine(weights, stages, count, out):
    """Write sum_{j < count} weights[j] stages[j] into out."""
    out[:] = 0.0
    for j in range(count):
        if weights[j] != 0.0:
            for p in range(out.shape[0]):
                out[p] += weights[j] * stages[j, p]


@njit(cache=True, error_model="numpy")
def _error(y, new, h, k, rtol, atol, buffer):
    """Error of a step in units of the tolerance: the blend of both embedded formulas (Hairer et al., II.10)."""
    _combine(ERROR_5, k, STAGES + 1, buffer)
    five = _norm(buffer, y, new, rtol, atol)
    _combine(ERROR_3, k, STAGES + 1, buffer)
    three = _norm(buffer, y, new, rtol, atol)
    if five == 0.0 and three == 0.0:
        return 0.0
    return abs(h) * five / math.sqrt((five + 0.01 * three) * y.shape[0])


@njit(cache=True, error_model="numpy")
def _interpolant(velocity, y, new, h, k, model, student, teacher, C, a, work, F, buffer):
    """Fill the coefficients F (7, n) of the dense output over one step; makes the three extra stages."""
    for s in range(STAGES + 1, 16):
        _combine(A[s], k, s, buffer)
        for p in range(y.shape[0]):
            buffer[p] = y[p] + h * buffer[p]
        velocity(buffer, model, student, teacher, C, a, work, k[s])
    for p in range(y.shape[0]):
        F[0, p] = new[p] - y[p]
        F[1, p] = h * k[0, p] - F[0, p]
        F[2, p] = 2 * F[0, p] - h * (k[STAGES, p] + k[0, p])
    for j in range(4):
        _combine(DENSE[j], k, 16, F[3 + j])
        for p in range(y.shape[0]):
            F[3 + j, p] *= h


@njit(cache=True, error_model="numpy")
def _interpolate(y, F, x, out):
    """Evaluate the dense output at the fraction x of the step."""
    out[:] = 0.0
    for j in range(6, -1, -1):
        for p in range(out.shape[0]):
            out[p] = (out[p] + F[j, p]) * (x if j % 2 == 0 else 1 - x)
    for p in range(out.shape[0]):
        out[p] += y[p]


@njit(cache=True, error_model="numpy")
def _largest(y):
    """Largest absolute value, NaN if there is one."""
    largest = 0.0
    for p in range(y.shape[0]):
        if not abs(y[p]) <= largest:
            largest = abs(y[p])
    return largest


@njit(cache=True, error_model="numpy")
def probe(y, rtol, atol, fastest, moved):
    """Write to `moved` a state close to y in the direction of the fastest mode.

    `fastest` (n + 1) is what is known of it: the direction, of length one in units of the tolerance, and the rate.
    """
    scale = _NEAR / max(rtol, 1e-14)
    for p in range(y.shape[0]):
        moved[p] = y[p] + scale * (atol[p] + rtol * abs(y[p])) * fastest[p]


@njit(cache=True, error_model="numpy")
def learn(y, slope, there, rtol, atol, fastest):
    """Update `fastest` by a step of the power method, from the velocities at y, `slope`, and where :func:`probe` says.

    `there` is overwritten; `fastest` stays as it is where a velocity is NaN.
    """
    n = y.shape[0]
    scale = _NEAR / max(rtol, 1e-14)
    total = 0.0
    for p in range(n):
        there[p] = (there[p] - slope[p]) / (scale * (atol[p] + rtol * abs(y[p])))
        total += there[p] * there[p]
    rate = math.sqrt(total)
    if rate > 0.0 and math.isfinite(rate):
        for p in range(n):
            fastest[p] = there[p] / rate
        fastest[n] = max(rate, _FORGET * fastest[n])


@njit(cache=True, error_model="numpy")
def _watch(velocity, y, slope, model, student, teacher, C, a, work, rtol, atol, fastest, moved, there):
    """Follow the fastest rate by one step of the power method."""
    probe(y, rtol, atol, fastest, moved)
    velocity(moved, model, student, teacher, C, a, work, there)
    learn(y, slope, there, rtol, atol, fastest)


@njit(cache=True, error_model="numpy")
def begin_to_watch(fastest):
    """Choose a direction to begin with."""
    n = fastest.shape[0] - 1
    total = 0.0
    for p in range(n):
        fastest[p] = math.cos(1.0 + p * p)
        total += fastest[p] * fastest[p]
    for p in range(n):
        fastest[p] /= math.sqrt(total)


@njit(f8(VELOCITY, f8[::1], MODEL, UNIT, UNIT, i8, f8, f8, f8[::1]), cache=True, error_model="numpy", nogil=True)
def first_step(velocity, y, model, student, teacher, K, end, rtol, atol):
    """Guess the first step from the size of the first and second derivative (Hairer et al., II.4)."""
    P = K + model.T.shape[0]
    C, a, work = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P))
    slope, next_slope, moved = np.empty_like(y), np.empty_like(y), np.empty_like(y)
    zero = np.zeros_like(y)
    velocity(y, model, student, teacher, C, a, work, slope)
    d0, d1 = math.sqrt(_norm(y, y, zero, rtol, atol)), math.sqrt(_norm(slope, y, zero, rtol, atol))
    trial = 1e-6 if min(d0, d1) < 1e-5 else 0.01 * d0 / d1
    for p in range(y.shape[0]):
        moved[p] = y[p] + trial * slope[p]
    velocity(moved, model, student, teacher, C, a, work, next_slope)
    for p in range(y.shape[0]):
        moved[p] = next_slope[p] - slope[p]
    d2 = math.sqrt(_norm(moved, y, zero, rtol, atol)) / trial
    largest = max(d1, d2)
    step = max(1e-6, trial * 1e-3) if largest <= 1e-15 else (0.01 / largest) ** (1 / 8)
    return min(100 * trial, step, end)


@njit(
    types.Tuple((f8, f8, i8, i8))(
        VELOCITY, f8[::1], f8, f8, f8[::1], MODEL, UNIT, UNIT, i8, f8[::1], i8, f8[:, ::1], f8, f8[::1], f8, i8
    ),
    cache=True,
    error_model="numpy",
    nogil=True,
)
def advance(
    velocity, y, alpha, h, fastest, model, student, teacher, K, times, done, out, rtol, atol, bound, most_steps
):
    """Integrate dy/dalpha on from (`alpha`, `y`) with trial step `h`, for `most_steps` steps or to the last of `times`.

    States at times[done:] are written to `out` as they are passed; y is overwritten by the state reached. `fastest`
    (n + 1), zeros to begin with, is what is known of the fastest rate, and is kept from call to call.

    Returns
    -------
    alpha, h : float
        Time reached and next trial step.
    done : int
        Number of times passed.
    status : int
        RUNNING, FINISHED, DIVERGED (|y| beyond `bound` or NaN) or STUCK (the step underflows).
    """
    n, P = y.shape[0], K + model.T.shape[0]
    C, a, work = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P))
    k, F = np.zeros((16, n)), np.empty((7, n))
    new, buffer = np.empty(n), np.empty(n)
    end = times[-1]
    while done < times.shape[0] and times[done] <= alpha:
        for p in range(n):
            out[done, p] = y[p]
        done += 1
    if done == times.shape[0]:
        return alpha, h, done, FINISHED
    velocity(y, model, student, teacher, C, a, work, k[0])
    if fastest[n] == 0.0:
        begin_to_watch(fastest)
        for _ in range(LOOKS):
            fastest[n] = 0.0  # of a direction that is none yet
            _watch(velocity, y, k[0], model, student, teacher, C, a, work, rtol, atol, fastest, new, buffer)
    grow = _FASTEST
    for _ in range(most_steps):
        h = min(h, end - alpha)
        if h < 1e-14 * max(alpha, 1e-300) or not math.isfinite(h):
            return alpha, h, done, STUCK
        for s in range(1, STAGES + 1):
            _combine(A[s], k, s, buffer)
            for p in range(n):
                new[p] = y[p] + h * buffer[p]
            velocity(new, model, student, teacher, C, a, work, k[s])
        error = _error(y, new, h, k, rtol, atol, buffer)
        if not error <= 1.0:  # also for NaN
            h *= max(_SLOWEST, _SAFETY * error ** (-1 / 8)) if math.isfinite(error) else _SLOWEST
            grow = 1.0
            continue
        reached = end if end - alpha <= h else alpha + h
        if times[done] <= reached:
            _interpolant(velocity, y, new, h, k, model, student, teacher, C, a, work, F, buffer)
            while done < times.shape[0] and times[done] <= reached:
                _interpolate(y, F, (times[done] - alpha) / h, out[done])
                done += 1
        for p in range(n):
            y[p] = new[p]
            k[0, p] = k[STAGES, p]
        alpha = reached
        h *= min(grow, max(_SLOWEST, _SAFETY * error ** (-1 / 8))) if error > 0.0 else grow
        grow = _FASTEST
        _watch(velocity, y, k[0], model, student, teacher, C, a, work, rtol, atol, fastest, new, buffer)
        if h * fastest[n] > STABLE:
            h = STABLE / fastest[n]
        if not _largest(y) <= bound:
            return alpha, h, done, DIVERGED
        if done == times.shape[0]:
            return alpha, h, done, FINISHED
    return alpha, h, done, RUNNING
