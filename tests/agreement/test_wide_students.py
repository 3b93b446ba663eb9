"""Mean field against SGD itself, wide students on weight vectors in few dimensions, and against its equations in many.

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
    ("rule", "dim", "M", "times", "frames"),
    [
        (tl.OnlineSGD("erf", lr=1.0), 7, 2, (1000, 3000), False),
        (tl.OnlineSGD("square", lr=0.5), 5, 2, (0, 1000), True),
        pytest.param(
            tl.OnlineSGD("relu", lr=1.0, lr_readout=1e-6, train="both", weight_decay=1e-4),
            6,
            1,
            (2000,),
            True,
            marks=pytest.mark.slow,
        ),
        (tl.OnlineSGD("erf", "tanh", lr=1.0), 4, 3, (0, 2000), False),
    ],
    ids=["erf", "square", "relu, both layers and decay", "erf learns tanh, one dimension off the teacher"],
)
def test_risk_of_a_thousand_students(
    rule: tl.OnlineSGD, dim: int, M: int, times: tuple[int, ...], frames: bool
) -> None:
    law = Particles.gaussian(K, np.eye(M), dim=dim, seed=1)
    alpha = np.array(times, np.float64)
    theory = solve_mean_field(rule, law, alpha, dim=dim, rtol=1e-6, progress=False).eg.values
    runs = sgd(rule, law, alpha, dim, runs=5)
    mean, error = runs.mean(0), runs.std(0, ddof=1) / np.sqrt(len(runs))
    # Beyond the scatter of runs: 1/K of the limit of many, lr/K of the limit of small steps.
    assert (np.abs(theory - mean) < 4.5 * error + 2e-3 * theory).all()
    if frames:  # without the average over them, which even functions feel at order 1/dim, it would not do
        other = solve_mean_field(rule, law, alpha, rtol=1e-6, progress=False).eg.values
        assert (np.abs(other - mean) > 4.5 * error + 2e-3 * other).any()


def test_equations_of_sgd_tend_to_the_limit_of_many_dimensions_as_one_over_k() -> None:
    """Students start orthogonal off the teacher, and turn from each other by 1/K, which these equations know."""
    rng, rule, alpha = np.random.default_rng(3), tl.OnlineSGD("erf", lr=1e-3), np.array([100.0, 300.0])
    R, gaps = 0.5 * rng.standard_normal((8, 2)), []
    for copies in (1, 2, 4, 8):
        rows = np.tile(R, (copies, 1))
        law = Particles(rows, np.ones(len(rows)), np.eye(2))
        state = tl.Overlaps(rows @ rows.T + np.eye(len(rows)), rows, law.T, law.v, law.v_star)
        times = 50 * len(rows) * alpha / 8  # alpha lr / K is the time of mean field
        exact = tl.solve(rule, state, times, rtol=1e-6, progress=False).eg.values
        gaps.append(solve_mean_field(rule, law, times, progress=False).eg.values / exact - 1)
    assert (2 * gaps[-1] - gaps[-2]) == pytest.approx(0, abs=2e-3)  # K to infinity
    orders = np.log2(np.array(gaps[:-1]) / gaps[1:])
    assert orders[-1] == pytest.approx(1.0, abs=0.15)
