"""Predictions of regimes against the papers' equations, fixed points, integrated equations, sampling and SGD itself."""

import math

import numpy as np
import pytest

import tutelage as tl
from tutelage import regimes
from tutelage.errors import ArgumentError
from tutelage.online import asymptotics
from tutelage.online.equations import right_hand_side
from tutelage.regimes.perfect import merged


def committee(K, M, T=None, v=None, v_star=None):
    """A state whose Q and R do not matter, in mean-field scaling unless readouts are given."""
    T = np.eye(M) if T is None else np.asarray(T, float)
    v = np.full(K, 1 / K) if v is None else v
    v_star = np.full(M, 1 / M) if v_star is None else v_star
    return tl.Overlaps(np.eye(K), np.zeros((K, M)), T, v, v_star)


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


# the plateau


PLATEAUS = {
    "erf 1": ("erf", committee(1, 1)),
    "erf 2": ("erf", committee(2, 2)),
    "erf 4": ("erf", committee(4, 4)),
    "erf wide": ("erf", committee(4, 2)),
    "erf lengths": ("erf", committee(2, 2, T=[[0.4, 0.1], [0.1, 2.5]])),
    "erf readouts": ("erf", committee(3, 2, v=[0.2, 0.5, 0.3], v_star=[0.5, 0.5])),
    "erf signs": ("erf", committee(3, 2, v=[-0.5, 0.3, 0.2], v_star=[0.5, -0.5])),
    "tanh": ("tanh", committee(2, 2, T=[[0.7, 0.0], [0.0, 1.4]])),
    "gelu": ("gelu", committee(2, 2)),
    "linear": ("linear", committee(3, 2)),
    "square": ("square", committee(1, 1)),
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_plateau_law_at_small_steps(name):
    """Exact fixed point over leading order: within 0.3 % at g = 0.01 for erf; over all orders: within 2e-4 for all."""
    activation, state = PLATEAUS[name]
    lr = 0.01 / (np.sqrt(np.mean(state.v**2)) * np.abs(state.v_star).sum())
    found = regimes.predict(tl.OnlineSGD(activation, lr=lr, noise=0.01), state)
    assert found.g == pytest.approx(0.01, rel=1e-12)
    flow = regimes.of_exponents(0, 1).regime
    assert flow == "gradient flow"
    assert (found.regime == flow) == (lr <= found.critical_lr / 40)  # square and GELU are closer to their critical lr
    exact = found.fixed_point(progress=False).eg
    assert 0 < exact / found.plateau - 1 < (0.003 if activation == "erf" else 10 * found.g)
    assert exact / found.plateau_all_orders == pytest.approx(1, abs=2e-4)


@pytest.mark.parametrize(
    ("activation", "lr", "apart"),
    [("erf", 0.8, 0.05), ("tanh", 0.5, 0.05), ("relu", 0.4, 0.02), ("square", 0.04, 1e-9)],
)
def test_plateau_to_all_orders_is_the_limit_of_weak_noise(activation, lr, apart):
    """The fixed point, to which the equations lead, differs by a share that falls with the noise (not for squares)."""
    off = []
    for noise in (0.3, 0.15):
        found = regimes.predict(tl.OnlineSGD(activation, lr=lr, noise=noise), committee(1, 1))
        assert f"{found.plateau_all_orders:.4g} to all orders in lr, {found.plateau:.4g} to leading order" in str(found)
        assert found.plateau_all_orders > 1.1 * found.plateau
        exact = found.fixed_point(progress=False).eg
        start = tl.Overlaps([[1.2]], [[0.9]], [[1.0]])
        assert tl.solve(found.rule, start, [300 / lr]).eg.values[0] == pytest.approx(exact, rel=1e-5)
        off.append(abs(exact / found.plateau_all_orders - 1))
    assert off[0] < apart
    assert off[1] < max(0.6 * off[0], 1e-9)


# weights on the sphere


@pytest.mark.parametrize(
    ("lr", "noise", "batch", "v", "T"), [(0.08, 0.5, 1, 1.0, 1.0), (0.1, 1.0, 1, 1.0, 1.0), (0.3, 0.5, 3, -0.7, 2.0)]
)
def test_plateau_of_a_square_unit_on_the_sphere(lr, noise, batch, v, T):
    state = tl.Overlaps([[1.0]], [[0.2 * math.sqrt(T)]], [[T]], [v], [v / T])
    rule = tl.OnlineSGD("square", lr=lr, noise=noise, batch=batch, constraint="sphere")
    found = regimes.predict(rule, state, dim=1000)
    end = tl.solve(rule, state, [3000.0]).eg.values[0]
    assert found.plateau_all_orders == pytest.approx(end, rel=1e-6)
    assert f"{end:.4g} ({found.plateau:.4g} to leading order" in found.outcome
    small = regimes.predict(tl.OnlineSGD("square", lr=1e-5, noise=noise, batch=batch, constraint="sphere"), state)
    assert small.plateau_all_orders / small.plateau == pytest.approx(1, abs=1e-3)
    assert found.perfect.generalisation_error("square") < 1e-20


def test_plateau_of_a_square_unit_on_the_sphere_is_that_of_the_chain():
    rule = tl.OnlineSGD("square", lr=0.08, noise=0.5, constraint="sphere")
    found = regimes.predict(rule, committee(1, 1), dim=200)
    times = np.linspace(50, 250, 41)
    late = tl.simulate(rule, found.perfect, times, dim=200, replicas=40, seed=3).eg.mean("alpha").values
    error = late.std(ddof=1) / math.sqrt(len(late))
    assert error < 0.02 * found.plateau_all_orders
    assert abs(late.mean() / found.plateau_all_orders - 1) < 0.02 + 3.5 * error / found.plateau_all_orders  # 1/N


@pytest.mark.parametrize(("noise", "batch", "v", "T"), [(0.0, 1, 1.0, 1.0), (0.5, 1, 1.0, 1.0), (0.5, 3, -0.7, 2.0)])
def test_a_square_unit_on_the_sphere_does_not_learn_from_the_critical_rate_on(noise, batch, v, T):
    start = tl.Overlaps([[1.0]], [[0.05 * math.sqrt(T)]], [[T]], [v], [v / T])
    options = {"noise": noise, "batch": batch, "constraint": "sphere"}
    critical = regimes.predict(tl.OnlineSGD("square", lr=0.01, **options), start).critical_lr
    learned = []
    for factor in (0.95, 1.05):
        rule = tl.OnlineSGD("square", lr=factor * critical, **options)
        found = regimes.predict(rule, start)
        assert (found.regime == "bad learning") == (factor > 1) == ("stays high" in found.outcome)
        assert (found.plateau_all_orders is None) == (factor > 1)
        learned.append(tl.solve(rule, start, [2000.0]).R.values[0, 0, 0] / math.sqrt(T))
    assert learned[0] > 0.1
    assert abs(learned[1]) < 0.02


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ({"activation": "erf"}, committee(1, 1)),
        ({"activation": "square"}, committee(2, 1)),
        ({"activation": "square"}, committee(1, 1, T=[[1.1]])),
        ({"activation": "square", "train": "both"}, committee(1, 1)),
    ],
)
def test_no_prediction_is_made_for_others_on_the_sphere(rule, state):
    found = regimes.predict(tl.OnlineSGD(lr=0.05, constraint="sphere", **rule), state)
    assert "no prediction is made for weights on the sphere" in found.outcome
    assert "cannot equal" not in str(found)
    assert found.perfect is found.critical_lr is found.plateau is None


