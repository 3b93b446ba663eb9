"""Continual learning on images: what is mixed, whitened, learned, measured, kept and refused."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import map_coordinates

import tutelage as tl
from tutelage import data
from tutelage.activations import activation
from tutelage.continual import data_mixing, experiment
from tutelage.continual.mixing import EPSILON, mixture, resized, sources, whitening_map
from tutelage.continual.two_heads import Hold, Learner, Weights, drawn, fisher, measures
from tutelage.errors import ArgumentError, DivergenceError

QUICK: dict[str, Any] = {"whitening": None, "lr": 0.05, "epochs": (6, 6), "replicas": 2, "progress": False}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def g_and_slope(name: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if name == "relu":
        return np.where(z > 0, z, 0.0), np.where(z > 0, 1.0, 0.0)
    g = 1 / (1 + np.exp(-z))
    return g, g * (1 - g)


def example_loss(name: str, w: Weights, task: int, x: np.ndarray, y: float) -> float:
    """The loss of one example, written from the formula."""
    g, _ = g_and_slope(name, np.array([sum(a * b for a, b in zip(row, x, strict=True)) for row in w.W]) + w.b)
    return float((w.shifts[task] + (w.heads[task] * g).sum() - y) ** 2)


def changed(w: Weights, name: str, index: tuple[int, ...], by: float) -> Weights:
    arrays = {key: getattr(w, key).copy() for key in ("W", "b", "heads", "shifts")}
    arrays[name][index] += by
    return Weights(**arrays)


def slope_of(
    name: str, w: Weights, task: int, x: np.ndarray, y: float, which: str, index: Any, h: float = 1e-5
) -> float:
    up, down = (example_loss(name, changed(w, which, index, d), task, x, y) for d in (h, -h))
    return (up - down) / (2 * h)


def plain_epoch(
    name: str, w: Weights, task: int, rows: np.ndarray, labels: np.ndarray, order: np.ndarray, lr: float, biases: bool,
    hold: Hold | None,
) -> Weights:  # fmt: skip
    """One pass of SGD in plain NumPy, penalty included."""
    W, b, heads, shifts = w.W.copy(), w.b.copy(), w.heads.copy(), w.shifts.copy()
    for i in order:
        g, slope = g_and_slope(name, W @ rows[i] + b)
        twice = 2 * (shifts[task] + heads[task] @ g - labels[i])
        back = twice * heads[task] * slope
        dW, db = np.outer(back, rows[i]), back * biases
        if hold is not None:
            dW = dW + hold.strength * hold.F * (W - hold.anchor.W)
            db = db + hold.strength * hold.F_b * (b - hold.anchor.b)
        heads[task] = heads[task] - lr * twice * g
        shifts[task] -= lr * twice * biases
        W, b = W - lr * dW, b - lr * db
    return Weights(W, b, heads, shifts)


# ------------------------------------------------------------------------------------------------ the network


@pytest.mark.parametrize("name", ["sigmoid", "relu"])
@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("task", [0, 1])
def test_an_epoch_is_that_of_plain_numpy(name, biases, held, task, rng):
    rows, labels = rng.normal(size=(60, 17)), rng.integers(0, 2, 60).astype(float)
    start, anchor = drawn(5, 17, biases, 3, 0), drawn(5, 17, biases, 4, 0)
    hold = Hold(0.7, rng.uniform(size=(5, 17)), rng.uniform(size=5) * biases, anchor) if held else None
    learner = Learner(start, activation(name), task, rows, labels, 0.03, biases, 9, 2, 60, hold)
    learner.advance(0, 25)  # in slices
    learner.advance(25, 35)
    order = data.indices(60, 60, 60, 9, 2)
    assert sorted(order) == list(range(60))
    expected = plain_epoch(name, start, task, rows, labels, order, 0.03, biases, hold)
    for key, array in learner.moving.items():
        np.testing.assert_allclose(array, getattr(expected, key), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(learner.moving["heads"][1 - task], start.heads[1 - task])
    assert np.abs(learner.moving["W"] - start.W).max() > 1e-3
    assert (np.abs(learner.moving["b"]).max() > 0) == biases


@pytest.mark.parametrize("name", ["sigmoid", "relu"])
def test_a_step_follows_the_gradient_by_differences(name, rng):
    x, lr, start = rng.normal(size=(1, 6)), 0.2, drawn(3, 6, True, 0, 0)
    learner = Learner(start, activation(name), 1, x, np.ones(1), lr, True, 0, 0, 0, None)
    learner.advance(0, 1)
    for which, index in [("W", (1, 4)), ("W", (2, 0)), ("b", (0,)), ("b", (2,)), ("heads", (1, 2)), ("shifts", (1,))]:
        step = learner.moving[which][index] - getattr(start, which)[index]
        assert step == pytest.approx(-lr * slope_of(name, start, 1, x[0], 1.0, which, index), abs=1e-9)


@pytest.mark.parametrize("kind", ["empirical", "fisher"])
def test_fisher_information_is_that_of_differences(kind, rng, monkeypatch):
    monkeypatch.setattr("tutelage.continual.two_heads.CHUNK", 4)  # several chunks, the last one shorter
    rows, labels, w = rng.normal(size=(10, 4)), rng.integers(0, 2, 10).astype(float), drawn(3, 4, True, 1, 0)
    F, F_b = fisher(activation("sigmoid"), w, 0, rows, labels, kind)
    assert (F.shape, F_b.shape) == ((3, 4), (3,))

    def squared(which: str, index: tuple[int, ...]) -> float:
        total = 0.0
        for x, y in zip(rows, labels, strict=True):
            slope = slope_of("sigmoid", w, 0, x, y, which, index)
            if kind == "fisher":  # d loss = 2 (output - y) d output, and the gap's square is the loss
                slope /= 2 * np.sqrt(example_loss("sigmoid", w, 0, x, y))
            total += slope**2 / len(rows)
        return total

    for index in np.ndindex(F.shape):
        assert F[index] == pytest.approx(squared("W", index), rel=1e-6)
    for k in range(3):
        assert F_b[k] == pytest.approx(squared("b", (k,)), rel=1e-6)


def test_measures_count_and_mask(rng):
    rows, labels, w = rng.normal(size=(40, 4)), rng.integers(0, 2, 40).astype(float), drawn(3, 4, True, 5, 0)
    w.heads[1] *= 5
    w.shifts[1] = 0.4
    loss, accuracy, importance = measures(activation("relu"), w, 1, rows, labels)

    def mean(here: Weights) -> float:
        return float(np.mean([example_loss("relu", here, 1, x, y) for x, y in zip(rows, labels, strict=True)]))

    assert loss == pytest.approx(mean(w), rel=1e-12)
    for k in range(3):
        assert importance[k] == pytest.approx(mean(changed(w, "heads", (1, k), -w.heads[1, k])) - mean(w), abs=1e-12)
    outputs = [w.shifts[1] + w.heads[1] @ g_and_slope("relu", w.W @ x + w.b)[0] for x in rows]
    right = sum((output > 0.5) == bool(y) for output, y in zip(outputs, labels, strict=True))
    assert 0 < right < 40
    assert accuracy == right / 40


def test_initial_weights_keep_within_their_layer():
    w = drawn(8, 400, True, 0, 1)
    for array, bound in ((w.W, 1 / 20), (w.b, 1 / 20), (w.heads, 8**-0.5), (w.shifts, 8**-0.5)):
        assert np.abs(array).max() <= bound
    assert w.W.std() == pytest.approx(1 / 20 / np.sqrt(3), rel=0.05)
    bare = drawn(8, 400, False, 0, 1)
    np.testing.assert_array_equal(bare.W, w.W)
    assert not bare.b.any()
    assert not bare.shifts.any()


# ------------------------------------------------------------------------------------------------ images


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


# ------------------------------------------------------------------------------------------------ the experiment


def forgotten(ds: xr.Dataset) -> xr.DataArray:
    """By how much the loss on the first task rose in the second."""
    first = ds.loss.isel(task=0)
    return first.isel(epoch=-1) - first.sel(epoch=ds.switch)


@pytest.fixture(scope="module")
def digits() -> xr.Dataset:
    return data_mixing([0.0, 0.4, 1.0], **QUICK | {"lr": 0.01, "epochs": (30, 30), "replicas": 4})


def test_both_tasks_are_learned_and_little_is_forgotten_between_equal_ones(digits):
    assert (digits.accuracy.sel(epoch=30, task=0) > 0.97).all()
    assert (digits.accuracy.isel(epoch=-1, task=1) > 0.97).all()
    loss = forgotten(digits)
    assert (loss.sel(similarity=0.4) > 1.5 * loss.sel(similarity=1.0)).all()
    assert (loss.sel(similarity=1.0) < 0.02).all()
    np.testing.assert_array_equal(digits.loss[0, :, :30, 0], digits.loss[2, :, :30, 0])  # one first task for all
    np.testing.assert_array_equal(digits.loss[2, :, :30, 0] < 1, True)


def test_forgetting_is_worst_between_and_units_are_shared_the_more_the_nearer_the_tasks():
    """Maslow's hammer on whitened digits: a maximum within, and masks that agree for near tasks only."""
    ds = data_mixing([0.0, 0.4, 1.0], replicas=20, seed=1, progress=False)
    loss = forgotten(ds)
    assert (loss.argmax("similarity") == 1).mean() >= 0.9
    mean = loss.mean("replica")
    assert mean[1] > 3 * max(mean[0], mean[2])
    last = ds.importance.isel(epoch=-1)
    shared = xr.corr(last.isel(task=0), last.isel(task=1), "hidden")
    assert abs(shared[:2].mean()) < 0.3
    rise = shared[2] - shared[0]
    assert rise.mean() > 4 * rise.std(ddof=1) / np.sqrt(20)


