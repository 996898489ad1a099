"""Where shipped files lie: beside the package in a checkout, inside the bundle once installed."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path


@cache
def resource_dir() -> Path:
    """Return the folder that holds ``examples``, ``fonts`` and ``icons``."""
    bundled = getattr(sys, "_MEIPASS", None)
    places = [Path(bundled) / "resources"] if bundled else []
    here = Path(__file__).resolve().parent
    places += [here.parent / "resources", here / "resources"]
    for place in places:
        if place.is_dir():
            return place
    return places[0]


def example(name: str) -> Path:
    """Return the path of a bundled example workbook."""
    return resource_dir() / "examples" / name


def font(name: str) -> Path:
    """Return the path of a bundled font file."""
    return resource_dir() / "fonts" / name
