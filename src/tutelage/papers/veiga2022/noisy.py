"""Slow convergence to the equations where rates are large, and slow escape from random starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.online.ode import solve
from tutelage.online.plateau import plateau
from tutelage.papers import Reproduction
from tutelage.papers.goldt2019.setting import page, table
from tutelage.papers.veiga2022.setting import (
    TIMES,
    draw,
    gaussian_start,
    in_time,
    limit,
    power,
    problem,
    rule_of,
    sgd,
    span_start,
)

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

__all__ = ["bad_learning", "random_start"]

FAR = 1e6  # d from which on drift is a hundredth of noise at kappa + delta = -3/8


def bad_learning(
    dims: Sequence[float] = (1e3, 1e6, 1e9, 1e12),
    students: int = 8,
    teachers: int = 4,
    *,
    theta: float = -0.375,
    Delta: float = 1e-3,
    t_max: float = 1e3,
    replicas: int = 32,
    seed: int = 0,
) -> Reproduction:
    r"""SGD in the region of bad learning against its limit, up to astronomic dimensions (Fig. 7).

    Finding: SGD tends to the noisy limit, in which the student learns nothing, but slowly: what runs differ by falls as
    the root of the time that one step takes, :math:`d^{-(1 + 2(\kappa + \delta))/2} = d^{-1/8}`.

    Parameters
    ----------
    dims : sequence of float
        d.
    students, teachers : int
        p and k.
    theta : float
        kappa + delta, between -1/2 and 0.
    Delta : float
        Variance of the label noise.
    t_max : float
        Length of the runs in units of d^(1 + 2 theta) steps.
    replicas : int
        Runs of SGD for each dimension.
    seed : int
        Of the start, W = A W* with rows of A of length one, and of SGD.

    Notes
    -----
    The paper has d = 1000, 1500, 4000. At theta = -3/8 the unit of time is d^(1/4) steps, so that the chain, whose
    steps cost the same in any dimension, reaches d = 10^12, where it is 1,000 steps. Two distances, relative to the
    limit and root mean square over times up to 10: the spread of runs about their mean, and the offset of the equations
    at finite d, where drift is left, of order d^theta. The second one is the larger at d = 1000, and grows with time.
    There the spread is not yet in its law: the exponent is fitted from d = 10^6 on, where the offset is below a
    hundredth, and comes with its standard error, from that of a standard deviation, one part in sqrt(2(replicas - 1)).
    """
    t, state = np.r_[0, np.geomspace(0.1, t_max, TIMES)], span_start(students, teachers, seed)
    theory, infinite = {}, limit("bad learning", students, state, t, Delta=Delta)
    runs: dict[str, xarray.Dataset] = {}
    for i, d in enumerate(dims):
        setup, label = problem(students, teachers, d, theta, Delta=Delta), f"$d = 10^{{{np.log10(d):.3g}}}$"
        scale = setup.scales.time
        theory[label] = in_time(solve(rule_of(setup), state, t / scale), scale)
        runs[label] = sgd(setup, state, t, replicas=replicas, seed=seed + i)
    early = (t > 0) & (t <= 10)
    error = infinite["eg"].values[early]
    offset = [_rms(theory[label]["eg"].values[early] / error - 1) for label in runs]
    spread = [_spread(ds) for ds in runs.values()]
    parameters: dict[str, float | str] = {"students": students, "teachers": teachers, "theta": theta, "Delta": Delta}
    distances = table({"dim": dims}, {"spread": spread, "offset": offset}, parameters)
    with page(2) as (figure, (top, bottom)):
        time = rf"$t = \mathrm{{steps}}/d^{{\,{1 + 2 * theta:g}}}$"
        draw(top, theory | {r"$d \to \infty$": infinite}, runs, title=f"$\\kappa + \\delta = {theta:g}$", time=time)
        _draw_distances(bottom, distances)
    summary = {f"d = {d:g}: spread of runs": value for d, value in zip(dims, spread, strict=True)}
    summary |= {f"d = {d:g}: offset of the equations": value for d, value in zip(dims, offset, strict=True)}
    summary |= _exponent(dims, spread, replicas) | {"predicted exponent of the spread": -(1 + 2 * theta) / 2}
    summary |= {"exponent of the offset": power(dims, offset), "predicted exponent of the offset": theta}
    datasets = {f"ode d={d:g}": theory[label] for d, label in zip(dims, runs, strict=True)}
    datasets |= {f"sgd d={d:g}": ds for d, ds in zip(dims, runs.values(), strict=True)}
    return Reproduction({"limit": infinite, **datasets, "distances": distances}, figure, summary)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _exponent(dims: Sequence[float], spread: Sequence[float], replicas: int) -> dict[str, float]:
    """Return the exponent of the spread in the dimensions where it is in its law, and its standard error."""
    far = [i for i, d in enumerate(dims) if d >= FAR]
    if len(far) < 2:
        return {}
    x = np.log([dims[i] for i in far])
    error = 1 / np.sqrt(2 * (replicas - 1) * ((x - x.mean()) ** 2).sum())
    name = f"exponent of the spread from d = {dims[far[0]]:g} on"
    return {name: power(np.exp(x), [spread[i] for i in far]), "its standard error": float(error)}


def _spread(runs: xarray.Dataset) -> float:
    """Return the standard deviation of the error between runs, relative, root mean square over times up to 10."""
    eg = runs["eg"].values[:, ((runs["t"] > 0) & (runs["t"] <= 10)).values]
    return _rms(eg.std(0, ddof=1) / eg.mean(0))


def _draw_distances(ax: Axes, distances: xarray.Dataset) -> None:
    """Draw spread and offset against d, with the powers that they should follow."""
    theta, d = distances.attrs["theta"], distances["dim"].values
    for i, (name, exponent) in enumerate((("spread", -(1 + 2 * theta) / 2), ("offset", theta))):
        values = distances[name].values
        ax.plot(
            d, values, "os"[i], color=f"C{i}", label={"spread": "spread of runs", "offset": "offset, equations"}[name]
        )
        ax.plot(d, values[-1] * (d / d[-1]) ** exponent, ":", color=f"C{i}", label=f"$d^{{\\,{exponent:g}}}$")
    ax.set(xscale="log", yscale="log", xlabel="$d$", ylabel="distance from the limit, relative")
    ax.legend()


def random_start(
    dims: Sequence[int] = (30, 100, 300, 1000),
    students: int = 8,
    teachers: int = 4,
    *,
    Delta: float = 1e-3,
    far: Sequence[float] = (1e2, 1e3, 1e4, 1e6, 1e8, 1e10),
    starts: int = 8,
    t_max: float = 3000.0,
    seed: int = 0,
) -> Reproduction:
    r"""SGD from Gaussian weights at :math:`\kappa + \delta = 0`, in several dimensions (Fig. 9).

    Finding: from a random start the student stays on a plateau until it specialises, and the plateau lengthens with the
    dimension, in proportion to its logarithm.

    Parameters
    ----------
    dims : sequence of int
        d of SGD.
    students, teachers : int
        p and k.
    Delta : float
        Variance of the label noise.
    far : sequence of float
        d of the random starts that the equations are solved from.
    starts : int
        How many starts that is for each d; also the runs of SGD for each d, all from one start.
    t_max : float
        Length of the runs, steps / d.
    seed : int
        Of the starts, students N(0, 1) and orthonormal teachers, and of SGD.

    Notes
    -----
    The plateau ends when the error falls below half of that of the symmetric saddle, where the linearised equations
    have a rate of escape. What escapes is of order d^(-1/2) at the start, so that the length of the plateau is
    log(d)/(2 rate) and a constant. SGD has noise of the same order to escape by, and follows the same law.
    """
    t = np.r_[0, np.geomspace(0.1, t_max, 4 * TIMES)]
    runs = {}
    for i, d in enumerate(dims):
        setup = problem(students, teachers, d, 0.0, Delta=Delta)
        begin = gaussian_start(students, teachers, d, seed)
        runs[d] = sgd(setup, begin, t, replicas=starts, seed=seed + i)
    rule = rule_of(problem(students, teachers, max(dims), 0.0, Delta=Delta))
    saddle = plateau(rule, gaussian_start(students, teachers, 1e8, seed))
    curves = {
        d: [solve(rule, gaussian_start(students, teachers, d, seed + i), t, atol=1e-14) for i in range(starts)]
        for d in far
    }
    simulated = [[_end(run, saddle.eg) for run in ds["eg"]] for ds in runs.values()]
    solved = [[_end(ds["eg"], saddle.eg) for ds in some] for some in curves.values()]
    parameters: dict[str, float | str] = {"students": students, "teachers": teachers, "Delta": Delta, "seed": seed}
    parameters |= {"rate": saddle.exponent, "saddle_eg": saddle.eg}
    lengths = {
        "sgd": table({"dim": dims, "start": range(starts)}, {"length": simulated}, parameters),
        "ode": table({"dim": far, "start": range(starts)}, {"length": solved}, parameters),
    }
    with page(2) as (figure, (top, bottom)):
        shown = {f"$d = {d}$": ds for d, ds in runs.items()}
        title = rf"$\kappa + \delta = 0$, $p = {students}$, $k = {teachers}$, Gaussian start"
        draw(top, {}, shown, title=title, time=r"$t = \mathrm{steps}/d$")
        _draw_lengths(bottom, lengths)
    datasets = {f"sgd d={d}": ds for d, ds in runs.items()} | {f"length {key}": ds for key, ds in lengths.items()}
    summary = {
        f"d = {d:g}: length of the plateau, SGD": float(np.mean(x)) for d, x in zip(dims, simulated, strict=True)
    }
    summary |= {f"d = {d:g}: length, equations": float(np.mean(x)) for d, x in zip(far, solved, strict=True)}
    summary |= {
        "length per log(d), equations": _per_log(lengths["ode"]),
        "length per log(d), SGD": _per_log(lengths["sgd"]),
    }
    return Reproduction(datasets, figure, summary | {"1 / (2 rate of escape)": 1 / (2 * saddle.exponent)})


def _end(eg: xarray.DataArray, saddle: float) -> float:
    """Return when the error first falls below half of that at the saddle; NaN if it does not."""
    below = np.flatnonzero(eg.values < saddle / 2)
    return float(eg["alpha"][below[0]]) if below.size else np.nan


def _per_log(lengths: xarray.Dataset) -> float:
    """Return the slope of the mean length in log d."""
    return float(np.polyfit(np.log(lengths["dim"].values), lengths["length"].mean("start").values, 1)[0])


def _draw_lengths(ax: Axes, lengths: dict[str, xarray.Dataset]) -> None:
    """Draw the length of the plateau against d, and the slope that the saddle predicts."""
    for key, label, marker in (("ode", "equations", "o"), ("sgd", "SGD", "s")):
        ds = lengths[key]
        error = ds["length"].std("start", ddof=1) / np.sqrt(ds.sizes["start"])
        look: Any = {"capsize": 1.5, "elinewidth": 0.6, "mfc": "none" if key == "sgd" else None}
        ax.errorbar(ds["dim"], ds["length"].mean("start"), error, fmt=marker, label=label, **look)
    ode = lengths["ode"]
    x, mean = np.log(ode["dim"].values), ode["length"].mean("start").values
    line = mean.mean() + (x - x.mean()) / (2 * ode.attrs["rate"])
    ax.plot(ode["dim"], line, ":", color="0.2", label=r"slope $1 / (2 \times \mathrm{rate})$ of the saddle")
    ax.set(xscale="log", xlabel="$d$", ylabel="length of the plateau")
    ax.legend()
