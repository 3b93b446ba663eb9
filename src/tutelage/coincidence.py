r"""The generalisation error near perfect learning, without cancellation.

There the error is a small difference of large terms. But each unit then nearly coincides with another: a student with
a teacher's unit, or two surplus students with each other (up to sign if g is odd, and then a unit may also vanish,
s = 0). Give each unit a its representative r(a), let :math:`\Delta_a = x_a - s_a x_{r(a)}`, and write the student minus
the teacher as

.. math:: \sum_a a_a h_a + \sum_r u_r g(x_r), \qquad
          h_a = g(x_a) - g(s_a x_r) = \int_0^1 \! d\tau \; g'(s_a x_r + \tau \Delta_a) \, \Delta_a, \qquad
          u_r = a_r + \sum_{a: r(a) = r} s_a a_a .

Every average of products of these is linear in each :math:`\Delta` before the integrals over :math:`\tau` are taken, by
Gauss-Legendre nodes (n of them err by the n-th power of the squared distance), so that it keeps its relative accuracy
however small the differences are. What they need is the covariance of the :math:`\Delta` and the representatives; from
real weight vectors it is known to full relative accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tutelage import gaussian
from tutelage.activations import Activation

__all__ = ["Pairing", "differences", "error_from_differences", "pair", "path_rule", "square_rule"]

NEAR = 0.05  # squared distance, in units of 1 + the representative's variance, up to which units are paired
ODD = ("erf", "linear", "tanh", "sign")  # kinds of activations with g(-x) = -g(x)
ENOUGH = (
    (1e-15, 1),
    (3e-7, 2),
    (5e-5, 3),
    (5e-4, 4),
)  # squared distances of smooth units, and how many nodes do for tau
NODES = 8  # for all others
BLOCK = 1 << 17  # covariances at once


@dataclass(frozen=True, eq=False)
class Pairing:
    """Which unit stands for which.

    Attributes
    ----------
    partner : array of int, shape (P,)
        Representative of each unit; its own index for a representative.
    sign : array, shape (P,)
        +1, -1 where a unit is opposite to its representative, 0 where it is compared with nothing.
    """

    partner: np.ndarray
    sign: np.ndarray

    @property
    def apart(self) -> np.ndarray:
        """Whether each unit is taken as a difference, shape (P,)."""
        return (self.partner != np.arange(len(self.partner))) | (self.sign == 0)

    @property
    def basis(self) -> np.ndarray:
        """Matrix (P, P) from the fields to (differences, or the field itself for a representative)."""
        basis = np.eye(len(self.partner))
        basis[self.apart, self.partner[self.apart]] -= self.sign[self.apart]
        return basis


def pair(C: np.ndarray, first: int, odd: bool) -> Pairing:
    """Pair units by their covariance C (P, P); units from number `first` on (the teachers) come first as partners."""
    P = len(C)
    partner, sign = np.arange(P), np.ones(P)
    representatives: list[int] = []
    for a in [*range(first, P), *range(first)]:
        best = NEAR
        if odd and C[a, a] < best:
            best, sign[a] = C[a, a], 0.0
        for r in representatives:
            s = -1.0 if odd and C[a, r] < 0 else 1.0
            distance = (C[a, a] - 2 * s * C[a, r] + C[r, r]) / (1 + C[r, r])
            if distance < best:
                best, partner[a], sign[a] = distance, r, s
        if partner[a] == a and sign[a] != 0:
            representatives.append(a)
    return Pairing(partner, sign)


def differences(C: np.ndarray, pairing: Pairing, rows: np.ndarray | None = None) -> np.ndarray:
    """Return the covariance (P, P) of the differences and representatives.

    From the overlaps C (P, P), up to their rounding; or from rows (P, D) with C = rows rows', to full relative
    accuracy.
    """
    if rows is None:
        return pairing.basis @ C @ pairing.basis.T
    apart = pairing.basis @ rows
    return apart @ apart.T


class Fields(NamedTuple):
    """Fields that are made of two others each: coefficients and numbers of differences or representatives, (..., 2)."""

    coefficient: np.ndarray
    number: np.ndarray


def error_from_differences(
    D: np.ndarray, a: np.ndarray, pairing: Pairing, g: Activation, u: np.ndarray | None = None
) -> np.ndarray:
    """Return eps_g of states with the same pairs: covariances D (..., P, P) of differences and representatives.

    The signed readouts are a (..., P); their sums u over each representative, (..., representatives), where they are
    known better than as sums.
    """
    batch = D.shape[:-2]
    D, a = D.reshape(-1, *D.shape[-2:]), a.reshape(-1, a.shape[-1])
    apart, alone = np.flatnonzero(pairing.apart), np.flatnonzero(~pairing.apart)
    lift = np.zeros(D.shape[1:])
    lift[apart, pairing.partner[apart]] = pairing.sign[apart]
    u = (a + a @ lift)[:, alone] if u is None else u.reshape(len(D), -1)
    total = _form(u, gaussian.I2(g, _gather(D, (_own(alone[:, None]), _own(alone)))), u)
    if len(apart):
        rule = _rule(D, pairing, apart, g)
        rows = max(1, BLOCK // (2 * len(rule[0]) ** 2 * len(apart) * len(D)))
        for begin in range(0, len(apart), rows):
            some = apart[begin : begin + rows]
            total = total + 2 * _form(a[:, some], _cross(D, pairing, some, alone, g, rule), u)
            total = total + _form(a[:, some], _square(D, pairing, some, apart, g, rule), a[:, apart])
    return np.maximum(total / 2, 0.0).reshape(batch)


def _form(x: np.ndarray, matrix: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return x' M y of each of a stack."""
    return np.einsum("ti,tij,tj->t", x, matrix, y)


