"""What a sweep is: a base, axes, and what is run at each point; and from these its points, each with its key."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tutelage.errors import ArgumentError
from tutelage.problem import Problem, build, schema
from tutelage.problem.schema import refuse_key
from tutelage.sweeps.axes import MOST, Axis, value_type
from tutelage.sweeps.runs import Run, check_keep, run_named

__all__ = ["Dimension", "Plan", "Point", "flatten", "unflatten"]

Parameters = dict[str, Any]  # by dotted key of the problem, without defaults; arguments of functions by their names
RESERVED = ("alpha", "eg", "Q", "R", "T", "v", "v_star", "replica", "student", "student_", "teacher", "teacher_")


class Point(NamedTuple):
    """One point of a sweep: its parameters, and the hash of them and of what is run, which names its file."""

    key: str
    parameters: Parameters


class Dimension(NamedTuple):
    """A dimension of the results: one axis, or several that go together."""

    name: str
    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """Number of points along it."""
        return len(self.axes[0].values)


@dataclass(frozen=True)
class Plan:
    """A base, axes and a run.

    Parameters
    ----------
    base : Problem or None
        What every point starts from; None for a function that takes its arguments alone.
    axes : tuple of Axis
        In the order of the dimensions of the results.
    run : Run
        What is done at each point.
    keep : tuple of str, optional
        Names of the variables that are kept; default: all.

    Raises
    ------
    ArgumentError
        For an axis that is no parameter, has no values, values that its key does not take or that stand there twice, or
        too many points.
    """

    base: Problem | None
    axes: tuple[Axis, ...]
    run: Run
    keep: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        names = [axis.name for axis in self.axes]
        if not names:
            raise refuse_key("axes", "hold at least one axis", "is empty")
        for name in names:
            if names.count(name) > 1:
                raise refuse_key("axes", "name each parameter once", f"name `{name}` {names.count(name)} times")
        for dimension in self.dimensions:
            lengths = {axis.name: len(axis.values) for axis in dimension.axes}
            if len(set(lengths.values())) > 1:
                but = ", ".join(f"`{name}` has {length}" for name, length in lengths.items())
                raise refuse_key(f"link {dimension.name}", "join axes of one length", but)
        if math.prod(self.shape) > MOST:
            raise refuse_key("axes", f"make at most {MOST:,} points", f"make {math.prod(self.shape):,}")
        for dimension in self.dimensions:
            self._refuse_twins(dimension)

    @classmethod
    def make(
        cls,
        base: Problem | Mapping[str, Any] | None,
        axes: list[Axis],
        run: str | Callable[..., Any] = "solve",
        keep: list[str] | None = None,
        version: str = "",
        folder: Path = Path(),
    ) -> Plan:
        """Return the plan of a base that may be a dict of sections, and a run by its name or as a function.

        Parameters
        ----------
        base, axes, run, keep, version
            As of :func:`tutelage.sweep`.
        folder : Path
            That paths in a dict of sections are relative to.
        """
        problem = build(dict(base), folder) if isinstance(base, Mapping) else base
        what = run_named(run, version)
        if problem is None and not what.own:
            problem = Problem()
        return cls(problem, tuple(axes), what, check_keep(keep, what))

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions of the results: axes, those of one link as one."""
        groups: dict[tuple[str, str], list[Axis]] = {}
        for axis in self.axes:
            groups.setdefault(("link", axis.link) if axis.link else ("axis", axis.name), []).append(axis)
        labels = self.labels
        return tuple(
            Dimension(name if kind == "link" else labels[name], tuple(axes)) for (kind, name), axes in groups.items()
        )

    @cached_property
    def labels(self) -> dict[str, str]:
        """Short names of the axes: `lr` for `rule.lr`, unless that means something else in the results."""
        links = [axis.link for axis in self.axes if axis.link]
        short = {axis.name: axis.name.rpartition(".")[2] for axis in self.axes}
        taken = [*RESERVED, *links, *short.values()]
        own = {name: label not in RESERVED and taken.count(label) == 1 for name, label in short.items()}
        return {name: label if own[name] else name.replace(".", "_") for name, label in short.items()}

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of points along the dimensions."""
        return tuple(dimension.size for dimension in self.dimensions)

    @cached_property
    def points(self) -> list[Point]:
        """All points, the last dimension fastest."""
        return [self.point(parameters) for parameters in self._grid()]

    def point(self, parameters: Parameters) -> Point:
        """Return the point at some parameters."""
        canonical: Parameters = parameters
        where = parameters.get("simulation.inputs", "")
        if where.endswith(".npy"):  # what is in the file counts, not what it is called
            canonical = {**parameters, "simulation.inputs": _digest(where)}
        text = json.dumps([self._identity, canonical], sort_keys=True, separators=(",", ":"))
        return Point(hashlib.sha256(text.encode()).hexdigest()[:32], parameters)

    def at(self, values: Mapping[str, Any]) -> Point:
        """Return the point at some values of the axes, which need not be on them."""
        parameters = dict(self._base)
        for axis in self.axes:
            self._set(parameters, self._update(axis, values[axis.name]))
        return self.point(parameters)

    def description(self) -> dict[str, Any]:
        """Return what is swept, ready for JSON."""
        base = None if self.base is None else self._base
        axes = [axis._asdict() for axis in self.axes]
        about = {"run": self.run.identity, "own": self.run.own, "version": self.run.version}
        return {**about, "keep": self.keep, "base": base, "axes": axes}

    @cached_property
    def _identity(self) -> list[Any]:
        return [self.run.identity, self.run.version, self.keep]

    @cached_property
    def _base(self) -> Parameters:
        return {} if self.base is None else flatten(self.base)

    def _grid(self) -> Iterator[Parameters]:
        """Yield the parameters of all points."""
        updates = [
            [[self._update(axis, axis.values[i]) for axis in dimension.axes] for i in range(dimension.size)]
            for dimension in self.dimensions
        ]
        independent = [axis.name for axis in self.axes if axis.independent]
        for combination in itertools.product(*updates):
            parameters = dict(self._base)
            for update in itertools.chain(*combination):
                self._set(parameters, update)
            for name in independent:
                parameters[name] = _seed(self._identity, parameters, name)
            yield parameters

    def _refuse_twins(self, dimension: Dimension) -> None:
        """Refuse what a dimension has more than once: a value, or values that go together."""
        seen = set()
        for i in range(dimension.size):
            taken = tuple(_hashable(self._update(axis, axis.values[i])[1]) for axis in dimension.axes)
            if taken in seen:
                names = " and ".join(f"`{axis.name}`" for axis in dimension.axes)
                what = " and ".join(json.dumps(axis.values[i]) for axis in dimension.axes)
                raise refuse_key("axes", f"have each value of {names} once", f"have {what} more than once")
            seen.add(taken)

    def _set(self, parameters: Parameters, update: tuple[str, Any, bool]) -> None:
        name, value, default = update
        if default:
            parameters.pop(name, None)
        else:
            parameters[name] = value

    def _update(self, axis: Axis, value: Any) -> tuple[str, Any, bool]:
        """Return a parameter, its value as its key takes it, and whether that is the default; or refuse it."""
        if "." not in axis.name and self.run.own:
            return axis.name, value, False
        if self.base is None or value_type(axis.name) is None:
            raise _no_parameter(axis.name, self.base is not None, self.run.own)
        section, _, key = axis.name.partition(".")
        struct = getattr(schema.convert({section: {key: value}}, Problem), section)
        converted = getattr(struct, key)
        return axis.name, converted, converted == _default(section, key)


def flatten(problem: Problem) -> Parameters:
    """Return what of a problem differs from the defaults, by dotted keys."""
    return {
        f"{section}.{key}": value
        for section, keys in msgspec.to_builtins(problem).items()
        for key, value in keys.items()
        if value != _default(section, key)
    }


def unflatten(parameters: Parameters) -> tuple[Problem, Parameters]:
    """Return the problem that some parameters describe, and the arguments that are no keys of one."""
    raw: dict[str, dict[str, Any]] = {}
    for name, value in parameters.items():
        section, dot, key = name.partition(".")
        if dot:
            raw.setdefault(section, {})[key] = value
    return schema.convert(raw, Problem), {name: value for name, value in parameters.items() if "." not in name}


def _default(section: str, key: str) -> Any:
    return getattr(getattr(DEFAULTS, section), key)


DEFAULTS = Problem()


def _seed(identity: list[Any], parameters: Parameters, name: str) -> int:
    """Return a seed of 63 bits made from all parameters."""
    text = json.dumps(["seed", name, identity, parameters], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _digest(where: str) -> str:
    with Path(where).open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _no_parameter(name: str, problem: bool, own: bool) -> ArgumentError:
    """Return the error for an axis that no parameter belongs to, with the nearest that does."""
    import difflib

    from tutelage.problem import schema_table

    if not problem:
        return refuse_key("axes", "name arguments of your function, as there is no problem", f"name `{name}`")
    keys = [row.key for row in schema_table()]
    homes = [key for key in keys if key.partition(".")[2] == name.rpartition(".")[2]]
    near = homes[:1] or difflib.get_close_matches(name, keys, 1, 0.6)
    remedy = f"; did you mean `{near[0]}`?" if near else ""
    must = "name a key of the problem" + (", or an argument of your function" if own else "")
    return ArgumentError(f"an axis must {must}, but `{name}` is none{remedy or '.'}")


def values_on(axis: Axis) -> np.ndarray:
    """Return the values of an axis as a coordinate: numbers or text; lists as their JSON."""
    plain = all(isinstance(value, (bool, int, float)) for value in axis.values)
    text = [value if isinstance(value, str) else json.dumps(value) for value in axis.values]
    return np.array(axis.values if plain else text)
