"""Which points are needed to find boundaries: a lattice, halved wherever labels differ; whoever computes the labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Place", "Range", "Search"]

Place = tuple[int, ...]  # a point of the finest lattice
Cell = tuple[Place, int]  # its lowest corner and its width, on the finest lattice


@dataclass(frozen=True)
class Range:
    """One axis: a parameter between two ends, and the finest lattice on it."""

    name: str
    low: float
    high: float
    scale: str
    steps: int

    def at(self, place: int | float) -> float:
        """Return the value at a place of the lattice, 0 to steps."""
        share = place / self.steps
        if share in (0.0, 1.0):
            return self.high if share else self.low
        if self.scale == "log":
            return float(np.exp((1 - share) * np.log(self.low) + share * np.log(self.high)))
        return (1 - share) * self.low + share * self.high


@dataclass
class Search:
    """Cells of a coarse grid and of its halvings, and the labels of their corners as far as they are known."""

    dimension: int
    points: int
    width: int  # of a coarse cell
    labels: dict[Place, str] = field(default_factory=dict)
    cells: set[Cell] = field(default_factory=set)

    def __post_init__(self) -> None:
        corners = itertools.product(range(self.points - 1), repeat=self.dimension)
        self.cells = {(tuple(self.width * i for i in corner), self.width) for corner in corners}

    def wanted(self) -> list[Place]:
        """Return the corners whose labels are not known."""
        every = {corner for cell in self.cells for corner in corners_of(cell)}
        return sorted(every - self.labels.keys())

    def halve(self) -> bool:
        """Halve every cell that holds different labels, and return whether there was one that could be."""
        mixed = [cell for cell in self.cells if cell[1] > 1 and len(self._seen(cell)) > 1]
        for cell in mixed:
            self.cells.remove(cell)
            (corner, width) = cell
            for shift in itertools.product((0, width // 2), repeat=self.dimension):
                self.cells.add((tuple(i + s for i, s in zip(corner, shift, strict=True)), width // 2))
        return bool(mixed)

    def crossings(self) -> Iterator[tuple[Place, Place]]:
        """Yield the edges of the finest cells whose ends have different labels, each once."""
        seen = set()
        for cell in sorted(cell for cell in self.cells if cell[1] == 1):
            for a, b in itertools.combinations(corners_of(cell), 2):
                apart = sum(abs(i - j) for i, j in zip(a, b, strict=True))
                if apart == 1 and self.labels[a] != self.labels[b] and (a, b) not in seen:
                    seen.add((a, b))
                    yield a, b

    def _seen(self, cell: Cell) -> set[str]:
        """Return the labels known within a cell: of its corners, and of points on its edges that finer ones share."""
        corner, width = cell
        found = {self.labels[place] for place in corners_of(cell)}
        for axis in range(self.dimension):
            others = [i for i in range(self.dimension) if i != axis]
            for side in itertools.product((0, width), repeat=self.dimension - 1):
                begin = list(corner)
                for i, s in zip(others, side, strict=True):
                    begin[i] += s
                found |= set(self._along(begin, axis, width))
        return found

    def _along(self, begin: list[int], axis: int, width: int) -> Iterator[str]:
        """Yield the labels within an edge: of its middle, if a finer cell has that corner, and so on in its halves."""
        middle = [i + (width // 2) * (j == axis) for j, i in enumerate(begin)]
        label = self.labels.get(tuple(middle)) if width > 1 else None
        if label is not None:
            yield label
            yield from self._along(begin, axis, width // 2)
            yield from self._along(middle, axis, width // 2)


def corners_of(cell: Cell) -> list[Place]:
    """Return the corners of a cell."""
    corner, width = cell
    return [
        tuple(i + s for i, s in zip(corner, shift, strict=True))
        for shift in itertools.product((0, width), repeat=len(corner))
    ]
