"""Random numbers and elementary functions against NumPy's and the mathematical library's.

Run ``python benchmarks/draws.py``: a few seconds. The best of many repetitions is taken, in alternation with the
baseline's, so that another process on the machine disturbs both alike.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numba as nb
import numpy as np

from tutelage.kernels import elementary
from tutelage.kernels.draws import fill_normal, new_state

LENGTH = 784
INNER, ROUNDS = 300, 60
# The intervals from which the arguments are taken.
FUNCTIONS = {"exp": (-20.0, 20.0), "log": (1e-3, 10.0), "erf": (-4.0, 4.0), "asin": (-1.0, 1.0)}


def seconds(*calls: Callable[[], object]) -> list[float]:
    """The least time of one repetition of each of `calls`, each of which makes INNER repetitions."""
    best = [math.inf] * len(calls)
    for _ in range(ROUNDS):
        for i, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[i] = min(best[i], (time.perf_counter() - start) / INNER)
    return best


def mapped(f: Callable[[float], float]) -> Callable[[np.ndarray, np.ndarray], None]:
    """The compiled loop out[i] = f(x[i]), INNER times over."""

    @nb.njit(error_model="numpy")
    def loop(x: np.ndarray, out: np.ndarray) -> None:
        for _ in range(INNER):
            for i in range(len(x)):
                out[i] = f(x[i])

    return loop


@nb.njit
def fill_repeatedly(state: np.ndarray, out: np.ndarray) -> None:
    for _ in range(INNER):
        fill_normal(state, out)


def normal_row() -> tuple[str, float, float]:
    """784 normals: drawn from compiled code, as in a simulation, and by NumPy."""
    state, out = new_state(1, (0,)), np.empty(LENGTH)
    generator = np.random.Generator(np.random.PCG64(1))
    fill_repeatedly(state, out)
    ours, baseline = seconds(
        lambda: fill_repeatedly(state, out),
        lambda: [generator.standard_normal(LENGTH) for _ in range(INNER)],
    )
    return f"fill_normal({LENGTH}) / NumPy", ours, baseline


def function_row(name: str, low: float, high: float) -> tuple[str, float, float]:
    """784 values of one function, in a loop with ours and with that of the mathematical library."""
    x, out = np.random.default_rng(1).uniform(low, high, LENGTH), np.empty(LENGTH)
    vectorised, called = mapped(getattr(elementary, name)), mapped(getattr(math, name))
    vectorised(x, out)
    called(x, out)
    ours, baseline = seconds(lambda: vectorised(x, out), lambda: called(x, out))
    return f"{name}, {LENGTH} values / math.{name}", ours, baseline


def run() -> list[tuple[str, float, float]]:
    """Rows (name, our seconds, the baseline's seconds)."""
    return [normal_row(), *(function_row(name, *interval) for name, interval in FUNCTIONS.items())]


if __name__ == "__main__":
    for name, ours, baseline in run():
        per_value = ours / LENGTH * 1e9
        print(
            f"{name:30s} {ours * 1e6:6.2f} us ({per_value:4.2f} ns a value) / {baseline * 1e6:6.2f} us"
            f" = {ours / baseline:.2f}"
        )
