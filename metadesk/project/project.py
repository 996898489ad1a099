"""What is kept of a session: a value that a file, the journal and the window share.

Light enough for the window's start: nothing here needs numpy or a reader of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from metadesk import __version__
from metadesk.analysis.trial_spec import AnySpec
from metadesk.table import StudyTable

PROJECT_VERSION = 1
HIDDEN = "metadesk"  # the sheet of a workbook in which metadesk keeps what a spreadsheet cannot
NO_OPTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class Source:
    """The file that the data came from first: its name and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True)
class ProjectSheet:
    """One sheet: what was typed, what is asked of it, how its figures look.

    ``figure_options`` maps a plot's key to the options of it that were chosen.
    """

    table: StudyTable
    spec: AnySpec
    figure_options: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: NO_OPTIONS)


@dataclass(frozen=True)
class Project:
    """Everything that a person would miss after closing the program.

    Attributes
    ----------
    sheets : tuple of ProjectSheet
        At least one, in the order of the workbook.
    active : int
        The position of the sheet in front.
    source : Source or None
        Where the data came from; None for sheets that were typed here.
    app_version : str
        The metadesk that wrote it.
    version : int
        The version of the form in which it is written.
    remark : str
        What a person should know after reading it, as one sentence; never written.
    """

    sheets: tuple[ProjectSheet, ...]
    active: int = 0
    source: Source | None = None
    app_version: str = __version__
    version: int = PROJECT_VERSION
    remark: str = field(default="", compare=False)


def source_of(path: Path) -> Source:
    """Name and fingerprint of the file that data come from."""
    import hashlib

    with path.open("rb") as file:
        return Source(path.name, hashlib.file_digest(file, "sha256").hexdigest())
