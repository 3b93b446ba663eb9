"""A progress bar for whatever takes longer than two seconds, and none for what does not."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Progress", "progress"]

PATIENCE = 2.0  # seconds before a bar appears


class Progress:
    """Reports the fraction done; the bar is drawn on standard error once PATIENCE has passed, if somebody looks."""

    def __init__(self, label: str, total: float, show: bool) -> None:
        self.label, self.total = label, total
        self._start = time.monotonic()
        self._show = show and sys.stderr.isatty()
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


@contextmanager
def progress(label: str, total: float, show: bool = True) -> Iterator[Progress]:
    """Yield a :class:`Progress` and close it afterwards, whatever happens."""
    bar = Progress(label, total, show)
    try:
        yield bar
    finally:
        bar.close()
