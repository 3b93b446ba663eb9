"""The information exponent and the Hermite powers of a teacher."""

import math

import numpy as np
import pytest

import tutelage as tl
from tutelage import regimes


@pytest.mark.parametrize(
    ("activation", "exponent"),
    [("erf", 1), ("relu", 1), ("square", 2), ("hermite-3", 3), ("hermite-5", 5), ("polynomial(3, 0, -6, 0, 1)", 4)],
)
def test_information_exponent_of_one_unit(activation, exponent):
    assert regimes.information_exponent(activation, [[1.0]], [1.0]) == exponent


@pytest.mark.parametrize("activation", ["square", "hermite-3", "hermite-11", "polynomial(1, 2, 0, -1)"])
def test_hermite_powers_of_polynomials_are_those_of_any_function(activation):
    """The exact coefficients against quadrature of the same function, given as one of the user's own."""
    known = tl.OnlineSGD(activation).student
    own = tl.Activation(known.f, known.df, "another")
    T, v = [[0.6, 0.2], [0.2, 0.5]], [1.0, -0.7]
    exact = regimes.hermite_powers(known, T, v)
    assert regimes.hermite_powers(own, T, v) == pytest.approx(exact, rel=1e-6, abs=1e-9 * exact.sum())


def test_information_exponent_of_several_units():
    """erf units whose weights cancel: sum_m v_m w_m = 0 leaves the third degree first."""
    w = np.array([[1.0, 0.0], [-0.5, math.sqrt(0.75)], [-0.5, -math.sqrt(0.75)]])
    assert regimes.information_exponent("erf", w @ w.T, np.ones(3)) == 3
    assert regimes.information_exponent("square", w @ w.T, np.ones(3)) == 2
    assert regimes.information_exponent("step", [[1.0]], [1.0]) == 1
    assert regimes.information_exponent("hermite-3", [[1.1]], [1.0]) == 1  # He_3 is pure at unit variance alone
    assert regimes.information_exponent("polynomial(2)", [[1.0]], [1.0]) is None


@pytest.mark.parametrize("activation", ["erf", "relu", "tanh", "square", "hermite-3", "step"])
def test_hermite_powers_add_up(activation):
    T, v = np.array([[1.3, 0.4], [0.4, 0.6]]), np.array([0.7, -1.2])
    powers = regimes.hermite_powers(activation, T, v)
    assert (powers > -1e-12).all()
    rng = np.random.default_rng(0)
    rho = rng.standard_normal((400_000, 2)) @ np.linalg.cholesky(T).T
    f = tl.Network(np.eye(2) * math.sqrt(2), v, activation)(rho)
    z = np.linalg.solve(np.linalg.cholesky(T), rho.T).T
    first = [f * z[:, i] for i in range(2)]  # degree one: squares of the means of f z_i
    for power, samples in ((powers[0], [f]), (powers[1], first)):
        means = np.array([s.mean() for s in samples])
        errors = np.array([s.std() for s in samples]) / math.sqrt(len(f))
        assert abs(power - means @ means) < 8 * np.abs(means) @ errors + 20 * errors @ errors
    total, error = np.mean(f**2), np.std(f**2) / math.sqrt(len(f))
    tail = {"step": 0.1, "relu": 0.002}.get(activation, 1e-3)  # degrees above 12
    assert -4 * error - tail < powers.sum() - total < 4 * error
