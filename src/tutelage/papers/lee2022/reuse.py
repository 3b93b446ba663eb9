"""Node re-use and node activation: against similarity, and in the course of the second task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tutelage.continual import data_mixing, displacement, mask_importance, reuse_fraction
from tutelage.papers import Reproduction
from tutelage.papers.common import BOTH_LAYERS, TWO_TASKS, labelled, panels, two_phases

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

__all__ = ["node_reuse", "order_parameters"]

UNITS = ("old", "other")


def node_reuse(
    similarities: int = 51,
    seeds: Sequence[int] = (1, 3, 6, 8),
    *,
    duration: float = 200.0,
    mixtures: Sequence[float] = tuple(np.linspace(0, 1, 11).round(1).tolist()),
    replicas: int = 20,
    seed: int = 0,
) -> Reproduction:
    r"""Forgetting against similarity, with who learned the second task: teachers on the left, digits on the right.

    Finding: in both the error of the first task is largest at an intermediate similarity. For unrelated teachers the
    old unit has no share in the second task and stays; in between it has one and moves farthest; for equal teachers it
    has all of it and stays. On digits, the units that matter to the two tasks are unrelated for unrelated tasks and
    largely the same for equal ones.

    Parameters
    ----------
    similarities : int
        V of the teachers, evenly spaced from 0 to 1.
    seeds : sequence of int
        Of starts. After the first task these four have a unit with Q_kk < 0.05; where both units have learned it, as
        from 0 and 2, forgetting has its maximum within, too, but re-use is less clear.
    duration : float
        Of the second phase.
    mixtures : sequence of float
        Share a of the first task in the second, of whitened digits.
    replicas, seed : int
        Of the networks on digits.

    Notes
    -----
    The old unit is the one without which the error of the first task rises most at the switch. The share of a network
    on digits is that unit's part of the sum of the importances to the second task, those below zero left out. Markers
    have standard errors of the mean over replicas.
    """
    V = np.linspace(0, 1, similarities)
    rows = [[_reused(two_phases(v, duration, each, snapshots=True)) for v in V] for each in seeds]
    names = ("forgotten", "share", "displacement")
    table = np.moveaxis(np.array(rows), -1, 0)
    teachers = labelled(
        TWO_TASKS,
        {name: (("seed", "similarity"), values) for name, values in zip(names, table, strict=True)},
        {"seed": seeds, "similarity": V},
        {"duration": duration},
    )
    digits = _with_shares(data_mixing(mixtures, replicas=replicas, seed=seed, progress=False))
    with panels(3, 2, width=6.8, height=2.0) as (figure, axes):
        labels = r"$\epsilon_1$ at the end", "share of the old unit", "displacement of the old unit"
        for ax, name, label in zip(axes[::2], names, labels, strict=True):
            for i, each in enumerate(seeds):
                ax.plot(V, teachers[name].sel(seed=each), color=f"C{i}", lw=1)
            ax.set(ylabel=label)
        labels = "loss of the first task", "share of the old unit", "correlation of importances"
        for ax, name, label in zip(axes[1::2], ("forgotten", "share", "correlation"), labels, strict=True):
            error = digits[name].std("replica", ddof=1) / np.sqrt(replicas)
            ax.errorbar(digits.similarity, digits[name].mean("replica"), error, fmt="o-", ms=3, lw=1, color="C0")
            ax.set(ylabel=label)
        axes[0].set_title("two teachers")
        axes[1].set_title("whitened digits")
        axes[-2].set(xlabel="similarity $V$")
        axes[-1].set(xlabel="share $a$ of the first task")
    summary: dict[str, float] = {}
    for each in seeds:
        worst = teachers.sel(seed=each).isel(similarity=int(teachers.forgotten.sel(seed=each).values.argmax()))
        summary |= {f"seed {each}: {name} where worst": float(worst[name]) for name in ("similarity", *names)}
    mean = digits.forgotten.mean("replica")
    summary["digits: worst share a"] = float(mean.similarity[int(mean.values.argmax())])
    summary |= {f"digits: loss at a = {a:g}": float(mean.sel(similarity=a)) for a in mixtures}
    return Reproduction({"teachers": teachers, "digits": digits}, figure, summary)


def _old(ds: xarray.Dataset) -> int:
    """Return the unit without which the error of the first task rises most, at the switch."""
    return int(mask_importance(BOTH_LAYERS, ds, 0).sel(task=0).values.argmax())


def _reused(ds: xarray.Dataset) -> tuple[float, float, float]:
    """Return, at the end: the error of the first task, the share of the old unit, and how far it moved."""
    share, moved = reuse_fraction(BOTH_LAYERS, ds)[-1], displacement(ds)[-1, _old(ds)]
    return float(ds.eg[-1, 0]), float(share), float(moved)


def _with_shares(ds: xarray.Dataset) -> xarray.Dataset:
    """Add what is left of the first task at the end, and how important its units are to the second."""
    import xarray

    before = ds.importance.isel(task=0).sel(epoch=ds.attrs["switch"], drop=True)
    after = ds.importance.isel(task=1, epoch=-1).drop_vars("epoch")
    useful = after.clip(min=0.0)
    return ds.assign(
        forgotten=ds.loss.isel(task=0, epoch=-1, drop=True),
        share=(useful.isel(hidden=before.argmax("hidden")) / useful.sum("hidden")).drop_vars("task"),
        correlation=xarray.corr(before.drop_vars("task"), after.drop_vars("task"), "hidden"),
    )


def order_parameters(
    similarities: Sequence[float] = (0.0, 0.3, 1.0), *, seed: int = 3, duration: float = 200.0, points: int = 80
) -> Reproduction:
    r"""Errors, heads of the second task, overlaps and lengths since the switch, for three similarities.

    Finding: for unrelated teachers the other unit is activated and learns the second teacher, while the old unit keeps
    to the first. In between the old unit gets the larger head and leaves the first teacher for the second. For equal
    teachers it gets the head and stays where it is.

    Parameters
    ----------
    similarities : sequence of float
        Of the teachers; a column each.
    seed : int
        Of the start. From this one the first task leaves a unit of Q_kk = 0.001.
    duration : float
        Of the second phase.
    points : int
        Times since the switch, evenly in their logarithm from 0.3 on.

    Notes
    -----
    A unit and the sign of its head may be flipped together: drawn are |h| and |R|.
    """
    since = np.geomspace(0.3, duration, points)
    runs = [two_phases(V, since, seed, snapshots=True) for V in similarities]
    order = [[old := _old(ds), 1 - old] for ds in runs]
    pairs = list(zip(runs, order, strict=True))

    def table(of: Callable[[xarray.Dataset, list[int]], np.ndarray]) -> np.ndarray:
        return np.array([of(ds.isel(alpha=slice(1, None)), k) for ds, k in pairs])

    data = {
        "eg": (("similarity", "since", "task"), table(lambda ds, k: ds.eg.values)),
        "head": (("similarity", "since", "unit"), table(lambda ds, k: np.abs(ds.heads.values[:, 1, k]))),
        "R": (("similarity", "since", "unit", "teacher"), table(lambda ds, k: np.abs(ds.R.values[:, k]))),
        "Q": (("similarity", "since", "unit"), table(lambda ds, k: ds.Q.values[:, k, k])),
        "displacement": (
            ("similarity", "since", "unit"),
            np.array([displacement(ds).values[1:, k] for ds, k in pairs]),
        ),
    }
    coordinates = {"similarity": similarities, "since": since, "unit": UNITS, "task": (0, 1), "teacher": (0, 1)}
    ds = labelled(TWO_TASKS, data, coordinates, {"seed": seed, "duration": duration})
    last = ds.isel(since=-1)
    summary = {}
    for V in similarities:
        one = last.sel(similarity=V, unit="old")
        summary[f"V = {V:g}: head of the old unit"] = float(one["head"])
        summary[f"V = {V:g}: displacement of the old unit"] = float(one["displacement"])
        summary[f"V = {V:g}: error of the first task"] = float(one.eg.sel(task=0))
    return Reproduction({"order-parameters": ds}, _drawn(ds), summary)


def _drawn(ds: xarray.Dataset) -> Figure:
    """Draw the order parameters since the switch, a column for each similarity."""
    V = ds.similarity.values
    with panels(4, len(V), width=6.8, height=1.7) as (figure, axes):
        for column, each in enumerate(V):
            one, own = ds.sel(similarity=each), axes[column :: len(V)]
            for task, line in ((0, "-"), (1, "--")):
                own[0].plot(one.since, one.eg.sel(task=task), line, color="0.2", label=f"task {task + 1}")
                for i, unit in enumerate(UNITS):
                    R = one.R.sel(unit=unit, teacher=task)
                    own[2].plot(one.since, R, line, color=f"C{i}", label=f"{unit} unit, teacher {task + 1}")
            for i, unit in enumerate(UNITS):
                own[1].plot(one.since, one["head"].sel(unit=unit), color=f"C{i}", label=f"{unit} unit")
                own[3].plot(one.since, one.Q.sel(unit=unit), color=f"C{i}")
            own[0].set(yscale="log", ylim=(1e-8, 1))
            own[0].set_title(f"$V = {each:g}$")
            own[3].set(xlabel=r"$\alpha$ since the switch")
            for ax, top in zip(own[1:], (1.3, 1.5, 1.6), strict=True):
                ax.set(ylim=(-0.05, top))
            for ax in own:
                ax.set(xscale="log")
        for ax, label in zip(axes[:: len(V)], (r"$\epsilon_t$", "$|h^2_k|$", "$|R_{kn}|$", "$Q_{kk}$"), strict=True):
            ax.set(ylabel=label)
        for ax in axes[: 3 * len(V) : len(V)]:
            ax.legend(fontsize=5)
    return figure
