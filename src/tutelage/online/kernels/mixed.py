"""Equations of motion for (leaky) ReLU and any mixture of erf, linear, ReLU, step and sign, compiled."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.kernels.averages import average
from tutelage.kernels.codes import LEAKY, LINEAR, ONE, VANISHING
from tutelage.online.kernels.model import SIGNATURE, assemble, outside, raised, unpack
from tutelage.online.kernels.ramps import is_ramp, ramp_averages


@njit(cache=True, error_model="numpy")
def _sum(C, a, units, leaks, model, derivatives, field, sub):
    """Return the sum over the last field of I2, or over the last two of I4 (derivatives = 0, 2).

    The other fields are named in `field`. The label noise enters I4 as one unit more, P: constant in place of a field,
    uncorrelated with all others.
    """
    P = C.shape[0]
    n = derivatives + 2
    total = 0.0
    for c in range(P if derivatives == 2 and model.powers == 1 else 0, P + 1 if derivatives == 2 else P):
        for d in range(c + 1 if derivatives == 2 else 1):
            if c == P and d < P:
                continue
            first = d if derivatives == 2 else field[0]
            weight = model.noise_variance if c == P else a[c]
            field[n - 1] = c if c < P else field[0]
            if derivatives == 2:
                field[2] = d if d < P else field[0]
                weight *= (1.0 if c == d else 2.0) * (a[d] if d < P else 1.0)
            for p in range(n):
                for q in range(n):
                    sub[p, q] = C[field[p], field[q]]
            if derivatives == 2 and field[0] == field[1] and sub[0, 0] == 0.0:  # one field, though of no length
                sub[:2, :2] = VANISHING
            of_three = leaks[field[0]], leaks[first], leaks[c]
            total += weight * average(sub[:n, :n], derivatives, units[field[0]], units[first], units[c], of_three)
    return total


@njit(cache=True, error_model="numpy")
def _drift(C, a, i, units, leaks, sub, drift):
    r"""Write sum_c a_c I3(i, n, c) for all n.

    A field n is its parts along x_i and along what x_c has beyond x_i, of length s, and a part that matters not:

    .. math:: I_3(i, n, c) = \frac{C_{in}}{\sqrt{C_{ii}}} I_3(i, \hat x_i, c)
              + \frac{C_{cn} - C_{ci} C_{in} / C_{ii}}{s} I_3(i, \hat w, c)

    with normal numbers x_i, w of unit variance: two averages for each c, whatever the number of fields n.
    """
    P = C.shape[0]
    length = math.sqrt(max(C[i, i], 0.0))
    drift[:P] = 0.0
    for c in range(P):
        along = C[i, c] / length if length > 0.0 else 0.0
        beyond = math.sqrt(max(C[c, c] - along * along, 0.0))
        leak = leaks[i], 0.0, leaks[c]
        sub[0, 0], sub[1, 1], sub[2, 2] = C[i, i], 1.0, C[c, c]
        sub[0, 2] = sub[2, 0] = C[i, c]
        parts = 0.0, 0.0
        if length > 0.0:
            sub[0, 1], sub[1, 0], sub[1, 2], sub[2, 1] = length, length, along, along
            parts = a[c] * average(sub[:3, :3], 1, units[i], LINEAR, units[c], leak), 0.0
        if beyond > 0.0 and c != i:
            sub[0, 1], sub[1, 0], sub[1, 2], sub[2, 1] = 0.0, 0.0, beyond, beyond
            parts = parts[0], a[c] * average(sub[:3, :3], 1, units[i], LINEAR, units[c], leak)
        for n in range(P):
            share = C[i, n] / length if length > 0.0 else 0.0
            drift[n] += share * parts[0]
            if parts[1] != 0.0:
                drift[n] += (C[c, n] - along * share) / beyond * parts[1]


@njit(cache=True, error_model="numpy")
def _averages(C, a, model, K, drift, spread, slope):
    """Sums over the fields of I3, I4 and I2 (drift, spread, slope); zero where the learning rate is."""
    P = C.shape[0]
    units, leaks = np.full(P + 1, model.student), np.zeros(P + 1)
    units[K:P] = model.teacher
    units[P] = ONE
    if model.student == LEAKY:
        leaks[:K] = model.student_parameters[0]
    if model.teacher == LEAKY:
        leaks[K:P] = model.teacher_parameters[0]
    field, sub = np.zeros(4, np.int64), np.empty((4, 4))
    for i in range(K):
        drift[i] = 0.0
        slope[i] = 0.0
        if model.lr != 0.0:
            _drift(C, a, i, units, leaks, sub, drift[i])
        if model.lr_readout != 0.0:
            field[0] = i
            slope[i] = _sum(C, a, units, leaks, model, 0, field, sub)
        for k in range(i + 1):
            field[0], field[1] = i, k
            total = 0.0
            if model.lr != 0.0 and model.powers > 0:
                total = _sum(C, a, units, leaks, model, 2, field, sub)
            spread[i, k] = spread[k, i] = total


@njit(cache=True, error_model="numpy")
def _velocity(y, model, C, a, work, dy):
    """Write dy/dalpha where the covariance is one of fields."""
    K = C.shape[0] - model.T.shape[0]
    unpack(y, model, C, a, K)
    drift, spread, slope = work[:K], work[K : 2 * K], work[2 * K]
    if is_ramp(model.student) and is_ramp(model.teacher):
        ramp_averages(C, a, model, K, drift, spread, slope)
    else:
        _averages(C, a, model, K, drift, spread, slope)
    assemble(model, C, a, K, drift, spread, slope, dy)


@njit(SIGNATURE, cache=True, error_model="numpy")
def mixed_velocity(y, model, student, teacher, C, a, work, dy):
    """Write dy/dalpha for students and teachers of any of these activations; step and sign students need lr = 0.

    Near perfect learning errors of the integrator make covariances that no fields have, where roots of ReLU's averages
    would jump from zero to infinite slopes. There the equations go on as straight lines from inside.
    """
    K, M = C.shape[0] - model.T.shape[0], model.T.shape[0]
    unpack(y, model, C, a, K)
    more = outside(C)
    if more == 0.0:
        _velocity(y, model, C, a, work, dy)
        return
    further = np.empty_like(dy)
    _velocity(raised(y, K, M, more), model, C, a, work, dy)
    _velocity(raised(y, K, M, 2.0 * more), model, C, a, work, further)
    for p in range(dy.shape[0]):
        dy[p] = 2.0 * dy[p] - further[p]
