"""Fluctuations about the ODE against samples of one step, exact solutions, runs of SGD, and the diffusion."""

import numpy as np
import pytest
from scipy.integrate import quad

import tutelage as tl
from tutelage.online.fluctuations import fluctuations, step_covariance
from tutelage.online.kernels.sde import advance
from tutelage.online.sde import Sde
from tutelage.online.vector import start_vector


def state(K=2, M=2):
    base = tl.Overlaps.random(K, M, 30, seed=5)
    return tl.Overlaps(base.Q, base.R, base.T, [1.0, -0.7, 1.3][:K], [0.9, 1.2][:M])


def packed(R, Q, v):
    """Stack R, Q and v with any leading axes in the documented order of coordinates."""
    batch, (i, k) = R.shape[:-2], np.triu_indices(Q.shape[-1])
    return np.concatenate([R.reshape(*batch, -1), Q[..., i, k], v], -1)


def steps(rule, here, samples, seed, dim=None):
    """Samples of N times the change of the coordinates in one step; of real inputs if `dim` is given."""
    rng, K, B = np.random.default_rng(seed), here.students, rule.batch
    if dim is None:
        fields = rng.standard_normal((samples, B, K + here.teachers)) @ np.linalg.cholesky(here.covariance).T
        gram = np.broadcast_to(np.eye(B), (samples, B, B))  # x_b.x_b'/N in the limit
    else:
        x = rng.standard_normal((samples, B, dim))
        frame = np.sqrt(dim) * np.linalg.cholesky(here.covariance)  # weights in the first K + M directions
        fields = x[..., : len(frame)] @ frame.T / np.sqrt(dim)
        gram = x @ np.swapaxes(x, 1, 2) / dim
    c, dv = rule.increments(fields, rule.noise * rng.standard_normal((samples, B)), here.v, here.v_star)
    along = np.einsum("sbi,sbn->sin", c, fields) / B
    square = np.einsum("sbi,sbd,sdk->sik", c, gram, c) / B**2
    return packed(along[:, :, K:], along[:, :, :K] + np.swapaxes(along[:, :, :K], 1, 2) + square, dv.mean(1))


def deviations(sample, expected, allowance=0.0):
    """Return how far the covariance of a sample is from the expected one, in standard errors."""
    gap = sample - sample.mean(0)
    products = gap[:, :, None] * gap[:, None, :]
    error = products.std(0) / np.sqrt(len(sample))
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    total = np.hypot(error, allowance * scale)
    return (products.mean(0) - expected)[total > 0] / total[total > 0]


@pytest.mark.parametrize("unit", ["erf", "relu", "linear", "tanh"])
@pytest.mark.parametrize(
    ("train", "batch", "noise"), [("first", 1, 0.0), ("both", 1, 0.4), ("both", 3, 0.4), ("readout", 1, 0.4)]
)
def test_step_covariance_is_that_of_the_rules_increments(unit, train, batch, noise):
    rule = tl.OnlineSGD(unit, lr=0.6, lr_readout=0.4, noise=noise, weight_decay=0.2, batch=batch, train=train)
    z = deviations(steps(rule, state(), 60_000, 3), step_covariance(rule, state()), allowance=5e-3)
    assert np.abs(z).max() < 4.2  # 16 tests of up to 45 numbers
    assert (z**2).mean() < 4  # they are correlated


def test_step_covariance_is_that_of_real_batches():
    """The terms between examples of one batch and the fluctuations of |x|^2 matter only to order 1/N."""
    rule, N = tl.OnlineSGD("erf", lr=0.8, noise=0.3, batch=3, train="both"), 150
    sample = np.concatenate([steps(rule, state(), 10_000, seed, dim=N) for seed in range(3)])
    z = deviations(sample, step_covariance(rule, state()), allowance=1 / N)
    assert np.abs(z).max() < 4


