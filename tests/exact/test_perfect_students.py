"""Students of zero error, and the noise that they feel."""

import numpy as np
import pytest
from committees import committee

import tutelage as tl
from tutelage import regimes
from tutelage.errors import ArgumentError
from tutelage.online import asymptotics
from tutelage.regimes.perfect import merged


@pytest.mark.parametrize(
    ("activation", "train", "v", "v_star"),
    [
        ("erf", "first", [1, 1, 1, 1], [1, 1]),
        ("erf", "first", [0.5, -0.25, 0.25], [0.5, 0.5]),
        ("erf", "first", [0.3, 0.2, 0.5, 0.1], [0.4, -0.7]),
        ("softplus", "first", [0.3, 0.2, 0.5], [0.5, 0.5]),
        ("erf", "both", [1, 1, 1], [1, 0.3]),
        ("sigmoid", "both", [1, 1, 1], [1, 0.3]),
        ("relu", "first", [0.3, -0.2, 0.5], [0.5, -0.5]),
        ("leaky_relu(0.1)", "first", [0.3, 0.2, 0.5], [0.5, 0.5]),
        ("linear", "first", [0.3, -0.2, 0.5], [0.5, 0.5]),
        ("square", "first", [0.3, 0.2, -0.5], [0.5, -0.5]),
        ("hermite-3", "first", [1, 1], [1, 1]),
        ("polynomial(0, 0, 0, 2)", "first", [0.3, -0.2], [0.5]),
    ],
)
def test_perfect_student_equals_its_teacher(activation, train, v, v_star):
    """Weights with these overlaps give the same outputs, input by input."""
    M = len(v_star)
    state = committee(len(v), M, T=0.8 * np.eye(M) + 0.3, v=np.array(v, float), v_star=np.array(v_star, float))
    rule = tl.OnlineSGD(activation, lr=0.1, train=train)
    found = regimes.perfect_student(rule, state)
    if train == "first":
        assert found.v == pytest.approx(state.v)
    W, W_star = realised(found)
    x = np.random.default_rng(0).standard_normal((100, W.shape[1]))
    student, teacher = tl.Network(W, found.v, activation)(x), tl.Network(W_star, state.v_star, activation)(x)
    assert student == pytest.approx(teacher, abs=1e-6)  # half the digits: weights from singular overlaps
    assert np.ptp(teacher) > 0.1


def realised(state):
    from tutelage.networks import realise

    return realise(state, 20, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("activation", "teacher", "train", "v", "v_star"),
    [
        ("erf", None, "first", [1, 1], [0.7, 0.3]),
        ("erf", None, "first", [1], [1, 1]),
        ("erf", "tanh", "first", [1], [1]),
        ("sigmoid", None, "first", [1, 1, 1], [1, 1]),
        ("relu", None, "first", [1, 1], [1, -1]),
        ("softplus", None, "first", [-1, 1], [1, 1]),
        ("erf", None, "both", [1], [1, 1]),
        ("relu", None, "both", [1, 1], [1]),
    ],
)
def test_no_plateau_is_made_up(activation, teacher, train, v, v_star):
    state = committee(len(v), len(v_star), v=np.array(v, float), v_star=np.array(v_star, float))
    found = regimes.predict(tl.OnlineSGD(activation, teacher, lr=0.01, noise=0.1, train=train), state)
    assert (found.perfect, found.plateau, found.critical_lr) == (None, None, None)
    assert "no plateau is known" in found.outcome
    with pytest.raises(ArgumentError, match="student can equal the teacher"):
        found.fixed_point()


def test_merged_units_feel_the_same_noise():
    state = committee(6, 2, v=np.array([0.2, -0.1, 0.4, 0.1, 0.3, 0.2]), v_star=np.array([0.5, 0.6]))
    rule = tl.OnlineSGD("erf", lr=0.5, noise=0.1)
    full = regimes.perfect_student(rule, state)
    few = merged(rule, full)
    assert few.students < full.students
    assert asymptotics.noise_modes(rule, few).critical == pytest.approx(asymptotics.noise_modes(rule, full).critical)
    assert asymptotics.noise_modes(rule, few).plateau(rule) == pytest.approx(
        asymptotics.perturbative(rule, full), rel=1e-10
    )
    assert asymptotics.leading_order(rule, few) == pytest.approx(asymptotics.small_lr(rule, full), rel=1e-12)
