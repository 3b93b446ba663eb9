"""The problem itself: samples, teachers and noise are drawn, and weights trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_choice, check_count, refuse
from tutelage.linear.filters import Descent, Flow
from tutelage.linear.finite import draw_fields
from tutelage.linear.record import check_problem, check_steps, dataset, kept, mean_and_sem
from tutelage.linear.schedule import Scheduled
from tutelage.linear.spectrum import Spectrum
from tutelage.progress import Progress
from tutelage.progress import progress as progress_bar

if TYPE_CHECKING:
    import xarray

__all__ = ["simulate"]

NUMBERS = 4_000_000  # of the matrices that are trained on at a time
DYNAMICS = ("descent", "flow", "ridge")


def simulate(
    spectrum: Spectrum,
    t: ArrayLike,
    dynamics: str = "descent",
    lr: float = 1.0,
    ridge: float = 0.0,
    *,
    replicas: int = 100,
    teachers: int = 1,
    penalty: Callable[[float], float] | None = None,
    seed: int = 0,
    test_noise: bool = False,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Train linear students on samples that are drawn, step by step, and measure them.

    Parameters
    ----------
    spectrum : Spectrum
    t : array, shape (times,)
        Steps, in any order; whole ones for "descent".
    dynamics : {"descent", "flow", "ridge"}
        Gradient descent, every step of it, all replicas at once; gradient flow for the time lr t, from the eigenvectors
        of each :math:`X^\top X`; ridge regression with the penalty ridge + 1/(lr t), a linear system for each time.
    lr, ridge : float
        As of :func:`learning_curve`.
    replicas : int
        Independent sets of samples; replica k is the same whatever their number.
    teachers : int
        Teachers, each with its own noise, for each set of samples; a replica is their mean.
    penalty : function of the step, optional
        Penalty on outputs that is taken away (:func:`fading`), for "descent".
    seed : int
    test_noise : bool
        Whether eg has the noise of test labels.
    progress : bool
        Whether to show a bar where it takes more than two seconds.

    Returns
    -------
    xarray.Dataset
        ``R``, ``Q``, ``eg`` (replica, t), and ``eg_mean``, ``eg_sem`` (t). Ctrl-C keeps what was done; the rest is NaN.

    Notes
    -----
    The squared length of each teacher is what was drawn, so that eg = (signal - 2R + Q)/2 holds on average.

    Examples
    --------
    >>> from tutelage.linear import learning_curve, simulate, two_scale
    >>> problem = two_scale(n=150, d=100, p=60, kappa=50, noise=0.3)
    >>> runs = simulate(problem, [0, 10, 100], lr=1 / problem.top, replicas=50)
    >>> theory = learning_curve(problem, [0, 10, 100], "descent", lr=1 / problem.top)
    >>> bool((abs(runs.eg_mean - theory.eg) < 4 * runs.eg_sem).all())
    True
    """
    lr, ridge = check_problem(spectrum, lr, ridge)
    times, dynamics = check_steps("t", t), check_choice("dynamics", dynamics, DYNAMICS)
    replicas, teachers = check_count("replicas", replicas), check_count("teachers", teachers)
    seed = check_count("seed", seed, minimum=0)
    if dynamics == "descent" and (times % 1).any():
        raise refuse("t", "be whole steps, such as np.unique(np.rint(t))", f"has {times[times % 1 > 0][0]:g}")
    if penalty is not None:
        if dynamics != "descent":
            raise refuse("penalty", 'be None unless dynamics is "descent"', f"is given with {dynamics!r}")
        Scheduled(lr, ridge, penalty, whole=True).check(0.0, times.max())
    found = np.full((3, replicas, len(times)), np.nan)
    order = np.argsort(times)
    size = max(1, NUMBERS // (spectrum.d * (spectrum.n + spectrum.d + teachers)))
    with progress_bar("training", replicas * max(times.max(), 1), progress) as bar, kept():
        for begin in range(0, replicas, size):
            group = range(begin, min(begin + size, replicas))
            problem = _Problems(spectrum, group, teachers, seed)
            for k, w in zip(order, _weights(problem, dynamics, times[order], lr, ridge, penalty, bar), strict=True):
                found[:, group.start : group.stop, k] = problem.measure(w)
    R, Q, eg = found
    mean, sem = mean_and_sem(eg)
    variables = {"R": R, "Q": Q, "eg": eg, "eg_mean": mean, "eg_sem": sem}
    arguments = {
        "dynamics": dynamics,
        "lr": lr,
        "ridge": ridge,
        "replicas": replicas,
        "teachers": teachers,
        "seed": seed,
        "test_noise": bool(test_noise),
    }
    return dataset(spectrum, times, variables, "learning curve simulation", arguments, penalty=penalty)


class _Problems:
    """Samples, labels and teachers of some replicas."""

    def __init__(self, spectrum: Spectrum, group: range, teachers: int, seed: int) -> None:
        self.group, self.scales = group, spectrum.scales[:, None]
        z = np.stack([draw_fields(spectrum, seed, k) for k in group])
        rngs = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, k))) for k in group]
        assert spectrum.teacher is not None
        sizes = np.sqrt(spectrum.teacher)[:, None]
        self.teacher = np.stack([sizes * rng.standard_normal((spectrum.d, teachers)) for rng in rngs])
        noise = np.stack([spectrum.noise * rng.standard_normal((spectrum.n, teachers)) for rng in rngs])
        x = z * spectrum.scales
        self.H, self.c = x.mT @ x, x.mT @ (z @ self.teacher + noise)

    def measure(self, w: np.ndarray) -> np.ndarray:
        """Return R, Q and eg, shape (3, replicas), of weights (replicas, d, teachers)."""
        F, d = self.scales * w, w.shape[1]
        found = (self.teacher * F).sum(1) / d, (F**2).sum(1) / d, ((self.teacher - F) ** 2).sum(1) / (2 * d)
        return np.stack(found).mean(-1)


def _weights(
    problem: _Problems,
    dynamics: str,
    t: np.ndarray,
    lr: float,
    ridge: float,
    penalty: Callable[[float], float] | None,
    bar: Progress,
) -> Iterator[np.ndarray]:
    """Yield the weights (replicas, d, teachers) at each of the sorted times."""
    H, c = problem.H, problem.c
    before, unit = problem.group.start * max(t[-1], 1), len(problem.group) * max(t[-1], 1)
    if dynamics == "ridge":
        for k, time in enumerate(t):
            bar.update(before + unit * k / len(t))
            # (lr t)(H + ridge) + 1 has an inverse at t = 0, too
            yield np.linalg.solve(lr * time * (H + ridge * np.eye(len(H[0]))) + np.eye(len(H[0])), lr * time * c)
        return
    h, V = np.linalg.eigh(H)
    if dynamics == "flow":
        along = V.mT @ c
        for time in t:
            yield V @ (Flow(lr, ridge).gain(np.maximum(h, 0.0), np.array([time]))[0][..., None] * along)
        return
    largest = 1.0 if penalty is None else 1 + penalty(0)
    Descent(lr, ridge).check(float(largest * h.max()), "the largest eigenvalue of these samples")
    w, step = np.zeros_like(c), 0
    for time in t:
        while step < time:
            strength = 1.0 if penalty is None else 1 + penalty(step)
            w = w - lr * (strength * (H @ w) + ridge * w - c)
            step += 1
            if step % 100 == 0:
                bar.update(before + unit * step / t[-1])
        yield w
