r"""What a way of training makes of each eigenvalue of :math:`H = X^\top X`.

Weights are :math:`\hat w = g_t(H)\, X^\top y` from zero, for the loss :math:`\frac12 |X w - y|^2 + \frac\lambda2
|w|^2`, a sum over samples. A filter gives the gain :math:`g_t(h)` and the residual :math:`r_t(h) = 1 - h\,g_t(h)`,
the part of the teacher that is not learned yet, at real or complex h.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tutelage.errors import refuse

__all__ = ["Descent", "Filter", "Flow", "Ridge", "way_of"]


@dataclass(frozen=True)
class Filter:
    r"""A way of training with steps of `lr` and penalty `ridge`; t is in steps. Subclasses say which."""

    lr: float = 1.0
    ridge: float = 0.0

    def residual(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return r, shape (times, h)."""
        raise NotImplementedError

    def gain(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return g, shape (times, h)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Ridge(Filter):
    r"""The minimum of the loss with penalty :math:`\lambda + 1/(\eta t)`, which stands in for stopping at t."""

    def residual(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        learned, penalty = self._parts(t)
        return penalty / (learned * h + penalty)

    def gain(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        learned, penalty = self._parts(t)
        return learned / (learned * h + penalty)

    def _parts(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return lr t and lr t times the penalty: finite at t = 0."""
        return self.lr * t[:, None], 1 + self.lr * t[:, None] * self.ridge


@dataclass(frozen=True)
class Flow(Filter):
    r"""Gradient flow for the time :math:`\eta t`: without a penalty :math:`r = e^{-\eta t h}`."""

    def residual(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        decay = np.exp(self._exponent(h, t))
        return (self.ridge + h * decay) / (h + self.ridge) if self.ridge else decay

    def gain(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        total = h + self.ridge
        small = np.abs(total) < np.finfo(float).tiny
        safe = np.where(small, 1.0, total)
        return np.where(small, self.lr * t.reshape(-1, *[1] * np.ndim(h)), -np.expm1(self._exponent(h, t)) / safe)

    def _exponent(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return the logarithm of the factor by which the distance from the minimum has changed."""
        return -self.lr * t.reshape(-1, *[1] * np.ndim(h)) * (h + self.ridge)


@dataclass(frozen=True)
class Descent(Flow):
    r"""Gradient descent: without a penalty :math:`r = (1 - \eta h)^t`.

    Between whole steps it is the power after the first step if `smooth`, which is for steps that do not overshoot;
    else weights move along the straight line from one step to the next.
    """

    smooth: bool = True

    def residual(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        return _like(h, super().residual(h, t))

    def gain(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        return _like(h, super().gain(h, t))

    def _exponent(self, h: np.ndarray, t: np.ndarray) -> np.ndarray:
        step = self.lr * (h + self.ridge)
        step = np.where(step == 1, 1 - np.finfo(float).eps, step)  # a factor of zero has no logarithm
        step = step.astype(complex) if np.any(step.real > 1) else step
        whole = np.where((t > 1) & self.smooth, t, np.floor(t))[:, None]
        return whole * np.log1p(-step) + np.log1p(-(t[:, None] - whole) * step)

    def check(self, top: float, what: str = "the largest eigenvalue") -> None:
        """Refuse steps with which eigenvalues up to `top` diverge."""
        if self.lr * (top + self.ridge) >= 2:
            must = f"be below 2/({what} + ridge) = {2 / (top + self.ridge):.4g}, where gradient descent converges"
            raise refuse("lr", must, f"is {self.lr:g}")


def way_of(name: str, top: float, lr: float, ridge: float) -> Filter:
    """Return the filter of a name in `FILTERS` for a problem whose largest eigenvalue is `top`."""
    if name == "descent":
        return Descent(lr, ridge, smooth=lr * (top + ridge) <= 1 + 1e-9)
    return FILTERS[name](lr, ridge)


FILTERS: dict[str, type[Filter]] = {"descent": Descent, "flow": Flow, "ridge": Ridge}


def _like(h: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return `values` as real numbers where h are."""
    return values if np.iscomplexobj(h) else values.real
