"""A progress bar for whatever takes longer than two seconds, and none for what does not."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Progress", "duration", "in_notebook", "progress"]

PATIENCE = 2.0  # seconds before a bar appears
EVERY = 0.5  # seconds between two changes of a notebook's line


class Progress:
    """Reports the fraction done, once PATIENCE has passed: a bar on a terminal, a line in a notebook."""

    def __init__(self, label: str, total: float, show: bool) -> None:
        self.label, self.total = label, total
        self._start = time.monotonic()
        self._show = show and (sys.stderr.isatty() or in_notebook())
        self._bar: Any = None
        self._task: Any = None

    def update(self, done: float) -> None:
        """Say how much of the total is done."""
        if self._bar is None:
            if not self._show or time.monotonic() - self._start < PATIENCE:
                return
            self._open()
        self._bar.update(self._task, completed=done)

    def _open(self) -> None:
        if in_notebook():
            self._bar = _Line(self.label, self.total)
            return
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self.label, total=self.total)
        self._bar.start()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


class _Line:
    """A line of a notebook's output that says how much is done and how long the rest takes; gone at the end."""

    def __init__(self, label: str, total: float) -> None:
        from IPython.display import display

        self._label, self._total, self._begin = label, total, time.monotonic()
        self._first: float | None = None
        self._said = -EVERY
        self._handle = display({"text/plain": label}, raw=True, display_id=True)

    def update(self, _: Any, completed: float) -> None:
        """Say how much of the total is done."""
        now = time.monotonic() - self._begin
        self._first = completed if self._first is None else self._first
        if now - self._said < EVERY:
            return
        self._said = now
        left = now * (self._total - completed) / (completed - self._first) if completed > self._first else None
        rest = "" if left is None else f", about {duration(left)} left"
        text = f"{self._label}: {100 * completed / self._total:.0f} % done{rest}"
        self._handle.update({"text/plain": text}, raw=True)

    def stop(self) -> None:
        """Take the line away."""
        self._handle.update({"text/plain": ""}, raw=True)


def in_notebook() -> bool:
    """Whether this runs in a notebook, whose output can be replaced."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def duration(seconds: float) -> str:
    """Return seconds as 1:02:03."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


@contextmanager
def progress(label: str, total: float, show: bool = True) -> Iterator[Progress]:
    """Yield a :class:`Progress` and close it afterwards, whatever happens."""
    bar = Progress(label, total, show)
    try:
        yield bar
    finally:
        bar.close()
