"""The same problem on real inputs: whitened, then scaled, and labelled by a teacher or as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.data import digits
from tutelage.errors import check_array, check_choice, check_count, check_type, refuse
from tutelage.linear.filters import FILTERS, Descent, way_of
from tutelage.linear.record import check_problem, check_steps, dataset, kept, mean_and_sem
from tutelage.linear.spectrum import Spectrum
from tutelage.progress import progress as progress_bar

if TYPE_CHECKING:
    import xarray

__all__ = ["digit_inputs", "fitted", "measure"]


def digit_inputs(d: int = 40) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the 1,797 digits of scikit-learn as inputs z of variance 1/d, and the labels +1 (0 to 4) and -1 (5 to 9).

    Parameters
    ----------
    d : int
        How many principal components, the largest first, each divided by its standard deviation. At most 61 vary.

    Returns
    -------
    z : array, shape (1797, d)
    y : array, shape (1797,)
        Of mean zero and variance one.

    Examples
    --------
    >>> z, y = digit_inputs(40)
    >>> z.shape, round(float((z**2).sum(1).mean()), 12)
    ((1797, 40), 1.0)
    """
    images = digits(None)
    pixels = images.inputs - images.inputs.mean(0)
    U, D, _ = np.linalg.svd(pixels, full_matrices=False)
    rank = int((D / D[0] > 1e-8).sum())
    if check_count("d", d) > rank:
        raise refuse("d", f"be at most the number of components that vary, {rank}", f"is {d}")
    y = np.where(images.labels < 5, 1.0, -1.0)
    return U[:, :d] * np.sqrt(len(U) / d), (y - y.mean()) / y.std()


def fitted(spectrum: Spectrum, z: ArrayLike, y: ArrayLike) -> Spectrum:
    r"""Return the problem whose teacher is the linear fit to labels y (samples,) on inputs z (samples, d).

    Its squares are those of the fit to all samples, and the noise is what that fit leaves: as if it did not depend on
    the inputs, which is the approximation.

    Parameters
    ----------
    spectrum : Spectrum
        Samples and eigenvalues; its teacher and noise are replaced.
    z : array, shape (samples, d)
        White inputs, of variance 1/d, as :func:`digit_inputs` gives them.
    y : array, shape (samples,)
        Labels.

    Returns
    -------
    Spectrum
        With the teacher :math:`W_j^2` (d,), W the fit by least squares, and as noise the root of the mean square of
        what it leaves.

    Raises
    ------
    ArgumentError
        Naming the argument, and the shape that it should have.

    Examples
    --------
    >>> from tutelage.linear import two_scale
    >>> z, y = digit_inputs(40)
    >>> problem = fitted(two_scale(n=60, d=40, p=20, kappa=10), z, y)
    >>> problem.teacher.shape, round(problem.noise, 3)
    ((40,), 0.618)
    """
    check_type("spectrum", spectrum, Spectrum)
    z, y = check_array("z", z, ("samples", spectrum.d)), check_array("y", y, ("samples",))
    if len(y) != len(z):
        raise refuse("y", f"have a label for each of the {len(z)} inputs", f"has {len(y)}")
    W, *_ = np.linalg.lstsq(z, y, rcond=None)
    noise = float(np.sqrt(np.mean((y - z @ W) ** 2)))
    return Spectrum(spectrum.n, spectrum.eigenvalues, noise, W**2, spectrum.fast)


def measure(
    spectrum: Spectrum,
    z: ArrayLike,
    t: ArrayLike,
    dynamics: str = "flow",
    lr: float = 1.0,
    ridge: float = 0.0,
    *,
    y: ArrayLike | None = None,
    replicas: int = 100,
    seed: int = 0,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Train linear students on n of the given inputs, drawn anew for each replica, and test them on all others.

    Parameters
    ----------
    spectrum : Spectrum
        n, the scales of the features, and without `y` the law of teacher and noise.
    z : array, shape (samples, d)
        Inputs before they are scaled, of variance 1/d; more than n of them.
    t, dynamics, lr, ridge
        As of :func:`simulate`.
    y : array, shape (samples,), optional
        Labels of your own. Default: those of a new Gaussian teacher, with noise, for each replica.
    replicas, seed : int
    progress : bool
        Whether to show a bar where it takes more than two seconds.

    Returns
    -------
    xarray.Dataset
        ``eg`` (replica, t), half the mean squared error on the inputs held out: of the teacher, without noise, or of
        the labels `y`, with all of it. ``eg_mean``, ``eg_sem`` (t). Ctrl-C
        keeps what was done; the rest is NaN.
    """
    lr, ridge = check_problem(spectrum, lr, ridge)
    times, dynamics = check_steps("t", t), check_choice("dynamics", dynamics, FILTERS)
    z = check_array("z", z, ("samples", spectrum.d))
    if len(z) <= spectrum.n:
        raise refuse("z", f"hold more inputs than the {spectrum.n} to train on", f"holds {len(z)}")
    labels = None if y is None else check_array("y", y, (len(z),))
    replicas, seed = check_count("replicas", replicas), check_count("seed", seed, minimum=0)
    eg = np.full((replicas, len(times)), np.nan)
    with progress_bar("training", replicas, progress) as bar, kept():
        for k in range(replicas):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, k)))
            eg[k] = _held_out(spectrum, z, labels, times, (dynamics, lr, ridge), rng)
            bar.update(k + 1)
    mean, sem = mean_and_sem(eg)
    how = {"dynamics": dynamics, "lr": lr, "ridge": ridge, "replicas": replicas, "seed": seed}
    return dataset(
        spectrum, times, {"eg": eg, "eg_mean": mean, "eg_sem": sem}, "learning curve on inputs", how, z=z, y=y
    )


def _held_out(
    spectrum: Spectrum,
    z: np.ndarray,
    y: np.ndarray | None,
    t: np.ndarray,
    how: tuple[str, float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the error (times,) of one student on the inputs that it was not trained on."""
    order = rng.permutation(len(z))
    train, test = order[: spectrum.n], order[spectrum.n :]
    wanted = y
    noise: Any = 0.0
    if wanted is None:
        assert spectrum.teacher is not None
        wanted = z @ (np.sqrt(spectrum.teacher) * rng.standard_normal(spectrum.d))
        noise = spectrum.noise * rng.standard_normal(spectrum.n)
    U, D, Vt = np.linalg.svd(z[train] * spectrum.scales, full_matrices=False)
    way = way_of(how[0], float(D[0] ** 2), *how[1:])
    if isinstance(way, Descent):
        way.check(float(D[0] ** 2), "the largest eigenvalue of these samples")
    w = (way.gain(D**2, t) * D * (U.T @ (wanted[train] + noise))) @ Vt  # (times, d)
    return ((wanted[test] - w @ (z[test] * spectrum.scales).T) ** 2).mean(1) / 2
