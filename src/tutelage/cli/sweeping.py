"""What ``tutelage sweep`` does and says."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tutelage.errors import ArgumentError
from tutelage.sweeps.files import read
from tutelage.sweeps.perform import Computer, finish, tally
from tutelage.sweeps.plan import Plan
from tutelage.sweeps.store import FAILED, Store
from tutelage.sweeps.sweep import collected, status

__all__ = ["collect", "refuse_idle", "run", "say_status", "write_sbatch"]


def run(file: Path, folder: Path, workers: int | None, scheduler: str | None, retry_failed: bool) -> bool:
    """Compute what is missing of a sweep file, collect it, say what there is, and return whether no point failed."""
    plan, store = read(file), Store(folder)
    with _terminable(), Computer(plan, store, workers, scheduler) as computer:
        found = computer.compute(plan.points, retry_failed)
        finish(plan, store, found)
    counts = tally(found.entries, len({point.key for point in plan.points}))
    if found.interrupted:
        raise KeyboardInterrupt(
            f"interrupted: {counts['done']} of {counts['points']} points are done; the same command goes on."
        )
    _say(plan, store, counts)
    print(f"results: {folder / 'dataset.nc'}")
    return not counts["failed"]


def say_status(file: Path, folder: Path) -> None:
    """Say how far a sweep is, also while it runs."""
    plan = read(file)
    _say(plan, Store(folder), status(plan, folder))


def collect(file: Path, folder: Path) -> None:
    """Collect what there is of a sweep, and say how far it is, also while it runs."""
    plan = read(file)
    collected(plan, folder)
    _say(plan, Store(folder), status(plan, folder))
    print(f"results: {folder / 'dataset.nc'}")


def write_sbatch(file: Path, folder: Path, target: Path) -> None:
    """Write a Slurm script for a sweep."""
    from tutelage.sweeps.slurm import script

    read(file)
    folder.mkdir(parents=True, exist_ok=True)  # Slurm writes its log there and makes no folders
    target.write_text(script(file, folder), "utf-8")
    print(f"wrote {target}; look at its first lines, then: sbatch {target}")
    if find_spec("distributed") is None:
        print("The script needs Dask, which is not installed here: pip install 'tutelage[cluster]' installs it.")


def refuse_idle(only: Mapping[str, object], retry_failed: bool) -> None:
    """Refuse options that would do nothing: those of computing where nothing is computed, or a script and more."""
    given = [option for option, value in only.items() if value]
    if given and retry_failed:
        raise ArgumentError(f"`--retry-failed` computes, but `{given[0]}` does not; leave one of them out.")
    if len(given) > 1 and given[0] == "--write-sbatch":
        raise ArgumentError(f"`--write-sbatch` only writes a script; leave it or `{given[1]}` out.")


def _say(plan: Plan, store: Store, counts: dict[str, int]) -> None:
    shape = " x ".join(f"{dimension.name} {dimension.size}" for dimension in plan.dimensions)
    print(f"{counts['points']} points ({shape}): {counts['done']} done, {counts['failed']} failed, ", end="")
    print(f"{counts['missing']} missing")
    if counts["failed"]:
        entries, _ = store.scan(point.key for point in plan.points)
        first = next(key for key, entry in entries.items() if entry.status == FAILED)
        why = re.sub(r"\s*The results before that are in this error's `dataset`\.", "", store.failure(first))
        print(f"a failure: {why} ({store.path(first, FAILED)}); --retry-failed tries again")


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM stop the sweep as Ctrl-C does: batch systems send it when the time is up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler: Callable[..., object] = signal.default_int_handler
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
