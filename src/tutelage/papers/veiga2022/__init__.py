"""Veiga, Stephan, Loureiro, Krzakala & Zdeborova, Phase diagram of stochastic gradient descent in high-dimensional
two-layer neural networks, NeurIPS 2022 (arXiv:2202.00293).

Students of p = p_0 d^kappa units with readouts 1/p learn one-pass at the rate gamma = gamma_0 d^-delta from a teacher
of k units with readouts 1/k, in d dimensions. What comes out as d grows depends on kappa + delta alone: perfect
learning above zero, in spite of label noise; a plateau at zero; noise that wins between -1/2 and zero; no equations
below.

Units are erf, times are the paper's (:class:`tutelage.conventions.Veiga2022`), and risks are without label noise. Each
figure is a function from parameters to data and picture; claims are reproduced here, not pixels, and starts are ours.
"""

from __future__ import annotations

from tutelage.papers import Figure
from tutelage.papers.veiga2022.diagram import phase_diagram
from tutelage.papers.veiga2022.limits import four_regions, three_limits
from tutelage.papers.veiga2022.noisy import bad_learning, random_start
from tutelage.papers.veiga2022.plateaus import dimension_curves, dimension_plateaus, label_noise, learning_rates

__all__ = [
    "FIGURES",
    "bad_learning",
    "dimension_curves",
    "dimension_plateaus",
    "four_regions",
    "label_noise",
    "learning_rates",
    "phase_diagram",
    "random_start",
    "three_limits",
]

PAPER = "Veiga et al., NeurIPS 2022"

FIGURES = (
    Figure(
        "veiga2022/phase-diagram",
        "Regions of the exponents of width and rate, predicted and measured",
        "SGD has the outcome that the sum of the exponents predicts: perfect learning above 0, a plateau at 0, noise "
        "that wins down to -1/2, and runs that no equation describes from there on.",
        f"{PAPER}, Fig. 1",
        phase_diagram,
        {"kappas": (0.0, 0.2), "dims": (50, 400), "spread_replicas": 128},
    ),
    Figure(
        "veiga2022/three-limits",
        "The equations of three regions from one start",
        "With kappa + delta > 0 the error falls to zero in spite of label noise, with 0 to a plateau, and between -1/2 "
        "and 0 it grows and then falls slowly.",
        f"{PAPER}, Fig. 2",
        three_limits,
        {"points": 40},
    ),
    Figure(
        "veiga2022/label-noise",
        "Learning curves at kappa + delta = 0, for several levels of label noise",
        "The error ends on a plateau in proportion to the variance of the label noise, and falls on without noise.",
        f"{PAPER}, Fig. 3",
        label_noise,
        {"dim": 100, "t_max": 1e4, "t_sgd": 300.0},
    ),
    Figure(
        "veiga2022/dimension-curves",
        "Learning curves in several dimensions, kappa + delta > 0",
        "In the time of the region SGD follows gradient flow, the longer the larger the dimension, and leaves it for a "
        "plateau that falls with the dimension.",
        f"{PAPER}, Figs. 4a and 5a",
        dimension_curves,
        {"dims": (30, 100), "steps": 5e5},
    ),
    Figure(
        "veiga2022/dimension-plateaus",
        "Final errors against the dimension, kappa + delta > 0",
        "The plateau of label noise falls with the dimension to the power -(kappa + delta), as linear response says.",
        f"{PAPER}, Figs. 4b and 5b",
        dimension_plateaus,
        {"noises": (1e-3,), "dims": (30, 100, 300), "students": 4, "t_max": 100.0},
    ),
    Figure(
        "veiga2022/learning-rates",
        "One student in one dimension at several rates",
        "A smaller rate learns more slowly and ends on a lower plateau.",
        f"{PAPER}, Fig. 6",
        learning_rates,
        {"dim": 300, "alpha_max": 1e5, "alpha_sgd": 300.0},
    ),
    Figure(
        "veiga2022/bad-learning",
        "SGD against its noisy limit, up to dimension 10^12",
        "Between -1/2 and 0 SGD tends to equations in which noise wins, but slowly: at kappa + delta = -3/8, what runs "
        "differ by falls as the dimension to the power -1/8.",
        f"{PAPER}, Fig. 7",
        bad_learning,
        {"dims": (1e6, 1e9, 1e12), "t_max": 300.0},
    ),
    Figure(
        "veiga2022/four-regions",
        "SGD in each of the four regions",
        "At one width, as the rate grows, students learn perfectly, learn to a plateau, become worse before they "
        "slowly recover, or jump far off with the first step.",
        f"{PAPER}, Fig. 8",
        four_regions,
        {"dim": 100, "t_max": 100.0, "replicas": 4},
    ),
    Figure(
        "veiga2022/random-start",
        "SGD from Gaussian weights in several dimensions",
        "From a random start the student stays on a plateau until it specialises, and the plateau lengthens in "
        "proportion to the logarithm of the dimension.",
        f"{PAPER}, Fig. 9",
        random_start,
        {"dims": (30, 100), "far": (1e2, 1e6, 1e10), "starts": 3, "t_max": 2000.0},
    ),
)
