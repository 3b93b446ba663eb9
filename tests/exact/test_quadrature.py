"""Quadrature over Gaussian fields: closed forms of erf and ReLU, orthants, and high-precision integrals.

Every comparison asks for two things: the value lies within the reported error, and that error is small.
"""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy.special import erf

from tutelage.errors import ArgumentError
from tutelage.gaussian.quadrature import Average, QuadratureError, product_average

KINK = (0.0,)
SCALES = {"unit": (1, 1, 1, 1), "small": (1e-6,) * 4, "large": (50,) * 4, "mixed": (1e-6, 50, 1, 3)}


def g(x):
    return erf(x / math.sqrt(2))


def g_prime(x):
    return math.sqrt(2 / math.pi) * np.exp(-(x**2) / 2)


def identity(x):
    return x


def relu(x):
    return np.maximum(x, 0.0)


def step(x):
    return np.heaviside(x, 0.5)


def covariance(n: int, seed: int, scales=(1, 1, 1, 1), separation: float = 1.0, rank: int = 5) -> np.ndarray:
    """Random fields with the given variances; the last makes an angle of about `separation` with the first."""
    vectors = np.random.default_rng(seed).normal(size=(n, rank))
    vectors[-1] = vectors[0] + separation * vectors[-1]
    vectors *= np.sqrt(scales[:n])[:, None] / np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors.T


def check(average: Average, expected: float, largest: float) -> None:
    assert abs(average.value - expected) <= average.error
    assert average.error <= largest


# Closed forms; erf stands for g(x) = erf(x / sqrt 2)


def erf_J2(C):
    return 2 / math.pi / math.sqrt((1 + C[0, 0]) * (1 + C[1, 1]) - C[0, 1] ** 2)


def erf_I2(C):
    return 2 / math.pi * math.asin(C[0, 1] / math.sqrt((1 + C[0, 0]) * (1 + C[1, 1])))


def erf_I3(C):
    L3 = (1 + C[0, 0]) * (1 + C[2, 2]) - C[0, 2] ** 2
    return 2 / math.pi * (C[1, 2] * (1 + C[0, 0]) - C[0, 1] * C[0, 2]) / ((1 + C[0, 0]) * math.sqrt(L3))


def erf_I4(C):
    (C11, C12, C13, C14), (_, C22, C23, C24), (_, _, C33, C34), (_, _, _, C44) = C
    L4 = (1 + C11) * (1 + C22) - C12**2
    L0 = L4 * C34 - C23 * C24 * (1 + C11) - C13 * C14 * (1 + C22) + C12 * C13 * C24 + C12 * C14 * C23
    L1 = L4 * (1 + C33) - C23**2 * (1 + C11) - C13**2 * (1 + C22) + 2 * C12 * C13 * C23
    L2 = L4 * (1 + C44) - C24**2 * (1 + C11) - C14**2 * (1 + C22) + 2 * C12 * C14 * C24
    return 4 / math.pi**2 * math.asin(L0 / math.sqrt(L1 * L2)) / math.sqrt(L4)


def angle(C, i, j):
    """The arcsine of the correlation; without cancellation near coinciding fields."""
    a, b = C[i, i] * C[j, j] - C[i, j] ** 2, C[i, j]
    return math.atan2(b, math.sqrt(max(a, 0.0)))


def relu_J2(C):
    return 1 / 4 + angle(C, 0, 1) / (2 * math.pi)


def relu_I2(C):
    root = math.sqrt(max(C[0, 0] * C[1, 1] - C[0, 1] ** 2, 0.0))
    return (root + C[0, 1] * (math.pi / 2 + angle(C, 0, 1))) / (2 * math.pi)


def relu_I3(C):
    root = math.sqrt(max(C[0, 0] * C[2, 2] - C[0, 2] ** 2, 0.0))
    return C[0, 1] * root / (2 * math.pi * C[0, 0]) + C[1, 2] * (1 / 4 + angle(C, 0, 2) / (2 * math.pi))


ERF = {"J2": ([g_prime] * 2, erf_J2), "I2": ([g] * 2, erf_I2), "I3": ([g_prime, identity, g], erf_I3)}
RELU = {
    "J2": ([step, step], [KINK, KINK], relu_J2),
    "I2": ([relu, relu], [KINK, KINK], relu_I2),
    "I3": ([step, identity, relu], [KINK, (), KINK], relu_I3),
}


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("separation", [1.0, 0.1, 1.4e-3, 0.0])
@pytest.mark.parametrize("name", ERF)
def test_erf(name, separation, scales):
    functions, closed = ERF[name]
    C = covariance(len(functions), 1, scales, separation)
    check(product_average(functions, C), closed(C), 1e-11 * max(1.0, math.sqrt(C.max())))


