"""Plateaus of SGD in closed form against the ODE run to convergence, and against each other.

A closed form that holds to leading order in the noise is compared as a limit: the relative difference of the ODE's end
from it is measured at two noises and extrapolated to none (:func:`defect`). What is left is the next order in the noise
and the ODE's own error, 1e-13 of numbers of order one against plateaus of 1e-7: both below 1e-6 in all cases here, the
tolerance unless said otherwise. A formula wrong by a term of relative size 1e-5 would fail.

Starts are the zero-error states themselves, so that the only slow thing left is the drift along flat directions; at a
fixed time it vanishes in the same limit.
"""

import numpy as np
import pytest

import tutelage as tl
from tutelage import asymptotics
from tutelage.online.equations import right_hand_side

NOISES = (0.003, 0.009)
T = np.array([[1.3, 0.4], [0.4, 0.7]])  # a teacher whose units overlap
V_STAR = np.array([1.2, -0.8])


def state(parts, teacher, v, v_star, extra=0.0):
    """Student units w_k = sum_m parts[k, m] w*_m + others, the others with overlaps `extra` and orthogonal to w*."""
    P, teacher = np.array(parts, float), np.asarray(teacher, float)
    return tl.Overlaps(P @ teacher @ P.T + extra, P @ teacher, teacher, np.array(v, float), np.array(v_star, float))


def committee(M, L):
    """M units on an orthonormal teacher, L of length zero."""
    return state(np.eye(M + L, M), np.eye(M), np.ones(M + L), np.ones(M))


def pair(length, sign, v, v_star, teacher):
    """Two units on the teacher and two that cancel: w and sign w with readouts v[2:], orthogonal to all."""
    extra = np.zeros((4, 4))
    extra[2:, 2:] = length * np.array([[1, sign], [sign, 1]])
    return state(np.eye(4, 2), teacher, v, v_star, extra)


ZERO_ERROR = {
    "general teacher": state(np.eye(2), T, V_STAR, V_STAR),
    "flipped unit": state(np.diag([-1, 1]), T, [-1.2, -0.8], V_STAR),
    "one unit copied, readout split": state([[1, 0], [1, 0], [0, 1]], T, [0.84, 0.36, -0.8], V_STAR),
    "opposite pair": pair(0.1, -1, np.ones(4), np.ones(2), np.eye(2)),
    "readouts cancel": pair(0.5, 1, [1.2, -0.8, 0.5, -0.5], V_STAR, T),
}


def close(value, rel):
    """Equal up to `rel` and to nothing absolute: plateaus are small numbers."""
    return pytest.approx(value, rel=rel, abs=0)


def end(rule, start, alpha, rtol=1e-13):
    """Generalisation error of the ODE at `alpha`."""
    return float(tl.solve(rule, start, alpha, rtol=rtol, atol=1e-17, progress=False).eg[-1])


def defect(plateau, start, alpha, order=2, **rule):
    """Relative difference of the ODE's error at `alpha` from plateau(noise), extrapolated to noise 0."""
    low, high = (end(tl.OnlineSGD(noise=s, **rule), start, alpha) / plateau(s) - 1 for s in NOISES)
    ratio = (NOISES[1] / NOISES[0]) ** order
    return (ratio * low - high) / (ratio - 1)


def f(M, L, lr):
    """The function f of the erf plateau."""
    return asymptotics.soft_committee_erf(M, M + L, lr=lr, noise=1.0) * 2 * np.pi / lr


# soft_committee_erf


@pytest.mark.parametrize(
    ("M", "L", "lr", "value"),
    [(2, 0, 0.5, 1.471843), (2, 2, 0.2, 3.970667), (3, 1, 0.4, 4.296581), (4, 4, 0.2, 10.627912)],
)
def test_soft_committee_erf_numbers_of_the_rational_function(M, L, lr, value):
    assert f(M, L, lr) == pytest.approx(value, abs=5e-7)  # six decimals are known


@pytest.mark.parametrize(
    ("M", "L", "lr", "batch"), [(1, 0, 0.5, 1), (2, 0, 0.2, 1), (2, 1, 0.2, 1), (2, 2, 0.2, 1), (3, 1, 0.4, 2)]
)
def test_soft_committee_erf_is_where_the_ode_ends(M, L, lr, batch):
    def plateau(noise):
        return asymptotics.soft_committee_erf(M, M + L, lr=lr, noise=noise, batch=batch)

    assert abs(defect(plateau, committee(M, L), 3000.0, lr=lr, batch=batch)) < 1e-7  # measured: 3e-8


