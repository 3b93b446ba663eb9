"""Results of linear learning problems: arguments checked, datasets that say how they were made."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.errors import check_number, check_type, check_vector, refuse
from tutelage.linear.spectrum import Spectrum
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["check_problem", "check_steps", "dataset", "kept", "mean_and_sem"]

SCALINGS = (
    "x_j = s_j z_j, z ~ N(0, 1/d), y = z.W + noise; loss summed over samples; t in steps of size lr; "
    "R = W.Fw/d, Q = |Fw|^2/d; eg = 1/2 <(student - teacher)^2>"
)
LABELS = {
    "t": "steps",
    "R": "overlap of student and teacher",
    "Q": "squared length of the student",
    "eg": "generalisation error",
    "eg_mean": "generalisation error, mean over replicas",
    "eg_sem": "standard error of the generalisation error",
    "R_sem": "standard error of R",
    "Q_sem": "standard error of Q",
    "eg_fast": "generalisation error, slow features frozen as they begin",
    "eg_slow": "generalisation error, fast features frozen as they end",
}


def check_steps(name: str, t: Any) -> np.ndarray:
    """Return `t` as times >= 0, in any order; a number is one time."""
    times = check_vector(name, t, "times")
    if times.min() < 0:
        raise refuse(name, "be >= 0", f"has {times.min():g}")
    return times


def check_problem(spectrum: Any, lr: Any, ridge: Any) -> tuple[float, float]:
    """Return lr and ridge, checked, if `spectrum` is one."""
    check_type("spectrum", spectrum, Spectrum)
    return check_number("lr", lr, minimum=0, strict=True), check_number("ridge", ridge, minimum=0)


@contextmanager
def kept() -> Iterator[None]:
    """Let Ctrl-C end the work within, with a warning, so that what was done can be returned."""
    try:
        yield
    except KeyboardInterrupt:
        warnings.warn("interrupted: what was done is kept, the rest is NaN", stacklevel=4)


def mean_and_sem(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error over the first axis, of what is not NaN; NaN where there is too little."""
    runs = np.ma.masked_invalid(values)
    count = runs.count(0)
    sem = runs.std(0) / np.sqrt(np.maximum(count - 1, 1))
    return np.ma.filled(runs.mean(0), np.nan), np.where(count > 1, np.ma.filled(sem, np.nan), np.nan)


def dataset(
    spectrum: Spectrum,
    t: np.ndarray,
    variables: dict[str, np.ndarray],
    view: str,
    arguments: dict[str, Any],
    **own: Any,
) -> xarray.Dataset:
    """Return `variables`, (times,) or (replicas, times), over t, with the problem, and what made it of that.

    Parameters
    ----------
    spectrum : Spectrum
    t : array, shape (times,)
    variables : dict of arrays
    view : str
        Which function made it.
    arguments : dict
        Its arguments, which a file can hold. With `test_noise` half the variance of the noise is added to every error.
    **own
        Its arguments that a file cannot hold; None where not given.
    """
    import xarray

    test_noise = arguments.get("test_noise", False)
    more = spectrum.noise**2 / 2 if test_noise else 0.0
    data: dict[str, Any] = {
        name: (
            ("replica", "t")[2 - np.ndim(values) :],
            values + more if name.startswith("eg") and not name.endswith("_sem") else values,
            {"long_name": LABELS[name]},
        )
        for name, values in variables.items()
    }
    data["eigenvalues"] = (("feature",), spectrum.eigenvalues, {"long_name": "variances of features"})
    data["teacher"] = (("feature",), spectrum.teacher, {"long_name": "mean square of the teacher's weights"})
    given = [name for name, value in own.items() if value is not None]
    attributes = {
        "tutelage_version": __version__,
        "settings": json.dumps({"view": view, "arguments": arguments, "own": given}),
        "scalings": SCALINGS + (", with noise in the test labels" if test_noise else ", without noise of test labels"),
        "n": spectrum.n,
        "d": spectrum.d,
        "noise": spectrum.noise,
        "signal": spectrum.signal,
        "test_noise": int(test_noise),
        "view": view,
    }
    if spectrum.fast is not None:
        attributes["fast"] = spectrum.fast
    known = {key: value for key, value in arguments.items() if isinstance(value, (str, int, float))}
    return xarray.Dataset(data, {"t": ("t", t, {"long_name": LABELS["t"]})}, known | attributes)