@pytest.mark.parametrize("importance", ["empirical", "fisher"])
def test_consolidation_makes_forgetting_small(importance, digits):
    changes = {"lr": 0.01, "epochs": (30, 30), "replicas": 4, "importance": importance}
    some, more = (
        data_mixing([0.4], **QUICK | changes, strength=x) for x in ((30, 3000), (1, 100))[importance == "fisher"]
    )
    before = forgotten(digits).sel(similarity=[0.4])
    assert (forgotten(some) < 0.7 * before).all()
    assert (forgotten(more) < 0.1 * before).all()
    assert (more.accuracy.isel(epoch=-1, task=1) > 0.9).all()
    np.testing.assert_array_equal(
        more.loss.sel(epoch=slice(0, 30), task=0), digits.loss.sel(similarity=[0.4], epoch=slice(0, 30), task=0)
    )


def test_consolidation_of_no_strength_is_none():
    weak, none = (data_mixing([0.4], **QUICK, strength=x) for x in (1e-13, 0.0))
    np.testing.assert_allclose(weak.loss, none.loss, rtol=1e-9)


def test_early_stopping_goes_back_to_the_best_weights():
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(400, 30)), np.repeat([0, 1, 2, 3], 100)
    inputs[:, 0] += 0.7 * labels  # hard, so that training goes too far
    mine = {"data": (inputs, labels), "classes": ((0, 1), (2, 3)), "epochs": (15, 3)}
    stopped, on = (data_mixing([0.5], **QUICK | mine, early_stopping=x) for x in (True, False))
    past = on.loss[0, :, :16, 0]
    best = past.argmin("epoch")
    assert (best < 15).any()
    np.testing.assert_array_equal(stopped.best_epoch, best)
    np.testing.assert_array_equal(on.best_epoch, 15)
    np.testing.assert_array_equal(stopped.loss[0, :, 15, 0], past.min("epoch"))
    np.testing.assert_array_equal(stopped.loss[0, :, :15], on.loss[0, :, :15])
    for replica, epoch in enumerate(best.values):  # of both tasks: it is the weights that come back
        for name in ("loss", "accuracy", "importance"):
            np.testing.assert_array_equal(stopped[name][0, replica, 15], on[name][0, replica, epoch])


