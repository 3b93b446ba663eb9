"""Spectra: what is counted, what is refused, and that matrices, functions and operators are the same thing."""

from __future__ import annotations

import numpy as np
import pytest

import tutelage as tl
from tutelage import landscape

RNG = np.random.default_rng(0)
NAN = float("nan")


def symmetric(values, seed=0):
    """A matrix with these eigenvalues, in random directions."""
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))[0]
    return basis @ np.diag(values) @ basis.T


def test_directions_are_counted():
    found = landscape.spectrum(symmetric([-2.0, -0.5, 0.0, 0.0, 0.0, 1.0, 3.0, 4.0]))
    assert (found.negatives, found.zeros, found.rank) == (2, 3, 5)
    np.testing.assert_allclose(found.values, [-2.0, -0.5, 0.0, 0.0, 0.0, 1.0, 3.0, 4.0], atol=1e-14)
    assert found.trace == pytest.approx(5.5)
    assert found.condition == pytest.approx(8.0)
    shares = np.array([2.0, 0.5, 1.0, 3.0, 4.0]) / 10.5
    assert found.effective_rank == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    text = str(found)
    assert "2 negative, 3 zero" in text
    assert "3 positive" in text
    assert "rank 5" in text


def test_tolerance_decides_what_is_zero():
    H = symmetric([1e-9, 1e-3, 1.0])
    assert landscape.spectrum(H).rank == 3
    assert landscape.spectrum(H, tolerance=1e-6).rank == 2
    assert landscape.spectrum(H, tolerance=0.0).zeros == 0
    default = landscape.spectrum(H).tolerance
    assert default == pytest.approx(3 * np.finfo(float).eps, rel=1e-6)


def test_eigenvectors_are_those_of_the_matrix():
    H = symmetric(np.linspace(-1, 2, 7))
    found = landscape.spectrum(H)
    np.testing.assert_allclose(H @ found.vectors, found.vectors * found.values, atol=1e-13)
    d = RNG.standard_normal(7)
    c = found.coordinates(d)
    assert (found.values * c**2).sum() == pytest.approx(d @ H @ d)


def test_rounding_is_averaged_away_and_zeros_are_a_spectrum():
    H = symmetric([1.0, 2.0])
    H[0, 1] += 1e-13
    np.testing.assert_allclose(landscape.spectrum(H).values, [1.0, 2.0], atol=1e-12)
    nothing = landscape.spectrum(np.zeros((3, 3)))
    assert (nothing.rank, nothing.effective_rank) == (0, 0.0)
    assert np.isnan(nothing.condition)


