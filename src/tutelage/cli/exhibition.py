"""The gallery: every figure that can be reproduced, made in one go, on one page with what each must show.

A folder holds a picture for each figure, `gallery.json` with a record of each run, and `index.md`, the page. Records
are written as soon as a figure is done, so that the same command goes on after any interruption.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from tutelage.papers import Figure, Reproduction, catalogue
from tutelage.version import __version__

__all__ = ["Record", "chosen", "make", "page", "read", "whole"]

RECORDS, PAGE = "gallery.json", "index.md"
AGAIN = 1.0  # seconds until Ctrl-C is raised once more
INTRODUCTION = """\
# Gallery

Every figure of every paper that can be reproduced, with the finding it must show. Tests assert the findings on the data
behind the pictures, of small sizes in `make test`, of full ones in `make test-slow`. A command under each picture makes
it again, `--quick` in seconds. `make gallery` makes all of them and writes this page.
"""


@dataclass(frozen=True)
class Record:
    """How a figure was made, or why it was not.

    Attributes
    ----------
    size : {"full", "quick"}
        Of the experiment.
    seconds : float
        Of CPU time that it took, over all cores: other work on the machine does not count.
    made, version, machine : str
        When, by which version, and where.
    summary : dict of float
        The numbers that show the finding.
    error : str
        What went wrong; "" if nothing did.
    """

    size: str
    seconds: float
    made: str
    version: str
    machine: str
    summary: dict[str, float]
    error: str = ""


def chosen(names: Iterable[str]) -> dict[str, Figure]:
    """Return the figures of the given names, "paper/figure" or "paper"; all without any."""
    figures, names = catalogue(), list(names)
    unknown = [name for name in names if not any(_belongs(figure, [name]) for figure in figures)]
    if unknown:
        from tutelage.errors import refuse

        raise refuse("names", "be figures or papers, as `tutelage papers` lists them", f"one is {unknown[0]!r}")
    return {name: figure for name, figure in figures.items() if not names or _belongs(name, names)}


def make(
    folder: Path,
    figures: dict[str, Figure],
    quick: bool = False,
    again: bool = False,
    say: Callable[[str], object] = print,
) -> dict[str, Record]:
    """Make the figures that `folder` has not, write the page, and return the records of all figures.

    Each runs in a process of its own, so that no failure, not even a crash, keeps the others from being made. A figure
    of this version is not made again, nor a full one replaced by a quick one, except with `again`.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C, with a sentence; the figures made before are there.
    """
    records = read(folder)
    due = [name for name in figures if again or not _stands(records.get(name), quick)]
    for count, name in enumerate(due, 1):
        say(f"[{count}/{len(due)}] {name}")
        try:
            records[name] = _run(name, quick, folder / picture(name))
        except KeyboardInterrupt:
            left = f"{len(due) - count + 1} of {len(due)} figures are left to make"
            advice = "leave --again out to go on" if again else "the same command goes on"
            raise KeyboardInterrupt(f"interrupted; {left}; {advice}.") from None
        say(f"    {records[name].error or 'done, ' + _time(records[name].seconds)}")
        _write(folder, records)
    _write(folder, records)
    return {name: records[name] for name in catalogue() if name in records}


def read(folder: Path) -> dict[str, Record]:
    """Return the records of a folder; none where there is no file of them."""
    path = folder / RECORDS
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {name: Record(**record) for name, record in found.items()}


def page(records: dict[str, Record]) -> str:
    """Return the page, in Markdown: what failed or is missing first, then a part for each paper."""
    figures = catalogue()
    parts = [INTRODUCTION, *_troubles(figures, records)]
    paper = ""
    for name, figure in figures.items():
        if paper != (paper := name.partition("/")[0]):
            parts.append(_heading(paper))
        if name in records and not records[name].error:
            parts.append(_card(name, figure, records[name]))
    return "\n".join(parts)


def whole(figure: Figure, quick: bool) -> Reproduction:
    """Run an experiment to its end; Ctrl-C ends it at once.

    Elsewhere a run that is interrupted returns what it has, with a warning. Here the next run would begin, and a
    picture with holes come out.
    """
    with _unless_stopped():
        return figure.run(quick)


class _Stop(BaseException):
    """Ctrl-C, under a name that no run waits for."""


@contextmanager
def _unless_stopped() -> Iterator[None]:
    """Let Ctrl-C end what is inside, whatever it does about a KeyboardInterrupt.

    An exception that a signal raises is lost where Python cannot pass it on, as in a callback from compiled code or
    while an object is deleted. So it is raised again and again, until it arrives here.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    repeated = getattr(signal, "SIGALRM", None)  # not on Windows

    def stop(*_: object) -> None:
        if repeated is not None:
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
        raise _Stop

    signals = [signal.SIGINT] if repeated is None else [signal.SIGINT, repeated]
    before = [signal.signal(each, stop) for each in signals]
    try:
        yield
    except _Stop:
        raise KeyboardInterrupt("interrupted; nothing was written, as a figure is made as a whole.") from None
    finally:
        if repeated is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


