r"""Pictures of results: learning curves, overlaps as heat maps, order parameters in time.

Every function returns a :class:`matplotlib.figure.Figure` made without pyplot: scripts need no backend, nothing stays
open, and a notebook shows it. The look (:func:`style`) suits one column of a paper and never leaves the functions.

Theory is a line, simulation markers; a dark band is the standard error of the mean over replicas. Time
:math:`\alpha = \mathrm{steps}/N` is on a logarithmic axis, so what was stored at alpha = 0 is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D

from tutelage.errors import check_number, refuse

if TYPE_CHECKING:
    import xarray

__all__ = ["learning_curve", "order_parameters", "overlaps", "save", "style"]

WIDTH, HEIGHT = 3.4, 2.6  # inches: one column
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933")  # Okabe-Ito, Tol
DARK, GREY = "#222222", "#999999"
LINES, MARKERS = ("-", "--", ":", "-."), ("o", "s", "^", "D")  # of teacher 1 to 4
SPACING = 0.035  # of the diagonal of the axes: markers closer than this are thinned out
ENTRIES = 6  # largest matrix whose entries are written into its cells
ALPHA, EG = r"$\alpha = \mathrm{steps}/N$", r"generalisation error $\epsilon_g$"
FORMATS = (".png", ".pdf", ".svg")
STYLE: dict[str, Any] = {
    "axes.labelsize": 8,
    "axes.linewidth": 0.5,
    "axes.prop_cycle": matplotlib.cycler(color=PALETTE),
    "axes.titlesize": 8,
    "figure.dpi": 200,
    "figure.figsize": (WIDTH, HEIGHT),
    "figure.titlesize": 8,
    "font.family": ["STIXGeneral", "DejaVu Sans"],  # both come with matplotlib
    "font.size": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.labelspacing": 0.3,
    "lines.linewidth": 1.0,
    "lines.markeredgewidth": 0.6,
    "lines.markersize": 3,
    "mathtext.fontset": "stix",
    "pdf.fonttype": 42,
    "svg.hashsalt": "tutelage",
    **{f"{axis}tick.{key}": value for axis in "xy" for key, value in (("labelsize", 7), ("direction", "in"))},
    **{f"{axis}tick.{rank}.width": 0.5 for axis in "xy" for rank in ("major", "minor")},
    **{f"{axis}tick.{rank}.size": size for axis in "xy" for rank, size in (("major", 3), ("minor", 1.5))},
}


class Picture(Figure):
    """A figure that a notebook shows although pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def style() -> AbstractContextManager[None]:
    """Return the look of these pictures as a context: sizes for one column of a paper (3.4 x 2.6 inches).

    Examples
    --------
    >>> with style():
    ...     figure = Figure()
    >>> tuple(map(float, figure.get_size_inches()))
    (3.4, 2.6)
    """
    return matplotlib.rc_context(STYLE)


