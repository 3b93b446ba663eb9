"""Closed-form averages against quadrature, against Monte Carlo, and at degenerate arguments."""

import itertools

import numpy as np
import pytest

from tutelage import gaussian
from tutelage.activations import activation
from tutelage.gaussian.quadrature import product_average

NAMES = ("erf", "linear", "relu")
ORDERS = {"J2": (2, 0), "I2": (0, 2), "I3": (1, 2), "I4": (2, 2)}  # derivatives, values


def covariance(n, seed):
    """A generic covariance with variances from 0.3 to 3."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, n + 2))
    vectors *= (rng.uniform(0.5, 1.7, n) / np.linalg.norm(vectors, axis=1))[:, None]
    return vectors @ vectors.T


def factors(average, units):
    """The functions whose product is averaged, and their kinks."""
    derivatives, _ = ORDERS[average]
    units = [activation(u) for u in units]
    if average == "I3":
        units[1] = activation("linear")
    return [u.df if i < derivatives else u.f for i, u in enumerate(units)], [u.kinks for u in units]


def mixtures(average):
    """All units an equation of motion can ask for: one activation differentiated, any others."""
    derivatives, values = ORDERS[average]
    for student in NAMES:
        for others in itertools.product(NAMES, repeat=values if average != "I3" else 1):
            middle = ("linear",) if average == "I3" else ()
            yield (student,) * derivatives + middle + others
        if derivatives == 0:
            return


CASES = [(average, units) for average in ORDERS for units in mixtures(average)]


@pytest.mark.parametrize(("average", "units"), [c for c in CASES if c[0] != "I4"])
def test_against_quadrature(average, units):
    for seed in range(3):
        C = covariance(len(units), seed)
        functions, kinks = factors(average, units)
        expected = product_average(functions, C, kinks=kinks)
        assert abs(getattr(gaussian, average)(units, C) - expected.value) < 1e-11


@pytest.mark.parametrize(
    "units",
    [("erf",) * 4, ("linear",) * 4, ("relu",) * 4, ("erf", "erf", "relu", "erf"), ("relu", "relu", "erf", "relu")],
)
def test_i4_against_quadrature(units):
    C = covariance(4, 7)
    functions, kinks = factors("I4", units)
    assert abs(gaussian.I4(units, C) - product_average(functions, C, kinks=kinks).value) < 1e-11


@pytest.mark.parametrize(("average", "units"), [c for c in CASES if c[0] in ("I3", "I4")])
def test_against_monte_carlo(average, units):
    C = covariance(len(units), 11)
    x = np.random.default_rng(12).standard_normal((400_000, len(C))) @ np.linalg.cholesky(C).T
    functions, _ = factors(average, units)
    sample = np.prod([f(x[:, i]) for i, f in enumerate(functions)], axis=0)
    error = sample.std() / np.sqrt(len(sample))
    # 40 cases: the largest of as many standard normals exceeds 3.5 once in fifty times
    assert abs(getattr(gaussian, average)(units, C) - sample.mean()) < 3.5 * error + 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_j4_against_monte_carlo(name):
    C = covariance(4, 3)
    x = np.random.default_rng(4).standard_normal((1_000_000, 4)) @ np.linalg.cholesky(C).T
    sample = np.prod(activation(name).df(x), axis=1)
    assert abs(gaussian.J4(name, C) - sample.mean()) < 3 * sample.std() / 1000 + 1e-12


def degenerate():
    """Field sets with coincident, opposite and coplanar members, as vectors; and independent neighbours of each."""
    rng = np.random.default_rng(8)
    a, b, c = rng.standard_normal((3, 5))
    return {
        "student on teacher": (a, b, a, c),
        "two equal students": (a, a, b, c),
        "both values equal": (a, b, c, c),
        "opposite derivative and value": (a, b, -a, c),
        "opposite students": (a, -a, b, c),
        "two pairs": (a, b, a, b),
        "three equal": (a, a, a, b),
        "all equal": (a, a, a, a),
        "coplanar": (a, b, a + b, a - 2 * b),
        "a vector that vanishes": (a, b, 0 * a, c),
        "scaled copies": (a, 2 * a, 0.5 * a, b),
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", degenerate())
def test_degenerate_arguments_give_the_limit(name, case):
    vectors = np.array(degenerate()[case])
    noise = np.random.default_rng(9).standard_normal(vectors.shape)
    limit = gaussian.I4(name, vectors @ vectors.T)
    assert np.isfinite(limit)
    gaps = []
    for distance in (1e-3, 1e-5):
        near = vectors + distance * noise
        gaps.append(abs(gaussian.I4(name, near @ near.T) - limit))
    assert gaps[0] < 2e-2
    assert gaps[1] < 1e-4


def test_relu_at_repeated_arguments_in_closed_form():
    C = covariance(2, 1)
    c11, c12, c22 = C[0, 0], C[0, 1], C[1, 1]
    rho = c12 / np.sqrt(c11 * c22)
    one = np.full((4, 4), c11)
    assert abs(gaussian.I4("relu", one) - c11 / 2) < 1e-13
    pair = C[np.ix_([0, 1, 1, 1], [0, 1, 1, 1])]  # < theta_1 x2^2 theta_2 >
    expected = c22 * (0.25 + np.arcsin(rho) / 2 / np.pi) + c12 * np.sqrt(c11 * c22 - c12**2) / (2 * np.pi * c11)
    assert abs(gaussian.I4("relu", pair) - expected) < 1e-13
    opposite = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert abs(gaussian.I2("relu", opposite)) < 1e-13
    assert abs(gaussian.J2("relu", opposite)) < 1e-13


def test_stacks_and_symmetry():
    C = np.stack([covariance(4, s) for s in range(6)]).reshape(2, 3, 4, 4)
    for name in (*NAMES, "square"):
        together = gaussian.I4(name, C)
        assert together.shape == (2, 3)
        assert np.allclose(together[1, 2], gaussian.I4(name, C[1, 2]), rtol=1e-13, atol=0)
        swapped = C[..., [1, 0, 3, 2], :][..., [1, 0, 3, 2]]
        assert np.allclose(gaussian.I4(name, swapped), together, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", ["square", "hermite-3"])
def test_polynomials_against_quadrature(name):
    for average, (derivatives, values) in ORDERS.items():
        units, C = (name,) * (derivatives + values), 0.5 * covariance(derivatives + values, 2)
        functions, kinks = factors(average, units)
        expected = product_average(functions, C, kinks=kinks, tolerance=1e-10)
        assert abs(getattr(gaussian, average)(units, C) - expected.value) < 1e-10 * max(1, abs(expected.value))


def test_the_wrong_number_of_activations_is_named():
    with pytest.raises(ValueError, match="Argument `activation` must be one activation or 3"):
        gaussian.I3(("erf", "erf"), np.eye(3))
    with pytest.raises(ValueError, match="Argument `C` must have shape"):
        gaussian.I3("erf", np.eye(2))
