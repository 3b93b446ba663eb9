"""Activations as polynomials and ramps, and the bivariate normal distribution function, against direct computations."""

import itertools

import mpmath as mp  # type: ignore[import-untyped]
import numpy as np
import pytest
from scipy.special import expit, ndtr

from tutelage.activations import activation
from tutelage.gaussian import kinks
from tutelage.gaussian.bivariate import Correlated, both_positive
from tutelage.gaussian.ramps import form

NAMES = ("erf", "normal_cdf", "relu", "leaky_relu(0.3)", "gelu", "sigmoid", "tanh", "softplus", "silu", "g", "step",
         "sign", "linear", "square", "hermite-4", "polynomial(1, -2, 0.5)")  # fmt: skip


def ramp(x, s):
    """<(x + s z)_+> and its first two derivatives; x is not zero."""
    if s == 0:
        return np.maximum(x, 0.0), (x > 0) * 1.0, np.zeros(x.shape)
    density = np.exp(-((x / s) ** 2) / 2) / np.sqrt(2 * np.pi)
    return x * ndtr(x / s) + s * density, ndtr(x / s), density / s


@pytest.mark.parametrize("name", NAMES)
def test_the_form_is_the_activation(name):
    x = np.linspace(-9.0, 9.0, 402)
    unit = activation(name)
    f = form(unit, nodes=26)
    series = np.polynomial.hermite_e.hermeval if f.hermite else np.polynomial.polynomial.polyval
    found = series(x, f.polynomial) if len(f.polynomial) else np.zeros(x.shape)
    for ramps in f.ramps:
        for variance, weight in zip(ramps.variance, ramps.weight.T, strict=True):
            found = found + weight @ ramp(x, np.sqrt(variance))
    assert np.abs(found - unit(x)).max() < 3e-15 * np.abs(unit(x)).max() + 2e-15
    odd = np.abs(unit(x) + unit(-x)).max() < 1e-12
    assert f.odd == odd
    assert f.sharp == bool(unit.kinks)


def test_a_function_of_ones_own_has_no_form():
    from tutelage.activations import Activation

    assert form(Activation(np.sin, np.cos)) is None


def test_widths_for_fields_with_a_mean():
    """The sigmoid and its derivatives at every point, without any averaging."""
    S2, weight = kinks._logistic_widths(26)
    x, S = np.linspace(-30, 30, 1201), np.sqrt(S2)
    z = x[:, None] / S
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) / S
    s = expit(x)
    assert np.abs(ndtr(z) @ weight - s).max() < 2e-15
    assert np.abs(density @ weight - s * (1 - s)).max() < 3e-15
    assert np.abs((-z * density / S) @ weight - s * (1 - s) * (1 - 2 * s)).max() < 1e-14
    assert np.abs(((z * z - 1) * density / S2) @ weight - s * (1 - s) * (1 - 6 * s + 6 * s * s)).max() < 4e-14


def reference(h, k, rho, sigma):
    """The probability by one integral over the first variable, in 30 digits."""
    with mp.workdps(30):
        h, k, rho, sigma = (mp.mpf(float(value)) for value in (h, k, rho, sigma))
        edge = -k / rho  # where the second one is likely to change its sign
        cuts = {edge + j * sigma * 4 for j in range(-3, 4)} | {mp.mpf(j) for j in range(-9, 12, 2)}
        ends = [-h, *sorted(cut for cut in cuts if -h < cut < 12), mp.mpf(12)]
        inner = lambda z: mp.npdf(z) * mp.ncdf((k + rho * z) / sigma)  # noqa: E731
        return float(mp.quad(inner, ends))


@pytest.mark.parametrize("gap", [0.6, 1e-2, 1e-6, 1e-12])
@pytest.mark.parametrize("sign", [1, -1])
def test_both_positive(gap, sign):
    """sigma is given, as rho alone would not tell how close to one it is."""
    sigma, rho = gap, sign * float(mp.sqrt(1 - mp.mpf(gap) ** 2))
    cases = [*itertools.product((0.0, 0.3, -1.2, 2.5), (0.0, 0.3, -0.31, 1.2 + gap, -2.5)), (0.7, 0.7 + gap / 2)]
    h, k = np.array(cases).T
    found = both_positive(Correlated.of(h, k, np.full(len(h), rho), np.full(len(h), sigma)))
    expected = [reference(*case, rho, sigma) for case in cases]
    assert np.abs(found - expected).max() < 4e-16


@pytest.mark.parametrize(("sign", "h", "k", "expected"), [
    (1, 0.4, 0.4, ndtr(0.4)), (1, 0.4, 1.0, ndtr(0.4)), (-1, 0.4, 1.0, ndtr(0.4) - ndtr(-1.0)), (-1, -1.0, 0.5, 0.0),
    (1, 0.0, 0.0, 0.5), (-1, 0.0, 0.0, 0.0), (-1, 0.4, -0.4, 0.0), (1, -0.4, 0.0, ndtr(-0.4)),
])  # fmt: skip
def test_both_positive_of_one_variable_twice(sign, h, k, expected):
    one = np.ones(1)
    assert abs(both_positive(Correlated.of(h * one, k * one, sign * one, 0 * one))[0] - expected) < 2e-16
