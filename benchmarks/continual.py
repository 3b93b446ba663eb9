"""How long a map of forgetting takes: 101 similarities by 20 settings, two phases each, K = 2, one teacher unit a task.

Run with ``python benchmarks/continual.py [WORKERS]``. A setting is a seed, a learning rate and a scale of the start;
the first phase lasts until lr alpha = 100, the second until 300. Times are wall times, with the start of the workers.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

import tutelage as tl

SIMILARITIES = 101
SETTINGS = [(seed, lr, std) for seed in range(5) for lr in (0.5, 1.0) for std in (1e-3, 1e-1)]


def forgetting(setting: tuple[int, float, float]) -> np.ndarray:
    """Return log10 of the first task's error at the end over that at the switch, for each similarity."""
    seed, lr, std = setting
    rule, alpha = tl.OnlineSGD(lr=lr, train="both"), np.array([100.0, 300.0]) / lr
    phases, found = [tl.continual.Phase(0, alpha[0]), tl.continual.Phase(1, alpha[1] - alpha[0])], []
    for V in np.linspace(0, 1, SIMILARITIES):
        start = tl.continual.MultiTask.random(2, tl.continual.two_teachers(feature_similarity=V), std, seed=seed)
        eg = tl.continual.solve(rule, start, phases, alpha=alpha, progress=False).eg.values
        found.append(np.log10(eg[1, 0] / eg[0, 0]))
    return np.array(found)


def main(workers: int) -> None:
    """Print the seconds, and where the maxima of forgetting lie."""
    begin = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        result = np.array(list(pool.map(forgetting, SETTINGS)))
    print(f"{len(SETTINGS)} x {SIMILARITIES} solutions, {workers} workers: {time.perf_counter() - begin:.1f} s")
    print("similarity of most forgetting:", np.round(result.argmax(1) / (SIMILARITIES - 1), 2).tolist())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
