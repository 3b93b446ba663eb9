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
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.sweeps.batches import Batches
    from tutelage.sweeps.plan import Point
    from tutelage.sweeps.work import Outcome

__all__ = ["Lost", "cores", "run_local"]

SINGLE = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # points are what runs in parallel
LOOK = 0.2  # seconds between two looks at the keyboard
STARTS = 3  # workers in a row that die before they are ready


class Lost(tuple):
    """A point that is given up, and why: ``Lost((point, why))``."""


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_local(data: bytes, batches: Batches, workers: int) -> Iterator[list[Outcome] | Lost]:
    """Yield what becomes of the points, as `workers` processes compute them; end them all at the end, or when closed.

    Raises
    ------
    StoreError
        When the store cannot be written to.
    ChildProcessError
        When workers cannot start.
    """
    from tutelage.sweeps.store import StoreError

    answers: queue.Queue[Any] = queue.Queue()
    hands = [_Hand(data, batches, answers, max(1, cores() // workers)) for _ in range(workers)]
    threads = [threading.Thread(target=hand.work, daemon=True) for hand in hands]
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) or not answers.empty():
            try:
                answer = answers.get(timeout=LOOK)
            except queue.Empty:
                continue
            if isinstance(answer, BaseException):
                raise answer
            if isinstance(answer, Lost):
                yield answer
                continue
            outcomes, stopped = answer
            yield outcomes
            if stopped:
                raise StoreError(stopped)
    finally:
        for hand in hands:
            hand.end()
        for thread in threads:
            thread.join(5)


class _Hand:
    """A worker and the thread that feeds it."""

    def __init__(self, data: bytes, batches: Batches, answers: queue.Queue[Any], share: int) -> None:
        self._data, self._batches, self._answers, self._share = data, batches, answers, share
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._ended = threading.Lock(), False

    def work(self) -> None:
        """Hand batches to the worker until there are no more."""
        try:
            while (batch := self._batches.take(LOOK)) is not None and not self._ended:
                if batch:
                    self._hand_over(batch)
        except Exception as error:
            if not self._ended:
                self._answers.put(error)
        finally:
            self.end()

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

    def _hand_over(self, batch: list[Point]) -> None:
        begin = time.monotonic()
        try:
            process = self._ready()
            begin = time.monotonic()
            _tell(process, batch)
            answer = _hear(process)
        except (OSError, EOFError):
            if self._ended:
                return
            why = f"its worker died ({self._buried()}) each time it was computed"
            for point in self._batches.lost(batch):
                self._answers.put(Lost((point, why)))
            return
        self._batches.done(batch, time.monotonic() - begin)
        self._answers.put(answer)

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
                _tell(self._process, (self._data, self._share))
                refusal = _hear(self._process)
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


def _tell(process: subprocess.Popen[bytes], message: Any) -> None:
    from tutelage.sweeps.work import send

    send(process.stdin, message)  # type: ignore[arg-type]


def _hear(process: subprocess.Popen[bytes]) -> Any:
    from tutelage.sweeps.work import receive

    return receive(process.stdout)  # type: ignore[arg-type]
