"""The ODE view against an independent right-hand side under SciPy's DOP853 at rtol 1e-12."""

import itertools

import numpy as np
import pytest

import baseline
import tutelage as tl

TIMES = np.array([0.0, 0.05, 0.3, 1.0, 3.0, 10.0, 30.0])


def start(K, M, dim=60, seed=0):
    """A generic state with readouts that differ from one another."""
    state = tl.Overlaps.random(K, M, dim, seed=seed)
    rng = np.random.default_rng(seed)
    return tl.Overlaps(state.Q, state.R, state.T, 1 + 0.2 * rng.standard_normal(K), 1 + 0.2 * rng.standard_normal(M))


def check(rule, state, times=TIMES, tolerance=1e-6, independent_rtol=1e-12, **options):
    """Assert that every overlap of `solve` is within `tolerance` of the independent integration."""
    r = rule.lr if rule.lr_readout is None else rule.lr_readout
    Q, R, v = baseline.trajectory(
        state.Q, state.R, state.T, state.v, state.v_star, times,
        activation=rule.activation, lr=rule.lr, lr_readout=r, noise=rule.noise, decay=rule.weight_decay,
        batch=rule.batch, train=rule.train, rtol=independent_rtol, atol=independent_rtol / 10,
    )  # fmt: skip
    ds = tl.solve(rule, state, times, **options)
    scale = max(1.0, np.abs(Q).max())
    for name, expected in (("Q", Q), ("R", R), ("v", v)):
        assert np.abs(ds[name].values - expected).max() < tolerance * scale, name


@pytest.mark.parametrize("train", ["first", "both", "readout"])
@pytest.mark.parametrize(("K", "M"), [(1, 1), (2, 3), (3, 3), (4, 2)])
def test_erf(K, M, train):
    check(tl.OnlineSGD("erf", lr=0.4, lr_readout=0.3, noise=0.2, weight_decay=0.05, train=train), start(K, M))


@pytest.mark.parametrize("train", ["first", "both", "readout"])
@pytest.mark.parametrize(("K", "M"), [(1, 2), (2, 2), (4, 2)])
def test_linear(K, M, train):
    check(tl.OnlineSGD("linear", lr=0.2, noise=0.2, weight_decay=0.02, train=train), start(K, M))


# The NumPy equations for ReLU take 10 ms a call: short runs here, long ones among the slow tests.
@pytest.mark.parametrize(("K", "M", "train"), [(1, 2, "first"), (2, 1, "both"), (2, 2, "both")])
def test_relu(K, M, train):
    rule = tl.OnlineSGD("relu", lr=0.1, noise=0.2, weight_decay=0.02, train=train)
    check(rule, start(K, M), TIMES[:-3], independent_rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("K", "M", "train"), [(1, 2, "both"), (2, 2, "first"), (3, 1, "both"), (3, 2, "both")])
def test_relu_in_the_long_run(K, M, train):
    check(tl.OnlineSGD("relu", lr=0.1, noise=0.2, train=train), start(K, M), TIMES, independent_rtol=1e-10)


def test_mini_batch_divides_the_noise_of_the_gradient():
    check(tl.OnlineSGD("erf", lr=0.8, noise=0.3, batch=8), start(3, 2))


@pytest.mark.slow
def test_many_random_problems_and_long_plateaus():
    rng = np.random.default_rng(5)
    for seed, (K, M) in enumerate(itertools.product((1, 2, 3, 4), (1, 2, 3, 4))):
        for train in ("first", "both"):
            lr, noise = rng.uniform(0.1, 0.8), rng.choice([0.0, 0.1])
            check(
                tl.OnlineSGD("erf", lr=lr, noise=noise, train=train), start(K, M, 784, seed), np.geomspace(0.1, 300, 20)
            )


@pytest.mark.parametrize("method", ["lsoda", "radau", "bdf"])
def test_methods_of_scipy_agree(method):
    rule, state = tl.OnlineSGD("erf", lr=0.5, noise=0.1, train="both"), start(3, 2)
    ours = tl.solve(rule, state, TIMES)
    theirs = tl.solve(rule, state, TIMES, method=method, rtol=1e-9, atol=1e-11)
    assert float(abs(ours.Q - theirs.Q).max()) < 1e-6


def test_polynomials_run_through_the_readable_equations():
    # He_2 = x^2 - 1 with K = M = 1 on the line: dR, dQ in closed form by Wick's theorem, integrated independently.
    rule = tl.OnlineSGD(tl.polynomial([0.0, 1.0]), lr=0.2, noise=0.1)
    linear = tl.OnlineSGD("linear", lr=0.2, noise=0.1)
    state = start(2, 1)
    one, other = (tl.solve(r, state, [0.5, 2.0]) for r in (rule, linear))
    assert float(abs(one.Q - other.Q).max()) < 1e-7


