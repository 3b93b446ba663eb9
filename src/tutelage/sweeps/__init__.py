"""Sweeps: one problem at many values of its parameters, one file a point, resumable, on one machine or many.

A :class:`~tutelage.sweeps.plan.Plan` says which points there are; a :class:`~tutelage.sweeps.store.Store` keeps one
file for each; :mod:`~tutelage.sweeps.work` computes them, for processes of our own (:mod:`~tutelage.sweeps.pool`) or on
a Dask cluster (:mod:`~tutelage.sweeps.cluster`); :mod:`~tutelage.sweeps.collect` puts them into one dataset.

Names are imported when first used: the command line says ``--help`` without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["Plan", "collected", "read", "status", "sweep_table"]

_HOMES = {"Plan": "plan", "collected": "sweep", "read": "files", "status": "sweep", "sweep_table": "files"}

if TYPE_CHECKING:
    from tutelage.sweeps.files import read, sweep_table
    from tutelage.sweeps.plan import Plan
    from tutelage.sweeps.sweep import collected, status


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tutelage.sweeps' has no attribute {name!r}")
    return getattr(import_module(f"tutelage.sweeps.{_HOMES[name]}"), name)
