"""The replicas of a simulation, several at a time, interruptible, whatever the engine that moves them."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tutelage.errors import DivergenceError

__all__ = ["BOUND", "Alone", "Engine", "Run", "cores", "cores_allowed", "limited", "run_all"]

BOUND = 1e12  # a state beyond this multiple of where it began has diverged
SLICE = 0.05  # seconds of compiled work between two looks at the keyboard
LOOK = 0.1  # seconds between two reports of progress
TRIAL = 1.0  # seconds from the first steps, compiled by then, over which the speed is measured
LONG = 600.0  # seconds: a run that takes longer is announced
_limit: ContextVar[int | None] = ContextVar("cores", default=None)


class Engine(Protocol):
    """What moves one or several replicas in step.

    Its whole state is in the arrays `moving`, which it changes in place; replicas are their first axis, and that of all
    it returns.
    """

    moving: dict[str, np.ndarray]

    def advance(self, first: int, count: int) -> None:
        """Make steps `first` to `first + count - 1`; the run stops at every asked time."""

    def alpha(self, steps: int) -> float:
        """Return the time after `steps` steps."""

    def sizes(self) -> np.ndarray:
        """Return the largest order parameter of each replica, NaN or infinite if they overflow."""

    def observe(self) -> dict[str, np.ndarray]:
        """Return what is recorded of the present state."""


class Single(Protocol):
    """An engine of one replica, whose arrays have no axis for replicas."""

    moving: dict[str, np.ndarray]

    def advance(self, first: int, count: int) -> None:
        """Make steps `first` to `first + count - 1`."""

    def alpha(self, steps: int) -> float:
        """Return the time after `steps` steps."""

    def size(self) -> float:
        """Return the largest order parameter."""

    def observe(self) -> dict[str, np.ndarray]:
        """Return what is recorded of the present state."""


class Alone:
    """The engine of one replica as an engine of several."""

    def __init__(self, engine: Single) -> None:
        self._engine = engine
        self.moving = {name: array[None] for name, array in engine.moving.items()}
        self.advance, self.alpha = engine.advance, engine.alpha

    def sizes(self) -> np.ndarray:
        """Return the size of the one."""
        return np.array([self._engine.size()])

    def observe(self) -> dict[str, np.ndarray]:
        """Return what is recorded of the one."""
        return {name: np.asarray(value)[None] for name, value in self._engine.observe().items()}


class Saver(Protocol):
    """What keeps a run while it is under way, every `interval` seconds."""

    interval: float

    def write(self, runs: list[Run]) -> None:
        """Keep the present state of all replicas."""


@dataclass(eq=False)
class Run:
    """Some replicas on their way, in step: their engine, and what has been recorded at the asked steps."""

    replicas: range
    targets: np.ndarray  # steps at which to record
    engine: Engine
    bound: float  # no order parameter grows beyond it
    steps: int = 0
    recorded: int = 0  # how many targets have been passed
    looked: float = 0.0  # seconds spent on recording
    records: dict[str, np.ndarray] = field(default_factory=dict)  # (replicas, times, ...), NaN where not recorded
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        times = len(self.targets)
        seen = self.engine.observe()
        shapes = {name: (len(value), times, *value.shape[1:]) for name, value in seen.items()}
        self.records = {name: np.full(shape, np.nan) for name, shape in shapes.items()}

    @property
    def alpha(self) -> float:
        """Time reached."""
        return self.engine.alpha(self.steps)

    def snapshot(self) -> dict[str, Any]:
        """Return copies of all arrays, `steps` and `recorded`, of one moment; replicas are the first axis of each."""
        with self.lock:
            arrays = self.engine.moving | {f"{name}_record": array for name, array in self.records.items()}
            copies = {name: array.copy() for name, array in arrays.items()}
            counts = {"steps": self.steps, "recorded": self.recorded}
            return copies | {name: np.full(len(self.replicas), count) for name, count in counts.items()}

    def restore(self, snapshot: dict[str, np.ndarray]) -> None:
        """Set the replicas to where a snapshot left them; they may have been asked for fewer times then."""
        for name, array in self.engine.moving.items():
            array[...] = snapshot[name]
        for name, array in self.records.items():
            known = snapshot[f"{name}_record"]
            array[:, : known.shape[1]] = known
        self.steps, self.recorded = int(snapshot["steps"][0]), int(snapshot["recorded"][0])

    def record(self) -> None:
        """Record the state at every target that equals the present step."""
        if self.recorded == len(self.targets) or self.targets[self.recorded] != self.steps:
            return
        begin, seen = time.monotonic(), self.engine.observe()
        while self.recorded < len(self.targets) and self.targets[self.recorded] == self.steps:
            for name, value in seen.items():
                self.records[name][:, self.recorded] = value
            self.recorded += 1
        self.looked += time.monotonic() - begin

    def advance(self, count: int) -> None:
        """Make `count` steps and see whether they diverge."""
        with self.lock, np.errstate(over="ignore", invalid="ignore"):
            last = self.alpha
            self.engine.advance(self.steps, count)
            self.steps += count
            within = self.engine.sizes() <= self.bound
            if not within.all():
                which = self.replicas[int(np.argmin(within))]
                raise DivergenceError(
                    f"Replica {which} diverges between alpha = {last:.6g} and {self.alpha:.6g} (values beyond every "
                    "bound); a smaller lr may help. The results before that are in this error's `dataset`.",
                    last,
                )
            self.record()


@dataclass(eq=False)
class Forecast:
    """How long a run takes, measured once it is under way, and said once if that is LONG.

    Only the time of steps counts: with logarithmic times a run begins by looking more often than it steps.
    """

    total: float
    resumed: float  # how much of it was done before
    begin: tuple[float, float] | None = None  # when the first steps were seen, and how many
    settled: bool = False

    def see(self, done: float, looked: float = 0.0) -> None:
        """Look at how much is done now; warn the caller of `simulate`, once, if the rest takes long.

        `looked` is how long each worker has spent on recording.
        """
        if self.settled or done == self.resumed:
            return
        now = time.monotonic() - looked
        self.begin = self.begin or (now, done)
        passed = now - self.begin[0]
        if passed < TRIAL or done == self.begin[1]:
            return
        self.settled = True
        left = (self.total - done) * passed / (done - self.begin[1])
        if left > LONG:
            less = "a smaller `alpha`, `dim` or `replicas` takes less, and after Ctrl-C what was done is kept"
            warnings.warn(f"this simulation takes about {_duration(left)}; {less}", stacklevel=4)


def _duration(seconds: float) -> str:
    """Return a time in the unit that suits it.

    Examples
    --------
    >>> _duration(5400), _duration(1e6)
    ('1.5 hours', '12 days')
    """
    units = {"minutes": 60.0, "hours": 3600.0, "days": 86400.0, "years": 365.25 * 86400.0}
    name, size = [item for item in units.items() if item[1] <= max(seconds, 60.0)][-1]
    count = seconds / size
    return f"{count:.1f} {name}" if count < 10 else f"{count:.0f} {name}"


def cores() -> int:
    """Return how many threads a simulation may use: as many as there are cores, unless :func:`limited` says less."""
    return _limit.get() or os.cpu_count() or 1


def cores_allowed() -> int:
    """Return the number of cores this process may use, which a batch system may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def limited(cores: int) -> Iterator[None]:
    """Let simulations inside use so many threads: for many of them in processes side by side."""
    token = _limit.set(cores)
    try:
        yield
    finally:
        _limit.reset(token)


