"""Compiled functions as arguments of compiled functions, without looking up where they are at each call."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba.core import types
from numba.experimental.function_type import _get_wrapper_address

__all__ = ["pointer"]


class Pointer(types.WrapperAddressProtocol):
    """A compiled function of one signature, and its address.

    Numba takes a function that it has compiled as an argument, too, but then looks its signature up and its address at
    every call: 50 us each, as long as a hundred steps of an integrator.
    """

    def __init__(self, function: Any) -> None:
        self._function, self._signature = function, function.nopython_signatures[0]
        self._address = _get_wrapper_address(function, self._signature)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        """Return the signature, as Numba asks for it."""
        return self._signature

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


@lru_cache(256)
def pointer(function: Any) -> Pointer:
    """Return the pointer to a function compiled for one signature."""
    return Pointer(function)
