"""Progress: in a notebook a line that is replaced, and goes away at the end; on a terminal a bar."""

from __future__ import annotations

import io
import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tutelage import progress


class ZMQInteractiveShell:
    """The shell of a notebook, by its name."""


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True

    def wait_for(self, text: str) -> None:
        """Wait until `text` has been written, ten seconds at most."""
        until = time.monotonic() + 10
        while text not in self.getvalue() and time.monotonic() < until:
            time.sleep(0.01)
        assert text in self.getvalue()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what a notebook, and not a terminal, shows one after the other."""
    seen: list[str] = []

    def display(data: dict[str, str], **_: Any) -> SimpleNamespace:
        seen.append(data["text/plain"])
        return SimpleNamespace(update=lambda data, **_: seen.append(data["text/plain"]))

    notebook, page = ModuleType("IPython"), ModuleType("IPython.display")
    notebook.get_ipython = ZMQInteractiveShell  # type: ignore[attr-defined]
    page.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", page)
    return seen


def test_a_line_that_goes_away(shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.progress("sweep", 200) as bar:
        bar.update(10)
        assert shown == []  # nobody waits yet
        now[0] += progress.PATIENCE
        bar.update(20)
        now[0] += 10
        bar.update(70)  # 50 in 10 seconds, so that 130 take 26
        now[0] += 0.1
        bar.update(80)  # too soon to say so
    assert shown == ["sweep", "sweep: 10 % done", "sweep: 35 % done, about 0:00:26 left", ""]


def test_nothing_is_shown_where_nobody_asks(shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.progress("sweep", 200, show=False) as bar:
        bar.update(100)
    assert shown == []


def test_a_plain_process_is_no_notebook() -> None:
    assert not progress.in_notebook()


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00:00"), (61, "0:01:01"), (36000 + 59.6, "10:01:00")])
def test_durations(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


def test_a_bar_appears_while_nothing_is_done_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling may take a minute before the first report: who waits at a terminal sees that something happens."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with progress.progress("ODE", 10.0) as bar:
        terminal.wait_for("ODE: starting")
        bar.update(5.0)
        terminal.wait_for("50%")
    last = terminal.getvalue().rpartition("50%")[0].splitlines()[-1]
    assert "ODE" in last
    assert "starting" not in last


def test_no_bar_appears_for_what_is_quick_or_unasked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with progress.progress("quick", 10.0):
        pass
    with progress.progress("unasked", 10.0, show=False):
        time.sleep(0.1)
    time.sleep(0.1)
    assert terminal.getvalue() == ""
