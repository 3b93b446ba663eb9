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
    nodes, weights = np.polynomial.legendre.leggauss(12)
    finest = int(np.ceil(np.log2(max(steepness, 1.0)))) + 2
    offsets = np.concatenate([[0.0], *([-(0.5**j), 0.5**j] for j in range(-3, finest + 1))])
    edges = (np.asarray(kinks, float)[..., None] + offsets).reshape(*np.shape(kinks)[:-1], -1)
    fixed = np.broadcast_to(np.linspace(-REACH, REACH, 20), (*edges.shape[:-1], 20))
    edges = np.sort(np.concatenate([edges.clip(-REACH, REACH), fixed], -1), -1)
    half, middle = np.diff(edges) / 2, (edges[..., 1:] + edges[..., :-1]) / 2
    x = (middle[..., None] + half[..., None] * nodes).reshape(*edges.shape[:-1], -1)
    w = (half[..., None] * weights).reshape(x.shape)
    return x, w * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def plane(w, b, w_, b_):
    """Points (N, 2) and weights for functions of x ~ N(0, 1) that bend where w.x + b = 0 and where w_.x + b_ = 0."""
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
    if teacher.stack[0].groups[0][0].jumps and not teacher.stack[0].groups[0][0].df(1.0):  # a step, no student
        return found
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


MIXTURES = [
    (["erf", "softplus", "hermite-3"], ["silu", "relu", "gelu", "tanh"], True),
    (["relu", "leaky_relu(0.2)", "sigmoid"], ["square", "step", "g"], True),
    (["g", "linear", "gelu"], ["normal_cdf", "sign"], False),
]


def many(student, teacher, bias, half, seed=0):
    """Networks of several units of several kinds on five inputs, and their parameters."""
    nets = [MLP(5, [(len(units), units, bias), (1, "linear", bias)], half=half) for units in (student, teacher)]
    rng = np.random.default_rng(seed)
    return [(net, net.init(seed) + 0.4 * rng.standard_normal(net.size)) for net in nets]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(("student", "teacher", "bias"), MIXTURES)
def test_networks_of_many_kinds_on_samples(student, teacher, bias, half):
    (net, p), (other, q) = many(student, teacher, bias, half)
    population, x = PopulationLoss(other.at(q), net), np.random.default_rng(1).standard_normal((20, 10_000, 5))
    found = [population.loss(p), *population.gradient(p)]
    samples = [net.on(some, other(q, some)) for some in x]
    each = np.array([[data.loss(p), *data.gradient(p)] for data in samples])
    z = (each.mean(0) - found) / (each.std(0, ddof=1) / np.sqrt(20))
    assert np.abs(z).max() < 3.5
    assert np.abs(z).mean() > 0.3
    curved = np.array([data.gauss_newton(p) for data in samples])
    spread = curved.std(0, ddof=1) / np.sqrt(20)
    z = (curved.mean(0) - population.gauss_newton(p)) / np.where(spread > 0, spread, 1.0)
    assert np.abs(z).max() < 5.5  # of some hundreds
    assert 0.6 < np.sqrt((z**2).mean()) < 1.5


@pytest.mark.parametrize(("student", "teacher", "bias"), MIXTURES)
def test_networks_of_many_kinds_by_differences(student, teacher, bias):
    (net, p), (other, q) = many(student, teacher, bias, half=True, seed=3)
    population = PopulationLoss((other, q), net)
    loss, slope, H = population.derivatives(p)
    v = np.random.default_rng(2).standard_normal(net.size)
    assert abs(differences(population.loss, p, v, 1e-3) - slope @ v) < 1e-9 * np.abs(slope).sum()
    assert np.abs(differences(population.gradient, p, v, 1e-3) - H @ v).max() < 1e-9 * np.abs(H).sum(1).max()
    assert np.array_equal(H, H.T)
    assert np.array_equal(population.hvp(p, v), H @ v)
    one, two = population.loss_and_gradient(p)
    assert one == population.loss(p) == pytest.approx(loss, rel=1e-14)
    assert np.array_equal(two, population.gradient(p))
    assert np.allclose(two, slope, rtol=1e-14, atol=1e-14)


