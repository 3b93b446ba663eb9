"""Where the points of sweeps are kept: a folder with one file for each, and an index that can be made anew from them.

::

    store/
        points/3f/3fa1...c2.npz          the results of a point, and point.json with its parameters, versions and seeds
        points/a0/a07b...11.failed.json  a point that failed: its parameters and its error
        index.txt                        key, bytes, time of change in ns, status: one line a file, only appended to
        dataset.nc                       the points of the last sweep, as one dataset
        sweep.json, log.txt              what was swept, and when what was done

A file is written under a temporary name and renamed, so that under its own name it is whole. Its place and its values
depend on its key alone: several sweeps may use one store, at once, and share points.
"""

from __future__ import annotations

import io
import json
import os
import time
import traceback
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tutelage.errors import ArgumentError
from tutelage.sweeps.plan import Parameters, Point
from tutelage.sweeps.runs import Record

__all__ = ["DONE", "FAILED", "Entry", "Store", "StoreError"]

DONE, FAILED = "done", "failed"
ENDINGS = {".npz": DONE, ".failed.json": FAILED}
STALE = 3600.0  # seconds after which a temporary file belongs to nobody


class StoreError(OSError):
    """A store that cannot be written to; one sentence."""


class Entry(NamedTuple):
    """A file of the store: bytes, time of change in ns, and whether it holds results or an error."""

    size: int
    changed: int
    status: str


