"""The eigenvalues of a Hessian, and what they count: descents, flat directions, effective parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_number, refuse

__all__ = ["Spectrum", "spectrum"]

ASYMMETRY = 1e-10  # of the largest entry: what rounding may leave between H and its transpose


@dataclass(frozen=True, eq=False)
class Spectrum:
    r"""Eigenvalues and eigenvectors of a symmetric matrix.

    Attributes
    ----------
    values : array, shape (P,)
        Eigenvalues, ascending.
    vectors : array, shape (P, P)
        ``vectors[:, k]`` is the unit eigenvector of ``values[k]``.
    tolerance : float
        Eigenvalues of at most this size count as zero.
    """

    values: np.ndarray
    vectors: np.ndarray
    tolerance: float

    @property
    def negatives(self) -> int:
        """Number of directions in which the loss falls: eigenvalues below -tolerance."""
        return int((self.values < -self.tolerance).sum())

    @property
    def zeros(self) -> int:
        """Number of flat directions: eigenvalues within the tolerance of zero."""
        return int((np.abs(self.values) <= self.tolerance).sum())

    @property
    def rank(self) -> int:
        """Number of eigenvalues that are not zero: at an optimum, the effective number of parameters."""
        return len(self.values) - self.zeros

    @property
    def effective_rank(self) -> float:
        r"""Number of directions that matter, :math:`\exp(-\sum_k p_k \log p_k)`, :math:`p_k \propto |\lambda_k|`.

        The effective rank of Roy & Vetterli (EUSIPCO 2007), between 1 and the rank; 0 for a matrix of zeros. It needs
        no tolerance, and is far below the rank where most eigenvalues are small.
        """
        sizes = np.abs(self.values)
        total = sizes.sum()
        shares = sizes[sizes > 0] / total if total > 0 else np.empty(0)
        return float(np.exp(-(shares * np.log(shares)).sum())) if total > 0 else 0.0

    @property
    def trace(self) -> float:
        """Sum of the eigenvalues."""
        return float(self.values.sum())

    @property
    def condition(self) -> float:
        """Largest over smallest size of the eigenvalues that are not zero; NaN for a matrix of zeros."""
        sizes = np.abs(self.values)
        sizes = sizes[sizes > self.tolerance]
        return float(sizes.max() / sizes.min()) if sizes.size else np.nan

    def coordinates(self, displacement: ArrayLike) -> np.ndarray:
        """Return the components (P,) of a displacement (P,) along the eigenvectors."""
        return self.vectors.T @ check_array("displacement", displacement, (len(self.values),))

    def __str__(self) -> str:
        positive = self.rank - self.negatives
        return (
            f"spectrum of {len(self.values)} eigenvalues from {self.values[0]:.4g} to {self.values[-1]:.4g}: "
            f"{self.negatives} negative, {self.zeros} zero (within {self.tolerance:.1e}), {positive} positive; "
            f"rank {self.rank}, effective rank {self.effective_rank:.4g}, trace {self.trace:.4g}"
        )


def spectrum(H: ArrayLike, tolerance: float | None = None) -> Spectrum:
    r"""Return the eigenvalues and eigenvectors of a Hessian.

    Parameters
    ----------
    H : array, shape (P, P)
        A symmetric matrix; a difference to its transpose of 1e-10 of the largest entry is rounding, and averaged away.
    tolerance : float, optional
        Eigenvalues of at most this size, in the units of H, count as zero. Default: :math:`P \epsilon \max_k
        |\lambda_k|` with the machine precision :math:`\epsilon = 2.2 \cdot 10^{-16}`, the error of the eigenvalues
        of a matrix whose entries are correct to rounding. A larger one takes small eigenvalues for zeros.

    Raises
    ------
    ArgumentError
        For what is not square, symmetric and finite.

    Examples
    --------
    >>> found = spectrum([[1.0, 2.0], [2.0, 1.0]])
    >>> found.negatives, found.rank, round(found.effective_rank, 3)
    (1, 2, 1.755)
    """
    matrix = check_array("H", H, ("P", "P"))
    gap, largest = np.abs(matrix - matrix.T).max(), np.abs(matrix).max()
    if gap > ASYMMETRY * largest:
        raise refuse("H", "be symmetric", f"differs from its transpose by {gap:.3g}")
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    if tolerance is None:
        tolerance = len(values) * np.finfo(float).eps * float(np.abs(values).max())
    return Spectrum(values, vectors, check_number("tolerance", tolerance, minimum=0))
