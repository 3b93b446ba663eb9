"""What the experiments of this paper share: problems, trajectories as datasets, colours of methods."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tutelage.landscape import MLP, DataLoss, Teacher
from tutelage.papers.common import labelled

__all__ = ["LABELS", "Problem", "dataset", "problem", "sized"]

CONVENTION = "loss: mean over samples of the squared error; inputs N(0, 1); weights N(0, 2/(inputs + units)), biases 0"
dataset = partial(labelled, CONVENTION)
LABELS = {
    "adam": "Adam",
    "gd": "gradient descent",
    "bfgs": "BFGS",
    "lbfgs": "L-BFGS",
    "lm": "Levenberg-Marquardt",
    "newton": "Newton",
    "auto": "flow, then Newton and LM in turn",
}


class Problem(NamedTuple):
    """A student, what it is to learn, and from where."""

    net: MLP
    objective: DataLoss
    start: np.ndarray
    teacher: Teacher


def sized(inputs: int, units: int, activation: Any = "softplus", bias: bool = True) -> MLP:
    """Return a network of one hidden layer and one output."""
    return MLP(inputs, [(units, activation, bias), (1, "linear", bias)])


def problem(
    inputs: int,
    teacher: int,
    student: int,
    seed: int,
    *,
    samples: int,
    activation: Any = "softplus",
    bias: bool = True,
) -> Problem:
    """Return a student of some units that learns from a teacher of others; teacher, inputs and start by one seed."""
    net, taught = sized(inputs, student, activation, bias), sized(inputs, teacher, activation, bias)
    function = taught.at(taught.init(seed=1000 + seed))
    x = np.random.default_rng(seed).standard_normal((samples, inputs))
    return Problem(net, net.on(x, function(x)), net.init(seed=seed), function)
