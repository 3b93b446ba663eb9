"""Population losses against the loss on a quadrature rule as data, Monte Carlo, finite differences and limits."""

import itertools

import numpy as np
import pytest

from tutelage.landscape import MLP, PopulationLoss

SMOOTH = ("erf", "normal_cdf", "tanh", "sigmoid", "softplus", "silu", "gelu", "g")
SHARP = ("relu", "leaky_relu(0.1)")
POLYNOMIALS = ("linear", "square", "hermite-3", "polynomial(0.5, 1, -0.3, 0.2, 0.1)")
ALL = (*SMOOTH, *SHARP, *POLYNOMIALS)
REACH = 9.5


def network(activation, units=1, inputs=2, bias=True, half=False):
    return MLP(inputs, [(units, activation, bias), (1, "linear", bias)], half=half)


def rows(net, p):
    """Weights (units, inputs) and biases (units,) of the hidden layer."""
    W, b = net.unpack(p)[0]
    return W, np.zeros(len(W)) if b is None else b


def line(kinks, steepness):
    """Gauss-Legendre panels on [-REACH, REACH] for each row of `kinks`, ever finer towards these; (N, rows) each."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    finest = int(np.ceil(np.log2(max(steepness, 1.0)))) + 2
    offsets = np.concatenate([[0.0], *([-(0.7**-j), 0.7**-j] for j in range(-2 * finest, 9))])
    edges = (np.asarray(kinks, float)[..., None] + offsets).reshape(*np.shape(kinks)[:-1], -1)
    fixed = np.broadcast_to(np.linspace(-REACH, REACH, 20), (*edges.shape[:-1], 20))
    edges = np.sort(np.concatenate([edges.clip(-REACH, REACH), fixed], -1), -1)
    half, middle = np.diff(edges) / 2, (edges[..., 1:] + edges[..., :-1]) / 2
    x = (middle[..., None] + half[..., None] * nodes).reshape(*edges.shape[:-1], -1)
    w = (half[..., None] * weights).reshape(x.shape)
    return x, w * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def plane(w, b, w_, b_):
    """Points (N, 2) and weights (N,) for functions of x ~ N(0, 1) in the plane that bend where w.x + b = 0, w_.x + b_ = 0."""
    length = np.linalg.norm(w)
    e = w / length
    along, across = w_ @ e, w_ @ np.array([-e[1], e[0]])
    kinks = [-b / length, *([-b_ / along] if abs(along) > 1e-3 else [])]
    x, one = line([kinks], max(length, abs(along / across) if across else 1.0, abs(along)))
    x, one = x[0][one[0] > 1e-25], one[0][one[0] > 1e-25]
    inner = -(b_ + along * x) / (across if across else np.inf)
    y, two = line(inner[:, None], abs(across))
    weight = (one[:, None] * two).ravel()
    points = np.stack([np.repeat(x, y.shape[1]), y.ravel()], 1)
    keep = weight > 1e-25
    return points[keep] @ np.stack([e, [-e[1], e[0]]]), weight[keep]


def on_plane(teacher, q, student, p):
    """The student's loss on the quadrature rule, an objective."""
    (w,), (b,) = rows(student, p)
    (w_,), (b_,) = rows(teacher, q)
    x, weight = plane(w, b, w_, b_)
    return student.on(x, teacher(q, x), weight)


def scales(student, p, teacher, q):
    """The size of loss, gradient and Hessian if nothing cancels: those of the student and the teacher each alone."""
    nothing = student.at(0 * p)
    found = [np.abs(x).max() for x in PopulationLoss(nothing, student).derivatives(p)]
    other = [np.abs(x).max() for x in PopulationLoss(teacher.at(0 * q), teacher).derivatives(q)]
    return [max(a, b, 1e-3) for a, b in zip(found, other, strict=True)]


def draw(net, seed, norm, bias):
    """Parameters with hidden weights of this norm, and kinks within a few standard deviations."""
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((net.stack[0].units, net.inputs))
    W *= norm / np.linalg.norm(W, axis=1)[:, None]
    b = bias * max(norm, 1.0) * rng.standard_normal(len(W)) if net.stack[0].bias else None
    c = rng.standard_normal(1) if net.stack[1].bias else None
    return net.pack([(W, b), (rng.standard_normal((1, len(W))), c)])


