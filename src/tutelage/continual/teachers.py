r"""Teachers of prescribed similarity, and any others, stacked into one.

The units of all teachers stand below one another, F of them; a task is a row of readouts that is zero outside of its
own teacher's units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_count, check_number, refuse

__all__ = ["Teachers", "teachers", "two_teachers"]


@dataclass(frozen=True, eq=False)
class Teachers:
    """Teachers of one task each.

    Parameters
    ----------
    weights : array, shape (F, N)
        Units of all teachers; their squared lengths are of order N.
    readouts : array, shape (tasks, F)
        Zero outside of the task's teacher. Units that teachers share have several readouts.

    Attributes
    ----------
    T : array, shape (F, F)
        Overlaps of all units, w.w'/N.

    Raises
    ------
    ArgumentError
        For shapes that do not fit.
    """

    weights: np.ndarray
    readouts: np.ndarray

    def __post_init__(self) -> None:
        W = check_array("weights", self.weights, ("F", "N"))
        object.__setattr__(self, "weights", W)
        object.__setattr__(self, "readouts", check_array("readouts", self.readouts, ("tasks", len(W))))

    @property
    def T(self) -> np.ndarray:
        """Overlaps of all units, (F, F)."""
        return self.weights @ self.weights.T / self.dim

    @property
    def dim(self) -> int:
        """N."""
        return self.weights.shape[1]

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return len(self.readouts)


def teachers(weights: Sequence[ArrayLike], readouts: Sequence[ArrayLike] | None = None) -> Teachers:
    """Return any number of teachers as one.

    Parameters
    ----------
    weights : sequence of arrays, shape (M_t, N)
        Units of each teacher.
    readouts : sequence of arrays, shape (M_t,), optional
        Default: ones.

    Examples
    --------
    >>> teachers([[[1.0, 0.0]], [[0.0, 1.0]]]).readouts
    array([[1., 0.],
           [0., 1.]])
    """
    if not isinstance(weights, (list, tuple, np.ndarray)):
        raise refuse("weights", "be an array (M, N) for each teacher", f"is of type {type(weights).__name__}")
    parts = [check_array(f"weights[{t}]", W, ("M", "N")) for t, W in enumerate(weights)]
    if not parts or len({W.shape[1] for W in parts}) > 1:
        raise refuse("weights", "be at least one array, all of the same N", f"have shapes {[W.shape for W in parts]}")
    given = [np.ones(len(W)) for W in parts] if readouts is None else readouts
    if not isinstance(given, (list, tuple, np.ndarray)) or len(given) != len(parts):
        raise refuse("readouts", f"be {len(parts)} arrays, one for each teacher", f"are {given!r}")
    rows, begin = np.zeros((len(parts), sum(map(len, parts)))), 0
    for t, (W, v) in enumerate(zip(parts, given, strict=True)):
        rows[t, begin : begin + len(W)] = check_array(f"readouts[{t}]", v, (len(W),))
        begin += len(W)
    return Teachers(np.concatenate(parts), rows)


def two_teachers(
    units: int = 1,
    feature_similarity: float = 0.5,
    readout_similarity: float = 1.0,
    dim: int = 1000,
    seed: int = 0,
    *,
    shared: int = 0,
) -> Teachers:
    r"""Return two teachers of as many units whose similarities are exactly those asked for.

    With orthonormal a_m, z_m the units are :math:`\sqrt N a_m` and :math:`\sqrt N (V a_m + \sqrt{1 - V^2} z_m)`, so
    that their overlap matrix is V times the identity. Readouts have the cosine :math:`\tilde V`, and the length
    :math:`\sqrt M`. (Lee, Goldt & Saxe 2021, arXiv:2107.04384, with exact rotations in place of random ones.)

    Parameters
    ----------
    units : int
        M, of each teacher.
    feature_similarity : float
        V, between -1 and 1.
    readout_similarity : float
        Between -1 and 1; of one unit -1 or 1 only.
    dim : int
        N >= 2 M.
    seed : int
        Of the frame, and of the readouts unless they are equal: readouts that are no ones are normal numbers.
    shared : int
        The first so many units of the second teacher are those of the first, whatever V.

    Returns
    -------
    Teachers

    Examples
    --------
    >>> pair = two_teachers(units=2, feature_similarity=0.3, readout_similarity=0.5, dim=100)
    >>> np.round(pair.T[:2, 2:], 12) + 0.0
    array([[0.3, 0. ],
           [0. , 0.3]])
    """
    M, N = check_count("units", units), check_count("dim", dim, floats=True)
    V, Vt = (_similarity(name, x) for name, x in (("feature_similarity", feature_similarity),
                                                  ("readout_similarity", readout_similarity)))  # fmt: skip
    if check_count("shared", shared, minimum=0) > M:
        raise refuse("shared", f"be at most the {M} units", f"is {shared}")
    if N < 2 * M:
        raise refuse("dim", f"be >= 2 units = {2 * M}", f"is {N}")
    if M == 1 and abs(Vt) != 1:
        raise refuse("readout_similarity", "be -1 or 1 for one unit, whose readout is a number", f"is {Vt:g}")
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    frame = np.linalg.qr(rng.standard_normal((N, 2 * M)))[0].T * np.sqrt(N)
    same = np.array([1.0] * shared + [V] * (M - shared))[:, None]
    second = same * frame[:M] + np.sqrt(1 - same**2) * frame[M:]
    v = np.ones(M)
    if abs(Vt) < 1:
        q = np.linalg.qr(np.column_stack((v, rng.standard_normal(M))))[0].T * np.sqrt(M)
        q *= np.sign(q[0, 0])
        v, other = q[0], Vt * q[0] + np.sqrt(1 - Vt**2) * q[1]
    else:
        other = Vt * v
    return teachers([frame[:M], second], [v, other])


def _similarity(name: str, value: float) -> float:
    number = check_number(name, value)
    if abs(number) > 1:
        raise refuse(name, "be between -1 and 1", f"is {number:g}")
    return number
