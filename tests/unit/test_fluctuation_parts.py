"""Fluctuations and the SDE: the pieces they are made of, what they refuse, and how they end."""

import re

import numpy as np
import pytest
import xarray
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import tutelage as tl
from tutelage.online import fluctuations as module
from tutelage.online.diffusion import coordinates, error_gradient
from tutelage.online.equations import right_hand_side
from tutelage.online.fluctuations import fluctuations, step_covariance
from tutelage.online.jacobian import jacobian
from tutelage.online.kernels.sde import factor
from tutelage.online.sde import Sde

ONE = tl.Overlaps(Q=[[1.0]], R=[[0.1]], T=[[1.0]])


def state(K=2, M=2):
    base = tl.Overlaps.random(K, M, 30, seed=5)
    return tl.Overlaps(base.Q, base.R, base.T, [1.0, -0.7, 1.3][:K], [0.9, 1.2][:M])


def packed(R, Q, v):
    """Stack R, Q and v with any leading axes in the documented order of coordinates."""
    batch, (i, k) = R.shape[:-2], np.triu_indices(Q.shape[-1])
    return np.concatenate([R.reshape(*batch, -1), Q[..., i, k], v], -1)


def linear_step_covariance(rule, here):
    """D for linear units by hand: increments are the error e times a form l; <e l e l'> - <e l><e l'> by Isserlis."""
    K, M, r = here.students, here.teachers, rule.rates
    unit = np.eye(K + M + 1)  # fields, then the noise
    C = np.zeros((K + M + 1, K + M + 1))
    C[:-1, :-1], C[-1, -1] = here.covariance, r.noise_variance
    e = np.append(here.signed_readout, -1.0)
    R = [-r.lr * here.v[i] * unit[K + n] for i in range(K) for n in range(M)]
    Q = [
        -r.lr * (here.v[i] * unit[k] + here.v[k] * unit[i]) + r.lr**2 / r.batch * here.v[i] * here.v[k] * e
        for i, k in zip(*np.triu_indices(K), strict=True)
    ]
    forms = np.array([*R, *Q, *(-r.lr_readout * unit[i] for i in range(K))])
    return ((e @ C @ e) * forms @ C @ forms.T + np.outer(forms @ C @ e, forms @ C @ e)) / r.batch


@pytest.mark.parametrize("train", ["first", "both", "readout"])
@pytest.mark.parametrize("batch", [1, 3])
def test_linear_step_covariance_is_the_one_by_hand(train, batch):
    rule = tl.OnlineSGD("linear", lr=0.6, lr_readout=0.4, noise=0.3, batch=batch, train=train, weight_decay=0.3)
    exact, D = linear_step_covariance(rule, state()), step_covariance(rule, state())
    scale = np.sqrt(np.outer(exact.diagonal(), exact.diagonal()))
    assert np.abs((D - exact)[scale > 0] / scale[scale > 0]).max() < 4e-3
    assert (D[scale == 0] == 0).all()


def test_coordinates_name_the_order():
    assert coordinates(2, 1) == ["R_0,0", "R_1,0", "Q_0,0", "Q_0,1", "Q_1,1", "v_0", "v_1"]
    assert len(step_covariance(tl.OnlineSGD(), state(3, 2), samples=64)) == len(coordinates(3, 2))


def test_singular_covariances_are_legitimate():
    there = tl.Overlaps(np.eye(2), np.eye(2), np.eye(2))
    for unit in ("erf", "relu"):
        assert np.abs(step_covariance(tl.OnlineSGD(unit, train="both"), there)).max() < 1e-12
        noisy = step_covariance(tl.OnlineSGD(unit, train="both", noise=0.5), there)
        assert np.isfinite(noisy).all()
        assert noisy.trace() > 0.1
    empty = step_covariance(tl.OnlineSGD(), tl.Overlaps([[0.0]], [[0.0]], [[1.0]]))
    assert empty[0, 0] > 0


@pytest.mark.parametrize("pair", [("erf", "erf"), ("relu", "relu"), ("linear", "relu"), ("erf", "linear")])
def test_gradient_of_the_error(pair):
    here, rule, h = state(), tl.OnlineSGD(*pair), 1e-5
    start = packed(here.R, here.Q, here.v)

    def error(y):
        Q = np.zeros((2, 2))
        Q[np.triu_indices(2)] = y[4:7]
        Q = Q + np.triu(Q, 1).T
        return tl.Overlaps(Q, y[:4].reshape(2, 2), here.T, y[7:], here.v_star).generalisation_error(*pair)

    numerical = [(error(start + h * u) - error(start - h * u)) / (2 * h) for u in np.eye(len(start))]
    assert np.abs(error_gradient(rule, here) - numerical).max() < 1e-9


