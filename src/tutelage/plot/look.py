"""The look of all pictures, figures that a notebook shows, and files of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.rcsetup import cycler

from tutelage.errors import refuse
from tutelage.version import __version__

WIDTH, HEIGHT = 3.4, 2.6  # inches: one column of a paper
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933")  # Okabe-Ito, Tol
DARK, GREY = "#222222", "#999999"
LINES, MARKERS = ("-", "--", ":", "-."), ("o", "s", "^", "D")  # of teacher unit 1 to 4
SPACING = 0.035  # between markers, in diagonals of the axes
ENTRIES = 6  # size of a matrix up to which its entries, and of a figure up to which its panels, are written
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
mark: Any = partial(Line2D, [], [], color=DARK, ls="", mfc="none")  # an entry of a legend


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


def colours_of(n: int) -> list[Any]:
    """Return n colours: the palette while it lasts, else a ramp."""
    return list(PALETTE[:n]) if n <= len(PALETTE) else list(matplotlib.colormaps["viridis"](np.linspace(0, 0.9, n)))


@contextmanager
def drawing(ax: Any, title: str | None, *, box: bool = False) -> Iterator[Axes]:
    """Give axes to draw on: the given ones, which keep their look, or those of a new picture, with room for a `box`."""
    if ax is not None and not isinstance(ax, Axes):
        raise refuse("ax", "be matplotlib axes", f"is {type(ax).__name__}")
    with style() if ax is None else nullcontext():
        if ax is None:
            ax = Picture(layout="constrained").add_subplot() if box else single(title)
        ax.set_title(ax.get_title() if title is None else title)
        yield ax
        settle(ax)


def single(title: str | None) -> Axes:
    """Return the axes of a new picture, with margins that hold all its labels: a layout engine takes twice as long."""
    page = Picture()
    page.subplots_adjust(left=0.18, right=0.97, bottom=0.17, top=0.9 if title else 0.965)
    return page.add_subplot()


def settle(*axes: Axes) -> None:
    """Make the first ticks while the style holds; matplotlib would when it first draws, and copies them afterwards."""
    for axis in (axis for ax in axes for axis in (ax.xaxis, ax.yaxis)):
        axis.get_major_ticks(1), axis.get_minor_ticks(1)
