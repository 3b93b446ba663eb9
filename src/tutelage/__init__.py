"""Exact learning dynamics of teacher-student networks.

A student network learns from data that a teacher network labels; in high dimension a handful of overlaps obeys closed
equations. The verbs are :func:`solve` (the equations) and :func:`simulate` (stochastic gradient descent itself); the
nouns :class:`Overlaps` (a state) and :class:`OnlineSGD` (a rule). Everything else is a module below.

Names are imported when first used, so that ``import tutelage`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tutelage.version import __version__ as __version__

_NAMES = {
    "Activation": "tutelage.activations",
    "ArgumentError": "tutelage.errors",
    "DivergenceError": "tutelage.errors",
    "Network": "tutelage.networks",
    "OnlineSGD": "tutelage.online.rule",
    "Overlaps": "tutelage.overlaps",
    "citation": "tutelage.works",
    "continuation": "tutelage.online.continuation",
    "critical_learning_rate": "tutelage.online.critical",
    "fixed_point": "tutelage.online.fixed_points",
    "fluctuations": "tutelage.online.fluctuations",
    "plateau": "tutelage.online.plateau",
    "load": "tutelage.results",
    "polynomial": "tutelage.activations",
    "rerun": "tutelage.again",
    "save": "tutelage.results",
    "simulate": "tutelage.online.simulation",
    "solve": "tutelage.online.ode",
    "state_at": "tutelage.results",
    "sweep": "tutelage.sweeps.sweep",
}
_MODULES = {
    "asymptotics": "tutelage.online.asymptotics",
    "complexity": "tutelage.complexity",
    "continual": "tutelage.continual",
    "conventions": "tutelage.conventions",
    "data": "tutelage.data",
    "explore": "tutelage.explore",
    "gaussian": "tutelage.gaussian",
    "landscape": "tutelage.landscape",
    "linear": "tutelage.linear",
    "minima": "tutelage.minima",
    "papers": "tutelage.papers",
    "phase": "tutelage.phase",
    "plot": "tutelage.plot",
    "regimes": "tutelage.regimes",
    "sweeps": "tutelage.sweeps",
}

__all__ = [
    "Activation",
    "ArgumentError",
    "DivergenceError",
    "Network",
    "OnlineSGD",
    "Overlaps",
    "asymptotics",
    "citation",
    "complexity",
    "continual",
    "continuation",
    "conventions",
    "critical_learning_rate",
    "data",
    "explore",
    "fixed_point",
    "fluctuations",
    "gaussian",
    "landscape",
    "linear",
    "load",
    "minima",
    "papers",
    "phase",
    "plateau",
    "plot",
    "polynomial",
    "regimes",
    "rerun",
    "save",
    "simulate",
    "solve",
    "state_at",
    "sweep",
    "sweeps",
]

if TYPE_CHECKING:
    from tutelage import (
        complexity,
        continual,
        conventions,
        data,
        explore,
        gaussian,
        landscape,
        linear,
        minima,
        papers,
        phase,
        plot,
        regimes,
        sweeps,
    )
    from tutelage.activations import Activation, polynomial
    from tutelage.again import rerun
    from tutelage.errors import ArgumentError, DivergenceError
    from tutelage.networks import Network
    from tutelage.online import asymptotics
    from tutelage.online.continuation import continuation
    from tutelage.online.critical import critical_learning_rate
    from tutelage.online.fixed_points import fixed_point
    from tutelage.online.fluctuations import fluctuations
    from tutelage.online.ode import solve
    from tutelage.online.plateau import plateau
    from tutelage.online.rule import OnlineSGD
    from tutelage.online.simulation import simulate
    from tutelage.overlaps import Overlaps
    from tutelage.results import load, save, state_at
    from tutelage.sweeps.sweep import sweep
    from tutelage.works import citation


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(import_module(_NAMES[name]), name)
    elif name in _MODULES:
        value = import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'tutelage' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
