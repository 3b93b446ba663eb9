"""Polynomial averages: known moments, sums over pairings, and tensor Gauss-Hermite quadrature."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from itertools import zip_longest

import numpy as np
import pytest
from numpy.polynomial import hermite_e, polynomial

from tutelage.errors import ArgumentError
from tutelage.gaussian.polynomial import product_average


def random_covariance(rng: np.random.Generator, n: int, rank: int | None = None) -> np.ndarray:
    factor = rng.normal(size=(n, rank or n + 1))
    return factor @ factor.T / factor.shape[1]


def monomial(power: int) -> np.ndarray:
    return np.eye(power + 1)[power]


def pairings(items: tuple[int, ...]):
    """Yield every way to split `items` into pairs."""
    if not items:
        yield []
        return
    for k in range(1, len(items)):
        for rest in pairings(items[1:k] + items[k + 1 :]):
            yield [(items[0], items[k]), *rest]


def isserlis(powers: tuple[int, ...], C: np.ndarray) -> float:
    """The moment <prod x_i^powers_i> as the sum over pairings of products of covariances."""
    items = tuple(i for i, power in enumerate(powers) for _ in range(power))
    return sum(math.prod(C[a, b] for a, b in pairing) for pairing in pairings(items))


def tensor_gauss_hermite(polynomials: list[np.ndarray], C: np.ndarray) -> float:
    """The average by an exact tensor rule in the eigenbasis of C."""
    order = sum(len(p) - 1 for p in polynomials) // 2 + 1
    nodes, weights = hermite_e.hermegauss(order)
    values, vectors = np.linalg.eigh(C)
    grid = np.array(list(itertools.product(nodes, repeat=len(C))))
    mass = np.prod(np.array(list(itertools.product(weights, repeat=len(C)))), axis=1) / (2 * np.pi) ** (len(C) / 2)
    fields = grid @ (vectors * np.sqrt(values.clip(min=0))).T
    return float(mass @ np.prod([polynomial.polyval(fields[:, i], p) for i, p in enumerate(polynomials)], axis=0))


@pytest.mark.parametrize("j", range(11))
@pytest.mark.parametrize("rho", [-1.0, -0.3, 0.0, 0.9, 1.0])
def test_hermite_polynomials_are_orthogonal(j, rho):
    for k in range(11):
        average = product_average(
            [hermite_e.herme2poly(monomial(j)), hermite_e.herme2poly(monomial(k))], [[1, rho], [rho, 1]]
        )
        expected = math.factorial(j) * rho**j if j == k else 0.0
        assert average == pytest.approx(expected, abs=1e-12 * math.sqrt(math.factorial(j) * math.factorial(k)))


@pytest.mark.parametrize(
    "powers", [(1, 1, 1, 1), (2, 1, 1), (2, 2, 2), (1, 1, 1, 1, 1, 1), (3, 2, 1), (2, 0, 4, 2), (1, 2)]
)
def test_moments_are_sums_over_pairings(powers):
    C = random_covariance(np.random.default_rng(sum(powers)), len(powers))
    assert product_average([monomial(p) for p in powers], C) == pytest.approx(isserlis(powers, C), rel=1e-13)


def test_one_field():
    for power, moment in [(0, 1), (1, 0), (2, 2), (3, 0), (4, 12), (10, 945 * 32)]:
        assert product_average([monomial(power)], [[2.0]]) == pytest.approx(moment, rel=1e-14)


@pytest.mark.parametrize("degrees", [(10,), (10, 7), (3, 5, 4), (2, 3, 0, 2), (4, 4, 4, 4), (1, 2, 1, 2, 1)])
@pytest.mark.parametrize("singular", [False, True])
def test_agrees_with_tensor_gauss_hermite(degrees, singular):
    rng = np.random.default_rng(len(degrees))
    n = len(degrees)
    C = random_covariance(rng, n, max(1, n - 1) if singular else None)
    polynomials = [rng.normal(size=degree + 1) for degree in degrees]
    size = math.sqrt(
        math.prod(
            product_average([polynomial.polymul(p, p)], C[i : i + 1, i : i + 1]) for i, p in enumerate(polynomials)
        )
    )
    assert product_average(polynomials, C) == pytest.approx(tensor_gauss_hermite(polynomials, C), abs=1e-12 * size)


def test_coinciding_opposite_and_vanishing_fields():
    p, q = np.array([1.0, -2.0, 0.5, 3.0]), np.array([0.3, 1.0, 0.0, -1.0, 2.0])
    opposite = q * (-1.0) ** np.arange(len(q))
    same = product_average([polynomial.polymul(p, q)], [[1.7]])
    assert product_average([p, q], np.full((2, 2), 1.7)) == pytest.approx(same, rel=1e-14)
    assert product_average([p, opposite], [[1.7, -1.7], [-1.7, 1.7]]) == pytest.approx(same, rel=1e-14)
    assert product_average([p, q], [[0, 0], [0, 1.7]]) == pytest.approx(p[0] * product_average([q], [[1.7]]), rel=1e-14)
    assert product_average([p, q], np.zeros((2, 2))) == pytest.approx(p[0] * q[0])


def test_order_of_fields_is_irrelevant():
    rng = np.random.default_rng(5)
    polynomials, C = [rng.normal(size=k) for k in (2, 5, 1, 4)], random_covariance(rng, 4)
    expected = product_average(polynomials, C)
    for order in itertools.permutations(range(4)):
        shuffled = product_average([polynomials[i] for i in order], C[np.ix_(order, order)])
        assert shuffled == pytest.approx(expected, rel=1e-12)


def test_averages_that_drive_the_dynamics_of_a_quadratic_network():
    """For g = x^2: J2 = 4 C12, I2 = C11 C22 + 2 C12^2, I3 = <2 x1 x2 x3^2>, I4 = <4 x1 x2 x3^2 x4^2>."""
    C = random_covariance(np.random.default_rng(2), 4)
    g, prime, identity = [0, 0, 1], [0, 2], [0, 1]
    assert product_average([prime, prime], C[:2, :2]) == pytest.approx(4 * C[0, 1])
    assert product_average([g, g], C[:2, :2]) == pytest.approx(C[0, 0] * C[1, 1] + 2 * C[0, 1] ** 2)
    assert product_average([prime, identity, g], C[:3, :3]) == pytest.approx(2 * isserlis((1, 1, 2), C))
    assert product_average([prime, prime, g, g], C) == pytest.approx(4 * isserlis((1, 1, 2, 2), C))
    assert product_average([prime] * 4, C) == pytest.approx(16 * isserlis((1, 1, 1, 1), C))


def exact_moment(a: int, b: int, p: Fraction, c: Fraction, q: Fraction) -> Fraction:
    """Return <x^a y^b>: j pairs across, the rest within, each counted."""
    f, total = math.factorial, Fraction(0)
    for j in range(a % 2, min(a, b) + 1, 2):
        i, k = (a - j) // 2, (b - j) // 2
        total += Fraction(f(a) * f(b), f(j) * f(i) * f(k) * 2 ** (i + k)) * c**j * p**i * q**k
    return total


def exact_hermite_average(m: int, n: int, p: float, c: float, q: float) -> Fraction:
    """Return <He_m(x) He_n(y)> in rational arithmetic, from moments."""
    powers = [[1], [0, 1]]
    for k in range(1, max(m, n)):
        powers.append([a - b for a, b in zip_longest([0, *powers[k]], [k * x for x in powers[k - 1]], fillvalue=0)])
    p, c, q = map(Fraction, (p, c, q))
    terms = ((x * y, a, b) for a, x in enumerate(powers[m]) for b, y in enumerate(powers[n]) if x and y)
    return sum((w * exact_moment(a, b, p, c, q) for w, a, b in terms if (a + b) % 2 == 0), Fraction(0))


@pytest.mark.parametrize(("m", "n"), [(3, 3), (2, 4), (20, 20), (40, 38), (61, 61), (70, 70)])
@pytest.mark.parametrize(("p", "c", "q"), [(1.0, 0.25, 1.0), (1.0, -1.0, 1.0), (0.75, 0.5, 1.5), (1.5, 1.25, 1.125)])
def test_steep_hermite_polynomials_against_rational_arithmetic(m, n, p, c, q):
    average = product_average([monomial(m), monomial(n)], [[p, c], [c, q]], hermite=[True, True])
    exact = exact_hermite_average(m, n, p, c, q)
    size = math.sqrt(exact_hermite_average(m, m, p, p, p)) * math.sqrt(exact_hermite_average(n, n, q, q, q))
    assert abs(average - float(exact)) < 1e-13 * size


def test_hermite_coefficients_and_powers_of_several_fields_agree():
    rng = np.random.default_rng(6)
    hermite, powers, C = rng.normal(size=(2, 4)), rng.normal(size=3), random_covariance(rng, 3)
    mixed = product_average([hermite[0], powers, hermite[1]], C, hermite=[True, False, True])
    plain = product_average([hermite_e.herme2poly(hermite[0]), powers, hermite_e.herme2poly(hermite[1])], C)
    assert mixed == pytest.approx(plain, rel=1e-12)


def test_a_batch_of_covariances_is_averaged_at_once():
    rng = np.random.default_rng(8)
    polynomials = [rng.normal(size=k) for k in (3, 5, 4, 2)]
    C = np.array([[random_covariance(rng, 4) for _ in range(3)] for _ in range(2)])
    batch = product_average(polynomials, C)
    assert isinstance(batch, np.ndarray)
    assert batch.shape == (2, 3)
    for index in np.ndindex(2, 3):
        assert batch[index] == pytest.approx(product_average(polynomials, C[index]), rel=1e-13)
    assert isinstance(product_average(polynomials, C[0, 0]), float)


@pytest.mark.parametrize(
    ("polynomials", "C", "sentence"),
    [
        ([[1.0, 2.0]], np.eye(2), "`C` must have shape"),
        ([[1.0], [np.nan]], np.eye(2), r"`polynomials\[1\]` must be finite"),
        ([[1.0], [1.0]], [[1.0, 0.5], [0.0, 1.0]], "`C` must be symmetric"),
        ([[1.0]], [[np.inf]], "`C` must be finite"),
        ([], np.zeros((0, 0)), "`polynomials` must hold at least one"),
    ],
)
def test_unusable_arguments_are_refused(polynomials, C, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        product_average(polynomials, C)
