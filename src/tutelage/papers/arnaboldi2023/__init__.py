"""Arnaboldi, Stephan, Krzakala & Loureiro, From high-dimensional & mean-field dynamics to dimensionless ODEs: A
unifying approach to SGD in two-layers networks, COLT 2023 (arXiv:2302.05882); two figures of Arnaboldi, Krzakala,
Loureiro & Stephan, Escaping mediocrity (arXiv:2305.18502).

Gradient flow, the mean field of wide students and the equations of high dimension are limits of one process. Students
and teachers are means over their units, v = 1/K and v_star = 1/M, and time is t = lr alpha/K, in which all limits
compare; :class:`tutelage.conventions.Arnaboldi2023` has the paper's letters beside ours.

Each figure is a function from parameters to data and picture. Parameters are the paper's, except where its simulations
take days: the docstrings say what was made smaller. Figure 1 is a drawing of the limits, and has no data. Starts are
drawn anew, so that curves are not the paper's, pixel by pixel.
"""

from __future__ import annotations

from tutelage.papers import Figure
from tutelage.papers.arnaboldi2023.escape import escape, exit_time
from tutelage.papers.arnaboldi2023.flow import dimension_independence, label_noise, specialisation
from tutelage.papers.arnaboldi2023.histograms import cosine_histograms
from tutelage.papers.arnaboldi2023.wide import (
    dropped_correlations,
    high_dimension,
    invariant_subspace,
    low_dimension,
    square_dropped_correlations,
)

__all__ = [
    "FIGURES",
    "cosine_histograms",
    "dimension_independence",
    "dropped_correlations",
    "escape",
    "exit_time",
    "high_dimension",
    "invariant_subspace",
    "label_noise",
    "low_dimension",
    "specialisation",
    "square_dropped_correlations",
]

PAPER = "Arnaboldi et al., COLT 2023"
SECOND = "Arnaboldi et al., arXiv:2305.18502"

FIGURES = (
    Figure(
        "arnaboldi2023/specialisation",
        "Cosines of ten units with two teacher units, erf",
        "Most units first turn towards the direction between the teacher's units, then all of them to one of the two, "
        "and SGD at N = 3 does what gradient flow does.",
        f"{PAPER}, Fig. 2, left",
        specialisation,
        {"time": 1000.0, "points": 60},
    ),
    Figure(
        "arnaboldi2023/dimension-independence",
        "Learning curves at several input dimensions, erf",
        "At small learning rate SGD follows one curve in any dimension, from N = M on, that of gradient flow with "
        "label noise.",
        f"{PAPER}, Fig. 2, right",
        dimension_independence,
        {"dims": (5, 20), "time": 200.0, "points": 40},
    ),
    Figure(
        "arnaboldi2023/low-dimension",
        "Mean field in few dimensions, square",
        "Wide students follow the mean field of their dimension, whose curves converge as K grows.",
        f"{PAPER}, Fig. 3, left",
        low_dimension,
        {"students": (50, 200, 2000), "sgd_students": (50,), "time": 20.0, "points": 20},
    ),
    Figure(
        "arnaboldi2023/high-dimension",
        "Mean field in many dimensions, square",
        "Wide students in many dimensions follow the mean field of infinitely many.",
        f"{PAPER}, Fig. 3, right",
        high_dimension,
        {"students": (50, 1000), "sgd_students": (50,), "dim": 300, "lr": 1.5, "time": 10.0, "points": 20},
    ),
    Figure(
        "arnaboldi2023/label-noise",
        "Plateaus of label noise, erf",
        "SGD ends on a plateau in proportion to the variance of the noise, which gradient flow lacks and gradient flow "
        "with the noise's term of order lr^2 has.",
        f"{PAPER}, Fig. 4",
        label_noise,
        {"variances": (0.1, 1.0), "time": 1000.0, "points": 40},
    ),
    Figure(
        "arnaboldi2023/invariant-subspace",
        "Wide students in the span of the teacher, erf",
        "Students in the teacher's span stay there in the equations, and SGD leaves it by squared lengths that vanish "
        "as K grows.",
        f"{PAPER}, Fig. 5a",
        invariant_subspace,
        {"students": (20, 80), "time": 20.0, "points": 20},
    ),
    Figure(
        "arnaboldi2023/dropped-correlations",
        "Equations of infinite in few dimensions, erf",
        "Directions off the teacher's span taken for orthogonal give a wrong error at late times, however wide the "
        "student.",
        f"{PAPER}, Fig. 5b",
        dropped_correlations,
        {"students": (50, 200), "sgd_students": (50,), "time": 300.0, "points": 16},
    ),
    Figure(
        "arnaboldi2023/square-dropped-correlations",
        "Equations of infinite in few dimensions, square",
        "Directions off the teacher's span taken for orthogonal give a wrong error from the start on, however wide the "
        "student.",
        f"{PAPER}, Fig. 5c",
        square_dropped_correlations,
        {"students": (50, 2000), "sgd_students": (50,), "time": 20.0, "points": 16},
    ),
    Figure(
        "arnaboldi2023/cosine-histograms",
        "Cosines of wide students with one teacher unit, square",
        "In three dimensions cosines are uniform at the start, and end at 1 and -1 in equal shares.",
        f"{PAPER}, Fig. 5d",
        cosine_histograms,
        {"students": 500, "sgd_students": 100, "times": (0.0, 1.0, 20.0, 910.0), "sgd_time": 20.0},
    ),
    Figure(
        "arnaboldi2023/escape",
        "Phase retrieval from one start: SGD, SDE and ODE",
        "Single runs leave the start at times that scatter by a good part of their mean, with the SDE as with SGD, "
        "where the equations have one time.",
        f"{SECOND}, simulation, SDE and ODE",
        escape,
        {"dim": 300, "alpha_max": 40.0, "replicas": 24, "points": 80},
    ),
    Figure(
        "arnaboldi2023/exit-time",
        "Exit time of phase retrieval against the number of units",
        "Wider students leave sooner, by a factor that stays bounded as K and N grow, and the equations take the time "
        "of the closed form on average over random starts.",
        f"{SECOND}, exit times",
        exit_time,
        {"students": (1, 8), "dims": (1000,), "starts": 12},
    ),
)
