"""How the cosines of wide students are distributed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tutelage.papers import Reproduction
from tutelage.papers.arnaboldi2023.model import Model
from tutelage.regimes.cosines import cosine_histogram, cosines

__all__ = ["cosine_histograms"]


def cosine_histograms(
    students: int = 5000,
    sgd_students: int = 400,
    *,
    dim: int = 3,
    lr: float = 1.0,
    times: Sequence[float] = (0.0, 1.0, 100.0, 910.0),
    sgd_time: float = 100.0,
    bins: int = 20,
    seed: int = 0,
) -> Reproduction:
    r"""Cosines of wide students with one teacher unit, at several times (Fig. 5d).

    Finding: in three dimensions cosines are uniform at the start, and end at 1 and -1 in equal shares, as the square
    does not tell w from -w.

    Parameters
    ----------
    students, sgd_students : int
        K of the mean field (lines) and of SGD (markers).
    dim : int
        N.
    lr : float
        Learning rate; there is no label noise.
    times : sequence of float
        t = lr alpha/K, the first one 0.
    sgd_time : float
        The last of these that SGD goes to.
    bins : int
        Intervals.
    seed : int
        Of the starts, weights N(0, 1), and of SGD.

    Notes
    -----
    v = 1/K, v_star = 1; square units. The summary has the largest distance of the distribution function at the start
    from that of the uniform distribution, and the shares of units within 0.05 of 1 and of -1 at the end.
    SGD stops earlier than the mean field: the error of many units is slow to compute where it is next to nothing.
    """
    from tutelage.plot import cosines as draw

    model, later = Model("square", 1, dim, dim, lr), np.asarray(times)[1:]
    (field,) = model.mean_field((students,), later, seed).values()
    (sgd,) = model.descend((sgd_students,), later[later <= sgd_time], 1, seed).values()
    first, last = (cosines(field)[at, :, 0].values for at in (0, -1))
    ranks = (np.arange(students) + 0.5) / students
    summary = {"distance from uniform at the start": float(np.abs(np.sort(first) - (2 * ranks - 1)).max() / 2)}
    for name, values in (("mean field", last), ("SGD", cosines(sgd)[0, -1, :, 0].values)):
        summary[f"{name}: share of units within 0.05 of 1 at its last time"] = float((values > 0.95).mean())
        summary[f"{name}: share of units within 0.05 of -1 at its last time"] = float((values < -0.95).mean())
    figure = draw(field, field["alpha"].values, bins=bins)
    for ax, density in zip(figure.axes, cosine_histogram(sgd, bins), strict=False):
        ax.plot(density["cosine"], density[0], "o", color="C1", ms=3, mew=0.5, mfc="none")
    for ax, time in zip(figure.axes, times, strict=True):
        ax.set_title(f"$t = {time:g}$", fontsize=8)
        ax.set(xlim=(-1.04, 1.04))
    return Reproduction({"mean-field": field, "sgd": sgd}, figure, summary)
