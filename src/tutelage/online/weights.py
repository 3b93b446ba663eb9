"""The weights view: the rule applied to real weight vectors, on Gaussian inputs or on any the user hands over."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import DivergenceError, check_array, check_choice, check_count, check_times, check_type, refuse
from tutelage.networks import realise
from tutelage.online.checkpoint import Checkpoint
from tutelage.online.ode import describe
from tutelage.online.rule import OnlineSGD
from tutelage.online.runs import Run, run_all
from tutelage.online.sources import source
from tutelage.overlaps import Overlaps
from tutelage.progress import progress as progress_bar
from tutelage.results import dataset

if TYPE_CHECKING:
    import xarray

__all__ = ["simulate"]

ENGINES = ("weights",)


def simulate(
    rule: OnlineSGD,
    state: Overlaps,
    alpha: ArrayLike,
    *,
    dim: int | None = None,
    replicas: int = 10,
    seed: int = 0,
    engine: str = "weights",
    inputs: Any = None,
    held_out: Any = None,
    weights: tuple[ArrayLike, ArrayLike] | None = None,
    checkpoint: str | os.PathLike | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Run SGD on real weight vectors, several replicas in parallel.

    Parameters
    ----------
    rule : OnlineSGD
        Activations "erf", "linear" and "relu" run compiled; others through NumPy, tens of times slower.
    state : Overlaps
        Overlaps and readouts at alpha = 0. Each replica starts from weight vectors that have exactly these, in a random
        frame of its own; its teacher is fixed.
    alpha : float or array, shape (times,)
        Increasing times >= 0; results stand after round(alpha N) steps.
    dim : int
        Input dimension N >= K + M. May be left out with an array of inputs.
    replicas : int
        Number of independent runs. Replica i is the same whether 10 or 1,000 are run.
    seed : int
        Of everything random.
    engine : {"weights"}
        How to simulate.
    inputs : optional
        None: fresh inputs of independent N(0, 1) components. An array (samples, N) or ``tutelage.data.Images``: a
        finite training set, visited in random order, anew in each epoch, with fresh label noise at each visit. An
        iterator of rows (N,) or blocks (rows, N), used as they come; for several replicas a function from the replica's
        number to such an iterator. Labels are always the teacher's. Inputs should have components of mean 0 and
        variance 1 (see ``tutelage.data.standardise``), or fields will not be of order one.
    held_out : optional
        Inputs on which the error ``eg`` is measured where `inputs` is given: an array (samples, N); a fraction of the
        array `inputs` to keep back (default 0.2); or "gaussian" for the closed form of Gaussian inputs.
    weights : (W, W_star), shapes (K, N) and (M, N), optional
        Start of every replica, in place of a random frame; must have the overlaps of `state`.
    checkpoint : path, optional
        File that the run is written to every 30 seconds, at Ctrl-C and at its end. If it exists, the run goes on from
        it, with the same numbers as one that was never interrupted; `alpha` may then reach further.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        ``eg`` (replica, alpha), ``Q`` (replica, alpha, student, ``student_``), ``R``, ``v`` alike; means over the
        replicas and their standard errors as ``eg_mean``, ``eg_sem`` and so on (NaN for one replica). After Ctrl-C:
        what was done so far, NaN where a replica had not arrived, with a warning.

    Raises
    ------
    ArgumentError
        Naming the argument, what is allowed and what was given.
    DivergenceError
        When a replica's weights overflow; its ``dataset`` holds what was done.

    Examples
    --------
    >>> sim = simulate(OnlineSGD(lr=0.5), Overlaps(Q=[[1.0]], R=[[0.1]], T=[[1.0]]), [0, 1], dim=100, replicas=3)
    >>> sim.eg.shape
    (3, 2)
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    times = check_times("alpha", alpha)
    replicas, seed = check_count("replicas", replicas), check_count("seed", seed, minimum=0)
    check_choice("engine", engine, ENGINES)
    origin = source(inputs, held_out, None if dim is None else check_count("dim", dim), replicas, seed)
    settings = {
        "view": "weights",
        "rule": describe(rule),
        "dim": origin.dim,
        "replicas": replicas,
        "seed": seed,
        "inputs": origin.description,
        "own_weights": weights is not None,
        "alpha": times.tolist(),
    }
    targets = _steps(times, origin.dim, rule.batch)
    begin = _starts(state, weights, origin.dim, seed)
    runs = [Run.begin(i, targets, *begin(i), state, seed) for i in range(replicas)]
    file = None if checkpoint is None else Checkpoint(checkpoint, settings, state, weights)
    if file is not None:
        file.restore(runs)

    with progress_bar("SGD", float(replicas * targets[-1]), progress) as bar:
        failure = run_all(rule, state, origin, runs, seed, bar.update, file)
    result = _dataset(state, times, runs, settings)
    if file is not None:
        file.write(runs)
    if isinstance(failure, DivergenceError):
        failure.dataset = result
        raise failure
    if failure is not None:
        where = "" if file is None else f"; call again with checkpoint={str(checkpoint)!r} to go on"
        warnings.warn(f"interrupted: what was done is kept{where}", stacklevel=2)
    return result


def _steps(times: np.ndarray, dim: int, batch: int) -> np.ndarray:
    """Return the step that each time falls on, or refuse times whose examples cannot be counted exactly."""
    if times[-1] * dim * batch >= 2**53:
        raise refuse("alpha", f"be below 2^53 / {dim * batch}, to count examples", f"ends at {times[-1]:g}")
    return np.round(times * dim).astype(np.int64)


def _starts(
    state: Overlaps, weights: tuple[ArrayLike, ArrayLike] | None, dim: int, seed: int
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Return the function that gives replica i its weights W (K, N) and W_star (M, N)."""
    if weights is None:
        return lambda i: realise(state, dim, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i, 1))))
    if not isinstance(weights, (tuple, list)) or len(weights) != 2:
        raise refuse("weights", "be a pair (W, W_star)", f"is {type(weights).__name__}")
    W = check_array("weights[0]", weights[0], (state.students, dim))
    W_star = check_array("weights[1]", weights[1], (state.teachers, dim))
    gap = np.abs(Overlaps.from_weights(W, W_star).covariance - state.covariance).max()
    if gap > 1e-8 * max(np.abs(state.covariance).max(), 1e-300):
        raise refuse(
            "weights",
            "have the overlaps of `state` (build it with Overlaps.from_weights)",
            f"their overlaps differ from it by up to {gap:.3g}",
        )
    return lambda _: (W.copy(), W_star.copy())


def _dataset(state: Overlaps, times: np.ndarray, runs: list[Run], settings: dict[str, Any]) -> xarray.Dataset:
    """Return the dataset of all runs, up to the last time that any of them reached."""
    reached = max(run.recorded for run in runs)
    recorded = {"eg": "error", "Q": "Q", "R": "R", "v": "v_record"}
    variables = {name: np.stack([getattr(run, kept)[:reached] for run in runs]) for name, kept in recorded.items()}
    for name in list(variables):
        variables |= _statistics(name, variables[name])
    return dataset(times[:reached], variables, state, settings)


def _statistics(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean and standard error over the replicas (axis 0) that arrived; the error of a single one is NaN."""
    there = np.isfinite(values)
    count = np.maximum(there.sum(0), 1)
    mean = np.where(there, values, 0.0).sum(0) / count
    square = np.where(there, (values - mean) ** 2, 0.0).sum(0)
    sem = np.sqrt(np.divide(square, count * (count - 1.0), out=np.full(mean.shape, np.nan), where=count > 1))
    return {f"{name}_mean": mean, f"{name}_sem": sem}
