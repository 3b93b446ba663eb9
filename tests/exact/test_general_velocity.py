"""The compiled right-hand side for any smooth units: closed forms, Wick's theorem, adaptive quadrature, sampling."""

import numpy as np
import pytest

import tutelage as tl
from tutelage.errors import ArgumentError
from tutelage.online.equations import right_hand_side
from tutelage.online.kernels.erf import erf_velocity
from tutelage.online.kernels.general import general_velocity
from tutelage.online.kernels.model import workspace
from tutelage.online.resolution import choose_step, measured_error, outgrown
from tutelage.online.vector import constants, start_vector, units

RATES = {"lr": 0.7, "lr_readout": 0.4, "noise": 0.3, "weight_decay": 0.1, "batch": 2, "train": "both"}


def velocity(rule, state, step=0.0, kernel=general_velocity):
    step = step or choose_step(rule, state, 1e-10)
    y, P = start_vector(state), state.students + state.teachers
    out = np.empty_like(y)
    arrays = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P))
    kernel(y, constants(rule, state, step), *units(rule), *arrays, out)
    return out


def readable(rule, state):
    change = right_hand_side(rule, state)
    return np.concatenate([change.R.ravel(), change.Q.ravel(), change.v])


def gap(one, other):
    return np.abs(one - other).max() / max(1.0, np.abs(other).max())


def state(K, M, variance=1.0, seed=0, dim=20):
    rng = np.random.default_rng(seed)
    W, W_star = np.sqrt(variance) * rng.standard_normal((K, dim)), rng.standard_normal((M, dim))
    return tl.Overlaps.from_weights(W, W_star, rng.uniform(0.5, 1.5, K), rng.uniform(-1.5, 1.5, M))


def degenerate():
    """Rows of weights: a student on a teacher, two equal, two opposite, a zero one, all together, and nearly so."""
    rng = np.random.default_rng(8)
    T, a, b, c = rng.standard_normal((2, 30)), *rng.standard_normal((3, 30))
    near = T[0] + 1e-6 * a
    rows = {
        "on a teacher": [T[0], a, b], "specialised": [T[0], T[1], a], "equal": [a, a, b], "opposite": [a, -a, b],
        "zero": [0 * a, a, b], "all zero": [0 * a, 0 * a], "all on one": [T[0], T[0], -T[0]],
        "scaled": [0.01 * a, 3 * a, 2 * T[1]], "nearly on a teacher": [near, T[0], c],
        "nearly equal": [a, a + 1e-7 * b],
    }  # fmt: skip
    return [pytest.param(np.array(W), T, id=name) for name, W in rows.items()]


@pytest.mark.parametrize("seed", range(6))
def test_erf_on_random_states(seed):
    rule, here = tl.OnlineSGD("erf", **RATES), state(1 + seed % 4, 1 + seed % 3, [1.0, 0.05, 6.0][seed % 3], seed, 4)
    assert gap(velocity(rule, here), velocity(rule, here, 1.0, erf_velocity)) < 1e-10


@pytest.mark.parametrize(("W", "W_star"), degenerate())
def test_erf_on_degenerate_states(W, W_star):
    here = tl.Overlaps.from_weights(W, W_star, np.linspace(0.5, 1.5, len(W)), [0.8, -1.2])
    rule = tl.OnlineSGD("erf", **RATES)
    assert gap(velocity(rule, here), velocity(rule, here, 1.0, erf_velocity)) < 1e-9


@pytest.mark.parametrize(("student", "teacher"), [("hermite-3", None), ("square", None), ("square", "hermite-3")])
def test_polynomials_are_averaged_as_by_wick(student, teacher):
    rule, here = tl.OnlineSGD(student, teacher, **RATES), state(2, 2, 0.7, 3)
    assert gap(velocity(rule, here), readable(rule, here)) < 1e-9


@pytest.mark.parametrize(("student", "teacher"), [("tanh", None), ("softplus", "erf")])
def test_equals_adaptive_quadrature(student, teacher):
    rule, here = tl.OnlineSGD(student, teacher, **RATES), state(1, 1, 0.6, 4)
    assert gap(velocity(rule, here), readable(rule, here)) < 1e-9


