r"""The linearised flow of the order parameters: independent coordinates, and derivatives of the velocity in them.

With y = (R, Q, v) and :math:`\dot y = f(y)` the equations of :mod:`tutelage.online.equations`, coordinates z are the
independent numbers among those that the rule moves, and

.. math:: y = y_0 + E z, \qquad \dot z = F(z) = E^+ f(y_0 + E z), \qquad J = \partial F / \partial z .
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tutelage.activations import Activation, polynomial
from tutelage.errors import check_type
from tutelage.online.equations import right_hand_side
from tutelage.online.integration import FINE, check_compiled, quadrature_step, refined
from tutelage.online.rule import OnlineSGD
from tutelage.online.vector import compiled_velocity, constants, start_vector, units, way
from tutelage.overlaps import Overlaps

__all__ = ["Coordinates", "Direction", "jacobian"]

STEP = 1e-30  # of the complex step: its square is nothing, so that no digits cancel
OFFSETS = np.array([-3, -2, -1, 1, 2, 3])  # f at these multiples of h, with these weights, is h f' + O(h^7)
WEIGHTS = np.array([-1, 9, -45, 45, -9, 1]) / 60
REACH = 1 / 50  # step of the differences, of the distance at which the averages may be singular
WIDEST = 1e-2  # the largest step of the differences, of max(1, |z|)
INSIDE = 1e-8  # of the largest entry: how far inside the positive covariances averages are differentiated (on_edge)


class Direction(NamedTuple):
    """A direction in the space of order parameters: Q (K, K), R (K, M), v (K,)."""

    Q: np.ndarray
    R: np.ndarray
    v: np.ndarray


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Independent coordinates of the order parameters that a rule moves.

    Attributes
    ----------
    rule, origin : OnlineSGD, Overlaps
        Which flow, and the state that holds what does not move: T, v_star, and layers that are not trained.
    embedding : array, shape (K M + K K + K, n)
        E above, of zeros and ones; a column for each coordinate.
    """

    rule: OnlineSGD
    origin: Overlaps
    embedding: np.ndarray

    @classmethod
    def of(cls, rule: OnlineSGD, state: Overlaps) -> Coordinates:
        """Return all coordinates: R row by row, the upper triangle of Q row by row, v, but for what cannot move.

        That is an untrained layer, and the diagonal of Q where lengths are kept.

        Examples
        --------
        >>> Coordinates.of(OnlineSGD(), Overlaps([[4.0]], [[3.0]], [[5.0]])).read()
        array([3., 4.])
        """
        K, M = state.students, state.teachers
        kept, lengths = int(rule.constraint is not None), K * M
        first = [{i * M + n} for i in range(K) for n in range(M)]
        first += [{lengths + i * K + k, lengths + k * K + i} for i in range(K) for k in range(i + kept, K)]
        return cls._moving(rule, state, first, [{K * M + K * K + i} for i in range(K)])

    @classmethod
    def symmetric(cls, rule: OnlineSGD, state: Overlaps) -> Coordinates:
        """Return those of states that permuting students, and teachers, does not change: R, Q_ii, Q_ik, v.

        Q_ik is left out for K = 1, Q_ii where lengths are kept.
        """
        K, M = state.students, state.teachers
        square = np.arange(K * M, K * M + K * K).reshape(K, K)
        diagonal = set(np.diagonal(square).tolist())
        first = [set(range(K * M)), diagonal, set(square.ravel().tolist()) - diagonal][: 2 + (K > 1)]
        del first[1 : 1 + (rule.constraint is not None)]
        return cls._moving(rule, state, first, [set(range(K * M + K * K, K * M + K * K + K))])

    @classmethod
    def _moving(cls, rule: OnlineSGD, state: Overlaps, first: list[set[int]], readout: list[set[int]]) -> Coordinates:
        """Return coordinates each of which stands at several places of y."""
        check_compiled(rule)
        rule.check_start(state)
        places = first * (rule.train != "readout") + readout * (rule.train != "first")
        embedding = np.zeros((len(start_vector(state)), len(places)))
        for column, rows in enumerate(places):
            embedding[list(rows), column] = 1.0
        return cls(rule, state, embedding)

    def read(self, state: Overlaps | None = None) -> np.ndarray:
        """Return the coordinates of `state`, by default the origin; shape (n,)."""
        return self.shrink(start_vector(self.origin if state is None else state))

    def state(self, z: np.ndarray) -> Overlaps:
        """Return the state at `z`, unchecked; complex if z is."""
        return self._unpack(self._vector(z))

    def direction(self, dz: np.ndarray) -> Direction:
        """Return a direction in coordinates as one of the order parameters."""
        state = self._unpack(self.embedding @ dz)
        return Direction(state.Q, state.R, state.v)

    def velocity(self, z: np.ndarray) -> np.ndarray:
        """Return F(z), shape (n,)."""
        return self.shrink(self._flow(self._vector(z)[None])[0])

    @property
    def analytic(self) -> bool:
        """Whether the velocity has a closed form that takes complex states."""
        polynomials = self.rule.student.coefficients is not None and self.rule.teacher.coefficients is not None
        return way(self.rule) == "erf" or polynomials

    @cached_property
    def _flow(self) -> Callable[[np.ndarray], np.ndarray]:
        """The velocities of many vectors y, shape (states, size)."""
        rule, origin = self.rule, self.origin
        from tutelage.online.kernels.many import velocities

        velocity, both = compiled_velocity(rule), units(rule)
        resolved = constants(rule, origin, quadrature_step(rule, origin, FINE)), origin

        def many(states: np.ndarray) -> np.ndarray:
            nonlocal resolved
            if resolved[0].step:
                resolved = refined(rule, origin, states[0], resolved[1], resolved[0], FINE)
            out = np.empty_like(states)
            velocities(velocity, np.ascontiguousarray(states), resolved[0], *both, origin.students, out)
            return out

        return many

    @cached_property
    def _fixed(self) -> np.ndarray:
        """What of y does not move."""
        y = start_vector(self.origin)
        return np.where(self.embedding.any(1), 0.0, y)

    def _vector(self, z: np.ndarray) -> np.ndarray:
        return self._fixed + self.embedding @ z

    def shrink(self, y: np.ndarray) -> np.ndarray:
        """Return the coordinates of a vector y = (R, Q, v), or of a stack: means over the places of each."""
        return y @ self.embedding / self.embedding.sum(0)

    def _unpack(self, y: np.ndarray) -> Overlaps:
        K, M = self.origin.students, self.origin.teachers
        R, Q, v = np.split(y, [K * M, K * M + K * K])
        return Overlaps.unchecked(Q.reshape(K, K), R.reshape(K, M), self.origin.T, v, self.origin.v_star)

    def complex_step(self, z: np.ndarray) -> np.ndarray:
        """Return J at z by complex steps through the closed forms: exact up to rounding; shape (n, n)."""
        rule = replace(self.rule, activation=_entire(self.rule.student), teacher_activation=_entire(self.rule.teacher))
        columns = []
        for step in np.eye(len(z)) * 1j * STEP:
            change = right_hand_side(rule, self.state(z + step))
            columns.append(self.shrink(np.concatenate([change.R.ravel(), change.Q.ravel(), change.v]).imag) / STEP)
        return np.array(columns).reshape(len(z), len(z)).T

    def differences(self, z: np.ndarray) -> np.ndarray:
        """Return J at z by central differences of order 6 of the compiled velocity; shape (n, n)."""
        steps = self._steps(z)
        z = z + INSIDE * self._inward(z) if self.on_edge(z) else z
        places = z + OFFSETS[:, None, None] * np.diag(steps)  # (6, n, n)
        states = self._fixed + places.reshape(-1, len(z)) @ self.embedding.T
        changes = self.shrink(self._flow(states)).reshape(places.shape)
        return np.einsum("o,oab->ba", WEIGHTS, changes) / steps

    def on_edge(self, z: np.ndarray) -> bool:
        """Whether z is at a singular covariance, beyond which the compiled velocity is not the analytic one.

        Averages of kinked functions are not smooth there, and quadrature has no fields of negative variance.
        """
        values = np.linalg.eigvalsh(self.state(z).covariance)
        rough = bool(self.rule.student.kinks or self.rule.teacher.kinks) or way(self.rule) == "general"
        return rough and not self.analytic and values[0] < INSIDE * values[-1]

    def _steps(self, z: np.ndarray) -> np.ndarray:
        """Return a step for each coordinate, small against the distance of the next singularity of the averages.

        For erf that is where 1 + C stops to be positive, else where C does; for polynomials there is none.
        """
        widest = WIDEST * np.maximum(1.0, np.abs(z))
        C, erf = self.state(z).covariance, way(self.rule) == "erf"
        if self.analytic and not erf:
            return widest
        values, vectors = np.linalg.eigh(C + np.eye(len(C)) * erf)
        whiten = vectors / np.sqrt(np.maximum(values, INSIDE * values[-1]))
        moves = np.stack([self._tangent(column) for column in self.embedding.T])
        fastest = np.abs(np.linalg.eigvalsh(whiten.T @ moves @ whiten)).max(-1)
        return np.minimum(widest, REACH / np.maximum(fastest, 1e-300))

    def _tangent(self, column: np.ndarray) -> np.ndarray:
        """Return what one coordinate changes in the covariance."""
        change, M = self._unpack(column), self.origin.teachers
        return np.block([[change.Q, change.R], [change.R.T, np.zeros((M, M))]])

    def _inward(self, z: np.ndarray) -> np.ndarray:
        """Return the direction of growing Q_ii, or of all else shrinking, of the size of the largest eigenvalue."""
        K, M = self.origin.students, self.origin.teachers
        largest = np.linalg.eigvalsh(self.state(z).covariance)[-1]
        if self.rule.constraint is not None:
            R, Q, v = np.split(self._vector(z), [K * M, K * M + K * K])
            return -largest * self.shrink(np.concatenate([R, Q, np.zeros_like(v)]))
        return self.shrink(np.concatenate([np.zeros(K * M), largest * np.eye(K).ravel(), np.zeros(K)]))

    def fast(self, z: np.ndarray) -> np.ndarray:
        """Return J at z, as good as Newton's method needs it and as fast as there is."""
        polynomials = self.analytic and way(self.rule) not in ("erf", "linear", "square")
        return self.complex_step(z) if polynomials else self.differences(z)

    def exact(self, z: np.ndarray) -> np.ndarray:
        """Return J at z, as good as there is."""
        return self.complex_step(z) if self.analytic else self.differences(z)


