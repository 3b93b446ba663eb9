"""Learning curves of linear students: closed forms against computations that share nothing with them."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from tutelage.linear import Spectrum, decomposition, learning_curve, power_law, two_scale
from tutelage.linear.contour import contour_law
from tutelage.linear.equivalents import nu, penalty_of
from tutelage.linear.filters import Descent, Filter, Flow, Ridge, way_of
from tutelage.linear.finite import draw_fields
from tutelage.linear.optimum import critical_kappa, optimal_ridge, optimal_time
from tutelage.linear.schedule import fading

TIMES = np.geomspace(1, 1e6, 25)


def published(n, d, p, kappa, noise, lam, scale=1.0, samples=None):
    """Return R and Q of the paper's Eqs. 14-16 in 40 digits, from its a, b, c; `samples` is n where a_2 is computed."""
    with mpmath.workdps(40):
        n, d, p, kappa, noise, lam = (mpmath.mpf(x) for x in (n, d, p, kappa, noise, lam))
        sizes, scales = (p, d - p), (mpmath.mpf(scale), mpmath.mpf(scale) / kappa)
        alphas = [n / sizes[0], n / sizes[1]]
        l = [lam * d / (size * s**2) for size, s in zip(sizes, scales, strict=True)]
        a = [
            1 + 2 * l[i] / (1 - alphas[i] - l[i] + mpmath.sqrt((1 - alphas[i] - l[i]) ** 2 + 4 * l[i])) for i in (0, 1)
        ]
        R = [n / d / a[i] for i in (0, 1)]
        b = [alphas[i] / (a[i] ** 2 - alphas[i]) for i in (0, 1)]
        c = [1 + noise**2 - 2 * R[1 - i] - n / d * (2 - a[i]) / a[i] for i in (0, 1)]
        Q = [(b[0] * b[1] * c[1 - i] + b[i] * c[i]) / (1 - b[0] * b[1]) for i in (0, 1)]
        return float(R[0] + R[1]), float(Q[0] + Q[1])


def corrected(n, d, p, kappa, noise, lam):
    """Return R and twice the error in 40 digits, from the quadratic equation of each block."""
    with mpmath.workdps(40):
        n, kappa, noise, lam = (mpmath.mpf(x) for x in (n, kappa, noise, lam))
        x = []
        for size, samples, s in ((p, n, mpmath.mpf(1)), (d - p, n - p, 1 / kappa)):
            alpha, l = samples / size, lam * d / (size * s**2)
            # alpha = x + l x / (1 - x):  x^2 - (1 + alpha + l) x + alpha = 0
            half = (1 + alpha + l) / 2
            x.append(half - mpmath.sqrt(half**2 - alpha))
        gamma = (p * x[0] ** 2 + (d - p) * x[1] ** 2) / n
        R = (p * x[0] + (d - p) * x[1]) / d
        bias = (p * (1 - x[0]) ** 2 + (d - p) * (1 - x[1]) ** 2) / mpmath.mpf(d)
        return float(R), float((bias + noise**2 * gamma) / (1 - gamma))


@pytest.mark.parametrize(
    ("n", "d", "p", "kappa", "noise"), [(150, 100, 60, 50, 0.3), (110, 100, 70, 7, 0), (90, 100, 50, 3, 1)]
)
def test_fast_and_slow_are_those_of_the_paper(n, d, p, kappa, noise):
    problem = two_scale(n=n, d=d, p=p, kappa=kappa, noise=noise)
    for convention, scale in (("published", 1.0), ("released", 0.5)):
        ds = learning_curve(problem, TIMES, "fast_slow", ridge=1e-3, convention=convention)
        wanted = np.array([published(n, d, p, kappa, noise, 1e-3 + 1 / t, scale) for t in TIMES])
        np.testing.assert_allclose(ds.R, wanted[:, 0], atol=1e-12)
        np.testing.assert_allclose(ds.Q, wanted[:, 1], atol=1e-11, rtol=1e-10)
        np.testing.assert_allclose(ds.eg, (1 - 2 * wanted[:, 0] + wanted[:, 1]) / 2, atol=1e-11, rtol=1e-10)
    ds = learning_curve(problem, TIMES, "fast_slow", lr=0.3, ridge=1e-3)
    wanted = np.array([corrected(n, d, p, kappa, noise, 1e-3 + 1 / (0.3 * t)) for t in TIMES])
    np.testing.assert_allclose(ds.R, wanted[:, 0], atol=1e-12)
    np.testing.assert_allclose(ds.eg, wanted[:, 1] / 2, atol=1e-11)


