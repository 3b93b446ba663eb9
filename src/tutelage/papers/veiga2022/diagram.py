"""The phase diagram: what theory says of each pair of exponents, and what SGD does there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.conventions import Veiga2022
from tutelage.overlaps import Overlaps
from tutelage.papers import Reproduction
from tutelage.papers.goldt2019.setting import page
from tutelage.papers.veiga2022.setting import late, problem, sgd
from tutelage.regimes.scaling import BAD_LEARNING, GRADIENT_FLOW, HIGH_DIMENSION, MEAN_FIELD, NO_EQUATIONS, of_exponents
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

__all__ = ["phase_diagram"]

PERFECT, PLATEAU, BAD, NONE = LABELS = ("perfect learning", "plateau", "bad learning", "no equations")
PREDICTED = {
    GRADIENT_FLOW: PERFECT,
    MEAN_FIELD: PERFECT,
    HIGH_DIMENSION: PLATEAU,
    BAD_LEARNING: BAD,
    NO_EQUATIONS: NONE,
}
COLOURS = dict(zip(LABELS, ("C2", "C0", "C4", "C6"), strict=True))
MARKERS = dict(zip(LABELS, "osD^", strict=True))
FALLS = -0.12  # exponent in d of what falls with d, and is not just scattered about a constant


def phase_diagram(
    kappas: Sequence[float] = (0.0, 0.15, 0.3),
    thetas: Sequence[float] = (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5),
    *,
    dims: tuple[int, int] = (50, 800),
    noisy_dims: tuple[int, int] = (1000, 100_000),
    units: int = 2,
    g: float = 2.0,
    Delta: float = 0.03,
    t_max: float = 30.0,
    replicas: int = 4,
    spread_replicas: int = 256,
    seed: int = 0,
) -> Reproduction:
    r"""The regions of the exponents of width and rate, predicted and measured (Fig. 1).

    Finding: SGD has the outcome that the sum of the exponents predicts: it learns perfectly for
    :math:`\kappa + \delta > 0`, to a plateau for 0, ends where noise wins between -1/2 and 0, and from -1/2 down its
    runs differ by as much in large dimensions as in small ones, so that no equations can describe them.

    Parameters
    ----------
    kappas, thetas : sequence of float
        kappa and kappa + delta of the points that are measured.
    dims, noisy_dims : (int, int)
        Two dimensions d, for kappa + delta >= 0 and below, where runs take few steps: what is measured is how things
        change from the first one to the second.
    units : int
        p_0: the students have p_0 d^kappa units, rounded.
    g : float
        gamma_0/p_0: half the critical value 4.06 of one teacher unit.
    Delta : float
        Variance of the label noise.
    t_max : float
        Length of the runs in the time of each point.
    replicas, spread_replicas : int
        Runs of SGD for each final error, and for each spread of runs.
    seed : int
        Of SGD.

    Notes
    -----
    One teacher unit, and a start near half of it, so that nothing waits for specialisation. Two things are measured at
    each point and in both dimensions: the late error, in the second half of the runs, and the spread, the standard
    deviation of the error between runs at t = 1 or after one step, whichever is later. The label is

    - "no equations" if the spread does not fall with d (predicted: as the root of the time of a step,
      :math:`d^{-(1 + \min(\theta, 2\theta))/2}` with :math:`\theta = \kappa + \delta`);
    - "bad learning" if the late error in the larger dimension is above the error at the start;
    - "perfect learning" if the late error falls with d (predicted: as :math:`d^{-\theta}`), and else "plateau".
    """
    shape = len(kappas), len(thetas), 2
    first, final, spread = np.empty(shape[:2]), np.empty(shape), np.empty(shape)
    sizes = np.array([dims if theta >= 0 else noisy_dims for theta in thetas])
    for index in np.ndindex(shape):
        kappa, theta, d = kappas[index[0]], thetas[index[1]], int(sizes[index[1:]])
        p = round(units * d**kappa)
        setup, state = problem(p, 1, d, theta, Delta=Delta, kappa=kappa, g=g), _start(p)
        final[index] = late(sgd(setup, state, np.linspace(0, t_max, 41), replicas=replicas, seed=seed))[0]
        spread[index] = _spread(setup, state, spread_replicas, seed + 1)
        first[index[:2]] = state.generalisation_error("erf")
    ds = _dataset(kappas, thetas, sizes, first, final, spread)
    ds.attrs |= {"g": g, "Delta": Delta, "t_max": t_max, "units": units, "seed": seed, "replicas": replicas}
    with page(2) as (figure, (top, bottom)):
        _draw_regions(top, ds)
        _draw_exponents(bottom, ds)
    agree = ds["measured"] == ds["predicted"]
    summary = {"points": float(agree.size), "points with the predicted outcome": float(agree.sum())}
    for name in ("final", "spread"):
        known = np.isfinite(ds[f"{name}_predicted"])
        gap = np.abs(ds[f"{name}_exponent"] - ds[f"{name}_predicted"]).where(known).max()
        summary[f"largest distance of the exponent of the {name} error from theory"] = float(gap)
    return Reproduction({"phases": ds}, figure, summary)


def _start(p: int) -> Overlaps:
    """Return p units that have half of the teacher's one and a little of their own directions."""
    Q = np.full((p, p), 0.25) + 0.1 * np.eye(p)
    return Overlaps(Q, np.full((p, 1), 0.5), np.eye(1), np.full(p, 1 / p))