def special(activation, bias):
    """A student with units parallel and opposite to the teacher's, equal to each other, and zero; and the teacher."""
    net, other = (MLP(3, [(units, activation, bias), (1, "linear", bias)]) for units in (5, 2))
    W_star = np.array([[1.0, 2.0, -0.5], [0.3, -1.0, 1.0]])
    W = np.stack([2 * W_star[0], -3 * W_star[1], W_star[1], W_star[1], 0 * W_star[0]])
    b_star, b = (np.array([0.5, -0.4]), np.array([1.0, 0.2, -0.4, -0.4, 0.7])) if bias else (None, None)
    c = np.array([0.3]) if bias else None
    q = other.pack([(W_star, b_star), ([[1.0, -0.7]], c)])
    return net, net.pack([(W, b), ([[0.5, 1.0, -0.8, 0.3, 0.6]], c)]), other, q


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ALL)
def test_special_weights_are_the_limit_of_others(activation, bias):
    net, p, other, q = special(activation, bias)
    population = PopulationLoss(other.at(q), net)
    v = np.random.default_rng(1).standard_normal(net.size)
    if activation in SHARP and not bias:  # a unit that vanishes has no derivative
        net.matrices(v)[0][4] = 0.0
    found = population.derivatives(p)
    for distance in (1e-6, 1e-9):
        near = population.derivatives(p + distance * v)
        for one, two in zip(found, near, strict=True):
            assert np.isfinite(one).all()
            assert np.abs(one - two).max() < 100 * distance * np.abs(found[2]).max()


@pytest.mark.parametrize("activation", SHARP)
def test_a_vanishing_sharp_unit_counts_as_the_mean_of_its_limits(activation):
    net, p, other, q = special(activation, bias=False)
    population = PopulationLoss(other.at(q), net)
    slopes = []
    for sign in (1, -1):
        near = p.copy()
        net.matrices(near)[0][4] = sign * 1e-8 * np.array([0.3, 0.2, -0.7])
        slopes.append(net.matrices(population.gradient(near))[0][4])
    assert np.abs(slopes[0] - slopes[1]).max() > 0.1
    assert np.abs(net.matrices(population.gradient(p))[0][4] - np.mean(slopes, 0)).max() < 1e-7
    bent = population.hessian(p) - population.gauss_newton(p)
    assert not bent[12:15, 12:15].any()  # a field without kink or variance: what bends in it is seen nowhere


@pytest.mark.parametrize("length", [1e-300, 1e-160, 1e-30, 1e15, 1e40])
@pytest.mark.parametrize("activation", [*SMOOTH, *SHARP])
def test_extreme_lengths_are_finite(activation, length):
    net = network(activation)
    p, q = draw(net, 1, 1.0, 1.0), draw(net, 2, 1.0, 1.0)
    net.matrices(p)[0][:] *= length
    for order in PopulationLoss(net.at(q), net).derivatives(p):
        assert np.isfinite(order).all()


@pytest.mark.parametrize("activation", [*SMOOTH, "relu", "hermite-3"])
def test_small_losses_keep_their_digits(activation):
    """The quadrature rule sees differences of outputs of 3e-6, with ten digits."""
    net = network(activation)
    q = draw(net, 5, 1.0, 1.0)
    p = q + 3e-6 * np.random.default_rng(1).standard_normal(net.size)
    found, expected = (
        objective.loss_and_gradient(p) for objective in (PopulationLoss(net.at(q), net), on_plane(net, q, net, p))
    )
    assert found[0] < 1e-8
    assert found[0] == pytest.approx(expected[0], rel=5e-9, abs=0.0)
    assert np.abs(found[1] - expected[1]).max() < 5e-9 * np.abs(expected[1]).max()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus", "square"])
def test_perfect_learning_is_reached_to_the_last_digit(activation, bias):
    """A student of more units than the teacher, permuted, one split in two; tanh also with signs."""
    net, other = (MLP(4, [(units, activation, bias), (1, "linear", bias)]) for units in (4, 3))
    rng = np.random.default_rng(0)
    q = other.init(1) + 0.3 * rng.standard_normal(other.size)
    theta, (v,) = (x.copy() for x in (other.matrices(q)[0], other.matrices(q)[1][:, :3]))
    sign = -1.0 if activation == "tanh" else 1.0
    rows = np.stack([theta[2], sign * theta[0], theta[1], theta[2]])
    readout = np.array([0.25 * v[2], sign * v[0], v[1], 0.75 * v[2]])
    p = np.concatenate([rows.ravel(), readout, other.matrices(q)[1][0, 3:]])
    population = PopulationLoss(other.at(q), net)
    loss, slope, H = population.derivatives(p)
    assert loss < 1e-30
    assert np.abs(slope).max() < 1e-15
    for distance in (1e-6, 1e-11):
        moved = p + distance * rng.standard_normal(net.size)
        v = moved - p
        near, slope = population.loss_and_gradient(moved)
        assert near == pytest.approx(v @ H @ v / 2, rel=1e3 * distance + 1e-4, abs=0.0)
        assert np.abs(slope - H @ v).max() < (1e3 * distance + 1e-4) * np.abs(slope).max()


def test_a_known_value():
    """E (relu(x_1) - v relu(-x_1 / 2))^2, half lines that do not overlap."""
    teacher = MLP(2, [(1, "relu", False), (1, "linear", False)])
    population = PopulationLoss(teacher.at([1.0, 0.0, 1.0]), teacher)
    assert population.loss([-0.5, 0.0, 3.0]) == pytest.approx(0.5 + 9 / 8, rel=1e-15)
