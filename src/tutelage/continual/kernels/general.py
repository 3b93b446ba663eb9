"""Several tasks at once, with the averages of tutelage.online.kernels.general."""

from __future__ import annotations

from numba import njit

from tutelage.continual.kernels.tasks import add, begin, finish, of_task, tasks_of, taught
from tutelage.online.kernels.general import general_velocity
from tutelage.online.kernels.model import SIGNATURE


@njit(SIGNATURE, cache=True, error_model="numpy")
def general_tasks(y, model, student, teacher, C, a, work, dy):
    """Write dy/dalpha (see tutelage.continual.equations)."""
    fields, turn = begin(y, C, model, dy)
    for t in range(tasks_of(model)):
        if taught(model, t):
            general_velocity(fields, of_task(y, C, model, t, fields), student, teacher, C, a, work, turn)
            add(y, C, model, t, work, dy)
    finish(y, C, model, dy)
