"""The plateau of label noise: fixed points, the sphere, SGD itself, powers of the dimension; and when there is none."""

import math

import numpy as np
import pytest
from committees import committee

import tutelage as tl
from tutelage import regimes

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
