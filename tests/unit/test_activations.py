"""Activations: names, functions of the user's own, what is refused, and their compiled twins."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest

import tutelage as tl
from tutelage.activations import NAMES, activation
from tutelage.kernels.units import unit
from tutelage.online.integration import velocity_function
from tutelage.online.vector import start_vector

X = np.concatenate(
    [np.linspace(-37, 37, 741), np.geomspace(1e-12, 1, 60), -np.geomspace(1e-12, 1, 60), [-700.0, 700.0]]
)
KNOWN = [n for n in NAMES if "(" not in n and n != "hermite-k"]
KNOWN += ["leaky_relu(0.2)", "hermite-3", "polynomial(0.5, -1.0, 0.25)"]


def compiled(g: tl.Activation, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kernel, parameters = g.unit
    value, slope = np.empty_like(x), np.empty_like(x)
    kernel(x, parameters, value, slope)
    return value, slope


@pytest.mark.parametrize("name", KNOWN)
def test_compiled_units_are_the_functions(name: str) -> None:
    g = activation(name)
    x = X if g.kind != "polynomial" else X[np.abs(X) < 40]
    value, slope = compiled(g, x)
    np.testing.assert_allclose(value, g.f(x), rtol=2e-14, atol=1e-15)
    np.testing.assert_allclose(slope, g.df(x), rtol=2e-14, atol=1e-15)


@pytest.mark.parametrize("name", KNOWN)
def test_derivatives_are_derivatives(name: str) -> None:
    g = activation(name)
    x, h = np.linspace(-6, 6, 400), 1e-5  # zero is not among them
    np.testing.assert_allclose(g.df(x), (g.f(x + h) - g.f(x - h)) / (2 * h), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", KNOWN)
def test_second_derivatives(name: str) -> None:
    """Against differences of the first; the compiled ones against them."""
    g = activation(name)
    x, h = np.linspace(-6, 6, 400), 1e-3
    near, far = ((g.df(x + step) - g.df(x - step)) / (2 * step) for step in (h, 2 * h))
    np.testing.assert_allclose(g.d2f(x), (4 * near - far) / 3, rtol=1e-8, atol=1e-8)
    value, slope = compiled(g, x)
    curve = np.empty_like(x)
    g.curvature(x, np.array(g.parameters, np.float64), value, slope, curve)
    np.testing.assert_allclose(curve, g.d2f(x), rtol=1e-12, atol=2e-14)


EXACT = {
    "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "erf": lambda x: mp.erf(x / mp.sqrt(2)),
}


@pytest.mark.parametrize("name", EXACT)
def test_compiled_units_keep_their_relative_accuracy(name: str) -> None:
    x = X[np.abs(X) < 600]
    value, _ = compiled(activation(name), x)
    with mp.workdps(40):
        exact = np.array([float(EXACT[name](mp.mpf(v))) for v in x.tolist()])
    np.testing.assert_allclose(value, exact, rtol=8 * np.finfo(float).eps, atol=1e-290)


def test_polynomials_take_any_coefficients() -> None:
    c = np.array([0.3, -1.0, 0.0, 2.0, 0.1])
    value, slope = np.empty(5), np.empty(5)
    x = np.linspace(-2, 2, 5)
    unit("polynomial")(x, c, value, slope)
    np.testing.assert_allclose(value, np.polynomial.polynomial.polyval(x, c))
    np.testing.assert_allclose(slope, np.polynomial.polynomial.polyval(x, np.polynomial.polynomial.polyder(c)))


OWN = {
    "ufuncs": tl.Activation(np.sin, np.cos),
    "functions of arrays": tl.Activation(lambda x: np.exp(-(x**2)), lambda x: -2 * x * np.exp(-(x**2))),
    "functions of one number": tl.Activation(math.atan, lambda x: 1 / (1 + x * x)),
    "with a branch": tl.Activation(
        lambda x: x if x > 0 else 0.5 * x, lambda x: 1.0 if x > 0 else 0.5, "halved", kinks=[0]
    ),
}


@pytest.mark.parametrize("kind", OWN)
def test_functions_of_ones_own_are_compiled(kind: str) -> None:
    g = OWN[kind]
    x = np.linspace(-3, 3, 101)
    value, slope = compiled(g, x)
    np.testing.assert_allclose(value, g.f(x), atol=1e-15)
    np.testing.assert_allclose(slope, g.df(x), atol=1e-15)
    assert g.kind == "own"


def test_names_of_ones_own() -> None:
    assert OWN["ufuncs"].name == "sin"
    assert OWN["functions of arrays"].name == "own"
    assert tl.Activation(np.tanh, lambda x: 1 / np.cosh(x) ** 2).name == "own"  # "tanh" is ours
    assert OWN["with a branch"].name == "halved"
    assert OWN["ufuncs"] == tl.Activation(np.sin, np.cos)
    assert OWN["ufuncs"] != tl.Activation(np.cos, lambda x: -np.sin(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.sin, np.sin), r"`df` must be the derivative of `f`, but is \S+ at x = \S+, where f' = \S+"),
        ((np.sin, lambda x: 2 * np.cos(x)), r"`df` must be the derivative"),
        ((np.abs, np.sign), r"`kinks` must name every point where `f` or `df` jumps, such as -?\d\S*, but is \(\)"),
        ((np.floor, lambda x: 0 * x), "`kinks` must name every point"),
        ((lambda x: np.where(x > 1.5, 1.0, 0.0), lambda x: 0 * x, "late", (1.0,)), r"such as 1\.5"),
        ((np.log, lambda x: 1 / x), "`f` must be finite"),
        (("sin", np.cos), "`f` must be a function, but is 'sin'"),
        ((np.sin, 1.0), "`df` must be a function, but is 1.0"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_is_no_activation_is_refused(arguments, message: str) -> None:
    with pytest.raises(tl.ArgumentError, match=message):
        tl.Activation(*arguments)


def test_jumps_are_known() -> None:
    assert activation("step").jumps
    assert activation("sign").jumps
    assert tl.Activation(np.sign, lambda x: 0.0 * x, "mine", kinks=(0,)).jumps
    assert not activation("relu").jumps
    assert not activation("tanh").jumps


def test_a_jump_is_no_student_unless_its_layer_stays() -> None:
    with pytest.raises(tl.ArgumentError, match=r"`activation` must have a derivative .*but 'step' jumps"):
        tl.OnlineSGD("step")
    state = tl.Overlaps(np.eye(2), [[0.5], [0.1]], [[1.0]])
    rule = tl.OnlineSGD("step", "sign", train="readout", lr_readout=0.5)
    ode = tl.solve(rule, state, [0, 5])
    sim = tl.simulate(rule, state, [0, 5], dim=10_000, replicas=16)
    assert np.abs((sim.v_mean - ode.v)[1] / sim.v_sem[1]).max() < 4
    with pytest.raises(tl.ArgumentError, match=r"`activation` must have a derivative where J2 takes it"):
        tl.gaussian.J2("sign", np.eye(2))


@pytest.mark.parametrize(
    ("student", "teacher", "given"), [("tanh", "relu", "'relu' has kinks"), ("silu", "step", "'step' has kinks")]
)
def test_kinks_among_smooth_units_have_no_equations_but_a_chain(student: str, teacher: str, given: str) -> None:
    state, rule = tl.Overlaps(np.eye(2), np.full((2, 2), 0.1), np.eye(2)), tl.OnlineSGD(student, teacher)
    with pytest.raises(tl.ArgumentError, match=rf"`teacher_activation` must be smooth.*{given}.*engine=\"chain\""):
        tl.solve(rule, state, [1])
    for function in (tl.fixed_point, tl.plateau, tl.critical_learning_rate, lambda *a: tl.fluctuations(*a, alpha=[1])):
        with pytest.raises(tl.ArgumentError, match=given):
            function(rule, state)
    assert np.isfinite(tl.simulate(rule, state, [1], dim=100, replicas=2).eg).all()


def test_averages_of_two_fields_by_the_plane() -> None:
    """Functions of one's own, in stacks, singular covariances included, against closed forms of sin."""
    g, rng = OWN["ufuncs"], np.random.default_rng(0)
    A = rng.standard_normal((40, 3, 3))
    C = A @ np.swapaxes(A, 1, 2)
    C[0], C[1], C[2] = np.ones((3, 3)), np.zeros((3, 3)), np.outer([1, -1, 2], [1, -1, 2])
    p, c, q = C[:, 0, 0], C[:, 0, 2], C[:, 2, 2]
    two = C[:, [0, 2]][:, :, [0, 2]]
    np.testing.assert_allclose(tl.gaussian.I2(g, two), np.exp(-(p + q) / 2) * np.sinh(c), atol=1e-12)
    np.testing.assert_allclose(tl.gaussian.J2(g, two), np.exp(-(p + q) / 2) * np.cosh(c), atol=1e-12)
    # <cos(x1) x2 sin(x3)> = -C12 <sin x1 sin x3> + C23 <cos x1 cos x3>
    exact = np.exp(-(p + q) / 2) * (C[:, 1, 2] * np.cosh(c) - C[:, 0, 1] * np.sinh(c))
    np.testing.assert_allclose(tl.gaussian.I3(g, C), exact, atol=1e-12)


