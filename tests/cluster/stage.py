"""What the tests of sweeps run in processes of their own: a function with accidents, a sweep file, a Dask cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import xarray

import tutelage as tl

PATIENCE = 120.0  # seconds for anything to happen on a machine that is busy with something else

FILE = """
student.units = 2
teacher.units = 2
rule.noise = 0.1
time = {{alpha_max = 20, points = 5}}

[sweep]
run = "accidents:{function}"

[[sweep.axes]]
name = "rule.lr"
from = 0.1
to = 1.0
points = {rates}

[[sweep.axes]]
name = "start.seed"
seeds = {seeds}
"""

ACCIDENTS = """
import os, resource, signal, time
from pathlib import Path
from tutelage.online.problems import solved

here = Path(__file__).parent


def once(name):
    "Whether this is the first call with that name, whichever process calls."
    try:
        (here / f"{name}.once").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def plain(problem):
    time.sleep(float((here / "pause").read_text()) if (here / "pause").exists() else 0.0)
    if (here / "die").exists() and problem.start.seed == 1 and once(f"died{problem.rule.lr}"):
        os.kill(os.getpid(), signal.SIGKILL)
    if (here / "full").exists() and problem.start.seed == 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    if (here / "fail").exists() and problem.start.seed == 1:
        raise ValueError("a bad point,\\nsaid on two lines")
    if (here / "always").exists() and problem.start.seed == 1 and problem.rule.lr == 0.1:
        os.kill(os.getpid(), signal.SIGKILL)
    return solved(problem, progress=False)
"""


class Stage:
    """A folder with a sweep file and the function it runs."""

    def __init__(self, folder: Path, rates: int = 4, seeds: int = 5) -> None:
        self.folder, self.store = folder, folder / "store"
        self.file = folder / "sweep.toml"
        self.total = rates * seeds
        self.file.write_text(FILE.format(function="plain", rates=rates, seeds=seeds), "utf-8")
        (folder / "accidents.py").write_text(ACCIDENTS, "utf-8")

    def set(self, **accidents: str | None) -> None:
        """Arrange accidents, or call them off with None."""
        for name, text in accidents.items():
            (self.folder / name).unlink(missing_ok=True) if text is None else (self.folder / name).write_text(text)

    def start(self, *options: str, store: Path | None = None) -> subprocess.Popen[str]:
        """Start the command in a process of its own."""
        command = [sys.executable, "-m", "tutelage", "sweep", str(self.file), "-o", str(store or self.store), *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload]

    def run(self, *options: str, store: Path | None = None, code: int = 0) -> str:
        """Run the command to its end and return what it prints; it must end with `code`."""
        process = self.start(*options, store=store)
        out, error = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, error
        assert code == 0 or error.count("\n") <= 1, error
        return out + error

    def undisturbed(self) -> xarray.Dataset:
        """Return the dataset of a run that nothing happens to."""
        self.run("-j", "1", store=self.folder / "undisturbed")
        return tl.load(self.folder / "undisturbed" / "dataset.nc")

    def files(self) -> list[Path]:
        """Return the files of points that there are."""
        return sorted(self.store.glob("points/*/*.npz"))

    def has_points(self, count: int) -> Callable[[], bool]:
        """Return whether there are so many, as a function."""
        return lambda: len(self.files()) >= count

    def check(self, expected: xarray.Dataset) -> None:
        """Expect the complete grid, each value as expected, and every file whole."""
        found = tl.load(self.store / "dataset.nc")
        assert (found.status == 1).all()
        for ds in (found, expected):
            ds.attrs.pop("points", None)  # which files it was made from, and when these were written
        assert found.identical(expected)
        for file in self.files():
            with np.load(file) as arrays:
                about = json.loads(arrays["point.json"])
                assert about["key"] == file.stem
                assert np.isfinite(arrays["eg"]).all()
        assert len(self.files()) == self.total


def until(what: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something holds."""
    begin = time.monotonic()
    while not what():
        assert time.monotonic() - begin < PATIENCE, "it never happened"
        assert process is None or process.poll() is None, process.communicate()[1]
        time.sleep(0.02)


def children(process: subprocess.Popen[str]) -> list[int]:
    """Return the process ids of the children of a process."""
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in out.stdout.split()]


def kill(*pids: int) -> None:
    """Kill processes, at once and without a word to them; some may have ended by themselves, as their parent did."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Cluster:
    """A Dask scheduler and workers, each a process, on the loopback interface."""

    def __init__(self, folder: Path, workers: int = 2) -> None:
        self.file, self._folder = folder / "scheduler.json", folder
        self.file.unlink(missing_ok=True)
        where = ["--scheduler-file", str(self.file)]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", *where)
        until(self.file.exists, self.scheduler)
        quick = ["--nthreads", "1", "--nworkers", "1", "--no-nanny", "--local-directory", str(folder / "scratch")]
        self._options = [*quick, "--host", "127.0.0.1", *where]
        self.workers = [self.worker() for _ in range(workers)]

    def worker(self) -> subprocess.Popen[str]:
        """Start one more worker."""
        return self._start("worker", *self._options)

    def kill(self) -> None:
        """Kill all of it at once."""
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()

    def _start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "dask", words[0], "--no-dashboard", *words[1:]]
        with (self._folder / f"{words[0]}.log").open("a") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, text=True)


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Yield a cluster, and kill what is left of it."""
    both = Cluster(folder, workers)
    try:
        yield both
    finally:
        both.kill()
