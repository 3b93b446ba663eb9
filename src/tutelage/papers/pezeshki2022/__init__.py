"""Pezeshki, Mitra, Bengio & Lajoie, Multi-scale Feature Learning Dynamics: Insights for Double Descent, ICML 2022
(arXiv:2112.03215).

A linear student of features on two scales learns the large ones first, overfits them, and then learns the small ones:
its test error falls, rises and falls again during training. The paper's closed form describes ridge regression instead
of descent, and lets both blocks learn from all samples; here every figure has the exact law next to it.

Figures of a ResNet-18 on CIFAR-10 (Fig. 5a, b and 6, right) are out of reach here: they took their authors 12,000 hours
of graphics processors. Fig. 2 is taken to be a drawing of the setting.
"""

from __future__ import annotations

from tutelage.papers import Figure
from tutelage.papers.pezeshki2022.curves import fast_and_slow, plane, regularisation
from tutelage.papers.pezeshki2022.simulations import fading_penalty, many_seeds, theory_and_simulation

__all__ = [
    "FIGURES",
    "fading_penalty",
    "fast_and_slow",
    "many_seeds",
    "plane",
    "regularisation",
    "theory_and_simulation",
]

PAPER = "Pezeshki et al., ICML 2022"

FIGURES = (
    Figure(
        "pezeshki2022/fast-and-slow",
        "Double descent taken apart",
        "Fast features alone give a U and then nothing, slow ones alone nothing and then a descent, and both together "
        "two descents, sooner and with a higher peak for gradient flow than for the closed form.",
        f"{PAPER}, Fig. 1",
        fast_and_slow,
        {"points": 120},
    ),
    Figure(
        "pezeshki2022/theory-and-simulation",
        "Closed forms against gradient descent and ridge regression",
        "Gradient descent follows the finite-size law exactly, and ridge regression the closed form up to a gap in the "
        "slow phase, which the exact law closes.",
        f"{PAPER}, Fig. 3",
        theory_and_simulation,
        {"seeds": 40, "steps": 300, "points": 60},
    ),
    Figure(
        "pezeshki2022/plane",
        "Paths in the plane of R and Q, and their errors",
        "A condition number of 7 or less gives a monotone curve by the closed form, and a larger one a second descent, "
        "later and after a higher peak, while for gradient flow the border is at 5.2.",
        f"{PAPER}, Fig. 4",
        plane,
        {"points": 200, "kappas": (1.0, 7.0, 12.0, 30.0, 1e3, 1e5)},
    ),
    Figure(
        "pezeshki2022/regularisation",
        "Weight decay and time",
        "With strong weight decay the error falls but once, or nearly so, with some it stays above its minimum, and "
        "without any a second descent leads to the smallest error.",
        f"{PAPER}, Fig. 5c and d",
        regularisation,
        {"points": 80, "penalties": 40},
    ),
    Figure(
        "pezeshki2022/fading-penalty",
        "A penalty on outputs that fades",
        "A penalty on the size of outputs that fades during training takes most of the peak away and leaves the second "
        "descent where it was.",
        f"{PAPER}, Fig. 6, left",
        fading_penalty,
        {"seeds": 20, "steps": 2000, "points": 60},
    ),
    Figure(
        "pezeshki2022/many-seeds",
        "Ridge regression over many seeds",
        "The mean over many seeds is within a few thousandths of the exact law of ridge regression, and up to several "
        "hundredths off the closed form.",
        f"{PAPER}, released script emp_vs_analytic",
        many_seeds,
        {"seeds": 60, "points": 30},
    ),
)
