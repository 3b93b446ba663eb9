"""Units of zero length with a slope that jumps there: averages and equations are the limit of small lengths."""

import numpy as np
import pytest

import tutelage as tl
from tutelage import gaussian
from tutelage.activations import activation
from tutelage.gaussian import product_average
from tutelage.online.equations import right_hand_side
from tutelage.online.integration import velocity_function
from tutelage.online.vector import start_vector

RAMPS = ["relu", "leaky_relu", "leaky_relu(0.3)", "leaky_relu(-0.5)"]
SMALL = 1e-9  # a length


def by_quadrature(factors, names, C):
    units = [activation(name) for name in names]
    functions = [getattr(unit, factor) for unit, factor in zip(units, factors, strict=True)]
    return product_average(functions, C, kinks=[unit.kinks for unit in units], tolerance=1e-10).value


@pytest.mark.parametrize("name", RAMPS)
@pytest.mark.parametrize("length", [1.0, 1e-2, 1e-4])
def test_slopes_of_one_field_are_the_same_at_any_length_and_at_none(name, length):
    expected = by_quadrature(["df", "df"], [name, name], np.full((2, 2), length**2))
    assert abs(gaussian.J2(name, np.zeros((2, 2))) - expected) < 1e-10
    assert (
        abs(gaussian.J4(name, np.zeros((4, 4))) - by_quadrature(["df"] * 4, [name] * 4, np.full((4, 4), 1.0))) < 1e-10
    )


def test_slopes_of_two_ramps_on_one_field():
    names, one = ["relu", "leaky_relu(0.3)"], np.ones((2, 2))
    assert abs(gaussian.J2(names, np.zeros((2, 2))) - by_quadrature(["df", "df"], names, one)) < 1e-10


def test_stacks_may_hold_fields_with_and_without_length():
    stack = np.array([np.zeros((2, 2)), np.eye(2), np.full((2, 2), 0.7), np.diag([0.0, 1.0])])
    assert np.abs(gaussian.J2("relu", stack) - [0.5, 0.25, 0.5, 0.25]).max() < 1e-15


@pytest.mark.parametrize("name", RAMPS)
def test_two_slopes_of_zero_length_with_two_values(name):
    values = np.array([[1.0, 0.4], [0.4, 0.8]])
    C, near = np.zeros((4, 4)), np.zeros((4, 4))
    C[2:, 2:] = near[2:, 2:] = values
    near[:2, :2] = 1e-4
    expected = by_quadrature(["df", "df", "f", "f"], [name] * 4, near)
    assert abs(gaussian.I4(name, C) - expected) < 1e-9


@pytest.mark.parametrize("student", ["relu", "leaky_relu(0.3)"])
@pytest.mark.parametrize("teacher", ["relu", "leaky_relu(0.3)", "erf"])
@pytest.mark.parametrize("short", [1, 2])
def test_equations_are_the_limit_of_short_students(student, teacher, short):
    rule = tl.OnlineSGD(student, teacher, lr=0.7, noise=0.3, train="both")
    rng = np.random.default_rng(4)
    W_star, W = rng.standard_normal((2, 2, 20))
    W = np.concatenate([np.zeros((short, 20)), W[:1]])
    directions = np.eye(20)[:short] * np.sqrt(20)  # each its own
    directions -= directions @ np.linalg.pinv(np.concatenate([W_star, W[short:]])) @ np.concatenate([W_star, W[short:]])
    gram = np.linalg.cholesky(directions @ directions.T / 20)
    near = W.copy()
    near[:short] = SMALL * np.linalg.solve(gram, directions)
    v = np.linspace(0.5, 1.2, len(W))
    zero, small = (tl.Overlaps.from_weights(weights, W_star, v) for weights in (W, near))

    def compiled(state):
        return velocity_function(rule, state)(0.0, start_vector(state))

    def readable(state):
        change = right_hand_side(rule, state)
        return np.concatenate([change.R.ravel(), change.Q.ravel(), change.v])

    assert np.abs(compiled(zero) - readable(zero)).max() < 1e-12
    assert np.abs(compiled(zero) - compiled(small)).max() < 20 * SMALL
    assert np.abs(readable(zero) - readable(small)).max() < 20 * SMALL
    assert right_hand_side(rule, zero).Q[0, 0] > 0


def test_importance_of_a_student_of_zero_length():
    """The Fisher information of a readout v with a ReLU: v^2 <g'^2> = v^2 / 2, at any length."""
    state = tl.continual.MultiTask(Q=[[0.0]], R=[[0.0]], T=[[1.0]], heads=[[3.0]], readouts=[[1.0]])
    assert abs(tl.continual.importance(tl.OnlineSGD("relu"), state, task=0, kind="fisher")[0] - 4.5) < 1e-14
