"""Computing points: what every worker does, and the process that a worker of our own is."""

from __future__ import annotations

import os
import pickle
import platform
import queue
import signal
import struct
import sys
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

from tutelage.sweeps.plan import Plan, Point, unflatten
from tutelage.sweeps.runs import Record, Run, record
from tutelage.sweeps.store import Entry, Store, StoreError, seeds, sentence
from tutelage.version import __version__

__all__ = ["Job", "Outcome", "compute", "pack", "receive", "send", "serve", "unpack"]

SMALL = 2**16  # bytes: larger results are read from their file when they are needed


@dataclass(frozen=True)
class Job:
    """What a worker needs to know besides the points: where they go and what is run."""

    folder: str
    run: Run
    problem: bool
    keep: tuple[str, ...] | None
    tutelage: str = __version__

    @classmethod
    def of(cls, plan: Plan, store: Store) -> Job:
        """Return the job of a plan."""
        return cls(str(store.folder), plan.run, plan.base is not None, plan.keep)


class Outcome(NamedTuple):
    """What became of a point: its file, its results if they are small, and its error if it failed."""

    key: str
    entry: Entry
    record: Record | None = None
    error: str = ""


def pack(job: Job) -> bytes:
    """Return a job as bytes; functions of scripts and notebooks go with it, others as a name and where it is."""
    import cloudpickle

    return pickle.dumps(([os.path.abspath(entry) for entry in sys.path], cloudpickle.dumps(job)))


@lru_cache(8)
def unpack(data: bytes) -> Job:
    """Return a packed job, or refuse one of another version."""
    path, packed = pickle.loads(data)
    sys.path += [entry for entry in path if entry not in sys.path and os.path.isdir(entry)]
    job: Job = pickle.loads(packed)
    if job.tutelage != __version__:
        raise RuntimeError(f"the sweep was started with tutelage {job.tutelage}, but this worker has {__version__}")
    return job


def compute(data: bytes, points: list[Point], cores: int = 0) -> tuple[list[Outcome], str]:
    """Compute points and write each to its file; return the outcomes, and why it stopped early if it did.

    What another worker has done meanwhile is not done again. An error of a point is written down; only a store that
    cannot be written to ends the work.
    """
    from tutelage.online.runs import limited

    job = unpack(data)
    store, outcomes = Store(job.folder), []
    try:
        for point in points:
            there = store.has(point.key)
            if there is not None:
                outcomes.append(Outcome(point.key, there))
                continue
            with limited(cores):
                outcomes.append(_compute(job, store, point))
    except StoreError as error:
        return outcomes, str(error)
    return outcomes, ""


def _compute(job: Job, store: Store, point: Point) -> Outcome:
    begin = time.perf_counter()
    try:
        found = record(_call(job, point), job.keep)
    except (Exception, SystemExit) as error:
        return Outcome(point.key, store.write_failure(point, error, _about(job, point, begin)), None, sentence(error))
    entry = store.write(point, found, _about(job, point, begin))
    return Outcome(point.key, entry, found if found.size <= SMALL else None)


def _call(job: Job, point: Point) -> Any:
    if not job.problem:
        return job.run.function(**point.parameters)
    problem, arguments = unflatten(point.parameters)
    return job.run.function(problem, **arguments)


@lru_cache(1)
def _versions() -> dict[str, str]:
    from importlib.metadata import version

    installed = {name: version(name) for name in ("numpy", "scipy", "numba", "xarray")}
    return {"tutelage": __version__, "python": platform.python_version(), **installed}


def _about(job: Job, point: Point, begin: float) -> dict[str, Any]:
    """Return what a point's file says about how it was made."""
    run = {"name": job.run.identity, "version": job.run.version, "keep": job.keep}
    where = {"versions": _versions(), "host": platform.node(), "seconds": round(time.perf_counter() - begin, 6)}
    return {"run": run, **({"seeds": seeds(point.parameters)} if job.problem else {}), **where}


# a process of our own: it reads pickles from standard input and writes them to what was standard output


def send(pipe: BinaryIO, message: Any) -> None:
    """Write one message."""
    data = pickle.dumps(message, 5)
    pipe.write(struct.pack(">Q", len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read one message; EOFError when there are no more."""
    header = pipe.read(8)
    if len(header) < 8:
        raise EOFError
    (length,) = struct.unpack(">Q", header)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)


def serve() -> None:
    """Be a worker: take a job, then batches of points, until standard input ends, and then end at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed must not get among the answers
    messages: queue.Queue[Any] = queue.Queue()
    questions = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_listen, args=(questions, messages), daemon=True).start()
    data, cores = messages.get()
    try:
        unpack(data)
        send(answers, "")
    except Exception as error:
        send(answers, sentence(error))
        return
    while True:
        points = messages.get()
        try:
            answer: Any = compute(data, points, cores)
        except KeyboardInterrupt:
            return
        send(answers, answer)


def _listen(pipe: BinaryIO, messages: queue.Queue[Any]) -> None:
    try:
        while True:
            messages.put(receive(pipe))
    except (EOFError, OSError):
        os._exit(0)  # whoever asked is gone, or has all it wanted: every file is whole or has no name yet
