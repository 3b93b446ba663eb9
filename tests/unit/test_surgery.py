"""Permuting, splitting, growing and shrinking networks: the function stays, and the order is the one asked for."""

from __future__ import annotations

import numpy as np
import pytest

from tutelage.errors import ArgumentError
from tutelage.landscape import MLP, PopulationLoss, align, grow, minimise, shrink, split

RNG = np.random.default_rng(0)
INPUTS = RNG.standard_normal((50, 3))


def deep(*units, activation="tanh", bias=True):
    return MLP(3, [*((n, activation, bias) for n in units), (2, "linear", True)])


def scrambled(net, p, rng, turn=True):
    """Return the parameters of the same function with the units of all hidden layers permuted and turned around."""
    layers = net.unpack(p)
    for index in range(len(layers) - 1):
        (W, b), (V, c) = layers[index], layers[index + 1]
        order = rng.permutation(len(W))
        signs = rng.choice([-1.0, 1.0], len(W)) if turn else np.ones(len(W))
        layers[index] = (signs[:, None] * W[order], None if b is None else signs * b[order])
        layers[index + 1] = (V[:, order] * signs, c)
    return net.pack(layers)


@pytest.mark.parametrize("seed", range(5))
def test_a_scrambled_network_is_put_in_order(seed):
    rng = np.random.default_rng(seed)
    net = deep(5, 4)
    p = rng.standard_normal(net.size)
    other = scrambled(net, p, rng)
    assert np.abs(net(other, INPUTS) - net(p, INPUTS)).max() < 1e-13
    assert np.abs(other - p).max() > 0.1
    assert np.abs(align(net, other, net.at(p)) - p).max() == 0


def test_units_that_are_neither_odd_nor_even_are_not_turned():
    net = deep(5, activation="softplus")
    p = RNG.standard_normal(net.size)
    other = scrambled(net, p, RNG, turn=False)
    assert np.array_equal(align(net, other, net.at(p)), p)
    assert np.abs(net(align(net, -p, net.at(p)), INPUTS) - net(-p, INPUTS)).max() < 1e-13


def test_even_units_turn_by_their_incoming_weights_alone():
    net = deep(3, activation="square", bias=False)
    p = RNG.standard_normal(net.size)
    (W, _), rest = net.unpack(p)[0], net.unpack(p)[1:]
    turned = net.pack([(W * [[1], [-1], [-1]], None), *rest])
    assert np.array_equal(align(net, turned, net.at(p)), p)


def test_a_wider_student_shows_its_teacher_first():
    narrow, wide = deep(2, 2), deep(5, 4)
    teacher = narrow.at(RNG.standard_normal(narrow.size))
    net, p = narrow, teacher.p
    for layer, more in ((0, 3), (1, 2)):
        net, p = grow(net, p, layer, more, seed=layer)
    assert net.describe() == wide.describe()
    assert np.abs(net(p, INPUTS) - teacher(INPUTS)).max() < 1e-13
    found = align(wide, scrambled(wide, p, RNG), teacher)
    (W, b), (V, c), (U, d) = wide.unpack(found)
    (W_, b_), (V_, c_), (U_, d_) = narrow.unpack(teacher.p)
    for ours, theirs in ((W[:2], W_), (b[:2], b_), (V[:2, :2], V_), (c[:2], c_), (U[:, :2], U_), (d, d_)):
        assert np.array_equal(ours, theirs)


def test_units_of_several_kinds_keep_to_their_places():
    net = MLP(3, [(4, ["tanh", "softplus", "tanh", "softplus"], True), (1, "linear", True)])
    p = RNG.standard_normal(net.size)
    (W, b), (V, c) = net.unpack(p)
    order = [2, 3, 0, 1]
    other = net.pack([(W[order], b[order]), (V[:, order], c)])
    assert np.array_equal(align(net, other, net.at(p)), p)


@pytest.mark.parametrize("layer", [0, 1])
def test_split_and_shrink_are_inverse(layer):
    net = deep(3, 2)
    p = RNG.standard_normal(net.size)
    bigger, q = split(net, p, layer, 1, share=0.3)
    assert np.abs(bigger(q, INPUTS) - net(p, INPUTS)).max() < 1e-13
    smaller, back = shrink(bigger, q, layer, 2, into=1)
    assert smaller.describe() == net.describe()
    assert np.abs(back - p).max() < 1e-15
    lost = shrink(bigger, q, layer, 2)[1]
    assert np.abs(smaller(lost, INPUTS) - net(p, INPUTS)).max() > 1e-3


def test_a_split_minimum_is_a_critical_point_and_escape_leaves_it():
    """Fukumizu and Amari (2000): the gradient vanishes on the whole line of splits, which is not a minimum."""
    teacher_net = MLP(3, [(3, "erf", False), (1, "linear", False)])
    teacher = teacher_net.at(teacher_net.pack([(2 * np.eye(3), None), ([[1.0, -0.5, 0.8]], None)]))
    small = MLP(3, [(2, "erf", False), (1, "linear", False)])
    stuck = minimise(PopulationLoss(teacher, small), small.init(seed=1))
    assert stuck.loss > 1e-3
    net, p = split(small, stuck.p, 0, 0)
    objective = PopulationLoss(teacher, net)
    assert np.abs(objective.gradient(p)).max() < 1e-12
    there = minimise(objective, p, flow_time=0, gtol=1e-12)
    left = minimise(objective, p, flow_time=0, gtol=1e-13, escape=True)
    assert there.kind == "saddle"
    assert there.negative == 1
    assert abs(there.loss - stuck.loss) < 1e-12
    assert left.kind == "minimum"
    assert left.loss < 0.9 * stuck.loss


@pytest.mark.parametrize(
    ("act", "named"),
    [
        (lambda net, p: split(net, p, 1, 0), "layer"),
        (lambda net, p: split(net, p, 0, 3), "unit"),
        (lambda net, p: split(net, p, 0, 0, share=np.nan), "share"),
        (lambda net, p: shrink(net, p, 0, 0, into=0), "into"),
        (lambda net, p: shrink(*shrink(*shrink(net, p, 0, 0), 0, 0), 0, 0), "unit"),
        (lambda net, p: grow(net, p, 0, 0), "units"),
        (lambda net, p: grow(net, p[1:], 0), "p"),
        (lambda net, p: align(net, p, p), "reference"),
        (lambda net, p: align(net, p, deep(4).at(np.zeros(deep(4).size))), "reference"),
        (lambda net, p: align(net, p, deep(2, 2).at(np.zeros(deep(2, 2).size))), "reference"),
    ],
)
def test_what_cannot_be_is_refused_by_name(act, named):
    net = deep(3)
    with pytest.raises(ArgumentError, match=f"`{named}`"):
        act(net, net.init(seed=0))
