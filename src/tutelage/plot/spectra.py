"""Eigenvalues of Hessians as histograms, with the laws that they should follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutelage.errors import check_count, check_vector, refuse
from tutelage.landscape.spectra import Spectrum
from tutelage.plot.look import DARK, colours_of, drawing

__all__ = ["spectrum"]

LINES = ("-", "--", ":", "-.")  # of the first law to the fourth
POINTS = 600  # of a law


def spectrum(
    values: Any,
    law: Any = None,
    *,
    bins: int = 60,
    log: bool = False,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    r"""Draw a histogram of eigenvalues, of area one, and laws as lines.

    Parameters
    ----------
    values : array, spectrum, or dict of them by label
        Eigenvalues in any shape. Of a :class:`~tutelage.landscape.Spectrum` those that are not zero are drawn.
    law : law, or dict of them by label, optional
        Anything with a method ``pdf(x)``, such as :class:`~tutelage.landscape.LinearLaw` or
        :class:`~tutelage.landscape.MarchenkoPastur`; an ``atom`` of it is a vertical line at its ``shift``, and its
        weight is in the legend.
    bins : int
        Number of intervals.
    log : bool
        Eigenvalues on a logarithmic axis, and their density per decade. Those that are not positive are left out; the
        legend says what fraction they are.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure. Given axes keep their look: work within :func:`style` for ours.
    title : str, optional
    """
    sets = {label: _numbers(each) for label, each in _labelled(values, "eigenvalues").items()}
    laws = {} if law is None else _labelled(law, "law")
    if not sets or len(laws) > len(LINES):
        raise refuse("values, law", "be at least one, and four at most", f"are {len(sets)} and {len(laws)}")
    if any(not hasattr(each, "pdf") for each in laws.values()):
        raise refuse("law", "have a method `pdf`", f"is {law!r:.60}")
    edges = _edges(sets, check_count("bins", bins), log)
    with drawing(ax, title) as axes:
        for (label, each), colour in zip(sets.items(), colours_of(len(sets)), strict=True):
            _histogram(axes, each, edges, label, colour, log)
        for (label, each), line in zip(laws.items(), LINES, strict=False):
            _curve(axes, each, edges, label, line, log)
        density = "eigenvalues per decade" if log else "density of eigenvalues"
        axes.set(xlabel=r"eigenvalue $\lambda$", ylabel=density, xlim=(edges[0], edges[-1]))
        axes.set_xscale("log" if log else "linear")
        axes.set_ylim(bottom=0)
        axes.legend()
    return axes.figure.figure


def _labelled(given: Any, label: str) -> dict[str, Any]:
    return {str(key): each for key, each in given.items()} if isinstance(given, Mapping) else {label: given}


def _numbers(given: Any) -> np.ndarray:
    """Return eigenvalues as one array; of a spectrum those that are not zero."""
    if isinstance(given, Spectrum):
        given = given.values[np.abs(given.values) > given.tolerance]
    return check_vector("values", np.ravel(given), "eigenvalues")


def _edges(sets: dict[str, np.ndarray], bins: int, log: bool) -> np.ndarray:
    """Return the edges of the intervals that all histograms share."""
    every = np.concatenate(list(sets.values()))
    every = every[every > 0] if log else every
    if not every.size:
        raise refuse("values", "have a positive one for a logarithmic axis", "have none")
    low, high = every.min(), every.max()
    if low == high:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    return np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)


def _histogram(ax: Axes, values: np.ndarray, edges: np.ndarray, label: str, colour: Any, log: bool) -> None:
    """Draw a histogram whose area, with what is left out, is one."""
    counts = np.histogram(values, edges)[0]
    widths = np.diff(np.log10(edges) if log else edges)
    left = float(np.mean(values <= 0)) if log else 0.0
    more = f", {100 * left:.3g} % not positive" if left else ""
    ax.stairs(counts / len(values) / widths, edges, color=colour, fill=True, alpha=0.35, lw=0)
    ax.stairs(counts / len(values) / widths, edges, color=colour, label=label + more, lw=0.8)


def _curve(ax: Axes, law: Any, edges: np.ndarray, label: str, line: str, log: bool) -> None:
    """Draw the density of a law, and its atom."""
    x = np.geomspace(edges[0], edges[-1], POINTS) if log else np.linspace(edges[0], edges[-1], POINTS)
    ax.plot(x, law.pdf(x) * (x * np.log(10) if log else 1.0), color=DARK, ls=line, label=label)
    atom, place = float(getattr(law, "atom", 0.0)), float(getattr(law, "shift", 0.0))
    if atom > 0:
        ax.axvline(place, color=DARK, ls=line, lw=0.6, label=f"atom of {label}: {100 * atom:.3g} %")
