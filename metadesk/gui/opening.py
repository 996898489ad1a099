"""Reading a file behind the window: all its sheets as tables with guessed roles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from metadesk.gui.jobs import Tell
from metadesk.gui.session import Session
from metadesk.numerics.progress import Progress
from metadesk.project import Project, Source
from metadesk.project.project import HIDDEN, source_of
from metadesk.table import StudyTable


@dataclass(frozen=True)
class OpenedBook:
    """The sheets of a file; ``active`` is the first that holds effects.

    ``project`` is what metadesk kept in the file; None for a file from elsewhere, then ``source``
    says which bytes were read.
    """

    path: Path
    tables: tuple[StudyTable, ...]
    active: int = 0
    project: Project | None = None
    source: Source | None = None


class Opener(QObject):
    """Reads in the worker; the file asked for last wins."""

    opened = Signal(object)
    failed = Signal(str)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = session.new_lane(newest_wins=True)
        self._lane.done.connect(lambda _, book: self.opened.emit(book))
        self._lane.failed.connect(lambda _, sentence: self.failed.emit(sentence))

    def forget(self) -> None:
        """Let go of a file that is being read."""
        self._lane.forget()

    def open(self, path: Path) -> None:
        """Read a file."""

        def work(progress: Progress, _tell: Tell) -> object:
            return read_book(path, progress)

        self._lane.start(work)


def read_book(path: Path, progress: Progress) -> OpenedBook:
    """Read every visible sheet of a file and guess what its columns are.

    Raises
    ------
    FileProblem
        If the file cannot be read; the sentence says why.
    """
    from metadesk.formats import guess_roles, read_workbook

    book = read_workbook(path)
    if any(sheet.name == HIDDEN for sheet in book.sheets):
        from metadesk.project.file import project_in

        if (project := project_in(book)) is not None:
            tables_kept = tuple(sheet.table for sheet in project.sheets)
            return OpenedBook(path, tables_kept, project.active, project)
    sheets = book.visible or tuple(s for s in book.sheets if not s.is_empty)
    tables: list[StudyTable] = []
    active = -1
    for at, sheet in enumerate(sheets):
        progress.step(at / len(sheets), sheet.name)
        guess = guess_roles(sheet.table())
        if active < 0 and guess.holds_effects:
            active = at
        tables.append(guess.table)
    front = tables[max(active, 0)]
    tables[max(active, 0)] = replace(front, remarks=(*front.remarks, *book.hidden_remark))
    return OpenedBook(path, tuple(tables), max(active, 0), source=source_of(path))