def test_linear_student_of_one_unit_is_solved():
    """R - T and E = 2 eg obey linear equations of their own; their variances are integrals over one exponential."""
    eta, sigma2, T, R0, Q0 = 0.6, 0.25, 1.3, 0.2, 0.8
    rest, rate = eta * sigma2 / (2 - eta), 2 * eta - eta**2
    E = lambda s: rest + (Q0 - 2 * R0 + T - rest) * np.exp(-rate * s)  # noqa: E731
    gap = lambda s: (R0 - T) * np.exp(-eta * s)  # noqa: E731
    var_R = lambda s: eta**2 * (T * (E(s) + sigma2) + gap(s) ** 2)  # noqa: E731

    def var_E(s):
        S = E(s) + sigma2  # variance of the error e with noise; dE = -2 eta e (lambda - rho) + eta^2 e^2
        return 4 * eta**2 * (S * E(s) + E(s) ** 2) - 8 * eta**3 * S * E(s) + 2 * eta**4 * S**2

    rule = tl.OnlineSGD("linear", lr=eta, noise=0.5)
    times = [0.2, 1.0, 5.0, 60.0]
    ds = fluctuations(rule, tl.Overlaps([[Q0]], [[R0]], [[T]]), times, samples=2**16)
    for t, at in enumerate(times):
        R_std = np.sqrt(quad(lambda s, at=at: np.exp(-2 * eta * (at - s)) * var_R(s), 0, at, limit=200)[0])
        eg_std = np.sqrt(quad(lambda s, at=at: np.exp(-2 * rate * (at - s)) * var_E(s), 0, at, limit=200)[0]) / 2
        assert ds.eg.values[t] == pytest.approx(E(at) / 2, rel=1e-6)
        assert ds.R_std.values[t, 0, 0] == pytest.approx(R_std, rel=1e-3)
        assert ds.eg_std.values[t] == pytest.approx(eg_std, rel=1e-3)


def compare(ds, runs, allowance):
    """Return the log ratios of the standard deviations of runs and of theory, in standard errors."""
    found = []
    for name in ("eg", "R", "Q", "v"):
        x, std = runs[name], ds[f"{name}_std"].values
        gap = x - x.mean(0)
        sample = np.sqrt((gap**2).sum(0) / (len(x) - 1))
        moving = std > 0
        excess = (gap**4).mean(0)[moving] / sample[moving] ** 4 - 1
        error = np.hypot(np.sqrt(excess / len(x)) / 2, allowance)
        found.append(((sample[moving] / std[moving] - 1) / error).ravel())
    return np.concatenate(found)


def simulated(rule, here, times, **arguments):
    ds = tl.simulate(rule, here, times, progress=False, **arguments)
    return {name: ds[name].values for name in ("eg", "R", "Q", "v")}


@pytest.mark.parametrize(
    ("unit", "K", "options"),
    [
        ("erf", 1, {"noise": 0.2}),
        ("erf", 2, {"train": "both"}),
        ("relu", 1, {"batch": 2, "weight_decay": 0.1}),
        ("tanh", 1, {}),
    ],
)
def test_runs_stray_as_far_as_the_linear_noise_says(unit, K, options):
    rule, here, times = tl.OnlineSGD(unit, lr=0.4, **options), state(K, K), [0.5, 2.0]
    z = compare(
        fluctuations(rule, here, times, dim=300),
        simulated(rule, here, times, dim=300, replicas=250, seed=2, engine="weights"),
        allowance=0.03,
    )
    assert np.abs(z).max() < 3.5


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["erf", "relu", "linear", "tanh"])
@pytest.mark.parametrize("options", [{"noise": 0.2}, {"train": "both"}, {"batch": 3}, {"train": "readout"}])
def test_many_runs_stray_as_far_as_the_linear_noise_says(unit, options):
    rule, here, times = tl.OnlineSGD(unit, lr=0.4, **options), state(2, 2), [0.2, 1.0, 4.0]
    z = compare(
        fluctuations(rule, here, times, dim=2000),
        simulated(rule, here, times, dim=2000, replicas=4000, seed=3, engine="chain"),
        allowance=0.008,
    )
    assert np.abs(z).max() < 4


