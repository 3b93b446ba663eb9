"""The axes of a sweep: which parameters vary, over which values, and which of them go together."""

from __future__ import annotations

import math
import re
import warnings
import zlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from msgspec import inspect as types

from tutelage.errors import ArgumentError
from tutelage.problem import Problem, schema
from tutelage.problem.schema import refuse_key
from tutelage.problem.sections import Count, Seed

__all__ = ["MOST", "Axis", "AxisKeys", "axis", "axis_of", "takes_whole_numbers_only", "value_type"]

MOST = 1_000_000  # points of a sweep: each is a file


class AxisKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """One parameter that varies; its values are a list, a range, draws, or seeds."""

    name: Annotated[
        str,
        Meta(
            description="The parameter: a key of the problem, as `rule.lr`, or an argument of your function. Required."
        ),
    ]
    values: Annotated[
        list | None,
        Meta(
            description="The values, as the parameter takes them: numbers, strings, true or false, or lists of these.",
            examples=[[0.1, 0.5]],
        ),
    ] = None
    start: Annotated[
        float | None, Meta(description="First value of a range, or one end of draws; > 0 on a log scale.")
    ] = None
    end: Annotated[
        float | None, Meta(description="Last value of a range, or the other end of draws; > 0 on a log scale.")
    ] = None
    points: Annotated[
        Count | None,
        Meta(
            description="Number of values of a range. For a parameter that takes integers they are rounded, each is "
            "taken once, and a warning says which."
        ),
    ] = None
    scale: Annotated[Literal["linear", "log"], Meta(description="How a range is spaced, or draws are distributed.")] = (
        "linear"
    )
    random: Annotated[
        Count | None, Meta(description="Number of values drawn between `from` and `to`, in place of `points`.")
    ] = None
    seed: Annotated[Seed, Meta(description="Seed of the draws.")] = 0
    seeds: Annotated[
        Count | None, Meta(description="Number of seeds, for a parameter that is a seed: first, first + 1, ...")
    ] = None
    first: Annotated[Seed, Meta(description="The first seed.")] = 0
    independent: Annotated[
        bool,
        Meta(
            description="Whether points that differ elsewhere have random numbers of their own. The seed is then made "
            "from all parameters of the point and the number on this axis."
        ),
    ] = False
    link: Annotated[
        str | None,
        Meta(description="Axes of one link go together, value by value, as one dimension of that name."),
    ] = None


class _File(msgspec.Struct):
    axis: AxisKeys


class Axis(NamedTuple):
    """A parameter and its values, as a problem file would state them."""

    name: str
    values: list[Any]
    link: str | None = None
    independent: bool = False


def axis_of(raw: Any, where: str) -> Axis:
    """Return the axis that a table of a sweep file describes; `where` names it in complaints."""
    if isinstance(raw, Mapping) and "name" not in raw:
        raise refuse_key(f"{where}.name", "be given", "is left out")
    try:
        keys = schema.convert({"axis": raw}, _File).axis
        return Axis(keys.name, _values(keys), keys.link, keys.independent)
    except ArgumentError as error:
        raise ArgumentError(re.sub(r"`axis\b", lambda _: f"`{where}", str(error))) from None


def axis(name: str, given: Any) -> Axis:
    """Return an axis from what Python code gives: values, or the keys of a table as a dict."""
    if isinstance(given, Mapping):
        return axis_of({"name": name, **given}, f"axes[{name!r}]")
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise refuse_key(f"axes[{name!r}]", "be a sequence of values", f"is {given!r:.60}")
    return Axis(name, check_values([_plain(value) for value in given], f"axes[{name!r}]"))


def check_values(values: list[Any], where: str) -> list[Any]:
    """Return the values of an axis, or refuse none, numbers that are not finite, and what no file can hold."""
    if not values:
        raise refuse_key(where, "hold at least one value", "is empty")
    for value in values:
        _check_value(value, where)
    return values


def _check_value(value: Any, where: str) -> None:
    if isinstance(value, list):
        for each in value:
            _check_value(each, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise refuse_key(where, "hold finite values", f"holds {value}")
    elif not isinstance(value, (bool, int, float, str)):
        raise refuse_key(
            where, "hold numbers, strings, or lists of them", f"holds {type(value).__name__} {value!r:.40}"
        )


def value_type(name: str) -> types.Type | None:
    """Return the type of a key of problem files, or None if there is no such key."""
    section, _, key = name.partition(".")
    kind = {field.name: field.type for field in msgspec.structs.fields(Problem)}.get(section)
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)} if kind else {}
    return types.type_info(fields[key]) if key in fields else None


