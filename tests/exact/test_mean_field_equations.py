"""The mean-field equations against averages over random frames, sums over all of them, and derivatives of the risk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import tutelage as tl
from tutelage.online.equations import first_layer_drift, readout_drift
from tutelage.regimes import Particles
from tutelage.regimes.mean_field_rules import angular_rule, cosine_rule, nodes_for_pole
from tutelage.regimes.mean_field_velocity import MeanField, Moving

ACCURACY = 1e-11


def particles(K: int, M: int, seed: int) -> Particles:
    """Return particles without symmetries, of a teacher with overlapping units."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((M, M))
    R, q = 0.6 * rng.standard_normal((K, M)), rng.uniform(0.2, 1.2, K)
    return Particles(R, q, A @ A.T / M + 0.5 * np.eye(M), rng.standard_normal(K), rng.standard_normal(M))


def rule(student: str, teacher: str | None = None, **changes: float) -> tl.OnlineSGD:
    return tl.OnlineSGD(student, teacher, lr=0.7, lr_readout=0.3, train="both", **changes)


def field(rule: tl.OnlineSGD, law: Particles, freedom: int | None) -> MeanField:
    return MeanField(rule.resolved, law.frame, law.v_star, freedom, ACCURACY)


def ours(rule: tl.OnlineSGD, law: Particles, freedom: int | None) -> np.ndarray:
    """Return dR, dQ_ii, dv and the risk as one vector, from the equations of mean field."""
    equations, state = field(rule, law, freedom), Moving.of(law)
    change = equations.velocity(state)
    square = 2 * (state.m * change.m).sum(0) + 2 * state.radius * change.radius
    return np.concatenate([(change.m.T @ law.frame.T).ravel(), square, change.v, [equations.risk(state)]])


def theirs(rule: tl.OnlineSGD, law: Particles, cosines: np.ndarray) -> np.ndarray:
    """Return the same for one matrix of cosines (K, K), from the equations of one-pass SGD without terms of lr^2."""
    inside = law.R @ np.linalg.solve(law.T, law.R.T)
    Q = inside + np.sqrt(np.outer(law.q, law.q)) * cosines
    state = tl.Overlaps.unchecked(Q, law.R, law.T, law.v, law.v_star)
    r, drift = rule.rates, -rule.lr * law.v[:, None] * first_layer_drift(rule, state)
    K = law.students
    square = 2 * np.diagonal(drift[:, :K]) - 2 * r.decay * np.diagonal(Q)
    error = state.generalisation_error(rule.student, rule.teacher)
    dv = -r.lr_readout * readout_drift(rule, state) - r.decay_readout * law.v
    return np.concatenate([(drift[:, K:] - r.decay * law.R).ravel(), square, dv, [error]])


@pytest.mark.parametrize(
    ("case", "dim", "end"), [(tl.OnlineSGD("erf", lr=1.0), None, 2000), (tl.OnlineSGD("square", lr=1.0), 5, 600)]
)
def test_steps_stay_stable_at_rest(case: tl.OnlineSGD, dim: int | None, end: float) -> None:
    """Steps at the limit of stability left fast modes at up to a thousand times the tolerance for ever."""
    law = Particles.gaussian(4, T=[[1.0, 0.3], [0.3, 0.8]], dim=5, seed=1)
    equations, begin = field(case, law, None if dim is None else dim - 2), Moving.of(law).vector
    times = np.geomspace(end / 4, end, 30)
    flow = lambda _, y: equations.velocity(Moving.from_vector(y, 4)).vector  # noqa: E731
    exact = solve_ivp(flow, (0, end), begin, "LSODA", times, rtol=1e-12, atol=1e-14).y.T.reshape(30, -1, 4)
    ds = tl.regimes.solve_mean_field(case, law, times, dim=dim)
    R = np.einsum("trk,mr->tkm", exact[:, :-2], law.frame)
    assert np.abs(ds.R.values - R).max() < 1e-8
    assert np.abs(ds.q.values - exact[:, -2] ** 2).max() < 1e-8


