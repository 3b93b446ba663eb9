"""Continual learning on images: what is learned, measured, kept and refused."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
import xarray as xr

import tutelage as tl
from tutelage.continual import data_mixing, experiment
from tutelage.continual.mixing import sources
from tutelage.errors import ArgumentError, DivergenceError

QUICK: dict[str, Any] = {"whitening": None, "lr": 0.05, "epochs": (6, 6), "replicas": 2, "progress": False}


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