def learning_curve(
    ode: Any = None,
    sim: Any = None,
    *,
    ax: Axes | None = None,
    labels: str | Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    r"""Draw the generalisation error :math:`\epsilon_g` against :math:`\alpha`, both on logarithmic axes.

    Values of eg that are not positive, which such an axis cannot show, are gaps. A light band is where the central 68 %
    of the replicas lie.

    Parameters
    ----------
    ode, sim : xarray.Dataset, dict of them by label, or list of them
        Theory and simulation; what has the same label has the same colour. One dataset without a label next to labelled
        ones is black: one theory for simulations at several N, say.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure.
    labels : str or list of str, optional
        Labels of datasets that do not come as dicts; default for lists: "1", "2", ...
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Notes
    -----
    Convention: eg carries the factor 1/2 and no label noise.
    """
    names = _label_list(labels, ode, sim)
    theory, simulation = _curves("ode", ode, names), _curves("sim", sim, names)
    if not theory and not simulation:
        raise refuse("ode, sim", "hold at least one dataset", "are empty")
    if ax is not None and not isinstance(ax, Axes):
        raise refuse("ax", "be the axes of a matplotlib figure", f"is {type(ax).__name__}")
    named = [label for label in dict.fromkeys([*theory, *simulation]) if label]
    colours = dict(zip(named, _colours(len(named)), strict=True)) | {"": DARK if named else PALETTE[0]}
    with style():
        axes = Picture(layout="constrained").add_subplot() if ax is None else ax
        axes.set(xscale="log", yscale="log", xlabel=ALPHA, ylabel=EG, **({} if title is None else {"title": title}))
        for label, ds in simulation.items():
            _spread(axes, ds, colours[label])
            _points(axes, ds["alpha"].values, *_mean(ds, "eg", positive=True), label or "simulation", colours[label])
        for label, ds in theory.items():
            axes.plot(*_positive(ds["alpha"].values, ds["eg"].values), color=colours[label], label=label or "theory")
        handles = _keys(theory, simulation, colours)
        axes.legend(handles=handles, ncols=1 + (len(handles) > 6))
        return _settled(axes.figure)


def overlaps(ds: xarray.Dataset, alpha: float | None = None, *, fig: FigureBase | None = None) -> Figure:
    """Draw R and Q as heat maps on one scale, and under their columns the readouts v_star and v as bars.

    Parameters
    ----------
    ds : xarray.Dataset
        Theory or simulation; the mean over replicas is drawn.
    alpha : float, optional
        Time, steps / N; the nearest stored one is drawn and named in the title. Default: the last.
    fig : matplotlib.figure.Figure, optional
        Where to draw; default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    _check_dataset("ds", ds, ("R", "Q", "v", "v_star"))
    if fig is not None and not isinstance(fig, FigureBase):
        raise refuse("fig", "be a matplotlib figure", f"is {type(fig).__name__}")
    at = ds.isel(alpha=-1) if alpha is None else ds.sel(alpha=check_number("alpha", alpha, minimum=0), method="nearest")
    (R, Q, v), v_star = (_mean(at, name)[0] for name in ("R", "Q", "v")), at["v_star"].values
    K, M = R.shape
    cell = (WIDTH - 1.0) / (K + M)
    sizes = {
        "width_ratios": (max(M, 0.12 * K), max(K, 0.12 * M)),
        "height_ratios": (max(K * min(cell, 0.45), 0.5), 0.6),
    }
    with style():
        page = Picture(figsize=(WIDTH, sum(sizes["height_ratios"]) + 0.8)) if fig is None else fig
        if isinstance(page, Figure) and page.get_layout_engine() is None:
            page.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02)
        axes = page.subplots(2, 2, sharex="col", sharey="row", gridspec_kw=sizes)
        limit = max(np.abs(R).max(), np.abs(Q).max()) or 1.0
        images = [_heat(ax, *what, limit, cell) for ax, what in zip(axes[0], (("$R$", R), ("$Q$", Q)), strict=True)]
        page.colorbar(images[1], ax=axes[0].tolist(), fraction=0.05, pad=0.02).outline.set_linewidth(0.5)
        for ax, unit, values in zip(axes[1], ("teacher", "student"), (v_star, v), strict=True):
            ax.bar(np.arange(1, len(values) + 1), values, width=0.6, color=DARK if unit == "teacher" else PALETTE[0])
            ax.axhline(0, color=DARK, linewidth=0.5)
            ax.set_xlabel(unit)
        axes[0, 0].set_ylabel("student")
        axes[1, 0].set_ylabel("readouts\n$v^*$, $v$")
        replicas = f", mean of {ds.sizes['replica']} replicas" if "replica" in ds["R"].dims else ""
        page.suptitle(rf"$\alpha = {_number(float(at['alpha']))}${replicas}")
        return _settled(page)


def order_parameters(ode: xarray.Dataset | None, sim: xarray.Dataset | None = None) -> Figure:
    """Draw R and Q, and v if it is trained, against alpha: how the student's units specialise.

    A colour is a student unit in every panel, a line style or marker a teacher unit (up to four); entries of Q off its
    diagonal are grey. Where replicas specialise in different units, their mean shows neither.

    Parameters
    ----------
    ode, sim : xarray.Dataset or None
        Theory and simulation of the same numbers of units; at least one.

    Returns
    -------
    matplotlib.figure.Figure
    """
    given = {name: ds for name, ds in (("ode", ode), ("sim", sim)) if ds is not None}
    if not given:
        raise refuse("ode, sim", "hold at least one dataset", "are None")
    for name, ds in given.items():
        _check_dataset(name, ds, ("R", "Q", "v"), later=True)
    shapes = {name: (ds.sizes["student"], ds.sizes["teacher"]) for name, ds in given.items()}
    K, M = shapes[next(iter(given))]
    if shapes.get("sim", (K, M)) != (K, M):
        raise refuse("sim", f"have the numbers of units of `ode`, (K, M) = {(K, M)}", f"has {shapes['sim']}")
    panels = {"R": "$R_{kn}$", "Q": "$Q_{kl}$", "v": "$v_k$"}
    if all(np.ptp(ds["v"].values, axis=ds["v"].dims.index("alpha")).max() < 1e-12 for ds in given.values()):
        del panels["v"]
    with style():
        fig = Picture(figsize=(WIDTH, 0.7 + 1.25 * len(panels)), layout="constrained")
        axes = fig.subplots(len(panels), sharex=True)
        for ax, (name, ylabel) in zip(axes, panels.items(), strict=True):
            ax.set(xscale="log", ylabel=ylabel)
            ax.axhline(0, color=GREY, linewidth=0.4, zorder=0)
            for source, ds in given.items():
                _elements(ax, name, ds, source == "sim")
        axes[-1].set_xlabel(ALPHA)
        _unit_keys(fig, K, M, given)
        return _settled(fig)


def save(fig: FigureBase, path: str | os.PathLike) -> Path:
    """Write a picture as PNG (200 dpi), PDF or SVG, by the ending of `path`, and return its path.

    The file names the version of tutelage, holds no date, and replaces an existing one in one move.
    """
    from tutelage import __version__

    target = Path(path)
    kind = target.suffix.lower()
    if not isinstance(fig, Figure):
        raise refuse("fig", "be a matplotlib figure", f"is {type(fig).__name__}")
    if kind not in FORMATS:
        raise refuse("path", f"end in {', '.join(FORMATS)}", f"is {target}")
    if not target.parent.is_dir():
        raise refuse("path", "lie in an existing folder", f"{target.parent} is none")
    program = f"tutelage {__version__}"
    metadata = {
        ".png": {"Software": program},
        ".pdf": {"Creator": program, "CreationDate": None},
        ".svg": {"Creator": program, "Date": None},
    }[kind]
    part = target.with_name(f".{target.name}.part")
    with style():
        fig.savefig(part, format=kind[1:], dpi=200, metadata=metadata)
    os.replace(part, target)
    return target


def _check_dataset(name: str, ds: Any, needed: Sequence[str], later: bool = False) -> None:
    """Refuse what is not a dataset with the variables `needed`, and (`later`) with a time that a log axis can show."""
    import xarray

    must = f"be a dataset with alpha, {', '.join(needed)}, as solve and simulate return"
    if not isinstance(ds, xarray.Dataset):
        raise refuse(name, must, f"is {type(ds).__name__}")
    missing = [key for key in ("alpha", *needed) if key not in ds.variables]
    if missing or ds.sizes["alpha"] == 0:
        raise refuse(name, must, f"has no {missing[0]}" if missing else "has no times")
    if name == "ode" and "replica" in ds.dims:
        raise refuse("ode", "be theory, without replicas", f"has {ds.sizes['replica']}; simulations are `sim`")
    if later and not (ds["alpha"].values > 0).any():
        raise refuse(name, "hold a time alpha > 0", "holds alpha = 0 alone")


def _label_list(labels: str | Sequence[str] | None, *given: Any) -> list[str]:
    """Return `labels` as a list, empty for none."""
    names = [] if labels is None else [labels] if isinstance(labels, str) else [str(label) for label in labels]
    if len(set(names)) < len(names):
        raise refuse("labels", "differ from each other", f"are {names}")
    if len(names) > 1 and not any(isinstance(value, (list, tuple)) for value in given):
        raise refuse("labels", "be one label for one dataset", f"are {names}")
    return names


def _curves(name: str, value: Any, labels: list[str]) -> dict[str, Any]:
    """Return the datasets of argument `name` by label; "" where there is none."""
    import xarray

    if value is None:
        return {}
    if isinstance(value, (list, tuple)):
        keys = labels or ([""] if len(value) == 1 else [str(i + 1) for i in range(len(value))])
        if len(keys) != len(value):
            raise refuse("labels", f"name each of the {len(value)} datasets of `{name}`", f"are {labels}")
        curves = dict(zip(keys, value, strict=True))
    elif isinstance(value, Mapping) and not isinstance(value, xarray.Dataset):
        if labels:
            raise refuse("labels", f"be left out where `{name}` is a dict, whose keys are the labels", f"are {labels}")
        curves = {str(key): ds for key, ds in value.items()}
    else:
        curves = {labels[0] if len(labels) == 1 else "": value}
    for ds in curves.values():
        _check_dataset(name, ds, ("eg",), later=True)
    return curves


def _colours(n: int) -> list[Any]:
    """Return n colours: the palette while it lasts, else a ramp."""
    return list(PALETTE[:n]) if n <= len(PALETTE) else list(matplotlib.colormaps["viridis"](np.linspace(0, 0.9, n)))


def _positive(alpha: np.ndarray, *values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what logarithmic axes can show: times > 0, and gaps for values that are not positive."""
    later = alpha > 0
    return alpha[later], *(np.where(value[later] > 0, value[later], np.nan) for value in values)


def _mean(ds: Any, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the mean over replicas and its standard error (None for fewer than two replicas)."""
    if "replica" not in ds[name].dims:
        return ds[name].values, None
    mean, n = ds[name].mean("replica").values, ds.sizes["replica"]
    return mean, ds[name].std("replica", ddof=1).values / np.sqrt(n) if n > 1 else None


def _points(ax: Axes, alpha: np.ndarray, mean: np.ndarray, sem: np.ndarray | None, **look: Any) -> None:
    """Draw means as markers, thinned out where they would touch, and their standard error as a band."""
    ax.plot(alpha, mean, **{"marker": "o", "linestyle": "", "markerfacecolor": "none", "markevery": SPACING, **look})
    if sem is not None:
        ax.fill_between(alpha, mean - sem, mean + sem, color=look["color"], alpha=0.4, linewidth=0)


def _draw_simulation(ax: Axes, ds: Any, label: str, colour: Any) -> None:
    """Draw a simulation's generalisation error: where its replicas lie, and their mean."""
    alpha = ds["alpha"].values
    mean, sem = _mean(ds, "eg")
    if "replica" in ds["eg"].dims and sem is not None:
        quantiles = ds["eg"].quantile((0.16, 0.84), "replica").values
        times, lower, upper = _positive(alpha, *quantiles)
        ax.fill_between(times, lower, upper, color=colour, alpha=0.15, linewidth=0)
    times, mean = _positive(alpha, mean)
    _points(ax, times, mean, None if sem is None else sem[alpha > 0], color=colour, label=label or "simulation")


def _keys(theory: Mapping[str, Any], simulation: Mapping[str, Any], colours: Mapping[str, Any]) -> list[Line2D]:
    """Return the legend of a learning curve: what each colour is and, where labels leave it open, each kind of mark."""
    line, mark = {"linestyle": "-"}, {"linestyle": "", "marker": "o", "markerfacecolor": "none"}
    handles = []
    for label in dict.fromkeys([*theory, *simulation]):
        if label:
            look = (line if label in theory else {"linestyle": ""}) | (
                {"marker": "o", "markerfacecolor": "none"} if label in simulation else {}
            )
            handles.append(Line2D([], [], color=colours[label], label=label, **look))
    named = bool(handles)
    kinds = (("theory", theory, line), ("simulation", simulation, mark))
    handles += [
        Line2D([], [], color=DARK if named else PALETTE[0], label=kind, **look)
        for kind, curves, look in kinds
        if "" in curves or (curves and theory and simulation)
    ]
    return handles


def _heat(ax: Axes, name: str, matrix: np.ndarray, limit: float, cell: float) -> Any:
    """Draw a matrix as a heat map between -limit and limit, units counted from 1; return the image."""
    rows, columns = matrix.shape
    image = ax.imshow(
        matrix,
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        extent=(0.5, columns + 0.5, rows + 0.5, 0.5),
    )
    ax.set_title(name)
    ax.set_xticks(range(1, columns + 1))
    ax.set_yticks(range(1, rows + 1))
    ax.tick_params(length=0)
    if max(rows, columns) <= ENTRIES:
        for (i, k), value in np.ndenumerate(matrix):
            colour = "white" if abs(value) > 0.6 * limit else DARK
            ax.text(k + 1, i + 1, _entry(value), ha="center", va="center", color=colour, fontsize=min(7, 24 * cell))
    return image


def _entry(value: float) -> str:
    """Return a number for a cell: two decimals, or three digits if it is large."""
    text = f"{value:.2f}" if abs(value) < 9.995 else f"{value:.3g}"
    return ("0.00" if text == "-0.00" else text).replace("-", "\N{MINUS SIGN}")


def _number(value: float) -> str:
    """Return a number in mathtext: 1000, 2.5 \\times 10^{6}."""
    digits, _, exponent = f"{value:.4g}".partition("e")
    return digits if not exponent else rf"{digits} \times 10^{{{int(exponent)}}}"


def _elements(ax: Axes, name: str, ds: Any, simulated: bool) -> None:
    """Draw every element of R, Q or v against time: theory as lines, simulation as markers."""
    later = ds["alpha"].values > 0
    alpha = ds["alpha"].values[later]
    mean, sem = (None if part is None else part[later] for part in _mean(ds, name))
    for index, colour, style_index in _marks(name, mean.shape[1:]):
        which = (slice(None), *index)
        if simulated:
            error = None if sem is None else sem[which]
            _points(ax, alpha, mean[which], error, color=colour, marker=MARKERS[style_index], markersize=2.2)
        else:
            ax.plot(alpha, mean[which], color=colour, linestyle=LINES[style_index])


def _marks(name: str, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Any, int]]:
    """Yield the index, the colour and the number of the line style of each element that is drawn."""
    colours = _colours(shape[0])
    for index in np.ndindex(shape):
        if name == "Q" and index[0] != index[1]:
            if index[0] < index[1]:
                yield index, GREY, 0
        else:
            distinct = name == "R" and shape[1] <= len(LINES)
            yield index, colours[index[0]], index[1] if distinct else 0


def _settled(fig: Any) -> Any:
    """Return `fig` with layout and ticks made while the style holds: matplotlib makes them when it first draws."""
    fig.draw_without_rendering()
    return fig
