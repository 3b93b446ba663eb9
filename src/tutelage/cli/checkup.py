"""What ``tutelage doctor`` says: versions, the cache of compiled code, cores, a self-test, optional packages."""

from __future__ import annotations

import math
import platform
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from tutelage.online.runs import cores_allowed

__all__ = ["report", "self_test"]

TOLERANCE = 1e-7
OPTIONAL = ("images", "cluster")  # extras a user may want; the others are for working on tutelage itself


def report(say: Callable[[str], object] = print) -> bool:
    """Hand what there is to say to `say`, line by line, and return whether all is well."""
    say(f"tutelage {metadata.version('tutelage')}, Python {platform.python_version()}, {platform.platform()}")
    for line in _requirements(None):
        say(f"  {line}")
    for extra in OPTIONAL:
        for line in _requirements(extra):
            say(f"  {line} (optional: tutelage[{extra}])")
    folder, writable = cache()
    say(f"compiled code: {folder} ({'writable' if writable else 'NOT writable: set NUMBA_CACHE_DIR'})")
    say(f"cores: {cores_allowed()}")
    say("self-test: a linear student against its closed form; the first time, this compiles for up to a minute")
    found, expected, seconds = self_test()
    right = abs(found - expected) <= TOLERANCE * expected
    say(f"  eg = {found:.12f}, expected {expected:.12f}, in {seconds:.1f} s: {'right' if right else 'WRONG'}")
    return right and writable


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
