"""Phase retrieval: how long SGD on the sphere takes to leave a start that knows nothing (arXiv:2305.18502)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tutelage.online.ode import solve
from tutelage.online.rule import OnlineSGD
from tutelage.online.simulation import simulate
from tutelage.overlaps import Overlaps
from tutelage.papers import Reproduction
from tutelage.papers.arnaboldi2023.setting import means, random_weights, start
from tutelage.papers.goldt2019.setting import legend, page, series, table
from tutelage.regimes.phase_retrieval import exit_time as closed_form
from tutelage.regimes.phase_retrieval import exit_times, optimal_lr, width_gain

__all__ = ["escape", "exit_time"]

PLENTY = 8  # times the mean exit time: how long runs are given to leave
SHOWN = 12  # runs in the picture
AVERAGES = ("quenched", "annealed")


def exit_time(
    students: Sequence[int] = (1, 2, 4, 8),
    dims: Sequence[int] = (1000, 3000),
    *,
    noise: float = 0.01,
    fraction: float = 0.01,
    starts: int = 50,
    seed: int = 0,
) -> Reproduction:
    r"""Exit times against the number of units, each number at its best learning rate (arXiv:2305.18502).

    Finding: wider students leave sooner, by a factor that stays bounded as K and N grow, while the time grows with
    log N; over random starts, the equations take the time of the closed form on average.

    Parameters
    ----------
    students, dims : sequence of int
        K and N.
    noise : float
        Standard deviation of the label noise.
    fraction : float
        By how much of itself the error has fallen at the exit.
    starts : int
        Random starts on the sphere for each K and N, from each of which the equations and one run of SGD leave.
    seed : int
        Of starts and of SGD.

    Notes
    -----
    v = 1/K, v_star = 1, square units, one teacher unit; times are alpha = steps/N. The closed form is linear about no
    overlap at all and holds where N times `fraction` is large (at N = 300 it is off). It is of the equations,
    not of SGD: the noise of its own steps shortens the exits of starts that are close to no overlap, and SGD leaves up
    to 30 % sooner on average with two or four units; from four to eight it gains little at N = 3000, nothing at 1000.
    """
    names = (*AVERAGES, "ode", "sgd", "ode_sem", "sgd_sem")
    found = {name: np.empty((len(dims), len(students))) for name in names}
    for at in np.ndindex(len(dims), len(students)):
        N, K = dims[at[0]], students[at[1]]
        lr = optimal_lr(K, noise)
        for average in AVERAGES:
            found[average][at] = closed_form(lr, N, K, noise, fraction, average)
        ode, sgd = _exits(K, N, lr, noise, fraction, float(found["quenched"][at]), starts, seed)
        for name, times in (("ode", ode), ("sgd", sgd)):
            found[name][at] = times.mean()
            found[f"{name}_sem"][at] = times.std(ddof=1) / starts**0.5
    parameters = {"noise": noise, "fraction": fraction, "starts": starts, "seed": seed}
    times = table({"dim": dims, "students": students}, found, parameters)
    times.attrs["scalings"] = "times are alpha = steps/N"
    off = float((np.abs(times["ode"] - times["quenched"]) / times["ode_sem"]).max())
    summary = {"largest distance of the ODE from the closed form, in standard errors": off}
    for N in dims:
        for name in ("quenched", "ode", "sgd"):
            ends = times[name].sel(dim=N)
            summary[f"N = {N}: {name}, exit time of K = {students[0]} over that of {students[-1]}"] = float(
                ends[0] / ends[-1]
            )
    summary["gain in growth rate for K to infinity"] = width_gain(noise=noise)
    with page() as (figure, (ax,)):
        for i, N in enumerate(dims):
            here, colour = times.sel(dim=N), f"C{i}"
            line, runs = (students, here["quenched"].values), (here["sgd"].values, here["sgd_sem"].values)
            series(ax, students, theory=line, ode=here["ode"].values, sgd=runs, label=f"$N = {N}$", colour=colour)
        ax.set(xlabel="students $K$", ylabel=r"exit time $\alpha$", xscale="log", yscale="log")
        ax.set_xticks(students, [str(K) for K in students])
        ax.minorticks_off()
        ax.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        ax.set_title(r"square units on the sphere, best $\eta$ for each $K$")
        legend(ax, "theory", "ODE", "SGD")
    return Reproduction({"times": times}, figure, summary)


def escape(
    students: int = 1,
    *,
    dim: int = 3000,
    lr: float = 0.1,
    noise: float = 0.01,
    alpha_max: float = 60.0,
    replicas: int = 64,
    points: int = 240,
    seed: int = 9,
) -> Reproduction:
    r"""Learning curves of SGD, of its diffusion and of the equations from one start (arXiv:2305.18502).

    Finding: the equations leave the start at one time, single runs at times that scatter by a good part of their mean,
    and the SDE scatters as SGD does.

    Parameters
    ----------
    students : int
        K.
    dim : int
        N.
    lr, noise : float
        Learning rate, and standard deviation of the label noise.
    alpha_max : float
        Length of the runs.
    replicas : int
        Runs of SGD, and of the SDE.
    points : int
        Times, evenly spaced.
    seed : int
        Of the start and of the runs.

    Notes
    -----
    v = 1/K, v_star = 1, square units, one teacher unit, weights on the sphere. Exit is a fall of the error by a
    hundredth; the summary has the mean over the runs and their standard deviation.
    """
    rule, state = _rule(students, dim, lr, noise), _on_the_sphere(students, dim, seed)
    alpha = np.linspace(0, alpha_max, points + 1)
    how: Any = {"dim": dim, "replicas": replicas, "seed": seed}
    ode = solve(rule, state, alpha)
    sim = {"SGD": simulate(rule, state, alpha, **how), "SDE": simulate(rule, state, alpha, engine="sde", **how)}
    summary = {"exit time, ODE": float(exit_times(ode)[0])}
    for name, ds in sim.items():
        times = exit_times(ds)
        summary[f"exit time, {name}: mean"] = float(np.nanmean(times))
        summary[f"exit time, {name}: standard deviation"] = float(np.nanstd(times, ddof=1))
        summary[f"{name}: share of runs that left"] = float(np.isfinite(times).mean())
    with page() as (figure, (ax,)):
        for i, (name, ds) in enumerate(sim.items()):
            lines = ax.plot(alpha, ds["eg"][:SHOWN].T, color=f"C{i}", lw=0.5)
            lines[0].set_label(name)
        ax.plot(alpha, ode["eg"], color="0.1", lw=1.5, label="ODE")
        ax.set(xlabel=r"$\alpha = \mathrm{steps}/N$", ylabel=r"generalisation error $\epsilon_g$", ylim=(0, None))
        ax.set_title(rf"phase retrieval, $K = {students}$, $N = {dim}$, $\eta = {lr:g}$")
        ax.legend()
    return Reproduction({"ode": ode} | {name.lower(): ds for name, ds in sim.items()}, figure, summary)


def _exits(
    students: int, dim: int, lr: float, noise: float, fraction: float, expected: float, starts: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the exit times of the equations and of SGD from random starts."""
    rule, alpha = _rule(students, dim, lr, noise), np.linspace(0, PLENTY * expected, 400)
    ode, sgd = [], []
    for number in range(seed, seed + starts):
        state = _on_the_sphere(students, dim, number)
        ode.append(exit_times(solve(rule, state, alpha), fraction)[0])
        sgd.append(exit_times(simulate(rule, state, alpha, dim=dim, replicas=1, seed=number), fraction)[0])
    return np.array(ode), np.array(sgd)


def _rule(students: int, dim: int, lr: float, noise: float) -> OnlineSGD:
    """Return SGD on the sphere for phase retrieval."""
    problem = means(students, 1, dim, lr=lr, noise=noise)
    return OnlineSGD("square", constraint="sphere", **problem.to_ours().rule)


def _on_the_sphere(students: int, dim: int, seed: int) -> Overlaps:
    """Return a random start on the sphere."""
    return start(means(students, 1, dim, lr=0.0), random_weights(students, 1, dim, seed)).normalised()
