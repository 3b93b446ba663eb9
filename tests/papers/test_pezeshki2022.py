"""Pezeshki et al. 2022: each finding, asserted on the data of its quick figure, and on those of the full one (slow)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from figures import BOTH, assert_can_be_kept, assert_catalogue_has, figure

from tutelage.papers.pezeshki2022.curves import extremes

NAMES = ["fast-and-slow", "theory-and-simulation", "plane", "regularisation", "fading-penalty", "many-seeds"]
made = partial(figure, "pezeshki2022")


def test_catalogue_has_every_figure():
    assert_catalogue_has("pezeshki2022", NAMES)


@BOTH
def test_fast_and_slow_features_make_two_descents(quick):
    found = made("fast-and-slow", quick)
    for name, (low, high, end) in {"released": (0.246, 0.306, 0.033), "flow": (0.249, 0.323, 0.057)}.items():
        ds = found.datasets[name]
        assert found.summary[f"{name}: minimum"] == pytest.approx(low, abs=1e-3)
        assert found.summary[f"{name}: peak"] == pytest.approx(high, abs=1e-3)
        assert found.summary[f"{name}: at the end"] == pytest.approx(end, abs=1e-3)
        slow, fast = ds.eg_slow.values, ds.eg_fast.values
        assert (np.diff(slow) < 0).all()
        assert slow[0] - slow[ds.t.values < 10].min() < 0.01
        least = int(fast.argmin())
        assert (np.diff(fast[:least]) < 0).all()
        assert (np.diff(fast[least:]) > -1e-12).all()
        assert abs(fast[-1] - fast[ds.t.values > 1e4]).max() < 1e-3
    assert 2 < found.summary["released: step of the peak"] / found.summary["flow: step of the peak"] < 3
    assert 1.6 < found.summary["released: its step"] / found.summary["flow: its step"] < 3


@BOTH
def test_descent_follows_its_law_and_the_closed_form_is_off_in_the_slow_phase(quick):
    summary = made("theory-and-simulation", quick).summary
    for kappa in ("1", "50", "100000"):
        assert summary[f"kappa = {kappa}: descent off its law, in standard errors"] < 4
        assert summary[f"kappa = {kappa}: ridge regression off the exact law"] < 0.01
    assert summary["kappa = 50: published off the exact law"] == pytest.approx(0.049, abs=0.001)
    assert summary["kappa = 50: corrected off the exact law"] < 3e-4
    assert summary["kappa = 100000: published off the exact law"] < 1e-4


@BOTH
def test_large_ratios_of_scales_descend_twice(quick):
    found = made("plane", quick)
    released, flow = found.datasets["released"], found.datasets["flow"]
    t = released.t.values
    wanted = {12: (0.2504, 23, 0.2517, 43), 30: (0.2616, 14, 0.3210, 200), 1e3: (0.2633, 13, 0.4089, 7950)}
    for kappa, (low, low_t, high, high_t) in wanted.items():
        (found_low_t, found_low), (found_high_t, found_high) = extremes(t, released.eg.sel(kappa=kappa).values)
        assert (found_low, found_high) == pytest.approx((low, high), abs=2e-4)
        assert (found_low_t, found_high_t) == pytest.approx((low_t, high_t), rel=0.12)
    for kappa in (1, 7):
        assert (np.diff(released.eg.sel(kappa=kappa)) < 0).all()
    assert (np.diff(flow.eg.sel(kappa=7)) > 0).any()
    for ds in (released, flow):
        assert (ds.Q >= ds.R**2 - 1e-12).all()
        assert float(ds.eg.sel(kappa=1e5)[-1]) == pytest.approx(0.4125, abs=1e-3)
        cusp = ds.sel(kappa=1e5).isel(t=-1)
        assert (float(cusp.R), float(cusp.Q)) == pytest.approx((0.7, 1.225), abs=2e-3)
    borders = [found.summary[f"kappa from which there are two descents, {name}"]
               for name in ("gradient flow", "ridge regression", "as published")]  # fmt: skip
    assert borders == pytest.approx([5.20, 7.35, 11.34], abs=0.01)


@BOTH
def test_weight_decay_prevents_the_second_descent(quick):
    for name, ds in made("regularisation", quick).datasets.items():
        strong, some, none = (ds.eg.sel(ridge=x, method="nearest").values for x in (0.126, 3.2e-3, 1e-8))
        assert strong[-1] - strong.min() < (1e-9 if name == "released" else 0.01)
        assert some[-1] > some.min() + 0.05
        (_, low), (_, high) = extremes(ds.t.values, none)
        assert none[-1] < low < high
        assert none[-1] < min(strong.min(), some.min())
    released = made("regularisation", quick).datasets["released"].eg
    assert float(released.sel(ridge=1e-8, method="nearest")[-1]) == pytest.approx(0.126, abs=1e-3)
    assert float(released.sel(ridge=1e-8, method="nearest").sel(t=slice(100, 1000)).max()) == pytest.approx(
        0.2953, abs=5e-4
    )


@BOTH
def test_a_fading_penalty_lowers_the_peak(quick):
    found = made("fading-penalty", quick)
    summary, runs = found.summary, found.datasets["runs"]
    assert summary["without: minimum"] == pytest.approx(0.257, abs=1e-3)
    assert summary["without: peak"] == pytest.approx(0.342, abs=1e-3)
    assert summary["with: minimum"] == pytest.approx(0.265, abs=1e-3)
    assert summary["with: peak"] == pytest.approx(0.273, abs=1e-3)
    assert summary["with: at the end"] == pytest.approx(summary["without: at the end"], rel=0.05)
    for name in ("with", "without"):
        late = runs.sel(penalty=name).sel(t=slice(50, None))
        theory = found.datasets["laws"].eg.sel(penalty=name).interp(t=late.t)
        assert (abs(late.eg_mean - theory) < 0.012 + 4 * late.eg_sem).all()


@BOTH
def test_many_seeds_tell_the_closed_form_from_the_law(quick):
    summary = made("many-seeds", quick).summary
    for kappa in ("1", "100", "10000"):
        assert summary[f"kappa = {kappa}: seeds off the exact law"] < 0.006
    assert summary["kappa = 100: seeds off the closed form"] > 0.04


@pytest.mark.parametrize("name", NAMES)
def test_data_and_pictures_can_be_kept(name, tmp_path):
    assert_can_be_kept(made(name, True), tmp_path)