@pytest.mark.parametrize(
    ("kappa", "published_gap", "corrected_gap"),
    [(1, 0.0232, 0.0057), (5, 0.0406, 0.0069), (10, 0.0464, 0.0031), (50, 0.0491, 2.2e-4), (1e3, 0.0492, 6e-7)],
)
def test_the_correction_removes_most_of_the_error_where_scales_are_apart(kappa, published_gap, corrected_gap):
    problem, t = two_scale(n=150, d=100, p=60, kappa=kappa), np.geomspace(1, 1e6, 400)
    exact = learning_curve(problem, t, "ridge").eg
    for convention, gap in (("published", published_gap), ("corrected", corrected_gap)):
        found = learning_curve(problem, t, "fast_slow", convention=convention).eg
        assert float(abs(found - exact).max()) == pytest.approx(gap, rel=0.1)


@pytest.mark.parametrize("n", [40, 99, 100, 101, 300])
def test_one_scale_is_the_known_law_of_ridge_regression(n):
    """Against the Marchenko-Pastur Stieltjes transform in closed form: bias and variance by its derivative."""
    d, noise, lam = 100, 0.4, np.geomspace(1e-4, 1e2, 20)
    ds = learning_curve(Spectrum(n, np.full(d, 1 / d), noise), 1 / lam, "ridge")
    with mpmath.workdps(30):
        c = mpmath.mpf(d) / n

        def m(a):  # of X'X d/n, entries of variance one
            return (-(1 - c + a) + mpmath.sqrt((1 - c + a) ** 2 + 4 * c * a)) / (2 * c * a)

        scaled = [mpmath.mpf(x) * d / n for x in lam]
        slope = [mpmath.diff(m, a) for a in scaled]
        wanted = [-(a**2) * s + noise**2 * c * (m(a) + a * s) for a, s in zip(scaled, slope, strict=True)]
        R = [1 - a * m(a) for a in scaled]
    np.testing.assert_allclose(ds.R, np.array(R, float), rtol=1e-10)
    np.testing.assert_allclose(2 * ds.eg, np.array(wanted, float), rtol=1e-9)


@pytest.mark.parametrize("problem", [
    two_scale(n=50, d=100, p=60, kappa=50, noise=0.3),
    two_scale(n=100, d=100, p=60, kappa=1e5, noise=0.3),
    two_scale(n=150, d=100, p=60, kappa=5),
    power_law(n=60, d=80, exponent=1.2, teacher=0.5, noise=0.1),
])  # fmt: skip
def test_contours_give_ridge_regression_without_its_closed_form(problem, monkeypatch):
    monkeypatch.setattr("tutelage.linear.contour.MARGIN", 0.3)  # the pole at minus the penalty stays outside
    t = np.geomspace(0.1, 1e5, 60)
    exact = learning_curve(problem, t, "ridge", ridge=1e-5)
    R, error = contour_law(problem, t, Ridge(1.0, 1e-5))
    np.testing.assert_allclose(R, exact.R, atol=1e-11)
    np.testing.assert_allclose(error / 2, exact.eg, atol=1e-10)