def agree(student, p, teacher, q, tolerance, hessian=True):
    loss, reference = PopulationLoss(teacher.at(q), student), on_plane(teacher, q, student, p)
    found, expected = loss.derivatives(p), reference.derivatives(p)
    size = scales(student, p, teacher, q)
    for order in range(3 if hessian else 2):
        assert np.abs(found[order] - expected[order]).max() < tolerance * size[order], order
    return found[2], reference


def differences(objective, p, v, step):
    """The derivative of objective(p) along v, to fourth order."""
    near, far = (objective(p + h * v) - objective(p - h * v) for h in (step, 2 * step))
    return (8 * near - far) / (12 * step)


@pytest.mark.parametrize(("norm", "bias"), [(0.1, 1.0), (10.0, 0.5)])
@pytest.mark.parametrize("activation", SMOOTH)
def test_smooth_units_on_a_quadrature_rule(activation, norm, bias):
    net = network(activation)
    agree(net, draw(net, 1, norm, bias), net, draw(net, 2, norm, bias), 2e-13)


@pytest.mark.slow
@pytest.mark.parametrize("norm", [0.01, 0.3, 1.0, 3.0, 30.0, 100.0])
@pytest.mark.parametrize("bias", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("activation", SMOOTH)
def test_smooth_units_of_any_length(activation, norm, bias):
    net = network(activation, bias=bias > 0)
    for seed in range(2):
        agree(net, draw(net, seed, norm, bias), net, draw(net, seed + 50, norm, bias), 3e-13)


@pytest.mark.parametrize(("norm", "bias"), [(0.1, 0.0), (1.0, 1.0), (100.0, 0.5)])
@pytest.mark.parametrize("activation", SHARP)
def test_sharp_units_on_a_quadrature_rule(activation, norm, bias):
    net = network(activation, bias=bias > 0)
    p, q = draw(net, 3, norm, bias), draw(net, 4, norm, bias)
    H, _ = agree(net, p, net, q, 2e-13, hessian=False)
    v = np.random.default_rng(0).standard_normal(net.size) * norm
    slope = differences(lambda p: on_plane(net, q, net, p).gradient(p), p, v, 1e-3)
    assert np.abs(slope - H @ v).max() < 1e-8 * norm * scales(net, p, net, q)[2]


def mixed(student, teacher, seed=0):
    nets = network(student), network(teacher)
    p, q = (draw(net, seed + i, 0.7, 1.0) for i, net in enumerate(nets))
    smooth = student not in SHARP
    agree(nets[0], p, nets[1], q, 2e-12 if {student, teacher} & set(POLYNOMIALS) else 2e-13, hessian=smooth)


@pytest.mark.parametrize("shift", [1, 5])
@pytest.mark.parametrize("index", range(len(ALL)))
def test_student_and_teacher_of_different_kinds(index, shift):
    mixed(ALL[index], ALL[(index + shift) % len(ALL)])


@pytest.mark.slow
@pytest.mark.parametrize("pair", list(itertools.product(ALL, (*ALL, "step", "sign"))))
def test_every_pair_of_kinds(pair):
    mixed(*pair, seed=7)


@pytest.mark.parametrize("angle", [1e-2, 1e-5, 1e-9])
@pytest.mark.parametrize(("activation", "norm"), [("relu", 1.0), ("relu", 100.0), ("tanh", 30.0), ("silu", 3.0)])
@pytest.mark.parametrize("sign", [1, -1])
def test_nearly_parallel_weights(activation, norm, angle, sign):
    net = network(activation)
    w, other = norm * np.array([0.6, 0.8]), 1.7 * norm * np.array([0.6, 0.8]) + norm * angle * np.array([0.8, -0.6])
    p = net.pack([(w[None], [0.3 * norm]), ([[1.0]], [0.2])])
    q = net.pack([(sign * other[None], [0.4 * norm]), ([[0.8]], [0.1])])
    agree(net, p, net, q, 3e-13, hessian=activation not in SHARP)
