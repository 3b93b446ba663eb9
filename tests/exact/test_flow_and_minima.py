"""Gradient flow against closed forms and other solvers; minima against what they must be."""

from __future__ import annotations

import numpy as np
import pytest

import tutelage as tl
from tutelage.landscape import MLP, NormBarrier, PopulationLoss, Sum, descend, flow, minimise
from tutelage.landscape.trust_region import model_step

RNG = np.random.default_rng(3)


def matched(hidden: int, seed: int, kind: str = "tanh", samples: int = 500):
    """A student and a teacher of the same shape on data."""
    net = MLP(2, [(hidden, kind, False), (1, "linear", False)])
    x = np.random.default_rng(seed).standard_normal((samples, 2))
    return net, net.on(x, net(1.5 * net.init(seed=seed), x))


@pytest.mark.parametrize("method", ["LSODA", "BDF", "Radau", "RK45", "DOP853"])
def test_a_linear_flow_in_closed_form(method):
    """p' = -2 A (p - p*) of a linear network, by the exponential of its matrix, with time scales."""
    net = MLP(3, [(1, "linear", False)])
    x, best, scales = RNG.standard_normal((50, 3)), np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, 3.0])
    objective = net.on(x, x @ best)
    times = np.array([0.0, 0.3, 1.0, 4.0])
    ds = flow(objective, np.zeros(3), times, method=method, rtol=1e-9, atol=1e-11, time_scales=scales)
    values, vectors = np.linalg.eig(2 * (x.T @ x / len(x)) / scales[:, None])
    inverse = np.linalg.inv(vectors)
    for t, p in zip(times, ds.p.values, strict=True):
        exact = best - (vectors * np.exp(-values * t)) @ inverse @ best
        assert np.abs(p - exact).max() < 1e-6
    assert ds.attrs["stopped_by"] == "time"
    assert ds.loss.values[2] == pytest.approx(objective.loss(ds.p.values[2]))


def test_a_flow_of_a_network_is_what_small_steps_do():
    net, objective = matched(3, 1)
    p = net.init(seed=5)
    ds = flow(objective, p, [1.0], rtol=1e-9, atol=1e-12)
    ends = [descend(objective, p, steps, lr=1 / steps).p_last.values for steps in (2000, 4000)]
    assert np.abs(ds.p.values[0] - (2 * ends[1] - ends[0])).max() < 1e-6  # extrapolated to steps of no length


def test_a_flow_goes_on_for_twelve_decades():
    net, objective = matched(2, 2)
    ds = flow(objective, net.init(seed=2), 1e12)
    assert ds.sizes["time"] == 101
    assert ds.time.values[-1] == 1e12
    assert (np.diff(ds.loss.values) <= 1e-20).all()
    assert ds.gradient_norm.values[-1] < 1e-12


@pytest.mark.parametrize(
    ("stop", "reason"),
    [({"gtol": 1e-4}, "gradient"), ({"ltol": 1e-2}, "loss"), ({"max_seconds": 0.0}, "seconds")],
)
def test_a_flow_says_why_it_stopped(stop, reason):
    net, objective = matched(2, 2)
    ds = flow(objective, net.init(seed=2), 1e12, **stop)
    assert ds.attrs["stopped_by"] == reason
    assert ds.attrs["last_time"] < 1e12
    assert ds.sizes["time"] < 101
    assert objective.loss(ds.p_last.values) <= objective.loss(net.init(seed=2))


def test_a_flow_keeps_what_it_has_at_an_interrupt(monkeypatch):
    net, objective = matched(2, 2)
    calls = iter(range(300))

    class Interrupted:
        """The objective, until someone presses Ctrl-C."""

        size, loss, hvp = objective.size, staticmethod(objective.loss), staticmethod(objective.hvp)
        hessian, derivatives = staticmethod(objective.hessian), staticmethod(objective.derivatives)

        def gradient(self, p):
            if next(calls) == 60:
                raise KeyboardInterrupt
            return objective.gradient(p)

    times = np.append(np.logspace(-6, 0, 30), 1e12)
    ds = flow(Interrupted(), net.init(seed=2), times)
    assert ds.attrs["stopped_by"] == "interrupted"
    assert 1 < ds.sizes["time"] < len(times)


