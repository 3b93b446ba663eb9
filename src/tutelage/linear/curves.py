"""Learning curves of linear students, by every method."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_choice, check_count, refuse
from tutelage.linear.contour import contour_law
from tutelage.linear.equivalents import ridge_law
from tutelage.linear.fast_slow import check_convention, combined, convention_of, fractions, penalties
from tutelage.linear.filters import FILTERS, Descent, Filter, way_of
from tutelage.linear.finite import given_fields, mean_over_draws
from tutelage.linear.record import check_problem, check_steps, dataset, mean_and_sem
from tutelage.linear.schedule import Scheduled
from tutelage.linear.spectrum import Spectrum

if TYPE_CHECKING:
    import xarray

__all__ = ["LAWS", "learning_curve", "limit_law"]

LAWS = ("flow", "descent", "ridge", "fast_slow")  # in the limit of large n and d
METHODS = ("finite", *LAWS)
EIGENVALUES, LEAST_DRAWS = 20_000, 20  # of all draws together; draws of large problems


def learning_curve(
    spectrum: Spectrum,
    t: ArrayLike,
    method: str = "flow",
    lr: float = 1.0,
    ridge: float = 0.0,
    convention: str | None = None,
    *,
    test_noise: bool = False,
    dynamics: str = "descent",
    penalty: Callable[[float], float] | None = None,
    draws: int | None = None,
    seed: int = 0,
    z: ArrayLike | None = None,
    nodes: int | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Return R, Q and the generalisation error of a linear student in time.

    The student minimises :math:`\frac12 |X w - y|^2 + \frac\lambda2 |w|^2` from w = 0, and

    .. math:: R = \frac1d W^\top F \hat w, \qquad Q = \frac1d |F \hat w|^2, \qquad
              \epsilon_g = \tfrac12 \langle (y^* - \hat y)^2 \rangle = \tfrac12 (\mathrm{signal} - 2 R + Q) ,

    F the map from z to x and the signal 1 for the default teacher.

    Parameters
    ----------
    spectrum : Spectrum
        The problem, of :func:`two_scale`, :func:`power_law`, or your own.
    t : array, shape (times,)
        Steps >= 0 of size `lr`, in any order. Descent between whole steps is the power :math:`(1 - \eta h)^t` with an
        lr up to 1/(largest eigenvalue + ridge); with a larger one, and in the first step, the straight line from one
        step to the next.
    method : str
        - "flow": gradient flow for the time lr t, exact in the limit of large n and d, for any spectrum;
        - "descent": gradient descent, in the same limit;
        - "ridge": ridge regression with the penalty ridge + 1/(lr t), in the same limit: early stopping as a penalty;
        - "fast_slow": the published approximation to "ridge", for two scales;
        - "finite": exact gradient descent for this n and d, averaged over teachers and noise, and over `draws` of the
          samples, with standard errors ``R_sem``, ``Q_sem``, ``eg_sem``.
    lr : float
        Step size :math:`\eta` on the loss summed over samples. Descent needs less than 2/(largest eigenvalue + ridge),
        and takes ``1/spectrum.top`` well.
    ridge : float
        Penalty :math:`\lambda`.
    convention : {"corrected", "published", "released"}, optional
        Of "fast_slow" alone. Default "corrected": the slow features learn from the n - p samples that the fast ones
        leave. "published": from n, as in the paper; "released": with half the scales too, the curves that it prints.
    test_noise : bool
        Whether eg has the noise of test labels, :math:`\sigma^2/2`.
    dynamics : {"descent", "flow", "ridge"}
        Of "finite" alone: how the student is trained.
    penalty : function of the step, optional
        A penalty on outputs that is taken away during training (:func:`fading`), of "flow", "descent" and "finite".
    draws, seed : int
        Of "finite": how many sets of samples, and which. Default: 20,000/d, and at least 20.
    z : array, shape (n, d), optional
        Of "finite": the samples, of variance 1/d, instead of draws.
    nodes : int, optional
        Of the contour of "flow" and "descent"; the default is for 13 digits.
    progress : bool
        Whether to show a bar where it takes more than two seconds.

    Returns
    -------
    xarray.Dataset
        ``R``, ``Q``, ``eg`` over ``t``, with the problem as attributes.

    Raises
    ------
    ArgumentError
        A method, convention or dynamics that is not known, or an argument of another method; times that are negative,
        NaN or infinite; steps that diverge; "fast_slow" of more than two scales.

    Notes
    -----
    Convention: the loss is a sum over samples, not a mean; divide lr and ridge of a mean by n. eg has the factor 1/2.
    References: Pezeshki, Mitra, Bengio & Lajoie, ICML 2022; exact curves of gradient flow: Bodin & Macris,
    arXiv:2212.06757.

    Examples
    --------
    >>> from tutelage.linear import learning_curve, two_scale
    >>> problem = two_scale(n=150, d=100, p=60, kappa=50, noise=0.3)
    >>> curve = learning_curve(problem, [10, 100, 1e4], "flow", lr=1 / problem.top)
    >>> curve.eg.values.round(4)
    array([0.3115, 0.3572, 0.1329])
    >>> learning_curve(problem, [10, 100, 1e4], "fast_slow", lr=1 / problem.top).eg.values.round(4)
    array([0.2936, 0.3376, 0.1571])
    """
    lr, ridge = check_problem(spectrum, lr, ridge)
    times = check_steps("t", t)
    check_choice("method", method, METHODS)
    check_choice("dynamics", dynamics, FILTERS)
    kind = convention_of(method, convention)
    if method != "finite":
        for name, given in {"dynamics": dynamics != "descent", "draws": draws is not None, "z": z is not None}.items():
            if given:
                raise refuse(name, 'be left out for other methods than "finite"', f"is given for {method!r}")
    if method == "finite":
        way = _way(spectrum, times, dynamics, lr, ridge, penalty)
        found, more = _finite(spectrum, times, way, draws, seed, z, progress)
        more |= {"dynamics": dynamics}
    else:
        count = None if nodes is None else check_count("nodes", nodes, minimum=2)
        R, error = limit_law(spectrum, times, method, lr, ridge, kind, count, penalty)
        found, more = (
            {"R": R, "Q": error - spectrum.signal + 2 * R, "eg": error / 2},
            {"convention": kind, "nodes": count},
        )
    arguments = {"method": method, "lr": lr, "ridge": ridge, "test_noise": bool(test_noise), **more}
    return dataset(spectrum, times, found, "learning curve", arguments, penalty=penalty, z=z)


