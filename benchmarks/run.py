"""Speed, as ratios against named baselines within one run: ``make bench``.

Each comparison alternates between both sides and takes the median, so that a machine whose speed drifts does not
favour one of them.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import baseline
import draws
import tutelage as tl

Row = tuple[str, float, float]


def alternate(ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """Return the median seconds of both, run in turn."""
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(rounds):
        for kept, function in zip(seconds, (ours, theirs), strict=True):
            begin = time.perf_counter()
            function()
            kept.append(time.perf_counter() - begin)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def ode() -> Row:
    """The whole solve at K = M = 4 to alpha = 500 at rtol 1e-8, against SciPy's DOP853 and vectorised NumPy."""
    state, rule = tl.Overlaps.random(4, 4, 784, seed=0), tl.OnlineSGD("erf", lr=0.5, noise=0.1)
    arguments = {"activation": "erf", "lr": 0.5, "lr_readout": 0.0, "noise": 0.1, "decay": 0.0, "batch": 1}
    parts = state.Q, state.R, state.T, state.v, state.v_star
    times = np.geomspace(0.1, 500, 50)
    tl.solve(rule, state, times)
    ours, theirs = alternate(
        lambda: tl.solve(rule, state, times, rtol=1e-8, atol=1e-10),
        lambda: baseline.trajectory(*parts, times, rtol=1e-8, atol=1e-10, train="first", **arguments),
        rounds=3,
    )
    return "ODE, K=M=4, alpha=500, against SciPy DOP853 with vectorised NumPy", ours, theirs


def velocity() -> Row:
    """One right-hand side at K = 4, M = 2, against the same in vectorised NumPy."""
    from tutelage.online.kernels.model import workspace
    from tutelage.online.vector import compiled_velocity, constants, start_vector, units

    state, rule = tl.Overlaps.random(4, 2, 784, seed=0), tl.OnlineSGD("erf", lr=0.5, noise=0.1)
    y, model, P = start_vector(state), constants(rule, state), 6
    buffers = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P)), np.empty_like(y)
    kernel, both = compiled_velocity(rule), units(rule)
    rest = {"activation": "erf", "lr": 0.5, "lr_readout": 0.0, "noise": 0.1, "decay": 0.0, "batch": 1, "train": "first"}

    def ours() -> None:
        for _ in range(1000):
            kernel(y, model, *both, *buffers)

    def theirs() -> None:
        for _ in range(1000):
            baseline.velocity(y, 4, 2, state.T, state.v_star, **rest)

    ours()
    a, b = alternate(ours, theirs)
    return "right-hand side, K=4, M=2 (called from Python), against vectorised NumPy", a / 1000, b / 1000


def sgd_step(steps: int = 20_000) -> Row:
    """A whole step at N = 784, K = 4, M = 2, against drawing its 784 normals with NumPy's generator."""
    from tutelage.kernels.draws import new_state
    from tutelage.online.kernels.descent import descend

    rng, N = np.random.default_rng(0), 784
    W, W_star, v, v_star = rng.standard_normal((4, N)), rng.standard_normal((2, N)), np.ones(4), np.ones(2)
    rule, generator = tl.OnlineSGD("erf", lr=0.5, noise=0.1, train="both"), new_state(0, (0,))
    rates, unit = np.array(rule.rates), rule.student.unit
    rows, order = np.empty((0, N)), np.empty(0, np.int64)

    def ours() -> None:
        descend(W, W_star, v, v_star, rates, *unit, *unit, steps, generator, rows, order)

    def theirs() -> None:
        for _ in range(steps):
            rng.standard_normal(N)

    ours()
    a, b = alternate(ours, theirs)
    return "SGD step, N=784, K=4, M=2, against NumPy drawing its 784 normals", a / steps, b / steps


def cpu(*command: str) -> float:
    """Return the CPU seconds of a command, at best of three."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)


def processes() -> list[tuple[str, float]]:
    """CPU seconds of whole processes, with compiled code in the cache."""
    with tempfile.TemporaryDirectory() as folder:
        problem = str(Path(folder) / "problem.toml")
        Path(problem).write_text(
            "[student]\nunits = 2\n[teacher]\nunits = 2\n"
            "[time]\nalpha_max = 5.0\n[simulation]\ndim = 100\nreplicas = 4\n"
        )
        run = (sys.executable, "-m", "tutelage", "run", problem, "-o", folder)
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        return [
            ("import tutelage", cpu(sys.executable, "-c", "import tutelage")),
            ("tutelage --help", cpu(sys.executable, "-m", "tutelage", "--help")),
            ("tutelage run, a small problem, second time", cpu(*run)),
        ]


def main() -> None:
    """Print all rows."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'':78}{'ours':>12}{'baseline':>12}{'ratio':>8}")
    for name, ours, theirs in [ode(), velocity(), sgd_step(), *draws.run()]:
        print(f"{name:78}{ours * 1e6:9.2f} us{theirs * 1e6:9.2f} us{theirs / ours:8.1f}")
    for name, seconds in processes():
        print(f"{name:78}{seconds:8.2f} s CPU")


if __name__ == "__main__":
    main()
