"""The journal: what a session holds that no file has yet, for the day on which the program dies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from metadesk.errors import FileProblem
from metadesk.project.plain import in_pieces, project_from_plain, project_plain
from metadesk.project.project import Project
from metadesk.saving import save_bytes

SUFFIX = ".journal"


@dataclass(frozen=True)
class Journal:
    """A project in the middle of work.

    Attributes
    ----------
    project : Project
    path : str
        The file that was open, '' for sheets that were never saved.
    own : bool
        Whether that file is a project, which saving may replace.
    when : str
        Date and time of the last change, as ISO text.
    """

    project: Project
    path: str = ""
    own: bool = False
    when: str = ""

    @property
    def name(self) -> str:
        """What the window called it, '' for sheets that were never saved."""
        return Path(self.path).name if self.path else ""


def write_journal(journal: Journal, path: Path) -> Path:
    """Write a journal, whole or not at all."""
    plain = {
        "journal": 1,
        "path": journal.path,
        "own": journal.own,
        "when": journal.when,
        "project": project_plain(journal.project),
    }
    return save_bytes(path, in_pieces(plain).encode("ascii"))


def read_journal(path: Path) -> Journal:
    """Read a journal.

    Raises
    ------
    FileProblem
        If it cannot be read, or was written by a newer metadesk.
    """
    try:
        plain = json.loads(path.read_bytes())
        parts = (str(plain["path"]), bool(plain["own"]), str(plain["when"]))
        return Journal(project_from_plain(plain["project"]), *parts)
    except (OSError, ValueError, KeyError, TypeError) as reason:
        raise FileProblem(f"The journal '{path}' cannot be read.") from reason