def test_linear_arguments_of_i4_by_the_plane() -> None:
    g, rng = OWN["ufuncs"], np.random.default_rng(1)
    A = rng.standard_normal((4, 4)) / 2
    C = A @ A.T
    value = float(tl.gaussian.I4((g, g, "linear", "linear"), C))
    x = rng.standard_normal((2_000_000, 4)) @ A.T
    sample = np.cos(x[:, 0]) * np.cos(x[:, 1]) * x[:, 2] * x[:, 3]
    assert abs(sample.mean() - value) < 4 * sample.std() / np.sqrt(len(sample))
    p, c, q = C[0, 0], C[0, 1], C[1, 1]
    even, odd = np.exp(-(p + q) / 2) * np.cosh(c), np.exp(-(p + q) / 2) * np.sinh(c)
    # twice Stein's lemma: cos' = -sin, and so on
    exact = C[2, 3] * even - (C[0, 2] * C[0, 3] + C[1, 2] * C[1, 3]) * even
    exact += (C[0, 2] * C[1, 3] + C[1, 2] * C[0, 3]) * odd
    assert value == pytest.approx(exact, abs=1e-12)


def test_the_quadrature_reports_its_error() -> None:
    from tutelage.gaussian import QuadratureError, product_average

    C = [[1.0, 0.5], [0.5, 2.0]]
    exact = math.exp(-1.5) * math.sinh(0.5)
    for tolerance in (1e-6, 1e-11):
        average = product_average([np.sin, np.sin], C, tolerance=tolerance)
        assert abs(average.value - exact) <= average.error <= tolerance
    with pytest.raises(QuadratureError, match="kinks") as caught:
        product_average([lambda x: np.abs(np.sin(3 * x)), np.cos, np.cos], np.eye(3) + 0.2, budget=100_000)
    assert caught.value.error > 1e-11


