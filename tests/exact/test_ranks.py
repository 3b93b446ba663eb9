"""Generic ranks: exact arithmetic against formulas, rational elimination and floating point."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tutelage import landscape
from tutelage.activations import activation
from tutelage.landscape import generic_rank, rank_formula
from tutelage.landscape.ranks import PRIMES, SERIES, rank_modulo

SUPPORTS = [
    (*low, top) for top in range(1, 8) for size in range(top + 1) for low in itertools.combinations(range(top), size)
]


def poly(degrees, seed=0):
    """A polynomial with random small whole coefficients at these degrees."""
    c = np.zeros(max(degrees) + 1)
    c[list(degrees)] = np.random.default_rng((seed, *degrees)).integers(1, 9, len(degrees))
    return f"polynomial({', '.join(map(str, c.tolist()))})"


def exact(g, inputs, hidden):
    """The rank by two primes; a third draw where it falls short of the formula."""
    expected = rank_formula(g, inputs, hidden).rank
    found = generic_rank(g, inputs, hidden, trials=1)
    return found if found == expected else generic_rank(g, inputs, hidden, trials=3, seed=7)


def sizes(most):
    return [(i, h) for i in range(1, 7) for h in range(1, 16) if h * (i + 1) <= most]


def test_primes_are_prime():
    for prime in PRIMES:
        assert prime < 2**31
        assert all(prime % d for d in range(2, 46341))


def test_elimination_modulo_a_prime_counts_like_rational_elimination():
    rng = np.random.default_rng(0)
    for rows, columns, rank in ((6, 9, 4), (9, 6, 6), (5, 5, 1), (4, 7, 0)):
        A = rng.integers(-9, 9, (rows, rank)) @ rng.integers(-9, 9, (rank, columns))
        B = [[Fraction(int(a)) for a in row] for row in A]
        count = 0
        for column in range(columns):
            pivot = next((r for r in range(count, rows) if B[r][column]), None)
            if pivot is None:
                continue
            B[count], B[pivot] = B[pivot], B[count]
            for r in range(count + 1, rows):
                factor = B[r][column] / B[count][column]
                B[r] = [a - factor * b for a, b in zip(B[r], B[count], strict=True)]
            count += 1
        assert rank_modulo(A, PRIMES[0]) == count
        assert count == np.linalg.matrix_rank(A)


@pytest.mark.parametrize("degrees", [(1,), (2,), (3,), (1, 2), (0, 1, 2), (1, 3), (2, 4)])
def test_exact_arithmetic_agrees_with_singular_values(degrees):
    g = poly(degrees)
    for inputs, hidden in ((3, 2), (2, 4), (4, 3)):
        found = landscape.numerical_rank(g, inputs, hidden)
        assert found.rank == generic_rank(g, inputs, hidden)
        assert found.next < 1e-3 * found.smallest


def test_known_ranks_of_linear_and_square():
    for inputs, hidden in ((4, 2), (4, 4), (4, 9)):
        r = min(inputs, hidden)
        assert generic_rank("linear", inputs, hidden) == inputs
        assert generic_rank("square", inputs, hidden) == r * inputs - r * (r - 1) // 2


@pytest.mark.parametrize(
    ("degree", "inputs", "hidden", "rank"), [(3, 5, 7, 34), (4, 3, 5, 14), (4, 4, 9, 34), (4, 5, 14, 69)]
)
def test_exceptions_of_alexander_and_hirschowitz(degree, inputs, hidden, rank):
    """One less than the dimension of the forms, for every prime."""
    g = poly((degree,))
    assert generic_rank(g, inputs, hidden, trials=3) == rank
    assert rank_formula(g, inputs, hidden).rank == rank
    assert rank_formula(g, inputs, hidden).exact
    assert generic_rank(g, inputs, hidden + 1) == rank + 1


@pytest.mark.parametrize(
    ("degrees", "inputs", "hidden", "rank"),
    [((1, 3), 5, 6, 35), ((2, 3), 4, 6, 29), ((1, 4), 3, 5, 17), ((2, 4), 4, 9, 43), ((0, 1, 2, 3), 4, 7, 34)],
)
def test_ranks_below_the_smaller_of_parameters_and_dimension(degrees, inputs, hidden, rank):
    assert generic_rank(poly(degrees), inputs, hidden, trials=3) == rank
    assert rank_formula(poly(degrees), inputs, hidden).rank == rank


@pytest.mark.parametrize("degrees", [s for s in SUPPORTS if s[-1] <= 4], ids=str)
def test_formulas_are_exact_arithmetic(degrees):
    g = poly(degrees)
    for inputs, hidden in sizes(30):
        assert exact(g, inputs, hidden) == rank_formula(g, inputs, hidden).rank, (inputs, hidden)


@pytest.mark.slow
@pytest.mark.parametrize("degrees", SUPPORTS, ids=str)
def test_formulas_are_exact_arithmetic_in_larger_networks(degrees):
    g = poly(degrees, seed=1)
    for inputs, hidden in sizes(90 if degrees[-1] < 6 else 50):
        assert exact(g, inputs, hidden) == rank_formula(g, inputs, hidden).rank, (inputs, hidden)


@pytest.mark.slow
@pytest.mark.parametrize("degree", range(1, 7))
def test_powers_in_larger_networks(degree):
    for inputs in range(1, 8):
        for hidden in range(1, 21):
            if hidden * (inputs + 1) <= 140:
                assert exact(poly((degree,)), inputs, hidden) == rank_formula(poly((degree,)), inputs, hidden).rank


def test_coefficients_matter_by_being_zero_alone():
    for g in ("polynomial(1, 3, 3, 1)", "polynomial(0.1, -0.7, 2.5, 1e-3)", "polynomial(1, 1, 1, 1)"):
        assert generic_rank(g, 4, 7) == 34
    assert generic_rank("hermite-3", 5, 6) == generic_rank("polynomial(0, 1, 0, 1)", 5, 6) == 35


def test_constants_and_nothing():
    assert generic_rank("polynomial(2)", 3, 2) == rank_formula("polynomial(2)", 3, 2).rank == 1
    assert generic_rank("polynomial(0)", 3, 2) == rank_formula("polynomial(0)", 3, 2).rank == 0


def test_rank_on_few_samples():
    for samples in (3, 12, 40):
        assert generic_rank("square", 5, 3, samples=samples) == min(samples, 12)
    assert landscape.numerical_rank("erf", 4, 5, samples=10).rank == 10


@pytest.mark.parametrize("g", ["erf", "tanh", "sigmoid", "normal_cdf", "softplus", "silu", "gelu"])
def test_degrees_of_power_series(g):
    """Coefficients by Cauchy's integral, on a circle within the radius of convergence."""
    from scipy.special import erf

    function = {
        "erf": lambda z: erf(z / np.sqrt(2)),
        "tanh": np.tanh,
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "normal_cdf": lambda z: (1 + erf(z / np.sqrt(2))) / 2,
        "softplus": lambda z: np.log(1 + np.exp(z)),
        "silu": lambda z: z / (1 + np.exp(-z)),
        "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    }[g]
    circle = np.exp(2j * np.pi * np.arange(64) / 64)
    real = np.linspace(-1, 1, 5)
    np.testing.assert_allclose(function(real + 0j).real, activation(g)(real), atol=1e-14)
    coefficients = (np.fft.fft(function(circle)) / 64).real[:14]
    first, step, low = SERIES[g]
    expected = [k in low or (k >= first and (k - first) % step == 0) for k in range(14)]
    assert list(np.abs(coefficients) > 1e-12) == expected


def test_rank_of_a_power_series_is_full():
    for g, inputs, hidden in (("erf", 1, 10), ("erf", 5, 7), ("tanh", 3, 8), ("softplus", 4, 4), ("gelu", 2, 5)):
        assert generic_rank(g, inputs, hidden) == hidden * (inputs + 1)
    assert generic_rank("erf", 5, 7, samples=20) == 20


def test_erf_is_full_and_relu_lacks_one_for_each_unit():
    full = landscape.numerical_rank("erf", 10, 20)
    assert full.rank == full.parameters == 220
    assert 1e-6 < full.smallest < 1e-2
    assert full.next == 0
    kinks = landscape.numerical_rank("relu", 10, 20)
    assert kinks.rank == 200
    assert kinks.next < 1e-10 * kinks.smallest
