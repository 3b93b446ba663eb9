"""Fixed points of the flow against integrated equations, closed forms and independent derivatives.

The independent right-hand side is that of benchmarks/baseline.py, the independent integrator SciPy's.
"""

import numpy as np
import pytest
from stationary import close, committee, settings, units

import baseline
import tutelage as tl
from tutelage import asymptotics
from tutelage.online.continuation import continuation
from tutelage.online.critical import critical_learning_rate
from tutelage.online.fixed_points import classify, fixed_point
from tutelage.online.jacobian import Coordinates, jacobian
from tutelage.online.plateau import plateau

# fixed_point


@pytest.mark.parametrize(
    ("K", "M", "train", "weight_decay"), [(1, 1, "first", 0.0), (3, 2, "first", 0.0), (2, 2, "both", 0.01)]
)
def test_leading_eigenvalue_is_the_decay_rate(K, M, train, weight_decay):
    rule = tl.OnlineSGD("erf", lr=0.4, noise=0.3, train=train, weight_decay=weight_decay)
    point = fixed_point(rule, tl.Overlaps.random(K, M, dim=500, seed=2))
    assert point.stable
    assert point.residual < 1e-15
    values, vectors = np.linalg.eig(jacobian(rule, point.state))
    assert sorted(values.real)[-1] == pytest.approx(point.eigenvalues[0].real, abs=1e-14)
    moved = [displaced(rule, point.state, along) for along in vectors.real.T]
    loudest = int(np.argmax([abs(there.generalisation_error("erf") - point.eg) for there in moved]))
    for mode in (int(values.real.argmax()), loudest):
        start, times = moved[mode], np.array([0.0, 1.0, 2.0]) / -values[mode].real
        Q, R, v = baseline.trajectory(start.Q, start.R, start.T, start.v, start.v_star, times, **settings(rule))
        off = np.abs(R - point.state.R).max((1, 2))
        assert np.log(off[:-1] / off[1:]) == pytest.approx(1.0, abs=1e-3)  # the next order is 1e-5 of it
    states = [tl.Overlaps(*y, start.T, u, start.v_star) for *y, u in zip(Q, R, v, strict=True)]
    off = np.array([state.generalisation_error("erf") for state in states]) - point.eg
    assert np.log(off[:-1] / off[1:]) == pytest.approx(1.0, abs=1e-3)


def displaced(rule, state, along):
    """The state 1e-5 away along a direction in coordinates."""
    step = Coordinates.of(rule, state).direction(1e-5 * along)
    return tl.Overlaps(state.Q + step.Q, state.R + step.R, state.T, state.v + step.v, state.v_star)


def test_fixed_point_is_the_plateau_of_the_perturbation_theory():
    teacher = [[1.1, 0.2], [0.0, 0.9]]
    start = units([[1.0, 0.1, 0.1, 0.0], [0.1, 1.0, 0.0, 0.1]], np.pad(teacher, ((0, 0), (0, 2))))
    zero = units(teacher, teacher)
    for lr in (0.1, 0.8):
        rule = tl.OnlineSGD("erf", lr=lr, noise=1e-3)
        assert fixed_point(rule, start).eg == close(asymptotics.perturbative(rule, zero), 1e-6)  # next order: sigma^2


@pytest.mark.parametrize(("K", "M"), [(1, 1), (2, 2), (3, 2)])
def test_fixed_point_is_the_plateau_of_the_committee(K, M):
    point = fixed_point(tl.OnlineSGD("erf", lr=0.3, noise=1e-3), committee(K, M))
    assert point.eg == close(asymptotics.soft_committee_erf(M, K, lr=0.3, noise=1e-3), 2e-6)
    assert (point.kind, point.unstable, point.flat) == ("specialised", 0, 0)