def test_soft_committee_erf_next_order_is_sigma_4():
    noises = np.array([0.01, 0.1])
    off = [
        end(tl.OnlineSGD(lr=0.2, noise=s), committee(2, 0), 3000.0)
        / asymptotics.soft_committee_erf(2, 2, lr=0.2, noise=s)
        - 1
        for s in noises
    ]
    assert off[1] == close(-7.77e-4, 1e-3)  # three digits are written here
    assert off[1] / off[0] == close(100, 0.01)  # the order after it: relative sigma^2


@pytest.mark.parametrize(("M", "L"), [(1, 0), (1, 3), (2, 0), (2, 2), (3, 1), (4, 3)])
@pytest.mark.parametrize(("fraction", "batch"), [(0.1, 1), (0.9, 3)])
def test_soft_committee_erf_is_perturbative(M, L, fraction, batch):
    lr = fraction * batch * asymptotics.critical_learning_rate_erf(M, M + L)
    general = asymptotics.perturbative(tl.OnlineSGD(lr=lr, noise=0.3, batch=batch), committee(M, L))
    closed = asymptotics.soft_committee_erf(M, M + L, lr=lr, noise=0.3, batch=batch)
    assert closed == close(general, 1e-12)  # rounding; the pole ten per cent away amplifies it tenfold


@pytest.mark.parametrize(("M", "L"), [(1, 0), (2, 0), (3, 2), (1, 4)])
def test_soft_committee_erf_small_lr(M, L):
    assert f(M, L, 1e-9) == close(L + M / np.sqrt(3), 1e-8)  # the next order is lr times a few


def test_soft_committee_erf_single_unit():
    assert f(1, 0, 0.7) == close(1 / np.sqrt(3) / (1 - np.sqrt(3 / 5) * 0.7 / np.pi), 1e-14)


def test_soft_committee_erf_many_units():
    assert f(400, 1, 1e-3) > f(400, 0, 1e-3) > 400 / np.sqrt(3)


# critical_learning_rate_erf


@pytest.mark.parametrize(
    ("M", "L", "value"), [(1, 0, 4.056), (2, 0, 2.307), (4, 0, 1.249), (2, 2, 0.972), (4, 2, 0.711), (4, 4, 0.492)]
)
def test_critical_learning_rate_erf_numbers(M, L, value):
    assert asymptotics.critical_learning_rate_erf(M, M + L) == pytest.approx(value, abs=5e-4)  # three decimals


def test_critical_learning_rate_erf_single_unit():
    assert asymptotics.critical_learning_rate_erf(1, 1) == close(np.pi * np.sqrt(5 / 3), 1e-14)


@pytest.mark.parametrize(("M", "L"), [(1, 0), (1, 2), (3, 0), (2, 2), (4, 4)])
def test_critical_learning_rate_erf_is_the_pole(M, L):
    critical = asymptotics.critical_learning_rate_erf(M, M + L)
    below = [1 / f(M, L, critical * (1 - x)) for x in (1e-6, 2e-6)]
    assert 2 * below[0] - below[1] == pytest.approx(0, abs=1e-8 * below[1])  # 1/f is linear there, to x = 1e-6 a digit
    rules = [tl.OnlineSGD(lr=critical * (1 + x), noise=0.1) for x in (-1e-9, 1e-9)]
    assert asymptotics.perturbative(rules[0], committee(M, L)) > 1e3  # the general form has its pole at the same rate
    with pytest.raises(tl.ArgumentError, match="critical"):
        asymptotics.perturbative(rules[1], committee(M, L))


@pytest.mark.parametrize(("M", "L", "batch"), [(1, 0, 1), (2, 0, 1), (2, 2, 1), (4, 2, 3)])
def test_critical_learning_rate_erf_is_where_the_ode_turns_unstable(M, L, batch):
    near = committee(M, L)
    near = tl.Overlaps(near.Q + 1e-8 * np.eye(M + L), near.R, near.T)  # displaced off the span of the teacher
    critical = batch * asymptotics.critical_learning_rate_erf(M, M + L)
    times = [100.0, 150.0]  # after the faster modes have gone; one per cent off the pole, a rate of 0.01 or so is left
    for factor, grows in ((0.99, False), (1.01, True)):
        rule = tl.OnlineSGD(lr=factor * critical, batch=batch)
        early, late = tl.solve(rule, near, times, rtol=1e-10, atol=1e-16, progress=False).eg.values
        assert (late > 1.2 * early) if grows else (late < early / 1.2)  # both move by a factor 1.5 at least


