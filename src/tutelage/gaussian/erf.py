r"""Closed forms for g(x) = erf(x / sqrt 2), as in Saad & Solla, Phys. Rev. E 52, 4225 (1995).

Each takes a stack of covariances C (..., n, n) of its n arguments in order and returns (...,). All hold for singular C:
arguments may repeat.
"""

from __future__ import annotations

import numpy as np


def J2(C: np.ndarray) -> np.ndarray:
    r"""<g'(x1) g'(x2)> :math:`= \frac{2}{\pi} \big[(1+C_{11})(1+C_{22}) - C_{12}^2\big]^{-1/2}`."""
    return 2 / np.pi / np.sqrt(_minor(C, 0, 1))


def I2(C: np.ndarray) -> np.ndarray:
    r"""<g(x1) g(x2)> :math:`= \frac{2}{\pi} \arcsin \frac{C_{12}}{\sqrt{(1+C_{11})(1+C_{22})}}`."""
    return 2 / np.pi * _arcsin(C[..., 0, 1] / np.sqrt((1 + C[..., 0, 0]) * (1 + C[..., 1, 1])))


def I3(C: np.ndarray) -> np.ndarray:
    r"""<g'(x1) x2 g(x3)>.

    .. math:: \frac{2}{\pi} \frac{C_{23} (1+C_{11}) - C_{12} C_{13}}{(1+C_{11}) \sqrt{\Lambda_3}}, \qquad
              \Lambda_3 = (1+C_{11})(1+C_{33}) - C_{13}^2
    """
    one = 1 + C[..., 0, 0]
    return 2 / np.pi * (C[..., 1, 2] - C[..., 0, 1] * C[..., 0, 2] / one) / np.sqrt(_minor(C, 0, 2))


def I4(C: np.ndarray) -> np.ndarray:
    r"""<g'(x1) g'(x2) g(x3) g(x4)>.

    .. math:: \frac{4}{\pi^2} \frac{1}{\sqrt{\Lambda_4}} \arcsin \frac{\Lambda_0(3,4)}
              {\sqrt{\Lambda_4 + \Lambda_0(3,3)} \sqrt{\Lambda_4 + \Lambda_0(4,4)}}, \qquad
              \Lambda_4 = (1+C_{11})(1+C_{22}) - C_{12}^2

    where :math:`\Lambda_0(a,b) / \Lambda_4` is the covariance of fields a and b under the law that the weight
    g'(x1) g'(x2) tilts.
    """
    L4 = _minor(C, 0, 1)
    L0 = _tilted(C, L4, 2, 3)
    L1, L2 = L4 + _tilted(C, L4, 2, 2), L4 + _tilted(C, L4, 3, 3)
    return 4 / np.pi**2 * _arcsin(L0 / np.sqrt(L1 * L2)) / np.sqrt(L4)


def I4_linear(C: np.ndarray) -> np.ndarray:
    r"""<g'(x1) g'(x2) x3 x4>: the covariance of x3 and x4 under the tilted law of :func:`I4`, times its weight."""
    L4 = _minor(C, 0, 1)
    return 2 / np.pi * _tilted(C, L4, 2, 3) / L4**1.5


def J4(C: np.ndarray) -> np.ndarray:
    r"""<g'(x1) g'(x2) g'(x3) g'(x4)> :math:`= (2/\pi)^2 \det(1 + C)^{-1/2}`."""
    return 4 / np.pi**2 / np.sqrt(np.linalg.det(np.eye(4) + C))


def _arcsin(x: np.ndarray) -> np.ndarray:
    """Return arcsin of x, beyond [-1, 1] by no more than rounding; to first order in an imaginary part.

    NumPy clips complex numbers in lexicographic order, which would drop a small imaginary part next to one.
    """
    if not np.iscomplexobj(x):
        return np.arcsin(np.clip(x, -1, 1))
    angle = np.arcsin(np.clip(x.real, -1, 1))
    return angle + 1j * x.imag / np.maximum(np.cos(angle), np.finfo(float).eps)


def _minor(C: np.ndarray, a: int, b: int) -> np.ndarray:
    """Return (1 + C_aa)(1 + C_bb) - C_ab^2."""
    return (1 + C[..., a, a]) * (1 + C[..., b, b]) - C[..., a, b] ** 2


def _tilted(C: np.ndarray, L4: np.ndarray, a: int, b: int) -> np.ndarray:
    """Return Lambda_0(a, b) of :func:`I4`."""
    one, two, cross = 1 + C[..., 0, 0], 1 + C[..., 1, 1], C[..., 0, 1]
    a1, a2, b1, b2 = C[..., a, 0], C[..., a, 1], C[..., b, 0], C[..., b, 1]
    return L4 * C[..., a, b] - one * a2 * b2 - two * a1 * b1 + cross * (a1 * b2 + a2 * b1)
