r"""Equations of motion for g = x^2 in student and teacher, compiled: matrix products alone.

With A = diag(a) and the fields' covariance C the error is :math:`\Delta = \sum_c a_c x_c^2`, and Wick's theorem gives

.. math::

    \langle x_i x_n \Delta \rangle &= \mathrm{Tr}(AC) \, C_{in} + 2 (C A C)_{in} , \\
    \langle x_i x_k \Delta^2 \rangle &= \big[\mathrm{Tr}(AC)^2 + 2 \mathrm{Tr}(ACAC)\big] C_{ik}
        + 4 \mathrm{Tr}(AC) \, (C A C)_{ik} + 8 (C A C A C)_{ik} .

The cost is of the order of :math:`K P^2`, P = K + M.
"""

from __future__ import annotations

from numba import njit

from tutelage.online.kernels.model import SIGNATURE, assemble, unpack


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _averages(C, a, model, K, drift, spread, slope, left):
    """Sums over the fields of I3, I4 and I2 (drift, spread, slope); left (P, P) is overwritten by C A C."""
    P = C.shape[0]
    trace = square = 0.0
    for c in range(P):
        trace += a[c] * C[c, c]
        for d in range(P):
            square += a[c] * a[d] * C[c, d] ** 2
    for i in range(P):
        for n in range(i + 1):
            total = 0.0
            for c in range(P):
                total += a[c] * C[i, c] * C[n, c]
            left[i, n] = left[n, i] = total
    for i in range(K):
        for n in range(P):
            drift[i, n] = 2.0 * (trace * C[i, n] + 2.0 * left[i, n])
        slope[i] = C[i, i] * trace + 2.0 * left[i, i]
        for k in range(i + 1):
            total = 0.0
            if model.powers == 2:
                for c in range(P):
                    total += a[c] * left[i, c] * C[c, k]
                total = (trace * trace + 2.0 * square) * C[i, k] + 4.0 * trace * left[i, k] + 8.0 * total
            if model.powers > 0:
                total += model.noise_variance * C[i, k]
            spread[i, k] = spread[k, i] = 4.0 * total


@njit(SIGNATURE, cache=True, error_model="numpy")
def square_velocity(y, model, student, teacher, C, a, work, dy):
    """Write dy/dalpha for square students of square teachers."""
    P = C.shape[0]
    K = P - model.T.shape[0]
    unpack(y, model, C, a, K)
    _averages(C, a, model, K, work[:K], work[K : 2 * K], work[2 * K], work[2 * K + 1 :])
    assemble(model, C, a, K, work[:K], work[K : 2 * K], work[2 * K], dy)
