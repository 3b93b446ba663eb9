"""Forgetting on real images: a second task mixed from the first and another, and a network with a head for each."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations import ActivationLike
from tutelage.activations import activation as activation_of
from tutelage.continual.experiment import Experiment
from tutelage.continual.mixing import SETS, WHITENINGS, checked_classes, sources
from tutelage.errors import DivergenceError, check_choice, check_count, check_flag, check_number, check_vector, refuse
from tutelage.progress import progress as progress_bar
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["data_mixing"]

FISHERS = ("empirical", "fisher")
SIMILARITIES = tuple(np.linspace(0, 1, 11).round(1).tolist())
SCALINGS = (
    "output c + sum_k h_k g(w_k.x + b_k); loss (output - label)^2; each step moves weights by -lr d loss / d weight; "
    "penalty strength/2 sum_j F_j (w_j - w*_j)^2; time in epochs"
)


def data_mixing(
    similarity: ArrayLike = SIMILARITIES,
    data: Any = "digits",
    *,
    classes: Sequence[Sequence[int]] | None = None,
    whitening: str | None = "zca",
    whiten_on: str = "train",
    activation: ActivationLike = "sigmoid",
    biases: bool = True,
    hidden: int = 8,
    lr: float = 0.001,
    epochs: tuple[int, int] = (50, 50),
    early_stopping: bool = True,
    strength: float = 0.0,
    importance: str = "empirical",
    replicas: int = 5,
    seed: int = 0,
    side: int | None = None,
    per_class: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Train a network on one pair of classes, then on a mixture of it with another pair, and see what it forgets.

    Parameters
    ----------
    similarity : float or array, shape (similarities,)
        Share a of the first task in the second, from 0 to 1: :math:`x = a x^{(1)} + (1 - a) x^{(2)}`, pixel by pixel
        (:mod:`tutelage.continual.mixing`). At 1 the second task is the first once more, with a fresh head.
    data : {"digits", "fashion_mnist"}, Images, (Images, Images) or (inputs, labels)
        "digits": 8 x 8 digits of scikit-learn, on every machine; "fashion_mnist": its IDX files, wherever
        :func:`tutelage.data.fashion_mnist` finds them, resized to 32 x 32; both with pixels from 0 to 1. A pair of
        Images is to train and to test on; of others a fifth is held out for testing (:func:`tutelage.data.split`).
    classes : two pairs of classes, optional
        Of the first task and of what is mixed in, labels 0 and 1 in this order. Default: ((0, 5), (2, 7)) of
        Fashion-MNIST, ((0, 1), (2, 7)) of digits. Of each as many images are taken as of the rarest.
    whitening : {"zca", "eigen"} or None
        Whether each task's images are whitened by the covariance of that task's own images, and in which coordinates:
        pixels, or eigenvectors, as in the released code, whose signs are arbitrary and matter (see the notes).
    whiten_on : {"train", "test"}
        Whose covariance: of the images to train on, or of the test images, as in the released code.
    activation : str or Activation
        Of hidden units, compiled.
    biases : bool
        Whether hidden units and heads have one.
    hidden : int
        Number K of hidden units.
    lr : float
        Of every weight. Batches hold one image.
    epochs : (int, int)
        On the first and on the second task, in an order shuffled anew in each.
    early_stopping : bool
        Whether the second task begins with the weights that had the least test loss on the first, after whole epochs.
    strength : float
        :math:`\lambda` of elastic weight consolidation: in the second task :math:`\frac{\lambda}{2} \sum_j F_j
        (w_j - w^*_j)^2`, over weights and biases of hidden units, is added to the loss.
    importance : {"empirical", "fisher"}
        :math:`F_j`, at the switch, on the images that the first task was trained on: the mean of the squared derivative
        of the loss on the labels, or of the output.
    replicas, seed : int
        Runs, each with initial weights and orders of its own; replica i is the same whether 5 or 500 are run, and has
        the same first task at every similarity and strength.
    side : int, optional
        Images are resized to side x side, bilinearly. Default: 32 for Fashion-MNIST, others as they are.
    per_class : int, optional
        At most so many images of each class to train on.
    folder : path, optional
        Of the IDX files, for data="fashion_mnist".
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        On the test images, ``loss`` and ``accuracy`` (similarity, replica, epoch, task) and ``importance`` (...,
        hidden), by how much the loss rises without a unit. ``epoch`` counts from 0, before any training, through both
        tasks; at ``epochs[0]`` stands the state that the second task begins with, and ``best_epoch`` (replica) is where
        that comes from. After Ctrl-C: what was done, NaN elsewhere, with a warning. The attribute ``settings`` (JSON)
        holds all ``arguments`` and a checksum of the images: ``data_mixing(**json.loads(ds.settings)["arguments"])``
        makes it again, and so does :func:`tutelage.rerun`, if `folder` and images of your own are given again.

    Raises
    ------
    ArgumentError
        Naming the argument, what is allowed and what was given; for Fashion-MNIST, how to get it.
    DivergenceError
        When weights overflow; its ``dataset`` holds what was done.

    Notes
    -----
    The loss has no factor 1/2: steps are twice as long as with one. Penalties of ``importance * sum F (w - w*)^2``, as
    in the released code, have the strength 2 ``importance``; that code takes F and :math:`w^*` anew in each epoch.
    Initial weights are uniform within :math:`\pm 1/\sqrt{\text{inputs}}`. A test loss that decides when to stop is a
    little too good, and whitening by test images lets the network see them without labels.

    Measured, as the mean test loss on the first task after the second. Digits, all defaults, 20 replicas of each of the
    seeds 0 to 3: 0.11 at a = 0, 0.47 to 0.58 at a = 0.4, 0.07 to 0.17 at a = 1, so forgetting is worst between;
    unwhitened, at lr = 0.01 and seed 0, 0.021, 0.028 (a = 0.5) and 0.013. Fashion-MNIST, 10 + 10 epochs, 5 replicas: no
    maximum within. With "zca" it falls from 0.077 (a = 0) to 0.014 (a = 1); with "eigen" on test images it is 0.039 to
    0.050 for all a below 1, then 0.013; without whitening it falls from 0.006 to 0.002 (lr = 0.01), with ReLU and no
    biases from 0.11 to 0.04. Eigenvectors with signs drawn at random gave 0.03 to 0.23, in no order of a (three draws,
    two replicas): a maximum seen with "eigen" in one run may be of that kind.

    References
    ----------
    S. Lee, S. Sarao Mannelli, C. Clopath, S. Goldt and A. Saxe, Maslow's hammer for catastrophic forgetting: node
    re-use vs node activation, ICML 2022, arXiv:2205.09029.

    Examples
    --------
    >>> ds = data_mixing([0.5, 1.0], whitening=None, lr=0.05, epochs=(5, 5), replicas=2)
    >>> ds.loss.dims, ds.loss.shape
    (('similarity', 'replica', 'epoch', 'task'), (2, 2, 11, 2))
    >>> first = ds.loss.isel(task=0)
    >>> forgotten = first.isel(epoch=-1) - first.sel(epoch=5)
    >>> bool((forgotten.sel(similarity=1.0) < forgotten.sel(similarity=0.5)).all())
    True
    """
    given = locals()
    arguments = {name: check(given[name]) for name, check in CHECKS.items()}
    origin = sources(data, classes, side, per_class, folder)
    run = Experiment(origin, activation_of(activation), arguments)
    with progress_bar("SGD", run.total, progress) as bar:
        try:
            failure = run.go(bar.update)
        except KeyboardInterrupt as interrupt:
            failure = interrupt
    result = _dataset(run)
    if isinstance(failure, DivergenceError):
        failure.dataset = result
        raise failure
    if failure is not None:
        warnings.warn("interrupted: what was done is kept, the rest is NaN", stacklevel=2)
    return result