def _rule(D: np.ndarray, pairing: Pairing, apart: np.ndarray, g: Activation) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for tau between 0 and 1."""
    size = np.diagonal(D, axis1=1, axis2=2)
    distance = (size[:, apart] / (1 + size[:, pairing.partner[apart]] * (pairing.sign[apart] != 0))).max()
    return path_rule(float(distance), not g.kinks)


def path_rule(distance: float, smooth: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for tau between 0 and 1, for units of at most this squared distance."""
    enough = [count for near, count in ENOUGH if distance < near and smooth]
    return _gauss_legendre(enough[0] if enough else NODES)


def square_rule(rule: tuple[np.ndarray, np.ndarray], cut: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes (tau, tau') and weights for the square; with `cut` for its halves, as at its diagonal ReLU bends."""
    tau, fraction = np.meshgrid(rule[0], rule[0], indexing="ij")
    if not cut:
        return tau.ravel(), fraction.ravel(), np.outer(rule[1], rule[1]).ravel()
    weight = (np.outer(rule[1], rule[1]) * tau).ravel()
    far, near = tau.ravel(), (tau * fraction).ravel()
    return np.concatenate([far, near]), np.concatenate([near, far]), np.tile(weight, 2)


@lru_cache
def _gauss_legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss's rule between 0 and 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def _cross(
    D: np.ndarray,
    pairing: Pairing,
    apart: np.ndarray,
    alone: np.ndarray,
    g: Activation,
    rule: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return <h_a g(x_r)>, shape (states, apart, alone)."""
    path = _path(pairing, apart[:, None, None], rule[0])
    fields = path, _own(apart[:, None, None]), _own(alone[:, None])
    return gaussian.I3(g, _gather(D, fields)) @ rule[1]


def _square(
    D: np.ndarray,
    pairing: Pairing,
    some: np.ndarray,
    apart: np.ndarray,
    g: Activation,
    rule: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return <h_a h_b>, shape (states, some, apart)."""
    first, second, weight = square_rule(rule)
    one, two = some[:, None, None], apart[:, None]
    paths = _path(pairing, one, first), _path(pairing, two, second)
    return gaussian.I4((g, g, "linear", "linear"), _gather(D, (*paths, _own(one), _own(two)))) @ weight


def _own(units: np.ndarray) -> Fields:
    """Return differences or representatives themselves."""
    return Fields(np.stack([np.ones(units.shape), np.zeros(units.shape)], -1), np.stack([units, units], -1))


def _path(pairing: Pairing, units: np.ndarray, tau: np.ndarray) -> Fields:
    """Return the fields s_a x_r(a) + tau Delta_a."""
    units, tau = np.broadcast_arrays(units, tau)
    return Fields(np.stack([pairing.sign[units], tau], -1), np.stack([pairing.partner[units], units], -1))


def _gather(D: np.ndarray, fields: tuple[Fields, ...]) -> np.ndarray:
    """Return the covariances (states, ..., n, n) of n fields."""
    shape = np.broadcast_shapes(*(field.number.shape[:-1] for field in fields))
    fields = tuple(Fields(*(x.reshape((1,) * (len(shape) + 1 - x.ndim) + x.shape) for x in field)) for field in fields)
    out = np.empty((len(D), *shape, len(fields), len(fields)))
    for p, one in enumerate(fields):
        for q, two in enumerate(fields[: p + 1]):
            pairs = D[:, one.number[..., :, None], two.number[..., None, :]]
            out[..., p, q] = out[..., q, p] = np.einsum("...a,...b,...ab->...", one.coefficient, two.coefficient, pairs)
    return out
