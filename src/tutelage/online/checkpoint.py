"""A simulation under way, on disk: everything needed to go on with identical numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tutelage.errors import refuse
from tutelage.online.runs import Run
from tutelage.results import load, save

__all__ = ["Checkpoint"]

MOVING = ("W", "W_star", "v", "generator")
RECORDS = ("Q", "R", "v_record", "error")


class Checkpoint:
    """The file of a run: weights, random numbers, steps and records of every replica.

    Parameters
    ----------
    path : Path
        NetCDF file; made by :meth:`write`, each time in one move.
    settings : dict
        The arguments of the run, which must agree when it is taken up again; `alpha` may grow.
    """

    interval = 30.0  # seconds between two writes

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        if not path.parent.is_dir():
            raise refuse("checkpoint", "lie in an existing folder", f"{path.parent} is none")
        self.path, self.settings = path, settings

    def write(self, runs: list[Run]) -> None:
        """Write all replicas, each between two of its slices."""
        import xarray

        data: dict[str, Any] = {}
        snapshots = [run.snapshot(MOVING + RECORDS) for run in runs]
        for name in MOVING + RECORDS:
            stack = np.stack([s[name] for s in snapshots])
            data[name] = ([f"{name}_{axis}" for axis in range(stack.ndim)], stack)
        data["steps"] = (["replica"], np.array([s["steps"] for s in snapshots]))
        data["recorded"] = (["replica"], np.array([s["recorded"] for s in snapshots]))
        attributes = {"kind": "tutelage checkpoint", "settings": json.dumps(self.settings)}
        save(xarray.Dataset(data, attrs=attributes), self.path)

    def restore(self, runs: list[Run]) -> None:
        """Set the replicas to where the file, if there is one, left them."""
        if not self.path.exists():
            return
        stored = load(self.path)
        if stored.attrs.get("kind") != "tutelage checkpoint":
            raise refuse("checkpoint", "name a checkpoint or a new file", f"{self.path} is something else")
        self._compare(json.loads(stored.attrs["settings"]))
        for i, run in enumerate(runs):
            for name in MOVING:
                getattr(run, name)[...] = stored[name].values[i]
            for name in RECORDS:
                known = stored[name].values[i]
                getattr(run, name)[: len(known)] = known
            run.steps, run.recorded = int(stored["steps"][i]), int(stored["recorded"][i])

    def _compare(self, stored: dict[str, Any]) -> None:
        """Refuse a file of another run, naming the argument that differs."""
        for name, now in self.settings.items():
            then = stored.get(name)
            same = now[: len(then)] == then if name == "alpha" and then else now == then
            if not same:
                must = (
                    "begin with the times of the checkpoint" if name == "alpha" else f"be {then!r} as in the checkpoint"
                )
                raise refuse(name, must, f"is {now!r}; remove {self.path} to start anew")