def _similarities(given: ArrayLike) -> list[float]:
    values = check_vector("similarity", given, "similarities")
    if values.min() < 0 or values.max() > 1:
        raise refuse("similarity", "lie between 0 and 1", f"runs from {values.min():g} to {values.max():g}")
    return values.tolist()


def _epochs(given: Any) -> list[int]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise refuse("epochs", "be a pair of numbers, on the first and on the second task", f"is {given!r}")
    return [check_count("epochs", each) for each in given]


def _compiled(given: ActivationLike) -> str:
    unit = activation_of(given)
    if unit.unit is None:
        raise refuse("activation", "be one that can be compiled", f"is {unit.name!r}")
    return unit.name


CHECKS: dict[str, Callable[[Any], Any]] = {  # of each argument that is kept: what it is as JSON, or its refusal
    "similarity": _similarities,
    "data": lambda x: x if isinstance(x, str) else None,
    "classes": lambda x: None if x is None else checked_classes(x),
    "whitening": lambda x: None if x is None else check_choice("whitening", x, WHITENINGS),
    "whiten_on": lambda x: check_choice("whiten_on", x, SETS),
    "activation": _compiled,
    "biases": lambda x: check_flag("biases", x),
    "hidden": lambda x: check_count("hidden", x),
    "lr": lambda x: check_number("lr", x, minimum=0, strict=True),
    "epochs": _epochs,
    "early_stopping": lambda x: check_flag("early_stopping", x),
    "strength": lambda x: check_number("strength", x, minimum=0),
    "importance": lambda x: check_choice("importance", x, FISHERS),
    "replicas": lambda x: check_count("replicas", x),
    "seed": lambda x: check_count("seed", x, minimum=0),
    "side": lambda x: None if x is None else check_count("side", x),
    "per_class": lambda x: None if x is None else check_count("per_class", x),
}


def _dataset(run: Experiment) -> xarray.Dataset:
    """Return the dataset of an experiment, with its provenance."""
    import xarray

    dims = ("similarity", "replica", "epoch", "task")
    data = {
        "loss": (dims, run.loss, {"long_name": "test loss"}),
        "accuracy": (dims, run.accuracy, {"long_name": "share of test images with the right answer"}),
        "importance": ((*dims, "hidden"), run.importance, {"long_name": "rise of the test loss without the unit"}),
        "best_epoch": (("replica",), run.best, {"long_name": "epoch that the second task begins from"}),
    }
    coordinates = {
        "similarity": ("similarity", run.values, {"long_name": "share of the first task in the second"}),
        "epoch": ("epoch", np.arange(run.first + run.second + 1), {"long_name": "epochs"}),
        "task": ("task", [0, 1], {"long_name": "task"}),
    }
    origin = run.origin
    images = {
        "name": origin.name,
        "train": origin.train.shape[1],
        "test": origin.test.shape[1],
        "dim": origin.train.shape[2],
        "sha256": origin.checksum,
    }
    settings = {"view": "data mixing", "arguments": run.arguments, "images": images}
    attributes = {
        "tutelage_version": __version__,
        "settings": json.dumps(settings),
        "scalings": SCALINGS,
        "switch": run.first,
    }
    return xarray.Dataset(data, coordinates, attributes)
