"""The models in their three families; what the data cannot carry is greyed and says why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QLabel, QRadioButton, QVBoxLayout, QWidget

from metadesk.document import Note
from metadesk.gui.forms import Section
from metadesk.gui.results.notes import NoteList
from metadesk.gui.session import Session
from metadesk.gui.theme import set_role

if TYPE_CHECKING:
    from metadesk.analysis.suitability import Carried
    from metadesk.models.meta import StudyModel

INDENT = 22


class FamiliesBox(QWidget):
    """One button a model. ``chosen`` tells the key of the model that was clicked."""

    chosen = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("familiesBox")
        self._session = session
        self._shown: object = None
        self._group = QButtonGroup(self)
        self._radios: dict[str, QRadioButton] = {}
        self._words: dict[str, QLabel] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._caution = NoteList("modelCaution", self)
        self._fill()
        session.spec_changed.connect(self.refresh)
        session.prepared_changed.connect(self.refresh)
        session.table_changed.connect(self.refresh)
        self.refresh()

    def radio(self, model: str) -> QRadioButton:
        """The button of one model."""
        return self._radios[model]

    def reason(self, model: str) -> str:
        """What stands under the button: why it is greyed, or what the chosen model does."""
        return self._words[model].text()

    def show_cautions(self, notes: Sequence[Note]) -> None:
        """Show what speaks against the chosen model right under its button."""
        self._caution.show_notes(notes)

    def refresh(self) -> None:
        """Show which models the data can carry now, and the one that is chosen."""
        from metadesk.analysis.suitability import why_not
        from metadesk.models.meta import MODELS

        session = self._session
        found = self._found()
        now = (found, session.spec.model)
        if now == self._shown:
            return
        self._shown = now
        for entry in MODELS:
            lacking = why_not(entry, found)
            chosen = entry.key == session.spec.model
            radio, words = self._radios[entry.key], self._words[entry.key]
            radio.setEnabled(not lacking or chosen)
            radio.setChecked(chosen)
            radio.setToolTip(lacking or f"{entry.sentence}\n{entry.assumption}")
            radio.setAccessibleDescription(lacking or entry.sentence)
            words.setText(lacking or (entry.sentence if chosen else ""))
            words.setVisible(bool(lacking) or chosen)
            if chosen:
                column = self._more.column if entry.advanced else self._column
                for held in (self._column, self._more.column):
                    held.removeWidget(self._caution)  # else its old place counts in the new one
                column.insertWidget(column.indexOf(words) + 1, self._caution)
            if chosen and entry.advanced:
                self._more.open()

    def _found(self) -> Carried:
        from metadesk.analysis.suitability import carried

        session = self._session
        prepared = session.prepared
        measure = session.spec.measure or (prepared.measure if prepared is not None else "")
        k = sum(s.used for s in prepared.studies) if prepared is not None else session.table.n_rows
        roles = frozenset({**session.table.roles, **session.spec.roles})
        return carried(session.table, measure, k, roles)

    def _fill(self) -> None:
        from metadesk.models.meta import MODELS

        families = {
            "random": self.tr("Random effects"),
            "fixed": self.tr("Fixed effect"),
            "mixed": self.tr("Mixed effects"),
        }
        for family, title in families.items():
            heading = QLabel(title, self)
            heading.setObjectName(f"family-{family}")
            heading.setContentsMargins(0, 6, 0, 0)
            set_role(heading, "field")
            self._column.addWidget(heading)
            for entry in MODELS:
                if entry.shelf == family and not entry.advanced:
                    self._add(entry, self._column)
        self._more = Section(self.tr("More models"), "moreModels", opened=False)
        for entry in MODELS:
            if entry.advanced:
                self._add(entry, self._more.column)
        self._column.addWidget(self._more)

    def _add(self, entry: StudyModel, column: QVBoxLayout) -> None:
        radio = QRadioButton(entry.short or entry.title, self)
        radio.setObjectName(f"model-{entry.key}")
        radio.setAccessibleName(entry.title)
        radio.clicked.connect(lambda: self.chosen.emit(entry.key))
        self._group.addButton(radio)
        self._radios[entry.key] = radio
        words = QLabel(self)
        words.setObjectName(f"modelWords-{entry.key}")
        words.setWordWrap(True)
        words.setContentsMargins(INDENT, 0, 0, 4)
        set_role(words, "muted")
        self._words[entry.key] = words
        column.addWidget(radio)
        column.addWidget(words)