def test_results_survive_a_file(tmp_path):
    net, objective = matched(2, 2)
    ds = flow(objective, net.init(seed=2), [0.1, 1.0])
    again = tl.load(tl.save(ds, tmp_path / "flow.nc"))
    assert (again.p == ds.p).all()
    other = MLP(2, net.layers).on(again.x.values, again.y.values)
    assert (flow(other, again.p_start.values, again.time.values).p == ds.p).all()


def test_adam_is_its_definition():
    net, objective = matched(2, 3)
    p = begin = net.init(seed=1)
    mean = square = np.zeros(net.size)
    for t in range(1, 6):
        g = objective.gradient(p)
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
        p = p - 0.01 * (mean / (1 - 0.9**t)) / (np.sqrt(square / (1 - 0.999**t)) + 1e-8)
    assert np.abs(descend(objective, begin, 5, lr=0.01, method="adam").p_last.values - p).max() < 1e-15


def test_mini_batches_are_epochs_of_permutations():
    """With a linear model and tiny steps an epoch of batches is one step over all samples."""
    net = MLP(2, [(1, "linear", False)])
    x = RNG.standard_normal((60, 2))
    objective = net.on(x, x @ [1.0, 2.0])
    one = descend(objective, np.zeros(2), 1, lr=4e-7).p_last.values
    four = descend(objective, np.zeros(2), 4, lr=1e-7, batch=15, seed=1).p_last.values
    assert np.abs(four / one - 1).max() < 1e-5
    same = descend(objective, np.zeros(2), 8, lr=0.1, batch=15, seed=1).p_last.values
    assert (same == descend(objective, np.zeros(2), 8, lr=0.1, batch=15, seed=1).p_last.values).all()
    assert (same != descend(objective, np.zeros(2), 8, lr=0.1, batch=15, seed=2).p_last.values).any()


def test_the_model_is_minimised_within_its_region():
    """Against many points of the sphere and of the ball, for definite, indefinite and hard cases."""
    for trial in range(60):
        values = np.sort(RNG.standard_normal(4) + (2.0 if trial % 3 == 0 else 0.0))
        along = RNG.standard_normal(4)
        if trial % 4 == 0:
            along[0] = 0.0  # the gradient does not see the lowest direction
        radius = float(np.exp(RNG.uniform(-3, 2)))
        step = model_step(values, along, radius)
        directions = RNG.standard_normal((20000, 4))
        directions *= (radius * RNG.random((20000, 1)) ** 0.25) / np.linalg.norm(directions, axis=1, keepdims=True)
        value = along @ step + 0.5 * values @ step**2
        others = directions @ along + 0.5 * directions**2 @ values
        assert np.linalg.norm(step) <= radius * (1 + 2e-3)
        assert value <= others.min() + 3e-3 * abs(value)


@pytest.mark.parametrize("method", ["auto", "newton", "lm", "bfgs", "lbfgs"])
def test_minima_to_the_last_digit(method):
    net, objective = matched(2, 5)
    found = minimise(objective, net.init(seed=1), method=method, gtol=1e-14)
    assert found.loss < 1e-20
    assert found.gradient_norm < (1e-9 if method == "lbfgs" else 1e-11)
    assert found.kind in ("minimum", "degenerate")
    assert found.eigenvalues[0] > 0
    assert "loss" in str(found)


def test_the_documented_teacher_and_student():
    """Five units of g on 10^4 samples (Brea et al. 2023): one of three starts finds the teacher, to rounding."""
    net, objective = matched(5, 8, "g", samples=10000)
    found = [minimise(objective, net.init(seed=seed)) for seed in range(3)]
    assert min(f.loss for f in found) < 1e-28
    assert all(f.gradient_norm < 1e-14 for f in found if f.kind == "minimum")


