"""Equations of motion of several tasks at once, compiled: twin of tutelage.continual.equations.

Each task's averages are those of a right-hand side of the online room, which leaves them in its workspace; here they
are weighted, masked and added up. The state is one vector (R row by row, Q row by row, heads row by row).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tutelage.online.kernels.model import Model

# Rows of model.more: numbers; one for each task; learning rates; decays; one for each consolidation.
TASKS, HEADS, FIELDS, INPUT_NOISE, LR_READOUT, DECAY_READOUT, NUMBERS = range(7)
SHARE, NOISE, READOUTS = range(3)  # columns of a task's row: its readouts follow


@njit(cache=True, error_model="numpy")
def sizes(C, model):
    """Return the numbers of students, of fixed fields, and of fixed fields with those that noisy inputs add."""
    wide = model.T.shape[0]
    return C.shape[0] - wide, int(model.more[0, FIELDS]), wide


@njit(cache=True, error_model="numpy")
def begin(y, C, model, dy):
    """Return the state vector that one task sees, but for its head, and room for its velocity; set dy to zero."""
    K, F, wide = sizes(C, model)
    factor, noisy = 1.0 + model.more[0, INPUT_NOISE] ** 2, wide > F
    fields = np.empty(K * wide + K * K + K)
    for k in range(K):
        for b in range(F):
            fields[k * wide + b] = y[k * F + b]
            if noisy:
                fields[k * wide + F + b] = factor * y[k * F + b]
        for l in range(K):
            fields[K * wide + k * K + l] = factor * y[K * F + k * K + l]
    dy[:] = 0.0
    return fields, np.empty_like(fields)


@njit(cache=True, error_model="numpy")
def tasks_of(model):
    """Return the number of tasks."""
    return int(model.more[0, TASKS])


@njit(cache=True, error_model="numpy")
def taught(model, t):
    """Whether a task gets a share of the steps."""
    return model.more[1 + t, SHARE] != 0.0


@njit(cache=True, error_model="numpy")
def _head(model, K, F, t):
    """Return where the head of a task begins in the state vector."""
    return K * F + K * K + (t * K if model.more[0, HEADS] > 1.0 else 0)


@njit(cache=True, error_model="numpy")
def of_task(y, C, model, t, fields):
    """Write a task's head to `fields`, and return its constants, with learning rates of one."""
    K, F, wide = sizes(C, model)
    first = _head(model, K, F, t)
    for k in range(K):
        fields[K * wide + K * K + k] = y[first + k]
    row, readouts = model.more[1 + t], np.zeros(wide)
    readouts[:F] = row[READOUTS : READOUTS + F]
    return Model(
        model.student, model.teacher, 1.0, 1.0, row[NOISE] ** 2, 0.0, 0.0, model.batch, 0.0, model.powers, model.T,
        readouts, model.partner, model.sign, model.student_parameters, model.teacher_parameters, model.step,
        model.nodes, model.more,
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def add(y, C, model, t, work, dy):
    """Add a task's share of the velocity, from the averages that its right-hand side left in `work`."""
    K, F, wide = sizes(C, model)
    numbers, lr, share = model.more[0], model.more[1 + tasks_of(model)], model.more[1 + t, SHARE]
    factor, Q0, head = 1.0 + numbers[INPUT_NOISE] ** 2, K * F, _head(model, K, F, t)
    moved = K + F if wide > F else K  # the first field along which weights move
    for k in range(K):
        push = share * lr[k] * y[head + k]
        for b in range(F):
            dy[k * F + b] -= push * work[k, moved + b]
        for l in range(K):
            both = factor / model.batch * push * lr[l] * y[head + l] * work[K + k, l]
            dy[Q0 + k * K + l] += both - push * work[k, l]
            dy[Q0 + l * K + k] -= push * work[k, l]
        dy[head + k] -= share * (numbers[LR_READOUT] * work[2 * K, k] + numbers[DECAY_READOUT] * y[head + k])


@njit(cache=True, error_model="numpy")
def finish(y, C, model, dy):
    """Add what does not depend on the task: decay, and the pull of consolidations."""
    K, F, _ = sizes(C, model)
    rows = 1 + tasks_of(model)
    lr, decay, Q0 = model.more[rows], model.more[rows + 1], K * F
    for k in range(K):
        for b in range(F):
            dy[k * F + b] -= decay[k] * y[k * F + b]
        for l in range(K):
            dy[Q0 + k * K + l] -= (decay[k] + decay[l]) * y[Q0 + k * K + l]
    for i in range(rows + 2, model.more.shape[0]):
        _hold(y, model, model.more[i], lr, K, F, dy)


@njit(cache=True, error_model="numpy")
def _hold(y, model, row, lr, K, F, dy):
    """Add the pull of a consolidation towards its snapshot."""
    first, Q0 = int(row[0]), K * F
    for k in range(K):
        gamma = lr[k] * row[1 + k]
        for b in range(F):
            dy[k * F + b] -= gamma * (y[k * F + b] - model.T[first + k, b])
        for l in range(K):
            pull = gamma * (y[Q0 + k * K + l] - y[l * F + first + k])
            dy[Q0 + k * K + l] -= pull
            dy[Q0 + l * K + k] -= pull
