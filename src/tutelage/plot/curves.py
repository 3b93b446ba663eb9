r"""Pictures of results: learning curves, overlaps as heat maps, order parameters in time.

Every function returns a :class:`matplotlib.figure.Figure` made without pyplot: scripts need no backend, nothing stays
open, and a notebook shows it. The look (:func:`style`) suits one column of a paper and holds in these functions only.
Theory is a line; simulation is markers at the mean over replicas, thinned out where they would touch, with the standard
error as a band. Time :math:`\alpha = \mathrm{steps}/N` is on a logarithmic axis: what stands at alpha = 0 is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import xarray
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.rcsetup import cycler

from tutelage import __version__
from tutelage.errors import check_number, refuse

__all__ = ["learning_curve", "order_parameters", "overlaps", "save", "style"]

WIDTH, HEIGHT = 3.4, 2.6  # inches: one column of a paper
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933")  # Okabe-Ito, Tol
DARK, GREY = "#222222", "#999999"
LINES, MARKERS = ("-", "--", ":", "-."), ("o", "s", "^", "D")  # of teacher unit 1 to 4
SPACING, ENTRIES = 0.035, 6  # between markers, in diagonals of the axes; size of a matrix whose entries are written
ALPHA = r"$\alpha = \mathrm{steps}/N$"
TAGS = {".png": ("Software",), ".pdf": ("Creator", "CreationDate"), ".svg": ("Creator", "Date")}
STYLE: Any = {
    **dict.fromkeys(["font.size", "axes.labelsize", "axes.titlesize", "figure.titlesize"], 8),
    **dict.fromkeys(["legend.fontsize", "xtick.labelsize", "ytick.labelsize"], 7),
    **dict.fromkeys(["lines.markersize", "xtick.major.size", "ytick.major.size"], 3),
    **dict.fromkeys(["xtick.minor.size", "ytick.minor.size", "legend.handlelength"], 1.5),
    **dict.fromkeys(["axes.linewidth", "xtick.major.width", "ytick.major.width", "lines.markeredgewidth"], 0.5),
    **dict.fromkeys(["xtick.direction", "ytick.direction"], "in"),
    "axes.prop_cycle": cycler(color=PALETTE),
    "figure.figsize": (WIDTH, HEIGHT),
    "font.family": ["STIXGeneral", "DejaVu Sans"],  # both come with matplotlib
    "legend.frameon": False,
    "lines.linewidth": 1.0,
    "mathtext.fontset": "stix",
    "pdf.fonttype": 42,  # text stays text
    "svg.hashsalt": "tutelage",  # the same picture is the same file
}
_key: Any = partial(Line2D, [], [], color=DARK, ls="", mfc="none")  # an entry of a legend


class Picture(Figure):
    """A figure that a notebook shows although pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        self.savefig(buffer := BytesIO(), format="png", dpi=200)
        return buffer.getvalue()


def style() -> AbstractContextManager[None]:
    """Return the look of these pictures, for one column of a paper (3.4 x 2.6 inches): ``with style(): ...``.

    In a notebook, say ``%matplotlib inline`` before: matplotlib would else turn itself on inside, and off again after.
    """
    return matplotlib.rc_context(STYLE)


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
    if ax is not None and not isinstance(ax, Axes):
        raise refuse("ax", "be matplotlib axes", f"is {type(ax).__name__}")
    shared, named = {*theory} & {*simulation} - {""}, [label for label in every if label]
    colours = {"": DARK if named else PALETTE[0], **dict(zip(named, _colours(len(named)), strict=True))}
    with style() if ax is None else nullcontext():
        axes = _single(title) if ax is None else ax
        axes.set(xscale="log", yscale="log", xlabel=ALPHA, ylabel=r"generalisation error $\epsilon_g$")
        axes.set_title(axes.get_title() if title is None else title)
        for key, ds in theory.items():
            _draw(axes, ds, "eg", (), False, color=colours[key], label=key or "theory")
        for key, ds in simulation.items():
            _draw(axes, ds, "eg", (), True, color=colours[key], label="_" if key in shared else key or "simulation")
        kinds = [_key(label="theory", ls="-"), _key(label="simulation", marker="o")] if shared else []
        bands = {_spread(ds): None for ds in theory.values() if "eg_std" in ds}
        kinds += [Patch(label=label, color=DARK, alpha=0.15, linewidth=0) for label in bands]
        handles = axes.get_legend_handles_labels()[0] + kinds
        axes.legend(handles=handles, ncols=1 + (len(handles) > 6))
        _settle(axes)
    return axes.figure.figure


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
    ds = _check_dataset("ds", ds, ("R", "Q", "v", "v_star"))
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
        _settle(*page.axes)
    return page


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
    given = {name: _check_dataset(name, ds, ("R", "Q", "v"), log=True) for name, ds in both if ds is not None}
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
                _draw_elements(ax, ds, name, source == "sim")
        axes[-1].set_xlabel(ALPHA)
        _unit_keys(fig, *units[0], *given)
        _settle(*axes)
    return fig


