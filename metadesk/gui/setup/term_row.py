"""One moderator in the list: what kind it is, and how it is coded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QToolButton, QWidget

from metadesk.gui.forms import QuietCombo, QuietSpin
from metadesk.gui.theme import icon, set_role, tones
from metadesk.table import StudyTable, is_missing, shown

if TYPE_CHECKING:
    from metadesk.models.meta.design import Continuous, Factor, Term

MOST_LEVELS = 60


class TermRow(QFrame):
    """``changed`` tells the new term, ``removed`` that it shall go."""

    changed = Signal(object)
    removed = Signal()

    def __init__(
        self, name: str, term: Term, table: StudyTable, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.term = term
        self._table = table
        set_role(self, "card-note")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(10, 6, 6, 6)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._add_head()
        self._add_coding()

    def _add_head(self) -> None:
        from metadesk.models.meta.design import Interaction

        parts = self.term.parts if isinstance(self.term, Interaction) else (self.term,)
        title = QLabel(" × ".join(part.column for part in parts), self)
        title.setWordWrap(True)
        set_role(title, "title")
        remove = QToolButton(self)
        remove.setObjectName(f"{self.objectName()}-remove")
        remove.setAccessibleName(self.tr("Take {0} out").format(title.text()))
        remove.setToolTip(remove.accessibleName())
        remove.setIcon(icon("close", tones().muted))
        set_role(remove, "flat")
        remove.clicked.connect(lambda: self.removed.emit())
        self._grid.addWidget(title, 0, 0, 1, 2)
        self._grid.addWidget(remove, 0, 2)

    def _add_coding(self) -> None:
        from metadesk.models.meta.design import Continuous, Factor

        match self.term:
            case Continuous():
                self._add_kind(number=True)
                self._add_number(self.term)
            case Factor():
                self._add_kind(number=False)
                self._add_factor(self.term)

    def _add_kind(self, *, number: bool) -> None:
        """Numbers may be read as categories; words are never numbers."""
        from metadesk.analysis.readers import worded

        combo = self._combo("kind", self.tr("Read as"))
        combo.addItem(self.tr("a number"), "number")
        combo.addItem(self.tr("categories"), "factor")
        combo.setCurrentIndex(0 if number else 1)
        combo.setEnabled(self.term.columns[0] not in worded(self._table))
        combo.activated.connect(lambda: self._change_kind(str(combo.currentData())))

    def _add_number(self, term: Continuous) -> None:
        centre = self._combo("centre", self.tr("Zero stands at"))
        centre.addItem(self.tr("its own zero"), None)
        centre.addItem(self.tr("its mean (centred)"), "mean")
        if isinstance(term.centre, float | int):
            centre.addItem(f"{term.centre:g}", term.centre)
        centre.setCurrentIndex(max(centre.findData(term.centre), 0))
        centre.activated.connect(
            lambda: self.changed.emit(replace(term, centre=centre.currentData()))
        )
        power = QuietSpin(self)
        power.setKeyboardTracking(False)
        power.setRange(1, 6)
        power.setValue(term.power)
        power.valueChanged.connect(lambda n: self.changed.emit(replace(term, power=int(n))))
        self._place(power, "power", self.tr("Power"))

    def _add_factor(self, term: Factor) -> None:
        from metadesk.models.meta.design import CONTRASTS

        reference = self._combo("reference", self.tr("Reference"))
        reference.addItem(self.tr("the first level"), None)
        for level in levels_in(self._table, term.column):
            reference.addItem(level, level)
        reference.setCurrentIndex(max(reference.findData(term.reference), 0))
        reference.activated.connect(
            lambda: self.changed.emit(replace(term, reference=reference.currentData()))
        )
        contrast = self._combo("contrast", self.tr("Compare"))
        for key, words in CONTRASTS.items():
            contrast.addItem(words, key)
        contrast.setCurrentIndex(contrast.findData(term.contrast))
        contrast.activated.connect(
            lambda: self.changed.emit(replace(term, contrast=str(contrast.currentData())))
        )

    def _change_kind(self, kind: str) -> None:
        from metadesk.models.meta.design import Continuous, Factor

        column = self.term.columns[0]
        term = Continuous(column) if kind == "number" else Factor(column)
        if type(term) is not type(self.term):
            self.changed.emit(term)

    def _combo(self, name: str, title: str) -> QuietCombo:
        combo = QuietCombo(self)
        self._place(combo, name, title)
        return combo

    def _place(self, widget: QWidget, name: str, title: str) -> None:
        widget.setObjectName(f"{self.objectName()}-{name}")
        widget.setAccessibleName(f"{title}: {', '.join(self.term.columns)}")
        label = QLabel(title, self)
        label.setBuddy(widget)
        set_role(label, "field")
        row = self._grid.rowCount()
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(widget, row, 1, 1, 2)


def levels_in(table: StudyTable, name: str) -> tuple[str, ...]:
    """The different words of a column, as they come."""
    column = table.column(name)
    words = dict.fromkeys(shown(v).strip() for v in column.cells if not is_missing(v))
    return tuple(words)[:MOST_LEVELS]
