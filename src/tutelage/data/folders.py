"""Where files of images lie that a machine may have; nothing is downloaded, the error says how to get them."""

from __future__ import annotations

import os
from pathlib import Path

from tutelage.errors import refuse

__all__ = ["SYSTEM", "VARIABLE", "fashion_folder"]

VARIABLE = "TUTELAGE_DATA"
SYSTEM = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist


def fashion_folder() -> Path:
    """Return the folder with the files of Fashion-MNIST, or refuse, saying how to get them.

    Looked through in turn: the folder that the environment variable TUTELAGE_DATA names, ``fashion-mnist`` in it, and
    the folder of Debian's package.
    """
    own = os.environ.get(VARIABLE)
    places = [*([Path(own), Path(own) / "fashion-mnist"] if own else []), SYSTEM]
    for place in places:
        if any((place / f"train-images-idx3-ubyte{ending}").is_file() for ending in ("", ".gz")):
            return place
    raise refuse(
        "folder",
        "name the folder of Fashion-MNIST's four IDX files where they lie elsewhere (they are in Debian's package "
        f"dataset-fashion-mnist and at https://github.com/zalandoresearch/fashion-mnist; {VARIABLE} may name it too)",
        f"was not given, and they are not in {' or '.join(map(str, places))}",
    )
