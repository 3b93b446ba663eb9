r"""A linear classifier that can memorise, as three scalars: one weak coordinate, and one private to each sample.

A sample is :math:`x_i = s_i e_0 + \rho\, e_i` with label :math:`y_i = \pm 1`. The coordinate :math:`e_0`, which all
share, is right, :math:`s_i = y_i`, for n(1 - p) samples ("clean") and wrong for np ("noisy"). Gradient descent on the
mean logistic loss from :math:`w = a e_0` gives all clean samples the same weight :math:`w_i = \rho\, y_i v_+`, and all
noisy ones :math:`\rho\, y_i v_-`. With margins

.. math:: m_\pm = \pm w_0 + \rho^2 v_\pm, \qquad \sigma(m) = 1 / (1 + e^{-m}),

a step of length :math:`\eta` is, exactly,

.. math:: v_\pm \mathrel{+}= \frac{\eta}{n} \sigma(-m_\pm), \qquad
          w_0 \mathrel{+}= \eta\, [(1 - p)\, \sigma(-m_+) - p\, \sigma(-m_-)] ,

so that :math:`w_0 = a + n [(1 - p) v_+ - p v_-]` throughout. A new sample meets weights of its own that are still 0:
its error is p where :math:`w_0 > 0`, 1 - p where :math:`w_0 < 0`, and 1/2 at 0. Training memorises, whatever the start;
what it has learned of new samples is the sign of :math:`w_0`. That of the direction of largest margin is +, but a
start at :math:`a < 0` may stay below for long after every training label is right.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_count, check_number, check_times, refuse
from tutelage.progress import progress as progress_bar
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["largest_margin", "memorisation", "memorisation_directly"]

ROUNDING = 1e-9  # relative, that n p may miss a whole number by
LABELS = {
    "w0": "weight of the coordinate that all samples share",
    "v_plus": "weight of a clean sample's own coordinate over rho y",
    "v_minus": "weight of a noisy sample's own coordinate over rho y",
    "train_error": "share of wrong training labels",
    "error": "share of wrong labels of new samples",
}


def memorisation(
    samples: int = 200,
    noise: float = 0.1,
    strength: float = 10.0,
    *,
    start: float = 0.0,
    lr: float = 1.0,
    steps: ArrayLike = 1000,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Return the course of gradient descent in the three scalars, at the cost of three numbers a step.

    Parameters
    ----------
    samples : int
        n.
    noise : float
        p, from 0 to 1; n p must be a whole number.
    strength : float
        :math:`\rho^2 / n` > 0: how easily samples are memorised.
    start : float
        a, the first value of :math:`w_0`.
    lr : float
        :math:`\eta`, of the mean logistic loss.
    steps : int or array
        Numbers of steps to keep, rising; 0 is the start. One number alone stands for it and the start.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        ``w0``, ``v_plus``, ``v_minus``, ``train_error``, ``error`` (step); the attribute ``interpolates`` is the first
        step after which every training label is right, or -1. After Ctrl-C: the steps that were reached.

    Raises
    ------
    ArgumentError
        Naming the argument.

    Examples
    --------
    >>> good, bad = (memorisation(start=a, steps=2000) for a in (2.0, -2.0))
    >>> float(good.train_error[-1]), float(bad.train_error[-1])
    (0.0, 0.0)
    >>> round(float(good.error[-1]), 3), round(float(bad.error[-1]), 3)
    (0.1, 0.9)
    """
    n, p, rho2 = _model(samples, noise, strength)
    w0, eta = check_number("start", start), check_number("lr", lr, minimum=0, strict=True)
    wanted = _steps(steps)
    v = [0.0, 0.0]
    rows: list[tuple[float, ...]] = []
    interpolates, last = -1, int(wanted[-1])
    try:
        with progress_bar("descent", last, progress) as bar:
            for step in range(last + 1):
                margins = w0 + rho2 * v[0], -w0 + rho2 * v[1]
                if interpolates < 0 and all(m > 0 for m, share in zip(margins, (1 - p, p), strict=True) if share):
                    interpolates = step
                if step == wanted[len(rows)]:
                    rows.append((w0, *v, _train_error(margins, p), _error(w0, p)))
                pull = _sigmoid(-margins[0]), _sigmoid(-margins[1])
                w0 += eta * ((1 - p) * pull[0] - p * pull[1])
                v = [v[0] + eta / n * pull[0], v[1] + eta / n * pull[1]]
                if step % 4096 == 0:
                    bar.update(step)
    except KeyboardInterrupt:
        if not rows:
            raise
    settings = {"samples": n, "noise": p, "strength": float(strength), "start": float(start), "lr": eta}
    names = ("w0", "v_plus", "v_minus", "train_error", "error")
    columns = dict(zip(names, np.array(rows).T, strict=True))
    return _dataset("memorisation", wanted[: len(rows)], columns, settings, wanted, interpolates=interpolates)


