"""Advice and notes as calm cards: colour, sign and words say how much each matters."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from metadesk.document import Note
from metadesk.gui.theme import icon, set_role, tones

_SIGNS = {"note": "info", "caution": "caution", "strong": "strong", "stop": "strong"}


class NoteCard(QFrame):
    """One note with its sign, its words and its source."""

    def __init__(self, note: Note, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.note = note
        self.setObjectName(f"note-{note.code or 'plain'}")
        title = severity_title(note.severity)
        self.setAccessibleName(f"{title}: {note.text}")
        set_role(self, f"card-{note.severity}")
        colour = getattr(tones(), {"stop": "strong"}.get(note.severity, note.severity))
        sign = QLabel(self)
        sign.setPixmap(icon(_SIGNS[note.severity], colour).pixmap(QSize(20, 20)))
        sign.setAccessibleName(title)
        sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        sign.setContentsMargins(0, 1, 0, 0)
        words = QLabel(self)
        words.setWordWrap(True)
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setText(note.text)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words.setAccessibleName(note.text)
        column = QVBoxLayout()
        column.setSpacing(2)
        if note.severity != "note":
            head = QLabel(title, self)
            head.setStyleSheet(f"color: {colour}; font-weight: 600;")
            column.addWidget(head)
        column.addWidget(words)
        if note.source:
            self.setToolTip(self.tr("Source: {0}").format(note.source))
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 8, 10, 8)
        row.setSpacing(8)
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)


def severity_title(severity: str) -> str:
    """How much a note matters, in a word."""
    return {"note": "Note", "caution": "Caution", "strong": "Important", "stop": "Stop"}[severity]


class NoteList(QWidget):
    """Cards under each other."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._notes: tuple[Note, ...] = ()
        self._scheme = ""
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes that are shown."""
        return self._notes

    def show_notes(self, notes: Iterable[Note]) -> None:
        """Show these notes; nothing moves if they are the ones already there."""
        wanted = tuple(notes)
        if wanted == self._notes and self._scheme == tones().scheme:
            return
        self._notes, self._scheme = wanted, tones().scheme
        while (item := self._column.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for note in wanted:
            self._column.addWidget(NoteCard(note, self))
        self.setVisible(bool(wanted))
