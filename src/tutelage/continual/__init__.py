"""Continual learning between teachers: tasks, protocols, forgetting and transfer."""

from __future__ import annotations

from tutelage.continual.images import data_mixing
from tutelage.continual.importance import importance
from tutelage.continual.ode import solve
from tutelage.continual.phases import Consolidation, Phase, Restart
from tutelage.continual.simulation import simulate
from tutelage.continual.state import MultiTask
from tutelage.continual.teachers import Teachers, teachers, two_teachers

__all__ = [
    "Consolidation",
    "MultiTask",
    "Phase",
    "Restart",
    "Teachers",
    "data_mixing",
    "importance",
    "simulate",
    "solve",
    "teachers",
    "two_teachers",
]
