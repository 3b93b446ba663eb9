"""How the cosines of students with their teachers are distributed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray
from matplotlib.figure import Figure

from tutelage.errors import check_number, refuse
from tutelage.plot.elements import check_dataset
from tutelage.plot.look import ENTRIES, HEIGHT, WIDTH, Picture, colours_of, settle, style
from tutelage.regimes.cosines import cosine_histogram

__all__ = ["cosines"]


def cosines(ds: xarray.Dataset, alpha: float | Sequence[float] | None = None, *, bins: int = 40) -> Figure:
    """Draw how the cosines of students with each teacher are distributed, one panel for each of some times.

    A colour is a teacher unit; every histogram has area one (:func:`tutelage.regimes.cosine_histogram`).

    Parameters
    ----------
    ds : xarray.Dataset
        Theory, mean field or simulation: of the latter all replicas together.
    alpha : float or sequence of float, optional
        Times, steps / N: the nearest stored ones are drawn. Default: the first, the middle one and the last.
    bins : int
        Number of intervals between -1 and 1.
    """
    ds = check_dataset("ds", ds, ("R", "T"))
    asked = ds["alpha"].values[[0, ds.sizes["alpha"] // 2, -1]] if alpha is None else np.atleast_1d(alpha)
    times = [check_number("alpha", time, minimum=0) for time in asked.tolist()]
    if not times:
        raise refuse("alpha", "name at least one time", "is empty")
    indices = np.unique(ds.indexes["alpha"].get_indexer(times, method="nearest"))
    density = cosine_histogram(ds.isel(alpha=indices), bins)
    edges, colours = np.linspace(-1, 1, bins + 1), colours_of(ds.sizes["teacher"])
    with style():
        fig = Picture(figsize=(WIDTH * max(1.0, len(indices) / 2), HEIGHT), layout="constrained")
        axes = fig.subplots(1, len(indices), sharey=True, squeeze=False)[0]
        for ax, at in zip(axes, density, strict=True):
            for n, (values, colour) in enumerate(zip(at.values, colours, strict=True)):
                ax.stairs(values, edges, color=colour, label=f"teacher {n + 1}")
            ax.set(xlim=(-1, 1), title=rf"$\alpha$ = {float(at['alpha']):.4g}")
        fig.supxlabel(r"cosine $R_{in} / \sqrt{Q_{ii} T_{nn}}$", fontsize=8)
        axes[0].set_ylabel("density of students")
        if 1 < len(colours) <= ENTRIES:
            axes[-1].legend()
        settle(*axes)
    return fig
