"""Goldt, Advani, Saxe, Krzakala & Zdeborova, Dynamics of stochastic gradient descent for two-layer neural networks in
the teacher-student setup, NeurIPS 2019 (arXiv:1906.08632).

A student learns one-pass from a teacher with fewer units. With the first layer trained, surplus units make it worse;
with both layers trained they do no harm (linear, ReLU) or help (erf): what over-parameterisation does depends on how
the algorithm, the architecture and the data meet.

Each figure is a function from parameters to data and picture. The parameters are chosen to show the claims, not read
off the captions, and figures are numbered as remembered: claims are reproduced here, not pixels.
"""

from __future__ import annotations

from tutelage.papers import Figure
from tutelage.papers.goldt2019.beyond import finite_training_set, image_inputs, mini_batch
from tutelage.papers.goldt2019.both_layers import (
    both_layers,
    both_layers_learning_curves,
    both_layers_overlaps,
    denoising,
)
from tutelage.papers.goldt2019.first_layer import learning_curves, surplus_overlaps, surplus_units
from tutelage.papers.goldt2019.unbounded import linear, relu

__all__ = [
    "FIGURES",
    "both_layers",
    "both_layers_learning_curves",
    "both_layers_overlaps",
    "denoising",
    "finite_training_set",
    "image_inputs",
    "learning_curves",
    "linear",
    "mini_batch",
    "relu",
    "surplus_overlaps",
    "surplus_units",
]

PAPER = "Goldt et al., NeurIPS 2019"

FIGURES = (
    Figure(
        "goldt2019/learning-curves",
        "Learning curves, erf, first layer",
        "SGD at N = 784 follows the equations for infinite N with fewer, as many and more units than the teacher; "
        "too few units do not learn the task, and surplus units end worse than none.",
        f"{PAPER}, Fig. 1",
        learning_curves,
        {"students": (2, 4), "alpha_max": 300.0, "points": 30},
    ),
    Figure(
        "goldt2019/surplus-units",
        "Final error against surplus units, erf, first layer",
        "With the first layer trained, the final error grows with every surplus unit, as the closed form says.",
        f"{PAPER}, Fig. 2",
        surplus_units,
        {"surplus": (0, 1, 2, 3), "rates": (0.2,)},
    ),
    Figure(
        "goldt2019/surplus-overlaps",
        "Final overlaps of a student with surplus units, erf, first layer",
        "One unit specialises on each teacher unit, and surplus units sit idle, with weights next to nothing.",
        f"{PAPER}, Fig. 2",
        surplus_overlaps,
        {"alpha_max": 1e4},
    ),
    Figure(
        "goldt2019/both-layers-learning-curves",
        "Learning curves, erf, both layers",
        "SGD follows the equations with both layers trained as well, and students with more units end better.",
        f"{PAPER}, Fig. 3",
        both_layers_learning_curves,
        {"students": (2, 4), "alpha_sgd": 300.0, "points": 30},
    ),
    Figure(
        "goldt2019/both-layers",
        "Final error against the number of units, erf, both layers",
        "With both layers trained, the final error of an erf student falls as it has more units.",
        f"{PAPER}, Fig. 3",
        both_layers,
        {"students": (2, 4), "starts": 3},
    ),
    Figure(
        "goldt2019/both-layers-overlaps",
        "Final overlaps of a student with surplus units, erf, both layers",
        "No unit is idle: several align with the same teacher unit and share its readout, which averages the noise.",
        f"{PAPER}, Fig. 3",
        both_layers_overlaps,
        {"alpha_max": 3e4},
    ),
    Figure(
        "goldt2019/denoising",
        "Final error of averaging students, erf, both layers",
        "Students with K/M units on each teacher unit end on the closed form, an error that falls as 1/K.",
        f"{PAPER}, Fig. 3",
        denoising,
        {"copies": (1, 2, 4)},
    ),
    Figure(
        "goldt2019/linear",
        "Final error against the number of units, linear",
        "The final error of a linear student grows with its units if the first layer is trained, and stays constant if "
        "both are.",
        f"{PAPER}, Fig. 4",
        linear,
        {"students": (4, 8), "alpha_max": 2000.0, "replicas": 2},
    ),
    Figure(
        "goldt2019/relu",
        "Final error against the number of units, ReLU",
        "The final error of a ReLU student grows with its units if the first layer is trained, and stays nearly "
        "constant if both are.",
        f"{PAPER}, Fig. 5",
        relu,
        {"students": (4, 6), "alpha_max": 2e4, "replicas": 2},
    ),
    Figure(
        "goldt2019/mini-batch",
        "Mini-batches, erf, first layer",
        "The final error grows with every surplus unit for mini-batches of any size B, at the rate lr/B.",
        f"{PAPER}, supplement",
        mini_batch,
        {"surplus": (0, 2), "batches": (1, 4), "alpha_max": 100.0, "alpha_curve": 100.0, "replicas": 2},
    ),
    Figure(
        "goldt2019/finite-training-set",
        "Finite training sets, erf, first layer",
        "With a finite set of inputs visited again and again, the final error on fresh inputs still grows with surplus "
        "units: a little if the set is large, by orders of magnitude if it is small.",
        f"{PAPER}, supplement",
        finite_training_set,
        {"surplus": (0, 2), "samples": (8, 64), "alpha_max": 3000.0, "replicas": 2},
    ),
    Figure(
        "goldt2019/image-inputs",
        "MNIST images labelled by a teacher network, erf, first layer",
        "On real images, too, the final error on held-out images grows with every surplus unit.",
        f"{PAPER}, supplement",
        image_inputs,
        {"surplus": (0, 2), "rates": (0.2,), "alpha_max": 100.0, "alpha_curve": 100.0, "replicas": 2},
    ),
)
