"""Measures of information: closed values, an independent package, independent sums, and the bias of estimates."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tutelage import complexity
from tutelage.complexity import (
    conditional_mutual_information,
    mutual_information,
    mutual_information_from_joint,
    performance_correlation,
    performance_correlation_from_joint,
)


def h2(p: float) -> float:
    return -p * np.log2(p) - (1 - p) * np.log2(1 - p)


def flip(p: float) -> np.ndarray:
    return np.array([[1 - p, p], [p, 1 - p]])


def chain(first: float, second: float) -> np.ndarray:
    """Return the table (F, L, Y) of F - L - Y, each a flip of the one before."""
    return np.einsum("lf,yl->fly", flip(first), flip(second)) / 2


def independent_errors(f: float, l: float) -> np.ndarray:
    """Return the table (F, L, Y) of classifiers whose errors know nothing of each other."""
    return np.einsum("yf,yl->fly", flip(f), flip(l)) / 2


def retained(l: float, rest: float) -> np.ndarray:
    """Return the table (F, L, Y) of an F that is right wherever L is, and on a share of the rest."""
    P = np.zeros((2, 2, 2))
    for y in (0, 1):
        P[y, y, y] = (1 - l) / 2
        P[y, 1 - y, y], P[1 - y, 1 - y, y] = l * rest / 2, l * (1 - rest) / 2
    return P


def as_labels(counts: np.ndarray) -> list[np.ndarray]:
    """Return labels, an array an axis, that occur together as often as `counts` says."""
    index = np.indices(counts.shape).reshape(counts.ndim, -1)
    return list(np.repeat(index, counts.ravel(), axis=1))


def informations(P: np.ndarray) -> tuple[float, float, float]:
    """Return I(F;Y), I(F;Y|L) and mu by sums of p log(p / q) over the table (F, L, Y), term by term."""
    whole = conditional = 0.0
    pfy, pf, py = P.sum(1), P.sum((1, 2)), P.sum((0, 1))
    for f, y in np.argwhere(pfy > 0):
        whole += pfy[f, y] * np.log2(pfy[f, y] / (pf[f] * py[y]))
    for f, l, y in np.argwhere(P > 0):
        conditional += P[f, l, y] * np.log2(P[f, l, y] * P[:, l].sum() / (P[f, l].sum() * P[:, l, y].sum()))
    return whole, conditional, whole - conditional


REFERENCES = [  # table, I(F;Y), I(F;Y|L), mu, I(L;Y): in closed form where there is one, else to the digits known
    (chain(0.2, 0.1), 1 - h2(0.26), 0.0, 1 - h2(0.26), 1 - h2(0.1)),
    (chain(0.1, 0.2), 1 - h2(0.26), 0.0, 1 - h2(0.26), 1 - h2(0.2)),
    (independent_errors(0.05, 0.2), 1 - h2(0.05), h2(0.23) - h2(0.05), 1 - h2(0.23), 1 - h2(0.2)),
    (retained(0.2, 0.5), 1 - h2(0.1), None, None, 1 - h2(0.2)),
]


@pytest.mark.parametrize("case", range(len(REFERENCES)))
def test_explicit_tables(case):
    P, whole, conditional, mu, simple = REFERENCES[case]
    by_sums = informations(P)
    conditional = by_sums[1] if conditional is None else conditional
    mu = by_sums[2] if mu is None else mu
    assert mutual_information_from_joint(P.sum(1)) == pytest.approx(whole, abs=1e-12)
    assert mutual_information_from_joint(P.sum(0)) == pytest.approx(simple, abs=1e-12)
    assert performance_correlation_from_joint(P) == pytest.approx(mu, abs=1e-12)
    F, L, Y = as_labels(np.rint(P * 1000).astype(int))
    assert mutual_information(F, Y) == pytest.approx(whole, abs=1e-12)
    assert mutual_information(L, Y) == pytest.approx(simple, abs=1e-12)
    assert conditional_mutual_information(F, Y, given=L) == pytest.approx(conditional, abs=1e-12)
    assert performance_correlation(F, L, Y) == pytest.approx(mu, abs=1e-12)


def test_known_digits():
    assert performance_correlation_from_joint(chain(0.2, 0.1)) == pytest.approx(0.173254, abs=5e-7)
    assert performance_correlation_from_joint(independent_errors(0.05, 0.2)) == pytest.approx(0.2220, abs=5e-5)
    P = retained(0.2, 0.5)
    assert mutual_information_from_joint(P.sum(1)) == pytest.approx(0.5310, abs=5e-5)
    assert performance_correlation_from_joint(P) == pytest.approx(0.2620, abs=5e-5)
    assert performance_correlation_from_joint(P) < mutual_information_from_joint(P.sum(0)) - 0.015


def test_exclusive_or_is_minus_one_bit_and_a_copy_one():
    f, l = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert performance_correlation(f, l, f ^ l) == -1.0
    assert conditional_mutual_information(f, f ^ l, given=l) == 1.0
    assert performance_correlation(f, f, f) == 1.0
    assert mutual_information(f, l) == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_the_package_dit_agrees_on_random_tables(seed):
    dit = pytest.importorskip("dit")
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 5, size=3))
    P = rng.dirichlet(np.full(np.prod(shape), 0.3)).reshape(shape)
    P[rng.random(shape) < 0.2] = 0
    P /= P.sum()
    outcomes = ["".join(map(str, index)) for index in np.ndindex(*shape)]
    d = dit.Distribution(outcomes, P.ravel())
    whole, mu = dit.shannon.mutual_information(d, [0], [2]), dit.multivariate.coinformation(d, [[0], [1], [2]])
    assert mutual_information_from_joint(P.sum(1)) == pytest.approx(whole, abs=1e-12)
    assert performance_correlation_from_joint(P) == pytest.approx(mu, abs=1e-12)
    counts = rng.integers(0, 6, size=shape)
    d = dit.Distribution(outcomes, counts.ravel() / counts.sum())
    conditional = dit.multivariate.coinformation(d, [[0], [2]], [1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", complexity.UndersampledWarning)
        F, L, Y = as_labels(counts)
        assert conditional_mutual_information(F, Y, given=L) == pytest.approx(conditional, abs=1e-12)
        mu = dit.multivariate.coinformation(d, [[0], [1], [2]])
        assert performance_correlation(F, L, Y) == pytest.approx(mu, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_sums_over_tables_agree_with_entropies(seed):
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(60, 0.2)).reshape(3, 4, 5)
    whole, _, mu = informations(P)
    assert mutual_information_from_joint(P.sum(1)) == pytest.approx(whole, abs=1e-12)
    assert performance_correlation_from_joint(P) == pytest.approx(mu, abs=1e-12)
    for axes in ((0, 2, 1), (1, 0, 2), (2, 1, 0)):
        assert performance_correlation_from_joint(P.transpose(axes)) == pytest.approx(mu, abs=1e-12)


def mean_bias(classes: int, samples: int, draws: int, correction: str | None, measure: str = "mu") -> float:
    """Return the mean estimate from labels that know nothing of each other: the truth is 0."""
    rng = np.random.default_rng(0)
    values = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", complexity.UndersampledWarning)
        for _ in range(draws):
            f, l, y = rng.integers(classes, size=(3, samples))
            if measure == "mu":
                values.append(performance_correlation(f, l, y, correction=correction))
            else:
                values.append(mutual_information(f, y, correction=correction))
    return float(np.mean(values))


@pytest.mark.parametrize(
    ("samples", "correction", "bias"),
    [
        (360, None, -1.22),
        (2000, None, -0.31),
        (10_000, None, -0.054),
        (360, "miller-madow", -1.14),
        (2000, "miller-madow", -0.098),
        (360, "grassberger", -0.53),
    ],
)
def test_bias_of_mu_with_ten_classes(samples, correction, bias):
    assert mean_bias(10, samples, 30, correction) == pytest.approx(bias, rel=0.1)


@pytest.mark.parametrize(("samples", "most"), [(2000, 0.02), (10_000, 0.002)])
def test_what_grassberger_leaves_is_small(samples, most):
    assert abs(mean_bias(10, samples, 30, "grassberger")) < most < abs(mean_bias(10, samples, 10, None)) / 10


def test_bias_grows_as_the_formulas_say():
    expected = 81 / (2 * 10_000 * np.log(2))
    assert mean_bias(10, 10_000, 30, None, "information") == pytest.approx(expected, rel=0.1)
    assert abs(mean_bias(10, 10_000, 30, "miller-madow", "information")) < expected / 20
    # Two classes: the mean of 4,000 draws has a standard error of 2e-5.
    assert mean_bias(2, 1000, 4000, None) == pytest.approx(-1 / (2 * 1000 * np.log(2)), rel=0.15)
    assert abs(mean_bias(2, 1000, 4000, "miller-madow")) < 1e-4


def test_labels_may_be_many_and_rare():
    y = np.arange(3000)
    assert mutual_information(y % 2, y, correction="miller-madow") == pytest.approx(1.0, abs=1e-3)
    with pytest.warns(complexity.UndersampledWarning):
        assert performance_correlation(y, y * 7 + 1, y // 2) == pytest.approx(np.log2(1500), abs=1e-12)
