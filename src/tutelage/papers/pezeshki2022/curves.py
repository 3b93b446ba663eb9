"""Figures of curves alone: double descent taken apart, the plane of R and Q, weight decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.linear import critical_kappa, decomposition, learning_curve, two_scale
from tutelage.papers import Reproduction
from tutelage.papers.common import panels

if TYPE_CHECKING:
    import xarray

__all__ = ["extremes", "fast_and_slow", "plane", "regularisation", "stacked"]

RELEASED: dict[str, Any] = {"method": "fast_slow", "convention": "released"}  # what the paper prints
WAYS: dict[str, dict[str, Any]] = {"released": RELEASED, "flow": {"method": "flow", "lr": 0.25}}
TITLES = {"released": "closed form, as published", "flow": "gradient flow, exact"}


def stacked(curves: dict[Any, xarray.Dataset], name: str) -> xarray.Dataset:
    """Return datasets of one kind in one, along a new axis."""
    import xarray

    found = xarray.concat(list(curves.values()), dim=name, combine_attrs="drop_conflicts")
    return found.assign_coords({name: list(curves)})


def extremes(t: np.ndarray, eg: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return time and error of the first minimum and of the peak after it; the end twice for a monotone curve."""
    rises = np.flatnonzero(np.diff(eg) > 1e-9)
    if not rises.size:
        return (float(t[-1]), float(eg[-1])), (float(t[-1]), float(eg[-1]))
    low = int(rises[0])
    falls = np.flatnonzero(np.diff(eg[low:]) < 0)
    high = low + int(falls[0] if falls.size else len(eg) - 1 - low)
    return (float(t[low]), float(eg[low])), (float(t[high]), float(eg[high]))


def fast_and_slow(
    n: int = 130, d: int = 100, p: int = 70, kappa: float = 100.0, *, t_max: float = 1e5, points: int = 400
) -> Reproduction:
    """The learning curve of two scales, and those of either scale alone.

    Finding: fast features alone give a U-shaped curve that then stays where it is, slow ones alone a curve that stays
    and then falls; both together are the two in turn. The exact curve of gradient flow has the same shape; its peak is
    higher and comes two to three times sooner, as stopping early is not quite a penalty.

    Parameters
    ----------
    n, d, p : int
        Samples, features, fast ones of them. The first version of the paper has n = 150; variants of its code are
        (150, 100, 70), (120, 100, 70), (150, 100, 80), (300, 280, 50).
    kappa : float
        Ratio of the scales.
    t_max : float
        Last step.
    points : int
        Times.
    """
    from tutelage.plot import linear_parts

    problem, t = two_scale(n=n, d=d, p=p, kappa=kappa), np.geomspace(1, t_max, points)
    found = {
        "released": decomposition(problem, t, **RELEASED),
        "flow": decomposition(problem, t, "flow", lr=1 / problem.top),
    }
    summary: dict[str, float] = {}
    with panels(2) as (figure, axes):
        for ax, (name, ds) in zip(axes, found.items(), strict=True):
            linear_parts(ds, ax=ax, title=TITLES[name])
            (low_t, low), (high_t, high) = extremes(t, ds.eg.values)
            summary |= {f"{name}: minimum": low, f"{name}: its step": low_t}
            summary |= {f"{name}: peak": high, f"{name}: step of the peak": high_t}
            summary[f"{name}: at the end"] = float(ds.eg[-1])
    return Reproduction(found, figure, summary)


