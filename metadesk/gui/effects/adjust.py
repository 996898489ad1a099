"""Adjusting rows: another unit, groups or scale the other way round, clusters, a shared control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.errors import MetadeskError
from metadesk.gui.effects.columns import write_row
from metadesk.gui.session import Session
from metadesk.gui.theme import panel_css, set_role, tones
from metadesk.table import ROLES, number_in, parse_number

if TYPE_CHECKING:
    from metadesk.effects.adjustments import Adjustment

FIRST_GUESS = {"factor": "", "comparisons": "2", "icc": "0.05", "cluster_size": ""}


class AdjustRows(QDialog):
    """Choose what to do with the selected rows, see the numbers before and after, write them."""

    def __init__(
        self, session: Session, row_ids: Sequence[int], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        from metadesk.effects.adjustments import ADJUSTMENTS

        self._session, self._row_ids = session, tuple(row_ids)
        self.setObjectName("adjustRows")
        self.setAccessibleName(self.tr("Adjust rows"))
        self.setWindowTitle(self.tr("Adjust the numbers of a row"))
        self.chooser = QComboBox(self)
        self.chooser.setObjectName("adjustment")
        self.chooser.setAccessibleName(self.tr("Adjustment"))
        for adjustment in ADJUSTMENTS:
            self.chooser.addItem(adjustment.title, adjustment.key)
        self.sentence = QLabel(self)
        self.sentence.setWordWrap(True)
        set_role(self.sentence, "muted")
        self.form = QFormLayout()
        self.lines: dict[str, QLineEdit] = {}
        self.preview = QLabel(self)
        self.preview.setObjectName("adjustPreview")
        self.preview.setWordWrap(True)
        self.preview.setTextFormat(Qt.TextFormat.RichText)
        self.take = QPushButton(self.tr("Adjust"), self)
        self.take.setObjectName("adjustTake")
        self.take.setDefault(True)
        self.take.clicked.connect(self._write)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        buttons.addButton(self.take, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.rejected.connect(self.reject)
        names = [session.table.label(row_id) for row_id in self._row_ids]
        rows = QLabel(", ".join(names[:4]) + (" …" if len(names) > 4 else ""), self)
        set_role(rows, "title")
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addWidget(rows)
        column.addWidget(self.chooser)
        column.addWidget(self.sentence)
        column.addLayout(self.form)
        column.addWidget(self.preview, 1)
        column.addWidget(buttons)
        self.setStyleSheet(panel_css(tones()))
        self.resize(480, 400)
        self.chooser.currentIndexChanged.connect(self._choose)
        self._choose()

    @property
    def adjustment(self) -> Adjustment:
        """The adjustment that is chosen."""
        from metadesk.effects.adjustments import ADJUSTMENTS

        return ADJUSTMENTS[str(self.chooser.currentData())]

    def _choose(self) -> None:
        while self.form.rowCount():
            self.form.removeRow(0)
        self.lines = {}
        chosen = self.adjustment
        self.sentence.setText(f"{escape(chosen.sentence)} <i>{escape(chosen.citation.short)}</i>")
        for name, words in chosen.parameters.items():
            line = QLineEdit(self._guess(name), self)
            line.setObjectName(f"adjust-{name}")
            line.setAccessibleName(words)
            line.textChanged.connect(self._show)
            self.form.addRow(words, line)
            self.lines[name] = line
        self._show()

    def _guess(self, name: str) -> str:
        if name != "ratio":
            return FIRST_GUESS.get(name, "")
        prepared = self._session.prepared
        effects = prepared.effects if prepared is not None else None
        return "1" if effects is not None and effects.scale.key == "log" else "0"

    def changes(self) -> dict[tuple[int, str], float | None]:
        """What would be written, by row and role.

        Raises
        ------
        SpecProblem
            If a parameter is missing or impossible.
        """
        parameters = {}
        for name, line in self.lines.items():
            parsed = parse_number(line.text())
            if parsed is not None:
                parameters[name] = parsed.value
        cells: dict[tuple[int, str], float | None] = {}
        for row_id in self._row_ids:
            for role, x in self.adjustment.apply(self._values(row_id), **parameters).items():
                cells[row_id, role] = None if math.isnan(x) else x
        return cells

    def _values(self, row_id: int) -> dict[str, float]:
        table = self._session.table
        at = table.row_position(row_id)
        found = {c.role: number_in(c.cells[at]) for c in table.columns if c.role}
        return {role: x for role, x in found.items() if not math.isnan(x)}

    def _show(self) -> None:
        open_ = [
            words
            for name, words in self.adjustment.parameters.items()
            if parse_number(self.lines[name].text()) is None
        ]
        if open_:
            self.preview.setText(escape(self.tr("Fill in: {0}").format("; ".join(open_))))
            self.take.setEnabled(False)
            return
        try:
            cells = self.changes()
        except MetadeskError as problem:
            self.preview.setText(escape(str(problem)))
            self.take.setEnabled(False)
            return
        first = self._row_ids[0]
        before = self._values(first)
        lines = [
            f"{escape(ROLES[role].title)}: {before.get(role, math.nan):.6g} → <b>{_shown(x)}</b>"
            for (row_id, role), x in cells.items()
            if row_id == first and before.get(role) != x
        ]
        self.preview.setText("<br>".join(lines) or self.tr("Nothing would change in this row."))
        self.take.setEnabled(bool(lines))

    def _write(self) -> None:
        title = self.tr("{0}: {1}").format(
            self.adjustment.title, self._session.table.label(self._row_ids[0])
        )
        edit = write_row(self._session.table, self.changes(), title)
        if edit is not None:
            self._session.apply(edit)
        self.accept()


def _shown(x: float | None) -> str:
    return "–" if x is None else f"{x:.6g}"