def sine_average(signs_and_fields, C):
    """Average of a product of sines and cosines: the real part of exponentials, whose averages are exp(-w'Cw/2)."""
    total, n = 0.0, len(signs_and_fields)
    for bits in range(2**n):
        w, factor = np.zeros(len(C)), 1.0 + 0j
        for j, (kind, field) in enumerate(signs_and_fields):
            sign = 1 if bits >> j & 1 else -1
            w[field] += sign
            factor *= 0.5 if kind == "cos" else sign / 2j
        total += factor * np.exp(-w @ C @ w / 2)
    return total.real


@pytest.mark.parametrize("variance", [1.0, 4.0])
def test_ones_own_sine(variance):
    rule = tl.OnlineSGD(tl.Activation(np.sin, np.cos), lr=0.5, lr_readout=1.0, train="both")
    here = state(3, 2, variance, 5)
    C, a, K = here.covariance, here.signed_readout, 3
    I2 = sum(a[c] * np.array([sine_average([("sin", i), ("sin", c)], C) for i in range(K)]) for c in range(5))
    I3 = np.zeros((K, 5))  # by Stein: x_n is the covariance with what is left, differentiated
    I4 = np.zeros((K, K))
    for i in range(K):
        for c in range(5):
            first = -sine_average([("sin", i), ("sin", c)], C), sine_average([("cos", i), ("cos", c)], C)
            I3[i] += a[c] * (C[:, i] * first[0] + C[:, c] * first[1])
            for k in range(K):
                for d in range(5):
                    I4[i, k] += a[c] * a[d] * sine_average([("cos", i), ("cos", k), ("sin", c), ("sin", d)], C)
    drift = -0.5 * here.v[:, None] * I3
    dQ = drift[:, :K] + drift[:, :K].T + 0.25 * np.outer(here.v, here.v) * I4
    assert gap(velocity(rule, here), np.concatenate([drift[:, K:].ravel(), dQ.ravel(), -I2])) < 1e-9


@pytest.mark.parametrize(("student", "teacher"), [("tanh", "erf"), ("silu", None), ("gelu", "sigmoid")])
def test_is_the_mean_of_the_rules_increments(student, teacher):
    rule, here = tl.OnlineSGD(student, teacher, **RATES), state(3, 2, 1.0, 6)
    samples, rng, K, B = 60_000, np.random.default_rng(1), 3, rule.batch
    fields = rng.standard_normal((samples, B, 5)) @ np.linalg.cholesky(here.covariance).T
    c, dv = rule.increments(fields, rule.noise * rng.standard_normal((samples, B)), here.v, here.v_star)
    along = np.einsum("sbi,sbn->sin", c, fields) / B
    dQ = along[:, :, :K] + np.swapaxes(along[:, :, :K], 1, 2) + np.einsum("sbi,sbk->sik", c, c) / B**2
    parts = along[:, :, K:] - 0.1 * here.R, dQ - 0.2 * here.Q, dv.mean(1) - 0.1 * here.v
    sample = np.concatenate([part.reshape(samples, -1) for part in parts], 1)
    z = (velocity(rule, here) - sample.mean(0)) / (sample.std(0) / np.sqrt(samples))
    assert np.abs(z).max() < 4


@pytest.mark.parametrize("train", ["first", "readout"])
def test_layers_at_rest_cost_nothing_and_stay(train):
    rule, here = tl.OnlineSGD("erf", lr=0.5, train=train), state(3, 2)
    assert gap(velocity(rule, here), velocity(rule, here, 1.0, erf_velocity)) < 1e-10


def test_readouts_of_zero():
    base = state(3, 2)
    here = tl.Overlaps(base.Q, base.R, base.T, [0.0, 1.0, 0.0], [0.0, 1.0])
    rule = tl.OnlineSGD("erf", **RATES)
    assert gap(velocity(rule, here), velocity(rule, here, 1.0, erf_velocity)) < 1e-10