def save(fig: Figure, path: str | Path) -> Path:
    """Write a picture as PNG (200 dpi), PDF or SVG, by the ending of `path`, and return its path.

    The file names the version of tutelage and holds no date: the same picture is the same file.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    path : path
        In a folder that exists; ends in .png, .pdf or .svg.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        For what is no figure, another ending, or a folder that does not exist.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if not isinstance(fig, Figure):
        raise refuse("fig", "be a matplotlib figure", f"is {type(fig).__name__}")
    if kind not in TAGS:
        raise refuse("path", f"end in {', '.join(TAGS)}", f"is {target}")
    if not target.parent.is_dir():
        raise refuse("path", "lie in an existing folder", f"{target.parent} is none")
    with style():
        fig.savefig(target, dpi=200, metadata=dict(zip(TAGS[kind], (f"tutelage {__version__}", None), strict=False)))
    return target


def _check_dataset(name: str, ds: Any, needed: Sequence[str], log: bool = False) -> xarray.Dataset:
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


def _curves(name: str, value: Any, labels: list[str]) -> dict[str, Any]:
    """Return the datasets of an argument by label; "" where there is none."""
    items = list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
    keys = [str(i + 1) for i in range(len(items))] if len(items) > 1 else [""]
    if isinstance(value, dict):
        keys, items = [str(key) for key in value], list(value.values())
    items = [_check_dataset(name, ds, ("eg",), log=True) for ds in items]
    return dict(zip(labels if len(labels) == len(items) else keys, items, strict=False))


def _colours(n: int) -> list[Any]:
    """Return n colours: the palette while it lasts, else a ramp."""
    return list(PALETTE[:n]) if n <= len(PALETTE) else list(matplotlib.colormaps["viridis"](np.linspace(0, 0.9, n)))


def _draw(ax: Axes, ds: Any, name: str, index: tuple[int, ...], simulated: bool, kind: int = 0, **look: Any) -> None:
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


def _draw_elements(ax: Axes, ds: Any, name: str, simulated: bool) -> None:
    """Draw every element of R, Q or v against alpha; those of Q once, off its diagonal in grey."""
    shape = tuple(ds.sizes[dim] for dim in ds[name].dims if dim not in ("replica", "alpha"))
    for index in (i for i in np.ndindex(shape) if name != "Q" or i[0] <= i[1]):
        grey = name == "Q" and index[0] != index[1]
        kind = index[1] if name == "R" and shape[1] <= len(LINES) else 0
        look = {"color": GREY, "lw": 0.6, "zorder": 1.5} if grey else {"color": _colours(shape[0])[index[0]]}
        _draw(ax, ds, name, index, simulated, kind, ms=2, **look)


def _spread(ds: Any) -> str:
    """Return what the band around theory is, for the legend."""
    scale = r" $\sqrt{N} \times$" if "sqrt(N)" in ds["eg_std"].attrs.get("long_name", "") else ""  # without a `dim`
    return rf"$\pm${scale} std of one run"


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


def _unit_keys(fig: Figure, K: int, M: int, *given: str, more: Sequence[list[Any]] = ()) -> None:
    """Add legends to order parameters: above, rows of students, teachers and `more`; below, the kinds of marks."""
    colours, shown = _colours(K), [k for k in range(K) if len(PALETTE) >= K or k in (0, K - 1)]
    rows = [[_key(label="student"), *(_key(label=str(k + 1), color=colours[k], ls="-") for k in shown)]]
    if 1 < M <= len(LINES):
        looks = [{"ls": look} for look in LINES] if "ode" in given else [{"marker": look} for look in MARKERS]
        rows.append([_key(label="teacher"), *(_key(label=str(n + 1), **looks[n]) for n in range(M))])
    rows += more
    units = [handle for column in zip_longest(*rows, fillvalue=_key(label=" ")) for handle in column]
    fig.legend(handles=units, ncols=len(units) // len(rows), loc="outside upper center", columnspacing=0.8)
    kinds = {"ode": _key(label="theory", ls="-"), "sim": _key(label="simulation", marker="o")}
    below = [kinds[name] for name in given] + [_key(label=r"$Q_{k \neq l}$", color=GREY, ls="-")] * (K > 1)
    fig.legend(handles=below, ncols=3, loc="outside lower center")


def _single(title: str | None) -> Axes:
    """Return the axes of a new picture, with margins that hold all its labels: a layout engine takes twice as long."""
    page = Picture()
    page.subplots_adjust(left=0.18, right=0.97, bottom=0.17, top=0.9 if title else 0.965)
    return page.add_subplot()


def _settle(*axes: Axes) -> None:
    """Make the first ticks while the style holds; matplotlib would when it first draws, and copies them afterwards."""
    for axis in (axis for ax in axes for axis in (ax.xaxis, ax.yaxis)):
        axis.get_major_ticks(1), axis.get_minor_ticks(1)
