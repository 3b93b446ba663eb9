"""Images of two tasks: resized, paired, mixed, whitened, found."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from tutelage import data
from tutelage.continual import data_mixing
from tutelage.continual.mixing import EPSILON, mixture, resized, sources, whitening_map
from tutelage.errors import ArgumentError


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.mark.parametrize(("n", "side"), [(28, 32), (8, 11), (8, 5), (1, 3), (4, 4)])
def test_resizing_is_bilinear(n, side, rng):
    images = rng.normal(size=(3, n * n))
    at = (np.arange(side) + 0.5) * n / side - 0.5
    grid = np.meshgrid(at, at, indexing="ij")
    expected = [map_coordinates(image.reshape(n, n), grid, order=1, mode="nearest").ravel() for image in images]
    np.testing.assert_allclose(resized(images, side), expected, atol=1e-12)


@pytest.fixture
def own(rng) -> tuple[np.ndarray, np.ndarray]:
    """Images whose pixels say their class and number, and labels."""
    labels = rng.permutation(np.repeat([3, 4, 7, 9], [30, 40, 35, 30]))
    return np.stack([labels, np.arange(len(labels))], 1).astype(float), labels


def test_images_are_paired_by_class_and_place(own):
    origin = sources(own, ((3, 4), (9, 7)), None, None, None)
    train = data.split(own[0])[0]
    count = min((train[:, 0] == each).sum() for each in (3, 4, 9, 7))
    assert origin.train.shape == (2, 2 * count, 2)
    for problem, pair in enumerate([(3, 4), (9, 7)]):
        expected = np.concatenate([train[train[:, 0] == each][:count] for each in pair])
        np.testing.assert_array_equal(origin.train[problem], expected)
    few = sources(own, ((3, 4), (9, 7)), None, 5, None)
    np.testing.assert_array_equal(few.train[:, :5], origin.train[:, :5])
    np.testing.assert_array_equal(few.train[:, 5:], origin.train[:, count : count + 5])
    np.testing.assert_array_equal(few.test, origin.test)
    assert few.checksum != origin.checksum


def test_mixtures_run_from_one_problem_to_the_other(own):
    origin = sources(own, ((3, 4), (9, 7)), None, None, None)
    for a in (0.0, 0.3, 1.0):
        task = mixture(origin, a, None, "test")
        np.testing.assert_allclose(task.train, a * origin.train[0] + (1 - a) * origin.train[1])
        np.testing.assert_allclose(task.test, a * origin.test[0] + (1 - a) * origin.test[1])
        half = len(task.train) // 2
        assert task.train_labels.tolist() == [0.0] * half + [1.0] * half
        assert task.test_labels.mean() == 0.5
    np.testing.assert_array_equal(mixture(origin, 1.0, None, "test").train, origin.train[0])


def test_sources_of_every_kind_agree(own):
    """Images, a pair of them and plain arrays; pixels of digits from 0 to 1."""
    done = data.standardise(own[0], None)[1]
    images = data.Images(*own, "mine", done)
    classes = ((3, 4), (9, 7))
    kinds = [own, images, data.split(images)]
    checksums = {sources(each, classes, None, None, None).checksum for each in kinds}
    assert len(checksums) == 1
    assert sources(images, classes, None, None, None).name == "mine"
    digits = sources("digits", None, None, None, None)
    assert (digits.train.min(), digits.train.max()) == (0.0, 1.0)
    assert digits.train.shape[2] == 64
    assert sources("digits", None, 16, 3, None).train.shape == (2, 6, 256)


@pytest.mark.parametrize("kind", ["eigen", "zca"])
@pytest.mark.parametrize("on", ["test", "train"])
def test_whitening_makes_the_covariance_of_its_set_the_identity(kind, on, rng):
    images = 2 + rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)) * 5
    origin = sources((images, np.repeat([0, 1, 2, 3], 50)), ((0, 1), (2, 3)), None, None, None)
    for a in (0.4, 1.0):
        raw, task = mixture(origin, a, None, on), mixture(origin, a, kind, on)
        this, other = (task.test, task.train) if on == "test" else (task.train, task.test)
        np.testing.assert_allclose(np.cov(this.T, bias=True), np.eye(6), atol=1e-3)  # sizes are far above EPSILON
        assert np.abs(np.cov(other.T, bias=True) - np.eye(6)).max() > 0.05
        assert np.abs(this.mean(0)).max() > 0.1  # the mean stays
        A = whitening_map(raw.test if on == "test" else raw.train, kind)
        np.testing.assert_allclose(task.train, raw.train @ A)
        np.testing.assert_allclose(task.test, raw.test @ A)
        sizes = np.linalg.eigvalsh(np.cov((raw.test if on == "test" else raw.train).T, bias=True))
        np.testing.assert_allclose(np.linalg.eigvalsh(np.cov(this.T, bias=True)), np.sort(sizes / (sizes + EPSILON)))
        if kind == "zca":
            np.testing.assert_allclose(A, A.T)
        else:
            columns = A[np.abs(A).argmax(0), np.arange(6)]
            assert (columns > 0).all()


def test_whitening_leaves_constant_pixels_finite(rng):
    images = np.pad(rng.normal(size=(50, 3)), ((0, 0), (0, 2)))
    white = images @ whitening_map(images)
    np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(np.cov(white.T, bias=True))), [0, 0, 1, 1, 1], atol=1e-3)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    """A folder that holds a small data set in the files of Fashion-MNIST."""
    rng, folder = np.random.default_rng(1), tmp_path / "fashion-mnist"
    folder.mkdir()
    for stem, samples in (("train", 200), ("t10k", 100)):
        labels = rng.integers(0, 10, size=samples).astype("u1")
        pixels = (rng.integers(0, 30, size=(samples, 28, 28)) + 20 * labels[:, None, None]).astype("u1")
        pixels[0] = 255
        (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder


def test_fashion_mnist_is_found_or_else_said_where_to_get(fashion, monkeypatch, tmp_path):
    monkeypatch.setattr("tutelage.data.folders.SYSTEM", tmp_path / "nowhere")
    monkeypatch.delenv("TUTELAGE_DATA", raising=False)
    with pytest.raises(ArgumentError, match=r"^Argument `folder` must .*dataset-fashion-mnist.*, but was not given"):
        data_mixing(data="fashion_mnist")
    by_folder = sources("fashion_mnist", None, None, None, fashion)
    assert by_folder.train.shape[2] == 32 * 32
    for place in (fashion, fashion.parent):
        monkeypatch.setenv("TUTELAGE_DATA", str(place))
        assert sources("fashion_mnist", None, None, None, None).checksum == by_folder.checksum
    raw = sources("fashion_mnist", ((0, 5), (2, 7)), 28, None, None)
    pixels = data.fashion_mnist(fashion, standardise=None)
    np.testing.assert_array_equal(raw.train[0, 0], pixels.inputs[pixels.labels == 0][0] / 255)
    monkeypatch.delenv("TUTELAGE_DATA")
    monkeypatch.setattr("tutelage.data.folders.SYSTEM", fashion)
    ds = data_mixing([0.5], "fashion_mnist", epochs=(1, 1), replicas=1, progress=False)
    assert json.loads(ds.settings)["images"]["dim"] == 1024
    assert np.isfinite(ds.loss).all()