def test_large_variances():
    rule, here = tl.OnlineSGD("erf", **RATES), state(2, 1, 25.0)
    assert gap(velocity(rule, here), velocity(rule, here, 1.0, erf_velocity)) < 1e-10


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "silu", "gelu", "normal_cdf", "hermite-5"])
@pytest.mark.parametrize("tolerance", [1e-6, 1e-9])
def test_the_step_keeps_the_tolerance_and_the_measured_error_is_the_true_one(name, tolerance):
    for variance in (0.02, 2.0):
        rule, here = tl.OnlineSGD(name, **RATES), state(2, 2, variance, 7, 4)
        step = choose_step(rule, here, tolerance)
        true = gap(velocity(rule, here, step), velocity(rule, here, step / 2.5))
        assert true < tolerance
        assert true < 2 * measured_error(rule, here, step) + 3e-11


@pytest.mark.parametrize("name", ["tanh", "softplus", "silu"])
@pytest.mark.parametrize("cosine", [0.999999, -0.99, 0.9])
def test_the_step_does_so_in_the_worst_case_of_nearly_equal_and_opposite_fields(name, cosine):
    for variance in (0.25, 2.0):
        here = tl.Overlaps([[variance]], [[cosine * variance]], [[variance]], [1.0], [1.5])
        rule = tl.OnlineSGD(name, **RATES)
        step = choose_step(rule, here, 1e-9)
        assert gap(velocity(rule, here, step), velocity(rule, here, step / 2.3)) < 1e-9


def test_a_state_that_is_not_one_has_no_velocity():
    rule, here = tl.OnlineSGD("tanh", **RATES), state(2, 1)
    wild = tl.Overlaps.unchecked(here.Q * np.inf, here.R, here.T, here.v, here.v_star)
    assert np.isnan(velocity(rule, wild, 0.3)).all()
    assert np.isnan(velocity(rule, here, 1e-3)).all()


@pytest.mark.parametrize(("student", "teacher"), [("relu", None), ("tanh", "step"), ("erf", "sharp")])
def test_kinks_and_sharp_turns_are_refused(student, teacher):
    def f(x):
        return np.tanh(100.0 * x)

    def df(x):
        return 100.0 / np.cosh(100.0 * x) ** 2

    with np.errstate(over="ignore"):
        sharp = tl.Activation(f, df)
        rule = tl.OnlineSGD(student, sharp if teacher == "sharp" else teacher)
        with pytest.raises(ArgumentError, match='engine="chain"') as caught:
            choose_step(rule, state(2, 1), 1e-9)
    assert ("teacher_activation" in str(caught.value)) == (teacher is not None)


def test_a_step_is_outgrown():
    small, large = state(2, 1, 1.0), state(2, 1, 9.0)
    assert outgrown(large, small)
    assert not outgrown(small, large)


@pytest.mark.parametrize(("activation", "terms"), [("tanh", "flow"), ("tanh", "full"), ("gelu", "flow")])
def test_a_student_that_becomes_its_teacher_keeps_overlaps_that_weights_have(activation, terms):
    """Steps at the limit of stability err by hundreds of rtol: overlaps of no weights, which must not end the run."""
    rule = tl.OnlineSGD(activation, lr=0.5 if activation == "tanh" else 1.5, terms=terms)
    state, times = tl.Overlaps([[1.0]], [[0.1]], [[1.0]]), np.linspace(1, 300, 300)
    ds, exact = (tl.solve(rule, state, times, rtol=rtol, atol=rtol / 100, progress=False) for rtol in (1e-6, 1e-12))
    lowest = (1 + ds.Q.values - np.sqrt((1 - ds.Q.values) ** 2 + 4 * ds.R.values**2)).min() / 2  # eigenvalue
    assert lowest > -2.1e-6
    assert ds.eg.values[-1] < 1e-7
    for name in ("Q", "R"):
        assert np.abs(ds[name] - exact[name]).max() < 2e-4
