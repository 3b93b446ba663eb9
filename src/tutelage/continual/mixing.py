r"""Two binary problems on images, and the mixtures between them.

Of two pairs of classes, (A, B) and (C, D), images are paired by their place among those of their class: image i of A
with image i of C (label 0), image i of B with image i of D (label 1). With similarity a the second task is

.. math:: x = a\, x^{(1)} + (1 - a)\, x^{(2)} ,

pixel by pixel, with the label that both have; the first task is that of a = 1. Whitening maps a task's images by

.. math:: x \mapsto x E (\Lambda + \epsilon)^{-1/2} \quad (\text{"eigen"}), \qquad
          x \mapsto x E (\Lambda + \epsilon)^{-1/2} E^\top \quad (\text{"zca"}),

with the eigenvectors E and eigenvalues of the covariance (around the mean, divided by the number of images) of one set
of images, that task's own, and :math:`\epsilon = 10^{-5}`. The mean is not subtracted. "eigen" is the released code's:
the two tasks see their images in eigenbases of their own, which coincide at a = 1 and are else matched by the order
of eigenvalues, with arbitrary signs; "zca" leaves both in pixels, and depends on neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tutelage import data
from tutelage.data import Images
from tutelage.errors import check_array, check_choice, check_count, refuse

__all__ = [
    "EPSILON",
    "SETS",
    "WHITENINGS",
    "Sources",
    "Task",
    "checked_classes",
    "mixture",
    "resized",
    "sources",
    "whitening_map",
]

EPSILON = 1e-5
WHITENINGS, SETS = ("zca", "eigen"), ("train", "test")
CLASSES = {"digits": ((0, 1), (2, 7)), "fashion_mnist": ((0, 5), (2, 7))}
SIDE = {"fashion_mnist": 32}  # what images are resized to unless told otherwise
HELD_OUT = 0.2


@dataclass(frozen=True, eq=False)
class Sources:
    """The images of both problems, paired: arrays (problem, images, N), those of label 0 first, then as many of 1."""

    train: np.ndarray
    test: np.ndarray
    name: str

    @property
    def checksum(self) -> str:
        """SHA-256 of all pixels."""
        return hashlib.sha256(self.train.tobytes() + self.test.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Task:
    """What is learned and what it is measured on: inputs (images, N) and labels (images,), 0 or 1."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def mixture(origin: Sources, similarity: float, whitening: str | None, whiten_on: str) -> Task:
    """Return the task of a similarity; 1 gives the first task itself."""
    train, test = (similarity * x[0] + (1 - similarity) * x[1] for x in (origin.train, origin.test))
    if whitening is not None:
        A = whitening_map(test if whiten_on == "test" else train, whitening)
        train, test = train @ A, test @ A
    return Task(train, _labels(train), test, _labels(test))


