"""The runs behind the experiment on images: one task, then another, for every replica and similarity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tutelage.activations import Activation
from tutelage.continual.mixing import Sources, Task, mixture
from tutelage.continual.two_heads import NAMES, Hold, Learner, Weights, drawn, fisher, measures
from tutelage.errors import DivergenceError
from tutelage.online.runs import BOUND, Alone, Run, run_all

__all__ = ["Experiment"]


@dataclass(eq=False)
class Experiment:
    """The runs of all replicas, and what they left; NaN where they have not been."""

    origin: Sources
    activation: Activation
    arguments: dict[str, Any]
    loss: np.ndarray = field(init=False)
    accuracy: np.ndarray = field(init=False)
    importance: np.ndarray = field(init=False)
    best: np.ndarray = field(init=False)
    done: float = 0.0

    def __post_init__(self) -> None:
        self.values, self.replicas = self.arguments["similarity"], self.arguments["replicas"]
        self.first, self.second = self.arguments["epochs"]
        shape = (len(self.values), self.replicas, self.first + self.second + 1, 2)
        self.loss, self.accuracy = np.full(shape, np.nan), np.full(shape, np.nan)
        self.importance = np.full((*shape, self.arguments["hidden"]), np.nan)
        self.best = np.full(self.replicas, np.nan)
        self.total = float(self.origin.train.shape[1] * self.replicas * (self.first + len(self.values) * self.second))

    def go(self, report: Callable[[float], None]) -> BaseException | None:
        """Train on the first task, then on the second of each similarity; return what ended it before its time."""
        task = self._task(1.0)
        past, failure = self._learn(0, task, self._starts(), [None] * self.replicas, "the first task", report)
        for index in range(self.replicas):
            self._note(slice(None), index, 0, 0, task, past[index])
        if failure is not None:
            return failure
        starts = [self._restored(index, past[index]) for index in range(self.replicas)]
        holds = [self._hold(task, start) for start in starts]
        for at, value in enumerate(self.values):
            other = self._task(value)
            for index in range(self.replicas):
                self._note(at, index, 0, 1, other, past[index])
            where = f"the second task at similarity {value:g}"
            then, failure = self._learn(1, other, starts, holds, where, report)
            for index in range(self.replicas):
                self._note(at, index, self.first, 0, task, then[index])
                self._note(at, index, self.first, 1, other, then[index])
            if failure is not None:
                return failure
        return None

    def _task(self, similarity: float) -> Task:
        return mixture(self.origin, similarity, self.arguments["whitening"], self.arguments["whiten_on"])

    def _starts(self) -> list[Weights]:
        hidden, biases, seed = (self.arguments[name] for name in ("hidden", "biases", "seed"))
        return [drawn(hidden, self.origin.train.shape[2], biases, seed, index) for index in range(self.replicas)]

    def _restored(self, index: int, past: Weights) -> Weights:
        """Return the weights that the second task begins with."""
        losses = self.loss[0, index, : self.first + 1, 0]
        self.best[index] = np.argmin(losses) if self.arguments["early_stopping"] else self.first
        return past[int(self.best[index])]

    def _hold(self, task: Task, weights: Weights) -> Hold | None:
        strength, kind = self.arguments["strength"], self.arguments["importance"]
        if strength == 0:
            return None
        return Hold(strength, *fisher(self.activation, weights, 0, task.train, task.train_labels, kind), weights)

    def _learn(
        self,
        number: int,
        task: Task,
        starts: list[Weights],
        holds: list[Hold | None],
        where: str,
        report: Callable[[float], None],
    ) -> tuple[list[Weights], BaseException | None]:
        """Return the weights of each replica after each epoch of a task (epochs + 1, ...), and what ended it early."""
        lr, biases, seed = (self.arguments[name] for name in ("lr", "biases", "seed"))
        images, lasting, before = len(task.train), (self.first, self.second)[number], number * self.first
        rows, targets, runs = (task.train, task.train_labels), images * np.arange(lasting + 1), []
        for index, (start, hold) in enumerate(zip(starts, holds, strict=True)):
            order = seed, index, before * images
            learner = Learner(start, self.activation, number, *rows, lr, biases, *order, hold)
            runs.append(Run(range(index, index + 1), targets, Alone(learner), BOUND * max(1.0, learner.size())))
        failure = run_all(runs, lambda steps: report(self.done + steps), None, announce=False)
        self.done += float(images * lasting * len(runs))
        if isinstance(failure, DivergenceError):
            failure = DivergenceError(
                f"The network diverges in epoch {int(failure.alpha) + 1} of {where} (values beyond every bound); a "
                "smaller lr or strength may help. The results before that are in this error's `dataset`.",
                before + failure.alpha,
            )
        return [Weights(*(run.records[name][0] for name in NAMES)) for run in runs], failure

    def _note(self, at: Any, index: int, begin: int, number: int, task: Task, past: Weights) -> None:
        """Measure weights (epochs, ...) on the test images of a task, from epoch `begin` on."""
        for epoch in range(len(past.b)):
            here = self.activation, past[epoch], number, task.test, task.test_labels
            where = at, index, begin + epoch, number
            self.loss[where], self.accuracy[where], self.importance[where] = measures(*here)
