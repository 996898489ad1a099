"""The question that unticking a row asks."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QLineEdit, QMenu, QVBoxLayout, QWidget, QWidgetAction

from metadesk.gui.sheet.words import REASONS


class ReasonMenu(QMenu):
    """Common reasons, one click each, and a line for any other."""

    chosen = Signal(str)

    def __init__(self, what: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("reason_menu")
        self.setAccessibleName(self.tr("Reason for leaving out {}").format(what))
        heading = QLabel(self.tr("Leave out {} because of").format(what), self)
        heading.setContentsMargins(12, 8, 12, 4)
        heading.setEnabled(False)
        self._add(heading)
        for reason in REASONS:
            action = self.addAction(self.tr(reason))
            action.triggered.connect(lambda _=False, said=reason: self.chosen.emit(said))
        self.addSeparator()
        self.other = QLineEdit(self)
        self.other.setObjectName("other_reason")
        self.other.setAccessibleName(self.tr("Another reason"))
        self.other.setPlaceholderText(self.tr("Another reason, then Enter"))
        self.other.setMinimumWidth(220)
        self.other.returnPressed.connect(self._take_other)
        frame = QWidget(self)
        margins = QVBoxLayout(frame)
        margins.setContentsMargins(10, 4, 10, 6)
        margins.addWidget(self.other)
        self._add(frame)

    def _add(self, widget: QWidget) -> None:
        line = QWidgetAction(self)
        line.setDefaultWidget(widget)
        self.addAction(line)

    def _take_other(self) -> None:
        said = self.other.text().strip()
        if said:
            self.close()
            self.chosen.emit(said)
