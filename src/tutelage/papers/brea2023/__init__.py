"""Brea, Martinelli, Simsek & Gerstner, MLPGradientFlow: going with the flow of multilayer perceptrons (and finding
minima fast and accurately), arXiv:2301.10638.

Small networks learn from teachers. With exact second derivatives their gradient flow can be followed over as many
decades of time as it takes, and their minima be found to machine precision: so that one can tell a minimum from a
saddle, and from a valley without end.

Problems are drawn anew here (see `setting.problem`), and times are those of this machine; claims are reproduced, not
pixels.
"""

from __future__ import annotations

from tutelage.papers import Figure
from tutelage.papers.brea2023.flows import flow_methods
from tutelage.papers.brea2023.minimisers import fixed_points, loss_against_gradient
from tutelage.papers.brea2023.samples import sample_size
from tutelage.papers.brea2023.timing import derivative_times

__all__ = ["FIGURES", "derivative_times", "fixed_points", "flow_methods", "loss_against_gradient", "sample_size"]

PAPER = "Brea et al., arXiv:2301.10638"

FIGURES = (
    Figure(
        "brea2023/flow-methods",
        "Gradient flow by several methods in the same time",
        "Implicit methods with the exact Hessian follow the flow many decades further than explicit ones and gradient "
        "descent do, and Adam leaves its path.",
        f"{PAPER}, comparison of ODE solvers",
        flow_methods,
        {"cases": ((2, 4, 8),), "methods": ("LSODA", "DOP853", "gd 0.1", "adam 0.001"), "seeds": 1, "seconds": (2.0,)},
    ),
    Figure(
        "brea2023/fixed-points",
        "Loss that minimisers reach in the same time",
        "Of small networks, methods with second derivatives find a loss of zero to machine precision, where Adam stays "
        "decades above.",
        f"{PAPER}, finding fixed points",
        fixed_points,
        {
            "cases": ((2, 4, 8),),
            "methods": ("adam", "bfgs", "auto"),
            "seeds": (2,),
            "seconds": (4.0,),
            "samples": 2000,
        },
    ),
    Figure(
        "brea2023/loss-against-gradient",
        "Loss, gradient and smallest eigenvalue of the points found",
        "Most searches end at machine precision, in a loss of zero or in minima of positive loss without negative "
        "eigenvalues, and wider students more often in the former.",
        f"{PAPER}, loss against gradient norm",
        loss_against_gradient,
        {"inputs": (2,), "ratios": (1, 2), "activations": ("softplus",), "seeds": 3, "samples": 500, "seconds": 10.0},
    ),
    Figure(
        "brea2023/sample-size",
        "Distance of minima on samples from that of the population",
        "The squared distance falls as 1/N, with the constant that second derivatives at the minimum of the population "
        "give.",
        f"{PAPER}, infinite data",
        sample_size,
        {"samples": (1000, 5000), "seeds": 4, "draws": 100_000},
    ),
    Figure(
        "brea2023/derivative-times",
        "Time of Hessians and gradients",
        "A Hessian takes little more than the matrix product that it contains, and a small part of what automatic "
        "differentiation needs.",
        f"{PAPER}, efficiency",
        derivative_times,
        {"shapes": ((2, 10, 1000), (2, 50, 1000), (10, 20, 1000)), "budget": 0.3},
    ),
)
