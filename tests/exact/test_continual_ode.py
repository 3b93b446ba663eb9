"""The ODE of continual learning: limits that are known, where phases end, and what is refused."""

import numpy as np
import pytest

import tutelage as tl
from tutelage.continual import Consolidation, MultiTask, Phase, Restart, solve, teachers, two_teachers

RULE = tl.OnlineSGD(lr=1.0, train="both")
PAIR = two_teachers(dim=400)
START = MultiTask.random(2, PAIR, 0.3, 0.3, seed=1)


def same(one, other, **tolerance):
    for name in ("eg", "Q", "R", "heads"):
        np.testing.assert_allclose(one[name], other[name], **({"rtol": 1e-12, "atol": 1e-14} | tolerance))


FIRST = Phase(0, 10)


def both(then, alpha=(0, 5, 10, 15, 30), first=FIRST, rule=RULE, start=START):
    return solve(rule, start, [first, then], alpha=alpha)


# ------------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("train", ["first", "both"])
def test_one_task_alone_is_the_online_ode(train):
    here = MultiTask.random(3, teachers([PAIR.weights], [[1.0, -0.5]]), 0.5, 0.7, seed=3)
    rule = tl.OnlineSGD(lr=0.8, noise=0.2, train=train, weight_decay=0.01)
    times = np.geomspace(0.1, 100, 20)
    mine, online = solve(rule, here, Phase(0, 100), alpha=times), tl.solve(rule, here.overlaps(0), times)
    for name in ("Q", "R"):
        np.testing.assert_allclose(mine[name], online[name], atol=1e-7)
    np.testing.assert_allclose(mine.heads[:, 0], online.v, atol=1e-7)
    np.testing.assert_allclose(mine.eg[:, 0], online.eg, atol=1e-8)


@pytest.mark.parametrize("kind", ["node", "quadratic", "fisher", "empirical"])
def test_consolidation_of_no_strength_is_none(kind):
    same(both(Phase(1, 20, consolidate=Consolidation(0.0, kind))), both(Phase(1, 20)), atol=1e-6, rtol=1e-6)


def test_consolidation_of_great_strength_leaves_features_where_they_were():
    ds = both(Phase(1, 20, consolidate=Consolidation(1e3, "quadratic")), alpha=[10, 30])
    frozen = both(Phase(1, 20, freeze_features=True), alpha=[10, 30])
    same(ds, frozen, atol=0.01, rtol=0)
    assert np.abs(ds.heads[1, 1] - ds.heads[0, 1]).max() > 0.1


def test_interleaved_is_replayed():
    same(both(Phase(1, 20, interleave=(4, 1, 0))), both(Phase(1, 20, replay={0: 0.2})))


def test_replaying_all_is_the_other_task():
    same(both(Phase(1, 20, replay={0: 1.0})), both(Phase(0, 20)), atol=1e-9)


def test_a_frozen_head_is_one_of_rate_zero():
    same(both(Phase(1, 20, freeze_heads=True)), both(Phase(1, 20, lr_readout=0.0)))
    same(both(Phase(1, 20, freeze_features=True)), both(Phase(1, 20, freeze_units=[0, 1])))


def test_the_rules_own_settings_are_those_of_a_phase_that_says_nothing():
    loud = tl.OnlineSGD(lr=0.5, lr_readout=0.3, noise=0.2, weight_decay=0.1, train="both")
    named = {"lr": 0.5, "lr_readout": 0.3, "noise": 0.2, "weight_decay": 0.1}
    same(both(Phase(1, 20), first=Phase(0, 10), rule=loud), both(Phase(1, 20, **named), first=Phase(0, 10, **named)))


def test_two_tasks_in_one_phase_or_two_are_the_same():
    same(both(Phase(0, 20)), solve(RULE, START, Phase(0, 30), alpha=[0, 5, 10, 15, 30]), atol=1e-7, rtol=1e-6)


def test_sequences_of_three_tasks_leave_other_heads_alone():
    rng = np.random.default_rng(0)
    start = MultiTask.random(3, teachers(rng.standard_normal((3, 2, 100))), 0.3, 0.3)
    ds = solve(RULE, start, [Phase(t, 4) for t in (0, 1, 2, 0, 2)], alpha=[4, 8, 12, 16, 20])
    moved = np.abs(np.diff(np.concatenate([start.heads[None], ds.heads]), axis=0)).max(-1) > 1e-6
    np.testing.assert_array_equal(moved.argmax(1), [0, 1, 2, 0, 2])
    np.testing.assert_array_equal(moved.sum(1), 1)
    np.testing.assert_array_equal(ds.phase, range(5))
    np.testing.assert_array_equal(ds.switch, ds.alpha)


