"""SGD itself: which engine moves the replicas, and what becomes of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import DivergenceError, check_choice, check_count, check_number, check_times, check_type, refuse
from tutelage.online.chain import Chain
from tutelage.online.checkpoint import Checkpoint
from tutelage.online.kernels.lanes import LANES
from tutelage.online.ode import describe
from tutelage.online.rule import OnlineSGD
from tutelage.online.runs import BOUND, Alone, Engine, Run, cores, run_all
from tutelage.online.sde import STEP, Sde, check_step
from tutelage.online.sources import Source, source
from tutelage.online.weights import Weights, starts
from tutelage.overlaps import Overlaps, generalisation_error, stacked
from tutelage.progress import progress as progress_bar
from tutelage.results import dataset

if TYPE_CHECKING:
    import xarray

__all__ = ["simulate"]

ENGINES = ("chain", "weights", "sde")


def simulate(
    rule: OnlineSGD,
    state: Overlaps,
    alpha: ArrayLike,
    *,
    dim: int | None = None,
    replicas: int = 10,
    seed: int = 0,
    engine: str | None = None,
    inputs: Any = None,
    held_out: Any = None,
    weights: tuple[ArrayLike, ArrayLike] | None = None,
    step: float | None = None,
    checkpoint: str | os.PathLike | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Run SGD at finite N, several replicas in parallel.

    Parameters
    ----------
    rule : OnlineSGD
        Any activation. Those of a name, and functions of your own that Numba can compile, run compiled; others run
        through NumPy, a hundred times slower.
    state : Overlaps
        Overlaps and readouts at alpha = 0, which every replica starts from.
    alpha : float or array, shape (times,)
        Increasing times >= 0; results stand after round(alpha N) steps.
    dim : int
        Input dimension N >= K + M, up to 10^12 and beyond with the chain, any with `weights` of your own; 1e6 will do
        for 10**6. May be left out with an array of inputs.
    replicas : int
        Number of independent runs. Replica i is the same whether 10 or 1,000 are run.
    seed : int
        Of everything random. Runs of one seed at different `dim` share random numbers: give each its own.
    engine : {"chain", "weights", "sde"}, optional
        "chain": the exact law of the overlaps, at a cost that does not depend on N (:mod:`tutelage.online.chain`); it
        needs fresh Gaussian inputs. "weights": real weight vectors in a random frame, on any inputs. "sde": the
        diffusion that SGD tends to at large N, with noise as of Euler and Maruyama (:mod:`tutelage.online.sde`); right
        to leading order in 1/N, and may diverge at small N where SGD does not. Default: the chain wherever it applies.
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
        Start of every replica, in place of a random frame; must have the overlaps of `state`. Needs real weights.
    step : float, optional
        Of the SDE, in alpha; default: 0.01. A longer one must be at most the relaxation time of the flow,
        :math:`1 / (2 \eta \sum_k v_k^2 \langle g_k'^2 \rangle + \eta_v \sum_k \langle g_k^2 \rangle)` at the start
        and with the teacher's lengths and readouts.
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

    Warns
    -----
    UserWarning
        A second after its first steps, if the run takes longer than ten minutes at their pace: how long.

    Examples
    --------
    >>> sim = simulate(OnlineSGD(lr=0.5), Overlaps(Q=[[1.0]], R=[[0.1]], T=[[1.0]]), [0, 1], dim=10**6, replicas=2)
    >>> sim.eg.shape
    (2, 2)
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    times = check_times("alpha", alpha)
    replicas, seed = check_count("replicas", replicas), check_count("seed", seed, minimum=0)
    engine = _engine(engine, inputs, weights)
    origin = source(inputs, held_out, None if dim is None else check_count("dim", dim, floats=True), replicas, seed)
    if weights is None:  # weights of one's own are proof that they fit
        _check_dim(origin.dim, state)
    rule.check_start(state)
    pace = _pace(step, engine)
    settings = {
        "view": engine,
        "rule": describe(rule),
        "dim": origin.dim,
        "replicas": replicas,
        "seed": seed,
        "inputs": origin.description,
        "own_weights": weights is not None,
        "alpha": times.tolist(),
    }
    if engine == "sde":
        settings["step"] = pace
        check_step(rule, state, times, pace)
    targets = Sde.targets(times, pace) if engine == "sde" else _steps(times, origin.dim, rule.batch)
    bound = BOUND * max(1.0, np.abs(state.covariance).max(), np.abs(state.v).max())
    file = None if checkpoint is None else Checkpoint(checkpoint, settings, rule, state, weights)
    stored = None if file is None else file.read()
    groups = ranges(groups_of(engine, replicas) if stored is None else Checkpoint.groups(stored))
    if engine == "sde":
        begin = _diffusion(rule, state, times, origin.dim, seed, pace)
    else:
        begin = _descent(engine, rule, state, origin, weights, seed)
    runs = [Run(some, targets, begin(some), bound) for some in groups]
    if stored is not None:
        Checkpoint.restore(stored, runs)

    with progress_bar("SGD", float(replicas * targets[-1]), progress) as bar:
        failure = run_all(runs, bar.update, file)
    result = _dataset(rule, state, times, runs, settings)
    if file is not None:
        file.write(runs)
    if isinstance(failure, DivergenceError):
        failure.dataset = result
        raise failure
    if failure is not None:
        where = "" if file is None else f"; call again with checkpoint={str(checkpoint)!r} to go on"
        warnings.warn(f"interrupted: what was done is kept{where}", stacklevel=2)
    return result


def _engine(engine: str | None, inputs: Any, weights: Any) -> str:
    """Return the engine asked for, by default the chain wherever it applies; refuse a chain where it does not."""
    if engine is None:
        return "chain" if inputs is None and weights is None else "weights"
    check_choice("engine", engine, ENGINES)
    for name, given in (("inputs", inputs), ("weights", weights)):
        if engine != "weights" and given is not None:
            why = "the chain is exact for fresh Gaussian inputs only, and has no weight vectors"
            raise refuse("engine", f'be "weights" where `{name}` is given ({why})', f"is {engine!r}")
    return engine


def _pace(step: float | None, engine: str) -> float:
    """Return the step of the SDE, or refuse one where there is none."""
    if step is not None and engine != "sde":
        raise refuse("step", 'be left out unless engine="sde", as SGD has steps of its own', f"is {step!r}")
    return STEP if step is None else check_number("step", step, minimum=0, strict=True)


def _check_dim(dim: int, state: Overlaps) -> None:
    """Refuse a dimension in which student and teacher need not fit."""
    least = state.students + state.teachers
    if dim < least:
        raise refuse("dim", f"be >= K + M = {least}, to hold any overlaps of that many units", f"is {dim}")


def _steps(times: np.ndarray, dim: int, batch: int) -> np.ndarray:
    """Return the step that each time falls on, or refuse times whose examples cannot be counted exactly."""
    if times[-1] * dim * batch >= 2**53:
        raise refuse("alpha", f"be below 2^53 / {dim * batch}, to count examples", f"ends at {times[-1]:g}")
    return np.round(times * dim).astype(np.int64)


def groups_of(engine: str, replicas: int) -> list[int]:
    """Return how many replicas go in step, group by group: for the chain, as many groups as keep all cores busy."""
    wide = replicas // (LANES * cores()) * cores() if engine == "chain" else 0
    return [LANES] * wide + [1] * (replicas - LANES * wide)


def ranges(counts: list[int]) -> list[range]:
    """Return consecutive ranges of the given lengths."""
    ends = np.cumsum(counts).tolist()
    return [range(end - count, end) for count, end in zip(counts, ends, strict=True)]


def _diffusion(
    rule: OnlineSGD, state: Overlaps, times: np.ndarray, dim: int, seed: int, step: float
) -> Callable[[range], Engine]:
    """Return what makes the engine of a group of replicas, of the SDE."""
    return lambda some: Alone(Sde(rule, state, times, dim, seed, some[0], step))


def _descent(
    engine: str, rule: OnlineSGD, state: Overlaps, origin: Source, weights: Any, seed: int
) -> Callable[[range], Engine]:
    """Return what makes the engine of a group of replicas, of SGD."""
    if engine == "chain":
        return lambda some: Chain(rule, state, origin.dim, seed, some)
    begin = starts(state, weights, origin.dim, seed)
    return lambda some: Alone(Weights(rule, state, *begin(some[0]), origin, seed, some[0]))


def _dataset(
    rule: OnlineSGD, state: Overlaps, times: np.ndarray, runs: list[Run], settings: dict[str, Any]
) -> xarray.Dataset:
    """Return the dataset of all runs, up to the last time that any of them reached."""
    reached = max(run.recorded for run in runs)
    records = {name: np.concatenate([run.records[name][:, :reached] for run in runs]) for name in runs[0].records}
    variables = _variables(rule, state, records)
    for name in list(variables):
        variables |= statistics(name, variables[name])
    return dataset(times[:reached], variables, state, settings)


def _variables(rule: OnlineSGD, state: Overlaps, records: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return eg, Q, R and v, each (replicas, times, ...), of what the engines recorded; NaN stays NaN."""
    if "eg" in records:
        return {name: records[name] for name in ("eg", "Q", "R", "v")}
    v, rows = records["v"], None
    eg, there = np.full(v.shape[:-1], np.nan), np.isfinite(v).all(-1)
    if "factor" in records:
        A, F = records["factor"], state.factor()[1]
        Q, R = A @ np.swapaxes(A, -1, -2), A[..., : len(F)] @ F.T
        teachers = np.pad(F, ((0, 0), (0, A.shape[-1] - len(F))))
        rows = np.concatenate([A[there], np.broadcast_to(teachers, (int(there.sum()), *teachers.shape))], -2)
    else:
        Q, R = records["Q"], records["R"]
    C, a = stacked(Q[there], R[there], state.T, v[there], state.v_star)
    eg[there] = generalisation_error(C, a, state.students, rule.student, rule.teacher, rows)
    return {"eg": eg, "Q": Q, "R": R, "v": v}


def statistics(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean and standard error over the replicas (axis 0) that arrived; the error of a single one is NaN."""
    there = np.isfinite(values)
    count = np.maximum(there.sum(0), 1)
    mean = np.where(there, values, 0.0).sum(0) / count
    square = np.where(there, (values - mean) ** 2, 0.0).sum(0)
    sem = np.sqrt(np.divide(square, count * (count - 1.0), out=np.full(mean.shape, np.nan), where=count > 1))
    return {f"{name}_mean": mean, f"{name}_sem": sem}
