"""Second derivatives of activations, compiled: each fills g'' of an array of fields from x, g and g'.

They complete :mod:`tutelage.kernels.units`, whose values and slopes they take, so that most cost a product or two.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

import numba as nb
from numba import types

from tutelage.kernels.units import density, sigmoid

__all__ = ["compile_curvature", "curvature"]

f8 = types.float64
SIGNATURE = types.void(f8[::1], f8[::1], f8[::1], f8[::1], f8[::1])  # (x, parameters, value, slope, curve)


def _minus_x_slope(x, p, value, slope, curve):
    for i in range(x.shape[0]):
        curve[i] = -x[i] * slope[i]


def _zero(x, p, value, slope, curve):
    for i in range(x.shape[0]):
        curve[i] = 0.0


def _tanh(x, p, value, slope, curve):
    for i in range(x.shape[0]):
        curve[i] = -2.0 * value[i] * slope[i]


def _sigmoid_unit(x, p, value, slope, curve):
    for i in range(x.shape[0]):
        curve[i] = slope[i] * (1.0 - 2.0 * value[i])


def _softplus(x, p, value, slope, curve):
    for i in range(x.shape[0]):
        curve[i] = slope[i] * (1.0 - slope[i])


def _silu(x, p, value, slope, curve):
    for i in range(x.shape[0]):
        s = sigmoid(x[i])
        curve[i] = s * (1.0 - s) * (2.0 + x[i] * (1.0 - 2.0 * s))


def _gelu(x, p, value, slope, curve):
    for i in range(x.shape[0]):
        curve[i] = (2.0 - x[i] * x[i]) * density(x[i])


def _g(x, p, value, slope, curve):
    for i in range(x.shape[0]):
        s, t = sigmoid(4.0 * x[i]), sigmoid(x[i])
        curve[i] = 16.0 * s * (1.0 - s) * (1.0 - 2.0 * s) + t * (1.0 - t)


def _polynomial(x, p, value, slope, curve):
    for i in range(x.shape[0]):
        curve[i] = 0.0
    for n in range(p.shape[0] - 1, 1, -1):
        for i in range(x.shape[0]):
            curve[i] = curve[i] * x[i] + n * (n - 1) * p[n]


_SOURCES: dict[str, Callable] = {
    "erf": _minus_x_slope,
    "linear": _zero,
    "relu": _zero,
    "leaky_relu": _zero,
    "step": _zero,
    "sign": _zero,
    "tanh": _tanh,
    "sigmoid": _sigmoid_unit,
    "softplus": _softplus,
    "silu": _silu,
    "normal_cdf": _minus_x_slope,
    "gelu": _gelu,
    "g": _g,
    "polynomial": _polynomial,
}


@lru_cache
def curvature(kind: str) -> Any:
    """Return the compiled g'' of a kind: (x, parameters, value, slope, curve) fills the last."""
    return nb.njit(SIGNATURE, cache=True, nogil=True, error_model="numpy")(_SOURCES[kind])


def compile_curvature(d2f: Callable) -> Any | None:
    """Return the compiled g'' of a user's own scalar function, or None where Numba cannot compile it."""
    try:
        second = nb.njit(error_model="numpy")(d2f) if isinstance(d2f, FunctionType) else d2f

        def own(x, p, value, slope, curve):
            for i in range(x.shape[0]):
                curve[i] = second(x[i])

        return nb.njit(SIGNATURE, nogil=True, error_model="numpy")(own)
    except Exception:  # Numba's errors for what it cannot compile have no common base
        return None
