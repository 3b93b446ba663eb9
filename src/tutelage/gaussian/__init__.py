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

Which way is taken depends on the activations. erf has closed forms. ReLU, leaky ReLU, linear and erf in any mixture,
and with steps and signs where no derivative is taken, reduce to angles and one integral, with an error below 1e-13.
Polynomials are done exactly by Wick's theorem. I2, I3 and J2 of tanh, sigmoid, softplus, SiLU, GELU and the normal
distribution function, in any mixture with each other and those before, are exact to 1e-13 as mixtures of kinks
(:mod:`tutelage.gaussian.pairs`). Anything else goes to quadrature with an error of at most 1e-11, or is refused;
:func:`product_average` is that quadrature, with an error of your choice and a report of what was reached. Rooms above
do not know which. Fields of any mean, as of units with biases, and averages with the inputs themselves are in
:mod:`tutelage.gaussian.moments`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations import Activation, ActivationLike, activation
from tutelage.errors import refuse
from tutelage.gaussian.quadrature import Average, QuadratureError, product_average
from tutelage.kernels.codes import VANISHING

__all__ = ["I2", "I3", "I4", "J2", "J4", "Average", "QuadratureError", "product_average"]

RAMPS = {"relu", "leaky_relu"}  # kinds whose slope jumps at zero
COMPILED = {"erf", "linear", "relu", "leaky_relu", "step", "sign"}  # kinds that tutelage.kernels.averages knows
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

    Notes
    -----
    Differentiated arguments of zero variance are equal, and slopes of ReLU and leaky ReLU are those of one field whose
    length goes to zero: <g'(x)^2> of a ReLU is 1/2 at any length. So it is in I4 and J4.

    Examples
    --------
    >>> float(J2("relu", [[1.0, 0.0], [0.0, 1.0]]))
    0.25
    >>> float(J2("relu", [[0.0, 0.0], [0.0, 0.0]]))
    0.5
    """
    return _average("J2", activation, C, derivatives=2, values=0)


def I2(activation: ActivationLike | Sequence[ActivationLike], C: ArrayLike) -> np.ndarray:
    """Return <g(x1) g(x2)>.

    Parameters
    ----------
    activation, C
        As of :func:`J2`, for two fields: C has the shape (..., 2, 2).

    Returns
    -------
    array, shape (...)

    Examples
    --------
    >>> float(I2("linear", [[1.0, 0.3], [0.3, 2.0]]))
    0.3
    """
    return _average("I2", activation, C, derivatives=0, values=2)


def I3(activation: ActivationLike | Sequence[ActivationLike], C: ArrayLike) -> np.ndarray:
    """Return <g'(x1) x2 g(x3)>.

    Parameters
    ----------
    activation, C
        As of :func:`J2`, for three fields: C has the shape (..., 3, 3); of three activations the second is not used.

    Returns
    -------
    array, shape (...)
    """
    return _average("I3", activation, C, derivatives=1, values=2)


def I4(activation: ActivationLike | Sequence[ActivationLike], C: ArrayLike) -> np.ndarray:
    """Return <g'(x1) g'(x2) g(x3) g(x4)>.

    Parameters
    ----------
    activation, C
        As of :func:`J2`, for four fields: C has the shape (..., 4, 4).

    Returns
    -------
    array, shape (...)
    """
    return _average("I4", activation, C, derivatives=2, values=2)


def J4(activation: ActivationLike | Sequence[ActivationLike], C: ArrayLike) -> np.ndarray:
    """Return <g'(x1) g'(x2) g'(x3) g'(x4)>.

    Parameters
    ----------
    activation, C
        As of :func:`J2`, for four fields: C has the shape (..., 4, 4).

    Returns
    -------
    array, shape (...)
    """
    return _average("J4", activation, C, derivatives=4, values=0)


def _average(
    name: str, given: ActivationLike | Sequence[ActivationLike], C: ArrayLike, derivatives: int, values: int
) -> np.ndarray:
    """Check the arguments of an average and hand them to the best of the ways that can take them."""
    n = derivatives + values
    if not isinstance(given, (str, Activation, Sequence)):
        raise refuse("activation", f"be an activation, its name or {n} of them", f"is {given!r}")
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
    kinds = {u.kind for i, u in enumerate(units) if not (name == "I3" and i == 1)}
    students = units[:derivatives]
    for unit in students:
        if unit.jumps:
            but = f"{unit.name!r} jumps, and its derivative is zero almost everywhere"
            raise refuse("activation", f"have a derivative where {name} takes it", but)
    if kinds == {"erf"} or (name == "I4" and [u.kind for u in units] == ["erf", "erf", "linear", "linear"]):
        from tutelage.gaussian import erf

        return getattr(erf, name if kinds == {"erf"} else "I4_linear")
    if kinds <= COMPILED and all(u == students[0] for u in students):
        return lambda C: _compiled(units, derivatives, _joined(students, C))
    if all(u.coefficients is not None for u in units):
        return lambda C: _polynomial(units, derivatives, C)
    if name in ("I2", "I3", "J2"):
        from tutelage.gaussian import pairs
        from tutelage.gaussian.kinks import decomposition

        if decomposition(units[0]) is not None and decomposition(units[-1]) is not None:
            return lambda C: getattr(pairs, name)(units[0], units[-1], _joined(students, C))
    return lambda C: _quadrature(name, units, derivatives, C)


def _joined(students: list[Activation], C: np.ndarray) -> np.ndarray:
    """Return C with those of the first, differentiated fields that have no variance made one of vanishing length."""
    n = len(students)
    if n < 2 or not {u.kind for u in students} <= RAMPS:
        return C
    none = np.diagonal(C, axis1=-2, axis2=-1)[..., :n] == 0
    if not none.any():
        return C
    joined = C.copy()
    joined[..., :n, :n] = np.where(none[..., :, None] & none[..., None, :], VANISHING, C[..., :n, :n])
    return joined


def _compiled(units: list[Activation], derivatives: int, C: np.ndarray) -> np.ndarray:
    from tutelage.kernels.averages import averages, derivative_averages
    from tutelage.kernels.codes import CODES

    codes = [CODES[u.kind] for u in units]
    leaks = [u.parameters[0] if u.kind == "leaky_relu" else 0.0 for u in units]
    stack = np.ascontiguousarray(C.reshape(-1, *C.shape[-2:]))
    out = np.empty(len(stack))
    if derivatives == len(units):
        derivative_averages(stack, codes[0], out, leaks[0])
    else:
        averages(stack, derivatives, codes[0], codes[-2], codes[-1], out, (leaks[0], leaks[-2], leaks[-1]))
    return out.reshape(C.shape[:-2])[()]


def _polynomial(units: list[Activation], derivatives: int, C: np.ndarray) -> np.ndarray:
    from numpy.polynomial import hermite_e, polynomial

    from tutelage.gaussian.polynomial import product_average

    hermite = [u.hermite_degree is not None for u in units]
    factors = []
    for i, u in enumerate(units):
        powers = (
            np.array(u.coefficients) if u.hermite_degree is None else np.eye(u.hermite_degree + 1)[u.hermite_degree]
        )
        derive = polynomial.polyder if u.hermite_degree is None else hermite_e.hermeder
        factors.append(derive(powers) if i < derivatives else powers)
    return np.asarray(product_average(factors, C, hermite=hermite))[()]


def _quadrature(name: str, units: list[Activation], derivatives: int, C: np.ndarray) -> np.ndarray:
    """Average by quadrature: of whole stacks on a grid where two fields and linear ones matter, else one by one."""
    from tutelage.gaussian import plane

    factors = [u.df if i < derivatives else u.f for i, u in enumerate(units)]
    kinks = [u.kinks for u in units]
    stack = C.reshape(-1, *C.shape[-2:])
    out, settled = np.empty(len(stack)), np.zeros(len(stack), np.bool_)
    linear = [i for i in range(derivatives, len(units)) if units[i] == _IDENTITY]
    curved = [i for i in range(len(units)) if i not in linear]
    if len(curved) == 2 and not any(kinks):
        order = [*curved, *linear]
        out, settled = plane.average(
            factors[curved[0]], factors[curved[1]], stack[:, order][:, :, order], len(units) - 2
        )
    for index in np.flatnonzero(~settled):
        out[index] = product_average(factors, stack[index], kinks=kinks).value
    return out.reshape(C.shape[:-2])[()]
