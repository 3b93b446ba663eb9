"""SGD itself on several tasks, at finite N."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.continual.engines import Chain, Weights
from tutelage.continual.ode import times_of
from tutelage.continual.phased import Setup
from tutelage.continual.phases import Phase, Resolved, resolve
from tutelage.continual.protocol import anchored
from tutelage.continual.record import errors_of, labelled
from tutelage.continual.settings import described
from tutelage.continual.state import MultiTask
from tutelage.errors import DivergenceError, check_array, check_choice, check_count, check_flag, check_type, refuse
from tutelage.online.ode import describe
from tutelage.online.rule import OnlineSGD
from tutelage.online.runs import BOUND, Alone, Run, run_all
from tutelage.progress import progress as progress_bar

if TYPE_CHECKING:
    import xarray

__all__ = ["simulate"]


def simulate(
    rule: OnlineSGD,
    state: MultiTask,
    phases: Sequence[Phase] | Phase,
    alpha: ArrayLike | None = None,
    *,
    dim: int,
    replicas: int = 10,
    seed: int = 0,
    engine: str = "chain",
    weights: tuple[ArrayLike, ArrayLike] | None = None,
    snapshots: bool = False,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Run SGD through all phases at finite N, several replicas in parallel.

    Parameters
    ----------
    rule : OnlineSGD
        Its activations must be ones that can be compiled.
    state : MultiTask
        At alpha = 0, the same for every replica.
    phases : sequence of Phase
    alpha : array, shape (times,), optional
        As of :func:`tutelage.continual.solve`; results stand after round(alpha N) steps.
    dim : int
        N; at least the number of all units of student, teachers and snapshots, unless `weights` are given.
    replicas : int
        Independent runs. Replica i is the same whether 10 or 1,000 are run.
    seed : int
        Of everything random.
    engine : {"chain", "weights"}
        "chain": the exact law of overlaps, at a cost that does not depend on N, for everything but consolidation with
        an importance of each weight. "weights": real weight vectors.
    weights : (W, W_star), shapes (K, N) and (F, N), optional
        Start of every replica, in place of a random frame, for real weights; must have the overlaps of `state`.
    snapshots : bool
        As of :func:`tutelage.continual.solve`.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        As of :func:`tutelage.continual.solve`, each with a leading dimension ``replica``; means and standard errors as
        ``eg_mean``, ``eg_sem`` and so on. Where a phase may end early (``until``), the error is looked at every
        N/100 steps, and ``switch`` (replica, phase_end) and ``phase`` differ between replicas; of each, what lies
        beyond its end of all phases is NaN.

    Raises
    ------
    ArgumentError
        Naming the argument, or the phase and what of it cannot be.
    DivergenceError
        When a replica's weights overflow; its ``dataset`` holds what was done.

    Examples
    --------
    >>> from tutelage.continual import MultiTask, Phase, two_teachers
    >>> start = MultiTask.random(2, two_teachers(dim=500), std=0.1)
    >>> phases = [Phase(task=0, alpha=2), Phase(task=1, alpha=2, replay={0: 0.2})]
    >>> sim = simulate(OnlineSGD(lr=1.0, train="both"), start, phases, [1, 2, 4], dim=1000, replicas=2)
    >>> sim.eg.dims, sim.sizes["task"]
    (('replica', 'alpha', 'task'), 2)
    """
    check_type("state", state, MultiTask)
    several = resolve(rule, phases, state)
    times = times_of(several, alpha)
    N, replicas, seed = (
        check_count("dim", dim, floats=True), check_count("replicas", replicas), check_count("seed", seed, minimum=0)
    )  # fmt: skip
    check_choice("engine", engine, ("chain", "weights"))
    for name, unit in (("activation", rule.student), ("teacher_activation", rule.teacher)):
        if unit.unit is None:
            raise refuse(name, "be one that can be compiled", f"is {unit.name!r}")
    _check_phases(several, engine, N)
    kept = anchored(several, check_flag("snapshots", snapshots))
    least = state.students * (1 + len(kept)) + state.teachers
    if least > N and weights is None:
        raise refuse("dim", f"be >= {least}, the units of student, teachers and snapshots", f"is {N}")
    begin = _beginning(engine, state, N, weights)
    targets = np.round(times * N).astype(np.int64)
    bound = BOUND * max(1.0, np.abs(state.Q).max(), np.abs(state.heads).max())
    setup = Setup(rule.resolved, state, several, kept, N, seed)
    engines: list[Chain | Weights] = [
        Chain(setup, index) if engine == "chain" else Weights(setup, index, begin) for index in range(replicas)
    ]
    runs = [Run(range(i, i + 1), targets, Alone(engine), bound) for i, engine in enumerate(engines)]
    with progress_bar("SGD", float(replicas * targets[-1]), progress) as bar:
        failure = run_all(runs, bar.update, None)
    settings: dict[str, Any] = {"view": f"continual {engine}", "rule": describe(rule), "alpha": times.tolist()}
    settings |= {"dim": N, "replicas": replicas, "seed": seed, "snapshots": snapshots}
    settings |= {"phases": [described(each.phase) for each in several], "own_weights": weights is not None}
    result = _dataset(rule, state, times, runs, engines, settings)
    if isinstance(failure, DivergenceError):
        failure.dataset = result
        raise failure
    if failure is not None:
        warnings.warn("interrupted: what was done is kept", stacklevel=2)
    return result


