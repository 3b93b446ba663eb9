"""From a problem to its files: solve the equations, run the simulation, save both, draw both."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tutelage.errors import DivergenceError
from tutelage.problem import Problem

if TYPE_CHECKING:
    import xarray

__all__ = ["Outcome", "filename", "folder", "pictures", "run"]


class Outcome(NamedTuple):
    """Theory and simulation of one problem."""

    theory: xarray.Dataset
    simulation: xarray.Dataset


def folder(path: Path) -> Path:
    """Return `path` as a folder that exists and can be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(f"`--out` must be a folder, but {path} is a file or lies in one.") from None
    return path


def filename(label: str) -> str:
    """Return a label as a part of a file's name.

    Examples
    --------
    >>> filename("both layers, K = 4")
    'both-layers-K-4'
    """
    return re.sub(r"[^\w.]+", "-", label).strip("-.") or "data"


def run(problem: Problem, out: Path, *, suffix: str = "", checkpoint: Path | None = None) -> Outcome:
    """Solve and simulate a problem; write theory{suffix}.nc and simulation{suffix}.nc into the folder `out`.

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

    Raises
    ------
    DivergenceError
        When theory or simulation diverge; what was reached is in the files.
    KeyboardInterrupt
        After Ctrl-C, with a sentence; what was reached is in the files.
    """
    from tutelage.online.problems import simulated, solved

    theory = _kept("theory", lambda: solved(problem), out / f"theory{suffix}.nc")
    simulation = _kept(
        "simulation",
        lambda: simulated(problem, checkpoint=checkpoint),
        out / f"simulation{suffix}.nc",
        "" if checkpoint is None else f"; the same command goes on from {checkpoint}",
    )
    return Outcome(theory, simulation)


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


def _kept(name: str, compute: Callable[[], xarray.Dataset], path: Path, how_to_go_on: str = "") -> xarray.Dataset:
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
        raise KeyboardInterrupt(f"interrupted; results so far are in {path}{how_to_go_on}.")
    return ds


@contextmanager
def _interruptions() -> Iterator[list[str]]:
    """Yield a list that afterwards holds what was said about an interruption; pass other warnings on."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
    for warning in caught:
        if str(warning.message).startswith("interrupted"):
            said.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
