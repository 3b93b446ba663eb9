"""Variables of a dataset in time, element by element, with their legends.

Theory is a line; simulation is markers at the mean over replicas, thinned out where they would touch, with the standard
error as a band.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutelage.errors import refuse
from tutelage.plot.look import GREY, LINES, MARKERS, PALETTE, SPACING, colours_of, mark

__all__ = ["check_dataset", "draw", "draw_elements", "unit_keys"]


def check_dataset(name: str, ds: Any, needed: Sequence[str], log: bool = False) -> xarray.Dataset:
    """Return the times of `ds` that any replica reached and that a logarithmic axis can show (`log`), or refuse it."""
    missing = [key for key in ("alpha", *needed) if key not in getattr(ds, "variables", {})]
    ds = ds if missing else ds.dropna("alpha", how="all", subset=needed[:1])
    if missing or not ds.sizes["alpha"]:
        what = f"has no {missing[0] if missing else 'times'}" if hasattr(ds, "sizes") else f"is {type(ds).__name__}"
        raise refuse(name, f"be a dataset of {', '.join(needed)} in alpha, as solve and simulate return", what)
    if name == "ode" and "replica" in ds.dims:
        raise refuse("ode", "be theory, without replicas", f"has {ds.sizes['replica']}; a simulation is given as `sim`")
    if log and "task" in ds.dims:
        raise refuse(name, "be of one task (ds.sel(task=0)); tl.plot.continual draws all", f"has {ds.sizes['task']}")
    shown = ds.sel(alpha=ds["alpha"] > 0) if log else ds
    if not shown.sizes["alpha"]:
        raise refuse(name, "hold a time alpha > 0", "holds alpha = 0 alone")
    return shown


def draw(ax: Axes, ds: Any, name: str, index: tuple[int, ...], simulated: bool, kind: int = 0, **look: Any) -> None:
    """Draw one element of a variable against alpha: theory as a line, simulation as markers and bands."""
    alpha, runs = ds["alpha"].values, np.ma.masked_invalid(np.atleast_2d(ds[name].values[(..., slice(None), *index)]))
    mean = runs.mean(0).filled(np.nan)
    ls, marker = ("", MARKERS[kind]) if simulated else (LINES[kind], "")
    curve = np.where(mean > 0, mean, np.nan) if name == "eg" else mean
    spacing = SPACING if np.isfinite(curve).any() else None  # matplotlib cannot space markers of nothing
    ax.plot(alpha, curve, ls=ls, marker=marker, mfc="none", markevery=spacing, **look)
    band: Any = {"color": look["color"], "linewidth": 0, "where": np.isfinite(curve)}
    if not simulated and f"{name}_std" in ds:
        spread = ds[f"{name}_std"].values[(..., *index)]
        low = mean - spread if name != "eg" else np.maximum(mean - spread, 0.01 * mean)  # the axis is logarithmic
        ax.fill_between(alpha, low, mean + spread, alpha=0.15, **band)
    if len(runs) > 1:
        sem = (runs.std(0, ddof=1) / np.sqrt(runs.count(0))).filled(np.nan)
        ax.fill_between(alpha, mean - sem, mean + sem, alpha=0.4, **band)
        if name == "eg":
            ax.fill_between(alpha, *np.nanquantile(runs.filled(np.nan), (0.16, 0.84), axis=0), alpha=0.15, **band)


def draw_elements(ax: Axes, ds: Any, name: str, simulated: bool) -> None:
    """Draw every element of R, Q or v against alpha; those of Q once, off its diagonal in grey."""
    shape = tuple(ds.sizes[dim] for dim in ds[name].dims if dim not in ("replica", "alpha"))
    for index in (i for i in np.ndindex(shape) if name != "Q" or i[0] <= i[1]):
        grey = name == "Q" and index[0] != index[1]
        kind = index[1] if name == "R" and shape[1] <= len(LINES) else 0
        look = {"color": GREY, "lw": 0.6, "zorder": 1.5} if grey else {"color": colours_of(shape[0])[index[0]]}
        draw(ax, ds, name, index, simulated, kind, ms=2, **look)


def unit_keys(fig: Figure, K: int, M: int, *given: str, more: Sequence[list[Any]] = ()) -> None:
    """Add legends to order parameters: above, rows of students, teachers and `more`; below, the kinds of marks."""
    colours, shown = colours_of(K), [k for k in range(K) if len(PALETTE) >= K or k in (0, K - 1)]
    rows = [[mark(label="student"), *(mark(label=str(k + 1), color=colours[k], ls="-") for k in shown)]]
    if 1 < M <= len(LINES):
        looks = [{"ls": look} for look in LINES] if "ode" in given else [{"marker": look} for look in MARKERS]
        rows.append([mark(label="teacher"), *(mark(label=str(n + 1), **looks[n]) for n in range(M))])
    rows += more
    units = [handle for column in zip_longest(*rows, fillvalue=mark(label=" ")) for handle in column]
    fig.legend(handles=units, ncols=len(units) // len(rows), loc="outside upper center", columnspacing=0.8)
    kinds = {"ode": mark(label="theory", ls="-"), "sim": mark(label="simulation", marker="o")}
    below = [kinds[name] for name in given] + [mark(label=r"$Q_{k \neq l}$", color=GREY, ls="-")] * (K > 1)
    fig.legend(handles=below, ncols=3, loc="outside lower center")
