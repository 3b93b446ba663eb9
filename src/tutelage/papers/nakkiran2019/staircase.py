"""A staircase of nested networks: each class explains the network until it knows as much as that class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tutelage.complexity import Classifier, Task, gather, linear_classifier, sinusoid
from tutelage.papers import Reproduction
from tutelage.papers.nakkiran2019.setting import early_share, late, trained, watched

__all__ = ["staircase"]


def staircase(
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    *,
    widths: Sequence[int] = (4, 6),
    restarts: int = 3,
    samples: int = 10_000,
    hidden: Sequence[int] = (128, 128),
    steps: int = 10_000,
    lr: float = 0.1,
    batch: int = 32,
) -> Reproduction:
    r"""A line with waves, against a linear classifier and ever wider networks of one hidden layer.

    Finding: what each of the nested classes explains follows what the network knows until that is what the class knows,
    then levels off, one class after the other.

    Parameters
    ----------
    seeds : sequence of int
        Of initial weights and batches of the network that is watched.
    widths : sequence of int
        Hidden units of the simpler networks, rising.
    restarts : int
        Each simpler network is the one of the most right training labels of so many.
    samples : int
        To train on; as many are tested on.
    hidden : sequence of int
        Of the network that is watched.
    steps, lr, batch : int, float, int
        Of SGD, for all networks.
    """
    from tutelage.plot import complexity as picture

    task = sinusoid(samples, samples)
    options: dict[str, Any] = {"steps": steps, "lr": lr, "batch": batch}
    simpler: dict[str, Any] = {"linear": linear_classifier(task)}
    for width in widths:
        simpler[f"{width} units"] = _best(
            [trained(task, (width,), seed=100 + s, **options) for s in range(restarts)], task
        )
    ds = gather({seed: watched(task, simpler, seed, hidden=hidden, **options)[1] for seed in seeds})
    end = late(ds).mean("seed")
    summary = {"end: I(F; Y)": float(end.I)}
    for name in simpler:
        one = end.sel(simpler=name)
        summary[f"{name}: I(G; Y)"] = float(one.I_simpler)
        summary[f"{name}: mu at the end"] = float(one.mu)
        summary[f"{name}: least mu / I until I(F; Y) = I(G; Y)"] = float(np.mean(early_share(ds, name)))
    return Reproduction({"staircase": ds}, picture(ds, title="nested networks"), summary)


def _best(models: list[Classifier], task: Task) -> Classifier:
    """Return the classifier of the most right training labels."""
    return max(models, key=lambda model: float(np.mean(model.predict(task.x) == task.y)))
