r"""The symmetric plateau: the stationary state in which no student unit has chosen a teacher unit yet.

Saad & Solla, Phys. Rev. E 52, 4225 (1995), found that soft committee machines spend most of their training there, and
that it ends by the growth of a small asymmetry.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from tutelage.errors import ArgumentError, check_number, check_type, refuse
from tutelage.online.fixed_points import checked, spectrum
from tutelage.online.integration import Report
from tutelage.online.jacobian import Coordinates, Direction
from tutelage.online.newton import Settled, settle
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps
from tutelage.progress import progress as progress_bar

__all__ = ["Plateau", "plateau"]

EQUAL = 1e-10  # relative: readouts that differ by less are equal
ALIKE = 0.25  # of the mean T_nn: teacher overlaps may be this far from their means, as those of random teachers are
DEGENERATE = 1e-6  # relative: growth rates that differ by less belong together
SYMMETRIC = 20.0  # time a flow may take before its rounding errors are symmetrised, in 1/lr


@dataclass(frozen=True, eq=False)
class Plateau:
    """A permutation-symmetric stationary state and how it is left.

    Attributes
    ----------
    rule : OnlineSGD
        The rule whose flow it is.
    state : Overlaps
        The state; T is symmetrised.
    eg : float
        Its height: the generalisation error, with the factor 1/2 and without label noise.
    residual : float
        Largest velocity, by alpha = steps/N, of an order parameter.
    eigenvalues : array of complex, shape (n,)
        Of the linearised flow in all coordinates, largest real part first.
    unstable, flat : int
        Numbers of eigenvalues with positive real part, and of those that are zero, as in
        :class:`tutelage.online.fixed_points.FixedPoint`.
    exponent : float
        Largest real part of an eigenvalue whose direction breaks the symmetry: asymmetries grow as exp(exponent alpha).
        Negative if the plateau is not left.
    direction : Direction
        Such a direction (Q, R, v), of largest entry one. Of several with this exponent, the one nearest to student unit
        i taking teacher unit i.
    """

    rule: OnlineSGD
    state: Overlaps
    eg: float
    residual: float
    eigenvalues: np.ndarray
    unstable: int
    flat: int
    exponent: float
    direction: Direction

    def duration(self, asymmetry: float) -> float:
        r"""Return the time that the plateau lasts, but for a constant that does not depend on `asymmetry`.

        .. math:: \alpha = \ln(1/\delta) / \lambda

        with :math:`\lambda` the exponent: the time that linear growth takes from an asymmetry :math:`\delta` along the
        direction to one. Differences between two :math:`\delta` are exact as both go to zero.

        Parameters
        ----------
        asymmetry : float, between 0 and 1
            :math:`\delta`, the part of the start along `direction`; of order 1/sqrt(N) in a network.

        Raises
        ------
        ArgumentError
            For an `asymmetry` that is not positive, or above one, where the growth that is timed has ended.
        """
        delta = check_number("asymmetry", asymmetry, minimum=0, strict=True)
        if delta > 1:
            raise refuse("asymmetry", "be a finite number > 0 and <= 1, where linear growth ends", f"is {delta:g}")
        return float(np.log(1 / delta) / self.exponent) if self.exponent > 0 else np.inf

    def displaced(self, asymmetry: float) -> Overlaps:
        """Return the state, `asymmetry` times the direction away; refused where no weights have such overlaps."""
        delta, s, d = check_number("asymmetry", asymmetry), self.state, self.direction
        return Overlaps(s.Q + delta * d.Q, s.R + delta * d.R, s.T, s.v + delta * d.v, s.v_star)

    def __str__(self) -> str:
        size = f"K = {self.state.students}, M = {self.state.teachers}"
        return f"symmetric plateau: eg = {self.eg:.6g}, escape exponent {self.exponent:.4g}, {size}"

    __repr__ = __str__


def plateau(rule: OnlineSGD, state: Overlaps, *, alpha: float = 1e6, progress: bool = True) -> Plateau:
    r"""Return the permutation-symmetric stationary state next to `state`, its height and its escape exponent.

    The start is symmetrised: R_in, Q_ii, Q_ik, T_nn, T_nm are replaced by their means. The flow, kept in the subspace
    of such states, is followed until it is at rest, and Newton's method finishes there. The Jacobian in all coordinates
    commutes with permutations, so that symmetric and symmetry-breaking directions separate: the exponent is the largest
    real part of an eigenvalue of :math:`B^\top J B`, with B an orthonormal basis of the latter.

    A start with asymmetry :math:`\delta` stays on the plateau for :math:`\ln(1/\delta)/\lambda` and a constant, so for
    :math:`\ln(N)/2\lambda` from random weights (Biehl, Riegler & Wöhler, J. Phys. A 29, 4769 (1996)).

    Parameters
    ----------
    rule : OnlineSGD
        With any activation that has an ODE.
    state : Overlaps
        Where the flow begins. All v must be equal, and all v_star; T may differ from its symmetrised form as that of a
        random teacher does, by a quarter of the mean T_nn.
    alpha : float, > 0
        How far the flow is followed, in steps/N.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    Plateau

    Raises
    ------
    ArgumentError
        For v, v_star or T that are not symmetric, one student unit with one teacher unit, or a flow that does not come
        to rest.

    Examples
    --------
    For lr to zero, K = M and T = 1 the height is K/pi (pi/6 - K arcsin(1/2K)).

    >>> found = plateau(OnlineSGD("erf", lr=1e-3), Overlaps(Q=np.eye(2), R=np.full((2, 2), 0.1), T=np.eye(2)))
    >>> f"{found.eg:.5f}, {2 / np.pi * (np.pi / 6 - 2 * np.arcsin(0.25)):.5f}"
    '0.01162, 0.01161'
    """
    check_type("rule", rule, OnlineSGD)
    check_type("state", state, Overlaps)
    limit = check_number("alpha", alpha, minimum=0, strict=True)
    begin = symmetrised(state)
    with progress_bar("plateau", np.log1p(limit), progress) as bar:
        settled = _settle(Coordinates.symmetric(rule, begin), limit, bar.update)
    if settled.ending == "interrupted":
        warnings.warn(f"interrupted: the flow was followed to alpha = {settled.alpha:g}", stacklevel=2)
    elif settled.ending != "rest":
        what = "leaves every bound" if settled.ending == "diverging" else "still moves"
        raise refuse("state", "lead to a symmetric plateau", f"its symmetric flow {what} at alpha = {settled.alpha:g}")
    return _plateau(rule, checked(Coordinates.symmetric(rule, begin).state(settled.z)))


def symmetrised(state: Overlaps) -> Overlaps:
    """Return `state` with R, Q and T replaced by their means over permutations; refuse one that is too asymmetric."""
    for name in ("v", "v_star"):
        readout = getattr(state, name)
        if np.ptp(readout) > EQUAL * np.abs(readout).max():
            raise refuse("state", f"have one and the same {name} for all units", f"has {name} = {readout.tolist()}")
    if state.students == state.teachers == 1:
        raise refuse("state", "have several units to permute", "has one student unit and one teacher unit")
    T = _mean(state.T)
    gap = np.abs(state.T - T).max()
    if gap > ALIKE * T[0, 0]:
        raise refuse(
            "state", "have a T that permutations leave alike, up to 25 %", f"has a T that differs by {gap:.3g}"
        )
    try:
        return Overlaps(_mean(state.Q), np.full_like(state.R, state.R.mean()), T, state.v, state.v_star)
    except ArgumentError as error:
        raise refuse("state", "have means that are overlaps of weights", f"symmetrised, {error}") from None


def _mean(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix with equal diagonal and equal other entries, their means."""
    n, trace = len(matrix), np.trace(matrix)
    off = (matrix.sum() - trace) / max(n * (n - 1), 1)
    return np.where(np.eye(n, dtype=bool), trace / n, off)


