"""What measures look up in a dataset of this room: its phases, their tasks, the states where they end."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tutelage.continual.state import MultiTask
from tutelage.continual.vector import unchecked
from tutelage.errors import check_count, refuse

__all__ = ["at_end", "begin_of", "checked", "later", "task_of", "within"]


def checked(ds: Any) -> Any:
    """Return a dataset, refused unless it is one of solve or simulate."""
    missing = [n for n in ("eg", "Q", "R", "heads", "switch") if n not in getattr(ds, "variables", ())]
    if missing:
        raise refuse(
            "ds", "be a dataset of continual.solve or simulate", f"is {type(ds).__name__} without {missing[0]}"
        )
    return ds


def begin_of(ds: Any) -> MultiTask:
    """Return the state at alpha = 0, unchecked."""
    return unchecked(*(ds[name].values for name in ("Q_start", "R_start", "T", "heads_start", "readouts")))


def _phases(ds: Any) -> list[dict[str, Any]]:
    return json.loads(checked(ds).attrs["settings"])["phases"]


def later(ds: Any, phase: int) -> int:
    """Return the number of a phase that has one before it."""
    last = len(_phases(ds)) - 1
    if last == 0:
        raise refuse("ds", "have two phases at least, as measures of what changed compare two", "has one")
    if not 1 <= check_count("phase", phase, minimum=0) <= last:
        raise refuse("phase", f"be one of 1, ..., {last}, which have a phase before them", f"is {phase}")
    return phase


def task_of(ds: Any, phase: int) -> int:
    """Return the task of a phase."""
    phases = _phases(ds)
    if check_count("phase", phase, minimum=0) >= len(phases):
        raise refuse("phase", f"be one of 0, ..., {len(phases) - 1}", f"is {phase}")
    return phases[phase]["task"]


def at_end(ds: Any, phase: int) -> Any:
    """Return eg, Q, R and heads at the end of a phase: those kept for it, or of a stored time that is the same."""
    if check_count("phase", phase, minimum=0) >= checked(ds).sizes["phase_end"]:
        raise refuse("phase", f"be one of the {ds.sizes['phase_end']} that came to an end", f"is {phase}")
    names = {f"{name}_switch": name for name in ("eg", "Q", "R", "heads")}
    if all(name in ds for name in names):
        return ds[list(names)].isel(phase_end=phase).rename(names)
    away = abs(ds.alpha - ds.switch.isel(phase_end=phase)).fillna(0.0)
    if not (away.min("alpha") <= _slack(ds)).all():
        raise refuse("ds", "hold the state at the end of a phase: ask for that time", f"has none of phase {phase}")
    return ds[list(names.values())].isel(alpha=away.argmin("alpha")).drop_vars(["alpha", "phase"], errors="ignore")


def _slack(ds: Any) -> float:
    """Return how far a stored time may be from what it stands for: half a step of a simulation."""
    return 0.5000001 / json.loads(ds.attrs["settings"]).get("dim", 1e12)


def within(ds: Any, phase: int) -> Any:
    """Return a dataset at the times of a phase; those that not all replicas have in it are missing in the others."""
    alpha, ends = ds.alpha, ds.switch
    inside = alpha >= 0
    if phase > 0:
        inside = inside & (alpha > ends.isel(phase_end=phase - 1) + _slack(ds))
    if phase < ends.sizes["phase_end"]:
        inside = inside & ~(alpha > ends.isel(phase_end=phase) + _slack(ds))
    if not inside.any():
        raise refuse("phase", "have stored times", f"{phase} has none")
    moving = [name for name in ds.data_vars if "alpha" in ds[name].dims]
    here = ds.assign({name: ds[name].where(inside) for name in moving})
    return here.isel(alpha=np.flatnonzero(inside.any([d for d in inside.dims if d != "alpha"])))
