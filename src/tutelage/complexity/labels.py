"""Labels of any kind as codes 0, 1, ..., and how often codes occur together."""

from __future__ import annotations

from typing import Any

import numpy as np

from tutelage.errors import refuse

__all__ = ["checked_table", "codes", "joint_counts"]

ROUNDING = 1e-9  # that a table may miss the sum of 1 by
KINDS = "biufSUO"  # truth values, numbers, text, objects


def codes(**labels: Any) -> list[np.ndarray]:
    """Return labels (N,) as integers 0, 1, ..., one array for each argument, in its order.

    Raises
    ------
    ArgumentError
        Naming the argument: unless all have one dimension and the same length, at least one sample, and no label that
        is missing (NaN, None).
    """
    found = {name: _coded(name, each) for name, each in labels.items()}
    (first, expected), *others = ((name, len(each)) for name, each in found.items())
    for name, length in others:
        if length != expected:
            raise refuse(name, f"have a label for each of the {expected} samples of `{first}`", f"has {length}")
    return list(found.values())


def _coded(name: str, labels: Any) -> np.ndarray:
    must = "be labels of shape (N,), such as integers, text or truth values"
    try:
        given = np.asarray(labels)
    except ValueError:
        raise refuse(name, must, f"is {labels!r:.60}") from None
    if given.ndim != 1:
        raise refuse(name, must, f"has shape {given.shape}")
    if not len(given):
        raise refuse(name, "have a label for at least one sample", "is empty")
    if given.dtype.kind not in KINDS:
        raise refuse(name, must, f"has the dtype {given.dtype}")
    if given.dtype.kind == "O":
        return _coded_objects(name, given)
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        raise refuse(name, "have a label for every sample", "contains NaN or infinity")
    return np.unique(given, return_inverse=True)[1]


def _coded_objects(name: str, given: np.ndarray) -> np.ndarray:
    known: dict[Any, int] = {}
    for label in given:
        if label is None or label != label:
            raise refuse(name, "have a label for every sample", f"contains {label!r}")
        try:
            known.setdefault(label, len(known))
        except TypeError:
            raise refuse(name, "hold integers, text or truth values", f"contains {label!r:.40}") from None
    return np.array([known[label] for label in given])


def joint_counts(*parts: np.ndarray) -> np.ndarray:
    """Return how often each combination of codes occurs: positive integers, in no particular order."""
    joint, size = parts[0], int(parts[0].max()) + 1
    for each in parts[1:]:
        joint, size = _dense(joint, size, len(each))
        width = int(each.max()) + 1
        joint, size = joint * width + each, size * width
    if size > 4 * len(joint) + 1000:
        return np.unique(joint, return_counts=True)[1]
    found = np.bincount(joint)
    return found[found > 0]


def _dense(joint: np.ndarray, size: int, samples: int) -> tuple[np.ndarray, int]:
    """Return codes that leave out what does not occur, where products of sizes could overflow."""
    if size <= 4 * samples + 1000:
        return joint, size
    values, again = np.unique(joint, return_inverse=True)
    return again, len(values)


def checked_table(name: str, table: Any, axes: str) -> np.ndarray:
    """Return a table of joint probabilities with these axes (one letter each), its sum set right to rounding."""
    try:
        given = np.asarray(table)
        P = np.array(given, np.float64) if given.dtype.kind in "iuf" else None
    except (TypeError, ValueError):
        P = None
    if P is None:
        raise refuse(name, "be a table of probabilities", f"is {' '.join(f'{table!r:.60}'.split())}")
    if P.ndim != len(axes) or not P.size:
        raise refuse(name, f"be a table with the axes ({', '.join(axes)})", f"has shape {P.shape}")
    if not np.isfinite(P).all():
        raise refuse(name, "be finite", "contains NaN or infinity")
    if (P < 0).any():
        raise refuse(name, "hold probabilities >= 0", f"contains {P.min():g}")
    if abs(P.sum() - 1) > ROUNDING:
        raise refuse(
            name, "hold probabilities of sum 1 (of counts, give counts / counts.sum())", f"sums to {P.sum():g}"
        )
    return P / P.sum()