@pytest.mark.parametrize("kappa", [1, 50, 1e5])
@pytest.mark.parametrize("n", [50, 99, 100, 101, 150])
def test_contours_have_converged(n, kappa):
    problem, t = two_scale(n=n, d=100, p=60, kappa=kappa, noise=0.3), np.concatenate([[0], np.geomspace(0.01, 1e7, 80)])
    found = [np.array(contour_law(problem, t, Flow(0.25), nodes)) for nodes in (100, 200, None, 1200)]
    gaps = [np.abs(each - found[-1]).max() for each in found]
    assert gaps[1] < 1e-3 * gaps[0]
    assert gaps[2] < 1e-10
    R, error = found[-1]
    assert abs(R[0]) < 1e-12
    assert error[0] == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize("n", [40, 100, 200])
def test_flow_of_one_scale_is_an_integral_over_marchenko_pastur(n):
    """For one scale R and the error are averages over eigenvalues of H: all of them by quadrature."""
    d, noise, lr = 100, 0.3, 0.2
    t = np.array([0.0, 0.5, 3, 20, 300])
    ds = learning_curve(Spectrum(n, np.full(d, 1 / d), noise), t, "flow", lr=lr)
    c = d / n
    low, high = (1 - np.sqrt(c)) ** 2 * n / d, (1 + np.sqrt(c)) ** 2 * n / d
    phi = (np.arange(20_000) + 0.5) * np.pi / 20_000
    h = (low + high) / 2 - (high - low) / 2 * np.cos(phi)
    weight = ((high - low) / 2 * np.sin(phi)) ** 2 / (2 * np.pi * h) * np.pi / 20_000
    atom = max(0.0, 1 - n / d)
    assert weight.sum() + atom == pytest.approx(1, abs=1e-6)
    r = np.exp(-lr * t[:, None] * h)
    wanted = r**2 @ weight + atom + noise**2 * ((1 - r) ** 2 / h) @ weight / d * d
    np.testing.assert_allclose(ds.R, (1 - r) @ weight, atol=1e-6)
    np.testing.assert_allclose(2 * ds.eg, wanted, rtol=1e-5)


def test_plateaus_and_ends_are_those_of_least_squares():
    n, d, p, noise = 150, 100, 60, 0.3
    problem = two_scale(n=n, d=d, p=p, kappa=1e6, noise=noise)
    plateau = (1 - p / d + noise**2 * p / n) / (1 - p / n)
    for method in ("flow", "ridge"):
        found = learning_curve(problem, 1e5, method)
        assert float(2 * found.eg[0]) == pytest.approx(plateau, rel=1e-4)
        assert float(found.R[0]) == pytest.approx(p / d, rel=1e-4)
    end = learning_curve(two_scale(n=n, d=d, p=p, kappa=20, noise=noise), 1e8)
    assert float(2 * end.eg[0]) == pytest.approx(noise**2 * (d / n) / (1 - d / n), rel=1e-9)
    assert float(end.R[0]) == pytest.approx(1, rel=1e-9)
    no_noise = learning_curve(two_scale(n=110, d=100, p=70, kappa=1e5), 1e6, "fast_slow", convention="published")
    assert float(no_noise.Q[0]) == pytest.approx(1.225, rel=2e-3)


@pytest.mark.parametrize("method", ["flow", "descent"])
def test_first_steps_follow_the_gradient(method):
    """R = lr t Tr(X'X C)/d, by hand, to first order; after one step of descent exactly."""
    problem = power_law(n=70, d=50, exponent=0.7, teacher=1.0, noise=0.5)
    L, W2, n, lr = problem.eigenvalues, problem.teacher, problem.n, 1e-3 / problem.top
    found = learning_curve(problem, 1, method, lr=lr)
    R = lr * n * (L * W2).mean()
    assert float(found.R[0]) == pytest.approx(R, rel=1e-3 if method == "flow" else 1e-9)
    d, signal = problem.d, W2.mean()  # |F X' y|^2 / d by Wick's theorem
    Q = lr**2 * ((n * L**2).sum() * (signal + problem.noise**2) + n**2 * (L**2 * W2).sum() / d)
    assert float(found.Q[0]) == pytest.approx(Q, rel=2e-3 if method == "flow" else 1e-6)


