"""What an evaluation costs, as the tables of the documentation list it: ``python benchmarks/costs.py [TABLE ...]``.

Tables: ``equations`` (docs/sharp-bits.md), ``mean-field`` (docs/mean-field.md), ``population``
(docs/population-loss.md); without names all three. Milliseconds of CPU time, of all cores together: each the median of
a few calls of compiled code. ``--large`` adds the columns that take minutes.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

import tutelage as tl
from run import _velocity
from tutelage.regimes.mean_field import SHARE
from tutelage.regimes.mean_field_velocity import MeanField, Moving

TEACHERS = 4
SIZES, LARGE = (8, 32), (100, 200)
UNITS = [("square", "full"), ("erf", "full"), ("erf", "flow+noise"), ("relu", "flow+noise"), ("relu", "full")]
RAMPS = ("relu", "erf", "gelu", "hermite-3", "tanh", "softplus", "silu", "g")


def milliseconds(call: Callable[[], object], rounds: int = 5) -> float:
    """Return the median CPU time of a call, after one that compiles."""
    call()
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        call()
        spent.append(1e3 * (time.process_time() - begin))
    return statistics.median(spent)


def equations(large: bool) -> None:
    """One right-hand side of the equations of motion, first layer, M = 4."""
    sizes = (*SIZES, *LARGE) if large else SIZES
    print(f"{'units, terms':20}" + "".join(f"{f'K = {K}':>10}" for K in sizes))
    for unit, terms in UNITS:
        row = []
        for K in sizes:
            if (unit, terms, K) == ("relu", "full", max(LARGE)):
                continue  # two minutes a call
            calls = 100 if SIZES[0] >= K else 1
            row.append(milliseconds(_velocity(K, TEACHERS, unit, calls, terms), rounds=3) / calls)
        print(f"{unit + ', ' + terms:20}" + "".join(f"{each:10.3g}" for each in row))


def mean_field(large: bool) -> None:
    """One right-hand side in mean field, seven dimensions, two teachers, rtol = 1e-8."""
    sizes = (1000, 5000) if large else (1000,)
    print(f"{'units':20}" + "".join(f"{f'K = {K}':>10}" for K in sizes))
    for unit, dim in (
        ("square", 7),
        ("erf", 7),
        ("erf", None),
        ("relu", 7),
        ("hermite-3", 7),
        ("gelu", 7),
        ("tanh", 7),
    ):
        row = []
        for K in sizes:
            law = tl.regimes.Particles.gaussian(K, T=np.eye(2), dim=7, seed=0)
            freedom = None if dim is None else dim - law.frame.shape[1]
            field = MeanField(tl.OnlineSGD(unit).resolved, law.frame, law.v_star, freedom, SHARE * 1e-8)
            state = Moving.of(law)
            row.append(milliseconds(lambda field=field, state=state: field.velocity(state), rounds=3))
        print(f"{unit + (', N infinite' if dim is None else ''):20}" + "".join(f"{each:10.3g}" for each in row))


def population(large: bool) -> None:
    """Loss, gradient and Hessian of the population loss, eight student and eight teacher units, ten inputs."""
    del large
    print(f"{'':20}" + "".join(f"{unit:>10}" for unit in RAMPS))
    for bias in (False, True):
        row = []
        for unit in RAMPS:
            net = tl.landscape.MLP(10, [(8, unit, bias), (1, "linear", bias)])
            loss, p = tl.landscape.PopulationLoss(net.at(net.init(seed=1)), net), net.init(seed=2)
            row.append(milliseconds(lambda loss=loss, p=p: loss.derivatives(p)))
        print(f"{'biases' if bias else 'no biases':20}" + "".join(f"{each:10.3g}" for each in row))


TABLES = {"equations": equations, "mean-field": mean_field, "population": population}

if __name__ == "__main__":
    wanted = [name for name in sys.argv[1:] if name != "--large"]
    for name in wanted or TABLES:
        print(f"\n{TABLES[name].__doc__} Milliseconds.")
        TABLES[name]("--large" in sys.argv)
