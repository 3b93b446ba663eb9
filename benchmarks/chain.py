"""The exact chain against what it replaces, and against itself at other sizes. Run ``python benchmarks/chain.py``.

Rows are (name, our seconds, the baseline's seconds); both are measured in turn, and the best of each counts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

import tutelage as tl
from tutelage.online import simulation
from tutelage.online.chain import Chain

Row = tuple[str, float, float]
STATE = tl.Overlaps.random(4, 2, 784, seed=0)
RULE = tl.OnlineSGD("erf", lr=0.5, noise=0.1, train="both")


def best(*calls: Callable[[], object], rounds: int = 15) -> list[float]:
    """Return the least seconds of each call, made in turn."""
    least = [math.inf] * len(calls)
    for call in calls:
        call()
    for _ in range(rounds):
        for i, call in enumerate(calls):
            begin = time.perf_counter()
            call()
            least[i] = min(least[i], time.perf_counter() - begin)
    return least


def steps(count: int, dim: int = 784, lanes: int = 1, **options: object) -> Callable[[], None]:
    """Return a call that makes `count` steps of `lanes` replicas."""
    rule = tl.OnlineSGD(**({"activation": "erf", "lr": 0.5, "noise": 0.1, "train": "both"} | options))
    engine = Chain(rule, STATE, dim, 0, range(lanes))
    return lambda: engine.advance(0, count)


def against_drawing(count: int = 10_000) -> Row:
    """One step at N = 784, K = 4, M = 2, one replica, against NumPy drawing its 784 normals."""
    rng = np.random.default_rng(0)

    def draw() -> None:
        for _ in range(count // 10):
            rng.standard_normal(784)

    ours, theirs = best(steps(count), draw)
    return "chain step, K=4, M=2, one replica, against NumPy drawing 784 normals", ours / count, 10 * theirs / count


def against_size(count: int = 20_000) -> Row:
    """A step at N = 10^9 (the baseline) against one at N = 784."""
    small, large = best(steps(count), steps(count, dim=10**9))
    return "chain step at N = 784, against N = 10^9", small / count, large / count


def side_by_side(count: int = 10_000) -> Row:
    """A replica among eight that go in step, against one alone."""
    eight, one = best(steps(count, lanes=8), steps(count))
    return "chain step, eight replicas side by side (per replica), against one alone", eight / count / 8, one / count


def batches(count: int = 2000) -> Row:
    """A step with a mini-batch of ten, per example, against a step with one."""
    ten, one = best(steps(count, batch=10), steps(count))
    return "chain step, batch of 10 (per example), against batch of 1", ten / count / 10, one / count


def cores(replicas: int = 64, alpha: float = 50.0) -> Row:
    """64 replicas at N = 10^4 on two cores, against one core."""
    count = simulation.os.cpu_count

    def run(workers: int) -> None:
        simulation.os.cpu_count = lambda: workers
        try:
            tl.simulate(RULE, STATE, [alpha], dim=10_000, replicas=replicas, progress=False)
        finally:
            simulation.os.cpu_count = count

    two, one = best(lambda: run(2), lambda: run(1), rounds=3)
    made = replicas * alpha * 10_000
    return f"chain, {replicas} replicas on two cores (per step of one), against one core", two / made, one / made


def run() -> list[Row]:
    """Return all rows."""
    return [against_drawing(), against_size(), side_by_side(), batches(), cores()]


if __name__ == "__main__":
    for name, ours, theirs in run():
        print(f"{name:84}{ours * 1e9:10.0f} ns{theirs * 1e9:10.0f} ns{theirs / ours:8.2f}")