@pytest.mark.parametrize("separation", [1.0, 1.4e-3, 0.0])
@pytest.mark.parametrize("scales", [(1, 1, 1, 1), (1e-6,) * 4, (0.1, 4, 1, 2)])
def test_erf_I4(separation, scales):
    C = covariance(4, 2, scales, separation)
    check(product_average([g_prime, g_prime, g, g], C), erf_I4(C), 1e-11)


def test_erf_I4_at_large_variance():
    C = covariance(4, 2, (50,) * 4)
    check(product_average([g_prime, g_prime, g, g], C, tolerance=1e-3), erf_I4(C), 1e-5)


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("separation", [1.0, 0.1, 1.4e-3, 0.0])
@pytest.mark.parametrize("name", RELU)
def test_relu(name, separation, scales):
    functions, kinks, closed = RELU[name]
    C = covariance(len(functions), 3, scales, separation)
    check(product_average(functions, C, kinks=kinks), closed(C), 1e-11 * max(1.0, C.max()))


@pytest.mark.parametrize("name", RELU)
def test_relu_of_opposite_fields(name):
    functions, kinks, closed = RELU[name]
    C = covariance(len(functions), 3, separation=0.0)
    sign = np.ones(len(C))
    sign[-1] = -1
    C = C * np.outer(sign, sign)
    check(product_average(functions, C, kinks=kinks), closed(C), 1e-11)


@pytest.mark.parametrize(("n", "expected"), [(1, 1 / 2), (2, 1 / 3), (3, 1 / 4), (4, 1 / 5)])
def test_orthants_of_equally_correlated_fields(n, expected):
    C = (np.eye(n) + 1) / 2
    check(product_average([step] * n, C, kinks=[KINK] * n), expected, 1e-11)


@pytest.mark.parametrize("separation", [1.0, 1e-2, 1e-3])
def test_orthant_of_three_nearly_coinciding_fields(separation):
    vectors = np.random.default_rng(4).normal(size=(3, 5))
    vectors[1:] = vectors[0] + separation * vectors[1:]
    C = vectors @ vectors.T
    expected = 1 / 8 + (angle(C, 0, 1) + angle(C, 0, 2) + angle(C, 1, 2)) / (4 * math.pi)
    check(product_average([step] * 3, C, kinks=[KINK] * 3), expected, 1e-11)


@pytest.mark.parametrize("rank", [2, 3])
def test_four_relus_of_repeated_fields(rank):
    """Fields 1 2 2 2: C22 (1/4 + asin rho / 2 pi) + C12 sqrt(det) / (2 pi C11); fields 1 2 2 3: <step relu> <relu>."""
    small = covariance(2, 6)
    which = [0, 1, 1, 1] if rank == 2 else [0, 1, 1, 2]
    if rank == 2:
        C = small[np.ix_(which, which)]
        root = math.sqrt(np.linalg.det(small))
        expected = small[1, 1] * relu_J2(small) + small[0, 1] * root / (2 * math.pi * small[0, 0])
    else:  # the last field is independent of the others
        C = np.zeros((3, 3))
        C[:2, :2], C[2, 2] = small, 2.0
        C = C[np.ix_(which, which)]
        half = (small[0, 1] / math.sqrt(small[0, 0]) + math.sqrt(small[1, 1])) / math.sqrt(8 * math.pi)
        expected = half / math.sqrt(math.pi)
    check(product_average([step, step, relu, relu], C, kinks=[KINK] * 4), expected, 1e-11)


def test_four_relus_by_pairs_of_independent_fields():
    C = np.zeros((4, 4))
    C[:2, :2], C[2:, 2:] = covariance(2, 7), covariance(2, 8)
    average = product_average([step, step, relu, relu], C, kinks=[KINK] * 4)
    check(average, relu_J2(C[:2, :2]) * relu_I2(C[2:, 2:]), 1e-11)


def test_kinks_away_from_zero():
    """<clip(x)^2> = 1 - 2 phi(1) - ... in closed form, as one field and as two coinciding ones."""

    def clip(x):
        return np.clip(x, -1.0, 1.0)

    tail = math.erfc(1 / math.sqrt(2))
    expected = 1 - 2 * math.exp(-0.5) / math.sqrt(2 * math.pi)
    check(product_average([lambda x: clip(x) ** 2], [[1.0]], kinks=[(-1.0, 1.0)]), expected, 1e-11)
    check(product_average([clip, clip], np.ones((2, 2)), kinks=[(-1.0, 1.0)] * 2), expected, 1e-11)
    outer = product_average([lambda x: abs(x) > 1.0], [[1.0]], kinks=[(-1.0, 1.0)])
    check(outer, tail, 1e-11)


def test_tanh_against_high_precision():
    with mpmath.workdps(30):
        one = mpmath.quad(lambda z: mpmath.npdf(z) * mpmath.tanh(3 * z) ** 2, [-12, -4, 0, 4, 12])
        weak = mpmath.quad(lambda z: mpmath.npdf(z) * mpmath.sech(mpmath.sqrt(50) * z) ** 2, mpmath.linspace(-8, 8, 33))
    check(product_average([lambda x: np.tanh(x) ** 2], [[9.0]]), float(one), 1e-11)
    check(product_average([np.tanh, np.tanh], np.full((2, 2), 9.0)), float(one), 1e-11)
    check(product_average([lambda x: np.cosh(x) ** -2.0], [[50.0]]), float(weak), 1e-11)


