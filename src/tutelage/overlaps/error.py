"""The generalisation error of stacks of states, also where student and teacher nearly coincide."""

from __future__ import annotations

import numpy as np

from tutelage import coincidence, gaussian
from tutelage.activations import Activation

__all__ = ["generalisation_error", "stacked"]

CANCELS = 1e-7  # of the terms it is made of: a smaller error is computed from differences


def stacked(
    Q: np.ndarray, R: np.ndarray, T: np.ndarray, v: np.ndarray, v_star: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances (..., K+M, K+M) and signed readouts (..., K+M) of trajectories Q (..., K, K), R, v."""
    batch, (M, _) = Q.shape[:-2], T.shape
    teachers = np.broadcast_to(T, (*batch, M, M))
    upper, lower = np.concatenate([Q, R], -1), np.concatenate([np.swapaxes(R, -1, -2), teachers], -1)
    return np.concatenate([upper, lower], -2), np.concatenate([v, np.broadcast_to(-v_star, (*batch, M))], -1)


def generalisation_error(
    C: np.ndarray,
    a: np.ndarray,
    students: int,
    student: Activation,
    teacher: Activation,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Return eps_g of a stack of states: covariances C (..., K+M, K+M), signed readouts a (..., K+M).

    Where `rows` (..., K+M, D) with C = rows rows' are given, differences of units come from them, to full relative
    accuracy, else from C.
    """
    error, scale = _direct(C, a, students, student, teacher)
    if student != teacher:
        return np.maximum(error, 0.0)
    result = np.array(error)
    if student.jumps:
        return np.maximum(error, 0.0)
    for index in np.argwhere(error < CANCELS * scale):
        here = tuple(index)
        pairing = coincidence.pair(C[here], students, student.kind in coincidence.ODD)
        D = coincidence.differences(C[here], pairing, None if rows is None else rows[here])
        try:
            result[here] = coincidence.error_from_differences(D, a[here], pairing, student)
        except gaussian.QuadratureError:  # functions with kinks of a user's own: what the overlaps give has to do
            result[here] = max(error[here], 0.0)
    return result


def _direct(
    C: np.ndarray, a: np.ndarray, students: int, student: Activation, teacher: Activation
) -> tuple[np.ndarray, np.ndarray]:
    """Return eps_g as the sum of its terms, up to rounding, and the size of these terms."""
    averages = _averages_of_pairs(C, students, student, teacher)
    error = np.einsum("...c,...cd,...d->...", a, averages, a) / 2
    return error, np.einsum("...c,...cc,...c->...", a, averages, a)


def _averages_of_pairs(C: np.ndarray, students: int, student: Activation, teacher: Activation) -> np.ndarray:
    """Return I2 of all pairs of fields, shape (..., K+M, K+M); students first activation, teachers the other."""
    K = students
    ours, theirs = slice(0, K), slice(K, None)
    out = np.empty_like(C)
    out[..., ours, ours] = _best_average((student, student), _pairs(C, ours, ours))
    out[..., ours, theirs] = _best_average((student, teacher), _pairs(C, ours, theirs))
    out[..., theirs, ours] = np.swapaxes(out[..., ours, theirs], -1, -2)
    out[..., theirs, theirs] = _best_average((teacher, teacher), _pairs(C, theirs, theirs))
    return out


def _best_average(units: tuple[Activation, Activation], C: np.ndarray) -> np.ndarray:
    """Return I2; where a quadrature falls short of its tolerance, the best that it reached."""
    try:
        return gaussian.I2(units, C)
    except gaussian.QuadratureError as error:
        if C.ndim == 2:
            return np.array(error.value)
    return np.array([_best_average(units, each) for each in C])


def _pairs(C: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Return the covariances of all pairs of a field in `rows` and one in `columns`, (..., rows, columns, 2, 2)."""
    fields = np.arange(C.shape[-1])
    i, j = np.meshgrid(fields[rows], fields[columns], indexing="ij")
    index = np.stack([i, j], -1)
    return C[..., index[..., :, None], index[..., None, :]]
