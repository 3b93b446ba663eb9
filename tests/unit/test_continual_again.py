"""Datasets of several tasks: made again from the file alone, with snapshots, and kept when interrupted."""

from __future__ import annotations

import numpy as np
import pytest

import tutelage as tl
from tutelage.continual import (
    Consolidation,
    MultiTask,
    Phase,
    Restart,
    data_mixing,
    displacement,
    importance,
    ode,
    optimal_protocol,
    simulate,
    solve,
    teachers,
    two_teachers,
)
from tutelage.continual.engines import Chain
from tutelage.continual.phased import Setup
from tutelage.continual.phases import resolve

RULE = tl.OnlineSGD("erf", lr=1.0, train="both", noise=0.1)
TEACHERS = two_teachers(1, 0.5, dim=100, seed=1)
START = MultiTask.random(2, TEACHERS, 0.3, seed=1)
PHASES = [
    Phase(0, 2.0, noise=(0.1, 0.2), until=1e-3),
    Phase(1, 2.0, replay={0: 0.1}, consolidate=Consolidation(0.5, (1.0, 2.0)), copy_head=0),
    Phase(0, 2.0, interleave=(3, 1, 1), restart=Restart("features", 0.1), consolidate=Consolidation(1.0, "fisher")),
]  # fmt: skip
TIMES = [0.0, 1.0, 2.0, 3.0, 6.0]
MADE = {
    "ode": lambda: solve(RULE, START, PHASES, TIMES, rtol=1e-6, snapshots=True),
    "chain": lambda: simulate(RULE, START, PHASES, TIMES, dim=50, replicas=2, seed=3, snapshots=True),
    "weights": lambda: simulate(RULE, START, PHASES, TIMES, dim=50, replicas=2, seed=3, engine="weights"),
    "images": lambda: data_mixing([0.5], hidden=3, epochs=(2, 2), replicas=2, strength=10.0, classes=((3, 4), (5, 6))),
}


@pytest.mark.parametrize("name", MADE)
def test_a_file_alone_makes_the_same_numbers_again(name, tmp_path):
    ds = MADE[name]()
    assert tl.rerun(tl.load(tl.save(ds, tmp_path / "run.nc"))).identical(ds)


def test_what_is_changed_is_changed():
    ds = MADE["chain"]()
    other = simulate(RULE, START, PHASES[:1], [1.0], dim=80, replicas=1, seed=3, engine="weights")
    assert tl.rerun(
        ds, phases=PHASES[:1], alpha=[1.0], dim=80, replicas=1, engine="weights", snapshots=False
    ).identical(other)
    assert tl.rerun(MADE["images"](), replicas=1).sizes["replica"] == 1


def test_what_a_file_cannot_hold_must_be_given_again():
    W = np.linalg.qr(np.random.default_rng(0).standard_normal((100, 2)))[0].T
    state = MultiTask.from_weights(W, TEACHERS, np.ones((2, 2)))
    given = {"dim": 100, "replicas": 1, "engine": "weights", "weights": (W, TEACHERS.weights)}
    own = simulate(RULE, state, PHASES[0], [1.0], **given)
    with pytest.raises(tl.ArgumentError, match="Argument `weights` must be given again"):
        tl.rerun(own)
    assert tl.rerun(own, weights=(W, TEACHERS.weights)).identical(own)
    inputs = np.random.default_rng(0).random((40, 9)), np.repeat([0, 1, 2, 7], 10)
    images = data_mixing([0.5], inputs, classes=((0, 1), (2, 7)), hidden=2, epochs=(1, 1), replicas=1)
    with pytest.raises(tl.ArgumentError, match="Argument `data` must be given again"):
        tl.rerun(images)
    assert tl.rerun(images, data=inputs).identical(images)
    line = tl.Activation(lambda x: 2 * x, lambda x: np.full_like(x, 2.0), name="line")
    images = data_mixing([0.5], hidden=2, epochs=(1, 1), replicas=1, activation=line)
    with pytest.raises(tl.ArgumentError, match=r"Argument `activation` must be given again, .* the activation 'line'"):
        tl.rerun(images)
    assert tl.rerun(images, activation=line).identical(images)
    with pytest.raises(tl.ArgumentError, match="Argument `ds` must hold the state"):
        tl.rerun(own.drop_vars("heads_start"), weights=(W, TEACHERS.weights))


@pytest.mark.parametrize("engine", ["chain", "weights"])
def test_arrays_may_be_in_any_order_of_memory(engine):
    W, heads = np.random.default_rng(0).standard_normal((2, 100)), np.array([[1.0, 2.0], [3.0, 4.0]])
    runs = []
    for order in "CF":
        given = teachers([np.asarray(TEACHERS.weights[[t]], order=order) for t in (0, 1)])
        state = MultiTask.from_weights(np.asarray(W, order=order), given, np.asarray(heads, order=order))
        own = {"weights": (np.asarray(W, order=order), np.asarray(given.weights, order=order))}
        options = own if engine == "weights" else {}
        runs.append(simulate(RULE, state, PHASES[:2], TIMES[:4], dim=100, replicas=1, engine=engine, **options))
    np.testing.assert_allclose(runs[0].Q, runs[1].Q, rtol=1e-9)