def plane(
    n: int = 110,
    d: int = 100,
    p: int = 70,
    kappas: Sequence[float] = (1.0, 7.0, 12.0, 30.0, 100.0, 1e3, 1e5),
    *,
    t_max: float = 1e7,
    points: int = 1000,
) -> Reproduction:
    """Paths of students in the plane of R and Q for several ratios of scales, and their errors in time.

    Finding: as published, curves up to kappa = 7 fall throughout; from 12 on they fall, rise and fall again, and the
    largest stays at the error that fast features alone lead to. Gradient flow, exact, has its second descent from
    kappa = 5.2 on, and ridge regression from 7.35; the closed form says 11.3.

    Parameters
    ----------
    n, d, p : int
        Variants of the released code: (150, 100, 70), (110, 100, 30), (120, 100, 90).
    kappas : sequence of float
    t_max : float
        Last step.
    points : int
        Times.
    """
    from tutelage.plot import linear_curve, linear_plane

    t = np.geomspace(1, t_max, points)
    found: dict[str, xarray.Dataset] = {}
    summary: dict[str, float] = {}
    with panels(2, 2, width=6.8, height=2.6) as (figure, axes):
        for (left, right), (name, way) in zip((axes[:2], axes[2:]), WAYS.items(), strict=True):
            curves = {k: learning_curve(two_scale(n=n, d=d, p=p, kappa=k), t, **way) for k in kappas}
            labelled = {rf"$\kappa = {k:g}$": ds for k, ds in curves.items()}
            linear_plane(labelled, vmax=2.5, ax=left, title=TITLES[name], legend=False)
            linear_curve(labelled, ax=right, title=TITLES[name])
            found[name] = stacked(curves, "kappa")
            for k, ds in curves.items():
                (low_t, low), (high_t, high) = extremes(t, ds.eg.values)
                if high > low:
                    summary |= {f"{name}, kappa = {k:g}: minimum": low, f"{name}, kappa = {k:g}: its step": low_t}
                    summary |= {f"{name}, kappa = {k:g}: peak": high, f"{name}, kappa = {k:g}: step": high_t}
    for name, method, convention in (
        ("as published", "fast_slow", "published"),
        ("ridge regression", "ridge", None),
        ("gradient flow", "flow", None),
    ):
        border = critical_kappa(n=n, d=d, p=p, method=method, convention=convention, progress=False)
        summary[f"kappa from which there are two descents, {name}"] = border
    return Reproduction(found, figure, summary)


def regularisation(
    n: int = 120,
    d: int = 100,
    p: int = 80,
    kappa: float = 40.0,
    noise: float = 0.2,
    penalties: int = 100,
    *,
    t_max: float = 1e4,
    points: int = 200,
) -> Reproduction:
    """The error against time and weight decay.

    Finding: with a large penalty the closed form falls once, and gradient flow rises a little after its minimum; with
    a small one the error falls, rises and stays above the first minimum; without one the second descent follows, to the
    smallest error. As published the error has the noise of test labels in it.

    Parameters
    ----------
    n, d, p : int
    kappa, noise : float
    penalties : int
        How many, 10^(-0.1) to 10^(-8).
    t_max : float
        Last step.
    points : int
        Times.
    """
    ridges, t = 10.0 ** -np.linspace(0.1, 8, penalties), np.geomspace(1, t_max, points)
    problem = two_scale(n=n, d=d, p=p, kappa=kappa, noise=noise)
    found = {
        name: stacked({x: learning_curve(problem, t, ridge=x, test_noise=True, **way) for x in ridges}, "ridge")
        for name, way in WAYS.items()
    }
    summary: dict[str, float] = {}
    slices = [round(0.1 * penalties), round(0.3 * penalties), penalties - 1]
    with panels(2, 2, width=6.8) as (figure, axes):
        for (left, right), (name, ds) in zip((axes[:2], axes[2:]), found.items(), strict=True):
            image = left.pcolormesh(t, ridges, ds.eg.values, cmap="viridis", vmin=0.2, vmax=0.45, shading="nearest")
            left.set(xscale="log", yscale="log", xlabel="steps $t$", ylabel=r"penalty $\lambda$", title=TITLES[name])
            figure.colorbar(image, ax=left, label=r"$\epsilon_g + \sigma^2/2$")
            for k, line in zip(slices, ("-", "--", "-."), strict=True):
                curve = ds.eg.values[k]
                right.plot(t, curve, line, label=rf"$\lambda = {ridges[k]:.2g}$")
                (low_t, low), (_, high) = extremes(t, curve)
                label = f"{name}, ridge = {ridges[k]:.2g}"
                summary |= {f"{label}: minimum": low, f"{label}: its step": low_t, f"{label}: peak": high}
                summary[f"{label}: at the end"] = float(curve[-1])
            right.set(xscale="log", xlabel="steps $t$", ylabel=r"$\epsilon_g + \sigma^2/2$", title=TITLES[name])
            right.legend()
    return Reproduction(found, figure, summary)
