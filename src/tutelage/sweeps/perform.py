"""Computing what is missing: what there is in the store, who computes the rest, and what is made of the answers."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tutelage.errors import ArgumentError
from tutelage.online.runs import cores_allowed
from tutelage.problem import check
from tutelage.sweeps.collect import collect, stored
from tutelage.sweeps.plan import Plan, Point, unflatten
from tutelage.sweeps.pool import Lost, Pool
from tutelage.sweeps.report import Report
from tutelage.sweeps.runs import Record
from tutelage.sweeps.store import DONE, FAILED, Entry, Store
from tutelage.sweeps.work import Job, Outcome, pack

if TYPE_CHECKING:
    import xarray

__all__ = ["Computer", "Found", "finish", "tally"]


@dataclass
class Found:
    """What there is of some points: their files, and the results and errors that are at hand."""

    entries: dict[str, Entry] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False

    def note(self, outcomes: Iterable[Outcome], store: Store) -> None:
        """Take note of what became of points, here and in the index."""
        for outcome in outcomes:
            self.entries[outcome.key] = outcome.entry
            if outcome.record is not None:
                self.records[outcome.key] = outcome.record
            if outcome.error:
                self.errors[outcome.key] = outcome.error
        store.note((outcome.key, outcome.entry) for outcome in outcomes)


class Computer:
    """Whoever computes points of a plan for a store: processes here, or a cluster; started when first needed.

    Use it as a context; the workers stay for all that is computed within.
    """

    def __init__(
        self, plan: Plan, store: Store, workers: int | None = None, scheduler: str | os.PathLike[str] | None = None
    ) -> None:
        self.plan, self.store = plan, store
        self._workers, self._scheduler = cores_allowed() if workers is None else workers, scheduler
        self._data = b""
        self._pool: Pool | None = None
        self._client: Any = None
        self._left = ExitStack()

    def __enter__(self) -> Computer:
        return self

    def __exit__(self, *error: object) -> None:
        self._left.close()

    def compute(self, points: list[Point], retry_failed: bool = False, progress: bool = True) -> Found:
        """Compute what is missing of some points, and return what there is, also after Ctrl-C."""
        entries, damaged = self.store.make().scan(point.key for point in points)
        found = Found(entries)
        again = (FAILED,) if retry_failed else ()
        missing = [p for p in points if p.key not in entries or entries[p.key].status in again]
        missing = list({point.key: point for point in missing}.values())
        with Report(self.store.folder / "log.txt", len(points), len(missing), progress) as report:
            if damaged:
                report.say(f"{len(damaged)} damaged files are removed and computed anew: {', '.join(damaged[:3])} ...")
            if not missing:
                return found
            _refuse_hopeless(self.plan, missing)
            self.store.replace("sweep.json", json.dumps(self.plan.description(), indent=1).encode())
            try:
                with closing(self._answers(missing)) as answers:
                    for outcomes in answers:
                        found.note(outcomes, self.store)
                        report.update(found.entries, len(outcomes))
            except KeyboardInterrupt:
                report.say("interrupted")
                found.interrupted = True
                found.entries, _ = self.store.scan(point.key for point in points)  # with what is not yet answered for
        return found

    def _answers(self, missing: list[Point]) -> Generator[list[Outcome]]:
        """Yield the outcomes of points; those given up are written down as failed."""
        run, by_key = self.plan.run, {point.key: point for point in missing}
        about = {"run": {"name": run.identity, "version": run.version, "keep": self.plan.keep}}
        with closing(self._engine(missing)) as answers:
            for answer in answers:
                if not isinstance(answer, Lost):
                    yield answer
                    continue
                point, why = answer
                entry = self.store.has(point.key) or self.store.write_failure(by_key[point.key], why, about)
                yield [Outcome(point.key, entry, None, why if entry.status == FAILED else "")]

    def _engine(self, missing: list[Point]) -> Generator[list[Outcome] | Lost]:
        self._data = self._data or pack(Job.of(self.plan, self.store))
        if self._scheduler is None:
            if self._pool is None:
                self._pool = Pool(self._data, self._workers)
                self._left.callback(self._pool.close)
            return self._pool.run(missing)
        from tutelage.sweeps.cluster import open_client, run_on_cluster

        if self._client is None:
            self._client = self._left.enter_context(open_client(os.fspath(self._scheduler)))
        return run_on_cluster(self._data, missing, self._client)


def finish(plan: Plan, store: Store, found: Found) -> xarray.Dataset:
    """Return the dataset of what there is of a plan: from the store if it is the same, else collected."""
    ds = stored(plan, store, found.entries)
    return collect(plan, store, found.entries, found.records, found.errors) if ds is None else ds


def tally(entries: Mapping[str, Entry], total: int) -> dict[str, int]:
    """Return the numbers of points, and of those that are done, failed and missing."""
    statuses = [entry.status for entry in entries.values()]
    done, failed = statuses.count(DONE), statuses.count(FAILED)
    return {"points": total, "done": done, "failed": failed, "missing": total - done - failed}


def _refuse_hopeless(plan: Plan, missing: list[Point]) -> None:
    """Refuse a sweep whose first and last points are no problems, for the same reason: so will be the others."""
    if plan.base is None:
        return
    sentences = []
    for point in (missing[0], missing[-1]):
        try:
            check(unflatten(point.parameters)[0])
        except ArgumentError as error:
            sentences.append(str(error))
    if len(sentences) == 2 and sentences[0] == sentences[1]:
        raise ArgumentError(sentences[0])
