"""From a problem file to the views: its rule, its equations solved, its simulation, its stationary state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.online.ode import solve
from tutelage.online.rule import OnlineSGD
from tutelage.online.simulation import simulate
from tutelage.problem import Problem, in_terms_of_keys

if TYPE_CHECKING:
    import xarray

    from tutelage.online.fixed_points import FixedPoint

__all__ = ["rule", "settled", "simulated", "solved"]


def rule(problem: Problem) -> OnlineSGD:
    """Return the learning rule of a problem.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    OnlineSGD
    """
    given = problem.rule
    return OnlineSGD(
        activation=problem.student.activation,
        teacher_activation=problem.teacher.activation,
        lr=given.lr,
        lr_readout=given.lr_readout,
        train=given.train,
        noise=given.noise,
        weight_decay=given.weight_decay,
        batch=given.batch,
        terms=given.terms,
        constraint=given.constraint,
    )


def solved(problem: Problem, *, progress: bool = True) -> xarray.Dataset:
    """Return what :func:`tutelage.solve` says about a problem; theory assumes Gaussian inputs, whatever is in it.

    Parameters
    ----------
    problem : Problem
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
    """
    how = problem.theory
    with in_terms_of_keys():
        return solve(
            rule(problem),
            problem.state(),
            problem.times(),
            rtol=how.rtol,
            atol=how.atol,
            method=how.method,
            progress=progress,
        )


def simulated(problem: Problem, *, checkpoint: Path | None = None, progress: bool = True) -> xarray.Dataset:
    """Return what :func:`tutelage.simulate` makes of a problem.

    Parameters
    ----------
    problem : Problem
    checkpoint : path, optional
        File that the simulation is written to as it goes.
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
    """
    how = problem.simulation
    with in_terms_of_keys():
        inputs = problem.inputs()
        return simulate(
            rule(problem),
            problem.state(),
            problem.times(),
            dim=problem.dim(),
            replicas=how.replicas,
            seed=how.seed,
            engine=how.engine,
            inputs=inputs,
            held_out=None if inputs is None else how.held_out,
            checkpoint=checkpoint,
            progress=progress,
        )


def settled(problem: Problem, *, progress: bool = True) -> FixedPoint:
    """Return the stationary state that :func:`tutelage.fixed_point` finds from the start of a problem.

    Parameters
    ----------
    problem : Problem
    progress : bool
        Whether to draw a bar after two seconds, if standard error is a terminal.

    Returns
    -------
    FixedPoint
    """
    from tutelage.online.fixed_points import fixed_point

    with in_terms_of_keys():
        return fixed_point(rule(problem), problem.state(), progress=progress)
