"""What the experiments share: a run that is watched, its phases, and pictures of several panels."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.complexity import Classifier, Task, Tracker, steps_to_record, train

if TYPE_CHECKING:
    import xarray

__all__ = ["AWAKE", "early_share", "late", "trained", "watched"]

AWAKE = 0.1  # bits of I(F; Y) from which a classifier is said to have begun to learn
LATE = 0.1  # share of the steps, at the end, that are averaged over


def trained(task: Task, *arguments: Any, **options: Any) -> Classifier:
    """Train a classifier as `train` does, but end the whole experiment on Ctrl-C."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "training was interrupted")
        try:
            return train(task, *arguments, **options)
        except UserWarning:
            raise KeyboardInterrupt from None


def watched(
    task: Task, simpler: dict[str, Any], seed: int, *, steps: int, points: int = 30, **options: Any
) -> tuple[Tracker, xarray.Dataset]:
    """Train a classifier and return its tracker and the measures.

    Parameters
    ----------
    task, simpler
        Of the tracker; measures are taken on the test samples and the training samples.
    seed, steps, **options
        Of `train`.
    points : int
        Steps that are recorded, evenly in their logarithm, and more of them in the end.
    """
    late = np.linspace((1 - LATE) * steps, steps, 5).round()
    at = np.unique(np.concatenate([steps_to_record(steps, points), late]))
    tracker = Tracker(task.x_test, task.y_test, simpler, train=(task.x, task.y), at=at)
    trained(task, steps=steps, seed=seed, callback=tracker, **options)
    return tracker, tracker.dataset()


def early_share(ds: xarray.Dataset, simpler: str) -> np.ndarray:
    """Return mu / I of each seed (seeds,), the least over the early phase.

    That is every recorded step from I(F; Y) > 0.1 bits until I(F; Y) first exceeds I(L; Y).
    """
    one = ds.sel(simpler=simpler)
    found = []
    for seed in ds.seed.values:
        I, mu, known = (one[name].sel(seed=seed).values for name in ("I", "mu", "I_simpler"))
        over = np.flatnonzero(known < I)
        until = over[0] if len(over) else len(I)
        phase = np.flatnonzero(I[:until] > AWAKE)
        found.append(float((mu[phase] / I[phase]).min()) if len(phase) else np.nan)
    return np.array(found)


def late(ds: xarray.Dataset) -> xarray.Dataset:
    """Return the mean of all measures over the last tenth of the steps."""
    return ds.sel(step=ds.step >= (1 - LATE) * float(ds.step[-1])).mean("step")
