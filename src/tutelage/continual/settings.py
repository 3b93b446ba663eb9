"""Phases as settings that a file can hold, and back."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from tutelage.continual.interventions import Consolidation, Restart
from tutelage.continual.phases import Phase

__all__ = ["described", "phase_of"]


def described(phase: Phase) -> dict[str, Any]:
    """Return a phase as JSON-ready settings: what is not the default."""
    kept = {}
    for each in dataclasses.fields(phase):
        value = getattr(phase, each.name)
        if each.default is dataclasses.MISSING or value != each.default:
            kept[each.name] = value
    return json.loads(json.dumps(kept, default=lambda x: dataclasses.asdict(x)))


def phase_of(settings: dict[str, Any]) -> Phase:
    """Return the phase of such settings.

    Examples
    --------
    >>> phase = Phase(1, 20.0, replay={0: 0.1}, consolidate=Consolidation(0.5, (1.0, 2.0)), restart=Restart("heads"))
    >>> phase_of(described(phase)) == phase
    True
    """
    given = dict(settings)
    if given.get("replay") is not None:  # JSON has no keys but text
        given["replay"] = {int(task): share for task, share in given["replay"].items()}
    if given.get("restart") is not None:
        given["restart"] = Restart(**given["restart"])
    given["consolidate"] = [Consolidation(**each) for each in given.get("consolidate", ())]
    return Phase(**given)