def test_a_run_is_made_again_from_its_attributes(tmp_path):
    options = {"similarity": 0.3, "activation": "relu", "biases": False, "strength": 2.0, "per_class": 40, "seed": 5}
    ds = data_mixing(**QUICK | options | {"whitening": "zca", "whiten_on": "train"})
    tl.save(ds, tmp_path / "run.nc")
    again = data_mixing(**json.loads(tl.load(tmp_path / "run.nc").attrs["settings"])["arguments"])
    xr.testing.assert_identical(ds, again)
    assert ds.attrs == again.attrs
    alone = data_mixing(**QUICK | options | {"whitening": "zca", "whiten_on": "train", "replicas": 1})
    np.testing.assert_array_equal(alone.loss[:, 0], ds.loss[:, 0])
    assert (ds.loss[:, 0] != ds.loss[:, 1]).any()
    other = data_mixing(**QUICK | options | {"whitening": "zca", "whiten_on": "train", "seed": 6})
    assert (ds.loss[:, 0] != other.loss[:, 0]).any()


@pytest.mark.parametrize(("stop", "done"), [(1, 0), (3, 1)])
def test_what_was_done_before_an_interruption_is_kept(stop, done, monkeypatch):
    calls, original = [], experiment.run_all

    def run_all(*arguments: Any, **keywords: Any) -> Any:
        calls.append(1)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return original(*arguments, **keywords)

    whole = data_mixing([0.2, 0.8], **QUICK)
    monkeypatch.setattr(experiment, "run_all", run_all)
    with pytest.warns(UserWarning, match="interrupted: what was done is kept"):
        ds = data_mixing([0.2, 0.8], **QUICK)
    xr.testing.assert_identical(ds.isel(similarity=slice(done)), whole.isel(similarity=slice(done))) if done else None
    assert np.isnan(ds.loss[done:, :, 7:]).all()
    assert np.isnan(ds.accuracy[done:, :, 7:]).all()
    assert np.isfinite(ds.loss[:, :, :6, 0]).all() == (done > 0)


