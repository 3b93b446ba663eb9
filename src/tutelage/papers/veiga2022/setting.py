"""What the experiments of this paper share: problems, starts, datasets in the paper's time, pictures of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.conventions import Veiga2022
from tutelage.online.ode import solve
from tutelage.online.rule import OnlineSGD
from tutelage.online.simulation import simulate
from tutelage.overlaps import Overlaps

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

__all__ = [
    "RISK",
    "TIMES",
    "draw",
    "gaussian_start",
    "in_time",
    "late",
    "limit",
    "power",
    "problem",
    "rule_of",
    "sgd",
    "span_start",
]

RISK = r"risk $\epsilon_g$"
FAR = 1e8  # lr/K at which the drift of the noisy limit is gone: it is 1/FAR of the noise
TIMES = 80  # of a curve, evenly spaced in log t


def problem(p: int, k: int, d: float, theta: float, *, Delta: float, kappa: float = 0.0, g: float = 1.0) -> Veiga2022:
    """Return p units that learn at gamma = g p d^-theta, so that gamma/p is `g` times d^-theta whatever p is.

    theta is kappa + delta; p, a whole number, is d^kappa but for a factor near one.
    """
    gamma = g * p * float(d) ** -theta
    return Veiga2022(p=p, k=k, d=int(d), gamma=gamma, Delta=Delta, kappa=kappa, delta=theta - kappa)


def rule_of(setup: Veiga2022, **more: Any) -> OnlineSGD:
    """Return the rule of a problem, with erf units."""
    return OnlineSGD("erf", **setup.to_ours().rule, **more)


def span_start(p: int, k: int, seed: int) -> Overlaps:
    """Return student weights within the span of orthonormal teachers, W = A W*, rows of A random and of length one."""
    A = np.random.default_rng(seed).standard_normal((p, k))
    A /= np.linalg.norm(A, axis=1, keepdims=True)
    return Overlaps(A @ A.T, A, np.eye(k), np.full(p, 1 / p), np.full(k, 1 / k))


def gaussian_start(p: int, k: int, d: float, seed: int) -> Overlaps:
    """Return student weights N(0, 1) in d dimensions, and orthonormal teachers.

    The overlaps are drawn from the law that those of the weights have (Bartlett), so that d may be as large as one
    likes: R is independent normal, N(0, 1/d), and Q - R R' is Wishart with d - k degrees of freedom.
    """
    rng = np.random.default_rng((seed, int(d)))
    R = rng.standard_normal((p, k)) / np.sqrt(d)
    factor = np.tril(rng.standard_normal((p, p)), -1) + np.diag(np.sqrt(rng.chisquare(d - k - np.arange(p))))
    return Overlaps(R @ R.T + factor @ factor.T / d, R, np.eye(k), np.full(p, 1 / p), np.full(k, 1 / k))


def in_time(ds: xarray.Dataset, scale: float) -> xarray.Dataset:
    """Return a dataset that has the paper's time, `scale` times alpha, as the coordinate ``t``."""
    return ds.assign_coords(t=("alpha", scale * ds["alpha"].values, {"long_name": "time of Veiga et al. 2022"}))


def sgd(setup: Veiga2022, state: Overlaps, t: np.ndarray, **how: Any) -> xarray.Dataset:
    """Return SGD at the paper's times t, rounded to whole steps; `how` goes to :func:`tutelage.simulate`."""
    scale = setup.scales.time
    steps = np.unique(np.round(np.asarray(t) / scale * setup.d))
    return in_time(simulate(rule_of(setup), state, steps / setup.d, dim=setup.d, **how), scale)


def limit(region: str, p: int, state: Overlaps, t: np.ndarray, *, Delta: float, **how: Any) -> xarray.Dataset:
    """Return the equations that are left of SGD with gamma_0 = p_0 as d goes to infinity, at the paper's times t.

    "perfect learning": the gradient flow alone; "plateau": all terms; "bad learning": those of order gamma^2 alone.
    """
    g = FAR if region == "bad learning" else 1.0
    terms = "flow" if region == "perfect learning" else "full"
    rule = OnlineSGD("erf", lr=g * p, noise=Delta**0.5, terms=terms)
    return in_time(solve(rule, state, np.asarray(t) / g**2, **how), g**2)


def late(ds: xarray.Dataset, begin: float = 0.5) -> tuple[float, float]:
    """Return the error averaged over times after `begin` of the run and over replicas, and its standard error."""
    means = ds["eg"][:, (ds["t"] >= begin * ds["t"][-1]).values].mean("alpha").values
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else np.nan


def power(x: Any, y: Any) -> float:
    """Return the exponent of a power law fitted to y(x)."""
    return float(np.polyfit(np.log(np.asarray(x, float)), np.log(np.asarray(y, float)), 1)[0])


def draw(
    ax: Axes,
    theory: Mapping[str, xarray.Dataset],
    simulation: Mapping[str, xarray.Dataset] | None = None,
    *,
    title: str,
    time: str,
) -> None:
    """Draw risks against the paper's time: equations as lines, SGD as markers."""
    from tutelage.plot import learning_curve

    lines, marks = (
        {label: ds.assign_coords(alpha=ds["t"].values) for label, ds in curves.items()}
        for curves in (theory, simulation or {})
    )
    learning_curve(lines or None, marks or None, ax=ax, title=title)
    ax.set(xlabel=time, ylabel=RISK)
