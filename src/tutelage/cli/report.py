"""Theory against simulation in numbers: a table of the error, and where the two differ most.

Deviations are (mean over replicas) - (theory), in units of the standard error of that mean. They do not fall to
order one for ever: theory is the limit of large N, so that at any N a systematic part of order 1/N is left, which
enough replicas resolve.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tutelage.errors import check_count, refuse

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

__all__ = ["Deviation", "Row", "closing", "largest", "rows", "table"]

NAMES = ("eg", "Q", "R", "v")
ROUNDING = 1e-9  # relative: a mean that is closer to theory is equal to it, however small its standard error
ABSOLUTE = {"eg": 1e-26}  # the same where theory is zero; other order parameters:
ABSOLUTE_OTHERS = 1e-12


class Row(NamedTuple):
    """The generalisation error at one time; `deviation` is in standard errors.

    NaN stands for what there is not: the standard error of one replica, theory, a deviation from it.
    """

    alpha: float
    theory: float
    mean: float
    sem: float
    deviation: float


class Deviation(NamedTuple):
    """Where theory and simulation differ most: by how much, in which order parameter, when."""

    size: float
    where: str
    alpha: float


def rows(theory: xarray.Dataset | None, simulation: xarray.Dataset, count: int = 8) -> list[Row]:
    """Return the error at `count` of the times, the first and the last included.

    Parameters
    ----------
    theory, simulation : xarray.Dataset
        Of the same problem; what counts are the times of the simulation, which must all be among those of the theory,
        if there is one.
    count : int
        At most so many rows.
    """
    expected = deviations = np.full(simulation.sizes["alpha"], np.nan)
    if theory is not None:
        expected = _aligned(theory, simulation).eg.values
        deviations, _ = _deviations(_aligned(theory, simulation), simulation, "eg")
    last = simulation.sizes["alpha"] - 1
    chosen = sorted({round(i) for i in np.linspace(0, last, check_count("count", count))})
    columns = simulation.alpha, expected, simulation.eg_mean, simulation.eg_sem, deviations
    return [Row(*(float(column[i]) for column in columns)) for i in chosen]


def largest(theory: xarray.Dataset, simulation: xarray.Dataset) -> tuple[Deviation | None, Deviation]:
    """Return the largest deviation in standard errors (None for one replica) and the largest absolute one.

    They are looked for over all times and over eg and every entry of Q, R and v.
    """
    theory = _aligned(theory, simulation)
    relative, absolute = [], []
    for name in NAMES:
        in_errors, plain = _deviations(theory, simulation, name)
        alpha = simulation.alpha.values
        relative.append(_peak(name, np.abs(in_errors), alpha))
        absolute.append(_peak(name, np.abs(plain), alpha))
    resolved = [peak for peak in relative if peak is not None]
    return max(resolved, default=None), max(peak for peak in absolute if peak is not None)


def table(title: str, lines: list[Row]) -> Table:
    """Return `lines` as a table for the terminal, without what none of them has; numbers to the standard error."""
    from rich.table import Table

    compared = not all(np.isnan(line.theory) for line in lines)
    grid = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("alpha", *["eg theory"] * compared, "eg simulation", *["deviation / s.e."] * compared):
        grid.add_column(heading, justify="right")
    for line in lines:
        digits = _digits(line)
        simulated = f"{line.mean:.{digits}e}" + ("" if np.isnan(line.sem) else f" ± {line.sem:.1e}")
        deviation = "" if np.isnan(line.deviation) else f"{line.deviation:+.1f}"
        theory = [f"{line.theory:.{digits}e}"] * compared
        grid.add_row(f"{line.alpha:.3g}", *theory, simulated, *[deviation] * compared)
    return grid


def _digits(line: Row) -> int:
    """Return the decimals that show the mean down to the second digit of its standard error; between 4 and 15."""
    if not (line.sem > 0 and line.mean > 0):
        return 4
    return int(np.clip(np.floor(np.log10(line.mean)) - np.floor(np.log10(line.sem)) + 1, 4, 15))


def closing(theory: xarray.Dataset | None, simulation: xarray.Dataset, gaussian: bool = True) -> str:
    """Return the sentences under the table: the largest deviations, and what they are to be held against.

    Without theory: of how many replicas standard errors are.

    Parameters
    ----------
    theory, simulation : xarray.Dataset
        As in :func:`rows`.
    gaussian : bool
        Whether the inputs of the simulation are what theory assumes.
    """
    N, replicas = int(simulation.attrs["dim"]), simulation.sizes["replica"]
    first, errors = "One replica has no standard error", f"standard errors are over {replicas} replicas"
    if theory is None:
        return f"{first if replicas == 1 else errors.capitalize()}."
    in_errors, absolute = largest(theory, simulation)
    numbers = sum(simulation[name].isel(replica=0).size for name in NAMES)
    if in_errors is not None:
        first = f"Largest deviation: {_say(in_errors, True)}"
    against = f"theory is the limit of large N and leaves a systematic part of order 1/N = {1 / N:.1e}"
    settings = json.loads(theory.attrs.get("settings", "{}"))
    if (terms := settings.get("rule", {}).get("terms", "full")) != "full":
        against += f', and has the terms "{terms}" alone where SGD has all'
    if not gaussian:
        against = "theory assumes Gaussian inputs, these are not, and the deviations are the price of that assumption"
    return (
        f"{first}. Largest absolute deviation: {_say(absolute, False)}. These are the extremes of {numbers} numbers; "
        f"{errors.removesuffix('s') if replicas == 1 else errors}; {against}."
    )


def _say(deviation: Deviation, in_errors: bool) -> str:
    size = f"{deviation.size:.1f} standard errors" if in_errors else f"{deviation.size:.2g}"
    return f"{size}, in {deviation.where} at alpha = {deviation.alpha:.3g}"


def _aligned(theory: xarray.Dataset, simulation: xarray.Dataset) -> xarray.Dataset:
    """Return the theory at the times of the simulation."""
    if not np.isin(simulation.alpha.values, theory.alpha.values).all():
        raise refuse("theory", "hold all times of the simulation", "does not")
    return theory.sel(alpha=simulation.alpha.values)


def _deviations(theory: xarray.Dataset, simulation: xarray.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the deviations of one variable in standard errors and as they are, shape (times, ...)."""
    expected = theory[name].values
    plain = simulation[f"{name}_mean"].values - expected
    floor = ROUNDING * np.abs(expected) + ABSOLUTE.get(name, ABSOLUTE_OTHERS)
    return plain / np.maximum(simulation[f"{name}_sem"].values, floor), plain


def _peak(name: str, sizes: np.ndarray, alpha: np.ndarray) -> Deviation | None:
    """Return the largest of `sizes` (times, ...) that is a number; units are counted from 1, as in the pictures."""
    if np.isnan(sizes).all():
        return None
    time, *units = (int(i) for i in np.unravel_index(np.nanargmax(sizes), sizes.shape))
    kinds = {"Q": ("student", "student"), "R": ("student", "teacher"), "v": ("student",)}.get(name, ())
    entry = ", ".join(f"{kind} {unit + 1}" for kind, unit in zip(kinds, units, strict=True))
    return Deviation(float(sizes[time, *units]), f"{name} ({entry})" if entry else name, float(alpha[time]))
