"""From a problem file to the setting that the page opens with, or a refusal of what the page cannot show."""

from __future__ import annotations

from typing import Any

from tutelage.errors import ArgumentError, check_type
from tutelage.problem import Problem
from tutelage.problem.schema import refuse_key

__all__ = ["setting"]

ACTIVATIONS = ("erf", "linear", "relu")
MOST_UNITS, MOST_DIM, MOST_RUNS, MOST_SEED = 8, 10**9, 1000, 2**53 - 1
DRAWN = (16, 50_000)  # dimensions in which the page draws weights


def setting(problem: Problem) -> dict[str, Any]:
    """Return a problem in the names of the page's settings, its start written out as overlaps.

    Parameters
    ----------
    problem : tutelage.problem.Problem

    Raises
    ------
    ArgumentError
        Naming the key that the page has no control for: other activations than erf, linear and ReLU, the same for
        student and teacher; more than 8 units; mini-batches, `terms`, constraints, images, the SDE.

    Examples
    --------
    >>> setting(Problem())["K"], setting(Problem())["start"]["vStar"]
    (4, [1.0, 1.0])
    """
    check_type("problem", problem, Problem)
    _refuse(problem)
    state, times, rule, run = problem.state(), problem.times(), problem.rule, problem.simulation
    positive = times[times > 0]
    if not len(positive) or positive[0] == times[-1]:
        raise refuse_key("time.alpha", "have two positive times, for a logarithmic axis", f"is {times.tolist()}")
    start = {"Q": state.Q, "R": state.R, "T": state.T, "v": state.v, "vStar": state.v_star}
    drawn = DRAWN[0] <= problem.dim() <= DRAWN[1]
    scale = problem.start.scale
    return {
        "K": problem.student.units,
        "M": problem.teacher.units,
        "activation": problem.student.activation,
        "train": rule.train,
        "lr": rule.lr,
        "lrReadout": rule.lr if rule.lr_readout is None else rule.lr_readout,
        "noise": rule.noise,
        "decay": rule.weight_decay,
        "v": float(state.v[0]),
        "vStar": float(state.v_star[0]),
        "scale": 1.0 if scale is None else scale,
        "seed": problem.start.seed,
        "start": {name: array.tolist() for name, array in start.items()},
        "alphaMin": float(positive[0]),
        "alphaMax": float(times[-1]),
        "N": problem.dim(),
        "replicas": run.replicas,
        "chainSeed": run.seed,
    } | ({"dim": problem.dim()} if drawn else {})


def _refuse(problem: Problem) -> None:
    student, teacher, rule, run = problem.student, problem.teacher, problem.rule, problem.simulation
    same = teacher.activation in (None, student.activation)
    words = '"erf", "linear" or "relu"'
    checks = [
        ("student.units", student.units <= MOST_UNITS, f"be at most {MOST_UNITS}", student.units),
        ("teacher.units", teacher.units <= MOST_UNITS, f"be at most {MOST_UNITS}", teacher.units),
        ("student.activation", student.activation in ACTIVATIONS, f"be {words}", repr(student.activation)),
        ("teacher.activation", same, "be the student's", repr(teacher.activation)),
        ("rule.batch", rule.batch == 1, "be 1", rule.batch),
        ("rule.terms", rule.terms == "full", 'be "full"', repr(rule.terms)),
        ("rule.constraint", rule.constraint is None, "be left out", repr(rule.constraint)),
        ("simulation.inputs", run.inputs == "gaussian", 'be "gaussian"', repr(run.inputs)),
        ("simulation.engine", run.engine != "sde", 'be "chain" or "weights"', repr(run.engine)),
        ("simulation.dim", problem.dim() <= MOST_DIM, f"be at most {MOST_DIM:g}", problem.dim()),
        ("simulation.replicas", run.replicas <= MOST_RUNS, f"be at most {MOST_RUNS}", run.replicas),
        ("simulation.seed", run.seed <= MOST_SEED, "be below 2^53, as numbers of a browser are", run.seed),
        (
            "start.seed",
            problem.start.seed <= MOST_SEED,
            "be below 2^53, as numbers of a browser are",
            problem.start.seed,
        ),
    ]
    for key, good, must, given in checks:
        if not good:
            raise _cannot(key, must, given)


def _cannot(key: str, must: str, given: Any) -> ArgumentError:
    return refuse_key(key, f"{must} for the page to show it", f"is {given}")
