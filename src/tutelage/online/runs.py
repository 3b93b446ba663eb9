"""The replicas of a weight-space simulation: each a run of its own, several at a time, interruptible."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from tutelage.errors import DivergenceError
from tutelage.networks import Network
from tutelage.online.integration import BOUND
from tutelage.online.rule import OnlineSGD
from tutelage.online.sources import Source
from tutelage.overlaps import Overlaps

__all__ = ["Run", "run_all"]

SLICE = 0.05  # seconds of compiled work between two looks at the keyboard
LOOK = 0.1  # seconds between two reports of progress

Descent = Callable[[int, np.ndarray, np.ndarray], None]


class Saver(Protocol):
    """What keeps a run while it is under way, every `interval` seconds."""

    interval: float

    def write(self, runs: list[Run]) -> None:
        """Keep the present state of all replicas."""


@dataclass(eq=False)
class Run:
    """One replica on its way: weights, random numbers, and what has been recorded at the asked steps."""

    index: int
    targets: np.ndarray  # steps at which to record
    W: np.ndarray  # (K, N)
    W_star: np.ndarray  # (M, N)
    v: np.ndarray  # (K,)
    generator: np.ndarray
    steps: int
    recorded: int  # how many targets have been passed
    Q: np.ndarray  # (times, K, K), NaN where not recorded; R, v and error alike
    R: np.ndarray
    v_record: np.ndarray
    error: np.ndarray
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def begin(
        cls, index: int, targets: np.ndarray, W: np.ndarray, W_star: np.ndarray, state: Overlaps, seed: int
    ) -> Run:
        """Return replica `index` at alpha = 0."""
        from tutelage.kernels.draws import new_state

        K, M, times = state.students, state.teachers, len(targets)
        Q, R, v, error = (np.full((times, *shape), np.nan) for shape in ((K, K), (K, M), (K,), ()))
        W, W_star = np.ascontiguousarray(W), np.ascontiguousarray(W_star)
        return cls(index, targets, W, W_star, state.v.copy(), new_state(seed, (index,)), 0, 0, Q, R, v, error)

    @property
    def alpha(self) -> float:
        """Time reached."""
        return self.steps / self.W.shape[1]

    @property
    def size(self) -> float:
        """The largest order parameter, NaN or infinite if they overflow."""
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.einsum("kn,kn->k", self.W, self.W) / self.W.shape[1]
            return float(np.maximum(lengths.max(), np.abs(self.v).max()))

    def snapshot(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return copies of the named arrays, `steps` and `recorded`, all of one moment."""
        with self.lock:
            copies: dict[str, Any] = {name: getattr(self, name).copy() for name in names}
            return copies | {"steps": self.steps, "recorded": self.recorded}

    def record(self, rule: OnlineSGD, v_star: np.ndarray, held_out: np.ndarray | None) -> None:
        """Record the state at every target that equals the present step."""
        while self.recorded < len(self.targets) and self.targets[self.recorded] == self.steps:
            here, t = Overlaps.from_weights(self.W, self.W_star, self.v, v_star), self.recorded
            self.Q[t], self.R[t], self.v_record[t] = here.Q, here.R, here.v
            if held_out is None:
                self.error[t] = here.generalisation_error(rule.student, rule.teacher)
            else:
                student = Network(self.W, self.v, rule.student)(held_out)
                teacher = Network(self.W_star, v_star, rule.teacher)(held_out)
                self.error[t] = np.mean((student - teacher) ** 2) / 2
            self.recorded += 1


