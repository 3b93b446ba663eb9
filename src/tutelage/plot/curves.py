r"""Pictures in time: learning curves and order parameters.

Time :math:`\alpha = \mathrm{steps}/N` is on a logarithmic axis: what stands at alpha = 0 is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tutelage.errors import refuse
from tutelage.plot.elements import check_dataset, draw, draw_elements, unit_keys
from tutelage.plot.look import ALPHA, DARK, PALETTE, WIDTH, Picture, colours_of, drawing, mark, settle, style

__all__ = ["learning_curve", "order_parameters"]


def learning_curve(
    ode: xarray.Dataset | dict[str, xarray.Dataset] | Sequence[xarray.Dataset] | None = None,
    sim: xarray.Dataset | dict[str, xarray.Dataset] | Sequence[xarray.Dataset] | None = None,
    *,
    ax: Axes | None = None,
    labels: str | Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    r"""Draw the generalisation error :math:`\epsilon_g` against :math:`\alpha`, both axes logarithmic.

    Convention: eg has the factor 1/2 and no label noise. Values <= 0 are gaps. A light band holds 68 % of the replicas;
    around a line it is one standard deviation of a single run, where theory knows it (:func:`tutelage.fluctuations`).

    Parameters
    ----------
    ode, sim : xarray.Dataset, dict of them by label, or list of them
        Theory and simulation; the same label has the same colour. One dataset without label next to labelled ones is
        black: the theory for simulations at several N, say.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure. Given axes keep their look: work within :func:`style` for ours.
    labels : str or list of str, optional
        One label for each dataset; default: the keys of a dict, "1", "2", ... for a list.
    title : str, optional
    """
    names = [labels] if isinstance(labels, str) else [str(label) for label in labels or ()]
    theory, simulation = _curves("ode", ode, names), _curves("sim", sim, names)
    every = theory | simulation
    if not every:
        raise refuse("ode, sim", "hold at least one dataset", "are empty")
    if not set(names) <= set(every) or len(set(names)) < len(names):
        raise refuse("labels", "name each dataset differently", f"are {names}")
    shared, named = {*theory} & {*simulation} - {""}, [label for label in every if label]
    colours = {"": DARK if named else PALETTE[0], **dict(zip(named, colours_of(len(named)), strict=True))}
    with drawing(ax, title) as axes:
        axes.set(xscale="log", yscale="log", xlabel=ALPHA, ylabel=r"generalisation error $\epsilon_g$")
        for key, ds in theory.items():
            draw(axes, ds, "eg", (), False, color=colours[key], label=key or "theory")
        for key, ds in simulation.items():
            draw(axes, ds, "eg", (), True, color=colours[key], label="_" if key in shared else key or "simulation")
        kinds = [mark(label="theory", ls="-"), mark(label="simulation", marker="o")] if shared else []
        bands = {_spread(ds): None for ds in theory.values() if "eg_std" in ds}
        kinds += [Patch(label=label, color=DARK, alpha=0.15, linewidth=0) for label in bands]
        handles = axes.get_legend_handles_labels()[0] + kinds
        axes.legend(handles=handles, ncols=1 + (len(handles) > 6))
    return axes.figure.figure


def order_parameters(ode: xarray.Dataset | None, sim: xarray.Dataset | None = None) -> Figure:
    """Draw R and Q, and v where it is trained, against alpha: how the student's units specialise.

    A colour is a student unit in every panel; a line style or marker is a teacher unit, up to four. Entries of Q off
    its diagonal are grey. Where replicas specialise in different units, their mean shows neither.

    Parameters
    ----------
    ode, sim : xarray.Dataset or None
        Theory and simulation with the same numbers of units; at least one.
    """
    both = (("ode", ode), ("sim", sim))
    given = {name: check_dataset(name, ds, ("R", "Q", "v"), log=True) for name, ds in both if ds is not None}
    if not given:
        raise refuse("ode, sim", "hold at least one dataset", "are None")
    units = [(ds.sizes["student"], ds.sizes["teacher"]) for ds in given.values()]
    if units[0] != units[-1]:
        raise refuse("sim", f"have the numbers of units of `ode`, (K, M) = {units[0]}", f"has {units[1]}")
    trained = any(float(abs(ds["v"] - ds["v"].isel(alpha=0)).max()) > 0 for ds in given.values())
    with style():
        fig = Picture(figsize=(WIDTH, 3.2 + 1.2 * trained), layout="constrained")
        axes = fig.subplots(2 + trained, sharex=True)
        for ax, name, label in zip(axes, "RQv", ("$R_{kn}$", "$Q_{kl}$", "$v_k$"), strict=False):
            ax.set(xscale="log", ylabel=label)
            for source, ds in given.items():
                draw_elements(ax, ds, name, source == "sim")
        axes[-1].set_xlabel(ALPHA)
        unit_keys(fig, *units[0], *given)
        settle(*axes)
    return fig


def _curves(name: str, value: Any, labels: list[str]) -> dict[str, Any]:
    """Return the datasets of an argument by label; "" where there is none."""
    items = list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
    keys = [str(i + 1) for i in range(len(items))] if len(items) > 1 else [""]
    if isinstance(value, dict):
        keys, items = [str(key) for key in value], list(value.values())
    items = [check_dataset(name, ds, ("eg",), log=True) for ds in items]
    return dict(zip(labels if len(labels) == len(items) else keys, items, strict=False))


def _spread(ds: Any) -> str:
    """Return what the band around theory is, for the legend."""
    scale = r" $\sqrt{N} \times$" if "sqrt(N)" in ds["eg_std"].attrs.get("long_name", "") else ""  # without a `dim`
    return rf"$\pm${scale} std of one run"
