"""What the experiments of this paper share: starts, plateaus, tables of final errors, pictures of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "copies_start",
    "deviation",
    "informed_start",
    "legend",
    "orthonormal_start",
    "page",
    "plateau",
    "series",
    "table",
]

ROOM = 200  # dimensions in which small starting weights are drawn: none of them is special


def orthonormal_start(
    students: int, teachers: int, dim: int, *, size: float, readout: float | None = None, seed: int = 0
) -> Overlaps:
    """Return students of N(0, size^2) weights in `dim` dimensions and orthonormal teachers (T = 1, v_star = 1).

    Readouts of the student are one, or N(0, readout^2).
    """
    rng = np.random.default_rng(seed)
    W_star = np.sqrt(dim) * np.linalg.qr(rng.standard_normal((dim, teachers)))[0].T
    W = size * rng.standard_normal((students, dim))
    v = None if readout is None else readout * rng.standard_normal(students)
    return Overlaps.from_weights(W, W_star, v)


def informed_start(students: int, teachers: int, *, spread: float, seed: int = 0) -> Overlaps:
    """Return a student next to its teacher: unit k on teacher unit k, surplus units at zero, all off by `spread`.

    Teachers are orthonormal and all readouts one. Off by: independent N(0, spread^2) is added to every weight.
    """
    W_star = np.sqrt(ROOM) * np.eye(teachers, ROOM)
    W = np.zeros((students, ROOM))
    W[:teachers] = W_star
    W += spread * np.random.default_rng(seed).standard_normal(W.shape)
    return Overlaps.from_weights(W, W_star)


def copies_start(students: int, teachers: int, *, v_star: float, spread: float, seed: int = 0) -> Overlaps:
    """Return a student next to the one that has K/M copies of each teacher unit, which share its readout equally.

    Weights are off by N(0, spread^2), readouts by that times their size.
    """
    rng = np.random.default_rng(seed)
    W_star = np.sqrt(ROOM) * np.eye(teachers, ROOM)
    W = W_star[np.arange(students) % teachers] + spread * rng.standard_normal((students, ROOM))
    v = v_star * teachers / students * (1 + spread * rng.standard_normal(students))
    return Overlaps.from_weights(W, W_star, v, np.full(teachers, v_star))


def plateau(
    rule: OnlineSGD, state: Overlaps, alpha_max: float, *, begin: float = 0.5, points: int = 100, **how: Any
) -> tuple[float, float]:
    """Return the error of SGD averaged over late times and replicas, and its standard error.

    Times: `points` of them, evenly from `begin` to 1 of `alpha_max`. The standard error is that of the replicas'
    averages. `how` goes to :func:`tutelage.simulate`.
    """
    from tutelage.online.simulation import simulate

    sim = simulate(rule, state, np.linspace(begin * alpha_max, alpha_max, points), **how)
    means = sim["eg"].mean("alpha").values
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else np.nan


def deviation(ode: xarray.Dataset, sim: xarray.Dataset) -> float:
    """Return the largest difference of eg between theory and the mean of a simulation, over the error at alpha = 0."""
    gap = np.abs(sim["eg"].mean("replica") - ode["eg"]).max()
    return float(gap / ode["eg"][0])


def table(
    axes: Mapping[str, Iterable[Any]], quantities: Mapping[str, Any], parameters: Mapping[str, float | str]
) -> xarray.Dataset:
    """Return final errors as a dataset: `quantities` over all of `axes`, with the parameters as attributes."""
    import xarray

    convention = "errors are 1/2 <(student - teacher)^2>, without label noise"
    attributes = {"tutelage_version": __version__, "scalings": convention, **parameters}
    data = {name: (tuple(axes), np.asarray(values, float)) for name, values in quantities.items()}
    return xarray.Dataset(data, {key: list(values) for key, values in axes.items()}, attributes)


@contextmanager
def page(rows: int = 1, height: float = 2.4) -> Iterator[tuple[Figure, list[Axes]]]:
    """Open a figure of one column with `rows` axes under each other, to be drawn in the style of the package."""
    from tutelage.plot import WIDTH, Picture, style

    with style():
        figure = Picture(figsize=(WIDTH, height * rows), layout="constrained")
        yield figure, list(figure.subplots(rows, squeeze=False)[:, 0])
        figure.draw_without_rendering()


def series(
    ax: Axes,
    x: Sequence[float],
    *,
    theory: tuple[Sequence[float], np.ndarray] | None = None,
    ode: np.ndarray | None = None,
    sgd: tuple[np.ndarray, np.ndarray] | None = None,
    label: str | None = None,
    colour: str = "C0",
    marker: str = "o",
) -> None:
    """Draw final errors: theory as a line, ODE as filled markers, SGD as open markers with standard errors."""
    if theory is not None:
        ax.plot(*theory, color=colour)
    if ode is not None:
        ax.plot(x, ode, marker, color=colour, label=label, zorder=3)
    if sgd is not None:
        look: Any = {"mfc": "none", "markersize": 5 if ode is not None else 3.5, "capsize": 1.5, "elinewidth": 0.6}
        ax.errorbar(x, *sgd, fmt=marker, color=colour, label=None if ode is not None else label, **look)


def legend(ax: Axes, *kinds: str) -> None:
    """Add the legend: the series by their labels, then what the `kinds` of marks mean."""
    from matplotlib.lines import Line2D

    looks: dict[str, Any] = {
        "theory": {"linestyle": "-"},
        "ODE": {"linestyle": "", "marker": "o"},
        "SGD": {"linestyle": "", "marker": "o", "mfc": "none", "markersize": 4},
        "small rates": {"linestyle": ":"},
    }
    keys = [Line2D([], [], color="0.2", label=kind, **looks[kind]) for kind in kinds]
    ax.legend(handles=ax.get_legend_handles_labels()[0] + keys)
