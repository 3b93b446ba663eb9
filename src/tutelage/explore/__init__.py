"""A page to explore learning curves in the browser: one HTML file that needs no server and no network."""

from __future__ import annotations

from tutelage.explore.assemble import assemble
from tutelage.explore.given import setting
from tutelage.problem import Problem

__all__ = ["page", "setting"]


def page(problem: Problem | None = None) -> str:
    r"""Return the page that ``tutelage explore`` writes, as the text of an HTML file.

    It integrates the equations of :func:`tutelage.solve` as controls move, runs SGD at finite N as the exact chain of
    :func:`tutelage.simulate`, and shows two teachers with a switch (:mod:`tutelage.continual`). Scalings are the
    package's: steps :math:`(\eta/\sqrt N)` error :math:`v g' x` and :math:`(\eta_v/N)` error :math:`g`, time steps / N,
    an error with the factor 1/2 and without label noise.

    Parameters
    ----------
    problem : tutelage.problem.Problem, optional
        What the page opens with, its start as overlaps; default: an erf student of three units of a teacher of two.

    Returns
    -------
    str
        Below 300 kB.

    Raises
    ------
    ArgumentError
        Naming the key of a problem that the page cannot show.

    Examples
    --------
    >>> text = page()
    >>> text.startswith("<!doctype html>"), len(text.encode()) < 300_000
    (True, True)
    """
    return assemble(None if problem is None else setting(problem))