def test_a_copied_head_and_a_restart_are_there_when_the_phase_begins():
    first, tiny = Phase(0, 10), 1e-9
    ds = solve(RULE, START, [first, Phase(1, tiny, copy_head=0)], alpha=[10, 10 + tiny])
    np.testing.assert_allclose(ds.heads[1, 1], ds.heads[0, 0], atol=1e-7)
    np.testing.assert_array_equal(ds.heads[0, 1], START.heads[1])
    again = solve(RULE, START, [first, Phase(1, tiny, restart=Restart("features", 0.2, seed=1))], alpha=[10, 10 + tiny])
    np.testing.assert_allclose(again.heads[1], again.heads[0], atol=1e-7)
    assert 0.03 < float(np.trace(again.Q[1])) / 2 < 0.05 < float(np.trace(again.Q[0])) / 2
    heads = solve(RULE, START, [first, Phase(1, tiny, restart=Restart("heads", 0.2))], alpha=[10, 10 + tiny])
    np.testing.assert_allclose(heads.Q[1], heads.Q[0], atol=1e-7)
    assert np.abs(heads.heads[1] - heads.heads[0]).min() > 1e-3


def test_overlaps_of_restarts_are_those_of_weights():
    from tutelage.continual.protocol import restarted

    seeds, dim, W = 3000, 12, PAIR.weights
    here = START
    drawn = [restarted(here, Restart("features", 0.5, seed=s, dim=dim)) for s in range(seeds)]
    R, Q = np.array([each.R for each in drawn]), np.array([each.Q for each in drawn])
    expected = 0.25 * here.T / dim  # covariance of a row of R: w is normal, R = w.a / N
    np.testing.assert_allclose(np.einsum("skm,skn->mn", R, R) / (2 * seeds), expected, atol=4e-3 * 0.25)
    assert W.shape == (2, 400)
    np.testing.assert_allclose(Q.mean(0), 0.25 * np.eye(2), atol=0.01)
    np.testing.assert_allclose(Q[:, 0, 0].std() / 0.25, np.sqrt(2 / dim), rtol=0.06)
    np.testing.assert_allclose(Q[:, 0, 1].std() / 0.25, np.sqrt(1 / dim), rtol=0.06)
    for each in drawn[:100]:
        MultiTask(each.Q, each.R, each.T, each.heads, each.readouts)  # overlaps of some weights


# ------------------------------------------------------------------------------------------------- times


def test_a_phase_ends_where_the_error_is_the_threshold():
    ds = both(Phase(1, 20), first=Phase(0, 500, until=1e-3), alpha=np.linspace(1, 100, 100))
    end = float(ds.switch[0])
    assert 1 < end < 80
    at = solve(RULE, START, Phase(0, 500), alpha=[end]).eg[0, 0]
    np.testing.assert_allclose(at, 1e-3, rtol=1e-5)
    assert float(ds.switch[1]) == pytest.approx(end + 20)
    assert ds.alpha.values.tolist() == list(range(1, 101))
    np.testing.assert_array_equal(np.isnan(ds.eg[:, 0]), ds.alpha > end + 20)
    np.testing.assert_array_equal(ds.phase, ds.alpha > end)
    before = ds.eg[:, 0].values[ds.phase == 0]
    assert (before > 1e-3).all()
    there = ds.dropna("alpha", subset=["eg"])
    whole = solve(RULE, START, [Phase(0, end), Phase(1, 20)], alpha=there.alpha.values)
    same(there, whole, atol=1e-6, rtol=1e-5)


def test_a_phase_whose_threshold_is_reached_before_it_begins_is_none():
    ds = both(Phase(1, 20), first=Phase(0, 10, until=10.0), alpha=[0, 5, 20])
    assert ds.switch.values.tolist() == [0.0, 20.0]
    same(ds, solve(RULE, START, Phase(1, 20), alpha=[0, 5, 20]))
    assert ds.phase.values.tolist() == [0, 1, 1]


def test_a_threshold_that_is_not_reached_is_none():
    same(both(Phase(1, 20, until=1e-9)), both(Phase(1, 20)), atol=1e-7, rtol=1e-6)


def test_asked_times_may_end_before_the_phases_do():
    short, long = both(Phase(1, 20), alpha=[0, 5, 11]), both(Phase(1, 20), alpha=[0, 5, 11, 30])
    same(short, long.isel(alpha=slice(3)), atol=1e-8, rtol=1e-7)
    assert short.alpha.values.tolist() == [0, 5, 11]
    assert both(Phase(1, 20), alpha=[0, 5]).alpha.values.tolist() == [0, 5]


def test_what_comes_after_the_last_asked_time_is_not_computed():
    rule = tl.OnlineSGD("linear", lr=1.0)
    ds = both(Phase(1, 1e6, lr=8.0), rule=rule, alpha=[0, 5, 10, 10.01])  # it diverges later
    assert np.isfinite(ds.eg).all()
    assert ds.alpha.values[-1] == 10.01
    assert ds.switch.values.tolist() == [10.0]


