"""The figures of papers that can be reproduced, by name: for whoever asks without importing the papers.

They are defined in :mod:`tutelage.papers`, whose `catalogue` has just these, in this order.
"""

from __future__ import annotations

__all__ = ["FIGURES"]

FIGURES = {
    "goldt2019": (
        "learning-curves",
        "surplus-units",
        "surplus-overlaps",
        "both-layers-learning-curves",
        "both-layers",
        "both-layers-overlaps",
        "denoising",
        "linear",
        "relu",
        "mini-batch",
        "finite-training-set",
        "image-inputs",
    ),
    "arnaboldi2023": (
        "specialisation",
        "dimension-independence",
        "low-dimension",
        "high-dimension",
        "label-noise",
        "invariant-subspace",
        "dropped-correlations",
        "square-dropped-correlations",
        "cosine-histograms",
        "escape",
        "exit-time",
    ),
    "veiga2022": (
        "phase-diagram",
        "three-limits",
        "label-noise",
        "dimension-curves",
        "dimension-plateaus",
        "learning-rates",
        "bad-learning",
        "four-regions",
        "random-start",
    ),
    "couto2025": (
        "linear-spectra",
        "few-samples",
        "rank-maps",
        "polynomial-spectra",
        "erf-spectra",
        "loss-prediction",
        "annealed-quenched",
    ),
    "brea2023": (
        "flow-methods",
        "fixed-points",
        "loss-against-gradient",
        "sample-size",
        "derivative-times",
    ),
    "lee2021": (
        "through-the-switch",
        "feature-similarity",
        "similarity-maps",
    ),
    "lee2022": (
        "node-reuse",
        "order-parameters",
        "consolidation-strength",
        "restart-and-replay",
        "replay-period",
        "interventions",
    ),
    "pezeshki2022": (
        "fast-and-slow",
        "theory-and-simulation",
        "plane",
        "regularisation",
        "fading-penalty",
        "many-seeds",
    ),
    "nakkiran2019": (
        "digits",
        "waves",
        "staircase",
        "label-noise",
        "memorisation",
        "mnist",
    ),
}
