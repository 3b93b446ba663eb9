"""The conventions of the papers: each paper's own rule, written in its own scaling in plain NumPy, beside ours.

Both get the same random numbers. Their weights, inputs, time and risk, converted, must be ours at every step.
"""

import dataclasses
import math

import numpy as np
import pytest

import tutelage as tl
from tutelage import conventions
from tutelage.errors import ArgumentError

K, M, N, STEPS = 3, 2, 40, 60
READOUT = np.array([0.6, -0.4, 1.1])
TEACHER = np.array([0.9, 0.5])


def erf(x):
    return np.vectorize(math.erf)(x)


def g(x):
    """erf(x/sqrt 2), by the standard library."""
    return erf(x / math.sqrt(2))


def dg(x):
    return math.sqrt(2 / math.pi) * np.exp(-(x**2) / 2)


@dataclasses.dataclass
class Run:
    """Weights, readouts and times of a run, in whoever's convention."""

    W: np.ndarray
    v: np.ndarray
    time: float


@dataclasses.dataclass
class Draws:
    """The random numbers that all conventions share: inputs of variance one, noise of variance one, weights."""

    x: np.ndarray
    zeta: np.ndarray
    W: np.ndarray
    W_star: np.ndarray

    @classmethod
    def of(cls, batch, students=K, teachers=M):
        rng = np.random.default_rng(7)
        return cls(
            rng.standard_normal((STEPS, batch, N)),
            rng.standard_normal((STEPS, batch)),
            rng.standard_normal((students, N)),
            rng.standard_normal((teachers, N)),
        )


# the rules of the papers, each in its own letters; `c` is the convention, `d` the draws


def goldt2019(c, d):
    W, v = d.W.copy(), c.v.copy()
    for x, zeta in zip(d.x, d.zeta, strict=True):
        lam, rho = W @ x.T / math.sqrt(N), d.W_star @ x.T / math.sqrt(N)
        delta = v @ g(lam) - c.v_star @ g(rho) - c.sigma * zeta
        step_w = c.eta_w / math.sqrt(N) * (v[:, None] * dg(lam) * delta) @ x / len(x) + c.decay / N * W
        step_v = c.eta_v / N * (g(lam) @ delta) / len(x) + c.decay / N * v * (c.eta_v > 0)
        W, v = W - step_w, v - step_v
    return Run(W, v, STEPS / N)


def saad_solla1995(c, d):
    J, B = d.W / math.sqrt(N), d.W_star / math.sqrt(N)
    for (xi,) in d.x:
        x, y = J @ xi, B @ xi
        delta = dg(x) * (g(y).sum() - g(x).sum())
        J = J + c.eta / N * np.outer(delta, xi)
    return Run(J, np.ones(K), STEPS / N)


def lee2021(c, d):
    W, h = d.W.copy(), c.h.copy()
    for (x,), (zeta,) in zip(d.x, d.zeta, strict=True):
        lam, rho = W @ x / math.sqrt(N), d.W_star @ x / math.sqrt(N)
        delta = h @ g(lam) - (c.v @ g(rho) + c.s * zeta)
        step = c.eta_w / math.sqrt(N) * np.outer(h * dg(lam) * delta, x) + c.eta_w * c.decay / N * W
        W, h = W - step, h - c.eta_h / N * delta * g(lam)
    return Run(W, h, STEPS / N)


def arnaboldi2023(c, d):
    W, a, p, k = d.W.copy(), c.a.copy(), K, M
    for (x,), (z,) in zip(d.x / math.sqrt(c.d), d.zeta, strict=True):
        lam = W @ x
        y = c.a_star @ g(d.W_star @ x) / k + math.sqrt(c.Delta) * z
        e = y - a @ g(lam) / p
        step_w = c.gamma / p * np.outer(a * dg(lam) * e, x)
        step_a = c.train_readout * c.gamma / (p * c.d) * g(lam) * e
        W, a = W + step_w, a + step_a
    return Run(W, a / p, STEPS * c.gamma / (p * c.d))


def veiga2022(c, d):
    W, p, k = d.W.copy(), K, M
    for (x,), (z,) in zip(d.x, d.zeta, strict=True):
        lam = W @ x / math.sqrt(c.d)
        e = g(d.W_star @ x / math.sqrt(c.d)).sum() / k + math.sqrt(c.Delta) * z - g(lam).sum() / p
        W = W + c.gamma / (p * math.sqrt(c.d)) * np.outer(dg(lam) * e, x)
    slow, fast = c.d ** (-1 - c.kappa - c.delta), c.d ** (-1 - 2 * (c.kappa + c.delta))
    return Run(W, np.full(p, 1 / p), STEPS * max(slow, fast))


