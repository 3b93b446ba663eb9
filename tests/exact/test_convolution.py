"""The small convolutional network against SciPy's correlations, finite differences and a network without filters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate2d
from scipy.special import log_softmax

from tutelage import ArgumentError
from tutelage.complexity import ConvolutionalNetwork, Task, train
from tutelage.landscape import MLP

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.normal(size=(7, 64)), np.array([0, 1, 2, 2, 1, 0, 1])
NET = ConvolutionalNetwork(8, filters=(3, 4, 2), halved=2, dense=(5,), classes=3)


def by_hand(net: ConvolutionalNetwork, p: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return the logits of one image, filter by filter, in float64."""
    maps, start = [image.reshape(net.side, net.side)], 0
    for layer, (inputs, outputs) in enumerate(net.shapes):
        W = p[start : start + inputs * outputs].reshape(inputs, outputs)
        b = p[start + inputs * outputs : start + (inputs + 1) * outputs]
        start += (inputs + 1) * outputs
        if layer < len(net.filters):
            filters = W.reshape(3, 3, len(maps), outputs)
            maps = [
                np.maximum(sum(correlate2d(a, filters[:, :, c, o], "same") for c, a in enumerate(maps)) + b[o], 0)
                for o in range(outputs)
            ]
            if layer < net.halved:
                maps = [a.reshape(len(a) // 2, 2, -1, 2).max((1, 3)) for a in maps]
            flat = np.stack(maps, 2).ravel()
        else:
            flat = flat @ W + b
            flat = np.maximum(flat, 0) if layer < len(net.shapes) - 1 else flat
    return flat


def parameters(seed: int = 1) -> np.ndarray:
    return NET.init(seed) + 0.05 * np.random.default_rng(seed).normal(size=NET.size)


def test_outputs_and_loss():
    p = parameters()
    logits = np.array([by_hand(NET, p, image) for image in IMAGES])
    assert NET(p, IMAGES) == pytest.approx(logits, abs=1e-5)
    expected = -log_softmax(logits, axis=1)[np.arange(7), LABELS].mean()
    assert NET.on(IMAGES, LABELS).loss(p) == pytest.approx(expected, abs=1e-6)
    assert NET.on(IMAGES, LABELS).loss_and_gradient(p)[0] == pytest.approx(expected, abs=1e-6)


def test_the_gradient_by_finite_differences():
    p = parameters()

    def loss(q):
        logits = np.array([by_hand(NET, q, image) for image in IMAGES])
        return -log_softmax(logits, axis=1)[np.arange(7), LABELS].mean()

    slope = NET.on(IMAGES, LABELS).gradient(p)
    for k in RNG.permutation(NET.size)[:60]:
        step = np.zeros(NET.size)
        step[k] = 1e-6
        assert slope[k] == pytest.approx((loss(p + step) - loss(p - step)) / 2e-6, abs=2e-6)


def test_without_filters_it_is_a_multilayer_perceptron():
    net = ConvolutionalNetwork(8, filters=(), halved=0, dense=(6,), classes=3)
    other = MLP(64, [(6, "relu", True), (3, "linear", True)], loss="nll")
    p = net.init(2)
    same = other.pack([(W.T, b) for W, b in net.unpack(p)])
    assert net.on(IMAGES, LABELS).loss(p) == pytest.approx(other.loss(same, IMAGES, LABELS), abs=1e-6)
    slopes = other.unpack(other.gradient(same, IMAGES, LABELS))
    expected = np.concatenate([part for W, b in slopes for part in (W.T.ravel(), b)])
    assert net.on(IMAGES, LABELS).gradient(p) == pytest.approx(expected, abs=1e-6)


def test_blocks_and_batches_are_the_whole():
    many = RNG.normal(size=(600, 64))
    labels = RNG.integers(3, size=600)
    objective, p = NET.on(many, labels), parameters()
    parts = [objective.subset(np.arange(k, 600, 3)).gradient(p) for k in range(3)]
    assert objective.gradient(p) == pytest.approx(np.mean(parts, 0), abs=1e-6)
    assert NET(p, many)[599] == pytest.approx(NET(p, many[599:])[0], abs=1e-6)


def test_it_learns_where_a_stroke_is_as_no_linear_classifier_can():
    """A stroke stands or lies, anywhere, bright or dark."""
    rng = np.random.default_rng(3)
    images = 0.1 * rng.normal(size=(600, 8, 8))
    labels = rng.integers(2, size=600)
    for image, standing in zip(images, labels, strict=True):
        i, j, sign = *rng.integers(6, size=2), rng.choice([-1, 1])
        image[(slice(i, i + 3), j) if standing else (i, slice(j, j + 3))] += sign
    x = images.reshape(600, 64)
    task = Task(x[:400], labels[:400], x[400:], labels[400:])
    model = train(task, net=ConvolutionalNetwork(8, filters=(8, 8), halved=1, dense=(16,)), steps=600, lr=0.1)
    assert np.mean(model.predict(task.x_test) == task.y_test) > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ConvolutionalNetwork(10), "`side` must be divisible by 4, but is 10"),
        (lambda: ConvolutionalNetwork(8, filters=(2,), halved=2), "`halved` must be at most the 1 layers"),
        (lambda: NET.on(IMAGES[:, :60], LABELS), "`x` must have shape"),
        (lambda: NET.on(IMAGES, LABELS + 1), "`y` must be labels 0, ..., 2, but runs from 1 to 3"),
        (lambda: NET.on(IMAGES, LABELS).hessian(parameters()), "`objective` must have second derivatives"),
        (lambda: NET(parameters()[1:], IMAGES), "`p` must have shape"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
