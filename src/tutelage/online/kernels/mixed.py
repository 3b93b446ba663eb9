"""Equations of motion for (leaky) ReLU and any mixture of erf, linear, ReLU, step and sign, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit

from tutelage.kernels.averages import average
from tutelage.kernels.orthant import LEAKY, LINEAR, ONE
from tutelage.online.kernels.model import SIGNATURE, assemble, unpack


@njit(cache=True, error_model="numpy")
def _sum(C, a, units, leaks, model, derivatives, field, sub):
    """Return the sum over the last field of I2 or I3, or over the last two of I4 (derivatives = 0, 1, 2).

    The other fields are named in `field`. The label noise enters I4 as one unit more, P: constant in place of a field,
    uncorrelated with all others. `average` has a single call here: it is large, and each would be compiled in.
    """
    P = C.shape[0]
    n = derivatives + 2
    total = 0.0
    for c in range(P if derivatives == 2 and model.powers == 1 else 0, P + 1 if derivatives == 2 else P):
        for d in range(c + 1 if derivatives == 2 else 1):
            if c == P and d < P:
                continue
            first = d if derivatives == 2 else field[0]
            one = LINEAR if derivatives == 1 else units[first]
            weight = model.noise_variance if c == P else a[c]
            field[n - 1] = c if c < P else field[0]
            if derivatives == 2:
                field[2] = d if d < P else field[0]
                weight *= (1.0 if c == d else 2.0) * (a[d] if d < P else 1.0)
            for p in range(n):
                for q in range(n):
                    sub[p, q] = C[field[p], field[q]]
            of_three = leaks[field[0]], leaks[first], leaks[c]
            total += weight * average(sub[:n, :n], derivatives, units[field[0]], one, units[c], of_three)
    return total


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
        for other in range(P + 1 + i + 1):  # I3 with each field, I2, I4 with each student up to i
            derivatives = 1 if other < P else (0 if other == P else 2)
            field[0], field[1] = i, other if derivatives == 1 else other - P - 1
            total = 0.0
            if (model.lr if derivatives else model.lr_readout) != 0.0 and (derivatives < 2 or model.powers > 0):
                total = _sum(C, a, units, leaks, model, derivatives, field, sub)
            if derivatives == 1:
                drift[i, other] = total
            elif derivatives == 0:
                slope[i] = total
            else:
                k = other - P - 1
                spread[i, k] = spread[k, i] = total


@njit(SIGNATURE, cache=True, error_model="numpy")
def mixed_velocity(y, model, student, teacher, C, a, work, dy):
    """Write dy/dalpha for students and teachers of any of these activations; step and sign students need lr = 0."""
    K = C.shape[0] - model.T.shape[0]
    unpack(y, model, C, a, K)
    drift, spread, slope = work[:K], work[K : 2 * K], work[2 * K]
    _averages(C, a, model, K, drift, spread, slope)
    assemble(model, C, a, K, drift, spread, slope, dy)
