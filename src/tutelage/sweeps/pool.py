"""Workers on this machine: processes of our own, each replaced when it dies.

They are started as commands of their own, not through ``multiprocessing``: a script needs no ``if __name__ ==
"__main__"``, and a worker that is killed takes nothing with it. One thread for each waits for its answers.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

from tutelage.online.runs import cores_allowed
from tutelage.sweeps.batches import Batches
from tutelage.sweeps.plan import Point
from tutelage.sweeps.store import StoreError
from tutelage.sweeps.work import Outcome, receive, send

__all__ = ["Lost", "Pool"]

SINGLE = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # points are what runs in parallel
LOOK = 0.2  # seconds between two looks at the keyboard
STARTS = 3  # workers in a row that die before they are ready


class Lost(tuple):
    """A point that is given up, and why: ``Lost((point, why))``."""


class Pool:
    """Workers that are started when there is something to do and stay for more of it, until the pool is closed."""

    def __init__(self, data: bytes, workers: int) -> None:
        self._hands = [_Hand(data, max(1, cores_allowed() // workers)) for _ in range(workers)]

    def run(self, points: list[Point]) -> Generator[list[Outcome] | Lost]:
        """Yield what becomes of the points; a generator that is closed, or fails, closes the pool.

        Raises
        ------
        StoreError
            When the store cannot be written to.
        ChildProcessError
            When workers cannot start.
        """
        answers: queue.Queue[Any] = queue.Queue()
        hands = self._hands[: len(points)]
        batches = Batches(points, len(hands))
        threads = [threading.Thread(target=hand.work, args=(batches, answers), daemon=True) for hand in hands]
        complete = False
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads) or not answers.empty():
                with suppress(queue.Empty):
                    yield from _passed_on(answers.get(timeout=LOOK))
            complete = True
        finally:
            if not complete:
                self.close()
            for thread in threads:
                thread.join(5)

    def close(self) -> None:
        """End all workers."""
        for hand in self._hands:
            hand.end()


def _passed_on(answer: Any) -> Iterator[list[Outcome] | Lost]:
    """Yield what is good of an answer, and raise what is not."""
    if isinstance(answer, BaseException):
        raise answer
    if isinstance(answer, Lost):
        yield answer
        return
    outcomes, stopped = answer
    yield outcomes
    if stopped:
        raise StoreError(stopped)


class _Hand:
    """A worker and what feeds it."""

    def __init__(self, data: bytes, share: int) -> None:
        self._data, self._share = data, share
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._ended = threading.Lock(), False

    def work(self, batches: Batches, answers: queue.Queue[Any]) -> None:
        """Hand batches to the worker until there are no more; in a thread of its own."""
        try:
            while (batch := batches.take(LOOK)) is not None and not self._ended:
                if batch:
                    self._hand_over(batch, batches, answers)
        except Exception as error:
            if not self._ended:
                answers.put(error)

    def end(self) -> None:
        """End the worker."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                for pipe in (self._process.stdin, self._process.stdout):
                    with suppress(OSError):
                        pipe.close()  # type: ignore[union-attr]

    def _hand_over(self, batch: list[Point], batches: Batches, answers: queue.Queue[Any]) -> None:
        begin = time.monotonic()
        try:
            process = self._ready()
            begin = time.monotonic()
            send(process.stdin, batch)  # type: ignore[arg-type]
            answer = receive(process.stdout)  # type: ignore[arg-type]
        except (OSError, EOFError):
            if self._ended:
                return
            why = f"its worker died ({self._buried()}) each time it was computed"
            for point in batches.lost(batch):
                answers.put(Lost((point, why)))
            return
        batches.done(batch, time.monotonic() - begin)
        answers.put(answer)

    def _ready(self) -> subprocess.Popen[bytes]:
        """Return the worker, started if need be and ready to take points."""
        if self._process is not None:
            return self._process
        why = ""
        for _ in range(STARTS):
            with self._lock:
                if self._ended:
                    raise EOFError
                self._process = _start()
            try:
                send(self._process.stdin, (self._data, self._share))  # type: ignore[arg-type]
                refusal = receive(self._process.stdout)  # type: ignore[arg-type]
            except (OSError, EOFError):
                if self._ended:
                    raise
                why = self._buried()
                continue
            if refusal:
                raise ChildProcessError(f"a worker cannot start: {refusal}")
            return self._process
        raise ChildProcessError(f"a worker cannot start: {STARTS} of them died at once ({why})")

    def _buried(self) -> str:
        """Take leave of a dead worker and return what it died of."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return "ended"
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        with suppress(ValueError):
            return signal.Signals(-code).name
        return f"exit code {code}"


def _start() -> subprocess.Popen[bytes]:
    path = [entry or os.getcwd() for entry in sys.path]
    script = f"import sys; sys.path[:] = {path!r}; from tutelage.sweeps.work import serve; serve()"
    environment = {**dict.fromkeys(SINGLE, "1"), **os.environ}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    try:
        return subprocess.Popen([sys.executable, "-c", script], env=environment, **pipes)  # type: ignore[call-overload]
    except OSError as error:
        raise ChildProcessError(f"a worker cannot start: {error}") from error