def picture(name: str) -> str:
    """Return the file name of a figure's picture."""
    return f"{name.replace('/', '-')}.png"


def _belongs(figure: str, names: list[str]) -> bool:
    return figure in names or figure.partition("/")[0] in names


def _stands(record: Record | None, quick: bool) -> bool:
    """Return whether a figure need not be made."""
    return (
        record is not None and not record.error and record.version == __version__ and (quick or record.size == "full")
    )


def _run(name: str, quick: bool, path: Path) -> Record:
    """Make a figure in a process of its own."""
    summary: dict[str, float] = {}
    seconds, error = 0.0, ""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            summary, seconds = pool.submit(_draw, name, quick, path).result()
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
    size = "quick" if quick else "full"
    return Record(size, seconds, date.today().isoformat(), __version__, _machine(), summary, " ".join(error.split()))


def _draw(name: str, quick: bool, path: Path) -> tuple[dict[str, float], float]:
    """Run an experiment, save its picture and return its summary, with the CPU seconds of this process and its own."""
    from tutelage.plot import save

    made = whole(catalogue()[name], quick)
    save(made.figure, path)
    return {what: float(value) for what, value in made.summary.items()}, round(sum(os.times()[:4]), 1)


def _write(folder: Path, records: dict[str, Record]) -> None:
    """Write records and page, each in one move."""
    ordered = {name: asdict(records[name]) for name in catalogue() if name in records}
    for name, text in ((RECORDS, json.dumps(ordered, indent=1) + "\n"), (PAGE, page(records))):
        part = folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        os.replace(part, folder / name)


def _troubles(figures: dict[str, Figure], records: dict[str, Record]) -> list[str]:
    """Return the lists of figures that failed and that were not made yet, as far as there are any."""
    failed = [f"- `{name}`: {records[name].error}" for name in figures if name in records and records[name].error]
    missing = [f"- `{name}`" for name in figures if name not in records]
    headed = (("Failed:", failed), ("Not made yet:", missing))
    return ["\n".join([title, "", *lines, ""]) for title, lines in headed if lines]


def _heading(paper: str) -> str:
    """Return the head of a paper's part: what it is, in the words of its module."""
    what = (import_module(f"tutelage.papers.{paper}").__doc__ or "").partition("\n\n")[0]
    return f"## {paper}\n\n{what} BibTeX: `tl.citation({paper!r})`.\n"


def _card(name: str, figure: Figure, record: Record) -> str:
    """Return the part of the page that shows a figure."""
    numbers = "; ".join(f"{what}: {value:.4g}" for what, value in record.summary.items())
    measured = f"Measured: {numbers}.\n\n" if numbers else ""
    option = " --quick" if record.size == "quick" else ""
    return f"""\
### {figure.title or name}

![{figure.title or name}]({picture(name)})

{figure.finding}

{measured}*{figure.reference}.* `tutelage reproduce {name}{option}`: {record.size} size, {_time(record.seconds)}
of CPU time ({record.machine}, {record.made}, version {record.version}).
"""


def _time(seconds: float) -> str:
    """Return a time as one would say it."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _machine() -> str:
    """Return what this machine is, as far as a reader need know."""
    from tutelage.online.runs import cores_allowed

    return f"{cores_allowed()} cores ({platform.machine()}, {platform.system()})"