def test_jacobian_by_hand():
    lr, kappa = 0.4, 0.2  # dR = -lr (R - 1) - kappa R, dQ = -2 lr (Q - R) + lr^2 (Q - 2 R + 1) - 2 kappa Q at v = 1
    J = module._jacobian(tl.OnlineSGD("linear", lr=lr, weight_decay=kappa), ONE)
    by_hand = [[-lr - kappa, 0.0], [2 * lr - 2 * lr**2, -2 * lr + lr**2 - 2 * kappa]]
    assert np.abs(J[:2, :2] - by_hand).max() < 1e-9
    assert (J[2] == 0).all()
    J = module._jacobian(tl.OnlineSGD("linear", lr=lr, train="readout"), ONE)  # dv = -lr (Q v - R)
    assert np.abs(J - np.diag([0.0, 0.0, -lr])).max() < 1e-9


def test_propagator_is_exact_for_constant_coefficients():
    rng = np.random.default_rng(1)
    for time in (0.01, 1.0, 30.0):
        J, F = rng.standard_normal((2, 4, 4))
        J, D = J - 1.5 * np.eye(4), F @ F.T
        flow, grown = module._propagator(J, D, time)
        blocks = expm(np.block([[J, D], [np.zeros((4, 4)), -J.T]]) * min(time, 1.0))
        if time <= 1:  # van Loan; overflows later
            assert np.abs(grown - blocks[:4, 4:] @ blocks[:4, :4].T).max() < 1e-12 * np.abs(grown).max()
        assert np.abs(flow - expm(J * time)).max() < 1e-12 * max(1.0, np.abs(flow).max())
        rest = J @ grown + grown @ J.T + D - flow @ D @ flow.T
        assert np.abs(rest).max() < 1e-10 * np.abs(grown).max()


def test_covariance_along_a_trajectory_equals_another_integrator():
    rule, here, times = tl.OnlineSGD("erf", lr=0.5, train="both", noise=0.1), state(2, 1), [0.3, 1.0, 4.0]
    n = len(coordinates(2, 1))

    def velocity(alpha, z):
        ds = tl.solve(rule, here, [max(alpha, 1e-9)], progress=False)
        now = tl.Overlaps(ds.Q.values[0], ds.R.values[0], here.T, ds.v.values[0], here.v_star)
        J, S = module._jacobian(rule, now), z.reshape(n, n)
        return (J @ S + S @ J.T + step_covariance(rule, now, samples=512)).ravel()

    other = solve_ivp(velocity, (0, 4), np.zeros(n * n), t_eval=times, rtol=1e-6, atol=1e-8).y.T.reshape(-1, n, n)
    ours = fluctuations(rule, here, times, samples=512, covariance=True).covariance.values
    std = np.sqrt(np.diagonal(other, axis1=1, axis2=2))
    assert np.abs((ours - other) / (std[:, :, None] * std[:, None, :])).max() < 2e-3


def test_the_end_is_met_exactly():
    rule, times = tl.OnlineSGD("linear", lr=0.3), np.geomspace(0.1, 100, 100)
    ds = fluctuations(rule, tl.Overlaps.random(2, 2, 60, seed=5), times, samples=64)
    assert (ds.alpha == times).all()