def test_plateau_in_the_notation_of_the_paper():
    """(gamma/p) Delta E[s'^2]/4 = (gamma/p) Delta/(2 sqrt 3 pi) for erf, for any p >= k."""
    for p, k in ((1, 1), (4, 4), (8, 2), (100, 4)):
        gamma, Delta = 0.02 * p, 1e-3
        found = regimes.predict(tl.OnlineSGD("erf", lr=gamma, noise=Delta**0.5), committee(p, k))
        assert found.plateau == pytest.approx(gamma / p * Delta / (2 * math.sqrt(3) * math.pi), rel=1e-12)


def test_plateau_of_both_layers_is_where_learning_ends():
    rule = tl.OnlineSGD("erf", lr=0.3, noise=0.01, train="both")
    found = regimes.predict(rule, committee(4, 2, v=np.ones(4), v_star=np.array([1.0, 0.8])))
    ode = tl.solve(rule, found.perfect, [0.0, 3000.0])
    assert ode.eg.values[0] < 1e-20
    assert ode.eg.values[1] == pytest.approx(found.plateau_all_orders, rel=1e-3)


@pytest.mark.parametrize("theta", [0.25, 0.5, 0.75])
def test_plateau_falls_with_the_dimension_as_predicted(theta):
    """Slope of log eg of exact fixed points, d = 10^2 to 10^6: within 0.03 of -(kappa + delta)."""
    p = 4
    d = np.array([1e2, 1e3, 1e4, 1e5, 1e6])
    points = [
        regimes.predict(tl.OnlineSGD("erf", lr=p * N**-theta, noise=0.03), committee(p, p)).fixed_point(progress=False)
        for N in d
    ]
    slope = np.polyfit(np.log(d), np.log([point.eg for point in points]), 1)[0]
    assert abs(slope - regimes.of_exponents(0, theta).plateau) < 0.03


