"""Optimal protocols: against closed forms and brute force, what they gain, and whether SGD gains it, too."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

import tutelage as tl
from tutelage.continual import MultiTask, Phase, optimal_protocol, simulate, solve, teachers, two_teachers
from tutelage.continual.equations import right_hand_side
from tutelage.continual.phases import resolve
from tutelage.continual.transcription import Course, course_of
from tutelage.continual.vector import state_of, vector_of

LINE = MultiTask(Q=[[0.0]], R=[[0.0]], T=[[1.0]], heads=[[1.0]], readouts=[[1.0]])
NOISE = 0.5
LINEAR = tl.OnlineSGD("linear", noise=NOISE)
RULE = tl.OnlineSGD(lr=1.0, train="both")
NOISY = tl.OnlineSGD(lr=0.5, noise=0.1)


@pytest.fixture(scope="module")
def trained():
    """Return a student that knows task 0 of two whose similarity is 0.5."""
    begin = MultiTask.random(2, two_teachers(feature_similarity=0.5, dim=1000), std=0.1)
    ds = solve(RULE, begin, Phase(0, 100), alpha=[100])
    return MultiTask(ds.Q[-1], ds.R[-1], begin.T, ds.heads[-1], begin.readouts)


def committee(std, dim=1000):
    """Return a soft committee of two units, drawn at random, that learns another of two orthogonal ones."""
    frame = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, 2)))[0].T * math.sqrt(dim)
    drawn = MultiTask.random(2, teachers([frame]), std=std, seed=1)
    return MultiTask(drawn.Q, drawn.R, drawn.T, np.ones((1, 2)), drawn.readouts)


# ------------------------------------------------------------------------------------ one linear unit, in closed form
# E = Q - 2 R + 1, twice the error, obeys dE/dalpha = -(2 lr - lr^2) E + lr^2 noise^2.


def linear_error(rates, lengths, noise=NOISE):
    E = 1.0
    for lr, length in zip(rates, lengths, strict=True):
        rest = lr * noise**2 / (2 - lr)
        E = rest + (E - rest) * np.exp(-(2 * lr - lr**2) * length)
    return E / 2


def test_gradient_is_that_of_the_closed_form_by_complex_step():
    rates, lengths = np.array([0.6, 0.3, 0.2]), [2.0, 3.0, 5.0]
    course = course_of(LINEAR, LINE, Phase(0, 10), lengths, "lr", None, None, None)
    value, gradient = course.value_and_gradient(np.log(rates))
    assert value == pytest.approx(math.log(linear_error(rates, lengths)), abs=1e-8)
    exact = []
    for p in range(3):
        shifted = rates * np.exp(1e-30j * np.eye(3)[p])
        exact.append(np.log(linear_error(shifted, lengths)).imag / 1e-30)
    np.testing.assert_allclose(gradient, exact, rtol=1e-5, atol=1e-7)


def test_gradient_at_bounds_looks_inwards():
    limits = {"lr": (0.2, 0.6)}
    course = course_of(LINEAR, LINE, Phase(0, 10), [2.0, 3.0, 5.0], "lr", None, None, limits)
    free = replace(course, low=np.array([0.1]), high=np.array([1.0]))
    x = np.log([0.6, 0.3, 0.2])
    np.testing.assert_allclose(course.value_and_gradient(x)[1], free.value_and_gradient(x)[1], rtol=1e-5, atol=1e-7)


def test_two_pieces_are_those_of_brute_force_whatever_the_seed():
    grid = np.linspace(0.05, 1.0, 951)
    table = linear_error(np.meshgrid(grid, grid, indexing="ij"), [4.0, 4.0])
    i, j = np.unravel_index(table.argmin(), table.shape)
    for seed in (0, 7):
        best = optimal_protocol(LINEAR, LINE, Phase(0, 8), 2, seed=seed)
        assert best.error == pytest.approx(table.min(), rel=1e-5)
        np.testing.assert_allclose(best.controls["lr"], [grid[i], grid[j]], atol=1.5e-3)
        np.testing.assert_allclose(best.found, best.error, rtol=1e-7)
        assert best.constant_error == pytest.approx(table.diagonal().min(), rel=1e-5)


def test_many_pieces_come_close_to_the_optimal_schedule_in_continuous_time():
    # lr = E / (E + noise^2) at each time, so that log(E0 / E) + noise^2 (1 / E - 1 / E0) = alpha
    best = optimal_protocol(LINEAR, LINE, Phase(0, 40), np.geomspace(1, 5, 12), starts=1)
    E = 2 * best.error
    used = math.log(1 / E) + NOISE**2 * (1 / E - 1)
    assert 39 < used < 40
    assert (np.diff(best.controls["lr"]) < 0).all()
    assert best.factor > 1.5


def test_nothing_is_won_where_one_rate_is_best_at_all_times():
    best = optimal_protocol(tl.OnlineSGD("linear"), LINE, Phase(0, 3), 3, starts=2)
    np.testing.assert_allclose(best.controls["lr"], 1, atol=1e-3)
    assert best.factor == pytest.approx(1, abs=1e-5)


# ----------------------------------------------------------------------------------------------- the course as a whole


def test_gradient_is_that_of_the_numpy_equations(trained):
    phase, lengths = Phase(1, 1.0), np.array([0.4, 0.6])
    course = course_of(RULE, trained, phase, lengths, ("lr", "replay"), None, [0, 1], None)
    x = np.array([math.log(1.3), math.log(0.8), 0.3, 0.6])

    def plain(x):
        state = trained
        for each in resolve(RULE, course.phases(x), trained):

            def velocity(_, y, each=each):
                v = right_hand_side(RULE, each, state_of(y, trained))
                return np.concatenate([v.R.ravel(), v.Q.ravel(), v.heads.ravel()])

            found = solve_ivp(velocity, (0, each.phase.alpha), vector_of(state), "DOP853", rtol=1e-10, atol=1e-12)
            state = state_of(found.y[:, -1], trained)
        return math.log(state.errors("erf").mean())

    value, gradient = course.value_and_gradient(x)
    assert value == pytest.approx(plain(x), abs=1e-8)
    for i, h in enumerate(1e-3 * np.eye(4)):
        assert gradient[i] == pytest.approx((plain(x + h) - plain(x - h)) / 2e-3, rel=1e-5, abs=1e-6)


def test_what_is_done_once_is_done_in_the_first_piece(trained):
    phase = Phase(1, 4, copy_head=0, freeze_units=[0], lr_readout=0.3)
    course = course_of(RULE, trained, phase, [1, 3], "lr", None, None, None)
    several = course.phases(np.log([0.5, 0.7]))
    assert [each.copy_head for each in several] == [0, None]
    assert [(each.alpha, each.freeze_units, each.lr_readout) for each in several] == [(1, (0,), 0.3), (3, (0,), 0.3)]
    ds = solve(RULE, trained, several, alpha=[4])
    np.testing.assert_allclose(course.errors(np.log([0.5, 0.7])), ds.eg[-1], rtol=1e-6)


def test_rates_that_diverge_are_no_hindrance():
    best = optimal_protocol(LINEAR, LINE, Phase(0, 300), 2, bounds={"lr": (0.01, 20.0)}, starts=2)
    assert (best.controls["lr"] < 1).all()
    with pytest.raises(tl.ArgumentError, match="`bounds` must contain a learning rate that converges"):
        optimal_protocol(LINEAR, LINE, Phase(0, 300), 2, bounds={"lr": (10.0, 20.0)}, starts=1)


# --------------------------------------------------------------------------------------------------- what is to be won


def final(rule, state, phases, goal):
    return float(solve(rule, state, phases, alpha=[sum(each.alpha for each in phases)]).eg[-1, goal].mean())


def chain_agrees(rule, state, best, dim, replicas, sigmas):
    """Assert that the mean final errors of the chain differ as theory has it, by so many standard errors."""
    simulate(rule, state, best.phases, [0.001], dim=1000, replicas=1)  # compiles
    errors = []
    for phases, theory in ((best.phases, best.error), (best.constant_phases, best.constant_error)):
        sim = simulate(rule, state, phases, [best.times[-1]], dim=dim, replicas=replicas)
        each = sim.eg.values[:, -1][:, list(best.goal)].mean(1)
        errors.append((each.mean(), each.std(ddof=1) / math.sqrt(replicas)))
        assert each.mean() == pytest.approx(theory, rel=0.05)
    (ours, a), (theirs, b) = errors
    assert theirs - ours > sigmas * math.hypot(a, b)
    return theirs / ours


def test_replay_begins_late_and_beats_the_best_constant_share(trained):
    best = optimal_protocol(RULE, trained, Phase(1, 20), 10, "replay", starts=2)
    share = best.controls["replay"]
    assert (share[:3] == 0).all()  # the new task first
    assert (abs(share[5:] - 0.5) < 0.1).all()  # then both
    assert 1.45 < best.factor < 1.6
    np.testing.assert_allclose(best.found, best.error, rtol=1e-4)
    assert final(RULE, trained, best.phases, [0, 1]) == pytest.approx(best.error, rel=1e-6)
    constant = minimize_scalar(
        lambda s: final(RULE, trained, [Phase(1, 20, replay={0: s})], [0, 1]), bounds=(0, 1), options={"xatol": 1e-6}
    )
    assert best.constant["replay"] == pytest.approx(constant.x, abs=1e-3)
    assert best.constant_error == pytest.approx(constant.fun, rel=1e-6)
    assert 1.4 < chain_agrees(RULE, trained, best, 10**5, 3, 20) < 1.65


def test_rate_and_replay_together_beat_each_alone(trained):
    both = optimal_protocol(RULE, trained, Phase(1, 20), 5, ("lr", "replay"), starts=1)
    alone = optimal_protocol(RULE, trained, Phase(1, 20), 5, "replay", starts=1)
    assert both.error < 0.5 * alone.error
    assert both.constant_error < 0.5 * alone.constant_error
    assert both.factor > 1.3


def test_noisy_labels_want_a_rate_that_falls_late():
    state = committee(0.5, dim=20)
    best = optimal_protocol(NOISY, state, Phase(0, 30), 8, starts=2)
    rates = best.controls["lr"]
    assert (rates[1:5] > 1.5).all()  # the plateau is left fast
    assert (np.diff(rates[4:]) < 0).all()  # and noise averaged out
    assert rates[-1] < 0.5
    assert 1.9 < best.factor < 2.1
    np.testing.assert_allclose(best.found, best.error, rtol=1e-4)
    assert chain_agrees(NOISY, state, best, 10**5, 2, 10) > 1.8


@pytest.mark.slow
def test_what_is_won_is_won_at_a_million_dimensions(trained):
    best = optimal_protocol(RULE, trained, Phase(1, 20), 10, "replay")
    assert 1.45 < chain_agrees(RULE, trained, best, 10**6, 4, 50) < 1.6
    best = optimal_protocol(RULE, trained, Phase(1, 20), 10, ("lr", "replay"))
    assert 1.8 < chain_agrees(RULE, trained, best, 10**6, 4, 50) < 2.0
    state = committee(0.5, dim=20)
    best = optimal_protocol(NOISY, state, Phase(0, 30), 10)
    assert chain_agrees(NOISY, state, best, 10**6, 4, 20) > 1.8


@pytest.mark.slow
def test_the_longer_the_time_the_more_is_won_from_a_rate_that_falls():
    state = committee(0.3)
    short, long = (optimal_protocol(NOISY, state, Phase(0, alpha), 10) for alpha in (100, 200))
    assert 3.5 < short.factor < 4.5
    assert 9 < long.factor < 12
    assert chain_agrees(NOISY, state, short, 10**6, 2, 20) > 3.4


# ------------------------------------------------------------------------------------------------------- what is kept


def test_it_only_gets_better_and_says_how_it_was_made():
    best = optimal_protocol(LINEAR, LINE, Phase(0, 8), 2, starts=2)
    assert (np.diff(best.history) <= 0).all()
    assert best.history[-1] == pytest.approx(best.error, rel=1e-9)
    assert best.provenance == json.loads(json.dumps(best.provenance))
    made = best.provenance
    again = optimal_protocol(
        tl.OnlineSGD(**made["rule"]), MultiTask(**made["state"]), Phase(**made["phase"]), made["pieces"],
        made["control"], goal=made["goal"], bounds={k: tuple(v) for k, v in made["bounds"].items()},
        starts=made["starts"], seed=made["seed"], iterations=made["iterations"],
    )  # fmt: skip
    np.testing.assert_array_equal(again.controls["lr"], best.controls["lr"])
    assert f"factor         {best.factor:.4g}" in str(best)
    assert len(str(best).splitlines()) == 7


@pytest.mark.parametrize("calls", [1, 30, 45])
def test_an_interruption_keeps_the_best(monkeypatch, calls):
    real, made = Course._states, []

    def interrupted(self, *args):
        made.append(self)
        if len(made) == calls:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(Course, "_states", interrupted)
    if calls == 1:
        with pytest.raises(KeyboardInterrupt):
            optimal_protocol(LINEAR, LINE, Phase(0, 8), 2)
        return
    with pytest.warns(UserWarning, match="the best schedule so far is kept"):
        best = optimal_protocol(LINEAR, LINE, Phase(0, 8), 2)
    assert best.provenance["interrupted"]
    assert np.isnan(best.found).any()
    assert best.error <= best.constant_error < 0.05
    assert final(LINEAR, LINE, best.phases, [0]) == pytest.approx(best.error, rel=1e-6)


# ------------------------------------------------------------------------------------------------------------ refusals

PAIR = MultiTask(np.eye(2), np.zeros((2, 2)), np.eye(2), np.ones((2, 2)), np.eye(2))
ONE = Phase(1, 10)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"state": None}, "`state` must be of type MultiTask"),
        ({"phase": [ONE]}, "`phase` must be of type Phase"),
        ({"phase": Phase(2, 10)}, "`task` must be a task of 0, ..., 1"),
        ({"phase": Phase(1, 10, until=0.1)}, "`phase: until` must be left out"),
        ({"phase": Phase(1, 10, interleave=(1, 1, 0))}, "`phase: interleave` must be left out"),
        ({"phase": Phase(1, 10, replay={0: 0.1}), "control": "replay"}, "`phase: replay` must be left out"),
        ({"phase": Phase(1, 10, lr=0.0)}, "`bounds` must have a lowest lr > 0"),
        ({"phase": Phase(1, 10, freeze_features=True, freeze_heads=True)}, "`control` must be of something that moves"),
        ({"pieces": 0}, "`pieces` must be an integer >= 1"),
        ({"pieces": [1, 0]}, "`pieces` must be lengths > 0"),
        ({"control": "noise"}, '`control` must be one of "lr", "replay"'),
        ({"control": []}, '`control` must be "lr", "replay" or both'),
        ({"control": ("lr", "lr")}, '`control` must be "lr", "replay" or both'),
        ({"control": "replay", "replayed": 1}, "`replayed` must be another task"),
        ({"goal": 2}, "`goal` must be different tasks"),
        ({"goal": []}, "`goal` must be different tasks"),
        ({"bounds": {"replay": (0, 1)}}, '`bounds` must be one of "lr"'),
        ({"bounds": {"lr": (0, 1)}}, "`bounds` must have a lowest lr > 0"),
        ({"bounds": {"lr": (1, 1)}}, r"`bounds\['lr'\]` must increase"),
        ({"bounds": {"lr": 1}}, r"`bounds\['lr'\]` must be \(low, high\)"),
        ({"control": "replay", "bounds": {"replay": (0, 2)}}, r"`bounds\['replay'\]` must increase within 0 and 1"),
        ({"starts": 0}, "`starts` must be an integer >= 1"),
        ({"iterations": 0}, "`iterations` must be an integer >= 1"),
        ({"seed": -1}, "`seed` must be an integer >= 0"),
    ],
)
def test_refusals_name_the_argument(changes, match):
    given = {"rule": RULE, "state": PAIR, "phase": ONE} | changes
    with pytest.raises(tl.ArgumentError, match=match):
        optimal_protocol(**given)


def test_one_of_three_tasks_must_be_named():
    three = MultiTask(np.eye(2), np.zeros((2, 3)), np.eye(3), np.ones((3, 2)), np.eye(3))
    with pytest.raises(tl.ArgumentError, match="`replayed` must be given, as there are 3 tasks"):
        optimal_protocol(RULE, three, ONE, control="replay")
