"""What a population loss refuses."""

import numpy as np
import pytest

from tutelage.activations import Activation
from tutelage.landscape import MLP, PopulationLoss


def network(activation, inputs=2):
    return MLP(inputs, [(1, activation, True), (1, "linear", True)])


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([(3, "erf", True), (2, "erf", True), (1, "linear", True)], "must have one hidden layer, but has 2"),
        ([(1, "linear", True)], "must have one hidden layer, but has 0"),
        ([(3, "erf", True), (2, "linear", True)], "must have one output, but has 2"),
        ([(3, "erf", True), (1, "erf", True)], 'must have a "linear" output'),
        ([(3, "step", True), (1, "linear", True)], "`student` must have activations with a closed form .*'step'"),
    ],
)
def test_refused_students(layers, message):
    teacher = network("erf")
    with pytest.raises(ValueError, match=message):
        PopulationLoss(teacher.at(teacher.init()), MLP(2, layers))


def test_other_refusals():
    net = network("erf")
    with pytest.raises(ValueError, match="`student` must have the teacher's 2 inputs, but has 3"):
        PopulationLoss(net.at(net.init()), network("erf", inputs=3))
    with pytest.raises(ValueError, match=r"`teacher` must be net.at\(p\)"):
        PopulationLoss(net, net)
    with pytest.raises(ValueError, match="`p` must have shape"):
        PopulationLoss(net.at(net.init()), net).loss([1.0])
    sine = network(Activation(np.sin, np.cos, "sine"))
    with pytest.raises(ValueError, match=r"`teacher` must have activations with a closed form .*'sine'"):
        PopulationLoss(sine.at(sine.init()), net)
