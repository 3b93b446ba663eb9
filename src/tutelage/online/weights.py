"""The weights view: the rule applied to real weight vectors, on Gaussian inputs or on any the user hands over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import check_array, refuse
from tutelage.networks import Network, realise
from tutelage.online.rule import OnlineSGD
from tutelage.online.sources import Source
from tutelage.overlaps import Overlaps

__all__ = ["Weights", "starts"]

Descent = Callable[[int, np.ndarray, np.ndarray], None]


class Weights:
    """One replica as real weight vectors (an engine, see :mod:`tutelage.online.runs`).

    Parameters
    ----------
    rule : OnlineSGD
    state : Overlaps
        At alpha = 0, for its readouts.
    W, W_star : arrays, shape (K, N), (M, N)
        Weights at alpha = 0; W is overwritten.
    origin : Source
        Where inputs come from.
    seed, index : int
        Of the random numbers.
    """

    def __init__(
        self, rule: OnlineSGD, state: Overlaps, W: np.ndarray, W_star: np.ndarray, origin: Source, seed: int, index: int
    ) -> None:
        from tutelage.kernels.draws import new_state

        self._rule, self._v_star, self._origin = rule, np.array(state.v_star), origin
        self._seed, self._index = seed, index
        self._examples: Any = None
        self._descend: Any = None
        self.moving = {
            "W": np.ascontiguousarray(W),
            "W_star": np.ascontiguousarray(W_star),
            "v": np.array(state.v),
            "generator": new_state(seed, (index,)),
        }

    def advance(self, first: int, count: int) -> None:
        """Make `count` steps from step `first` on."""
        batch = self._rule.batch
        if self._examples is None:
            self._examples = self._origin.examples(self._seed, self._index, first * batch)
            self._descend = _compiled_descent(self) or _plain_descent(self)
        self._descend(count, *self._examples(count * batch))

    def alpha(self, steps: int) -> float:
        """Return the time after `steps` steps."""
        return steps / self._origin.dim

    def size(self) -> float:
        """Return the largest squared length or readout."""
        W = self.moving["W"]
        lengths = np.einsum("kn,kn->k", W, W) / W.shape[1]
        return float(np.maximum(lengths.max(), np.abs(self.moving["v"]).max()))

    def observe(self) -> dict[str, np.ndarray]:
        """Return overlaps, readout and generalisation error, the latter on the held-out inputs if there are any."""
        W, W_star, v = (self.moving[name] for name in ("W", "W_star", "v"))
        here, held_out = Overlaps.from_weights(W, W_star, v, self._v_star), self._origin.held_out
        student, teacher = self._rule.student, self._rule.teacher
        if held_out is None:
            error = here.generalisation_error(student, teacher)
        else:
            gap = Network(W, v, student)(held_out) - Network(W_star, self._v_star, teacher)(held_out)
            error = float(np.mean(gap**2)) / 2
        return {"Q": here.Q, "R": here.R, "v": np.array(v), "eg": np.array(error)}


def _compiled_descent(engine: Weights) -> Descent | None:
    """Return the compiled steps of one replica, or None for activations that cannot be compiled."""
    rule, v_star = engine._rule, engine._v_star
    if rule.student.unit is None or rule.teacher.unit is None:
        return None
    from tutelage.online.kernels.descent import descend

    W, W_star, v, generator = engine.moving.values()
    units, rates = (*rule.student.unit, *rule.teacher.unit), np.array(rule.rates)

    def steps(count: int, rows: np.ndarray, order: np.ndarray) -> None:
        descend(W, W_star, v, v_star, rates, *units, count, generator, rows, order)

    return steps


def _plain_descent(engine: Weights) -> Descent:
    """Return the steps of one replica as the rule states them, with the random numbers of the compiled ones."""
    from tutelage.kernels.draws import fill_normal

    W, W_star, v, generator = engine.moving.values()
    rule = engine._rule.resolved  # activations looked up once, not in each step
    r, N, batch, v_star = rule.rates, W.shape[1], rule.batch, engine._v_star
    weights = np.concatenate([W, W_star])

    def steps(count: int, rows: np.ndarray, order: np.ndarray) -> None:
        numbers = np.zeros(2 if len(rows) else (N + 2) // 2 * 2)
        for step in range(count):
            x, zeta = np.empty((batch, N)), np.empty(batch)
            for b in range(batch):
                if not len(rows) or rule.noise > 0:
                    fill_normal(generator, numbers)
                x[b] = rows[order[step * batch + b]] if len(rows) else numbers[:N]
                zeta[b] = numbers[-1]
            weights[: len(W)] = W
            c, dv = rule.increments(x @ weights.T / np.sqrt(N), rule.noise * zeta, v, v_star)
            W[...] += c.T @ x / (batch * np.sqrt(N)) - r.decay / N * W
            if r.sphere:
                W[...] *= np.sqrt(N / np.einsum("kn,kn->k", W, W))[:, None]
            v[...] += dv.mean(0) / N - r.decay_readout / N * v

    return steps


def starts(
    state: Overlaps, weights: tuple[ArrayLike, ArrayLike] | None, dim: int, seed: int
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Return the function that gives replica i its weights W (K, N) and W_star (M, N)."""
    if weights is None:
        return lambda i: realise(state, dim, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i, 1))))
    if not isinstance(weights, (tuple, list)) or len(weights) != 2:
        raise refuse("weights", "be a pair (W, W_star)", f"is {type(weights).__name__}")
    W = check_array("weights[0]", weights[0], (state.students, dim))
    W_star = check_array("weights[1]", weights[1], (state.teachers, dim))
    gap = np.abs(Overlaps.from_weights(W, W_star).covariance - state.covariance).max()
    if gap > 1e-8 * max(np.abs(state.covariance).max(), 1e-300):
        raise refuse(
            "weights",
            "have the overlaps of `state` (build it with Overlaps.from_weights)",
            f"their overlaps differ from it by up to {gap:.3g}",
        )
    return lambda _: (W.copy(), W_star.copy())
