"""Where the flow of the order parameters comes to rest: integration in growing steps, then Newton's method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tutelage.online.integration import Report, integrate, integrate_scipy
from tutelage.online.jacobian import Coordinates
from tutelage.online.vector import way
from tutelage.overlaps import Overlaps

__all__ = ["Root", "Settled", "flat_below", "newton", "settle"]

RTOL, ATOL = 1e-10, 1e-14  # of the flow: an asymmetry of 1e-12 must grow as it should
QUARTERS = np.array([0.25, 0.5, 0.75, 1.0])  # of a stretch of the flow, where its states are kept
STRETCH = 50.0  # the first stretch; each is twice as long as the one before
STIFF = 100.0  # relaxation times: a longer stretch goes to an implicit integrator where a velocity takes milliseconds
NEAR = 1e-2  # of 1 + |z|: a stable root this near is where the flow ends
WIDE = 0.3  # the same if the flow came nearer to it in the stretch before
CLOSE = 1e-6  # the same where flat directions lead away from the root at no cost
WATCH = 20.0  # e-foldings that a state must stay near an unstable root to be taken for it: from 2e-9 to 1
CONVERGED = 1e-11  # of |J| (1 + |z|): a velocity below it is zero
FLAT = {True: 1e-8, False: 1e-6}  # of the largest eigenvalue, for an exact Jacobian and for differences
RANK = 1e-9  # of the largest singular value: directions below it are left alone
ITERATIONS, HALVINGS = 40, 8


@dataclass(frozen=True, eq=False)
class Root:
    """Where Newton's method stopped: coordinates, largest velocity, and whether that is zero up to rounding."""

    z: np.ndarray
    residual: float
    converged: bool


@dataclass(frozen=True, eq=False)
class Settled:
    """Where a flow stopped: coordinates, time, and why: "rest", "moving" (out of time), "diverging", "interrupted".

    A flow that diverges does so at `alpha`; its coordinates are the last that were kept, some time before.
    """

    z: np.ndarray
    alpha: float
    ending: str


def flat_below(coordinates: Coordinates, eigenvalues: np.ndarray) -> float:
    """Return the size below which an eigenvalue counts as zero."""
    return FLAT[coordinates.analytic] * float(np.abs(eigenvalues).max(initial=0.0))


def newton(coordinates: Coordinates, z: np.ndarray, within: float = np.inf) -> Root:
    """Return the root of the velocity next to `z`, by damped Newton steps of minimal norm.

    Directions along which the velocity does not change are left alone; covariances stay positive semidefinite. It gives
    up further than `within` (1 + max |z|) from where it began.
    """
    begin, z = z, _inside(coordinates, z)
    F, scale = coordinates.velocity(z), 1.0
    for _ in range(ITERATIONS):
        if not np.isfinite(F).all() or apart(z, begin) > within:
            return Root(z, np.inf, False)
        J = coordinates.fast(z)
        if not np.isfinite(J).all():
            return Root(z, np.inf, False)
        scale = float(np.abs(J).max(initial=0.0)) * (1 + float(np.abs(z).max(initial=0.0)))
        dz = np.linalg.lstsq(J, -F, rcond=RANK)[0]
        if apart(z + dz, begin) > 3 * within:
            return Root(z, np.inf, False)
        dz *= min(1.0, (1 + np.abs(z).max()) / (2 * np.abs(dz).max() + 1e-300))
        for halving in range(HALVINGS):
            there = _inside(coordinates, z + dz / 2**halving)
            G = coordinates.velocity(there)
            if np.linalg.norm(G) < np.linalg.norm(F):
                break
            if np.abs(F).max() <= CONVERGED * scale:
                return Root(z, float(np.abs(F).max()), True)
        else:
            break
        z, F = there, G
    residual = float(np.abs(F).max(initial=0.0))
    return Root(z, residual, residual <= CONVERGED * scale and apart(z, begin) <= within)


