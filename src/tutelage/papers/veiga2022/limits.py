"""Three limits and four regions: what becomes of SGD as the dimension grows, by the exponents of width and rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tutelage.papers import Reproduction
from tutelage.papers.goldt2019.setting import page
from tutelage.papers.veiga2022.setting import TIMES, draw, late, limit, problem, sgd, span_start

__all__ = ["four_regions", "three_limits"]

REGIONS = {"perfect learning": r"\kappa + \delta > 0", "plateau": r"\kappa + \delta = 0"}
REGIONS |= {"bad learning": r"-1/2 < \kappa + \delta < 0", "no equations": r"\kappa + \delta \leq -1/2"}


def three_limits(
    students: int = 8,
    teachers: int = 4,
    *,
    Delta: float = 1e-3,
    t_max: float = 1e4,
    points: int = TIMES,
    seed: int = 0,
) -> Reproduction:
    r"""The equations of three regions from one start, each in its own time (Fig. 2).

    Finding: with :math:`\kappa + \delta > 0` the error falls to zero in spite of label noise; with 0 it falls to a
    plateau; between -1/2 and 0 it grows, as noise moves the student before it learns anything, and then falls slowly.

    Parameters
    ----------
    students, teachers : int
        p and k.
    Delta : float
        Variance of the label noise.
    t_max : float
        Length of the runs in the time of each region.
    points : int
        Times, evenly spaced in log t.
    seed : int
        Of the start, W = A W* with rows of A of length one.

    Notes
    -----
    The equations are the limits of infinite dimension, at :math:`\gamma_0 = p_0`. In the noisy limit the student's
    overlaps with the teacher do not move, and those with itself do by the terms of order :math:`\gamma^2` alone.
    """
    t, state = np.r_[0, np.geomspace(0.1, t_max, points)], span_start(students, teachers, seed)
    regions = list(REGIONS)[:3]
    datasets = {region: limit(region, students, state, t, Delta=Delta) for region in regions}
    with page() as (figure, (ax,)):
        curves = {f"${REGIONS[region]}$: {region}": ds for region, ds in datasets.items()}
        draw(
            ax,
            curves,
            title=f"$p = {students}$, $k = {teachers}$, $\\Delta = {Delta:g}$",
            time=r"$t$, in each region's unit",
        )
    summary = {"all regions: error at the start": float(datasets["plateau"]["eg"][0])}
    summary |= {f"{region}: final error": float(ds["eg"][-1]) for region, ds in datasets.items()}
    peak = datasets["bad learning"]["eg"]
    summary |= {
        "bad learning: largest error": float(peak.max()),
        "bad learning: its time": float(t[peak.values.argmax()]),
    }
    return Reproduction(datasets, figure, summary)


def four_regions(
    deltas: Sequence[float] = (0.0, -0.5, -0.75, -1.25),
    teachers: int = 4,
    *,
    kappa: float = 0.5,
    dim: int = 400,
    g: float = 3.0,
    Delta: float = 1e-3,
    t_max: float = 300.0,
    replicas: int = 8,
    seed: int = 0,
) -> Reproduction:
    r"""SGD in each of the four regions (Fig. 8).

    Finding: at one width, as the rate grows, students learn perfectly, learn to a plateau, become worse before they
    slowly recover (later, the larger d is), or jump far off with the first step.

    Parameters
    ----------
    deltas : sequence of float
        delta, one in each region: perfect learning, plateau, bad learning, no equations.
    teachers : int
        k.
    kappa : float
        Of the width p = d^kappa, rounded.
    dim : int
        d.
    g : float
        gamma_0/p_0.
    Delta : float
        Variance of the label noise.
    t_max : float
        Length of the runs in the time of each region.
    replicas : int
        Runs of SGD for each curve.
    seed : int
        Of the start, W = A W* with rows of A of length one, and of SGD.

    Notes
    -----
    The paper's points are (kappa, delta) = (3/2, -1/2), (3/2, -3/2), (5/4, -3/2), (1.1, -2.2). A width of d^(3/2) keeps
    d so small that the rate of its third point is hardly above the critical one, and that student learns (measured at d
    = 16). Only kappa + delta matters: here kappa is 1/2, and the sums are 1/2, 0, -1/4 and -3/4. In the last region a
    step takes a time of d^(1/2), and nothing is known of the error after it.
    """
    t, p = np.r_[0, np.geomspace(0.1, t_max, TIMES)], max(round(dim**kappa), teachers)
    state, datasets, curves = span_start(p, teachers, seed), {}, {}
    for region, delta in zip(REGIONS, deltas, strict=True):
        setup = problem(p, teachers, dim, kappa + delta, Delta=Delta, kappa=kappa, g=g)
        datasets[region] = sgd(setup, state, t, replicas=replicas, seed=seed)
        curves[f"$\\delta = {delta:g}$: {region}"] = datasets[region]
    with page() as (figure, (ax,)):
        title = f"SGD, $\\kappa = {kappa:g}$, $d = {dim}$, $p = {p}$, $k = {teachers}$"
        draw(ax, {}, curves, title=title, time=r"$t$, in each region's unit")
    summary = {}
    for region, ds in datasets.items():
        mean = ds["eg"].mean("replica").values
        summary[f"{region}: late error over that at the start"] = late(ds)[0] / float(mean[0])
        summary[f"{region}: largest error over that at the start"] = float(mean.max() / mean[0])
    return Reproduction(datasets, figure, summary)
