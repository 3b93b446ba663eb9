"""Measures between classifiers: any labels, refusals by name, warnings, bootstrap and shuffled labels."""

from __future__ import annotations

import numpy as np
import pytest

from tutelage import ArgumentError, complexity
from tutelage.complexity import (
    UndersampledWarning,
    bootstrap,
    conditional_mutual_information,
    mutual_information,
    mutual_information_from_joint,
    performance_correlation,
    performance_correlation_from_joint,
    shuffled,
    standard_error,
)

Y = np.arange(1200) % 2
F = np.where(np.arange(1200) % 10 == 0, 1 - Y, Y)
L = np.where(np.arange(1200) % 4 == 0, 1 - Y, Y)


@pytest.mark.parametrize(
    "relabel",
    [
        lambda a: a.tolist(),
        lambda a: a.astype(bool),
        lambda a: np.array(["no", "yes"])[a],
        lambda a: np.array(["no", 1], dtype=object)[a],
        lambda a: 2.0 * a - 1,
        lambda a: a * 10**12 - 5,
        lambda a: a.astype(np.uint8),
    ],
)
def test_labels_of_any_kind_give_the_same_plain_floats(relabel):
    for value, again in (
        (mutual_information(F, Y), mutual_information(relabel(F), Y)),
        (conditional_mutual_information(F, Y, given=L), conditional_mutual_information(F, relabel(Y), given=L)),
        (performance_correlation(F, L, Y), performance_correlation(relabel(F), relabel(L), relabel(Y))),
    ):
        assert type(value) is float
        assert value == pytest.approx(again, abs=1e-15)
    assert type(mutual_information_from_joint(np.eye(2) / 2)) is float
    assert type(performance_correlation_from_joint(np.full((2, 2, 2), 0.125))) is float


def test_order_of_samples_does_not_matter_and_mu_is_symmetric():
    order = np.random.default_rng(0).permutation(len(Y))
    mu = performance_correlation(F, L, Y)
    assert performance_correlation(F[order], L[order], Y[order]) == mu
    for each in ((L, F, Y), (Y, L, F), (L, Y, F)):
        assert performance_correlation(*each) == pytest.approx(mu, abs=1e-14)


def test_one_class_has_no_information():
    assert mutual_information(np.zeros(10), np.arange(10) % 2) == 0.0
    assert performance_correlation([0], ["a"], [True]) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mutual_information(F[1:], Y), "`y` must have a label for each of the 1199 samples of `f`"),
        (lambda: conditional_mutual_information(F, Y, given=L[1:]), "`given` must have a label for each"),
        (lambda: performance_correlation(F, L[1:], Y), "`l` must have a label for each of the 1200 samples"),
        (lambda: mutual_information([], []), "`f` must have a label for at least one sample, but is empty"),
        (lambda: mutual_information(F, Y[:, None]), r"`y` .* but has shape \(1200, 1\)"),
        (lambda: mutual_information([0.0, np.nan], [0, 1]), "`f` .* but contains NaN"),
        (lambda: mutual_information([0, 1], [0, None]), "`y` .* but contains None"),
        (lambda: mutual_information([0, 1], np.array(["a", np.nan], object)), "`y` .* but contains nan"),
        (lambda: mutual_information([0, 1], 3), "`y` .* but has shape"),
        (lambda: mutual_information([[0, 1], [2]], [0, 1]), "`f` must be labels of shape"),
        (lambda: mutual_information([1j, 0], [0, 1]), "`f` .* complex"),
        (lambda: mutual_information(F, Y, correction="none"), "`correction` must be one of"),
        (lambda: mutual_information_from_joint([[0.5, -0.1], [0.3, 0.3]]), "`P` .* >= 0, but contains -0.1"),
        (lambda: mutual_information_from_joint([[1, 2], [3, 4]]), "`P` .* of sum 1 .*counts.*, but sums to 10"),
        (lambda: mutual_information_from_joint([[np.nan, 1]]), "`P` must be finite"),
        (lambda: mutual_information_from_joint(np.zeros((0, 2))), "`P` .* but has shape"),
        (lambda: mutual_information_from_joint([0.5, 0.5]), r"`P` must be a table with the axes \(F, Y\)"),
        (lambda: mutual_information_from_joint("ab"), "`P` must be a table of probabilities"),
        (lambda: performance_correlation_from_joint(np.eye(2) / 2), r"axes \(F, L, Y\), but has shape \(2, 2\)"),
        (lambda: performance_correlation_from_joint(np.zeros((2, 2, 2))), "sums to 0"),
        (lambda: bootstrap(max, F, Y), "`measure` must be one of mutual_information, "),
        (lambda: bootstrap(mutual_information, F), "`labels` must be the arguments of mutual_information"),
        (lambda: shuffled(mutual_information, F, Y[1:]), "`y` must have a label"),
        (lambda: shuffled(mutual_information, F, Y, draws=0), "`draws` must be an integer >= 1"),
        (lambda: standard_error(mutual_information, F, Y, seed=-1), "`seed` must be"),
    ],
)
def test_refusals_name_the_argument(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_many_classes_on_few_samples_are_warned_of():
    rng = np.random.default_rng(0)
    f, l, y = rng.integers(10, size=(3, 10_000))
    with pytest.warns(UndersampledWarning, match=r"10 x 10 x 10 classes on 10000 samples .* up to 0.053 bits"):
        performance_correlation(f, l, y)
    mutual_information(f, y)  # 0.006 bits: no warning, which would be an error here
    performance_correlation(f, l, y, correction="grassberger")
    performance_correlation(F[:8], L[:8], Y[:8])  # two classes: its scatter is larger than its bias
    with pytest.warns(UndersampledWarning, match="I.F; Y.") as caught:
        bootstrap(mutual_information, np.arange(100), Y[:100], draws=5)
    assert len(caught) == 1


def test_the_standard_error_is_that_of_new_samples():
    rng = np.random.default_rng(1)

    def drawn():
        y = rng.integers(2, size=400)
        l = np.where(rng.random(400) < 0.2, 1 - y, y)
        return np.where(rng.random(400) < 0.1, 1 - l, l), l, y

    new = [performance_correlation(*drawn()) for _ in range(400)]
    told = [standard_error(performance_correlation, *drawn(), draws=100, seed=i) for i in range(10)]
    assert np.mean(told) == pytest.approx(np.std(new), rel=0.15)
    f, l, y = drawn()
    assert standard_error(performance_correlation, f, l, y, seed=3) == standard_error(
        performance_correlation, f, l, y=y, seed=3
    )
    assert len(bootstrap(conditional_mutual_information, f, y, given=l, draws=7)) == 7


def test_shuffled_labels_show_the_bias():
    rng = np.random.default_rng(2)
    f, l = rng.integers(10, size=(2, 2000))
    y = np.where(rng.random(2000) < 0.5, f, rng.integers(10, size=2000))
    with pytest.warns(UndersampledWarning):
        null = shuffled(performance_correlation, f, l, y, draws=20)
    assert null.mean() == pytest.approx(-0.31, rel=0.1)
    assert abs(shuffled(performance_correlation, f, l, y, draws=20, correction="grassberger").mean()) < 0.02
    null = shuffled(mutual_information, F, Y, draws=50)
    assert null.min() >= 0
    assert null.max() < 0.02 < mutual_information(F, Y)


def test_public_names():
    assert set(complexity.__all__) <= set(dir(complexity))
