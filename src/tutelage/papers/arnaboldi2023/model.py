"""Students of several widths in one problem: their mean field, SGD from the same weights, and how far they differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tutelage.online.rule import OnlineSGD
from tutelage.papers import Reproduction
from tutelage.papers.arnaboldi2023.setting import Weights, descend, draw_curves, means, random_weights
from tutelage.papers.goldt2019.setting import deviation, page
from tutelage.regimes.mean_field import solve_mean_field
from tutelage.regimes.mean_field_particles import Particles

if TYPE_CHECKING:
    import xarray

    from tutelage.conventions import Arnaboldi2023

__all__ = ["Model", "distances", "file_name"]


@dataclass(frozen=True)
class Model:
    """Students of any number K in one problem, and how they start.

    Attributes
    ----------
    activation : str
    teachers, dim : int
        M, and N of SGD.
    frames : int or None
        N of the mean field; None: infinite.
    lr : float
    draw : callable
        From K, M, N and a seed to weights.
    """

    activation: str
    teachers: int
    dim: int
    frames: int | None
    lr: float
    draw: Callable[[int, int, int, int], Weights] = random_weights

    def problem(self, students: int) -> Arnaboldi2023:
        """Return the problem with K students."""
        return means(students, self.teachers, self.dim, lr=self.lr)

    def mean_field(self, students: Sequence[int], times: np.ndarray, seed: int) -> dict[str, xarray.Dataset]:
        """Return the mean field at the start and at times t, for each K by its label."""
        curves = {}
        for K in students:
            W, W_star = self.draw(K, self.teachers, self.dim, seed)
            R = W @ W_star.T / self.dim
            particles = Particles(R, _off_the_span((W**2).mean(1), R), np.eye(self.teachers))
            rule = OnlineSGD(self.activation, **self.problem(K).to_ours().rule)
            alpha = np.r_[0, self.problem(K).alpha(times)]
            curves[f"K = {K}"] = solve_mean_field(rule, particles, alpha, self.frames)
        return curves

    def descend(
        self, students: Sequence[int], times: np.ndarray, replicas: int, seed: int
    ) -> dict[str, xarray.Dataset]:
        """Return SGD from the same weights, with the squared lengths q off the teacher's span in place of Q."""
        curves = {}
        for K in students:
            problem, weights = self.problem(K), self.draw(K, self.teachers, self.dim, seed)
            alpha = np.r_[0, problem.alpha(times)]
            ds = descend(self.activation, problem, weights, alpha, replicas=replicas, seed=seed)
            q = _off_the_span(np.einsum("...kk->...k", ds["Q"].values), ds["R"].values)
            kept = ds.drop_vars(name for name in ds.data_vars if "student_" in ds[name].dims)
            curves[f"K = {K}"] = kept.assign(q=(("replica", "alpha", "student"), q))
        return curves

    def reproduction(
        self, theory: dict[str, xarray.Dataset], sgd: dict[str, xarray.Dataset], summary: dict[str, float], title: str
    ) -> Reproduction:
        """Draw the curves."""
        problems = {name: self.problem(ds.sizes["student"]) for name, ds in (theory | sgd).items()}
        with page() as (figure, (ax,)):
            draw_curves(ax, theory, sgd, problems, title)
        datasets = {f"mean-field-{file_name(name)}": ds for name, ds in theory.items()}
        datasets |= {f"sgd-{file_name(name)}": ds for name, ds in sgd.items()}
        return Reproduction(datasets, figure, summary)


def _off_the_span(lengths: np.ndarray, R: np.ndarray) -> np.ndarray:
    """Return the squared length off the span of orthonormal teachers."""
    return np.maximum(lengths - (R**2).sum(-1), 0.0)


def file_name(label: str) -> str:
    """Return the label of a curve as part of a file's name."""
    return label.replace(" = ", "")


def distances(theory: dict[str, xarray.Dataset], sgd: dict[str, xarray.Dataset]) -> dict[str, float]:
    """Return how far SGD is from the mean field, and the mean field from that of the widest student."""
    summary, (*narrow, widest) = {}, theory
    for name in (name for name in sgd if name in theory):
        summary[f"{name}: largest distance of SGD from the mean field, in units of eg(0)"] = deviation(
            theory[name], sgd[name]
        )
    reference = theory[widest]["eg"].values
    for name in narrow:
        gap = np.abs(theory[name]["eg"].values - reference).max() / reference[0]
        summary[f"{name}: distance of the mean field from that of {widest}, in units of eg(0)"] = float(gap)
    return summary
