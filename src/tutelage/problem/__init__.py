"""A problem in a file: student, teacher, start, rule, times, and how to compute, as sections of TOML.

Every key has a default, so that an almost empty file works. The keys stand in :mod:`tutelage.problem.sections`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tutelage.activations import activation
from tutelage.errors import ArgumentError, check_array, check_times
from tutelage.problem import schema
from tutelage.problem.schema import refuse_key
from tutelage.problem.sections import Rule, Simulation, Start, Student, Teacher, Theory, Time

if TYPE_CHECKING:
    from tutelage.data import Images
    from tutelage.overlaps import Overlaps

__all__ = ["TEMPLATE", "Problem", "build", "check", "in_terms_of_keys", "naming", "parse", "read", "schema_table"]

REAL = {"digits": 64, "mnist": 784}  # input dimensions of the images that come with packages
KEYS = {  # where the arguments of the functions below and above this floor stand in a file
    "Q": "start.Q",
    "R": "start.R",
    "T": "start.T",
    "v": "student.readout",
    "v_star": "teacher.readout",
    "students": "student.units",
    "teachers": "teacher.units",
    "alpha": "time.alpha",
    "activation": "student.activation",
    "teacher_activation": "teacher.activation",
    "x": "simulation.inputs",
    **{name: f"rule.{name}" for name in Rule.__struct_fields__},
    **{name: f"theory.{name}" for name in Theory.__struct_fields__},
    **{name: f"simulation.{name}" for name in Simulation.__struct_fields__},
}
OPTIONS = {"checkpoint": "--checkpoint"}  # arguments that are no keys, but options of the command line


class Problem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole problem; :func:`read` makes one from a file.

    Attributes
    ----------
    student, teacher, start, rule, time, theory, simulation
        The sections of a problem file, each with its keys; what is left out has the default of the key.
    """

    student: Student = Student()
    teacher: Teacher = Teacher()
    start: Start = Start()
    rule: Rule = Rule()
    time: Time = Time()
    theory: Theory = Theory()
    simulation: Simulation = Simulation()

    def dim(self) -> int:
        """Return the input dimension N."""
        where, given = self.simulation.inputs, self.simulation.dim
        if where == "gaussian":
            return 784 if given is None else given
        N = REAL[where] if where in REAL else _open(where).shape[1]
        if given not in (None, N):
            raise refuse_key("simulation.dim", f"be the dimension of the inputs, {N}, or be left out", f"is {given}")
        return N

    def state(self) -> Overlaps:
        """Return overlaps and readouts at alpha = 0."""
        from tutelage.overlaps import Overlaps

        K, M = self.student.units, self.teacher.units
        with in_terms_of_keys():
            v = _readout("student.readout", self.student.readout, K)
            v_star = _readout("teacher.readout", self.teacher.readout, M)
            if self.start.kind == "overlaps":
                Q, R, T = (self._given(name, shape) for name, shape in (("Q", (K, K)), ("R", (K, M)), ("T", (M, M))))
                return Overlaps(Q, R, T, v, v_star)
            self._refuse_given()
            Q, R, T = self._drawn()
            state = Overlaps(Q, R, T, v, v_star)
            return state if self.rule.constraint is None else state.normalised(teacher=True)

    def times(self) -> np.ndarray:
        """Return the times, shape (times,), in steps / N."""
        time, N = self.time, self.dim()
        if time.alpha is not None:
            with in_terms_of_keys():
                return check_times("alpha", time.alpha)
        first = time.alpha_min or (time.alpha_max / 1000 if time.spacing == "log" else 0.0)
        if first >= time.alpha_max:
            raise refuse_key("time.alpha_min", f"be < time.alpha_max = {time.alpha_max:g}", f"is {first:g}")
        space = np.geomspace if time.spacing == "log" else np.linspace
        steps = np.unique(np.round(space(first, time.alpha_max, time.points) * N))
        return steps[steps > 0] / N if time.spacing == "log" else steps / N

    def inputs(self) -> Images | np.ndarray | None:
        """Return the finite training set, standardised; None for fresh Gaussian inputs."""
        from tutelage import data

        where = self.simulation.inputs
        how = None if self.simulation.standardise == "none" else self.simulation.standardise
        if where == "gaussian":
            return None
        if where in REAL:
            return {"digits": data.digits, "mnist": data.mnist}[where](how)
        with in_terms_of_keys():
            return data.standardise(check_array("inputs", _open(where), ("samples", "N")), how)[0]

    def _given(self, name: str, shape: tuple[int, int]) -> np.ndarray:
        """Return Q, R or T as the file gives it."""
        units = {"Q": "(K, K)", "R": "(K, M)", "T": "(M, M)"}[name]
        value = getattr(self.start, name)
        if value is None:
            raise refuse_key(f"start.{name}", 'be given where start.kind is "overlaps"', "is left out")
        lengths = {len(row) for row in value}
        if (len(value), lengths) != (shape[0], {shape[1]}):
            given = f"({len(value)}, {lengths.pop() if len(lengths) == 1 else 'of different lengths'})"
            raise refuse_key(f"start.{name}", f"have shape {units} = {shape}, for the units given", f"has {given}")
        return np.array(value, np.float64)

    def _refuse_given(self) -> None:
        """Refuse overlaps that would be ignored."""
        for name in ("Q", "R", "T"):
            if getattr(self.start, name) is not None:
                raise refuse_key(
                    f"start.{name}", 'be left out unless start.kind is "overlaps"', f'is given with "{self.start.kind}"'
                )

    def _drawn(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return Q, R, T of the students scale W + J W_star, with W and W_star standard normal."""
        from tutelage.overlaps import Overlaps

        K, M = self.student.units, self.teacher.units
        informed = self.start.kind == "informed"
        scale = self.start.scale if self.start.scale is not None else float(not informed)
        mix = np.eye(K + M)
        mix[:K, :K] *= scale
        mix[:K, K:] = np.eye(K, M) * informed
        C = mix @ Overlaps.random(K, M, self.dim(), self.start.seed).covariance @ mix.T
        return C[:K, :K], C[:K, K:], C[K:, K:]


@contextmanager
def in_terms_of_keys() -> Iterator[None]:
    """Turn complaints about arguments into complaints about the keys they come from."""
    try:
        yield
    except ArgumentError as error:
        raise ArgumentError(_in_terms_of_keys(str(error))) from error


def _in_terms_of_keys(sentence: str) -> str:
    """Return the sentence "Argument `lr` must ..." as "key `rule.lr` must ...", without what only Python can give."""

    def keys(match: re.Match[str]) -> str:
        names = match[1].split(", ")
        if match[1] in OPTIONS:
            return f"option `{OPTIONS[match[1]]}`"
        return ("keys " if len(names) > 1 else "key ") + ", ".join(f"`{KEYS.get(name, name)}`" for name in names)

    return re.sub(r"^Argument `([^`]+)`", keys, sentence).replace(" or an Activation", "")


def read(path: str | os.PathLike[str]) -> Problem:
    """Read a problem file and check all of it.

    Parameters
    ----------
    path : path
        A TOML file; :data:`TEMPLATE` shows every key. Paths in it are relative to its folder.

    Raises
    ------
    ArgumentError
        One sentence: the file, the path of the key, what is allowed, what was given.
    """
    file = Path(path)
    with naming(file):
        problem = build(parse(file), file.parent)
        check(problem)
    return problem


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Put the name of the problem file before what is said about the problem."""
    try:
        yield
    except ArgumentError as error:
        raise ArgumentError(f"{file}: {error}") from None


def build(raw: dict[str, Any], folder: Path = Path()) -> Problem:
    """Return sections, as a TOML reader gives them, as a problem: typed, but not yet held against each other.

    Paths in it are relative to `folder`.
    """
    problem = schema.convert(raw, Problem)
    where = problem.simulation.inputs
    if not where.endswith(".npy"):
        return problem
    simulation = msgspec.structs.replace(problem.simulation, inputs=str(folder / where))
    return msgspec.structs.replace(problem, simulation=simulation)


def schema_table() -> list[schema.Row]:
    """Return every key of a problem file with its type, default and meaning, for the documentation."""
    return list(schema.rows(Problem))


def parse(file: Path) -> dict[str, Any]:
    """Return the contents of a TOML file."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ArgumentError(f"a problem file must be readable, but this one is not: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ArgumentError(f"a problem file must be UTF-8 text, but byte {error.start} is not.") from None
    except tomllib.TOMLDecodeError as error:
        raise ArgumentError(f"a problem file must be TOML, but it is not: {error}.") from None


def check(problem: Problem) -> None:
    """Refuse what the types alone let pass."""
    with in_terms_of_keys():
        activation(problem.student.activation)
        if problem.teacher.activation is not None:
            activation(problem.teacher.activation, "teacher_activation")
    where = problem.simulation.inputs
    if where not in ("gaussian", *REAL) and not where.endswith(".npy"):
        must = 'be one of "gaussian", "digits", "mnist", or the path of a .npy file'
        raise refuse_key("simulation.inputs", must, f"is {where!r}")
    units, N = problem.student.units + problem.teacher.units, problem.dim()
    if units > N:
        raise refuse_key("simulation.dim", f"be >= K + M = {units}, the number of all units", f"is {N}")
    problem.times()
    problem.state()


def _readout(key: str, value: float | list[float], units: int) -> np.ndarray:
    """Return a readout as an array of shape (units,)."""
    if isinstance(value, list) and len(value) != units:
        raise refuse_key(key, f"be a number or a list of {units}, one for each unit", f"has {len(value)}")
    return np.full(units, 1.0) * value


def _open(where: str) -> np.ndarray:
    """Return the array in a .npy file, of shape (samples, N), without reading it yet."""
    try:
        array = np.load(where, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise refuse_key("simulation.inputs", "name a file that can be read", f"{where}: {error.strerror}") from None
    except (ValueError, EOFError):
        raise refuse_key("simulation.inputs", "name a .npy file of numbers", f"{where} is none") from None
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biuf":
        must = "hold numbers of shape (samples, N)"
        raise refuse_key("simulation.inputs", must, f"{where} holds {array.dtype} of shape {array.shape}")
    return array


TEMPLATE = schema.template(
    Problem,
    "A problem for `tutelage run`: theory and simulation of one student. Every value below is the default; delete what "
    "you do not change.",
)