def test_descent_in_small_steps_is_the_flow_and_large_steps_are_not():
    problem = two_scale(n=120, d=100, p=60, kappa=10, noise=0.2)
    t = np.array([0, 1e3, 1e4, 1e5])
    flow = learning_curve(problem, t, "flow", lr=1e-3 / problem.top)
    np.testing.assert_allclose(learning_curve(problem, t, "descent", lr=1e-3 / problem.top).eg, flow.eg, atol=3e-4)
    flow, descent = (learning_curve(problem, [1, 2], method, lr=1.5 / problem.top) for method in ("flow", "descent"))
    assert float(abs(flow.eg - descent.eg).max()) > 0.005


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5, 1.9])
def test_descent_agrees_with_the_law_of_one_large_draw(factor):
    problem, large = (two_scale(n=n, d=2 * n // 3, p=2 * n // 5, kappa=20, noise=0.3) for n in (150, 900))
    t = np.array([0, 0.5, 1, 1.5, 2, 3.5, 10, 100, 1001])
    lr = factor / problem.top
    way = way_of("descent", problem.top, lr, 0.01)
    R, error = contour_law(problem, t, way)
    draw = learning_curve(large, t, "finite", lr=lr, ridge=0.01, z=draw_fields(large, 0, 0))
    np.testing.assert_allclose(R, draw.R, atol=0.01)
    np.testing.assert_allclose(error / 2, draw.eg, atol=0.01)


@pytest.mark.parametrize("way", [Flow(0.3, 0.01), Descent(0.3, 0.01), Ridge(0.3, 0.01)])
def test_gain_and_residual_belong_together(way: Filter):
    h, t = np.array([1e-9, 0.1, 1.0, 3.0]), np.array([0.0, 1.0, 7.0, 1e4])
    np.testing.assert_allclose(way.residual(h, t), 1 - h * way.gain(h, t), atol=1e-12)
    np.testing.assert_allclose(way.gain(h + 1e-30j, t).real, way.gain(h, t), rtol=1e-9)


def test_nu_solves_its_equation_down_to_no_penalty():
    for n in (60, 80, 100):
        problem = power_law(n=n, d=80, exponent=2)
        penalty = np.geomspace(1e-14, 1e3, 50)
        np.testing.assert_allclose(
            penalty_of(problem, nu(problem, penalty))[0], penalty, rtol=1e-5 if n < 80 else 1e-10
        )


def test_fading_penalty_is_that_of_its_recursion_and_none_is_none():
    problem = two_scale(n=120, d=100, p=70, kappa=30, noise=0.1)
    t, lr = np.array([0, 1, 5, 60, 700]), 1 / problem.top
    z = draw_fields(problem, 3, 0)
    found = learning_curve(problem, t, "finite", lr=lr, penalty=fading(0.6, 0.01), z=z)
    x = z * problem.scales
    H, A, B, R, Q = x.T @ x, np.zeros((100, 100)), np.zeros((100, 120)), [], []
    for i in range(701):
        if i in t:
            F = problem.scales[:, None]
            R.append(np.trace(F * A) / 100)
            Q.append(((F * A) ** 2).sum() / 100 + 0.01 * ((F * B) ** 2).sum() / 100)
        strength = 1 + 0.6 * np.log(1 + np.exp(-0.01 * i)) / np.log(2)
        A, B = A - lr * (strength * H @ A - x.T @ z), B - lr * (strength * H @ B - x.T)
    np.testing.assert_allclose(found.R, R, atol=1e-10)
    np.testing.assert_allclose(found.Q, Q, atol=1e-10)
    for method in ("flow", "descent"):
        plain = learning_curve(problem, t, method, lr=lr)
        np.testing.assert_allclose(learning_curve(problem, t, method, lr=lr, penalty=fading(0)).eg, plain.eg, atol=1e-9)
    small = {"t": t * 10, "lr": lr / 10, "penalty": fading(0.6, 1e-3)}
    flow, descent = (learning_curve(problem, method=method, **small) for method in ("flow", "descent"))
    np.testing.assert_allclose(flow.eg, descent.eg, atol=5e-3)


@pytest.mark.parametrize("method", ["flow", "ridge"])
def test_parts_are_limits_of_problems_whose_scales_are_apart(method):
    """Fast alone: slow features of scale 1e-9. Slow alone: fast features that are learned a million times sooner."""
    n, d, p, noise, t = 130, 100, 70, 0.3, np.geomspace(1e2, 1e7, 20)
    parts = decomposition(two_scale(n=n, d=d, p=p, kappa=100, noise=noise), t, method)
    never = learning_curve(two_scale(n=n, d=d, p=p, kappa=1e9, noise=noise), t, method)
    np.testing.assert_allclose(parts.eg_fast, never.eg, rtol=1e-6)
    values = np.where(np.arange(d) < p, 1e6, 1e-4) / d
    at_once = learning_curve(Spectrum(n, values, noise, fast=p), t, method)
    np.testing.assert_allclose(parts.eg_slow, at_once.eg, rtol=1e-4)


def test_best_ridge_of_equal_features_is_known():
    """For one scale and signal one the best penalty is the variance of the noise."""
    best = optimal_ridge(Spectrum(150, np.full(100, 0.01), 0.5))
    assert best.at == pytest.approx(0.25, rel=1e-4)


def test_best_time_is_a_minimum_or_infinity():
    problem = two_scale(n=150, d=100, p=60, kappa=50, noise=0.3)
    for method in ("flow", "ridge", "fast_slow"):
        best = optimal_time(problem, method)
        around = learning_curve(problem, best.at * np.array([0.98, 1, 1.02]), method).eg.values
        assert around[1] == pytest.approx(best.eg, abs=1e-12)
        assert around[1] < min(around[0], around[2])
    assert optimal_time(two_scale(n=150, d=100, p=60, kappa=5)).at == np.inf
    assert optimal_time(two_scale(n=150, d=100, p=60, kappa=5), "descent", lr=0.2).at == np.inf


@pytest.mark.parametrize(
    ("how", "kappa"), [(("ridge", None), 7.35), (("fast_slow", "published"), 11.3), (("flow", None), 5.20)]
)
def test_scales_from_which_a_curve_descends_twice(how, kappa):
    method, convention = how
    found = critical_kappa(n=110, d=100, p=70, method=method, convention=convention)
    assert found == pytest.approx(kappa, abs=0.05)
    t = np.geomspace(1e-2, 1e6, 3000)
    for factor, rises in ((0.97, False), (1.05, True)):
        curve = learning_curve(two_scale(n=110, d=100, p=70, kappa=found * factor), t, method, convention=convention)
        assert ((np.diff(curve.eg) > 1e-9).any()) == rises


def test_noise_of_test_labels_is_added_on_request():
    problem = two_scale(n=150, d=100, p=60, kappa=50, noise=0.3)
    plain, noisy = (learning_curve(problem, [1, 10], test_noise=flag) for flag in (False, True))
    np.testing.assert_allclose(noisy.eg - plain.eg, 0.045, atol=1e-15)
    np.testing.assert_allclose(plain.eg, (1 - 2 * plain.R + plain.Q) / 2, atol=1e-14)


@pytest.mark.parametrize("n", [500, 2000])
@pytest.mark.parametrize("problem", [{"p": 600, "kappa": 3}, {"p": 50, "kappa": 1.5}])
def test_largest_eigenvalue_is_that_of_a_large_draw(n, problem):
    spectrum = two_scale(n=n, d=1000, **problem)
    x = draw_fields(spectrum, 0, 0) * spectrum.scales
    assert np.linalg.norm(x, 2) ** 2 == pytest.approx(spectrum.top, rel=0.02)
