"""Plateaus and how they are left, against integrated equations, with SciPy as the integrator, and closed forms."""

import numpy as np
import pytest
from stationary import close, settings

import baseline
import tutelage as tl
from tutelage.online.plateau import plateau

ERF_HEIGHTS = {K: K / np.pi * (np.pi / 6 - K * np.arcsin(1 / (2 * K))) for K in (2, 3)}


@pytest.fixture(scope="module", params=[2, 3])
def held(request):
    """K = M, the plateau at small lr, and independent trajectories from tiny asymmetries along its direction."""
    K, lr = request.param, 0.05
    rule = tl.OnlineSGD("erf", lr=lr)
    found = plateau(rule, tl.Overlaps(Q=np.full((K, K), 0.1) + 0.2 * np.eye(K), R=np.full((K, K), 0.2), T=np.eye(K)))
    runs = {}
    for delta in (1e-6, 1e-9):
        start = found.displaced(delta)
        times = np.linspace(0, 30 / found.exponent, 3001)
        _, R, _ = baseline.trajectory(start.Q, start.R, start.T, start.v, start.v_star, times, **settings(rule))
        runs[delta] = times, R
    return K, rule, found, runs


def asymmetry(R):
    return np.abs(R - R.mean((1, 2), keepdims=True)).max((1, 2))


def test_asymmetry_grows_with_the_exponent(held):
    _, _, found, runs = held
    times, R = runs[1e-9]
    size = asymmetry(R)
    small = (size > 1e-8) & (size < 1e-4)
    rate = np.polyfit(times[small], np.log(size[small]), 1)[0]
    assert rate == close(found.exponent, 1e-4)  # measured: 6e-6


def test_plateau_length_is_logarithmic_in_the_asymmetry(held):
    _, _, found, runs = held
    ends = []
    for times, R in runs.values():
        rising = slice(int(asymmetry(R).argmax()))
        ends.append(np.interp(0.1, asymmetry(R)[rising], times[rising]))
    assert ends[1] - ends[0] == close(found.duration(1e-9) - found.duration(1e-6), 1e-4)


def test_plateau_height_is_the_flat_part(held):
    K, rule, found, _ = held
    # shorter units, and an asymmetry of 1e-9: the lengths relax within 1/lr, then the error stays
    start = tl.Overlaps(0.64 * found.state.Q, 0.8 * found.state.R + 1e-9 * np.eye(K), np.eye(K))
    run = tl.solve(rule, start, np.linspace(0, 4000, 4001))
    flattest = int(np.abs(np.gradient(run.eg.values)).argmin())
    assert float(run.eg[0]) > 1.5 * found.eg
    assert float(run.eg[flattest]) == close(found.eg, 1e-4)
    assert found.unstable == (K - 1) ** 2


@pytest.mark.parametrize("K", [2, 3])
def test_plateau_height_at_small_lr_is_the_closed_form(K):
    start = tl.Overlaps(Q=np.eye(K), R=np.full((K, K), 0.1), T=np.eye(K))
    heights = [plateau(tl.OnlineSGD("erf", lr=lr), start).eg for lr in (1e-3, 2e-3)]
    assert 2 * heights[0] - heights[1] == close(ERF_HEIGHTS[K], 1e-5)  # next order: lr^2


def test_plateau_of_random_start_and_its_residual():
    found = plateau(tl.OnlineSGD("erf", lr=0.1, noise=0.1), tl.Overlaps.random(3, 2, dim=1000))
    assert found.residual < 1e-15
    assert np.ptp(found.state.R) == 0
    assert found.direction.R.sum(0) == pytest.approx(0, abs=1e-10)
    assert found.direction.R[0, 0] > 0


def test_plateau_of_one_student_is_not_left():
    found = plateau(tl.OnlineSGD("erf", lr=0.1), tl.Overlaps.random(1, 2, dim=1000))
    assert found.exponent < 0
    assert found.duration(1e-3) == np.inf
