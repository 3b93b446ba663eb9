"""Lee et al. 2021: each finding, asserted on the data of its quick figure, and on those of the full one (slow)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from figures import BOTH, assert_can_be_kept, assert_catalogue_has, figure

from tutelage.papers.lee2021 import wide

NAMES = ["through-the-switch", "feature-similarity", "similarity-maps"]
made = partial(figure, "lee2021")


def test_catalogue_has_every_figure():
    assert_catalogue_has("lee2021", NAMES)


@BOTH
def test_sgd_follows_the_equations_through_the_switch(quick):
    found = made("through-the-switch", quick)
    distance = found.summary
    weights_dim, (small, large) = (300, (300, 30_000)) if quick else (2000, (1000, 100_000))
    for name in ("eg", "heads", "R", "Q"):
        tolerance = 1.0 if name == "eg" else 5.0
        for view, dim in (("weights", weights_dim), ("chain", small), ("chain", large)):
            assert distance[f"{view}, N = {dim}: distance of {name}"] < tolerance / np.sqrt(dim)
        ratio = (
            distance[f"chain, N = {small}: distance of {name}"] / distance[f"chain, N = {large}: distance of {name}"]
        )
        assert 3 < ratio < 30  # sqrt(N) is ten times as large
    eg = found.datasets["theory"].eg
    switch, end = eg.sel(alpha=100.0, method="nearest"), eg[-1]
    assert switch[0] < 1e-3 < 0.1 < switch[1]
    assert end[1] < 1e-3 < 0.1 < end[0]


@BOTH
def test_similarity_is_good_for_early_transfer_and_worst_in_between_for_late_forgetting(quick):
    ds = made("feature-similarity", quick).datasets["similarity"]
    V = ds.similarity.values
    for seed in ds.seed.values:
        one = ds.sel(seed=seed)
        for time in (3.0, 10.0):
            assert (np.diff(one.transfer.sel(since=time)) > 0).all()
        early, late = (V[int(one.forgetting.isel(since=i).values.argmax())] for i in (0, -1))
        assert 0 < late < early < 1
        last = one.forgetting.isel(since=-1).values
        assert last.max() > 0.2 + max(last[0], last[-1])
        transfer = one.transfer.isel(since=-1)
        least = float(transfer.where(ds.similarity >= 0.1).min())
        assert least < transfer[-1] - 0.3
        assert least < transfer.where(ds.similarity < 0.1).max() - 0.3


def test_legends_cover_no_data():
    figure = made("feature-similarity", True).figure
    assert not any(ax.get_legend() for ax in figure.axes)
    boxes = [each.get_window_extent() for each in (*figure.axes, *figure.legends)]
    for i, legend in enumerate(boxes[len(figure.axes) :], len(figure.axes)):
        assert not any(legend.overlaps(other) for other in boxes[:i])


@BOTH
def test_forgetting_begins_at_nothing_and_chains_follow(quick):
    ds = made("feature-similarity", quick).datasets["similarity"]
    assert abs(ds.forgetting_curve.isel(time=0)).max() < 0.1
    assert (ds.forgetting_maximum >= ds.forgetting_curve.isel(time=-1) - 1e-12).all()
    mean, theory = ds.transfer_sgd.mean("replica"), ds.transfer.sel(seed=ds.attrs["picture"])
    theory = theory.interp(similarity=ds.simulated)
    inner = ds.simulated > 0  # for unrelated teachers the plateau is left when noise has it so
    assert abs(mean - theory).where(inner).max() < (0.5 if quick else 0.3)


@BOTH
def test_teachers_equal_in_features_and_readouts_stand_out_of_the_maps(quick):
    found = made("similarity-maps", quick)
    maps, number = found.datasets["maps"], found.summary
    assert 1e-4 < number["error at the switch, largest"] < 0.01
    for of in ("forgetting", "transfer"):
        early = number[f"early {of}, equal teachers"]
        assert early == maps[f"{of}_rate"].mean("seed").max()
        assert early > 2 * number[f"early {of}, at most where features or readouts are unrelated"]
    late = maps.forgetting_long_time
    both = (maps.feature == 1) & (maps.readout == 1)
    for seed in maps.seed:
        one = late.sel(seed=seed)
        assert one.where(both).max() < 0.4 * one.where(~both).min()
    # elsewhere the maps are flat
    for of in ("forgetting", "transfer"):
        assert number[f"late {of}, at least elsewhere"] > 1
        assert number[f"late {of}, at most elsewhere"] - number[f"late {of}, at least elsewhere"] < 0.5
    assert (maps.forgetting_maximum >= late - 1e-9).all()


@pytest.mark.parametrize(("feature", "readout"), [(0.0, 0.0), (0.3, 0.8), (1.0, -0.5)])
def test_wide_teachers_have_exactly_the_similarities_asked_for(feature, readout):
    pair = wide._teachers(feature, readout, units=20, inputs=7, seed=3)
    A, B = np.split(pair.weights, 2)
    v, w = pair.readouts[0, :20], pair.readouts[1, 20:]
    for one, other, share in ((A, A, 1), (B, B, 1), (A, B, feature)):
        np.testing.assert_allclose(one.T @ other, 20 * share * np.eye(7), atol=1e-12)
    np.testing.assert_allclose([v @ v, w @ w, v @ w], [1, 1, readout], atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_data_and_pictures_can_be_kept(name, tmp_path):
    assert_can_be_kept(made(name, True), tmp_path)
