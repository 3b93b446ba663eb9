"""Terms of the equations and weights on the sphere: against averages over a grid, closed solutions and simulation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import erf

import tutelage as tl
from tutelage.online.diffusion import step_covariance
from tutelage.online.equations import right_hand_side
from tutelage.online.integration import velocity_function
from tutelage.online.jacobian import Coordinates
from tutelage.online.vector import start_vector

UNITS = {
    "erf": (lambda x: erf(x / np.sqrt(2)), lambda x: np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)),
    "square": (lambda x: x**2, lambda x: 2 * x),
    "hermite-3": (lambda x: x**3 - 3 * x, lambda x: 3 * x**2 - 3),
}
TERMS = ["full", "flow+noise", "flow"]
CONSTRAINTS = [None, "sphere"]


def on_a_grid(rule, here, nodes):
    """Return dR, dQ, dv of a state as sums over a tensor grid of Gauss and Hermite in all fields."""
    g, dg = UNITS[rule.activation]
    K, P, sigma, lr = here.students, here.students + here.teachers, rule.noise, rule.lr
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    z = np.stack(np.meshgrid(*[x] * P, indexing="ij"), -1).reshape(-1, P)
    weight = np.prod(np.stack(np.meshgrid(*[w / w.sum()] * P, indexing="ij"), -1).reshape(-1, P), -1)
    size, vectors = np.linalg.eigh(here.covariance)
    fields = z @ (vectors * np.sqrt(np.maximum(size, 0))).T
    error = g(fields[:, :K]) @ here.v - g(fields[:, K:]) @ here.v_star
    push = here.v * dg(fields[:, :K])  # (points, K)
    drift = -lr * np.einsum("s,s,si,sn->in", weight, error, push, fields)
    gram = np.einsum("s,si,sk->ik", weight * error**2, push, push) * (rule.terms == "full")
    gram += sigma**2 * np.einsum("s,si,sk->ik", weight, push, push) * (rule.terms != "flow")
    dR, dQ = drift[:, K:], drift[:, :K] + drift[:, :K].T + lr**2 / rule.batch * gram
    if rule.constraint == "sphere":
        grown = np.diag(dQ).copy()
        dR = dR - here.R * grown[:, None] / 2
        dQ = dQ - here.Q * (grown[:, None] + grown) / 2
    dv = -(rule.lr_readout or lr) * (weight * error) @ g(fields[:, :K]) * (rule.train == "both")
    return dR, dQ, dv


def start(K, M, rule=None, dim=30):
    rng = np.random.default_rng(10 * K + M)
    W, W_star = rng.standard_normal((K, dim)), rng.standard_normal((M, dim))
    state = tl.Overlaps.from_weights(W, W_star, rng.uniform(0.5, 1.0, K), rng.uniform(0.5, 1.0, M))
    return state if rule is None or rule.constraint is None else state.normalised()


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_solutions_are_those_of_an_integration_of_their_own(name, terms, constraint):
    lr = {"erf": 0.8, "square": 0.05, "hermite-3": 0.01}[name]
    train = "both" if name == "erf" else "first"
    rule = tl.OnlineSGD(name, lr=lr, noise=0.3, batch=2, terms=terms, constraint=constraint, train=train)
    state, nodes = start(2, 1, rule, dim=5), {"erf": 28, "square": 6, "hermite-3": 8}[name]
    times = np.array([0.5, 2.0, 6.0])

    def slope(_, y):
        here = tl.Overlaps.unchecked(y[2:6].reshape(2, 2), y[:2].reshape(2, 1), state.T, y[6:], state.v_star)
        return np.concatenate([np.ravel(part) for part in on_a_grid(rule, here, nodes)])

    own = solve_ivp(slope, (0, times[-1]), start_vector(state), "DOP853", times, rtol=1e-9, atol=1e-11).y.T
    ds = tl.solve(rule, state, times)
    found = np.concatenate([ds.R.values.reshape(3, -1), ds.Q.values.reshape(3, -1), ds.v.values], 1)
    assert np.abs(found - own).max() < 1e-6
    assert np.abs(own[-1] - own[0]).max() > 0.02


@pytest.mark.parametrize(
    ("student", "teacher"),
    [("square", None), ("hermite-3", None), ("square", "hermite-3"), ("linear", "square"), ("hermite-4", "hermite-2"),
     ("relu", None), ("erf", None), ("linear", None), ("tanh", None), ("leaky_relu(0.2)", "erf")],
)  # fmt: skip
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_compiled_equations_equal_the_readable_ones(student, teacher, terms, constraint):
    options = {"lr": 0.3, "lr_readout": 0.2, "train": "both", "noise": 0.4, "weight_decay": 0.1, "batch": 2}
    rule = tl.OnlineSGD(student, teacher, **options, terms=terms, constraint=constraint)
    here = start(2, 2, rule)
    compiled, readable = velocity_function(rule, here)(0.0, start_vector(here)), right_hand_side(rule, here)
    expected = np.concatenate([readable.R.ravel(), readable.Q.ravel(), readable.v])
    assert np.abs(compiled - expected).max() < 1e-11 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("name", ["square", "hermite-3", "hermite-5", "polynomial(0.3,1,0,-0.2)"])
def test_polynomials_where_fields_coincide_or_vanish(name):
    rng = np.random.default_rng(1)
    T, a = rng.standard_normal((2, 30)), rng.standard_normal(30)
    for W in ([T[0], a], [a, a], [a, -a], [0 * a, a], [0 * a, 0 * a], [T[0], T[0]], [0.01 * a, 2 * T[1]]):
        here = tl.Overlaps.from_weights(np.array(W), T, [0.5, 1.5], [0.8, -1.2])
        rule = tl.OnlineSGD(name, lr=0.7, lr_readout=0.4, train="both", noise=0.3)
        compiled, readable = velocity_function(rule, here)(0.0, start_vector(here)), right_hand_side(rule, here)
        expected = np.concatenate([readable.R.ravel(), readable.Q.ravel(), readable.v])
        assert np.abs(compiled - expected).max() < 1e-11 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("lr", [0.02, 0.1])
def test_phase_retrieval_on_the_sphere_is_a_logistic_equation(lr, noise):
    """Arnaboldi et al. 2023, arXiv:2305.18502: dm = m (4 (1 - 6 lr)(1 - m^2) - 2 lr noise^2); eg = 2 (1 - m^2)."""
    rule = tl.OnlineSGD("square", lr=lr, noise=noise, constraint="sphere")
    m, times = 0.05, np.array([1.0, 10.0, 100.0])
    gain = 4 * (1 - 6 * lr)
    rate = gain - 2 * lr * noise**2
    square = rate * m**2 / (gain * m**2 + (rate - gain * m**2) * np.exp(-2 * rate * lr * times))
    ds = tl.solve(rule, tl.Overlaps([[1.0]], [[m]], [[1.0]]), times)
    np.testing.assert_allclose(ds.R.values.ravel() ** 2, square, rtol=1e-6)
    np.testing.assert_allclose(ds.eg.values, 2 * (1 - square), rtol=1e-6, atol=1e-8)
    point = tl.fixed_point(rule, tl.Overlaps([[1.0]], [[0.9]], [[1.0]]))
    np.testing.assert_allclose(point.state.R.item() ** 2, rate / gain, rtol=1e-9)
    np.testing.assert_allclose(point.eigenvalues, [-2 * lr * rate], rtol=1e-7)


@pytest.mark.parametrize("name", ["erf", "relu", "tanh"])
def test_fluctuations_on_the_sphere_are_those_of_the_chain(name):
    rule = tl.OnlineSGD(name, lr=0.5, noise=0.2, train="both", constraint="sphere")
    state, N, replicas = start(2, 2, rule), 1_000, 1_600
    expected = tl.fluctuations(rule, state, [2.0], dim=N)
    sim = tl.simulate(rule, state, [2.0], dim=N, replicas=replicas, seed=4)
    views = [sim]
    if name == "erf":  # whose velocity costs little
        views += [tl.simulate(rule, state, [2.0], dim=N, replicas=replicas, seed=5, engine="sde")]
    for ds in views:
        for key in ("eg", "R", "Q", "v"):
            spread, theory = ds[key].std("replica").values[0], expected[f"{key}_std"].values[0]
            moves = theory > 1e-3 * theory.max()
            assert np.abs(spread / np.where(moves, theory, 1) - 1)[moves].max() < 0.08, key  # 1.8 % standard error
            assert np.abs(spread[~moves]).max(initial=0) < 1e-7, key
        mean = ds.eg_mean.values[0] - expected.eg.values[0]
        assert abs(mean) < 4 * ds.eg_sem.values[0] + 3 / N


def test_increments_on_the_sphere_have_no_variance_along_lengths():
    rule = tl.OnlineSGD("erf", lr=0.5, noise=0.2, constraint="sphere")
    D = step_covariance(rule, start(2, 1, rule))
    assert np.abs(D[[2, 4]]).max() == 0  # Q_00, Q_11
    assert D[0, 0] > 0.01
    assert Coordinates.of(rule, start(2, 1, rule)).embedding.shape[1] == 3  # R_0, R_1, Q_01


def test_sgd_at_a_small_rate_follows_the_flow_and_its_noise():
    state, noise, N = start(2, 2), 1.0, 2_000
    times = np.array([10.0, 30.0])
    gaps = {}
    for lr in (0.2, 0.05):
        sim = tl.simulate(tl.OnlineSGD("erf", lr=lr, noise=noise), state, times / lr, dim=N, replicas=8, seed=1)
        for terms in TERMS:
            ds = tl.solve(tl.OnlineSGD("erf", lr=lr, noise=noise, terms=terms), state, times / lr)
            gaps[terms, lr] = float(np.abs(sim.eg_mean - ds.eg).max())
    assert gaps["full", 0.05] < gaps["flow+noise", 0.05] + 1e-4 < gaps["flow", 0.05]
    assert gaps["flow", 0.05] < gaps["flow", 0.2] / 2


@pytest.mark.parametrize("call", [tl.solve, tl.simulate, tl.fluctuations])
def test_a_start_off_the_sphere_is_refused(call):
    rule, options = tl.OnlineSGD(constraint="sphere"), {} if call is tl.solve else {"dim": 100}
    with pytest.raises(tl.ArgumentError, match=r"`state` must have Q_kk = 1 .*normalised"):
        call(rule, start(2, 1), [1.0], **options)
    assert call(rule, start(2, 1).normalised(), [1.0], **options).Q.values[..., 0, 0].max() == pytest.approx(
        1, abs=1e-12
    )


def test_a_unit_of_zero_length_cannot_be_normalised():
    with pytest.raises(tl.ArgumentError, match="zero length"):
        tl.Overlaps([[0.0]], [[0.0]], [[1.0]]).normalised()
    still = tl.Overlaps([[1.0]], [[0.0]], [[0.0]])
    assert still.normalised().T == 0
    with pytest.raises(tl.ArgumentError, match="zero length, but has T_mm"):
        still.normalised(teacher=True)


def test_normalised_weights_have_the_cosines_of_before():
    rng = np.random.default_rng(0)
    W, W_star = rng.standard_normal((3, 9)), rng.standard_normal((2, 9))
    state = tl.Overlaps.from_weights(W, W_star, [1.0, 2.0, 3.0])
    W *= 3 / np.linalg.norm(W, axis=1)[:, None]  # sqrt N
    for teacher in (False, True):
        if teacher:
            W_star *= 3 / np.linalg.norm(W_star, axis=1)[:, None]
        expected, found = tl.Overlaps.from_weights(W, W_star), state.normalised(teacher=teacher)
        for name in ("Q", "R", "T"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=1e-15)
        np.testing.assert_array_equal(found.v, [1, 2, 3])


@pytest.mark.parametrize("name", ["square", "hermite-3", "erf", "linear", "relu"])
def test_many_units(name):
    here = start(30, 2, dim=40)
    terms = "flow" if name == "relu" else "full"
    rule = tl.OnlineSGD(name, lr=0.3, noise=0.4, train="both", terms=terms)
    compiled = velocity_function(rule, here)(0.0, start_vector(here))
    rng, K = np.random.default_rng(0), 30
    fields = rng.standard_normal((20_000, 32)) @ np.linalg.cholesky(here.covariance).T
    c, dv = rule.increments(fields, rule.noise * rng.standard_normal(20_000), here.v, here.v_star)
    sample = [np.einsum("si,sn->sin", c, fields[:, K:]).reshape(-1, 60), dv]
    for part, expected in zip(sample, (compiled[:60], compiled[-30:]), strict=True):
        assert np.abs((part.mean(0) - expected) / part.std(0)).max() * np.sqrt(20_000) < 4.5
    for i, k in ((0, 0), (3, 17), (29, 4)):
        moved = c[:, i] * fields[:, k] + c[:, k] * fields[:, i] + (terms == "full") * c[:, i] * c[:, k]
        assert abs(moved.mean() - compiled[60 + 30 * i + k]) < 4.5 * moved.std() / np.sqrt(20_000)
