"""Forgetting and transfer against the similarity of two teachers, at several times since the switch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.continual import Phase, equal_competence, forgetting, simulate, summary, transfer
from tutelage.papers import Reproduction
from tutelage.papers.common import BOTH_LAYERS, TWO_TASKS, labelled, panels, two_phases, two_tasks

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

__all__ = ["feature_similarity"]

SHOWN = (0.0, 0.2, 0.5, 1.0)  # similarities whose curves in time are drawn
WORDS = {"forgetting": "forgetting, decades", "transfer": "transfer, decades"}


def feature_similarity(
    similarities: int = 101,
    seeds: Sequence[int] = (0, 1, 2, 3),
    *,
    since: Sequence[float] = (1.0, 3.0, 10.0, 30.0, 200.0),
    simulated: Sequence[float] = tuple(np.linspace(0, 1, 11).round(1).tolist()),
    dim: int = 10_000,
    replicas: int = 4,
) -> Reproduction:
    r"""Forgetting and transfer, in decades of the error, against V: cross-sections in time, and curves of some V.

    Finding: soon after the switch transfer grows with similarity, and forgetting is largest at a high one. In the end
    forgetting is largest at a lower one, between unrelated and equal teachers, and transfer is least between them, too,
    leaving aside nearly unrelated teachers, which some starts have not yet learned.

    Parameters
    ----------
    similarities : int
        Evenly spaced from 0 to 1.
    seeds : sequence of int
        Of starts; the picture has the second, or the only one.
    since : sequence of float
        Times after the switch, rising, of the cross-sections.
    simulated : sequence of float
        Similarities at which the exact chain is run, from the start of the picture.
    dim, replicas : int
        Of the chain.

    Notes
    -----
    Weights and heads start from N(0, 10^-6), learning rate 1, switch at alpha = 100. Forgetting is log10 of the first
    task's error over that at the switch, transfer that of the second task's error at the switch over now.
    """
    V, shown = np.linspace(0, 1, similarities), seeds[min(1, len(seeds) - 1)]
    runs = [[two_phases(v, since, seed) for v in V] for seed in seeds]
    drawn = np.unique(np.concatenate([np.geomspace(0.1, since[-1], 60), since]))
    curves = [two_phases(v, drawn, shown) for v in SHOWN]
    start, phases = [two_tasks(v, shown) for v in simulated], [Phase(0, 100.0), Phase(1, since[-1])]
    times = 100 + np.concatenate([[0.0], since])
    chains = [simulate(BOTH_LAYERS, each, phases, times, dim=dim, replicas=replicas, progress=False) for each in start]
    measure = {"forgetting": forgetting, "transfer": transfer}
    data: dict[str, Any] = {}
    for name, of in measure.items():
        data[name] = (("seed", "similarity", "since"), np.array([[of(ds) for ds in row] for row in runs]))
        data[f"{name}_curve"] = (("shown", "time"), np.array([of(ds) for ds in curves]))
        data[f"{name}_sgd"] = (("simulated", "replica", "since"), np.array([of(ds) for ds in chains]))
        data[f"{name}_maximum"] = ("shown", np.array([float(summary(of(ds)).maximum) for ds in curves]))
    data["equal_competence"] = ("shown", np.array([float(equal_competence(ds)) for ds in curves]))
    coordinates = {
        "seed": seeds, "similarity": V, "since": since, "shown": SHOWN, "time": drawn, "simulated": simulated,
    }  # fmt: skip
    ds = labelled(TWO_TASKS, data, coordinates, {"dim": dim, "picture": shown})
    late, early = ds.isel(since=-1), ds.isel(since=0)
    numbers: dict[str, float] = {}
    for index, seed in enumerate(seeds):
        one = late.isel(seed=index)
        numbers[f"seed {seed}: V of most late forgetting"] = float(V[int(one.forgetting.values.argmax())])
        numbers[f"seed {seed}: V of most early forgetting"] = float(
            V[int(early.forgetting.isel(seed=index).values.argmax())]
        )
        inside = one.transfer.where(ds.similarity >= 0.1)
        numbers[f"seed {seed}: V of least late transfer, from 0.1 on"] = float(V[int(inside.argmin("similarity"))])
    with panels(2, 2, width=6.8) as (figure, axes):
        for name, left, right in zip(WORDS, axes[::2], axes[1::2], strict=True):
            _cross_sections(left, ds.sel(seed=shown), name)
            _curves(right, ds, name)
        for ax, where, title in ((axes[0], "left", r"$\alpha$ since the switch"), (axes[1], "right", None)):
            keys: Any = ax.get_legend_handles_labels()
            look: Any = {"loc": f"outside upper {where}", "ncols": len(keys[0]), "columnspacing": 1.0}
            figure.legend(*keys, title=title, fontsize=6, title_fontsize=6, **look)
    return Reproduction({"similarity": ds}, figure, numbers)


def _cross_sections(ax: Axes, ds: xarray.Dataset, name: str) -> None:
    for i, time in enumerate(ds.since.values):
        ax.plot(ds.similarity, ds[name].sel(since=time), color=f"C{i}", label=f"{time:g}")
        ax.plot(ds.simulated, ds[f"{name}_sgd"].sel(since=time).mean("replica"), "x", color=f"C{i}", ms=4)
    ax.set(xlabel="similarity $V$", ylabel=WORDS[name])


def _curves(ax: Axes, ds: xarray.Dataset, name: str) -> None:
    for i, V in enumerate(ds.shown.values):
        ax.plot(ds.time, ds[f"{name}_curve"].sel(shown=V), color=f"C{i}", label=f"$V = {V:g}$")
    ax.set(xscale="log", xlabel=r"$\alpha$ since the switch", ylabel=WORDS[name])
