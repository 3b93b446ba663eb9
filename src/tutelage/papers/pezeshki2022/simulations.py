"""Figures with simulations: descent and ridge regression, the fading penalty, many seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.linear import fading, learning_curve, simulate, two_scale
from tutelage.papers import Reproduction
from tutelage.papers.common import panels
from tutelage.papers.pezeshki2022.curves import extremes, stacked

if TYPE_CHECKING:
    import xarray

__all__ = ["fading_penalty", "many_seeds", "theory_and_simulation"]

ROUNDING = 1e-12  # of errors that have decayed


def theory_and_simulation(
    n: int = 150,
    d: int = 100,
    p: int = 60,
    kappas: Sequence[float] = (1.0, 50.0, 1e5),
    seeds: int = 100,
    *,
    steps: int = 3000,
    points: int = 200,
    seed: int = 1,
) -> Reproduction:
    """Gradient descent against the finite-size law, and ridge regression against the closed forms.

    Finding: descent, step by step, agrees with the law of its samples, averaged over teachers. Ridge regression agrees
    with its exact law at large n and d within the scatter; the closed form as published, with the scales as given, is
    up to 0.05 too low in the slow phase, and the one with the n - p samples that are left agrees.

    Parameters
    ----------
    n, d, p : int
    kappas : sequence of float
    seeds : int
        Sets of samples, with four teachers each.
    steps : int
        Of descent; ridge regression goes to 1e6.
    points : int
        Times of the laws.
    seed : int

    Notes
    -----
    The paper draws its ridge regression with twice the penalty, and the formula with twice the penalty on fast and four
    times that on slow features, which hides most of the gap: .011 is left of .049 at kappa = 50.
    """
    from tutelage.plot import linear_curve

    descent, ridge, runs, ridge_runs, summary = {}, {}, {}, {}, {}
    times = np.unique(np.rint(np.geomspace(1, steps, 25)))
    late = np.geomspace(1, 1e6, 25)
    for kappa in kappas:
        problem = two_scale(n=n, d=d, p=p, kappa=kappa)
        lr = 0.8 / problem.top  # a draw may have a larger eigenvalue
        found = simulate(problem, times, lr=lr, replicas=seeds, teachers=4, seed=seed)
        law = learning_curve(problem, times, "finite", lr=lr, draws=seeds, seed=seed)
        runs[kappa], descent[kappa] = found, law
        summary[f"kappa = {kappa:g}: descent off its law, in standard errors"] = _sigmas(found, law)
        t = np.geomspace(1, 1e6, points)
        laws = {
            "exact": learning_curve(problem, t, "ridge", lr=lr),
            "published": learning_curve(problem, t, "fast_slow", lr=lr, convention="published"),
            "corrected": learning_curve(problem, t, "fast_slow", lr=lr),
        }
        ridge[kappa] = stacked(laws, "law")
        for name in ("published", "corrected"):
            summary[f"kappa = {kappa:g}: {name} off the exact law"] = _gap(laws[name], laws["exact"])
        ridge_runs[kappa] = simulate(problem, late, "ridge", lr=lr, replicas=seeds, teachers=4, seed=seed)
        exact = learning_curve(problem, late, "ridge", lr=lr)
        summary[f"kappa = {kappa:g}: ridge regression off the exact law"] = _gap(exact, ridge_runs[kappa], "eg_mean")
    with panels(2) as (figure, axes):
        names = {kappa: rf"$\kappa = {kappa:g}$" for kappa in kappas}
        linear_curve(_named(names, descent), _named(names, runs), ax=axes[0], title="gradient descent")
        exact_laws = {kappa: ridge[kappa].sel(law="exact") for kappa in kappas}
        linear_curve(_named(names, exact_laws), _named(names, ridge_runs), ax=axes[1], title="ridge regression")
        for k, kappa in enumerate(kappas):
            label = "closed form, as published" if k == 0 else None
            axes[1].plot(t, ridge[kappa].sel(law="published").eg, ":", color=f"C{k}", label=label)
        axes[1].set_ylim(top=0.6)
        axes[1].legend(loc="upper right", ncols=2)
        axes[1].set_xlabel(r"$1/(\eta \lambda)$")
    data = {"descent": descent, "ridge": ridge, "descent-runs": runs, "ridge-runs": ridge_runs}
    return Reproduction({key: stacked(each, "kappa") for key, each in data.items()}, figure, summary)


def fading_penalty(
    n: int = 120,
    d: int = 100,
    p: int = 70,
    kappa: float = 30.0,
    seeds: int = 100,
    *,
    first: float = 0.6,
    rate: float = 1e-3,
    steps: int = 3000,
    points: int = 200,
    seed: int = 1,
) -> Reproduction:
    r"""Training with a penalty on outputs that fades: the gradient :math:`(1 + \alpha_i) X^\top X w - X^\top y`.

    Finding: the penalty :math:`\alpha_i = 0.6 \log_2(1 + e^{-0.001 i})` lowers the peak from 0.342 to 0.273, while the
    second descent is where it was. Descent of a hundred seeds agrees with the exact law.

    Parameters
    ----------
    n, d, p : int
    kappa : float
    seeds : int
        Sets of samples, with four teachers each.
    first, rate : float
        Of :func:`tutelage.linear.fading`.
    steps : int
        Of descent; the law goes to 1e5.
    points : int
        Times of the law.
    seed : int
    """
    from tutelage.plot import linear_curve

    problem = two_scale(n=n, d=d, p=p, kappa=kappa)
    lr, t = 1 / problem.top, np.geomspace(1, 1e5, points)
    times = np.unique(np.rint(np.geomspace(1, steps, 25)))
    laws: dict[str, xarray.Dataset] = {}
    runs: dict[str, xarray.Dataset] = {}
    summary: dict[str, float] = {}
    for name, penalty in (("without", None), ("with", fading(first, rate))):
        laws[name] = learning_curve(problem, t, "flow", lr=lr, penalty=penalty)
        runs[name] = simulate(problem, times, lr=lr, penalty=penalty, replicas=seeds, teachers=4, seed=seed)
        (low_t, low), (high_t, high) = extremes(t, laws[name].eg.values)
        summary |= {f"{name}: minimum": low, f"{name}: its step": low_t}
        summary |= {f"{name}: peak": high, f"{name}: step of the peak": high_t}
        summary[f"{name}: at the end"] = float(laws[name].eg[-1])
        summary[f"{name}: largest error of descent after step 50"] = float(runs[name].eg_mean[times > 50].max())
    with panels(1) as (figure, (ax,)):
        titles = {name: f"{name} penalty" for name in laws}
        linear_curve(_named(titles, laws), _named(titles, runs), ax=ax)
    return Reproduction({"laws": stacked(laws, "penalty"), "runs": stacked(runs, "penalty")}, figure, summary)


def many_seeds(
    n: int = 150,
    d: int = 100,
    p: int = 70,
    kappas: Sequence[float] = (1.0, 100.0, 1e4),
    seeds: int = 1000,
    *,
    points: int = 60,
    seed: int = 1,
) -> Reproduction:
    """Ridge regression averaged over many sets of samples, against its exact law and the closed form.

    Finding: the mean agrees with the exact law within a finite-size effect of a few thousandths, while the closed form,
    with the scales as given, is off by several hundredths between the two descents.

    Parameters
    ----------
    n, d, p : int
    kappas : sequence of float
    seeds : int
        Sets of samples, averaged over teachers exactly.
    points : int
        Times.
    seed : int
    """
    from tutelage.plot import linear_curve

    t = np.geomspace(1, 1e6, points)
    exact, draws, published, summary = {}, {}, {}, {}
    for kappa in kappas:
        problem = two_scale(n=n, d=d, p=p, kappa=kappa)
        how: dict[str, Any] = {"lr": 1 / problem.top}
        exact[kappa] = learning_curve(problem, t, "ridge", **how)
        published[kappa] = learning_curve(problem, t, "fast_slow", convention="published", **how)
        draws[kappa] = learning_curve(problem, t, "finite", dynamics="ridge", draws=seeds, seed=seed, **how)
        summary[f"kappa = {kappa:g}: seeds off the exact law"] = _gap(draws[kappa], exact[kappa])
        summary[f"kappa = {kappa:g}: seeds off the closed form"] = _gap(draws[kappa], published[kappa])
    with panels(1) as (figure, (ax,)):
        names = {kappa: rf"$\kappa = {kappa:g}$" for kappa in kappas}
        linear_curve(_named(names, exact), _named(names, draws), ax=ax)
        for k, kappa in enumerate(kappas):
            label = "closed form, as published" if k == 0 else None
            ax.plot(t, published[kappa].eg, ":", color=f"C{k}", label=label)
        ax.set_xlabel(r"$1/(\eta \lambda)$")
        ax.legend()
    data = {"exact": exact, "seeds": draws, "published": published}
    return Reproduction({key: stacked(each, "kappa") for key, each in data.items()}, figure, summary)


def _named(names: dict[Any, str], curves: dict[Any, Any]) -> dict[str, Any]:
    return {names[key]: ds for key, ds in curves.items()}


def _gap(one: Any, other: Any, name: str = "eg") -> float:
    """Return the largest difference of errors."""
    return float(np.abs(one.eg.values - other[name].values).max())


def _sigmas(runs: Any, law: Any) -> float:
    """Return the largest distance of runs from the law of their samples, in standard errors, rounding aside."""
    return float((abs(runs.eg_mean - law.eg) / (runs.eg_sem + ROUNDING)).max())
