"""Losses, gradients and Hessians of networks against complex steps, differences and each other's definitions."""

from __future__ import annotations

import numpy as np
import pytest

import tutelage as tl
from tutelage.landscape import MLP, Merge, NormBarrier, Subspace, Sum

RNG = np.random.default_rng(7)
X = RNG.standard_normal((700, 3))
SMOOTH = ["tanh", "sigmoid", "softplus", "silu", "g", "square", "hermite-3", "linear"]

COMPLEX = {  # written once more, for complex arguments
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "g": lambda z: 1 / (1 + np.exp(-4 * z)) + np.log(1 + np.exp(z)),
    "square": lambda z: z**2,
    "hermite-3": lambda z: z**3 - 3 * z,
    "linear": lambda z: z,
}


def plain_loss(net: MLP, p: np.ndarray, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> complex:
    """The loss by its definition, for complex parameters."""
    a, start = x, 0
    for index, (units, kind, bias) in enumerate(net.layers):
        columns = a.shape[1] + bias
        A = p[start : start + units * columns].reshape(units, columns)
        start += units * columns
        z = a @ A[:, : a.shape[1]].T + (A[:, -1] if bias else 0)
        if kind == "softmax" or (net.loss_name == "nll" and index == len(net.layers) - 1):
            return np.average(np.log(np.exp(z).sum(1)) - (y * z).sum(1), weights=weights)
        kinds = [kind] * units if isinstance(kind, str) else kind
        a = np.stack([COMPLEX[k](z[:, i]) for i, k in enumerate(kinds)], 1)
    return np.average(((a - y) ** 2).sum(1), weights=weights) * (0.5 if net.half else 1)


def by_complex_steps(net: MLP, p: np.ndarray, x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    step = 1e-30j * np.eye(net.size)
    return np.array([plain_loss(net, p + d, x, y, weights).imag for d in step]) / 1e-30


def hessian_of_gradient(net: MLP, gradient, p: np.ndarray) -> np.ndarray:
    """Differences of sixth order of a gradient."""
    h, rows = 3e-3, []
    for e in np.eye(net.size):
        one, two, three = ((gradient(p + k * h * e) - gradient(p - k * h * e)) / (2 * k * h) for k in (1, 2, 3))
        rows.append(1.5 * one - 0.6 * two + 0.1 * three)
    return np.array(rows)


NETS = [
    *(MLP(3, [(4, kind, True), (1, "linear", True)]) for kind in SMOOTH),
    MLP(3, [(4, "tanh", False), (1, "linear", False)], half=True),
    MLP(3, [(5, ["tanh", "g", "g", "silu", "linear"], True), (1, "linear", True)]),
    MLP(3, [(4, "softplus", True), (2, "linear", True)]),
    MLP(3, [(4, "tanh", True), (3, "silu", False), (1, "linear", True)]),
    MLP(3, [(3, "g", True), (3, "tanh", True), (4, "sigmoid", True), (2, "sigmoid", True)], half=True),
    MLP(3, [(3, "softmax", True)]),
    MLP(3, [(4, "tanh", True), (3, "linear", False)], loss="nll"),
    MLP(3, [(3, "silu", False), (3, "softplus", True), (3, "tanh", True), (4, "softmax", True)]),
    MLP(3, [(1, "linear", True)]),
]


def targets(net: MLP) -> np.ndarray:
    if net.loss_name == "mse":
        return RNG.standard_normal((len(X), net.outputs))
    return RNG.dirichlet(np.ones(net.outputs), len(X))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("net", NETS, ids=lambda net: str(net.layers))
def test_derivatives(net, weighted):
    y, weights = targets(net), RNG.random(len(X)) if weighted else np.ones(len(X))
    p = net.init(seed=1) + 0.1 * RNG.standard_normal(net.size)
    objective = net.on(X, y, weights if weighted else None)
    loss, slope, H = objective.derivatives(p)
    exact = by_complex_steps(net, p, X, y, weights)
    scale = max(1.0, np.abs(exact).max())
    assert objective.loss(p) == pytest.approx(plain_loss(net, p, X, y, weights).real, rel=1e-13)
    assert loss == pytest.approx(objective.loss(p), rel=1e-13)
    for given in (slope, objective.gradient(p), objective.loss_and_gradient(p)[1]):
        assert np.abs(given - exact).max() < 1e-13 * scale * 10
    near = hessian_of_gradient(net, lambda q: by_complex_steps(net, q, X, y, weights), p)
    size = np.abs(H).max()
    assert np.abs(H - near).max() < 3e-10 * max(1.0, size)
    assert (H == H.T).all()
    v = RNG.standard_normal(net.size)
    assert np.abs(objective.hvp(p, v) - H @ v).max() < 1e-13 * size * net.size


@pytest.mark.parametrize("kind", ["erf", "gelu", "normal_cdf", "tanh", "softplus", "g"])
def test_the_fused_hessian_is_the_recursions(kind):
    """Two ways to the same sums: one J J', and the blocks for any depth."""
    net = MLP(3, [(6, kind, True), (1, "linear", True)])
    y = RNG.standard_normal(len(X))
    p = net.init(seed=3)
    objective = net.on(X, y, RNG.random(len(X)))
    assert objective._two_layers is not None
    fused, general = objective.derivatives(p), objective._curved(p, newton=False)
    for one, other in zip(fused, general, strict=True):
        assert np.abs(one - other).max() < 1e-13 * max(1.0, np.abs(other).max())
    newton = objective.gauss_newton_derivatives(p)[2]
    assert np.abs(newton - objective._curved(p, newton=True)[2]).max() < 1e-13 * np.abs(newton).max()


def test_many_blocks_are_one():
    """More samples than a block holds: the mean of two halves' Hessians."""
    net = MLP(2, [(3, "tanh", True), (1, "linear", True)])
    x, y, p = RNG.standard_normal((5000, 2)), RNG.standard_normal(5000), net.init(seed=0)
    halves = [net.hessian(p, x[i::2], y[i::2]) for i in (0, 1)]
    assert np.abs(net.hessian(p, x, y) - sum(halves) / 2).max() < 1e-13
    assert (net.hessian(p, x, y) == net.hessian(p, x, y)).all()


@pytest.mark.parametrize("net", [n for n in NETS if n.outputs > 1], ids=lambda net: str(net.layers))
def test_gauss_newton_and_fisher(net):
    """J' (d2 loss / d outputs2) J from Jacobians, which are held against differences of the outputs."""
    p = net.init(seed=2)
    J = net.jacobian(p, X)
    y = targets(net)
    if net.loss_name == "mse":
        h = 1e-5
        near = np.stack([(net(p + h * e, X) - net(p - h * e, X)) / (2 * h) for e in np.eye(net.size)], 2)
        assert np.abs(J - near).max() < 1e-8
        fisher = np.einsum("nop,noq->pq", J, J) / len(X)
        newton = fisher * (1 if net.half else 2)
    else:
        probabilities = net(p, X)
        curve = np.einsum("no,op->nop", probabilities, np.eye(net.outputs))
        curve -= probabilities[:, :, None] * probabilities[:, None]
        newton = fisher = np.einsum("nop,nor,nrq->pq", J, curve, J) / len(X)
    assert np.abs(net.gauss_newton(p, X, y) - newton).max() < 1e-13 * np.abs(newton).max() * 10
    assert np.abs(net.fisher(p, X) - fisher).max() < 1e-13 * np.abs(fisher).max() * 10


def test_input_jacobian():
    net, h = MLP(3, [(4, "tanh", True), (3, "gelu", True), (2, "linear", True)]), 1e-5
    p = net.init(seed=0)
    near = np.stack([(net(p, X + h * e) - net(p, X - h * e)) / (2 * h) for e in np.eye(3)], 2)
    assert np.abs(net.input_jacobian(p, X) - near).max() < 1e-8


def test_labels_are_one_hot_targets():
    net = MLP(3, [(4, "tanh", True), (3, "softmax", True)])
    labels, p = RNG.integers(0, 3, len(X)), net.init(seed=0)
    assert net.loss(p, X, labels) == net.loss(p, X, np.eye(3)[labels])
    assert np.allclose(net(p, X).sum(1), 1)


def test_parameters_go_in_and_out():
    net = MLP(3, [(4, "tanh", True), (2, "linear", False)])
    p = RNG.standard_normal(net.size)
    (W, b), (V, none) = net.unpack(p)
    assert (net.pack([(W, b), (V, None)]) == p).all()
    assert none is None
    assert np.abs(net(p, X) - np.tanh(X @ W.T + b) @ V.T).max() < 1e-14
    wide = MLP(200, [(100, "tanh", True)])
    assert wide.unpack(wide.init(seed=0))[0][0].var() == pytest.approx(2 / 300, rel=0.03)


def test_an_activation_of_ones_own():
    sine = tl.Activation(np.sin, np.cos, d2f=lambda x: -np.sin(x))
    net = MLP(3, [(4, sine, True), (1, "linear", True)])
    p, y = net.init(seed=0), RNG.standard_normal(len(X))
    near = hessian_of_gradient(net, net.on(X, y).gradient, p)
    assert np.abs(net.hessian(p, X, y) - near).max() < 1e-9
    bare = MLP(3, [(4, tl.Activation(np.sin, np.cos), True), (1, "linear", True)])
    assert bare.gradient(p, X, y) == pytest.approx(net.gradient(p, X, y))
    with pytest.raises(tl.ArgumentError, match="d2f"):
        bare.hessian(p, X, y)
    with pytest.raises(tl.ArgumentError, match="`d2f` must be the derivative of `df`"):
        tl.Activation(np.sin, np.cos, d2f=np.sin)


@pytest.mark.parametrize("name", ["barrier", "merge", "sum", "subspace"])
def test_penalties_sums_and_subspaces(name):
    net = MLP(3, [(4, "tanh", True), (1, "linear", True)])
    data = net.on(X, RNG.standard_normal(len(X)))
    barrier, merge = NormBarrier(net.size, maximum=0.01), Merge(net, 0, (1, 3), 0.7)
    directions = RNG.standard_normal((2, net.size))
    objective = {
        "barrier": barrier,
        "merge": merge,
        "sum": Sum(data, barrier, merge),
        "subspace": Subspace(data, net.init(seed=0), directions),
    }[name]
    p, h = 0.5 * RNG.standard_normal(objective.size), 1e-5
    loss, slope, H = objective.derivatives(p)
    steps = h * np.eye(objective.size)
    assert loss == pytest.approx(objective.loss(p))
    assert loss > 0
    near = [(objective.loss(p + d) - objective.loss(p - d)) / (2 * h) for d in steps]
    assert np.abs(slope - near).max() < 1e-8
    near = [(objective.gradient(p + d) - objective.gradient(p - d)) / (2 * h) for d in steps]
    assert np.abs(H - near).max() < 1e-8
    v = RNG.standard_normal(objective.size)
    assert objective.hvp(p, v) == pytest.approx(H @ v)


def test_merge_is_half_the_squared_distance():
    net = MLP(2, [(3, "tanh", True), (1, "linear", False)])
    p = net.init(seed=0)
    W, b = net.unpack(p)[0]
    distance = ((W[0] - W[2]) ** 2).sum() + (b[0] - b[2]) ** 2
    assert Merge(net, 0, (0, 2), 3.0).loss(p) == pytest.approx(1.5 * distance)


ONE = MLP(2, [(3, "tanh", True), (1, "linear", True)])
CLASSES = MLP(2, [(3, "tanh", True), (3, "softmax", True)])
P = ONE.init(seed=0)
DATA = ONE.on([[0.0, 0.0]], [0.0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MLP(0, [(1, "linear", True)]), "`inputs` must be an integer >= 1"),
        (lambda: MLP(2, []), "`layers` must be a list"),
        (lambda: MLP(2, [(3, "tanh")]), r"`layers\[0\]` must be \(units, activation, bias\)"),
        (lambda: MLP(2, [(3, "tan", True)]), r"`layers\[0\]\[1\]` must be one of"),
        (lambda: MLP(2, [(3, ["tanh"], True)]), "a sequence of 3"),
        (lambda: MLP(2, [(3, "tanh", 1)]), r"`layers\[0\]\[2\]` must be True"),
        (lambda: MLP(2, [(3, "softmax", True), (1, "linear", True)]), "last layer only"),
        (lambda: MLP(2, [(3, "softmax", True)], loss="mse"), "`loss` must"),
        (lambda: MLP(2, [(3, "tanh", True)], loss="nll"), "`layers` must end"),
        (lambda: MLP(2, [(3, "softmax", True)], half=True), "`half` must be False"),
        (lambda: ONE.loss(P[:-1], [[0.0, 0.0]], [0.0]), r"`p` must have shape \(13,\)"),
        (lambda: ONE.loss(P, [[0.0]], [0.0]), r"`x` must have shape \(N, 2\)"),
        (lambda: ONE.loss(P, [[0.0, np.nan]], [0.0]), "`x` must be finite"),
        (lambda: ONE.loss(P, [[0.0, 0.0]], [0.0, 1.0]), r"`y` must have shape \(1,\)"),
        (lambda: ONE.loss(P, [[0.0, 0.0]], [0.0], weights=[-1.0]), "`weights` must be >= 0"),
        (lambda: ONE.pack([(np.ones((3, 2)), None)]), "one .* for each of 2 layers"),
        (lambda: ONE.pack([(np.ones((2, 2)), None), (np.ones((1, 3)), None)]), r"`layers\[0\]\[0\]` must have shape"),
        (lambda: CLASSES.loss(CLASSES.init(), [[0.0, 0.0]], [3]), "`y` must be labels 0, 1, ..., 2, but contains 3"),
        (lambda: CLASSES.loss(CLASSES.init(), [[0.0, 0.0]], [[0.5, 0.5, 0.5]]), "sum to 1"),
        (lambda: Merge(ONE, 2, (0, 1), 1.0), "`layer` must"),
        (lambda: Merge(ONE, 0, (0, 3), 1.0), "`pair` must"),
        (lambda: NormBarrier(3, -1.0), "`maximum` must"),
        (lambda: Sum(ONE.on([[0.0, 0.0]], [0.0]), NormBarrier(3, 1.0)), "`parts` must"),
        (lambda: tl.landscape.minimise(ONE, P), "`objective` must be an objective"),
        (lambda: ONE.init(scale=np.nan), "`scale` must be a finite number"),
        (lambda: tl.landscape.descend(DATA, P[1:], 10, lr=0.1), r"`p0` must have shape \(13,\)"),
        (lambda: tl.landscape.descend(DATA, P, 10, lr=0.1, max_seconds=-1), "`max_seconds` must be"),
        (lambda: tl.landscape.flow(DATA, P, 1.0, max_seconds=np.nan), "`max_seconds` must be"),
        (
            lambda: tl.landscape.descend(ONE.on([[0.0, 0.0]], [0.0]), P, 10, lr=0.1, keep=[5, 20]),
            "`keep` must be steps up to .* 10",
        ),
        (lambda: tl.landscape.generic_rank("relu", 3, 3), "`g` must be a polynomial or one of erf, .*`numerical_rank`"),
    ],
)
def test_bad_input_is_refused_by_name(call, words):
    with pytest.raises(tl.ArgumentError, match=words):
        call()
