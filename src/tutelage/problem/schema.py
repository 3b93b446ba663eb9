"""From typed structs to sentences: what a file may hold, what is wrong with it, and a table or template of its keys.

The structs are the one place where keys, types, bounds, defaults and meanings stand; everything here is read off them.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import inspect as types

from tutelage.errors import ArgumentError

__all__ = ["Row", "convert", "refuse_key", "rows", "template"]

StructType = TypeVar("StructType", bound=msgspec.Struct)
WIDTH = 100  # of a template's comments


class Row(NamedTuple):
    """One key of a file."""

    key: str
    type: str
    default: str
    meaning: str


def refuse_key(key: str, must: str, but: str) -> ArgumentError:
    """Return the error "key `section.name` must ..., but ...". The caller raises it."""
    return ArgumentError(f"key `{key}` must {must}, but {but}.")


def convert(raw: dict[str, Any], into: type[StructType]) -> StructType:
    """Return `raw`, as a TOML reader gives it, as a struct of type `into`, whose fields are structs: its sections.

    Raises
    ------
    ArgumentError
        One sentence with the path of the key, what is allowed and what was given.
    """
    try:
        converted = msgspec.convert(raw, into)
    except msgspec.ValidationError as error:
        raise _sentence(str(error), raw, into) from None
    for key, value in _leaves(raw):
        if isinstance(value, float) and not math.isfinite(value):
            raise refuse_key(key, "be finite", f"is {value}")
    return converted


def rows(struct: type[msgspec.Struct]) -> Iterator[Row]:
    """Yield every key of every section of `struct`, in order."""
    for section in msgspec.structs.fields(struct):
        for field in msgspec.structs.fields(section.type):
            default = "" if field.default in (None, msgspec.NODEFAULT) else _toml(field.default)
            key = f"{section.encode_name}.{field.encode_name}"
            yield Row(key, _allowed(field.type), default, _meta(field.type, "description"))


def template(struct: type[msgspec.Struct], heading: str) -> str:
    """Return a TOML file that states every default, key by key, under its meaning.

    Keys that are left out by default stand as comments, with an example.
    """
    lines = [*_comment(heading), ""]
    for section in msgspec.structs.fields(struct):
        lines += [*_comment(section.type.__doc__ or ""), f"[{section.name}]"]
        for field in msgspec.structs.fields(section.type):
            lines += _comment(_meta(field.type, "description"))
            if field.default is None:
                lines.append(f"#{field.encode_name} = {_toml(_meta(field.type, 'examples')[0])}")
            else:
                lines.append(f"{field.encode_name} = {_toml(field.default)}")
        lines.append("")
    return "\n".join(lines)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent="# ", subsequent_indent="# ")


def _toml(value: Any) -> str:
    """Return a number, string or list as TOML writes it, which is as JSON does."""
    return json.dumps(value)


def _meta(annotated: Any, what: str) -> Any:
    """Return the description or the examples of a field's type."""
    found = [getattr(meta, what) for meta in getattr(annotated, "__metadata__", ()) if getattr(meta, what, None)]
    return found[-1] if found else ""


def _leaves(raw: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every number and string in `raw` with its path."""
    if isinstance(raw, dict):
        for name, value in raw.items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(raw, list):
        for i, value in enumerate(raw):
            yield from _leaves(value, f"{path}[{i}]")
    else:
        yield path, raw


def _allowed(annotated: Any) -> str:
    """Return what a field's type allows: "a number >= 0", 'one of "a", "b"'."""
    return _one(types.type_info(annotated))


def _one(kind: types.Type) -> str:
    match kind:
        case types.Metadata():
            return _one(kind.type)
        case types.UnionType():
            return " or ".join(_one(option) for option in kind.types if not isinstance(option, types.NoneType))
        case types.LiteralType():
            return "one of " + ", ".join(f'"{value}"' for value in kind.values)
        case types.ListType():
            return f"a list{_of(kind.item_type)}"
        case types.FloatType():
            return "a number" + _bounds(kind)
        case types.IntType():
            return "an integer" + _bounds(kind)
        case types.StrType():
            return "a string"
        case types.BoolType():
            return "true or false"
    return "a section"


def _of(kind: types.Type) -> str:
    """Return what a list holds: " of numbers"; nothing if that can be anything."""
    match kind:
        case types.Metadata():
            return _of(kind.type)
        case types.ListType():
            return f" of lists{_of(kind.item_type)}"
        case types.StrType():
            return " of strings"
        case types.AnyType():
            return ""
    return " of numbers"


def _bounds(kind: types.FloatType | types.IntType) -> str:
    limits = ((">=", kind.ge), (">", kind.gt), ("<=", kind.le), ("<", kind.lt))
    found = [
        f" {sign} {limit if isinstance(limit, int) else format(limit, 'g')}"
        for sign, limit in limits
        if limit is not None
    ]
    return " and".join(found)


def _sentence(message: str, raw: dict[str, Any], struct: type[msgspec.Struct]) -> ArgumentError:
    """Return what msgspec says as one sentence that names the key and the value."""
    where = re.search(r" - at `\$\.?(.*)`$", message)
    path = where[1] if where else ""
    unknown = re.match(r"Object contains unknown field `(.*?)`(?: - at |$)", message)
    if unknown:
        return _unknown(unknown[1], path, struct)
    names = re.findall(r"\w+", re.sub(r"\[.*", "", path))
    value: Any = raw
    for step in names:
        value = value[step]
    section = {field.name: field for field in msgspec.structs.fields(struct)}[names[0]]
    if len(names) == 1:
        return refuse_key(path, f"be a section, [{names[0]}]", f"is {value!r:.60}")
    field = {field.encode_name: field for field in msgspec.structs.fields(section.type)}[names[1]]
    return refuse_key(".".join(names), f"be {_allowed(field.type)}", f"is {json.dumps(value, default=str):.60}")


def _unknown(name: str, section: str, struct: type[msgspec.Struct]) -> ArgumentError:
    """Return the error for a key that does not exist, with the nearest that does."""
    sections = {field.name: field.type for field in msgspec.structs.fields(struct)}
    choices = list(sections[section].__struct_encode_fields__ if section else sections)
    full = f"{section}.{name}" if section else name
    near = difflib.get_close_matches(name, choices, 1, 0.6)
    if near:
        return ArgumentError(f"`{full}` is not a key; did you mean `{near[0]}`?")
    homes = [s for s, kind in sections.items() if name in kind.__struct_encode_fields__]
    if homes:
        return ArgumentError(f"`{full}` is not a key; did you mean `{homes[0]}.{name}`?")
    kind = "keys" if section else "sections"
    where = f" of [{section}]" if section else ""
    return ArgumentError(f"`{full}` is not a key; the {kind}{where} are {', '.join(f'`{c}`' for c in choices)}.")
