"""Results of this room as datasets that hold what is needed to make them again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tutelage.landscape.objective import Objective
from tutelage.landscape.stored import stored
from tutelage.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["dataset"]


def dataset(
    objective: Objective,
    axis: str,
    at: np.ndarray,
    points: np.ndarray,
    begin: np.ndarray,
    last: np.ndarray,
    settings: dict[str, Any],
) -> xarray.Dataset:
    """Return the dataset of a trajectory of parameters.

    Parameters
    ----------
    axis : str
        Name of the coordinate `at`: "time" or "step".
    points : array, shape (len(at), size)
    begin, last : array, shape (size,)
    settings : dict
        What else is needed to run it again, JSON-ready.
    """
    import xarray

    both = [_both(objective, p) for p in points]
    losses, norms = np.array([b[0] for b in both]), np.array([b[1] for b in both])
    variables: dict[str, Any] = {
        "p": ((axis, "parameter"), points, {"long_name": "parameters"}),
        "loss": (axis, losses, {"long_name": "loss"}),
        "gradient_norm": (axis, norms, {"long_name": "largest component of the gradient"}),
        "p_start": ("parameter", begin, {"long_name": "parameters at the start"}),
        "p_last": ("parameter", last, {"long_name": "parameters at the end"}),
    }
    found, described = stored(objective)
    variables |= found
    attributes = {
        "tutelage_version": __version__,
        "settings": json.dumps(settings | {"objective": described}),
        "method": settings["method"],
    }
    return xarray.Dataset(variables, {axis: (axis, at)}, attributes)


def _both(objective: Any, p: np.ndarray) -> tuple[float, float]:
    if hasattr(objective, "loss_and_gradient"):
        loss, slope = objective.loss_and_gradient(p)
    else:
        loss, slope = objective.loss(p), objective.gradient(p)
    return loss, float(np.abs(slope).max())
