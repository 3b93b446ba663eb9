"""Progress in a notebook: a line that is replaced, says how long the rest takes, and goes away at the end."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tutelage import progress


class ZMQInteractiveShell:
    """The shell of a notebook, by its name."""


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
