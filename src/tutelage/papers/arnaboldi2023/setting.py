"""What the experiments of this paper share: problems in its scaling, starts, distances between curves, its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.conventions import Arnaboldi2023
from tutelage.online.rule import OnlineSGD
from tutelage.online.simulation import simulate
from tutelage.overlaps import Overlaps

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

__all__ = [
    "Weights",
    "descend",
    "draw_curves",
    "largest_ratio",
    "log_times",
    "means",
    "on_the_teacher",
    "random_weights",
    "start",
]

Weights = tuple[np.ndarray, np.ndarray]  # of student and teacher
TIME = r"time $t = \eta\,\alpha/K$"


def means(students: int, teachers: int, dim: int, *, lr: float, noise: float = 0.0) -> Arnaboldi2023:
    """Return the problem of this paper's scaling: outputs are means over the units, v = 1/K and v_star = 1/M."""
    return Arnaboldi2023(a=np.ones(students), a_star=np.ones(teachers), d=dim, gamma=lr, Delta=noise**2)


def random_weights(students: int, teachers: int, dim: int, seed: int) -> Weights:
    """Return students of N(0, 1) weights and orthonormal teachers (T = 1) in `dim` dimensions."""
    W = np.random.default_rng(seed).standard_normal((students, dim))
    return W, np.sqrt(dim) * np.eye(teachers, dim)


def on_the_teacher(students: int, teachers: int, dim: int, seed: int) -> Weights:
    """Return students of length one in the span of an orthonormal teacher: the same overlaps in every dimension."""
    R = np.random.default_rng(seed).standard_normal((students, teachers))
    W_star = np.sqrt(dim) * np.eye(teachers, dim)
    return R / np.linalg.norm(R, axis=1)[:, None] @ W_star, W_star


def start(problem: Arnaboldi2023, weights: Weights) -> Overlaps:
    """Return the overlaps of weights, with the readouts of a problem."""
    return Overlaps.from_weights(*weights, **problem.to_ours().readouts)


def log_times(problem: Arnaboldi2023, first: float, last: float, points: int) -> np.ndarray:
    """Return alpha at the start and at `points` times t, evenly spaced in log t."""
    return np.r_[0, problem.alpha(np.geomspace(first, last, points))]


def descend(
    activation: str, problem: Arnaboldi2023, weights: Weights, alpha: np.ndarray, *, replicas: int, seed: int
) -> xarray.Dataset:
    """Return runs of SGD from given weights: they fit in any dimension, where random ones need N >= K + M."""
    rule = OnlineSGD(activation, **problem.to_ours().rule)
    how: Any = {"dim": problem.d, "replicas": replicas, "seed": seed}
    return simulate(rule, start(problem, weights), alpha, weights=weights, **how)


def largest_ratio(
    ode: xarray.Dataset, sim: xarray.Dataset, problem: Arnaboldi2023, first: float = 0.0, last: float = np.inf
) -> float:
    """Return by which factor the mean error of SGD is off theory, at most, between two times t of the problem."""
    time = problem.time(ode["alpha"].values)
    within = np.flatnonzero((time >= first) & (time <= last))
    ratio = np.log(sim["eg"].mean("replica") / ode["eg"]).isel(alpha=within)
    return float(np.exp(np.abs(ratio).max()))


def draw_curves(
    ax: Axes,
    theory: Mapping[str, xarray.Dataset],
    simulation: Mapping[str, xarray.Dataset],
    problems: Mapping[str, Arnaboldi2023],
    title: str,
) -> None:
    """Draw learning curves against the time t of the paper, in which different problems compare."""
    from tutelage.plot import learning_curve

    def timed(curves: Mapping[str, xarray.Dataset]) -> dict[str, xarray.Dataset]:
        return {k: ds.assign_coords(alpha=problems[k].time(ds["alpha"].values)) for k, ds in curves.items()}

    learning_curve(timed(theory), timed(simulation), ax=ax, title=title)
    ax.set(xlabel=TIME)
