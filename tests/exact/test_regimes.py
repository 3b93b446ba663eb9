"""Predictions of regimes against the papers' equations, fixed points, integrated equations, sampling and SGD itself."""

import math

import numpy as np
import pytest
from committees import committee

import tutelage as tl
from tutelage import regimes
from tutelage.errors import ArgumentError
from tutelage.online.equations import right_hand_side

# the clock


def square_equations(p, k, M, Q, P, Delta):
    """Psi, Phi_GF and Phi_Var of arXiv:2302.05882 for x^2 units, eq. (27), with the products in their right order."""
    trP, trQ, S = np.trace(P), np.trace(Q), M @ M.T
    psi = 2 * (trP / k - trQ / p) * M + 4 * (M @ P / k - Q @ M / p)
    flow = 4 * (trP / k - trQ / p) * Q + 8 * (S / k - Q @ Q / p)
    teacher = (trP**2 + 2 * np.trace(P @ P)) * Q + 4 * trP * S + 8 * M @ P @ M.T
    student = (trQ**2 + 2 * np.trace(Q @ Q)) * Q + 4 * trQ * Q @ Q + 8 * Q @ Q @ Q
    mixed = (trP * trQ + 2 * np.trace(S)) * Q + 2 * trQ * S + 2 * trP * Q @ Q + 4 * (S @ Q + Q @ S)
    return psi, flow, 4 * (teacher / k**2 + student / p**2 - 2 / (p * k) * mixed + Delta * Q)


@pytest.mark.parametrize("g", [0.3, 3.0])
def test_equations_of_motion_in_the_clock_of_the_regime(g):
    p, k, Delta = 3, 2, 0.2
    random = tl.Overlaps.random(p, k, dim=20, seed=1)
    state = tl.Overlaps(random.Q, random.R, random.T, np.full(p, 1 / p), np.full(k, 1 / k))
    rule = tl.OnlineSGD("square", lr=g * p, noise=Delta**0.5)
    found = regimes.predict(rule, state, dim=500)
    assert found.g == pytest.approx(g, rel=1e-14)
    assert (found.c1, found.c2) == pytest.approx((1, g) if g <= 1 else (1 / g, 1), rel=1e-14)
    assert found.step == pytest.approx(max(g, g**2) / 500, rel=1e-14)
    psi, flow, spread = square_equations(p, k, state.R, state.Q, state.T, Delta)
    velocity = right_hand_side(rule, state)  # by alpha
    assert velocity.R / found.clock == pytest.approx(found.c1 * psi, rel=1e-11, abs=1e-12)
    assert velocity.Q / found.clock == pytest.approx(found.c1 * flow + found.c2 * spread, rel=1e-11, abs=1e-12)
    assert found.alpha(found.time(7.0)) == pytest.approx(7.0, rel=1e-14)


def test_step_size_of_unequal_readouts_and_batches_by_sampling():
    """c1, c2 times averages of the sampled fields, with the paper's signs and the error in units of the teacher."""
    v, v_star, batch, lr, sigma = np.array([0.8, -0.5, 0.3]), np.array([1.5, 0.7]), 4, 2.0, 0.3
    random = tl.Overlaps.random(3, 2, dim=30, seed=3)
    state = tl.Overlaps(random.Q, random.R, random.T, v, v_star)
    rule = tl.OnlineSGD("erf", lr=lr, batch=batch, noise=sigma)
    found = regimes.predict(rule, state)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400_000, 5)) @ np.linalg.cholesky(state.covariance).T
    lam, g = X[:, :3], np.vectorize(math.erf)
    slope = math.sqrt(2 / math.pi) * np.exp(-(lam**2) / 2)
    labels = g(X[:, 3:] / math.sqrt(2)) @ v_star + sigma * rng.standard_normal(len(X))
    error = (labels - g(lam / math.sqrt(2)) @ v) / np.abs(v_star).sum()
    a = v / math.sqrt(np.mean(v**2))
    per_sample_R = found.c1 * (a * slope)[:, 0] * X[:, 3] * error
    drift = (a * slope)[:, 0] * lam[:, 1] + (a * slope)[:, 1] * lam[:, 0]
    per_sample_Q = found.c1 * drift * error + found.c2 * a[0] * a[1] * slope[:, 0] * slope[:, 1] * error**2
    velocity = right_hand_side(rule, state)
    for samples, exact in ((per_sample_R, velocity.R[0, 0]), (per_sample_Q, velocity.Q[0, 1])):
        standard_error = samples.std() / math.sqrt(len(samples))
        assert abs(samples.mean() - exact / found.clock) < 3.5 * standard_error
        assert abs(exact / found.clock) > 10 * standard_error