def test_random_overlaps_in_huge_dimensions_have_the_right_law() -> None:
    N = 10**10
    C = np.array([tl.Overlaps.random(2, 1, N, seed=seed).covariance for seed in range(500)])
    spread = np.sqrt(N) * C.std(0)
    np.testing.assert_allclose(spread, np.ones((3, 3)) + (np.sqrt(2) - 1) * np.eye(3), rtol=0.12)
    assert np.abs(np.sqrt(N) * (C.mean(0) - np.eye(3))).max() < 0.2


def test_compiled_functions_and_methods_are_taken_as_they_are() -> None:
    import statistics

    import numba as nb

    jitted = tl.Activation(nb.njit(lambda x: math.sin(x)), nb.njit(lambda x: math.cos(x)))
    np.testing.assert_allclose(compiled(jitted, X[:700])[0], np.sin(X[:700]), atol=1e-14)
    law = statistics.NormalDist()
    methods = tl.Activation(law.cdf, law.pdf)
    np.testing.assert_allclose(methods.f(X[:700]), activation("normal_cdf").f(X[:700]), atol=1e-15)
    ds = tl.simulate(tl.OnlineSGD(methods), tl.Overlaps([[1.0]], [[0.5]], [[1.0]]), [0, 0.5], dim=20, replicas=2)
    assert np.isfinite(ds.eg).all()


