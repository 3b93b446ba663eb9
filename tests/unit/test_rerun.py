"""Every dataset is made once more from its file alone, or says what must be given again."""

from __future__ import annotations

import json
from importlib import import_module

import numpy as np
import pytest
import xarray

import tutelage as tl
from tutelage.again import HOMES, PLANS
from tutelage.landscape import MLP, Merge, NormBarrier, PopulationLoss, Subspace, Sum
from tutelage.papers import catalogue

STATE = tl.Overlaps(Q=[[1.0, 0.1], [0.1, 0.8]], R=[[0.3, 0.1], [0.2, 0.5]], T=np.eye(2), v=[0.5, 1.0])
PERFECT = tl.Overlaps([[1.0]], [[1.0]], [[1.0]])
MEASURED = ("seconds",)
ONLINE = {
    "ode": lambda: tl.solve(tl.OnlineSGD("relu", lr=0.1, noise=0.2), STATE, [0, 1, 3], rtol=1e-7),
    "branch": lambda: tl.continuation(tl.OnlineSGD("erf", lr=0.5, train="both"), PERFECT, "noise", [0.0, 0.1, 0.3]),
}


def again_from_file(ds, tmp_path, passing=(), **changes):
    """Whether the file of a dataset gives the dataset, but for measured seconds and alike."""
    again = tl.rerun(tl.save(ds, tmp_path / "run.nc"), **changes)
    one, other = (each.drop_vars(passing, errors="ignore").drop_attrs(deep=False) for each in (ds, again))
    kept = [{name: value for name, value in each.attrs.items() if name not in passing} for each in (ds, again)]
    return one.identical(other) and kept[0] == kept[1]


@pytest.mark.parametrize("name", ONLINE)
def test_runs_of_one_pass_sgd(name, tmp_path):
    assert again_from_file(ONLINE[name](), tmp_path)


MEAN_FIELD = {
    "erf in few dimensions": lambda: tl.regimes.solve_mean_field(
        tl.OnlineSGD("erf", lr=1.0, train="both"),
        tl.regimes.Particles.gaussian(40, np.eye(2), dim=5, seed=1),
        [0, 10, 30],
        dim=5,
        rtol=1e-6,
    ),
    "relu from overlaps": lambda: tl.regimes.solve_mean_field(tl.OnlineSGD("relu", lr=0.1), STATE, [0, 1]),
    "square": lambda: tl.regimes.solve_mean_field(
        tl.OnlineSGD("square", lr=1.0), tl.regimes.Particles.gaussian(30, [[1.0]], dim=5), [0, 100], dim=5
    ),
}


@pytest.mark.parametrize("name", MEAN_FIELD)
def test_runs_of_mean_field(name, tmp_path):
    ds = MEAN_FIELD[name]()
    assert again_from_file(ds, tmp_path)
    assert tl.rerun(ds, alpha=[2]).sizes["alpha"] == 1


NET = MLP(2, [(3, "tanh", True), (1, "linear", False)])
RNG = np.random.default_rng(0)
X, Y, WEIGHTS = RNG.standard_normal((40, 2)), RNG.standard_normal((40, 1)), RNG.random(40)
TEACHER = MLP(2, [(2, "erf", False), (1, "linear", True)])
POPULATION = PopulationLoss(TEACHER.at(TEACHER.init(seed=3)), MLP(2, [(3, "relu", False), (1, "linear", True)]))
CLASSES = MLP(2, [(3, ["silu", "polynomial(0.0, 1.0, 0.5)", "erf"], True), (3, "softmax", True)])
OBJECTIVES = {
    "data": NET.on(X, Y),
    "weighted data": MLP(2, [(2, "g", False), (1, "softplus", True)], half=True).on(X, Y, WEIGHTS),
    "classes": CLASSES.on(X, np.arange(40) % 3),
    "population": POPULATION,
    "sum": Sum(NET.on(X, Y), NormBarrier(NET.size, 0.1), Merge(NET, 0, (0, 2), 0.3), NET.on(X[:9], Y[:9])),
    "subspace": Subspace(Sum(NET.on(X, Y)), np.ones(NET.size), RNG.standard_normal((3, NET.size))),
}


class Bowl(NormBarrier):
    """An objective of one's own."""


