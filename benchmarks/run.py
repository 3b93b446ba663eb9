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

import numba as nb
import numpy as np

import baseline
import chain
import draws
import tutelage as tl
from tutelage.kernels.elementary import asin
from tutelage.online.kernels.model import SIGNATURE, VELOCITY

Row = tuple[str, float, float]


@nb.njit(nb.void(nb.int64, VELOCITY, *SIGNATURE.args))
def repeat(times, kernel, y, model, student, teacher, C, a, work, dy):  # type: ignore[no-untyped-def]
    for _ in range(times):
        kernel(y, model, student, teacher, C, a, work, dy)


@nb.njit
def arcsines(times: int, x: np.ndarray, out: np.ndarray) -> None:
    for _ in range(times):
        for i in range(len(x)):
            out[i] = asin(x[i])


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


def _velocity(
    students: int, teachers: int, activation: str = "erf", calls: int = 1000, terms: str = "full"
) -> Callable[[], None]:
    """Return a call that evaluates a compiled right-hand side `calls` times, from compiled code."""
    from tutelage.online.integration import quadrature_step
    from tutelage.online.kernels.model import workspace
    from tutelage.online.vector import compiled_velocity, constants, start_vector, units

    state = tl.Overlaps.random(students, teachers, 784, seed=0)
    rule = tl.OnlineSGD(activation, lr=0.5, noise=0.1, terms=terms)
    y, P = start_vector(state), students + teachers
    buffers = np.empty((P, P)), np.empty(P), np.empty((workspace(P), P)), np.empty_like(y)
    arguments = (y, constants(rule, state, quadrature_step(rule, state, 1e-7)), *units(rule), *buffers)
    kernel = compiled_velocity(rule)
    return lambda: repeat(calls, kernel, *arguments)


def velocity() -> Row:
    """One right-hand side at K = 4, M = 2, against the same in vectorised NumPy."""
    from tutelage.online.vector import start_vector

    state = tl.Overlaps.random(4, 2, 784, seed=0)
    y = start_vector(state)
    rest = {"activation": "erf", "lr": 0.5, "lr_readout": 0.0, "noise": 0.1, "decay": 0.0, "batch": 1, "train": "first"}

    def theirs() -> None:
        for _ in range(100):
            baseline.velocity(y, 4, 2, state.T, state.v_star, **rest)

    ours = _velocity(4, 2)
    ours()
    a, b = alternate(ours, theirs)
    return "right-hand side, erf, K=4, M=2, against vectorised NumPy", a / 1000, b / 100


def large_velocity() -> Row:
    """One right-hand side at K = 16, M = 8, against its arcsines alone: a ratio below one."""
    count = 136 * 300  # pairs of students, times pairs of fields
    x, out = np.random.default_rng(0).uniform(-1, 1, count), np.empty(count)
    ours = _velocity(16, 8, calls=50)
    ours()
    arcsines(1, x, out)
    a, b = alternate(ours, lambda: arcsines(50, x, out))
    return "right-hand side, erf, K=16, M=8, against its arcsines alone", a / 50, b / 50


def general_velocity() -> Row:
    """One right-hand side of tanh units by quadrature, against the closed form of erf units."""
    ours, theirs = _velocity(3, 2, "tanh", calls=20), _velocity(3, 2)
    ours()
    theirs()
    a, b = alternate(ours, theirs)
    return "right-hand side, K=3, M=2, tanh by quadrature to 1e-7, against erf", a / 20, b / 1000


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
    rows = [ode(), velocity(), large_velocity(), general_velocity(), sgd_step(), *chain.run(), *draws.run()]
    for name, ours, theirs in rows:
        print(f"{name:78}{ours * 1e6:9.3f} us{theirs * 1e6:9.3f} us{theirs / ours:8.1f}")
    for name, seconds in processes():
        print(f"{name:78}{seconds:8.2f} s CPU")


if __name__ == "__main__":
    main()
