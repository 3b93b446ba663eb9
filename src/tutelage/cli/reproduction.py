"""The commands for figures of papers, as functions: cyclopts reads their names, arguments and help off them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tutelage.cli.application import FAILED, Out, app, console, say_results

__all__ = ["gallery", "papers", "reproduce"]


@app.command
def papers() -> None:
    """List the papers and figures that can be reproduced."""
    from rich.table import Table

    from tutelage.papers import catalogue

    grid = Table(box=None, padding=(0, 2, 1, 0))
    grid.add_column("figure", no_wrap=True)
    grid.add_column("what it shows")
    for name, figure in catalogue().items():
        grid.add_row(name, f"{figure.title}. {figure.finding}" if figure.title else figure.finding)
    console().print(grid)
    print("Reproduce one with: tutelage reproduce NAME")


@app.command
def reproduce(
    name: str, /, *, quick: bool = False, out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None
) -> None:
    """Reproduce a figure of a paper: data, picture, and the finding it must show.

    Parameters
    ----------
    name
        PAPER/FIGURE, as `tutelage papers` lists them.
    quick
        A smaller version, in seconds.
    out
        Folder for the results; default: out/PAPER.
    """
    from tutelage import plot
    from tutelage.cli import experiment
    from tutelage.cli.exhibition import whole
    from tutelage.papers import catalogue
    from tutelage.results import save

    figures = catalogue()
    if name not in figures:
        raise _unknown_figure(name, figures)
    figure = figures[name]
    paper, _, short = name.rpartition("/")
    folder = experiment.folder(Path("out") / paper if out is None else out)
    result = whole(figure, quick)
    for label, ds in result.datasets.items():
        save(ds, folder / f"{short}-{experiment.filename(label)}.nc")
    path = plot.save(result.figure, folder / f"{short}.png")
    print(figure.finding)
    for what, value in result.summary.items():
        print(f"  {what}: {value:.6g}")
    say_results(folder, [path])


@app.command
def gallery(
    names: list[str] | None = None,
    /,
    *,
    quick: Annotated[bool, Parameter(negative="")] = False,
    again: Annotated[bool, Parameter(negative="")] = False,
    out: Out = Path("out/gallery"),
) -> None:
    """Reproduce all figures of all papers, onto one page; the same command goes on after any interruption.

    Figures that are there are not made again, and a failure keeps no other from being made. The exit code is 3 if
    figures failed.

    Parameters
    ----------
    names
        Only these: PAPER or PAPER/FIGURE.
    quick
        Smaller versions: some ten minutes in place of an hour.
    again
        Make them again, also where they are there.
    out
        Folder for the pictures and the page, index.md.
    """
    from tutelage.cli import experiment
    from tutelage.cli.exhibition import chosen, make

    figures, folder = chosen(names or []), experiment.folder(out)
    records = make(folder, figures, quick, again)
    failed = [name for name in figures if records[name].error]
    for name in failed:
        print(f"failed: {name}: {records[name].error}")
    print(f"{len(figures) - len(failed)} of {len(figures)} figures are there")
    say_results(folder, [folder / "index.md"])
    if failed:
        raise SystemExit(FAILED)


def _unknown_figure(name: str, figures: Iterable[str]) -> ValueError:
    """Return the error for a figure that does not exist, with the nearest that does."""
    from difflib import get_close_matches

    from tutelage.errors import ArgumentError

    paper = [figure for figure in figures if figure.partition("/")[0] == name.partition("/")[0]]
    near = get_close_matches(name, paper or figures, 1)
    if near and "/" in name:
        remedy = f"did you mean `{near[0]}`?"
    elif paper:
        remedy = f"those of this paper are {', '.join(paper)}."
    else:
        remedy = f"did you mean a figure of `{near[0].partition('/')[0]}`?" if near else "`tutelage papers` lists them."
    return ArgumentError(f"`{name}` is not a figure; {remedy}")
