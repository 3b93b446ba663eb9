"""The layout that the compiled right-hand sides share: state vector, constants, and what is done before and after.

The state is one vector y = (R row by row, Q row by row, v). Every right-hand side has the signature SIGNATURE, so that
the integrator can take it as a function pointer: a change in one does not recompile the other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, types

from tutelage.kernels.units import UNIT

ROUNDING = 1e-14  # of the largest eigenvalue of a covariance

f8 = types.float64


class Model(NamedTuple):
    """What stays constant during a run."""

    student: int  # code of the activation, see kernels.codes
    teacher: int
    lr: float
    lr_readout: float
    noise_variance: float
    decay: float
    decay_readout: float
    batch: float
    sphere: float  # 1 where lengths of weights are kept, else 0
    powers: int  # 2: all terms of order lr^2; 1: those of the label noise; 0: none
    T: np.ndarray  # (M, M)
    v_star: np.ndarray  # (M,)
    partner: np.ndarray  # (K,) and the next: for kernels.tail alone
    sign: np.ndarray
    student_parameters: np.ndarray  # of the compiled units, and the next
    teacher_parameters: np.ndarray
    step: float  # of the quadrature, in units of the fields: for kernels.general alone
    nodes: np.ndarray  # (2, nodes) of a Gauss rule and their weights: for kernels.polynomial alone
    more: np.ndarray  # (rows, columns) of whatever a right-hand side made of several needs besides


MODEL = types.NamedTuple(
    (
        *[types.int64] * 2, *[f8] * 7, types.int64, f8[:, ::1], f8[::1], types.int64[::1], *[f8[::1]] * 3, f8,
        *[f8[:, ::1]] * 2,
    ),
    Model,
)  # fmt: skip
# (y, model, student, teacher, C, a, work, dy): the compiled units of student and teacher; C (P, P), a (P,) and work
# (workspace(P), P) are overwritten, P = K + M. Afterwards work[:K] holds the sums of I3 (K, P), work[K : 2 K] those of
# I4 and J2, as powers has them (K, K first), and work[2 K] those of I2, unless lr_readout is zero (K first).
SIGNATURE = types.void(f8[::1], MODEL, UNIT, UNIT, f8[:, ::1], f8[::1], f8[:, ::1], f8[::1])
VELOCITY = types.FunctionType(SIGNATURE)


@njit(cache=True)
def workspace(P):
    """Rows of the work array of a right-hand side for P fields."""
    return 3 * P + 5


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
    if model.sphere != 0.0:
        project(C, K, dy)


@njit(cache=True, error_model="numpy")
def project(C, K, dy):
    """Take from a direction dy what changes the lengths of weights with Q_kk = 1: R_in dQ_ii / 2, and so on."""
    M = C.shape[0] - K
    Q0 = K * M
    for i in range(K):
        length = 0.5 * dy[Q0 + i * K + i]
        for n in range(M):
            dy[i * M + n] -= C[i, K + n] * length
    for i in range(K):
        for k in range(i):
            lengths = 0.5 * (dy[Q0 + i * K + i] + dy[Q0 + k * K + k])
            dy[Q0 + i * K + k] -= C[i, k] * lengths
            dy[Q0 + k * K + i] = dy[Q0 + i * K + k]
    for i in range(K):
        dy[Q0 + i * K + i] = 0.0


@njit(cache=True, error_model="numpy")
def _definite(C, L):
    """Return whether C is positive definite, by its Cholesky factor, which is written to L."""
    for p in range(C.shape[0]):
        for q in range(p + 1):
            total = C[p, q]
            for m in range(q):
                total -= L[p, m] * L[q, m]
            if p == q:
                if not total > 0.0:
                    return False
                L[p, p] = math.sqrt(total)
            else:
                L[p, q] = total / L[q, q]
    return True


@njit(cache=True, error_model="numpy")
def outside(C):
    """Return how much larger all variances of students must be for C to be positive semidefinite, twofold; or 0.

    Also 0 for what is not finite.
    """
    if _definite(C, np.empty_like(C)) or not np.isfinite(C).all():
        return 0.0
    values = np.linalg.eigvalsh(C)
    return -2.0 * values[0] if values[0] < -ROUNDING * values[-1] else 0.0


@njit(cache=True, error_model="numpy")
def raised(y, K, M, more):
    """Return the state vector with `more` added to all Q_kk."""
    out = y.copy()
    for k in range(K):
        out[K * M + k * K + k] += more
    return out
