"""Ranks as the effective number of parameters, over the sizes of networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.activations import activation
from tutelage.landscape import generic_rank, numerical_rank, rank_formula
from tutelage.landscape.ranks import SERIES
from tutelage.papers import Reproduction
from tutelage.papers.common import panels
from tutelage.papers.couto2025.setting import dataset, label_of
from tutelage.progress import progress as bars

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["rank_maps"]

WRITTEN = 100  # cells of a map up to which ranks stand in them


def rank_maps(
    activations: Sequence[str] = (
        "linear",
        "square",
        "polynomial(0, 0, 0, 1)",
        "polynomial(0, 1, 1)",
        "polynomial(0, 1, 1, 1)",
        "erf",
    ),
    inputs: Sequence[int] = (1, 2, 3, 4, 5, 6),
    hidden: Sequence[int] = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16),
    *,
    seed: int = 0,
) -> Reproduction:
    r"""The rank of the Hessian at the optimum, over the number of parameters.

    Finding: the rank is the number of inputs for linear units, does not exceed the dimension of the polynomials of
    their degrees for polynomial ones, which it reaches with enough units, and is full for erf.

    Parameters
    ----------
    activations : sequence of str
        Polynomials and power series (erf) are done in exact arithmetic, others by singular values.
    inputs, hidden : sequence of int
        Ni and Nh.
    seed : int

    Notes
    -----
    The summary counts the polynomial networks where exact arithmetic differs from the closed formula, and the networks
    of full rank. Singular values would miss some of erf's: with one input and five units they span 16 decades.
    """
    shape = len(activations), len(inputs), len(hidden)
    rank, formula = np.zeros(shape, int), np.full(shape, -1)
    parameters = np.array([[h * (i + 1) for h in hidden] for i in inputs])
    with bars("ranks", float(parameters.sum() * len(activations))) as bar:
        done = 0.0
        for at in np.ndindex(shape):
            g, size = activations[at[0]], (inputs[at[1]], hidden[at[2]])
            if activation(g).coefficients is not None:
                rank[at], formula[at] = generic_rank(g, *size, seed=seed), rank_formula(g, *size).rank
            elif g in SERIES:
                rank[at] = generic_rank(g, *size, seed=seed)
            else:
                rank[at] = numerical_rank(g, *size, seed=seed).rank
            done += float(parameters[at[1:]])
            bar.update(done)
    ds = dataset(
        {
            "rank": (("activation", "inputs", "hidden"), rank),
            "formula": (("activation", "inputs", "hidden"), formula, {"long_name": "-1: no polynomial"}),
            "parameters": (("inputs", "hidden"), parameters),
        },
        {"activation": activations, "inputs": inputs, "hidden": hidden},
        {"seed": seed},
    )
    known = formula >= 0
    summary = {
        "polynomials: networks": float(known.sum()),
        "polynomials: networks whose rank is not that of the formula": float((rank != formula)[known].sum()),
    }
    for g, each in zip(activations, rank, strict=True):
        summary[f"{g}: networks of full rank, of {each.size}"] = float((each == parameters).sum())
    rows = -(-len(activations) // 2)
    with panels(rows, 2, width=6.9, height=2.1) as (figure, axes):
        for ax, g, each in zip(axes, activations, rank, strict=False):
            image = _draw(ax, each, each / parameters, inputs, hidden)
            ax.set_title(label_of(g))
        for ax in axes[len(activations) :]:
            ax.remove()
        figure.colorbar(image, ax=axes[: len(activations)], label="rank / number of parameters", shrink=0.6)
    return Reproduction({"ranks": ds}, figure, summary)


def _draw(ax: Axes, rank: np.ndarray, share: np.ndarray, inputs: Sequence[int], hidden: Sequence[int]) -> Any:
    """Draw a map, with the ranks in its cells, and return the image."""
    image = ax.imshow(share, "cividis", origin="lower", aspect="auto", vmin=0, vmax=1)
    ax.set_xticks(range(len(hidden)), [str(h) for h in hidden])
    ax.set_yticks(range(len(inputs)), [str(i) for i in inputs])
    ax.set(xlabel="units $N_h$", ylabel="inputs $N_i$")
    ax.tick_params(length=0)
    if rank.size <= WRITTEN:
        for (row, column), value in np.ndenumerate(rank):
            colour = "white" if share[row, column] < 0.5 else "black"
            ax.text(column, row, str(value), ha="center", va="center", fontsize=5.5, color=colour)
    return image