def limit_law(
    spectrum: Spectrum,
    t: np.ndarray,
    method: str,
    lr: float,
    ridge: float,
    convention: str | None = None,
    nodes: int | None = None,
    penalty: Callable[[float], float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return R and :math:`2 \epsilon_g`, each (times,), of one of the `LAWS`; arguments are checked."""
    if method in ("flow", "descent"):
        return contour_law(spectrum, t, _way(spectrum, t, method, lr, ridge, penalty), nodes)
    _refuse_penalty(penalty, method)
    if method == "ridge":
        return ridge_law(spectrum, penalties(t, lr, ridge))
    parts, error = combined(spectrum, fractions(spectrum, penalties(t, lr, ridge), check_convention(convention)))
    return parts.sum(1), error


def _way(spectrum: Spectrum, t: np.ndarray, name: str, lr: float, ridge: float, penalty: Any) -> Filter:
    """Return the filter of a way to train, if it converges on this problem."""
    if penalty is None:
        way = way_of(name, spectrum.top, lr, ridge)
        if isinstance(way, Descent):
            way.check(spectrum.top)
        return way
    if name == "ridge":
        _refuse_penalty(penalty, name)
    if name == "descent" and (t % 1).any():
        raise refuse("t", "be whole steps, with a penalty", f"has {t[t % 1 > 0][0]:g}")
    scheduled = Scheduled(lr, ridge, penalty, whole=name == "descent")
    scheduled.check(spectrum.top, float(t.max()))
    return scheduled


def _refuse_penalty(penalty: Any, name: str) -> None:
    if penalty is not None:
        raise refuse("penalty", f"be None for {name!r}: it acts during training", "is given")


def _finite(
    spectrum: Spectrum, t: np.ndarray, way: Filter, draws: int | None, seed: int, z: Any, progress: bool
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the variables of "finite", and what to say of how they were found."""
    if z is not None:
        R, Q = given_fields(spectrum, check_array("z", z, (spectrum.n, spectrum.d)), t, way)
        return {"R": R, "Q": Q, "eg": (spectrum.signal - 2 * R + Q) / 2}, {}
    draws = max(LEAST_DRAWS, EIGENVALUES // spectrum.d) if draws is None else check_count("draws", draws)
    seed = check_count("seed", seed, minimum=0)
    R, Q = mean_over_draws(spectrum, t, way, draws, seed, progress)
    each = {"R": R, "Q": Q, "eg": (spectrum.signal - 2 * R + Q) / 2}
    found = {}
    for name, values in each.items():
        found[name], sem = mean_and_sem(values)
        found |= {f"{name}_sem": sem} if draws > 1 else {}
    return found, {"draws": draws, "seed": seed}
