r"""The Marchenko-Pastur law, and its generalisation to any population: Silverstein's equation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_count, check_number, check_vector, refuse

__all__ = ["MarchenkoPastur", "SampledLaw"]

NODES = 400  # of the Gauss-Legendre rule in the angle
GRID = 2000  # points at which a sampled law is tabulated
HEIGHT = 1e-7  # imaginary part, over the largest eigenvalue, at which its equation is solved


@dataclass(frozen=True)
class MarchenkoPastur:
    r"""Eigenvalues of :math:`\text{shift} + \text{scale} \cdot A^\top A / n`, A (n, p) of entries of variance one.

    .. math:: \rho(x) = \frac{\sqrt{(x_+ - x)(x - x_-)}}{2\pi c\, x}, \qquad x_\pm = (1 \pm \sqrt c)^2 ,

    in the limit of large p and n = p/c, for scale one and shift zero; where c > 1 a fraction 1 - 1/c of eigenvalues is
    at the shift. At finite size the distribution function is off by about 1/p.

    Parameters
    ----------
    ratio : float
        c = p/n.
    scale, shift : float

    Notes
    -----
    In the methods `x` are eigenvalues, an array of any shape, and `seed` is that of what is drawn.
    """

    ratio: float
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        for name in ("ratio", "scale"):
            object.__setattr__(self, name, check_number(name, getattr(self, name), minimum=0, strict=True))
        object.__setattr__(self, "shift", check_number("shift", self.shift))

    @property
    def atom(self) -> float:
        """Fraction of eigenvalues at ``shift``."""
        return max(0.0, 1 - 1 / self.ratio)

    @property
    def edges(self) -> tuple[float, float]:
        """Ends of the continuous part."""
        root = np.sqrt(self.ratio)
        return self.shift + self.scale * (1 - root) ** 2, self.shift + self.scale * (1 + root) ** 2

    def pdf(self, x: ArrayLike) -> np.ndarray:
        """Return the density of the continuous part, of area 1 - atom."""
        z = self._standard(x)
        low, high = (1 - np.sqrt(self.ratio)) ** 2, (1 + np.sqrt(self.ratio)) ** 2
        inside = (z > low) & (z < high) & (z > 0)
        safe = np.where(inside, z, 1.0)
        root = np.sqrt(np.clip((high - safe) * (safe - low), 0, None))
        return np.where(inside, root / (2 * np.pi * self.ratio * safe), 0.0) / self.scale

    def cdf(self, x: ArrayLike) -> np.ndarray:
        r"""Return the distribution function, the atom included.

        With the angle :math:`\varphi` of :math:`x = 1 + c - 2\sqrt c \cos\varphi` the continuous part below x is

        .. math:: \frac{1}{2\pi c} \Big[ (1 + c)\, \varphi + 2\sqrt c \sin\varphi
                  - 2|1 - c| \arctan\Big( \frac{1 + \sqrt c}{|1 - \sqrt c|} \tan\frac\varphi2 \Big) \Big] .
        """
        z, c = self._standard(x), self.ratio
        root = np.sqrt(c)
        angle = np.arccos(np.clip((1 + c - z) / (2 * root), -1, 1))
        inner = np.arctan2((1 + root) * np.sin(angle / 2), abs(1 - root) * np.cos(angle / 2))
        mass = ((1 + c) * angle + 2 * root * np.sin(angle) - 2 * abs(1 - c) * inner) / (2 * np.pi * c)
        return np.where(z >= 0, self.atom, 0.0) + mass

    def moment(self, k: int) -> float:
        r"""Return the k-th moment about the shift, scale^k :math:`\sum_r \frac{c^r}{r+1} \binom kr \binom{k-1}r`."""
        k = check_count("k", k, minimum=0)
        total = sum(self.ratio**r / (r + 1) * comb(k, r) * comb(k - 1, r) for r in range(k)) if k else 1.0
        return self.scale**k * total

    def average(self, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the mean of f, a function of eigenvalues (n,) that returns (..., n), for smooth f.

        A Gauss rule of 400 nodes in the angle, closest at the edges.
        """
        x, w = self.rule
        return f(x) @ w

    @cached_property
    def rule(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights of the mean of a smooth function, the atom included."""
        x, w = self.rule_below(np.array([self.edges[1]]), NODES)
        return (np.append(x[0], self.shift), np.append(w[0], self.atom)) if self.atom else (x[0], w[0])

    def rule_below(self, x: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return nodes and weights (n, nodes) of integrals over the continuous part up to each of `x` (n,).

        Nodes are dense as squares next to x, so that a function may behave like a root of the distance from there.
        """
        low, high = self.edges
        first = np.arccos(np.clip((2 * x - low - high) / (high - low), -1, 1))[:, None]  # from the upper edge
        u, w = _legendre(nodes)
        angle, weight = first + (np.pi - first) * u**2, 2 * (np.pi - first) * u * w
        z = (1 - np.sqrt(self.ratio)) ** 2 + 4 * np.sqrt(self.ratio) * np.cos(angle / 2) ** 2
        return self.shift + self.scale * z, 2 / np.pi * np.sin(angle) ** 2 / z * weight

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Return `count` independent draws from the law, by inversion of its distribution function."""
        u = np.random.default_rng(check_count("seed", seed, minimum=0)).random(check_count("count", count))
        low, high = self.edges
        x = (low + high) / 2 - (high - low) / 2 * np.cos(np.linspace(0, np.pi, 10 * GRID))
        return np.where(u < self.atom, self.shift, np.interp(u, self.cdf(x), x))

    def _standard(self, x: ArrayLike) -> np.ndarray:
        return (np.asarray(x, np.float64) - self.shift) / self.scale


@lru_cache
def _legendre(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the Gauss-Legendre rule on (0, 1)."""
    u, w = np.polynomial.legendre.leggauss(nodes)
    return (u + 1) / 2, w / 2


@dataclass(frozen=True, eq=False)
class SampledLaw:
    r"""Eigenvalues of :math:`S^{1/2} T S^{1/2}` with the covariance S of n Gaussian inputs, in the limit of large p, n.

    T (p, p) has the eigenvalues ``population``, those that infinitely many inputs would show; c = p/n. The companion
    Stieltjes transform solves Silverstein's equation,

    .. math:: m(z) = \Big[ -z + c\, \Big\langle \frac{\tau}{1 + \tau m} \Big\rangle_\tau \Big]^{-1}, \qquad
              \rho(x) = \frac{1}{\pi c}\, \mathrm{Im}\, m(x + i 0) ,

    and a fraction 1 - 1/c of eigenvalues is zero where c > 1. Reference: Silverstein & Bai, J. Multivariate Anal. 54,
    175 (1995).

    Parameters
    ----------
    population : array, shape (p,)
        Positive eigenvalues :math:`\tau`.
    samples : int
        n.
    """

    population: np.ndarray
    samples: int

    def __post_init__(self) -> None:
        tau = check_vector("population", self.population, "p")
        if tau.min() <= 0:
            raise refuse("population", "be positive", f"has {tau.min():g}")
        object.__setattr__(self, "population", tau)
        object.__setattr__(self, "samples", check_count("samples", self.samples))

    @property
    def ratio(self) -> float:
        """c = p/n."""
        return len(self.population) / self.samples

    @property
    def atom(self) -> float:
        """Fraction of eigenvalues that are zero, for want of inputs."""
        return max(0.0, 1 - 1 / self.ratio)

    def pdf(self, x: ArrayLike) -> np.ndarray:
        """Return the density of eigenvalues that are not zero, of area 1 - atom; exact to about 1e-6 off the edges."""
        x = np.asarray(x, np.float64)
        positive = np.maximum(x, self._table[0][0] * 1e-6)
        return np.where(x > 0, self._companion(positive.ravel()).imag.reshape(x.shape) / (np.pi * self.ratio), 0.0)

    def cdf(self, x: ArrayLike) -> np.ndarray:
        """Return the distribution function, the atom included, to about 1e-3."""
        grid, mass = self._table
        return np.where(np.asarray(x) >= 0, self.atom, 0.0) + np.interp(np.asarray(x), grid, mass, left=0.0)

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues, and the mass of the continuous part below each."""
        root, tau = np.sqrt(self.ratio), self.population
        low, high = tau.min() * (1 - root) ** 2, tau.max() * (1 + root) ** 2  # nothing is outside
        x = low + (high - low) * np.sin(np.linspace(0, np.pi / 2, GRID + 1)[1:]) ** 2
        density = self._companion(x).imag / (np.pi * self.ratio)
        mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(x))])
        return x, mass

    def _companion(self, x: np.ndarray) -> np.ndarray:
        """Return m at each x > 0, followed from far above the real axis down to it by Newton's method."""
        tau, scale = self.population, float(self.population.max()) * (1 + np.sqrt(self.ratio)) ** 2
        heights = scale * np.geomspace(10, HEIGHT, 40)
        m = -1 / (x + 1j * heights[0])
        for height in heights:
            z = x + 1j * height
            for _ in range(3):
                t = tau / (1 + tau * m[:, None])
                value = z + 1 / m - self.ratio * t.mean(1)
                slope = -1 / m**2 + self.ratio * (t**2).mean(1)
                step = value / slope
                m = np.where((m - step).imag > 0, m - step, m.real - step.real + 0.5j * m.imag)
        return m
