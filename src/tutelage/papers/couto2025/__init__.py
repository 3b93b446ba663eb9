"""Couto, Mourao, Figueiredo & Ribeiro, A Teacher-Student Perspective on the Dynamics of Learning Near the Optimal
Point, arXiv:2512.15606.

Networks y = W2 g(W1 x) of Ni inputs and Nh units learn from a teacher of the same shape, and stand next to it. There
the eigenvalues of the Hessian decide how fast the loss falls; their law is known for linear networks, their number for
polynomials, and those of erf units are all positive and tiny.

The loss is 1/(2N) sum (y - y*)^2 over N inputs N(0, 1). Weights are N(0, 1/Ni) and N(0, 1/Nh), a choice of ours; claims
are reproduced here, not pixels.
"""

from __future__ import annotations

from tutelage.papers import Figure
from tutelage.papers.couto2025.linear import annealed_quenched, few_samples, linear_spectra
from tutelage.papers.couto2025.losses import loss_prediction
from tutelage.papers.couto2025.nonlinear import erf_spectra, polynomial_spectra
from tutelage.papers.couto2025.ranks import rank_maps

__all__ = [
    "FIGURES",
    "annealed_quenched",
    "erf_spectra",
    "few_samples",
    "linear_spectra",
    "loss_prediction",
    "polynomial_spectra",
    "rank_maps",
]

PAPER = "Couto et al., arXiv:2512.15606"

FIGURES = (
    Figure(
        "couto2025/linear-spectra",
        "Eigenvalues of linear networks, with their law",
        "The eigenvalues that are not zero follow a chi-square law convolved with Marchenko-Pastur's, with more units "
        "than inputs and with fewer.",
        f"{PAPER}, spectra of linear networks",
        linear_spectra,
        {"networks": 2000},
    ),
    Figure(
        "couto2025/few-samples",
        "Eigenvalues of a linear network on few samples",
        "On a few samples for each input the spectrum is wider than that of infinitely many, as Silverstein's equation "
        "says.",
        f"{PAPER}, its spectra at finite data",
        few_samples,
        {"inputs": 100, "hidden": 50, "samples": 250},
    ),
    Figure(
        "couto2025/rank-maps",
        "Rank over the number of parameters, for several activations",
        "The rank, the effective number of parameters, is the number of inputs for linear units, does not exceed the "
        "dimension of the polynomials of their degrees for polynomial ones, and is full for erf.",
        f"{PAPER}, ranks",
        rank_maps,
        {"inputs": (1, 2, 3, 4), "hidden": (1, 2, 3, 4, 5, 6)},
    ),
    Figure(
        "couto2025/polynomial-spectra",
        "All eigenvalues of polynomial networks in order",
        "Eigenvalues of polynomial networks fall to rounding errors where the formula for the rank says.",
        f"{PAPER}, spectra of polynomial networks",
        polynomial_spectra,
        {"inputs": 5, "hidden": 4, "samples": 2000},
    ),
    Figure(
        "couto2025/erf-spectra",
        "Eigenvalues of erf networks",
        "All eigenvalues of erf networks are positive, without a gap, over many decades.",
        f"{PAPER}, spectra of erf networks",
        erf_spectra,
        {"networks": 20},
    ),
    Figure(
        "couto2025/loss-prediction",
        "Gradient descent next to the optimum, with what eigenvalues predict",
        "Next to the optimum the loss is what the eigenvalues of the Hessian there predict: exponentials for linear "
        "units, and for erf a slow fall over many decades of time.",
        f"{PAPER}, loss against prediction",
        loss_prediction,
        {"steps": (80, 1000), "samples": 500},
    ),
    Figure(
        "couto2025/annealed-quenched",
        "Loss averaged over linear networks, and of a typical one",
        "With more inputs than units the loss averaged over networks falls as a power of time, carried by a few of "
        "them, while that of a typical network falls exponentially.",
        f"{PAPER}, dynamics near the optimum",
        annealed_quenched,
        {"networks": 2000},
    ),
)
