"""A student of several tasks in time: errors, heads and overlaps, with the switches between phases."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutelage.errors import refuse
from tutelage.plot.elements import check_dataset, draw, draw_elements, unit_keys
from tutelage.plot.look import ALPHA, DARK, GREY, LINES, MARKERS, WIDTH, Picture, colours_of, mark, settle, style

__all__ = ["continual"]

NEEDED = ("eg", "heads", "R", "Q", "readouts", "switch")
NAMED = 6  # phases, at most, that are named above the picture


def continual(ds: xarray.Dataset | None, sim: xarray.Dataset | None = None) -> Figure:
    r"""Draw the error of each task, heads, R and Q against :math:`\alpha`; grey lines are the ends of phases.

    A colour is a student unit in every panel but the first. A line style or marker is a task in the first two, and in
    the third a teacher's unit, all teachers' in a row, or, of more than four units, their task. More than four tasks
    are colours in the first panel.
    Entries of Q off its diagonal are grey. Time is on a linear axis: a phase begins at its own zero. Where replicas
    specialise in different units, their mean shows neither.

    Parameters
    ----------
    ds, sim : xarray.Dataset or None
        Theory and simulation of :mod:`tutelage.continual`, of the same tasks and units; at least one.
    """
    given = {key: check_dataset(name, each, NEEDED) for key, name, each in (("ode", "ds", ds), ("sim", "sim", sim))
             if each is not None}  # fmt: skip
    if not given:
        raise refuse("ds, sim", "hold at least one dataset", "are None")
    if "ode" in given and "replica" in given["ode"].dims:
        raise refuse("ds", "be theory, without replicas", f"has {given['ode'].sizes['replica']}; give it as `sim`")
    sizes = [tuple(each.sizes[dim] for dim in ("student", "teacher", "task", "head")) for each in given.values()]
    if sizes[0] != sizes[-1]:
        raise refuse("sim", f"have the units, tasks and heads of `ds`, {sizes[0]}", f"has {sizes[1]}")
    first = next(iter(given.values()))
    with style():
        fig = Picture(figsize=(WIDTH, 5.6), layout="constrained")
        axes = fig.subplots(4, sharex=True)
        for ax, label in zip(axes, (r"$\epsilon_g$", "$h^t_k$", "$R_{kn}$", "$Q_{kl}$"), strict=True):
            ax.set(ylabel=label)
            for end in _switches(first):
                ax.axvline(end, color=GREY, lw=0.6, zorder=1)
        for key, each in given.items():
            _draw_errors(axes[0], each, key == "sim")
            _draw_heads(axes[1], each, key == "sim")
            _draw_overlaps(axes[2], each, key == "sim")
            draw_elements(axes[3], each, "Q", key == "sim")
        axes[0].set(yscale="log")
        axes[-1].set(xlabel=ALPHA, xlim=(0, float(first.alpha[-1]) or 1.0))
        _name_phases(axes[0], first)
        unit_keys(fig, *sizes[0][:2], *given, more=[_task_keys(first, "ode" in given)])
        settle(*axes)
    return fig


def _draw_errors(ax: Axes, ds: Any, simulated: bool) -> None:
    for task, (colour, kind) in enumerate(_looks(ds.sizes["task"])):
        draw(ax, ds, "eg", (task,), simulated, kind, color=colour, ms=2)


def _draw_heads(ax: Axes, ds: Any, simulated: bool) -> None:
    kinds = [kind for _, kind in _looks(ds.sizes["head"])]
    for k, colour in enumerate(colours_of(ds.sizes["student"])):
        for head, kind in enumerate(kinds):
            draw(ax, ds, "heads", (head, k), simulated, kind, color=colour, ms=2)


def _draw_overlaps(ax: Axes, ds: Any, simulated: bool) -> None:
    units = np.arange(ds.sizes["teacher"])
    if len(units) > len(LINES):
        units = (ds.readouts.values != 0).argmax(0)  # the task of each; the first, of shared units
    kinds = [_looks(ds.sizes["task"])[n][1] for n in units] if len(units) > len(LINES) else units.tolist()
    for k, colour in enumerate(colours_of(ds.sizes["student"])):
        for n, kind in enumerate(kinds):
            draw(ax, ds, "R", (k, n), simulated, kind, color=colour, ms=2)


def _looks(tasks: int) -> list[tuple[Any, int]]:
    """Return the colour and the kind of line of each task's error."""
    return [(DARK, task) for task in range(tasks)] if tasks <= len(LINES) else [(c, 0) for c in colours_of(tasks)]


def _task_keys(ds: Any, lines: bool) -> list[Any]:
    """Return the row of the legend for tasks."""
    looks = [({"ls": LINES[kind]} if lines else {"marker": MARKERS[kind]}) | {"color": colour}
             for colour, kind in _looks(ds.sizes["task"])]  # fmt: skip
    return [mark(label="task"), *(mark(**({"label": str(task + 1)} | look)) for task, look in enumerate(looks))]


def _switches(ds: Any) -> np.ndarray:
    """Return the ends of phases within the picture, the mean over replicas; the end of all is none."""
    ends = ds.switch.mean("replica") if "replica" in ds.switch.dims else ds.switch
    return ends.values[ends.values < float(ds.alpha[-1])]


def _name_phases(ax: Axes, ds: Any) -> None:
    """Write above each phase which task it is, where there are few."""
    phases = json.loads(ds.attrs.get("settings", "{}")).get("phases", [])
    edges = [0.0, *_switches(ds), float(ds.alpha[-1])]
    if len(edges) - 1 > min(NAMED, len(phases)):
        return
    for phase, begin, end in zip(phases, edges, edges[1:], strict=False):
        look: Any = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "bottom", "fontsize": 7}
        ax.text((begin + end) / 2, 1.02, f"task {phase['task'] + 1}", color=DARK, **look)
