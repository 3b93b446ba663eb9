"""Wide students: mean field, in few dimensions and in many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tutelage.papers import Reproduction
from tutelage.papers.arnaboldi2023.model import Model, distances, file_name
from tutelage.papers.arnaboldi2023.setting import largest_ratio, on_the_teacher

__all__ = [
    "dropped_correlations",
    "high_dimension",
    "invariant_subspace",
    "low_dimension",
    "square_dropped_correlations",
]


def low_dimension(
    students: Sequence[int] = (100, 200, 1000, 2000),
    sgd_students: Sequence[int] = (100, 400),
    teachers: int = 2,
    *,
    dim: int = 5,
    lr: float = 1.0,
    time: float = 100.0,
    replicas: int = 2,
    points: int = 30,
    seed: int = 0,
) -> Reproduction:
    r"""Wide students with square units in a few dimensions (Fig. 3, left).

    Finding: averaged over the directions off the teacher's span, the equations need K (M + 1) numbers in place of all
    overlaps, and SGD follows them, the closer the wider it is; their curves converge as K grows.

    Parameters
    ----------
    students, sgd_students : sequence of int
        K of the mean field, a line each, and of SGD, markers.
    teachers : int
        M.
    dim : int
        N.
    lr : float
        Learning rate; there is no label noise.
    time : float
        Length of the runs, t = lr alpha/K; the paper goes to 1000.
    replicas : int
        Runs of SGD of each width, from one start.
    points : int
        Times, evenly spaced in log t.
    seed : int
        Of the starts, weights N(0, 1), and of SGD.

    Notes
    -----
    v = 1/K, v_star = 1/M. The summary has the distance of the mean of SGD from the mean field with the same start, in
    units of eg(0), and that of the mean field at each K from the widest one. The paper simulates wider students.
    """
    times = np.geomspace(0.01, time, points)
    model = Model("square", teachers, dim, dim, lr)
    theory, sgd = model.mean_field(students, times, seed), model.descend(sgd_students, times, replicas, seed)
    return model.reproduction(theory, sgd, distances(theory, sgd), f"mean field, $x^2$, $M = {teachers}$, $N = {dim}$")


def high_dimension(
    students: Sequence[int] = (100, 1000, 2000),
    sgd_students: Sequence[int] = (100,),
    teachers: int = 5,
    *,
    dim: int = 1000,
    lr: float = 3.0,
    time: float = 30.0,
    replicas: int = 2,
    points: int = 30,
    seed: int = 0,
) -> Reproduction:
    r"""Wide students with square units in many dimensions (Fig. 3, right).

    Finding: in many dimensions the students' directions off the teacher's span are orthogonal, and SGD follows the
    equations that take them to be so.

    Parameters
    ----------
    students, sgd_students : sequence of int
        K of the mean field, a line each, and of SGD, markers (the paper has 1000).
    teachers : int
        M.
    dim : int
        N of SGD; infinite in the equations.
    lr : float
        Learning rate; there is no label noise.
    time : float
        Length of the runs, t = lr alpha/K; the paper goes to 100.
    replicas : int
        Runs of SGD of each width, from one start.
    points : int
        Times, evenly spaced in log t.
    seed : int
        Of the starts, weights N(0, 1), and of SGD.

    Notes
    -----
    v = 1/K, v_star = 1/M. The equations drop terms of order lr/K; the paper's lr = 10 makes them a hundredth at its
    K = 1000, and would make them a tenth at K = 100, where SGD then leaves the start visibly later. The summary is that
    of :func:`low_dimension`.
    """
    times = np.geomspace(0.1, time, points)
    model = Model("square", teachers, dim, None, lr)
    theory, sgd = model.mean_field(students, times, seed), model.descend(sgd_students, times, replicas, seed)
    return model.reproduction(
        theory, sgd, distances(theory, sgd), rf"mean field, $x^2$, $M = {teachers}$, $N = {dim}$ and $\infty$"
    )


def invariant_subspace(
    students: Sequence[int] = (100, 400),
    teachers: int = 2,
    *,
    dim: int = 10,
    lr: float = 1.0,
    time: float = 300.0,
    replicas: int = 2,
    points: int = 30,
    seed: int = 0,
) -> Reproduction:
    r"""Wide students that start in the span of the teacher (Fig. 5a).

    Finding: students in the teacher's span stay there in the equations, so that R alone is enough, and SGD follows; its
    own steps lead out of the span by lengths of order lr/K only.

    Parameters
    ----------
    students : sequence of int
        K.
    teachers : int
        M.
    dim : int
        N; the paper's caption has 10, the name of its file 5.
    lr : float
        Learning rate; there is no label noise.
    time : float
        Length of the runs, t = lr alpha/K.
    replicas : int
        Runs of SGD of each width, from one start.
    points : int
        Times, evenly spaced in log t.
    seed : int
        Of the starts, random directions in the span, and of SGD.

    Notes
    -----
    erf, v = 1/K, v_star = 1/M. The summary adds the largest squared length off the span, Q_ii - sum_n R_in^2,
    that a unit reaches, averaged over the replicas.
    """
    times = np.geomspace(0.01, time, points)
    model = Model("erf", teachers, dim, None, lr, on_the_teacher)
    theory, sgd = model.mean_field(students, times, seed), model.descend(students, times, replicas, seed)
    summary = distances(theory, sgd)
    for name, ds in sgd.items():
        summary[f"{name}: largest squared length off the span, equations"] = float(theory[name]["q"].max())
        summary[f"{name}: largest squared length off the span, SGD"] = float(ds["q"].mean("replica").max())
    return model.reproduction(theory, sgd, summary, f"start in the span, erf, $M = {teachers}$, $N = {dim}$")


def dropped_correlations(
    students: Sequence[int] = (100, 400, 1000),
    sgd_students: Sequence[int] = (100, 400),
    teachers: int = 2,
    *,
    dim: int = 5,
    lr: float = 1.0,
    time: float = 1000.0,
    replicas: int = 2,
    points: int = 24,
    seed: int = 0,
) -> Reproduction:
    r"""The equations of many dimensions, used in a few with erf units (Fig. 5b).

    Finding: taken for orthogonal where they cannot be, directions off the teacher's span give a wrong error at late
    times, which more students do not cure.

    Parameters
    ----------
    students, sgd_students : sequence of int
        K of the equations, a line each, and of SGD, markers.
    teachers : int
        M.
    dim : int
        N of SGD; infinite in the equations.
    lr : float
        Learning rate; there is no label noise.
    time : float
        Length of the runs, t = lr alpha/K.
    replicas : int
        Runs of SGD of each width, from one start.
    points : int
        Times, evenly spaced in log t.
    seed : int
        Of the starts, weights N(0, 1), and of SGD.

    Notes
    -----
    v = 1/K, v_star = 1/M. The summary has, for every K, by which factor these equations are off those of `dim`
    dimensions with the same start (dotted), at most and at the start, and the same for SGD and the latter. From one
    start of a few hundred units SGD is as far from the latter as both equations are from each other, by the directions
    that it happened to start with, and comes closer as K grows.
    """
    model = Model("erf", teachers, dim, None, lr)
    return _dropped(model, students, sgd_students, np.geomspace(0.01, time, points), replicas, seed)


def square_dropped_correlations(
    students: Sequence[int] = (100, 200, 1000),
    sgd_students: Sequence[int] = (100, 400),
    teachers: int = 2,
    *,
    dim: int = 5,
    lr: float = 1.0,
    time: float = 100.0,
    replicas: int = 2,
    points: int = 30,
    seed: int = 0,
) -> Reproduction:
    r"""The equations of many dimensions, used in a few with square units (Fig. 5c).

    Finding: taken for orthogonal where they cannot be, directions off the teacher's span give a wrong error from
    the start on, which more students do not cure.

    Parameters and summary are those of :func:`dropped_correlations`.
    """
    model = Model("square", teachers, dim, None, lr)
    return _dropped(model, students, sgd_students, np.geomspace(0.01, time, points), replicas, seed)


def _dropped(
    model: Model, students: Sequence[int], sgd_students: Sequence[int], times: np.ndarray, replicas: int, seed: int
) -> Reproduction:
    """Return the equations of infinitely many dimensions beside SGD and the equations of the model's dimension."""
    wrong, sgd = model.mean_field(students, times, seed), model.descend(sgd_students, times, replicas, seed)
    right = replace(model, frames=model.dim).mean_field(students, times, seed)
    summary = {}
    for name, ds in wrong.items():
        factor = np.exp(np.abs(np.log(ds["eg"] / right[name]["eg"])))
        summary[f"{name}: largest factor between the equations of infinite and of finite N"] = float(factor.max())
        summary[f"{name}: the same at the start"] = float(factor[0])
        if name in sgd:
            problem = model.problem(ds.sizes["student"])
            off = largest_ratio(right[name], sgd[name], problem)
            summary[f"{name}: largest factor between SGD and the equations of finite N"] = off
    title = rf"lines $N = \infty$, dots and SGD $N = {model.dim}$; {model.activation}, $M = {model.teachers}$"
    made = model.reproduction(wrong, sgd, summary, title)
    for line, ds in zip(made.figure.axes[0].lines, right.values(), strict=False):
        time = model.problem(ds.sizes["student"]).time(ds["alpha"][1:])
        made.figure.axes[0].plot(time, ds["eg"][1:], ":", color=line.get_color(), lw=1)
    made.datasets.update({f"finite-{file_name(name)}": ds for name, ds in right.items()})
    return made
