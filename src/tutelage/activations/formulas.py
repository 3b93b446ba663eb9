"""The activations with a name of their own, as data: value, derivatives and kinks of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["FORMULAS", "Formula", "Function", "zeros"]

Function = Callable[[np.ndarray], np.ndarray]


def zeros(x: np.ndarray) -> np.ndarray:
    """Return zeros: the derivative of what is constant or straight between kinks."""
    return np.zeros(np.shape(x))


class Formula(NamedTuple):
    """g, g' and g'' on arrays, and where g or g' jumps; at a kink, g' is the left limit and g'' has no delta."""

    f: Function
    df: Function
    d2f: Function = zeros
    kinks: tuple[float, ...] = ()


def _erf(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return erf(np.asarray(x) / np.sqrt(2))


def _density(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.square(x) / 2) / np.sqrt(2 * np.pi)


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(x)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(x)


def _bump(x: np.ndarray) -> np.ndarray:
    """Return the slope of the sigmoid."""
    return _sigmoid(x) * _sigmoid(-np.asarray(x))


def _bend(x: np.ndarray) -> np.ndarray:
    """Return the second derivative of the sigmoid."""
    return _bump(x) * (1 - 2 * _sigmoid(x))


FORMULAS = {
    "erf": Formula(_erf, lambda x: 2 * _density(x), lambda x: -2 * np.asarray(x) * _density(x)),
    "linear": Formula(lambda x: np.array(x, np.float64), lambda x: np.ones(np.shape(x))),
    "relu": Formula(lambda x: np.maximum(x, 0.0), lambda x: np.greater(x, 0.0).astype(np.float64), kinks=(0.0,)),
    "step": Formula(lambda x: np.greater(x, 0.0).astype(np.float64), zeros, kinks=(0.0,)),
    "sign": Formula(lambda x: np.sign(x).astype(np.float64), zeros, kinks=(0.0,)),
    "tanh": Formula(
        lambda x: np.tanh(x),
        lambda x: 1 - np.tanh(x) ** 2,
        lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2),
    ),
    "sigmoid": Formula(_sigmoid, _bump, _bend),
    "softplus": Formula(lambda x: np.logaddexp(0.0, x), _sigmoid, _bump),
    "silu": Formula(
        lambda x: np.asarray(x) * _sigmoid(x),
        lambda x: _sigmoid(x) * (1 + np.asarray(x) * _sigmoid(-np.asarray(x))),
        lambda x: 2 * _bump(x) + np.asarray(x) * _bend(x),
    ),
    "normal_cdf": Formula(_normal_cdf, _density, lambda x: -np.asarray(x) * _density(x)),
    "gelu": Formula(
        lambda x: np.asarray(x) * _normal_cdf(x),
        lambda x: _normal_cdf(x) + np.asarray(x) * _density(x),
        lambda x: (2 - np.square(x)) * _density(x),
    ),
    "g": Formula(
        lambda x: _sigmoid(4 * np.asarray(x)) + np.logaddexp(0.0, x),
        lambda x: 4 * _bump(4 * np.asarray(x)) + _sigmoid(x),
        lambda x: 16 * _bend(4 * np.asarray(x)) + _bump(x),
    ),
}
