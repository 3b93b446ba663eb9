"""How fast minima on samples approach the minimum of the population."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tutelage.landscape import MLP, PopulationLoss, Teacher, align, minimise
from tutelage.papers import Reproduction
from tutelage.papers.brea2023.setting import dataset, sized
from tutelage.papers.common import panels
from tutelage.progress import progress as bars

__all__ = ["sample_size"]

NEAR = 10.0  # times the predicted distance: farther away is another minimum


def sample_size(
    samples: Sequence[int] = (1000, 3162, 10_000, 31_623, 100_000),
    seeds: int = 10,
    *,
    inputs: int = 9,
    teacher: int = 8,
    student: int = 3,
    draws: int = 400_000,
    start: int = 0,
) -> Reproduction:
    r"""Squared distance between the minimum on N samples and that on infinitely many.

    Finding: the distance falls as 1/N, with the constant that second derivatives and the spread of gradients at the
    minimum of the population give, without a fit; in every direction, as the distance in units of the predicted
    covariance shows, which hardly scatters.

    Parameters
    ----------
    samples : sequence of int
        N.
    seeds : int
        Sets of inputs for each N.
    inputs, teacher, student : int
        Softplus units without biases; fewer in the student, so that the loss does not vanish.
    draws : int
        Inputs that the spread of gradients is averaged over.
    start : int
        Seed of the student's start, the same for all.

    Notes
    -----
    At the minimum p of the population loss L, the minimum on N samples has the covariance
    :math:`H^{-1} \Sigma H^{-1} / N`, where H is the Hessian and :math:`\Sigma` the covariance of the gradient of one
    sample; the mean squared distance is its trace. (White 1982.) A few flat directions make up most of the trace, so
    that single distances scatter by as much as their mean. In units of the covariance all P directions count alike
    (``weighed``): the distance then is 1/P times a chi-square variable of P degrees, with mean 1 and variance 2/P.

    Every search begins at the same random start, and permutations of units are undone. Minima farther away than 10
    times the prediction are counted apart: they are other minima.
    """
    taught, net = sized(inputs, teacher, bias=False), sized(inputs, student, bias=False)
    function = taught.at(taught.init(seed=1000))
    population = PopulationLoss(function, net)
    begin = net.init(seed=start)
    goal = minimise(population, begin, progress=False)
    covariance = _covariance(net, function, goal.p, population.hessian(goal.p), draws)
    predicted, whiten = float(np.trace(covariance)), np.linalg.inv(np.linalg.cholesky(covariance))
    far, weighed = np.empty((2, len(samples), seeds))
    with bars("minima", far.size, True) as bar:
        for i, count in enumerate(samples):
            for seed in range(seeds):
                x = np.random.default_rng((seed, count)).standard_normal((count, inputs))
                found = minimise(net.on(x, function(x)), begin, progress=False)
                step = align(net, found.p, net.at(goal.p)) - goal.p
                far[i, seed] = np.square(step).sum()
                weighed[i, seed] = count * np.square(whiten @ step).mean()
                bar.update(i * seeds + seed + 1)
    N = np.array(samples)
    here = far < NEAR * predicted / N[:, None]
    mean = np.array([far[i, here[i]].mean() if here[i].any() else np.nan for i in range(len(N))])
    slope = float(np.polyfit(np.log(N), np.log(mean), 1)[0])
    ds = dataset(
        {
            "squared_distance": (("samples", "seed"), far),
            "weighed": (("samples", "seed"), weighed),
            "predicted": ("samples", predicted / N),
        },
        {"samples": samples, "seed": range(seeds)},
        {"inputs": inputs, "teacher": teacher, "student": student, "draws": draws, "start": start},
    )
    with panels(1) as (figure, (ax,)):
        ax.plot(N, predicted / N, color="C0", label=r"$\mathrm{tr}\, H^{-1} \Sigma H^{-1} / N$")
        for i in range(len(N)):
            ax.plot(np.full(here[i].sum(), N[i]), far[i, here[i]], "o", color="C1", mfc="none", alpha=0.6)
            ax.plot(np.full((~here[i]).sum(), N[i]), far[i, ~here[i]], "x", color="0.6")
        ax.plot(N, mean, "o", color="C1", label=f"mean of {seeds} minima")
        ax.set(xscale="log", yscale="log", xlabel="samples $N$", ylabel=r"$|p_N - p_\infty|^2$")
        ax.set_title(f"{teacher} units taught to {student}, {inputs} inputs")
        ax.legend()
    summary = {
        "exponent": slope,
        "mean over prediction, all N": float(np.exp(np.nanmean(np.log(mean / (predicted / N))))),
        "mean in units of the covariance, largest N": float(weighed[-1, here[-1]].mean()),
        "other minima": float((~here).sum()),
        "loss of the population's minimum": goal.loss,
        "its gradient": goal.gradient_norm,
    }
    return Reproduction({"distances": ds}, figure, summary)


def _covariance(
    net: MLP, teacher: Teacher, p: np.ndarray, H: np.ndarray, draws: int, block: int = 20_000
) -> np.ndarray:
    """Return H^-1 Sigma H^-1, Sigma averaged over inputs drawn for it."""
    rng, total = np.random.default_rng(12345), np.zeros_like(H)
    for _ in range(draws // block):
        x = rng.standard_normal((block, net.inputs))
        error = 2 * (net(p, x) - teacher(x))
        slopes = error * net.jacobian(p, x)[:, 0]
        total += slopes.T @ slopes
    inverse = np.linalg.inv(H)
    return inverse @ total @ inverse / (draws // block * block)