@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_linear_fixed_point_is_exact(noise):
    rule = tl.OnlineSGD("linear", lr=0.2, noise=noise)
    point = fixed_point(rule, tl.Overlaps.random(3, 2, dim=100))
    assert point.eg == close(asymptotics.linear(3, lr=0.2, noise=noise), 1e-12)
    # two differences of units stay where they are: 2 M overlaps with the teacher, 3 among themselves
    assert point.flat == 2 * 2 + 3
    assert point.unstable == 0


def test_noiseless_student_learns_perfectly():
    point = fixed_point(tl.OnlineSGD("erf", lr=0.5), tl.Overlaps.random(2, 2, dim=300, seed=3))
    assert point.eg < 1e-15
    assert (
        pytest.approx(point.state.T, abs=1e-9) == point.state.Q
        or pytest.approx(point.state.T[::-1, ::-1], abs=1e-9) == point.state.Q
    )


def test_relu_leading_eigenvalue_at_a_singular_covariance_is_the_decay_rate():
    rule, start = tl.OnlineSGD("relu", lr=0.3), tl.Overlaps([[0.8]], [[0.4]], [[1.0]])
    point = fixed_point(rule, start)
    assert point.eg < 1e-15
    times = [0, 60, 80]
    _, R, _ = baseline.trajectory(start.Q, start.R, start.T, start.v, start.v_star, times, **settings(rule))
    off = np.abs(R[1:, 0, 0] - 1)
    assert point.eigenvalues[0].real == close(np.log(off[1] / off[0]) / 20, 0.01)


def test_a_saddle_is_returned_only_to_those_who_start_on_it():
    rule = tl.OnlineSGD("erf", lr=0.2)
    start = tl.Overlaps(Q=np.full((2, 2), 0.3) + 0.1 * np.eye(2), R=np.full((2, 2), 0.3), T=np.eye(2))
    assert fixed_point(rule, start).kind == "symmetric plateau"
    tilted = tl.Overlaps(start.Q, start.R + 1e-7 * np.array([[1, -1], [-1, 1]]), start.T)
    assert fixed_point(rule, tilted).kind == "specialised"
    near = fixed_point(rule, plateau(rule, start).displaced(1e-4), follow=False)
    assert (near.kind, near.unstable) == ("symmetric plateau", 1)


def test_no_fixed_point():
    point = fixed_point(tl.OnlineSGD("linear", lr=0.9), tl.Overlaps.random(3, 2, dim=100))
    assert (point.kind, point.ending, point.stable, len(point.eigenvalues)) == ("diverging", "diverging", False, 0)
    with pytest.raises(tl.DivergenceError) as caught:
        tl.solve(point.rule, tl.Overlaps.random(3, 2, dim=100), 1e4)
    assert 0 < point.alpha == close(caught.value.alpha, 0.1)  # when, not the last time that was kept
    assert str(point).startswith(f"no fixed point, the flow leaves every bound at alpha = {point.alpha:g}")
    # two surplus erf units that label noise drives along a flat direction
    drifting = units(np.eye(4)[:, :3] + np.eye(4, 3, -1) * [0, 0, -0.3], np.eye(2, 3))
    moving = fixed_point(tl.OnlineSGD("erf", lr=0.2, noise=0.01), drifting, alpha=2000.0)
    assert (moving.kind, moving.ending, moving.alpha) == ("diverging", "moving", 2000.0)
    assert str(moving).startswith("no fixed point, still moving at alpha = 2000: eg = ")


