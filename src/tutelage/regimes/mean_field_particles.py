"""The state of mean field: each student by its overlaps with the teacher and the length of the rest of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_count, check_number, check_type, refuse
from tutelage.overlaps import Overlaps

__all__ = ["Particles"]

SINGULAR = 1e-12  # of T's largest eigenvalue: a smaller one is that of teachers that depend on each other
OUTSIDE = 1e-8  # of the largest overlap: what R may have that no weights have


@dataclass(frozen=True, eq=False)
class Particles:
    r"""K students as independent particles: overlaps with M teachers, and squared length off the teacher's span.

    .. math:: R_{in} = w_i \cdot w^*_n / N, \qquad q_i = |w_i^\perp|^2 / N = Q_{ii} - (R \, T^{-1} R^\top)_{ii}

    Directions off the teacher's span are not part of the state: they are independent and uniform.

    Parameters
    ----------
    R : array, shape (K, M)
    q : array, shape (K,)
        Not negative.
    T : array, shape (M, M)
        Teacher-teacher overlaps, symmetric and positive semidefinite; may be singular, where teachers depend on each
        other.
    v, v_star : array, shape (K,) and (M,), optional
        Readouts. Default: 1/K and 1/M, so that outputs are means over the units (:class:`tutelage.Overlaps` has ones).

    Raises
    ------
    ArgumentError
        For wrong shapes, negative `q`, a `T` that is no matrix of overlaps, or an `R` that no weights have with it.

    Examples
    --------
    >>> Particles(R=[[0.5], [-0.5]], q=[1.0, 1.0], T=[[1.0]]).v
    array([0.5, 0.5])
    """

    R: np.ndarray
    q: np.ndarray
    T: np.ndarray
    v: np.ndarray = None  # type: ignore[assignment]
    v_star: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        R = check_array("R", self.R, ("K", "M"))
        K, M = R.shape
        teacher = Overlaps(np.zeros((1, 1)), np.zeros((1, M)), check_array("T", self.T, (M, M)))  # checks T
        checked = {
            "R": R,
            "q": check_array("q", self.q, (K,)),
            "T": np.array(teacher.T),
            "v": np.full(K, 1 / K) if self.v is None else check_array("v", self.v, (K,)),
            "v_star": np.full(M, 1 / M) if self.v_star is None else check_array("v_star", self.v_star, (M,)),
        }
        if checked["q"].min() < 0:
            raise refuse("q", "be >= 0, as squared lengths are", f"holds {checked['q'].min():.6g}")
        for name, array in checked.items():
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        gap = np.abs(self.coordinates @ self.frame.T - R).max()
        if gap > OUTSIDE * max(np.abs(R).max(), np.abs(self.T).max()):
            raise refuse("R", "be overlaps with teachers of a singular `T`", f"is off by {gap:.3g}")

    @property
    def students(self) -> int:
        """Number K of particles."""
        return len(self.R)

    @property
    def teachers(self) -> int:
        """Number M of teacher units."""
        return len(self.T)

    @cached_property
    def frame(self) -> np.ndarray:
        """The teachers in orthonormal coordinates of their span, shape (M, rank): T = frame frame'."""
        values, vectors = np.linalg.eigh(self.T)
        there = values > SINGULAR * values[-1]
        return vectors[:, there] * np.sqrt(values[there])

    @cached_property
    def coordinates(self) -> np.ndarray:
        """The students in the same coordinates, shape (K, rank): R = coordinates frame'."""
        return self.R @ (self.frame / (self.frame**2).sum(0))

    @classmethod
    def from_overlaps(cls, state: Overlaps) -> Particles:
        """Return the particles of a state: of Q its diagonal alone is used.

        Examples
        --------
        >>> float(Particles.from_overlaps(Overlaps(Q=[[1.0]], R=[[0.6]], T=[[1.0]])).q[0])
        0.64
        """
        check_type("state", state, Overlaps)
        inside = cls(state.R, np.zeros(state.students), state.T, state.v, state.v_star)
        q = np.maximum(np.diagonal(state.Q) - (inside.coordinates**2).sum(1), 0.0)
        return cls(state.R, q, state.T, state.v, state.v_star)

    @classmethod
    def gaussian(
        cls,
        students: int,
        T: ArrayLike,
        dim: int,
        *,
        std: float = 1.0,
        v: ArrayLike | None = None,
        v_star: ArrayLike | None = None,
        seed: int = 0,
    ) -> Particles:
        r"""Draw particles from the law of weights with independent N(0, std^2) components in `dim` dimensions.

        Along each direction of the teacher's span a student has N(0, std^2/dim), and off it a squared length of
        std^2/dim times chi-square with dim - rank(T) degrees of freedom: exact for every `dim`.

        Parameters
        ----------
        students : int
            Number K of particles.
        T : array, shape (M, M)
        dim : int
            At least the rank of T.
        std : float, >= 0
        v, v_star : array, optional
            See the class.
        seed : int

        Examples
        --------
        >>> Particles.gaussian(1000, T=[[1.0]], dim=5, seed=1).R.shape
        (1000, 1)
        """
        K, dim, std = check_count("students", students), check_count("dim", dim), check_number("std", std, minimum=0)
        matrix = check_array("T", T, ("M", "M"))
        teacher = cls(np.zeros((1, len(matrix))), np.zeros(1), matrix).frame
        rank = teacher.shape[1]
        if dim < rank:
            raise refuse("dim", f"be at least the rank {rank} of `T`", f"is {dim}")
        rng = np.random.default_rng(check_count("seed", seed, minimum=0))
        along = rng.standard_normal((K, rank)) @ teacher.T * std / np.sqrt(dim)
        across = rng.chisquare(dim - rank, K) if dim > rank else np.zeros(K)
        return cls(along, across * std**2 / dim, matrix, v, v_star)  # type: ignore[arg-type]
