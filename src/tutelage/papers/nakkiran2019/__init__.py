"""Nakkiran, Kaplun, Kalimeris, Yang, Edelman, Zhang & Barak, SGD on Neural Networks Learns Functions of Increasing
Complexity, NeurIPS 2019 (arXiv:1905.11604).

What a network knows early in training is what a linear classifier knows, too; later it knows more, and what the linear
classifier explains of it stays. Measured as the performance correlation, on tasks that a CPU learns in a minute.

Tasks, sizes, learning rates and times are ours, and figures are not numbered: claims are reproduced, not pixels.
CIFAR-10 and residual networks are out of reach here. The paper's theorem is not reproduced: the model of memorisation
is our own, self-contained.
"""

from __future__ import annotations

from tutelage.papers import Figure
from tutelage.papers.nakkiran2019.linear import convolutional, handwritten_digits, waves
from tutelage.papers.nakkiran2019.overfitting import label_noise, memorised
from tutelage.papers.nakkiran2019.staircase import staircase

__all__ = ["FIGURES", "convolutional", "handwritten_digits", "label_noise", "memorised", "staircase", "waves"]

PAPER = "Nakkiran et al., NeurIPS 2019"

FIGURES = (
    Figure(
        "nakkiran2019/digits",
        "What a network knows of digits, and what a linear classifier explains of it",
        "Until the network knows as much as a linear classifier, that explains most of it, and later as much as it "
        "knows itself, while the network knows half as much again and more.",
        f"{PAPER}, linear classifiers and real images",
        handwritten_digits,
        {"seeds": (0, 1), "steps": 1500},
    ),
    Figure(
        "nakkiran2019/waves",
        "A boundary with waves: first the line, then the waves",
        "The network finds the linear part of the boundary, stays with it for a while, then finds the waves, and what "
        "the linear classifier explains stays.",
        f"{PAPER}, linear classifiers and synthetic data",
        waves,
        {"seeds": (0,), "samples": 4000, "hidden": (64, 64), "steps": 3000},
    ),
    Figure(
        "nakkiran2019/staircase",
        "Nested networks, and what each explains",
        "What each of the nested classes explains follows what the network knows until that is what the class knows, "
        "and then levels off, one class after the other.",
        f"{PAPER}, networks of increasing depth",
        staircase,
        {"seeds": (0,), "restarts": 2, "samples": 5000, "hidden": (64, 64), "steps": 4000},
    ),
    Figure(
        "nakkiran2019/label-noise",
        "Labels turned over at random, learned by heart",
        "As the turned labels are learned by heart the network comes to know less of the true ones, what the linear "
        "classifier explains included, but it keeps most of what that gets right.",
        f"{PAPER}, overfitting",
        label_noise,
        {"seeds": (0,), "hidden": (128, 128), "steps": 2500},
    ),
    Figure(
        "nakkiran2019/memorisation",
        "Three scalars that memorise",
        "Training error goes to zero from every start, but from a bad one the classifier is then wrong on most new "
        "samples, and three scalars are all of gradient descent with 200,000 weights.",
        f"{PAPER}, overparametrised linear classifiers; the model is ours",
        memorised,
        {"steps": 10_000, "direct": 200},
    ),
    Figure(
        "nakkiran2019/mnist",
        "A small convolutional network on MNIST",
        "The linear classifier explains most of what the network knows at first, and later as much as it knows itself.",
        f"{PAPER}, convolutional networks",
        convolutional,
        {"seeds": (0,), "filters": (8, 8), "dense": (32,), "samples": 1500, "steps": 300},
    ),
)
