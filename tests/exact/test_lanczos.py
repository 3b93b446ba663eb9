"""Matrix-free spectra against dense eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest

from tutelage import landscape
from tutelage.errors import ArgumentError


def wishart(size=300, samples=200, seed=0):
    A = np.random.default_rng(seed).standard_normal((size, samples))
    return A @ A.T / samples


def broadened(x, values, width):
    return np.exp(-(((x[:, None] - values) / width) ** 2) / 2).mean(1) / (width * np.sqrt(2 * np.pi))


@pytest.mark.parametrize("steps", [40, 100])
def test_density_is_that_of_dense_eigenvalues_within_its_error(steps):
    H = wishart()
    found = landscape.spectral_density(lambda v: H @ v, 300, width=0.1, steps=steps, probes=20, seed=1, progress=False)
    exact = broadened(found.grid, np.linalg.eigvalsh(H), 0.1)
    seen = exact > 1e-3
    z = (found.density - exact)[seen] / found.error[seen]
    assert np.sqrt(np.mean(z**2)) < 1.5
    assert np.abs(z).max() < 4
    assert found.error.max() < 0.1 * exact.max()
    assert np.trapezoid(found.density, found.grid) == pytest.approx(1, abs=1e-5)


def test_errors_of_the_density_are_standard_errors():
    """Over seeds, density minus truth has the standard deviation that each run states."""
    H = wishart(60, 40)
    values = np.linalg.eigvalsh(H)
    grid = np.linspace(0.2, 2.5, 8)
    runs = [
        landscape.spectral_density(H, 60, width=0.2, grid=grid, probes=10, seed=s, progress=False) for s in range(100)
    ]
    z = np.array([(run.density - broadened(grid, values, 0.2)) / run.error for run in runs])
    assert np.abs(z.mean(0)).max() < 0.6  # ten probes: Student's t, correlated with its error
    assert 0.8 < np.sqrt((z**2).mean()) < 1.4


def test_quadrature_is_exact_for_polynomials_and_for_few_distinct_eigenvalues():
    values = np.repeat([0.0, 1.0, 2.5], [50, 20, 10])
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((80, 80)))[0]
    H = basis @ np.diag(values) @ basis.T
    found = landscape.spectral_density(H, 80, steps=30, probes=40, progress=False)
    assert np.ptp(found.weights[:, 3:]) == 0  # three nodes each: the process closes
    np.testing.assert_allclose(found.nodes[:, :3], np.tile([0.0, 1.0, 2.5], (40, 1)), atol=1e-12)
    mean = found.average(lambda x: x**4)
    assert abs(mean.value - (values**4).mean()) < 3 * mean.error


def test_top_eigenvalues_are_those_of_the_dense_matrix():
    H = wishart(200, 400) - 0.8 * np.eye(200)
    values = np.linalg.eigvalsh(H)
    np.testing.assert_allclose(landscape.top_eigenvalues(H, 200, 5), values[::-1][:5], rtol=1e-10)
    np.testing.assert_allclose(landscape.top_eigenvalues(H, 200, 3, which="smallest"), values[:3], rtol=1e-10)
    shifted = values - 0.6
    found = landscape.top_eigenvalues(H - 0.6 * np.eye(200), 200, 40, which="magnitude")
    np.testing.assert_allclose(found, shifted[np.argsort(-np.abs(shifted))][:40], rtol=1e-10)
    assert found.min() < 0 < found.max()


def test_an_end_of_the_spectrum_that_does_not_converge_is_refused():
    """Two hundred zeros: no starting vector tells them apart."""
    with pytest.raises(ArgumentError, match="0 of 3 eigenvalues converged"):
        landscape.top_eigenvalues(wishart(300, 100), 300, 3, which="smallest")


@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_trace_is_unbiased_and_its_error_true(method):
    H = wishart(100, 60)
    runs = [landscape.trace(H, 100, products=60, method=method, seed=s) for s in range(200)]
    values = np.array([run.value for run in runs])
    assert abs(values.mean() - np.trace(H)) < 3 * values.std(ddof=1) / np.sqrt(200)
    stated = np.sqrt(np.mean([run.error**2 for run in runs]))
    assert 0.8 < values.std(ddof=1) / stated < 1.2


def test_hutch_plus_plus_wins_where_few_directions_dominate_and_is_exact_with_enough_products():
    values = 1 / np.arange(1, 201.0) ** 2
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((200, 200)))[0]
    H = basis @ np.diag(values) @ basis.T
    errors = {
        method: np.std([landscape.trace(H, 200, products=60, method=method, seed=s).value for s in range(50)])
        for method in ("hutchinson", "hutch++")
    }
    assert errors["hutch++"] < errors["hutchinson"] / 5
    assert landscape.trace(H, 200, products=600).value == pytest.approx(values.sum(), rel=1e-12)


def test_hessian_of_a_network_by_products_alone():
    teacher = landscape.matched_network("erf", 8, 6)
    x = np.random.default_rng(0).standard_normal((500, 8))
    objective = teacher.net.on(x, teacher(x))
    values = landscape.spectrum(objective.hessian(teacher.p)).values
    product = lambda v: objective.hvp(teacher.p, v)  # noqa: E731
    np.testing.assert_allclose(landscape.top_eigenvalues(product, objective.size, 4), values[::-1][:4], rtol=1e-9)
    estimate = landscape.trace(product, objective.size, products=30)
    assert abs(estimate.value - values.sum()) < 4 * estimate.error