def _check_phases(phases: list[Resolved], engine: str, dim: int) -> None:
    for index, each in enumerate(phases):
        for given in each.phase.consolidate:
            if isinstance(given.importance, str) and given.importance == "weights" and engine == "chain":
                must = 'be of units for the chain; engine="weights" has an importance of each weight'
                raise refuse(f"phases[{index}]: importance", must, 'is "weights"')
        if round(each.phase.alpha * dim) < 1:
            raise refuse(f"phases[{index}]: alpha", f"be at least one step, 1/{dim}", f"is {each.phase.alpha:g}")


def _beginning(engine: str, state: MultiTask, dim: int, weights: Any) -> tuple[np.ndarray, np.ndarray] | None:
    if weights is None:
        return None
    if engine == "chain":
        raise refuse("engine", 'be "weights" where `weights` are given', "is 'chain'")
    if not isinstance(weights, (tuple, list)) or len(weights) != 2:
        raise refuse("weights", "be a pair (W, W_star)", f"is of type {type(weights).__name__}")
    W = check_array("weights[0]", weights[0], (state.students, dim))
    W_star = check_array("weights[1]", weights[1], (state.teachers, dim))
    gap = max(np.abs(W @ W.T / dim - state.Q).max(), np.abs(W @ W_star.T / dim - state.R).max())
    if gap > 1e-8 * max(np.abs(state.Q).max(), np.abs(state.T).max()):
        raise refuse("weights", "have the overlaps of `state` (MultiTask.from_weights)", f"differ by {gap:.3g}")
    return W, W_star


def _dataset(
    rule: OnlineSGD,
    state: MultiTask,
    times: np.ndarray,
    runs: list[Run],
    engines: list[Chain | Weights],
    settings: dict[str, Any],
) -> xarray.Dataset:
    from tutelage.online.simulation import statistics

    reached = max(run.recorded for run in runs)
    records = {name: np.concatenate([run.records[name][:, :reached] for run in runs]) for name in runs[0].records}
    eg = errors_of(rule, state, records["Q"], records["R"], records["heads"])
    arrays = {"eg": eg} | {name: records[name] for name in ("Q", "R", "heads", "S") if name in records}
    for name in list(arrays):
        arrays |= statistics(name, arrays[name])
    phase = np.nan_to_num(records["phase"]).astype(int)
    phase = phase[0] if (phase == phase[0]).all() else phase
    ends = {name: np.stack([engine.ends[name] for engine in engines]) for name in ("switch", "Q", "R", "heads")}
    late, switches = errors_of(rule, state, ends["Q"], ends["R"], ends["heads"]), ends.pop("switch")
    return labelled(arrays, times[:reached], phase, switches, state, settings, {"eg": late} | ends)