class Store:
    """A folder of points."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(os.path.abspath(folder))
        self.points, self.index = self.folder / "points", self.folder / "index.txt"

    def make(self) -> Store:
        """Make the folder, if need be, and remove what interrupted writers left an hour ago or longer."""
        try:
            self.points.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ArgumentError(f"`store` must be a folder, but {self.folder} is a file or lies in one.") from None
        for part in self.points.glob("*/.*.part"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > STALE:
                    part.unlink()
        return self

    def path(self, key: str, status: str = DONE) -> Path:
        """Return the file of a point."""
        ending = next(ending for ending, meaning in ENDINGS.items() if meaning == status)
        return self.points / key[:2] / (key + ending)

    # one point

    def write(self, point: Point, record: Record, about: dict[str, Any]) -> Entry:
        """Write the results of a point."""
        described = {
            "key": point.key,
            "parameters": point.parameters,
            **about,
            "dims": record.dims,
            "coordinates": record.coordinates,
            "attrs": record.attrs,
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
            for name, array in record.arrays.items():
                member = io.BytesIO()
                np.lib.format.write_array(member, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
                file.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
            file.writestr(zipfile.ZipInfo("point.json"), json.dumps(described, default=_plain))
        entry = self._place(self.path(point.key), buffer.getvalue(), DONE)
        with suppress(OSError):
            self.path(point.key, FAILED).unlink()
        return entry

    def write_failure(self, point: Point, error: BaseException | str, about: dict[str, Any]) -> Entry:
        """Write that a point failed, and how."""
        described = {"key": point.key, "parameters": point.parameters, **about}
        if isinstance(error, BaseException):
            described |= {"error": sentence(error), "traceback": "".join(traceback.format_exception(error))}
        else:
            described["error"] = error
        return self._place(self.path(point.key, FAILED), json.dumps(described, indent=1).encode(), FAILED)

    def read(self, key: str) -> Record:
        """Return the results of a point; raises ValueError if the file is damaged."""
        return self._read(key)[0]

    def about(self, key: str) -> dict[str, Any]:
        """Return what the file of a point says about it: parameters, run, versions, seeds."""
        return self._read(key)[1]

    def _read(self, key: str) -> tuple[Record, dict[str, Any]]:
        data = self.path(key).read_bytes()
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as file:  # reading a member checks its CRC
                described = json.loads(file.read("point.json"))
                arrays = {name: _array(file.read(f"{name}.npy")) for name in described["dims"]}
            if described["key"] != key:
                raise ValueError("it holds another point")
            dims = {name: tuple(dims) for name, dims in described["dims"].items()}
            return Record(arrays, dims, tuple(described["coordinates"]), described["attrs"]), described
        except (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError, NotImplementedError) as error:
            raise ValueError(f"{self.path(key)} is damaged: {error}") from error

    def failure(self, key: str) -> str:
        """Return the error of a failed point in one sentence."""
        described = json.loads(self.path(key, FAILED).read_text("utf-8"))
        if described["key"] != key:
            raise ValueError(f"{self.path(key, FAILED)} holds another point")
        return str(described["error"])

    def has(self, key: str) -> Entry | None:
        """Return the entry of a point that has results, as its file is now."""
        try:
            return _entry(self.path(key), DONE)
        except OSError:
            return None

    # all points

    def scan(self, keys: Iterable[str]) -> tuple[dict[str, Entry], list[str]]:
        """Return the files that there are of some points, each whole, and the keys of damaged ones, now removed.

        A file that the index knows, with its size and time of change, is taken as whole; any other is read.
        """
        known, found = self._indexed(), self._listed()
        entries: dict[str, Entry] = {}
        damaged: list[str] = []
        news: list[tuple[str, Entry]] = []
        for key in keys:
            status = found.get(key)
            if status is None:
                continue
            with suppress(FileNotFoundError):  # another sweep may have replaced a failure
                entry = _entry(self.path(key, status), status)
                if known.get(key) == entry:
                    entries[key] = entry
                elif self._whole(key, status):
                    entries[key] = entry
                    news.append((key, entry))
                else:
                    self.path(key, status).unlink()
                    damaged.append(key)
        self.note(news)
        return entries, damaged

    def note(self, entries: Iterable[tuple[str, Entry]]) -> None:
        """Append to the index; it is a convenience, so that a full disk does no harm."""
        lines = "".join(f"{key} {entry.size} {entry.changed} {entry.status}\n" for key, entry in entries)
        if lines:
            with suppress(OSError), self.index.open("ab") as file:
                file.write(lines.encode())

    def replace(self, name: str, data: bytes) -> Path:
        """Write a file of the store in one move."""
        self._place(self.folder / name, data, DONE)
        return self.folder / name

    def _indexed(self) -> dict[str, Entry]:
        """Return what the index says; the last line about a key holds, and torn lines are passed over."""
        try:
            lines = self.index.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return {}
        entries = {}
        for line in lines:
            key, *rest = line.split(" ")
            if len(rest) == 3 and rest[0].isdigit() and rest[1].isdigit():
                entries[key] = Entry(int(rest[0]), int(rest[1]), rest[2])
        return entries

    def _listed(self) -> dict[str, str]:
        """Return the status of every key that there is a file of; results outweigh failures."""
        found: dict[str, str] = {}
        with suppress(FileNotFoundError):
            for folder in os.scandir(self.points):
                if not folder.is_dir():
                    continue
                for file in os.scandir(folder.path):
                    key, dot, ending = file.name.partition(".")
                    status = ENDINGS.get(dot + ending)
                    if key and status and found.get(key) != DONE:
                        found[key] = status
        return found

    def _whole(self, key: str, status: str) -> bool:
        try:
            self.read(key) if status == DONE else self.failure(key)
        except (ValueError, KeyError, TypeError):
            return False
        return True

    def _place(self, target: Path, data: bytes, status: str) -> Entry:
        """Write a file under a temporary name and rename it."""
        part = target.with_name(f".{target.name}.{os.getpid()}-{time.monotonic_ns():x}.part")
        try:
            try:
                file = part.open("xb")
            except FileNotFoundError:
                target.parent.mkdir(parents=True, exist_ok=True)
                file = part.open("xb")
            with file:
                file.write(data)
            os.replace(part, target)
            return _entry(target, status)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            why = os.strerror(error.errno) if error.errno else error
            raise StoreError(f"{target.parent} cannot be written to ({why}); what is done is kept.") from error


def sentence(error: BaseException) -> str:
    """Return an error as one line; the kind of those that are not ours comes first."""
    text = " ".join(str(error).split())
    if type(error).__module__ == "tutelage.errors":
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _entry(path: Path, status: str) -> Entry:
    found = os.stat(path)
    return Entry(found.st_size, found.st_mtime_ns, status)


def _array(data: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _plain(value: Any) -> Any:
    """Return a NumPy value of an attribute as JSON knows it."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else str(value)


def seeds(parameters: Parameters) -> dict[str, int]:
    """Return every seed of a problem, defaults included."""
    from tutelage.sweeps.plan import DEFAULTS

    both = {"start.seed": DEFAULTS.start.seed, "simulation.seed": DEFAULTS.simulation.seed}
    return {name: parameters.get(name, default) for name, default in both.items()}
