"""The layout that the compiled right-hand sides share: state vector, constants, and what is done before and after.

The state is one vector y = (R row by row, Q row by row, v). Every right-hand side has the signature SIGNATURE, so that
the integrator can take it as a function pointer: a change in one does not recompile the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, types

from tutelage.kernels.units import UNIT

f8 = types.float64


class Model(NamedTuple):
    """What stays constant during a run."""

    student: int  # code of the activation, see kernels.orthant
    teacher: int
    lr: float
    lr_readout: float
    noise_variance: float
    decay: float
    decay_readout: float
    batch: float
    T: np.ndarray  # (M, M)
    v_star: np.ndarray  # (M,)
    partner: np.ndarray  # (K,) and the next: for kernels.tail alone
    sign: np.ndarray
    student_parameters: np.ndarray  # of the compiled units, and the next
    teacher_parameters: np.ndarray
    step: float  # of the quadrature, in units of the fields: for kernels.general alone


MODEL = types.NamedTuple(
    (types.int64, types.int64, *[f8] * 6, f8[:, ::1], f8[::1], types.int64[::1], f8[::1], f8[::1], f8[::1], f8), Model
)
# (y, model, student, teacher, C, a, work, dy): the compiled units of student and teacher; C (P, P), a (P,) and work
# (workspace(P), P) are overwritten, P = K + M.
SIGNATURE = types.void(f8[::1], MODEL, UNIT, UNIT, f8[:, ::1], f8[::1], f8[:, ::1], f8[::1])
VELOCITY = types.FunctionType(SIGNATURE)


@njit(cache=True)
def workspace(P):
    """Rows of the work array of a right-hand side for P fields."""
    return 2 * P + 5 + (P + 1) // 2


@njit(cache=True, error_model="numpy")
def unpack(y, model, C, a, K):
    """Write the covariance of all fields and the signed readout (v, -v_star)."""
    M = model.T.shape[0]
    Q0, v0 = K * M, K * M + K * K
    for i in range(K):
        for n in range(M):
            C[i, K + n] = C[K + n, i] = y[i * M + n]
        for k in range(K):
            C[i, k] = 0.5 * (y[Q0 + i * K + k] + y[Q0 + k * K + i])
        a[i] = y[v0 + i]
    for n in range(M):
        for m in range(M):
            C[K + n, K + m] = model.T[n, m]
        a[K + n] = -model.v_star[n]


@njit(cache=True, error_model="numpy")
def assemble(model, C, a, K, drift, spread, slope, dy):
    """Write dy/dalpha from the sums over the fields of I3 (drift), I4 (spread) and I2 (slope)."""
    M = model.T.shape[0]
    Q0, v0 = K * M, K * M + K * K
    for i in range(K):
        for n in range(M):
            dy[i * M + n] = -model.lr * a[i] * drift[i, K + n] - model.decay * C[i, K + n]
        for k in range(K):
            dy[Q0 + i * K + k] = (
                -model.lr * (a[i] * drift[i, k] + a[k] * drift[k, i])
                + model.lr**2 / model.batch * a[i] * a[k] * spread[i, k]
                - 2 * model.decay * C[i, k]
            )
        dy[v0 + i] = -model.lr_readout * slope[i] - model.decay_readout * a[i]
