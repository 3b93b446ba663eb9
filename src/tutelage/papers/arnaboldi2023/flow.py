"""Gradient flow, where steps are small: units specialise, in any dimension alike, down to a plateau of label noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tutelage.online.ode import solve
from tutelage.online.rule import OnlineSGD
from tutelage.papers import Reproduction
from tutelage.papers.arnaboldi2023.setting import (
    descend,
    draw_curves,
    largest_ratio,
    log_times,
    means,
    on_the_teacher,
    random_weights,
    start,
)
from tutelage.papers.goldt2019.setting import page, table
from tutelage.regimes.cosines import cosines
from tutelage.regimes.prediction import predict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["dimension_independence", "label_noise", "specialisation"]


def specialisation(
    students: int = 10,
    dim: int = 3,
    *,
    lr: float = 0.05,
    time: float = 1e4,
    points: int = 100,
    seed: int = 10,
) -> Reproduction:
    r"""Cosines of all units with both units of the teacher, in time (Fig. 2, left).

    Finding: the units first turn together towards the direction between the teacher's units, where both cosines are
    :math:`1/\sqrt2`, then each to one of them; gradient flow follows SGD all the way, in three dimensions.

    Parameters
    ----------
    students : int
        K; the teacher has two units.
    dim : int
        N.
    lr : float
        Learning rate; there is no label noise.
    time : float
        Length of the run, t = lr alpha/K.
    points : int
        Times, evenly spaced in log t.
    seed : int
        Of the start, weights N(0, 1), and of SGD.

    Notes
    -----
    v = 1/K and v_star = 1/2. The first phase passes, units on their way are not all in the middle at one time: the
    summary gives the median and the lowest of (c_1 + c_2)/sqrt(2), the cosine with the middle, when the median is
    largest, and at the start and at the end.
    """
    problem, weights = means(students, 2, dim, lr=lr), random_weights(students, 2, dim, seed)
    alpha = log_times(problem, 0.1, time, points)
    rule = OnlineSGD("erf", terms="flow", **problem.to_ours().rule)
    ode = solve(rule, start(problem, weights), alpha)
    sgd = descend("erf", problem, weights, alpha, replicas=1, seed=seed)
    along, run = cosines(ode), cosines(sgd)[0]
    middle = along.sum("teacher") / np.sqrt(2)
    together = int(middle.median("student").values.argmax())
    summary = {
        "median cosine with the middle at the start": float(middle[0].median()),
        "largest median cosine with the middle": float(middle[together].median()),
        "lowest cosine with the middle at that time": float(middle[together].min()),
        "time t of that": float(problem.time(ode["alpha"][together])),
        "lowest of the units' largest cosines at the end": float(along[-1].max("teacher").min()),
        "largest distance of a cosine of SGD from gradient flow": float(np.abs(run - along).max()),
    }
    with page(height=3.4) as (figure, (ax,)):
        _draw_directions(ax, along.values, run.values, together, float(problem.time(ode["alpha"][together])))
        ax.set_title(f"$K = {students}$, $M = 2$, $N = {dim}$")
    return Reproduction({"ode": ode, "sgd": sgd}, figure, summary)


def _draw_directions(ax: Axes, ode: np.ndarray, sgd: np.ndarray, together: int, time: float) -> None:
    """Draw the way of every unit through the plane of its cosines, and where they all are at three times."""
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angle), np.sin(angle), color="0.7", lw=0.6)
    ax.plot([0, np.sqrt(0.5)], [0, np.sqrt(0.5)], ":", color="0.5", lw=0.8)
    for k in range(ode.shape[1]):
        ax.plot(*ode[:, k].T, color=f"C{k % 8}", lw=0.8)
        ax.plot(*sgd[::4, k].T, ".", color=f"C{k % 8}", ms=2)
    for at, marker, label in ((0, "x", "start"), (together, "o", f"$t = {time:.2g}$"), (-1, "*", "end")):
        ax.plot(*ode[at].T, marker, color="0.1", mfc="none", ms=7 if marker == "*" else 4, label=label, zorder=3)
    ax.set(xlabel="cosine with teacher unit 1", ylabel="cosine with teacher unit 2", aspect="equal")
    ax.legend(loc="lower left")


def dimension_independence(
    dims: Sequence[int] = (5, 10, 50),
    students: int = 10,
    teachers: int = 5,
    *,
    lr: float = 0.05,
    noise: float = 0.001**0.5,
    time: float = 1e4,
    replicas: int = 2,
    points: int = 60,
    seed: int = 0,
) -> Reproduction:
    r"""Learning curves at several input dimensions from the same overlaps (Fig. 2, right).

    Finding: at small learning rate SGD follows one curve in t, that of gradient flow with label noise, whatever the
    dimension; only its fluctuations are larger in fewer dimensions.

    Parameters
    ----------
    dims : sequence of int
        N >= M, a curve each.
    students, teachers : int
        K and M.
    lr, noise : float
        Learning rate, and standard deviation of the label noise (the paper's Delta is its square).
    time : float
        Length of the runs, t = lr alpha/K; the paper goes ten times as far.
    replicas : int
        Runs of SGD for each dimension.
    points : int
        Times, evenly spaced in log t.
    seed : int
        Of the start, random directions in the teacher's span, and of SGD.

    Notes
    -----
    v = 1/K, v_star = 1/M, eg without label noise. The summary says by which factor SGD is off at most up to t = 100,
    and the spread of single runs about theory after it, as the root of the mean square of their log ratio.
    """
    theory, simulation, problems, summary = {}, {}, {}, {}
    for N in dims:
        problem, weights = means(students, teachers, N, lr=lr, noise=noise), on_the_teacher(students, teachers, N, seed)
        alpha, label = log_times(problem, 0.01, time, points), f"$N = {N}$"
        rule = OnlineSGD("erf", terms="flow+noise", **problem.to_ours().rule)
        theory[label], problems[label] = solve(rule, start(problem, weights), alpha), problem
        simulation[label] = descend("erf", problem, weights, alpha, replicas=replicas, seed=seed + N)
        factor = largest_ratio(theory[label], simulation[label], problem, last=100.0)
        late = np.log(simulation[label]["eg"] / theory[label]["eg"])[:, problem.time(alpha) > 100]
        summary[f"N = {N}: largest factor between SGD and theory up to t = 100"] = factor
        summary[f"N = {N}: spread of the logarithm of eg after t = 100"] = float(np.sqrt((late**2).mean()))
    label = f"$N = {dims[0]}$"
    datasets = {"ode": theory[label]} | {f"sgd-N{N}": simulation[f"$N = {N}$"] for N in dims}
    with page() as (figure, (ax,)):
        title = rf"$K = {students}$, $M = {teachers}$, $\eta = {lr:g}$"
        draw_curves(ax, {"theory": theory[label]}, simulation, problems | {"theory": problems[label]}, title)
    return Reproduction(datasets, figure, summary)


def label_noise(
    variances: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    students: int = 8,
    teachers: int = 4,
    *,
    dim: int = 10,
    lr: float = 0.05,
    time: float = 1e4,
    replicas: int = 2,
    points: int = 60,
    seed: int = 1,
) -> Reproduction:
    r"""Learning curves with label noise of several strengths (Fig. 4).

    Finding: SGD ends on a plateau in proportion to the variance of the noise; gradient flow has none, and gradient flow
    with the noise's term of order lr^2 has the one that SGD has.

    Parameters
    ----------
    variances : sequence of float
        Of the label noise, the paper's Delta.
    students, teachers : int
        K and M.
    dim : int
        N.
    lr : float
        Learning rate.
    time : float
        Length of the runs, t = lr alpha/K; the paper goes ten times as far, to where the weakest noise is seen.
    replicas : int
        Runs of SGD for each variance.
    points : int
        Times, evenly spaced in log t.
    seed : int
        Of the start, weights N(0, 1), and of SGD.

    Notes
    -----
    v = 1/K, v_star = 1/M, eg without label noise. ``plateau`` is the closed form to first order in lr, eg of theory and
    SGD are means over the last tenth of the time, where weak noise is not yet at its plateau.
    """
    weights = random_weights(students, teachers, dim, seed)
    problems = {f"{D:g}": means(students, teachers, dim, lr=lr, noise=D**0.5) for D in variances}
    first = problems[f"{variances[0]:g}"]
    alpha = np.r_[log_times(first, 0.1, 0.9 * time, points), first.alpha(np.linspace(0.9, 1.0, 21)[1:] * time)]
    ends: dict[str, list[float]] = {"plateau": [], "ode": [], "sgd": []}
    theory, simulation = {}, {}
    for label, problem in problems.items():
        state, rule = start(problem, weights), OnlineSGD("erf", terms="flow+noise", **problem.to_ours().rule)
        theory[label] = solve(rule, state, alpha)
        simulation[label] = descend("erf", problem, weights, alpha, replicas=replicas, seed=seed)
        ends["plateau"].append(predict(rule, state).plateau or np.nan)
        for name, ds in (("ode", theory[label]), ("sgd", simulation[label])):
            ends[name].append(float(ds["eg"].isel(alpha=slice(-21, None)).mean()))
    flow = solve(OnlineSGD("erf", terms="flow", **first.to_ours().rule), start(first, weights), alpha)
    parameters = {"students": students, "teachers": teachers, "dim": dim, "lr": lr, "time": time, "seed": seed}
    errors = table({"variance": variances}, ends, parameters)
    datasets = {"errors": errors, "flow": flow}
    datasets |= {f"ode-{label}": ds for label, ds in theory.items()}
    datasets |= {f"sgd-{label}": ds for label, ds in simulation.items()}
    strong = errors.sel(variance=max(variances))
    summary = {
        "strongest noise: SGD over the closed form of the plateau": float(strong["sgd"] / strong["plateau"]),
        "strongest noise: SGD over gradient flow with noise": float(strong["sgd"] / strong["ode"]),
        "strongest noise: SGD over gradient flow alone, at the end": float(strong["sgd"] / flow["eg"][-1]),
        "largest factor between SGD and gradient flow with noise, at the end": float(
            np.exp(np.abs(np.log(errors["sgd"] / errors["ode"])).max())
        ),
    }
    with page(height=2.8) as (figure, (ax,)):
        title = rf"$K = {students}$, $M = {teachers}$, $N = {dim}$, $\eta = {lr:g}$"
        spaced = slice(0, points + 1)  # without the times of the averages, which would crowd the end
        lines, marks = ({k: ds.isel(alpha=spaced) for k, ds in each.items()} for each in (theory, simulation))
        draw_curves(ax, lines, marks, problems, title)
        ax.plot(first.time(flow["alpha"][1:]), flow["eg"][1:], ":", color="0.3", lw=0.8, label="no noise")
        ax.legend(ncols=2, title=r"noise variance $\sigma^2$", loc="lower left")
    return Reproduction(datasets, figure, summary)
