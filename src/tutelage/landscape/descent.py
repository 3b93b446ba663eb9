"""Gradient descent and Adam, whole or in mini-batches: the baselines that everything else is compared with."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, check_choice, check_count, check_number, refuse
from tutelage.landscape.objective import Objective, check_seconds, check_start
from tutelage.landscape.record import dataset
from tutelage.progress import progress as progress_bar

if TYPE_CHECKING:
    import xarray

__all__ = ["descend"]

BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam (Kingma and Ba 2015)
POINTS = 100  # steps that are kept, if none are asked for
SCALINGS = "step: p <- p - lr gradient of the loss as its objective defines it (mean over the samples of the batch)"


def descend(
    objective: Objective,
    p0: ArrayLike,
    steps: int,
    *,
    lr: float,
    method: str = "gd",
    batch: int | None = None,
    seed: int = 0,
    keep: ArrayLike | None = None,
    max_seconds: float = math.inf,
    callback: Callable[[int, np.ndarray], Any] | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    """Run gradient descent or Adam.

    Parameters
    ----------
    objective : Objective
        For mini-batches, ``net.on(x, y)``.
    p0 : array, shape (size,)
    steps : int
    lr : float
        Learning rate, of the loss as the objective defines it.
    method : {"gd", "adam"}
        Adam with the usual constants 0.9, 0.999 and 1e-8.
    batch : int, optional
        Samples of a step, drawn without replacement from a new permutation each epoch; what is left at its end is
        dropped. Default: all.
    seed : int
        Of the permutations.
    keep : array of int, optional
        Steps to keep; default: 0 and about 100 more, evenly in their logarithm.
    max_seconds : float
        Stop after this.
    callback : callable, optional
        Called with the number of steps done, 0 to `steps`, and the parameters (size,), which it must leave as they are.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        ``p`` (step, parameter), ``loss`` (step) and ``gradient_norm`` (step) on all samples; ``p_last``. The attribute
        ``stopped_by`` is "steps", "seconds", "interrupted" (Ctrl-C) or "not finite"; ``steps`` says how many were made.

    Raises
    ------
    ArgumentError
        For arguments that cannot be, such as a batch larger than the data.
    """
    begin = check_start(objective, p0)
    steps, seed = check_count("steps", steps, minimum=0, floats=True), check_count("seed", seed, minimum=0)
    lr, max_seconds = check_number("lr", lr, minimum=0, strict=True), check_seconds(max_seconds)
    check_choice("method", method, ("gd", "adam"))
    if callback is not None and not callable(callback):
        raise refuse("callback", "be a function of the step and the parameters", f"is {callback!r:.60}")
    wanted = _kept(keep, steps)
    source = _batches(objective, batch, seed)
    p, reached, stopped_by = begin.copy(), 0, "steps"
    points: list[np.ndarray] = []
    mean, square = np.zeros_like(p), np.zeros_like(p)
    begun = time.monotonic()
    try:
        with progress_bar("descent", steps, progress) as bar:
            for step in range(steps + 1):
                if len(points) < len(wanted) and wanted[len(points)] == step:
                    points.append(p.copy())
                if callback is not None:
                    callback(step, p)
                if step == steps:
                    break
                slope = next(source).gradient(p)
                if not np.isfinite(slope).all():
                    stopped_by = "not finite"
                    break
                if method == "adam":
                    mean += (1 - BETAS[0]) * (slope - mean)
                    square += (1 - BETAS[1]) * (slope * slope - square)
                    root = np.sqrt(square / (1 - BETAS[1] ** (step + 1))) + EPSILON
                    p = p - lr * mean / (1 - BETAS[0] ** (step + 1)) / root
                else:
                    p = p - lr * slope
                reached = step + 1
                bar.update(reached)
                if time.monotonic() - begun > max_seconds:
                    stopped_by = "seconds"
                    break
    except KeyboardInterrupt:
        stopped_by = "interrupted"
    settings = {"view": "descent", "method": method, "lr": lr, "batch": batch, "seed": seed, "steps": steps}
    settings |= {"keep": wanted.tolist(), **({} if math.isinf(max_seconds) else {"max_seconds": max_seconds})}
    at, kept = wanted[: len(points)], np.array(points).reshape(-1, len(p))
    result = dataset(objective, "step", at, kept, begin, p, settings)
    seconds = time.monotonic() - begun
    return result.assign_attrs(stopped_by=stopped_by, steps=reached, seconds=seconds, scalings=SCALINGS)


def _kept(keep: ArrayLike | None, steps: int) -> np.ndarray:
    if keep is None:
        return np.unique(np.concatenate(([0], np.geomspace(1, max(steps, 1), POINTS).astype(int)))).clip(max=steps)
    wanted = check_array("keep", np.atleast_1d(keep), ("steps",))
    if (wanted != np.round(wanted)).any() or (wanted < 0).any() or (np.diff(wanted) <= 0).any():
        raise refuse("keep", "be increasing step numbers >= 0", f"is {wanted.tolist()!r:.60}")
    if len(wanted) and wanted[-1] > steps:
        raise refuse("keep", f"be steps up to the last one, {steps}", f"contains {int(wanted[-1])}")
    return wanted.astype(int)


def _batches(objective: Any, batch: int | None, seed: int) -> Any:
    """Yield the objective of each step."""
    if batch is None:
        while True:
            yield objective
    if not hasattr(objective, "subset"):
        raise refuse("batch", "be None for an objective without samples", f"is {batch!r}")
    size = check_count("batch", batch)
    if size > objective.samples:
        raise refuse("batch", f"be at most the {objective.samples} samples", f"is {size}")
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(objective.samples)
        for start in range(0, objective.samples - size + 1, size):
            yield objective.subset(order[start : start + size])