def test_results_stand_exactly_at_the_asked_times():
    times = [0.0, 0.1, 0.7, 2.0]
    rule, state = tl.OnlineSGD(lr=0.5), start(2, 2)
    together = tl.solve(rule, state, times)
    assert together.alpha.values.tolist() == times
    for name in ("Q", "R", "v"):
        assert np.array_equal(together[name].values[0], getattr(state, name))
    for t in times[1:]:
        alone = tl.solve(rule, state, t)  # the end of a run, not dense output
        assert float(abs(alone.Q[0] - together.Q.sel(alpha=t)).max()) < 1e-8


def test_divergence_says_when_and_keeps_the_data():
    rule, state = tl.OnlineSGD("linear", lr=10.0), start(1, 1)
    with pytest.raises(tl.DivergenceError, match="alpha = ") as caught:
        tl.solve(rule, state, [0.0, 0.1, 1000.0])
    assert caught.value.dataset.alpha.values.tolist() == [0.0, 0.1]
    assert 0.1 < caught.value.alpha < 10


def test_only_time_zero():
    assert tl.solve(tl.OnlineSGD(), start(1, 1), [0.0]).eg.size == 1


@pytest.mark.parametrize(
    ("rule", "K", "M"),
    [
        (tl.OnlineSGD("linear", lr=0.03, noise=0.1), 4, 3),
        (tl.OnlineSGD("linear", lr=0.3, noise=0.1, train="both"), 2, 4),
        (tl.OnlineSGD("erf", lr=0.3, noise=0.1), 2, 2),
    ],
)
def test_steps_stay_stable_at_rest(rule, K, M):
    """Steps at the limit of stability left fast modes at 6 to 60 times the tolerance for ever."""
    state, times = tl.Overlaps.random(K, M, 784, seed=0), np.geomspace(0.1, 2000, 80)
    ours = tl.solve(rule, state, times, rtol=1e-8, atol=1e-10)
    exact = tl.solve(rule, state, times, rtol=1e-13, atol=1e-15, method="lsoda")
    assert float(abs(ours.Q - exact.Q).max()) < 4e-8
    assert float(abs(ours.Q - exact.Q)[-1].max()) < 1e-8


@pytest.mark.parametrize(
    ("activation", "K", "train", "lr"),
    [("relu", 2, "first", 1.0), ("relu", 3, "both", 0.3), ("leaky_relu", 2, "first", 0.5)],
)
def test_ramps_learn_to_rounding_in_few_steps(activation, K, train, lr, monkeypatch):
    """Errors of the integrator make covariances that no fields have; roots of averages there made steps of 1e-7."""
    from tutelage.online.kernels import integrate

    left, advance = [], integrate.advance

    def counted(*arguments):
        left[0] -= arguments[-1]
        assert left[0] >= 0
        return advance(*arguments)

    monkeypatch.setattr(integrate, "advance", counted)
    state, rule = tl.Overlaps.random(K, K, 784, seed=0), tl.OnlineSGD(activation, lr=lr, train=train)
    found = {}
    for rtol in (1e-6, 1e-8, 1e-10):
        left[:] = [4000]
        found[rtol] = tl.solve(rule, state, [30.0, 100.0, 2000.0], rtol=rtol, atol=rtol / 100)
        assert float(found[rtol].eg[-1]) < 10 * rtol
        for name in ("R", "Q", "v"):
            assert float(abs(found[rtol][name] - found[1e-6][name]).max()) < 1e-4
    assert float(abs(found[1e-8].Q - found[1e-10].Q)[:2].max()) < 1e-6


def test_a_tolerance_below_rounding_ends_with_a_warning():
    """It took minutes."""
    state, rule = tl.Overlaps.random(2, 2, 784, seed=0), tl.OnlineSGD("relu", lr=1.0)
    with pytest.warns(UserWarning, match=r"`rtol` is below the rounding of the equations from alpha = \d"):
        ds = tl.solve(rule, state, [100.0, 2000.0], rtol=1e-13, atol=1e-15)
    exact = tl.solve(rule, state, [100.0], rtol=1e-11, atol=1e-13)
    assert float(abs(ds.Q[0] - exact.Q[0]).max()) < 1e-8
    assert float(ds.eg[1]) < 1e-12
