r"""Exact learning curves at large n and d, of any filter: integrals over a contour around the eigenvalues of H.

With the measure dz/(2 pi i), a = -z, and the equivalents of :mod:`tutelage.linear.equivalents`,

.. math::
    R = \oint \frac{1 - r(z)}{z}\, \frac1d \sum_j \langle W_j^2 \rangle \frac{\nu}{\Lambda_j + \nu}, \qquad
    2 \epsilon_g = \oint\!\oint r(z)\, r(z')\, P(z, z')
        - \sigma^2 \oint g(z)^2 z\, \Big( \frac{n \nu}{a} - 1 \Big),

.. math::
    P(z, z') = \frac{1}{z z'}\, \frac1d \sum_j
        \frac{\langle W_j^2 \rangle\, \nu \nu'}{(\Lambda_j + \nu)(\Lambda_j + \nu')}
        \Big[ 1 - \frac1n \sum_j \frac{\Lambda_j^2}{(\Lambda_j + \nu)(\Lambda_j + \nu')} \Big]^{-1} .

**The contour** is an ellipse in :math:`\log(z + \delta)` whose foci are the images of 0 and of the largest
eigenvalue. It passes zero on the left, within :math:`\delta` of it: it holds the eigenvalues that are zero for n < d,
and those that come close to it for n = d, and with :math:`\delta = 1/(\eta t)` filters stay bounded on it. It keeps
so far from both the eigenvalues and the half-plane where filters grow that the midpoint rule converges geometrically,
at a rate that depends on the number of decades between :math:`\delta` and the largest eigenvalue alone.
"""

from __future__ import annotations

import math

import numpy as np

from tutelage.linear.equivalents import continued_nu
from tutelage.linear.filters import Filter
from tutelage.linear.spectrum import Spectrum

__all__ = ["Contour", "contour_law"]

HEIGHT = math.pi / 4  # of the ellipse, half way to the half-plane where filters grow
DIGITS = 30.0  # natural logarithm of the accuracy that the number of nodes is chosen for
GROWTH = 2.0  # logarithm of the largest residual on an ellipse that is higher by a factor 1/BEYOND
BEYOND, LEAST = 0.8, 0.02  # and the least height
MARGIN = 1.0  # distance of the left end from zero, in 1/(lr t)
AGREEMENT = 1e-6  # of a number of nodes with half as many again, whose own error is the power 3/2 of it
MOST = 3000  # nodes
CHUNK = 2_000_000  # numbers of a table of filters


class Contour:
    r"""Nodes in the upper half-plane, their weights and what the equivalents are there.

    Parameters
    ----------
    spectrum : Spectrum
    delta : float
        How far to the left of zero the contour may pass.
    nodes : int, optional
        Of the whole contour. Default: as many as the midpoint rule needs for 13 digits.
    height : float
        Of the ellipse.
    """

    def __init__(self, spectrum: Spectrum, delta: float, nodes: int | None = None, height: float = HEIGHT) -> None:
        self.z, self.weights, left = _ellipse(spectrum.top, delta, height, nodes)
        self.spectrum, self.nodes = spectrum, 2 * len(self.z)
        nu = continued_nu(spectrum, -np.concatenate([[left], self.z]))[1:]
        L, _, _ = spectrum.levels
        self.nu, self._missing = nu, nu[:, None] / (L + nu[:, None])  # (nodes, levels)

    @property
    def R(self) -> np.ndarray:
        """Weights (nodes,) of 1 - r in R."""
        carried = self.spectrum.levels[2]
        return self.weights * (self._missing @ carried) / self.z

    @property
    def noise(self) -> np.ndarray:
        """Weights (nodes,) of g^2 in the error that noise makes."""
        return self.weights * (self.spectrum.n * self.nu + self.z)

    def pairs(self, conjugate: bool) -> np.ndarray:
        """Return the weights (nodes, nodes) of r r', of this half with itself or with the complex `conjugate` one."""
        _, m, carried = self.spectrum.levels
        there = self._missing.conj() if conjugate else self._missing
        over = self.weights / self.z
        ends = over[:, None] * (over.conj() if conjugate else over)
        left = self.spectrum.n - self.spectrum.d  # n - sum (1 - y)(1 - y') = n - d + sum (y + y' - y y')
        sums = self._missing @ m
        rest = left + sums[:, None] + (sums.conj() if conjugate else sums) - (self._missing * m) @ there.T
        return ends * ((self._missing * carried) @ there.T) * (self.spectrum.n / rest)


def contour_law(
    spectrum: Spectrum, t: np.ndarray, way: Filter, nodes: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return R and :math:`2 \epsilon_g`, each (times,), of any filter with residuals that are bounded near the axis.

    Parameters
    ----------
    spectrum : Spectrum
    t : array, shape (times,)
        Steps >= 0, in any order.
    way : Filter
    nodes : int, optional
        Of the contour. Default: as many as the midpoint rule needs, half as many again until nothing changes by more
        than 1e-6 of the largest error, which leaves about 1e-9 (large steps of descent oscillate).
    """
    contour = fitting(spectrum, t, way, nodes)
    found = _integrals(contour, t, way)
    while nodes is None and contour.nodes < MOST:
        finer = fitting(spectrum, t, way, contour.nodes * 3 // 2)
        before, found, contour = found, _integrals(finer, t, way), finer
        if np.abs(found - before).max() <= AGREEMENT * np.abs(found).max():
            break
    return found[0], found[1]


def _integrals(contour: Contour, t: np.ndarray, way: Filter) -> np.ndarray:
    """Return R and twice the error, shape (2, times)."""
    same, other, noise = contour.pairs(False), contour.pairs(True), contour.spectrum.noise**2
    found = np.empty((2, len(t)))
    for part in np.array_split(np.arange(len(t)), math.ceil(len(t) * len(contour.z) / CHUNK)):
        r, g = way.residual(contour.z, t[part]), way.gain(contour.z, t[part])
        found[0, part] = 2 * ((1 - r) @ contour.R).real
        found[1, part] = 2 * ((r @ same * r).sum(1) + (r @ other * r.conj()).sum(1)).real
        found[1, part] += 2 * noise * (g**2 @ contour.noise).real
    return found


def fitting(spectrum: Spectrum, t: np.ndarray, way: Filter, nodes: int | None = None) -> Contour:
    """Return a contour on which, and a little beyond, the residuals of a filter stay bounded."""
    longest = np.array([t.max()])
    delta = min(MARGIN / (way.lr * longest[0]), spectrum.top) if longest[0] else spectrum.top
    height = HEIGHT
    while height > LEAST:
        z = _ellipse(spectrum.top, delta, height / BEYOND, 200)[0]
        with np.errstate(over="ignore"):
            if np.abs(way.residual(z, longest)).max() <= math.exp(GROWTH):
                break
        height *= BEYOND
    return Contour(spectrum, delta, nodes, height)


def _ellipse(top: float, delta: float, height: float, count: int | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Return nodes and weights of the upper half of the contour, from left to right, and its left end."""
    low, high = math.log(delta), math.log(delta + top)
    centre, half = (low + high) / 2, (high - low) / 2
    rho = math.asinh(height / half)
    count = math.ceil((math.ceil(DIGITS / rho) if count is None else count) / 2)
    angle = np.pi * (1 - (np.arange(count) + 0.5) / count)
    w = centre + half * np.cos(angle - 1j * rho)
    weights = -half * np.sin(angle - 1j * rho) * np.exp(w) / (2j * count)  # dz/(2 pi i), counterclockwise
    return np.exp(w) - delta, weights, math.exp(centre - half * math.cosh(rho)) - delta
