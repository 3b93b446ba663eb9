"""Results from a file, made once more, whichever room made them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray

__all__ = ["rerun"]


def rerun(ds: xarray.Dataset, **changes: Any) -> xarray.Dataset:
    """Run again what made a dataset, from the dataset alone.

    Parameters
    ----------
    ds : xarray.Dataset
        Of ``solve``, ``simulate`` or ``fluctuations``, of ``continual.solve``, ``continual.simulate`` or
        ``continual.data_mixing``, or of ``linear`` (curves, parts, simulations), fresh or loaded from a file.
    **changes
        Arguments of that call to replace: ``rule``, ``alpha``, ``phases``, ``replicas``, ``rtol``, ... What a file
        cannot hold must be given again: ``inputs``, ``held_out``, ``weights``, ``data`` and ``z`` that are arrays of
        the user's own, and a ``penalty``.

    Returns
    -------
    xarray.Dataset
        Without changes and with the same versions: the same numbers, bit for bit.

    Raises
    ------
    ArgumentError
        If the dataset has no record of how it was made, or lacks inputs, weights or images that were the user's own.

    Examples
    --------
    >>> from tutelage import OnlineSGD, Overlaps, solve
    >>> once = solve(OnlineSGD(lr=0.5), Overlaps(Q=[[1.0]], R=[[0.1]], T=[[1.0]]), alpha=[1, 10])
    >>> bool((rerun(once).eg == once.eg).all())
    True
    """
    if _view(ds).startswith(("continual ", "data mixing")):
        from tutelage.continual import again as continual

        return continual.rerun(ds, **changes)
    if _view(ds).startswith("learning curve"):
        from tutelage.linear import again as linear

        return linear.rerun(ds, **changes)
    from tutelage.online import again as online

    return online.rerun(ds, **changes)


def _view(ds: Any) -> str:
    """Return what made a dataset, or nothing if it does not tell."""
    try:
        return str(json.loads(ds.attrs["settings"])["view"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""
