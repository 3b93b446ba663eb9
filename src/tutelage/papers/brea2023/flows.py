"""Gradient flow by several methods, compared with an accurate one over the same seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.landscape import descend, flow
from tutelage.papers import Reproduction
from tutelage.papers.brea2023.setting import LABELS, Problem, dataset, problem, sized
from tutelage.papers.common import panels
from tutelage.progress import progress as bars

if TYPE_CHECKING:
    import xarray

__all__ = ["flow_methods"]

FLOWS = ("LSODA", "BDF", "Radau", "DOP853", "RK45")
END = 1e12  # of every flow
STEPS = 10**9  # of descents: never made within the seconds


def flow_methods(
    cases: Sequence[tuple[int, int, int]] = ((2, 4, 8), (4, 4, 100)),
    methods: Sequence[str] = (*FLOWS, "gd 0.01", "gd 0.1", "adam 0.0001", "adam 0.001"),
    seeds: int = 2,
    seconds: Sequence[float] = (4.0, 10.0),
    samples: int = 10_000,
    *,
    points: int = 200,
) -> Reproduction:
    r"""Methods for the gradient flow in the same time: how far they come, and how close they stay to it.

    Finding: implicit methods with the exact Hessian get many decades further than explicit ones and than gradient
    descent, on the same path; Adam leaves the path of the flow, and its loss stays far above.

    Parameters
    ----------
    cases : sequence of (int, int, int)
        Inputs, units of the teacher, units of the student.
    methods : sequence of str
        Of :func:`tutelage.landscape.flow`, or "gd" or "adam" and a learning rate.
    seeds : int
        Problems of each case.
    seconds : sequence of float
        That each method has, for each case.
    samples : int
    points : int
        Times of the reference, evenly in their logarithm.

    Notes
    -----
    The reference is LSODA with tolerances 1000 times as strict, in three times the time. The distance of a trajectory
    from it is that of each of its points to the nearest of the reference, in parts of the length of the start, averaged
    over the points that are not later than the end of the reference. The progress of a method is the time that it
    reaches, of Adam that of the point of the reference nearest to its end. The paper takes 20 s and 120 s, ten seeds,
    and solvers of the Julia language.
    """
    names = list(methods)
    shape = (len(cases), seeds, len(names))
    loss, progress, apart = (np.full(shape, np.nan) for _ in range(3))
    times = np.concatenate(([0.0], np.geomspace(1e-3, END, points)))
    curves: dict[str, Any] = {}
    with bars("flows", float(np.prod(shape)), True) as bar:
        for c, (case, budget) in enumerate(zip(cases, seconds, strict=True)):
            for seed in range(seeds):
                given = problem(*case, seed, samples=samples)
                guide = _reference(given, times, 3 * budget)
                for m, name in enumerate(names):
                    run = _run(given, name, times, budget)
                    at, adam = _times(run, name), name.startswith("adam")
                    known = np.ones(len(at), bool) if adam else at <= guide["time"].values[-1]
                    far = _distance(run["p"].values[known], guide)[0]
                    loss[c, seed, m] = given.objective.loss(run["p_last"].values)
                    apart[c, seed, m] = far.mean() / np.linalg.norm(given.start)
                    nearest = _distance(run["p_last"].values[None], guide)[1][0]
                    progress[c, seed, m] = guide["time"].values[nearest] if adam else _end(run, name)
                    if seed == 0:
                        curves[f"{c} {name}"] = (at, run["loss"].values)
                    bar.update(c * seeds * len(names) + seed * len(names) + m + 1)
    labels = [f"{case[0]}-{case[1]}-{case[2]}" for case in cases]
    ds = dataset(
        {
            name: (("case", "seed", "method"), values)
            for name, values in (("loss", loss), ("progress", progress), ("distance", apart))
        }
        | {"budget": ("case", list(seconds))},
        {"case": labels, "seed": range(seeds), "method": names},
        {"samples": samples},
    )
    with panels(len(cases), 2, width=6.9) as (figure, axes):
        for c, case in enumerate(cases):
            left, right = axes[2 * c], axes[2 * c + 1]
            for m, name in enumerate(names):
                at, values = curves[f"{c} {name}"]
                style = {"color": f"C{m % 10}", "zorder": 3 - np.log10(at[-1]) / 20}  # the shorter, the higher
                left.plot(at[at > 0], values[at > 0], label=_label(name), **style)
                left.plot(at[-1:], values[-1:], "o", **style)
                right.plot(progress[c, :, m], apart[c, :, m].clip(1e-12), "o", color=f"C{m % 10}", label=_label(name))
            left.set(xscale="log", yscale="log", xlabel="time (learning rate $\\times$ steps)", ylabel="loss, seed 0")
            left.set_xlim(1e-2, 3 * END)
            right.set(xscale="log", yscale="log", xlabel="progress $t_m$", ylabel="distance from the flow")
            left.set_title(f"{sized(case[0], case[2]).size} parameters, {seconds[c]:g} s for each method")
            right.set_title(f"{seeds} problems")
        axes[0].legend(fontsize=6)
    return Reproduction({"flows": ds}, figure, _summary(ds))


def _summary(ds: xarray.Dataset) -> dict[str, float]:
    result = {}
    for case in ds["case"].values:
        for name in ds["method"].values:
            at = ds.sel({"case": case, "method": name})
            result[f"{case}, {name}: median loss"] = float(at["loss"].median())
            result[f"{case}, {name}: median progress"] = float(at["progress"].median())
            result[f"{case}, {name}: median distance"] = float(at["distance"].median())
    return result


def _label(name: str) -> str:
    kind, _, rate = name.partition(" ")
    return f"{LABELS.get(kind, kind)} {rate}".strip()


def _reference(given: Problem, times: np.ndarray, seconds: float) -> xarray.Dataset:
    return flow(given.objective, given.start, times, rtol=1e-9, atol=1e-12, max_seconds=seconds, progress=False)


def _run(given: Problem, name: str, times: np.ndarray, seconds: float) -> xarray.Dataset:
    kind, _, rate = name.partition(" ")
    if kind in FLOWS:
        return flow(given.objective, given.start, times, method=kind, max_seconds=seconds, progress=False)
    return descend(
        given.objective, given.start, STEPS, lr=float(rate), method=kind, max_seconds=seconds, progress=False
    )


def _times(run: xarray.Dataset, name: str) -> np.ndarray:
    """Return the times of a trajectory in units of the flow; of Adam the nominal ones."""
    return run["time"].values if "time" in run.coords else run["step"].values * float(name.partition(" ")[2])


def _end(run: xarray.Dataset, name: str) -> float:
    """Return the last time of a trajectory."""
    return float(run.attrs["last_time"] if "time" in run.coords else run.attrs["steps"] * float(name.split()[1]))


def _distance(p: np.ndarray, guide: xarray.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of points (n, size) from a trajectory, chords included, and the index of its nearest one."""
    path = guide["p"].values
    ends = np.array([np.linalg.norm(path - each, axis=1) for each in p])
    nearest = ends.argmin(1)
    best = ends.min(1)
    for step in (-1, 0):
        i = np.clip(nearest + step, 0, len(path) - 2)
        chord = path[i + 1] - path[i]
        size = np.maximum(np.square(chord).sum(1), np.finfo(float).tiny)
        share = np.clip(((p - path[i]) * chord).sum(1) / size, 0, 1)
        best = np.minimum(best, np.linalg.norm(p - path[i] - share[:, None] * chord, axis=1))
    return best, nearest
