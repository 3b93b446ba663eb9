"""Computing what is missing: what there is in the store, who computes the rest, and what is made of the answers."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tutelage.errors import ArgumentError
from tutelage.problem import check
from tutelage.sweeps.batches import Batches
from tutelage.sweeps.collect import collect, stored
from tutelage.sweeps.plan import Plan, Point, unflatten
from tutelage.sweeps.pool import Lost, cores, run_local
from tutelage.sweeps.report import Report
from tutelage.sweeps.runs import Record
from tutelage.sweeps.store import DONE, FAILED, Entry, Store
from tutelage.sweeps.work import Job, Outcome, pack

if TYPE_CHECKING:
    import xarray

__all__ = ["Found", "compute", "finish", "tally"]


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


def compute(
    plan: Plan,
    points: list[Point],
    store: Store,
    workers: int | None = None,
    scheduler: str | os.PathLike[str] | None = None,
    retry_failed: bool = False,
    progress: bool = True,
) -> Found:
    """Compute what is missing of some points, and return what there is, also after Ctrl-C."""
    entries, damaged = store.make().scan(point.key for point in points)
    found = Found(entries)
    again = (FAILED,) if retry_failed else ()
    missing = [p for p in points if p.key not in entries or entries[p.key].status in again]
    missing = list({point.key: point for point in missing}.values())
    with Report(store.folder / "log.txt", len(points), len(missing), progress) as report:
        if damaged:
            report.say(f"{len(damaged)} damaged files are removed and computed anew: {', '.join(damaged[:3])} ...")
        if not missing:
            return found
        _refuse_hopeless(plan, missing)
        store.replace("sweep.json", json.dumps(plan.description(), indent=1).encode())
        try:
            for outcomes in _answers(plan, missing, store, workers, scheduler):
                found.note(outcomes, store)
                report.update(found.entries, len(outcomes))
        except KeyboardInterrupt:
            report.say("interrupted")
            found.interrupted = True
    return found


def finish(plan: Plan, store: Store, found: Found) -> xarray.Dataset:
    """Return the dataset of what there is of a plan: from the store if it is the same, else collected."""
    ds = stored(plan, store, found.entries)
    return collect(plan, store, found.entries, found.records, found.errors) if ds is None else ds


def tally(entries: Mapping[str, Entry], total: int) -> dict[str, int]:
    """Return the numbers of points, and of those that are done, failed and missing."""
    statuses = [entry.status for entry in entries.values()]
    done, failed = statuses.count(DONE), statuses.count(FAILED)
    return {"points": total, "done": done, "failed": failed, "missing": total - done - failed}


def _answers(
    plan: Plan, missing: list[Point], store: Store, workers: int | None, scheduler: str | os.PathLike[str] | None
) -> Iterator[list[Outcome]]:
    """Yield the outcomes of points, from workers here or on a cluster; those given up are written down as failed."""
    data, by_key = pack(Job.of(plan, store)), {point.key: point for point in missing}
    about = {"run": {"name": plan.run.identity, "version": plan.run.version, "keep": plan.keep}}
    with closing(_engine(data, missing, workers, scheduler)) as answers:
        for answer in answers:
            if not isinstance(answer, Lost):
                yield answer
                continue
            point, why = answer
            entry = store.has(point.key) or store.write_failure(by_key[point.key], why, about)
            yield [Outcome(point.key, entry, None, why if entry.status == FAILED else "")]


def _engine(
    data: bytes, missing: list[Point], workers: int | None, scheduler: str | os.PathLike[str] | None
) -> Generator[list[Outcome] | Lost]:
    if scheduler is None:
        count = min(cores() if workers is None else workers, len(missing))
        yield from run_local(data, Batches(missing, count), count)
        return
    from tutelage.sweeps.cluster import hands, open_client, run_on_cluster

    with open_client(os.fspath(scheduler)) as client:
        yield from run_on_cluster(data, Batches(missing, hands(client)), client)


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
