"""What linear learning problems refuse, and the shapes of what they return."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import xarray

import tutelage as tl
from tutelage.linear import (
    Spectrum,
    critical_kappa,
    decomposition,
    digit_inputs,
    fading,
    fitted,
    learning_curve,
    measure,
    optimal_ridge,
    optimal_time,
    power_law,
    simulate,
    two_scale,
)

PROBLEM = two_scale(n=15, d=10, p=6, kappa=5, noise=0.3)
METHODS = ["finite", "flow", "descent", "ridge", "fast_slow"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"n": 0}, "n"),
        ({"n": 1.5}, "n"),
        ({"d": 0}, "d"),
        ({"p": 0}, "p"),
        ({"p": 11}, "p"),
        ({"kappa": 0}, "kappa"),
        ({"kappa": -1}, "kappa"),
        ({"kappa": np.nan}, "kappa"),
        ({"noise": -0.1}, "noise"),
        ({"noise": np.inf}, "noise"),
    ],
)
def test_two_scales_are_checked(changes, name):
    with pytest.raises(tl.ArgumentError, match=f"`{name}`"):
        two_scale(**({"n": 15, "d": 10, "p": 6, "kappa": 5} | changes))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n": 0, "eigenvalues": [1.0]}, "n"),
        ({"n": 5, "eigenvalues": [1.0, -1.0]}, "eigenvalues"),
        ({"n": 5, "eigenvalues": [0.0, 0.0]}, "eigenvalues"),
        ({"n": 5, "eigenvalues": [np.nan]}, "eigenvalues"),
        ({"n": 5, "eigenvalues": [1.0, 2.0], "teacher": [1.0]}, "teacher"),
        ({"n": 5, "eigenvalues": [1.0, 2.0], "teacher": [1.0, -1.0]}, "teacher"),
        ({"n": 5, "eigenvalues": [1.0, 2.0], "fast": 3}, "fast"),
        ({"n": 5, "eigenvalues": [1.0], "noise": -1}, "noise"),
    ],
)
def test_spectra_are_checked(arguments, name):
    with pytest.raises(tl.ArgumentError, match=f"`{name}`"):
        Spectrum(**arguments)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"t": np.nan}, "t"),
        ({"t": [1, np.inf]}, "t"),
        ({"t": [-1, 2]}, "t"),
        ({"t": []}, "t"),
        ({"t": "soon"}, "t"),
        ({"method": "exact"}, "method"),
        ({"lr": 0}, "lr"),
        ({"lr": -1}, "lr"),
        ({"ridge": -1e-9}, "ridge"),
        ({"method": "descent", "lr": 10}, "lr"),
        ({"method": "finite", "lr": 10}, "lr"),
        ({"method": "fast_slow", "convention": "printed"}, "convention"),
        ({"method": "flow", "convention": "released"}, "convention"),
        ({"method": "finite", "lr": 0.1, "draws": 0}, "draws"),
        ({"method": "finite", "lr": 0.1, "seed": -1}, "seed"),
        ({"method": "finite", "lr": 0.1, "z": np.ones((3, 3))}, "z"),
        ({"method": "finite", "lr": 0.1, "dynamics": "adam"}, "dynamics"),
        ({"method": "flow", "dynamics": "ridge"}, "dynamics"),
        ({"method": "descent", "lr": 0.1, "draws": 3}, "draws"),
        ({"method": "ridge", "z": np.ones((30, 20))}, "z"),
        ({"method": "ridge", "penalty": fading()}, "penalty"),
        ({"method": "flow", "penalty": 0.5}, "penalty"),
        ({"method": "flow", "penalty": lambda i: -1.0}, "penalty"),
        ({"method": "descent", "penalty": fading(), "t": 1.5, "lr": 0.1}, "t"),
        ({"method": "descent", "penalty": fading(100), "lr": 0.1}, "lr"),
        ({"method": "flow", "nodes": 0}, "nodes"),
        ({"spectrum": "flat"}, "spectrum"),
    ],
)
def test_curves_are_checked(arguments, name):
    with pytest.raises(tl.ArgumentError, match=rf"`{name}(\(|`)"):
        learning_curve(**({"spectrum": PROBLEM, "t": [1, 2]} | arguments))


def test_fast_and_slow_need_two_scales():
    with pytest.raises(tl.ArgumentError, match="fast"):
        learning_curve(power_law(n=10, d=5, exponent=1), 1, "fast_slow")
    with pytest.raises(tl.ArgumentError, match="two scales"):
        learning_curve(Spectrum(10, [3, 2, 1], fast=1), 1, "fast_slow")
    with pytest.raises(tl.ArgumentError, match="`spectrum`"):
        decomposition(power_law(n=10, d=5, exponent=1), 1)
    assert Spectrum(10, [3, 3, 1]).fast == 2
    assert Spectrum(10, [1, 3, 3]).fast is None


def test_simulations_are_checked():
    for arguments, name in (
        ({"t": 1.5}, "t"),
        ({"lr": 10.0}, "lr"),
        ({"replicas": 0}, "replicas"),
        ({"teachers": 0}, "teachers"),
        ({"dynamics": "flow", "penalty": fading()}, "penalty"),
        ({"dynamics": "sgd"}, "dynamics"),
        ({"penalty": 3}, "penalty"),
    ):
        with pytest.raises(tl.ArgumentError, match=f"`{name}`"):
            simulate(**({"spectrum": PROBLEM, "t": 1, "lr": 0.1, "replicas": 2} | arguments))


def test_inputs_are_checked():
    z, y = digit_inputs(10)
    for problem, arguments, name in (
        (PROBLEM, {"z": z[:15]}, "z"),
        (PROBLEM, {"z": z[:, :3]}, "z"),
        (PROBLEM, {"z": z, "y": y[:3]}, "y"),
    ):
        with pytest.raises(tl.ArgumentError, match=f"`{name}`"):
            measure(problem, t=1, lr=0.1, **arguments)
    with pytest.raises(tl.ArgumentError, match="`y`"):
        fitted(PROBLEM, z, y[:5])
    with pytest.raises(tl.ArgumentError, match="`spectrum` must be of type Spectrum"):
        fitted("digits", z, y)
    with pytest.raises(tl.ArgumentError, match="`d`"):
        digit_inputs(62)


def test_optima_are_checked():
    with pytest.raises(tl.ArgumentError, match="`method`"):
        optimal_time(PROBLEM, "finite")
    with pytest.raises(tl.ArgumentError, match="`spectrum`"):
        optimal_ridge(3)
    with pytest.raises(tl.ArgumentError, match="`kappa_max`"):
        critical_kappa(n=10, d=5, p=2, kappa_max=0.5)
    with pytest.raises(tl.ArgumentError, match="`p`"):
        critical_kappa(n=10, d=5, p=7)
    assert critical_kappa(n=110, d=100, p=70, method="ridge", kappa_max=3) == np.inf
    says = "Argument `convention` must be None for other methods than \"fast_slow\", but is 'released' for"
    for method in ("flow", "ridge"):
        with pytest.raises(tl.ArgumentError, match=says):
            critical_kappa(n=110, d=100, p=70, method=method, convention="released")
        with pytest.raises(tl.ArgumentError, match=says):
            optimal_time(PROBLEM, method, convention="released")


@pytest.mark.parametrize("method", METHODS)
def test_curves_take_times_in_any_order_and_begin_at_nothing(method):
    t = [3.5, 0, 100, 1]
    ds = learning_curve(PROBLEM, t, method, lr=0.1)
    assert list(ds.t.values) == t
    assert all(ds[name].dims == ("t",) for name in ("R", "Q", "eg"))
    start = ds.sel(t=0)
    np.testing.assert_allclose([start.R, start.Q, start.eg], [0, 0, 0.5], atol=1e-11)
    alone = learning_curve(PROBLEM, 100, method, lr=0.1)
    np.testing.assert_allclose(alone.eg, ds.eg.sel(t=[100]), rtol=1e-9)
    assert ds.attrs["method"] == method
    assert ds.attrs["n"] == 15


@pytest.mark.parametrize("method", ["flow", "descent", "ridge", "fast_slow"])
@pytest.mark.parametrize(
    "problem",
    [
        two_scale(n=1, d=1, p=1, kappa=1),
        two_scale(n=5, d=3, p=3, kappa=7, noise=1),
        two_scale(n=3, d=9, p=2, kappa=0.2),
        two_scale(n=10, d=10, p=4, kappa=1e5),
    ],
)
def test_odd_problems_have_curves(method, problem):
    ds = learning_curve(problem, [0, 1, 10, 1e7], method, lr=0.1 / problem.top)
    assert np.isfinite(ds.eg).all()
    assert float(ds.eg[0]) == pytest.approx(0.5, abs=1e-9)
    assert float(ds.eg.min()) > -1e-9
    parts = decomposition(problem, [0, 1, 1e7], method, lr=0.1 / problem.top)
    assert np.isfinite(parts.eg_fast).all()


def test_results_can_be_kept(tmp_path):
    for ds in (
        learning_curve(PROBLEM, [0, 1], "fast_slow"),
        learning_curve(PROBLEM, [0, 1], "finite", lr=0.1, draws=3),
        simulate(PROBLEM, [0, 1], lr=0.1, replicas=3),
        decomposition(PROBLEM, [0, 1]),
    ):
        assert tl.load(tl.save(ds, tmp_path / "ds.nc")).identical(ds)


@pytest.mark.parametrize("what", ["finite", "simulate", "measure"])
def test_what_was_done_is_kept_when_interrupted(what, monkeypatch):
    """The third draw is cut off: the first two are returned."""
    module = {"finite": "finite.given_fields", "simulate": "simulation._weights", "measure": "inputs._held_out"}[what]
    place = f"tutelage.linear.{module}"
    owner, name = place.rsplit(".", 1)
    original, calls = getattr(import_module(owner), name), []

    def cut(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    runs = {
        "finite": lambda: learning_curve(PROBLEM, [1, 2], "finite", lr=0.1, draws=5),
        "simulate": lambda: simulate(PROBLEM, [1, 2], lr=0.1, replicas=5),
        "measure": lambda: measure(PROBLEM, digit_inputs(10)[0], [1, 2], lr=0.1, replicas=5),
    }[what]
    monkeypatch.setattr("tutelage.linear.simulation.NUMBERS", 1)  # a replica at a time
    whole = runs()
    monkeypatch.setattr(place, cut)
    with pytest.warns(UserWarning, match="what was done is kept"):
        ds = runs()
    assert np.isfinite(ds.eg_sem).all()
    if what == "finite":
        monkeypatch.undo()
        two = learning_curve(PROBLEM, [1, 2], "finite", lr=0.1, draws=2)
        np.testing.assert_allclose(ds.eg, two.eg, rtol=1e-12)
        np.testing.assert_allclose(ds.eg_sem, two.eg_sem, rtol=1e-9)
    else:
        np.testing.assert_array_equal(ds.eg[:2], whole.eg[:2])
        assert np.isnan(ds.eg[2:]).all()
        np.testing.assert_allclose(ds.eg_mean, whole.eg[:2].mean("replica"), rtol=1e-12)


FADING = fading(0.5)


@pytest.mark.parametrize(
    ("made", "own"),
    [
        (lambda s: learning_curve(s, [0, 3, 1], "flow", lr=0.2, ridge=0.1, test_noise=True), {}),
        (lambda s: learning_curve(s, [1, 3], "fast_slow", convention="released"), {}),
        (lambda s: learning_curve(s, [1, 3], "finite", lr=0.2, draws=3, seed=4, dynamics="flow"), {}),
        (lambda s: decomposition(s, [1, 3], "descent", lr=0.2), {}),
        (lambda s: simulate(s, [1, 3], lr=0.2, replicas=3, teachers=2, seed=1, test_noise=True), {}),
        (lambda s: simulate(s, [1, 3], lr=0.2, replicas=2, penalty=FADING), {"penalty": FADING}),
    ],
)  # fmt: skip
def test_curves_are_made_again_from_their_file_alone(made, own, tmp_path):
    once = made(two_scale(n=20, d=12, p=5, kappa=3, noise=0.3))
    assert "pezeshki2022" in tl.citation(once)
    tl.save(once, tmp_path / "curve.nc")
    again = tl.rerun(tl.load(tmp_path / "curve.nc"), **own)
    assert again.identical(once)
    assert tl.rerun(once, t=[2.0], **own).sizes["t"] == 1
    for name in own:
        with pytest.raises(tl.ArgumentError, match=f"`{name}` must be given again"):
            tl.rerun(once)


def test_stacked_curves_are_not_made_again():
    curves = [learning_curve(two_scale(n=20, d=12, p=5, kappa=k), [1, 3], lr=0.2) for k in (2, 3)]
    with pytest.raises(tl.ArgumentError, match="one problem"):
        tl.rerun(xarray.concat(curves, "kappa"))
