r"""Averages of activations over correlated, zero-mean Gaussian fields x ~ N(0, C): everything an ODE is made of.

.. math::

    J_2 = \langle g'(x_1) g'(x_2) \rangle, \quad
    I_2 = \langle g(x_1) g(x_2) \rangle, \quad
    I_3 = \langle g'(x_1)\, x_2\, g(x_3) \rangle, \quad
    I_4 = \langle g'(x_1) g'(x_2) g(x_3) g(x_4) \rangle, \quad
    J_4 = \langle g'(x_1) g'(x_2) g'(x_3) g'(x_4) \rangle .

Each takes an activation, or one for each argument, and a covariance C (..., n, n) of its arguments in order; it
returns (...,). Arguments may repeat or be opposite: C need only be positive semidefinite. Nothing is divided by 2 (some
papers define I2 as half of ours).

Which way is taken depends on the activations: erf has closed forms; ReLU, linear and every mixture of the three reduce
to angles and one integral, with an error below 1e-13; polynomials are done exactly by Wick's theorem; anything else
goes to quadrature with an error of at most 1e-11, or is refused. Rooms above do not know which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations import Activation, ActivationLike, activation
from tutelage.errors import refuse

__all__ = ["I2", "I3", "I4", "J2", "J4"]

_IDENTITY = activation("linear")


def J2(activation: ActivationLike | Sequence[ActivationLike], C: ArrayLike) -> np.ndarray:
    """Return <g'(x1) g'(x2)>.

    Parameters
    ----------
    activation : str or Activation, or two of them
        The activation of all arguments, or of each.
    C : array, shape (..., 2, 2)
        Covariance of the arguments.

    Returns
    -------
    array, shape (...)

    Examples
    --------
    >>> float(J2("relu", [[1.0, 0.0], [0.0, 1.0]]))
    0.25
    """
    return _average("J2", activation, C, derivatives=2, values=0)


def I2(activation: ActivationLike | Sequence[ActivationLike], C: ArrayLike) -> np.ndarray:
    """Return <g(x1) g(x2)>; C (..., 2, 2). See :func:`J2`.

    Examples
    --------
    >>> float(I2("linear", [[1.0, 0.3], [0.3, 2.0]]))
    0.3
    """
    return _average("I2", activation, C, derivatives=0, values=2)


def I3(activation: ActivationLike | Sequence[ActivationLike], C: ArrayLike) -> np.ndarray:
    """Return <g'(x1) x2 g(x3)>; C (..., 3, 3). Of three activations the second is not used. See :func:`J2`."""
    return _average("I3", activation, C, derivatives=1, values=2)


def I4(activation: ActivationLike | Sequence[ActivationLike], C: ArrayLike) -> np.ndarray:
    """Return <g'(x1) g'(x2) g(x3) g(x4)>; C (..., 4, 4). See :func:`J2`."""
    return _average("I4", activation, C, derivatives=2, values=2)


def J4(activation: ActivationLike | Sequence[ActivationLike], C: ArrayLike) -> np.ndarray:
    """Return <g'(x1) g'(x2) g'(x3) g'(x4)>; C (..., 4, 4). See :func:`J2`."""
    return _average("J4", activation, C, derivatives=4, values=0)


def _average(
    name: str, given: ActivationLike | Sequence[ActivationLike], C: ArrayLike, derivatives: int, values: int
) -> np.ndarray:
    """Check the arguments of an average and hand them to the best of the ways that can take them."""
    n = derivatives + values
    units = [activation(g) for g in ([given] * n if isinstance(given, (str, Activation)) else given)]
    if len(units) != n:
        raise refuse("activation", f"be one activation or {n}", f"has {len(units)}")
    covariance = np.asarray(C)
    if not np.iscomplexobj(covariance):  # a complex C differentiates the closed forms; the other ways refuse it
        covariance = covariance.astype(np.float64)
    if covariance.shape[-2:] != (n, n):
        raise refuse("C", f"have shape (..., {n}, {n})", f"has shape {covariance.shape}")
    if name == "I3":
        units[1] = _IDENTITY
    return _way(name, units, derivatives)(covariance)


def _way(name: str, units: list[Activation], derivatives: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that averages over stacks of covariances."""
    names = {u.name for i, u in enumerate(units) if not (name == "I3" and i == 1)}
    students = {u.name for u in units[:derivatives]}
    if names == {"erf"} or (name == "I4" and [u.name for u in units] == ["erf", "erf", "linear", "linear"]):
        from tutelage.gaussian import erf

        return getattr(erf, name if names == {"erf"} else "I4_linear")
    if names <= {"linear", "relu", "erf"} and len(students) <= 1:
        return lambda C: _compiled(units, derivatives, C)
    if all(u.coefficients is not None for u in units):
        return lambda C: _polynomial(units, derivatives, C)
    return lambda C: _quadrature(units, derivatives, C)


def _compiled(units: list[Activation], derivatives: int, C: np.ndarray) -> np.ndarray:
    from tutelage.kernels.averages import averages, derivative_averages
    from tutelage.kernels.orthant import CODES

    codes = [CODES[u.name] for u in units]
    stack = np.ascontiguousarray(C.reshape(-1, *C.shape[-2:]))
    out = np.empty(len(stack))
    if derivatives == len(units):
        derivative_averages(stack, codes[0], out)
    else:
        averages(stack, derivatives, codes[0], codes[-2], codes[-1], out)
    return out.reshape(C.shape[:-2])[()]


def _polynomial(units: list[Activation], derivatives: int, C: np.ndarray) -> np.ndarray:
    from numpy.polynomial import polynomial as P

    from tutelage.gaussian.polynomial import product_average

    powers = [np.array(u.coefficients, np.float64) for u in units]
    factors = [P.polyder(c) if i < derivatives else c for i, c in enumerate(powers)]
    return np.asarray(product_average(factors, C))[()]


def _quadrature(units: list[Activation], derivatives: int, C: np.ndarray) -> np.ndarray:
    from tutelage.gaussian.quadrature import product_average

    factors = [u.df if i < derivatives else u.f for i, u in enumerate(units)]
    kinks = [u.kinks for u in units]
    stack = C.reshape(-1, *C.shape[-2:])
    out = np.array([product_average(factors, c, kinks=kinks).value for c in stack])
    return out.reshape(C.shape[:-2])[()]
