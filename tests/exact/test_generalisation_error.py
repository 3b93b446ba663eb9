"""The generalisation error against 50-digit arithmetic and Monte Carlo; perfect learning without a floor."""

import math

import mpmath as mp
import numpy as np
import pytest

import tutelage as tl


def exact_error(W, W_star, v, v_star, name):
    """eps_g from weights in 50 digits."""
    with mp.workdps(50):
        rows = [[mp.mpf(float(x)) for x in row] for row in np.vstack([W, W_star])]
        a = [mp.mpf(float(x)) for x in v] + [-mp.mpf(float(x)) for x in v_star]
        N, P = len(rows[0]), len(rows)
        C = [[mp.fsum(x * y for x, y in zip(p, q, strict=True)) / N for q in rows] for p in rows]
        return float(mp.fsum(a[i] * a[j] * _pair(C, i, j, name) for i in range(P) for j in range(P)) / 2)


def _pair(C, i, j, name):
    if name == "linear":
        return C[i][j]
    if name == "erf":
        return 2 / mp.pi * mp.asin(C[i][j] / mp.sqrt((1 + C[i][i]) * (1 + C[j][j])))
    product = C[i][i] * C[j][j]
    rho = min(C[i][j] / mp.sqrt(product), mp.mpf(1))
    return (mp.sqrt(max(product - C[i][j] ** 2, 0)) + C[i][j] * (mp.pi / 2 + mp.asin(rho))) / (2 * mp.pi)


def near_teacher(distance, seed=0):
    """Three students, of which two share a unit of the teacher, within `distance` of it."""
    rng = np.random.default_rng(seed)
    W_star = rng.standard_normal((2, 40))
    W = W_star[[0, 1, 0]] + distance * rng.standard_normal((3, 40))
    return W, W_star, np.array([0.25, 1.0, 0.75]) + distance * 0.1, np.ones(2)


@pytest.mark.parametrize("name", ["erf", "linear", "relu"])
@pytest.mark.parametrize("distance", [1.0, 1e-1, 1e-2, 1e-3, 1e-5, 1e-8, 1e-12])
def test_from_weights_to_full_relative_accuracy(name, distance):
    W, W_star, v, v_star = near_teacher(distance)
    error = tl.Overlaps.from_weights(W, W_star, v, v_star).generalisation_error(name)
    # 1e-16 / distance is what the readouts themselves are rounded to
    assert abs(error / exact_error(W, W_star, v, v_star, name) - 1) < 1e-8 + 1e-15 / distance


@pytest.mark.parametrize("name", ["erf", "linear", "relu", "square"])
def test_zero_at_the_teacher_and_never_negative(name):
    T = tl.Overlaps.random(3, 3, 50, seed=2).T
    assert tl.Overlaps(T, T, T).generalisation_error(name) < 1e-25
    rng = np.random.default_rng(0)
    for distance in (1e-6, 1e-8, 1e-10):
        W_star = rng.standard_normal((3, 30))
        state = tl.Overlaps.from_weights(W_star + distance * rng.standard_normal((3, 30)), W_star)
        plain = tl.Overlaps(state.Q, state.R, state.T)  # knows no more than the rounded overlaps
        assert plain.generalisation_error(name) >= 0
        assert state.generalisation_error(name) > 0


@pytest.mark.parametrize(
    ("student", "teacher"), [("erf", "relu"), ("relu", "erf"), ("linear", "erf"), ("square", "erf")]
)
def test_mismatched_networks_against_monte_carlo(student, teacher):
    rng = np.random.default_rng(1)
    W, W_star, v, v_star = rng.standard_normal((3, 20)), rng.standard_normal((2, 20)), np.ones(3), np.array([1.0, -0.5])
    x = rng.standard_normal((400_000, 20))
    sample = (tl.Network(W, v, student)(x) - tl.Network(W_star, v_star, teacher)(x)) ** 2 / 2
    error = tl.Overlaps.from_weights(W, W_star, v, v_star).generalisation_error(student, teacher)
    assert abs(error - sample.mean()) < 3 * sample.std() / np.sqrt(len(x))


def test_noiseless_learning_goes_on_below_rounding():
    state = tl.Overlaps.random(2, 2, 100, seed=3)
    ds = tl.solve(tl.OnlineSGD("erf", lr=0.5), state, np.linspace(100, 3000, 30))
    assert (ds.eg > 0).all()
    assert float(ds.eg[-1]) < 1e-50
    rate = np.diff(np.log(ds.eg.values[10:]))
    assert np.ptp(rate) < 1e-2 * abs(rate.mean())  # exponential to the end; a floor would take it to 0


def test_the_same_decay_in_sgd():
    # finite N: another trajectory, but the rate of the slowest mode is that of the ODE up to O(1/N) and fluctuations
    state, rule = tl.Overlaps.random(2, 2, 100, seed=3), tl.OnlineSGD("erf", lr=0.5)
    times = np.array([300.0, 600.0])
    ode = tl.solve(rule, state, times).eg.values
    sim = tl.simulate(rule, state, times, dim=200, replicas=4, seed=1).eg.values
    assert (sim > 0).all()
    decay = np.log(sim[:, 0] / sim[:, 1]).mean() / np.log(ode[0] / ode[1])
    assert sim[:, 1].max() < 1e-10
    assert abs(decay - 1) < 0.15


