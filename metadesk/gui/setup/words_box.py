"""The words of this review: title, groups, and what each side of the plot favours."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget

from metadesk.gui.session import Session
from metadesk.gui.theme import set_role


class WordsBox(QWidget):
    """One line a word; each change is one undoable step."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("wordsBox")
        self._session = session
        self._lines: dict[str, QLineEdit] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        for name, title, example in (
            ("title", self.tr("Title"), ""),
            ("outcome", self.tr("Outcome"), ""),
            ("group1", self.tr("First group"), self.tr("Treatment")),
            ("group2", self.tr("Second group"), self.tr("Control")),
            ("favours_left", self.tr("Left of no effect"), self.tr("Favours …")),
            ("favours_right", self.tr("Right of no effect"), self.tr("Favours …")),
        ):
            self._add(name, title, example)
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def line(self, name: str) -> QLineEdit:
        """The line of one word."""
        return self._lines[name]

    def refresh(self) -> None:
        """Show the words of the request."""
        for name, line in self._lines.items():
            words = getattr(self._session.spec.labels, name)
            if line.text() != words:
                line.setText(words)

    def _add(self, name: str, title: str, example: str) -> None:
        line = QLineEdit(self)
        line.setObjectName(f"words-{name}")
        line.setAccessibleName(title)
        line.setPlaceholderText(example)
        line.editingFinished.connect(lambda: self._set(name, title))
        label = QLabel(title, self)
        label.setBuddy(line)
        set_role(label, "field")
        self._column.addWidget(label)
        self._column.addWidget(line)
        self._lines[name] = line

    def _set(self, name: str, title: str) -> None:
        spec, words = self._session.spec, self._lines[name].text().strip()
        labels = replace(spec.labels, **{name: words})
        self._session.set_spec(replace(spec, labels=labels), self.tr("Words: {0}").format(title))
