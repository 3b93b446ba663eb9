"""Replay of the first task during the second: from old weights and new ones, often and rarely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tutelage.continual import Restart
from tutelage.papers import Reproduction
from tutelage.papers.common import TWO_TASKS, final_errors, labelled, panels, two_phases

__all__ = ["replay_period", "restart_and_replay"]


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
    alone = np.array(
        [[final_errors(two_phases(V, duration, s, replay={0: replay})) for V in similarities] for s in seeds]
    )

    def anew(V: float, seed: int) -> np.ndarray:
        restart = [Restart(seed=100 + s) for s in range(restarts)]
        ends = [final_errors(two_phases(V, duration, seed, replay={0: replay}, restart=each)) for each in restart]
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


def replay_period(
    periods: Sequence[int] = (1, 2, 5, 20, 100, 1000),
    similarities: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    seeds: Sequence[int] = (0, 1, 2, 3),
    *,
    duration: float = 200.0,
) -> Reproduction:
    r"""Both tasks at the end, where one example of the first is replayed after every n of the second.

    Finding: at the similarities 0.6 and 0.8 the first task is forgotten more, the rarer replay is, and replay of any
    period leaves the second task behind what it reaches without.

    Parameters
    ----------
    periods : sequence of int
        n, rising.
    similarities : sequence of float
    seeds : sequence of int
        Of starts; the picture has the second, or the only one.
    duration : float
        Of the second phase.

    Notes
    -----
    In high dimension n to one is the mixture of right-hand sides with the share 1/(n + 1), as long as n is far below N:
    the theory knows no other effect of the period.
    """
    shown = seeds[min(1, len(seeds) - 1)]
    ways: list[dict[str, Any]] = [{}, *({"interleave": (n, 1, 0)} for n in periods)]
    eg = np.array(
        [[[final_errors(two_phases(V, duration, s, **way)) for V in similarities] for way in ways] for s in seeds]
    )
    ds = labelled(
        TWO_TASKS,
        {
            "plain": (("seed", "similarity", "task"), eg[:, 0]),
            "eg": (("seed", "period", "similarity", "task"), eg[:, 1:]),
        },
        {"seed": seeds, "period": periods, "similarity": similarities, "task": (0, 1)},
        {"duration": duration, "picture": shown},
    )
    one = ds.sel(seed=shown)
    with panels(1, 2, width=6.8) as (figure, axes):
        for task, ax in enumerate(axes):
            ax.plot(similarities, one.plain.sel(task=task), "ko--", ms=3, label="no replay")
            for i, n in enumerate(periods):
                values = one.eg.sel(period=n, task=task)
                ax.plot(similarities, values, "o-", ms=3, color=f"C{i}", label=f"after {n}")
            ax.set(yscale="log", xlabel="similarity $V$", ylabel=rf"$\epsilon_{task + 1}$ at the end")
        axes[1].legend(fontsize=6)
    worst = one.eg.max("similarity")
    summary = {
        f"{n} to one: worst of task {t + 1}": float(worst.sel(period=n, task=t)) for n in periods for t in (0, 1)
    }
    return Reproduction({"replay-period": ds}, figure, summary)
