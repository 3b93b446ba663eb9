"""Runs that are interrupted, or go on from a checkpoint: the same numbers, and nothing lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from small_runs import SOURCES, STATE, N, gaussian, largest_gap, simulate

import tutelage as tl
from tutelage.online import runs
from tutelage.online.checkpoint import Checkpoint


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(17)


def interrupt(monkeypatch: pytest.MonkeyPatch, when: Callable[[list[int]], bool], slices: float = 0.0) -> None:
    """Have Ctrl-C pressed as soon as `when` holds of the replicas' numbers, one for each record made so far.

    With slices of no length, a slice is one step, and nobody gets far meanwhile.
    """
    records: list[int] = []
    original = runs.Run.record

    def record(self: runs.Run) -> None:
        before = self.recorded
        original(self)
        records.extend([self.replicas[0]] * (self.recorded - before))

    def sleep(_: float) -> None:
        time.sleep(1e-3)
        if when(records):
            raise KeyboardInterrupt

    clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic, perf_counter=time.perf_counter)
    monkeypatch.setattr(runs, "time", clock)
    monkeypatch.setattr(runs, "SLICE", slices)
    monkeypatch.setattr(runs.Run, "record", record)


LONG = np.linspace(0, 180, 61)


@SOURCES
def test_an_interrupted_run_goes_on_with_the_same_numbers(run, tmp_path, monkeypatch) -> None:
    file = tmp_path / "run.nc"
    with monkeypatch.context() as patch:
        interrupt(patch, lambda records: len(records) > 5)
        with pytest.warns(UserWarning, match=r"interrupted.*call again with checkpoint=.*run\.nc"):
            part = run(alpha=LONG, checkpoint=file)
    stored = tl.load(file)
    done = stored.recorded.values.tolist()
    assert 1 < max(done) < 61, "the run was over or not yet begun: nothing is tested"
    assert part.sizes["alpha"] == max(done)
    continued, whole = run(alpha=LONG, checkpoint=file), run(alpha=LONG)
    assert continued.drop_attrs().identical(whole.drop_attrs())
    for i in range(2):
        here = {"replica": i, "alpha": slice(done[i])}
        assert largest_gap(part.isel(here), whole.isel(here)) == 0
    assert run(alpha=LONG, checkpoint=file).drop_attrs().identical(whole.drop_attrs())  # there is nothing left to do


@SOURCES
def test_a_finished_run_goes_on_to_larger_times(run, tmp_path) -> None:
    file = tmp_path / "run.nc"
    run(alpha=[0, 1.1, 2], checkpoint=file)
    longer = run(alpha=[0, 1.1, 2, 2.7, 5], checkpoint=file)
    assert longer.drop_attrs().identical(run(alpha=[0, 1.1, 2, 2.7, 5]).drop_attrs())


@SOURCES
def test_an_interrupted_run_keeps_what_is_done(run, monkeypatch) -> None:
    interrupt(monkeypatch, lambda records: len(records) > 3)
    monkeypatch.setattr(runs.os, "cpu_count", lambda: 1)  # the second replica has to wait
    with pytest.warns(UserWarning, match="interrupted: what was done is kept$"):
        ds = run(alpha=LONG)
    done = ds.sizes["alpha"]
    assert 1 < done < 61
    assert np.isfinite(ds.eg[0]).all()
    assert np.isfinite(ds.eg[1, 0])
    assert np.isnan(ds.eg[1, 1:]).all()
    np.testing.assert_array_equal(ds.eg_mean[1:], ds.eg[0, 1:])  # of those that arrived
    assert np.isnan(ds.eg_sem[1:]).all()
    np.testing.assert_array_equal(ds.alpha, LONG[:done])


def test_an_interrupt_before_the_first_time_gives_an_empty_dataset(monkeypatch) -> None:
    interrupt(monkeypatch, lambda records: True)
    with pytest.warns(UserWarning, match="interrupted"):
        ds = gaussian(alpha=[1e5])
    assert ds.eg.shape == (2, 0)
    assert ds.Q_sem.shape == (0, 3, 3)


def test_a_checkpoint_is_written_under_way(tmp_path, monkeypatch) -> None:
    file, written = tmp_path / "run.nc", []
    original = Checkpoint.write
    monkeypatch.setattr(
        Checkpoint, "write", lambda self, runs: (original(self, runs), written.append(tl.load(file).steps))
    )
    monkeypatch.setattr(Checkpoint, "interval", 0.0)
    interrupt(monkeypatch, lambda records: len(written) > 2, slices=2e-3)
    with pytest.warns(UserWarning, match="interrupted"):
        gaussian(alpha=[0, 1e5], checkpoint=file)
    steps = [int(s.sum()) for s in written]
    assert len(steps) >= 4
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["run.nc"]


def test_a_failing_checkpoint_does_not_wait_for_the_end(tmp_path, monkeypatch) -> None:
    def full(self: Checkpoint, runs: list) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Checkpoint, "write", full)
    monkeypatch.setattr(Checkpoint, "interval", 0.0)
    with pytest.raises(OSError, match="no space left"):
        gaussian(alpha=1e5, checkpoint=tmp_path / "run.nc")


CHANGES = [
    ("lr", {"rule": tl.OnlineSGD(lr=0.4, noise=0.1)}),
    ("noise", {"rule": tl.OnlineSGD(lr=0.5, noise=0.2)}),
    ("activation", {"rule": tl.OnlineSGD("relu", "erf", lr=0.5, noise=0.1)}),
    ("batch", {"rule": tl.OnlineSGD(lr=0.5, noise=0.1, batch=2)}),
    ("seed", {"seed": 1}),
    ("replicas", {"replicas": 3}),
    ("engine", {"engine": "chain"}),
    ("dim", {"dim": 31}),
    ("alpha", {"alpha": [0, 1, 2.5]}),
    ("alpha", {"alpha": [0, 1]}),
    ("state", {"state": tl.Overlaps(STATE.Q, STATE.R, STATE.T, STATE.v, 2 * STATE.v_star)}),
    ("state", {"state": tl.Overlaps(2 * STATE.Q, STATE.R, STATE.T, STATE.v, STATE.v_star)}),
    ("inputs", {"inputs": np.ones((40, N)), "held_out": "gaussian"}),
]


@pytest.mark.parametrize(("name", "change"), CHANGES, ids=[f"{name}{i}" for i, (name, _) in enumerate(CHANGES)])
def test_a_checkpoint_of_another_run_is_refused(name, change, tmp_path) -> None:
    file = tmp_path / "run.nc"
    rule = tl.OnlineSGD(lr=0.5, noise=0.1)
    simulate(rule, alpha=[0, 1, 2], checkpoint=file)
    before = file.read_bytes()
    with pytest.raises(
        tl.ArgumentError, match=rf"^Argument `{name}` must .* checkpoint, but .*remove .*run\.nc to start anew\.$"
    ):
        simulate(**({"rule": rule, "alpha": [0, 1, 2], "checkpoint": file} | change))
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["inputs", "held_out", "weights"])
def test_a_checkpoint_of_other_arrays_is_refused(name, rng, tmp_path) -> None:
    W, W_star = rng.standard_normal((2, N)), rng.standard_normal((2, N))
    state, rows = tl.Overlaps.from_weights(W, W_star), rng.standard_normal((40, N))
    arguments = {"inputs": rows, "held_out": rows[:9], "weights": (W, W_star), "checkpoint": tmp_path / "run.nc"}
    others = {"inputs": rows[::-1], "held_out": rows[:8], "weights": (-W, -W_star)}
    simulate(tl.OnlineSGD(), state, **arguments)
    with pytest.raises(tl.ArgumentError, match=f"^Argument `{name}` must be .*as in the checkpoint"):
        simulate(tl.OnlineSGD(), state, **(arguments | {name: others[name]}))