def test_readouts_in_other_units_make_no_difference():
    one = regimes.predict(tl.OnlineSGD(lr=0.5, noise=0.1), committee(4, 2, v=np.ones(4), v_star=np.ones(2)))
    ten = regimes.predict(
        tl.OnlineSGD(lr=0.005, noise=1.0), committee(4, 2, v=np.full(4, 10.0), v_star=np.full(2, 10.0))
    )
    assert (ten.g, ten.c2, ten.regime) == (pytest.approx(one.g), pytest.approx(one.c2), one.regime)
    assert ten.plateau == pytest.approx(100 * one.plateau)
    assert ten.critical_lr == pytest.approx(one.critical_lr / 100)


# which regime


@pytest.mark.parametrize(("kappa", "delta"), [(0, 0.5), (0.25, 0.25), (0, 0), (0, -0.375), (0, -0.6), (0.5, 0)])
def test_exponents_and_numbers_agree_in_large_dimension(kappa, delta):
    """At d = 10^8, unit prefactors, the numbers are deep in the regime of the exponents (K = d^(1/4) = 100 is wide)."""
    d = 10**8
    p = min(round(d**kappa), 100) if kappa else 4
    limit = regimes.of_exponents(kappa, delta)
    rule = tl.OnlineSGD("erf", lr=p * float(d) ** (-kappa - delta), noise=0.1)
    found = regimes.predict(rule, committee(p, 2), dim=d)
    assert found.regime == limit.regime
    if limit.clock is not None:
        assert -math.log(found.step) / math.log(d) == pytest.approx(limit.clock, abs=1e-9)
        assert (found.c1, found.c2) == (
            pytest.approx(limit.c1, abs=0.11),
            pytest.approx(limit.c2, abs=0.11),
        )


@pytest.mark.parametrize(("activation", "noise"), [("erf", 0.0), ("relu", 0.0), ("linear", 0.1)])
def test_bad_learning_begins_at_the_critical_rate(activation, noise):
    """The error of a student next to its teacher shrinks below the critical rate and grows above it."""
    state = committee(2, 2, v=np.ones(2), v_star=np.ones(2))
    critical = regimes.predict(tl.OnlineSGD(activation, lr=0.1), state).critical_lr
    near = tl.Overlaps(1.0001 * np.eye(2), np.eye(2), np.eye(2))
    ends = []
    for factor in (0.9, 1.1):
        rule = tl.OnlineSGD(activation, lr=factor * critical, noise=noise)
        assert (regimes.predict(rule, state).regime == "bad learning") == (factor > 1)
        with np.errstate(all="ignore"):
            try:
                ends.append(float(tl.solve(rule, near, [60.0], progress=False).eg[-1]))
            except tl.DivergenceError:
                ends.append(np.inf)
    before = near.generalisation_error(activation)
    assert ends[1] > 2 * before
    if noise:
        rule = tl.OnlineSGD(activation, lr=0.9 * critical, noise=noise)
        assert ends[0] == pytest.approx(regimes.predict(rule, state).plateau_all_orders, rel=1e-3)
    else:
        assert ends[0] < before / 2


@pytest.mark.parametrize("lr", [2.1, 3.0, 6.0])
def test_no_bad_learning_is_made_up_where_no_critical_rate_is_known(lr):
    """A student too small for its teacher learns at g > 1; what is predicted must not say otherwise."""
    state = committee(2, 3)
    found = regimes.predict(tl.OnlineSGD("erf", lr=lr, noise=0.1), state)
    ode = tl.solve(found.rule, tl.Overlaps(state.Q, state.R + 0.1, state.T, state.v, state.v_star), [0.0, 1000.0])
    assert ode.eg.values[1] < ode.eg.values[0] / 5
    assert found.critical_lr is None
    assert found.g > 1
    assert found.regime == "high dimension (Saad & Solla)"
    assert "critical lr" in found.outcome


def test_deep_in_bad_learning_no_critical_rate_is_needed():
    """The first units in ReLU diverge, erf stay high: more than ten times the error at small steps."""
    state = committee(2, 3)
    start = tl.Overlaps(state.Q, state.R + 0.1, state.T, state.v, state.v_star)
    rule = tl.OnlineSGD("erf", lr=40.0, noise=0.1)
    slow = tl.solve(tl.OnlineSGD("erf", lr=0.4, noise=0.1), start, [3000.0]).eg.values[-1]
    assert regimes.predict(rule, state).regime == "bad learning"
    assert tl.solve(rule, start, [1000.0]).eg.values[-1] > 10 * slow
    with pytest.raises(tl.DivergenceError):
        tl.solve(tl.OnlineSGD("relu", lr=40.0, noise=0.1), start, [1000.0])


