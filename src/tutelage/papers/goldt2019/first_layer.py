"""First layer trained, readouts one (soft committee machines, erf): surplus units cost accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.online.asymptotics import soft_committee_erf
from tutelage.online.ode import solve
from tutelage.online.rule import OnlineSGD
from tutelage.online.simulation import simulate
from tutelage.overlaps import Overlaps
from tutelage.papers import Reproduction
from tutelage.papers.goldt2019.setting import deviation, informed_start, legend, page, series, table

if TYPE_CHECKING:
    import xarray

__all__ = ["learning_curves", "surplus_overlaps", "surplus_units"]


def learning_curves(
    students: Sequence[int] = (2, 4, 6),
    teachers: int = 4,
    *,
    dim: int = 784,
    lr: float = 0.5,
    noise: float = 0.01,
    alpha_max: float = 1000.0,
    replicas: int = 2,
    points: int = 60,
    seed: int = 1,
) -> Reproduction:
    r"""Learning curves of erf students with fewer units than the teacher, as many, and more (Fig. 1).

    Finding: SGD at N = 784 follows the equations for N to infinity through the symmetric plateau and beyond; a student
    with too few units stays there, and of those that learn the task the one with surplus units ends worse.

    Parameters
    ----------
    students : sequence of int
        K, a curve each.
    teachers : int
        M.
    dim : int
        N.
    lr, noise : float
        Learning rate and standard deviation of the label noise.
    alpha_max : float
        Length of the runs, steps / N.
    replicas : int
        Runs of SGD from the overlaps that the equations start from.
    points : int
        Times, evenly spaced in log alpha.
    seed : int
        Of the start, weights N(0, 1) of student and teacher, and of SGD.

    Notes
    -----
    Fields w.x/sqrt(N), steps lr/sqrt(N), eg with the factor 1/2 and without noise. The summary gives the largest
    distance of the mean of SGD from the ODE, as a fraction of the error at the start. When a run leaves the symmetric
    plateau is decided by overlaps of order 1/sqrt(N) and varies between runs of SGD.
    """
    from tutelage.plot import learning_curve

    times = np.r_[0, np.geomspace(0.1, alpha_max, points)]
    rule = OnlineSGD("erf", lr=lr, noise=noise)
    theory, simulation = {}, {}
    for K in students:
        state = Overlaps.random(K, teachers, dim, seed)
        theory[f"$K = {K}$"] = solve(rule, state, times)
        simulation[f"$K = {K}$"] = simulate(rule, state, times, dim=dim, replicas=replicas, seed=seed)
    with page() as (figure, (ax,)):
        learning_curve(theory, simulation, ax=ax, title=f"first layer trained, $M = {teachers}$, $N = {dim}$")
    return Reproduction(by_units(students, theory, simulation), figure, curve_summary(theory, simulation))


def by_units(
    students: Sequence[int], theory: dict[str, xarray.Dataset], simulation: dict[str, xarray.Dataset]
) -> dict[str, xarray.Dataset]:
    """Return the datasets of learning curves under names for files."""
    curves = {f"ode-K{K}": theory[f"$K = {K}$"] for K in students}
    return curves | {f"sgd-K{K}": simulation[f"$K = {K}$"] for K in students}


def curve_summary(theory: dict[str, xarray.Dataset], simulation: dict[str, xarray.Dataset]) -> dict[str, float]:
    """Return how far SGD is from the ODE, and the final errors of both, for each curve."""
    summary = {}
    for label, ode in theory.items():
        name, sim = label.strip("$"), simulation[label]
        summary[f"{name}: largest distance of SGD from the ODE, in units of eg(0)"] = deviation(ode, sim)
        summary[f"{name}: final error, ODE"] = float(ode["eg"][-1])
        summary[f"{name}: final error, SGD"] = float(sim["eg"][:, -1].mean())
    return summary


def surplus_units(
    surplus: Sequence[int] = (0, 1, 2, 3, 4, 5, 6),
    teachers: int = 2,
    *,
    rates: Sequence[float] = (0.05, 0.1, 0.2),
    noise: float = 0.01,
    duration: float = 1000.0,
    spread: float = 0.01,
    seed: int = 0,
) -> Reproduction:
    r"""Final error of an erf student against the number L = K - M of its surplus units (Fig. 2).

    Finding: the error grows with every surplus unit, and the ODE ends on the closed form, :math:`\epsilon_g^* =
    (\sigma^2 \eta / 2\pi) f(M, L, \eta)` with :math:`f \to L + M/\sqrt 3` for small rates.

    Parameters
    ----------
    surplus : sequence of int
        L.
    teachers : int
        M, orthonormal.
    rates : sequence of float
        Learning rates :math:`\eta`, below the critical one of every L.
    noise : float
        Standard deviation :math:`\sigma` of the label noise.
    duration : float
        Length of the runs in units of 1 / rate.
    spread : float
        How far the start is from perfect learning: standard deviation of what is added to each weight.
    seed : int
        Of the start.

    Notes
    -----
    The start is informed, units on the teacher and surplus units small and generic, because for L >= 2 the final state
    depends on it: two surplus units w and -w cancel at any length, students from large random weights end with such
    pairs, and their plateau is a few per cent lower and drifts, over alpha ~ (rate noise)^-2. The result holds for
    alpha up to then; the runs here are short of it.
    """
    ode = np.empty((len(rates), len(surplus)))
    theory = np.empty_like(ode)
    for i, lr in enumerate(rates):
        rule = OnlineSGD("erf", lr=lr, noise=noise)
        for j, L in enumerate(surplus):
            state = informed_start(teachers + L, teachers, spread=spread, seed=seed)
            ode[i, j] = solve(rule, state, [duration / lr], atol=1e-13)["eg"].values[-1]
            theory[i, j] = soft_committee_erf(teachers, teachers + L, lr=lr, noise=noise)
    parameters = {"teachers": teachers, "noise": noise, "duration": duration, "spread": spread, "seed": seed}
    errors = table({"lr": rates, "surplus": surplus}, {"ode": ode, "theory": theory}, parameters)
    scale = noise**2 * np.array(rates)[:, None] / (2 * np.pi)
    with page() as (figure, (ax,)):
        for i, lr in enumerate(rates):
            look: Any = {"label": rf"$\eta = {lr:g}$", "colour": f"C{i}", "marker": "os^D"[i % 4]}
            series(ax, surplus, theory=(surplus, (theory / scale)[i]), ode=(ode / scale)[i], **look)
        ax.plot(surplus, np.array(surplus) + teachers / np.sqrt(3), "k:", label=r"$L + M/\sqrt{3}$")
        ax.set(xlabel="surplus units $L = K - M$", ylabel=r"$2\pi\,\epsilon_g^* / \sigma^2\eta$", xticks=surplus)
        ax.set_title(f"first layer trained, $M = {teachers}$; theory: $f(M, L, \\eta)$")
        legend(ax, "theory", "ODE")
    return Reproduction({"errors": errors}, figure, _surplus_summary(errors))


def _surplus_summary(errors: xarray.Dataset) -> dict[str, float]:
    """Return the agreement of ODE and closed form, and how much the error grows from no surplus unit to the most."""
    growth = errors["ode"].isel(surplus=-1) / errors["ode"].isel(surplus=0)
    summary = {"largest relative distance of ODE from f": float(np.abs(errors["ode"] / errors["theory"] - 1).max())}
    L = int(errors["surplus"][-1])
    return summary | {f"error at L = {L} over L = 0, lr = {float(g['lr']):g}": float(g) for g in growth}


def surplus_overlaps(
    students: int = 5,
    teachers: int = 2,
    *,
    dim: int = 784,
    lr: float = 0.2,
    noise: float = 0.01,
    alpha_max: float = 1e5,
    seed: int = 0,
) -> Reproduction:
    r"""Final overlaps of a student with surplus units, first layer trained (Fig. 2).

    Finding: one unit specialises on each teacher unit, the others sit idle with weights that shrink to next to nothing.

    Parameters
    ----------
    students, teachers : int
        K > M.
    dim : int
        N of the random start, weights N(0, 1): its overlaps are of order 1/sqrt(N).
    lr, noise : float
        Learning rate and standard deviation of the label noise.
    alpha_max : float
        When the overlaps are drawn: late, as idle units shrink ever more slowly.
    seed : int
        Of the start.

    Notes
    -----
    From the ODE. With an even number of surplus units these may also freeze in pairs w, -w of any length.
    """
    from tutelage.plot import overlaps

    times = np.r_[0, np.geomspace(1, alpha_max, 60)]
    rule = OnlineSGD("erf", lr=lr, noise=noise)
    ode = solve(rule, Overlaps.random(students, teachers, dim, seed), times, atol=1e-12)
    R, Q = ode["R"].values[-1], ode["Q"].values[-1]
    chosen = np.abs(R).argmax(0)
    idle = np.setdiff1d(np.arange(students), chosen)
    summary = {
        "units that specialise": float(len(set(chosen))),
        "their smallest overlap |R| with their teacher unit": float(np.abs(R).max(0).min()),
        "largest |R| of an idle unit": float(np.abs(R[idle]).max()),
        "largest Q of an idle unit": float(Q[idle, idle].max()),
        "error over f(M, L, lr)": float(ode["eg"][-1]) / soft_committee_erf(teachers, students, lr=lr, noise=noise),
    }
    return Reproduction({"ode": ode}, overlaps(ode), summary)
