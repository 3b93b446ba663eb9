"""The macroscopic state of a student and its teacher: their overlaps and readouts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations import ActivationLike
from tutelage.activations import activation as resolve
from tutelage.errors import check_array, check_count, refuse
from tutelage.overlaps.error import generalisation_error, stacked

__all__ = ["Overlaps", "generalisation_error", "stacked"]

DRAWN = 10**6  # components of random weights that are drawn one by one
SEMIDEFINITE = 1e-10  # of the largest diagonal entry: how negative an eigenvalue may be by rounding


@dataclass(frozen=True, eq=False)
class Overlaps:
    r"""Overlaps and readouts of K student and M teacher units.

    .. math:: Q_{ik} = w_i \cdot w_k / N, \qquad R_{in} = w_i \cdot w^*_n / N, \qquad
              T_{nm} = w^*_n \cdot w^*_m / N .

    They are the covariance of the fields :math:`\lambda_i = w_i \cdot x/\sqrt N`, :math:`\rho_n = w^*_n \cdot x/\sqrt
    N` for inputs of independent standard normal components.

    Parameters
    ----------
    Q : array, shape (K, K)
        Student-student overlaps; symmetric.
    R : array, shape (K, M)
        Student-teacher overlaps.
    T : array, shape (M, M)
        Teacher-teacher overlaps; symmetric.
    v, v_star : array, shape (K,) and (M,), optional
        Readouts of student and teacher: outputs are sum_k v_k g(lambda_k), not divided by K. Default: ones (soft
        committee machines).

    Raises
    ------
    ArgumentError
        For a wrong shape, NaN, Q or T that is not symmetric, or a covariance [[Q, R], [R', T]] with an eigenvalue below
        -1e-10 times its largest diagonal entry. Singular covariances are legitimate.

    Examples
    --------
    >>> state = Overlaps(Q=[[1.0]], R=[[0.5]], T=[[1.0]])
    >>> round(state.generalisation_error("linear"), 12)
    0.5
    """

    Q: np.ndarray
    R: np.ndarray
    T: np.ndarray
    v: np.ndarray = None  # type: ignore[assignment]
    v_star: np.ndarray = None  # type: ignore[assignment]
    # Rows (students, teachers) whose products are the overlaps, to more digits than these hold; where they are known.
    _rows: np.ndarray | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        Q, T = check_array("Q", self.Q, ("K", "K")), check_array("T", self.T, ("M", "M"))
        K, M = len(Q), len(T)
        checked = {
            "Q": _symmetric("Q", Q),
            "R": check_array("R", self.R, (K, M)),
            "T": _symmetric("T", T),
            "v": np.ones(K) if self.v is None else check_array("v", self.v, (K,)),
            "v_star": np.ones(M) if self.v_star is None else check_array("v_star", self.v_star, (M,)),
        }
        for name, array in checked.items():
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        self._check_semidefinite()

    def _check_semidefinite(self) -> None:
        C = self.covariance
        lowest, largest = np.linalg.eigvalsh(C)[0], max(np.diagonal(C).max(), 0.0)
        if lowest < -SEMIDEFINITE * largest or np.diagonal(C).min() < 0:
            raise refuse(
                "Q, R, T",
                "make [[Q, R], [R', T]] positive semidefinite, as overlaps of real weight vectors do",
                f"its smallest eigenvalue is {lowest:.3g}",
            )

    @property
    def students(self) -> int:
        """Number K of student units."""
        return len(self.Q)

    @property
    def teachers(self) -> int:
        """Number M of teacher units."""
        return len(self.T)

    @cached_property
    def covariance(self) -> np.ndarray:
        """Covariance [[Q, R], [R', T]] of all fields, students first; shape (K+M, K+M)."""
        return np.block([[self.Q, self.R], [self.R.T, self.T]])

    @cached_property
    def signed_readout(self) -> np.ndarray:
        """Readouts (v, -v_star), shape (K+M,): the noise-free error is their sum with g(fields)."""
        return np.concatenate([self.v, -self.v_star])

    @classmethod
    def unchecked(cls, Q: np.ndarray, R: np.ndarray, T: np.ndarray, v: np.ndarray, v_star: np.ndarray) -> Overlaps:
        """Return a state without looking at its arrays: for states on the way of an integrator."""
        state = object.__new__(cls)
        vars(state).update(Q=Q, R=R, T=T, v=v, v_star=v_star)
        return state

    @classmethod
    def from_weights(
        cls, W: ArrayLike, W_star: ArrayLike, v: ArrayLike | None = None, v_star: ArrayLike | None = None
    ) -> Overlaps:
        """Return the overlaps of student weights W (K, N) and teacher weights W_star (M, N), divided by N.

        Examples
        --------
        >>> Overlaps.from_weights([[1.0, 1.0]], [[2.0, 0.0]]).R
        array([[1.]])
        """
        student = check_array("W", W, ("K", "N"))
        teacher = check_array("W_star", W_star, ("M", student.shape[1]))
        N = student.shape[1]
        state = cls(student @ student.T / N, student @ teacher.T / N, teacher @ teacher.T / N, v, v_star)  # type: ignore[arg-type]
        object.__setattr__(state, "_rows", np.concatenate([student, teacher]) / np.sqrt(N))
        return state

    def factor(self) -> tuple[np.ndarray, np.ndarray]:
        r"""Return weights / sqrt(N) in an orthonormal frame that spans the teacher's, then the student's.

        Returns
        -------
        A : array, shape (K, M + K)
            Students: :math:`Q = A A^\top`, :math:`R = A_{:, 1..M} F^\top`.
        F : array, shape (M, M)
            Teachers: :math:`T = F F^\top`.
        """
        K, M = self.students, self.teachers
        values, vectors = np.linalg.eigh(self.covariance)  # not from weights, which a file would not know
        # What rounding leaves of a zero would be amplified by the root: units that coincide would be 1e-8 apart.
        values[values < 4 * (K + M) * np.finfo(float).eps * values[-1]] = 0.0
        rows = vectors * np.sqrt(values)
        triangle: np.ndarray = np.linalg.qr(np.concatenate([rows[K:], rows[:K]]).T, mode="r").T  # type: ignore[attr-defined]
        return np.ascontiguousarray(triangle[M:]), np.ascontiguousarray(triangle[:M, :M])

    @classmethod
    def random(cls, students: int, teachers: int, dim: int, seed: int = 0) -> Overlaps:
        """Return the overlaps of `students` and `teachers` weight vectors drawn from N(0, 1) in `dim` dimensions.

        Off-diagonal entries are of order 1/sqrt(dim); v = v_star = 1. Beyond 10^6 components in all, the overlaps are
        drawn in place of the weights, from the Wishart law that they have. `seed` is that of the draw.
        """
        K, M = check_count("students", students), check_count("teachers", teachers)
        N, rng = check_count("dim", dim, floats=True), np.random.default_rng(check_count("seed", seed, minimum=0))
        if (K + M) * N <= DRAWN or N < K + M:
            weights = rng.standard_normal((K + M, N))
            return cls.from_weights(weights[:K], weights[K:])
        rows = np.tril(rng.standard_normal((K + M, K + M)), -1) + np.diag(np.sqrt(rng.chisquare(N - np.arange(K + M))))
        state = cls.from_weights(rows[:K], rows[K:])  # divided by K + M
        return cls._scaled(state, (K + M) / N)

    @classmethod
    def _scaled(cls, state: Overlaps, factor: float) -> Overlaps:
        """Return the state with all overlaps multiplied by `factor`, known as accurately."""
        scaled = cls(factor * state.Q, factor * state.R, factor * state.T, state.v, state.v_star)
        if state._rows is not None:
            object.__setattr__(scaled, "_rows", np.sqrt(factor) * state._rows)
        return scaled

    def normalised(self, teacher: bool = False) -> Overlaps:
        """Return the state with the students' weights scaled to |w_k|^2 = N, so that Q_kk = 1.

        Parameters
        ----------
        teacher : bool
            Whether the teacher's are, too, so that T_mm = 1. Else it stays the teacher it was: one of random weights
            has lengths that students of length one do not have, and they cannot equal it.

        Raises
        ------
        ArgumentError
            For a unit of zero length.

        Examples
        --------
        >>> Overlaps(Q=[[4.0]], R=[[1.0]], T=[[1.0]]).normalised().R
        array([[0.5]])
        """
        Q, scale = _of_length_one(self.Q, "Q_kk")
        T, other = _of_length_one(self.T, "T_mm") if teacher else (self.T, np.ones(self.teachers))
        state = Overlaps(Q, self.R * np.outer(scale, other), T, self.v, self.v_star)
        if self._rows is not None:
            object.__setattr__(state, "_rows", self._rows * np.concatenate([scale, other])[:, None])
        return state

    def generalisation_error(
        self, activation: ActivationLike, teacher_activation: ActivationLike | None = None
    ) -> float:
        r"""Return :math:`\epsilon_g = \tfrac12 \langle (\sum_k v_k g(\lambda_k) - \sum_m v^*_m g(\rho_m))^2 \rangle`.

        With the factor 1/2 and without label noise (Goldt et al. 2019, arXiv:1906.08632).

        Parameters
        ----------
        activation : str or Activation
            Of the student.
        teacher_activation : str or Activation, optional
            Of the teacher; default: the student's.

        Raises
        ------
        ArgumentError
            For a name that is not known, or an error too large for a float, as of a steep polynomial of long weights.

        Notes
        -----
        Written out, the error is a difference of numbers of order one and drowns in rounding at 1e-16. Where it is
        small, units that nearly coincide are therefore paired, and the error is computed from their differences
        (:mod:`tutelage.coincidence`): it is never negative, and exactly zero for Q = R = T, v = v_star. Exceptions are
        "step", "sign" and functions of one's own with kinks: they may end in rounding, or in the error of a quadrature.
        """
        student = resolve(activation)
        teacher = student if teacher_activation is None else resolve(teacher_activation, "teacher_activation")
        C, a, K = self.covariance, self.signed_readout, self.students
        error = float(generalisation_error(C, a, K, student, teacher, self._rows))
        if not np.isfinite(error):
            names = " and ".join(dict.fromkeys(repr(g.name) for g in (student, teacher)))
            raise refuse(
                "activation", "have an error below 1.8e308, the largest number", f"of {names} it is larger here"
            )
        return error


def _of_length_one(products: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the products of units scaled to length one, and the factors that do it."""
    squares = np.diagonal(products)
    if squares.min() <= 0:
        raise refuse("state", "have no unit of zero length", f"has {name} = {squares.tolist()}")
    scale = 1 / np.sqrt(squares)
    out = products * np.outer(scale, scale)
    np.fill_diagonal(out, 1.0)
    return out, scale


def _symmetric(name: str, matrix: np.ndarray) -> np.ndarray:
    """Return `matrix` made exactly symmetric, or refuse one that is not so up to rounding."""
    asymmetry = np.abs(matrix - matrix.T).max()
    if asymmetry > SEMIDEFINITE * max(np.abs(matrix).max(), 1e-300):
        raise refuse(name, "be symmetric", f"differs from its transpose by {asymmetry:.3g}")
    return (matrix + matrix.T) / 2