def _settle(coordinates: Coordinates, limit: float, report: Report) -> Settled:
    """Follow the symmetric flow to its rest, symmetrising it before rounding errors grow."""
    rates = coordinates.rule.rates
    fastest = max(rates.lr, rates.lr_readout)
    return settle(coordinates, coordinates.read(), limit, SYMMETRIC / fastest if fastest else np.inf, report)


def _plateau(rule: OnlineSGD, state: Overlaps) -> Plateau:
    """Return the plateau at a symmetric stationary state."""
    full, symmetric = Coordinates.of(rule, state), Coordinates.symmetric(rule, state)
    z = full.read()
    J = full.exact(z)
    eigenvalues, unstable, flat = spectrum(full, J)
    B = _breaking(full, symmetric)
    values, vectors = np.linalg.eig(B.T @ J @ B)
    exponent = float(values.real.max())
    leading = np.abs(values - values[values.real.argmax()]) <= DEGENERATE * np.abs(eigenvalues).max()
    along = B @ _nearest(vectors[:, leading], B.T @ _assignment(full, state))
    direction = full.direction(along / np.abs(along).max())
    residual = float(np.abs(full.velocity(z)).max())
    eg = state.generalisation_error(rule.student, rule.teacher)
    return Plateau(rule, state, eg, residual, eigenvalues, unstable, flat, exponent, direction)


def _breaking(full: Coordinates, symmetric: Coordinates) -> np.ndarray:
    """Return an orthonormal basis of the directions with no symmetric part, shape (n, n - symmetric ones)."""
    kept = np.stack([full.shrink(column) for column in symmetric.embedding.T], -1)
    return np.linalg.svd(kept)[0][:, kept.shape[1] :]


def _assignment(full: Coordinates, state: Overlaps) -> np.ndarray:
    """Return the direction in which student unit i takes teacher unit i, in coordinates."""
    K, M = state.students, state.teachers
    return full.shrink(np.concatenate([np.eye(K, M).ravel(), np.zeros(K * K + K)]))


def _nearest(vectors: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the real vector in the span of `vectors` nearest to `wanted`, or one of them."""
    basis, sizes, _ = np.linalg.svd(np.concatenate([vectors.real, vectors.imag], 1), full_matrices=False)
    basis = basis[:, sizes > DEGENERATE * sizes[0]]
    found = basis @ (basis.T @ wanted)
    if np.abs(found).max() < DEGENERATE * np.abs(wanted).max():
        found = basis[:, 0]
    return found
