"""Datasets: what stands in them, on disk and back, and run once more from the file alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import tutelage as tl

N, K, M, TIMES = 40, 3, 2, 4
ALPHA = [0.0, 0.1, 1.0, 7.3]
STATE = tl.Overlaps(
    Q=[[1.0, 0.2, 0.0], [0.2, 0.9, -0.3], [0.0, -0.3, 1.2]],
    R=[[0.3, -0.1], [0.2, 0.4], [-0.5, 0.0]],
    T=[[1.0, 0.1], [0.1, 1.1]],
    v=[1.0, -0.7, 0.4],
    v_star=[0.8, 1.3],
)
RULE = tl.OnlineSGD("erf", "relu", lr=0.4, lr_readout=0.1, train="both", noise=0.3, weight_decay=0.05, batch=2)
ROWS = np.random.default_rng(0).standard_normal((50, N))


def ode(**changes: Any) -> xr.Dataset:
    return tl.solve(RULE, STATE, **({"alpha": ALPHA, "rtol": 1e-6, "atol": 1e-9} | changes))


def radau() -> xr.Dataset:
    return ode(method="radau")


def one_time() -> xr.Dataset:
    return ode(alpha=0.3)


def fixed_layer() -> xr.Dataset:
    return tl.solve(tl.OnlineSGD("linear", lr=0.3), STATE, ALPHA)


def polynomial() -> xr.Dataset:
    return tl.solve(tl.OnlineSGD("square", "hermite-2", lr=0.01), STATE, [0, 0.01], rtol=1e-3, atol=1e-6)


def sgd(**changes: Any) -> xr.Dataset:
    return tl.simulate(RULE, STATE, **({"alpha": ALPHA, "dim": N, "replicas": 3, "seed": 11} | changes))


def one_replica() -> xr.Dataset:
    return sgd(replicas=1)


ALL = pytest.mark.parametrize("make", [ode, radau, one_time, fixed_layer, polynomial, sgd, one_replica])


def identical(a: xr.Dataset, b: xr.Dataset) -> bool:
    """Whether all values, dimensions, coordinates and attributes agree, with the types of the values."""
    return a.identical(b) and all(a[name].dtype == b[name].dtype for name in a.variables)


# ---------------------------------------------------------------------------------------------------- what is inside


def test_dimensions_of_an_ode() -> None:
    ds = ode()
    dims = {name: ds[name].dims for name in ds.data_vars if not name.endswith("_start")}
    assert dims == {
        "eg": ("alpha",),
        "Q": ("alpha", "student", "student_"),
        "R": ("alpha", "student", "teacher"),
        "v": ("alpha", "student"),
        "T": ("teacher", "teacher_"),
        "v_star": ("teacher",),
    }
    assert dict(ds.sizes) == {"alpha": TIMES, "student": K, "student_": K, "teacher": M, "teacher_": M}
    assert list(ds.coords) == ["alpha"]
    assert all(ds[name].dtype == np.float64 for name in ds.variables)


def test_dimensions_of_a_simulation() -> None:
    ds = sgd()
    tails = {"eg": (), "Q": ("student", "student_"), "R": ("student", "teacher"), "v": ("student",)}
    for name, tail in tails.items():
        assert ds[name].dims == ("replica", "alpha", *tail)
        assert ds[f"{name}_mean"].dims == ds[f"{name}_sem"].dims == ("alpha", *tail)
    assert ds["T"].dims == ("teacher", "teacher_")
    assert ds.sizes["replica"] == 3
    expected = {*tails, *(f"{name}_{kind}" for name in tails for kind in ("mean", "sem", "start")), "T", "v_star"}
    assert set(ds.data_vars) == expected - {"eg_start"}


def test_readouts_have_times_also_where_they_are_constant() -> None:
    ds = fixed_layer()
    np.testing.assert_array_equal(ds.v, np.tile(STATE.v, (TIMES, 1)))


@pytest.mark.parametrize("make", [ode, sgd])
def test_times_and_static_variables_are_those_given(make) -> None:
    ds = make()
    np.testing.assert_array_equal(ds.alpha, ALPHA)
    for name in ("T", "v_star"):
        np.testing.assert_array_equal(ds[name], getattr(STATE, name))
    for name in ("Q", "R", "v"):
        np.testing.assert_array_equal(ds[f"{name}_start"], getattr(STATE, name))
        first = ds[name].isel(alpha=0).values
        np.testing.assert_allclose(first, np.broadcast_to(getattr(STATE, name), first.shape), atol=1e-14)


@pytest.mark.parametrize(
    ("make", "view", "own"),
    [
        (ode, "ode", {"method": "dop853", "rtol": 1e-6, "atol": 1e-9}),
        (sgd, "chain", {"dim": N, "replicas": 3, "seed": 11}),
    ],
)
def test_attributes_hold_every_parameter(make, view, own) -> None:
    ds = make()
    assert ds.attrs["tutelage_version"] == tl.__version__
    assert "lr/sqrt(N)" in ds.attrs["scalings"]
    assert "alpha = steps/N" in ds.attrs["scalings"]
    assert {name: ds.attrs[name] for name in own} == own
    assert ds.attrs["view"] == view
    settings = json.loads(ds.attrs["settings"])
    assert settings["alpha"] == ALPHA
    assert settings["rule"] == {
        "activation": "erf",
        "teacher_activation": "relu",
        "lr": 0.4,
        "lr_readout": 0.1,
        "train": "both",
        "noise": 0.3,
        "weight_decay": 0.05,
        "batch": 2,
        "terms": "full",
        "constraint": None,
    }


@ALL
def test_the_error_is_that_of_the_stored_state(make) -> None:
    ds = make()
    names = json.loads(ds.attrs["settings"])["rule"]
    for one in [ds] if "replica" not in ds.dims else [ds.isel(replica=i) for i in range(ds.sizes["replica"])]:
        for t in range(ds.sizes["alpha"]):
            Q, R, v = (one[name].values[t] for name in ("Q", "R", "v"))
            here = tl.Overlaps(Q, R, STATE.T, v, STATE.v_star)
            expected = here.generalisation_error(names["activation"], names["teacher_activation"])
            assert float(one.eg[t]) == pytest.approx(expected, rel=1e-9)


# ------------------------------------------------------------------------------------------------------------ on disk


@ALL
def test_a_file_holds_everything(make, tmp_path) -> None:
    ds = make()
    path = tl.save(ds, tmp_path / "run.nc")
    assert path == tmp_path / "run.nc"
    back = tl.load(path)
    assert identical(back, ds)
    assert back["Q"].attrs == ds["Q"].attrs == {"long_name": "student-student overlap"}
    path.unlink()  # the file is closed, and nothing is read later
    assert identical(back, ds)


def test_a_file_is_replaced_in_one_move(tmp_path, monkeypatch) -> None:
    path = tl.save(ode(), str(tmp_path / "run.nc"))
    before = path.read_bytes()

    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", broken)
        with pytest.raises(KeyboardInterrupt):
            tl.save(sgd(), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["run.nc"]
    tl.save(sgd(), path)
    assert identical(tl.load(path), sgd())


def test_many_times_and_large_seeds_fit_into_a_file(tmp_path) -> None:
    ds = tl.solve(RULE, STATE, np.linspace(0, 1, 20_001))
    assert identical(tl.load(tl.save(ds, tmp_path / "ode.nc")), ds)
    sim = sgd(seed=2**100)
    back = tl.load(tl.save(sim, tmp_path / "sim.nc"))
    assert identical(back, sim)
    assert identical(tl.rerun(back), sim)


def test_what_was_interrupted_or_diverged_can_be_stored(tmp_path) -> None:
    with pytest.raises(tl.DivergenceError) as caught:
        tl.simulate(tl.OnlineSGD("linear", lr=10), STATE, [0, 0.5, 1000], dim=N, replicas=2)
    ds = caught.value.dataset
    assert identical(tl.load(tl.save(ds, tmp_path / "run.nc")), ds)


# ----------------------------------------------------------------------------------------------------- once more


@ALL
def test_a_run_is_repeated_from_its_file_bit_for_bit(make, tmp_path) -> None:
    ds = make()
    assert identical(tl.rerun(tl.load(tl.save(ds, tmp_path / "run.nc"))), ds)


def reloaded(make: Callable[..., xr.Dataset], folder: Path, **arguments: Any) -> xr.Dataset:
    return tl.load(tl.save(make(**arguments), folder / "run.nc"))


def test_a_run_is_repeated_with_changes(tmp_path) -> None:
    theory, simulation = reloaded(ode, tmp_path), reloaded(sgd, tmp_path)
    assert identical(tl.rerun(theory, alpha=[0, 3], rtol=1e-9), ode(alpha=[0, 3], rtol=1e-9))
    assert identical(tl.rerun(theory, method="lsoda"), ode(method="lsoda"))
    assert identical(tl.rerun(simulation, replicas=2, seed=5), sgd(replicas=2, seed=5))
    assert identical(tl.rerun(simulation, dim=50, alpha=1), sgd(dim=50, alpha=1))
    other, begin = tl.OnlineSGD("linear"), tl.Overlaps([[1.0]], [[0.2]], [[1.0]])
    assert identical(tl.rerun(theory, rule=other), tl.solve(other, STATE, ALPHA, rtol=1e-6, atol=1e-9))
    again = tl.rerun(simulation, state=begin, rule=other)
    assert identical(again, tl.simulate(other, begin, ALPHA, dim=N, replicas=3, seed=11))


@pytest.mark.parametrize("held_out", [None, 0.5, "gaussian", "array"])
def test_what_a_file_cannot_hold_is_given_again(held_out, tmp_path) -> None:
    test = ROWS[:7] if held_out == "array" else held_out
    ds = reloaded(sgd, tmp_path, inputs=ROWS, held_out=test)
    changes = {"held_out": test} if held_out == "array" else {}  # the others are in the file
    assert identical(tl.rerun(ds, inputs=ROWS, **changes), ds)


def test_streams_and_own_weights_are_given_again(tmp_path) -> None:
    def rows(replica: int) -> Any:
        return iter(np.random.default_rng(replica).standard_normal((1000, N)))

    ds = reloaded(sgd, tmp_path, inputs=rows, held_out="gaussian")
    assert identical(tl.rerun(ds, inputs=rows), ds)
    W, W_star = ROWS[:3], ROWS[3:5]
    state = tl.Overlaps.from_weights(W, W_star)
    own = tl.simulate(RULE, state, ALPHA, dim=N, weights=(W, W_star))
    assert identical(tl.rerun(own, weights=(W, W_star)), own)


# ----------------------------------------------------------------------------------------------------------- states


@pytest.mark.parametrize(("alpha", "nearest"), [(0, 0), (0.04, 0), (0.06, 1), (0.1, 1), (4.1, 2), (4.2, 3), (1e9, 3)])
def test_state_at_the_nearest_time(alpha, nearest) -> None:
    ds = ode()
    state = tl.state_at(ds, alpha)
    for name in ("Q", "R", "v"):
        np.testing.assert_array_equal(getattr(state, name), ds[name].values[nearest])
    for name in ("T", "v_star"):
        np.testing.assert_array_equal(getattr(state, name), getattr(STATE, name))


def test_state_of_a_simulation_is_the_mean() -> None:
    ds = sgd()
    state = tl.state_at(ds, 7)
    for name in ("Q", "R", "v"):
        np.testing.assert_allclose(getattr(state, name), ds[name].values[:, 3].mean(0), rtol=1e-14)


def test_a_run_goes_on_from_a_stored_state() -> None:
    whole, first = ode(alpha=[1, 3], rtol=1e-10), ode(alpha=1, rtol=1e-10)
    second = tl.solve(RULE, tl.state_at(first, 1), 2, rtol=1e-10)
    np.testing.assert_allclose(second.Q[-1], whole.Q[-1], rtol=1e-7)