def test_relu_with_both_layers_and_noise_drifts_for_ever(monkeypatch):
    """For units with g' x = g, d(Q_ii - v_i^2) = lr^2 v_i^2 <g'^2 (error^2 + noise^2)> at equal rates: above zero."""
    from tutelage.online import newton

    used = []
    real = newton.integrate_scipy
    monkeypatch.setattr(newton, "integrate_scipy", lambda *a: used.append(a[3]) or real(*a))
    rule, start = tl.OnlineSGD("relu", lr=0.2, noise=0.1, train="both"), tl.Overlaps([[1.0]], [[0.5]], [[1.0]])
    point = fixed_point(rule, start, alpha=4000.0)
    assert (point.ending, set(used)) == ("moving", {"bdf"})
    ode = tl.solve(rule, start, np.linspace(100, 4000, 14), rtol=1e-9, atol=1e-12)  # the explicit integrator
    assert np.abs(ode.Q.values[-1] - point.state.Q).max() < 1e-6
    assert np.abs(ode.v.values[-1] - point.state.v).max() < 1e-6
    apart = (ode.Q.values[:, 0] - ode.v.values**2)[:, 0]
    v, eg = ode.v.values[:, 0], ode.eg.values
    assert (np.diff(apart) > 0).all()
    least = 0.2**2 * 0.1**2 / 2 * np.trapezoid(v**2, ode.alpha)  # <g'^2> = 1/2, the error itself left out
    assert least < apart[-1] - apart[0] < 1.1 * least * (1 + 4 * eg.max() / 0.1**2)


def test_what_is_printed_of_a_fixed_point():
    flat = fixed_point(tl.OnlineSGD("erf", lr=0.2), tl.Overlaps.random(students=4, teachers=2, dim=1000, seed=1))
    assert flat.flat > 0
    assert "leading eigenvalue 0," in str(flat)
    saddle = fixed_point(tl.OnlineSGD("erf", lr=0.5), tl.Overlaps(Q=np.eye(2), R=np.full((2, 2), 0.1), T=np.eye(2)))
    assert "1 unstable direction," in str(saddle)


def test_interrupted(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tutelage.online.newton.integrate", stop)
    start = tl.Overlaps.random(2, 2, dim=100)
    with pytest.warns(UserWarning, match="interrupted"):
        point = fixed_point(tl.OnlineSGD("erf"), start)
    assert (point.kind, point.state.R.tolist()) == ("interrupted", start.R.tolist())


@pytest.mark.parametrize(("activation", "lr"), [("tanh", 0.3), ("gelu", 0.1), ("square", 0.02)])
def test_fixed_point_of_other_activations_is_that_of_the_perturbation_theory(activation, lr):
    rule = tl.OnlineSGD(activation, lr=lr, noise=1e-3)
    point = fixed_point(rule, tl.Overlaps([[1.2]], [[0.6]], [[1.0]]))
    assert point.eg == close(asymptotics.perturbative(rule, committee(1, 1)), 1e-6)  # the next order is sigma^2
    assert (point.kind, point.stable) == ("specialised", True)


# kinds

TWO = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("W", "v", "kind"),
    [
        ([[1, 0, 0.1, 0], [0, 1, 0, 0.1]], None, "specialised"),
        ([[0, 1, 0, 0], [-1, 0, 0, 0]], [1, -1], "specialised"),
        ([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.05, 0]], None, "specialised"),  # the third one does not matter
        ([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.3, 0], [0, 0, -0.3, 0]], None, "specialised"),  # a pair that cancels
        ([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], [0.7, 0.3, 1], "denoising"),
        ([[1, 0, 0, 0], [-1, 0, 0.1, 0], [0, 1, 0, 0]], [0.4, -0.6, 1], "denoising"),
        ([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]], [1, 1, 1], "other"),  # the copies do not add up
        ([[0.5, 0.5, 0.1, 0], [0.5, 0.5, 0, 0.1]], None, "symmetric plateau"),
        ([[0.01, 0, 0, 0], [0, 0, 0.01, 0]], None, "vanishing"),
        ([[1, 0.8, 0, 0], [0.7, 0.2, 0, 0]], None, "other"),
    ],
)
def test_kinds(W, v, kind):
    assert classify(tl.OnlineSGD("erf"), units(W, TWO, v)) == kind


def test_kinds_of_relu_copies_share_by_length():
    state = units([[0.6, 0, 0], [0.4, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 0]])
    assert classify(tl.OnlineSGD("relu"), state) == "denoising"
    assert classify(tl.OnlineSGD("erf"), state) == "other"


