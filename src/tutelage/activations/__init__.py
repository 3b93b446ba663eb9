"""Activation functions: value, derivative, name, and what the rooms above need to know of them.

``"erf"`` is :math:`\\mathrm{erf}(x/\\sqrt 2)`, ``"square"`` is :math:`x^2`, ``"hermite-k"`` the probabilists' Hermite
polynomial :math:`\\mathrm{He}_k` (:math:`\\mathrm{He}_3 = x^3 - 3x`), ``"gelu"`` is :math:`x \\Phi(x)` with the normal
distribution function :math:`\\Phi`, itself ``"normal_cdf"``; ``"silu"`` is :math:`x/(1 + e^{-x})`, ``"softplus"``
:math:`\\log(1 + e^x)`, ``"g"`` the sum of a sigmoid of 4 x and a softplus, and ``"leaky_relu(a)"`` is x for positive x,
a x else (a = 0.01 if left out).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations.checks import check_function, elementwise, plain
from tutelage.activations.formulas import FORMULAS, Function, zeros
from tutelage.errors import check_array, check_number, check_type, check_vector, refuse

__all__ = ["Activation", "ActivationLike", "activation", "polynomial"]

OWN = "own"  # the kind of what a user defines
HERMITE = r"hermite-(\d{1,2})"
NAMES = (
    "erf", "linear", "relu", "leaky_relu", "leaky_relu(a)", "tanh", "sigmoid", "softplus", "silu", "gelu",
    "normal_cdf", "step", "sign", "g", "square", "hermite-k", "polynomial(c0, c1, ...)",
)  # fmt: skip


@dataclass(frozen=True)
class Activation:
    """An activation g, applied to each field.

    Parameters
    ----------
    f, df : callable
        g and its derivative g', on arrays of any shape (functions of one number are applied to each). At a kink, ``df``
        is the left limit. Both are compiled if Numba can compile them.
    name : str, optional
        As it will stand in the attributes of results; default: that of `f`.
    kinks : tuple of float
        Where g or a derivative of it jumps; empty for smooth functions.
    kind : str
        The compiled family it belongs to; ``"own"`` for what a user defines.
    parameters : tuple of float
        Of the family: power coefficients, lowest first, of a polynomial; the leak of a leaky ReLU.
    d2f : callable, optional
        The second derivative g'', needed for Hessians only; at a kink and elsewhere without the jump's delta function.

    Raises
    ------
    ArgumentError
        For a `df` that is not the derivative of `f`, or a `d2f` not that of `df`; for a jump of `f` or `df` between -6
        and 6 that `kinks` does not name.

    Examples
    --------
    >>> Activation(np.sin, np.cos).name
    'sin'
    """

    f: Function
    df: Function
    name: str = ""
    kinks: tuple[float, ...] = ()
    kind: str = OWN
    parameters: tuple[float, ...] = ()
    d2f: Function | None = None

    def __post_init__(self) -> None:
        if self.kind != OWN:
            return
        check_type("name", self.name, str)
        for name in ("f", "df") if self.d2f is None else ("f", "df", "d2f"):
            object.__setattr__(self, name, elementwise(name, getattr(self, name)))
        none = np.shape(self.kinks) == (0,)
        kinks = np.empty(0) if none else check_vector("kinks", self.kinks, "kinks")
        object.__setattr__(self, "kinks", tuple(np.sort(kinks).tolist()))
        name = self.name or getattr(self.f, "__name__", "")
        object.__setattr__(self, "name", OWN if name in ("", "<lambda>", "vectorize") or _named(name) else name)
        check_function("f", self.f, "df", self.df, self.kinks)
        if self.d2f is not None:
            check_function("df", self.df, "d2f", self.d2f, self.kinks)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.f(x)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes this activation: its name where that says all, which any process understands."""
        if self.kind == OWN:
            return Activation, (self.f, self.df, self.name, self.kinks, OWN, self.parameters, self.d2f)
        return (activation, (self.name,)) if _named(self.name) else (_polynomial, (self.parameters, self.name))

    @property
    def coefficients(self) -> tuple[float, ...] | None:
        """Power coefficients, lowest first, if g is a polynomial."""
        return {"polynomial": self.parameters, "linear": (0.0, 1.0)}.get(self.kind)

    @cached_property
    def hermite_degree(self) -> int | None:
        """k, if g is the Hermite polynomial "hermite-k", whose powers cancel to nothing at high degree."""
        match = re.fullmatch(HERMITE, self.name) if self.kind == "polynomial" else None
        return int(match[1]) if match else None

    @cached_property
    def jumps(self) -> bool:
        """Whether g itself jumps, so that g' is more than `df`."""
        sides = np.array(self.kinks)[:, None] + np.array([-1e-9, 1e-9])
        return bool(len(sides)) and bool(np.abs(np.diff(self.f(sides))).max() > 1e-6)

    @cached_property
    def unit(self) -> tuple[Any, np.ndarray] | None:
        """The compiled unit and its parameters (:mod:`tutelage.kernels.units`); None if it cannot be compiled."""
        from tutelage.kernels.units import compile_unit, unit

        kernel = compile_unit(plain(self.f), plain(self.df)) if self.kind == OWN else unit(self.kind)
        return None if kernel is None else (kernel, np.array(self.parameters, np.float64))

    @cached_property
    def curvature(self) -> Any | None:
        """The compiled g'' (:mod:`tutelage.kernels.curvatures`); None if there is none or it cannot be compiled."""
        from tutelage.kernels.curvatures import compile_curvature, curvature

        if self.kind != OWN:
            return curvature(self.kind)
        return None if self.d2f is None else compile_curvature(plain(self.d2f))


