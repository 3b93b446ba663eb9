"""Minimisers compared, and the points that they find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tutelage import minima
from tutelage.landscape import descend, flow, minimise
from tutelage.papers import Reproduction
from tutelage.papers.brea2023.setting import LABELS, Problem, dataset, problem
from tutelage.papers.common import panels
from tutelage.progress import progress as bars

__all__ = ["fixed_points", "loss_against_gradient"]

FLOOR = 1e-34  # of losses and gradients in pictures
FLAT = 1e-8  # an eigenvalue closer to zero counts as zero


def fixed_points(
    cases: Sequence[tuple[int, int, int]] = ((2, 4, 8), (16, 16, 64)),
    methods: Sequence[str] = ("adam", "flow", "lbfgs", "bfgs", "newton", "lm", "auto"),
    seeds: Sequence[int] = (3, 1),
    seconds: Sequence[float] = (10.0, 15.0),
    samples: int = 10_000,
) -> Reproduction:
    r"""The loss that each method reaches in the same time.

    Finding: of small networks, methods with second derivatives find zero loss to machine precision, where Adam stays
    many decades above; of large ones the order is another.

    Parameters
    ----------
    cases : sequence of (int, int, int)
        Inputs, units of the teacher, units of the student.
    methods : sequence of str
        "adam" (learning rate 0.001), "flow", or of :func:`tutelage.landscape.minimise`, from the start itself except
        for "auto", which begins with a flow.
    seeds : sequence of int
        Problems of each case.
    seconds : sequence of float
        For each method, by case.
    samples : int

    Notes
    -----
    The paper takes 360 s and ten seeds.
    """
    names, most = list(methods), max(seeds)
    loss, slope = np.full((2, len(cases), most, len(names)), np.nan)
    with bars("minimisers", sum(seeds) * len(names), True) as bar:
        done = 0
        for c, case in enumerate(cases):
            for seed in range(seeds[c]):
                given = problem(*case, seed, samples=samples)
                for m, name in enumerate(names):
                    p = _end(given, name, seconds[c])
                    loss[c, seed, m] = given.objective.loss(p)
                    slope[c, seed, m] = np.abs(given.objective.gradient(p)).max()
                    done += 1
                    bar.update(done)
    labels = [f"{case[0]}-{case[1]}-{case[2]}" for case in cases]
    ds = dataset(
        {
            "loss": (("case", "seed", "method"), loss),
            "gradient_norm": (("case", "seed", "method"), slope),
            "budget": ("case", list(seconds)),
        },
        {"case": labels, "seed": range(most), "method": names},
        {"samples": samples},
    )
    with panels(len(cases)) as (figure, axes):
        for c, (ax, case) in enumerate(zip(axes, cases, strict=True)):
            for m in range(len(names)):
                ax.plot(np.full(most, m), loss[c, :, m].clip(FLOOR), "o", color=f"C{m}", alpha=0.7)
            ax.set(yscale="log", ylabel=f"loss after {seconds[c]:g} s")
            ax.set_xticks(range(len(names)), [_short(name) for name in names], rotation=30, ha="right")
            ax.set_title(f"{problem(*case, 0, samples=1).net.size} parameters, {seeds[c]} problems")
    summary = {
        f"{case}, {name}: median loss": float(ds["loss"].sel({"case": case, "method": name}).median())
        for case in labels
        for name in names
    }
    return Reproduction({"fixed-points": ds}, figure, summary)


def _short(name: str) -> str:
    return {"flow": "flow (LSODA)", "auto": "flow, then Newton / LM", "lm": "LM"}.get(name, LABELS.get(name, name))


def _end(given: Problem, name: str, seconds: float) -> np.ndarray:
    """Return where a method is after some seconds."""
    if name == "adam":
        run = descend(given.objective, given.start, 10**9, lr=1e-3, method="adam", max_seconds=seconds, progress=False)
        return run["p_last"].values
    if name == "flow":
        return flow(given.objective, given.start, 1e15, max_seconds=seconds, progress=False)["p_last"].values
    how: dict[str, Any] = {"method": name, "max_seconds": seconds, "iterations": 10**7, "progress": False}
    how["flow_time"] = 1e4 if name == "auto" else 0.0
    return minimise(given.objective, given.start, gtol=1e-16, **how).p


def loss_against_gradient(
    inputs: Sequence[int] = (2, 4, 8),
    ratios: Sequence[int] = (1, 2, 4),
    activations: Sequence[str] = ("softplus", "g"),
    seeds: int = 4,
    samples: int = 2000,
    seconds: float = 20.0,
    *,
    store: str | None = None,
    workers: int | None = None,
) -> Reproduction:
    r"""Loss and gradient of the points found, with their smallest eigenvalue: teachers of k units and as many inputs.

    Finding: most searches end at machine precision, in loss zero or in minima of positive loss whose gradient vanishes
    and whose eigenvalues are not negative, and the share of the former grows with the width of the student.

    Parameters
    ----------
    inputs : sequence of int
        k: inputs, and units of the teacher.
    ratios : sequence of int
        Units of the student, in units of k.
    activations : sequence of str
    seeds : int
        Problems of each.
    samples : int
    seconds : float
        For each search.
    store : path, optional
        Where searches are kept, so that the figure goes on after an interruption.
    workers : int, optional
        Processes.

    Notes
    -----
    The paper runs hours on 48 cores: 30 problems of each, 10,000 samples. A negative eigenvalue is one below -1e-8.
    """
    shape = (len(activations), len(inputs), len(ratios), seeds)
    loss, slope, lowest = (np.full(shape, np.nan) for _ in range(3))
    with bars("searches", float(np.prod(shape)), True) as bar:
        for index in np.ndindex(*shape[:3]):
            a, i, j = index
            k = inputs[i]
            for seed in range(seeds):
                given = problem(k, k, ratios[j] * k, seed, samples=samples, activation=activations[a])
                found = minima.search(
                    given.objective, [given.start], store=store, workers=workers or 1, max_seconds=seconds, ltol=1e-28,
                    progress=False,
                )  # fmt: skip
                loss[(*index, seed)], slope[(*index, seed)] = found["loss"][0], found["gradient_norm"][0]
                lowest[(*index, seed)] = found["eigenvalues"][0, 0]
                bar.update(np.ravel_multi_index((*index, seed), shape) + 1)
    dims = ("activation", "inputs", "ratio", "seed")
    ds = dataset(
        {"loss": (dims, loss), "gradient_norm": (dims, slope), "smallest_eigenvalue": (dims, lowest)},
        {"activation": list(activations), "inputs": inputs, "ratio": ratios, "seed": range(seeds)},
        {"samples": samples, "seconds": seconds},
    )
    with panels(len(activations), len(ratios), width=6.9) as (figure, axes):
        for panel, ax in enumerate(axes):
            a, j = divmod(panel, len(ratios))
            for i, marker in zip(range(len(inputs)), "osD^v", strict=False):
                x, y, low = slope[a, i, j], loss[a, i, j], lowest[a, i, j]
                for colour, which in (("C0", low > FLAT), ("C1", np.abs(low) <= FLAT), ("C3", low < -FLAT)):
                    ax.plot(x[which].clip(FLOOR), y[which].clip(FLOOR), marker, color=colour, alpha=0.7)
            ax.set(xscale="log", yscale="log", xlim=(1e-19, 1), ylim=(FLOOR, 10))
            ax.set_title(f"{activations[a]}, r / k = {ratios[j]}")
            ax.set(xlabel="largest component of the gradient" if a == len(activations) - 1 else "")
            ax.set(ylabel="loss" if j == 0 else "")
        for colour, label in (("C0", "positive"), ("C1", "zero"), ("C3", "negative")):
            axes[0].plot([], [], "o", color=colour, label=f"$\\lambda_{{\\min}}$ {label}")
        axes[0].legend(fontsize=7)
    summary = {
        f"r/k = {ratio}: share of loss below 1e-15": float((ds["loss"].sel(ratio=ratio) < 1e-15).mean())
        for ratio in ratios
    }
    stuck = (loss > 1e-15) & (slope < 1e-10)
    summary["minima of positive loss"] = float(stuck.sum())
    summary["of these, with a negative eigenvalue"] = float((lowest[stuck] < -FLAT).sum())
    summary["neither: gradient above 1e-10, loss above 1e-15"] = float(((loss > 1e-15) & (slope >= 1e-10)).sum())
    return Reproduction({"points": ds}, figure, summary)
