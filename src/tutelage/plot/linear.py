"""Linear students: learning curves with simulations, their fast and slow parts, and the plane of R and Q."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutelage.errors import check_number, refuse
from tutelage.plot.look import DARK, GREY, LINES, PALETTE, SPACING, colours_of, drawing

__all__ = ["linear_curve", "linear_parts", "linear_plane"]

STEPS = "steps $t$"
ERROR = r"generalisation error $\epsilon_g$"
GRID = 400  # points of the plane along each axis


def linear_curve(
    theory: xarray.Dataset | Mapping[str, xarray.Dataset] | None = None,
    sim: xarray.Dataset | Mapping[str, xarray.Dataset] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the generalisation error of linear students against steps, on a logarithmic axis.

    Parameters
    ----------
    theory, sim : xarray.Dataset, or dict of them by label
        Of :func:`tutelage.linear.learning_curve`, as lines; of :func:`tutelage.linear.simulate` or
        :func:`tutelage.linear.measure`, as markers with the standard error of the mean as a dark band and 68 % of the
        replicas as a light one. The same label has the same colour.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure. Given axes keep their look: work within :func:`style` for ours.
    title : str, optional
    """
    lines, marks = _labelled("theory", theory, "theory"), _labelled("sim", sim, "simulation")
    if not lines and not marks:
        raise refuse("theory, sim", "hold at least one dataset", "are empty")
    pair = not _many(theory) and not _many(sim)
    names = list(dict.fromkeys([*lines, *marks]))
    colours = dict.fromkeys(names, PALETTE[0]) if pair else dict(zip(names, colours_of(len(names)), strict=True))
    with drawing(ax, title) as axes:
        for label, ds in lines.items():
            axes.plot(*_shown(ds, "eg"), color=colours[label], label=label)
        for label, ds in marks.items():
            _draw_runs(axes, ds, colours[label], "_" if label in lines else label)
        axes.set(xscale="log", xlabel=STEPS, ylabel=ERROR)
        axes.set_ylim(bottom=0)
        axes.legend()
    return axes.figure.figure


def linear_parts(parts: xarray.Dataset, *, ax: Axes | None = None, title: str | None = None) -> Figure:
    """Draw a learning curve with those of the fast and of the slow features alone.

    Parameters
    ----------
    parts : xarray.Dataset
        Of :func:`tutelage.linear.decomposition`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure.
    title : str, optional
    """
    ds = _checked("parts", parts, ("eg", "eg_fast", "eg_slow"))
    with drawing(ax, title) as axes:
        axes.plot(*_shown(ds, "eg_fast"), "--", color=PALETTE[1], label="fast features only")
        axes.plot(*_shown(ds, "eg_slow"), "-.", color=PALETTE[0], label="slow features only")
        axes.plot(*_shown(ds, "eg"), color=DARK, label="both")
        axes.set(xscale="log", xlabel=STEPS, ylabel=ERROR)
        axes.set_ylim(bottom=0)
        axes.legend()
    return axes.figure.figure


