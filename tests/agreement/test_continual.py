"""Continual learning seen three ways: the equations, the exact chain, and real weights, through a switch of tasks."""

from __future__ import annotations

import numpy as np
import pytest

import tutelage as tl
from tutelage.continual import Consolidation, MultiTask, Phase, Restart, importance, simulate, solve, two_teachers
from tutelage.errors import ArgumentError

RULE = tl.OnlineSGD("erf", lr=1.0, train="both", noise=0.1)
TIMES = [5.0, 15.0, 20.0, 25.0, 40.0]
PROTOCOLS = {
    "plain": {},
    "replay": {"replay": {0: 0.2}},
    "interleave": {"interleave": (4, 1, 0)},
    "node": {"consolidate": Consolidation(0.5)},
    "quadratic": {"consolidate": Consolidation(0.3, "quadratic")},
    "fisher": {"consolidate": Consolidation(0.5, "fisher")},
    "empirical": {"consolidate": Consolidation(5.0, "empirical")},
    "own importance": {"consolidate": Consolidation(1.0, [0.0, 0.5, 0.2])},
    "frozen unit": {"freeze_units": [0]},
    "frozen features": {"freeze_features": True},
    "frozen heads": {"freeze_heads": True},
    "decay": {"weight_decay": 0.05},
    "noises": {"noise": [0.1, 0.4], "input_noise": 0.4},
    "copied head": {"copy_head": 0, "lr": 0.5, "lr_readout": 0.2},
}


def start(dim=1000, std=0.3, units=1, students=3, single_head=False):
    teachers = two_teachers(units, 0.5, 1.0, dim=dim, seed=1)
    return MultiTask.random(students, teachers, std, seed=1, single_head=single_head)


def phases(**options):
    return [Phase(0, 20.0), Phase(1, 20.0, **options)]


def furthest(sim, ode):
    return max(float(np.abs(sim[name].mean("replica") - ode[name]).max()) for name in ("Q", "R", "heads"))


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_chain_tends_to_the_equations(name):
    state, protocol = start(), phases(**PROTOCOLS[name])
    ode = solve(RULE, state, protocol, TIMES)
    sim = simulate(RULE, state, protocol, TIMES, dim=20_000, replicas=2, seed=3, progress=False)
    assert furthest(sim, ode) < 0.03  # one run strays by a few 1/sqrt(N) = 0.007
    assert np.abs(sim.eg.mean("replica") - ode.eg).max() < 0.003
    assert sim.phase.values.tolist() == ode.phase.values.tolist() == [0, 0, 0, 1, 1]
    assert sim.switch.values.tolist() == [[20.0, 40.0]] * 2


@pytest.mark.parametrize("name", ["plain", "replay", "node", "fisher", "empirical", "frozen unit", "decay"])
def test_weights_stay_close_to_the_equations_through_the_switch(name):
    state, protocol = start(), phases(**PROTOCOLS[name])
    ode = solve(RULE, state, protocol, TIMES)
    sim = simulate(RULE, state, protocol, TIMES, dim=1000, replicas=8, engine="weights", progress=False)
    assert furthest(sim, ode) < 0.03


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"replay": {0: 0.3}, "consolidate": Consolidation(0.5), "input_noise": 0.5}, RULE),
        ({"interleave": (2, 1, 0), "freeze_units": [1], "weight_decay": 0.3, "noise": [0.2, 0.5]}, RULE),
        ({"consolidate": (Consolidation(2.0, "quadratic"),), "input_noise": 0.5},
         tl.OnlineSGD("relu", lr=0.2, lr_readout=0.1, train="both", batch=2)),
        ({"replay": {0: 0.5}, "copy_head": 0, "restart": Restart("features", std=0.5)},
         tl.OnlineSGD("tanh", teacher_activation="erf", lr=0.8, train="both", batch=5)),
    ],
)  # fmt: skip
def test_chain_and_weights_agree_in_law(options, rule):
    """At N = 12, where the equations are far: means and variances of all overlaps within their errors."""
    state = start(dim=12, std=1.0, students=2)
    protocol, replicas, times = [Phase(0, 3.0), Phase(1, 4.0, **options)], 500, [2.0, 3.0, 4.5, 7.0]
    both = [
        simulate(rule, state, protocol, times, dim=12, replicas=replicas, seed=s, engine=e, progress=False)
        for s, e in ((1, "chain"), (2, "weights"))
    ]
    for name in ("Q", "R", "heads", "eg"):
        first, second = (ds[name].values for ds in both)
        for moment in (lambda x: x, lambda x: (x - x.mean(0)) ** 2):
            one, two = moment(first), moment(second)
            error = np.sqrt((one.var(0) + two.var(0)) / replicas)
            gap = np.abs(one.mean(0) - two.mean(0))
            assert (gap <= 4.5 * error + 1e-12).all(), (name, float((gap / (error + 1e-300)).max()))


def test_three_tasks_in_turn_with_two_anchors():
    rng, N = np.random.default_rng(0), 400
    W = np.linalg.qr(rng.standard_normal((N, 3)))[0].T * np.sqrt(N)
    teachers = tl.continual.teachers([W[:1], W[1:2], 0.6 * W[:1] + 0.8 * W[2:]])
    state = MultiTask.random(3, teachers, 0.3, seed=2)
    hold = Consolidation(0.3, "quadratic", anchor=0), Consolidation(0.2, "node", anchor=1, task=1)
    protocol = [Phase(0, 10.0), Phase(1, 10.0, consolidate=hold[0]), Phase(2, 10.0, consolidate=hold), Phase(0, 5.0)]
    ode = solve(RULE, state, protocol, [10, 20, 30, 35])
    sim = simulate(RULE, state, protocol, [10, 20, 30, 35], dim=20_000, replicas=2, progress=False)
    assert ode.sizes["task"] == 3
    assert furthest(sim, ode) < 0.03
    free = solve(RULE, state, [Phase(t, 10.0) for t in range(3)], [30])
    assert float(ode.eg[2, 0]) < float(free.eg[0, 0])


