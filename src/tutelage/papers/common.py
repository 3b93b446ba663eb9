"""What experiments of several papers share: pictures of several panels, datasets with their provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.continual import MultiTask, Phase, solve, two_teachers
from tutelage.online.rule import OnlineSGD
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BOTH_LAYERS", "TWO_TASKS", "final_errors", "labelled", "panels", "two_phases", "two_tasks"]

BOTH_LAYERS = OnlineSGD("erf", lr=1.0, train="both")
TWO_TASKS = "two erf units with a head for each task, one teacher unit a task; alpha = steps / N; eg has the factor 1/2"


@contextmanager
def panels(rows: int, columns: int = 1, width: float = 3.4, height: float = 2.4) -> Iterator[tuple[Figure, list[Axes]]]:
    """Open a figure of panels, each `height` inches high, to be drawn in the style of the package."""
    from tutelage.plot import Picture, style

    with style():
        figure = Picture(figsize=(width, height * rows), layout="constrained")
        yield figure, list(figure.subplots(rows, columns, squeeze=False).ravel())
        figure.draw_without_rendering()


def labelled(
    convention: str, variables: Mapping[str, Any], coordinates: Mapping[str, Any], parameters: Mapping[str, Any]
) -> xarray.Dataset:
    """Return a dataset with the version, the convention and the parameters as attributes."""
    import xarray

    attributes = {"tutelage_version": __version__, "scalings": convention, **parameters}
    return xarray.Dataset(dict(variables), {key: list(each) for key, each in coordinates.items()}, attributes)


def two_tasks(similarity: float, seed: int, std: float = 1e-3, *, dim: int = 1000, **teachers: Any) -> MultiTask:
    """Return a student of two units, weights and heads of N(0, std^2), before teachers of one unit each."""
    return MultiTask.random(2, two_teachers(1, float(similarity), dim=dim, **teachers), std, seed=seed)


def two_phases(
    similarity: float,
    since: ArrayLike,
    seed: int,
    *,
    std: float = 1e-3,
    first: float = 100.0,
    snapshots: bool = False,
    **then: Any,
) -> xarray.Dataset:
    """Return the theory of two tasks in a row, at the switch and some times since.

    Parameters
    ----------
    similarity : float
        Overlap V of the teachers' features.
    since : array
        Times after the switch, rising; the last is the end of the second phase.
    seed, std : int, float
        Of the start (`two_tasks`).
    first : float
        alpha at the switch.
    snapshots : bool
        As of `continual.solve`.
    **then
        Options of the second phase.
    """
    times = np.atleast_1d(np.asarray(since, float))
    phases = [Phase(0, first), Phase(1, float(times[-1]), **then)]
    alpha = np.concatenate([[first], first + times])
    start = two_tasks(similarity, seed, std)
    return solve(BOTH_LAYERS, start, phases, alpha, snapshots=snapshots, progress=False)


def final_errors(ds: xarray.Dataset) -> np.ndarray:
    """Return the error of each task at the last time."""
    return ds.eg.values[-1]
