"""Lee et al. 2022: each finding, asserted on the data of its quick figure, and on those of the full one (slow)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from figures import BOTH, assert_can_be_kept, assert_catalogue_has, figure

NAMES = [
    "node-reuse",
    "order-parameters",
    "consolidation-strength",
    "restart-and-replay",
    "replay-period",
    "interventions",
]
made = partial(figure, "lee2022")


def test_catalogue_has_every_figure():
    assert_catalogue_has("lee2022", NAMES)


@BOTH
def test_between_teachers_the_old_unit_is_used_again_and_moves_where_forgetting_is_worst(quick):
    ds = made("node-reuse", quick).datasets["teachers"]
    for seed in ds.seed.values:
        one = ds.sel(seed=seed)
        forgotten, moved = one.forgotten.values, one.displacement.values
        worst = forgotten.argmax()
        assert 0 < worst < len(forgotten) - 1
        assert forgotten[worst] > 10 * max(forgotten[0], forgotten[-1])
        assert one.share[0] < 0.05
        assert one.share[-1] > 0.9
        assert one.share[worst] > 0.1  # re-use has set in
        assert 0 < moved.argmax() < len(moved) - 1
        assert moved[worst] > 0.9 * moved.max() > 4 * max(moved[0], moved[-1])


@BOTH
def test_on_digits_forgetting_is_worst_in_between_and_important_units_coincide_for_equal_tasks(quick):
    ds = made("node-reuse", quick).datasets["digits"]
    mean, sem = ds.forgotten.mean("replica"), ds.forgotten.std("replica", ddof=1) / np.sqrt(ds.sizes["replica"])
    middle = float(mean.similarity[int(mean.values.argmax())])
    assert 0.2 <= middle <= 0.6
    for end in (0.0, 1.0):
        gap = mean.sel(similarity=middle) - mean.sel(similarity=end)
        assert gap > 2 * np.hypot(sem.sel(similarity=middle), sem.sel(similarity=end))
    correlation = ds.correlation.mean("replica")
    assert correlation.sel(similarity=1.0) > 0.3
    assert correlation.sel(similarity=1.0) > correlation.sel(similarity=0.0) + 0.2


@BOTH
def test_units_are_activated_used_again_or_left_where_they_are(quick):
    ds = made("order-parameters", quick).datasets["order-parameters"]
    unrelated, between, equal = (ds.isel(similarity=i, since=-1) for i in range(3))
    assert unrelated["head"].sel(unit="old") < 0.05 < 0.9 < unrelated["head"].sel(unit="other")
    assert unrelated.R.sel(unit="old", teacher=0) > 0.95
    assert unrelated.R.sel(unit="other", teacher=1) > 0.9
    assert between["head"].sel(unit="old") > 3 * between["head"].sel(unit="other")
    assert between.R.sel(unit="old", teacher=0) < 0.5 < 0.9 < between.R.sel(unit="old", teacher=1)
    assert equal["head"].sel(unit="old") > 0.9
    moved = [float(one.displacement.sel(unit="old")) for one in (unrelated, between, equal)]
    assert moved[1] > 10 * max(moved[0], moved[2])
    assert between.eg.sel(task=0) > 1000 * max(unrelated.eg.sel(task=0), equal.eg.sel(task=0))


@BOTH
def test_consolidation_forgets_less_and_makes_curves_collapse_at_a_cost(quick):
    ds = made("consolidation-strength", quick).datasets["consolidation"]
    last, inner = ds.isel(since=-1), slice(0.2, 0.8)
    for seed in ds.seed.values:
        first = last.eg.sel(seed=seed, task=0, similarity=inner)
        assert (first.sel(strength=slice(1.0, None)) < 0.1 * first.sel(strength=0.0)).all()
        assert (np.diff(first.mean("similarity")) < 0).all()
        spread = ds.spread.sel(seed=seed)
        assert spread.sel(strength=10.0) < 0.6 * spread.sel(strength=0.0)
        second = last.eg.sel(seed=seed, task=1)
        assert (second.sel(strength=10.0) > 2 * second.sel(strength=0.0)).all()  # equal teachers included


@BOTH
def test_new_weights_help_replay_where_a_unit_was_left_unused(quick):
    ds = made("restart-and-replay", quick).datasets["replay"]
    ratio = ds["restart"] / ds["replay"]
    inner, unused, shared = slice(0.4, 0.8), ds.smallest_Q < 0.05, ds.smallest_Q > 0.3
    assert (unused | shared).all()
    assert unused.any()
    assert shared.any()
    assert (ratio.sel(similarity=inner).isel(seed=unused.values) < 0.97).all()
    assert (ratio.sel(similarity=slice(0.6, 0.8), task=0).isel(seed=shared.values) > 1.5).all()


@BOTH
def test_rare_replay_forgets_more_and_any_slows_the_second_task(quick):
    ds = made("replay-period", quick).datasets["replay-period"].sel(similarity=[0.6, 0.8])
    first, second = ds.eg.sel(task=0), ds.eg.sel(task=1)
    assert (first.diff("period") > 0).all()
    assert (first.isel(period=-1) < ds.plain.sel(task=0)).all()
    assert (second > ds.plain.sel(task=1)).all()
    assert (second.isel(period=0) > 2 * ds.plain.sel(task=1)).all()


@BOTH
def test_interventions_keep_the_first_task_and_a_copied_head_takes_the_maximum_away(quick):
    ds = made("interventions", quick).datasets["interventions"]
    first = ds.eg.sel(task=0)
    plain = first.sel(way="none")
    for way in ("consolidation", "elastic weight consolidation", "frozen old unit", "replay of a tenth"):
        assert (first.sel(way=way, similarity=slice(0.2, 0.8)) < 0.25 * plain.sel(similarity=slice(0.2, 0.8))).all(), (
            way
        )
    for seed in ds.seed.values:
        assert 0 < plain.sel(seed=seed).values.argmax() < ds.sizes["similarity"] - 1
        assert (np.diff(first.sel(way="copied head", seed=seed)) < 0).all()
    frozen = ds.eg.sel(way="frozen features", task=1)
    assert (frozen.isel(similarity=slice(None, -1)) > 100 * ds.eg.sel(way="none", task=1)).all()


@pytest.mark.parametrize("name", NAMES)
def test_data_and_pictures_can_be_kept(name, tmp_path):
    assert_can_be_kept(made(name, True), tmp_path)
