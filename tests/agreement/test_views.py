"""One rule, three views: the equations of motion are the averages of the rule's own increments."""

import numpy as np
import pytest

import tutelage as tl
from tutelage.online.equations import right_hand_side
from tutelage.online.integration import velocity_function
from tutelage.online.vector import start_vector

PAIRS = [("erf", None), ("linear", None), ("relu", None), ("erf", "relu"), ("relu", "erf"), ("linear", "relu")]


def state():
    base = tl.Overlaps.random(3, 2, 30, seed=5)
    return tl.Overlaps(base.Q, base.R, base.T, [1.0, -0.7, 1.3], [0.9, 1.2])


def increments(rule, here, samples, seed):
    """Samples of dR, dQ, dv per unit alpha in the limit of large N, for one batch each."""
    rng = np.random.default_rng(seed)
    K, B = here.students, rule.batch
    fields = rng.standard_normal((samples, B, K + here.teachers)) @ np.linalg.cholesky(here.covariance).T
    c, dv = rule.increments(fields, rule.noise * rng.standard_normal((samples, B)), here.v, here.v_star)
    along = np.einsum("sbi,sbn->sin", c, fields) / B
    square = np.einsum("sbi,sbk->sik", c, c) / B**2  # |x|^2 / N = 1, samples of a batch orthogonal
    decay, decay_readout = rule.rates.decay, rule.rates.decay_readout
    dQ = along[:, :, :K] + np.swapaxes(along[:, :, :K], 1, 2) + square - 2 * decay * here.Q
    return along[:, :, K:] - decay * here.R, dQ, dv.mean(1) - decay_readout * here.v


@pytest.mark.parametrize(("student", "teacher"), PAIRS)
@pytest.mark.parametrize("train", ["first", "both", "readout"])
def test_mean_increments_are_the_equations(student, teacher, train):
    rule = tl.OnlineSGD(student, teacher, lr=0.6, lr_readout=0.4, noise=0.3, weight_decay=0.2, batch=2, train=train)
    here = state()
    expected = right_hand_side(rule, here)
    names = ("R", "Q", "v")
    for name, sample in zip(names, increments(rule, here, 60_000, seed=3), strict=True):
        error = sample.std(0) / np.sqrt(len(sample))
        z = (getattr(expected, name) - sample.mean(0)) / np.where(error > 0, error, 1)
        assert np.abs(z).max() < 4  # 18 tests of up to 18 numbers
        assert np.abs(z[error == 0]).max(initial=0) < 1e-12


@pytest.mark.parametrize(("student", "teacher"), [*PAIRS, ("relu", "linear"), ("linear", "erf"), ("erf", "linear")])
def test_compiled_equations_equal_the_readable_ones(student, teacher):
    rule = tl.OnlineSGD(student, teacher, lr=0.3, lr_readout=0.2, train="both", noise=0.2, weight_decay=0.1, batch=3)
    here = state()
    compiled = velocity_function(rule, here)(0.0, start_vector(here))
    readable = right_hand_side(rule, here)
    assert np.abs(compiled - np.concatenate([readable.R.ravel(), readable.Q.ravel(), readable.v])).max() < 1e-12