@pytest.mark.parametrize(
    "name", ["leaky_relu(1-2)", "polynomial(1,,2)", "polynomial(1,2-3)", "own", "hermite-", "ReLU"]
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(tl.ArgumentError, match=r"`activation` must be one of"):
        tl.OnlineSGD(name)


def test_steep_functions_have_their_derivative() -> None:
    tl.Activation(lambda x: 1 / (1 + 1e4 * x**2), lambda x: -2e4 * x / (1 + 1e4 * x**2) ** 2)
    state = tl.Overlaps([[1.0]], [[0.5]], [[1.0]])
    steep = tl.Activation(lambda x: np.tanh(200 * x), lambda x: 200 * (1 - np.tanh(200 * x) ** 2))
    explodes = tl.Activation(lambda x: math.exp(30 * x), lambda x: 30 * math.exp(30 * x))  # beyond 23 it raises
    for g in (steep, explodes):
        with pytest.raises(tl.ArgumentError, match=r"`activation` must be smooth enough"):
            tl.solve(tl.OnlineSGD(g), state, [1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tl.Activation(lambda x: x * 1j, lambda x: 1j * x**0), "`f` must be real"),
        (lambda: tl.Activation(lambda x: math.log(x), lambda x: 1 / x), "`f` must be defined between -6 and 6"),
        (lambda: tl.Activation(np.sin, np.cos, 3), "`name` must be of type str"),
        (lambda: tl.gaussian.I2(np.sin, np.eye(2)), "`activation` must be an activation"),
        (lambda: tl.polynomial(1, 0.5), "`name` must be text; coefficients are one list, but is 0.5"),
        (lambda: tl.polynomial([0, 1, 0.5], name="erf"), "`name` must not be that of another activation"),
    ],
)
def test_bad_functions_get_one_sentence(call, message: str) -> None:
    with pytest.raises(tl.ArgumentError, match=message):
        call()


def test_one_kink_needs_no_tuple() -> None:
    assert tl.Activation(np.abs, np.sign, kinks=0).kinks == (0.0,)


def test_results_survive_a_quadrature_that_falls_short() -> None:
    own = tl.Activation(np.abs, np.sign, kinks=0)
    state = tl.Overlaps([[1.0]], [[0.5]], [[1.0]])
    ds = tl.simulate(tl.OnlineSGD(own, lr=0.3), state, [0, 10, 200], dim=200, replicas=2)
    assert np.isfinite(ds.Q).all()
    assert float(ds.eg[:, -1].max()) < 1e-6
    near = tl.Overlaps([[1.0]], [[1 - 1e-8]], [[1.0]])
    assert near.generalisation_error(own) < 1e-7
    for name in ("step", "sign"):
        assert tl.Overlaps([[1.0]], [[1.0]], [[1.0]]).generalisation_error(name) < 1e-15


def test_polynomials_of_high_degree_have_equations() -> None:
    """Against Gauss-Hermite quadrature, which is exact for them; not against Wick's theorem, which they are made of."""
    state, rule = tl.Overlaps([[0.5]], [[0.2]], [[0.5]]), tl.OnlineSGD(tl.polynomial([0] * 9 + [1e-3]), lr=0.1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    z = np.stack([axis.ravel() for axis in np.meshgrid(nodes, nodes)])
    field, target = np.linalg.cholesky(state.covariance) @ z
    delta = 1e-3 * (field**9 - target**9)
    slope = -0.1 * (np.outer(weights, weights).ravel() / (2 * np.pi)) @ (9e-3 * field**8 * target * delta)
    velocity = velocity_function(rule, state)(0.0, start_vector(state))
    assert velocity[0] == pytest.approx(slope, rel=1e-11)  # of R
    with pytest.raises(tl.DivergenceError, match="alpha ="):
        tl.solve(tl.OnlineSGD("hermite-10", lr=0.5), tl.Overlaps.random(1, 1, 100), [0, 1])


def test_a_checkpoint_knows_functions_of_one_name_apart(tmp_path) -> None:
    one = tl.Activation(lambda x: np.sin(x), np.cos)
    other = tl.Activation(lambda x: x - x**3 / 6, lambda x: 1 - x * x / 2)
    assert one.name == other.name
    state, path = tl.Overlaps([[1.0]], [[0.5]], [[1.0]]), tmp_path / "run.nc"
    tl.simulate(tl.OnlineSGD(one), state, [0, 1], dim=20, replicas=2, checkpoint=path)
    with pytest.raises(tl.ArgumentError, match="`rule` must have the functions of the checkpoint"):
        tl.simulate(tl.OnlineSGD(other), state, [0, 1, 2], dim=20, replicas=2, checkpoint=path)