def test_default_times_show_every_phase():
    ds = solve(RULE, START, [Phase(0, 10), Phase(1, 20)])
    assert ds.sizes == {"alpha": 161, "task": 2, "student": 2, "student_": 2, "teacher": 2, "head": 2,
                        "teacher_": 2, "phase_end": 2}  # fmt: skip
    assert ds.alpha.values[[0, 80, 160]].tolist() == pytest.approx([0, 10, 30])
    assert (ds.phase == 0).sum() == 81
    for phase, length in enumerate((10, 20)):  # early times, and none so far apart that a line through them has corners
        times = ds.alpha.values[ds.phase.values == phase]
        assert np.diff(times).max() <= length / 40 * (1 + 1e-9)
        assert (times > (10 * phase)).sum() - (times > 10 * phase + 0.01 * length).sum() >= 10


def test_times_beyond_all_phases_are_refused():
    with pytest.raises(tl.ArgumentError, match="Argument `alpha` must end with the phases at the latest, at 30"):
        both(Phase(1, 20), alpha=[0, 31])


def test_a_run_that_diverges_keeps_what_came_before():
    rule = tl.OnlineSGD("linear", lr=1.0, train="first")
    with pytest.raises(tl.DivergenceError) as caught:
        both(Phase(1, 100, lr=8.0), rule=rule, alpha=[0, 5, 10, 110])
    assert 10 < caught.value.alpha < 110
    assert caught.value.dataset.alpha.values.tolist() == [0, 5, 10]


def test_the_dataset_survives_the_disk(tmp_path):
    ds = both(Phase(1, 20, consolidate=Consolidation(0.1), replay={0: 0.1}, noise=(0.1, 0.2), freeze_units=[0]))
    assert tl.load(tl.save(ds, tmp_path / "run.nc")).identical(ds)


# ----------------------------------------------------------------------------------------------- refusals

BAD = {
    "task": (Phase(2, 1.0), "phases[1]: Argument `task` must be a task of 0, ..., 1, but is 2."),
    "replay": (
        Phase(1, 1.0, replay={5: 0.1}),
        "phases[1]: Argument `task of replay` must be a task of 0, ..., 1, but is 5.",
    ),
    "noise": (Phase(1, 1.0, noise=(0.1, 0.2, 0.3)), "phases[1]: Argument `noise` must be one number, or one for each"),
    "units": (Phase(1, 1.0, freeze_units=[2]), "phases[1]: Argument `freeze_units` must be units of 0, ..., 1"),
    "anchor": (Phase(1, 1.0, consolidate=Consolidation(1.0, anchor=1)), "phases[1]: Argument `anchor` must be an earl"),
    "own": (Phase(1, 1.0, consolidate=Consolidation(1.0, (1.0,))), "phases[1]: Argument `importance` must be one numb"),
    "held": (
        Phase(1, 1.0, consolidate=Consolidation(1.0, task=3)),
        "phases[1]: Argument `task of consolidate` must be a task",
    ),
    "copied": (Phase(1, 1.0, copy_head=2), "phases[1]: Argument `copy_head` must be a task of 0, ..., 1, but is 2."),
    "interleaved": (
        Phase(1, 1.0, interleave=(1, 1, 4)),
        "phases[1]: Argument `interleave[2]` must be a task of 0, ...",
    ),
}


@pytest.mark.parametrize(("phase", "says"), BAD.values(), ids=BAD)
def test_phases_that_cannot_be_are_named(phase, says):
    with pytest.raises(tl.ArgumentError) as caught:
        both(phase, alpha=None)
    assert str(caught.value).startswith(says)


def test_a_shared_head_cannot_be_copied():
    shared = MultiTask.random(2, PAIR, 0.3, 0.3, single_head=True)
    says = r"phases\[1\]: Argument `copy_head` must be None where all tasks share one head \(a head for each: single"
    for run in (tl.continual.solve, lambda *all, **more: tl.continual.simulate(*all, **more, dim=400)):
        with pytest.raises(tl.ArgumentError, match=says):
            run(RULE, shared, [FIRST, Phase(1, 1.0, copy_head=0)], progress=False)


PHASE = [
    ("task", -1), ("task", 0.5), ("alpha", 0.0), ("alpha", np.inf), ("lr", -1.0), ("lr_readout", -1.0),
    ("weight_decay", -0.1), ("until", -1.0), ("input_noise", -1.0), ("consolidate", 3.0), ("consolidate", "node"),
    ("restart", "all"), ("replay", {1: 0.1}), ("replay", [0.1]), ("interleave", (1, 2)), ("interleave", 3),
    ("noise", -0.1), ("noise", (0.1, -0.2)), ("noise", "loud"), ("freeze_units", [-1]), ("freeze_units", [0.5]),
    ("task of replay", {"first": 0.1}), ("replay", 0.1), ("interleave", "9:1"), ("freeze_units", "first"),
    ("freeze_features", "no"), ("freeze_heads", [0]), ("copy_head", True), ("copy_head", 0.5), ("copy_head", "first"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), PHASE)
