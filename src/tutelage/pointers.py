"""Compiled functions as arguments of compiled functions, without looking up where they are at each call."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba.core import types
from numba.experimental.function_type import _get_wrapper_address

__all__ = ["pointer"]


class Pointer:
    """A compiled function of one signature, and its address.

    Numba takes a function that it has compiled as an argument, too, but then looks its signature up and its address at
    every call: 50 us each, as long as a hundred steps of an integrator.
    """

    def __init__(self, function: Any) -> None:
        signature = function.nopython_signatures[0]
        self._function, self._address = function, _get_wrapper_address(function, signature)
        self._numba_type_ = types.FunctionType(signature)  # Numba asks for this name, and for the address by the next

    def __wrapper_address__(self) -> int:
        return self._address

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


@lru_cache(256)
def pointer(function: Any) -> Pointer:
    """Return the pointer to a function compiled for one signature."""
    return Pointer(function)
