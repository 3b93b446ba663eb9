"""The loss of gradient descent next to the optimum against what eigenvalues predict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tutelage.landscape import descend, matched_network, quadratic_loss, spectrum
from tutelage.papers import Reproduction
from tutelage.papers.common import panels
from tutelage.papers.couto2025.setting import dataset, label_of

__all__ = ["loss_prediction"]


def loss_prediction(
    activations: Sequence[str] = ("linear", "erf"),
    lr: Sequence[float] = (0.05, 0.5),
    steps: Sequence[int] = (150, 20_000),
    *,
    inputs: int = 10,
    hidden: int = 5,
    samples: int = 2000,
    eps: float = 0.01,
    points: int = 40,
    seed: int = 2,
) -> Reproduction:
    r"""Gradient descent from next to the optimum, with the quadratic prediction.

    Finding: the loss is :math:`\frac12 \sum_k \lambda_k c_k^2 (1 - \eta \lambda_k)^{2n}` within a few per cent: an
    exponential fall for linear units, whose eigenvalues have a gap, and for erf a slow one over many decades of steps.

    Parameters
    ----------
    activations : sequence of str
    lr, steps : sequence of float, sequence of int
        Learning rate and number of steps for each.
    inputs, hidden, samples : int
        Ni, Nh, N.
    eps : float
        Standard deviation of the displacement in every weight.
    points : int
        Numbers of steps at which the loss is taken, evenly in their logarithm.
    seed : int
        Of weights, inputs, and displacement.

    Notes
    -----
    Terms of third order in the displacement are left out; they change sign with it. Two runs start from opposite
    displacements: the summary has the largest relative distance from the prediction of each, and of their mean.
    """
    datasets, summary = {}, {}
    with panels(len(activations)) as (figure, axes):
        for ax, g, rate, last in zip(axes, activations, lr, steps, strict=True):
            teacher, rng = matched_network(g, inputs, hidden, seed=seed), np.random.default_rng((seed, 1))
            x = rng.standard_normal((samples, inputs))
            objective, d = teacher.net.on(x, teacher(x)), eps * rng.standard_normal(teacher.net.size)
            times = np.unique(np.round(np.geomspace(1, last + 1, points)).astype(int)) - 1
            predicted = quadratic_loss(spectrum(objective.hessian(teacher.p)), d, times, lr=rate)
            runs = []
            for sign in (1, -1):
                run = descend(objective, teacher.p + sign * d, last, lr=rate, keep=times)
                runs.append(run["loss"].values)
            ds = datasets[g.partition("(")[0]] = dataset(
                {"loss": (("start", "step"), np.array(runs)), "predicted": ("step", predicted)},
                {"step": times, "start": [1, -1]},
                {"lr": rate, "inputs": inputs, "hidden": hidden, "samples": samples, "eps": eps, "seed": seed},
            )
            off = np.abs(ds["loss"] / ds["predicted"] - 1)
            summary[f"{g}: largest relative distance of a run"] = float(off.max())
            summary[f"{g}: of the mean of both"] = float(np.abs(ds["loss"].mean("start") / ds["predicted"] - 1).max())
            summary[f"{g}: last loss / first"] = float(predicted[-1] / predicted[0])
            ax.plot(times + 1, predicted, color="C0", label="eigenvalues")
            for run, marker, side in zip(runs, "os", ("+", "-"), strict=True):
                ax.plot(times + 1, run, marker, color="C1", mfc="none", label=f"descent from $p^*\\!{side}\\delta$")
            ax.set(xscale="log", yscale="log", xlabel="steps + 1", ylabel="loss $L$")
            ax.set_title(
                f"{label_of(g)}, $N_i = {inputs}$, $N_h = {hidden}$, $\\epsilon = {eps:g}$, $\\eta = {rate:g}$"
            )
            ax.legend()
    return Reproduction(datasets, figure, summary)