def test_copies_of_a_single_teacher_unit_are_symmetric_unless_they_share_it():
    assert classify(tl.OnlineSGD("erf"), units([[0.5, 0.1], [0.5, -0.1]], [[1, 0]])) == "symmetric plateau"
    assert classify(tl.OnlineSGD("erf"), units([[1, 0], [1, 0]], [[1, 0]], [0.5, 0.5])) == "denoising"


def test_denoising_is_found():
    rule = tl.OnlineSGD("erf", lr=0.5, noise=0.1, train="both")
    start = units(np.repeat(np.eye(2, 6), 2, 0) + 0.1 * np.eye(4, 6, 2), np.eye(2, 6), [0.6, 0.4, 0.5, 0.5])
    point = fixed_point(rule, start)
    assert (point.kind, point.stable) == ("denoising", True)
    ratio = point.eg / asymptotics.denoising_erf(2, 4, lr=0.5, noise=0.1)
    finer = fixed_point(tl.OnlineSGD("erf", lr=0.5, noise=0.05, train="both"), start)
    ratios = np.array([ratio, finer.eg / asymptotics.denoising_erf(2, 4, lr=0.5, noise=0.05)])
    assert (4 * ratios[1] - ratios[0]) / 3 == close(1.0, 2e-3)  # the next order is sigma^2, the one after sigma^4


# continuation


def test_noise_continuation_is_the_end_of_long_runs():
    rule, noises = tl.OnlineSGD("erf", lr=0.4), [0.0, 0.2, 0.5]
    branch = continuation(rule, committee(2, 2), "noise", noises)
    for noise, eg in zip(noises[1:], branch.eg.values[1:], strict=True):
        run = tl.solve(tl.OnlineSGD("erf", lr=0.4, noise=noise), committee(2, 2), 3000.0, rtol=1e-12, atol=1e-14)
        assert float(run.eg[-1]) == close(eg, 1e-9)
    assert branch.eg.values[0] < 1e-15
    assert branch.unstable.values.tolist() == [0, 0, 0]
    assert branch.eg.dims == ("noise",)


def test_continuation_follows_saddles_in_both_directions():
    rule = tl.OnlineSGD("erf", lr=0.2)
    found = plateau(rule, tl.Overlaps(Q=np.eye(2), R=np.full((2, 2), 0.1), T=np.eye(2)))
    branch = continuation(rule, found.state, "lr", [0.2, 0.5, 0.1])
    for lr, eg in zip(branch.lr.values, branch.eg.values, strict=True):
        assert plateau(tl.OnlineSGD("erf", lr=lr), found.state).eg == close(eg, 1e-10)
    assert (branch.unstable.values == 1).all()


def test_continuation_ends_with_nan():
    state = fixed_point(tl.OnlineSGD("linear", lr=0.5, noise=0.1), tl.Overlaps([[1.0]], [[0.5]], [[1.0]])).state
    branch = continuation(tl.OnlineSGD("linear", noise=0.1), state, "lr", [0.5, 1.5, 2.5, 1.5])
    expected = [asymptotics.linear(1, lr=lr, noise=0.1) for lr in (0.5, 1.5)]
    assert branch.eg.values[:2] == pytest.approx(expected, rel=1e-10)
    assert np.isnan(branch.eg.values[2:]).all()
    assert np.isnan(branch.Q.values[2:]).all()


@pytest.mark.parametrize("parameter", ["lr", "weight_decay"])
def test_continuation_from_afar_is_a_fixed_point(parameter):
    rule = tl.OnlineSGD("erf", lr=0.4, noise=0.3, weight_decay=1e-3)
    begin = fixed_point(rule, committee(2, 2)).state
    values = [getattr(rule, parameter), 2 * getattr(rule, parameter)]
    branch = continuation(rule, begin, parameter, values)
    there = fixed_point(tl.OnlineSGD(**{"lr": 0.4, "noise": 0.3, "weight_decay": 1e-3, parameter: values[1]}), begin)
    assert float(branch.eg[1]) == close(there.eg, 1e-10)
    assert float(branch.eigenvalue[1]) == close(there.eigenvalues[0].real, 1e-8)


