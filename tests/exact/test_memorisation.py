"""The classifier that memorises: three scalars against all its weights, and where gradient descent must end."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize
from scipy.special import expit

from tutelage import ArgumentError
from tutelage.complexity import largest_margin, memorisation, memorisation_directly


@pytest.mark.parametrize(
    ("samples", "noise", "strength", "start", "lr"),
    [(200, 0.1, 10.0, -2.0, 0.1), (200, 0.1, 10.0, 2.0, 0.1), (200, 0.1, 0.1, -2.0, 1.0), (50, 0.3, 1.0, 0.5, 3.0)],
)
def test_three_scalars_are_all_of_200_000_coordinates(samples, noise, strength, start, lr):
    steps = [0, 1, 10, 100, 400]
    options = {"start": start, "lr": lr, "steps": steps}
    exact, direct = (run(samples, noise, strength, **options) for run in (memorisation, memorisation_directly))
    assert direct.sizes["coordinate"] == 200_000
    for name in ("w0", "train_error", "error"):
        assert abs(exact[name] - direct[name]).max() < 1e-6
    rho = np.sqrt(samples * strength)
    own = np.sort(np.abs(direct.w.values[1:]))[::-1][: samples + 1]
    clean, noisy = (abs(rho * exact[name].values[-1]) for name in ("v_plus", "v_minus"))
    expected = np.sort([clean] * round(samples * (1 - noise)) + [noisy] * round(samples * noise) + [0.0])[::-1]
    assert abs(own - expected).max() < 1e-6


def test_what_is_conserved():
    ds = memorisation(1000, 0.25, 2.0, start=-1.0, lr=0.5, steps=[0, 3, 50, 3000])
    assert abs(ds.w0 - (-1 + 1000 * (0.75 * ds.v_plus - 0.25 * ds.v_minus))).max() < 1e-10


def interpolated_by_the_flow(strength: float, start: float, n: int = 200, p: float = 0.1) -> float:
    """Return w0 where the last training label becomes right, by another integrator, of gradient flow in all v's."""
    side = np.where(np.arange(n) < n * p, -1.0, 1.0)

    def margins(state):
        return side * state[0] + n * strength * state[1:]

    def rates(_, state):
        pull = expit(-margins(state)) / n
        return np.concatenate([[side @ pull], pull])

    def right(_, state):
        return margins(state).min()

    right.terminal = True
    begin = np.concatenate([[start], np.zeros(n)])
    return float(solve_ivp(rates, (0, 1e3), begin, events=right, rtol=1e-9, atol=1e-12).y[0, -1])


@pytest.mark.parametrize(("strength", "start", "w0"), [(10, 2, 2.007), (10, -2, -1.837), (0.1, -2, -0.198)])
def test_the_start_decides_what_is_interpolated(strength, start, w0):
    lr = 1e-3
    step = memorisation(strength=strength, start=start, lr=lr, steps=10_000).interpolates
    at = memorisation(strength=strength, start=start, lr=lr, steps=[step - 1, step])
    assert (at.train_error > 0).values.tolist() == [True, False]
    flow = interpolated_by_the_flow(strength, start)
    assert flow == pytest.approx(w0, abs=0.02)
    assert float(at.w0[1]) == pytest.approx(flow, abs=1e-3)
    assert at.error[1] == pytest.approx(0.1 if start > 0 else 0.9)


def test_a_bad_interpolator_is_left_in_the_end():
    ds = memorisation(strength=0.1, start=-2.0, lr=1.0, steps=[2, 3, 2000])
    assert ds.train_error.values.tolist() == [pytest.approx(0.9), 0.0, 0.0]
    assert ds.error.values.tolist() == [pytest.approx(0.9), pytest.approx(0.9), pytest.approx(0.1)]
    stays = memorisation(strength=10.0, start=-2.0, lr=1.0, steps=[1, 10_000])
    assert stays.train_error.values.tolist() == [0.0, 0.0]
    assert stays.w0[1] > stays.w0[0]
    assert (stays.error == 0.9).all()


@pytest.mark.parametrize(("noise", "strength"), [(0.1, 10.0), (0.3, 0.1), (0.2, 1.0)])
def test_the_largest_margin(noise, strength):
    n, rho2 = 10, 10 * strength
    side = np.where(np.arange(n) < n * noise, -1.0, 1.0)
    found = minimize(  # w0, and the weights of samples times y
        lambda w: w @ w, np.zeros(n + 1), jac=lambda w: 2 * w, method="SLSQP", tol=1e-14,
        constraints={"type": "ineq", "fun": lambda w: side * w[0] + np.sqrt(rho2) * w[1:] - 1},
    )  # fmt: skip
    assert found.success
    assert largest_margin(noise, strength) == pytest.approx(found.x[0] / np.linalg.norm(found.x), abs=1e-6)


def test_descent_turns_to_the_largest_margin_as_one_over_the_logarithm_of_time():
    steps = np.array([100, 1000, 10_000, 100_000, 1_000_000])
    ds = memorisation(100, 0.1, 0.1, lr=10.0, steps=steps)
    own = 100 * 10 * (0.9 * ds.v_plus**2 + 0.1 * ds.v_minus**2)  # n rho^2 times
    gaps = (ds.w0 / np.sqrt(ds.w0**2 + own)).values - largest_margin(0.1, 0.1)
    assert (np.diff(gaps) < 0).all()
    assert gaps * np.log(steps) == pytest.approx(0.33, rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise": 0.001}, "`noise` must be a share of the 200 samples, a whole number of them, but is 0.001"),
        ({"noise": 1.5}, "`noise` must be"),
        ({"strength": 0.0}, "`strength` must be a finite number > 0"),
        ({"steps": [0.5]}, "`steps` must be whole numbers, but contains 0.5"),
        ({"steps": [3, 2]}, "`steps` must be strictly increasing"),
        ({"lr": 0}, "`lr` must be"),
    ],
)
def test_refusals(arguments, message):
    for run in (memorisation, memorisation_directly):
        with pytest.raises(ArgumentError, match=message):
            run(**arguments)


def test_datasets_say_how_they_were_made():
    ds = memorisation(start=1.5, steps=2)
    settings = json.loads(ds.settings)
    assert settings.pop("view") == "memorisation"
    again = memorisation(**settings)
    assert again.identical(ds)
    with pytest.raises(ArgumentError, match="`coordinates` must be an integer >= 202"):
        memorisation_directly(coordinates=100)