def diffused(rule, here, times, dim, replicas, step, seed=0):
    """Run replicas of the SDE and stack what they observe."""
    targets, runs = Sde.targets(times, step), []
    for index in range(replicas):
        engine, seen = Sde(rule, here, times, dim, seed, index, step), []
        for first, last in zip([0, *targets[:-1]], targets, strict=True):
            engine.advance(int(first), int(last - first))
            now = engine.observe()
            at = tl.Overlaps.unchecked(now["Q"], now["R"], here.T, now["v"], here.v_star)
            seen.append(now | {"eg": at.generalisation_error(rule.student, rule.teacher)})
        runs.append(seen)
    return {name: np.array([[now[name] for now in seen] for seen in runs]) for name in ("eg", "R", "Q", "v")}


@pytest.mark.parametrize(
    ("unit", "options"), [("erf", {"train": "both", "noise": 0.2}), ("linear", {"weight_decay": 0.1, "batch": 2})]
)
def test_diffusion_has_the_mean_of_the_ode_and_the_linear_noise(unit, options):
    rule, here, times, N = tl.OnlineSGD(unit, lr=0.4, **options), state(), np.array([0.5, 2.0]), 1e5
    runs = diffused(rule, here, times, N, replicas=400, step=0.01)
    ode, heun = tl.solve(rule, here, times), diffused(rule, here, times, np.inf, replicas=1, step=0.01)
    for name in ("eg", "R", "Q", "v"):
        assert np.abs(heun[name][0] - ode[name].values).max() < 2e-5  # of the order of the squared step
        error = np.hypot(runs[name].std(0) / np.sqrt(400), 1 / N)
        assert np.abs((runs[name].mean(0) - ode[name].values) / error).max() < 4
    z = compare(fluctuations(rule, here, times, dim=N), runs, allowance=0.005)
    assert np.abs(z).max() < 4


@pytest.mark.parametrize("samples", [1, 32])
def test_noise_of_one_step_of_the_diffusion(samples):
    """Whatever the number of examples it is made of, it has the covariance D/N and no third moments."""
    rule, here, N, h = tl.OnlineSGD("erf", lr=0.6, train="both", noise=0.3, batch=2), state(2, 1), 50.0, 0.1
    engine = Sde(rule, here, np.array([h]), N, 4, 0, h, samples)
    y, generator, moved = engine.moving["y"], engine.moving["generator"], []
    model, undecayed, both = engine._model, engine._undecayed, engine._units
    for _ in range(10_000):
        y[:] = start_vector(here)
        advance(engine._velocity, y, model, undecayed, *both, 2, h, N, samples, generator, 1)
        moved.append(y.copy())
    y = np.array(moved)
    changes = packed(y[:, :2].reshape(-1, 2, 1), y[:, 2:6].reshape(-1, 2, 2), y[:, 6:]) * np.sqrt(N / h)
    z = deviations(changes, step_covariance(rule, here), allowance=2e-3)
    assert np.abs(z).max() < 4.2
    assert (y[:, 3] == y[:, 4]).all()
    gap = changes - changes.mean(0)
    assert np.abs((gap**3).mean(0) / (gap**3).std(0)).max() * np.sqrt(len(gap)) < 4


@pytest.mark.slow
def test_diffusion_strays_as_runs_do_where_the_linear_noise_no_longer_holds():
    """N = 100: means of order 1/N beside the ODE, standard deviations beside the linear noise, both as in SGD."""
    rule, here, times = tl.OnlineSGD("erf", lr=0.5), state(2, 2), np.array([1.0, 4.0])
    ours = diffused(rule, here, times, 100.0, replicas=4000, step=0.005)
    sgd = simulated(rule, here, times, dim=100, replicas=4000, seed=1, engine="chain")
    for name in ("eg", "R", "Q"):
        a, b = ours[name], sgd[name]
        error = np.sqrt((a.var(0) + b.var(0)) / 4000)
        assert np.abs((a.mean(0) - b.mean(0)) / np.hypot(error, 2e-3)).max() < 4
        assert np.abs(np.log(a.std(0) / b.std(0))).max() < 0.12
