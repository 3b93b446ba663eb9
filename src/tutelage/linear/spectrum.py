r"""What a linear learning problem consists of: numbers of samples and features, scales, teacher and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_count, check_number, check_vector, refuse

__all__ = ["Spectrum", "power_law", "two_scale"]


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum:
    r"""A linear student of d Gaussian features, of any scales, and n samples that a linear teacher labels.

    Features and labels are

    .. math:: x_j = s_j z_j, \qquad z \sim N(0, 1/d), \qquad y = \sum_j W_j z_j + \epsilon, \qquad
              \epsilon \sim N(0, \sigma^2) .

    Parameters
    ----------
    n : int
        Number of samples.
    eigenvalues : array, shape (d,)
        :math:`\Lambda_j = s_j^2/d`, those of the covariance of the features; one at least is positive. A feature of
        scale zero is one that the teacher uses and the student does not see.
    noise : float, default 0
        Standard deviation :math:`\sigma` of the noise of the labels.
    teacher : array, shape (d,), optional
        :math:`\langle W_j^2 \rangle`, what each feature carries of the labels. Default: ones.
    fast : int, optional
        How many features are fast: the first ones, and the others slow. Default: known of two distinct eigenvalues, the
        larger of which come first.

    Notes
    -----
    A covariance that is not diagonal is rotated first: gradient descent from zero does not notice. Means over samples
    depend on the teacher through squares alone, as the sign of any one :math:`z_j` may change.

    Examples
    --------
    >>> import numpy as np
    >>> problem = Spectrum(150, np.full(100, 0.01), noise=0.3)
    >>> problem
    Spectrum(n=150, d=100, eigenvalues 0.01 to 0.01, noise=0.3)
    >>> round(problem.top, 4)
    4.9495
    """

    n: int
    eigenvalues: np.ndarray
    noise: float = 0.0
    teacher: np.ndarray | None = None
    fast: int | None = None

    def __post_init__(self) -> None:
        keep: dict[str, Any] = {"n": check_count("n", self.n), "noise": check_number("noise", self.noise, minimum=0)}
        values = check_vector("eigenvalues", self.eigenvalues, "d")
        if values.min() < 0 or values.max() == 0:
            raise refuse("eigenvalues", "be >= 0 and not all zero", f"are {values.min():g} to {values.max():g}")
        teacher = np.ones(len(values)) if self.teacher is None else check_array("teacher", self.teacher, (len(values),))
        if teacher.min() < 0:
            raise refuse("teacher", "hold squares, which are >= 0", f"has {teacher.min():g}")
        fast = self.fast
        if fast is not None and check_count("fast", fast) > len(values):
            raise refuse("fast", f"be at most the number of features, {len(values)}", f"is {fast}")
        if fast is None and len(np.unique(values)) == 2 and (np.diff(values) <= 0).all():
            fast = int((values == values[0]).sum())
        for name, value in (keep | {"eigenvalues": values, "teacher": teacher, "fast": fast}).items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        low, high = self.eigenvalues.min(), self.eigenvalues.max()
        return f"Spectrum(n={self.n}, d={self.d}, eigenvalues {low:.4g} to {high:.4g}, noise={self.noise:g})"

    @property
    def d(self) -> int:
        """Number of features."""
        return len(self.eigenvalues)

    @property
    def scales(self) -> np.ndarray:
        r"""The :math:`s_j`, shape (d,)."""
        return np.sqrt(self.d * self.eigenvalues)

    @property
    def signal(self) -> float:
        r"""Variance of labels without noise, :math:`\frac1d \sum_j \langle W_j^2 \rangle`: R and Q of the teacher."""
        return float(np.mean(self._squares))

    @property
    def blocks(self) -> tuple[slice, slice]:
        """Where the fast features are, and where the slow ones."""
        if self.fast is None:
            raise refuse(
                "spectrum",
                "hold its fast features first and say how many they are, by `fast`, as `two_scale` does",
                "does not",
            )
        return slice(0, self.fast), slice(self.fast, self.d)

    @property
    def top(self) -> float:
        r"""Upper edge of the eigenvalues of :math:`X^\top X` at large n and d: step sizes must stay below 2/top.

        It is :math:`u\,(n + \sum_j \Lambda_j/(u - \Lambda_j))` at the u beyond all :math:`\Lambda_j` where
        :math:`\sum_j \Lambda_j^2/(u - \Lambda_j)^2 = n`.
        """
        L, m, _ = self.levels
        low = L[-1] * (1 + np.sqrt(m[-1] / self.n))  # the largest level alone reaches n here
        high = L[-1] + np.sqrt((m * L**2).sum() / self.n)  # and all stay below n here
        for _ in range(60):
            u = (low + high) / 2
            low, high = (u, high) if (m * (L / (u - L)) ** 2).sum() > self.n else (low, u)
        return float(high * (self.n + (m * L / (high - L)).sum()))

    @cached_property
    def levels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r"""Distinct eigenvalues, numbers of their features, and the :math:`\langle W_j^2 \rangle/d` that they carry."""
        L, where, count = np.unique(self.eigenvalues, return_inverse=True, return_counts=True)
        return L, count.astype(float), np.bincount(where, self._squares) / self.d

    @property
    def _squares(self) -> np.ndarray:
        assert self.teacher is not None  # set when it was made
        return self.teacher


def two_scale(*, n: int, d: int, p: int, kappa: float, noise: float = 0.0) -> Spectrum:
    r"""Return the problem of p features of scale 1, learned fast, and d - p of scale 1/kappa, learned slowly.

    Parameters
    ----------
    n, d : int
        Numbers of samples and of features.
    p : int
        Number of fast features, at most d.
    kappa : float
        Ratio of the scales, > 0: the condition number of the map from z to x, and the square root of that of the
        covariance.
    noise : float
        Standard deviation of the noise of the labels.

    Notes
    -----
    The problem of Pezeshki, Mitra, Bengio & Lajoie, ICML 2022 (arXiv:2112.03215). Their :math:`x = F^\top z` has random
    rotations in F, which change neither the law of z nor that of W.

    Examples
    --------
    >>> two_scale(n=150, d=100, p=60, kappa=50)
    Spectrum(n=150, d=100, eigenvalues 4e-06 to 0.01, noise=0)
    """
    d, p = check_count("d", d), check_count("p", p)
    if p > d:
        raise refuse("p", f"be at most d = {d}", f"is {p}")
    kappa = check_number("kappa", kappa, minimum=0, strict=True)
    return Spectrum(n, np.where(np.arange(d) < p, 1.0, kappa**-2.0) / d, noise, fast=p)


def power_law(
    *,
    n: int,
    d: int,
    exponent: float,
    teacher: float | Callable[[np.ndarray], ArrayLike] = 0.0,
    noise: float = 0.0,
) -> Spectrum:
    r"""Return the problem of eigenvalues :math:`\Lambda_j \propto j^{-b}`, like those of random features of images.

    Parameters
    ----------
    n, d : int
        Numbers of samples and of features.
    exponent : float
        b >= 0. The largest scale is 1.
    teacher : float, or function of the index j = 1 ... d
        c of :math:`\langle W_j^2 \rangle \propto j^{-c}`, scaled so that their mean is 1; a function gives them as they
        are. Labels whose large components are on large eigenvalues, c > 0, are easy ones.
    noise : float
        Standard deviation of the noise of the labels.

    Examples
    --------
    >>> power_law(n=100, d=400, exponent=1.5, teacher=1.0, noise=0.1)
    Spectrum(n=100, d=400, eigenvalues 3.125e-07 to 0.0025, noise=0.1)
    """
    j = np.arange(1.0, check_count("d", d) + 1)
    if callable(teacher):
        squares = np.asarray(teacher(j), float)
    else:
        squares = j ** -check_number("teacher", teacher)
        squares /= squares.mean()
    return Spectrum(n, j ** -check_number("exponent", exponent, minimum=0) / d, noise, squares)
