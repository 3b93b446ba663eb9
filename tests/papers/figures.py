"""What tests of all papers share: each figure is made once, in its quick and its full size, and can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tutelage.cli.experiment import filename
from tutelage.papers import Reproduction, catalogue
from tutelage.plot import save as save_picture
from tutelage.results import load, save

BOTH = pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["quick", "full"])


@cache
def figure(paper: str, name: str, quick: bool) -> Reproduction:
    """Return a figure of a paper, made when it is first asked for."""
    return catalogue()[f"{paper}/{name}"].run(quick=quick)


def assert_catalogue_has(paper: str, names: Sequence[str]) -> None:
    """Assert that the figures of a paper are these, in this order."""
    assert [name for name in catalogue() if name.startswith(f"{paper}/")] == [f"{paper}/{name}" for name in names]


def assert_can_be_kept(found: Reproduction, folder: Path) -> None:
    """Assert that data come back from files as they were, each from its own, that the picture is one, and a summary."""
    files = {label: folder / f"{filename(label)}.nc" for label in found.datasets}
    assert len(set(files.values())) == len(files) > 0
    for label, ds in found.datasets.items():
        assert load(save(ds, files[label])).identical(ds)
    assert save_picture(found.figure, folder / "figure.png").stat().st_size > 10_000
    assert found.summary
    assert all(isinstance(value, float) and np.isfinite(value) for value in found.summary.values())