def settle(
    coordinates: Coordinates, z: np.ndarray, limit: float, longest: float = np.inf, report: Report = lambda _: None
) -> Settled:
    """Follow the flow from `z` until it is at rest, but no further than to alpha = `limit`.

    No stretch takes longer than `longest`. Every so often `report` is told log(1 + alpha).

    After each stretch Newton's method looks for a root nearby. A stable one is taken if it is NEAR, or if the stretch
    before led to it as well, from further away. By an unstable one the flow may only pass: it is taken if the flow
    stays there for WATCH e-foldings.
    """
    alpha, stretch, before = 0.0, min(STRETCH, longest), None
    try:
        while True:
            root = newton(coordinates, z, WIDE)
            growth, flat = _growth(coordinates, root.z) if root.converged else (np.inf, False)
            distance = apart(root.z, z)
            led = before is not None and apart(root.z, before) > distance
            if growth == 0 and (distance <= (CLOSE if flat else NEAR) or (led and not flat)):
                return Settled(root.z, alpha, "rest")
            if alpha >= limit:
                return Settled(z, alpha, "moving")
            passes = 0 < growth < np.inf and distance <= NEAR
            wait = min(WATCH / growth if passes else stretch, longest, limit - alpha)
            before = z if growth == 0 else None

            def so_far(more: float, done: float = alpha) -> None:
                report(float(np.log1p(done + more)))

            z, passed, diverges = _follow(coordinates, z, wait, so_far, not passes)
            alpha, stretch = alpha + passed, min(2 * stretch, longest)
            if diverges:
                return Settled(z, alpha, "diverging")
            if passes and apart(root.z, z) <= NEAR and wait * growth >= WATCH:
                return Settled(root.z, alpha, "rest")
    except KeyboardInterrupt:
        return Settled(z, alpha, "interrupted")


def apart(z: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference, of 1 + the largest coordinate."""
    return float(np.abs(z - other).max(initial=0.0) / (1 + np.abs(other).max(initial=0.0)))


def _growth(coordinates: Coordinates, z: np.ndarray) -> tuple[float, bool]:
    """Return the largest growth rate (0 if there is none) and whether there are flat directions."""
    eigenvalues = np.linalg.eigvals(coordinates.fast(z))
    flat = max(flat_below(coordinates, eigenvalues), 1e-8 * np.abs(eigenvalues).max(initial=0.0))
    growth = eigenvalues.real.max(initial=0.0)
    return (float(growth) if growth > flat else 0.0), bool((np.abs(eigenvalues) <= flat).any())


def _follow(
    coordinates: Coordinates, z: np.ndarray, duration: float, report: Report, implicit: bool = True
) -> tuple[np.ndarray, float, bool]:
    """Return the coordinates after `duration`, the time that passed, and whether the flow left every bound.

    `implicit` allows an implicit integrator, whose errors need not keep the symmetries of the start.
    """
    rule, state, times = coordinates.rule, coordinates.state(z), duration * QUARTERS
    if implicit and _stiff(coordinates, z, duration):
        trajectory = integrate_scipy(rule, state, times, "bdf", RTOL, ATOL, report)
    else:
        trajectory = integrate(rule, state, times, RTOL, ATOL, report)
    if trajectory.ending is KeyboardInterrupt:
        raise KeyboardInterrupt
    kept = len(trajectory.states)
    if kept:
        z = coordinates.shrink(trajectory.states[-1])
    if trajectory.ending is not None:
        return z, trajectory.ending.alpha, True
    return z, float(times[kept - 1]), False


def _stiff(coordinates: Coordinates, z: np.ndarray, duration: float) -> bool:
    """Return whether an explicit integrator would make very many steps of a velocity that takes milliseconds."""
    if way(coordinates.rule) != "mixed":
        return False
    fastest = np.abs(np.linalg.eigvals(coordinates.fast(z))).max(initial=0.0)
    return bool(fastest * duration > STIFF)


def _inside(coordinates: Coordinates, z: np.ndarray) -> np.ndarray:
    """Return `z` with Q raised, or else R and Q lowered, so far that the covariance is positive semidefinite."""
    if coordinates.rule.train == "readout" or not np.isfinite(z).all():
        return z
    state = coordinates.state(z)
    if coordinates.rule.constraint is not None:
        lowest, room = np.linalg.eigvalsh(state.covariance)[0], min(1.0, np.linalg.eigvalsh(state.T)[0])
        less = 1 - max(-lowest, 0.0) / max(room - lowest, 1e-300)  # of what is not on the diagonals of Q and T
        return coordinates.read(Overlaps.unchecked(less * state.Q, less * state.R, state.T, state.v, state.v_star))
    explained = state.R @ np.linalg.pinv(state.T, rcond=1e-12, hermitian=True) @ state.R.T
    values, vectors = np.linalg.eigh(state.Q - explained)
    if values[0] >= -1e-14 * (1 + np.abs(z).max()):
        return z
    raised = (vectors * np.maximum(values, 0)) @ vectors.T + explained
    return coordinates.read(Overlaps.unchecked(raised, state.R, state.T, state.v, state.v_star))
