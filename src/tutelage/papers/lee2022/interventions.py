"""What helps against forgetting, and what it costs: consolidation, replay, restarts and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.continual import Consolidation, Restart
from tutelage.papers import Reproduction
from tutelage.papers.common import TWO_TASKS, labelled, panels, two_phases

if TYPE_CHECKING:
    import xarray

__all__ = ["consolidation_strength", "interventions", "restart_and_replay"]


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

    Finding: the first task is forgotten less, the stronger consolidation is. The curves of the second task come
    together for all similarities but V = 1, on a slower one; for equal teachers, too, it ends worse than without.

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


def restart_and_replay(
    similarities: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    unused: Sequence[int] = (1, 3, 6, 8),
    shared: Sequence[int] = (0, 2, 5, 9),
    *,
    replay: float = 0.1,
    restarts: int = 5,
    duration: float = 200.0,
) -> Reproduction:
    r"""Replay of the first task during the second, from the weights that learned the first and from new ones.

    Finding: at intermediate similarity, replay from new weights ends better on both tasks where the first task had left
    a unit unused (catastrophic slowing). Where both units learned the first task, it ends worse
    on that one, if better on the second.

    Parameters
    ----------
    similarities : sequence of float
    unused, shared : sequence of int
        Seeds of starts from which the first task leaves a unit of Q_kk < 0.05, or none below 0.3.
    replay : float
        Share of the first task's examples.
    restarts : int
        New weights for each start, over which errors have a geometric mean.
    duration : float
        Of the second phase.
    """
    seeds = [*unused, *shared]
    alone = np.array([[_end(two_phases(V, duration, s, replay={0: replay})) for V in similarities] for s in seeds])

    def anew(V: float, seed: int) -> np.ndarray:
        restart = [Restart(seed=100 + s) for s in range(restarts)]
        ends = [_end(two_phases(V, duration, seed, replay={0: replay}, restart=each)) for each in restart]
        return np.exp(np.log(ends).mean(0))

    again = np.array([[anew(V, s) for V in similarities] for s in seeds])
    least = [float(np.diagonal(two_phases(0.5, 1.0, s).Q.values[0]).min()) for s in seeds]
    dims = ("seed", "similarity", "task")
    ds = labelled(
        TWO_TASKS,
        {"replay": (dims, alone), "restart": (dims, again), "smallest_Q": ("seed", np.array(least))},
        {"seed": seeds, "similarity": similarities, "task": (0, 1)},
        {"share": replay, "restarts": restarts},
    )
    with panels(2, 2, width=6.8) as (figure, axes):
        for row, (some, title) in enumerate(((unused, "one unit left unused"), (shared, "both units in use"))):
            for task in (0, 1):
                ax = axes[2 * row + task]
                for name, colour, label in (("replay", "C0", "replay"), ("restart", "C1", "new weights and replay")):
                    each = np.log10(ds[name].sel(seed=list(some), task=task))
                    ax.plot(similarities, 10**each.T, color=colour, lw=0.5, alpha=0.5)
                    ax.plot(similarities, 10 ** each.mean("seed"), "o-", ms=3, color=colour, label=label)
                ax.set(yscale="log", xlabel="similarity $V$", ylabel=rf"$\epsilon_{task + 1}$ at the end")
                ax.set_title(title)
        axes[0].legend(fontsize=6)
    ratio = np.log(ds["restart"] / ds["replay"])
    summary = {}
    for name, some in (("unused", unused), ("shared", shared)):
        for V in similarities:
            for task in (0, 1):
                value = float(np.exp(ratio.sel(seed=list(some), similarity=V, task=task).mean()))
                summary[f"{name}, V = {V:g}, task {task + 1}: restart over none"] = value
    return Reproduction({"replay": ds}, figure, summary)


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
        [[[_end(two_phases(v, duration, s, **way)) for v in V] for s in seeds for way in [_ways(used[s])[name]]]
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


def _end(ds: xarray.Dataset) -> np.ndarray:
    return ds.eg.values[-1]


def _used(ds: xarray.Dataset) -> int:
    """Return the unit that the first task uses most, at the switch."""
    return int((ds.heads.values[0, 0] ** 2 * np.diagonal(ds.Q.values[0])).argmax())
