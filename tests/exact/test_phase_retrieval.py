"""Exit times of phase retrieval: against linearised equations, sampling, and runs of every view."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

import tutelage as tl
from tutelage.online.diffusion import step_covariance
from tutelage.online.jacobian import jacobian
from tutelage.regimes.phase_retrieval import _diffusion, exit_time, exit_times, growth_rate, optimal_lr, width_gain


def begin(K, m):
    return tl.Overlaps(np.eye(K), np.full((K, 1), m), [[1.0]], np.full(K, 1 / K), [1.0])


def rule(lr, noise=0.0):
    return tl.OnlineSGD("square", lr=lr, noise=noise, constraint="sphere")


@pytest.mark.parametrize("K", [1, 2, 5])
@pytest.mark.parametrize(("lr", "noise"), [(0.1, 0.0), (0.05, 0.7), (0.4, 0.3)])
def test_the_growth_rate_is_that_of_the_linearised_equations(K, lr, noise):
    J = jacobian(rule(lr, noise), begin(K, 0.0))
    np.testing.assert_allclose(J[:K, :K], growth_rate(lr, K, noise) * np.eye(K), rtol=1e-9, atol=1e-12)
    assert np.abs(J[:K, K:]).max(initial=0) < 1e-12


def test_a_rate_too_large_never_leaves():
    assert growth_rate(0.2) < 0
    assert exit_time(0.2, dim=1000) == np.inf
    point = tl.fixed_point(rule(0.2), begin(1, 0.02))
    assert point.kind == "vanishing"
    assert point.stable


@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_the_annealed_time_is_that_of_the_equations(K, noise):
    N, T, lr = 10**8, 0.001, 0.05 * K
    times = np.linspace(0, 2 * exit_time(lr, N, K, noise, T, "annealed"), 4001)
    ode = tl.solve(rule(lr, noise), begin(K, 1 / np.sqrt(N)), times)
    found = exit_times(ode, T)
    assert abs(found[0] / exit_time(lr, N, K, noise, T, "annealed") - 1) < 3e-3


@pytest.mark.parametrize("K", [1, 2, 4])
def test_the_quenched_time_is_the_mean_over_random_starts(K):
    N, T, lr, rng = 500, 0.05, 0.05, np.random.default_rng(3)
    u = rng.standard_normal((8_000, K + 1, N))
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    mu = N * np.einsum("skn,sn->sk", u[:, :K], u[:, K]) ** 2
    gram = np.einsum("skn,sjn->skj", u[:, :K], u[:, :K])
    mu, tau = mu.sum(1), N * (np.einsum("skj,skj->s", gram, gram) - K)
    logs = np.log((T * K * (K + 1) * N + (2 * mu * K - tau) * (1 - T)) / (2 * mu * K))
    expected = logs.mean() / (2 * growth_rate(lr, K))
    error = logs.std() / np.sqrt(len(logs)) / (2 * growth_rate(lr, K))
    assert abs(exit_time(lr, N, K, fraction=T) - expected) < 4 * error + 0.002 * expected  # 1/N: not quite chi-square


@pytest.mark.parametrize("K", [1, 2, 5])
def test_the_noise_of_steps_about_a_random_start_is_that_of_the_diffusion(K):
    lr, sigma = 0.3, 0.4
    free = tl.OnlineSGD("square", lr=lr, noise=sigma, constraint="sphere")
    variance = step_covariance(free, begin(K, 0.0))[0, 0]
    assert variance == pytest.approx(_diffusion(lr, K, sigma), rel=0.01)


@pytest.mark.parametrize(("K", "lr", "noise"), [(1, 0.1, 0.3), pytest.param(2, 0.3, 0.5, marks=pytest.mark.slow)])
def test_runs_leave_sooner_than_their_equations_by_a_time_that_is_known(K, lr, noise):
    """Chain and equations from starts at the quantiles of their law: the mean times, within 3.5 standard errors."""
    N, T, times, starts, replicas = 1000, 0.05, np.arange(0, 70, 0.1), 20, 20
    runs, ode = np.empty((starts, replicas)), np.empty(starts)
    for i, mu in enumerate(chi2.ppf((np.arange(starts) + 0.5) / starts, K)):
        state = begin(K, np.sqrt(mu / (K * N)))
        ode[i] = exit_times(tl.solve(rule(lr, noise), state, np.arange(0, 100, 0.1)), T)[0]
        runs[i] = exit_times(tl.simulate(rule(lr, noise), state, times, dim=N, replicas=replicas, seed=i), T)
    assert np.isfinite(runs).all()
    error = np.sqrt((runs.var(1, ddof=1) / replicas).mean() / starts)
    quenched, expected = (exit_time(lr, N, K, noise, T, average) for average in ("quenched", "runs"))
    assert ode.mean() == pytest.approx(quenched, rel=0.03)
    assert quenched - expected > 5 * error
    assert abs(runs.mean() - expected) < 3.5 * error


@pytest.mark.parametrize("K", [1, 2, 10])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_the_best_rate_is_the_minimum(K, noise):
    best = minimize_scalar(lambda lr: -growth_rate(lr, K, noise), (1e-3, 0.1), tol=1e-12)
    assert abs(optimal_lr(K, noise) / best.x - 1) < 1e-6
    gain = growth_rate(best.x, K, noise) / growth_rate(optimal_lr(1, noise), 1, noise)
    assert abs(width_gain(K, noise) / gain - 1) < 1e-9
    assert abs(width_gain(None, noise) / width_gain(10**6, noise) - 1) < 1e-5


def test_chain_and_diffusion_leave_at_the_same_time():
    N, lr, noise, T, replicas = 1000, 0.1, 0.01, 0.01, 400
    times, state = np.arange(0, 101) * 0.5, begin(1, 1 / np.sqrt(N))
    found = {
        engine: exit_times(
            tl.simulate(rule(lr, noise), state, times, dim=N, replicas=replicas, seed=2, engine=engine), T
        )
        for engine in ("chain", "sde")
    }
    assert all(np.isfinite(of_runs).mean() > 0.99 for of_runs in found.values())
    means = {engine: np.nanmean(of_runs) for engine, of_runs in found.items()}
    errors = {engine: np.nanstd(of_runs) / np.sqrt(replicas) for engine, of_runs in found.items()}
    assert abs(means["chain"] - means["sde"]) < 3.5 * np.hypot(*errors.values())
    ode = exit_times(tl.solve(rule(lr, noise), state, times), T)[0]
    assert abs(means["chain"] / ode - 1) < 0.25  # runs are moved by noise before the gradient matters
    assert abs(ode / exit_time(lr, N, 1, noise, T, "annealed") - 1) < 0.03
    assert np.nanstd(found["chain"]) > 0.2 * ode


def test_arguments_are_refused():
    for call, word in (
        (lambda: exit_time(0.1, 100, fraction=1.5), "fraction"),
        (lambda: exit_time(0.1, 100, average="typical"), "average"),
        (lambda: growth_rate(-1), "lr"),
        (lambda: exit_times(np.ones(3)), "ds"),
    ):
        with pytest.raises(tl.ArgumentError, match=f"`{word}`"):
            call()
