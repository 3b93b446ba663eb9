"""Continual learning between teachers: tasks, protocols, forgetting and transfer."""

from __future__ import annotations

from tutelage.continual.control import OptimalProtocol, optimal_protocol
from tutelage.continual.images import data_mixing
from tutelage.continual.importance import importance
from tutelage.continual.interventions import Consolidation, Restart
from tutelage.continual.measures import equal_competence, forgetting, summary, transfer
from tutelage.continual.ode import solve
from tutelage.continual.phases import Phase
from tutelage.continual.simulation import simulate
from tutelage.continual.state import MultiTask
from tutelage.continual.teachers import Teachers, teachers, two_teachers
from tutelage.continual.units import displacement, mask_importance, node_fisher, norm_entropy, reuse_fraction

__all__ = [
    "Consolidation",
    "MultiTask",
    "OptimalProtocol",
    "Phase",
    "Restart",
    "Teachers",
    "data_mixing",
    "displacement",
    "equal_competence",
    "forgetting",
    "importance",
    "mask_importance",
    "node_fisher",
    "norm_entropy",
    "optimal_protocol",
    "reuse_fraction",
    "simulate",
    "solve",
    "summary",
    "teachers",
    "transfer",
    "two_teachers",
]
