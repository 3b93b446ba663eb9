"""Two-layer networks with real weight vectors, and weights that have given overlaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tutelage.activations import ActivationLike, activation
from tutelage.errors import check_array, refuse
from tutelage.overlaps import Overlaps

__all__ = ["Network", "realise"]


@dataclass(frozen=True, eq=False)
class Network:
    r"""A two-layer network :math:`\phi(x) = \sum_k v_k \, g(w_k \cdot x / \sqrt N)`.

    Parameters
    ----------
    W : array, shape (K, N)
        First-layer weights.
    v : array, shape (K,), optional
        Readout, not divided by K; default: ones.
    activation : str or Activation
        g.

    Examples
    --------
    >>> float(Network([[1.0, 1.0, 1.0, 1.0]], activation="linear")([1.0, 0.0, 1.0, 0.0]))
    1.0
    """

    W: np.ndarray
    v: np.ndarray = None  # type: ignore[assignment]
    activation: ActivationLike = "erf"

    def __post_init__(self) -> None:
        W = check_array("W", self.W, ("K", "N"))
        v = np.ones(len(W)) if self.v is None else check_array("v", self.v, (len(W),))
        activation(self.activation)
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "v", v)

    def fields(self, x: np.ndarray) -> np.ndarray:
        """Return w_k.x / sqrt(N) for inputs x (..., N), shape (..., K)."""
        return np.asarray(x, np.float64) @ self.W.T / np.sqrt(self.W.shape[1])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs for inputs x (..., N), shape (...)."""
        return activation(self.activation).f(self.fields(x)) @ self.v


def realise(state: Overlaps, dim: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw weights W (K, dim) and W_star (M, dim) that have exactly the overlaps of `state`, in a random frame.

    Raises
    ------
    ArgumentError
        If dim < K + M: so many units need not fit.
    """
    M, P = state.teachers, state.students + state.teachers
    if dim < P:
        raise refuse("dim", f"be >= K + M = {P}, to hold any overlaps of that many units", f"is {dim}")
    A, F = state.factor()
    frame = np.sqrt(dim) * np.linalg.qr(rng.standard_normal((dim, P)))[0].T
    return A @ frame, F @ frame[:M]