ActivationLike: TypeAlias = str | Activation


def polynomial(coefficients: ArrayLike, name: str | None = None) -> Activation:
    """Return the activation sum_n coefficients[n] x^n.

    Parameters
    ----------
    coefficients : sequence of float, shape (degree + 1,)
        Power coefficients, lowest first.
    name : str, optional
        Not that of another activation. Default: ``"polynomial(c0, c1, ...)"``, which :func:`activation` understands.
    """
    if name is not None and not isinstance(name, str):
        raise refuse("name", "be text; coefficients are one list", f"is {name!r}")
    if name is not None and _named(name):
        raise refuse("name", "not be that of another activation", f"is {name!r}")
    return _polynomial(coefficients, name)


def _polynomial(coefficients: ArrayLike, name: str | None = None) -> Activation:
    from numpy.polynomial import Polynomial

    c = check_array("coefficients", coefficients, ("degree + 1",))
    label = name or f"polynomial({', '.join(repr(x) for x in c.tolist())})"
    p = Polynomial(c)
    return Activation(p, p.deriv(), label, kind="polynomial", parameters=tuple(c.tolist()), d2f=p.deriv(2))


def _hermite(degree: int) -> Activation:
    from numpy.polynomial.hermite_e import herme2poly

    return _polynomial(herme2poly([0.0] * degree + [1.0]), f"hermite-{degree}")


def _leaky_relu(leak: float, name: str) -> Activation:
    return Activation(
        lambda x: np.where(np.greater(x, 0.0), x, leak * np.asarray(x)),
        lambda x: np.where(np.greater(x, 0.0), 1.0, leak),
        name,
        kinks=(0.0,),
        kind="leaky_relu",
        parameters=(check_number("leak", leak),),
        d2f=zeros,
    )


_SIMPLE = {
    name: Activation(given.f, given.df, name, given.kinks, kind=name, d2f=given.d2f) for name, given in FORMULAS.items()
}


@lru_cache
def _named(name: str) -> Activation | None:
    """Return the activation of this name, or None."""
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name == "square":
        return _polynomial([0.0, 0.0, 1.0], "square")
    if match := re.fullmatch(HERMITE, name):
        return _hermite(int(match[1]))
    try:
        if match := re.fullmatch(r"leaky_relu(?:\(([-+.e\d]+)\))?", name):
            return _leaky_relu(float(match[1] or 0.01), name)
        if match := re.fullmatch(r"polynomial\(([-+.,e\d\s]+)\)", name):
            return _polynomial([float(x) for x in match[1].split(",")])
    except ValueError:  # numbers that are none
        pass
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
    if isinstance(name, Activation):
        return name
    found = _named(name) if isinstance(name, str) else None
    if found is not None:
        return found
    known = ", ".join(f'"{n}"' for n in NAMES)
    raise refuse(argument, f"be one of {known} or an Activation", f"is {name!r}")
