"""The macroscopic state of a student of several tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tutelage.activations import ActivationLike
from tutelage.continual.teachers import Teachers
from tutelage.errors import check_array, check_count, check_flag, check_number, check_type, refuse
from tutelage.overlaps import Overlaps

__all__ = ["MultiTask", "check_task"]


def check_task(task: int, tasks: int, name: str = "task") -> int:
    """Return a task's number, refused unless it is one of so many."""
    if check_count(name, task, minimum=0) >= tasks:
        raise refuse(name, f"be a task of 0, ..., {tasks - 1}", f"is {task}")
    return int(task)


@dataclass(frozen=True, eq=False)
class MultiTask:
    r"""Overlaps of K student units with the F units of all teachers, heads of the student, readouts of the tasks.

    .. math:: Q_{ik} = w_i \cdot w_k / N, \qquad R_{in} = w_i \cdot w^*_n / N, \qquad T_{nm} = w^*_n \cdot w^*_m / N .

    Parameters
    ----------
    Q : array, shape (K, K)
    R : array, shape (K, F)
        With all teachers' units, stacked.
    T : array, shape (F, F)
    heads : array, shape (tasks, K) or (1, K)
        The student's readouts, a row for each task, or one that all tasks share.
    readouts : array, shape (tasks, F)
        Of the teachers: a row for each task, zero outside of its teacher.

    Raises
    ------
    ArgumentError
        For a wrong shape, NaN, or overlaps that no weights have.

    Examples
    --------
    >>> state = MultiTask(Q=[[1.0]], R=[[0.5, 0.0]], T=np.eye(2), heads=[[1.0]], readouts=np.eye(2))
    >>> state.errors("linear").round(12)
    array([0.5, 1. ])
    """

    Q: np.ndarray
    R: np.ndarray
    T: np.ndarray
    heads: np.ndarray
    readouts: np.ndarray

    def __post_init__(self) -> None:
        overlaps = Overlaps(self.Q, self.R, self.T)  # checks them
        K, F = overlaps.students, overlaps.teachers
        readouts = check_array("readouts", self.readouts, ("tasks", F))
        heads = check_array("heads", self.heads, ("tasks", K))
        if len(heads) not in (1, len(readouts)):
            raise refuse("heads", f"have one row, or one for each of {len(readouts)} tasks", f"has {len(heads)}")
        for name, array in (("heads", heads), ("readouts", readouts)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        for name in ("Q", "R", "T"):
            object.__setattr__(self, name, getattr(overlaps, name))

    @property
    def students(self) -> int:
        """Number K of student units."""
        return len(self.Q)

    @property
    def teachers(self) -> int:
        """Number F of units of all teachers."""
        return len(self.T)

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return len(self.readouts)

    def head(self, task: int) -> int:
        """Return the row of `heads` that a task uses."""
        check_task(task, self.tasks)
        return task if len(self.heads) > 1 else 0

    def overlaps(self, task: int) -> Overlaps:
        """Return the state as one task sees it: its head, its readouts."""
        return Overlaps.unchecked(self.Q, self.R, self.T, self.heads[self.head(task)], self.readouts[task])

    def errors(self, activation: ActivationLike, teacher_activation: ActivationLike | None = None) -> np.ndarray:
        """Return the generalisation error of each task (tasks,), with the factor 1/2 and without label noise.

        Parameters
        ----------
        activation, teacher_activation : str or Activation
            Of student and teachers; those of the teachers are by default the student's.
        """
        return np.array([self.overlaps(t).generalisation_error(activation, teacher_activation)
                         for t in range(self.tasks)])  # fmt: skip

    @classmethod
    def from_weights(cls, W: ArrayLike, teachers: Teachers, heads: ArrayLike) -> MultiTask:
        """Return the state of a student under these teachers.

        Parameters
        ----------
        W : array, shape (K, N)
            Its first-layer weights.
        teachers : Teachers
        heads : array, shape (tasks, K) or (1, K)
        """
        check_type("teachers", teachers, Teachers)
        both = Overlaps.from_weights(W, teachers.weights)
        return cls(both.Q, both.R, both.T, heads, teachers.readouts)  # type: ignore[arg-type]

    @classmethod
    def random(
        cls,
        students: int,
        teachers: Teachers,
        std: float = 1e-3,
        head_std: float | None = None,
        *,
        single_head: bool = False,
        seed: int = 0,
    ) -> MultiTask:
        """Return a student with weights of N(0, std^2), and heads of N(0, head_std^2).

        Parameters
        ----------
        students : int
            K.
        teachers : Teachers
            Weights are drawn in as many dimensions as these have.
        std, head_std : float
            `head_std` is `std` if left out.
        single_head : bool
            Whether all tasks share one head.
        seed : int
        """
        check_type("teachers", teachers, Teachers)
        K, rng = check_count("students", students), np.random.default_rng(check_count("seed", seed, minimum=0))
        width = check_number("std", std, minimum=0, strict=True)
        head = width if head_std is None else check_number("head_std", head_std, minimum=0)
        W = width * rng.standard_normal((K, teachers.dim))
        return cls.from_weights(
            W,
            teachers,
            head * rng.standard_normal((1 if check_flag("single_head", single_head) else teachers.tasks, K)),
        )