def pezeshki2022(c, d):
    W_hat, W = d.W[0].copy(), d.W_star[0]
    for z, eps in zip(d.x / math.sqrt(c.d), d.zeta, strict=True):
        y = z @ W + c.sigma * eps
        W_hat = W_hat - c.eta * (z.T @ (z @ W_hat - y) + c.lam * W_hat)
    return Run(W_hat[None], np.ones(1), STEPS)


def brea2023(c, d):
    w, v, star = d.W / math.sqrt(N), c.v.copy(), d.W_star / math.sqrt(N)
    for x in d.x:
        r = w @ x.T
        delta = v @ g(r) - c.v_star @ g(star @ x.T)
        grad_w, grad_v = 2 * (v[:, None] * dg(r) * delta) @ x, 2 * g(r) @ delta
        w, v = w - c.dt * c.tauinv * grad_w, v - c.dt * c.tauinv * grad_v * c.train_readout
    return Run(w, v, STEPS * c.dt)


def couto2025(c, d):
    W1, W2, star = d.W / math.sqrt(N), c.W2.copy(), d.W_star / math.sqrt(N)
    for x in d.x:
        u = W1 @ x.T
        residual = W2 @ g(u) - c.W2_star @ g(star @ x.T)
        grad_1 = (W2[:, None] * dg(u) * residual) @ x / c.N
        grad_2 = g(u) @ residual / c.N
        W1, W2 = W1 - c.eta * grad_1, W2 - c.eta * grad_2 * c.train_readout
    return Run(W1, W2, STEPS)


def ours(setting, d, activation="erf"):
    """Our rule, as `OnlineSGD` states it, on the same draws."""
    rule = tl.OnlineSGD(activation, **setting.rule)
    W, v = d.W.copy(), setting.v.copy()
    for x, zeta in zip(d.x, d.zeta, strict=True):
        fields = x @ np.concatenate([W, d.W_star]).T / math.sqrt(N)
        c, dv = rule.increments(fields, rule.noise * zeta, v, setting.v_star)
        W = W + (c.T @ x / len(x)) / math.sqrt(N) - rule.rates.decay / N * W
        v = v + dv.mean(0) / N - rule.rates.decay_readout / N * v
    return Run(W, v, STEPS / N)


CASES = {
    "goldt both": (
        conventions.Goldt2019(v=READOUT, v_star=TEACHER, eta_w=0.4, eta_v=0.7, sigma=0.3, decay=0.2, batch=2),
        goldt2019,
    ),
    "goldt first": (conventions.Goldt2019(v=READOUT, v_star=TEACHER, eta_w=0.4, decay=0.2), goldt2019),
    "saad-solla": (conventions.SaadSolla1995(K=K, M=M, eta=0.7, N=N), saad_solla1995),
    "lee decay": (conventions.Lee2021(h=READOUT, v=TEACHER, eta_w=0.4, s=0.2, decay=0.5), lee2021),
    "lee head": (conventions.Lee2021(h=READOUT, v=TEACHER, eta_w=0.4, eta_h=0.6, s=0.2), lee2021),
    "arnaboldi": (
        conventions.Arnaboldi2023(a=READOUT, a_star=TEACHER, d=N, gamma=1.2, Delta=0.3, train_readout=True),
        arnaboldi2023,
    ),
    "arnaboldi fixed": (
        conventions.Arnaboldi2023(a=READOUT, a_star=TEACHER, d=N, gamma=1.2, Delta=0.3),
        arnaboldi2023,
    ),
    "veiga green": (
        conventions.Veiga2022(p=K, k=M, d=N, gamma=1.5, Delta=0.2, kappa=0.3, delta=0.1),
        veiga2022,
    ),
    "veiga orange": (
        conventions.Veiga2022(p=K, k=M, d=N, gamma=1.5, Delta=0.2, kappa=0.3, delta=-0.6),
        veiga2022,
    ),
    "pezeshki": (conventions.Pezeshki2022(n=5, d=N, eta=0.3, lam=0.1, sigma=0.4), pezeshki2022),
    "pezeshki noisy": (conventions.Pezeshki2022(n=5, d=N, eta=0.3, sigma=0.4, noisy_test=True), pezeshki2022),
    "brea": (conventions.Brea2023(v=READOUT, v_star=TEACHER, N=N, samples=4, tauinv=0.5, dt=2e-3), brea2023),
    "brea fixed": (
        conventions.Brea2023(v=READOUT, v_star=TEACHER, N=N, samples=4, dt=2e-3, train_readout=False),
        brea2023,
    ),
    "couto": (conventions.Couto2025(W2=READOUT, W2_star=TEACHER, Ni=N, N=4, eta=0.02), couto2025),
}


