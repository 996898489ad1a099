"""Sending the effect of a trial into a meta-analysis of the same workbook."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.analysis.trial_spec import holds_trial
from metadesk.document import format_value
from metadesk.errors import MetadeskError
from metadesk.gui.forms import QuietCombo
from metadesk.gui.session import Session
from metadesk.gui.theme import panel_css, set_role, tones

NEW = -1


class BridgeDialog(QDialog):
    """Asks for the name of the study and the sheet it goes to, and shows the row."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bridgeDialog")
        self.setWindowTitle(self.tr("Into a meta-analysis"))
        self.setMinimumWidth(440)
        self._session = session
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        result = session.trial_result
        title = result.spec.labels.title if result is not None else ""
        self.name = QLineEdit(title or session.table.name, self)
        self.name.setObjectName("bridgeName")
        self.target = QuietCombo(self)
        self.target.setObjectName("bridgeTarget")
        for at in range(len(session.sheet_names)):
            if at != session.sheet_index and not holds_trial(session.table_of(at)):
                self.target.addItem(session.sheet_names[at], at)
        self.target.addItem(self.tr("a new sheet"), NEW)
        for words, widget in (
            (self.tr("Name of the study"), self.name),
            (self.tr("Sheet of studies"), self.target),
        ):
            label = QLabel(words, self)
            label.setBuddy(widget)
            widget.setAccessibleName(words)
            set_role(label, "field")
            column.addWidget(label)
            column.addWidget(widget)
        self._row = QLabel(self)
        self._row.setObjectName("bridgeRow")
        self._row.setWordWrap(True)
        set_role(self._row, "muted")
        column.addWidget(self._row)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.go = QPushButton(self.tr("Send"), self)
        self.go.setObjectName("bridgeGo")
        self.go.setAccessibleName(self.tr("Send"))
        self.go.setDefault(True)
        buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.rejected.connect(self.reject)
        self.go.clicked.connect(self.send)
        column.addWidget(buttons)
        self.setStyleSheet(panel_css(tones()))
        self.name.textChanged.connect(self._show_row)
        session.result_changed.connect(self._show_row)
        self._show_row()

    def _show_row(self) -> None:
        from metadesk.analysis.bridge import bridge_row

        result = self._session.trial_result
        if result is None or self._session.stale:
            self._row.setText(self.tr("The analysis is out of date; wait until it is not."))
            self.go.setEnabled(False)
            return
        try:
            row = bridge_row(result, self.name.text().strip())
        except MetadeskError as sentence:
            self._row.setText(str(sentence))
            self.go.setEnabled(False)
            return
        words = self.tr("{0}: {1}, SE {2} ({3}).").format(
            row.label, format_value(row.estimate, "effect", 4), format_value(row.se, "se", 4),
            row.scale,
        )  # fmt: skip
        self._row.setText(words)
        self.go.setEnabled(True)

    def send(self) -> None:
        """Put the row into the sheet and bring that sheet to the front."""
        from metadesk.analysis.bridge import bridge_edit, bridge_row, bridge_table

        session = self._session
        result = session.trial_result
        if result is None or session.stale:
            return
        row = bridge_row(result, self.name.text().strip())
        at = int(self.target.currentData())
        if at == NEW:
            name = _free(self.tr("Meta-analysis"), session.sheet_names)
            session.switch_sheet(session.add_sheet(bridge_table(row, name)))
        else:
            session.switch_sheet(at)
            session.apply(bridge_edit(row, session.table))
        session.message.emit(self.tr("{0} is in the sheet of studies.").format(row.label))
        self.accept()


def _free(name: str, taken: tuple[str, ...]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free
