"""Which points are handed out next, and how many at a time, whoever computes them."""

from __future__ import annotations

import threading
from collections import Counter, deque

from tutelage.sweeps.plan import Point

__all__ = ["Batches"]

TARGET = 0.5  # seconds that a batch should take
MOST = 500  # points in a batch
STRIKES = 3  # lost workers until the point they were at is given up


class Batches:
    """The points still to be handed out, to `hands` workers.

    Batches grow to half a second of work, and shrink towards the end. The points of a lost batch are handed out again,
    one by one, so that the one that takes workers with it is found.
    """

    def __init__(self, points: list[Point], hands: int) -> None:
        self._waiting, self._suspects = deque(points), deque[Point]()
        self._hands, self._pace = max(1, hands), 0.0  # seconds a point
        self._out, self._strikes = 0, Counter[str]()
        self._change = threading.Condition()

    def take(self, patience: float = 0.0) -> list[Point] | None:
        """Return the next batch; empty if there is none now but may be later; None if all is done."""
        with self._change:
            if not self._waiting and not self._suspects and self._out and patience:
                self._change.wait(patience)
            if self._waiting:
                batch = [self._waiting.popleft() for _ in range(self._size())]
            elif self._suspects:
                batch = [self._suspects.popleft()]
            else:
                return [] if self._out else None
            self._out += 1
            return batch

    def done(self, batch: list[Point], seconds: float) -> None:
        """Say that a batch is done, and how long it took."""
        with self._change:
            pace = seconds / len(batch)
            self._pace = pace if not self._pace else 0.7 * self._pace + 0.3 * pace
            self._out -= 1
            self._change.notify_all()

    def lost(self, batch: list[Point]) -> list[Point]:
        """Take back the points of a batch whose worker died; return those that are given up."""
        with self._change:
            for point in batch:
                self._strikes[point.key] += len(batch) == 1
            given_up = [point for point in batch if self._strikes[point.key] >= STRIKES]
            self._suspects.extend(point for point in batch if point not in given_up)
            self._out -= 1
            self._change.notify_all()
            return given_up

    def _size(self) -> int:
        fair = -(-len(self._waiting) // (4 * self._hands))
        return max(1, min(int(TARGET / self._pace) if self._pace else 1, MOST, fair, len(self._waiting)))
