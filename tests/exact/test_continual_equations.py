"""The compiled equations of several tasks equal their definition, and importance equals averages of gradients."""

import numpy as np
import pytest

import tutelage as tl
from tutelage.continual import importance
from tutelage.continual.equations import Hold, right_hand_side
from tutelage.continual.importance import strengths
from tutelage.continual.phases import Consolidation, Phase, resolve
from tutelage.continual.state import MultiTask
from tutelage.continual.vector import model_of, vector_of
from tutelage.online.kernels.model import workspace
from tutelage.online.vector import units, way

RATES = {"lr": 0.7, "lr_readout": 0.4, "noise": 0.3, "train": "both"}
PHASES = {
    "plain": Phase(0, 1.0),
    "second task": Phase(1, 1.0),
    "rates": Phase(1, 1.0, lr=0.2, lr_readout=0.9),
    "replay": Phase(1, 1.0, replay={0: 0.3}),
    "interleaved": Phase(0, 1.0, interleave=(3, 2, 1)),
    "noise of each task": Phase(1, 1.0, noise=(0.5, 0.1), replay={0: 0.3}),
    "decay": Phase(1, 1.0, weight_decay=0.2, replay={0: 0.3}),
    "input noise": Phase(1, 1.0, input_noise=0.6, replay={0: 0.3}),
    "frozen unit": Phase(1, 1.0, freeze_units=[0], weight_decay=0.2),
    "frozen features": Phase(1, 1.0, freeze_features=True, weight_decay=0.2),
    "frozen heads": Phase(1, 1.0, freeze_heads=True, weight_decay=0.2),
}
ALL = Phase(1, 1.0, noise=(0.5, 0.1), replay={0: 0.3}, weight_decay=0.2, input_noise=0.6, freeze_units=[1])


def state(K=3, units=(2, 1), snapshots=1, single=False, seed=0, dim=30):
    """Overlaps of random weights: students, teachers, and snapshots of students, whose readouts are zero."""
    rng = np.random.default_rng(seed)
    M = sum(units)
    W, fixed = 0.9 * rng.standard_normal((K, dim)), rng.standard_normal((M + snapshots * K, dim))
    readouts, begin = np.zeros((len(units), len(fixed))), 0
    for task, count in enumerate(units):
        readouts[task, begin : begin + count] = rng.uniform(0.5, 1.5, count)
        begin += count
    heads = rng.uniform(-1, 1.5, (1 if single else len(units), K))
    return MultiTask(W @ W.T / dim, W @ fixed.T / dim, fixed @ fixed.T / dim, heads, readouts)


def holds_of(here, count, snapshots=1):
    rng, M = np.random.default_rng(5), here.teachers - snapshots * here.students
    return [Hold(M + (i % snapshots) * here.students, rng.uniform(0, 2, here.students)) for i in range(count)]


def gap(rule, phase, here, holds=(), accuracy=1e-10):
    """Largest difference between the compiled velocity and the definition, relative to the largest entry."""
    from importlib import import_module

    (resolved,) = resolve(rule, phase, here)
    name = way(rule)
    kernel = getattr(import_module(f"tutelage.continual.kernels.{name}"), f"{name}_tasks")
    model, y = model_of(rule, resolved, here, list(holds), accuracy), vector_of(here)
    P, out = here.students + len(model.T), np.empty(len(y))
    kernel(y, model, *units(rule), np.empty((P, P)), np.empty(P), np.empty((workspace(P), P)), out)
    wanted = right_hand_side(rule, resolved, here, list(holds))
    expected = np.concatenate([wanted.R.ravel(), wanted.Q.ravel(), wanted.heads.ravel()])
    assert np.abs(expected).max() > 0.01
    return np.abs(out - expected).max() / max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("single", [False, True], ids=["heads", "one head"])
@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES)
def test_erf(phase, single):
    here = state(single=single)
    assert gap(tl.OnlineSGD("erf", **RATES), phase, here) < 1e-12
    assert gap(tl.OnlineSGD("erf", **RATES, batch=3), phase, here, holds_of(here, 1)) < 1e-12


@pytest.mark.parametrize(
    ("student", "teacher"),
    [("linear", None), ("relu", None), ("square", None), ("hermite-3", None), ("polynomial(0, 1, 0.5)", "square"),
     ("erf", "relu"), ("leaky_relu(0.2)", None)],
)  # fmt: skip
@pytest.mark.parametrize("phase", [PHASES["plain"], ALL], ids=["plain", "all at once"])
def test_other_activations(student, teacher, phase):
    rule, here = tl.OnlineSGD(student, teacher, **RATES, batch=2), state(K=2, units=(1, 2))
    assert gap(rule, phase, here, holds_of(here, 1)) < 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_erf_with_everything_at_once(seed):
    here = state(K=1 + seed, units=(1, 2, 1), snapshots=2, seed=seed, single=seed % 2 == 1)
    phase = Phase(2, 1.0, noise=(0.5, 0.1, 0.2), replay={0: 0.3, 1: 0.1}, weight_decay=0.2, input_noise=0.6)
    rule = tl.OnlineSGD("erf", **RATES, batch=1 + seed)
    assert gap(rule, phase, here, holds_of(here, 3, snapshots=2)) < 1e-12


