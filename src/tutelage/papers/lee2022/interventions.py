"""What helps against forgetting, and what it costs: consolidation of rising strength, and one of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.continual import Consolidation
from tutelage.papers import Reproduction
from tutelage.papers.common import TWO_TASKS, final_errors, labelled, panels, two_phases

if TYPE_CHECKING:
    import xarray

__all__ = ["consolidation_strength", "interventions"]


def consolidation_strength(
    strengths: Sequence[float] = (0.0, 0.01, 0.1, 1.0, 10.0, 100.0),
    similarities: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    seeds: Sequence[int] = (0, 1, 2, 3),
    *,
    importance: str = "node",
    duration: float = 200.0,
    points: int = 30,
) -> Reproduction:
    r"""The second task under consolidation of rising strength.

    Finding: at intermediate similarity the first task is forgotten less, the stronger consolidation is. If it is
    strong, the curves of the second task come together for all similarities but V = 1, on a larger error; for equal
    teachers, too, it ends larger than without. Weak consolidation can spread the curves, and cost unrelated teachers
    some of the first task.

    Parameters
    ----------
    strengths : sequence of float
        lambda, rising from 0.
    similarities : sequence of float
        Of the teachers; the last is 1.
    seeds : sequence of int
        Of starts; the picture has the second, or the only one.
    importance : str
        Of `continual.Consolidation`.
    duration : float
        Of the second phase.
    points : int
        Times since the switch, evenly in their logarithm from 1 on.

    Notes
    -----
    ``spread`` is the standard deviation of log10 of the second task's error over similarities below 1, root mean square
    over the times.
    """
    since = np.geomspace(1.0, duration, points)
    shown = seeds[min(1, len(seeds) - 1)]
    eg = np.array(
        [
            [
                [
                    two_phases(V, since, seed, consolidate=Consolidation(each, importance)).eg.values[1:]
                    for V in similarities
                ]
                for each in strengths
            ]
            for seed in seeds
        ]
    )
    spread = np.sqrt(np.log10(eg[:, :, :-1, :, 1]).var(2).mean(-1))
    ds = labelled(
        TWO_TASKS,
        {"eg": (("seed", "strength", "similarity", "since", "task"), eg), "spread": (("seed", "strength"), spread)},
        {"seed": seeds, "strength": strengths, "similarity": similarities, "since": since, "task": (0, 1)},
        {"importance": importance, "picture": shown},
    )
    one = ds.sel(seed=shown)
    last = one.isel(since=-1)
    with panels(2, 2, width=6.8) as (figure, axes):
        for i, each in enumerate(strengths):
            for ax, task in ((axes[0], 0), (axes[1], 1)):
                ax.plot(
                    similarities, last.eg.sel(strength=each, task=task), "o-", ms=3, color=f"C{i}", label=f"{each:g}"
                )
        strong = 10.0 if 10.0 in strengths else strengths[-1]
        for ax, each in zip(axes[2:], (strengths[0], strong), strict=True):
            for i, V in enumerate(similarities):
                ax.plot(since, one.eg.sel(strength=each, similarity=V, task=1), color=f"C{i}", label=f"{V:g}")
            ax.set(
                xscale="log", yscale="log", ylim=(1e-8, 1), xlabel=r"$\alpha$ since the switch", ylabel=r"$\epsilon_2$"
            )
            ax.set_title(f"$\\lambda = {each:g}$")
        for ax, label in zip(axes[:2], (r"$\epsilon_1$ at the end", r"$\epsilon_2$ at the end"), strict=True):
            ax.set(yscale="log", xlabel="similarity $V$", ylabel=label)
        axes[0].legend(title=r"$\lambda$", fontsize=6, title_fontsize=6, ncols=2)
        axes[2].legend(title="$V$", fontsize=6, title_fontsize=6)
    summary = {f"spread at {each:g}": float(one.spread.sel(strength=each)) for each in strengths}
    for each in strengths:
        summary[f"second task of equal teachers at {each:g}"] = float(
            last.eg.sel(strength=each, task=1).isel(similarity=-1)
        )
    return Reproduction({"consolidation": ds}, figure, summary)


def interventions(
    similarities: int = 21, seeds: Sequence[int] = (0, 1, 2, 3), *, duration: float = 200.0
) -> Reproduction:
    r"""Errors of both tasks at the end against similarity, for each of several ways to help.

    Finding: consolidation, a frozen old unit and replay each leave less than a quarter of the first task's error at
    intermediate similarities; with the second head begun as a copy of the first, forgetting falls with similarity
    throughout: what made unrelated tasks harmless was a fresh unit.

    Parameters
    ----------
    similarities : int
        Evenly spaced from 0 to 1.
    seeds : sequence of int
        Of starts; the picture has the second, or the only one.
    duration : float
        Of the second phase.
    """
    V, shown = np.linspace(0, 1, similarities), seeds[min(1, len(seeds) - 1)]
    used = {seed: _used(two_phases(0.5, 1.0, seed)) for seed in seeds}
    names = list(_ways(0))
    eg = np.array(
        [[[final_errors(two_phases(v, duration, s, **way)) for v in V] for s in seeds for way in [_ways(used[s])[name]]]
         for name in names]
    )  # fmt: skip
    ds = labelled(
        TWO_TASKS,
        {"eg": (("way", "seed", "similarity", "task"), eg)},
        {"way": names, "seed": seeds, "similarity": V, "task": (0, 1)},
        {"duration": duration, "picture": shown},
    )
    with panels(2, width=5.0, height=2.6) as (figure, axes):
        for task, ax in enumerate(axes):
            for i, name in enumerate(names):
                ax.plot(
                    V, ds.eg.sel(way=name, seed=shown, task=task), f"C{i % 7}", ls="-" if i < 7 else "--", label=name
                )
            ax.set(yscale="log", xlabel="similarity $V$", ylabel=rf"$\epsilon_{task + 1}$ at the end")
        axes[0].legend(fontsize=6, loc="center left", bbox_to_anchor=(1.0, 0.5))
    worst = ds.eg.max(("similarity", "seed"))
    summary = {f"{name}: worst of task {t + 1}": float(worst.sel(way=name, task=t)) for name in names for t in (0, 1)}
    return Reproduction({"interventions": ds}, figure, summary)


def _ways(used: int) -> dict[str, dict[str, Any]]:
    """Return options of the second phase by name, given the unit that the first task uses."""
    return {
        "none": {},
        "copied head": {"copy_head": 0},
        "frozen features": {"freeze_features": True},
        "frozen old unit": {"freeze_units": [used]},
        "consolidation": {"consolidate": Consolidation(1.0)},
        "elastic weight consolidation": {"consolidate": Consolidation(1e5, "empirical")},
        "replay of a tenth": {"replay": {0: 0.1}},
        "replay of a half": {"replay": {0: 0.5}},
    }


def _used(ds: xarray.Dataset) -> int:
    """Return the unit that the first task uses most, at the switch."""
    return int((ds.heads.values[0, 0] ** 2 * np.diagonal(ds.Q.values[0])).argmax())
