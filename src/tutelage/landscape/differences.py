r"""The error of a network near perfect learning, from differences of units instead of the units.

There the error e, student minus teacher, is a small difference of large terms; but each unit nearly coincides with
another one, its representative, a unit of the teacher or another of the student. As in :mod:`tutelage.coincidence`,

.. math:: e = \sum_a a_a h_a + \sum_r u_r g(\theta_r), \qquad
          h_a = g(\theta_a) - g(s_a \theta_r) = \int_0^1 \! d\tau \; g'(s_a \theta_r + \tau \Delta_a) \,
          \Delta_a \cdot (x, 1),

now with biases, :math:`\theta = (w, b)`. The differences :math:`\Delta` are those of the parameters, known to full
relative accuracy, and so are then averages of e with anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tutelage import coincidence
from tutelage.landscape.populations import Units, averages

__all__ = ["Differences", "scaled"]


@dataclass(frozen=True, eq=False)
class Differences:
    """All units, the student's first, with signed readouts, as differences and representatives.

    Attributes
    ----------
    students : int
        Number of the student's units.
    partner, sign : array, shape (units,)
        As in :class:`tutelage.coincidence.Pairing`; only units of one activation are paired.
    """

    units: Units
    readout: np.ndarray
    students: int
    partner: np.ndarray
    sign: np.ndarray

    @classmethod
    def of(cls, units: Units, readout: np.ndarray, students: int) -> Differences:
        """Pair the units."""
        partner, sign = np.arange(len(units)), np.ones(len(units))
        for form in dict.fromkeys(units.forms):
            members = np.array([i for i, other in enumerate(units.forms) if other is form])
            theta = units.theta[members]
            pairing = coincidence.pair(theta @ theta.T, int((members < students).sum()), form.odd)
            partner[members], sign[members] = members[pairing.partner], pairing.sign
        return cls(units, readout, students, partner, sign)

    @cached_property
    def apart(self) -> np.ndarray:
        """Numbers of the units that are taken as differences and differ."""
        candidates = np.flatnonzero((self.partner != np.arange(len(self.units))) | (self.sign == 0))
        return candidates[(self.units.theta[candidates] != self._origin(candidates)).any(1)]

    @cached_property
    def delta(self) -> np.ndarray:
        """Differences (apart, inputs + 1)."""
        return self.units.theta[self.apart] - self._origin(self.apart)

    @cached_property
    def alone(self) -> np.ndarray:
        """Numbers of the representatives whose readouts do not cancel."""
        return np.flatnonzero(self._sums)

    @cached_property
    def _sums(self) -> np.ndarray:
        sums = np.zeros(len(self.units))
        np.add.at(sums, self.partner, self.sign * self.readout)
        return sums

    @cached_property
    def rule(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights for tau."""
        size = 1 + (self._origin(self.apart) ** 2).sum(1)
        distance = float(((self.delta**2).sum(1) / size).max())
        return coincidence.path_rule(distance, not self._sharp)

    @cached_property
    def _sharp(self) -> bool:
        return any(self.units.forms[a].sharp for a in self.apart)

    def _origin(self, numbers: np.ndarray) -> np.ndarray:
        return self.sign[numbers, None] * self.units.theta[self.partner[numbers]]

    def _path(self, index: np.ndarray, tau: np.ndarray) -> Units:
        """Return units on the way to differences of these numbers among those apart."""
        numbers = self.apart[index]
        theta = self._origin(numbers) + tau[:, None] * self.delta[index]
        return Units(theta, tuple(self.units.forms[a] for a in numbers))

    @cached_property
    def against(self) -> tuple[np.ndarray, np.ndarray]:
        """<e g_k> (students,) and <e d g_k / d theta_k> (students, inputs + 1) of the student's units."""
        units = self.units.take(np.arange(self.students))
        totals = np.zeros(self.students), np.zeros(units.theta.shape)
        if len(self.alone):
            k, r = _all(self.students, len(self.alone))
            found = averages(units.take(k), self.units.take(self.alone[r]), [(0, 0), (1, 0)])
            for order in range(2):
                np.add.at(totals[order], k, scaled(self._sums[self.alone[r]], found[order, 0]))
        if len(self.apart):
            k, a, t = _all(self.students, len(self.apart), len(self.rule[0]))
            found = averages(units.take(k), self._path(a, self.rule[0][t]), [(0, 1), (1, 1)])
            for order in range(2):
                along = np.einsum("p...i,pi->p...", found[order, 1], self.delta[a])
                np.add.at(totals[order], k, scaled(self.readout[self.apart[a]] * self.rule[1][t], along))
        return totals

    def square(self) -> float:
        """Return <e^2>."""
        total, sums, readout = 0.0, self._sums[self.alone], self.readout[self.apart]
        if len(self.alone):
            r, q = _all(len(self.alone), len(self.alone))
            found = averages(self.units.take(self.alone[r]), self.units.take(self.alone[q]), [(0, 0)])[0, 0]
            total += float((sums[r] * sums[q]) @ found)
        if len(self.alone) and len(self.apart):
            r, a, t = _all(len(self.alone), len(self.apart), len(self.rule[0]))
            found = averages(self.units.take(self.alone[r]), self._path(a, self.rule[0][t]), [(0, 1)])[0, 1]
            along = np.einsum("pi,pi->p", found, self.delta[a])
            total += 2 * float((sums[r] * readout[a] * self.rule[1][t]) @ along)
        if len(self.apart):
            tau, other, weight = coincidence.square_rule(self.rule, cut=self._sharp)
            (first, second), nodes = np.triu_indices(len(self.apart)), len(weight)
            a, b, t = np.repeat(first, nodes), np.repeat(second, nodes), np.tile(np.arange(nodes), len(first))
            found = averages(self._path(a, tau[t]), self._path(b, other[t]), [(1, 1)])[1, 1]
            along = np.einsum("pij,pi,pj->p", found, self.delta[a], self.delta[b])
            total += float(((2 - (a == b)) * readout[a] * readout[b] * weight[t]) @ along)
        return max(total, 0.0)


def _all(*lengths: int) -> tuple[np.ndarray, ...]:
    """Return the indices of all combinations."""
    return tuple(index.ravel() for index in np.indices(lengths))


def scaled(factors: np.ndarray, arrays: np.ndarray) -> np.ndarray:
    """Return factors (n,) times arrays (n, ...)."""
    return factors.reshape(-1, *(1,) * (arrays.ndim - 1)) * arrays