def linear_plane(
    curves: xarray.Dataset | Mapping[str, xarray.Dataset],
    *,
    vmax: float | None = None,
    legend: bool = True,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    r"""Draw paths of students in the plane of R and Q, over :math:`\mathrm{signal} - 2R + Q`, twice the error.

    Lines of equal error are straight, Q = 2R + const; below the parabola :math:`Q = R^2/\mathrm{signal}` there are no
    students.

    Parameters
    ----------
    curves : xarray.Dataset, or dict of them by label
        With ``R`` and ``Q`` over ``t``; of replicas the mean.
    vmax : float, optional
        Twice the error that has the last colour. Default: twice the signal.
    legend : bool
        Whether to name paths, if there are several.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure, with a colour bar.
    title : str, optional
    """
    paths = {label: _mean(_checked("curves", ds, ("R", "Q"))) for label, ds in _items(curves, "student").items()}
    if not paths:
        raise refuse("curves", "hold at least one dataset", "are empty")
    signal = float(next(iter(paths.values())).attrs.get("signal", 1.0))
    right = 1.08 * max(signal, *(float(ds.R.max()) for ds in paths.values()))
    top = 1.08 * max(signal, *(float(ds.Q.max()) for ds in paths.values()))
    R, Q = np.linspace(0, right, GRID), np.linspace(0, top, GRID)
    error = signal - 2 * R + Q[:, None]
    error[Q[:, None] < R**2 / signal] = np.nan
    highest = 2 * signal if vmax is None else check_number("vmax", vmax, minimum=0, strict=True)
    with drawing(ax, title, box=True) as axes:
        box: Any = (0, right, 0, top)
        image = axes.imshow(error, "Greys", extent=box, origin="lower", aspect="auto", clim=(0, highest), alpha=0.6)
        axes.plot(R, R**2 / signal, color=GREY, lw=0.6)
        for k, ((label, ds), colour) in enumerate(zip(paths.items(), colours_of(len(paths)), strict=True)):
            order = np.argsort(ds.t.values)
            look: Any = {"color": colour, "ls": LINES[k % len(LINES)], "label": label}
            axes.plot(ds.R.values[order], ds.Q.values[order], **look)
        axes.set(xlabel="$R$", ylabel="$Q$", xlim=(0, right), ylim=(0, top))
        if legend and len(paths) > 1:
            axes.legend(loc="upper left", frameon=True, framealpha=0.8, edgecolor="none")
        if ax is None:
            axes.figure.colorbar(image, ax=axes, label=r"$2 \epsilon_g$")
    return axes.figure.figure


def _draw_runs(ax: Axes, ds: Any, colour: Any, label: str) -> None:
    """Draw the mean over replicas as markers, and bands; of a mean alone what is known of it."""
    if "replica" not in ds.eg.dims:
        t, mean = _shown(ds, "eg")
        ax.plot(t, mean, "o", color=colour, mfc="none", markevery=SPACING, label=label)
        if "eg_sem" in ds:
            sem = _shown(ds, "eg_sem")[1]
            ax.fill_between(t, mean - sem, mean + sem, color=colour, alpha=0.4, linewidth=0)
        return
    order = np.argsort(ds.t.values)
    order = order[ds.t.values[order] > 0]
    t, runs = ds.t.values[order], ds.eg.transpose("replica", "t").values[:, order]
    runs = runs[np.isfinite(runs).all(1)]  # without those that were cut off
    mean, count = runs.mean(0), len(runs)
    ax.plot(t, mean, "o", color=colour, mfc="none", markevery=SPACING, label=label)
    if count > 1:
        sem = runs.std(0, ddof=1) / np.sqrt(count)
        ax.fill_between(t, mean - sem, mean + sem, color=colour, alpha=0.4, linewidth=0)
        ax.fill_between(t, *np.quantile(runs, (0.16, 0.84), axis=0), color=colour, alpha=0.15, linewidth=0)


def _shown(ds: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return times > 0, rising, and the values then."""
    t = ds["t"].values
    order = np.argsort(t)
    order = order[t[order] > 0]
    return t[order], ds[name].values[order]


def _items(given: Any, label: str) -> dict[str, Any]:
    if given is None:
        return {}
    return {str(key): each for key, each in given.items()} if _many(given) else {label: given}


def _many(given: Any) -> bool:
    """Whether datasets are given by label; a dataset is itself a mapping."""
    return isinstance(given, Mapping) and not isinstance(given, xarray.Dataset)


def _labelled(name: str, given: Any, label: str) -> dict[str, Any]:
    return {key: _checked(name, ds, ("eg",)) for key, ds in _items(given, label).items()}


def _checked(name: str, ds: Any, needed: tuple[str, ...]) -> Any:
    missing = [key for key in ("t", *needed) if key not in getattr(ds, "variables", {})]
    if missing:
        what = f"has no {missing[0]}" if hasattr(ds, "variables") else f"is {type(ds).__name__}"
        raise refuse(name, f"be a dataset of {', '.join(needed)} over t, as of tutelage.linear", what)
    if not (ds["t"].values > 0).any():
        raise refuse(name, "hold a time t > 0", "holds t = 0 alone")
    return ds


def _mean(ds: Any) -> Any:
    return ds.mean("replica", keep_attrs=True) if "replica" in ds.dims else ds