@pytest.mark.parametrize("terms", ["flow", "flow+noise"])
def test_fewer_terms(terms):
    here = state()
    assert gap(tl.OnlineSGD("erf", **RATES, terms=terms), ALL, here, holds_of(here, 1)) < 1e-12


def test_smooth_units_by_quadrature():
    here = state(K=1, units=(1, 1), snapshots=0)
    assert gap(tl.OnlineSGD("tanh", **RATES), Phase(1, 1.0, replay={0: 0.3}, weight_decay=0.1), here) < 1e-9


def test_a_snapshot_is_a_row_of_its_own():
    """Holding on to a snapshot that has just been taken pulls nowhere, and Q* begins as the mean of Q does."""
    from tutelage.continual.protocol import with_snapshot

    rule = tl.OnlineSGD("erf", **RATES)
    here = with_snapshot(state(snapshots=0))
    (resolved,) = resolve(rule, Phase(1, 1.0), here)
    free = right_hand_side(rule, resolved, here)
    held = right_hand_side(rule, resolved, here, [Hold(3, np.array([1.0, 2.0, 0.5]))])
    for one, other in zip(free, held, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-14)
    flow = right_hand_side(tl.OnlineSGD("erf", **RATES, terms="flow"), resolved, here)
    np.testing.assert_allclose(flow.Q, flow.R[:, 3:] + flow.R[:, 3:].T, atol=1e-13)


# ------------------------------------------------------------------------------------------- importance


def sampled(rule, here, task, dim, kind, noise, batches=100, size=1000):
    """N times the mean square of every weight's gradient, averaged over the weights of a unit: mean, standard error."""
    K, M, rng = here.students, here.teachers, np.random.default_rng(4)
    rows = np.linalg.cholesky(here.overlaps(task).covariance)  # in K + M dimensions
    h, v = here.heads[task], here.readouts[task]
    means = []
    for _ in range(batches):
        x = rng.standard_normal((size, dim))
        # weights sqrt(N) rows, of K + M components: fields w.x / sqrt(N)
        fields = x[:, : K + M] @ rows.T
        lam, rho = fields[:, :K], fields[:, K:]
        error = rule.student.f(lam) @ h - rule.teacher.f(rho) @ v - noise * rng.standard_normal(size)
        if kind == "fisher":
            error = rng.standard_normal(size)  # labels of the student's own, with unit noise
        along = h * rule.student.df(lam) * error[:, None] / np.sqrt(dim)
        squares = (along**2).T @ x**2 / size  # of the gradient by each weight, (K, N)
        means.append(dim * squares.mean(1))
    return np.mean(means, 0), np.std(means, 0, ddof=1) / np.sqrt(batches)


@pytest.mark.parametrize("kind", ["fisher", "empirical"])
@pytest.mark.parametrize("name", ["erf", "relu"])
@pytest.mark.parametrize("task", [0, 1])
def test_importance_is_the_mean_square_of_gradients(name, kind, task):
    rule, here, noise = tl.OnlineSGD(name), state(snapshots=0, seed=2), 0.3
    mean, error = sampled(rule, here, task, 1500, kind, noise)
    found = importance(rule, here, task, kind=kind, noise=noise)
    assert (error < 0.05 * found).all()
    assert (np.abs(found - mean) < 3 * error).all()


def test_importance_of_nodes_and_of_none():
    here, rule = state(snapshots=0), tl.OnlineSGD("erf")
    np.testing.assert_array_equal(importance(rule, here, 1, "node"), here.heads[1] ** 2)
    np.testing.assert_array_equal(importance(rule, here, 1, "quadratic"), np.ones(3))


def test_empirical_importance_sees_all_terms_whatever_the_rule_keeps():
    here = state(snapshots=0)
    full = importance(tl.OnlineSGD("erf", noise=0.7), here, 0, "empirical", noise=0.3)
    np.testing.assert_array_equal(full, importance(tl.OnlineSGD("erf", terms="flow"), here, 0, "empirical", noise=0.3))
    assert (full > importance(tl.OnlineSGD("erf"), here, 0, "empirical")).all()


def test_strengths_of_ones_own():
    here, rule = state(snapshots=0), tl.OnlineSGD("erf")
    np.testing.assert_array_equal(
        strengths(rule, here, 0, Consolidation(2.0, importance=[1, 0, 3]), 0.0), [2.0, 0.0, 6.0]
    )
    with pytest.raises(tl.ArgumentError, match='engine="weights"'):
        strengths(rule, here, 0, Consolidation(2.0, importance="weights"), 0.0)
    with pytest.raises(tl.ArgumentError, match="`kind` must be one of"):
        importance(rule, here, 0, kind="synaptic")
