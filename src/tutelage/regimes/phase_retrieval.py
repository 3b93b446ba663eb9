r"""How long phase retrieval takes to leave its uninformative start: exit times in closed form.

Students :math:`\frac1K \sum_k (w_k \cdot x)^2 / N` of one square teacher unit, with weights on the sphere, begin at
overlaps :math:`m_k = R_{k1}` of order 1/sqrt(N), where the gradient all but vanishes (Arnaboldi, Krzakala, Loureiro &
Stephan, *Escaping mediocrity*, arXiv:2305.18502). To linear order in m about Q = 1,

.. math:: \frac{d m_k}{dt} = \omega m_k, \qquad \omega = 4 \Big[1 - \frac{\eta}{K} \Big(1 + \frac1K + \frac4{K^2}
          + \frac{\sigma^2}2 \Big)\Big], \qquad t = \frac{\eta}{K} \alpha .

The excess of the risk over the noise begins at (1 + 1/K) and has fallen by the fraction T when :math:`\sum_k m_k^2` is
about T (K + 1)/2. In our convention the readouts are v = 1/K, v_star = 1; `lr` is :math:`\eta`, `noise` is
:math:`\sigma` (the paper's gamma and the root of its Delta), alpha = steps/N, and eg has the factor 1/2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tutelage.errors import check_choice, check_count, check_number, refuse

if TYPE_CHECKING:
    import xarray

__all__ = ["exit_time", "exit_times", "growth_rate", "optimal_lr", "width_gain"]

NODES = 40  # of the quadrature over tau, on which the logarithm hardly depends


def growth_rate(lr: float, students: int = 1, noise: float = 0.0) -> float:
    r"""Return the rate by alpha at which the overlaps with the teacher grow from zero, :math:`\eta \omega / K`.

    Parameters
    ----------
    lr : float, >= 0
        :math:`\eta`, divided by sqrt(N) in the step.
    students : int
        K, with readouts 1/K.
    noise : float, >= 0
        Standard deviation of the label noise.

    Returns
    -------
    float
        Negative where the learning rate is so large that the start is stable.

    Examples
    --------
    >>> round(growth_rate(0.1), 12)
    0.16
    """
    eta, K = check_number("lr", lr, minimum=0), check_count("students", students)
    sigma = check_number("noise", noise, minimum=0)
    return 4 * eta / K * (1 - eta / K * _resistance(K, sigma))


def exit_time(
    lr: float, dim: int, students: int = 1, noise: float = 0.0, fraction: float = 0.01, average: str = "quenched"
) -> float:
    r"""Return the time alpha at which the excess risk has fallen by `fraction`, for random starts on the sphere.

    .. math::

        \alpha_\text{annealed} &= \frac{K}{2 \eta \omega} \ln \frac{T (K + 1) N + (K + 1)(1 - T)}{2 K} , \\
        \alpha_\text{quenched} &= \frac{K}{2 \eta \omega} \Big\langle \ln
            \frac{T K (K + 1) N + (2 \mu K - \tau)(1 - T)}{2 \mu K} \Big\rangle

    with :math:`\mu = N \sum_k (u_k \cdot u^*)^2`, a chi-square number of K degrees of freedom, and :math:`\tau = 2 N
    \sum_{j<k} (u_j \cdot u_k)^2`, twice one of K(K-1)/2. The annealed time is that of the mean of the squared overlap;
    the quenched one is the mean of the times. Both are of the equations of motion. **Runs of SGD leave sooner**, by a
    time that does not depend on N: the noise of their steps moves the overlaps of a random start by as much as these
    are. About m = 0 it is white, of variance D/N in the unit of alpha, so that after the search :math:`m_k` is still
    normal, its variance larger by a factor:

    .. math::

        \alpha_\text{runs} = \alpha_\text{quenched} - \frac{K}{2 \eta \omega} \ln \Big( 1 + \frac{K D}{2 \eta \omega}
            \Big), \qquad
        D = \frac{4 \eta^2}{K^2} \Big[ \frac{(K + 2)(K + 4)}{K^2} - \frac{6 (K + 2)}{K} + 15 + \sigma^2 \Big]

    for T N >> 1. Derived here. Where T N is of order one, average ``tl.simulate`` (chain) over random starts.

    Parameters
    ----------
    lr, students, noise
        As for :func:`growth_rate`.
    dim : int
        N.
    fraction : float, between 0 and 1
        T; the growth is linear, so the formulas hold for small T (a few percent).
    average : {"quenched", "annealed", "runs"}
        See above; "runs" is what SGD does.

    Returns
    -------
    float
        alpha = steps/N; infinite where the start is not left.

    Examples
    --------
    >>> round(exit_time(0.1, dim=3000, average="annealed"), 2)
    10.73
    """
    rate, N = growth_rate(lr, students, noise), check_count("dim", dim)
    T, K = check_number("fraction", fraction, minimum=0, strict=True), students
    if T >= 1:
        raise refuse("fraction", "be between 0 and 1", f"is {fraction!r}")
    check_choice("average", average, ("quenched", "annealed", "runs"))
    if rate <= 0:
        return float("inf")
    if average == "annealed":
        return float(np.log((T * (K + 1) * N + (K + 1) * (1 - T)) / (2 * K)) / (2 * rate))
    quenched = _mean_logarithm(K, N, T) / (2 * rate)
    if average == "quenched":
        return quenched
    return max(0.0, quenched - float(np.log1p(_diffusion(lr, K, noise) / (2 * rate))) / (2 * rate))


def optimal_lr(students: int = 1, noise: float = 0.0) -> float:
    r"""Return the learning rate of the shortest exit time, :math:`K^3 / (8 + 2 K + (2 + \sigma^2) K^2)`.

    Parameters
    ----------
    students, noise
        K and :math:`\sigma`, as for :func:`growth_rate`.

    Returns
    -------
    float
        lr, in the scaling of :func:`growth_rate`.

    Examples
    --------
    >>> 12 * optimal_lr()
    1.0
    """
    K, sigma = check_count("students", students), check_number("noise", noise, minimum=0)
    return K / (2 * _resistance(K, sigma))


def width_gain(students: int | None = None, noise: float = 0.0) -> float:
    r"""Return by which factor K students, each at the best rate, grow faster than one, by samples.

    For K to infinity (`students` None) it is :math:`(12 + \sigma^2) / (2 + \sigma^2)`: width helps, by a constant.

    Parameters
    ----------
    students : int, optional
        K; default: infinity.
    noise : float
        :math:`\sigma`, the standard deviation of label noise.

    Returns
    -------
    float
        At least 1.

    Examples
    --------
    >>> width_gain(1), width_gain()
    (1.0, 6.0)
    """
    sigma = check_number("noise", noise, minimum=0)
    wide = 1 + sigma**2 / 2 if students is None else _resistance(check_count("students", students), sigma)
    return _resistance(1, sigma) / wide


def exit_times(ds: xarray.Dataset, fraction: float = 0.01) -> np.ndarray:
    """Return when eg first lies `fraction` below its first value, for each replica, by interpolation in alpha.

    Parameters
    ----------
    ds : Dataset
        Of ``tl.solve`` or ``tl.simulate``; its first time should be 0, and its times close together.
    fraction : float, between 0 and 1

    Returns
    -------
    array, shape (replicas,); (1,) for one curve
        alpha; NaN where eg does not fall so far.
    """
    if not hasattr(ds, "eg") or "alpha" not in ds.eg.dims:
        raise refuse("ds", "be a dataset with eg over alpha", f"is {type(ds).__name__}")
    T = check_number("fraction", fraction, minimum=0, strict=True)
    alpha, curves = ds.alpha.values, np.atleast_2d(ds.eg.values)
    out = np.full(len(curves), np.nan)
    for row, eg in enumerate(curves):
        level = (1 - T) * eg[0]
        below = np.flatnonzero(eg <= level)
        if len(below) and below[0] > 0:
            b = below[0]
            out[row] = alpha[b - 1] + (alpha[b] - alpha[b - 1]) * (eg[b - 1] - level) / (eg[b - 1] - eg[b])
    return out


def _resistance(K: int, sigma: float) -> float:
    """Return what multiplies lr/K in the growth rate: 1 + 1/K + 4/K^2 + sigma^2/2."""
    return 1 + 1 / K + 4 / K**2 + sigma**2 / 2


def _diffusion(eta: float, K: int, sigma: float) -> float:
    """Return N times the variance of an overlap that the steps of a unit of alpha make at m = 0, Q = 1."""
    return 4 * eta**2 / K**2 * ((K + 2) * (K + 4) / K**2 - 6 * (K + 2) / K + 15 + sigma**2)


def _mean_logarithm(K: int, N: int, T: float) -> float:
    """Return the mean over mu and tau of the logarithm in the quenched time."""
    from scipy.integrate import quad
    from scipy.stats import chi2

    pairs = K * (K - 1) // 2
    levels = (np.arange(NODES) + 0.5) / NODES
    taus = 2 * chi2.ppf(levels, pairs) if pairs else np.zeros(1)

    def logarithm(mu: float) -> float:
        inside = T * K * (K + 1) * N + (2 * mu * K - taus) * (1 - T)
        return float(np.log(np.maximum(inside, 2 * mu * K) / (2 * mu * K)).mean())

    return float(quad(lambda q: logarithm(chi2.ppf(q, K)), 0, 1, limit=200)[0])
