"""Plateaus of label noise: where they lie, and how they fall with the dimension and with the rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tutelage.errors import refuse
from tutelage.online.ode import solve
from tutelage.papers import Reproduction
from tutelage.papers.goldt2019.setting import page, table
from tutelage.papers.veiga2022.setting import (
    TIMES,
    draw,
    in_time,
    late,
    limit,
    power,
    problem,
    rule_of,
    sgd,
    span_start,
)
from tutelage.regimes import predict

if TYPE_CHECKING:
    import xarray

__all__ = ["dimension_curves", "dimension_plateaus", "label_noise", "learning_rates"]


def label_noise(
    noises: Sequence[float] = (1e-2, 1e-3, 1e-4, 0.0),
    students: int = 8,
    teachers: int = 4,
    *,
    dim: int = 1000,
    t_max: float = 1e5,
    t_sgd: float = 1e3,
    replicas: int = 4,
    seed: int = 0,
) -> Reproduction:
    r"""Learning curves at :math:`\kappa + \delta = 0` for several levels of label noise (Fig. 3).

    Finding: the error ends on a plateau in proportion to the variance of the label noise, as linear response about
    perfect learning says, and falls on without noise as a power of time.

    Parameters
    ----------
    noises : sequence of float
        Variances Delta of the label noise; 0 may be among them.
    students, teachers : int
        p and k.
    dim : int
        d of SGD.
    t_max, t_sgd : float
        Lengths of the solutions and of SGD, steps / d.
    replicas : int
        Runs of SGD for each noise.
    seed : int
        Of the start, W = A W* with rows of A of length one, and of SGD.

    Notes
    -----
    The exponent without noise, fitted to the last half of a decade, is no single number. The paper's curve falls about
    as t^-1.8 up to t = 10^4; from other starts of ours the local exponent is as steep as -2.7 there, and then tends to
    -2: the two units on one teacher unit align with it ever more slowly, their distance being of order t^(-1/2) and
    the error of its fourth power. Where noise is as large as Delta = 0.01, the error goes on falling below linear
    response, from our start by 15 % at t = 10^4: pairs part without end, and their units grow long.
    """
    t, state = np.r_[0, np.geomspace(0.1, t_max, TIMES)], span_start(students, teachers, seed)
    ode, runs, summary = {}, {}, {}
    for i, Delta in enumerate(noises):
        setup, label = problem(students, teachers, dim, 0.0, Delta=Delta), f"$\\Delta = {Delta:g}$"
        ode[label] = limit("plateau", students, state, t, Delta=Delta, atol=1e-14)
        runs[label] = sgd(setup, state, t[t <= t_sgd], replicas=replicas, seed=seed + i)
        end, tail = ode[label]["eg"], t > t_max / 10**0.5
        if Delta:
            summary[f"Delta = {Delta:g}: final error over Delta"] = float(end[-1]) / Delta
            theory = predict(rule_of(setup), state).plateau_all_orders
            summary[f"Delta = {Delta:g}: linear response over Delta"] = (np.nan if theory is None else theory) / Delta
        else:
            summary["no noise: exponent of the error in time"] = power(t[tail], end.values[tail])
    with page() as (figure, (ax,)):
        title = f"$\\kappa + \\delta = 0$, $p = {students}$, $k = {teachers}$; SGD: $d = {dim}$"
        draw(ax, ode, runs, title=title, time=r"$t = \mathrm{steps}/d$")
    datasets = {f"ode Delta={Delta:g}": ds for Delta, ds in zip(noises, ode.values(), strict=True)}
    datasets |= {f"sgd Delta={Delta:g}": ds for Delta, ds in zip(noises, runs.values(), strict=True)}
    return Reproduction(datasets, figure, summary)


def dimension_curves(
    thetas: Sequence[float] = (0.5, 0.25),
    dims: Sequence[int] = (30, 100, 300, 1000),
    students: int = 8,
    teachers: int = 4,
    *,
    Delta: float = 1e-3,
    t_max: float = 1e4,
    steps: float = 1e7,
    replicas: int = 4,
    seed: int = 0,
) -> Reproduction:
    r"""SGD in the region of perfect learning, in several dimensions (Figs. 4a, 5a).

    Finding: in the time of the region SGD follows the gradient flow that its equations tend to, the longer the larger
    the dimension, and then leaves it for a plateau that falls with the dimension.

    Parameters
    ----------
    thetas : sequence of float
        kappa + delta > 0, a panel each.
    dims : sequence of int
        d.
    students, teachers : int
        p and k.
    Delta : float
        Variance of the label noise.
    t_max : float
        Length of the runs in units of d^(1 + theta) steps.
    steps : float
        Steps after which a run of SGD ends before that.
    replicas : int
        Runs of SGD for each dimension.
    seed : int
        Of the start, W = A W* with rows of A of length one, and of SGD.

    Notes
    -----
    The summary has the time at which SGD, averaged over runs, has half as much error again as the flow, where it does.
    """
    t, state = np.r_[0, np.geomspace(0.1, t_max, TIMES)], span_start(students, teachers, seed)
    flow = limit("perfect learning", students, state, t, Delta=Delta)
    datasets, summary = {"flow": flow}, {"flow: final error": float(flow["eg"][-1])}
    with page(len(thetas)) as (figure, axes):
        for ax, theta in zip(axes, thetas, strict=True):
            runs = {}
            for i, d in enumerate(dims):
                setup = problem(students, teachers, d, theta, Delta=Delta)
                some = t[t * d ** (1 + theta) <= steps]
                ds = runs[f"$d = {d}$"] = sgd(setup, state, some, replicas=replicas, seed=seed + i)
                datasets[f"sgd theta={theta:g} d={d}"] = ds
                summary[f"theta = {theta:g}, d = {d}: late error, SGD"] = late(ds)[0]
                if leaves := _leaves(ds, flow):
                    summary[f"theta = {theta:g}, d = {d}: when SGD leaves the flow"] = leaves
            time = rf"$t = \mathrm{{steps}}/d^{{\,{1 + theta:g}}}$"
            draw(ax, {"": flow}, runs, title=f"$\\kappa + \\delta = {theta:g}$; black: $d \\to \\infty$", time=time)
    return Reproduction(datasets, figure, summary)


def _leaves(runs: xarray.Dataset, flow: xarray.Dataset) -> float | None:
    """Return the first time at which runs, on average, have 1.5 times the error of the flow; None if they never do."""
    reference = np.exp(np.interp(runs["t"], flow["t"], np.log(flow["eg"])))
    away = np.flatnonzero(runs["eg"].mean("replica").values > 1.5 * reference)
    return float(runs["t"][away[0]]) if away.size else None


def dimension_plateaus(
    thetas: Sequence[float] = (0.5, 0.25),
    noises: Sequence[float] = (1e-2, 1e-3, 1e-4),
    dims: Sequence[int] = (30, 100, 300, 1000),
    students: int = 8,
    teachers: int = 4,
    *,
    t_max: float = 150.0,
    replicas: int = 8,
    seed: int = 0,
) -> Reproduction:
    r"""Final errors in the region of perfect learning against the dimension (Figs. 4b, 5b).

    Finding: the plateau of label noise falls as :math:`\Delta\, d^{-(\kappa + \delta)}`, so that learning is perfect in
    the limit; linear response about perfect learning gives it without anything fitted.

    Parameters
    ----------
    thetas : sequence of float
        kappa + delta > 0.
    noises : sequence of float
        Variances Delta of the label noise.
    dims : sequence of int
        d.
    students, teachers : int
        p and k, p a multiple of k.
    t_max : float
        Length of the runs in units of d^(1 + theta) steps; their second half is averaged.
    replicas : int
        Runs of SGD for each point.
    seed : int
        Of SGD.

    Notes
    -----
    Runs start from perfect learning, p/k units on each teacher unit, and noise takes them to the plateau: from a random
    start it is reached only after specialisation, at t of some 1,000, and slopes read off earlier are too small.
    To leading order in gamma/p the plateau is :math:`(\gamma/p)\Delta/(2\sqrt3\,\pi)`, whatever p and k are.
    """
    shape = (len(thetas), len(noises), len(dims))
    values, errors, theory = np.empty(shape), np.empty(shape), np.empty(shape)
    for index in np.ndindex(shape):
        theta, Delta, d = thetas[index[0]], noises[index[1]], dims[index[2]]
        setup = problem(students, teachers, d, theta, Delta=Delta)
        found = predict(rule_of(setup), span_start(students, teachers, seed))
        if found.perfect is None or found.plateau_all_orders is None:
            allowed = f"be a multiple of the {teachers} teacher units, at rates below the critical one"
            raise refuse("students", allowed, f"is {students}, at gamma/p = {setup.gamma / students:.3g}")
        runs = sgd(setup, found.perfect, np.linspace(0, t_max, 41), replicas=replicas, seed=seed + sum(index))
        values[index], errors[index] = late(runs)
        theory[index] = found.plateau_all_orders
    axes = {"theta": thetas, "Delta": noises, "dim": dims}
    parameters: dict[str, float | str] = {"students": students, "teachers": teachers, "t_max": t_max, "seed": seed}
    ds = table(axes, {"sgd": values, "sgd_sem": errors, "theory": theory}, parameters)
    with page(len(thetas)) as (figure, panels):
        for ax, theta in zip(panels, thetas, strict=True):
            for i, Delta in enumerate(noises):
                at = ds.sel(theta=theta, Delta=Delta)
                ax.errorbar(dims, at["sgd"], at["sgd_sem"], fmt="o", color=f"C{i}", label=f"$\\Delta = {Delta:g}$")
                ax.plot(dims, at["theory"], color=f"C{i}")
            ax.set(xscale="log", yscale="log", xlabel="$d$", ylabel=r"plateau of $\epsilon_g$")
            ax.set_xticks(dims, [str(d) for d in dims])
            ax.set_xticks([], minor=True)
            ax.set_title(f"$\\kappa + \\delta = {theta:g}$; lines: linear response")
            ax.legend()
    summary = {
        f"theta = {theta:g}, Delta = {Delta:g}: exponent of SGD": power(dims, ds["sgd"].sel(theta=theta, Delta=Delta))
        for theta in thetas
        for Delta in noises
    }
    summary["largest relative distance of SGD from theory"] = float(np.abs(ds["sgd"] / ds["theory"] - 1).max())
    return Reproduction({"plateaus": ds}, figure, summary)


def learning_rates(
    deltas: Sequence[float] = (0.0, 0.25, 0.375, 0.5),
    students: int = 8,
    teachers: int = 4,
    *,
    dim: int = 1000,
    Delta: float = 1e-3,
    alpha_max: float = 3e5,
    alpha_sgd: float = 1e4,
    replicas: int = 4,
    seed: int = 0,
) -> Reproduction:
    r"""One student, one dimension, several rates gamma = p d^-delta (Fig. 6).

    Finding: a smaller rate learns more slowly and ends on a lower plateau: what the regions are at finite d is a trade
    of time for accuracy.

    Parameters
    ----------
    deltas : sequence of float
        delta, at kappa = 0.
    students, teachers : int
        p and k.
    dim : int
        d.
    Delta : float
        Variance of the label noise.
    alpha_max, alpha_sgd : float
        Lengths of the solutions and of SGD, steps / d.
    replicas : int
        Runs of SGD for each rate.
    seed : int
        Of the start, W = A W* with rows of A of length one, and of SGD.
    """
    alpha, state = np.r_[0, np.geomspace(0.1, alpha_max, TIMES)], span_start(students, teachers, seed)
    ode, runs, summary = {}, {}, {}
    for i, delta in enumerate(deltas):
        setup = problem(students, teachers, dim, delta, Delta=Delta)
        rule, label = rule_of(setup), "$\\gamma = p$" if delta == 0 else f"$\\gamma = p\\, d^{{\\,{-delta:g}}}$"
        ode[label] = in_time(solve(rule, state, alpha), 1.0)
        scale = setup.scales.time
        runs[label] = in_time(
            sgd(setup, state, scale * alpha[alpha <= alpha_sgd], replicas=replicas, seed=seed + i), 1.0
        )
        error = ode[label]["eg"].values
        summary[f"delta = {delta:g}: final error"] = float(error[-1])
        summary[f"delta = {delta:g}: linear response"] = float(predict(rule, state).plateau_all_orders or np.nan)
        summary[f"delta = {delta:g}: alpha at a tenth of the start"] = float(alpha[np.argmax(error < error[0] / 10)])
    with page() as (figure, (ax,)):
        title = f"$d = {dim}$, $p = {students}$, $k = {teachers}$, $\\Delta = {Delta:g}$"
        draw(ax, ode, runs, title=title, time=r"$\alpha = \mathrm{steps}/d$")
    datasets = {f"ode delta={delta:g}": ds for delta, ds in zip(deltas, ode.values(), strict=True)}
    datasets |= {f"sgd delta={delta:g}": ds for delta, ds in zip(deltas, runs.values(), strict=True)}
    return Reproduction(datasets, figure, summary)