def _spread(setup: Veiga2022, state: Overlaps, replicas: int, seed: int) -> float:
    """Return the standard deviation of the error between runs at t = 1, or after one step if that is later."""
    ds = sgd(setup, state, np.array([max(1.0, setup.scales.time / setup.d)]), replicas=replicas, seed=seed)
    return float(ds["eg"][:, -1].std("replica", ddof=1))


def _dataset(
    kappas: Sequence[float],
    thetas: Sequence[float],
    sizes: np.ndarray,
    first: np.ndarray,
    final: np.ndarray,
    spread: np.ndarray,
) -> xarray.Dataset:
    """Return everything over kappa and theta: what was measured, its exponents in d, and the labels."""
    import xarray

    limits = [[of_exponents(kappa, theta - kappa) for theta in thetas] for kappa in kappas]
    ratio = np.log(sizes[:, 1] / sizes[:, 0])
    falls, converges = (np.log(y[..., 1] / y[..., 0]) / ratio for y in (final, spread))
    plane = ("kappa", "theta")
    data = {
        "dims": (("theta", "size"), sizes),
        "first": (plane, first, {"long_name": "error at the start, in the larger dimension"}),
        "final": ((*plane, "size"), final),
        "spread": ((*plane, "size"), spread),
        "final_exponent": (plane, falls),
        "spread_exponent": (plane, converges),
        "final_predicted": (plane, [[np.nan if x.plateau is None else x.plateau for x in row] for row in limits]),
        "spread_predicted": (plane, [[0.0 if x.clock is None else -x.clock / 2 for x in row] for row in limits]),
        "predicted": (plane, [[PREDICTED[x.regime] for x in row] for row in limits]),
        "measured": (plane, _labels(first, final[..., 1], falls, converges)),
    }
    coordinates = {"kappa": list(kappas), "theta": list(thetas), "size": ["smaller", "larger"]}
    return xarray.Dataset(data, coordinates, {"tutelage_version": __version__})


def _labels(first: np.ndarray, final: np.ndarray, falls: np.ndarray, converges: np.ndarray) -> np.ndarray:
    """Return the labels of errors in the larger dimension and of the exponents of late error and spread."""
    return np.select([converges > FALLS, final > first, falls < FALLS], [NONE, BAD, PERFECT], PLATEAU)


def _draw_regions(ax: Axes, ds: xarray.Dataset) -> None:
    """Draw the predicted regions as areas, and the measured outcomes as marks on them."""
    low, high, right = float(ds["theta"].min()) - 0.15, float(ds["theta"].max()) + 0.15, float(ds["kappa"].max()) + 0.1
    x = np.array([-0.1, right])
    for label, (bottom, top) in {NONE: (low, -0.5), BAD: (-0.5, 0), PERFECT: (0, high)}.items():
        ax.fill_between(x, bottom - x, top - x, color=COLOURS[label], alpha=0.2, linewidth=0)
    ax.plot(x, -x, color=COLOURS[PLATEAU], linewidth=2, alpha=0.4)
    kappa, theta = np.meshgrid(ds["kappa"], ds["theta"], indexing="ij")
    for label in LABELS:
        there = ds["measured"].values == label
        look: Any = {"ls": "", "marker": MARKERS[label], "color": COLOURS[label], "label": label, "ms": 4}
        ax.plot(kappa[there], (theta - kappa)[there], **look)
    ax.set(xlim=x, ylim=(low - float(ds["kappa"].max()), high), xlabel=r"$\kappa$, $p \sim d^{\,\kappa}$")
    ax.set(ylabel=r"$\delta$, $\gamma \sim d^{\,-\delta}$")
    look = {"loc": "lower center", "bbox_to_anchor": (0.45, 1.0), "handletextpad": 0.1, "columnspacing": 0.8}
    ax.legend(title="areas: predicted; marks: SGD", title_fontsize=8, ncols=4, **look)


def _draw_exponents(ax: Axes, ds: xarray.Dataset) -> None:
    """Draw the exponents of late error and spread against kappa + delta, and their predictions."""
    theta = ds["theta"].values
    fine = np.linspace(theta.min(), theta.max(), 200)
    ax.plot(fine[fine >= 0], -fine[fine >= 0], color="C0")
    ax.plot(fine, np.minimum(0, -(1 + np.minimum(fine, 2 * fine)) / 2), color="C1")
    for i, (name, label) in enumerate((("final", "late error"), ("spread", "spread of runs"))):
        values = ds[f"{name}_exponent"].where(np.isfinite(ds[f"{name}_predicted"]))
        for j, row in enumerate(values.values):
            ax.plot(theta, row, "os"[i], color=f"C{i}", mfc="none", label=label if j == 0 else None)
    ax.set(xlabel=r"$\kappa + \delta$", ylabel="exponent in $d$")
    ax.legend()
