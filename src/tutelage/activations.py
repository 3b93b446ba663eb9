"""Activation functions: value, derivative, name, and what the rooms above need to know of them.

``"erf"`` is :math:`\\mathrm{erf}(x/\\sqrt 2)`, ``"square"`` is :math:`x^2` and ``"hermite-k"`` the
probabilists' Hermite polynomial :math:`\\mathrm{He}_k` (:math:`\\mathrm{He}_3 = x^3 - 3x`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, refuse

__all__ = ["Activation", "ActivationLike", "activation", "polynomial"]

Function = Callable[[np.ndarray], np.ndarray]
NAMES = ("erf", "linear", "relu", "square", "hermite-k")


@dataclass(frozen=True)
class Activation:
    """An activation g, applied to each field.

    Attributes
    ----------
    name : str
        Its name, as in problem files and in the attributes of results.
    f, df : callable
        g and its derivative g', on arrays of any shape. At a kink, ``df`` is the left limit.
    kinks : tuple of float
        Where g' jumps; empty for smooth functions.
    coefficients : tuple of float or None
        Power coefficients, lowest first, if g is a polynomial.
    """

    name: str
    f: Function
    df: Function
    kinks: tuple[float, ...] = ()
    coefficients: tuple[float, ...] | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.f(x)


ActivationLike: TypeAlias = str | Activation


def _erf(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return erf(np.asarray(x) / np.sqrt(2))


def _erf_derivative(x: np.ndarray) -> np.ndarray:
    return np.sqrt(2 / np.pi) * np.exp(-np.square(x) / 2)


def polynomial(coefficients: ArrayLike, name: str | None = None) -> Activation:
    """Return the activation sum_n coefficients[n] x^n.

    Parameters
    ----------
    coefficients : sequence of float, shape (degree + 1,)
        Power coefficients, lowest first.
    name : str, optional
        Default: ``"polynomial(c0, c1, ...)"``, which :func:`activation` understands.
    """
    from numpy.polynomial import Polynomial

    c = check_array("coefficients", coefficients, ("degree + 1",))
    label = name or f"polynomial({', '.join(repr(x) for x in c.tolist())})"
    p = Polynomial(c)
    return Activation(label, p, p.deriv(), coefficients=tuple(c.tolist()))


def _hermite(degree: int) -> Activation:
    from numpy.polynomial.hermite_e import herme2poly

    return polynomial(herme2poly([0.0] * degree + [1.0]), f"hermite-{degree}")


_SIMPLE = {
    "erf": Activation("erf", _erf, _erf_derivative),
    "linear": Activation(
        "linear", lambda x: np.array(x, np.float64), lambda x: np.ones(np.shape(x)), coefficients=(0.0, 1.0)
    ),
    "relu": Activation(
        "relu", lambda x: np.maximum(x, 0.0), lambda x: np.greater(x, 0.0).astype(np.float64), kinks=(0.0,)
    ),
}


@lru_cache
def _named(name: str) -> Activation | None:
    """Return the activation of this name, or None."""
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name == "square":
        return polynomial([0.0, 0.0, 1.0], "square")
    if match := re.fullmatch(r"hermite-(\d{1,2})", name):
        return _hermite(int(match[1]))
    if match := re.fullmatch(r"polynomial\(([-+.,e\d\s]+)\)", name):
        return polynomial([float(x) for x in match[1].split(",")])
    return None


def activation(name: ActivationLike, argument: str = "activation") -> Activation:
    """Return the activation called `name`; an :class:`Activation` comes back as it is.

    Raises
    ------
    ArgumentError
        For a name that is not known; the message uses `argument` as the argument's name.

    Examples
    --------
    >>> float(activation("square").f(3.0))
    9.0
    """
    found = _named(name) if isinstance(name, str) else None
    if isinstance(name, Activation):
        if name.name in _SIMPLE and name is not _SIMPLE[name.name]:
            raise refuse(argument, "have a name of its own", f'is a function called "{name.name}", like a built-in one')
        return name
    if found is not None:
        return found
    known = ", ".join(f'"{n}"' for n in NAMES)
    raise refuse(argument, f"be one of {known} (k a degree) or an Activation", f"is {name!r}")