def test_a_shared_head_is_one_row():
    state = start(single_head=True)
    assert state.heads.shape == (1, 3)
    ode = solve(RULE, state, phases(), TIMES)
    sim = simulate(RULE, state, phases(), TIMES, dim=20_000, replicas=2, progress=False)
    assert ode.heads.shape == (5, 1, 3)
    assert furthest(sim, ode) < 0.03


def test_phases_end_early_at_the_same_error():
    state = start()
    protocol = [Phase(0, 30.0, until=0.02), Phase(1, 10.0), Phase(0, 5.0)]
    ode = solve(RULE, state, protocol, [2, 10, 40])
    sim = simulate(RULE, state, protocol, [2, 10, 40], dim=50_000, replicas=2, progress=False)
    assert ode.alpha.values.tolist() == sim.alpha.values.tolist() == [2, 10, 40]
    assert ode.phase.values.tolist() == sim.phase.values.tolist()
    assert furthest(sim.isel(alpha=slice(2)), ode.isel(alpha=slice(2))) < 0.03
    assert np.abs(sim.switch.mean("replica") - ode.switch).max() < 0.2
    for name in ("eg", "Q", "R", "heads"):  # all has ended before 40
        assert np.isnan(sim[name][:, 2]).all()
        assert np.isnan(ode[name][2]).all()
    end = float(ode.switch[0])
    assert abs(float(solve(RULE, state, protocol, [end]).eg[0, 0]) - 0.02) < 1e-6


def test_importance_of_each_weight_averages_to_that_of_units():
    state = start()
    after = solve(RULE, state, Phase(0, 20.0), [20.0])
    there = MultiTask(after.Q[0], after.R[0], state.T, after.heads[0], state.readouts)
    omega = importance(RULE, there, 0, "empirical", noise=0.1)
    protocols = [phases(consolidate=Consolidation(3.0 / omega.max(), kind)) for kind in ("empirical", "weights")]
    unit, each = (
        simulate(RULE, state, protocol, [40.0], dim=1000, replicas=6, engine="weights", progress=False)
        for protocol in protocols
    )
    plain = simulate(RULE, state, phases(), [40.0], dim=1000, replicas=6, engine="weights", progress=False)
    gap = float(np.abs(unit.R.mean("replica") - each.R.mean("replica")).max())
    assert gap < 0.2 * float(np.abs(unit.R.mean("replica") - plain.R.mean("replica")).max())


@pytest.mark.parametrize("engine", ["chain", "weights"])
def test_replicas_are_the_same_however_many_run(engine):
    state, protocol = start(dim=100), phases(replay={0: 0.3}, restart=Restart(std=0.2))
    few, many = (
        simulate(RULE, state, protocol, [10.0, 30.0], dim=100, replicas=n, engine=engine, progress=False)
        for n in (2, 4)
    )
    for name in ("Q", "R", "heads"):
        assert np.array_equal(few[name], many[name][:2])
    assert np.array_equal(many.alpha, [10.0, 30.0])


def test_given_weights_are_where_runs_begin():
    teachers = two_teachers(dim=300)
    W = 0.3 * np.random.default_rng(0).standard_normal((2, 300))
    state = MultiTask.from_weights(W, teachers, np.zeros((2, 2)))
    sim = simulate(
        RULE, state, Phase(0, 1.0), [0.0], dim=300, replicas=1, engine="weights", weights=(W, teachers.weights),
        progress=False,
    )  # fmt: skip
    assert np.abs(sim.R[0, 0] - state.R).max() < 1e-14


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"dim": 3}, "dim"),
        ({"engine": "sde"}, "engine"),
        ({"alpha": [50.0]}, "alpha"),
        ({"alpha": [1.0, 0.5]}, "alpha"),
        ({"phases": []}, "phases"),
        ({"phases": [Phase(2, 1.0)]}, r"phases\[0\]: .*`task`"),
        ({"phases": phases(consolidate=Consolidation(1.0, "weights"))}, r"phases\[1\]"),
        ({"phases": [Phase(0, 1.0, consolidate=Consolidation(1.0))]}, r"phases\[0\]: .*`anchor`"),
        ({"weights": (np.zeros((3, 1000)), np.zeros((2, 1000)))}, "engine"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options, named):
    arguments = {"phases": phases(), "alpha": TIMES, "dim": 1000} | options
    with pytest.raises(ArgumentError, match=named):
        simulate(RULE, start(), arguments.pop("phases"), arguments.pop("alpha"), **arguments)


def test_simulations_hold_the_state_at_every_switch():
    """Replicas that switch at times of their own, none of them asked for: forgetting begins at zero nevertheless."""
    protocol = [Phase(0, 30.0, until=0.03), Phase(1, 10.0)]
    sim = simulate(RULE, start(dim=400), protocol, [1.0, 12.0, 13.0], dim=400, replicas=3, progress=False)
    assert len(set(sim.switch.values[:, 0])) == 3
    assert (sim.eg_switch.values[:, 0, 0] <= 0.03).all()
    rise = tl.continual.forgetting(sim, scale="linear")
    assert np.allclose(
        rise + sim.eg_switch.isel(phase_end=0, task=0), sim.eg.isel(task=0).sel(alpha=rise.alpha), equal_nan=True
    )
    sums = np.einsum("rkl,rk,rl->r", sim.Q_switch.values[:, 0], *[sim.heads_switch.values[:, 0, 0]] * 2)
    assert np.isfinite(sums).all()