# critical_learning_rate


@pytest.mark.parametrize(
    ("K", "M", "value"), [(1, 1, np.pi * np.sqrt(5 / 3)), (2, 2, 2.307), (4, 4, 1.249), (3, 2, None), (4, 2, 0.972)]
)
def test_critical_learning_rate_of_committees(K, M, value):
    found = critical_learning_rate(tl.OnlineSGD("erf", lr=0.3), committee(K, M))
    assert found == close(asymptotics.critical_learning_rate_erf(M, K), 1e-7)
    if value is not None:
        assert found == pytest.approx(value, abs=5e-4)  # four digits are known


def test_critical_learning_rate_from_above_and_with_batches():
    rate = asymptotics.critical_learning_rate_erf(2, 2)
    assert critical_learning_rate(tl.OnlineSGD("erf", lr=3.0), committee(2, 2)) == close(rate, 1e-8)
    assert critical_learning_rate(tl.OnlineSGD("erf", lr=3.0, batch=4), committee(2, 2)) == close(4 * rate, 1e-8)


@pytest.mark.parametrize("K", [1, 3])
def test_critical_learning_rate_of_linear_units_with_flat_directions(K):
    state = units(np.eye(2)[[0] * K] / K, np.eye(2)[:1])
    assert critical_learning_rate(tl.OnlineSGD("linear", lr=0.1), state) == close(2 / K, 1e-8)
    noisy = fixed_point(tl.OnlineSGD("linear", lr=0.1, noise=0.1), state).state
    assert critical_learning_rate(tl.OnlineSGD("linear", lr=0.1, noise=0.1), noisy) == close(2 / K, 1e-4)  # a pole


# what is refused

NOISY = tl.OnlineSGD("linear", noise=0.1)  # for K = 2 and lr > 1 it has no stationary state


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda r, s: fixed_point("erf", s), "`rule` must be of type OnlineSGD"),
        (lambda r, s: jacobian(r, [1]), "`state` must be of type Overlaps"),
        (lambda r, s: fixed_point(r, s, alpha=0), "`alpha` must be a finite number > 0"),
        (lambda r, s: plateau(r, tl.Overlaps(s.Q, s.R, s.T, [1, 2])), "`state` must have one and the same v"),
        (
            lambda r, s: plateau(r, tl.Overlaps(s.Q, s.R, s.T, None, [1, 2])),
            "`state` must have one and the same v_star",
        ),
        (lambda r, s: plateau(r, units(s.R, np.diag([1, 2]))), "`state` must have a T that permutations leave alike"),
        (lambda r, s: plateau(r, committee(1, 1)), "`state` must have several units to permute"),
        (
            lambda r, s: plateau(tl.OnlineSGD("linear", lr=1.5), units(2 * s.R, s.R)),
            "`state` must lead to a symmetric plateau",
        ),
        (lambda r, s: plateau(r, s).duration(0), "`asymmetry` must be a finite number > 0"),
        (lambda r, s: plateau(r, s).duration(2), "`asymmetry` must be a finite number > 0 and <= 1"),
        (lambda r, s: fixed_point(r, s, follow="no"), "`follow` must be of type bool, but is of type str"),
        (lambda r, s: continuation(r, s, "batch", [1]), '`parameter` must be one of "lr"'),
        (lambda r, s: continuation(r, s, "lr", [-1]), "`values` must be >= 0"),
        (lambda r, s: continuation(NOISY, s, "lr", [1.5]), "`state` must be near a stationary state"),
        (lambda r, s: critical_learning_rate(tl.OnlineSGD("relu", lr=0.1), s), "tl.asymptotics.perturbative"),
        (
            lambda r, s: critical_learning_rate(r, plateau(r, s).state),
            "stable at a smaller lr, but it does not from lr = 0.2 down to lr = 1.",
        ),
        (lambda r, s: critical_learning_rate(tl.OnlineSGD(lr=0), s), "`rule.lr` must be a finite number > 0"),
    ],
)
def test_refused(call, sentence):
    with pytest.raises(tl.ArgumentError) as refused:
        call(tl.OnlineSGD("erf", lr=0.2), committee(2, 2))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("state", "options"),
    [
        (tl.Overlaps(np.eye(2), np.eye(2), np.eye(2)), {}),
        (tl.Overlaps(np.full((2, 2), 0.5), [[0.3], [0.3]], [[1.0]]), {"noise": 0.1, "weight_decay": 0.05}),
    ],
    ids=["on the teacher", "merged students"],
)
def test_eigenvalues_by_quadrature_are_those_of_the_closed_form_at_singular_covariances(state, options):
    import math

    own = tl.Activation(lambda x: math.erf(x / math.sqrt(2)), lambda x: math.sqrt(2 / math.pi) * math.exp(-x * x / 2))
    points = [tl.fixed_point(tl.OnlineSGD(g, lr=0.2, **options), state, follow=False) for g in ("erf", own)]
    assert np.abs(points[0].eigenvalues - points[1].eigenvalues).max() < 1e-5
    assert points[0].unstable == points[1].unstable == 0