def test_ctrl_c_within_a_task_keeps_whole_epochs(monkeypatch):
    original = experiment.run_all

    def run_all(runs: Any, *arguments: Any, **keywords: Any) -> Any:
        """The first task whole; of the second two epochs, and a bit, of the first replica."""
        if runs[0].engine.moving["W"].shape and calls:
            while runs[0].recorded < 3:
                runs[0].record()
                runs[0].advance(int(runs[0].targets[1]))
            runs[1].record()
            return KeyboardInterrupt()
        calls.append(1)
        return original(runs, *arguments, **keywords)

    calls: list[int] = []
    whole = data_mixing([0.2], **QUICK)
    monkeypatch.setattr(experiment, "run_all", run_all)
    with pytest.warns(UserWarning, match="interrupted"):
        ds = data_mixing([0.2], **QUICK)
    np.testing.assert_array_equal(ds.loss[0, 0, :9], whole.loss[0, 0, :9])
    np.testing.assert_array_equal(ds.loss[0, 1, :7], whole.loss[0, 1, :7])
    assert np.isnan(ds.loss[0, 1, 7:]).all()


@pytest.mark.parametrize(
    ("changes", "where", "left"),
    [
        ({"lr": 1e3, "activation": "relu"}, r"in epoch 1 of the first task", 1),
        ({"strength": 1e9}, r"in epoch 1 of the second task at similarity 0\.5", 7),
    ],
)
def test_divergence_says_where_and_keeps_the_rest(changes, where, left):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DivergenceError, match=where) as caught:
            data_mixing([0.5], **QUICK | changes)
    loss = caught.value.dataset.loss[0, :, :, 0]
    assert np.isfinite(loss[:, :left]).all()
    assert np.isnan(loss[:, left:]).any()


def test_settings_name_the_images_and_the_scalings(digits):
    settings = json.loads(digits.settings)
    assert settings["images"]["name"] == "digits"
    assert settings["images"]["sha256"] == sources("digits", None, None, None, None).checksum
    assert (digits.tutelage_version, digits.switch) == (tl.__version__, 30)
    assert "(output - label)^2" in digits.scalings


IMAGES = (np.ones((8, 4)), np.repeat([0, 1, 2, 3], 2))


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("`similarity` must lie between 0 and 1, but runs from 0 to 1.5", {"similarity": [0, 1.5]}),
        ("`similarity` must", {"similarity": "all"}),
        ('`data` must be one of "digits", "fashion_mnist"', {"data": "mnist"}),
        ("`data` must be", {"data": 3}),
        ("`data` must be", {"data": (np.ones((3, 3)),), "classes": ((0, 1), (2, 3))}),
        ("`data[1]` must be integers of shape (samples,) = (8,)", {"data": (IMAGES[0], IMAGES[1] / 2)}),
        ("`data[0]` must have shape (samples, N)", {"data": (np.ones(8), IMAGES[1])}),
        ("`classes` must be two pairs of four different classes", {"data": IMAGES}),
        ("`classes` must be two pairs", {"classes": ((0, 1), (1, 2))}),
        ("`classes` must be two pairs", {"classes": ((0, 1), (2, 3, 4))}),
        ("`classes` must be two pairs", {"classes": (0, 1, 2, 3)}),
        ("but of 12 is none", {"classes": ((0, 1), (2, 12))}),
        ('`whitening` must be one of "zca", "eigen"', {"whitening": "pca"}),
        ('`whiten_on` must be one of "train", "test"', {"whiten_on": "both"}),
        ("`activation` must", {"activation": "nothing"}),
        ("`biases` must be True or False", {"biases": 1}),
        ("`hidden` must be an integer >= 1", {"hidden": 0}),
        ("`lr` must be a finite number > 0", {"lr": 0}),
        ("`epochs` must be a pair", {"epochs": 5}),
        ("`epochs` must be an integer >= 1", {"epochs": (5, 0)}),
        ("`early_stopping` must be True or False", {"early_stopping": "yes"}),
        ("`strength` must be a finite number >= 0", {"strength": -1}),
        ('`importance` must be one of "empirical", "fisher"', {"importance": "node"}),
        ("`replicas` must be an integer >= 1", {"replicas": 0}),
        ("`seed` must be an integer >= 0", {"seed": -1}),
        ("`side` must be an integer >= 1", {"side": 0}),
        ("`side` must be left out for images that are not square", {"data": (np.ones((99, 3)), np.arange(99) % 4),
                                                                    "classes": ((0, 1), (2, 3)), "side": 2}),
        ("`per_class` must be an integer >= 1", {"per_class": 0}),
        ('`folder` must be left out unless data="fashion_mnist"', {"folder": "here"}),
    ],
)  # fmt: skip
def test_refusals_name_the_argument(message, changes):
    with pytest.raises(ArgumentError) as caught:
        data_mixing(**changes)
    assert str(caught.value).startswith("Argument `")
    assert message in str(caught.value)
