"""Compiled averages of leaky ReLU, step and sign units, in mixtures, and the equations of motion made of them."""

import itertools

import numpy as np
import pytest

import tutelage as tl
from tutelage.activations import activation
from tutelage.gaussian import pairs
from tutelage.gaussian.quadrature import product_average
from tutelage.kernels.averages import averages, derivative_averages
from tutelage.kernels.codes import CODES
from tutelage.online.kernels.mixed import mixed_velocity
from tutelage.online.kernels.model import workspace
from tutelage.online.vector import constants, start_vector, units

STUDENTS = ("erf", "linear", "relu", "leaky_relu(0.2)", "leaky_relu(-1.5)")
VALUES = (*STUDENTS, "step", "sign")
NEW = ("leaky_relu(0.2)", "step", "sign")


def covariances(n, count, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((count, n, n + 1))
    return vectors @ np.swapaxes(vectors, 1, 2) / n


def leak(unit):
    return unit.parameters[0] if unit.kind == "leaky_relu" else 0.0


def compiled(derivatives, names, C):
    """< prod g_student' g_first g_second > of a stack, by the compiled recipe."""
    three = [activation(name) for name in names]
    out = np.empty(len(C))
    averages(C, derivatives, *(CODES[u.kind] for u in three), out, tuple(leak(u) for u in three))
    return out


def factors(derivatives, names):
    """Functions and kinks of the same product."""
    student, first, second = (activation(name) for name in names)
    of_all = [student] * derivatives + [first, second]
    return [u.df if i < derivatives else u.f for i, u in enumerate(of_all)], [u.kinks for u in of_all]


@pytest.mark.parametrize(("g", "h"), list(itertools.product(VALUES, VALUES)))
def test_i2_equals_the_formula_for_pairs(g, h):
    C = covariances(2, 20)
    C[0], C[1] = [[1.0, 1.0], [1.0, 1.0]], [[1.0, -2.0], [-2.0, 4.0]]
    assert np.abs(compiled(0, ("linear", g, h), C) - pairs.I2(g, h, C)).max() < 2e-13


@pytest.mark.parametrize(("g", "h"), list(itertools.product(STUDENTS, VALUES)))
def test_i3_equals_the_formula_for_pairs(g, h):
    C = covariances(3, 20)
    assert np.abs(compiled(1, (g, "linear", h), C) - pairs.I3(g, h, C)).max() < 2e-13


def test_j2_equals_the_formula_for_pairs():
    C, unit = covariances(2, 20), activation("leaky_relu(0.2)")
    out = np.empty(len(C))
    derivative_averages(C, CODES[unit.kind], out, leak(unit))
    assert np.abs(out - pairs.J2(unit, unit, C)).max() < 2e-13


@pytest.mark.parametrize(
    "names",
    [
        ("leaky_relu(0.2)",) * 3,
        ("leaky_relu(0.2)", "leaky_relu(0.2)", "sign"),
        ("leaky_relu(-1.5)", "leaky_relu(0.2)", "erf"),
        ("relu", "step", "relu"),
        ("erf", "sign", "erf"),
    ],
)
def test_i4_against_quadrature(names):
    C = covariances(4, 1, seed=7)
    functions, kinks = factors(2, names)
    expected = product_average(functions, C[0], kinks=kinks, tolerance=1e-10)
    assert abs(compiled(2, names, C)[0] - expected.value) < 1e-11


@pytest.mark.parametrize("names", [n for n in itertools.product(STUDENTS, VALUES, VALUES) if set(n) & set(NEW)])
def test_i4_against_monte_carlo(names):
    C = covariances(4, 1, seed=11)
    x = np.random.default_rng(12).standard_normal((100_000, 4)) @ np.linalg.cholesky(C[0]).T
    sample = np.prod([f(x[:, i]) for i, f in enumerate(factors(2, names)[0])], axis=0)
    # 181 cases: the largest of as many standard normals exceeds 4 once in ninety times
    assert abs(compiled(2, names, C)[0] - sample.mean()) < 4 * sample.std() / np.sqrt(len(sample)) + 1e-12


def test_j4_against_monte_carlo():
    C, unit, out = covariances(4, 1, seed=3), activation("leaky_relu(0.2)"), np.empty(1)
    derivative_averages(C, CODES[unit.kind], out, leak(unit))
    x = np.random.default_rng(4).standard_normal((400_000, 4)) @ np.linalg.cholesky(C[0]).T
    sample = np.prod(unit.df(x), axis=1)
    assert abs(out[0] - sample.mean()) < 3 * sample.std() / np.sqrt(len(sample))


@pytest.mark.parametrize(("name", "same"), [("leaky_relu(0)", "relu"), ("leaky_relu(1)", "linear")])
def test_leaky_relu_between_relu_and_linear(name, same):
    for derivatives in range(3):
        C = covariances(derivatives + 2, 10)
        assert np.abs(compiled(derivatives, (name,) * 3, C) - compiled(derivatives, (same,) * 3, C)).max() < 1e-13


@pytest.mark.parametrize("middle", ["leaky_relu(0.2)", "sign"])
def test_i4_of_repeated_and_opposite_fields_is_a_limit(middle):
    a, b, c = np.random.default_rng(8).standard_normal((3, 5))
    noise = 1e-6 * np.random.default_rng(9).standard_normal((4, 5))
    for fields in ((a, b, a, c), (a, -a, b, c), (a, b, c, -c), (a, a, a, a), (a, b, c, 0 * a)):
        near = np.array(fields) + noise
        stack = np.stack([np.array(fields) @ np.array(fields).T, near @ near.T])
        limit, value = compiled(2, ("leaky_relu(0.2)", middle, "leaky_relu(0.2)"), stack)
        assert abs(limit - value) < 1e-5


def velocity(rule, state):
    """The compiled right-hand side, from a workspace full of NaN."""
    model = constants(rule, state)._replace(student=CODES[rule.student.kind], teacher=CODES[rule.teacher.kind])
    P, y = state.students + state.teachers, start_vector(state)
    dy = np.empty_like(y)
    nan = np.full((workspace(P), P), np.nan)
    mixed_velocity(y, model, *units(rule), np.empty((P, P)), np.empty(P), nan, dy)
    K, M = state.students, state.teachers
    return dy[: K * M].reshape(K, M), dy[K * M : K * M + K * K].reshape(K, K), dy[K * M + K * K :]


def overlaps():
    base = tl.Overlaps.random(3, 2, 30, seed=5)
    return tl.Overlaps(base.Q, base.R, base.T, [1.0, -0.7, 1.3], [0.9, 1.2])


@pytest.mark.parametrize(
    ("student", "teacher"),
    [("leaky_relu(0.2)", "leaky_relu(-0.4)"), ("leaky_relu(0.2)", "erf"), ("relu", "sign"), ("erf", "step")],
)
def test_equations_are_the_mean_increments(student, teacher):
    rule = tl.OnlineSGD(student, teacher, lr=0.6, lr_readout=0.4, noise=0.3, train="both")
    state, rng = overlaps(), np.random.default_rng(3)
    x = rng.standard_normal((100_000, 5)) @ np.linalg.cholesky(state.covariance).T
    c, dv = rule.increments(x, rule.noise * rng.standard_normal(len(x)), state.v, state.v_star)
    along = c[:, :, None] * x[:, None, :]
    dQ = along[..., :3] + np.swapaxes(along[..., :3], 1, 2) + c[:, :, None] * c[:, None, :]
    for expected, sample in zip(velocity(rule, state), (along[..., 3:], dQ, dv), strict=True):
        # 72 numbers: the largest of as many standard normals exceeds 3.7 once in sixty times
        assert (np.abs(expected - sample.mean(0)) < 3.7 * sample.std(0) / np.sqrt(len(x))).all()


@pytest.mark.parametrize(("student", "teacher"), [("sign", "relu"), ("step", "sign"), ("leaky_relu(0.2)", "erf")])
def test_a_readout_alone_moves_by_pairs_and_leaves_the_rest(student, teacher):
    rule, state = tl.OnlineSGD(student, teacher, lr=0.6, train="readout", noise=0.2), overlaps()
    dR, dQ, dv = velocity(rule, state)
    assert not dR.any()
    assert not dQ.any()
    C, a = state.covariance, state.signed_readout
    for i in range(3):
        pair = [C[np.ix_([i, c], [i, c])] for c in range(5)]
        means = [pairs.I2(student, student if c < 3 else teacher, pair[c]) for c in range(5)]
        assert abs(dv[i] + 0.6 * np.dot(a, means)) < 2e-13


@pytest.mark.parametrize(
    ("fields", "same"), [((0, 1, 1, 1), 2), ((0, 1, 0, 1), 2), ((0, 0, 1, 1), 2), ((0, 0, 0, 0), 1)]
)
def test_steps_of_repeated_fields_are_those_of_fewer(fields, same):
    C = covariances(2, 100)
    four, few = np.empty(100), np.empty(100)
    derivative_averages(np.ascontiguousarray(C[:, fields][:, :, fields]), CODES["relu"], four)
    derivative_averages(C, CODES["relu"], few)
    assert np.abs(four - (few if same == 2 else 0.5)).max() < 1e-13


@pytest.mark.parametrize("gap", [1.0, 1e-2, 0.0])
@pytest.mark.parametrize(("student", "teacher"), [("relu", "relu"), ("leaky_relu(0.2)", "relu"), ("relu", "linear")])
def test_shared_integrals_add_up_to_the_averages_one_by_one(student, teacher, gap):
    rng = np.random.default_rng(6)
    T = rng.standard_normal((2, 9))
    state = tl.Overlaps.from_weights(T[[0, 1, 0]] + gap * rng.standard_normal((3, 9)), T, [1.0, -0.7, 1.3], [0.9, 1.2])
    rule = tl.OnlineSGD(student, teacher, lr=1.0, noise=0.3)
    more = velocity(rule, state)[1] - velocity(tl.OnlineSGD(student, teacher, lr=1.0, terms="flow"), state)[1]
    C, a, names = state.covariance, state.signed_readout, (student,) * 3 + (teacher,) * 2
    for i, k in itertools.product(range(3), range(3)):
        total = rule.noise**2 * pairs.J2(student, student, C[np.ix_([i, k], [i, k])])
        for c, d in itertools.product(range(5), range(5)):
            four = C[np.ix_([i, k, c, d], [i, k, c, d])][None]
            total += a[c] * a[d] * compiled(2, (student, names[c], names[d]), four)[0]
        assert abs(more[i, k] - a[i] * a[k] * total) < (1e-12 if gap else 1e-7)
