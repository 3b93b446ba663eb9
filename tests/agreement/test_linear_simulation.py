"""Linear students that are trained agree with their learning curves, at finite size and in the limit."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tutelage.linear import fading, learning_curve, measure, power_law, simulate, two_scale
from tutelage.linear.finite import draw_fields
from tutelage.linear.inputs import digit_inputs, fitted

PROBLEM = two_scale(n=150, d=100, p=60, kappa=50, noise=0.3)
LR = 1 / PROBLEM.top


def test_finite_law_is_descent_with_four_thousand_teachers():
    t = [1, 10, 100]
    runs = simulate(PROBLEM, t, lr=0.9 * LR, teachers=4000, replicas=1, seed=1)
    law = learning_curve(PROBLEM, t, "finite", lr=0.9 * LR, z=draw_fields(PROBLEM, 1, 0))
    np.testing.assert_allclose(runs.R[0], law.R, rtol=0.01)
    np.testing.assert_allclose(runs.Q[0], law.Q, rtol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("n", [80, 100, 150])
def test_finite_law_is_descent_with_four_thousand_teachers_at_late_times(n):
    problem = two_scale(n=n, d=100, p=60, kappa=50, noise=0.3)
    t, lr = [1, 30, 300, 1500], 0.9 / problem.top
    runs = simulate(problem, t, lr=lr, ridge=1e-4, teachers=4000, replicas=1, seed=2)
    law = learning_curve(problem, t, "finite", lr=lr, ridge=1e-4, z=draw_fields(problem, 2, 0))
    np.testing.assert_allclose(runs.R[0], law.R, rtol=0.01)
    np.testing.assert_allclose(runs.Q[0], law.Q, rtol=0.01)


@pytest.mark.parametrize("kappa", [1, 50, 1e5])
@pytest.mark.parametrize("method", ["flow", "descent", "ridge"])
def test_limits_agree_with_draws_of_this_size(method, kappa):
    """150 draws at n = 150, d = 100, each averaged over teachers: within the effect of the size."""
    problem = two_scale(n=150, d=100, p=60, kappa=kappa, noise=0.3)
    t, lr = np.geomspace(1, 1e5, 21), 0.9 / problem.top
    theory = learning_curve(problem, t, method, lr=lr)
    draws = learning_curve(problem, t, "finite", lr=lr, dynamics=method, draws=150, seed=1)
    assert float(abs(theory.eg - draws.eg).max()) < 0.006
    assert float(abs(theory.R - draws.R).max()) < 0.003


@pytest.mark.parametrize("problem", [
    two_scale(n=700, d=1000, p=400, kappa=20, noise=0.3),
    power_law(n=500, d=400, exponent=1.2, teacher=0.5, noise=0.2),
])  # fmt: skip
def test_limits_are_reached_by_large_problems(problem):
    t = np.geomspace(1, 1e4, 9)
    for method in ("flow", "ridge"):
        theory = learning_curve(problem, t, method, lr=1 / problem.top)
        draw = learning_curve(problem, t, "finite", lr=1 / problem.top, dynamics=method, draws=2, seed=1)
        np.testing.assert_allclose(draw.eg, theory.eg, rtol=0.02)


@pytest.mark.parametrize("dynamics", ["descent", "flow", "ridge"])
@pytest.mark.parametrize("n", [60, 100, 150])
def test_trained_students_agree_with_the_finite_law(dynamics, n):
    problem = two_scale(n=n, d=100, p=60, kappa=20, noise=0.3)
    t, lr = [300, 0, 1, 10, 100], 0.7 / problem.top
    runs = simulate(problem, t, dynamics, lr=lr, ridge=0.01, replicas=60, teachers=20, seed=3)
    law = learning_curve(problem, t, "finite", lr=lr, ridge=0.01, dynamics=dynamics, draws=60, seed=3)
    for name in ("R", "Q", "eg"):
        # the same samples in both: what is left is the scatter of teachers and noise, at most that of the runs
        sem = runs[name].std("replica", ddof=1) / np.sqrt(60)
        assert (abs(runs[name].mean("replica") - law[name]) < 4 * sem + 1e-12).all(), name


def test_fading_penalty_lowers_the_peak_as_predicted():
    problem = two_scale(n=120, d=100, p=70, kappa=30)
    t, lr = np.unique(np.rint(np.geomspace(1, 1000, 20))), 1 / problem.top
    peak = {}
    for penalty in (None, fading()):
        theory = learning_curve(problem, t, "descent", lr=lr, penalty=penalty)
        law = learning_curve(problem, t, "finite", lr=lr, penalty=penalty, draws=100, seed=1)
        assert float(abs(theory.eg - law.eg).max()) < 0.012
        runs = simulate(problem, t, lr=lr, penalty=penalty, replicas=100, teachers=2, seed=1)
        assert (abs(runs.eg_mean - law.eg) < 4 * runs.eg_sem).all()
        peak[penalty is None] = float(theory.eg[t > 50].max())
    assert peak[False] < peak[True] - 0.06


def test_a_whole_curve_takes_less_than_a_second():
    t = np.geomspace(1, 1e7, 300)
    learning_curve(PROBLEM, [1.0])  # imports
    for n, kappa in ((90, 1e5), (100, 50), (150, 1)):
        begin = time.process_time()
        learning_curve(two_scale(n=n, d=100, p=60, kappa=kappa, noise=0.3), t, "flow")
        assert time.process_time() - begin < 1


def test_replicas_do_not_depend_on_their_number():
    few, many = (simulate(PROBLEM, [0, 5], lr=LR / 2, replicas=count, seed=4) for count in (3, 7))
    np.testing.assert_allclose(few.eg, many.eg[:3], rtol=1e-12)
    few, many = (learning_curve(PROBLEM, [3], "finite", lr=LR / 2, draws=count, seed=4) for count in (2, 2))
    assert few.identical(many)


def test_digits_follow_the_theory_up_to_a_tenth():
    """Whitened digits are not Gaussian, and few images for each feature show it: at the peak the error is higher."""
    z, y = digit_inputs(40)
    t = np.geomspace(0.3, 1e4, 16)
    gaps = {}
    for n in (50, 120):
        problem = two_scale(n=n, d=40, p=24, kappa=30, noise=0.1)
        lr = 1 / problem.top
        theory = learning_curve(problem, t, lr=lr)
        measured = measure(problem, z, t, lr=lr, replicas=300, seed=1)
        gaps[n] = float((measured.eg_mean / theory.eg - 1)[theory.eg > 0.1].max())
        assert float(abs(measured.eg_mean / theory.eg - 1)[theory.eg > 0.1].max()) < 0.25
        rise = measured.eg_mean.diff("t")
        assert bool((rise > 0).any()) == bool((theory.eg.diff("t") > 0).any())
        labelled = fitted(problem, z, y)
        wanted = learning_curve(labelled, t, lr=lr, test_noise=True)
        found = measure(labelled, z, t, lr=lr, y=y, replicas=100, seed=1)
        assert float(abs(found.eg_mean / wanted.eg - 1).max()) < 0.25
        assert 0.3 < labelled.noise < 0.8
    assert gaps[50] > gaps[120]
