"""The Jacobian of the flow against differences of the independent right-hand side of benchmarks/baseline.py."""

import numpy as np
import pytest
from stationary import settings

import baseline
import tutelage as tl
from tutelage.online.jacobian import Coordinates, jacobian

EDGES = np.array([-4, -3, -2, -1, 1, 2, 3, 4])  # differences of order 8
WEIGHTS = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 4 / 5, -1 / 5, 4 / 105, -1 / 280])


def baseline_jacobian(rule, state, h):
    """Differences of order 8 of the independent equations, in the independent coordinates."""
    K, M = state.students, state.teachers
    index = [[i * M + n] for i in range(K) for n in range(M)]
    index += [sorted({K * M + i * K + k, K * M + k * K + i}) for i in range(K) for k in range(i, K)]
    index += [[K * M + K * K + i] for i in range(K)] * (rule.train != "first")
    y = np.concatenate([state.R.ravel(), state.Q.ravel(), state.v])
    columns = []
    for places in index:
        total = np.zeros_like(y)
        for edge, weight in zip(EDGES, WEIGHTS, strict=True):
            moved = y.copy()
            moved[places] += edge * h
            total += weight / h * baseline.velocity(moved, K, M, state.T, state.v_star, **settings(rule))
        columns.append([total[places[0]] for places in index])
    return np.array(columns).T


@pytest.mark.parametrize("activation", ["erf", "linear"])
@pytest.mark.parametrize("train", ["first", "both"])
def test_jacobian_is_that_of_the_independent_equations(activation, train):
    state = tl.Overlaps.random(3, 2, dim=30, seed=4)
    rule = tl.OnlineSGD(activation, lr=0.3, lr_readout=0.7, noise=0.2, weight_decay=0.05, batch=2, train=train)
    found = jacobian(rule, state)
    # differences of order 8 with this step: truncation and rounding both 1e-12
    assert pytest.approx(baseline_jacobian(rule, state, 0.01), abs=1e-11 * np.abs(found).max()) == found


def test_jacobian_of_relu_by_differences():
    state = tl.Overlaps.random(2, 2, dim=30, seed=4)
    rule = tl.OnlineSGD("relu", lr=0.3, noise=0.2, train="both")
    found = jacobian(rule, state)
    # the independent ReLU averages have errors of 3e-10 where an arcsine is near one: 1e-8 with this step
    assert pytest.approx(baseline_jacobian(rule, state, 0.02), abs=1e-6 * np.abs(found).max()) == found


@pytest.mark.parametrize("train", ["first", "both"])
def test_jacobian_of_erf_by_differences_is_the_exact_one(train):
    state = tl.Overlaps.random(3, 2, dim=30, seed=5)
    coordinates = Coordinates.of(tl.OnlineSGD("erf", lr=0.3, noise=0.2, train=train), state)
    z = coordinates.read()
    exact = coordinates.exact(z)
    assert coordinates.fast(z) == pytest.approx(exact, abs=1e-10 * np.abs(exact).max())


def test_jacobian_of_one_square_unit_by_hand():
    q, r, t, lr, s = 0.8, 0.3, 1.1, 0.1, 0.4
    rule = tl.OnlineSGD("square", lr=lr, noise=s)
    found = jacobian(rule, tl.Overlaps([[q]], [[r]], [[t]]))
    dr = [-2 * lr * (3 * q - 3 * t), -2 * lr * 3 * r]  # dR/da = -2 lr (<x^3 y> - <x y^3>) = -2 lr (3 q r - 3 t r)
    # dQ/da = -4 lr (3 q^2 - q t - 2 r^2) + 4 lr^2 (<x^2 (x^2 - y^2)^2> + s^2 q)
    # <x^6> = 15 q^3, <x^4 y^2> = 3 q^2 t + 12 q r^2, <x^2 y^4> = 3 q t^2 + 12 t r^2
    dq = [
        -4 * lr * (-4 * r) + 4 * lr**2 * (-2 * 24 * q * r + 24 * t * r),
        -4 * lr * (6 * q - t) + 4 * lr**2 * (45 * q**2 - 2 * (6 * q * t + 12 * r**2) + 3 * t**2 + s**2),
    ]
    assert pytest.approx(np.array([dr, dq]), abs=1e-13) == found


def test_jacobian_has_the_coordinates_that_move():
    state = tl.Overlaps.random(3, 2, dim=30)
    sizes = {train: jacobian(tl.OnlineSGD(train=train), state).shape for train in ("first", "both", "readout")}
    assert sizes == {"first": (12, 12), "both": (15, 15), "readout": (3, 3)}


def test_coordinates_there_and_back():
    state = tl.Overlaps.random(3, 2, dim=30, seed=1)
    coordinates = Coordinates.of(tl.OnlineSGD(train="both"), state)
    back = coordinates.state(coordinates.read())
    assert all((getattr(back, name) == getattr(state, name)).all() for name in ("Q", "R", "T", "v", "v_star"))
    assert coordinates.read(back).tolist() == coordinates.read().tolist()
