"""What is run at a point of a sweep: by its name, or a function of the user's own; and what comes of it as arrays."""

from __future__ import annotations

import ast
import hashlib
import inspect
import pickle
import textwrap
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tutelage.errors import ArgumentError, check_type, refuse

if TYPE_CHECKING:
    from tutelage.problem import Problem

__all__ = ["RESULTS", "RUNS", "Record", "Run", "check_keep", "record", "run_named"]


def _solve(problem: Problem) -> Any:
    from tutelage.online.problems import solved

    return solved(problem, progress=False)


def _simulate(problem: Problem) -> Any:
    from tutelage.online.problems import simulated

    return simulated(problem, progress=False)


def _fixed_point(problem: Problem) -> dict[str, Any]:
    from tutelage.online.problems import settled

    point = settled(problem, progress=False)
    state = point.state
    return {
        "eg": point.eg,
        "Q": (("student", "student_"), state.Q),
        "R": (("student", "teacher"), state.R),
        "v": (("student",), state.v),
        "kind": point.kind,
        "stable": point.stable,
        "unstable": point.unstable,
        "flat": point.flat,
        "residual": point.residual,
        "eigenvalue_real": (("mode",), point.eigenvalues.real),
        "eigenvalue_imag": (("mode",), point.eigenvalues.imag),
        "followed": point.alpha,
    }


def _mean_field(problem: Problem) -> Any:
    from tutelage.online.problems import rule
    from tutelage.problem import in_terms_of_keys
    from tutelage.regimes import solve_mean_field

    how = problem.theory
    with in_terms_of_keys():
        return solve_mean_field(
            rule(problem),
            problem.state(),
            problem.times(),
            problem.simulation.dim,
            rtol=how.rtol,
            atol=how.atol,
            progress=False,
        )


# By name: the function of a problem, and the version of its equations. Raise the version when the same problem gives
# other numbers than before, and whenever a default of the problem file changes: stored points are then computed anew.
RUNS: dict[str, tuple[Callable[[Problem], Any], int]] = {
    "solve": (_solve, 1),
    "simulate": (_simulate, 1),
    "fixed_point": (_fixed_point, 1),
    "mean_field": (_mean_field, 1),
}

# By name: what there is to keep, so that a wrong name is refused before anything is computed.
_START = ("T", "v_star", "R_start", "v_start", "alpha")
_MOMENTS = tuple(f"{name}_{moment}" for name in ("eg", "Q", "R", "v") for moment in ("mean", "sem"))
RESULTS: dict[str, tuple[str, ...]] = {
    "solve": ("eg", "Q", "R", "v", *_START, "Q_start"),
    "simulate": ("eg", "Q", "R", "v", *_MOMENTS, *_START, "Q_start"),
    "fixed_point": (
        *("eg", "Q", "R", "v", "kind", "stable", "unstable", "flat", "residual"),
        *("eigenvalue_real", "eigenvalue_imag", "followed"),
    ),
    "mean_field": ("eg", "R", "q", "v", *_START, "q_start"),
}


class Run(NamedTuple):
    """What is done at each point.

    `own` says that it is a function of the user's; `identity` and `version` enter the keys of points.
    """

    function: Callable[..., Any]
    identity: str
    version: str
    own: bool


class Record(NamedTuple):
    """What came of a point: arrays with the names of their dimensions; which are coordinates; attributes."""

    arrays: dict[str, np.ndarray]
    dims: dict[str, tuple[str, ...]]
    coordinates: tuple[str, ...]
    attrs: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())


def check_keep(keep: Any, run: Run) -> tuple[str, ...] | None:
    """Return the names of the results to keep, or refuse what a run by name does not have."""
    if keep is None:
        return None
    if not isinstance(keep, (list, tuple)) or not all(isinstance(name, str) for name in keep):
        raise refuse("keep", "be a list of strings", f"is {keep!r:.60}")
    if not run.own:
        _refuse_unknown(keep, RESULTS[run.identity])
    return tuple(keep)


def _refuse_unknown(keep: Iterable[str], there: Iterable[str]) -> None:
    if missing := sorted(set(keep) - set(there)):
        raise refuse("keep", f"name results ({', '.join(sorted(there))})", f"names {missing[0]}")


