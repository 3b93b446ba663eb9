"""Lee, Goldt & Saxe, Continual Learning in the Teacher-Student Setup: Impact of Task Similarity, ICML 2021
(arXiv:2107.04384).

A student with a head for each task learns from one teacher, then from another. Its equations give forgetting of the
first task and transfer to the second at every time, against the similarity of the teachers: similar tasks help at once
and hinder later, and those of intermediate similarity are forgotten most.

Learning rates and times are ours, as are starts; figures are not numbered: claims are reproduced, not pixels. The
paper's wide networks are here at a reduced size: 120 units where it has 1,000.
"""

from __future__ import annotations

from tutelage.papers import Figure
from tutelage.papers.lee2021.similarity import feature_similarity
from tutelage.papers.lee2021.switch import through_the_switch
from tutelage.papers.lee2021.wide import similarity_maps

__all__ = ["FIGURES", "feature_similarity", "similarity_maps", "through_the_switch"]

PAPER = "Lee et al., ICML 2021"

FIGURES = (
    Figure(
        "lee2021/through-the-switch",
        "Equations and SGD on two tasks, one after the other",
        "SGD follows the equations of infinite N through the switch, in errors, heads and overlaps, the closer the "
        "larger N.",
        f"{PAPER}, theory against simulation",
        through_the_switch,
        {"weights_dim": 300, "dims": (300, 30_000), "replicas": 5},
    ),
    Figure(
        "lee2021/feature-similarity",
        "Forgetting and transfer against the similarity of features",
        "Soon after the switch transfer grows with similarity and forgetting is largest at a high one, but in the end "
        "forgetting is largest, and transfer small, at an intermediate one.",
        f"{PAPER}, forgetting and transfer in narrow networks",
        feature_similarity,
        {"similarities": 21, "seeds": (1,), "dim": 1000, "simulated": (0.0, 0.5, 1.0), "replicas": 2},
    ),
    Figure(
        "lee2021/similarity-maps",
        "Similarity of features against that of readouts, in wide networks of a reduced size",
        "Soon after the switch forgetting and transfer are fastest where features and readouts agree; in the end the "
        "first task is kept where both are equal, and elsewhere forgotten alike.",
        f"{PAPER}, maps of readout against feature similarity in wide networks",
        similarity_maps,
        {"features": 3, "readouts": 3, "seeds": (0, 1), "inputs": 8, "students": 64, "units": 16, "steps": 30_000},
    ),
)
