"""Trajectories through the landscape of a loss, and the points where searches end."""

from __future__ import annotations

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutelage.errors import check_type, refuse
from tutelage.plot.look import DARK, colours_of, settle, single, style

__all__ = ["minima", "trajectories"]

FLOOR = 1e-34  # of losses: all below are drawn here
DECADE = 10.0  # of the smallest loss: if the largest is beyond, the axis is logarithmic
KINDS = {"minimum": "o", "degenerate": "s", "saddle": "X", "diverging": "^", "unfinished": "v", "unknown": "D"}


def trajectories(*runs: xarray.Dataset, labels: list[str] | None = None, title: str | None = None) -> Figure:
    """Draw the loss and the largest component of the gradient along flows and descents, on logarithmic axes.

    Parameters
    ----------
    *runs : Dataset
        Of :func:`tutelage.landscape.flow` and :func:`tutelage.landscape.descend`. Steps are drawn at their number times
        the learning rate, where gradient descent lies on the flow.
    labels : list of str, optional
        Default: the methods.
    title : str, optional
    """
    if not runs:
        raise refuse("runs", "be at least one", "are none")
    for run in runs:
        check_type("runs", run, xarray.Dataset)
        if not {"loss", "gradient_norm"} <= set(run.data_vars) or not {"time", "step"} & set(run.dims):
            raise refuse("runs", "be datasets of `flow` or `descend`", f"have {', '.join(map(str, run.data_vars))}")
    names = [str(run.attrs.get("method", "")) for run in runs] if labels is None else list(labels)
    if len(names) != len(runs):
        raise refuse("labels", f"be {len(runs)}, one for each run", f"are {len(names)}")
    with style():
        axes = single(title)
        for run, name, colour in zip(runs, names, colours_of(len(runs)), strict=True):
            time = run["time"].values if "time" in run.dims else run["step"].values * _rate(run)
            for variable, line in (("loss", "-"), ("gradient_norm", ":")):
                label = name if variable == "loss" else None
                values = np.maximum(run[variable].values, FLOOR)
                axes.plot(time[time > 0], values[time > 0], line, color=colour, label=label)
        axes.plot([], [], ":", color=DARK, label="gradient")
        axes.set(xscale="log", yscale="log", xlabel=r"time (learning rate $\times$ steps)", ylabel="loss")
        axes.legend()
        settle(axes)
    return axes.figure.figure


def _rate(run: xarray.Dataset) -> float:
    import json

    return float(json.loads(run.attrs["settings"])["lr"])


def minima(found: xarray.Dataset, *, title: str | None = None) -> Figure:
    """Draw the losses where searches ended, in order of the loss; numbers count the starts of each distinct point.

    Parameters
    ----------
    found : Dataset
        Of :func:`tutelage.minima.search`.
    title : str, optional
    """
    from tutelage.minima import distinct  # brings searches and sweeps, which other pictures do not need

    points = distinct(found)
    done = np.flatnonzero(np.isfinite(found["loss"].values))
    order = done[np.argsort(found["loss"].values[done], kind="stable")]
    loss, kind = np.maximum(found["loss"].values[order], FLOOR), found["kind"].values[order]
    with style():
        axes: Axes = single(title)
        for name, colour in zip(KINDS, colours_of(len(KINDS)), strict=True):
            here = kind == name
            if here.any():
                axes.plot(np.flatnonzero(here) + 1, loss[here], KINDS[name], color=colour, label=name)
        axes.set(xlabel="starts, by loss", ylabel="loss", xlim=(0, len(order) + 1))
        axes.set_yscale("log" if loss.max() > DECADE * loss.min() else "linear")
        axes.margins(y=0.15)
        for point, count in enumerate(points["count"].values):
            members = np.flatnonzero(points["point_of"].values[order] == point)
            place = float(members.mean()) + 1, float(loss[members].max())
            axes.annotate(f"{count}", place, xytext=(0, 5), textcoords="offset points", ha="center", fontsize=6)
        axes.legend()
        settle(axes)
    return axes.figure.figure
