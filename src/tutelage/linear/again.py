"""Learning curves from a file, made once more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tutelage.errors import refuse
from tutelage.linear.curves import learning_curve
from tutelage.linear.inputs import measure
from tutelage.linear.parts import decomposition
from tutelage.linear.simulation import simulate
from tutelage.linear.spectrum import Spectrum

if TYPE_CHECKING:
    import xarray

__all__ = ["MAKERS"]


def _made(
    maker: Callable[..., Any], ds: xarray.Dataset, settings: dict[str, Any], changes: dict[str, Any]
) -> xarray.Dataset:
    for name in settings["own"]:
        if name not in changes:
            raise refuse(name, "be given again, as the file does not hold it", "was not given")
    return maker(**{"spectrum": _problem(ds), "t": ds["t"].values} | settings["arguments"] | changes)


def _problem(ds: xarray.Dataset) -> Spectrum:
    """Return the problem that a dataset is of."""
    if set(ds.dims) - {"t", "replica", "feature"}:
        raise refuse("ds", "be a curve of one problem, as `learning_curve` returned it", "is several, stacked")
    fast = int(ds.attrs["fast"]) if "fast" in ds.attrs else None
    n, noise = int(ds.attrs["n"]), float(ds.attrs["noise"])
    return Spectrum(n, ds["eigenvalues"].values, noise, ds["teacher"].values, fast)


MAKERS = {
    "learning curve": partial(_made, learning_curve),
    "learning curve parts": partial(_made, decomposition),
    "learning curve simulation": partial(_made, simulate),
    "learning curve on inputs": partial(_made, measure),
}
