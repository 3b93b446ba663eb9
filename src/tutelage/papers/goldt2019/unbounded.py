"""Linear and ReLU students: surplus units cost accuracy with the first layer trained, nothing with both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tutelage.online.asymptotics import linear as linear_plateau
from tutelage.online.asymptotics import linear_both_layers, perturbative, relu_small_lr
from tutelage.online.ode import solve
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps
from tutelage.papers import Reproduction
from tutelage.papers.goldt2019.setting import legend, orthonormal_start, page, plateau, series, table

__all__ = ["linear", "relu"]

LAYERS = ("first", "both")


def linear(
    students: Sequence[int] = (4, 5, 6, 8, 10, 12),
    teachers: int = 4,
    *,
    dim: int = 100,
    lr: float = 0.01,
    noise: float = 0.01,
    size: float = 0.1,
    alpha_max: float = 6000.0,
    replicas: int = 5,
    seed: int = 0,
) -> Reproduction:
    r"""Final error of linear students against K, first layer or both layers trained (Fig. 4).

    Finding: with the first layer trained the error grows with K as :math:`\eta\sigma^2 K/(4 - 2\eta K)`; with both it
    does not depend on K.

    Parameters
    ----------
    students : sequence of int
        K.
    teachers : int
        M, orthonormal, readouts one.
    dim : int
        N of SGD.
    lr, noise : float
        Learning rate of the trained layers and standard deviation of the label noise.
    size : float
        Standard deviation of the student's weights at the start, and of its readouts if they are trained (else one).
    alpha_max : float
        Length of the runs. SGD is averaged over their second half, the ODE is read off at the end.
    replicas : int
        Runs of SGD for each point.
    seed : int
        Of the start and of SGD.

    Notes
    -----
    Fields w.x/sqrt(N), steps lr/sqrt(N) and lr/N, eg with the factor 1/2 and without noise.
    """
    results = {}
    for train in LAYERS:
        ode, sgd = [], []
        rule = OnlineSGD("linear", lr=lr, noise=noise, train=train)
        for K in students:
            state = orthonormal_start(K, teachers, dim, size=size, readout=_readout(train, size), seed=seed)
            ode.append(float(solve(rule, state, [alpha_max], atol=1e-13)["eg"][-1]))
            sgd.append(plateau(rule, state, alpha_max, dim=dim, replicas=replicas, seed=seed))
        results[train] = {"ode": ode, "sgd": [mean for mean, _ in sgd], "sgd_sem": [error for _, error in sgd]}
    balanced = linear_both_layers(np.ones(teachers), np.eye(teachers), lr=lr, noise=noise)
    results["first"]["theory"] = [linear_plateau(K, lr=lr, noise=noise) for K in students]
    results["both"]["theory"] = [balanced] * len(students)
    parameters: dict[str, float | str] = {
        "teachers": teachers,
        "lr": lr,
        "noise": noise,
        "alpha_max": alpha_max,
        "dim": dim,
        "size": size,
    }
    return _reproduction(students, results, parameters, f"linear, $M = {teachers}$, $N = {dim}$")


def relu(
    students: Sequence[int] = (4, 5, 6, 8),
    teachers: int = 4,
    *,
    dim: int = 100,
    lr: float = 0.1,
    noise: float = 0.01,
    size: float = 0.1,
    alpha_max: float = 4e4,
    replicas: int = 5,
    seed: int = 0,
) -> Reproduction:
    r"""Final error of ReLU students against K, first layer or both layers trained (Fig. 5).

    Finding: as for linear students, the error grows with K, about as :math:`\eta\sigma^2 K/8`, with the first layer
    trained, and stays nearly constant with both.

    Parameters
    ----------
    students : sequence of int
        K.
    teachers : int
        M, orthonormal, readouts one.
    dim : int
        N of SGD.
    lr, noise : float
        Learning rate of the trained layers and standard deviation of the label noise.
    size : float
        Standard deviation of the student's weights at the start, and of its readouts if they are trained (else one).
    alpha_max : float
        Length of the runs of SGD, which is averaged over their second half.
    replicas : int
        Runs of SGD for each point.
    seed : int
        Of the start and of SGD.

    Notes
    -----
    Simulations, as in the paper, which has no theory for ReLU. The lines are ours: to order noise^2 and all orders in
    lr, the plateau of students whose units share the teacher's units as evenly as K allows, with the readouts of
    balanced layers, :math:`v_k = |w_k|`, if both are trained. :math:`\eta\sigma^2 \sum_k v_k^2/8` is their limit for
    small rates, with sum v^2 = K if the first layer is trained and M if both are. Students with both layers trained end
    below the lines, as the noise of the early steps unbalances the layers: at lr = 0.1 sum v^2 ends between 3.0 and 3.3
    for M = 4, at lr = 0.05 between 3.4 and 3.7.
    """
    results = {}
    for train in LAYERS:
        rule = OnlineSGD("relu", lr=lr, noise=noise, train=train)
        first = OnlineSGD("relu", lr=lr, noise=noise)
        sgd, theory, small = [], [], []
        for K in students:
            state = orthonormal_start(K, teachers, dim, size=size, readout=_readout(train, size), seed=seed)
            sgd.append(plateau(rule, state, alpha_max, dim=dim, replicas=replicas, seed=seed))
            even = _even_share(K, teachers, balanced=train == "both")
            theory.append(perturbative(first, even))
            small.append(relu_small_lr(K, lr=lr, noise=noise, v=even.v))
        results[train] = {"sgd": [mean for mean, _ in sgd], "sgd_sem": [error for _, error in sgd]}
        results[train] |= {"theory": theory, "small_lr": small}
    parameters: dict[str, float | str] = {
        "teachers": teachers,
        "lr": lr,
        "noise": noise,
        "alpha_max": alpha_max,
        "dim": dim,
        "size": size,
    }
    return _reproduction(students, results, parameters, f"ReLU, $M = {teachers}$, $N = {dim}$")


def _readout(train: str, size: float) -> float | None:
    """Return the standard deviation of the readouts at the start; None for readouts of one, which stay."""
    return size if train == "both" else None


def _even_share(students: int, teachers: int, *, balanced: bool) -> Overlaps:
    """Return the ReLU student without error whose units share the teacher's as evenly as K allows.

    Unit k carries 1/Z of teacher unit k mod M, Z units to each: in its weights, or, `balanced`, the root of it in its
    weights and in its readout.
    """
    unit = np.arange(students) % teachers
    share = 1 / np.bincount(unit)[unit]
    length, v = (np.sqrt(share), np.sqrt(share)) if balanced else (share, np.ones(students))
    R = np.eye(teachers)[unit] * length[:, None]
    return Overlaps(R @ R.T, R, np.eye(teachers), v)


def _reproduction(
    students: Sequence[int], results: dict[str, dict[str, list[float]]], parameters: dict[str, float | str], title: str
) -> Reproduction:
    """Draw the final errors of both ways of training and sum them up."""
    datasets = {train: table({"students": students}, results[train], parameters) for train in LAYERS}
    with page() as (figure, (ax,)):
        for i, (train, label) in enumerate(zip(LAYERS, ("first layer", "both layers"), strict=True)):
            ds = datasets[train]
            look: Any = {"label": f"{label} trained", "colour": f"C{i}", "marker": "os"[i]}
            ode = ds["ode"].values if "ode" in ds else None
            sgd = ds["sgd"].values, ds["sgd_sem"].values
            series(ax, students, theory=(students, ds["theory"].values), ode=ode, sgd=sgd, **look)
            if "small_lr" in ds:
                ax.plot(students, ds["small_lr"], ":", color=f"C{i}")
        ax.set(xlabel="students $K$", ylabel=r"$\epsilon_g^*$", ylim=(0, None), xticks=students, title=title)
        marks = ("theory", "ODE", "SGD") if "ode" in datasets["first"] else ("theory", "SGD", "small rates")
        legend(ax, *marks)
    summary = {}
    for train, ds in datasets.items():
        sgd = ds["sgd"]
        summary[f"{train}: SGD at the largest K over that at the smallest"] = float(sgd[-1] / sgd[0])
        for name in ("ode", "sgd"):
            if name in ds:
                gap = float(np.abs(ds[name] / ds["theory"] - 1).max())
                summary[f"{train}: largest relative distance of {name.upper()} from theory"] = gap
    return Reproduction(datasets, figure, summary)
