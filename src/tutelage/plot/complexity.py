"""What a classifier knows of the labels in training, and what simpler classifiers explain of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutelage.errors import refuse
from tutelage.plot.look import DARK, colours_of, drawing, mark

__all__ = ["complexity"]

NEEDED = ("step", "I", "mu", "I_simpler")


def complexity(ds: xarray.Dataset, *, train: bool = False, ax: Axes | None = None, title: str | None = None) -> Figure:
    r"""Draw I(F; Y) and the performance correlations with simpler classifiers against training steps.

    The dark line is I(F; Y); a colour is a simpler classifier L, its line :math:`\mu_Y(F; L)`, its dashes I(L; Y).
    Of several seeds it is the mean, in a band of one standard deviation of single runs; of one run with standard errors
    the band is these. Step 0 has no place on the logarithmic axis.

    Parameters
    ----------
    ds : xarray.Dataset
        Of :meth:`tutelage.complexity.Tracker.dataset`, or several of :func:`tutelage.complexity.gather`.
    train : bool
        Whether to draw I(F; Y) on training samples, too, dotted.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure. Given axes keep their look: work within :func:`style` for ours.
    title : str, optional
    """
    missing = [name for name in NEEDED if name not in getattr(ds, "variables", {})]
    if missing:
        raise refuse("ds", "be a dataset of tl.complexity.Tracker", f"is {type(ds).__name__} without {missing[0]}")
    if train and "I_train" not in ds:
        raise refuse("train", "be False for a tracker without training samples", "is True")
    shown = ds.sel(step=ds.step > 0)
    if not shown.sizes["step"]:
        raise refuse("ds", "hold a step > 0", "holds none")
    with drawing(ax, title) as axes:
        _curve(axes, shown, "I", color=DARK)
        if train:
            _curve(axes, shown, "I_train", color=DARK, ls=":")
        for colour, name in zip(colours_of(shown.sizes["simpler"]), shown.simpler.values, strict=True):
            one = shown.sel(simpler=name)
            _curve(axes, one, "mu", color=colour)
            axes.axhline(float(one.I_simpler.mean()), color=colour, ls="--", lw=0.7)
        axes.set(xscale="log", xlabel="steps of training", ylabel="bits")
        axes.legend(handles=_handles(shown, train), frameon=True, framealpha=0.8, edgecolor="none")
    return axes.figure.figure


def _curve(ax: Axes, ds: Any, name: str, **look: Any) -> None:
    values, steps = ds[name], ds.step.values
    spread = None
    if "seed" in values.dims and ds.sizes["seed"] > 1:
        spread = values.std("seed", ddof=1)
    elif f"{name}_se" in ds:
        spread = ds[f"{name}_se"]
    mean = values.mean("seed") if "seed" in values.dims else values
    ax.plot(steps, mean.values, **look)
    if spread is not None:
        spread = spread.mean("seed") if "seed" in spread.dims else spread
        low, high = (np.asarray(mean + sign * spread) for sign in (-1, 1))
        ax.fill_between(steps, low, high, color=look["color"], alpha=0.2, linewidth=0)


def _handles(ds: Any, train: bool) -> list[Any]:
    names = [str(name) for name in ds.simpler.values]
    rows = [mark(label="$I(F; Y)$", ls="-")]
    rows += [mark(label="$I(F; Y)$, training samples", ls=":")] * train
    rows += [
        mark(label=rf"$\mu$ with {name}", ls="-", color=c)
        for name, c in zip(names, colours_of(len(names)), strict=True)
    ]
    return rows + [mark(label="$I(L; Y)$", ls="--")] * bool(names)
