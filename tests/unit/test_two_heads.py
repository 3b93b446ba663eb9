"""The network of two heads on images: steps, Fisher information, measures, and how it begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tutelage import data
from tutelage.activations import activation
from tutelage.continual.two_heads import Hold, Learner, Weights, drawn, fisher, measures


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def g_and_slope(name: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if name == "relu":
        return np.where(z > 0, z, 0.0), np.where(z > 0, 1.0, 0.0)
    g = 1 / (1 + np.exp(-z))
    return g, g * (1 - g)


def example_loss(name: str, w: Weights, task: int, x: np.ndarray, y: float) -> float:
    """The loss of one example, written from the formula."""
    g, _ = g_and_slope(name, np.array([sum(a * b for a, b in zip(row, x, strict=True)) for row in w.W]) + w.b)
    return float((w.shifts[task] + (w.heads[task] * g).sum() - y) ** 2)


def changed(w: Weights, name: str, index: tuple[int, ...], by: float) -> Weights:
    arrays = {key: getattr(w, key).copy() for key in ("W", "b", "heads", "shifts")}
    arrays[name][index] += by
    return Weights(**arrays)


def slope_of(
    name: str, w: Weights, task: int, x: np.ndarray, y: float, which: str, index: Any, h: float = 1e-5
) -> float:
    up, down = (example_loss(name, changed(w, which, index, d), task, x, y) for d in (h, -h))
    return (up - down) / (2 * h)


def plain_epoch(
    name: str, w: Weights, task: int, rows: np.ndarray, labels: np.ndarray, order: np.ndarray, lr: float, biases: bool,
    hold: Hold | None,
) -> Weights:  # fmt: skip
    """One pass of SGD in plain NumPy, penalty included."""
    W, b, heads, shifts = w.W.copy(), w.b.copy(), w.heads.copy(), w.shifts.copy()
    for i in order:
        g, slope = g_and_slope(name, W @ rows[i] + b)
        twice = 2 * (shifts[task] + heads[task] @ g - labels[i])
        back = twice * heads[task] * slope
        dW, db = np.outer(back, rows[i]), back * biases
        if hold is not None:
            dW = dW + hold.strength * hold.F * (W - hold.anchor.W)
            db = db + hold.strength * hold.F_b * (b - hold.anchor.b)
        heads[task] = heads[task] - lr * twice * g
        shifts[task] -= lr * twice * biases
        W, b = W - lr * dW, b - lr * db
    return Weights(W, b, heads, shifts)


@pytest.mark.parametrize("name", ["sigmoid", "relu"])
@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("task", [0, 1])
def test_an_epoch_is_that_of_plain_numpy(name, biases, held, task, rng):
    rows, labels = rng.normal(size=(60, 17)), rng.integers(0, 2, 60).astype(float)
    start, anchor = drawn(5, 17, biases, 3, 0), drawn(5, 17, biases, 4, 0)
    hold = Hold(0.7, rng.uniform(size=(5, 17)), rng.uniform(size=5) * biases, anchor) if held else None
    learner = Learner(start, activation(name), task, rows, labels, 0.03, biases, 9, 2, 60, hold)
    learner.advance(0, 25)  # in slices
    learner.advance(25, 35)
    order = data.indices(60, 60, 60, 9, 2)
    assert sorted(order) == list(range(60))
    expected = plain_epoch(name, start, task, rows, labels, order, 0.03, biases, hold)
    for key, array in learner.moving.items():
        np.testing.assert_allclose(array, getattr(expected, key), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(learner.moving["heads"][1 - task], start.heads[1 - task])
    assert np.abs(learner.moving["W"] - start.W).max() > 1e-3
    assert (np.abs(learner.moving["b"]).max() > 0) == biases


@pytest.mark.parametrize("name", ["sigmoid", "relu"])
def test_a_step_follows_the_gradient_by_differences(name, rng):
    x, lr, start = rng.normal(size=(1, 6)), 0.2, drawn(3, 6, True, 0, 0)
    learner = Learner(start, activation(name), 1, x, np.ones(1), lr, True, 0, 0, 0, None)
    learner.advance(0, 1)
    for which, index in [("W", (1, 4)), ("W", (2, 0)), ("b", (0,)), ("b", (2,)), ("heads", (1, 2)), ("shifts", (1,))]:
        step = learner.moving[which][index] - getattr(start, which)[index]
        assert step == pytest.approx(-lr * slope_of(name, start, 1, x[0], 1.0, which, index), abs=1e-9)


@pytest.mark.parametrize("kind", ["empirical", "fisher"])
def test_fisher_information_is_that_of_differences(kind, rng, monkeypatch):
    monkeypatch.setattr("tutelage.continual.two_heads.CHUNK", 4)  # several chunks, the last one shorter
    rows, labels, w = rng.normal(size=(10, 4)), rng.integers(0, 2, 10).astype(float), drawn(3, 4, True, 1, 0)
    F, F_b = fisher(activation("sigmoid"), w, 0, rows, labels, kind)
    assert (F.shape, F_b.shape) == ((3, 4), (3,))

    def squared(which: str, index: tuple[int, ...]) -> float:
        total = 0.0
        for x, y in zip(rows, labels, strict=True):
            slope = slope_of("sigmoid", w, 0, x, y, which, index)
            if kind == "fisher":  # d loss = 2 (output - y) d output, and the gap's square is the loss
                slope /= 2 * np.sqrt(example_loss("sigmoid", w, 0, x, y))
            total += slope**2 / len(rows)
        return total

    for index in np.ndindex(F.shape):
        assert F[index] == pytest.approx(squared("W", index), rel=1e-6)
    for k in range(3):
        assert F_b[k] == pytest.approx(squared("b", (k,)), rel=1e-6)


def test_measures_count_and_mask(rng):
    rows, labels, w = rng.normal(size=(40, 4)), rng.integers(0, 2, 40).astype(float), drawn(3, 4, True, 5, 0)
    w.heads[1] *= 5
    w.shifts[1] = 0.4
    loss, accuracy, importance = measures(activation("relu"), w, 1, rows, labels)

    def mean(here: Weights) -> float:
        return float(np.mean([example_loss("relu", here, 1, x, y) for x, y in zip(rows, labels, strict=True)]))

    assert loss == pytest.approx(mean(w), rel=1e-12)
    for k in range(3):
        assert importance[k] == pytest.approx(mean(changed(w, "heads", (1, k), -w.heads[1, k])) - mean(w), abs=1e-12)
    outputs = [w.shifts[1] + w.heads[1] @ g_and_slope("relu", w.W @ x + w.b)[0] for x in rows]
    right = sum((output > 0.5) == bool(y) for output, y in zip(outputs, labels, strict=True))
    assert 0 < right < 40
    assert accuracy == right / 40


def test_initial_weights_keep_within_their_layer():
    w = drawn(8, 400, True, 0, 1)
    for array, bound in ((w.W, 1 / 20), (w.b, 1 / 20), (w.heads, 8**-0.5), (w.shifts, 8**-0.5)):
        assert np.abs(array).max() <= bound
    assert w.W.std() == pytest.approx(1 / 20 / np.sqrt(3), rel=0.05)
    bare = drawn(8, 400, False, 0, 1)
    np.testing.assert_array_equal(bare.W, w.W)
    assert not bare.b.any()
    assert not bare.shifts.any()
