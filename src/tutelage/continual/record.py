"""What is kept of a run of several phases, as a dataset that can be made again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.continual.state import MultiTask
from tutelage.continual.vector import unchecked
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import generalisation_error, stacked
from tutelage.results import SCALINGS
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["Log", "dataset", "errors_of"]


@dataclass
class Log:
    """States at the asked times, the phases that they belong to, and when phases ended."""

    begin: MultiTask
    rule: OnlineSGD
    times: list[float] = field(default_factory=list)
    phases: list[int] = field(default_factory=list)
    Q: list[np.ndarray] = field(default_factory=list)
    R: list[np.ndarray] = field(default_factory=list)
    heads: list[np.ndarray] = field(default_factory=list)
    switches: list[float] = field(default_factory=list)
    ends: list[MultiTask] = field(default_factory=list)
    S: list[dict[int, np.ndarray]] = field(default_factory=list)

    def note(self, alpha: float, phase: int, state: MultiTask, first: dict[int, int]) -> None:
        """Keep a state; `first`, of each snapshot's phase, is where it begins among the fixed fields."""
        self.times.append(alpha)
        self.phases.append(phase)
        self.Q.append(state.Q)
        self.R.append(state.R[:, : self.begin.teachers])
        self.heads.append(state.heads)
        self.S.append({end: state.R[:, begin : begin + state.students] for end, begin in first.items()})

    def lack(self, times: Iterable[float]) -> None:
        """Keep NaN for times beyond the end of all phases."""
        here = self.begin
        Q, R, heads = (np.full_like(each, np.nan) for each in (here.Q, here.R, here.heads))
        for alpha in times:
            self.note(alpha, len(self.switches) - 1, unchecked(Q, R, here.T, heads, here.readouts), {})

    def end(self, alpha: float, state: MultiTask) -> None:
        """Keep the state at the end of a phase."""
        self.switches.append(alpha)
        self.ends.append(state)


def errors_of(rule: OnlineSGD, begin: MultiTask, Q: np.ndarray, R: np.ndarray, heads: np.ndarray) -> np.ndarray:
    """Return the generalisation errors (..., task) of trajectories Q (..., K, K), R (..., K, F), heads (..., H, K).

    They are NaN where the heads are.
    """
    known = np.isfinite(heads).all((-2, -1))
    errors = np.full((*known.shape, begin.tasks), np.nan)
    Q, R, heads = Q[known], R[known], heads[known]
    for task in range(begin.tasks):
        C, a = stacked(Q, R, begin.T, heads[:, begin.head(task)], begin.readouts[task])
        errors[known, task] = generalisation_error(C, a, begin.students, rule.student, rule.teacher)
    return errors


def dataset(log: Log, begin: MultiTask, settings: dict[str, Any]) -> xarray.Dataset:
    """Return the dataset of a run."""
    K, F, H = begin.students, begin.teachers, len(begin.heads)

    def arrays_of(Q: list[np.ndarray], R: list[np.ndarray], heads: list[np.ndarray]) -> dict[str, np.ndarray]:
        shaped = np.array(Q).reshape(-1, K, K), np.array(R).reshape(-1, K, F), np.array(heads).reshape(-1, H, K)
        return dict(zip(("eg", "Q", "R", "heads"), (errors_of(log.rule, begin, *shaped), *shaped), strict=True))

    arrays = arrays_of(log.Q, log.R, log.heads)
    if any(log.S):
        arrays["S"] = np.full((len(log.times), len(log.switches), K, K), np.nan)
        for row, held in zip(arrays["S"], log.S, strict=True):
            for end, overlaps in held.items():
                row[end] = overlaps
    ends = arrays_of([each.Q for each in log.ends], [each.R[:, :F] for each in log.ends], [e.heads for e in log.ends])
    times = np.array(log.times), np.array(log.phases, int), np.array(log.switches)
    return labelled(arrays, *times, begin, settings, ends)


LABELS = {
    "eg": "generalisation error of each task",
    "Q": "student-student overlap",
    "R": "overlap with the units of all teachers",
    "heads": "heads of the student",
    "T": "overlap of the units of all teachers",
    "readouts": "readouts of the tasks",
    "S": "overlap of the student with itself at the ends of phases",
}
DIMS = {
    "eg": ("task",),
    "Q": ("student", "student_"),
    "R": ("student", "teacher"),
    "heads": ("head", "student"),
    "S": ("phase_end", "student", "student_"),
}


def labelled(
    arrays: dict[str, np.ndarray],
    alpha: np.ndarray,
    phase: np.ndarray,
    switches: np.ndarray,
    begin: MultiTask,
    settings: dict[str, Any],
    ends: dict[str, np.ndarray] | None = None,
) -> xarray.Dataset:
    """Return arrays, times first or after a leading axis of replicas, as a dataset with its provenance.

    `ends` are the same at the ends of phases, which come in place of times: they become `eg_switch`, `Q_switch`, ...
    """
    import xarray

    data: dict[str, Any] = {}
    late = {f"{name}_switch": array for name, array in (ends or {}).items()}
    for name, array in (arrays | late).items():
        of, _, what = name.partition("_")
        dims = ("phase_end" if what == "switch" else "alpha", *DIMS[of])
        lead = ("replica",) * (array.ndim - len(dims))
        label = LABELS[of] + " at the ends of phases" * (what == "switch")
        data[name] = ((*lead, *dims), array, {"long_name": label} if what in ("", "switch") else {})
    data["T"] = (("teacher", "teacher_"), begin.T, {"long_name": LABELS["T"]})
    data["readouts"] = (("task", "teacher"), begin.readouts, {"long_name": LABELS["readouts"]})
    for name in ("Q", "R", "heads"):
        data[f"{name}_start"] = (DIMS[name], getattr(begin, name), {"long_name": f"{LABELS[name]} at alpha = 0"})
    lead = ("replica",) * (switches.ndim - 1)
    data["switch"] = ((*lead, "phase_end"), switches, {"long_name": "times at which phases end"})
    coordinates = {
        "alpha": ("alpha", alpha, {"long_name": "steps / N"}),
        "phase": (("replica", "alpha")[-phase.ndim :], phase, {"long_name": "phase that the time belongs to"}),
    }
    attributes = {"tutelage_version": __version__, "settings": json.dumps(settings), "scalings": SCALINGS}
    return xarray.Dataset(data, coordinates, attributes)