# linear, linear_both_layers


@pytest.mark.parametrize("batch", [1, 4])
def test_linear_is_exact(batch):
    rng = np.random.default_rng(0)
    v = np.array([0.5, -1.0, 0.7])
    start = tl.Overlaps.from_weights(rng.standard_normal((3, 50)), rng.standard_normal((2, 50)), v, [1.0, 2.0])
    rule = tl.OnlineSGD("linear", lr=0.6, noise=1.0, batch=batch)
    expected = asymptotics.linear(3, lr=0.6, noise=1.0, readouts=v, batch=batch)
    assert end(rule, start, 1000.0) == close(expected, 1e-11)  # the integrator's rtol of 1e-13, times 100
    copies = state(np.ones((3, 1)) / 3 / v[:, None], [[1.7]], v, [1.0])
    assert asymptotics.perturbative(rule, copies) == close(expected, 1e-13)


def test_linear_numbers():
    assert asymptotics.linear(2, lr=0.5, noise=1.0) == 0.5
    assert asymptotics.linear(4, lr=0.1, noise=0.1) == close(0.1 * 0.01 * 4 / (4 - 2 * 0.4), 1e-14)


def test_linear_turns_unstable_at_eta_k_2():
    for lr, grows in ((0.99, False), (1.01, True)):
        rule = tl.OnlineSGD("linear", lr=lr)
        early, late = tl.solve(rule, tl.Overlaps(np.eye(2), np.zeros((2, 1)), [[1.0]]), [50.0, 60.0], progress=False).eg
        assert bool(late > early) == grows
    asymptotics.linear(2, lr=0.9999, noise=1.0)
    with pytest.raises(tl.ArgumentError, match=r"`lr` must be below the critical learning rate 1, .* but is 1"):
        asymptotics.linear(2, lr=1.0, noise=1.0)


def balanced(K):
    """K linear units on the teacher's weight vector, sum v^2 = |u| and Q = v v'."""
    u = np.sqrt(V_STAR @ T @ V_STAR)
    v = np.sqrt(u / K) * np.ones(K)
    return tl.Overlaps(np.outer(v, v), np.outer(v, T @ V_STAR / u), T, v, V_STAR)


@pytest.mark.parametrize("K", [1, 2, 5])
def test_linear_both_layers_does_not_depend_on_k(K):
    def plateau(noise):
        return asymptotics.linear_both_layers(V_STAR, T, lr=0.3, noise=noise)

    assert abs(defect(plateau, balanced(K), 100.0, activation="linear", lr=0.3, train="both")) < 2e-6  # measured: 1e-6


def test_linear_both_layers_drift():
    lr, noise, times = 0.3, 0.01, np.array([200.0, 1000.0, 4000.0])
    rule = tl.OnlineSGD("linear", lr=lr, noise=noise, train="both")
    ds = tl.solve(rule, balanced(3), times, rtol=1e-11, progress=False)
    z = (ds.v.values**2).sum(1)
    eg, square = lr * z * noise**2 / (4 - 2 * lr * z), V_STAR @ T @ V_STAR
    assert ds.eg.values == close(eg, 1e-3)  # the error follows z, up to O(sigma^2) and the rate of z
    # the law of z, integrated: dz (square + z^2) / z^3 = -lr^2 (sigma^2 + 2 eg) d alpha, by the trapezoidal rule
    primitive = np.log(z) - square / (2 * z**2)
    speed = lr**2 * (noise**2 + (eg[1:] + eg[:-1]))
    assert np.diff(primitive) == close(-speed * np.diff(times), 1e-3)


def test_linear_both_layers_from_small_weights():
    rng = np.random.default_rng(0)
    W, W_star = 0.003 * rng.standard_normal((4, 400)), rng.standard_normal((2, 400))
    start = tl.Overlaps.from_weights(W, W_star, 0.003 * rng.standard_normal(4), [1.0, 1.0])
    off = []
    for lr in (0.01, 0.02):
        rule = tl.OnlineSGD("linear", lr=lr, noise=0.01, train="both")
        expected = asymptotics.linear_both_layers([1.0, 1.0], start.T, lr=lr, noise=0.01)
        off.append(end(rule, start, 60 / lr) / expected - 1)
    assert off[1] == pytest.approx(-0.0038, abs=2e-4)  # relative O(lr): what finite steps do to Q - v v'
    assert abs(2 * off[0] - off[1]) < 1e-4  # which vanishes with lr; lr^2 is left (measured: 4e-5)


