r"""The generalisation error near perfect learning, without cancellation.

There the error is a small difference of large terms. But each unit then nearly coincides with another: a student with
a teacher's unit, or two surplus students with each other (up to sign if g is odd, and then a unit may also vanish,
s = 0). Give each unit a its representative r(a), let :math:`\Delta_a = x_a - s_a x_{r(a)}`, and write the student minus
the teacher as

.. math:: \sum_a a_a h_a + \sum_r u_r g(x_r), \qquad
          h_a = g(x_a) - g(s_a x_r) = \int_0^1 \! d\tau \; g'(s_a x_r + \tau \Delta_a) \, \Delta_a, \qquad
          u_r = a_r + \sum_{a: r(a) = r} s_a a_a .

Every average of products of these is linear in each :math:`\Delta` before the integrals over :math:`\tau` are taken, by
Gauss-Legendre nodes, so that it keeps its relative accuracy however small the differences are. What they need is the
covariance of the :math:`\Delta` and the representatives; from real weight vectors it is known to full relative
accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tutelage import gaussian
from tutelage.activations import Activation

__all__ = ["Pairing", "differences", "error_from_differences", "pair"]

NEAR = 0.05  # squared distance, in units of 1 + the representative's variance, up to which units are paired
ODD = ("erf", "linear", "tanh", "sign")  # kinds of activations with g(-x) = -g(x)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


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


def error_from_differences(D: np.ndarray, a: np.ndarray, pairing: Pairing, g: Activation) -> float:
    """Return eps_g from the covariance D (P, P) of differences and representatives and the signed readout a (P,)."""
    apart, alone = np.flatnonzero(pairing.apart), np.flatnonzero(~pairing.apart)
    u = a.copy()
    np.add.at(u, pairing.partner[apart], pairing.sign[apart] * a[apart])
    i, j = np.meshgrid(alone, alone, indexing="ij")
    total = u[alone] @ gaussian.I2(g, _gather(D, np.eye(len(D))[np.stack([i, j], -1)])) @ u[alone]
    if len(apart):
        total += 2 * a[apart] @ _cross(D, pairing, apart, alone, g) @ u[alone]
        total += a[apart] @ _square(D, pairing, apart, g) @ a[apart]
    return max(float(total) / 2, 0.0)


def _cross(D: np.ndarray, pairing: Pairing, apart: np.ndarray, alone: np.ndarray, g: Activation) -> np.ndarray:
    """Return <h_a g(x_r)>, shape (apart, alone)."""
    tau, weight = (_NODES + 1) / 2, _WEIGHTS / 2
    eye, on_path = np.eye(len(D)), _paths(pairing, tau)  # (P, nodes, P)
    shape = (len(apart), len(alone), len(tau), len(D))
    fields = np.stack(
        [
            np.broadcast_to(on_path[apart][:, None], shape),
            np.broadcast_to(eye[apart][:, None, None], shape),
            np.broadcast_to(eye[alone][None, :, None], shape),
        ],
        -2,
    )
    return gaussian.I3(g, _gather(D, fields)) @ weight


def _square(D: np.ndarray, pairing: Pairing, apart: np.ndarray, g: Activation) -> np.ndarray:
    """Return <h_a h_b>, shape (apart, apart); the square of tau's is cut along its diagonal, where ReLU has a kink."""
    tau, fraction = np.meshgrid((_NODES + 1) / 2, (_NODES + 1) / 2, indexing="ij")
    weight = (np.outer(_WEIGHTS, _WEIGHTS) / 4 * tau).ravel()
    far, near = tau.ravel(), (tau * fraction).ravel()
    one = _paths(pairing, np.concatenate([far, near]))[apart]
    two = _paths(pairing, np.concatenate([near, far]))[apart]
    shape = (len(apart), len(apart), 2 * len(far), len(D))
    eye = np.eye(len(D))[apart]
    fields = np.stack(
        [
            np.broadcast_to(one[:, None], shape),
            np.broadcast_to(two[None, :], shape),
            np.broadcast_to(eye[:, None, None], shape),
            np.broadcast_to(eye[None, :, None], shape),
        ],
        -2,
    )
    return gaussian.I4((g, g, "linear", "linear"), _gather(D, fields)) @ np.concatenate([weight, weight])


def _paths(pairing: Pairing, tau: np.ndarray) -> np.ndarray:
    """Return the fields s_a x_r(a) + tau Delta_a in terms of differences and representatives, (P, tau, P)."""
    P = len(pairing.partner)
    towards = np.eye(P)[pairing.partner] * pairing.sign[:, None]
    return towards[:, None, :] + tau[None, :, None] * np.eye(P)[:, None, :]


def _gather(D: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Return the covariances (..., n, n) of fields given as rows (..., n, P) over differences and representatives."""
    return fields @ D @ np.swapaxes(fields, -1, -2)
