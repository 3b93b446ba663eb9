"""Results from a file, made once more, whichever room made them.

A dataset says by the ``view`` in its settings what made it. Each room keeps its `MAKERS`: by the view, a function of
the dataset, its settings and the changes, which makes it again. `HOMES` says where they stand.
"""

from __future__ import annotations

import json
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tutelage.errors import refuse
from tutelage.results import load

if TYPE_CHECKING:
    import xarray

__all__ = ["rerun"]

HOMES = {  # view of a dataset: the module whose MAKERS make it again, without "tutelage."
    "ode": "online.again",
    "chain": "online.again",
    "weights": "online.again",
    "sde": "online.again",
    "fluctuations": "online.again",
    "continuation": "online.again",
    "mean_field": "regimes.again",
    "flow": "landscape.again",
    "descent": "landscape.again",
    "memorisation": "complexity.again",
    "memorisation directly": "complexity.again",
    "tracker": "complexity.again",
    "sweep": "sweeps.again",
    "trace": "phase",
    "reproduction": "papers.again",
    "minima": "minima",
    "distinct minima": "minima",
    "continual ode": "continual.again",
    "continual chain": "continual.again",
    "continual weights": "continual.again",
    "data mixing": "continual.again",
    "learning curve": "linear.again",
    "learning curve parts": "linear.again",
    "learning curve simulation": "linear.again",
    "learning curve on inputs": "linear.again",
}

PLANS = ("reproduction", "sweep", "trace")  # views whose settings are in an attribute of that name


def rerun(ds: xarray.Dataset | str | os.PathLike[str], **changes: Any) -> xarray.Dataset:
    """Run again what made a dataset, from the dataset alone.

    Parameters
    ----------
    ds : xarray.Dataset or path
        Of any verb that returns datasets, fresh or loaded from a file, or the path of that file.
    **changes
        Arguments of that verb to replace: ``rule``, ``alpha``, ``phases``, ``replicas``, ``rtol``, ... What a file
        cannot hold must be given again: functions and objectives of the user's own (``rule``, ``run``, ``label``,
        ``objective``), arrays of their own (``inputs``, ``held_out``, ``weights``, ``data``, ``z``), a ``penalty``.

    Returns
    -------
    xarray.Dataset
        Without changes and with the same versions: the same numbers, bit for bit; measured seconds differ.

    Raises
    ------
    ArgumentError
        If the dataset has no record of how it was made, or what it was made from is the user's own and not given.

    Examples
    --------
    >>> from tutelage import OnlineSGD, Overlaps, solve
    >>> once = solve(OnlineSGD(lr=0.5), Overlaps(Q=[[1.0]], R=[[0.1]], T=[[1.0]]), alpha=[1, 10])
    >>> bool((rerun(once).eg == once.eg).all())
    True
    """
    if isinstance(ds, (str, os.PathLike)):
        if not os.path.isfile(ds):
            raise refuse("ds", "be a dataset, or name a file of one", f"{os.fspath(ds)!r} is none")
        ds = load(ds)
    view, settings = _made(ds)
    return import_module(f"tutelage.{HOMES[view]}").MAKERS[view](ds, settings, changes)


def _made(ds: Any) -> tuple[str, dict[str, Any]]:
    """Return what made a dataset and how, or refuse one that does not tell."""
    try:
        for view in PLANS:
            if view in ds.attrs:
                return view, json.loads(ds.attrs[view])
        settings = json.loads(ds.attrs["settings"])
        if "kind" not in ds.attrs and settings["view"] in HOMES:  # a checkpoint has a kind
            return settings["view"], settings
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    must = "say how it was made, as a dataset does that a verb returned or `tl.save` wrote"
    raise refuse("ds", must, f"is {type(ds).__name__} without such a record")
