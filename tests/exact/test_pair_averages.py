"""Averages over two activations against quadrature, high precision, Monte Carlo, differences, and at their limits."""

import itertools

import mpmath as mp
import numpy as np
import pytest
from scipy.special import expit, ndtr

from tutelage import gaussian
from tutelage.activations import activation
from tutelage.errors import ArgumentError
from tutelage.gaussian import erf, kinks, pairs
from tutelage.gaussian.kinks import decomposition
from tutelage.gaussian.pairs import I2, I3, J2, pair_averages
from tutelage.gaussian.quadrature import product_average

LOGISTIC = ("tanh", "sigmoid", "softplus", "silu")
SMOOTH = (*LOGISTIC, "erf", "normal_cdf", "gelu", "linear")
KINKED = ("relu", "leaky_relu(0.1)", "step", "sign")
NAMES = (*SMOOTH, *KINKED)
PAIRS = list(itertools.combinations_with_replacement(NAMES, 2))
CROSS = [("tanh", "softplus"), ("silu", "sigmoid"), ("gelu", "silu"), ("leaky_relu(-0.3)", "sign"), ("relu", "tanh")]
COVARIANCE = np.array([[0.7, -0.5], [-0.5, 1.9]])


def scale(g, h, p, q):
    """The geometric mean of <g^2> and <h^2>."""
    return np.sqrt(pair_averages(g, g, p, p, p).value * pair_averages(h, h, q, q, q).value)


def three_fields(seed=3):
    vectors = np.random.default_rng(seed).standard_normal((3, 4)) / 2
    return vectors @ vectors.T


def trapezoid(f, g, p, c, q):
    """<f(x) g(y)> by a trapezoidal rule fine enough for the poles of the logistic family, at distance pi/2."""
    h = min(0.15, 0.25 / np.sqrt(max(p, q)))
    z = h * np.arange(-int(9 / h), int(9 / h) + 1)
    weight = h * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    rest = np.sqrt(q - c**2 / p)
    inner = np.array([weight @ g(c / np.sqrt(p) * one + rest * z) for one in z])
    return (weight * f(np.sqrt(p) * z)) @ inner


@pytest.mark.parametrize(("g", "h"), PAIRS)
def test_values_against_quadrature(g, h):
    units = [activation(g), activation(h)]
    expected = product_average([u.f for u in units], COVARIANCE, kinks=[u.kinks for u in units], tolerance=5e-13)
    assert abs(I2(g, h, COVARIANCE) - expected.value) < 1e-13 * scale(g, h, 0.7, 1.9)
    assert abs(I2(h, g, COVARIANCE[::-1, ::-1]) - I2(g, h, COVARIANCE)) < 1e-15


@pytest.mark.parametrize(("g", "h"), [pair for pair in PAIRS if not {"step", "sign"} & set(pair)])
def test_slopes_against_quadrature(g, h):
    units = [activation(g), activation(h)]
    expected = product_average([u.df for u in units], COVARIANCE, kinks=[u.kinks for u in units], tolerance=5e-13)
    assert abs(J2(g, h, COVARIANCE) - expected.value) < 1e-13


@pytest.mark.parametrize(("g", "h"), [*CROSS, ("softplus", "softplus"), ("tanh", "step"), ("relu", "leaky_relu(0.1)")])
def test_i3_against_quadrature(g, h):
    C = three_fields()
    one, other = activation(g), activation(h)
    expected = product_average([one.df, lambda x: x, other.f], C, kinks=[one.kinks, (), other.kinks])
    assert abs(I3(g, h, C) - expected.value) < 1e-12


def test_stacks_equal_the_closed_forms_of_erf_and_relu():
    C = np.stack([three_fields(seed) for seed in range(pairs.BLOCK + 8)]).reshape(8, -1, 3, 3)
    two = C[..., ::2, ::2]
    assert np.abs(I2("erf", "erf", two) - erf.I2(two)).max() < 1e-14
    assert np.abs(J2("erf", "erf", two) - erf.J2(two)).max() < 1e-14
    assert np.abs(I3("erf", "erf", C) - erf.I3(C)).max() < 1e-14
    assert np.abs(I3("relu", "relu", C) - gaussian.I3("relu", C)).max() < 1e-13
    assert np.abs(I3("relu", "erf", C) - gaussian.I3(("relu", "linear", "erf"), C)).max() < 1e-13


