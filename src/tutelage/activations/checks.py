"""What the functions of a user's own activation have to be: real, finite, and each the derivative of the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tutelage.activations.formulas import Function
from tutelage.errors import refuse

__all__ = ["check_function", "elementwise", "plain"]


def elementwise(name: str, f: Any) -> Function:
    """Return `f` as a function of arrays."""
    if not callable(f):
        raise refuse(name, "be a function", f"is {f!r}")
    x = np.array([0.3, 0.7, 1.1])
    try:
        if np.shape(f(x)) == x.shape:
            return f
    except Exception:  # whatever a function of one number says of an array, a compiled one included
        pass
    return np.vectorize(f, otypes=[np.float64])


def plain(f: Any) -> Callable:
    """Return the function of one number behind one that NumPy applies to each."""
    return f.pyfunc if isinstance(f, np.vectorize) else f


def check_function(name: str, f: Function, slope_name: str, df: Function, kinks: tuple[float, ...]) -> None:
    """Refuse what is no function, jumps that are not declared, and a derivative that is none."""
    x, h = np.linspace(-6.0, 6.0, 1201) + 0.00317, 1e-5  # off the round numbers, where kinks are
    for label, function in ((name, f), (slope_name, df)):
        _evaluated(label, function, x)
        where = _jump(function, x, kinks)
        if where is not None:
            must = f"name every point where `{name}` or `{slope_name}` jumps, such as {where:.6g}"
            raise refuse("kinks", must, f"is {kinks}")
    smooth = np.abs(x[:, None] - np.array([np.inf, *kinks])).min(1) > 3 * h
    far, near = (_evaluated(name, f, x + d) - _evaluated(name, f, x - d) for d in (2 * h, h))
    slope, given = (8 * near - far) / (12 * h), _evaluated(slope_name, df, x)
    gap = np.abs(slope - given) / (1e-6 * (1 + np.abs(f(x)) + np.abs(given))) * smooth
    worst = int(np.argmax(gap))
    if gap[worst] > 1:
        but = f"is {given[worst]:.6g} at x = {x[worst]:.4g}, where {name}' = {slope[worst]:.6g}"
        raise refuse(slope_name, f"be the derivative of `{name}`", but)


def _evaluated(name: str, f: Function, x: np.ndarray) -> np.ndarray:
    """Return f(x), or refuse a function that is not real and finite there."""
    try:
        with np.errstate(all="ignore"):
            y = np.asarray(f(x))
    except Exception as error:
        raise refuse(name, "be defined between -6 and 6", f"raises {type(error).__name__}: {error}") from None
    if y.dtype.kind not in "biuf":
        raise refuse(name, "be real", f"returns values of type {y.dtype}")
    if not np.isfinite(y).all():
        raise refuse(name, "be finite", "is not, between -6 and 6")
    return y.astype(np.float64)


def _jump(f: Function, x: np.ndarray, kinks: tuple[float, ...]) -> float | None:
    """Return a point between those of the grid `x` where f jumps, away from `kinks`, or None."""
    values = f(x)
    scale = 1 + np.abs(values).max()
    steps = np.abs(np.diff(values))
    for index in np.argsort(-steps)[:20]:
        low, high = x[index], x[index + 1]
        if steps[index] < 1e-6 * scale or any(low <= kink <= high for kink in kinks):
            continue
        for _ in range(30):
            middle = (low + high) / 2
            a, b, c = f(np.array([low, middle, high]))
            low, high = (low, middle) if abs(b - a) > abs(c - b) else (middle, high)
        if abs(f(np.array([low]))[0] - f(np.array([high]))[0]) > 1e-6 * scale:
            return float(middle)
    return None