def test_lengths_that_vanish_need_no_cosine() -> None:
    """With weight decay they all do, and the singularity of the averages goes off to infinity."""
    R, T, case = [[0.3, 0.1], [0.2, -0.4]], np.eye(2), rule("erf", weight_decay=0.1)
    short = tl.regimes.solve_mean_field(case, Particles(R, [1e-154, 1e-310], T), [0.0, 5.0], dim=6)
    none = tl.regimes.solve_mean_field(case, Particles(R, [0.0, 0.0], T), [0.0, 5.0], dim=6)
    assert np.abs(short.R - none.R).max() < 1e-9


def random_cosines(K: int, n: int, frames: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for _ in range(frames):
        g = rng.standard_normal((K, n))
        g /= np.linalg.norm(g, axis=1, keepdims=True)
        yield g @ g.T


CASES = [
    (rule("erf"), 2000),
    (rule("erf", weight_decay=0.2), 300),
    (rule("square"), 1000),
    (rule("relu"), 2000),
    (rule("leaky_relu(0.2)", "erf"), 2000),
    (rule("polynomial(0.3, 0.2, -0.5, 0.4)"), 600),
    (rule("polynomial(0.3, 0.2, -0.5)", "hermite-3"), 600),
    (rule("linear", "relu"), 200),
]
IDS = [f"{case.student.name}, {case.teacher.name}" for case, _ in CASES]


@pytest.mark.parametrize("freedom", [2, 3, 10])
@pytest.mark.parametrize(("case", "frames"), CASES, ids=IDS)
def test_drifts_are_averages_over_random_frames(case: tl.OnlineSGD, frames: int, freedom: int) -> None:
    law = particles(3, 2, seed=freedom)
    samples = np.array([theirs(case, law, X) for X in random_cosines(3, freedom, frames, seed=10 + freedom)])
    mean, error = samples.mean(0), samples.std(0, ddof=1) / np.sqrt(frames)
    gap = np.abs(ours(case, law, freedom) - mean)
    assert (gap < 4.5 * error + 1e-12).all()
    assert (error > 0).any()


@pytest.mark.parametrize("case", [case for case, _ in CASES] + [rule("tanh"), rule("tanh", "step")])
def test_in_one_dimension_off_the_teacher_all_frames_can_be_counted(case: tl.OnlineSGD) -> None:
    law = particles(3, 2, seed=5)
    signs = [np.array(s)[:, None] for s in itertools.product([-1.0, 1.0], repeat=3)]
    exact = np.mean([theirs(case, law, s @ s.T) for s in signs], 0)
    assert ours(case, law, 1) == pytest.approx(exact, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("case", [case for case, _ in CASES] + [rule("gelu"), rule("tanh", "square")])
def test_in_infinite_dimension_the_frame_is_orthogonal(case: tl.OnlineSGD) -> None:
    law = particles(3, 2, seed=6)
    assert ours(case, law, None) == pytest.approx(theirs(case, law, np.eye(3)), rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("name", ["erf", "square", "relu", "tanh", "gelu", "hermite-3"])
@pytest.mark.parametrize("freedom", [1, 2, 4, None])
def test_a_single_student_knows_nothing_of_frames(name: str, freedom: int | None) -> None:
    """Its term with itself has cosine one in every dimension; left out or averaged it would be wrong by order one."""
    law = particles(1, 2, seed=7)
    exact = theirs(rule(name), law, np.ones((1, 1)))
    assert ours(rule(name), law, freedom) == pytest.approx(exact, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 40, None])
@pytest.mark.parametrize("names", ["erf", "square", "relu", "tanh", "gelu", "sigmoid", "hermite-3", "softplus, step"])
def test_the_velocity_is_the_gradient_of_the_risk(names: str, freedom: int | None) -> None:
    law = particles(4, 2, seed=8)
    case = rule(*names.split(", "))
    equations, y, h = field(case, law, freedom), Moving.of(law).vector, 1e-4

    def risk(x: np.ndarray) -> float:
        return equations.risk(Moving.from_vector(x, 4))

    def slope(direction: np.ndarray) -> float:
        near, far = (risk(y + d * direction) - risk(y - d * direction) for d in (h, 2 * h))
        return (8 * near - far) / (12 * h)

    rates = np.repeat([0.7, 0.3], [12, 4])
    gradient = np.array([slope(direction) for direction in np.eye(16)])
    # With kinks in few dimensions the nodes leave 1e-7, in the risk and in its gradient differently.
    tolerance = 2e-5 if "relu" in names and freedom in (2, 3) else 2e-9
    assert equations.velocity(Moving.from_vector(y, 4)).vector == pytest.approx(-rates * gradient, abs=tolerance)


@pytest.mark.parametrize("freedom", [5, None])
@pytest.mark.parametrize("name", ["erf", "relu", "tanh", "square"])
def test_many_particles_in_shares_and_blocks_are_a_plain_sum_over_pairs(name: str, freedom: int | None) -> None:
    """Frames of pairs are independent of each other: the sum over pairs is that of two particles at a time."""
    K, M = 310, 2
    rng = np.random.default_rng(9)
    law = Particles(0.5 * rng.standard_normal((K, M)), rng.uniform(0.1, 1.0, K), np.eye(M), rng.standard_normal(K) / K)
    whole = ours(rule(name), law, freedom)
    alone = rule(name, weight_decay=0.0)
    for i in (0, 150, 309):
        pairs = np.zeros(M + 2)
        own = _row(alone, law, [i], freedom)
        for j in set(range(K)) - {i}:
            pairs += _row(alone, law, [i, j], freedom) - own
        expected = own + pairs
        found = np.array([*whole[i * M : i * M + M], whole[K * M + i], whole[K * M + K + i]])
        assert found == pytest.approx(expected, abs=1e-9 * np.abs(whole).max())


def _row(case: tl.OnlineSGD, law: Particles, members: list[int], freedom: int | None) -> np.ndarray:
    """Return dR, dQ_ii and dv of the first of some particles that are alone with the teacher."""
    part = Particles(law.R[members], law.q[members], law.T, law.v[members], law.v_star)
    K, M, found = len(members), law.teachers, ours(case, part, freedom)
    return np.array([*found[:M], found[K * M], found[K * M + K]])


# Closed forms of the paper


def test_risk_and_drift_of_square_units_are_those_of_the_paper() -> None:
    """Arnaboldi et al. 2023: outputs are means, the teacher is orthonormal; time there is alpha lr / K."""
    K, M, n = 6, 3, 4
    rng = np.random.default_rng(11)
    law = Particles(rng.standard_normal((K, M)), rng.uniform(0.2, 1.0, K), np.eye(M))
    q, S = law.q, law.R @ law.R.T
    Q = S + np.diag(q)
    trace = 4 * (1 - np.trace(Q) / K)
    others = q.sum() - q
    risk = (
        (M**2 + 2 * M) / (2 * M**2)
        - (M * np.trace(Q) + 2 * np.trace(S)) / (K * M)
        + (np.trace(Q) ** 2 + 2 * np.trace(Q @ Q)) / (2 * K**2)
        + (q @ others) / (n * K**2)
    )
    dq = trace * q - 8 / K * np.diagonal(Q) * q - 8 / K * q * others / n
    dR = 2 * (1 - np.trace(Q) / K) * law.R + 4 * (law.R / M - Q @ law.R / K)
    equations, state = field(tl.OnlineSGD("square", lr=0.7), law, n), Moving.of(law)
    change = equations.velocity(state)
    assert equations.risk(state) == pytest.approx(risk, rel=1e-12)
    assert 2 * state.radius * change.radius == pytest.approx(0.7 / K * dq, rel=1e-12)
    moved = change.m.T @ law.frame.T
    assert moved == pytest.approx(0.7 / K * dR, rel=1e-12)


# Rules for the cosine


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 50, 1000])
def test_rules_have_the_moments_of_the_cosine(n: int) -> None:
    moments = np.cumprod([(2 * j + 1) / (n + 2 * j) for j in range(8)])
    for made in (cosine_rule(n, 9), angular_rule(n, 32))[: 1 if n > 100 else 2]:
        assert made.weights.sum() == pytest.approx(1.0, abs=1e-13)
        assert np.abs(made.weights @ made.nodes[:, None] ** (2 * np.arange(8) + 1)).max() < 1e-14
        found = made.weights @ made.nodes[:, None] ** (2 * np.arange(1, 9))
        assert found == pytest.approx(moments, rel=1e-12)