def test_plateau_falls_with_the_width_as_predicted():
    """The same with kappa = 1/4 and delta = 0 or 1/4, along d = p^4."""
    for delta in (0.0, 0.25):
        widths, errors = np.array([4, 6, 8]), []
        for p in widths.tolist():
            rule = tl.OnlineSGD("erf", lr=float(p**4) ** -delta, noise=0.03)
            start = regimes.predict(rule, committee(p, 2)).perfect
            errors.append(tl.fixed_point(rule, start, follow=False).eg)
        slope = np.polyfit(np.log(widths**4.0), np.log(errors), 1)[0]
        assert abs(slope - regimes.of_exponents(0.25, delta).plateau) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.25, 0.5])
def test_plateau_of_the_chain_falls_with_the_dimension_as_predicted(theta):
    """SGD itself at d = 30 to 1000: mean of late times, and its slope within 0.03 beyond two standard errors."""
    p, Delta = 4, 1e-3
    d, errors, sems = np.array([30, 100, 300, 1000]), [], []
    for N in d.tolist():
        rule = tl.OnlineSGD("erf", lr=p * N**-theta, noise=Delta**0.5)
        found = regimes.predict(rule, committee(p, p), dim=N)
        times = np.round(found.alpha(np.linspace(60, 300, 200)) * N) / N
        sim = tl.simulate(rule, found.perfect, times, dim=N, replicas=8, seed=1, engine="chain", progress=False)
        late = sim.eg.mean("alpha").values
        errors.append(late.mean())
        sems.append(late.std(ddof=1) / math.sqrt(len(late)) / late.mean())
    x = np.log(d) - np.log(d).mean()
    slope = x @ np.log(errors) / (x @ x)
    error = math.sqrt((x / (x @ x)) ** 2 @ np.square(sems))
    assert error < 0.02
    assert abs(slope - regimes.of_exponents(0, theta).plateau) < 0.03 + 2 * error


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


# the perfect student


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


# information exponents


@pytest.mark.parametrize(
    ("activation", "exponent"),
    [("erf", 1), ("relu", 1), ("square", 2), ("hermite-3", 3), ("hermite-5", 5), ("polynomial(3, 0, -6, 0, 1)", 4)],
)
def test_information_exponent_of_one_unit(activation, exponent):
    assert regimes.information_exponent(activation, [[1.0]], [1.0]) == exponent


@pytest.mark.parametrize("activation", ["square", "hermite-3", "hermite-11", "polynomial(1, 2, 0, -1)"])
def test_hermite_powers_of_polynomials_are_those_of_any_function(activation):
    """The exact coefficients against quadrature of the same function, given as one of the user's own."""
    known = tl.OnlineSGD(activation).student
    own = tl.Activation(known.f, known.df, "another")
    T, v = [[0.6, 0.2], [0.2, 0.5]], [1.0, -0.7]
    exact = regimes.hermite_powers(known, T, v)
    assert regimes.hermite_powers(own, T, v) == pytest.approx(exact, rel=1e-6, abs=1e-9 * exact.sum())


def test_information_exponent_of_several_units():
    """erf units whose weights cancel: sum_m v_m w_m = 0 leaves the third degree first."""
    w = np.array([[1.0, 0.0], [-0.5, math.sqrt(0.75)], [-0.5, -math.sqrt(0.75)]])
    assert regimes.information_exponent("erf", w @ w.T, np.ones(3)) == 3
    assert regimes.information_exponent("square", w @ w.T, np.ones(3)) == 2
    assert regimes.information_exponent("step", [[1.0]], [1.0]) == 1
    assert regimes.information_exponent("hermite-3", [[1.1]], [1.0]) == 1  # He_3 is pure at unit variance alone
    assert regimes.information_exponent("polynomial(2)", [[1.0]], [1.0]) is None


@pytest.mark.parametrize("activation", ["erf", "relu", "tanh", "square", "hermite-3", "step"])
def test_hermite_powers_add_up(activation):
    T, v = np.array([[1.3, 0.4], [0.4, 0.6]]), np.array([0.7, -1.2])
    powers = regimes.hermite_powers(activation, T, v)
    assert (powers > -1e-12).all()
    rng = np.random.default_rng(0)
    rho = rng.standard_normal((400_000, 2)) @ np.linalg.cholesky(T).T
    f = tl.Network(np.eye(2) * math.sqrt(2), v, activation)(rho)
    z = np.linalg.solve(np.linalg.cholesky(T), rho.T).T
    first = [f * z[:, i] for i in range(2)]  # degree one: squares of the means of f z_i
    for power, samples in ((powers[0], [f]), (powers[1], first)):
        means = np.array([s.mean() for s in samples])
        errors = np.array([s.std() for s in samples]) / math.sqrt(len(f))
        assert abs(power - means @ means) < 8 * np.abs(means) @ errors + 20 * errors @ errors
    total, error = np.mean(f**2), np.std(f**2) / math.sqrt(len(f))
    tail = {"step": 0.1, "relu": 0.002}.get(activation, 1e-3)  # degrees above 12
    assert -4 * error - tail < powers.sum() - total < 4 * error


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
