"""Sweeps survive what happens to processes, disks and files: afterwards the grid is complete, with the same values.

All processes are real. Each accident happens once at a small size here, and many times over in the tests marked slow.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import xarray
from stage import PATIENCE, Stage, children, cluster, kill, until

import tutelage as tl


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> xarray.Dataset:
    return Stage(tmp_path_factory.mktemp("undisturbed")).undisturbed()


def test_a_killed_worker_is_replaced_and_costs_nothing(stage: Stage, expected: xarray.Dataset) -> None:
    stage.set(die="")
    said = stage.run("-j", "2")
    assert len(list(stage.folder.glob("died*.once"))) == 4  # each of the four rates took a worker with it
    assert "20 done, 0 failed, 0 missing" in said
    stage.check(expected)


@pytest.mark.slow
def test_a_worker_killed_from_outside(stage: Stage, expected: xarray.Dataset) -> None:
    stage.set(pause="0.2")
    process = stage.start("-j", "2")
    until(stage.has_points(2), process)
    kill(*children(process)[:1])
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    stage.check(expected)


def test_a_point_that_takes_every_worker_with_it_is_given_up(stage: Stage, expected: xarray.Dataset) -> None:
    stage.set(always="")
    said = stage.run("-j", "2", code=3)
    assert "19 done, 1 failed, 0 missing" in said
    assert "its worker died (SIGKILL) each time it was computed" in said
    stage.set(always=None)
    assert "19 done, 1 failed" in stage.run(code=3)  # a failure is a result: it is not tried again unasked
    assert "20 done, 0 failed" in stage.run("--retry-failed")
    stage.check(expected)


def test_everything_is_killed(stage: Stage, expected: xarray.Dataset) -> None:
    stage.set(pause="0.1")
    process = stage.start("-j", "2")
    until(stage.has_points(5), process)
    kill(process.pid, *children(process))
    process.communicate(timeout=PATIENCE)
    left = len(stage.files())
    assert 5 <= left < 20
    stage.set(pause=None)
    assert re.search(r"20 done", stage.run("-j", "2"))
    assert f"20 points, {20 - left} to compute" in (stage.store / "log.txt").read_text()
    stage.check(expected)


def test_workers_end_when_the_one_who_asks_is_killed(stage: Stage) -> None:
    stage.set(pause="1000")
    process = stage.start("-j", "2")
    until(lambda: len(children(process)) == 2, process)
    workers = children(process)
    kill(process.pid)
    process.communicate(timeout=PATIENCE)
    until(lambda: not any(_runs(pid) for pid in workers))


def test_ctrl_c_and_sigterm_keep_what_is_done(stage: Stage, expected: xarray.Dataset) -> None:
    for which in (signal.SIGINT, signal.SIGTERM):
        stage.set(pause="0.1")
        before = len(stage.files())
        process = stage.start("-j", "2")
        until(stage.has_points(before + 3), process)
        process.send_signal(which)
        error = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 130
        assert re.fullmatch(r"tutelage: interrupted: \d+ of 20 points are done; the same command goes on\.\n", error)
        partial = tl.load(stage.store / "dataset.nc")  # readable at any time
        assert int((partial.status == 1).sum()) >= before + 3
    stage.set(pause=None)
    stage.run("-j", "2")
    stage.check(expected)


def test_full_disk(stage: Stage, expected: xarray.Dataset) -> None:
    """A limit on the size of files makes the system refuse to write on, in the middle of a file."""
    stage.set(full="")
    said = stage.run("-j", "1", code=2)
    assert "cannot be written to (File too large); what is done is kept" in said
    assert not list(stage.store.rglob("*.part"))
    assert 0 < len(stage.files()) < 20
    stage.set(full=None)
    stage.run("-j", "2")
    stage.check(expected)


def test_damaged_files_are_computed_anew(stage: Stage, expected: xarray.Dataset) -> None:
    stage.run("-j", "2")
    cut, flipped, empty, other, gone, text, *_ = stage.files()
    cut.write_bytes(cut.read_bytes()[:-100])
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    empty.write_bytes(b"")
    other.write_bytes(text.read_bytes())  # whole, but another point
    gone.unlink()
    said = stage.run("--status")
    assert "15 done, 0 failed, 5 missing" in said
    stage.run("-j", "2")
    stage.check(expected)


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["index.txt", "dataset.nc", "sweep.json"])
def test_what_stands_beside_the_points_is_made_anew(stage: Stage, expected: xarray.Dataset, lost: str) -> None:
    stage.run("-j", "2")
    before = {file: file.stat().st_mtime_ns for file in stage.files()}
    (stage.store / lost).write_bytes(b"\0 nonsense 1 2\n")
    assert "20 done" in stage.run("--status")
    stage.run("-j", "2")
    assert {file: file.stat().st_mtime_ns for file in stage.files()} == before
    stage.check(expected)


def test_two_sweeps_on_one_store_at_once(stage: Stage, expected: xarray.Dataset) -> None:
    stage.set(pause="0.05")
    both = [stage.start("-j", "2") for _ in range(2)]
    for process in both:
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    stage.run()
    stage.check(expected)


@pytest.mark.slow
def test_failures_are_written_down_and_end_nothing(stage: Stage, expected: xarray.Dataset) -> None:
    stage.set(fail="")
    said = stage.run("-j", "2", code=3)
    assert "16 done, 4 failed, 0 missing" in said
    assert "ValueError: a bad point, said on two lines" in said
    ds = tl.load(stage.store / "dataset.nc")
    assert (ds.error.sel(seed=1) == "ValueError: a bad point, said on two lines").all()
    assert bool(ds.eg.sel(seed=1).isnull().all())
    assert (ds.status.sel(seed=1) == 2).all()
    stage.set(fail=None)
    stage.run("--retry-failed")
    assert not list(stage.store.rglob("*.failed.json"))
    stage.check(expected)


def test_scheduler_and_workers_of_dask_are_killed(stage: Stage, expected: xarray.Dataset) -> None:
    stage.set(pause="0.1")
    with cluster(stage.folder) as machines:
        process = stage.start("--scheduler", str(machines.file))
        until(stage.has_points(4), process)
        machines.kill()
        error = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 2
    assert error == "tutelage: the scheduler is lost; what is done is kept.\n"
    left = len(stage.files())
    assert 4 <= left < 20
    stage.set(pause=None)
    with cluster(stage.folder) as machines:
        assert "20 done" in stage.run("--scheduler", str(machines.file))
    assert f"20 points, {20 - left} to compute" in (stage.store / "log.txt").read_text()
    stage.check(expected)


@pytest.mark.slow
def test_a_worker_of_dask_is_killed(stage: Stage, expected: xarray.Dataset) -> None:
    stage.set(pause="0.2")
    with cluster(stage.folder) as machines:
        process = stage.start("--scheduler", str(machines.file))
        until(stage.has_points(2), process)
        machines.workers[0].kill()
        out, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    assert "20 done" in out
    stage.check(expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_any_accident_at_any_time(tmp_path: Path, seed: int) -> None:
    """A hundred points; workers or everything killed at random times until the sweep is complete."""
    import random

    chance = random.Random(seed)
    stage = Stage(tmp_path, 10, 10)
    expected = stage.undisturbed()
    stage.set(pause="0.03", die="")
    for _ in range(8):
        process = stage.start("-j", str(chance.choice([1, 2, 3])))
        for _ in range(chance.randrange(4)):
            _sleep(process, chance.uniform(0.5, 3.0))
            workers = children(process)
            kill(*chance.sample(workers, min(len(workers), 1)))
        _sleep(process, chance.uniform(0.0, 3.0))
        kill(process.pid, *children(process)) if chance.random() < 0.7 else process.terminate()
        process.communicate(timeout=PATIENCE)
        damaged = chance.sample(stage.files(), min(2, len(stage.files())))
        for file in damaged:
            file.write_bytes(file.read_bytes()[: chance.randrange(2000)])
    stage.set(pause=None)
    stage.run("-j", "2")
    stage.check(expected)


def _sleep(process: subprocess.Popen[str], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _runs(pid: int) -> bool:
    """Whether a process is there, and is more than an entry for its parent to read."""
    if sys.platform != "linux":
        return subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 0
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
