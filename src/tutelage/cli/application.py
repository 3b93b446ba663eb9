"""The application that commands register with, and how they speak."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from tutelage.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["FAILED", "Out", "app", "console", "say_results"]

Out = Annotated[Path, Parameter(name=["--out", "-o"])]
FAILED = 3  # exit code: some of many parts failed

app = App(
    name="tutelage",
    help="Exact learning dynamics of teacher-student networks: what theory predicts, and whether SGD does it.",
    version=__version__,
)


def console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def say_results(folder: Path, paths: list[Path]) -> None:
    """Say where the results are."""
    print(f"results: {folder}")
    for path in paths:
        print(f"picture: {path}")
