"""The journal of unsaved changes, and the offer to restore what a session that died left behind.

Each window keeps one journal with a lock beside it. A journal whose lock nobody holds belongs to a
program that ended without closing its window.
"""

from __future__ import annotations

import logging
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QDateTime, QLocale, QLockFile, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from metadesk.errors import FileProblem
from metadesk.gui.jobs import Tell
from metadesk.gui.session import Session
from metadesk.numerics.progress import Progress
from metadesk.project.journal import SUFFIX, Journal, read_journal, write_journal

log = logging.getLogger(__name__)
DELAY_MS = 1000  # a change is in the journal at most about this long after it was made


@dataclass(frozen=True)
class Place:
    """Where a journal lies, and the lock that says whose it is."""

    path: Path
    lock: QLockFile

    def clear(self) -> None:
        """Remove the journal and let go of its lock."""
        self.path.unlink(missing_ok=True)
        self.lock.unlock()


class Recovery(QObject):
    """Writes the journal a moment after a change, clears it when all is saved or given up."""

    written = Signal(object)  # the path
    restored = Signal()

    def __init__(self, session: Session, folder: Path, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._folder = folder
        self._window = window
        self._place: Place | None = None
        self._left: list[tuple[Place, Journal]] = []
        self._lane = session.new_lane(newest_wins=False)
        self._lane.done.connect(self._on_written)
        self._lane.failed.connect(lambda _, sentence: log.warning("journal: %s", sentence))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self._write)
        session.undo_group.indexChanged.connect(self._changed)
        session.figure_changed.connect(self._changed)
        session.saved_changed.connect(self._changed)

    # -- keeping ----------------------------------------------------------------------------------

    def _changed(self) -> None:
        if not self._session.edited:
            self.clear()
        elif not self._timer.isActive():  # not started anew: steady typing is written too
            self._timer.start()

    def _write(self) -> None:
        if not self._session.edited:
            return
        if self._lane.busy:
            self._timer.start()
            return
        path = self._own_place().path
        session = self._session
        journal = Journal(
            session.project(),
            str(session.path or ""),
            session.own,
            datetime.now().isoformat(timespec="seconds"),
        )

        def work(_progress: Progress, _tell: Tell) -> object:
            return write_journal(journal, path)

        self._lane.start(work)

    def _own_place(self) -> Place:
        if self._place is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
            lock = _lock_of(path)
            lock.tryLock(0)
            self._place = Place(path, lock)
        return self._place

    def _on_written(self, _number: int, path: object) -> None:
        if self._session.edited:
            self.written.emit(path)
        else:
            self.clear()

    def clear(self) -> None:
        """Remove the journal: everything is saved, or the person let it go."""
        self._timer.stop()
        if self._place is not None and not self._lane.busy:
            self._place.clear()
            self._place = None

    # -- restoring --------------------------------------------------------------------------------

    def offer(self) -> None:
        """Ask what to do with changes that an ended program left behind, the newest first."""
        self._left = sorted(abandoned(self._folder), key=lambda left: left[1].when)
        self._offer_next()

    def _offer_next(self) -> None:
        if not self._left:
            return
        place, journal = self._left.pop()
        box = QMessageBox(self._window)
        box.setObjectName("restoreBox")
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(self.tr("metadesk closed unexpectedly."))
        name = f"'{journal.name}'" if journal.name else self.tr("a new sheet")
        words = self.tr("Your unsaved changes of {0} from {1} can be restored.")
        box.setInformativeText(words.format(name, _when(journal.when)))
        restore = box.addButton(self.tr("Restore"), QMessageBox.ButtonRole.AcceptRole)
        discard = box.addButton(self.tr("Discard"), QMessageBox.ButtonRole.DestructiveRole)
        later = box.addButton(self.tr("Later"), QMessageBox.ButtonRole.RejectRole)
        named = ((restore, "restoreGo"), (discard, "restoreDiscard"), (later, "restoreLater"))
        for button, object_name in named:
            button.setObjectName(object_name)
        box.setDefaultButton(restore)
        box.setEscapeButton(later)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        restore.clicked.connect(lambda: self._restore(place, journal))
        discard.clicked.connect(lambda: self._discard(place))
        later.clicked.connect(place.lock.unlock)
        box.open()

    def _restore(self, place: Place, journal: Journal) -> None:
        for other, _ in self._left:
            other.lock.unlock()
        self._left.clear()
        path = Path(journal.path) if journal.path else None
        self._session.open_project(journal.project, path, own=journal.own, unsaved=True)
        if self._place is not None:
            self._place.clear()
        self._place = place  # what is restored stays in its journal until it is saved
        self.restored.emit()

    def _discard(self, place: Place) -> None:
        place.clear()
        self._offer_next()


def abandoned(folder: Path) -> list[tuple[Place, Journal]]:
    """The journals of programs that have ended, each with its lock taken."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        lock = _lock_of(path)
        if not lock.tryLock(0):
            continue  # another window is at work
        try:
            found.append((Place(path, lock), read_journal(path)))
        except FileProblem as problem:
            log.warning("%s", problem)
            lock.unlock()
    return found


def _lock_of(path: Path) -> QLockFile:
    lock = QLockFile(str(path.with_suffix(".lock")))
    lock.setStaleLockTime(0)  # a lock is old when its program has ended, not after a time
    return lock


def _when(iso: str) -> str:
    """Date and time as this computer writes them."""
    moment = QDateTime.fromString(iso, Qt.DateFormat.ISODate)
    return QLocale().toString(moment, QLocale.FormatType.ShortFormat) if moment.isValid() else iso