def test_dataset_says_what_it_is(tmp_path):
    rule = tl.OnlineSGD("erf", noise=0.1)
    ds = fluctuations(rule, state(), [0.0, 0.5], dim=400, samples=256, covariance=True)
    scaled = fluctuations(rule, state(), [0.0, 0.5], samples=256)
    for name in ("eg", "Q", "R", "v"):
        assert ds[f"{name}_std"].dims == ds[name].dims
        assert (ds[f"{name}_std"][0] == 0).all()
        assert np.allclose(20 * ds[f"{name}_std"], scaled[f"{name}_std"], rtol=1e-12)
    assert ds.covariance.dims == ("alpha", "coordinate", "coordinate_")
    assert np.allclose(ds.covariance.sel(coordinate="Q_0,1", coordinate_="Q_0,1"), ds.Q_std[:, 0, 1] ** 2)
    assert (ds.v_std == 0).all()
    assert '"view": "fluctuations"' in ds.attrs["settings"]
    assert (ds.eg == tl.solve(rule, state(), [0.0, 0.5]).eg).all()
    assert xarray.testing.assert_identical(tl.load(tl.save(ds, tmp_path / "f.nc")), ds) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 0}, "`dim` must be a finite number > 0"),
        ({"rtol": 0.0}, "`rtol` must be a finite number > 0"),
        ({"samples": 100}, "`samples` must be a power of two, but is 100"),
        ({"alpha": [1, 1]}, "`alpha` must be strictly increasing"),
        ({"state": 3}, "`state` must be of type Overlaps"),
        ({"rule": "erf"}, "`rule` must be of type OnlineSGD"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(tl.ArgumentError, match=message):
        fluctuations(**({"rule": tl.OnlineSGD(), "state": ONE, "alpha": 1.0} | arguments))


def test_interrupt_keeps_what_was_reached(monkeypatch):
    calls = []

    def interrupted(*arguments, **keywords):
        calls.append(1)
        if len(calls) > 12:
            raise KeyboardInterrupt
        return step_covariance(*arguments, **keywords)

    monkeypatch.setattr(module, "step_covariance", interrupted)
    times = [0.0, 0.01, 0.02, 100.0]
    with pytest.warns(UserWarning, match="interrupted: 3 of 4 times"):
        ds = fluctuations(tl.OnlineSGD(), ONE, times, samples=64)
    assert ds.alpha.values.tolist() == times[:3]
    assert float(ds.eg_std[2]) > 0


def test_divergence_keeps_what_was_reached():
    with pytest.raises(tl.DivergenceError, match="diverge at alpha") as caught:
        fluctuations(tl.OnlineSGD("linear", lr=5.0), ONE, [0.0, 0.1, 100.0], samples=64)
    assert caught.value.dataset.sizes["alpha"] == 2
    assert float(caught.value.dataset.eg_std[1]) > 0


def test_factor_of_matrices_definite_and_not():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((5, 3))
    for C in (A @ A.T, A.T @ A, np.zeros((2, 2)), np.ones((3, 3))):
        L = np.empty_like(C)
        factor(np.ascontiguousarray(C), L)
        assert np.abs(L @ L.T - C).max() < 1e-12
    C = np.array([[1e-9, 1e-3, 0.0], [1e-3, 1e-9, 0.0], [0.0, 0.0, -1e-3]])
    L = np.empty_like(C)
    factor(C, L)
    assert np.allclose((L @ L.T).diagonal(), [1e-9, 1e-9, 0.0])
    assert np.abs(L).max() < 1e-4


def test_targets_divide_every_interval():
    times = np.array([0.0, 0.3, 1.0, 1.005])
    assert Sde.targets(times, 0.01).tolist() == [0, 30, 100, 101]
    assert Sde.targets(times[1:], 0.01).tolist() == [30, 100, 101]
    for asked in (times, times[1:]):
        engine = Sde(tl.OnlineSGD(), ONE, asked, 100.0, 0, 0, 0.01)
        reached = [engine.alpha(int(steps)) for steps in Sde.targets(asked, 0.01)]
        assert np.allclose(reached, asked, rtol=1e-15)


@pytest.mark.parametrize("pair", [("erf", "erf"), ("relu", "linear")])
def test_infinite_dimension_is_heuns_method(pair):
    rule = tl.OnlineSGD(*pair, lr=0.4, train="both", noise=0.2, weight_decay=0.3, batch=2)
    engine = Sde(rule, state(), np.array([0.4, 1.0]), np.inf, 0, 0, 0.04)
    engine.advance(0, 10)
    engine.advance(10, 15)
    here, h = state(), 0.04

    def moved(dQ, dR, dv):
        return tl.Overlaps(here.Q + h * dQ, here.R + h * dR, here.T, here.v + h * dv, here.v_star)

    for _ in range(25):
        dy = right_hand_side(rule, here)
        later = right_hand_side(rule, moved(*dy))
        here = moved(*((one + two) / 2 for one, two in zip(dy, later, strict=True)))
    seen = engine.observe()
    assert all(np.abs(seen[name] - getattr(here, name)).max() < 1e-12 for name in ("Q", "R", "v"))


def test_a_run_does_not_depend_on_how_it_is_sliced():
    rule, times = tl.OnlineSGD("erf", lr=0.5, train="both", noise=0.1), np.array([0.2, 0.5])
    whole, sliced, other = (Sde(rule, state(), times, 100.0, 7, index, 0.01) for index in (3, 3, 4))
    for engine in (whole, other):
        engine.advance(0, 20)
        engine.advance(20, 30)
    for first, count in ((0, 1), (1, 6), (7, 13), (20, 29), (49, 1)):
        kept = {name: array.copy() for name, array in sliced.moving.items()}
        sliced = Sde(rule, state(), times, 100.0, 7, 3, 0.01)  # as from a checkpoint
        for name, array in sliced.moving.items():
            array[...] = kept[name]
        sliced.advance(first, count)
    assert (whole.moving["y"] == sliced.moving["y"]).all()
    assert (whole.moving["y"] != other.moving["y"]).all()


@pytest.mark.parametrize("pair", [("erf", "erf"), ("relu", "relu")])
def test_nothing_overflows_at_perfect_learning_in_few_dimensions(pair):
    there = tl.Overlaps(np.eye(2), np.eye(2), np.eye(2))
    for noise in (0.0, 1.0):
        engine = Sde(tl.OnlineSGD(*pair, lr=0.5, noise=noise), there, np.array([2.0]), 20.0, 0, 0, 0.01)
        engine.advance(0, 200)
        assert engine.size() < 10


def test_sde_refuses_what_has_no_compiled_equations():
    with pytest.raises(tl.ArgumentError, match="`activation` must be smooth"):
        Sde(tl.OnlineSGD("relu", "tanh"), ONE, np.array([1.0]), 100.0, 0, 0)


def test_far_into_perfect_learning_rounding_does_not_stop_the_integration():
    ds = fluctuations(tl.OnlineSGD("linear", lr=0.3), tl.Overlaps.random(2, 2, 60, seed=5), [1.0, 300.0], samples=64)
    assert float(ds.eg_std[1]) < 1e-9
    assert float(ds.R_std[1].max()) < 1e-5


def test_results_are_made_again_from_their_file(tmp_path):
    rule, here = tl.OnlineSGD("erf", lr=0.5, noise=0.1), tl.Overlaps.random(2, 2, 100, seed=1)
    for made in (
        tl.fluctuations(rule, here, [0, 1, 2], dim=100),
        tl.simulate(rule, here, [0, 1], dim=10**6, replicas=3, seed=5),
        tl.simulate(rule, here, [0, 1], dim=100, replicas=3, engine="sde", step=0.02),
    ):
        tl.save(made, tmp_path / "made.nc")
        assert tl.rerun(tl.load(tmp_path / "made.nc")).identical(made)
    own = tl.simulate(tl.OnlineSGD(tl.Activation(np.sin, np.cos)), here, [0, 1], dim=100, replicas=2)
    with pytest.raises(tl.ArgumentError, match=r"`rule` must be given again, but .*'sin', a function that a file"):
        tl.rerun(own)
    assert tl.rerun(own, rule=tl.OnlineSGD(tl.Activation(np.sin, np.cos))).eg.equals(own.eg)


@pytest.mark.parametrize("train", ["first", "both", "readout"])
@pytest.mark.parametrize("activation", ["erf", "relu", "tanh"])
def test_the_largest_step_of_the_sde_is_short_against_every_relaxation(activation, train) -> None:
    rule = tl.OnlineSGD(activation, lr=0.05, noise=0.1, train=train, weight_decay=0.02)
    start = tl.Overlaps([[1.0, 0.2], [0.2, 0.8]], [[0.3, 0.1], [0.2, 0.5]], np.eye(2), [0.5, 1.0], [1.0, 1.5])
    with pytest.raises(tl.ArgumentError, match=r"`step` must be at most .*relaxation time") as refused:
        tl.simulate(rule, start, 1000, dim=10**6, replicas=1, engine="sde", step=500.0)
    most = float(re.search(r"at most (\S+),", str(refused.value))[1])
    end = tl.solve(rule, start, 300)
    arrived = tl.Overlaps(end.Q[0].values, end.R[0].values, start.T, end.v[0].values, start.v_star)
    rates = [np.abs(np.linalg.eigvals(jacobian(rule, state))).max() for state in (start, arrived)]
    assert most * max(rates) < 1
    assert most * max(rates) > 0.1  # and not absurdly short
    sde = tl.simulate(rule, start, 300, dim=10**9, replicas=1, engine="sde", step=0.95 * most)
    assert float(sde.eg[0, -1]) == pytest.approx(float(end.eg[0]), rel=0.05)
