"""Mean field: arguments, results, interruption, cosines and their picture."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import tutelage as tl
from tutelage.regimes import Particles, cosine_histogram, cosines, solve_mean_field

RULE = tl.OnlineSGD("erf", lr=0.5)
LAW = Particles.gaussian(20, np.eye(2), dim=6, seed=0)


def solve(rule: tl.OnlineSGD = RULE, state: Any = LAW, alpha: Any = (0, 5, 20), **changes: Any) -> Any:
    return solve_mean_field(rule, state, alpha, **({"dim": 6, "progress": False} | changes))


@pytest.mark.parametrize(
    ("name", "given", "call"),
    [
        ("R", "(2,)", lambda: Particles([1.0, 2.0], [1.0, 1.0], [[1.0]])),
        ("q", "-0.5", lambda: Particles([[1.0], [1.0]], [1.0, -0.5], [[1.0]])),
        ("q", "(1,)", lambda: Particles([[1.0], [1.0]], [1.0], [[1.0]])),
        ("T", "(1, 1)", lambda: Particles([[1.0, 1.0]], [1.0], [[1.0]])),
        ("Q, R, T", "-1", lambda: Particles([[1.0]], [1.0], [[-1.0]])),
        ("R", "off by", lambda: Particles([[1.0, 0.5]], [1.0], np.ones((2, 2)))),
        ("v", "(1,)", lambda: Particles([[1.0], [1.0]], [1.0, 1.0], [[1.0]], v=[1.0])),
        ("dim", "is 1", lambda: Particles.gaussian(3, np.eye(2), dim=1)),
        ("students", "0", lambda: Particles.gaussian(0, np.eye(2), dim=3)),
        ("std", "-1", lambda: Particles.gaussian(3, np.eye(2), dim=3, std=-1)),
        ("rule", "str", lambda: solve("erf")),
        ("state", "ndarray", lambda: solve(state=np.eye(2))),
        ("dim", "is 1", lambda: solve(dim=1)),
        ("dim", "is 2", lambda: solve(dim=2)),
        ("dim", "2.5", lambda: solve(dim=2.5)),
        ("alpha", "5", lambda: solve(alpha=[5, 5])),
        ("rtol", "0", lambda: solve(rtol=0)),
        ("activation", "'step'", lambda: solve(tl.OnlineSGD("step", train="readout"))),
        ("ds", "Figure", lambda: cosines(Figure())),
        ("bins", "0", lambda: cosine_histogram(solve(), bins=0)),
        ("alpha", "empty", lambda: tl.plot.cosines(solve(), [])),
        ("ds", "int", lambda: tl.plot.cosines(3)),
    ],
)
def test_refusals(name: str, given: str, call: Callable[[], Any]) -> None:
    with pytest.raises(tl.ArgumentError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(f"Argument `{name}` must ")
    assert given in message.split(" must ", 1)[1]
    assert "\n" not in message


def test_an_own_function_with_a_kink_is_refused_and_a_smooth_one_is_not() -> None:
    bent = tl.Activation(lambda x: np.abs(x - 1), lambda x: np.where(x > 1, 1.0, -1.0), "bent", kinks=(1.0,))
    with pytest.raises(tl.ArgumentError, match="'bent' has kinks at"):
        solve(tl.OnlineSGD(bent))
    own = tl.Activation(lambda x: np.tanh(x), lambda x: 1 - np.tanh(x) ** 2, "mine")
    named = solve(tl.OnlineSGD("tanh", lr=0.5))
    assert solve(tl.OnlineSGD(own, lr=0.5)).eg.values == pytest.approx(named.eg.values, rel=1e-8)


def test_particles_of_overlaps_and_of_a_singular_teacher() -> None:
    state = tl.Overlaps.random(students=4, teachers=3, dim=30, seed=1)
    particles = Particles.from_overlaps(state)
    expected = np.diagonal(state.Q - state.R @ np.linalg.inv(state.T) @ state.R.T)
    assert particles.q == pytest.approx(expected)
    assert (particles.v == state.v).all()
    assert particles.coordinates @ particles.frame.T == pytest.approx(state.R)
    singular = Particles([[1.0, 2.0]], [0.5], [[1.0, 2.0], [2.0, 4.0]])
    assert singular.frame.shape == (2, 1)
    assert singular.coordinates**2 == pytest.approx(np.array([[1.0]]))


def test_the_gaussian_law() -> None:
    T = np.array([[1.0, 0.5], [0.5, 2.0]])
    law = Particles.gaussian(200_000, T, dim=6, std=1.5, seed=3)
    assert np.cov(law.R.T) == pytest.approx(1.5**2 / 6 * T, abs=5e-3)
    assert law.q.mean() == pytest.approx(1.5**2 * 4 / 6, rel=1e-2)
    assert law.q.var() == pytest.approx(1.5**4 * 2 * 4 / 36, rel=2e-2)
    assert law.v[0] == 1 / 200_000
    assert (law.v_star == 0.5).all()
    again = Particles.gaussian(10, T, dim=6, seed=3), Particles.gaussian(10, T, dim=6, seed=3)
    assert (again[0].R == again[1].R).all()


def test_a_dataset_like_that_of_solve(tmp_path: Path) -> None:
    ds = solve()
    assert {name: ds[name].dims for name in ("eg", "R", "q", "v", "T", "R_start", "q_start", "v_start")} == {
        "eg": ("alpha",),
        "R": ("alpha", "student", "teacher"),
        "q": ("alpha", "student"),
        "v": ("alpha", "student"),
        "T": ("teacher", "teacher_"),
        "R_start": ("student", "teacher"),
        "q_start": ("student",),
        "v_start": ("student",),
    }
    assert ds.q.values[0] == pytest.approx(LAW.q)
    assert ds.R.values[0] == pytest.approx(LAW.R)
    assert ds.attrs["dim"] == 6
    assert ds.attrs["view"] == "mean_field"
    assert 0 < ds.attrs["averages_error"] < 1e-9
    back = tl.load(tl.save(ds, tmp_path / "mean.nc"))
    assert back.identical(ds)
    assert tl.rerun(back).identical(ds)


def test_the_start_alone_and_a_single_time() -> None:
    assert solve(alpha=0.0).sizes["alpha"] == 1
    late = solve(alpha=20.0)
    assert late.eg.values == pytest.approx(solve().eg.values[-1:], rel=1e-7)


def test_averages_error_measures_what_few_nodes_leave() -> None:
    near = Particles([[0.1], [-0.05], [0.02]], [1.0, 1.0, 1.0], [[1.0]])
    crude, sharp = (solve(state=near, rtol=rtol, dim=3).attrs["averages_error"] for rtol in (1e-4, 1e-10))
    assert sharp < 1e-12 < crude < 1e-6


def test_a_tolerance_is_kept() -> None:
    sharp = solve(rtol=1e-12, atol=1e-14, alpha=[300])
    for rtol in (1e-6, 1e-9):
        assert solve(rtol=rtol, atol=rtol / 100, alpha=[300]).eg.values == pytest.approx(
            sharp.eg.values, rel=100 * rtol
        )


def test_ctrl_c_keeps_what_was_reached() -> None:
    law = Particles.gaussian(1500, np.eye(2), dim=6, seed=0)
    solve(state=Particles.gaussian(400, np.eye(2), dim=6), alpha=[0.1])  # compiles
    timer = threading.Timer(2.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = solve(state=law, alpha=np.geomspace(1e-12, 1e9, 2000))
    timer.join()
    assert any("interrupted" in str(warning.message) for warning in caught)
    assert 1 <= ds.sizes["alpha"] < 2000
    assert np.isfinite(ds.eg).all()


def test_the_progress_of_a_long_solve_ends_at_its_last_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutelage.progress import Progress

    seen: list[tuple[str, float]] = []
    monkeypatch.setattr(Progress, "update", lambda self, done: seen.append((self.label, done)))
    solve()
    assert seen[-1] == ("mean field", 20.0)
    assert [done for _, done in seen] == sorted({done for _, done in seen})


def test_weights_of_ones_own_may_be_more_than_the_dimension_holds() -> None:
    rng = np.random.default_rng(0)
    W, W_star = rng.standard_normal((30, 4)), rng.standard_normal((1, 4))
    state = tl.Overlaps.from_weights(W, W_star, np.full(30, 1 / 30))
    sim = tl.simulate(RULE, state, [0, 5], dim=4, replicas=1, weights=(W, W_star))
    assert sim.Q.shape == (1, 2, 30, 30)
    with pytest.raises(tl.ArgumentError, match="Argument `dim` must be >= K"):
        tl.simulate(RULE, state, [0, 5], dim=4, replicas=1)


# Cosines


def test_cosines_are_those_of_weight_vectors() -> None:
    rng = np.random.default_rng(2)
    W, W_star = rng.standard_normal((3, 10)), rng.standard_normal((2, 10))
    expected = W @ W_star.T / np.outer(np.linalg.norm(W, axis=1), np.linalg.norm(W_star, axis=1))
    state = tl.Overlaps.from_weights(W, W_star)
    assert cosines(tl.solve(RULE, state, [0.0, 1.0])).values[0] == pytest.approx(expected)
    assert cosines(solve(state=state, dim=10)).values[0] == pytest.approx(expected)
    sim = cosines(tl.simulate(RULE, state, [0.0, 1.0], dim=10, replicas=3))
    assert sim.dims == ("replica", "alpha", "student", "teacher")
    assert sim.values[2, 0] == pytest.approx(expected)
    ended = cosines(solve(tl.OnlineSGD("square", lr=0.5), alpha=[3000.0], dim=None))
    assert (np.abs(ended) <= 1 + 1e-12).all()


def test_a_unit_of_length_zero_has_no_direction() -> None:
    ds = solve(state=Particles([[0.0], [0.3]], [0.0, 0.2], [[1.0]]), alpha=[0.0])
    found = cosines(ds).values[0, :, 0]
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(0.3 / np.sqrt(0.29))
    assert float(cosine_histogram(ds, 4)[0, 0].sum()) == pytest.approx(2.0)


def test_histograms_count_every_student_of_every_replica() -> None:
    state = tl.Overlaps.random(5, 2, 50, seed=0)
    sim = tl.simulate(RULE, state, [0.0, 2.0], dim=50, replicas=4)
    density = cosine_histogram(sim, bins=10)
    assert density.dims == ("alpha", "teacher", "cosine")
    values = cosines(sim).values[:, 1, :, 0].ravel()
    assert (density[1, 0].values * 0.2 * 20).round(9).tolist() == np.histogram(values, 10, (-1, 1))[0].tolist()


def test_phase_retrieval_ends_in_two_opposite_peaks() -> None:
    law = Particles.gaussian(400, [[1.0]], dim=3, seed=5)
    ds = solve(tl.OnlineSGD("square", lr=1.0), law, [0.0, 400_000.0], dim=3)
    first, last = cosine_histogram(ds, bins=20)[:, 0].values
    assert first == pytest.approx(np.full(20, 0.5), abs=0.3)  # uniform in three dimensions
    assert last[[0, -1]].sum() > 9.0
    assert ds.eg.values[1] < 1e-3 * ds.eg.values[0]


@pytest.mark.parametrize("alpha", [None, 5.0, [0.0, 4.0, 6.0, 19.0]])
def test_the_picture_of_cosines(alpha: Any) -> None:
    fig = tl.plot.cosines(solve(), alpha, bins=8)
    assert len(fig.axes) == {None: 3, 5.0: 1}.get(alpha if not isinstance(alpha, list) else 0, 3)
    drawn = [patch.get_data().values for patch in fig.axes[-1].patches]
    where = 1 if alpha == 5.0 else 2
    assert np.array(drawn) == pytest.approx(cosine_histogram(solve(), 8)[where].values)
    assert fig._repr_png_().startswith(b"\x89PNG")
