"""Where inputs come from: a finite set visited in random order, or an iterator of the user.

A finite set of n samples is visited without replacement and reshuffled every epoch. Visit number t is
sample ``permutation(n, seed, replica, t // n)[t % n]``: a pure function of plain numbers, so a run is
continued from its number of visits alone, on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tutelage.errors import ArgumentError, check_count, refuse

__all__ = ["RowReader", "epochs", "indices", "permutation"]


def permutation(samples: int, seed: int, replica: int = 0, epoch: int = 0) -> np.ndarray:
    """Return the order in which one epoch visits a finite set.

    Parameters
    ----------
    samples : int
        Size n of the set.
    seed : int
        The seed of the run, >= 0.
    replica, epoch : int, default 0
        Numbers >= 0. Different ones give independent orders; replica r has the same orders whether it is run
        alone or among others.

    Returns
    -------
    array of shape (samples,)
        int64, each of 0 ... n-1 once. The same for the same arguments under one release of NumPy, which
        reserves the right to change its shuffles between releases.

    Examples
    --------
    >>> from tutelage.data import permutation
    >>> sorted(permutation(5, seed=0, replica=3, epoch=2).tolist())
    [0, 1, 2, 3, 4]
    """
    key = (check_count("replica", replica, minimum=0), check_count("epoch", epoch, minimum=0), 1)
    entropy = np.random.SeedSequence(check_count("seed", seed, minimum=0), spawn_key=key)
    order = np.random.default_rng(entropy).permutation(check_count("samples", samples))
    return order.astype(np.int64, copy=False)


def indices(samples: int, start: int, count: int, seed: int, replica: int = 0) -> np.ndarray:
    """Return which samples are visited by the visits number `start` to `start + count - 1`.

    Parameters
    ----------
    samples : int
        Size n of the set.
    start, count : int
        First visit, counted from 0, and number of visits, both >= 0. They may cross any number of epochs.
    seed, replica : int
        As in `permutation`.

    Returns
    -------
    array of shape (count,)
        int64. Every epoch touched is shuffled anew, which takes time proportional to n: ask for long blocks,
        or use `epochs`, which remembers.

    Examples
    --------
    >>> import numpy as np
    >>> from tutelage.data import indices
    >>> whole = indices(7, start=0, count=20, seed=1)
    >>> np.array_equal(whole[5:], indices(7, start=5, count=15, seed=1))
    True
    """
    start, count = check_count("start", start, minimum=0), check_count("count", count, minimum=0)
    return next(_blocks(check_count("samples", samples), count, seed, replica, start))


def epochs(samples: int, batch: int = 1, *, seed: int, replica: int = 0, start: int = 0) -> Iterator[np.ndarray]:
    """Visit a finite set in random order, reshuffled every epoch, for ever, in blocks of indices.

    Parameters
    ----------
    samples : int
        Size n of the set.
    batch : int, default 1
        Visits a block. A block may cross from one epoch to the next: nothing is dropped or padded.
    seed, replica : int
        As in `permutation`.
    start : int, default 0
        The first visit. After k blocks the position is ``start + k * batch``, and a new iterator with that
        ``start`` continues exactly; as (epoch, offset) it is ``divmod(position, n)``.

    Yields
    ------
    array of shape (batch,)
        int64 rows to gather, a new array each; block k is ``indices(n, start + k * batch, batch, seed, replica)``.

    Examples
    --------
    >>> from tutelage.data import epochs
    >>> blocks = epochs(4, batch=2, seed=0)
    >>> sorted([*next(blocks).tolist(), *next(blocks).tolist()])
    [0, 1, 2, 3]
    """
    samples, batch = check_count("samples", samples), check_count("batch", batch)
    seed, replica = check_count("seed", seed, minimum=0), check_count("replica", replica, minimum=0)
    return _blocks(samples, batch, seed, replica, check_count("start", start, minimum=0))


def _blocks(samples: int, batch: int, seed: int, replica: int, start: int) -> Iterator[np.ndarray]:
    """Yield the blocks of `epochs`, one shuffle an epoch."""
    epoch, offset = divmod(start, samples)
    order = permutation(samples, seed, replica, epoch)
    while True:
        block = np.empty(batch, dtype=np.int64)
        filled = 0
        while filled < batch:
            if offset == samples:
                epoch, offset = epoch + 1, 0
                order = permutation(samples, seed, replica, epoch)
            part = order[offset : offset + batch - filled]
            block[filled : filled + len(part)] = part
            filled, offset = filled + len(part), offset + len(part)
        yield block


class RowReader:
    """Takes inputs from an iterator of the user, in numbers that suit the simulation.

    Parameters
    ----------
    iterator : iterable
        Yields single inputs of shape (N,) or blocks of shape (b, N), b >= 1, mixed at will. Each item is copied
        at once, so a generator may fill one buffer again and again.
    dim : int
        N.
    name : str, default "iterator"
        What complaints call the iterator.

    Attributes
    ----------
    taken : int
        Rows handed out so far: the position to put into a checkpoint. If the iterator can be built anew,
        ``skip(taken)`` on a new reader leads back to it.

    Examples
    --------
    >>> import numpy as np
    >>> from tutelage.data import RowReader
    >>> reader = RowReader((np.full((4, 2), float(i)) for i in range(2)), dim=2)
    >>> reader.take(3)[:, 0].tolist(), reader.take(5)[:, 0].tolist()
    ([0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0, 1.0])
    """

    def __init__(self, iterator: Iterable[Any], dim: int, name: str = "iterator") -> None:
        try:
            self._iterator = iter(iterator)
        except TypeError:
            raise refuse(name, "be an iterator of inputs", f"is {iterator!r:.60}") from None
        self.taken = 0
        self._dim = check_count("dim", dim)
        self._name = name
        self._items = 0
        self._rest = np.empty((0, self._dim))

    def take(self, count: int) -> np.ndarray:
        """Return the next `count` rows; what the last item holds beyond them waits for the next call.

        Parameters
        ----------
        count : int
            Rows wanted, >= 0.

        Returns
        -------
        array of shape (count, N)
            float64, a new array.

        Raises
        ------
        ArgumentError
            If an item has another shape or is not finite, or if the iterator runs dry. The rows already drawn
            in this call are then kept for the next one.
        """
        rows = np.empty((check_count("count", count, minimum=0), self._dim))
        filled = 0
        try:
            while filled < count:
                if not len(self._rest):
                    self._rest = self._draw(self.taken + filled, self.taken + count)
                part = self._rest[: count - filled]
                rows[filled : filled + len(part)] = part
                self._rest = self._rest[len(part) :]
                filled += len(part)
        except BaseException:
            self._rest = np.concatenate([rows[:filled], self._rest])
            raise
        self.taken += count
        return rows

    def skip(self, count: int) -> None:
        """Take `count` rows and forget them, in pieces that fit into memory."""
        left = check_count("count", count, minimum=0)
        while left:
            left -= len(self.take(min(left, 1 + 2**20 // self._dim)))

    def _draw(self, given: int, asked: int) -> np.ndarray:
        """Return the next item of the iterator as rows of shape (b, N)."""
        for item in self._iterator:
            self._items += 1
            return self._rows(item)
        raise ArgumentError(
            f"Argument `{self._name}` must last for the whole run: it gave {given} samples, but {asked} were asked for."
        )

    def _rows(self, item: Any) -> np.ndarray:
        """Return a checked copy of `item` as rows of shape (b, N)."""
        which = f"item {self._items}"
        try:
            rows = np.array(item)
        except ValueError:
            raise refuse(self._name, "yield arrays", f"{which} is {item!r:.60}") from None
        if rows.dtype.kind not in "biuf":
            raise refuse(self._name, "yield real numbers", f"{which} is {type(item).__name__} {item!r:.60}")
        if rows.ndim not in (1, 2) or rows.shape[-1] != self._dim or not rows.size:
            must = f"yield inputs of shape ({self._dim},) or blocks of shape (b, {self._dim})"
            raise refuse(self._name, must, f"{which} has shape {rows.shape}")
        if not np.isfinite(rows).all():
            raise refuse(self._name, "yield finite numbers", f"{which} contains NaN or infinity")
        return np.atleast_2d(rows).astype(np.float64, copy=False)
