"""Gradient descent next to an optimum against what the eigenvalues of the Hessian predict."""

from __future__ import annotations

import numpy as np
import pytest

from tutelage import landscape

STEPS = np.array([0, 10, 100, 1000, 5000, 20_000])


def descent(objective, p, lr, steps):
    """Losses at some numbers of steps."""
    return landscape.descend(objective, p, steps[-1], lr=lr, keep=steps, progress=False)["loss"].values


def setting(seed, samples=2000):
    teacher = landscape.matched_network("erf", 10, 5, s2=1.0, seed=seed)
    rng = np.random.default_rng(100 + seed)
    x = rng.standard_normal((samples, 10))
    objective = teacher.net.on(x, teacher(x))
    return objective, teacher.p, landscape.spectrum(objective.hessian(teacher.p)), rng.standard_normal(objective.size)


def test_prediction_holds_for_twenty_thousand_steps():
    objective, p, spectrum, d = setting(2)
    found = descent(objective, p + 1e-2 * d, 0.2, STEPS)
    predicted = landscape.quadratic_loss(spectrum, 1e-2 * d, STEPS, lr=0.2)
    np.testing.assert_allclose(found, predicted, rtol=0.05)
    assert predicted[-1] < 1e-4 * predicted[0]


def test_what_is_left_out_is_of_third_order():
    objective, p, spectrum, d = setting(0, samples=200)
    off = []
    for eps in (1e-2, 1e-3):
        found = descent(objective, p + eps * d, 0.2, STEPS[:4])
        off.append(np.abs(found / landscape.quadratic_loss(spectrum, eps * d, STEPS[:4], lr=0.2) - 1).max())
    assert off[1] == pytest.approx(off[0] / 10, rel=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_opposite_starts_average_to_the_prediction(seed):
    """The third order has opposite signs in both; single starts are off by up to 10 % late."""
    objective, p, spectrum, d = setting(seed)
    found = (descent(objective, p + 1e-2 * d, 0.2, STEPS) + descent(objective, p - 1e-2 * d, 0.2, STEPS)) / 2
    np.testing.assert_allclose(found, landscape.quadratic_loss(spectrum, 1e-2 * d, STEPS, lr=0.2), rtol=0.05)


def test_gradient_flow_is_the_limit_of_small_steps():
    _, _, spectrum, d = setting(1, samples=200)
    times = np.array([0.0, 1.0, 10.0])
    flow = landscape.quadratic_loss(spectrum, d, times)
    steps = landscape.quadratic_loss(spectrum, d, times * 1e5, lr=1e-5)
    np.testing.assert_allclose(steps, flow, rtol=1e-3)


def test_average_over_starts():
    _, _, spectrum, _ = setting(1, samples=200)
    rng = np.random.default_rng(0)
    each = np.array(
        [landscape.quadratic_loss(spectrum, 1e-2 * rng.standard_normal(55), STEPS, lr=0.2) for _ in range(2000)]
    )
    average = landscape.average_quadratic_loss(spectrum.values, 1e-2, STEPS, lr=0.2)
    assert (np.abs(each.mean(0) - average) < 4 * each.std(0) / np.sqrt(2000)).all()
