"""Mean field against SGD itself: wide students on real weight vectors in few dimensions, the chain in many.

Runs share the overlaps with the teacher and the lengths off its span; the directions there are drawn anew for each.
"""

from __future__ import annotations

import numpy as np
import pytest

import tutelage as tl
from tutelage.regimes import Particles, solve_mean_field

K = 1000


def weights(law: Particles, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return students and teachers as weight vectors, with random directions off the teacher's span."""
    rank = law.frame.shape[1]
    g = np.random.default_rng(seed).standard_normal((law.students, dim - rank))
    off = np.sqrt(law.q)[:, None] * g / np.linalg.norm(g, axis=1, keepdims=True)
    inside = np.pad(law.frame, ((0, 0), (0, dim - rank)))
    return np.sqrt(dim) * np.concatenate([law.coordinates, off], 1), np.sqrt(dim) * inside


def sgd(rule: tl.OnlineSGD, law: Particles, alpha: np.ndarray, dim: int, runs: int) -> np.ndarray:
    """Return the risk of several runs of SGD, (runs, times)."""
    found = []
    for seed in range(runs):
        W, W_star = weights(law, dim, seed)
        state = tl.Overlaps.from_weights(W, W_star, law.v, law.v_star)
        sim = tl.simulate(rule, state, alpha, dim=dim, replicas=1, seed=seed, weights=(W, W_star), progress=False)
        found.append(sim.eg.values[0])
    return np.array(found)


@pytest.mark.parametrize(
    ("rule", "dim", "M", "times"),
    [
        (tl.OnlineSGD("erf", lr=1.0), 7, 2, (0, 1000, 3000)),
        (tl.OnlineSGD("square", lr=0.5), 5, 2, (0, 400, 1500)),
        (tl.OnlineSGD("relu", lr=1.0, lr_readout=1e-6, train="both", weight_decay=1e-4), 6, 1, (2000,)),
        (tl.OnlineSGD("erf", "tanh", lr=1.0), 4, 3, (0, 1000, 3000)),
    ],
    ids=["erf", "square", "relu, both layers and decay", "erf learns tanh, one dimension off the teacher"],
)
def test_risk_of_a_thousand_students(rule: tl.OnlineSGD, dim: int, M: int, times: tuple[int, ...]) -> None:
    law = Particles.gaussian(K, np.eye(M), dim=dim, seed=1)
    alpha = np.array(times, np.float64)
    theory = solve_mean_field(rule, law, alpha, dim=dim, rtol=1e-6, progress=False).eg.values
    runs = sgd(rule, law, alpha, dim, runs=6)
    mean, error = runs.mean(0), runs.std(0, ddof=1) / np.sqrt(len(runs))
    # Beyond the scatter of runs: 1/K of the limit of many, lr/K of the limit of small steps.
    assert (np.abs(theory - mean) < 4.5 * error + 2e-3 * theory).all()
    # Without the average over frames, which is of order 1/dim, it would not do.
    other = solve_mean_field(rule, law, alpha, rtol=1e-6, progress=False).eg.values
    assert (np.abs(other - mean) > 4.5 * error + 2e-3 * other).any() or dim - M == 5


def test_the_limit_of_many_dimensions_against_the_chain() -> None:
    students, dim, alpha = 40, 4000, np.array([0.0, 200.0, 600.0])
    rng = np.random.default_rng(3)
    law = Particles(0.5 * rng.standard_normal((students, 2)), np.ones(students), np.eye(2))
    W, W_star = weights(law, dim, seed=0)
    state = tl.Overlaps.from_weights(W, W_star, law.v, law.v_star)
    rule = tl.OnlineSGD("erf", lr=0.1)
    sim = tl.simulate(rule, state, alpha, dim=dim, replicas=16, seed=2, progress=False)
    theory = solve_mean_field(rule, law, alpha, progress=False)
    # lr v = 1/400: what the limit drops is of that order; directions have cosines of 1/sqrt(dim).
    assert theory.eg.values == pytest.approx(sim.eg_mean.values, rel=1e-2)
    assert theory.R.values == pytest.approx(sim.R_mean.values, abs=0.03)
    assert theory.eg.values[-1] < 0.3 * theory.eg.values[0]
