"""Papers: their figures, each a function from parameters to data and picture, each with the finding it must show.

Nothing here is needed elsewhere: every experiment is a script on top of the public verbs, kept as a function.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tutelage.figures import FIGURES

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure as Picture

__all__ = ["Figure", "Reproduction", "catalogue"]

PAPERS = tuple(FIGURES)


@dataclass(frozen=True, eq=False)
class Reproduction:
    """What came out of an experiment.

    Attributes
    ----------
    datasets : dict of xarray.Dataset
        By label; all can be saved with :func:`tutelage.save`.
    figure : matplotlib.figure.Figure
        The picture, for one column of a paper.
    summary : dict of float
        The few numbers that show the finding, by what they are.
    """

    datasets: dict[str, xarray.Dataset]
    figure: Picture
    summary: dict[str, float]


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure of a paper that can be reproduced.

    Attributes
    ----------
    name : str
        "paper/figure".
    title : str
        What is looked at.
    finding : str
        One sentence: what the figure must show. A slow test asserts it on the data.
    reference : str
        Where the paper shows it.
    experiment : callable
        From parameters, whose defaults are those of the full figure, to a `Reproduction`.
    quick : mapping
        The parameters of a smaller version, a matter of seconds.
    """

    name: str
    title: str
    finding: str
    reference: str
    experiment: Callable[..., Reproduction]
    quick: Mapping[str, Any] = field(default_factory=dict)

    def run(self, quick: bool = False, **parameters: Any) -> Reproduction:
        """Run the experiment with the parameters of the full or the `quick` figure, or with others.

        The attribute ``figure`` of each dataset is the figure's name, by which :func:`tutelage.citation` knows the
        paper, and ``reproduction`` says the rest of what makes it again (:func:`tutelage.rerun`).
        """
        found = self.experiment(**{**(self.quick if quick else {}), **parameters})
        how = {"figure": self.name, "quick": bool(quick), "parameters": _held(parameters)}
        stamped = {
            label: ds.assign_attrs(figure=self.name, reproduction=json.dumps(how | {"label": label}))
            for label, ds in found.datasets.items()
        }
        return replace(found, datasets=stamped)


def _held(parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return parameters that a file can hold, else nothing."""
    try:
        json.dumps(parameters)
    except (TypeError, ValueError):
        return None
    return parameters


def catalogue() -> dict[str, Figure]:
    """Return all figures by name.

    Examples
    --------
    >>> catalogue()["goldt2019/surplus-units"].reference
    'Goldt et al., NeurIPS 2019, Fig. 2'
    """
    from importlib import import_module

    papers = (import_module(f"tutelage.papers.{paper}") for paper in PAPERS)
    figures = [figure for paper in papers for figure in paper.FIGURES]
    return {figure.name: figure for figure in figures}
