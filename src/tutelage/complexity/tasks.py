r"""Tasks on which a classifier of rising complexity can be watched: made up, and of real images.

Labels are 0 and 1. In each task a linear classifier knows a part of what there is to know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from tutelage import data
from tutelage.errors import check_array, check_count, check_number, check_type, check_vector, refuse

__all__ = ["Task", "digits", "halfspace", "mnist", "sinusoid", "with_label_noise"]


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    """Samples to train on, and samples that measures are taken on.

    Parameters
    ----------
    x, x_test : array, shape (samples, inputs)
    y, y_test : array, shape (samples,)
        Labels 0, 1, ...
    name : str
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    name: str = "task"

    def __post_init__(self) -> None:
        x = check_array("x", self.x, ("samples", "inputs"))
        x_test = check_array("x_test", self.x_test, ("samples", x.shape[1]))
        for name, values in (("x", x), ("x_test", x_test)):
            object.__setattr__(self, name, values)
        for name, samples in (("y", len(x)), ("y_test", len(x_test))):
            labels = check_array(name, getattr(self, name), (samples,))
            if (labels < 0).any() or (labels != np.round(labels)).any():
                raise refuse(name, "be labels 0, 1, ...", f"contains {labels[(labels < 0) | (labels % 1 != 0)][0]:g}")
            object.__setattr__(self, name, labels.astype(np.int64))

    def __repr__(self) -> str:
        return f"Task({self.name}: {len(self.x)} samples of {self.inputs} inputs, {len(self.x_test)} to test)"

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return self.x.shape[1]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(max(self.y.max(), self.y_test.max(), 1)) + 1


def sinusoid(samples: int = 20_000, test: int = 20_000, *, dim: int = 5, frequency: float = 3.0, seed: int = 0) -> Task:
    r"""Return a boundary that is a line with waves on it: :math:`y = [w \cdot x + \sin(\omega\, w' \cdot x) > 0]`.

    Inputs are N(0, 1), w and w' are orthogonal unit vectors in random directions.

    Parameters
    ----------
    samples, test : int
    dim : int
        Inputs, at least 2.
    frequency : float
        :math:`\omega`.
    seed : int

    Examples
    --------
    >>> task = sinusoid(100, 50)
    >>> task.x.shape, task.y_test.shape
    ((100, 5), (50,))
    """
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    frame = np.linalg.qr(rng.normal(size=(check_count("dim", dim, minimum=2), 2)))[0]
    omega = check_number("frequency", frequency)
    x = rng.normal(size=(check_count("samples", samples) + check_count("test", test), dim))
    along, across = (x @ frame).T
    return _cut(x, along + np.sin(omega * across) > 0, samples, f"sinusoid of frequency {omega:g} in {dim} dimensions")


def halfspace(samples: int = 1000, test: int = 20_000, *, dim: int = 20, seed: int = 0) -> Task:
    r"""Return a linear boundary, :math:`y = [w \cdot x > 0]`, of N(0, 1) inputs in `dim` dimensions.

    The direction of w is random, too.

    Parameters
    ----------
    samples, test : int
        How many to train on, and how many more to test on.
    dim : int
        Inputs.
    seed : int
        Of direction and inputs.

    Returns
    -------
    Task

    Raises
    ------
    ArgumentError
        Naming the argument that is not a count.

    Examples
    --------
    >>> halfspace(100, 50)
    Task(half-space in 20 dimensions: 100 samples of 20 inputs, 50 to test)
    """
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    w = rng.normal(size=check_count("dim", dim))
    x = rng.normal(size=(check_count("samples", samples) + check_count("test", test), dim))
    return _cut(x, x @ w > 0, samples, f"half-space in {dim} dimensions")


def with_label_noise(task: Task, share: float, seed: int = 0) -> Task:
    """Return a task of two classes whose training labels are turned over for this share of samples, exactly.

    Test labels stay as they are.

    Parameters
    ----------
    task : Task
    share : float
        From 0 to 1, rounded to whole samples.
    seed : int
        Of which samples these are.

    Returns
    -------
    Task
        The same inputs; the share stands in the name.

    Raises
    ------
    ArgumentError
        For another share, or a task of more classes.

    Examples
    --------
    >>> clean = halfspace(100, 50)
    >>> noisy = with_label_noise(clean, 0.1)
    >>> int((noisy.y != clean.y).sum()), bool((noisy.y_test == clean.y_test).all())
    (10, True)
    """
    check_type("task", task, Task)
    part = check_number("share", share, minimum=0)
    if part > 1 or task.classes != 2:
        raise refuse("share", "be at most 1, of a task of two classes", f"is {part:g}, of {task.classes} classes")
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    turned = rng.permutation(len(task.y))[: round(part * len(task.y))]
    y = task.y.copy()
    y[turned] = 1 - y[turned]
    return replace(task, y=y, name=f"{task.name}, {100 * part:g} % of labels turned over")


def digits(first: ArrayLike = (0, 1, 2, 3, 4), held_out: float = 0.45, seed: int = 0) -> Task:
    """Return the 8 x 8 digits of scikit-learn: is it one of `first` (label 0), or another one (1)?

    Pixels are divided by their largest value 16, and have the mean 0 over the training samples.

    Parameters
    ----------
    first : sequence of int
    held_out : float
        Share to test on.
    seed : int
        Of the split.

    Examples
    --------
    >>> digits()
    Task(digits: 988 samples of 64 inputs, 809 to test)
    """
    return _images(data.digits(standardise=None), first, held_out, seed, 16.0)


def mnist(first: ArrayLike = (0, 1, 2, 3, 4), held_out: float = 0.4, seed: int = 0) -> Task:
    """Return the 5,000 MNIST digits that :func:`tutelage.data.mnist` finds, as :func:`digits`; pixels over 255.

    Parameters
    ----------
    first : sequence of int
        Digits of label 0; the others have label 1.
    held_out : float
        Share to test on.
    seed : int
        Of the split.

    Returns
    -------
    Task
        784 inputs, each of mean 0 over the training samples.

    Raises
    ------
    ArgumentError
        Naming the argument.
    ModuleNotFoundError
        Without the package that holds the images; the message says how to install it.
    """
    return _images(data.mnist(standardise=None), first, held_out, seed, 255.0)


def _images(images: data.Images, first: ArrayLike, held_out: float, seed: int, brightest: float) -> Task:
    chosen = check_vector("first", first, "classes")
    train, test = data.split(images, held_out, seed)
    mean = train.inputs.mean(0)
    x, x_test = ((each.inputs - mean) / brightest for each in (train, test))
    y, y_test = ((~np.isin(each.labels, chosen)).astype(int) for each in (train, test))
    return Task(x, y, x_test, y_test, images.name)


def _cut(x: np.ndarray, y: np.ndarray, samples: int, name: str) -> Task:
    return Task(x[:samples], y[:samples].astype(int), x[samples:], y[samples:].astype(int), name)