def test_differences_and_overlaps_move_alike():
    # where both resolve the state, the equations in differences are those in overlaps
    from tutelage.online.kernels.erf import erf_velocity
    from tutelage.online.kernels.model import workspace
    from tutelage.online.kernels.tail import tail_velocity
    from tutelage.online.tail import Tail
    from tutelage.online.vector import constants, start_vector, units

    rng = np.random.default_rng(4)
    W_star = rng.standard_normal((2, 50))
    W = np.concatenate([W_star[[0, 1]] * [[1.0], [-1.0]], W_star[:1]]) + 1e-3 * rng.standard_normal((3, 50))
    state = tl.Overlaps.from_weights(W, W_star, [0.4, -1.001, 0.6], [1.0, 1.0])
    rule = tl.OnlineSGD("erf", lr=0.6, lr_readout=0.3, train="both")
    tail = Tail.enter(rule, state, start_vector(state))
    assert tail is not None
    assert tail.sign.tolist() == [1, -1, 1]
    K, M, P = 3, 2, 5
    model = constants(rule, state)
    buffers = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P))
    full, apart = np.empty(len(tail.y)), np.empty(len(tail.y))
    erf_velocity(start_vector(state), model, *units(rule), *buffers, full)
    tail_velocity(tail.y, model._replace(partner=tail.partner, sign=tail.sign), *units(rule), *buffers, apart)
    S = np.eye(M)[tail.partner] * tail.sign[:, None]
    dR, dQ = full[: K * M].reshape(K, M), full[K * M : K * M + K * K].reshape(K, K)
    dE = dQ - dR @ S.T - S @ dR.T
    assert np.allclose(apart[: K * M].reshape(K, M), dR, rtol=0, atol=1e-9 * np.abs(dR).max())
    assert np.allclose(apart[K * M : K * M + K * K].reshape(K, K), dE, rtol=0, atol=1e-7 * np.abs(dE).max())
    dv = full[K * M + K * K :]
    followed = [dv[0] + dv[2], -dv[1], dv[2]]  # what the readouts of the first student of each teacher miss, and v
    assert np.allclose(apart[K * M + K * K :], followed, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("K", "M", "lr"), [(1, 1, 1.0), (2, 2, 2.0), (3, 2, 1.0)])
def test_both_layers_learn_below_rounding(K, M, lr, monkeypatch):
    """With v - v* in place of what is missing, steps became shorter for ever, or the error kept a floor."""
    from tutelage.online.kernels import integrate

    left, advance = [], integrate.advance

    def counted(*arguments):
        left[0] -= arguments[-1]
        assert left[0] >= 0
        return advance(*arguments)

    monkeypatch.setattr(integrate, "advance", counted)
    rng = np.random.default_rng(5)
    W_star = rng.standard_normal((M, 50))
    W = W_star[np.arange(K) % M] + 0.2 * rng.standard_normal((K, 50))
    v = (1 + 0.1 * rng.standard_normal(K)) / np.bincount(np.arange(K) % M)[np.arange(K) % M]
    state, rule = tl.Overlaps.from_weights(W, W_star, v, np.ones(M)), tl.OnlineSGD("erf", lr=lr, train="both")
    times, ends = np.linspace(100, 4000, 40), {}
    for rtol in (1e-6, 1e-8, 1e-12):
        left[:] = [40_000]
        ends[rtol] = tl.solve(rule, state, times, rtol=rtol, atol=rtol / 100).eg.values
    assert (np.diff(np.log(ends[1e-12])) < 0).all()
    assert np.abs(np.log(ends[1e-8] / ends[1e-12])).max() < 1e-3


def test_ctrl_c_keeps_what_was_learnt_below_rounding(monkeypatch):
    from tutelage.progress import Progress

    def update(self, reached):
        if reached > 1000:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "update", update)
    with pytest.warns(UserWarning, match="interrupted"):
        ds = tl.solve(tl.OnlineSGD("erf", lr=0.5), tl.Overlaps.random(2, 2, 100, seed=3), np.linspace(100, 3000, 30))
    assert float(ds.alpha[-1]) >= 900
    assert 0 < float(ds.eg[-1]) < 1e-12


@pytest.mark.parametrize("k", [12, 40, 99])
def test_error_of_steep_hermite_polynomials_is_that_of_mehler(k):
    """Of unit fields with correlation rho: k! (1 - rho^k)."""
    for rho in (0.1, -0.3, 0.999, 1 - 1e-12):
        error = tl.Overlaps([[1.0]], [[rho]], [[1.0]]).generalisation_error(f"hermite-{k}")
        exact = -np.expm1(k * np.log(abs(rho))) if rho > 0 or k % 2 == 0 else 1 + abs(rho) ** k
        assert error / math.factorial(k) == pytest.approx(exact, rel=1e-11 if rho < 0.9999 else 1e-3)


def test_error_too_large_for_a_number_is_refused():
    with pytest.raises(
        tl.ArgumentError, match=r"^Argument `activation` must have an error below 1\.8e308, .*'hermite-99'"
    ):
        tl.Overlaps([[1e3]], [[0.1]], [[1.0]]).generalisation_error("hermite-99")


@pytest.mark.parametrize("name", ["erf", "relu"])
@pytest.mark.parametrize("distance", [1e-3, 1e-6])
def test_many_units_that_say_the_same_have_the_error_of_few(name, distance):
    W, W_star, v, v_star = near_teacher(distance)
    few = tl.Overlaps.from_weights(W, W_star, v, v_star).generalisation_error(name)
    shares = np.random.default_rng(4).dirichlet(np.ones(40), size=3)
    many = tl.Overlaps.from_weights(np.repeat(W, 40, 0), W_star, (v[:, None] * shares).ravel(), v_star)
    assert abs(many.generalisation_error(name) / few - 1) < 1e-9 + 1e-14 / distance
