"""What experiments of several papers share: pictures of several panels, datasets with their provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["labelled", "panels"]


@contextmanager
def panels(rows: int, columns: int = 1, width: float = 3.4, height: float = 2.4) -> Iterator[tuple[Figure, list[Axes]]]:
    """Open a figure of panels, each `height` inches high, to be drawn in the style of the package."""
    from tutelage.plot import Picture, style

    with style():
        figure = Picture(figsize=(width, height * rows), layout="constrained")
        yield figure, list(figure.subplots(rows, columns, squeeze=False).ravel())
        figure.draw_without_rendering()


def labelled(
    convention: str, variables: Mapping[str, Any], coordinates: Mapping[str, Any], parameters: Mapping[str, Any]
) -> xarray.Dataset:
    """Return a dataset with the version, the convention and the parameters as attributes."""
    import xarray

    from tutelage import __version__

    attributes = {"tutelage_version": __version__, "scalings": convention, **parameters}
    return xarray.Dataset(dict(variables), {key: list(each) for key, each in coordinates.items()}, attributes)
