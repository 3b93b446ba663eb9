"""What the experiments of this paper share: datasets, pictures of several panels, distances of distributions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["dataset", "distance", "label_of", "panels"]

CONVENTION = "loss 1/(2N) sum (y - y*)^2; inputs N(0, 1); weights N(0, 1/Ni) and N(0, 1/Nh)"
CHECKED = 2000  # eigenvalues at which two distributions are compared
LABELS = {
    "linear": "$z$",
    "square": "$z^2$",
    "polynomial(0, 0, 0, 1)": "$z^3$",
    "polynomial(0, 1, 1)": "$z + z^2$",
    "polynomial(0, 1, 0, 1)": "$z + z^3$",
    "polynomial(0, 1, 1, 1)": "$z + z^2 + z^3$",
    "relu": "ReLU",
}


def dataset(
    variables: Mapping[str, Any], coordinates: Mapping[str, Any], parameters: Mapping[str, Any]
) -> xarray.Dataset:
    """Return a dataset with the version, the convention and the parameters as attributes."""
    import xarray

    from tutelage import __version__

    attributes = {"tutelage_version": __version__, "scalings": CONVENTION, **parameters}
    return xarray.Dataset(dict(variables), {key: list(each) for key, each in coordinates.items()}, attributes)


def distance(values: np.ndarray, law: Any) -> float:
    """Return the Kolmogorov-Smirnov distance of eigenvalues to a law, at 2,000 of them."""
    each = np.sort(values, axis=None)
    at = np.unique(np.linspace(0, len(each) - 1, CHECKED).astype(int))
    return float(np.abs(law.cdf(each[at]) - (at + 0.5) / len(each)).max())


def label_of(activation: str) -> str:
    """Return the activation as it stands in pictures."""
    return LABELS.get(activation, activation)


@contextmanager
def panels(rows: int, columns: int = 1, width: float = 3.4, height: float = 2.4) -> Iterator[tuple[Figure, list[Axes]]]:
    """Open a figure of panels, each `height` inches high, to be drawn in the style of the package."""
    from tutelage.plot import Picture, style

    with style():
        figure = Picture(figsize=(width, height * rows), layout="constrained")
        yield figure, list(figure.subplots(rows, columns, squeeze=False).ravel())
        figure.draw_without_rendering()
