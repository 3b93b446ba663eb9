r"""Linear networks :math:`y = W_2 W_1 x` at a matched optimum: the law of their Hessians, and of the loss beside it.

The Hessian of :math:`\frac12 \langle (y - y^*)^2 \rangle`, inputs N(0, 1), has :math:`N_h (N_i + 1) - N_i` zeros, and
the :math:`N_i` eigenvalues

.. math:: \lambda_k = |W_2|^2 + \mathrm{eig}_k(W_1^\top W_1) .

Weights are :math:`N(0, s_1^2)` in the first layer and :math:`N(0, s_2^2)` in the second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_count, check_number, check_vector, refuse
from tutelage.landscape.marchenko_pastur import MarchenkoPastur

__all__ = ["LinearLaw", "linear_eigenvalues"]

LAGUERRE = 60  # nodes of averages over |W2|^2
NODES = 100  # of the convolution
BATCH = 4096  # networks drawn, or values of the law computed, at a time


def linear_eigenvalues(W1: ArrayLike, W2: ArrayLike) -> np.ndarray:
    r"""Return the :math:`N_i` eigenvalues that are not zero: :math:`|W_2|^2 + \mathrm{eig}_k(W_1^\top W_1)`.

    Parameters
    ----------
    W1 : array, shape (Nh, Ni)
        Weights of the first layer.
    W2 : array, shape (Nh,)
        Readouts.

    Returns
    -------
    array, shape (Ni,)
        Ascending.

    Raises
    ------
    ArgumentError
        For another shape.

    Examples
    --------
    >>> linear_eigenvalues([[1.0, 0.0], [0.0, 2.0]], [1.0, 1.0])
    array([3., 6.])
    """
    first = check_array("W1", W1, ("Nh", "Ni"))
    second = check_array("W2", W2, (len(first),))
    return second @ second + np.linalg.eigvalsh(first.T @ first)


@dataclass(frozen=True)
class LinearLaw:
    r"""The nonzero eigenvalues of an ensemble of linear networks: a chi-square law convolved with Marchenko-Pastur's.

    .. math:: \lambda \sim s_2^2\, \chi^2_{N_h} + s_1^2 N_h\, \mathrm{MP}_c, \qquad c = N_i/N_h .

    The chi-square part is exact, the other one the limit of large :math:`N_i`, off by about :math:`1/N_i` in
    distribution. Within one network :math:`|W_2|^2` is the same for all eigenvalues: its law is
    :meth:`of_network`, and eigenvalues of one network are no independent draws from the ensemble's.

    Parameters
    ----------
    inputs, hidden : int
        :math:`N_i`, :math:`N_h`.
    s1, s2 : float, optional
        Standard deviations of the weights. Default: :math:`N_i^{-1/2}` and :math:`N_h^{-1/2}`.

    Notes
    -----
    In the methods `x` are eigenvalues, an array of any shape, and `seed` is that of what is drawn.

    Setting: Couto, Mourao, Figueiredo & Ribeiro, arXiv:2512.15606.

    Examples
    --------
    >>> law = LinearLaw(30, 10)
    >>> round(law.mean, 12), round(law.MP.atom, 3)
    (1.333333333333, 0.667)
    """

    inputs: int
    hidden: int
    s1: float | None = None
    s2: float | None = None

    def __post_init__(self) -> None:
        for name in ("inputs", "hidden"):
            object.__setattr__(self, name, check_count(name, getattr(self, name)))
        for name, units in (("s1", self.inputs), ("s2", self.hidden)):
            value = getattr(self, name)
            value = units**-0.5 if value is None else check_number(name, value, minimum=0, strict=True)
            object.__setattr__(self, name, value)

    @property
    def variances(self) -> tuple[float, float]:
        """The variances of the weights of both layers."""
        assert self.s1 is not None
        assert self.s2 is not None
        return self.s1**2, self.s2**2

    @property
    def MP(self) -> MarchenkoPastur:
        """The law of the eigenvalues of W1' W1."""
        return self.of_network(0.0)

    def of_network(self, square: float) -> MarchenkoPastur:
        r"""Return the law within one network whose :math:`|W_2|^2` is `square`."""
        square = check_number("square", square, minimum=0)
        return MarchenkoPastur(self.inputs / self.hidden, self.variances[0] * self.hidden, square)

    @property
    def mean(self) -> float:
        r"""Mean, :math:`N_h (s_1^2 + s_2^2)`, exact at any size."""
        return self.hidden * sum(self.variances)

    @property
    def variance(self) -> float:
        r"""Variance of the law, :math:`2 N_h s_2^4 + N_i N_h s_1^4`."""
        return self.moment(2) - self.mean**2

    @property
    def exact_variance(self) -> float:
        r"""Variance at finite size, :math:`2 N_h s_2^4 + (N_i + 1) N_h s_1^4`."""
        v1, v2 = self.variances
        return 2 * self.hidden * v2**2 + (self.inputs + 1) * self.hidden * v1**2

    def moment(self, k: int) -> float:
        """Return the k-th moment of the law about zero."""
        k, MP = check_count("k", k, minimum=0), self.MP
        chi = [float(np.prod(self.variances[1] * (self.hidden + 2.0 * np.arange(j)))) for j in range(k + 1)]
        return sum(comb(k, j) * chi[j] * MP.moment(k - j) for j in range(k + 1))

    def pdf(self, x: ArrayLike) -> np.ndarray:
        """Return the density; it has no atom, and area one."""
        return self._convolved(x, self._chi.pdf)

    def cdf(self, x: ArrayLike) -> np.ndarray:
        """Return the distribution function."""
        return self._convolved(x, self._chi.cdf)

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Return `count` independent draws from the law, shape (count,)."""
        MP = self.MP.sample(count, seed)
        return MP + self.variances[1] * np.random.default_rng((seed, 1)).chisquare(self.hidden, count)

    def networks(self, count: int, seed: int = 0) -> np.ndarray:
        """Return the eigenvalues (count, Ni) of `count` random networks, of actual matrices; ascending in each."""
        count, rng = check_count("count", count), np.random.default_rng(check_count("seed", seed, minimum=0))
        (v1, v2), values = self.variances, np.empty((count, self.inputs))
        for begin in range(0, count, BATCH):
            part = values[begin : begin + BATCH]
            W1 = np.sqrt(v1) * rng.standard_normal((len(part), self.hidden, self.inputs))
            square = v2 * rng.chisquare(self.hidden, (len(part), 1))
            small = W1 @ W1.mT if self.hidden < self.inputs else W1.mT @ W1
            part[:] = 0.0
            part[:, -small.shape[-1] :] = np.linalg.eigvalsh(small)
            part += square
        return values

    def mean_loss(self, time: ArrayLike, eps: float) -> np.ndarray:
        r"""Return the loss of gradient flow averaged over networks and over where they start: the annealed average.

        Starts are the optimum plus N(0, eps^2) in every weight. With the Laplace transforms of both parts,

        .. math:: \langle L \rangle = -\frac{\epsilon^2 N_i}{2} \frac{\mathrm d}{\mathrm ds}
                  \Big[ (1 + 2 s_2^2 s)^{-N_h/2} \int e^{-s x}\, \mathrm{MP}(\mathrm dx) \Big],
                  \qquad s = 2 \times \text{time} .

        Rare networks of small :math:`|W_2|^2` carry it at late times: if :math:`N_i > N_h` it falls as
        :math:`s^{-(N_h/2 + 1)}`, where each network decays exponentially (:meth:`typical_loss`).

        Parameters
        ----------
        time : array
            Of gradient flow: learning rate times steps.
        eps : float
            Standard deviation of the displacement.
        """
        s, v2 = _twice(time), self.variances[1]
        x, w = self.MP.rule
        factor = (1 + 2 * v2 * s) ** (-self.hidden / 2)
        decays = np.exp(-s[..., None] * x)
        slope = factor * (self.hidden * v2 / (1 + 2 * v2 * s) * (decays @ w) + (decays * x) @ w)
        return check_number("eps", eps, minimum=0) ** 2 * self.inputs / 2 * slope

    def typical_loss(self, time: ArrayLike, eps: float) -> np.ndarray:
        r"""Return the loss of a typical network, :math:`\exp \langle \log L \rangle`: the quenched average.

        L is averaged over starts (as in :meth:`mean_loss`) and over the Marchenko-Pastur law of one network, its
        logarithm over :math:`|W_2|^2 \sim s_2^2 \chi^2_{N_h}`.

        Parameters
        ----------
        time, eps
            As of :meth:`mean_loss`.
        """
        s, (x, w) = _twice(time)[..., None], self.MP.rule
        least = x[w > 0].min()
        decays = np.exp(-s * np.maximum(x - least, 0.0))
        zeroth, first = (decays @ w)[..., None], ((decays * x) @ w)[..., None]
        square, chances = self._squares
        logs = np.log(square * zeroth + first) - s * (square + least)
        return check_number("eps", eps, minimum=0) ** 2 * self.inputs / 2 * np.exp(logs @ chances)

    @cached_property
    def _squares(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights of averages over |W2|^2: Gauss-Laguerre's, in z^(Nh/2 - 1) e^-z of |W2|^2 = 2 s2^2 z."""
        from scipy.special import roots_genlaguerre

        nodes, weights = roots_genlaguerre(LAGUERRE, self.hidden / 2 - 1)
        return 2 * self.variances[1] * nodes, weights / weights.sum()

    @property
    def _chi(self) -> Any:
        from scipy.stats import chi2

        return chi2(self.hidden, scale=self.variances[1])

    def _convolved(self, x: ArrayLike, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the mean over the Marchenko-Pastur law of f(x - value), f zero below zero."""
        x, MP, inside = np.asarray(x, np.float64), self.MP, []
        for part in np.array_split(x.ravel(), x.size // BATCH + 1):
            values, weights = MP.rule_below(part, NODES)
            gap = part[:, None] - values
            inside.append((np.where(gap > 0, f(np.where(gap > 0, gap, 1.0)), 0.0) * weights).sum(1))
        flat = np.concatenate(inside) + (MP.atom * f(x.ravel()) if MP.atom else 0.0)
        return flat.reshape(x.shape)


def _twice(time: ArrayLike) -> np.ndarray:
    """Return 2 time, of times >= 0."""
    times = check_vector("time", np.ravel(time), "times")
    if times.min() < 0:
        raise refuse("time", "be >= 0", f"has {times.min():g}")
    return 2 * times.reshape(np.shape(time))
