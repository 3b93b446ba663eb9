"""A simulation under way, on disk: everything needed to go on with identical numbers."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from tutelage.errors import ArgumentError, refuse
from tutelage.online.runs import Run
from tutelage.overlaps import Overlaps
from tutelage.results import load, save

__all__ = ["Checkpoint"]

MOVING = ("W", "W_star", "v", "generator")
DIGESTS = ("inputs", "state", "weights")
RECORDS = ("Q", "R", "v_record", "error")


class Checkpoint:
    """The file of a run: weights, random numbers, steps and records of every replica.

    Parameters
    ----------
    path : path
        NetCDF file; made by :meth:`write`, each time in one move.
    settings : dict
        The arguments of the run, which must agree when it is taken up again; `alpha` may grow.
    state, weights
        Those of the run, which must agree too.
    """

    interval = 30.0  # seconds between two writes

    def __init__(self, path: Any, settings: dict[str, Any], state: Overlaps, weights: Any) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise refuse("checkpoint", "name a file", f"is {path!r}")
        self.path = Path(path)
        if not os.path.isdir(self.path.parent):
            raise refuse("checkpoint", "lie in an existing folder", f"{self.path.parent} is none")
        trial = self.path.with_name(f".{self.path.name}.part")
        try:  # now rather than when the run is over
            trial.touch()
            trial.unlink()
        except OSError as error:
            raise refuse("checkpoint", "name a file that can be written", f"{path} cannot: {error.strerror}") from None
        arrays = () if weights is None else (np.asarray(w, np.float64) for w in weights)
        self.settings = settings | {
            "state": _digest(state.covariance, state.v, state.v_star),
            "weights": _digest(*arrays),
        }

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
        try:
            stored = load(self.path)
        except ArgumentError:
            raise refuse("checkpoint", "name a checkpoint or a new file", f"{self.path} cannot be read") from None
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
        then = _flat(stored)
        for name, now in _flat(self.settings).items():
            if now == then.get(name) or (name == "alpha" and now[: len(then[name])] == then[name]):
                continue
            but = f"is {now!r}; remove {self.path} to start anew"
            if name == "alpha":
                raise refuse(name, "begin with the times of the checkpoint", but)
            if name in DIGESTS:
                raise refuse(name, "be as in the checkpoint", f"is another; remove {self.path} to start anew")
            raise refuse(name, f"be {then.get(name)!r} as in the checkpoint", but)


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings by the name of the argument they come from."""
    flat = {name: value for name, value in settings.items() if name not in ("rule", "own_weights")}
    inputs = dict(flat["inputs"])
    return settings["rule"] | flat | {"held_out": inputs.pop("held_out", None), "inputs": inputs}


def _digest(*arrays: np.ndarray) -> str:
    """Return the checksum of arrays; of none, that of nothing."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()