def test_a_saddle_is_called_one():
    """All units equal: the gradient keeps them so, and the Hessian knows better."""
    net, objective = matched(2, 4)
    (W, _), (V, _) = net.unpack(net.init(seed=1))
    merged = net.pack([(np.tile(W[:1], (2, 1)), None), (np.tile(V[:, :1], (1, 2)), None)])
    on_it = flow(objective, merged, 1e6).p_last.values
    halves = net.unpack(on_it)[0][0]
    assert np.abs(halves[0] - halves[1]).max() < 1e-6
    stuck = minimise(objective, on_it, gtol=1e-7, flow_time=0)
    assert stuck.kind == "saddle"
    assert stuck.negative >= 1


def test_the_population_is_an_objective_too():
    net = MLP(3, [(2, "erf", False), (1, "linear", False)])
    teacher = net.at(np.random.default_rng(3).standard_normal(net.size))
    found = minimise(PopulationLoss(teacher, net), net.init(seed=0))
    assert found.loss < 1e-20
    assert found.kind == "minimum"


def test_a_barrier_keeps_parameters_in():
    """Two classes that can be told apart: the likelihood has no maximum, with a barrier it has."""
    net = MLP(1, [(2, "softmax", False)])
    data = net.on([[-1.0], [1.0]], [0, 1])
    free = minimise(data, net.init(seed=0), max_seconds=5)
    assert free.loss < 1e-12
    assert np.abs(free.p).max() > 10
    held = minimise(Sum(data, NormBarrier(net.size, 1.0)), net.init(seed=0))
    assert held.gradient_norm < 1e-14
    assert 1.0 < held.p @ held.p / (2 * net.size) < 3


def test_a_minimiser_that_meets_nan_returns_the_best_point():
    class Cliff:
        """p^2/2 + p, but NaN below -0.5."""

        size = 1

        def loss(self, p):
            return float(p[0] ** 2 / 2 + p[0]) if p[0] > -0.5 else np.nan

        def gradient(self, p):
            return p + 1 if p[0] > -0.5 else np.array([np.nan])

        def hessian(self, p):
            return np.eye(1)

        def hvp(self, p, v):
            return v

        def derivatives(self, p):
            return self.loss(p), self.gradient(p), np.eye(1)

    for method in ("newton", "bfgs"):
        found = minimise(Cliff(), [3.0], method=method, flow_time=0)
        assert np.isfinite(found.loss)
        assert found.loss <= 7.5
        assert found.p[0] > -0.5
        assert (found.kind, found.stopped_by) == ("unfinished", "not finite")
    for method in ("LSODA", "BDF", "Radau", "RK45"):
        for begin in (3.0, -1.0):
            path = flow(Cliff(), [begin], 100.0, method=method)
            assert path.stopped_by == "not finite"
            assert np.isfinite(path.p_last).all()
    worst = minimise(Cliff(), [-1.0])
    assert worst.stopped_by == "not finite"
    assert worst.p[0] == -1.0


def test_a_population_whose_loss_is_a_small_difference_is_minimised_to_the_last_digit():
    """Here the loss is 1e-4 of what it is a difference of, and would end the search at a gradient of 1e-9."""
    student, taught = (MLP(3, [(units, "erf", True), (1, "linear", True)]) for units in (3, 4))
    teacher = taught.at(taught.init(seed=51, scale=2.0))
    found = minimise(PopulationLoss(teacher, student), student.init(seed=1))
    assert found.kind == "minimum"
    assert found.gradient_norm < 1e-13


def test_kinks_of_relu_neither_take_all_the_time_nor_pass_for_saddles():
    x = np.random.default_rng(0).standard_normal((200, 2))
    net = MLP(2, [(3, "relu", False), (1, "linear", True)])
    found = minimise(net.on(x, np.sin(3 * x[:, :1])), net.init(seed=0))
    assert found.gradient_norm > 1e-6
    assert found.stopped_by == "rounding"
    assert found.kind == "unfinished"


def test_a_flow_to_infinity_ends_with_a_reason_and_no_warning():
    x = np.random.default_rng(5).standard_normal((300, 2))
    net = MLP(2, [(4, "erf", True), (1, "linear", True)])
    path = flow(net.on(x, np.sin(x[:, :1]) + x[:, 1:] * x[:, :1]), net.init(seed=5), 1e12)
    assert path.stopped_by == "the solver: no step is short enough for its tolerances"
    assert np.abs(path.p_last).max() > 100
