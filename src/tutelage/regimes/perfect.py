"""The student that does what its teacher does, if the units and readouts it has allow one."""

from __future__ import annotations

import numpy as np

from tutelage.activations import Activation
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps

__all__ = ["merged", "perfect_student"]

EQUAL = 1e-9  # relative: readouts that differ by less are equal
DIGITS = 12  # to which overlaps of units that are the same unit agree
SEARCHED = 12  # student units up to which unequal readouts are searched for sums


def perfect_student(rule: OnlineSGD, state: Overlaps) -> Overlaps | None:
    r"""Return a state of zero generalisation error that the student can be in, or None if none is known.

    Student units become copies of teacher units, :math:`w_k = c_k w^*_m`, such that :math:`\sum_k v_k g(w_k \cdot x) =
    v^*_m g(w^*_m \cdot x)` over the copies of each m; units that are left over have length zero.

    - Readouts trained, too: K/M copies of each teacher unit, more of the first ones if that is not whole, with equal
      readouts, as in the denoising solution of Goldt et al. 2019. Not for ReLU, linear units and monomials, which trade
      lengths for readouts.
    - First layer alone, ReLU, leaky ReLU, linear and monomials: lengths make up for the readouts.
    - First layer alone, others: c_k = 1 (or -1 for odd functions), so that the readouts of the copies must add up to
      that of the teacher unit. Sums of unequal readouts are searched for up to K = 12.

    Parameters
    ----------
    rule : OnlineSGD
        Its activations and what it trains.
    state : Overlaps
        Units and readouts, and T; Q and R do not matter.
    """
    if rule.train == "readout" or rule.student != rule.teacher:
        return None
    degree = _degree(rule.student)
    if rule.train == "both":
        found = _equal_copies(state) if degree is None else None
    elif degree is None:
        found = _exact_copies(rule.student, state)
    else:
        found = _scaled_copies(rule.student, degree, state)
    if found is None:
        return None
    A, v = found
    return Overlaps(A @ state.T @ A.T, A @ state.T, state.T, v, state.v_star)


def merged(rule: OnlineSGD, perfect: Overlaps) -> Overlaps:
    r"""Return fewer units to which label noise does the same as to those of a perfect student.

    Copies of one teacher unit have one slope g', and small displacements :math:`\delta_k` move the output by g' times
    :math:`\sum_k v_k \delta_k`. This sum obeys the equation of one unit with readout :math:`(\sum_k v_k^2)^{1/2}`.
    """
    R = perfect.R
    if _odd(rule.student):
        first = np.abs(R).argmax(1)
        R = R * np.where(R[np.arange(len(R)), first] < 0, -1.0, 1.0)[:, None]
    rows = np.column_stack([np.diag(perfect.Q), R])
    rows = np.round(rows / max(np.abs(rows).max(), 1e-300), DIGITS) + 0.0  # -0 is 0
    _, chosen, owner = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    v = np.sqrt(np.bincount(owner.ravel(), perfect.v**2, len(chosen)))
    sign = np.where(R[chosen] == perfect.R[chosen], 1.0, -1.0).min(1)
    Q = perfect.Q[np.ix_(chosen, chosen)] * np.outer(sign, sign)
    return Overlaps(Q, R[chosen], perfect.T, v, perfect.v_star)


def _degree(g: Activation) -> int | None:
    """Return n if g(c x) = c^n g(x) for c > 0."""
    if g.kind in ("relu", "leaky_relu"):
        return 1
    powers = np.flatnonzero(g.coefficients or ())
    return int(powers[0]) if len(powers) == 1 and powers[0] > 0 else None


def _odd(g: Activation) -> bool:
    """Return whether g(-x) = -g(x)."""
    x = np.linspace(0.1, 4.0, 40)
    return bool(np.allclose(g.f(-x), -g.f(x), rtol=1e-12, atol=1e-15))


def _equal_copies(state: Overlaps) -> tuple[np.ndarray, np.ndarray] | None:
    """Return directions (K, M) and readouts (K,) of students that share each teacher unit equally."""
    K, M = state.students, state.teachers
    if K < M:
        return None
    owner = np.arange(K) % M
    return np.eye(M)[owner], (state.v_star / np.bincount(owner))[owner]


def _scaled_copies(g: Activation, degree: int, state: Overlaps) -> tuple[np.ndarray, np.ndarray] | None:
    """Return directions and readouts of students that share teacher units by their lengths."""
    A = np.zeros((state.students, state.teachers))
    signs = [None] if _odd(g) else [1.0, -1.0]  # a unit that is not odd serves teachers of its own sign
    for sign in signs:
        units = np.flatnonzero(state.v if sign is None else state.v * sign > 0)
        teachers = np.flatnonzero(state.v_star if sign is None else state.v_star * sign > 0)
        if len(units) < len(teachers):
            return None
        for i, m in enumerate(teachers):
            copies = units[i :: len(teachers)]
            ratio = state.v_star[m] / (len(copies) * state.v[copies])
            A[copies, m] = np.sign(ratio) * np.abs(ratio) ** (1 / degree)
    return A, state.v


def _exact_copies(g: Activation, state: Overlaps) -> tuple[np.ndarray, np.ndarray] | None:
    """Return directions and readouts of students whose readouts add up to those of the teacher units."""
    odd = _odd(g)
    values, sums = (np.abs(state.v), np.abs(state.v_star)) if odd else (state.v, state.v_star)
    owner = _partition(values, sums)
    if owner is None or (abs(float(g.f(np.zeros(1))[0])) > 1e-15 and (state.v[owner < 0] != 0).any()):
        return None
    A = np.zeros((state.students, state.teachers))
    for k in np.flatnonzero(owner >= 0):
        A[k, owner[k]] = np.sign(state.v[k] * state.v_star[owner[k]]) if odd else 1.0
    return A, state.v


def _partition(values: np.ndarray, sums: np.ndarray) -> np.ndarray | None:
    """Return for each value which of the sums it belongs to, -1 for none, such that each sum is met; None if not."""
    near = EQUAL * np.abs(sums).max(initial=0.0)
    if np.ptp(values) <= EQUAL * np.abs(values).max():
        return _equal_partition(values[0], sums, len(values), near)
    return _search(values, sums, np.full(len(values), -1), 0, near) if len(values) <= SEARCHED else None


def _equal_partition(value: float, sums: np.ndarray, units: int, near: float) -> np.ndarray | None:
    """Return the partition of equal values."""
    counts = np.round(sums / value) if value else np.zeros(len(sums))
    if (counts < 0).any() or (np.abs(counts * value - sums) > near).any() or counts.sum() > units:
        return None
    owner = np.full(units, -1)
    taken = np.repeat(np.arange(len(sums)), counts.astype(int))
    owner[: len(taken)] = taken
    return owner


def _search(values: np.ndarray, sums: np.ndarray, owner: np.ndarray, m: int, near: float) -> np.ndarray | None:
    """Return the first partition there is, given that the sums before m are met."""
    if m == len(sums):
        return owner
    free = np.flatnonzero(owner < 0)
    choices = (np.arange(1, 2 ** len(free))[:, None] >> np.arange(len(free))) & 1
    fitting = choices[np.abs(choices @ values[free] - sums[m]) <= near]
    for choice in fitting[np.argsort(fitting.sum(1), kind="stable")]:
        tried = owner.copy()
        tried[free[choice == 1]] = m
        found = _search(values, sums, tried, m + 1, near)
        if found is not None:
            return found
    return None
