"""What ``tutelage doctor`` says: versions, the cache of compiled code, cores, a self-test, optional packages."""

from __future__ import annotations

import math
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

__all__ = ["report", "self_test"]

TOLERANCE = 1e-7
OPTIONAL = ("images",)  # extras a user may want; the others are for working on tutelage itself


def report() -> tuple[list[str], bool]:
    """Return what to print, line by line, and whether all is well."""
    folder, writable = cache()
    found, expected, seconds = self_test()
    right = abs(found - expected) <= TOLERANCE * expected
    lines = [f"tutelage {metadata.version('tutelage')}, Python {platform.python_version()}, {platform.platform()}"]
    lines += [f"  {line}" for line in _requirements(None)]
    for extra in OPTIONAL:
        lines += [f"  {line} (optional: tutelage[{extra}])" for line in _requirements(extra)]
    lines.append(f"compiled code: {folder} ({'writable' if writable else 'NOT writable: set NUMBA_CACHE_DIR'})")
    lines.append(f"cores: {cores()}")
    verdict = "right" if right else "WRONG"
    lines.append(f"self-test: eg = {found:.12f}, closed form {expected:.12f}, in {seconds:.1f} s: {verdict}")
    return lines, right and writable


def self_test() -> tuple[float, float, float]:
    """Return the error of a linear student at alpha = 2, its closed form, and the seconds it took.

    For K = M = 1 and v = v_star = 1 without noise, d eg / d alpha = -(2 lr - lr^2) eg.
    """
    from tutelage.online.ode import solve
    from tutelage.online.rule import OnlineSGD
    from tutelage.overlaps import Overlaps

    lr, alpha = 0.5, 2.0
    begin = time.perf_counter()
    ds = solve(OnlineSGD(activation="linear", lr=lr), Overlaps([[1.0]], [[0.25]], [[1.0]]), [alpha], progress=False)  # type: ignore[arg-type]
    expected = 0.75 * math.exp(-(2 * lr - lr**2) * alpha)
    return float(ds.eg.values[0]), expected, time.perf_counter() - begin


def cache() -> tuple[Path, bool]:
    """Return the folder of compiled code and whether it can be written to."""
    from numba import config

    import tutelage.kernels  # noqa: F401  (sets the folder)

    folder = Path(config.CACHE_DIR)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder, True
    except OSError:
        return folder, False


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _requirements(extra: str | None) -> Iterator[str]:
    """Yield name and version of the packages that tutelage needs, or that its `extra` does."""
    for requirement in metadata.requires("tutelage") or []:
        name, bound = re.match(r"([\w.-]+)\s*([^;]*)", requirement).groups()  # type: ignore[union-attr]
        wanted = re.search(r"extra\s*==\s*['\"](\w+)['\"]", requirement)
        if (wanted[1] if wanted else None) != extra:
            continue
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            yield f"{name} is not installed (wants {bound.strip()})"
