"""What goes wrong, and the checks that say so in one sentence.

Every refusal of an argument has the same form, so that a reader learns it once::

    Argument `Q` must have shape (K, K), but has shape (3, 2).

It names the argument, says what is allowed and what was given.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = [
    "ArgumentError",
    "DivergenceError",
    "check_array",
    "check_choice",
    "check_count",
    "check_flag",
    "check_number",
    "check_times",
    "check_type",
    "check_vector",
    "refuse",
]


class ArgumentError(ValueError):
    """An argument that cannot be used; the message names it, what is allowed and what was given."""


class DivergenceError(ArithmeticError):
    """A run whose order parameters left every bound.

    Attributes
    ----------
    alpha : float
        Time (steps / N) of the last finite state.
    dataset : xarray.Dataset
        The results at the asked times up to ``alpha``.
    """

    def __init__(self, message: str, alpha: float, dataset: Any = None) -> None:
        super().__init__(message)
        self.alpha = alpha
        self.dataset = dataset


def refuse(name: str, must: str, but: str) -> ArgumentError:
    """Return the error "Argument `name` must ..., but ...". The caller raises it."""
    return ArgumentError(f"Argument `{name}` must {must}, but {but}.")


def check_number(name: str, value: Any, *, minimum: float = -math.inf, strict: bool = False) -> float:
    """Return `value` as a finite float that is at least `minimum` (above it if `strict`)."""
    bound = (
        "be a finite number" if minimum == -math.inf else f"be a finite number {'>' if strict else '>='} {minimum:g}"
    )
    if isinstance(value, (bool, str, bytes)) or not np.isscalar(value) or np.iscomplexobj(value):
        raise refuse(name, bound, f"is {value!r}")
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number) or number < minimum or (strict and number == minimum):
        raise refuse(name, bound, f"is {number:g}")
    return number


def check_count(name: str, value: Any, *, minimum: int = 1, floats: bool = False) -> int:
    """Return `value` as an int that is at least `minimum`; "3" is refused, NumPy integers are not.

    With `floats` so are not 1e6 and other floats that are whole, as one writes a large dimension; else 3.0 is refused.
    """
    must = f"be an integer >= {minimum}"
    if floats and isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    if isinstance(value, bool):
        raise refuse(name, must, f"is {value!r}")
    try:
        count = operator.index(value)
    except TypeError:
        raise refuse(name, must, f"is {value!r}") from None
    if count < minimum:
        raise refuse(name, must, f"is {count}")
    return count


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`."""
    allowed = list(choices)
    if not isinstance(value, str) or value not in allowed:
        raise refuse(name, "be one of " + ", ".join(f'"{c}"' for c in allowed), f"is {value!r}")
    return value


def check_array(name: str, value: Any, shape: tuple[int | str, ...]) -> np.ndarray:
    """Return `value` as a finite float64 array of `shape`, whose letters stand for any positive length.

    A letter that occurs twice must have one length: ``("K", "K")`` is any square matrix.
    """
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "iufO":  # neither text, nor truth values, nor complex numbers
            raise TypeError
        array = np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        what = " ".join(f"{value!r:.60}".split())
        raise refuse(name, "be an array of real numbers", f"is {type(value).__name__} {what}") from None
    wanted = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    lengths: dict[int | str, int] = {}
    fits = array.ndim == len(shape) and all(
        length == (want if isinstance(want, int) else lengths.setdefault(want, length)) and length > 0
        for want, length in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise refuse(name, f"have shape {wanted}", f"has shape {array.shape}")
    if not np.isfinite(array).all():
        raise refuse(name, "be finite", "contains NaN or infinity")
    return array


def check_type(name: str, value: Any, kind: type) -> None:
    """Refuse a `value` that is not of type `kind`."""
    if not isinstance(value, kind):
        raise refuse(name, f"be of type {kind.__name__}", f"is of type {type(value).__name__}")


def check_flag(name: str, value: Any) -> bool:
    """Return `value` as a bool; 1 and "yes" are refused, NumPy's bools are not."""
    if not isinstance(value, (bool, np.bool_)):
        raise refuse(name, "be True or False", f"is {value!r}")
    return bool(value)


def check_vector(name: str, value: Any, length: str) -> np.ndarray:
    """Return `value` as a finite, non-empty float64 array of shape (length,); a number is an array of one."""
    if value is None or isinstance(value, (str, bytes)):
        raise refuse(name, "be a number or an array of them", f"is {value!r}")
    return check_array(name, [value] if np.isscalar(value) else value, (length,))


def check_times(name: str, value: Any) -> np.ndarray:
    """Return `value` as a non-empty, strictly increasing float64 array of times >= 0; a number is one time."""
    times = check_vector(name, value, "times")
    if times[0] < 0:
        raise refuse(name, "be >= 0", f"starts at {times[0]:g}")
    if (np.diff(times) <= 0).any():
        first = int(np.argmax(np.diff(times) <= 0))
        raise refuse(name, "be strictly increasing", f"has {times[first]:g} followed by {times[first + 1]:g}")
    return times