@pytest.mark.parametrize("n", [2, 5, 30])
def test_rules_have_the_law_of_random_directions(n: int) -> None:
    g = np.random.default_rng(n).standard_normal((200_000, n))
    cosine = g[:, 0] / np.linalg.norm(g, axis=1)
    for made in (cosine_rule(n, 24), angular_rule(n, 24)):
        for function in (lambda x: np.exp(2 * x), lambda x: 1 / np.sqrt(1.5 - x)):
            values = function(cosine)
            expected, error = values.mean(), values.std() / np.sqrt(len(values))
            assert abs(made.weights @ function(made.nodes) - expected) < 4 * error


@pytest.mark.parametrize("n", [2, 3, 5, 20, 200])
@pytest.mark.parametrize("pole", [1.2, 2.0, 6.0])
def test_as_many_nodes_as_a_pole_demands(n: int, pole: float) -> None:
    for accuracy in (1e-6, 1e-10):
        size = nodes_for_pole(n, pole, accuracy)
        made, best = cosine_rule(n, size), cosine_rule(n, 250)
        values = [rule.weights @ (1 / np.sqrt(pole**2 - rule.nodes**2)) for rule in (made, best)]
        assert abs(values[0] - values[1]) < 10 * accuracy * values[1]


def descended(U: np.ndarray, V: np.ndarray, time: float, both: bool) -> float:
    """Return eg at t = eta alpha/K of gradient flow of weights / sqrt(N): erf, v = 1/K, v_star = 1/M, rate eta/K^2."""
    K, N = U.shape
    v_star = np.full(len(V), 1 / len(V))

    def fields(y: np.ndarray) -> tuple[np.ndarray, ...]:
        X, a = np.vstack([y[: K * N].reshape(K, N), V]), np.append(y[K * N :], -v_star)
        p = (X**2).sum(1)
        size = np.sqrt(np.outer(1 + p, 1 + p))
        return X, a, p, size, X @ X.T / size

    def velocity(_: float, y: np.ndarray) -> np.ndarray:
        X, a, p, size, sine = fields(y)
        by_c = 2 / np.pi / np.sqrt(1 - sine**2) / size
        by_p = -by_c * sine * size / 2 / (1 + p)[:, None]
        slope = (by_c * a) @ X + 2 * (by_p @ a)[:, None] * X
        dv = -(2 / np.pi * np.arcsin(sine) @ a)[:K] / K * both
        return np.append(-K * a[:K, None] * slope[:K], dv)

    y0 = np.append(U, np.full(K, 1 / K))
    _, a, *_, sine = fields(solve_ivp(velocity, (0, time), y0, "DOP853", rtol=1e-7, atol=1e-10).y[:, -1])
    return float(a @ np.arcsin(np.minimum(sine, 1.0)) @ a / np.pi)


@pytest.mark.parametrize("both", [False, True])
def test_gradient_flow_of_all_weights_tends_to_it_as_one_over_the_width(both: bool) -> None:
    """Written anew, in weights: no overlaps, no frames. Four times the width has a third to a fifth of the distance."""
    dim, t, off = 5, 3.0, []
    for K, seeds in ((80, 24), (320, 6)):
        errors = []
        for seed in range(seeds):
            law = Particles.gaussian(K, T=np.eye(2), dim=dim, seed=seed)
            across = np.random.default_rng(seed + 1000).standard_normal((K, dim - 2))
            across *= np.sqrt(law.q)[:, None] / np.linalg.norm(across, axis=1, keepdims=True)
            flow = descended(np.hstack([law.coordinates, across]), np.pad(law.frame, ((0, 0), (0, dim - 2))), t, both)
            rule = tl.OnlineSGD("erf", lr=1.0, train="both" if both else "first", lr_readout=1 / K**2)
            errors.append([flow, tl.regimes.solve_mean_field(rule, law, [t * K], dim, rtol=1e-7).eg.values[0]])
        flow, field = np.mean(errors, 0)
        off.append(flow / field - 1)
    assert -0.04 < off[1] < 0
    assert 3 < off[0] / off[1] < 5
