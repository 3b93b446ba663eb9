"""Compiled building blocks for hot loops; they import nothing of ours but each other.

Compiled code is cached in the user's cache folder, one folder for each state of the sources: Numba's own cache does not
see that a function called from another file has changed. ``NUMBA_CACHE_DIR`` is honoured where it is set.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from numba import config

__all__: list[str] = []


def _cache_folder() -> Path:
    """Return a folder for compiled code whose name depends on every compiled source."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for source in sorted([*package.glob("kernels/*.py"), *package.glob("*/kernels/*.py")]):
        digest.update(source.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "tutelage" / f"numba-{digest.hexdigest()[:12]}"


if "NUMBA_CACHE_DIR" not in os.environ:
    config.CACHE_DIR = str(_cache_folder())
