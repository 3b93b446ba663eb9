"""Workers on a Dask cluster: many machines that see one folder. Dask hands out batches; the rest is as on one."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tutelage.errors import ArgumentError
from tutelage.sweeps.batches import Batches
from tutelage.sweeps.pool import Lost
from tutelage.sweeps.store import StoreError
from tutelage.sweeps.work import compute

if TYPE_CHECKING:
    from tutelage.sweeps.plan import Point
    from tutelage.sweeps.work import Outcome

__all__ = ["hands", "open_client", "run_on_cluster"]

PATIENCE = 60.0  # seconds to wait for a scheduler or its file
AT_ONCE = 2.0  # seconds within which a scheduler answers that needs no words
LOOK = 1.0  # seconds between two looks at what is going on
AHEAD = 2  # batches handed out for each thread of the workers


@contextmanager
def open_client(scheduler: str) -> Iterator[Any]:
    """Yield a client of a scheduler, given by its address or by its scheduler-file, and close it afterwards.

    Raises
    ------
    ArgumentError
        When there is none there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ModuleNotFoundError("a scheduler needs Dask; pip install 'tutelage[cluster]' installs it") from None
    by_file = "://" not in scheduler and not _is_address(scheduler)
    where = {"scheduler_file": _awaited(scheduler)} if by_file else {"address": scheduler}
    log = logging.getLogger("distributed.client")  # which prints pages about a lost scheduler
    level = log.level
    log.setLevel(logging.CRITICAL)
    notice = threading.Timer(AT_ONCE, _say_waiting, [f"the scheduler {scheduler} to answer"])
    notice.start()
    try:
        client = Client(**where, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        log.setLevel(level)
        raise ArgumentError(f"`scheduler` must be one that answers, but {scheduler} does not: {error}.") from None
    finally:
        notice.cancel()
    try:
        yield client
    finally:
        with suppress(Exception, asyncio.CancelledError):
            client.close()
        log.setLevel(level)


def hands(client: Any) -> int:
    """Return how many points the workers can compute at a time now."""
    return sum(client.nthreads().values())


def run_on_cluster(data: bytes, points: list[Point], client: Any) -> Generator[list[Outcome] | Lost]:
    """Yield what becomes of the points; workers may come and go meanwhile.

    Raises
    ------
    StoreError
        When the store cannot be written to.
    ConnectionError
        When the scheduler is lost.
    ChildProcessError
        When the workers cannot do what they are asked to, as with another version of tutelage.
    """
    from distributed import wait

    batches = Batches(points, hands(client))
    out: dict[Any, tuple[list[Point], float]] = {}
    finished = False
    try:
        while not finished or out:
            wanted = max(1, AHEAD * hands(client)) - len(out)
            while wanted > 0 and not finished:
                batch = batches.take()
                finished = batch is None
                if not batch:
                    break
                out[client.submit(compute, data, batch, 1, pure=False)] = (batch, time.monotonic())
                wanted -= 1
            if not out:
                continue
            with client.as_current(), suppress(TimeoutError):
                wait(list(out), timeout=LOOK, return_when="FIRST_COMPLETED")
            for future in [future for future in out if future.done()]:
                yield from _answer(future, *out.pop(future), batches)
                finished = False  # points may have come back
            if client.status != "running":
                raise ConnectionError
    except (StoreError, ChildProcessError):
        raise
    except (OSError, CancelledError, asyncio.CancelledError) as error:
        raise ConnectionError("the scheduler is lost; what is done is kept.") from error
    finally:
        with suppress(Exception):
            client.cancel(list(out), force=True)


def _answer(future: Any, batch: list[Point], begin: float, batches: Batches) -> Iterator[list[Outcome] | Lost]:
    """Yield what became of one batch, and take back its points if its worker died."""
    from distributed import KilledWorker

    if future.status in ("cancelled", "lost"):
        raise ConnectionError
    error = future.exception()
    if isinstance(error, KilledWorker):
        for point in batches.lost(batch):
            yield Lost((point, "its worker died each time it was computed"))
        return
    if error is not None:
        raise ChildProcessError(f"the workers cannot compute: {error}") from error
    outcomes, stopped = future.result()
    batches.done(batch, time.monotonic() - begin)
    yield outcomes
    if stopped:
        raise StoreError(stopped)


def _is_address(scheduler: str) -> bool:
    """Whether this is host:port."""
    host, colon, port = scheduler.rpartition(":")
    return bool(host and colon) and port.isdigit()


def _awaited(path: str) -> str:
    """Return the path of a scheduler-file once it is there, whole: the scheduler may only just have been started."""
    begin = time.monotonic()
    if not _names_a_scheduler(path):
        _say_waiting(f"the scheduler-file {path}")
    while not _names_a_scheduler(path):
        if time.monotonic() - begin > PATIENCE:
            but = f"{path} names none" if os.path.isfile(path) else f"there is no file {path}"
            raise ArgumentError(f"`scheduler` must be an address or a scheduler-file, but {but}.")
        time.sleep(0.2)
    return path


def _names_a_scheduler(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            described = json.load(file)
    except (OSError, ValueError):
        return False
    return isinstance(described, dict) and isinstance(described.get("address"), str)


def _say_waiting(what: str) -> None:
    print(f"tutelage: waiting for {what}, for at most {PATIENCE:g} s ...", file=sys.stderr, flush=True)