def _labels(images: np.ndarray) -> np.ndarray:
    return np.repeat([0.0, 1.0], len(images) // 2)


def whitening_map(images: np.ndarray, kind: str = "eigen") -> np.ndarray:
    """Return the matrix A (N, N) by which images (samples, N) are multiplied from the right.

    Eigenvectors come in the order of rising eigenvalues, their largest component positive, so that the map depends
    smoothly on the images where eigenvalues are apart.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(100, 3)) * [3, 2, 1]
    >>> np.cov((x @ whitening_map(x)).T, bias=True).round(4) + 0.0
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    centred = images - images.mean(0)
    sizes, E = np.linalg.eigh(centred.T @ centred / len(images))
    E *= np.sign(np.take_along_axis(E, np.abs(E).argmax(0)[None], 0))
    A = E / np.sqrt(np.maximum(sizes, 0.0) + EPSILON)
    return A @ E.T if kind == "zca" else A


def resized(images: np.ndarray, side: int) -> np.ndarray:
    """Return square images (samples, n^2) of another side (samples, side^2), by bilinear interpolation.

    Pixels are squares whose centres lie at half-integers; beyond the outermost centres the outermost value goes on.
    To make images smaller, this takes values at points rather than averages.

    Examples
    --------
    >>> resized(np.array([[0.0, 1.0, 0.0, 1.0]]), 4).reshape(4, 4)[0]
    array([0.  , 0.25, 0.75, 1.  ])
    """
    n = round(np.sqrt(images.shape[1]))
    if n * n != images.shape[1]:
        raise refuse("side", "be left out for images that are not square", f"is {side}, for {images.shape[1]} pixels")
    if n == side:
        return images
    at = np.clip((np.arange(side) + 0.5) * n / side - 0.5, 0, n - 1)
    low = np.minimum(at.astype(int), max(n - 2, 0))
    B = np.zeros((side, n))
    B[np.arange(side), low] = 1 - (at - low)
    B[np.arange(side), np.minimum(low + 1, n - 1)] += at - low
    return np.einsum("ai,sij,bj->sab", B, images.reshape(-1, n, n), B, optimize=True).reshape(len(images), -1)


def sources(given: Any, classes: Any, side: int | None, per_class: int | None, folder: Any) -> Sources:
    """Return the paired images that `data`, `classes`, `side`, `per_class` and `folder` of `data_mixing` ask for."""
    name, train, test = _parts(given, folder)
    pairs = checked_classes(CLASSES.get(given) if isinstance(given, str) and classes is None else classes)
    side = SIDE.get(name) if side is None else check_count("side", side)
    most = None if per_class is None else check_count("per_class", per_class)
    if isinstance(given, str) and given == "digits":
        train, test = ((x / 16.0, labels) for x, labels in (train, test))
    elif isinstance(given, str):
        train, test = ((x / 255.0, labels) for x, labels in (train, test))
    paired = (_paired(*part, pairs, limit) for part, limit in ((train, most), (test, None)))
    sets = [x if side is None else np.stack([resized(each, side) for each in x]) for x in paired]
    return Sources(sets[0], sets[1], name)


Part = tuple[np.ndarray, np.ndarray]


def _parts(given: Any, folder: Any) -> tuple[str, Part, Part]:
    """Return the name of some data, and images and labels to train and to test on."""
    if folder is not None and not (isinstance(given, str) and given == "fashion_mnist"):
        raise refuse("folder", 'be left out unless data="fashion_mnist"', f"is {folder!r}")
    if isinstance(given, str):
        check_choice("data", given, CLASSES)
        if given == "fashion_mnist":
            train, test = (data.fashion_mnist(folder, part, standardise=None) for part in ("train", "test"))
            return given, (train.inputs, train.labels), (test.inputs, test.labels)
        given, name = data.digits(standardise=None), "digits"
    else:
        name = given.name if isinstance(given, Images) else "arrays"
    if isinstance(given, Images):
        given = data.split(given, HELD_OUT)
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        must = (
            'be "digits", "fashion_mnist", Images, a pair of them to train and to test on, or a pair (inputs, labels)'
        )
        raise refuse("data", must, f"is {type(given).__name__}")
    if all(isinstance(each, Images) for each in given):
        train, test = given
        if train.inputs.shape[1] != test.inputs.shape[1]:
            but = f"have {train.inputs.shape[1]} and {test.inputs.shape[1]}"
            raise refuse("data", "be images of equally many pixels to train and to test on", but)
        return name, (train.inputs, train.labels), (test.inputs, test.labels)
    inputs, labels = check_array("data[0]", given[0], ("samples", "N")), np.asarray(given[1])
    if labels.shape != inputs.shape[:1] or labels.dtype.kind not in "iu":
        must = f"be integers of shape (samples,) = ({len(inputs)},)"
        raise refuse("data[1]", must, f"is {labels.dtype} of shape {labels.shape}")
    (x, held), (y, kept) = data.split(inputs, HELD_OUT), data.split(labels, HELD_OUT)
    return name, (x, y), (held, kept)


def checked_classes(given: Any) -> list[list[int]]:
    """Return two pairs of classes."""
    must = "be two pairs of four different classes, such as ((0, 5), (2, 7))"
    try:
        pairs = np.asarray(given)
    except ValueError:
        raise refuse("classes", must, f"is {given!r}") from None
    if pairs.shape != (2, 2) or pairs.dtype.kind not in "iu" or len(np.unique(pairs)) != 4:
        raise refuse("classes", must, f"is {given!r}")
    return pairs.tolist()


def _paired(inputs: np.ndarray, labels: np.ndarray, classes: Sequence[Sequence[int]], most: int | None) -> np.ndarray:
    """Return (problem, images, N): equally many of all four classes, the first of each, in the order they come in."""
    rows = [[np.flatnonzero(labels == each) for each in pair] for pair in classes]
    count = min(len(each) for pair in rows for each in pair)
    if count == 0:
        missing = [each for pair in classes for each in pair if not (labels == each).any()]
        raise refuse(
            "classes", "be classes of which there are images to train and to test on", f"of {missing[0]} is none"
        )
    count = count if most is None else min(count, most)
    return np.stack([np.concatenate([inputs[each[:count]] for each in pair]) for pair in rows])