def run_all(
    runs: list[Run], report: Callable[[float], None], file: Saver | None, announce: bool = True
) -> BaseException | None:
    """Run all replicas to their last target, as many at a time as there are cores; `announce` what takes long.

    Returns
    -------
    exception or None
        A DivergenceError, a KeyboardInterrupt, or None. Other errors are raised.
    """
    stop = threading.Event()
    workers = max(1, min(len(runs), cores()))
    done = _done(runs)
    forecast = Forecast(float(sum(run.targets[-1] * len(run.replicas) for run in runs)), done)
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(_run, run, stop) for run in runs]
        try:
            saved = time.monotonic()
            while not all(job.done() for job in jobs) and not any(job.done() and job.exception() for job in jobs):
                time.sleep(min(LOOK, 0.002 * (1 + sum(run.steps for run in runs[:1]))))
                done = _done(runs)
                report(done)
                if announce:
                    forecast.see(done, sum(run.looked for run in runs) / workers)
                if file is not None and time.monotonic() - saved > file.interval:
                    file.write(runs)
                    saved = time.monotonic()
        except KeyboardInterrupt as interrupt:
            return interrupt
        finally:
            stop.set()
    for error in (job.exception() for job in jobs):
        if isinstance(error, DivergenceError):
            return error
        if error is not None:
            raise error
    return None


def _done(runs: list[Run]) -> float:
    """Return the steps made by all replicas."""
    return float(sum(run.steps * len(run.replicas) for run in runs))


def _run(run: Run, stop: threading.Event) -> None:
    """Take replicas from target to target until they are done, `stop` is set or one diverges."""
    pace = 1
    run.record()
    while run.recorded < len(run.targets) and not stop.is_set():
        count = int(min(pace, run.targets[run.recorded] - run.steps))
        begin = time.perf_counter()
        run.advance(count)
        pace = max(1, min(4 * pace, int(count * SLICE / max(time.perf_counter() - begin, 1e-9))))