def run_all(
    rule: OnlineSGD,
    state: Overlaps,
    origin: Source,
    runs: list[Run],
    seed: int,
    report: Callable[[float], None],
    file: Saver | None,
) -> BaseException | None:
    """Run all replicas to their last target, as many at a time as there are cores.

    Returns
    -------
    exception or None
        A DivergenceError, a KeyboardInterrupt, or None. Other errors are raised.
    """
    stop = threading.Event()
    workers = max(1, min(len(runs), os.cpu_count() or 1))
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(_run, run, rule, state, origin, seed, stop) for run in runs]
        try:
            saved = time.monotonic()
            while not all(job.done() for job in jobs) and not any(job.done() and job.exception() for job in jobs):
                time.sleep(min(LOOK, 0.002 * (1 + sum(run.steps for run in runs[:1]))))
                report(float(sum(run.steps for run in runs)))
                if file is not None and time.monotonic() - saved > file.interval:
                    file.write(runs)
                    saved = time.monotonic()
        except KeyboardInterrupt as interrupt:
            return interrupt
        finally:
            stop.set()
    for error in (job.exception() for job in jobs):
        if isinstance(error, DivergenceError):
            return error
        if error is not None:
            raise error
    return None


def _run(run: Run, rule: OnlineSGD, state: Overlaps, origin: Source, seed: int, stop: threading.Event) -> None:
    """Take one replica from target to target until it is done, `stop` is set or it diverges."""
    examples = origin.examples(seed, run.index, run.steps * rule.batch)
    descend = _compiled_descent(run, rule, state) or _plain_descent(run, rule, state)
    bound = BOUND * max(1.0, np.abs(state.covariance).max(), np.abs(state.v).max())
    pace = 1
    run.record(rule, state.v_star, origin.held_out)
    while run.recorded < len(run.targets) and not stop.is_set():
        count = int(min(pace, run.targets[run.recorded] - run.steps))
        begin = time.perf_counter()
        rows, order = examples(count * rule.batch)
        with run.lock, np.errstate(over="ignore", invalid="ignore"):
            last = run.alpha
            descend(count, rows, order)
            run.steps += count
            if not run.size <= bound:
                raise DivergenceError(
                    f"Replica {run.index} diverges between alpha = {last:.6g} and {run.alpha:.6g} (values beyond every "
                    "bound); a smaller lr may help. The results before that are in this error's `dataset`.",
                    last,
                )
            run.record(rule, state.v_star, origin.held_out)
        pace = max(1, min(4 * pace, int(count * SLICE / max(time.perf_counter() - begin, 1e-9))))


def _compiled_descent(run: Run, rule: OnlineSGD, state: Overlaps) -> Descent | None:
    """Return the compiled steps of one replica, or None for activations without."""
    from tutelage.kernels.orthant import CODES

    if not {rule.student.name, rule.teacher.name} <= set(CODES):
        return None
    from tutelage.online.kernels.descent import descend

    codes, v_star = (CODES[rule.student.name], CODES[rule.teacher.name]), np.array(state.v_star)

    def steps(count: int, rows: np.ndarray, order: np.ndarray) -> None:
        descend(run.W, run.W_star, run.v, v_star, rule.rates, *codes, count, run.generator, rows, order)

    return steps


def _plain_descent(run: Run, rule: OnlineSGD, state: Overlaps) -> Descent:
    """Return the steps of one replica as the rule states them, with the random numbers of the compiled ones."""
    from tutelage.kernels.draws import fill_normal

    rule = replace(rule, activation=rule.student, teacher_activation=rule.teacher)  # looked up once, not in each step
    r, N, batch = rule.rates, run.W.shape[1], rule.batch
    weights = np.concatenate([run.W, run.W_star])

    def steps(count: int, rows: np.ndarray, order: np.ndarray) -> None:
        numbers = np.zeros(2 if len(rows) else (N + 2) // 2 * 2)
        for step in range(count):
            x, zeta = np.empty((batch, N)), np.empty(batch)
            for b in range(batch):
                if not len(rows) or rule.noise > 0:
                    fill_normal(run.generator, numbers)
                x[b] = rows[order[step * batch + b]] if len(rows) else numbers[:N]
                zeta[b] = numbers[-1]
            weights[: len(run.W)] = run.W
            c, dv = rule.increments(x @ weights.T / np.sqrt(N), rule.noise * zeta, run.v, state.v_star)
            run.W *= 1 - r.decay / N
            run.W += c.T @ x / (batch * np.sqrt(N))
            run.v *= 1 - r.decay_readout / N
            run.v += dv.mean(0) / N

    return steps
