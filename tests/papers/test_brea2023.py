"""Brea et al. 2023: each finding, asserted on the data of its quick figure, and on those of the full one (slow)."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
from figures import BOTH, assert_can_be_kept, assert_catalogue_has, figure

NAMES = ["flow-methods", "fixed-points", "loss-against-gradient", "sample-size", "derivative-times"]
made = partial(figure, "brea2023")


def test_catalogue_has_every_figure():
    assert_catalogue_has("brea2023", NAMES)


@BOTH
def test_exact_hessians_carry_a_flow_over_many_decades(quick):
    ds = made("flow-methods", quick).datasets["flows"].isel(case=0)
    best = {name: ds.sel({"method": name}) for name in ds["method"].values}
    assert (best["LSODA"].progress > 1e3 * best["DOP853"].progress).all()
    assert (best["LSODA"].progress > 1e3 * best["gd 0.1"].progress).all()
    assert best["LSODA"].loss.median() < 1e-2 * best["adam 0.001"].loss.median()
    assert best["LSODA"].distance.max() < 0.02
    assert best["DOP853"].distance.max() < 0.02
    assert best["adam 0.001"].distance.min() > 0.05


@BOTH
def test_second_derivatives_find_machine_precision(quick):
    ds = made("fixed-points", quick).datasets["fixed-points"].isel(case=0)
    medians = {str(name): float(ds["loss"].sel({"method": name}).median()) for name in ds["method"].values}
    assert medians["auto"] < (1e-9 if quick else 1e-14)  # of a few seconds, on a machine that may do other work
    assert medians["auto"] < (1e-3 if quick else 1e-6) * medians["adam"]
    assert medians["auto"] < medians["bfgs"]


@BOTH
def test_points_are_minima_or_valleys_of_zero(quick):
    found = made("loss-against-gradient", quick)
    ds, (narrow, *_, wide) = found.datasets["points"], found.datasets["points"]["ratio"].values
    small = ds["gradient_norm"] < 1e-10
    assert small.mean() > 0.6  # the widest need more than the seconds they are given
    assert (ds["smallest_eigenvalue"].where(small) > -1e-8).sum() == small.sum()
    least = 1e-9  # of a loss after seconds: valleys of wide students are long
    assert (ds["loss"].sel(ratio=wide) < least).mean() >= (ds["loss"].sel(ratio=narrow) < least).mean()


@BOTH
def test_minima_on_samples_approach_that_of_the_population_as_predicted(quick):
    found = made("sample-size", quick)
    assert found.summary["its gradient"] < 1e-14
    ratio = found.datasets["distances"]["squared_distance"] / found.datasets["distances"]["predicted"]
    count, error = ratio.size, float(ratio.std(ddof=1) / np.sqrt(ratio.size))
    assert abs(float(ratio.mean()) - 1) < 4 * error  # samples are drawn anew for each: `count` independent ratios
    assert error < 0.3, count
    assert found.summary["exponent"] == pytest.approx(-1, abs=0.4)
    weighed = found.datasets["distances"]["weighed"]  # all directions alike, so that single distances scatter little
    assert float(abs(weighed[-1].mean() - 1)) < float(abs(weighed[0].mean() - 1))
    if not quick:
        spread = float(weighed[-1].std(ddof=1) / np.sqrt(weighed.sizes["seed"]))
        assert spread < 0.2
        assert abs(float(weighed[-1].mean()) - 1) < 4 * spread
    assert found.summary["other minima"] == 0


@BOTH
def test_times_are_those_of_the_ways_that_are_there(quick):
    found = made("derivative-times", quick)
    seconds = found.datasets["times"]["seconds"]
    assert {"gradient", "hessian", "dsyrk"} <= set(seconds["way"].values)
    assert (find_spec("torch") is not None) == ("torch gradient" in seconds["way"].values)
    assert (seconds > 0).all()
    assert (seconds.sel(way="gradient") < seconds.sel(way="hessian")).all()


@pytest.mark.parametrize("name", NAMES)
def test_data_and_pictures_can_be_kept(name, tmp_path):
    assert_can_be_kept(made(name, True), tmp_path)