@pytest.mark.parametrize("name", OBJECTIVES)
def test_flows_and_descents(name, tmp_path):
    objective = OBJECTIVES[name]
    p0 = np.random.default_rng(4).standard_normal(objective.size)
    flow = tl.landscape.flow(objective, p0, [0, 0.2, 1], time_scales=2.0, rtol=1e-5, patience=50, max_seconds=60.0)
    assert flow.sizes["time"] > 1
    assert again_from_file(flow, tmp_path, MEASURED)
    descent = tl.landscape.descend(objective, p0, 30, lr=0.01, method="adam", keep=[0, 7, 30])
    assert again_from_file(descent, tmp_path, MEASURED)
    assert tl.rerun(descent, steps=10, keep=None).sizes["step"] > 3


def test_descents_in_batches(tmp_path):
    descent = tl.landscape.descend(OBJECTIVES["weighted data"], np.ones(7), 20, lr=0.01, batch=7, seed=2)
    assert again_from_file(descent, tmp_path, MEASURED)


def test_an_objective_of_the_users_own_is_given_again(tmp_path):
    own = Bowl(2, 1.0)
    made = tl.landscape.flow(own, [3.0, 1.0], [0, 1])
    with pytest.raises(tl.ArgumentError, match=r"`objective` must be given again, .* of the type Bowl, which no file"):
        tl.rerun(made)
    assert again_from_file(made, tmp_path, MEASURED, objective=own)
    net = MLP(2, [(2, tl.Activation(np.sin, np.cos, d2f=lambda x: -np.sin(x)), False), (1, "linear", False)])
    made = tl.landscape.descend(net.on(X, Y), net.init(), 3, lr=0.1)
    with pytest.raises(tl.ArgumentError, match=r"`objective` must be given again, .* a function of your own"):
        tl.rerun(made)
    assert again_from_file(made, tmp_path, MEASURED, objective=net.on(X, Y))
    with pytest.raises(tl.ArgumentError, match="`ds` must hold the objective that it was made with, but has no x"):
        tl.rerun(tl.landscape.flow(NET.on(X, Y), NET.init(), [1.0]).drop_vars("x"))


def test_searches_for_minima(tmp_path):
    objective = OBJECTIVES["sum"]
    starts = np.random.default_rng(5).standard_normal((3, objective.size))
    found = tl.minima.search(objective, starts, workers=1, iterations=60, max_seconds=1000.0, flow_time=0.0)
    assert again_from_file(found, tmp_path, MEASURED, workers=1)
    points = tl.minima.distinct(found, rtol=1e-4)
    again = tl.rerun(tl.save(points, tmp_path / "points.nc"), ltol=1e-3, starts=starts[:2], workers=1)
    other = tl.minima.distinct(found.isel(start=[0, 1]), ltol=1e-3, rtol=1e-4)
    assert again.drop_vars("seconds").identical(other.drop_vars("seconds"))


MEMORISING = {
    "three scalars": lambda: tl.complexity.memorisation(30, 0.1, 0.3, start=-0.1, lr=0.7, steps=[0, 5, 90]),
    "samples": lambda: tl.complexity.memorisation_directly(30, 0.1, 0.3, steps=9, coordinates=99, test=50, seed=3),
}


@pytest.mark.parametrize("name", MEMORISING)
def test_courses_of_memorisation(name, tmp_path):
    assert again_from_file(MEMORISING[name](), tmp_path)
    assert tl.rerun(MEMORISING[name](), steps=[3]).step.values.tolist() == [3]


def test_a_training_loop_is_the_users_own(tmp_path):
    tracker = tl.complexity.Tracker(None, np.arange(20) % 2)
    tracker(1, np.arange(20) % 2)
    for ds in (tracker.dataset(), tl.complexity.gather([tracker.dataset()] * 2)):
        with pytest.raises(tl.ArgumentError, match="run the loop again with a new `Tracker`"):
            tl.rerun(tl.save(ds, tmp_path / "tracked.nc"))


BASE = {
    "student": {"units": 1},
    "teacher": {"units": 1},
    "time": {"alpha_max": 2.0, "points": 3},
    "simulation": {"dim": 20, "replicas": 2},
}
AXES = {
    "rule.lr": [0.1, 0.2, 0.4],
    ("start.seed", "rule.noise"): [(0, 0.1), (1, 0.2)],
    "simulation.seed": {"seeds": 2, "independent": True},
}


def product(problem=None, factor=1.0, other=0.0):
    return factor * (other if problem is None else problem.rule.lr)


def whole(ds):
    """A sweep without the hash of its files."""
    return ds.assign_attrs(points="")


