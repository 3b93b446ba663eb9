"""Mean field: many students of one law, in few or in infinitely many dimensions, at small steps."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tutelage.errors import DivergenceError, check_count, check_number, check_times, check_type, refuse
from tutelage.online.integration import Trajectory, integrate_velocity
from tutelage.online.ode import describe
from tutelage.online.rule import OnlineSGD
from tutelage.overlaps import Overlaps
from tutelage.progress import progress as progress_bar
from tutelage.regimes.mean_field_particles import Particles
from tutelage.regimes.mean_field_velocity import MeanField, Moving, way
from tutelage.results import dataset

if TYPE_CHECKING:
    import xarray

__all__ = ["solve_mean_field"]

SHARE = 0.01  # of rtol: how good the averages are
LIMIT = (
    "mean field: many students and lr v to zero at fixed alpha lr v; terms of order lr^2 drop out, label noise and the "
    "batch size with them"
)


def solve_mean_field(
    rule: OnlineSGD,
    state: Overlaps | Particles,
    alpha: ArrayLike,
    dim: int | None = None,
    *,
    rtol: float = 1e-8,
    atol: float = 1e-10,
    progress: bool = True,
) -> xarray.Dataset:
    r"""Integrate the mean-field equations of a wide student, one particle for each of its K units.

    Directions off the teacher's span are independent and uniform, and stay so as K grows; averaged over them,

    .. math:: \dot m_i = -\eta \, \partial_{m_i} E - \kappa m_i, \quad
              \dot r_i = -\eta \, \partial_{r_i} E - \kappa r_i, \quad
              \dot v_i = -\eta_v \, \partial_{v_i} E - \kappa v_i, \quad E = \langle \epsilon_g \rangle_\xi ,

    with the coordinates m_i of student i in the teacher's span and its length r_i off it
    (:mod:`tutelage.regimes.mean_field_velocity`; Arnaboldi et al. 2023, arXiv:2302.05882, equation (MF-ODE)).

    Parameters
    ----------
    rule : OnlineSGD
        Any smooth activation, (leaky) ReLU; the teacher's may differ, and may have kinks. Rates, `train` and
        `weight_decay` count; `noise` and `batch` enter at order lr^2, which this limit drops.
    state : Particles or Overlaps
        At alpha = 0. Of overlaps Q the diagonal alone is used. Outputs are sums over units, as everywhere: set readouts
        v = 1/K for means, as :class:`Particles` does by default.
    alpha : float or array, shape (times,)
        Increasing times >= 0, in steps / N. With v = 1/K things happen at alpha of order K/lr.
    dim : int, optional
        Input dimension N >= rank(T): the average over frames is then exact at this dimension. Default: the limit of
        infinitely many, where students' directions off the teacher's span are orthogonal.
    rtol, atol : float
        Tolerance of each step, relative and absolute, for m, r and v. Averages are good to a hundredth of `rtol`;
        those of units with kinks to 1e-7 where N - rank(T) = 2, 1e-9 where it is 3, and better beyond.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        ``eg`` (alpha), the risk averaged over frames, with factor 1/2 and without label noise; ``R`` (alpha, student,
        teacher), ``q`` (alpha, student) = Q_ii - (R T^-1 R')_ii, ``v`` (alpha, student); ``T``, ``v_star`` and the
        state at alpha = 0. The attribute ``averages_error`` is the measured error of the velocity through averages,
        relative to its largest component, at the start or the end, whichever is larger. After Ctrl-C: what was reached,
        with a warning and without that attribute.

    Raises
    ------
    ArgumentError
        For a student with kinks or jumps other than (leaky) ReLU, `dim` below the rank of T, or times that do not
        increase.

    Notes
    -----
    At finite K the error is off by a share of order 1/K, which grows as eg falls: for erf in five dimensions SGD was
    below by 3 to 8 % at K = 640 and by 11 to 24 % at K = 160, when eg had fallen to a fiftieth (docs/mean-field.md).

    The cost of a right-hand side is K^2/2 pairs times the number of nodes, on all cores; K M^2 for polynomials up to
    degree 2. With trained readouts v = 1/K moves in step with the first layer at lr_readout of order lr/K^2.

    Examples
    --------
    >>> law = Particles.gaussian(100, T=[[1.0]], dim=5, seed=0)
    >>> ds = solve_mean_field(OnlineSGD("square", lr=1.0), law, alpha=[0, 1000], dim=5)
    >>> bool(ds.eg[1] < 1e-3 * ds.eg[0])
    True
    """
    check_type("rule", rule, OnlineSGD)
    particles = state if isinstance(state, Particles) else Particles.from_overlaps(state)
    times = check_times("alpha", alpha)
    rtol, atol = check_number("rtol", rtol, minimum=1e-14), check_number("atol", atol, minimum=0, strict=True)
    _check_rule(rule)
    field = MeanField(
        rule.resolved, particles.frame, particles.v_star, _freedom(dim, particles), max(SHARE * rtol, 1e-14)
    )
    K, begin = particles.students, Moving.of(particles)

    def velocity(_: float, y: np.ndarray) -> np.ndarray:
        return field.velocity(Moving.from_vector(y, K)).vector

    def risk(y: np.ndarray) -> float:
        return field.risk(Moving.from_vector(y, K))

    with progress_bar("mean field", times[-1], progress) as bar:
        trajectory = integrate_velocity(velocity, begin.vector, times, "dop853", rtol, atol, bar.update, risk)
    settings = {"view": "mean_field", "rule": describe(rule), "rtol": rtol, "atol": atol, "alpha": times.tolist()}
    result = _dataset(field, particles, times, trajectory, settings | ({} if dim is None else {"dim": int(dim)}))
    if isinstance(trajectory.ending, DivergenceError):
        trajectory.ending.dataset = result
        raise trajectory.ending
    if trajectory.ending is not None:
        warnings.warn(f"interrupted: {result.sizes['alpha']} of {len(times)} times were reached", stacklevel=2)
    return result


def _check_rule(rule: OnlineSGD) -> None:
    """Refuse a rule that has no mean-field equations here."""
    if way(rule) is None:
        but = f"{rule.student.name!r} has kinks at {rule.student.kinks}"
        raise refuse("activation", "be smooth, or a (leaky) ReLU, for a student in mean field", but)
    if rule.constraint is not None:
        raise refuse("constraint", "be None in mean field", f"is {rule.constraint!r}")


def _freedom(dim: int | None, particles: Particles) -> int | None:
    """Return the number of dimensions off the teacher's span; None for infinitely many."""
    if dim is None:
        return None
    rank = particles.frame.shape[1]
    freedom = check_count("dim", dim) - rank
    if freedom < 0 or (freedom == 0 and particles.q.max() > 0):
        must = f"exceed the rank {rank} of `T`, unless q = 0, where it may equal it"
        raise refuse("dim", must, f"is {dim} with q up to {particles.q.max():.3g}")
    return freedom


def _dataset(
    field: MeanField, particles: Particles, times: np.ndarray, trajectory: Trajectory, settings: dict[str, Any]
) -> xarray.Dataset:
    """Return the dataset of a trajectory."""
    K, (M, rank) = particles.students, field.frame.shape
    rows = trajectory.states.reshape(-1, rank + 2, K)
    variables = {
        "eg": trajectory.errors,
        "R": np.einsum("trk,mr->tkm", rows[:, :rank], field.frame).reshape(-1, K, M),
        "q": rows[:, rank] ** 2,
        "v": rows[:, rank + 1],
    }
    result = dataset(times[: len(rows)], variables, particles, settings)
    result.attrs["limit"] = LIMIT
    if trajectory.ending is None:  # whoever interrupts a long run should not wait for it
        ends = (Moving.from_vector(trajectory.states[i], K) for i in (0, -1))
        result.attrs["averages_error"] = max(_averages_error(field, state) for state in ends)
    return result


def _averages_error(field: MeanField, state: Moving) -> float:
    """Return the change of the velocity when nodes and orders double, relative to its largest component."""
    rough, fine = (f.velocity(state).vector for f in (field, dataclasses.replace(field, fine=2)))
    return float(np.abs(fine - rough).max() / max(np.abs(fine).max(), np.finfo(float).tiny))
