"""Classifiers to watch and to compare with: networks trained by minibatch SGD, and the best linear one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.complexity.convolution import ConvolutionalNetwork
from tutelage.complexity.tasks import Task
from tutelage.errors import DivergenceError, check_count, check_number, check_type, refuse
from tutelage.landscape import MLP, descend

__all__ = ["Classifier", "linear_classifier", "steps_to_record", "train"]


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network with fixed parameters that predicts classes.

    Parameters
    ----------
    net : MLP or ConvolutionalNetwork
        One output for each class.
    p : array, shape (net.size,)
    """

    net: MLP | ConvolutionalNetwork
    p: np.ndarray

    def predict(self, x: Any) -> np.ndarray:
        """Return the most likely classes (N,) of inputs x (N, inputs)."""
        return self.net(self.p, x).argmax(1)


def train(
    task: Task,
    hidden: Sequence[int] = (128, 128),
    *,
    steps: int,
    lr: float,
    batch: int = 32,
    activation: Any = "relu",
    net: MLP | ConvolutionalNetwork | None = None,
    seed: int = 0,
    labels: ArrayLike | None = None,
    callback: Callable[[int, Classifier], Any] | None = None,
    progress: bool = True,
) -> Classifier:
    """Train a network by minibatch SGD on the mean cross-entropy, without momentum or regularisation.

    Parameters
    ----------
    task : Task
    hidden : sequence of int
        Units of each hidden layer; none is logistic regression.
    steps : int
        Of SGD, a batch each.
    lr : float
        Learning rate, of the mean loss of a batch.
    batch : int
        Samples of a step, without replacement within an epoch.
    activation : str or Activation
        Of hidden units.
    net : MLP or ConvolutionalNetwork, optional
        Another network, with an output for each class; `hidden` and `activation` then mean nothing.
    seed : int
        Of initial weights (the network's ``init``: normal, in an MLP, biases 0) and of batches.
    labels : array, shape (samples,), optional
        Labels to train on instead of ``task.y``: the predictions of another classifier, say.
    callback : callable, optional
        Called with the number of steps done, from 0 on, and the classifier: a :class:`Tracker`.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    Classifier
        After Ctrl-C that of the last step, with a warning.

    Raises
    ------
    ArgumentError
        Naming the argument.
    DivergenceError
        When weights overflow; a tracker keeps what it recorded before.

    Examples
    --------
    >>> from tutelage.complexity import Tracker, digits
    >>> task = digits()
    >>> tracker = Tracker(task.x_test, task.y_test)
    >>> model = train(task, (16,), steps=100, lr=0.1, callback=tracker)
    >>> bool(tracker.dataset().I[-1] > 0.1)
    True
    """
    check_type("task", task, Task)
    chosen = _fully_connected(task, hidden, activation) if net is None else net
    if not isinstance(chosen, (MLP, ConvolutionalNetwork)) or getattr(chosen, "loss_name", "nll") != "nll":
        raise refuse("net", "be an MLP of loss 'nll' or a ConvolutionalNetwork", f"is {chosen!r:.60}")
    objective: Any = chosen.on(task.x, task.y if labels is None else np.asarray(labels))
    told = None if callback is None else lambda step, p: callback(step, Classifier(chosen, p))
    run = descend(
        objective, chosen.init(seed), steps, lr=check_number("lr", lr, minimum=0, strict=True), batch=batch, seed=seed,
        keep=[0], callback=told, progress=progress,
    )  # fmt: skip
    if run.stopped_by == "not finite":
        raise DivergenceError(f"Weights overflow after {run.steps} steps; a smaller `lr` may help.", float(run.steps))
    if run.stopped_by != "steps":
        warnings.warn(f"training was interrupted after {run.steps} of {steps} steps", stacklevel=2)
    return Classifier(chosen, run.p_last.values)


def _fully_connected(task: Task, hidden: Sequence[int], activation: Any) -> MLP:
    if isinstance(hidden, str) or not isinstance(hidden, Iterable):
        raise refuse("hidden", "be a sequence of units, one for each hidden layer, as (128,)", f"is {hidden!r}")
    layers = [(check_count("hidden", units), activation, True) for units in hidden]
    return MLP(task.inputs, [*layers, (task.classes, "linear", True)], loss="nll")


def linear_classifier(task: Task, penalty: float = 1.0, labels: ArrayLike | None = None) -> Any:
    """Return logistic regression fitted to the training samples, from scikit-learn; it has ``predict``.

    Parameters
    ----------
    task : Task
    penalty : float
        Of half the squared weights, next to the sum of the losses of all samples.
    labels : array, shape (samples,), optional
        Labels to fit instead of ``task.y``: the predictions of another classifier, say.
    """
    from sklearn.linear_model import LogisticRegression

    check_type("task", task, Task)
    strength = check_number("penalty", penalty, minimum=0, strict=True)
    return LogisticRegression(C=1 / strength, max_iter=10_000).fit(task.x, task.y if labels is None else labels)


def steps_to_record(steps: int, points: int = 40) -> np.ndarray:
    """Return about so many whole numbers of steps from 0 to `steps`, evenly in their logarithm.

    Parameters
    ----------
    steps : int
        The last one, >= 1.
    points : int
        How many at most, next to 0; small ones that fall together count once.

    Returns
    -------
    array of int, shape (at most points + 1,)
        Rising: 0, 1, ..., `steps`.

    Raises
    ------
    ArgumentError
        Naming the argument that is not a count.

    Examples
    --------
    >>> steps_to_record(1000, points=7)
    array([   0,    1,    3,   10,   32,  100,  316, 1000])
    """
    last = check_count("steps", steps)
    return np.unique(np.concatenate(([0], np.geomspace(1, last, check_count("points", points)).round().astype(int))))