def refused(name, given, call):
    with pytest.raises(tl.ArgumentError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(f"Argument `{name}` must ")
    assert given in message


@pytest.mark.parametrize(
    ("name", "given", "call"),
    [
        ("H", "(2, 3)", lambda: landscape.spectrum(np.ones((2, 3)))),
        ("spectrum", "ndarray", lambda: landscape.quadratic_loss(np.ones(2), [1.0, 1.0], [1.0])),
        ("H", "(4,)", lambda: landscape.spectrum(np.ones(4))),
        ("H", "transpose by 1", lambda: landscape.spectrum([[1.0, 2.0], [1.0, 1.0]])),
        ("H", "NaN", lambda: landscape.spectrum([[1.0, NAN], [NAN, 1.0]])),
        ("tolerance", "-1", lambda: landscape.spectrum(np.eye(2), tolerance=-1)),
        ("displacement", "(3,)", lambda: landscape.spectrum(np.eye(2)).coordinates(np.ones(3))),
        ("operator", "(3, 3)", lambda: landscape.trace(np.eye(3), 4)),
        ("operator", "shape (2,)", lambda: landscape.trace(lambda v: v[:2], 4)),
        ("operator", "NaN", lambda: landscape.trace(lambda v: NAN * v, 4)),
        ("operator", "that is not", lambda: landscape.trace(np.triu(np.ones((4, 4))), 4)),
        ("k", "is 4", lambda: landscape.top_eigenvalues(np.eye(4), 4, 4)),
        ("which", "'least'", lambda: landscape.top_eigenvalues(np.eye(4), 4, 1, which="least")),
        ("probes", "is 1", lambda: landscape.spectral_density(np.eye(4), 4, probes=1)),
        ("width", "is 0", lambda: landscape.spectral_density(np.eye(4), 4, width=0)),
        ("method", "'x'", lambda: landscape.trace(np.eye(4), 4, method="x")),
        ("products", "is 5", lambda: landscape.trace(np.eye(4), 4, products=5)),
        ("g", "'relu'", lambda: landscape.generic_rank("relu", 3, 2)),
        ("g", "'erf'", lambda: landscape.rank_formula("erf", 3, 2)),
        ("hidden", "is 0", lambda: landscape.generic_rank("square", 3, 0)),
        ("samples", "is 0", lambda: landscape.generic_rank("square", 3, 2, samples=0)),
        ("ratio", "is 0", lambda: landscape.MarchenkoPastur(0.0)),
        ("population", "has 0", lambda: landscape.SampledLaw(np.array([0.0, 1.0]), 5)),
        ("s1", "is -1", lambda: landscape.LinearLaw(3, 2, s1=-1)),
        ("time", "has -1", lambda: landscape.LinearLaw(3, 2).mean_loss([-1.0], 0.1)),
        ("times", "has -1", lambda: landscape.average_quadratic_loss([1.0], 0.1, [-1.0])),
        ("lr", "is 0", lambda: landscape.average_quadratic_loss([1.0], 0.1, [1.0], lr=0)),
        ("W2", "(3,)", lambda: landscape.erf_hessian(np.ones((2, 3)), np.ones(3))),
        ("W2", "(3,)", lambda: landscape.linear_eigenvalues(np.ones((2, 3)), np.ones(3))),
    ],
)
def test_refusals_name_argument_and_what_was_given(name, given, call):
    refused(name, given, call)


def test_matrices_functions_and_operators_are_the_same():
    from scipy.sparse.linalg import aslinearoperator

    H = symmetric(np.linspace(-1, 3, 20))
    ways = (H, lambda v: H @ v, aslinearoperator(H))
    for estimate in (
        lambda op: landscape.spectral_density(op, 20, probes=3, progress=False).density,
        lambda op: landscape.top_eigenvalues(op, 20, 3),
        lambda op: landscape.trace(op, 20).value,
    ):
        first, *others = map(estimate, ways)
        for other in others:
            np.testing.assert_allclose(other, first, rtol=1e-9, atol=1e-12)


def test_seeds_decide():
    H = symmetric(np.linspace(-1, 3, 20))
    one, same, other = (landscape.trace(H, 20, products=12, seed=seed).value for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_quadratic_loss_of_one_direction():
    found = landscape.spectrum(np.diag([2.0, 0.0]))
    times = np.array([[0.0, 1.0], [2.0, 3.0]])
    loss = landscape.quadratic_loss(found, [0.1, 5.0], times)
    np.testing.assert_allclose(loss, 0.01 * np.exp(-4 * times), rtol=1e-14)
    np.testing.assert_allclose(
        landscape.quadratic_loss(found, [0.1, 5.0], times, lr=0.3), 0.01 * 0.4 ** (2 * times), rtol=1e-12
    )
    at_once = landscape.quadratic_loss(found, [0.1, 5.0], [0, 1, 2], lr=0.5)
    np.testing.assert_allclose(at_once, [0.01, 0.0, 0.0], rtol=1e-14)
    growing = landscape.quadratic_loss(found, [0.1, 5.0], [0, 1, 1e6], lr=1.5)
    np.testing.assert_allclose(growing, [0.01, 0.04, np.inf])
