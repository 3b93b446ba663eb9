"""Sweep files: a problem file with a section [sweep]."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tutelage.errors import ArgumentError
from tutelage.problem import parse, schema
from tutelage.problem.schema import Row, refuse_key
from tutelage.sweeps.axes import AxisKeys, axis_of
from tutelage.sweeps.plan import Plan
from tutelage.sweeps.runs import RUNS

__all__ = ["planned", "read", "sweep_table"]


NAMES = ", ".join(f'"{name}"' for name in RUNS)


class Sweep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is run, and over which axes."""

    run: Annotated[
        str,
        Meta(
            description=f'What is done at each point: {NAMES}, with the problem, or "module:function" of your own, '
            "from the folder of this file or installed."
        ),
    ] = "solve"
    keep: Annotated[
        list[str] | None, Meta(description="Names of the results to keep, as `eg`. Left out: all.", examples=[["eg"]])
    ] = None
    version: Annotated[
        str, Meta(description="Of your function; change it when something it calls changes: points are then new.")
    ] = ""


class _File(msgspec.Struct):
    sweep: Sweep


class _Axes(msgspec.Struct):
    axes: AxisKeys


def read(path: str | os.PathLike[str]) -> Plan:
    """Read a sweep file: a problem file with a section [sweep] and its axes, [[sweep.axes]].

    Parameters
    ----------
    path : path
        A TOML file.

    Returns
    -------
    Plan
        For :func:`tutelage.sweeps.sweep.status` and its relatives.

    Raises
    ------
    ArgumentError
        One sentence: the file, the key, what is allowed, what was given.
    """
    file = Path(path)
    try:
        return planned(parse(file), file.parent)
    except ArgumentError as error:
        raise ArgumentError(f"{file}: {re.sub('^Argument ', '', str(error))}") from None


def planned(raw: dict[str, Any], folder: Path) -> Plan:
    """Return the plan of a sweep file, as a TOML reader gives it, that lies in `folder`."""
    if "sweep" not in raw:
        raise refuse_key("sweep", "be a section, [sweep], with [[sweep.axes]]", "is left out")
    raw = dict(raw)
    section = raw.pop("sweep")
    tables = section.pop("axes", []) if isinstance(section, dict) else []
    sweep = schema.convert({"sweep": section}, _File).sweep
    if not isinstance(tables, list):
        raise refuse_key("sweep.axes", "be a list of tables, [[sweep.axes]]", f"is {tables!r:.60}")
    if not tables:
        raise refuse_key("sweep.axes", "hold at least one axis, [[sweep.axes]]", "is empty")
    axes = [axis_of(table, f"sweep.axes[{i}]") for i, table in enumerate(tables)]
    where = str(folder.resolve())
    if ":" in sweep.run and where not in sys.path:
        sys.path.insert(0, where)
    return Plan.make(raw, axes, sweep.run, sweep.keep, sweep.version, folder)


def sweep_table() -> list[Row]:
    """Return every key of [sweep] and [[sweep.axes]] with its type, default and meaning, for the documentation."""
    rows: list[Any] = [*schema.rows(_File), *schema.rows(_Axes)]
    return rows
