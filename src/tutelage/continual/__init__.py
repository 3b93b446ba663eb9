"""Continual learning between teachers: tasks, protocols, forgetting and transfer."""

from __future__ import annotations

from tutelage.continual.control import OptimalProtocol, optimal_protocol
from tutelage.continual.importance import importance
from tutelage.continual.ode import solve
from tutelage.continual.phases import Consolidation, Phase, Restart
from tutelage.continual.simulation import simulate
from tutelage.continual.state import MultiTask
from tutelage.continual.teachers import Teachers, teachers, two_teachers

__all__ = [
    "Consolidation",
    "MultiTask",
    "OptimalProtocol",
    "Phase",
    "Restart",
    "Teachers",
    "importance",
    "optimal_protocol",
    "simulate",
    "solve",
    "teachers",
    "two_teachers",
]
