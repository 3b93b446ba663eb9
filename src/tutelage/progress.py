"""A progress bar for whatever takes longer than two seconds, and none for what does not."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Progress", "duration", "in_notebook", "progress"]

PATIENCE = 2.0  # seconds before a bar appears
EVERY = 0.5  # seconds between two changes of a notebook's line
STARTING = "{}: starting (new code compiles first)"  # a bar while nothing is done


class Progress:
    """Reports the fraction done, once PATIENCE has passed: a bar on a terminal, a line in a notebook.

    The bar does not wait for the first report, which may be long in coming where code has to be compiled. The line of a
    notebook does: what another thread displays may end up in another cell.
    """

    def __init__(self, label: str, total: float, show: bool) -> None:
        self.label, self.total = label, total
        self._start = time.monotonic()
        self._show = show and (sys.stderr.isatty() or in_notebook())
        self._bar: Any = None
        self._task: Any = None
        self._begun = False  # whether anything is done
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        if self._show and not in_notebook():
            self._timer = threading.Timer(PATIENCE, self._open)
            self._timer.daemon = True
            self._timer.start()

    def update(self, done: float) -> None:
        """Say how much of the total is done."""
        if self._bar is None:
            if not self._show or time.monotonic() - self._start < PATIENCE:
                return
            self._open()
        if done > 0 and not self._begun and not isinstance(self._bar, _Line):
            self._begun = True
            self._bar.update(self._task, description=self.label)
        self._bar.update(self._task, completed=done)

    def _open(self) -> None:
        """Show the bar or line; called by the timer or the first report after PATIENCE, whichever comes first."""
        with self._lock:
            if self._bar is None and self._show:
                self._bar = self._line_or_bar()

    def _line_or_bar(self) -> Any:
        if in_notebook():
            return _Line(self.label, self.total)
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
        bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = bar.add_task(STARTING.format(self.label), total=self.total)
        bar.start()
        return bar

    def close(self) -> None:
        """Take the bar away."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._show = False  # a timer that has just run out opens nothing any more
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
        """Take the line away; as HTML, of which not even an empty box is left where the notebook is kept."""
        self._handle.update({"text/plain": "", "text/html": ""}, raw=True)


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