def test_settings_of_phases_are_checked(name, value):
    with pytest.raises(tl.ArgumentError, match=f"Argument `{name}"):
        Phase(**{"task": 1, "alpha": 1.0} | {name.removeprefix("task of "): value})


def test_settings_may_be_numpys():
    mine = Phase(np.int64(1), np.float64(20), noise=np.array([0.1, 0.2]), freeze_units=np.array([1]),
                 interleave=np.array([3, 1, 0]), consolidate=Consolidation(1.0, np.array([1.0, 2.0])))  # fmt: skip
    plain = Phase(
        1, 20.0, noise=(0.1, 0.2), freeze_units=[1], interleave=(3, 1, 0), consolidate=Consolidation(1.0, (1, 2))
    )
    assert mine == plain
    assert both(mine).identical(both(plain))
    assert Phase(1, 1.0, freeze_units=1).freeze_units == (1,)
    assert Phase(1, 1.0, freeze_heads=np.True_) == Phase(1, 1.0, freeze_heads=True)
    assert Phase(1, 1.0, consolidate=None, freeze_units=None) == Phase(1, 1.0)


def test_shares_of_replay_are_checked():
    for settings, name in (
        ({"replay": {0: 0.7, 2: 0.7}}, "replay"), ({"replay": {0: -0.1}}, r"replay\[0\]"),
        ({"interleave": (1, 0, 0)}, r"interleave\[1\]"), ({"interleave": (1, 1, 1)}, r"interleave\[2\]"),
        ({"replay": {0: 0.1}, "interleave": (1, 1, 0)}, "replay, interleave"),
    ):  # fmt: skip
        with pytest.raises(tl.ArgumentError, match=f"Argument `{name}`"):
            Phase(task=1, alpha=1.0, **settings)


REFUSED = {
    "strength": lambda: Consolidation(-1.0),
    "importance": lambda: Consolidation(1.0, "synaptic"),
    "samples": lambda: Consolidation(1.0, samples=0),
    "anchor": lambda: Consolidation(1.0, anchor="first"),
    "task": lambda: Consolidation(1.0, task=-1),
    "what": lambda: Restart("units"),
    "std": lambda: Restart(std=0.0),
    "head_std": lambda: Restart(head_std=-1.0),
    "dim": lambda: Restart(dim=0),
    "phases": lambda: solve(RULE, START, []),
    "phases[0]": lambda: solve(RULE, START, [3]),
    "restart": lambda: solve(RULE, START, Phase(0, 1.0, restart=Restart(dim=3))),
    "seed": lambda: Restart(seed=-1),
    "state": lambda: solve(RULE, START.overlaps(0), Phase(0, 1.0)),
    "rule": lambda: solve("erf", START, Phase(0, 1.0)),
    "rtol": lambda: solve(RULE, START, Phase(0, 1.0), rtol=0.0),
    "atol": lambda: solve(RULE, START, Phase(0, 1.0), atol=0.0),
    "alpha": lambda: solve(RULE, START, Phase(0, 1.0), alpha=[1.0, 0.5]),
}


@pytest.mark.parametrize(("name", "make"), REFUSED.items())
def test_what_cannot_be_is_refused(name, make):
    with pytest.raises(tl.ArgumentError) as caught:
        make()
    assert str(caught.value).startswith(f"Argument `{name}` must ")


@pytest.mark.parametrize("importance", [None, [-1.0, 1.0], [np.nan, 1.0], []])
def test_importance_that_cannot_be_is_refused(importance):
    with pytest.raises(tl.ArgumentError, match="Argument `importance` must "):
        Consolidation(1.0, importance)


def test_weights_of_fixed_length_are_refused():
    with pytest.raises(tl.ArgumentError, match="`rule` must have no constraint"):
        solve(tl.OnlineSGD(constraint="sphere"), START, Phase(0, 1.0))


def test_the_first_phase_has_nothing_to_hold_on_to():
    with pytest.raises(
        tl.ArgumentError, match=r"phases\[0\]: Argument `anchor` must be an earlier phase, but has none"
    ):
        solve(RULE, START, Phase(0, 1.0, consolidate=Consolidation(1.0)))
    with pytest.raises(tl.ArgumentError, match='`importance` must be no "weights" without weights'):
        both(Phase(1, 1.0, consolidate=Consolidation(1.0, "weights")), alpha=None)