def test_tanh_of_two_fields_against_its_hermite_series():
    """<tanh(x) tanh(y)> = sum_k c_k^2 rho^k / k! with c_k = <He_k tanh>, in high precision."""
    rho, total = 0.3, 0.0
    with mpmath.workdps(20):
        for k in range(1, 22, 2):

            def integrand(z, k=k):
                hermite = 2 ** (-mpmath.mpf(k) / 2) * mpmath.hermite(k, z / mpmath.sqrt(2))
                return mpmath.npdf(z) * hermite * mpmath.tanh(z)

            total += mpmath.quad(integrand, [0, 4, 14]) ** 2 * 4 * rho**k / mpmath.factorial(k)
    check(product_average([np.tanh, np.tanh], [[1.0, rho], [rho, 1.0]]), float(total), 1e-11)


def test_four_tanh_do_not_depend_on_the_order_of_fields():
    C = covariance(4, 9)
    functions = [np.tanh, np.cos, np.sin, identity]
    average = product_average(functions, C)
    order = [2, 0, 3, 1]
    shuffled = product_average([functions[i] for i in order], C[np.ix_(order, order)])
    assert abs(average.value - shuffled.value) <= average.error + shuffled.error < 1e-11


def test_fields_without_variance_sit_at_zero():
    check(product_average([np.cos, np.exp], [[1.0, 0.0], [0.0, 0.0]]), math.exp(-0.5), 1e-11)
    check(product_average([np.cos] * 3, np.zeros((3, 3))), 1.0, 1e-11)
    check(product_average([relu, np.cos], np.zeros((2, 2)), kinks=[KINK, ()]), 0.0, 0.0)


def test_what_vanishes_by_symmetry_vanishes():
    check(product_average([np.tanh] * 3, covariance(3, 10)), 0.0, 1e-11)
    check(product_average([step, step], [[1.0, -1.0], [-1.0, 1.0]], kinks=[KINK] * 2), 0.0, 1e-11)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("function", [relu, lambda x: step(x - 0.3)], ids=["relu", "step"])
def test_an_undeclared_kink_raises_with_an_honest_error(function, n):
    C = (np.eye(n) + 1) / 2
    truth = product_average([function] * n, C, kinks=[(0.0 if function is relu else 0.3,)] * n)
    with pytest.raises(QuadratureError, match="declare where in `kinks`") as raised:
        product_average([function] * n, C, budget=100_000)
    assert 1e-11 < raised.value.error < 0.1
    assert abs(raised.value.value - truth.value) <= raised.value.error


def test_too_small_a_budget_raises():
    C = covariance(4, 11, (50,) * 4)
    with pytest.raises(QuadratureError, match="raise `budget`") as raised:
        product_average([g_prime, g_prime, g, g], C, budget=300_000)
    assert abs(raised.value.value - erf_I4(C)) <= raised.value.error


@pytest.mark.parametrize("rate", [0.4, 0.49])
def test_a_function_that_grows_too_fast_raises(rate):
    with pytest.raises(QuadratureError) as raised:
        product_average([lambda x: np.exp(rate * x**2)], [[1.0]])
    assert abs(raised.value.value - (1 - 2 * rate) ** -0.5) <= 50 * raised.value.error


def test_one_field_that_grows_too_fast_among_four_raises():
    with pytest.raises(QuadratureError):
        product_average([np.cos, np.cos, np.cos, lambda x: np.exp(0.4 * x**2)], np.eye(4), budget=200_000)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"functions": []}, "`functions` must hold 1 to 4"),
        ({"C": np.eye(3)}, "`C` must have shape"),
        ({"C": [[1.0, 2.0], [2.0, 1.0]]}, "`C` must be positive semidefinite"),
        ({"C": [[1.0, 0.5], [0.0, 1.0]]}, "`C` must be symmetric"),
        ({"kinks": [KINK]}, "`kinks` must hold one sequence for each"),
        ({"kinks": [KINK, (math.nan,)]}, "`kinks` must be a finite number"),
        ({"tolerance": 0.0}, "`tolerance` must be a finite number >= 1e-13"),
        ({"budget": 0}, "`budget` must be an integer >= 1"),
        ({"functions": [np.cos, lambda x: np.where(x > 3, np.nan, x)]}, "`functions` must return finite values"),
    ],
)
def test_unusable_arguments_are_refused(change, sentence):
    arguments = {"functions": [np.cos, np.cos], "C": np.eye(2), "kinks": None} | change
    with pytest.raises(ArgumentError, match=sentence):
        product_average(**arguments)
