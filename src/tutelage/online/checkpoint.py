"""A simulation under way, on disk: everything needed to go on with identical numbers."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.errors import ArgumentError, refuse
from tutelage.online.rule import OnlineSGD
from tutelage.online.runs import Run
from tutelage.overlaps import Overlaps
from tutelage.results import load, save

if TYPE_CHECKING:
    import xarray

__all__ = ["Checkpoint"]

DIGESTS = ("inputs", "state", "weights", "functions")
_SOMEWHERE = np.linspace(-3.1, 3.3, 17)  # where functions are compared, as two of them may have one name


class Checkpoint:
    """The file of a run: weights, random numbers, steps and records of every replica.

    Parameters
    ----------
    path : path
        NetCDF file; made by :meth:`write`, each time in one move.
    settings : dict
        The arguments of the run, which must agree when it is taken up again; `alpha` may grow.
    rule, state, weights
        Those of the run, which must agree too.
    """

    interval = 30.0  # seconds between two writes

    def __init__(self, path: Any, settings: dict[str, Any], rule: OnlineSGD, state: Overlaps, weights: Any) -> None:
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
            "functions": _digest(*(f(_SOMEWHERE) for g in (rule.student, rule.teacher) for f in (g.f, g.df))),
        }

    def write(self, runs: list[Run]) -> None:
        """Write all replicas, each between two of its slices."""
        import xarray

        data: dict[str, Any] = {}
        snapshots = [run.snapshot() for run in runs]
        for name in snapshots[0]:
            stack = np.concatenate([s[name] for s in snapshots])
            data[name] = (["replica", *(f"{name}_{axis}" for axis in range(1, stack.ndim))], stack)
        groups = json.dumps([len(run.replicas) for run in runs])
        attributes = {"kind": "tutelage checkpoint", "settings": json.dumps(self.settings), "groups": groups}
        save(xarray.Dataset(data, attrs=attributes), self.path)

    def read(self) -> xarray.Dataset | None:
        """Return the content of the file, if there is one, or refuse one of another run."""
        if not self.path.exists():
            return None
        try:
            stored = load(self.path)
        except ArgumentError:
            raise refuse("checkpoint", "name a checkpoint or a new file", f"{self.path} cannot be read") from None
        if stored.attrs.get("kind") != "tutelage checkpoint":
            raise refuse("checkpoint", "name a checkpoint or a new file", f"{self.path} is something else")
        self._compare(json.loads(stored.attrs["settings"]))
        return stored

    @staticmethod
    def groups(stored: xarray.Dataset) -> list[int]:
        """Return how many replicas went in step, group by group."""
        return json.loads(stored.attrs["groups"])

    @staticmethod
    def restore(stored: xarray.Dataset, runs: list[Run]) -> None:
        """Set the replicas, in the groups of the file, to where it left them."""
        for run in runs:
            some = slice(run.replicas.start, run.replicas.stop)
            run.restore({name: stored[name].values[some] for name in stored.variables})

    def _compare(self, stored: dict[str, Any]) -> None:
        """Refuse a file of another run, naming the argument that differs."""
        then = _flat(stored)
        for name, now in _flat(self.settings).items():
            if now == then.get(name) or (name == "alpha" and now[: len(then[name])] == then[name]):
                continue
            anew = f"remove {self.path} to start anew"
            but = f"is {now!r}; {anew}"
            if name == "alpha":
                raise refuse(name, "begin with the times of the checkpoint", but)
            if name == "functions" and "functions" in then:
                raise refuse("rule", "have the functions of the checkpoint", f"has others; {anew}")
            if name in DIGESTS:
                raise refuse(name, "be as in the checkpoint", f"is another; {anew}")
            raise refuse(name, f"be {then.get(name)!r} as in the checkpoint", but)


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings by the name of the argument they come from."""
    flat = {name: value for name, value in settings.items() if name not in ("rule", "own_weights", "view")}
    flat["engine"] = settings["view"]
    inputs = dict(flat["inputs"])
    return settings["rule"] | flat | {"held_out": inputs.pop("held_out", None), "inputs": inputs}


def _digest(*arrays: np.ndarray) -> str:
    """Return the checksum of arrays; of none, that of nothing."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()