def logistic(name):
    """The activation at high precision."""
    sigmoid = lambda x: 1 / (1 + mp.exp(-x))  # noqa: E731
    functions = {"sigmoid": sigmoid, "tanh": mp.tanh, "softplus": lambda x: mp.log1p(mp.exp(-abs(x))) + max(x, 0)}
    return functions.get(name, lambda x: x * sigmoid(x))


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("deviation", [1e-3, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize(("g", "h"), [("tanh", "tanh"), ("sigmoid", "softplus"), ("silu", "silu")])
def test_parallel_and_opposite_fields_at_high_precision(g, h, deviation, side):
    f, k = logistic(g), logistic(h)
    with mp.workdps(22):
        ends = sorted({0, *(e for e in (2 / deviation, 10 / deviation, 60 / deviation, 1, 4) if e < 11), 11})
        expected = mp.quad(
            lambda z: sum(f(s * deviation * z) * k(side * s * deviation * z) for s in (1, -1)) * mp.npdf(z), ends
        )
    p = deviation**2
    found = pair_averages(g, h, p, side * p, p).value
    assert abs(found - float(expected)) < 1e-14 * scale(g, h, p, p)


@pytest.mark.parametrize(("deviation", "correlation"), [(10.0, 0.5), (30.0, 0.9), (30.0, -0.9)])
@pytest.mark.parametrize(("g", "h"), [("tanh", "softplus"), ("silu", "sigmoid"), ("tanh", "tanh"), ("silu", "silu")])
def test_large_variances(g, h, deviation, correlation):
    p, c, q = deviation**2, 0.6 * correlation * deviation**2, 0.36 * deviation**2
    f, k = activation(g), activation(h)
    found = pair_averages(g, h, p, c, q)
    assert abs(found.value - trapezoid(f.f, k.f, p, c, q)) < 1e-14 * scale(g, h, p, q)
    assert abs(found.by_c / trapezoid(f.df, k.df, p, c, q) - 1) < 1e-13


def test_the_law_of_the_widths():
    """The sigmoid itself is met to 1e-10, its slope at zero and the mean square of a logistic variable to rounding."""
    S2, weight = kinks._logistic_widths(kinks.NODES)
    x = np.linspace(-40, 40, 4001)
    assert np.abs(ndtr(x[:, None] / np.sqrt(S2)) @ weight - expit(x)).max() < 1e-10
    assert abs(weight @ np.sqrt(1 / (2 * np.pi * S2)) - 1 / 4) < 1e-15
    assert abs(weight @ S2 - np.pi**2 / 3) < 1e-14


@pytest.mark.parametrize("k", [0.3, 0.999, 1.001, 1.7])
def test_the_density_of_kolmogorov(k):
    law = lambda k: 1 - 2 * mp.nsum(lambda j: (-1) ** (j - 1) * mp.exp(-2 * (j * k) ** 2), [1, 60])  # noqa: E731
    with mp.workdps(40):
        expected = float(mp.diff(law, k))
    assert abs(kinks._kolmogorov_density(np.array([k]))[0] - expected) < 1e-14 * expected + 1e-16


@pytest.mark.parametrize(("g", "h"), CROSS)
def test_against_monte_carlo(g, h):
    x = np.random.default_rng(5).standard_normal((400_000, 2)) @ np.linalg.cholesky(COVARIANCE).T
    sample = activation(g).f(x[:, 0]) * activation(h).f(x[:, 1])
    assert abs(I2(g, h, COVARIANCE) - sample.mean()) < 3 * sample.std() / np.sqrt(len(sample))


@pytest.mark.parametrize(("g", "h"), PAIRS)
@pytest.mark.parametrize("point", [(0.7, -0.5, 1.9), (40.0, 9.0, 3.0), (0.02, 0.01, 0.03)])
def test_derivatives_are_those_of_the_value(g, h, point):
    p, c, q = point
    reach = (p * q - c * c) / (2 * max(p, q))  # to where the covariance is singular
    e, size = 2e-3 * reach, scale(g, h, p, q) / reach
    found = pair_averages(g, h, *point)
    for index, derivative in enumerate((found.by_p, found.by_c, found.by_q)):
        shifts = np.array([-2, -1, 1, 2])[:, None] * e * np.eye(3)[index]
        values = pair_averages(g, h, *(np.array(point) + shifts).T).value
        assert abs(values @ [1, -8, 8, -1] / (12 * e) - derivative) < 1e-10 * size


@pytest.mark.parametrize(("g", "h"), PAIRS)
def test_parallel_and_opposite_fields_are_limits(g, h):
    for side in (1, -1):
        p, q = 1.1, 1.1 * 0.49
        c = side * 0.7 * 1.1
        limit = pair_averages(g, h, p, c, q)
        assert not np.isnan(limit).any()
        near = pair_averages(g, h, p, c * (1 - 1e-10), q)
        jumps = {g, h} <= {"step", "sign"}
        assert abs(near.value - limit.value) < (2e-5 if jumps else 1e-9)
        assert np.isinf(limit.by_c) if jumps else abs(near.by_c - limit.by_c) < 2e-5


@pytest.mark.parametrize(("g", "h"), list(itertools.product(NAMES, NAMES)))
def test_a_field_that_vanishes_counts_as_independent(g, h):
    at_zero = float(activation(g).f(np.zeros(1))[0]) if g != "step" else 0.5
    mean = pair_averages("step", h, 1.0, 0.0, 1.3).value * 2
    found = pair_averages(g, h, 0.0, 0.0, 1.3)
    assert abs(found.value - at_zero * mean) < 1e-15
    assert not np.isnan([found, pair_averages(h, g, 1.3, 0.0, 0.0), pair_averages(g, h, 0.0, 0.0, 0.0)]).any()
    C = np.zeros((3, 3))
    C[1:, 1:] = COVARIANCE
    assert not np.isnan(I3(g, h, C))


def test_small_variances_keep_their_relative_accuracy():
    assert abs(pair_averages("tanh", "tanh", 1e-12, 5e-13, 1e-12).value / 5e-13 - 1) < 1e-11
    assert abs(pair_averages("tanh", "erf", 1e-12, 5e-13, 1e-12).value / 5e-13 * np.sqrt(np.pi / 2) - 1) < 1e-11


def test_other_activations_have_no_such_form():
    assert decomposition(activation("hermite-3")) is None
    with pytest.raises(ArgumentError, match="is 'square'"):
        pair_averages("tanh", "square", 1.0, 0.0, 1.0)
