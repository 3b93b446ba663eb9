"""Forgetting on real images: a second task mixed from the first and another, and a network with a head for each."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations import Activation, ActivationLike, activation as activation_of
from tutelage.continual.mixing import SETS, WHITENINGS, Sources, Task, mixture, sources
from tutelage.continual.two_heads import NAMES, Hold, Learner, Weights, drawn, fisher, measures
from tutelage.errors import DivergenceError, check_choice, check_count, check_number, check_type, check_vector, refuse
from tutelage.online.runs import BOUND, Alone, Run, run_all
from tutelage.progress import progress as progress_bar

if TYPE_CHECKING:
    import xarray

__all__ = ["data_mixing"]

FISHERS = ("empirical", "fisher")
SIMILARITIES = tuple(np.linspace(0, 1, 11).round(1).tolist())
SCALINGS = (
    "output c + sum_k h_k g(w_k.x + b_k); loss (output - label)^2; each step moves every weight by -lr d loss / d weight; "
    "penalty strength/2 sum_j F_j (w_j - w*_j)^2; time in epochs"
)


def data_mixing(
    similarity: ArrayLike = SIMILARITIES,
    data: Any = "digits",
    *,
    classes: Sequence[Sequence[int]] | None = None,
    whitening: str | None = "eigen",
    whiten_on: str = "test",
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
        :func:`tutelage.data.fashion_mnist` finds them, resized to 32 x 32; both with pixels from 0 to 1. A pair of Images
        is to train and to test on; of others a fifth is held out for testing (:func:`tutelage.data.split`, seed 0).
    classes : two pairs of classes, optional
        Of the first task and of what is mixed in, labels 0 and 1 in this order. Default: ((0, 5), (2, 7)) of
        Fashion-MNIST, ((0, 1), (2, 7)) of digits. Of each as many images are taken as of the rarest.
    whitening : {"eigen", "zca"} or None
        Whether each task's images are whitened by the covariance of that task's own images, and in which coordinates.
    whiten_on : {"test", "train"}
        Whose covariance: of the test images, as in the released code, or of those to train on.
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
        tasks; at ``epochs[0]`` stands the state that the second task begins with. ``best_epoch`` (replica) is where that
        comes from. After Ctrl-C: what was done, NaN elsewhere, with a warning. The attribute ``settings`` (JSON) holds
        all ``arguments`` and a checksum of the images: ``data_mixing(**json.loads(ds.settings)["arguments"])`` makes it
        again, if images of your own are given again as ``data``.

    Raises
    ------
    ArgumentError
        Naming the argument, what is allowed and what was given; for Fashion-MNIST, how to get it.
    DivergenceError
        When weights overflow; its ``dataset`` holds what was done.

    Notes
    -----
    The loss has no factor 1/2: steps are twice as long as with one. Penalties of ``importance * sum F (w - w*)^2``, as in
    the released code, have the strength 2 ``importance``; that code takes F and :math:`w^*` anew in each epoch.
    Initial weights are uniform within :math:`\pm 1/\sqrt{\text{inputs}}`. A test loss that decides when to stop is a little
    too good, and whitening by test images lets the network see them without labels.

    References
    ----------
    S. Lee, S. Sarao Mannelli, C. Clopath, S. Goldt and A. Saxe, Maslow's hammer for catastrophic forgetting: node re-use vs
    node activation, ICML 2022, arXiv:2205.09029.

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
    values = _similarities(similarity)
    if whitening is not None:
        check_choice("whitening", whitening, WHITENINGS)
    check_choice("whiten_on", whiten_on, SETS)
    check_type("biases", biases, bool)
    check_type("early_stopping", early_stopping, bool)
    check_choice("importance", importance, FISHERS)
    unit = activation_of(activation)
    if unit.unit is None:
        raise refuse("activation", "be one that can be compiled", f"is {unit.name!r}")
    arguments = {
        "similarity": values.tolist(),
        "data": data if isinstance(data, str) else None,
        "classes": classes if classes is None else np.asarray(classes).tolist(),
        "whitening": whitening,
        "whiten_on": whiten_on,
        "activation": unit.name,
        "biases": biases,
        "hidden": check_count("hidden", hidden),
        "lr": check_number("lr", lr, minimum=0, strict=True),
        "epochs": _epochs(epochs),
        "early_stopping": early_stopping,
        "strength": check_number("strength", strength, minimum=0),
        "importance": importance,
        "replicas": check_count("replicas", replicas),
        "seed": check_count("seed", seed, minimum=0),
        "side": side,
        "per_class": per_class,
    }
    origin = sources(data, classes, side, per_class, folder)
    run = _Experiment(origin, unit, arguments)
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


def _similarities(given: ArrayLike) -> np.ndarray:
    values = check_vector("similarity", given, "similarities")
    if values.min() < 0 or values.max() > 1:
        raise refuse("similarity", "lie between 0 and 1", f"runs from {values.min():g} to {values.max():g}")
    return values


def _epochs(given: Any) -> list[int]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise refuse("epochs", "be a pair of numbers, on the first and on the second task", f"is {given!r}")
    return [check_count("epochs", each) for each in given]


@dataclass(eq=False)
class _Experiment:
    """The runs of all replicas, and what they left; NaN where they have not been."""

    origin: Sources
    activation: Activation
    arguments: dict[str, Any]
    loss: np.ndarray = field(init=False)
    accuracy: np.ndarray = field(init=False)
    importance: np.ndarray = field(init=False)
    best: np.ndarray = field(init=False)
    done: float = 0.0

    def __post_init__(self) -> None:
        self.values, self.replicas = self.arguments["similarity"], self.arguments["replicas"]
        self.first, self.second = self.arguments["epochs"]
        shape = (len(self.values), self.replicas, self.first + self.second + 1, 2)
        self.loss, self.accuracy = np.full(shape, np.nan), np.full(shape, np.nan)
        self.importance = np.full((*shape, self.arguments["hidden"]), np.nan)
        self.best = np.full(self.replicas, np.nan)
        self.total = float(self.origin.train.shape[1] * self.replicas * (self.first + len(self.values) * self.second))

    def go(self, report: Callable[[float], None]) -> BaseException | None:
        """Train on the first task, then on the second of each similarity; return what ended it before its time."""
        task = self._task(1.0)
        past, failure = self._learn(0, task, self._starts(), [None] * self.replicas, "the first task", report)
        for index in range(self.replicas):
            self._note(slice(None), index, 0, 0, task, past[index])
        if failure is not None:
            return failure
        starts = [self._restored(index, past[index]) for index in range(self.replicas)]
        holds = [self._hold(task, start) for start in starts]
        for at, value in enumerate(self.values):
            other = self._task(value)
            for index in range(self.replicas):
                self._note(at, index, 0, 1, other, past[index])
            where = f"the second task at similarity {value:g}"
            then, failure = self._learn(1, other, starts, holds, where, report)
            for index in range(self.replicas):
                self._note(at, index, self.first, 0, task, then[index])
                self._note(at, index, self.first, 1, other, then[index])
            if failure is not None:
                return failure
        return None

    def _task(self, similarity: float) -> Task:
        return mixture(self.origin, similarity, self.arguments["whitening"], self.arguments["whiten_on"])

    def _starts(self) -> list[Weights]:
        dim, (K, biases, seed) = self.origin.train.shape[2], map(self.arguments.get, ("hidden", "biases", "seed"))
        return [drawn(K, dim, biases, seed, index) for index in range(self.replicas)]  # type: ignore[arg-type]

    def _restored(self, index: int, past: Weights) -> Weights:
        """Return the weights that the second task begins with."""
        losses = self.loss[0, index, : self.first + 1, 0]
        self.best[index] = np.argmin(losses) if self.arguments["early_stopping"] else self.first
        return past[int(self.best[index])]

    def _hold(self, task: Task, weights: Weights) -> Hold | None:
        strength, kind = self.arguments["strength"], self.arguments["importance"]
        if strength == 0:
            return None
        return Hold(strength, *fisher(self.activation, weights, 0, task.train, task.train_labels, kind), weights)

    def _learn(
        self,
        number: int,
        task: Task,
        starts: list[Weights],
        holds: list[Hold | None],
        where: str,
        report: Callable[[float], None],
    ) -> tuple[list[Weights], BaseException | None]:
        """Return the weights of each replica after each epoch of a task (epochs + 1, ...), and what ended it early."""
        lr, biases, seed = (self.arguments[name] for name in ("lr", "biases", "seed"))
        images, lasting, before = len(task.train), (self.first, self.second)[number], number * self.first
        engine = partial(Learner, activation=self.activation, task=number, rows=task.train, labels=task.train_labels)
        targets, runs = images * np.arange(lasting + 1), []
        for index, (start, hold) in enumerate(zip(starts, holds, strict=True)):
            learner = engine(
                start, lr=lr, biases=biases, seed=seed, replica=index, visits=before * images, hold=hold
            )  # fmt: skip
            runs.append(Run(range(index, index + 1), targets, Alone(learner), BOUND * max(1.0, learner.size())))
        failure = run_all(runs, lambda steps: report(self.done + steps), None, announce=False)
        self.done += float(images * lasting * len(runs))
        if isinstance(failure, DivergenceError):
            message = (
                f"The network diverges in epoch {int(failure.alpha) + 1} of {where} (values beyond every bound); a "
            )
            message += "smaller lr or strength may help. The results before that are in this error's `dataset`."
            failure = DivergenceError(message, failure.alpha)
        return [Weights(*(run.records[name][0] for name in NAMES)) for run in runs], failure

    def _note(self, at: Any, index: int, begin: int, number: int, task: Task, past: Weights) -> None:
        """Measure weights (epochs, ...) on the test images of a task, from epoch `begin` on."""
        for epoch in range(len(past.b)):
            here = self.activation, past[epoch], number, task.test, task.test_labels
            where = at, index, begin + epoch, number
            self.loss[where], self.accuracy[where], self.importance[where] = measures(*here)


def _dataset(run: _Experiment) -> xarray.Dataset:
    """Return the dataset of an experiment, with its provenance."""
    import xarray

    from tutelage import __version__

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