@pytest.mark.slow
def test_critical_rate_of_tanh_is_that_of_small_displacements():
    """One unit on its teacher: eta_c = 2 <g'^2> / <g'^4>, here by the averages' own quadrature."""
    rate = tl.critical_learning_rate(tl.OnlineSGD("tanh", lr=0.2), tl.Overlaps([[1.0]], [[1.0]], [[1.0]]))
    slope = lambda x: 1 - np.tanh(x) ** 2  # noqa: E731
    second = tl.gaussian.product_average([lambda x: slope(x) ** 2], [[1.0]]).value
    fourth = tl.gaussian.product_average([lambda x: slope(x) ** 4], [[1.0]]).value
    assert rate == close(2 * second / fourth, 1e-5)


@pytest.mark.parametrize(
    ("long", "total"),
    [
        (lambda: tl.critical_learning_rate(tl.OnlineSGD("erf", lr=0.5), committee(2, 2)), 2.0),
        (lambda: plateau(NOISY, units(np.full((2, 2), 0.3), np.eye(2))), np.log1p(1e6)),
    ],
    ids=["critical learning rate", "plateau"],
)
def test_what_takes_long_by_quadrature_reports_how_far_it_is(long, total, monkeypatch):
    from tutelage.progress import Progress

    said = []
    monkeypatch.setattr(Progress, "update", lambda self, done: said.append((done, self.total)))
    long()
    done, totals = np.array(said).T
    assert (totals == total).all()
    assert 0 <= done[0] < done[-1] <= total
    assert (np.diff(done[np.argmax(done >= 1) :]) >= 0).all()


def test_students_that_merge_are_followed_at_the_default_tolerances():
    state = tl.Overlaps.random(students=2, teachers=2, dim=784, seed=0)
    rule, times = tl.OnlineSGD("tanh", lr=0.2, noise=0.1, weight_decay=0.05), [50, 400, 2000]
    sharp = tl.solve(rule, state, times, rtol=1e-10, atol=1e-12)
    assert np.abs(tl.solve(rule, state, times).eg.values / sharp.eg.values - 1).max() < 2e-5
    assert abs(float(sharp.eg[-1]) - 0.0384388) < 1e-6
    assert abs(float(tl.fixed_point(rule, tl.state_at(sharp, 2000)).eg / sharp.eg[-1]) - 1) < 1e-6