@pytest.mark.parametrize(("activation", "K"), [("erf", 1), ("erf", 2), ("square", 1), ("square", 2)])
def test_gradient_flow_is_where_its_equations_hold(activation, K):
    """Curves of all terms against those of the flow: within 15 % at the border, more than twofold at half critical."""
    state = committee(K, K)
    start = tl.Overlaps(state.Q, np.full((K, K), 0.1) + 0.3 * np.eye(K), state.T, state.v, state.v_star)
    critical = regimes.predict(tl.OnlineSGD(activation, lr=0.1), state).critical_lr
    for share, close in ((1 / 40, True), (1 / 2, False)):
        alpha = np.linspace(0, 60 * K / (share * critical), 200)
        rules = [tl.OnlineSGD(activation, lr=share * critical, terms=terms) for terms in ("full", "flow")]
        assert (regimes.predict(rules[0], state).regime == "gradient flow") == close
        full, flow = (tl.solve(rule, start, alpha, progress=False).eg.values for rule in rules)
        early = flow > 1e-2 * flow[0]
        off = np.abs(full[early] / flow[early] - 1).max()
        assert off < 0.15 if close else off > 1


def test_of_exponents_in_words():
    assert regimes.of_exponents(0.5, -0.5).regime == "high dimension (Saad & Solla)"
    assert regimes.of_exponents(1.1, -2.2).regime == "no equations"  # the four points of Fig. 8 of arXiv:2202.00293
    assert regimes.of_exponents(1.25, -1.5).regime == "bad learning"
    assert regimes.of_exponents(1.5, -1.5).plateau == 0
    assert regimes.of_exponents(1.5, -0.5).plateau == -1
    assert "d^0.5 steps" in str(regimes.of_exponents(1.25, -1.5))
    with pytest.raises(ArgumentError, match="`kappa` must be a finite number >= 0"):
        regimes.of_exponents(-0.1, 0)


# the horizon


def test_horizon_is_the_time_to_leave_a_saddle():
    """On a symmetric plateau exactly, SGD is carried off by its fluctuations: ln(N'/N)/(2 rate) later for larger N."""
    rule = tl.OnlineSGD("erf", lr=1.0)
    state = committee(2, 2, v=np.ones(2), v_star=np.ones(2))
    saddle = tl.plateau(rule, state)
    small, large = 100, 3000
    times, horizons = [], []
    for N in (small, large):
        found = regimes.predict(rule, state, dim=N)
        alpha = np.arange(1, 241) * 1.0
        sim = tl.simulate(rule, saddle.state, alpha, dim=N, replicas=40, seed=2, engine="chain", progress=False)
        asymmetry = np.abs(sim.R.values[..., 0, 0] - sim.R.values[..., 0, 1])
        left = (asymmetry > 0.2).argmax(1)
        assert (asymmetry > 0.2).any(1).all()
        times.append(found.time(alpha[left]))
        horizons.append(found.horizon(saddle.exponent / found.clock))
    difference = times[1].mean() - times[0].mean()
    error = math.sqrt(sum(t.var(ddof=1) / len(t) for t in times))
    assert abs(difference - (horizons[1] - horizons[0])) < 3 * error
    assert error < 0.25 * (horizons[1] - horizons[0])


def test_horizon_needs_a_dimension():
    found = regimes.predict(tl.OnlineSGD(lr=0.1), committee(2, 2))
    assert found.step is None
    with pytest.raises(ArgumentError, match="`dim` must be given"):
        found.horizon()


# words


def test_prediction_says_what_it_found():
    found = regimes.predict(tl.OnlineSGD(lr=0.4, noise=0.1), committee(4, 2), dim=1000)
    said = str(found)
    assert said == repr(found)
    assert said.count("\n") == 1
    assert f"{found.plateau:.4g} to leading order" in said
    assert "Information exponent 1." in said
    assert f"t = {math.log(1000 / 0.1) / 2:.2g}/C" in said
    assert "eg falls to zero" in str(regimes.predict(tl.OnlineSGD(lr=0.4), committee(4, 2)))


def test_what_has_no_regime_is_refused():
    with pytest.raises(ArgumentError, match="`rule` must train the first layer"):
        regimes.predict(tl.OnlineSGD(train="readout"), committee(1, 1))
    with pytest.raises(ArgumentError, match="`state` must have readouts"):
        regimes.predict(tl.OnlineSGD(), committee(1, 1, v=np.zeros(1)))
    with pytest.raises(ArgumentError, match="`dim` must be an integer"):
        regimes.predict(tl.OnlineSGD(), committee(1, 1), dim=0)
    with pytest.raises(ArgumentError, match="`rule` must be of type OnlineSGD"):
        regimes.predict("erf", committee(1, 1))