# ---------------------------------------------------------------------------------------------- snapshots


@pytest.mark.parametrize("engine", ["chain", "weights"])
def test_displacement_in_simulations_is_that_of_theory(engine):
    start = MultiTask.random(2, two_teachers(1, 0.5, dim=1000, seed=1), 0.3, seed=1)
    phases = [Phase(0, 10.0), Phase(1, 10.0, freeze_units=[1]), Phase(0, 5.0)]
    times = [5.0, 10.0, 12.0, 20.0, 22.0, 25.0]
    theory = solve(RULE, start, phases, times, snapshots=True)
    sim = simulate(RULE, start, phases, times, dim=3000, replicas=3, engine=engine, snapshots=True)
    assert sim.S.dims == ("replica", *theory.S.dims)
    for phase in (0, 1):
        mine, other = displacement(sim, phase), displacement(theory, phase)
        assert (mine.isnull() == other.isnull()).all()
        assert abs(mine - other).max() < 0.1
    still = displacement(sim, 0).sel(alpha=[12.0, 20.0]).isel(student=1)
    assert abs(still).max() < 1e-6  # frozen: the root of a rounding error
    assert displacement(sim, 0).sel(alpha=20.0).isel(student=0).min() > 0.2


def test_snapshots_leave_real_weights_alone():
    plain, kept = (
        simulate(RULE, START, PHASES[:1] * 2, TIMES[:4], dim=60, replicas=2, engine="weights", snapshots=each)
        for each in (False, True)
    )
    assert "S" not in plain
    assert kept.Q.identical(plain.Q)


# --------------------------------------------------------------------------------------------- interruption


def test_whether_a_chain_diverges_is_seen_without_turning_its_frame(monkeypatch):
    """Else the turn is compiled among the steps whose speed tells how long a first run takes."""
    chain = Chain(Setup(RULE.resolved, START, resolve(RULE, PHASES[:2], START), frozenset([0]), 100, 0), 0)
    chain.advance(0, 350)
    largest = max(np.diagonal(chain._state().Q).max(), np.abs(chain._state().heads).max())
    monkeypatch.setattr(Chain, "_rows", None)
    assert chain.size() == pytest.approx(largest, rel=1e-12)


@pytest.mark.parametrize("after", [0, 1])
def test_what_was_solved_is_kept_whenever_it_is_interrupted(after, monkeypatch):
    """Ctrl-C while a phase is prepared, which takes long where averages are integrals."""
    prepare, entered = ode._Leg.__init__, []

    def interrupted(self, *arguments):
        entered.append(1)
        if len(entered) > after:
            raise KeyboardInterrupt
        prepare(self, *arguments)

    monkeypatch.setattr(ode._Leg, "__init__", interrupted)
    if after == 0:
        with pytest.raises(KeyboardInterrupt):  # nothing is there to keep
            solve(RULE, START, PHASES, TIMES[1:])
        return
    with pytest.warns(UserWarning, match="interrupted: 3 of 5 times"):
        ds = solve(RULE, START, PHASES, TIMES)
    assert ds.alpha.values.tolist() == TIMES[:3]
    assert np.isfinite(ds.eg).all()


# ------------------------------------------------------------------------------------------------ refusals

PHASE = Phase(0, 1.0)


def run_on(weights=None, **options):
    return lambda: simulate(RULE, START, PHASE, dim=100, engine="weights", weights=weights, **options)


REFUSED = {
    "task": [lambda: importance(RULE, START, 2), lambda: importance(RULE, START, -1), lambda: START.overlaps(2),
             lambda: START.head(-1)],
    "rule": [lambda: importance("erf", START, 0), lambda: optimal_protocol("erf", START, PHASE)],
    "state": [lambda: importance(RULE, TEACHERS, 0)],
    "single_head": [lambda: MultiTask.random(2, TEACHERS, single_head="yes")],
    "snapshots": [lambda: solve(RULE, START, PHASE, snapshots=1), run_on(snapshots="all")],
    "phases[0]": [lambda: solve(RULE, START, 3)],
    "weights": [lambda: teachers(3), lambda: teachers(None), run_on(3), run_on((np.ones((2, 100)),))],
    "readouts": [lambda: teachers([[[1.0, 0.0]]], 3)],
}  # fmt: skip


@pytest.mark.parametrize(("name", "make"), [(name, make) for name, several in REFUSED.items() for make in several])
def test_what_cannot_be_is_refused(name, make):
    with pytest.raises(tl.ArgumentError) as caught:
        make()
    assert str(caught.value).startswith(f"Argument `{name}` must ")
