"""SGD on real weights follows the equations, up to fluctuations that fall as N^(-1/2)."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import tutelage as tl

ALPHA = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 7.0, 10.0, 20.0])


def state(students: int, teachers: int, **readouts: list[float]) -> tl.Overlaps:
    """Return a start away from symmetric points, where SGD and ODE would leave at different times."""
    K, M = students, teachers
    R = np.array([[0.6 if i % M == n else 0.1 * (-1) ** i for n in range(M)] for i in range(K)])
    Q = 0.15 * R @ R.T + np.diag(0.6 + 0.2 * np.arange(K))
    return tl.Overlaps(Q, R, np.eye(M), **readouts)


def gap(sim: xr.Dataset, ode: xr.Dataset) -> np.ndarray:
    """Return the largest distance of any overlap or readout at any time, shape (replica,)."""
    gaps = [np.abs(sim[name] - ode[name]) for name in ("Q", "R", "v")]
    return np.max([g.max([d for d in g.dims if d != "replica"]).values for g in gaps], axis=0)


CASES = {
    "K below M": (tl.OnlineSGD("erf", lr=0.5, noise=0.1), state(1, 2)),
    "K equal to M": (tl.OnlineSGD("erf", lr=0.5), state(2, 2)),
    "K above M": (tl.OnlineSGD("erf", lr=0.5, noise=0.2), state(4, 2)),
    "both layers": (
        tl.OnlineSGD("erf", lr=0.5, lr_readout=0.2, train="both", noise=0.1),
        state(3, 2, v=[0.5, 0.8, 0.3], v_star=[1.0, 0.7]),
    ),
    "readout": (tl.OnlineSGD("relu", lr=0.5, train="readout"), state(3, 2)),
    "decay": (tl.OnlineSGD("erf", lr=0.8, weight_decay=0.2, train="both"), state(2, 2)),
    "batch": (tl.OnlineSGD("erf", lr=1.5, noise=0.3, batch=5), state(2, 2)),
    "relu": (tl.OnlineSGD("relu", lr=0.2, noise=0.1), state(2, 2)),
    "linear": (tl.OnlineSGD("linear", lr=0.2, train="both"), state(2, 1)),
    "mismatch": (tl.OnlineSGD("erf", "relu", lr=0.2), state(2, 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_sgd_at_784_stays_close_to_the_ode(name: str) -> None:
    rule, begin = CASES[name]
    ode = tl.solve(rule, begin, ALPHA)
    sim = tl.simulate(rule, begin, ALPHA, dim=784, replicas=8, seed=1)
    moved = max(np.abs(ode[overlap][-1] - ode[overlap][0]).max() for overlap in ("Q", "R", "v"))
    assert moved > 0.15  # there is something to follow
    means = sim[["Q_mean", "R_mean", "v_mean"]].rename(Q_mean="Q", R_mean="R", v_mean="v").expand_dims("replica")
    assert gap(sim, ode).max() < 0.06  # each single run
    assert gap(means, ode).max() < 0.02
    assert abs(float(sim.eg_mean[-1] - ode.eg[-1])) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_the_gap_falls_as_one_over_the_root_of_n(activation: str) -> None:
    rule, begin = tl.OnlineSGD(activation, lr=0.3, noise=0.1), state(2, 2)
    alpha = np.linspace(0, 5, 11)
    ode = tl.solve(rule, begin, alpha)
    dims = np.array([100, 400, 1600, 6400])
    gaps = [gap(tl.simulate(rule, begin, alpha, dim=int(dim), replicas=32, seed=2), ode).mean() for dim in dims]
    slope = np.polyfit(np.log(dims), np.log(gaps), 1)[0]
    assert abs(slope + 0.5) < 0.1