def _entire(unit: Activation) -> Activation:
    """Return `unit` by way of polynomials if it is linear: these take complex covariances."""
    return polynomial([0.0, 1.0]) if unit.kind == "linear" else unit


def jacobian(rule: OnlineSGD, state: Overlaps) -> np.ndarray:
    r"""Return the Jacobian of the velocity of the order parameters at any state.

    .. math:: J_{ab} = \partial \dot z_a / \partial z_b

    in the independent coordinates z = (R row by row, the upper triangle of Q row by row, v): only those that `rule`
    moves, so that ``train="first"`` has no v and ``train="readout"`` nothing else. Time is alpha = steps/N.

    Parameters
    ----------
    rule : OnlineSGD
        With any activation that has an ODE.
    state : Overlaps
        Stationary or not.

    Returns
    -------
    array, shape (n, n)
        n = K M + K (K + 1)/2, plus K with both layers trained.

    Raises
    ------
    ArgumentError
        For a `rule` or `state` of another type.

    Notes
    -----
    Erf students of erf teachers, linear units and polynomials: complex steps through the closed forms, with an error of
    rounding, 1e-14 of the largest entry. Everything else: central differences of order 6 of the compiled velocity, with
    steps small against the distance d to the nearest singular covariance; the error is 1e-9 of the largest entry plus
    the velocity's own error (1e-13 for ReLU) times 50/d. ReLU averages are smooth only inside the positive definite
    covariances; at a singular one the derivatives are those at a state 1e-8 inside, good to three digits.

    Derived here; the equations are in Saad & Solla, Phys. Rev. E 52, 4225 (1995).

    Examples
    --------
    One linear unit on its teacher: the error decays as exp(-alpha (2 lr - lr^2)).

    >>> perfect = Overlaps([[1.0]], [[1.0]], [[1.0]])
    >>> np.sort(np.linalg.eigvals(jacobian(OnlineSGD("linear", lr=0.5), perfect))).round(12)
    array([-0.75, -0.5 ])
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    coordinates = Coordinates.of(rule, state)
    return coordinates.exact(coordinates.read())
