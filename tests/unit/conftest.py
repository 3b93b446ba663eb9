"""What tests of several files work with."""

import pytest
from commanding import SMALL


@pytest.fixture
def in_a_folder(tmp_path, monkeypatch):
    """Work in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small(tmp_path):
    """A problem file that runs in a moment."""
    file = tmp_path / "small.toml"
    file.write_text(SMALL)
    return str(file)
