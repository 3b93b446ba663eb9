"""How far to trust a measure: its scatter, by the bootstrap, and what labels without information would give."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tutelage.complexity.labels import codes
from tutelage.complexity.measures import (
    UndersampledWarning,
    conditional_mutual_information,
    mutual_information,
    performance_correlation,
)
from tutelage.errors import check_count, refuse

__all__ = ["bootstrap", "shuffled", "standard_error"]

MEASURES = (mutual_information, conditional_mutual_information, performance_correlation)
Measure = Callable[..., float]


def bootstrap(measure: Measure, *labels: Any, draws: int = 200, seed: int = 0, **options: Any) -> np.ndarray:
    """Return a measure of samples drawn anew, with replacement, (draws,).

    Parameters
    ----------
    measure : callable
        :func:`mutual_information`, :func:`conditional_mutual_information` or :func:`performance_correlation`.
    *labels, **options
        Its arguments.
    draws, seed : int

    Raises
    ------
    ArgumentError
        For another measure, and as the measure itself.

    Notes
    -----
    Plug-in estimates of samples drawn anew are more biased than that of the samples themselves: take from here the
    scatter, not the mean.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(200) % 2
    >>> f = np.where(np.arange(200) < 40, 1 - y, y)
    >>> values = bootstrap(mutual_information, f, y)
    >>> bool(values.min() < mutual_information(f, y) < values.max())
    True
    """
    parts, options = _arguments(measure, labels, options)
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    samples = len(next(iter(parts.values())))
    chosen = (rng.integers(samples, size=samples) for _ in range(check_count("draws", draws)))
    return _values(measure, ({name: each[rows] for name, each in parts.items()} for rows in chosen), options)


def standard_error(measure: Measure, *labels: Any, draws: int = 200, seed: int = 0, **options: Any) -> float:
    """Return the standard error of a measure: the standard deviation of its :func:`bootstrap`.

    Parameters
    ----------
    measure, *labels, **options
        As of :func:`bootstrap`.
    draws : int
        At least 2.
    seed : int

    Returns
    -------
    float
        In bits, with the denominator draws - 1.

    Raises
    ------
    ArgumentError
        As of :func:`bootstrap`, and for fewer draws.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(200) % 2
    >>> f = np.where(np.arange(200) < 40, 1 - y, y)
    >>> 0.02 < standard_error(mutual_information, f, y) < 0.10
    True
    """
    check_count("draws", draws, minimum=2)
    return float(bootstrap(measure, *labels, draws=draws, seed=seed, **options).std(ddof=1))


def shuffled(measure: Measure, *labels: Any, draws: int = 200, seed: int = 0, **options: Any) -> np.ndarray:
    """Return a measure with the labels y in random order, (draws,): what no information would give.

    Predictions stay together, so that a classifier and a simpler one keep what they have in common. A measure is
    evidence where it lies outside of these values; their mean is the bias of labels without information.

    Parameters
    ----------
    measure, *labels, draws, seed, **options
        As of :func:`bootstrap`.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(200) % 2
    >>> f = np.where(np.arange(200) < 40, 1 - y, y)
    >>> bool(shuffled(mutual_information, f, y).max() < mutual_information(f, y))
    True
    """
    parts, options = _arguments(measure, labels, options)
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    orders = (rng.permutation(parts["y"]) for _ in range(check_count("draws", draws)))
    return _values(measure, (parts | {"y": y} for y in orders), options)


def _arguments(measure: Any, labels: tuple[Any, ...], options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the label arrays of a call by name, coded, and the other arguments; refuse what the measure would."""
    if measure not in MEASURES:
        raise refuse("measure", f"be one of {', '.join(each.__name__ for each in MEASURES)}", f"is {measure!r:.60}")
    try:
        bound = inspect.signature(measure).bind(*labels, **options)
    except TypeError as error:
        raise refuse("labels", f"be the arguments of {measure.__name__}", f"has {error}") from None
    parts, rest = dict(bound.arguments), {}
    if "correction" in parts:
        rest["correction"] = parts.pop("correction")
    measure(**parts, **rest)  # warns, and refuses
    return dict(zip(parts, codes(**parts), strict=True)), rest


def _values(measure: Measure, parts: Any, options: dict[str, Any]) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersampledWarning)  # said once, of the samples themselves
        return np.array([measure(**each, **options) for each in parts])
