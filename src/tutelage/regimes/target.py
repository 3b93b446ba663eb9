r"""What a teacher is made of, degree by degree: Hermite powers and the information exponent.

Ben Arous, Gheissari & Jagannath, J. Mach. Learn. Res. 22, 106 (2021), arXiv:2003.10409, for one direction.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.hermite_e import hermeval, poly2herme
from numpy.typing import ArrayLike

from tutelage import gaussian
from tutelage.activations import Activation, ActivationLike, activation
from tutelage.errors import check_array, check_count

__all__ = ["hermite_powers", "information_exponent"]

DEGREE = 12  # highest degree looked at
TOLERANCE = 1e-9  # of a coefficient, relative to the average of the absolute integrand
POWER = 1e-10  # of the mean square output: a smaller share of a degree is zero


def hermite_powers(teacher: ActivationLike, T: ArrayLike, v_star: ArrayLike, degree: int = DEGREE) -> np.ndarray:
    r"""Return how the mean square output of a teacher is shared among Hermite degrees.

    .. math::

        \Big\langle \Big( \sum_m v^*_m g^*(\rho_m) \Big)^2 \Big\rangle = \sum_k P_k, \qquad
        P_k = \sum_{nm} v^*_n v^*_m c_k(n) c_k(m) \hat\rho_{nm}^k, \qquad
        c_k(n) = \frac{1}{\sqrt{k!}} \langle g^*(\sqrt{T_{nn}} z) \mathrm{He}_k(z) \rangle

    with :math:`\hat\rho` the cosines of the teacher's units and z standard normal.

    Parameters
    ----------
    teacher : str or Activation
        g*.
    T, v_star : array, shape (M, M) and (M,)
        Overlaps and readouts of the teacher.
    degree : int
        The highest.

    Returns
    -------
    array, shape (degree + 1,)
        P_0, P_1, ..., each >= 0 up to rounding.

    Examples
    --------
    >>> hermite_powers("square", [[1.0]], [1.0], 3).round(9).tolist()
    [1.0, 0.0, 2.0, 0.0]
    """
    g, T = activation(teacher, "teacher"), check_array("T", T, ("M", "M"))
    v = check_array("v_star", v_star, (len(T),))
    length = np.sqrt(np.diag(T))
    scale = np.where(length > 0, length, 1.0)
    cosines = T / np.outer(scale, scale)
    powers = []
    for k in range(check_count("degree", degree, minimum=0) + 1):
        each = {sd: _coefficient(g, sd, k) for sd in set(length.tolist())}  # units of one length have one coefficient
        weights = v * [each[sd] for sd in length.tolist()]
        powers.append(weights @ cosines**k @ weights)
    return np.array(powers)


def information_exponent(teacher: ActivationLike, T: ArrayLike, v_star: ArrayLike) -> int | None:
    r"""Return the first degree k >= 1 at which a teacher has a Hermite component: its information exponent.

    From a random start, where R is of order :math:`N^{-1/2}`, SGD finds the teacher after order N steps if it is 1,
    :math:`N \log N` if it is 2, and :math:`N^{k-1}` beyond: the equations, whose time is steps/N, do not see that.

    Parameters
    ----------
    teacher : str or Activation
        g*.
    T, v_star : array, shape (M, M) and (M,)
        Overlaps and readouts of the teacher.

    Returns
    -------
    int or None
        None if it is larger than 12, or the output is constant. A degree counts with 1e-10 of the mean square output.

    Examples
    --------
    >>> information_exponent("hermite-3", [[1.0]], [1.0])
    3
    """
    powers = hermite_powers(teacher, T, v_star)
    g, T, v = activation(teacher, "teacher"), np.asarray(T, np.float64), np.asarray(v_star, np.float64)
    n, m = np.indices(T.shape)
    pairs = np.stack([np.stack([T[n, n], T], -1), np.stack([T, T[m, m]], -1)], -2)
    there = powers[1:] > POWER * (v @ gaussian.I2(g, pairs) @ v)
    return int(there.argmax()) + 1 if there.any() else None


def _coefficient(g: Activation, sd: float, k: int) -> float:
    """Return c_k of a unit whose field has standard deviation `sd`."""
    if g.coefficients is not None:  # of any degree, exactly
        terms = poly2herme(np.multiply(g.coefficients, sd ** np.arange(len(g.coefficients))))
        return float(terms[k]) * math.sqrt(math.factorial(k)) if k < len(terms) else 0.0
    basis = np.eye(k + 1)[k] / math.sqrt(math.factorial(k))
    kinks = [kink / sd for kink in g.kinks] if sd > 0 else []

    def integrand(z: np.ndarray) -> np.ndarray:
        return g.f(sd * z) * hermeval(z, basis)

    try:
        return gaussian.product_average([integrand], [[1.0]], tolerance=TOLERANCE, kinks=[kinks]).value
    except gaussian.QuadratureError as error:  # steep functions of a user's own: the best that was reached
        return error.value
