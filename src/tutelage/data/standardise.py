r"""Bring inputs to zero mean and unit variance, and do the same to inputs held out.

The theory measures inputs :math:`x \in \mathbb{R}^N` in units where one component has zero mean and
unit variance, so that a local field :math:`w \cdot x / \sqrt{N}` is of order one. Data rarely come
that way; the three methods here differ in what "one component" means (see `standardise`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage.errors import check_array, check_choice, refuse

__all__ = ["Standardisation", "standardise"]

METHODS = ("global", "pixel", "whiten")
ROUNDING = 1e-12  # a pixel that varies by less than this fraction of its own size is constant
SPAN = 1e-6  # a direction this much narrower than the widest is rounding: float32 resolves 6e-8
TINY, HUGE = 1e-140, 1e140  # outside, sums of squares leave the range of float64


@dataclass(frozen=True, eq=False, repr=False)
class Standardisation:
    r"""An affine map of inputs, remembered so that it can be applied to other inputs.

    .. math:: x \mapsto A\,[s \odot (x - m)]

    Attributes
    ----------
    method : {"global", "pixel", "whiten"} or None
        What was asked for; None is the identity.
    mean : array of shape (N,)
        :math:`m`, subtracted first.
    scale : array of shape (N,)
        :math:`s`, multiplied component by component: one over a standard deviation, 0 for a constant pixel.
    matrix : array of shape (N, N), optional
        :math:`A`, symmetric; only for "whiten", otherwise the identity.
    rank : int, optional
        Number of directions that the samples span around their mean; only for "whiten".
    """

    method: str | None
    mean: np.ndarray
    scale: np.ndarray
    matrix: np.ndarray | None = None
    rank: int | None = None

    def apply(self, x: Any) -> np.ndarray:
        """Return the inputs `x` under this map; `x` itself is left as it is.

        Parameters
        ----------
        x : array of shape (samples, N)
            Inputs in rows, in the units of the inputs that the map was made from.

        Returns
        -------
        array of shape (samples, N)
            float64. Only the inputs that the map was made from come out with mean 0 and variance 1 to rounding.
        """
        rows = check_array("x", x, ("samples", self.mean.size))
        if self.method is None:
            return rows
        rows -= self.mean
        rows *= self.scale
        return rows if self.matrix is None else rows @ self.matrix

    def __repr__(self) -> str:
        rank = "" if self.rank is None else f", rank={self.rank}"
        return f"Standardisation(method={self.method!r}, N={self.mean.size}{rank})"


def standardise(x: Any, method: str | None = "global") -> tuple[np.ndarray, Standardisation]:
    r"""Standardise inputs in rows; return them with the map that did it.

    Parameters
    ----------
    x : array of shape (samples, N)
        Inputs in rows.
    method : {"global", "pixel", "whiten"} or None, default "global"
        - "global": one mean and one standard deviation, over all samples and all components, so that
          :math:`\frac{1}{nN}\sum_{\mu,i} x_{\mu i} = 0` and :math:`\frac{1}{nN}\sum_{\mu,i} x_{\mu i}^2 = 1`
          for n samples. The images look as before; pixels keep their own means and variances.
        - "pixel": each component zero mean and unit variance over the samples. A component that is constant
          (varies by less than 1e-12 of its size) has no variance to divide by: it becomes 0, also in held-out
          inputs. With c constant components the mean of :math:`x_i^2` is therefore :math:`1 - c/N`.
        - "whiten": ZCA. The covariance :math:`C = V \Lambda V^\top` of the samples becomes the projector on
          the ``rank`` directions they span: :math:`x \mapsto V_r \Lambda_r^{-1/2} V_r^\top (x - m)`. The mean
          of :math:`x_i^2` is rank / N, and what held-out inputs have outside the span is dropped.
        - None: nothing.

    Returns
    -------
    inputs : array of shape (samples, N)
        float64, a new array.
    standardisation : Standardisation
        The map; ``standardisation.apply(held_out)`` does the same to other inputs.

    Notes
    -----
    Convention: variances and covariances divide by the number of samples n, not by n - 1; no factor
    :math:`1/\sqrt{N}` enters here, it belongs to the local fields. A direction counts towards the rank if its
    standard deviation exceeds 1e-6 of the largest one, so that the rounding of inputs that came as float32
    is not blown up to unit variance.

    Examples
    --------
    >>> import numpy as np
    >>> from tutelage.data import standardise
    >>> inputs, done = standardise([[0.0, 2.0], [4.0, 2.0]], "pixel")
    >>> inputs.tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    >>> done.apply([[2.0, 5.0]]).tolist()
    [[0.0, 0.0]]
    """
    rows = check_array("x", x, ("samples", "N"))
    size = max(-rows.min(), rows.max())
    if size > HUGE:
        raise refuse("x", f"be at most {HUGE:g} in magnitude", f"reaches {size:g}")
    if method is None:
        zero = np.zeros(rows.shape[1])
        return rows, Standardisation(None, zero, zero + 1.0)
    makers: dict[str, Callable[[np.ndarray], Standardisation]]
    makers = {"global": _global, "pixel": _pixel, "whiten": _whiten}
    done = makers[check_choice("method", method, METHODS)](rows)
    return done.apply(rows), done


def _global(x: np.ndarray) -> Standardisation:
    """Return the map to zero mean and unit variance over all samples and components."""
    size = max(-x.min(), x.max())
    deviation = float(x.std())
    if deviation <= max(ROUNDING * size, TINY):
        raise refuse("x", "vary between components or samples", f"is constant, about {x.flat[0]:g}")
    return Standardisation("global", np.full(x.shape[1], x.mean()), np.full(x.shape[1], 1.0 / deviation))


def _pixel(x: np.ndarray) -> Standardisation:
    """Return the map to zero mean and unit variance of every component that varies."""
    mean, constant = _centre(x)
    deviation = np.where(constant, 1.0, x.std(axis=0))
    return Standardisation("pixel", mean, np.where(constant, 0.0, 1.0 / deviation))


def _whiten(x: np.ndarray) -> Standardisation:
    """Return the symmetric map that turns the covariance into the projector on its span."""
    mean = _centre(x)[0]
    _, deviation, V = np.linalg.svd(_factor(x - mean), full_matrices=False)
    V = V[deviation > max(SPAN * deviation[0], ROUNDING * float(np.linalg.norm(mean)))]
    if not len(V):
        raise refuse("x", "vary between samples", "does so only by rounding")
    matrix = (V.T / deviation[: len(V)]) @ V
    return Standardisation("whiten", mean, np.ones(x.shape[1]), (matrix + matrix.T) / 2, len(V))


def _factor(x: np.ndarray) -> np.ndarray:
    """Return F of shape (r, N) with F^T F the covariance of centred samples, to which F keeps all digits.

    The eigenvectors of the covariance alone lose the square of what small directions are smaller by; taking
    the covariance a second time, where they have been made as large as the others, restores it. This is several
    times faster than a QR decomposition of the samples.
    """
    size, V = np.linalg.eigh(x.T @ x / len(x))
    V, deviation = V[:, size > SPAN**2 / 10 * size[-1]], np.sqrt(size[size > SPAN**2 / 10 * size[-1]])
    white = x @ (V / deviation)
    return np.linalg.cholesky(white.T @ white / len(x)).T @ (deviation[:, None] * V.T)


def _centre(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of every component and which components are constant."""
    low, high = x.min(axis=0), x.max(axis=0)
    constant = high - low <= np.maximum(ROUNDING * np.maximum(-low, high), TINY)
    if constant.all():
        raise refuse("x", "vary between samples", "is the same in all of them")
    return x.mean(axis=0), constant
