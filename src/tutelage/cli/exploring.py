"""The command ``tutelage explore``: the page as a file, and a browser that shows it."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from tutelage.errors import ArgumentError

__all__ = ["show", "write"]


def write(problem: Path | None, out: Path) -> None:
    """Write the page to `out`, which opens with the setting of a problem file if one is given."""
    from tutelage.explore import page
    from tutelage.problem import naming, read

    if problem is None:
        text = page()
    else:
        if out.exists() and problem.exists() and out.samefile(problem):
            raise ArgumentError(f"`--out` must not be the problem file itself, but both are {out}.")
        given = read(problem)
        with naming(problem):
            text = page(given)
    out.write_text(text, "utf-8")


def show(out: Path) -> bool:
    """Open the page in a browser; return whether there was one."""
    try:
        return webbrowser.open(out.resolve().as_uri())
    except webbrowser.Error:
        return False