def run_named(run: str | Callable[..., Any], version: str = "") -> Run:
    """Return a run by its name, "module:function", or as a function.

    A function is known by its name, its source (without comments), and `version`, which says that something it calls
    has changed.
    """
    check_type("version", version, str)
    if isinstance(run, str) and run in RUNS:
        function, number = RUNS[run]
        return Run(function, run, f"{number} {version}".strip(), False)
    function = _imported(run) if isinstance(run, str) and ":" in run else run  # type: ignore[assignment]
    if not callable(function):
        names = ", ".join(f'"{name}"' for name in RUNS)
        raise refuse("run", f'be one of {names}, "module:function", or a function', f"is {run!r}")
    identity = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', repr(function))}"
    return Run(function, identity, f"{_source(function)} {version}".strip(), True)


def record(result: Any, keep: tuple[str, ...] | None) -> Record:
    """Return what a run returned as arrays: a dataset, a dict of arrays, or one number.

    Plain arrays get dimensions of their own, ``x_0``, ``x_1``; ``(dims, array)`` names them.
    """
    if hasattr(result, "data_vars"):
        given: dict[str, Any] = {str(name): (var.dims, var.values) for name, var in result.variables.items()}
        coordinates, attrs = {str(name) for name in result.coords}, dict(result.attrs)
    else:
        given = dict(result) if isinstance(result, Mapping) else {"value": result}
        coordinates, attrs = set(), {}
    wanted = set(given) - coordinates if keep is None else set(keep)
    _refuse_unknown(wanted, given)
    pairs = {name: _pair(name, given[name]) for name in given if name in wanted}
    used = {dim for dims, _ in pairs.values() for dim in dims}
    pairs |= {name: _pair(name, given[name]) for name in sorted(coordinates - set(pairs)) if name in used}
    return Record(
        {name: array for name, (_, array) in pairs.items()},
        {name: dims for name, (dims, _) in pairs.items()},
        tuple(sorted(coordinates & set(pairs))),
        attrs,
    )


def _pair(name: str, given: Any) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the dimensions and values of one result, or refuse what an array file cannot hold."""
    named = isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], (str, tuple, list))
    dims, values = given if named else (None, given)
    array = np.asarray(values)
    if array.dtype.kind == "O" and all(isinstance(each, str) for each in array.ravel()):
        array = array.astype(str)
    if array.dtype.kind not in "biufU":
        raise refuse("run", "return real numbers, truth values or strings", f"returns {name} of {array.dtype}")
    names = (dims,) if isinstance(dims, str) else dims
    names = tuple(f"{name}_{i}" for i in range(array.ndim)) if names is None else tuple(map(str, names))
    if len(names) != array.ndim:
        raise refuse("run", "name each dimension of an array", f"names {names} for {name} of shape {array.shape}")
    return names, array


def _imported(path: str) -> Callable[..., Any]:
    """Return the function that "module:function" names."""
    module, _, name = path.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(f"`run` must name a function that can be imported, but {path!r} cannot: {error}.") from None
    return found


def _source(function: Any) -> str:
    """Return a hash of a function's source, whatever its comments and layout; of its code where there is no source."""
    inner = inspect.unwrap(getattr(function, "func", function))
    try:
        text = ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(inner))))
    except (OSError, TypeError, SyntaxError):  # made by exec, a class with __call__, part of a longer expression
        code = getattr(inner, "__code__", None)
        text = repr((code.co_code, code.co_consts, code.co_names)) if code else repr(type(inner))
    bound = [getattr(function, "args", ()), sorted(getattr(function, "keywords", {}).items())]
    closed = [cell.cell_contents for cell in getattr(inner, "__closure__", None) or ()]
    defaults = [getattr(inner, "__defaults__", None), getattr(inner, "__kwdefaults__", None)]
    return hashlib.sha256(b"|".join(map(_content, (text, bound, closed, defaults)))).hexdigest()[:16]


def _content(value: Any) -> bytes:
    """Return what a value is made of, the same in every process where that can be."""
    try:
        return pickle.dumps(value, 4)
    except Exception:  # a function without a name, a lock: whatever pickle says about it
        return repr(value).encode()
