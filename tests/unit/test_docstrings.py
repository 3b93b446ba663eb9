"""Every argument of every public function and class is in its docstring."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
ENTRY = re.compile(r"^\.\. auto(function|class|module):: (\S+)\n(?:   :members:(.*)\n)?", re.MULTILINE)
NAMES = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$", re.MULTILINE)  # a, b : type


def found(name: str) -> Any:
    """Return what stands under a dotted name; a function before the module of the same name."""
    first, *parts = name.split(".")
    thing: Any = importlib.import_module(first)
    for part in parts:
        thing = getattr(thing, part) if hasattr(thing, part) else importlib.import_module(f"{thing.__name__}.{part}")
    return thing


def public() -> list[str]:
    """Return the dotted names of what the page of the interface documents: functions, classes, members of modules."""
    names = []
    for kind, name, members in ENTRY.findall(API):
        if kind != "module":
            names.append(name)
        elif members or f"automodule:: {name}\n   :members:\n" in API:
            chosen = [each.strip() for each in members.split(",") if each.strip()] or found(name).__all__
            names += [f"{name}.{each}" for each in chosen if callable(getattr(found(name), each))]
    return names


PUBLIC = public()


def undocumented(thing: Any) -> list[str]:
    """Return the arguments of a function or class that have no line in its docstring."""
    if inspect.isclass(thing) and (issubclass(thing, BaseException) or getattr(thing, "_is_protocol", False)):
        return []  # nobody makes one
    documented = {each.lstrip("*") for line in NAMES.findall(inspect.getdoc(thing) or "") for each in line.split(", ")}
    return [name for name in inspect.signature(thing).parameters if name not in documented]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_is_documented(name: str) -> None:
    assert undocumented(found(name)) == []


def methods() -> list[tuple[str, str]]:
    """Return the public methods that public classes define themselves."""
    classes = {name: found(name) for name in PUBLIC if inspect.isclass(found(name))}
    return [
        (name, each)
        for name, thing in classes.items()
        if not issubclass(thing, BaseException)
        for each, method in vars(thing).items()
        if not each.startswith("_") and inspect.isfunction(getattr(method, "__func__", method))
    ]


@pytest.mark.parametrize(("name", "method"), methods())
def test_every_argument_of_a_method_is_named(name: str, method: str) -> None:
    """In the method's own docstring, or in that of its class where all methods share an argument."""
    thing = found(name)
    function = getattr(thing, method)
    text = f"{inspect.getdoc(function)}\n{inspect.getdoc(thing)}"
    arguments = [each for each in inspect.signature(function).parameters if each != "self"]
    assert [each for each in arguments if not re.search(rf"\b{each}\b", text)] == []


def test_the_page_is_read() -> None:
    assert {"tutelage.solve", "tutelage.plot.save", "tutelage.landscape.MLP", "tutelage.phase.trace"} <= set(PUBLIC)
    assert len(PUBLIC) > 200


def test_what_is_not_documented_is_seen() -> None:
    def half(a: int, b: int, *more: int, c: int = 0) -> None:
        """Return nothing of b.

        Parameters
        ----------
        a, c : int
        *more
            Also.
        """

    assert undocumented(half) == ["b"]