def _values(keys: AxisKeys) -> list[Any]:
    """Return the values that the keys of an axis describe, by exactly one of the four ways."""
    ways = {name: getattr(keys, name) for name in ("values", "points", "random", "seeds")}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        but = f"has {' and '.join(given)}" if given else "has none of them"
        raise refuse_key("axis", "have exactly one of `values`, `points`, `random`, `seeds`", but)
    if keys.independent and keys.seeds is None:
        raise refuse_key("axis.independent", "be left out unless there are `seeds`", "is given without")
    for key, end in (("from", keys.start), ("to", keys.end)):
        if end is not None and given[0] in ("values", "seeds"):
            raise refuse_key(f"axis.{key}", "be left out unless there are `points` or `random`", "is given without")
    if keys.values is not None:
        return check_values(keys.values, "axis.values")
    if keys.seeds is not None and not _may_be_seed(keys.name):
        raise refuse_key("axis.seeds", "be left out unless the parameter is a seed", f"is given for `{keys.name}`")
    count = keys.points or keys.random or keys.seeds or 0
    if count > MOST:
        raise refuse_key(f"axis.{given[0]}", f"be at most {MOST:,}", f"is {count:,}")
    if keys.seeds is not None:
        return list(range(keys.first, keys.first + count))
    return _range(keys, count)


def _range(keys: AxisKeys, count: int) -> list[Any]:
    """Return values spaced, or drawn, between two ends; whole numbers, each once, for a key that takes no others."""
    if keys.start is None or keys.end is None:
        missing = "from" if keys.start is None else "to"
        raise refuse_key(f"axis.{missing}", "be given with a range or draws", "is left out")
    for key, end in (("from", keys.start), ("to", keys.end)):
        if keys.scale == "log" and not end > 0:
            raise refuse_key(f"axis.{key}", "be > 0 on a log scale", f"is {end:g}")
    if keys.points is not None:
        values = (np.geomspace if keys.scale == "log" else np.linspace)(keys.start, keys.end, count)
    else:
        ends = np.log([keys.start, keys.end]) if keys.scale == "log" else np.array([keys.start, keys.end])
        draws = np.random.default_rng([keys.seed, zlib.crc32(keys.name.encode())]).uniform(size=count)
        values = ends[0] + draws * (ends[1] - ends[0])
        values = np.exp(values) if keys.scale == "log" else values
    if not takes_whole_numbers_only(keys.name):
        return values.tolist()
    return _rounded(keys, values)


def _rounded(keys: AxisKeys, values: np.ndarray) -> list[int]:
    """Return a range or draws as integers; each once, unless other axes go along. A warning says what was changed."""
    whole = np.rint(values)
    result = [int(value) for value in whole]
    if keys.link is None:
        result = list(dict.fromkeys(result))
    moved = keys.points is not None and not np.allclose(values, whole, rtol=1e-9, atol=1e-9)
    if moved or len(result) < len(whole):
        shown = ", ".join(map(str, result[:8])) + (", ..." if len(result) > 8 else "")
        fewer = f"{len(result)} values in place of {len(whole)}" if len(result) < len(whole) else f"{len(whole)} values"
        said = f"`{keys.name}` takes integers: what lies between them is rounded, which gives {fewer}, {shown}"
        warnings.warn(said, stacklevel=2)
    return result


def _may_be_seed(name: str) -> bool:
    """Whether a parameter can be a seed: a key of that name, or an argument of a function, of any name."""
    return value_type(name) is None or name.endswith(".seed")


def takes_whole_numbers_only(name: str) -> bool:
    """Whether a key of problem files takes integers and no other numbers."""
    return _whole(value_type(name))


def _whole(kind: types.Type | None) -> bool:
    """Whether a key takes whole numbers only."""
    if isinstance(kind, types.Metadata):
        return _whole(kind.type)
    if isinstance(kind, types.UnionType):
        return any(map(_whole, kind.types)) and not any(isinstance(option, types.FloatType) for option in kind.types)
    return isinstance(kind, types.IntType)


def _plain(value: Any) -> Any:
    """Return a NumPy scalar or array, or a tuple, as numbers and lists."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
