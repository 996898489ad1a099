"""Which outcome is analysed, where a sheet holds several: under each other, or side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from metadesk.errors import SpecProblem
from metadesk.gui.forms import QuietCombo
from metadesk.gui.session import Session
from metadesk.gui.theme import set_role
from metadesk.table.outcomes import ALL, chosen_outcome, outcomes_of

if TYPE_CHECKING:
    from metadesk.formats.blocks import Block


class OutcomeBox(QWidget):
    """Two choosers, each there only where there is a choice: rows by outcome, sets of columns."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("outcomeBox")
        self._session = session
        self._blocks: tuple[Block, ...] = ()
        self._looked_at: object = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        self._rows_label = QLabel(self.tr("Outcome analysed"), self)
        self.rows = self._combo("outcomeChooser", self._rows_label)
        self.rows.activated.connect(self._choose_rows)
        self._columns_label = QLabel(self.tr("Columns analysed"), self)
        self.columns = self._combo("columnsChooser", self._columns_label)
        self.columns.activated.connect(self._choose_columns)
        for widget in (self._rows_label, self.rows, self._columns_label, self.columns):
            column.addWidget(widget)
        session.table_changed.connect(self.refresh)
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def _combo(self, name: str, label: QLabel) -> QuietCombo:
        combo = QuietCombo(self)
        combo.setObjectName(name)
        combo.setAccessibleName(label.text())
        label.setBuddy(combo)
        set_role(label, "field")
        return combo

    def refresh(self) -> None:
        """Show what the sheet holds now and what of it is analysed."""
        several = self._show_rows()
        side_by_side = self._show_columns()
        self.setVisible(several or side_by_side)

    def _show_rows(self) -> bool:
        outcomes, wanted = outcomes_of(self._session.table), self._session.spec.outcome_meant
        try:
            name = chosen_outcome(outcomes, wanted)
        except SpecProblem:
            name = wanted  # it is not there any more: the person must choose
        with QSignalBlocker(self.rows):
            self.rows.clear()
            for outcome, count in outcomes.rows.items():
                self.rows.addItem(self._with_rows(outcome, count), outcome)
            self.rows.addItem(self.tr("All together"), ALL)
            self.rows.setCurrentIndex(self.rows.findData(name or ALL))
        there = outcomes.divide or bool(self._session.spec.outcome)
        self._rows_label.setVisible(there)
        self.rows.setVisible(there)
        return there

    def _show_columns(self) -> bool:
        from metadesk.formats.blocks import is_chosen

        table = self._session.table
        names = tuple((column.id, column.name) for column in table.columns)
        if names != self._looked_at:
            self._looked_at, self._blocks = names, self._find_blocks()
        there = len(self._blocks) > 1
        with QSignalBlocker(self.columns):
            self.columns.clear()
            for i, block in enumerate(self._blocks):
                name = block.name or self.tr("Set {0}").format(i + 1)
                self.columns.addItem(self._with_rows(name, block.filled), i)
            here = (i for i, block in enumerate(self._blocks) if is_chosen(table, block))
            self.columns.setCurrentIndex(next(here, -1))
        self._columns_label.setVisible(there)
        self.columns.setVisible(there)
        return there

    def _with_rows(self, name: str, count: int) -> str:
        words = self.tr("{0} (1 row)") if count == 1 else self.tr("{0} ({1} rows)")
        return words.format(name, count)

    def _find_blocks(self) -> tuple[Block, ...]:
        from metadesk.formats.blocks import blocks_in

        return blocks_in(self._session.table) if self._session.table.n_rows else ()

    def _choose_rows(self) -> None:
        name = str(self.rows.currentData())
        shown = self.tr("all together") if name == ALL else name
        spec = replace(self._session.spec, outcome=name)
        self._session.set_spec(spec, self.tr("Outcome: {0}").format(shown))

    def _choose_columns(self) -> None:
        from metadesk.formats.blocks import choose_block

        block = self._blocks[int(self.columns.currentData())]
        self._session.apply(choose_block(self._session.table, block, self._blocks))
