"""Phase diagrams: a result over the plane of two parameters, and the boundaries in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tutelage.errors import refuse
from tutelage.plot.look import DARK, GREY, drawing

__all__ = ["phase_diagram"]

LIGHT = ("#9ecae1", "#fdd0a2", "#a1d99b", "#dadaeb", "#fff2ae", "#f4cae4")  # of regions, beneath dark marks
WIDE = 50.0  # ratio of the largest to the smallest value from which on colours are logarithmic


def phase_diagram(
    ds: xarray.Dataset | xarray.DataArray,
    value: str | Callable[[xarray.Dataset], xarray.DataArray] | None = None,
    *,
    boundary: xarray.Dataset | None = None,
    x: str | None = None,
    log: bool | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """Draw a result over two parameters: numbers as colours, labels and truth values as regions.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        Of :func:`tutelage.sweep`, with two axes left; or of :func:`tutelage.phase.trace`, which is drawn as the points
        that were computed, by their labels, and the boundary.
    value : str or callable, optional
        Which variable of a sweep, or a function of the dataset: ``lambda ds: ds.eg.isel(alpha=-1) < 1e-3``. Not needed
        with a data array.
    boundary : xarray.Dataset, optional
        Of :func:`tutelage.phase.trace` over the same two parameters, drawn on top.
    x : str, optional
        Which parameter is horizontal. Default: the first.
    log : bool, optional
        Whether the colours of numbers are logarithmic. Default: if all are positive and span a factor of 50.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure.
    title : str, optional

    Notes
    -----
    Axes are logarithmic where the values on them are spaced so. Points that are missing or failed are white.
    """
    traced = isinstance(ds, xarray.Dataset) and value is None and {"label", "axes"} <= {*ds.variables, *ds.attrs}
    with drawing(ax, title, box=True) as axes:
        if traced:
            names = _ordered(str(ds.attrs["axes"]).split(", "), x)
            _draw_points(axes, ds, names)
        else:
            array = _array(ds, value)
            names = _ordered([str(dim) for dim in array.dims], x)
            _draw_grid(axes, array.transpose(*names[::-1]), names, log)
        for trace in (each for each in (ds if traced else None, boundary) if each is not None):
            _draw_boundary(axes, trace, names)
    return axes.figure.figure


def _array(ds: Any, value: Any) -> xarray.DataArray:
    """Return what is to be drawn, over two dimensions with coordinates."""
    if isinstance(ds, xarray.DataArray):
        array = ds
    elif not isinstance(ds, xarray.Dataset):
        raise refuse("ds", "be a dataset of tl.sweep or tl.phase.trace", f"is {type(ds).__name__}")
    elif callable(value):
        array = value(ds)
    elif value in ds.data_vars:
        array = ds[value]
    else:
        raise refuse("value", f"be one of {', '.join(map(str, ds.data_vars))}, or a function", f"is {value!r}")
    if not isinstance(array, xarray.DataArray) or array.ndim != 2:
        dims = getattr(array, "dims", None)
        raise refuse("value", "leave two dimensions; select in the others, as with .isel(alpha=-1)", f"leaves {dims}")
    for dim in array.dims:
        if dim not in array.coords or array[dim].dtype.kind not in "iuf":
            raise refuse("value", "have numbers along both dimensions", f"has none along {dim}")
    return array.sortby(list(array.dims))


def _ordered(names: list[str], x: str | None) -> list[str]:
    """Return the two parameters, the horizontal one first."""
    if len(names) != 2:
        raise refuse("ds", "have two parameters", f"has {len(names)}: {', '.join(names)}")
    if x is not None and x not in names:
        raise refuse("x", f"be one of {names[0]}, {names[1]}", f"is {x!r}")
    return names[::-1] if x == names[1] else names


def _draw_grid(ax: Axes, array: xarray.DataArray, names: list[str], log: bool | None) -> None:
    """Draw numbers as colours with a bar, and labels as regions with a legend."""
    for name, scale in zip(names, (ax.set_xscale, ax.set_yscale), strict=True):
        scale("log" if _geometric(array[name].values) else "linear")
    ax.set(xlabel=_long(array[names[0]]), ylabel=_long(array[names[1]]))
    edges = [_edges(array[name].values) for name in names]
    values = array.values
    if values.dtype.kind in "bUS":
        kinds, codes = np.unique(values, return_inverse=True)
        look = ListedColormap(_regions(len(kinds)))
        norm: Normalize = BoundaryNorm(np.arange(len(kinds) + 1) - 0.5, look.N)
        ax.pcolormesh(*edges, codes.reshape(values.shape), cmap=look, norm=norm, linewidth=0)
        _legend(ax, [str(kind) for kind in kinds])
        return
    shown = np.ma.masked_invalid(values.astype(float))
    spread = shown.count() and shown.min() > 0 and shown.max() >= WIDE * shown.min()
    norm = LogNorm() if (spread if log is None else log) else Normalize()
    image = ax.pcolormesh(*edges, shown, cmap="viridis", norm=norm, linewidth=0)
    ax.figure.colorbar(image, ax=ax, label=str(array.attrs.get("long_name", array.name or "")))


def _draw_points(ax: Axes, ds: xarray.Dataset, names: list[str]) -> None:
    """Draw the points of a trace by their labels."""
    ax.set(xscale=ds[names[0]].attrs["scale"], yscale=ds[names[1]].attrs["scale"])
    ax.set(xlabel=_long(ds[names[0]]), ylabel=_long(ds[names[1]]))
    kinds = sorted(set(ds["label"].values.tolist()))
    for kind, colour in zip(kinds, _regions(len(kinds)), strict=True):
        some = ds.isel(point=np.flatnonzero(ds["label"].values == kind))
        ax.plot(some[names[0]], some[names[1]], ls="", marker="s", ms=2.5, color=colour, mec=GREY, mew=0.2)
    _legend(ax, kinds)


def _draw_boundary(ax: Axes, trace: Any, names: list[str]) -> None:
    """Draw the crossings of a trace."""
    wanted = [f"boundary_{name}" for name in names]
    if missing := [name for name in wanted if name not in getattr(trace, "variables", ())]:
        raise refuse("boundary", f"be a trace over {names[0]} and {names[1]}", f"has no {missing[0]}")
    ax.plot(trace[wanted[0]], trace[wanted[1]], ls="", marker=".", ms=2, color=DARK, mew=0)


def _legend(ax: Axes, kinds: list[str]) -> None:
    """Say which colour is which, beside the axes: within them it would hide points."""
    handles = [Patch(color=colour, label=kind) for kind, colour in zip(kinds, _regions(len(kinds)), strict=True)]
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _regions(count: int) -> list[Any]:
    """Return the colours of some regions."""
    return list(LIGHT[:count]) if count <= len(LIGHT) else list(matplotlib.colormaps["tab20"](np.arange(count) % 20))


def _long(array: xarray.DataArray) -> str:
    return str(array.attrs.get("long_name", array.name))


def _geometric(values: np.ndarray) -> bool:
    """Whether values are spaced more evenly in their logarithms than in themselves."""
    if len(values) < 3 or values[0] <= 0:
        return False
    steps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


def _edges(values: np.ndarray) -> np.ndarray:
    """Return the edges of cells around values: in the middles between them, of the logarithms if they are spaced so."""
    positions = np.log(values) if _geometric(values) else values.astype(float)
    if len(positions) == 1:
        return np.array([positions[0] - 0.5, positions[0] + 0.5])
    middles = (positions[1:] + positions[:-1]) / 2
    edges = np.concatenate([[2 * positions[0] - middles[0]], middles, [2 * positions[-1] - middles[-1]]])
    return np.exp(edges) if _geometric(values) else edges