def draws(setting):
    return Draws.of(setting.batch, len(setting.v), len(setting.v_star))


@pytest.mark.parametrize("name", CASES)
def test_their_rule_is_ours(name):
    theirs, rule = CASES[name]
    setting = theirs.to_ours()
    d = draws(setting)
    linear = isinstance(theirs, conventions.Pezeshki2022)
    found, wanted = ours(setting, d, "linear" if linear else "erf"), rule(theirs, d)
    moved = np.abs(found.W - d.W).max()
    assert moved > 0.05  # so that a wrong rate would show
    assert found.W * theirs.scales.weights == pytest.approx(wanted.W, abs=1e-12)
    assert found.v == pytest.approx(wanted.v, abs=1e-13)
    trained = setting.lr_readout > 0
    assert (np.abs(found.v - setting.v).max() > 0.01) == trained
    assert theirs.time(found.time) == pytest.approx(wanted.time, rel=1e-13)
    assert theirs.alpha(wanted.time) == pytest.approx(found.time, rel=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_there_and_back(name):
    theirs, _ = CASES[name]
    kept = {n: getattr(theirs, n) for n in ("kappa", "delta", "noisy_test", "tauinv") if hasattr(theirs, n)}
    setting = theirs.to_ours()
    if setting.dim is None and not isinstance(theirs, (conventions.Goldt2019, conventions.Lee2021)):
        setting = dataclasses.replace(setting, dim=N)
    back = type(theirs).from_ours(setting, **kept)
    for each in dataclasses.fields(theirs):
        assert getattr(back, each.name) == pytest.approx(getattr(theirs, each.name), rel=1e-14), each.name


# their risks, sampled as they define them: mean over fresh examples, in their inputs and weights


def risk_samples(theirs, state_draws, linear):
    """Squares of the error, student minus clean teacher, of examples in their scaling, and a normal number for each."""
    s = theirs.scales
    rng = np.random.default_rng(3)
    x = rng.standard_normal((200_000, N)) * s.inputs
    shape = 1.0 if s.weights != 1 or s.inputs != 1 else math.sqrt(N)  # who divides fields by sqrt N
    unit = (lambda u: u) if linear else g
    W, W_star = state_draws.W * s.weights, state_draws.W_star * s.weights
    setting = theirs.to_ours()
    student, teacher = unit(x @ W.T / shape) @ setting.v, unit(x @ W_star.T / shape) @ setting.v_star
    return student, teacher, rng.standard_normal(len(x))


RISKS = {  # what each paper averages
    conventions.Goldt2019: lambda c, out, label, zeta: (out - label) ** 2 / 2,
    conventions.SaadSolla1995: lambda c, out, label, zeta: (out - label) ** 2 / 2,
    conventions.Lee2021: lambda c, out, label, zeta: (out - label) ** 2 / 2,
    conventions.Veiga2022: lambda c, out, label, zeta: (out - label) ** 2 / 2,
    conventions.Arnaboldi2023: lambda c, out, label, zeta: (label + math.sqrt(c.Delta) * zeta - out) ** 2 / 2,
    conventions.Pezeshki2022: lambda c, out, label, zeta: (label + c.noisy_test * c.sigma * zeta - out) ** 2 / 2,
    conventions.Brea2023: lambda c, out, label, zeta: (out - label) ** 2,
    conventions.Couto2025: lambda c, out, label, zeta: (out - label) ** 2 / 2,
}


@pytest.mark.parametrize("name", CASES)
def test_their_risk_is_ours(name):
    theirs, _ = CASES[name]
    setting = theirs.to_ours()
    d = draws(setting)
    linear = isinstance(theirs, conventions.Pezeshki2022)
    samples = RISKS[type(theirs)](theirs, *risk_samples(theirs, d, linear))
    mean, error = samples.mean(), samples.std() / math.sqrt(len(samples))
    eg = tl.Overlaps.from_weights(d.W, d.W_star, **setting.readouts).generalisation_error("linear" if linear else "erf")
    assert abs(theirs.risk(eg) - mean) < 3.5 * error
    assert theirs.scales.offset == 0 or theirs.scales.offset > 10 * error  # so that noise left out would show
    assert theirs.eg(theirs.risk(eg)) == pytest.approx(eg, rel=1e-12)


def test_arnaboldi_run_follows_our_equations():
    """SGD in their scaling at d = 1000, in their time, against our equations: mean over runs within standard errors."""
    p, k, d, runs = 4, 2, 1000, 8
    c = conventions.Arnaboldi2023(a=np.ones(p), a_star=np.ones(k), d=d, gamma=2.0, Delta=0.01)
    rng = np.random.default_rng(0)
    W_star = rng.standard_normal((k, d))
    W0 = 0.5 * rng.standard_normal((p, d)) + np.repeat(W_star, p // k, 0) * 0.3
    times = np.array([0.5, 1.0, 2.0])
    steps = np.round(times * p * d / c.gamma).astype(int)
    risks = []
    for _ in range(runs):
        W = W0.copy()
        for step in range(1, steps[-1] + 1):
            x = rng.standard_normal(d) / math.sqrt(d)
            lam = W @ x
            e = g(W_star @ x).mean() + 0.1 * rng.standard_normal() - g(lam).mean()
            W += c.gamma / p * np.outer(dg(lam) * e, x)
            if step in steps:
                state = tl.Overlaps(
                    W @ W.T / d, W @ W_star.T / d, W_star @ W_star.T / d, np.ones(p) / p, np.ones(k) / k
                )
                risks.append(state.generalisation_error("erf") + c.Delta / 2)
    risks = np.reshape(risks, (runs, -1))
    mean, sem = risks.mean(0), risks.std(0, ddof=1) / math.sqrt(runs)
    setting = c.to_ours()
    start = tl.Overlaps.from_weights(W0, W_star, **setting.readouts)
    ode = tl.solve(tl.OnlineSGD("erf", **setting.rule), start, c.alpha(times))
    assert (np.abs(c.risk(ode.eg.values) - mean) < 4 * sem + 2e-4 * mean).all()


def test_published_plateaus_of_veiga2022():
    """Fig. 3 of arXiv:2202.00293 (p = 8, k = 4, gamma = p): plateaus read off for three Delta, within 5 %."""
    teacher, copies = np.eye(4), np.repeat(np.eye(4), 2, 0)
    for Delta, shown in ((1e-2, 1.07e-3), (1e-3, 1.14e-4), (1e-4, 1.15e-5)):
        c = conventions.Veiga2022(p=8, k=4, d=1000, gamma=8.0, Delta=Delta)
        setting = c.to_ours()
        state = tl.Overlaps(copies @ copies.T, copies, teacher, **setting.readouts)
        ode = tl.solve(tl.OnlineSGD("erf", **setting.rule), state, c.alpha([1e3]))
        assert c.risk(float(ode.eg[-1])) == pytest.approx(shown, rel=0.05)


def test_slope_of_the_activation_goes_into_weights_and_rate():
    """A student with units erf(x), by hand, is one of "erf" with sqrt 2 times the weights and twice the rate."""
    lr, lr_readout, sigma = 0.4, 0.3, 0.2
    setting = conventions.Setting(
        v=READOUT, v_star=TEACHER, lr=lr, lr_readout=lr_readout, noise=sigma, weight_decay=0.1
    )
    d = Draws.of(1)
    W, v = d.W.copy(), READOUT.copy()
    for (x,), (zeta,) in zip(d.x, d.zeta, strict=True):
        lam, rho = W @ x / math.sqrt(N), d.W_star @ x / math.sqrt(N)
        delta = v @ erf(lam) - TEACHER @ erf(rho) - sigma * zeta
        slope = 2 / math.sqrt(math.pi) * np.exp(-(lam**2))
        step_w = lr / math.sqrt(N) * np.outer(v * slope * delta, x) + 0.1 / N * W
        step_v = lr_readout / N * erf(lam) * delta + 0.1 / N * v
        W, v = W - step_w, v - step_v
    absorbed = conventions.absorb_slope(setting, math.sqrt(2))
    scaled = dataclasses.replace(d, W=math.sqrt(2) * d.W, W_star=math.sqrt(2) * d.W_star)
    found = ours(absorbed, scaled)
    assert pytest.approx(math.sqrt(2) * W, abs=1e-12) == found.W
    assert found.v == pytest.approx(v, abs=1e-13)


# what is refused


@pytest.mark.parametrize(
    ("paper", "changes", "message"),
    [
        (conventions.SaadSolla1995, {"noise": 0.1}, "have noise = 0.0 in this convention, but has noise = 0.1"),
        (conventions.SaadSolla1995, {"v": [1.0, 2.0]}, "have v = 1.0"),
        (conventions.Lee2021, {"batch": 3}, "have batch = 1"),
        (conventions.Lee2021, {"weight_decay": 0.1, "lr_readout": 0.5}, "`decay` must be 0"),
        (conventions.Lee2021, {"weight_decay": 0.1, "lr": 0.0}, "have lr > 0"),
        (conventions.Arnaboldi2023, {"weight_decay": 0.1}, "have weight_decay = 0.0"),
        (conventions.Arnaboldi2023, {"lr_readout": 0.5}, "have lr_readout = 0.125"),
        (conventions.Arnaboldi2023, {"dim": None}, "have a dim"),
        (conventions.Veiga2022, {}, "have v = 0.5"),
        (conventions.Brea2023, {"lr_readout": 0.2}, "have lr_readout = 0.5"),
        (conventions.Couto2025, {"noise": 0.2}, "have noise = 0.0"),
        (conventions.Pezeshki2022, {}, "one student and one teacher unit"),
    ],
)
def test_what_a_paper_has_no_word_for_is_refused(paper, changes, message):
    setting = conventions.Setting(**{"v": [1.0, 1.0], "v_star": [1.0], "lr": 0.5, "dim": 100} | changes)
    with pytest.raises(ArgumentError, match=message):
        paper.from_ours(setting)


def test_fields_are_checked():
    with pytest.raises(ArgumentError, match="`gamma` must be a finite number >= 0, but is -1"):
        conventions.Arnaboldi2023(a=[1.0], a_star=[1.0], d=10, gamma=-1.0)
    with pytest.raises(ArgumentError, match="`K` must be an integer >= 1"):
        conventions.SaadSolla1995(K=0, M=1, eta=0.1)
    with pytest.raises(ArgumentError, match="`noisy_test` must be of type bool"):
        conventions.Pezeshki2022(n=3, d=10, eta=0.1, noisy_test=1)
    with pytest.raises(TypeError):
        conventions.Veiga2022(p=2, k=2, d=10)


def test_readouts_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        conventions.Goldt2019(v=[1.0], v_star=[1.0], eta_w=0.1).v[0] = 2.0


@pytest.mark.parametrize("paper", conventions.__all__)
def test_what_is_no_setting_is_refused(paper):
    if not hasattr(getattr(conventions, paper), "from_ours"):
        pytest.skip("no convention of a paper")
    with pytest.raises(ArgumentError, match="`setting` must be of type Setting"):
        getattr(conventions, paper).from_ours(3)


@pytest.mark.parametrize("value", ["x", None, float("nan"), -1, [0.5, -1.0]])
@pytest.mark.parametrize("method", ["alpha", "time"])
def test_times_that_are_none_are_refused(method, value):
    theirs = conventions.Arnaboldi2023(a=[1.0], a_star=[1.0], d=10, gamma=0.5)
    with pytest.raises(ArgumentError, match="must be"):
        getattr(theirs, method)(value)


@pytest.mark.parametrize("value", ["x", None, True, 1j])
@pytest.mark.parametrize("method", ["eg", "risk"])
def test_errors_that_are_no_numbers_are_refused(method, value):
    theirs = conventions.Arnaboldi2023(a=[1.0], a_star=[1.0], d=10, gamma=0.5)
    with pytest.raises(ArgumentError, match="must be a number"):
        getattr(theirs, method)(value)


def test_time_that_stands_still_is_refused():
    with pytest.raises(ArgumentError, match="learning rate > 0"):
        conventions.Arnaboldi2023(a=[1.0], a_star=[1.0], d=10, gamma=0.0).alpha(1.0)