# denoising_erf


@pytest.mark.parametrize("train", ["both", "first"])
@pytest.mark.parametrize(("Z", "v_star"), [(1, 1.0), (2, 1.0), (3, -1.5)])
def test_denoising_erf_is_where_the_ode_ends(Z, v_star, train):
    start = state(np.repeat(np.eye(2), Z, 0), np.eye(2), np.full(2 * Z, v_star / Z), [v_star] * 2)

    def plateau(noise):
        return asymptotics.denoising_erf(2, 2 * Z, lr=0.5, noise=noise, v_star=v_star)

    assert abs(defect(plateau, start, 3000.0, lr=0.5, train=train)) < 1e-6


@pytest.mark.parametrize(("K", "value"), [(4, 5.14871e-6), (8, 2.42785e-6), (16, 1.18035e-6)])
def test_denoising_erf_numbers(K, value):
    assert asymptotics.denoising_erf(2, K, lr=0.5, noise=0.01) == pytest.approx(value, abs=5e-12)  # six digits


def test_denoising_erf_limits():
    assert asymptotics.denoising_erf(3, 3, lr=0.5, noise=0.2) == asymptotics.soft_committee_erf(3, 3, lr=0.5, noise=0.2)
    small = asymptotics.denoising_erf(2, 6, lr=1e-9, noise=1.0, v_star=2.0)
    assert small == close(1e-9 * 4 * 4 / (2 * np.sqrt(3) * np.pi * 6), 1e-8)  # next order: lr times a few


@pytest.mark.parametrize("share", [0.5, 0.6, 0.9])
def test_denoising_erf_is_the_lowest_split(share):
    start = state([[1, 0], [1, 0], [0, 1], [0, 1]], np.eye(2), [share, 1 - share] * 2, np.ones(2))
    split = asymptotics.perturbative(tl.OnlineSGD(lr=0.5, noise=0.1), start)
    equal = asymptotics.denoising_erf(2, 4, lr=0.5, noise=0.1)
    assert split == close(equal, 1e-13) if share == 0.5 else split > equal


# perturbative, small_lr, relu_small_lr


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", ZERO_ERROR)
def test_perturbative_is_where_the_ode_ends(name, batch):
    start = ZERO_ERROR[name]

    def plateau(noise):
        return asymptotics.perturbative(tl.OnlineSGD(lr=0.3, noise=noise, batch=batch), start)

    assert abs(defect(plateau, start, 1200.0, lr=0.3, batch=batch)) < 2e-6  # measured: 6e-7, where pairs drift


def response(rule, start, step=1e-4):
    """The plateau to order sigma^2 from central differences of the equations of motion and of eg, by Q and R."""
    rows = np.tril_indices(start.students)
    quiet = tl.OnlineSGD(rule.activation, lr=rule.lr, batch=rule.batch)

    def velocity(by, at):
        speed = right_hand_side(by, at)
        return np.concatenate([speed.Q[rows], speed.R.ravel()])

    def moved(direction, size):
        by = size * np.eye(len(rows[0]) + start.R.size)[direction]
        E = np.zeros_like(start.Q)
        E[rows] = by[: len(rows[0])]
        Q, R = start.Q + np.maximum(E, E.T) + np.minimum(E, E.T) - np.diag(np.diag(E)), by[len(rows[0]) :]
        at = tl.Overlaps.unchecked(Q, start.R + R.reshape(start.R.shape), start.T, start.v, start.v_star)
        C, a = at.covariance, at.signed_readout
        averages = [
            [tl.gaussian.I2(rule.student, C[np.ix_([i, j], [i, j])]) for j in range(len(a))] for i in range(len(a))
        ]
        return np.append(velocity(quiet, at), a @ averages @ a / 2)

    slopes = np.array([moved(d, step) - moved(d, -step) for d in range(len(rows[0]) + start.R.size)]).T / (2 * step)
    return slopes[-1] @ np.linalg.solve(slopes[:-1], -velocity(rule, start))


@pytest.mark.parametrize(("unit", "lr"), [("erf", 0.3), ("hermite-3", 5e-4), (tl.polynomial([0, 1, 0.3, 0.1]), 0.05)])
def test_perturbative_is_the_response_of_the_equations(unit, lr):
    rule = tl.OnlineSGD(unit, lr=lr, noise=0.1, batch=2)
    start = ZERO_ERROR["general teacher"]
    plateau = asymptotics.perturbative(rule, start)
    assert plateau / asymptotics.small_lr(rule, start) > 1.01  # so that the order beyond lr is seen
    assert plateau == close(response(rule, start), 1e-6)  # differences: step^2 = 1e-8 times derivatives


