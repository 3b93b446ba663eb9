"""How far a sweep is: a bar in the terminal or notebook, and lines in the log file of its store."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tutelage.progress import Progress, duration
from tutelage.sweeps.store import FAILED, Entry

__all__ = ["Report"]

EVERY = 10.0  # seconds between two lines of the log


class Report:
    """Says how many of `total` points there are while the `missing` ones are computed."""

    def __init__(self, log: Path, total: int, missing: int, show: bool) -> None:
        self._log, self._total, self._missing = log, total, missing
        self._bar = Progress("sweep", missing, show)
        self._begin = self._said = time.monotonic()
        self._done = 0

    def __enter__(self) -> Report:
        if self._missing:
            self.say(f"{self._total} points, {self._missing} to compute")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._bar.close()
        if error is not None:
            self.say(f"stopped: {type(error).__name__}: {error}")
        elif self._missing:
            seconds = time.monotonic() - self._begin
            self.say(f"{self._done} points computed in {seconds:.1f} s, {self._done / max(seconds, 1e-9):.1f} a second")

    def update(self, entries: Mapping[str, Entry], news: int) -> None:
        """Take note of `news` more points; `entries` are all that there are now."""
        self._done += news
        self._bar.update(self._done)
        now = time.monotonic()
        if now - self._said > EVERY:
            left = (now - self._begin) / max(self._done, 1) * (self._missing - self._done)
            failed = sum(entry.status == FAILED for entry in entries.values())
            done = len(entries) - failed
            self.say(f"{done} of {self._total} done, {failed} failed, about {duration(left)} left")
            self._said = now

    def say(self, text: str) -> None:
        """Write a line to the log; a full disk does no harm."""
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {platform.node()}:{os.getpid()} {text}\n"
        with suppress(OSError), self._log.open("a", encoding="utf-8") as file:
            file.write(line)
