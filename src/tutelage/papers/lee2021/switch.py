"""The equations against SGD, through the switch between two tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.continual import Phase, simulate, solve
from tutelage.papers import Reproduction
from tutelage.papers.common import BOTH_LAYERS, two_tasks

if TYPE_CHECKING:
    import xarray

__all__ = ["through_the_switch"]


def through_the_switch(
    similarity: float = 0.5,
    alpha: tuple[float, float] = (100.0, 100.0),
    *,
    weights_dim: int = 2000,
    dims: Sequence[int] = (1000, 100_000),
    replicas: int = 10,
    std: float = 0.1,
    points: int = 40,
    seed: int = 1,
) -> Reproduction:
    r"""Two tasks in a row: equations, real weights in the picture, and the exact chain at larger N.

    Finding: SGD lies on the equations through the switch, in errors, heads and overlaps, and its distance falls about
    as :math:`1/\sqrt N`.

    Parameters
    ----------
    similarity : float
        V of the teachers, of one unit each.
    alpha : (float, float)
        Duration of the two phases.
    weights_dim : int
        N of one run with real weights: that of the picture.
    dims : sequence of int
        N of runs of the exact chain, rising.
    replicas : int
        Of each chain.
    std : float
        Of the weights and heads that a run starts with.
    points : int
        Times at which runs are compared, evenly spaced.
    seed : int

    Notes
    -----
    The distance is the largest, over times and elements, of |SGD - equations|: of a chain, the median over replicas.
    """
    from tutelage.plot import continual as picture

    phases = [Phase(0, alpha[0]), Phase(1, alpha[1])]
    start = two_tasks(similarity, seed, std)
    times = np.unique(np.append(np.linspace(0, sum(alpha), points), alpha[0]))
    curve = solve(BOTH_LAYERS, start, phases, progress=False)
    theory = solve(BOTH_LAYERS, start, phases, times, progress=False)
    options: dict[str, Any] = {"seed": seed, "progress": False}
    weights = simulate(BOTH_LAYERS, start, phases, times, dim=weights_dim, replicas=1, engine="weights", **options)
    datasets = {"theory": curve, "weights": weights}
    summary = _distances(weights, theory, f"weights, N = {weights_dim}")
    for dim in dims:
        chain = simulate(BOTH_LAYERS, start, phases, times, dim=dim, replicas=replicas, **options)
        datasets[f"chain-{dim}"] = chain
        summary |= _distances(chain, theory, f"chain, N = {dim}")
    return Reproduction(datasets, picture(curve, weights), summary)


def _distances(sim: xarray.Dataset, theory: xarray.Dataset, label: str) -> dict[str, float]:
    """Return the largest distance of each quantity, the median over replicas."""
    result = {}
    for name in ("eg", "heads", "R", "Q"):
        gap = abs(sim[name].values - theory[name].values)
        result[f"{label}: distance of {name}"] = float(np.median(gap.max(axis=tuple(range(1, gap.ndim)))))
    return result
