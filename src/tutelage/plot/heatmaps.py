"""Overlaps and readouts at one time, as heat maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutelage.errors import check_number, refuse
from tutelage.plot.elements import check_dataset
from tutelage.plot.look import DARK, ENTRIES, GREY, PALETTE, WIDTH, Picture, settle, style

__all__ = ["overlaps"]


def overlaps(ds: xarray.Dataset, alpha: float | None = None, *, fig: Figure | None = None) -> Figure:
    """Draw R and Q as heat maps on one scale, and below their columns the readouts v_star and v.

    Parameters
    ----------
    ds : xarray.Dataset
        Theory, or simulation: then the mean over replicas is drawn.
    alpha : float, optional
        Time, steps / N: the nearest stored one is drawn, and named in the title. Default: the last.
    fig : matplotlib.figure.Figure, optional
        Where to draw; default: a new figure.
    """
    ds = check_dataset("ds", ds, ("R", "Q", "v", "v_star"))
    if fig is not None and not isinstance(fig, Figure):
        raise refuse("fig", "be a matplotlib figure", f"is {type(fig).__name__}")
    at = ds.isel(alpha=-1) if alpha is None else ds.sel(alpha=check_number("alpha", alpha, minimum=0), method="nearest")
    arrived = np.isfinite(at["R"].values)[..., 0, 0].sum()
    mean = at.mean("replica") if "replica" in at.dims else at
    R, Q, v, v_star = (mean[name].values for name in ("R", "Q", "v", "v_star"))
    (K, M), limit = R.shape, max(np.abs(R).max(), np.abs(Q).max()) or 1.0
    widths, heights = (max(M, K / 5), max(K, M / 5)), (max(min(0.42, 2.4 / (K + M)) * K, 0.5), 0.6)
    with style():
        page = Picture(figsize=(WIDTH, sum(heights) + 0.9)) if fig is None else fig
        page.set_layout_engine(page.get_layout_engine() or "constrained")
        axes: Any = page.subplots(2, 2, sharex="col", sharey="row", width_ratios=widths, height_ratios=heights)
        _heat(axes[0, 0], "$R$", R, limit, min(6, 60 / (K + M)))
        image = _heat(axes[0, 1], "$Q$", Q, limit, min(6, 60 / (K + M)))
        page.colorbar(image, ax=axes[0].tolist(), fraction=0.05, pad=0.02)
        bars = ((axes[1, 0], "teacher", v_star, GREY), (axes[1, 1], "student", v, PALETTE[0]))
        for ax, unit, values, colour in bars:
            ax.bar(np.arange(1, len(values) + 1), values, width=0.6, color=colour)
            ax.axhline(0, color=DARK, linewidth=0.5)
            ax.tick_params("x", length=0)
            ax.set_xlabel(unit)
        axes[0, 0].set_ylabel("student")
        axes[1, 0].set_ylabel("readouts\n$v^*$, $v$")
        page.suptitle(
            rf"$\alpha$ = {float(at['alpha']):.4g}" + (f", mean of {arrived} replicas" if "replica" in at.dims else "")
        )
        settle(*page.axes)
    return page


def _heat(ax: Axes, title: str, matrix: np.ndarray, limit: float, size: float) -> Any:
    """Draw a matrix between -limit and limit, if it is small with its entries in `size` points; return the image."""
    bottom, right = np.add(matrix.shape, 0.5)
    image = ax.imshow(matrix, "RdBu_r", aspect="auto", clim=(-limit, limit), extent=(0.5, right, bottom, 0.5))
    ax.set(title=title, xticks=np.arange(1, right), yticks=np.arange(1, bottom))
    ax.tick_params(length=0)
    for (k, l), value in np.ndenumerate(matrix if max(matrix.shape) <= ENTRIES else np.empty((0, 0))):
        text = f"{round(value, 2) + 0:.2f}" if abs(value) < 10 else f"{value:.3g}"
        look: Any = {"color": "white" if abs(value) > 0.6 * limit else DARK, "ha": "center", "va": "center"}
        ax.text(l + 1, k + 1, text.replace("-", "\N{MINUS SIGN}"), fontsize=size, **look)
    return image
