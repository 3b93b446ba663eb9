"""Activations, compiled: each fills g and g' of an array of fields, all by one signature.

A kernel that takes such a function as a pointer (UNIT) serves every activation, a user's own included, and is compiled
once. Values are within a few units in the last place of g's largest term; none overflows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

import numba as nb
from numba import types

from tutelage.kernels.elementary import erf, exp, expm1, log

__all__ = ["SIGNATURE", "UNIT", "compile_unit", "density", "sigmoid", "unit"]

f8 = types.float64
SIGNATURE = types.void(f8[::1], f8[::1], f8[::1], f8[::1])  # (x, parameters, value, slope)
UNIT = types.FunctionType(SIGNATURE)

_SQRT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)

_inlined = nb.njit(cache=True, forceinline=True, error_model="numpy")


@_inlined
def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + exp(-x))


@_inlined
def density(x: float) -> float:
    """The standard normal density."""
    return _DENSITY * exp(-0.5 * x * x)


@_inlined
def _normal_cdf(x: float) -> float:
    return 0.5 + 0.5 * erf(_SQRT_HALF * x)


@_inlined
def _log_1_plus(u: float) -> float:
    """log(1 + u) for 0 <= u <= 1: the rounding of 1 + u cancels in the quotient."""
    w = 1.0 + u
    return u if w == 1.0 else log(w) * (u / (w - 1.0))


def _erf(x, p, value, slope):
    for i in range(x.shape[0]):
        value[i] = erf(_SQRT_HALF * x[i])
        slope[i] = 2.0 * density(x[i])


def _linear(x, p, value, slope):
    for i in range(x.shape[0]):
        value[i] = x[i]
        slope[i] = 1.0


def _relu(x, p, value, slope):
    for i in range(x.shape[0]):
        value[i] = max(x[i], 0.0)
        slope[i] = 1.0 if x[i] > 0.0 else 0.0


def _leaky_relu(x, p, value, slope):
    leak = p[0]
    for i in range(x.shape[0]):
        slope[i] = 1.0 if x[i] > 0.0 else leak
        value[i] = slope[i] * x[i]


def _step(x, p, value, slope):
    for i in range(x.shape[0]):
        value[i] = 1.0 if x[i] > 0.0 else 0.0
        slope[i] = 0.0


def _sign(x, p, value, slope):
    for i in range(x.shape[0]):
        value[i] = 1.0 if x[i] > 0.0 else (-1.0 if x[i] < 0.0 else 0.0)
        slope[i] = 0.0


def _tanh(x, p, value, slope):
    for i in range(x.shape[0]):
        grown = expm1(2.0 * min(x[i], 20.0))  # tanh is 1 in float64 from 19.1 on
        value[i] = grown / (grown + 2.0)
        slope[i] = (1.0 - value[i]) * (1.0 + value[i])


def _sigmoid_unit(x, p, value, slope):
    for i in range(x.shape[0]):
        value[i] = sigmoid(x[i])
        slope[i] = value[i] * sigmoid(-x[i])


def _softplus(x, p, value, slope):
    for i in range(x.shape[0]):
        small = exp(-abs(x[i]))
        value[i] = max(x[i], 0.0) + _log_1_plus(small)
        slope[i] = (1.0 if x[i] > 0.0 else small) / (1.0 + small)


def _silu(x, p, value, slope):
    for i in range(x.shape[0]):
        s = sigmoid(x[i])
        value[i] = x[i] * s
        slope[i] = s + x[i] * s * sigmoid(-x[i])


def _g(x, p, value, slope):
    for i in range(x.shape[0]):
        small, s = exp(-abs(x[i])), sigmoid(4.0 * x[i])
        value[i] = s + max(x[i], 0.0) + _log_1_plus(small)
        slope[i] = 4.0 * s * sigmoid(-4.0 * x[i]) + (1.0 if x[i] > 0.0 else small) / (1.0 + small)


def _normal_cdf_unit(x, p, value, slope):
    for i in range(x.shape[0]):
        value[i] = _normal_cdf(x[i])
        slope[i] = density(x[i])


def _gelu(x, p, value, slope):
    for i in range(x.shape[0]):
        s = _normal_cdf(x[i])
        value[i] = x[i] * s
        slope[i] = s + x[i] * density(x[i])


def _polynomial(x, p, value, slope):
    for i in range(x.shape[0]):
        value[i] = slope[i] = 0.0
    for n in range(p.shape[0] - 1, -1, -1):
        for i in range(x.shape[0]):
            slope[i] = slope[i] * x[i] + value[i]
            value[i] = value[i] * x[i] + p[n]


_SOURCES: dict[str, Callable] = {
    "erf": _erf,
    "linear": _linear,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "step": _step,
    "sign": _sign,
    "tanh": _tanh,
    "sigmoid": _sigmoid_unit,
    "softplus": _softplus,
    "silu": _silu,
    "normal_cdf": _normal_cdf_unit,
    "gelu": _gelu,
    "g": _g,
    "polynomial": _polynomial,
}


@lru_cache
def unit(kind: str) -> Any:
    """Return the compiled unit of a kind: (x, parameters, value, slope) fills the last two."""
    return nb.njit(SIGNATURE, cache=True, nogil=True, error_model="numpy")(_SOURCES[kind])


def compile_unit(f: Callable, df: Callable) -> Any | None:
    """Return the compiled unit of a user's own scalar functions f and df, or None where Numba cannot compile them."""
    try:
        # A compiled loop calls NumPy's ufuncs as they are, and Python functions once they are compiled themselves.
        g, dg = (nb.njit(error_model="numpy")(h) if isinstance(h, FunctionType) else h for h in (f, df))

        def own(x, p, value, slope):
            for i in range(x.shape[0]):
                value[i] = g(x[i])
                slope[i] = dg(x[i])

        return nb.njit(SIGNATURE, nogil=True, error_model="numpy")(own)
    except Exception:  # Numba's errors for what it cannot compile have no common base
        return None