def memorisation_directly(
    samples: int = 200,
    noise: float = 0.1,
    strength: float = 10.0,
    *,
    start: float = 0.0,
    lr: float = 1.0,
    steps: ArrayLike = 1000,
    coordinates: int = 200_000,
    test: int = 10_000,
    seed: int = 0,
) -> xarray.Dataset:
    r"""Return the same by logistic regression on the samples themselves, with all weights: slow, to compare with.

    Parameters
    ----------
    samples, noise, strength, start, lr, steps
        As of :func:`memorisation`.
    coordinates : int
        Dimension; samples own different ones of them, drawn at random.
    test : int
        New samples, whose own coordinates are others, at most ``coordinates - 1 - samples``.
    seed : int

    Returns
    -------
    xarray.Dataset
        ``w0``, ``train_error`` and ``error`` (step), measured, and all weights ``w`` (coordinate) at the end.
    """
    from scipy.sparse import csr_matrix
    from scipy.special import expit

    n, p, rho2 = _model(samples, noise, strength)
    first, eta = check_number("start", start), check_number("lr", lr, minimum=0, strict=True)
    wanted, D = _steps(steps), check_count("coordinates", coordinates, minimum=n + 2)
    new = min(check_count("test", test), D - 1 - n)
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    own = 1 + rng.permutation(D - 1)[: n + new]

    def drawn(own: np.ndarray, noisy: int) -> tuple[Any, np.ndarray]:
        count = len(own)
        y = rng.choice([-1.0, 1.0], size=count)
        s = np.where(rng.permutation(count) < noisy, -y, y)
        values = np.stack([s, np.full(count, np.sqrt(rho2))], 1).ravel()
        columns = np.stack([np.zeros(count, int), own], 1).ravel()
        return csr_matrix((values, columns, np.arange(0, 2 * count + 1, 2)), (count, D)), y

    X, y = drawn(own[:n], round(n * p))
    X_new, y_new = drawn(own[n:], round(new * p))
    w = np.zeros(D)
    w[0] = first
    rows: list[tuple[float, ...]] = []
    for step in range(int(wanted[-1]) + 1):
        fields = X @ w
        if step == wanted[len(rows)]:
            rows.append((w[0], np.mean(y * fields <= 0), np.mean(y_new * (X_new @ w) <= 0)))
        if step < wanted[-1]:
            w += eta / n * (X.T @ (y * expit(-y * fields)))
    settings = {
        "samples": n,
        "noise": p,
        "strength": float(strength),
        "start": first,
        "lr": eta,
        "coordinates": D,
        "test": new,
        "seed": seed,
    }
    columns = dict(zip(("w0", "train_error", "error"), np.array(rows).T, strict=True))
    result = _dataset("memorisation directly", wanted, columns, settings, wanted)
    return result.assign(w=("coordinate", w))


def largest_margin(noise: float, strength: float) -> float:
    r"""Return :math:`w_0 / |w|` of the direction of largest margin, which gradient descent ends in.

    With all margins 1, :math:`w_0 = (1 - 2p) / (1 + \rho^2/n)` has the least norm,
    :math:`|w|^2 = w_0^2 + [(1 - p)(1 - w_0)^2 + p (1 + w_0)^2]\, n/\rho^2`. It is positive for p < 1/2.

    Parameters
    ----------
    noise : float
        p, from 0 to 1.
    strength : float
        :math:`\rho^2 / n` > 0.

    Returns
    -------
    float
        Between -1 and 1.

    Raises
    ------
    ArgumentError
        Naming the argument.

    Examples
    --------
    >>> round(largest_margin(0.1, 1.0), 4), largest_margin(0.5, 1.0)
    (0.4851, 0.0)
    """
    p, ratio = check_number("noise", noise, minimum=0), check_number("strength", strength, minimum=0, strict=True)
    if p > 1:
        raise refuse("noise", "be a share of the samples, from 0 to 1", f"is {p:g}")
    w0 = (1 - 2 * p) / (1 + ratio)
    rest = ((1 - p) * (1 - w0) ** 2 + p * (1 + w0) ** 2) / ratio
    return float(w0 / np.sqrt(w0**2 + rest))


def _model(samples: Any, noise: Any, strength: Any) -> tuple[int, float, float]:
    """Return n, p and rho^2."""
    n, p = check_count("samples", samples), check_number("noise", noise, minimum=0)
    if p > 1 or abs(n * p - round(n * p)) > ROUNDING * n:
        raise refuse("noise", f"be a share of the {n} samples, a whole number of them", f"is {p:g}")
    return n, round(n * p) / n, n * check_number("strength", strength, minimum=0, strict=True)


def _steps(steps: ArrayLike) -> np.ndarray:
    if np.ndim(steps) == 0:
        return np.unique([0, check_count("steps", steps, minimum=0, floats=True)])
    wanted = check_times("steps", steps)
    if (wanted != np.round(wanted)).any():
        raise refuse("steps", "be whole numbers", f"contains {wanted[wanted != np.round(wanted)][0]:g}")
    return wanted.astype(int)


def _sigmoid(m: float) -> float:
    return 1 / (1 + math.exp(-m)) if m > 0 else math.exp(m) / (1 + math.exp(m))


def _train_error(margins: tuple[float, float], p: float) -> float:
    return (1 - p) * (margins[0] <= 0) + p * (margins[1] <= 0)


def _error(w0: float, p: float) -> float:
    return p if w0 > 0 else 1 - p if w0 < 0 else 0.5


def _dataset(
    view: str, at: np.ndarray, columns: dict[str, Any], settings: dict[str, Any], steps: np.ndarray, **more: Any
) -> xarray.Dataset:
    """Return the dataset of a course; `steps` are those asked for, `at` those reached."""
    import xarray

    data = {name: ("step", np.asarray(each, float), {"long_name": LABELS[name]}) for name, each in columns.items()}
    attributes = {
        "tutelage_version": __version__,
        "settings": json.dumps({"view": view, **settings, "steps": steps.tolist()}),
        "scalings": "mean logistic loss of n samples; strength = rho^2 / n",
        **settings,
        **more,
    }
    return xarray.Dataset(data, {"step": ("step", at, {"long_name": "steps"})}, attributes)
