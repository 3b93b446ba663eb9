"""Many states at once: one call from Python for all the velocities that a derivative by differences takes."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from tutelage.kernels.units import UNIT
from tutelage.online.kernels.model import MODEL, VELOCITY, workspace

f8, i8 = types.float64, types.int64


@njit(types.void(VELOCITY, f8[:, ::1], MODEL, UNIT, UNIT, i8, f8[:, ::1]), cache=True, error_model="numpy", nogil=True)
def velocities(velocity, states, model, student, teacher, K, out):
    """Write the velocity of each row of `states` into that of `out`."""
    P = K + model.T.shape[0]
    C, a, work = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P))
    for s in range(states.shape[0]):
        velocity(states[s], model, student, teacher, C, a, work, out[s])
