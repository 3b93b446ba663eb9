"""From a problem to its files: solve the equations, run the simulation, save both, draw both."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tutelage.errors import ArgumentError, DivergenceError
from tutelage.problem import Problem, in_terms_of_keys

if TYPE_CHECKING:
    import xarray

    from tutelage.online.rule import OnlineSGD
    from tutelage.overlaps import Overlaps

__all__ = ["Outcome", "filename", "folder", "pictures", "prediction", "run"]

ROUND = 1e-8  # how far T_mm of a teacher on the sphere may be from 1


class Outcome(NamedTuple):
    """Theory and simulation of one problem; where there is no theory, None, and a `remark` that says why."""

    theory: xarray.Dataset | None
    simulation: xarray.Dataset
    remark: str = ""


def prediction(problem: Problem) -> str:
    """Return what theory says of a problem in advance: its regime, clock and outcome, in two lines; lengths in a third.

    The third is for weights on the sphere: which lengths were scaled, or that the teacher given is not on it.
    """
    from tutelage.online.problems import rule
    from tutelage.regimes import predict

    what, state = rule(problem), problem.state()
    if not what.rates.lr or not state.v.any() or not state.v_star.any():
        return (
            "Regime: none, as regimes are those of first layers that move, of a student and a teacher with an output."
        )
    return str(predict(what, state, problem.dim())) + _lengths(problem, state)


def _lengths(problem: Problem, state: Overlaps) -> str:
    """Return a line on the lengths of weights, where they are constrained."""
    if problem.rule.constraint is None:
        return ""
    if problem.start.kind != "overlaps":
        return "\nOn the sphere: the start was scaled to Q_kk = 1, and the teacher to T_mm = 1."
    squares = np.diagonal(state.T)
    if np.abs(squares - 1).max() < ROUND:
        return ""
    return f"\nOn the sphere: students keep Q_kk = 1, but the teacher given has T_mm = {np.round(squares, 6).tolist()}."


def folder(path: Path) -> Path:
    """Return `path` as a folder that exists and can be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(f"`--out` must be a folder, but {path} is a file or lies in one.") from None
    return path


def filename(label: str) -> str:
    """Return a label as a part of a file's name, in which signs stay what they are.

    Examples
    --------
    >>> filename("both layers, K = 4"), filename("sgd d=1e+03 theta=-0.25")
    ('both-layers-K=4', 'sgd-d=1e+03-theta=-0.25')
    """
    return re.sub(r"[^\w.=+-]+", "-", re.sub(r"\s*=\s*", "=", label)).strip("-.") or "data"


def run(problem: Problem, out: Path, *, suffix: str = "", checkpoint: Path | None = None, advice: str = "") -> Outcome:
    """Solve and simulate a problem; write theory{suffix}.nc and simulation{suffix}.nc into the folder `out`.

    Activations without equations of motion are simulated alone; a theory{suffix}.nc of before is removed.

    Parameters
    ----------
    problem : Problem
        With ``simulation.inputs`` other than "gaussian", theory still assumes Gaussian inputs.
    out : path
        An existing folder; files of the same names are replaced.
    suffix : str
        Put into the names of the files, to keep several problems in one folder.
    checkpoint : path, optional
        As in :func:`tutelage.simulate`.
    advice : str
        What to add where a simulation without a checkpoint is interrupted.

    Raises
    ------
    ArgumentError
        Naming keys of the problem file; also where there is neither theory nor simulation.
    DivergenceError
        When theory or simulation diverge; what was reached is in the files.
    KeyboardInterrupt
        After Ctrl-C, with a sentence; what was reached is in the files.
    """
    from tutelage.online.problems import rule, simulated, solved

    with in_terms_of_keys():
        remark, path = _without_theory(rule(problem), problem.simulation.engine), out / f"theory{suffix}.nc"
    theory = None
    if remark:
        path.unlink(missing_ok=True)
    else:
        theory = _kept("theory", lambda: solved(problem), path)
    simulation = _kept(
        "simulation",
        lambda: simulated(problem, checkpoint=checkpoint),
        out / f"simulation{suffix}.nc",
        f".{advice}" if checkpoint is None else f"; the same command goes on from {checkpoint}.",
    )
    return Outcome(theory, simulation, remark)


def _without_theory(what: OnlineSGD, engine: str | None) -> str:
    """Return why there is only a simulation, "" if there is theory; refuse a rule that has neither."""
    from tutelage.online.integration import check_compiled

    try:
        with in_terms_of_keys():
            check_compiled(what)
    except ArgumentError as error:
        reason = str(error).partition("; tl.")[0].rstrip(".")  # what follows is advice for Python
        if engine == "sde":
            also = 'and simulation.engine = "sde" simulates these equations; "chain" needs none'
            raise ArgumentError(f"neither theory nor simulation is possible: {reason}, {also}.") from None
        return f"No theory, simulation alone: {reason}."
    return ""


def pictures(outcomes: dict[str, Outcome], out: Path, overlaps: bool) -> list[Path]:
    """Draw learning curves, and the final `overlaps` of the first, of problems by label; return the files in `out`."""
    from tutelage import plot

    paths, first = [], next(iter(outcomes.values()))
    if len(outcomes) == 1:
        curve = plot.learning_curve(first.theory, first.simulation)
    else:
        curve = plot.learning_curve(first.theory, {name: outcome.simulation for name, outcome in outcomes.items()})
    paths.append(plot.save(curve, out / "learning_curve.png"))
    if overlaps:
        paths.append(plot.save(plot.overlaps(first.simulation), out / "overlaps.png"))
    return paths


def _kept(name: str, compute: Callable[[], xarray.Dataset], path: Path, how_to_go_on: str = ".") -> xarray.Dataset:
    """Compute a dataset and save it, also what there is of it when it diverges or is interrupted."""
    from tutelage.results import save

    try:
        with _interruptions() as interrupted:
            ds = compute()
    except DivergenceError as error:
        left = ""
        if error.dataset is not None:
            left = f", and the results before are in {save(error.dataset, path)}"
        message = f"the {name} diverges at alpha = {error.alpha:.6g}; a smaller rule.lr may help{left}."
        raise DivergenceError(message, error.alpha, error.dataset) from error
    save(ds, path)
    if interrupted:
        raise KeyboardInterrupt(f"interrupted; results so far are in {path}{how_to_go_on}")
    return ds


@contextmanager
def _interruptions() -> Iterator[list[str]]:
    """Yield a list that afterwards holds what was said about an interruption; other warnings pass, at once."""
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("always", "interrupted")
        passing = warnings.showwarning

        def show(message: Warning | str, *where: Any) -> None:
            if str(message).startswith("interrupted"):
                said.append(str(message))
            else:
                passing(message, *where)

        warnings.showwarning = show  # type: ignore[assignment]
        yield said
