"""Laws of spectra against quadrature, against matrices drawn at random, and against Monte Carlo over inputs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from tutelage import landscape
from tutelage.landscape import LinearLaw, MarchenkoPastur, SampledLaw

SLOW = pytest.mark.slow
RATIOS = (0.1, 0.5, 0.99, 1.0, 1.01, 3.0)


def distance(values, law):
    """Kolmogorov-Smirnov distance of values to a law, at 2,000 of them, apart from those in its atom."""
    values = np.sort(np.ravel(values))
    every = np.unique(np.linspace(0, len(values) - 1, 2000).astype(int))
    at = every[values[every] > getattr(law, "shift", 0.0) + 1e-9]
    expected = law.cdf(values[at])
    return max(np.abs(expected - at / len(values)).max(), np.abs(expected - (at + 1) / len(values)).max())


# ------------------------------------------------------------------------------------------ Marchenko-Pastur


@pytest.mark.parametrize("ratio", RATIOS)
def test_marchenko_pastur_is_consistent(ratio):
    """The closed distribution function, the moments and the rule are integrals of the density."""
    law = MarchenkoPastur(ratio, 2.0, 0.3)
    low, high = law.edges
    for x in np.linspace(low, high, 6)[1:-1]:
        assert law.cdf(x) == pytest.approx(law.atom + quad(law.pdf, low, x, limit=200)[0], abs=1e-9)
    assert law.cdf(high + 1) == pytest.approx(1, abs=1e-12)
    assert law.cdf(law.shift - 1e-9) == 0
    for k in range(1, 6):
        moment = quad(lambda x, k=k: (x - 0.3) ** k * law.pdf(x), low, high, limit=200)[0]
        assert law.moment(k) == pytest.approx(moment, rel=1e-7)
    decay = quad(lambda x: np.exp(-2 * x) * law.pdf(x), low, high, limit=200)[0] + law.atom * np.exp(-2 * 0.3)
    assert law.average(lambda x: np.exp(-2 * x)) == pytest.approx(decay, abs=1e-10)


@pytest.mark.parametrize(("p", "n"), [(300, 600), (600, 200)])
def test_marchenko_pastur_is_the_law_of_one_large_matrix(p, n):
    A = np.random.default_rng(0).standard_normal((n, p))
    values = 1 + np.linalg.eigvalsh(A.T @ A / n)
    law = MarchenkoPastur(p / n, shift=1.0)
    assert distance(values, law) < 0.01
    assert np.mean(values < 1 + 1e-9) == pytest.approx(law.atom)


@pytest.mark.parametrize("ratio", [0.5, 3.0])
def test_samples_follow_the_law(ratio):
    law = MarchenkoPastur(ratio, 2.0)
    draws = law.sample(20_000, seed=1)
    assert distance(draws, law) < 1.95 / np.sqrt(20_000)  # one in a thousand
    assert np.mean(draws == 0) == pytest.approx(law.atom, abs=4 * np.sqrt(0.25 / 20_000))


# ---------------------------------------------------------------------------------------------- linear networks


def test_eigenvalues_of_linear_networks_are_those_of_their_hessian():
    for inputs, hidden in ((4, 6), (7, 3)):
        teacher = landscape.matched_network("linear", inputs, hidden, seed=2)
        (W1, _), (W2, _) = teacher.net.unpack(teacher.p)
        x = np.random.default_rng(0).standard_normal((50, inputs))
        x = np.sqrt(50) * np.linalg.qr(x)[0]  # of covariance exactly one
        found = landscape.spectrum(teacher.net.hessian(teacher.p, x, teacher(x)), tolerance=1e-10)
        assert (found.negatives, found.rank) == (0, inputs)
        np.testing.assert_allclose(found.values[-inputs:], landscape.linear_eigenvalues(W1, W2[0]), rtol=1e-11)


@pytest.mark.parametrize(("inputs", "hidden"), [(10, 20), (30, 10), (20, 20), (6, 3)])
def test_convolution_is_consistent(inputs, hidden):
    law = LinearLaw(inputs, hidden, s1=0.4, s2=0.3)
    top = law.mean + 30 * np.sqrt(law.variance)
    points = [edge for edge in law.MP.edges if edge < top]
    for x in (0.5 * law.mean, law.mean, 1.5 * law.mean):
        inside = [p for p in points if p < x] or None
        assert law.cdf(x) == pytest.approx(quad(law.pdf, 0, x, points=inside, limit=200)[0], abs=1e-8)
    for k in (1, 2, 3):
        moment = quad(lambda x, k=k: x**k * law.pdf(x), 0, top, points=points, limit=200)[0]
        assert law.moment(k) == pytest.approx(moment, rel=1e-7)
    assert law.cdf(top) == pytest.approx(1, abs=1e-9)
    assert law.variance == pytest.approx(2 * hidden * 0.3**4 + 0.4**4 * hidden * inputs)
    assert law.pdf(-1.0) == law.cdf(-1.0) == 0


@pytest.mark.parametrize(
    ("inputs", "hidden", "networks", "most"),
    [
        (10, 20, 4000, 0.035),
        (30, 10, 2000, 0.03),
        pytest.param(10, 20, 40_000, 0.02, marks=SLOW),
        pytest.param(30, 10, 20_000, 0.01, marks=SLOW),
        pytest.param(20, 20, 20_000, 0.015, marks=SLOW),
        pytest.param(100, 50, 4000, 0.02, marks=SLOW),
    ],
)
def test_ensembles_follow_the_convolution(inputs, hidden, networks, most):
    law = LinearLaw(inputs, hidden)
    values = law.networks(networks, seed=3)
    assert distance(values, law) < most
    means, squares = values.mean(1), (values**2).mean(1)
    assert abs(means.mean() - law.mean) < 4 * means.std() / np.sqrt(networks)
    second = law.exact_variance + law.mean**2
    assert abs(squares.mean() - second) < 4 * squares.std() / np.sqrt(networks)
    assert distance(law.sample(20_000, seed=1), law) < 1.95 / np.sqrt(20_000)


def test_one_network_follows_the_shifted_law_and_not_that_of_the_ensemble():
    law = LinearLaw(400, 200, s1=0.05, s2=0.07)
    rng = np.random.default_rng(0)
    W1, W2 = 0.05 * rng.standard_normal((200, 400)), 0.07 * rng.standard_normal(200)
    values = landscape.linear_eigenvalues(W1, W2)
    assert distance(values, law.of_network(float(W2 @ W2))) < 0.01
    assert distance(values, law) > 0.2


def test_annealed_average_is_that_of_an_ensemble():
    law = LinearLaw(30, 10)
    time = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
    values = law.networks(40_000, seed=0)
    each = 1e-4 / 2 * np.array([(values * np.exp(-2 * t * values)).sum(1) for t in time])
    errors = each.std(1) / np.sqrt(40_000)
    assert np.all(np.abs(each.mean(1) - law.mean_loss(time, 1e-2)) < 4 * errors + 0.005 * each.mean(1))


def test_annealed_average_by_direct_descent():
    """Gradient descent itself, of linear networks displaced from their teachers, averaged over both."""
    law, lr, eps = LinearLaw(6, 3), 0.05, 1e-3
    rng, runs = np.random.default_rng(0), 4000
    x = np.linalg.qr(rng.standard_normal((60, 6)))[0] * np.sqrt(60)  # of covariance one: no error of finite data
    W1, W2 = law.s1 * rng.standard_normal((runs, 3, 6)), law.s2 * rng.standard_normal((runs, 3))
    teacher = np.einsum("ra,rai->ri", W2, W1)
    W1, W2 = W1 + eps * rng.standard_normal(W1.shape), W2 + eps * rng.standard_normal(W2.shape)
    found = {}
    for step in range(41):
        gap = np.einsum("ra,rai->ri", W2, W1) - teacher
        residual = gap @ x.T
        if step in (0, 10, 40):
            found[step] = (residual**2).mean(1) / 2
        force = residual @ x / len(x)
        W1, W2 = W1 - lr * W2[:, :, None] * force[:, None], W2 - lr * np.einsum("rai,ri->ra", W1, force)
    values = law.networks(40_000, seed=1)
    for step, each in found.items():
        ensemble = landscape.average_quadratic_loss(values.ravel(), eps, [step], lr=lr)[0] / 40_000
        assert abs(each.mean() - ensemble) < 4 * each.std() / np.sqrt(runs)
        # flow, and the limit of many inputs: lr and 1/Ni off
        assert law.mean_loss(lr * step, eps) == pytest.approx(ensemble, rel=0.1)


def test_typical_network_decays_faster_than_the_average():
    law = LinearLaw(30, 10)
    time = np.array([0.5, 2.0, 8.0, 16.0])
    values = law.networks(20_000, seed=0)
    logs = np.log([(1e-4 / 2 * values * np.exp(-2 * t * values)).sum(1) for t in time])
    typical = law.typical_loss(time, 1e-2)
    np.testing.assert_allclose(np.log(typical), logs.mean(1), atol=0.06)  # of a range of 25
    ratio = typical / law.mean_loss(time, 1e-2)
    assert (np.diff(ratio) < 0).all()
    assert ratio[-1] < 1e-6


def test_typical_loss_at_late_times_is_a_gap_apart():
    """With more units than inputs the smallest eigenvalue is at the lower edge, and decays without underflow."""
    law = LinearLaw(5, 20)
    late = np.log(law.typical_loss(np.array([60.0, 61.0]), 1.0))
    gap = 20 * law.s2**2 + law.MP.edges[0]  # the mean of |W2|^2, and the edge
    assert -np.diff(late)[0] / 2 == pytest.approx(gap, rel=0.05)
    assert law.typical_loss(1e3, 1.0) >= 0  # without a warning


def test_late_annealed_loss_is_a_power_law():
    law = LinearLaw(30, 10)
    time = np.array([0.5e5, 0.505e5])
    slope = np.diff(np.log(law.mean_loss(time, 1.0)))[0] / np.diff(np.log(time))[0]
    assert slope == pytest.approx(-(10 / 2 + 1), abs=2e-3)


# ------------------------------------------------------------------------------------------------ finite data


def test_sampled_law_of_one_eigenvalue_is_marchenko_pastur():
    for ratio, samples in ((0.5, 100), (2.0, 25)):
        law, exact = SampledLaw(np.full(50, 3.0), samples), MarchenkoPastur(ratio, 3.0)
        low, high = exact.edges
        x = np.linspace(low, high, 50)[1:-1]
        np.testing.assert_allclose(law.pdf(x), exact.pdf(x), atol=2e-5)
        np.testing.assert_allclose(law.cdf(x), exact.cdf(x), atol=1e-4)
        assert law.atom == exact.atom


@pytest.mark.parametrize(
    ("population", "samples"),
    [
        (np.repeat([1.0, 8.0], [150, 50]), 1000),  # two parts, with a gap between them
        (np.linspace(0.5, 4.0, 200), 300),
        (np.linspace(0.5, 4.0, 200), 120),  # more parameters than samples
    ],
)
def test_sampled_law_is_that_of_sample_covariances(population, samples):
    x = np.random.default_rng(0).standard_normal((samples, 200)) * np.sqrt(population)
    values = np.linalg.eigvalsh(x.T @ x / samples)
    law = SampledLaw(population, samples)
    assert distance(values, law) < 0.015
    assert np.mean(values < 1e-9) == pytest.approx(law.atom)
    assert law.cdf(1e3) == pytest.approx(1, abs=1e-3)


def test_hessians_of_linear_networks_on_few_samples():
    teacher = landscape.matched_network("linear", 60, 8, seed=1)
    (W1, _), (W2, _) = teacher.net.unpack(teacher.p)
    x = np.random.default_rng(0).standard_normal((150, 60))
    values = np.linalg.eigvalsh(teacher.net.gauss_newton(teacher.p, x, teacher(x)))[-60:]
    population = landscape.linear_eigenvalues(W1, W2[0])
    assert distance(values, SampledLaw(population, 150)) < 0.04
    assert distance(values, LinearLaw(60, 8).of_network(float(W2[0] @ W2[0]))) > 0.2


# --------------------------------------------------------------------------------------------------------- erf


def layers(inputs, hidden, seed):
    teacher = landscape.matched_network("erf", inputs, hidden, s1=0.8, seed=seed)
    (W1, _), (W2, _) = teacher.net.unpack(teacher.p)
    return teacher, landscape.erf_hessian(W1, W2[0])


def test_erf_hessian_against_quadrature_in_the_plane():
    teacher, H = layers(2, 3, 0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    x = np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 2)
    w = np.outer(weights, weights).ravel() / (2 * np.pi)
    np.testing.assert_allclose(H, teacher.net.hessian(teacher.p, x, teacher(x), w), atol=1e-10)


def test_erf_hessian_against_monte_carlo():
    teacher, H = layers(6, 4, 1)
    x = np.random.default_rng(0).standard_normal((100_000, 6))
    J = teacher.net.jacobian(teacher.p, x)[:, 0]
    mean = J.T @ J / len(J)
    error = np.sqrt(((J**2).T @ (J**2) / len(J) - mean**2) / len(J))
    z = ((mean - H) / error)[np.triu_indices(len(H))]
    assert np.mean(np.abs(z) > 3) < 0.01
    assert np.abs(z).max() < 4.5
    assert error.max() < 4e-3


def test_erf_hessian_is_that_of_the_population_loss():
    """Which comes from averages of any activation, and knows nothing of optima."""
    for inputs, hidden in ((2, 3), (6, 4), (5, 9)):
        teacher, H = layers(inputs, hidden, 3)
        np.testing.assert_allclose(landscape.PopulationLoss(teacher, teacher.net).hessian(teacher.p), H, atol=1e-13)


def test_erf_has_full_rank_with_tiny_eigenvalues():
    for inputs, hidden in ((3, 2), (5, 5), (4, 8), (10, 20)):
        _, H = layers(inputs, hidden, 2)
        found = landscape.spectrum(H)
        assert found.rank == hidden * (inputs + 1)
        assert found.negatives == 0
    assert found.condition > 1e6
    assert landscape.spectrum(H, tolerance=1e-6 * found.values[-1]).rank < 220