def test_perturbative_where_a_random_start_ends():
    rule, start = tl.OnlineSGD(lr=0.2, noise=0.001), tl.Overlaps.random(students=4, teachers=2, dim=784, seed=0)
    # Tight: what the tolerances leave of the error has no floor here (docs/sharp-bits.md), and must be below 1e-12.
    ode = tl.solve(tl.OnlineSGD(lr=0.2), start, 1e4, rtol=1e-12, atol=1e-14, progress=False)
    learnt = tl.state_at(ode, 1e4)
    assert np.sort(np.diag(learnt.Q))[:2] == pytest.approx([0.141, 0.141], abs=1e-3)  # the surplus units froze
    plateau = asymptotics.perturbative(rule, learnt)
    assert plateau < 0.95 * asymptotics.soft_committee_erf(2, 4, lr=0.2, noise=0.001)
    # the pair drifts over alpha (lr sigma)^2 = 4e-5 of its way; measured: 2e-6
    assert end(rule, learnt, 1000.0) == close(plateau, 1e-5)


def test_perturbative_flat_surplus_pair_is_below_the_committee():
    rule, committees = tl.OnlineSGD(lr=0.2, noise=0.01), asymptotics.soft_committee_erf(2, 4, lr=0.2, noise=0.01)
    frozen = asymptotics.perturbative(rule, ZERO_ERROR["opposite pair"])
    assert frozen / committees == pytest.approx(0.933, abs=5e-4)  # three digits are written here
    shrunk = asymptotics.perturbative(rule, pair(1e-9, -1, np.ones(4), np.ones(2), np.eye(2)))
    assert shrunk == close(committees, 1e-8)  # linear in the length


@pytest.mark.parametrize("name", ZERO_ERROR)
def test_small_lr_is_the_limit_of_perturbative(name):
    rule = tl.OnlineSGD(lr=1e-8, noise=0.1, batch=2)
    limit = asymptotics.small_lr(rule, ZERO_ERROR[name])
    assert asymptotics.perturbative(rule, ZERO_ERROR[name]) == close(limit, 1e-7)  # next order: lr


RELU = {
    "K = M": state(np.eye(2), np.eye(2), np.ones(2), np.ones(2)),
    "general teacher": state(np.eye(2), T, V_STAR, V_STAR),
    "shared teacher unit": state([[0.3, 0], [0.7, 0], [0, 1]], np.eye(2), np.ones(3), np.ones(2)),
}


@pytest.mark.parametrize("name", RELU)
def test_relu_small_lr_is_the_limit_of_perturbative(name):
    start, rule = RELU[name], tl.OnlineSGD("relu", lr=1e-8, noise=0.5)
    limit = asymptotics.relu_small_lr(start.students, lr=1e-8, noise=0.5, v=start.v)
    assert asymptotics.small_lr(rule, start) == close(limit, 1e-13)
    assert asymptotics.perturbative(rule, start) == close(limit, 1e-7)  # next order: lr


def test_relu_small_lr_next_order():
    rule = tl.OnlineSGD("relu", lr=0.1, noise=0.01)
    ratio = asymptotics.perturbative(rule, RELU["K = M"]) / asymptotics.relu_small_lr(2, lr=0.1, noise=0.01)
    assert ratio == pytest.approx(1.08, abs=5e-3)


@pytest.mark.slow  # compiles the ReLU equations
@pytest.mark.parametrize("name", RELU)
def test_perturbative_relu_is_where_the_ode_ends(name):
    start, off = RELU[name], []
    for noise in (0.01, 0.02, 0.03):
        rule = tl.OnlineSGD("relu", lr=0.1, noise=noise)
        ds = tl.solve(rule, start, 500.0, rtol=1e-11, atol=1e-13, progress=False)
        off.append(float(ds.eg[-1]) / asymptotics.perturbative(rule, start) - 1)
    assert all(1e-5 < abs(x) < 1e-3 for x in off)  # relative O(sigma) from the kink, O(sigma^2) from the drift
    assert abs(3 * off[0] - 3 * off[1] + off[2]) < 5e-5  # both taken out; left: sigma^3 and the ODE's error (2.5e-5)


