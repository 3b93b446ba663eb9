"""Beyond zero training error: labels that are noise, and a model of memorisation that is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tutelage.complexity import (
    Task,
    Tracker,
    digits,
    gather,
    halfspace,
    linear_classifier,
    memorisation,
    memorisation_directly,
    with_label_noise,
)
from tutelage.papers import Reproduction
from tutelage.papers.common import panels
from tutelage.papers.nakkiran2019.setting import late, watched

__all__ = ["label_noise", "memorised"]


def label_noise(
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    *,
    noise: float = 0.1,
    dim: int = 20,
    hidden: Sequence[int] = (256, 256),
    steps: int = 6000,
    lr: float = 0.1,
    batch: int = 32,
) -> Reproduction:
    r"""Training labels turned over at random, learned by heart: a linear boundary, and digits.

    Finding: as training labels are learned by heart, the network comes to know less of the true ones, and what the
    linear classifier explains falls with it; but the network keeps most of what that gets right.

    Parameters
    ----------
    seeds : sequence of int
        Of samples, turned labels, initial weights and batches.
    noise : float
        Share of turned labels.
    dim : int
        Inputs of the linear boundary, of which 1,000 samples are trained on.
    hidden : sequence of int
    steps, lr, batch : int, float, int
        Of SGD.

    Notes
    -----
    Test labels are true. The linear classifier is fitted to the same labels, turned ones included. "Retained" is the
    share of what it gets right that the network gets right, too. Where the truth is linear mu is all of I by design, or
    nearly: given what the linear classifier says there is little left to know.
    """
    tasks = {"line": lambda seed: halfspace(1000, 10_000, dim=dim, seed=seed), "digits": lambda seed: digits(seed=seed)}
    datasets, summary = {}, {}
    for name, task_of in tasks.items():
        runs = {}
        for seed in seeds:
            task = with_label_noise(task_of(seed), noise, seed)
            simpler = {"linear": linear_classifier(task)}
            options: dict[str, Any] = {"hidden": hidden, "steps": steps, "lr": lr, "batch": batch}
            tracker, ds = watched(task, simpler, seed, **options)
            runs[seed] = ds.assign(retained=("step", _retained(tracker, task)))
        datasets[name] = ds = gather(runs)
        best, end = ds.sel(step=ds.I.mean("seed").idxmax()).mean("seed"), late(ds).mean("seed")
        for when, at in (("at its best", best), ("at the end", end)):
            summary[f"{name}, {when}: I(F; Y)"] = float(at.I)
            summary[f"{name}, {when}: mu"] = float(at.mu[0])
            summary[f"{name}, {when}: retained"] = float(at.retained)
        summary[f"{name}: I(L; Y)"] = float(end.I_simpler[0])
        summary[f"{name}, at the end: training error"] = 1 - float(end.accuracy_train)
    return Reproduction(datasets, _picture(datasets), summary)


def _retained(tracker: Tracker, task: Task) -> np.ndarray:
    """Return, of each step, the share of what the linear classifier gets right that the network gets right."""
    right = tracker.simpler["linear"] == task.y_test
    return (tracker.predictions[:, right] == task.y_test[right]).mean(1)


def _picture(datasets: dict[str, Any]) -> Any:
    from tutelage.plot import complexity as picture

    with panels(1, 2, width=6.8) as (figure, axes):
        titles = ("a linear boundary, labels turned", "digits, labels turned")
        for ax, ds, title in zip(axes, datasets.values(), titles, strict=True):
            picture(ds, train=True, ax=ax, title=title)
            ax.plot(ds.step[1:], ds.retained.mean("seed")[1:], color="C1", lw=0.8, ls="-.", label="retained (share)")
        axes[1].legend(loc="center left")
    return figure


def memorised(
    samples: int = 200,
    noise: float = 0.1,
    strengths: Sequence[float] = (10.0, 0.1),
    starts: Sequence[float] = (2.0, -2.0),
    *,
    lr: float = 0.1,
    steps: int = 100_000,
    direct: int = 1000,
) -> Reproduction:
    r"""Three scalars that are gradient descent on a linear classifier with a coordinate of its own for each sample.

    Finding: training error goes to zero from every start; from a bad start the classifier is then wrong on most new
    samples, for long where samples are easily memorised, and the three scalars are all of the direct run.

    Parameters
    ----------
    samples, noise : int, float
        n and p.
    strengths, starts : sequence of float
        :math:`\rho^2/n` and the first :math:`w_0`.
    lr, steps : float, int
    direct : int
        Steps of the runs with 200,000 coordinates.
    """
    at = np.unique(np.concatenate([[0], np.geomspace(1, steps, 100).round()]))
    shown = np.unique(np.concatenate([[0], np.geomspace(1, direct, 12).round()]))
    datasets, summary = {}, {}
    with panels(1, 2, width=6.8) as (figure, axes):
        for column, strength in enumerate(strengths):
            ax = axes[column]
            for i, start in enumerate(starts):
                options: dict[str, Any] = {"start": start, "lr": lr}
                ds = memorisation(samples, noise, strength, steps=at, progress=False, **options)
                theory = memorisation(samples, noise, strength, steps=shown, progress=False, **options)
                run = memorisation_directly(samples, noise, strength, steps=shown, **options)
                label = f"strength={strength:g}-start={start:g}"
                datasets[label], datasets[f"direct-{label}"] = ds, run
                summary[f"{label}: distance from the direct run"] = float(abs(theory.w0 - run.w0).max())
                summary[f"{label}: steps to zero training error"] = float(ds.interpolates)
                when = ds.sel(step=ds.interpolates, method="backfill")
                summary[f"{label}: error on new samples then"] = float(when.error)
                summary[f"{label}: error on new samples at the end"] = float(ds.error[-1])
                ax.plot(ds.step[1:], ds.w0[1:], color=f"C{i}", label=f"$a = {start:g}$")
                ax.plot(run.step[1:], run.w0[1:], "x", color=f"C{i}", ms=4)
                ax.axvline(ds.interpolates, color=f"C{i}", ls=":", lw=0.8)
            ax.axhline(0, color="0.6", lw=0.6)
            ax.set(xscale="log", xlabel="steps", ylabel="$w_0$", title=rf"$\rho^2/n = {strength:g}$")
        axes[0].legend()
    return Reproduction(datasets, figure, summary)