def test_sweeps(tmp_path):
    options = {"workers": 1, "progress": False}
    ds = whole(tl.sweep(BASE, AXES, run="simulate", keep=["eg"], **options))
    assert whole(tl.rerun(tl.save(ds, tmp_path / "sweep.nc"), **options)).identical(ds)
    part = ds.isel(lr=[0, 2], seed_noise=1, simulation_seed=slice(1, 2))
    assert tl.rerun(part, **options).drop_attrs(deep=False).identical(part.drop_attrs(deep=False))
    changed = tl.rerun(part, axes={"rule.lr": [0.3]}, keep=None, **options)
    assert whole(changed).identical(whole(tl.sweep(BASE, {"rule.lr": [0.3]}, run="simulate", **options)))
    with pytest.raises(tl.ArgumentError, match="`ds` must be a sweep, or a part of one along its axes"):
        tl.rerun(ds.stack(both=["lr", "seed_noise"]).isel(both=[0, 3]), **options)
    with pytest.raises(tl.ArgumentError, match="`ds` must hold the state that it was made from, but has no key"):
        tl.rerun(ds.drop_vars("key"), **options)


def test_sweeps_over_an_array_that_has_changed(tmp_path):
    file = tmp_path / "rows.npy"
    np.save(file, RNG.standard_normal((30, 20)))
    simulation = {"dim": 20, "replicas": 1, "inputs": str(file), "engine": "weights"}
    ds = tl.sweep(BASE | {"simulation": simulation}, {"rule.lr": [0.1]}, run="simulate", workers=1)
    assert whole(tl.rerun(ds, workers=1)).identical(whole(ds))
    np.save(file, RNG.standard_normal((30, 20)))
    with pytest.raises(tl.ArgumentError, match="`ds` must be of inputs that are what they were"):
        tl.rerun(ds, workers=1)


@pytest.mark.parametrize("base", [None, BASE])
def test_sweeps_of_a_function_of_the_users_own(base, tmp_path):
    ds = tl.sweep(base, {"factor": [1.0, 2.0]}, run=product, version="a", workers=1)
    path = tl.save(ds, tmp_path / "own.nc")
    with pytest.raises(tl.ArgumentError, match=r"`run` must be given again, as .* its name, .*:product, but was not"):
        tl.rerun(path)
    assert whole(tl.rerun(path, run=product, workers=1)).identical(whole(ds))
    again = tl.rerun(path, run=lambda *problem, factor: 3 * factor, workers=1)
    assert again.value.values.tolist() == [3.0, 6.0]


def test_boundaries(tmp_path):
    options = {"workers": 1, "points": 3, "halvings": 2}
    ds = tl.phase.trace(BASE, {"rule.lr": (0.01, 1.0, "log")}, low, **options)
    assert ds.sizes["crossing"] > 0
    path = tl.save(ds, tmp_path / "trace.nc")
    with pytest.raises(tl.ArgumentError, match="`label` must be given again"):
        tl.rerun(path)
    assert tl.rerun(path, label=low, workers=1).identical(ds)
    own = tl.phase.trace(None, {"other": (0, 2)}, run=product, **options)
    with pytest.raises(tl.ArgumentError, match="`run` must be given again"):
        tl.rerun(own)


def low(ds):
    return bool(ds.eg[-1] < 0.1)


def test_figures_of_papers(tmp_path):
    figure = catalogue()["couto2025/rank-maps"]
    label, ds = next(iter(figure.run(inputs=(1,), hidden=(1,)).datasets.items()))
    path = tl.save(ds, tmp_path / "figure.nc")
    assert tl.rerun(path).identical(ds)
    assert tl.rerun(path, hidden=(2,)).identical(figure.run(inputs=(1,), hidden=(2,)).datasets[label])
    with pytest.raises(tl.ArgumentError, match=r"be of a figure that is here, .* but is of couto2025/rank-maps"):
        tl.rerun(figure.run(inputs=np.array([1]), hidden=(1,)).datasets[label])


def test_a_branch_is_followed_elsewhere():
    rule = tl.OnlineSGD("erf", lr=0.5)
    branch = tl.continuation(rule, PERFECT, "noise", [0.0, 0.1])
    other = tl.rerun(branch, parameter="lr", values=[0.5, 0.6])
    assert other.identical(tl.continuation(rule, PERFECT, "lr", [0.5, 0.6]))


def test_every_view_has_its_works():
    for view in set(HOMES) - set(PLANS):
        assert tl.citation(xarray.Dataset(attrs={"settings": json.dumps({"view": view})})).count("@") > 1, view


def test_the_table_of_rooms_is_that_of_their_makers():
    made = {(view, home) for home in set(HOMES.values()) for view in import_module(f"tutelage.{home}").MAKERS}
    assert made == set(HOMES.items())