# refusals


def test_critical_rate_is_named():
    message = r"`lr` must be below the critical learning rate 2.30683, where the plateau diverges, but is 3\."
    with pytest.raises(tl.ArgumentError, match=message):
        asymptotics.soft_committee_erf(2, 2, lr=3.0, noise=0.1)
    asymptotics.soft_committee_erf(2, 2, lr=3.0, noise=0.1, batch=2)
    with pytest.raises(tl.ArgumentError, match=r"rate 4.61366, .* but is 5\."):
        asymptotics.soft_committee_erf(2, 2, lr=5.0, noise=0.1, batch=2)
    with pytest.raises(tl.ArgumentError, match=r"rate 1.15341, .* but is 1.2\."):  # 2.30683 Z / v_star^2
        asymptotics.denoising_erf(2, 4, lr=1.2, noise=0.1, v_star=2.0)
    with pytest.raises(tl.ArgumentError, match=r"`rule` must have lr < 2.30683, critical .* has lr = 3"):
        asymptotics.perturbative(tl.OnlineSGD(lr=3.0), committee(2, 0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: asymptotics.soft_committee_erf(3, 2, lr=0.1, noise=0.1), r"`students` must be an integer >= 3, but"),
        (lambda: asymptotics.soft_committee_erf(0, 2, lr=0.1, noise=0.1), r"`teachers` must be an integer >= 1"),
        (lambda: asymptotics.soft_committee_erf(2, 2, lr=-0.1, noise=0.1), r"`lr` must be a finite number >= 0"),
        (lambda: asymptotics.soft_committee_erf(2, 2, lr=0.1, noise=np.nan), r"`noise` must be a finite number >= 0"),
        (lambda: asymptotics.denoising_erf(2, 5, lr=0.1, noise=0.1), r"`students` must be a multiple of teachers = 2"),
        (lambda: asymptotics.linear(2, lr=0.1, noise=0.1, readouts=[0, 0]), r"`readouts` must have a non-zero entry"),
        (lambda: asymptotics.linear(2, lr=0.1, noise=0.1, readouts=[1.0]), r"`readouts` must have shape \(2,\)"),
        (lambda: asymptotics.linear_both_layers([1.0], np.eye(2), lr=0.1, noise=0.1), r"`T` must have shape \(1, 1\)"),
        (lambda: asymptotics.linear_both_layers([1.0], [[-1]], lr=0.1, noise=0.1), r"`T` must be positive semi"),
        (lambda: asymptotics.relu_small_lr(2, lr=0.1, noise=0.1, v=np.eye(2)), r"`v` must have shape \(2,\)"),
    ],
)  # fmt: skip
def test_bad_arguments(call, message):
    with pytest.raises(tl.ArgumentError, match=message):
        call()


@pytest.mark.parametrize("function", [asymptotics.perturbative, asymptotics.small_lr])
def test_states_and_rules_that_the_perturbation_does_not_hold_for(function):
    error = tl.Overlaps(1.001 * np.eye(2), np.eye(2), np.eye(2))
    with pytest.raises(tl.ArgumentError, match=r"`state` must have zero generalisation error, but has eg = 0.000\d"):
        function(tl.OnlineSGD(), error)
    with pytest.raises(tl.ArgumentError, match="`state` must have no unit on the kink"):
        function(tl.OnlineSGD("relu"), committee(2, 1))
    for rule in (tl.OnlineSGD(train="both"), tl.OnlineSGD(weight_decay=0.1)):
        with pytest.raises(tl.ArgumentError, match='`rule` must have train="first" and weight_decay=0, but has train='):
            function(rule, committee(2, 0))


def test_nothing_moves_without_noise_or_readouts():
    silent = state(np.eye(2), np.eye(2), np.zeros(2), np.zeros(2))
    assert asymptotics.perturbative(tl.OnlineSGD(noise=1.0), silent) == 0.0
    assert asymptotics.perturbative(tl.OnlineSGD(noise=0.0), committee(2, 1)) == 0.0
    assert asymptotics.soft_committee_erf(2, 3, lr=0.5, noise=0.0) == 0.0


def test_a_relu_unit_on_the_kink_may_be_silent():
    start = state(np.eye(3, 2), np.eye(2), [1, 1, 0], np.ones(2))
    rule = tl.OnlineSGD("relu", lr=0.1, noise=0.1)
    assert asymptotics.perturbative(rule, start) == close(asymptotics.perturbative(rule, RELU["K = M"]), 1e-13)
