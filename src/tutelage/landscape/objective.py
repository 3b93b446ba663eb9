"""What can be minimised: functions of a parameter vector with exact derivatives; their sums, and subspaces."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tutelage.errors import check_array, check_number, refuse

__all__ = [
    "Objective",
    "Subspace",
    "Sum",
    "check_objective",
    "check_seconds",
    "check_start",
    "gauss_newton_model",
]


@runtime_checkable
class Objective(Protocol):
    """A function of the parameters p (size,): a loss on data, on a population, a penalty, or a sum of them."""

    @property
    def size(self) -> int:
        """Number of parameters."""

    def loss(self, p: Any) -> float:
        """Return the value."""

    def gradient(self, p: Any) -> np.ndarray:
        """Return the gradient (size,)."""

    def hessian(self, p: Any) -> np.ndarray:
        """Return the Hessian (size, size)."""

    def hvp(self, p: Any, v: Any) -> np.ndarray:
        """Return the Hessian times v (size,)."""

    def derivatives(self, p: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Return value, gradient and Hessian of one pass."""


def check_objective(name: str, value: Any) -> None:
    """Refuse what has not the methods of an objective."""
    if not isinstance(value, Objective):
        must = "be an objective, such as `net.on(x, y)` or `PopulationLoss(teacher, student)`"
        raise refuse(name, must, f"is of type {type(value).__name__}")


def check_start(objective: Any, p0: Any) -> np.ndarray:
    """Return where a way down begins, parameters (size,), refused unless `objective` is one, of so many parameters."""
    check_objective("objective", objective)
    return check_array("p0", p0, (objective.size,))


def check_seconds(max_seconds: Any) -> float:
    """Return how long a way down may take; infinity is no limit."""
    return math.inf if max_seconds == math.inf else check_number("max_seconds", max_seconds, minimum=0)


def gauss_newton_model(objective: Any) -> Callable[[Any], tuple[float, np.ndarray, np.ndarray]]:
    """Return the function to value, gradient and Gauss-Newton matrix; the Hessian where there is no such matrix."""
    if hasattr(objective, "gauss_newton_derivatives"):
        return objective.gauss_newton_derivatives
    if not hasattr(objective, "gauss_newton"):
        return objective.derivatives
    return lambda p: (objective.loss(p), objective.gradient(p), objective.gauss_newton(p))


@dataclass(frozen=True)
class Sum:
    """The sum of objectives of the same parameters.

    Parameters
    ----------
    *parts : Objective
        At least one, all of the same size.

    Raises
    ------
    ArgumentError
        For what is no objective, and for sizes that differ.

    Notes
    -----
    In every method `p` are the parameters, shape (size,).

    Examples
    --------
    >>> from tutelage.landscape import MLP, NormBarrier
    >>> net = MLP(1, [(2, "tanh", False), (1, "linear", False)])
    >>> data = net.on([[0.5], [1.0]], [0.1, 0.4])
    >>> bounded = Sum(data, NormBarrier(net.size, maximum=10.0))
    >>> bool(bounded.loss(net.init(seed=0)) == data.loss(net.init(seed=0)))
    True
    """

    parts: tuple[Objective, ...]

    def __init__(self, *parts: Objective) -> None:
        for index, part in enumerate(parts):
            check_objective(f"parts[{index}]", part)
        if not parts or any(part.size != parts[0].size for part in parts):
            sizes = ", ".join(str(part.size) for part in parts) or "none"
            raise refuse("parts", "be objectives of the same number of parameters", f"have {sizes}")
        object.__setattr__(self, "parts", parts)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.parts[0].size

    def loss(self, p: Any) -> float:
        """Return the value."""
        return sum(part.loss(p) for part in self.parts)

    def gradient(self, p: Any) -> np.ndarray:
        """Return the gradient (size,)."""
        return sum((part.gradient(p) for part in self.parts), np.zeros(self.size))

    def hessian(self, p: Any) -> np.ndarray:
        """Return the Hessian (size, size)."""
        return self.derivatives(p)[2]

    def hvp(self, p: Any, v: Any) -> np.ndarray:
        """Return the Hessian times v (size,)."""
        return sum((part.hvp(p, v) for part in self.parts), np.zeros(self.size))

    def derivatives(self, p: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Return value, gradient and Hessian of one pass."""
        return self._added([part.derivatives(p) for part in self.parts])

    def gauss_newton(self, p: Any) -> np.ndarray:
        """Return the Gauss-Newton matrices (size, size) of the parts that have one, and the Hessians of the others."""
        return self.gauss_newton_derivatives(p)[2]

    def gauss_newton_derivatives(self, p: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Return value, gradient and Gauss-Newton matrix of one pass."""
        return self._added([gauss_newton_model(part)(p) for part in self.parts])

    def _added(self, each: list[tuple[float, np.ndarray, np.ndarray]]) -> tuple[float, np.ndarray, np.ndarray]:
        losses, slopes, matrices = zip(*each, strict=True)
        return sum(losses), sum(slopes, np.zeros(self.size)), sum(matrices, np.zeros((self.size, self.size)))


@dataclass(frozen=True, eq=False)
class Subspace:
    """An objective on the plane origin + directions' t: a function of the coordinates t.

    Parameters
    ----------
    objective : Objective
    origin : array, shape (size,)
    directions : array, shape (coordinates, size)
        Rows; they need not be orthonormal.
    """

    objective: Objective
    origin: np.ndarray
    directions: np.ndarray

    def __post_init__(self) -> None:
        check_objective("objective", self.objective)
        size = self.objective.size
        object.__setattr__(self, "origin", check_array("origin", self.origin, (size,)))
        object.__setattr__(self, "directions", check_array("directions", self.directions, ("coordinates", size)))

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.directions)

    def point(self, t: Any) -> np.ndarray:
        """Return the parameters at coordinates t."""
        return self.origin + check_array("t", t, (self.size,)) @ self.directions

    def loss(self, t: Any) -> float:
        """Return the value."""
        return self.objective.loss(self.point(t))

    def gradient(self, t: Any) -> np.ndarray:
        """Return the gradient (coordinates,)."""
        return self.directions @ self.objective.gradient(self.point(t))

    def hessian(self, t: Any) -> np.ndarray:
        """Return the Hessian (coordinates, coordinates)."""
        return self.derivatives(t)[2]

    def hvp(self, t: Any, v: Any) -> np.ndarray:
        """Return the Hessian times v (coordinates,)."""
        along = check_array("v", v, (self.size,)) @ self.directions
        return self.directions @ self.objective.hvp(self.point(t), along)

    def derivatives(self, t: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Return value, gradient and Hessian of one pass."""
        loss, slope, H = self.objective.derivatives(self.point(t))
        return loss, self.directions @ slope, self.directions @ H @ self.directions.T
