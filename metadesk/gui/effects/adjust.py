"""Adjusting rows: another unit, groups or scale the other way round, clusters, a shared control."""

from __future__ import annotations

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
from metadesk.gui.session import Session
from metadesk.gui.theme import panel_css, set_role, tones
from metadesk.table import Edit, StudyTable, parse_number
from metadesk.table.steps import written

if TYPE_CHECKING:
    from metadesk.effects.adjustments import Adjustment
    from metadesk.effects.combining import Combination

FIRST_GUESS = {"comparisons": "2", "icc": "0.05", "r": "0.5"}
MOST_CELLS = 12


class AdjustRows(QDialog):
    """Choose what to do with the selected rows, see the numbers before and after, write them."""

    def __init__(
        self, session: Session, row_ids: Sequence[int], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        from metadesk.effects.adjustments import ADJUSTMENTS
        from metadesk.effects.combining import COMBINATIONS

        self._session, self._row_ids = session, tuple(row_ids)
        self.setObjectName("adjustRows")
        self.setAccessibleName(self.tr("Adjust rows"))
        self.setWindowTitle(self.tr("Adjust the numbers of a row"))
        self.chooser = QComboBox(self)
        self.chooser.setObjectName("adjustment")
        self.chooser.setAccessibleName(self.tr("Adjustment"))
        for adjustment in ADJUSTMENTS:
            self.chooser.addItem(adjustment.title, adjustment.key)
        self.chooser.insertSeparator(self.chooser.count())
        for combination in COMBINATIONS:
            self.chooser.addItem(combination.title, combination.key)
        self.sentence = QLabel(self)
        self.sentence.setWordWrap(True)
        set_role(self.sentence, "muted")
        self.form = QFormLayout()
        self.lines: dict[str, QLineEdit] = {}
        self.preview = QLabel(self)
        self.preview.setObjectName("adjustPreview")
        self.preview.setWordWrap(True)
        self.preview.setTextFormat(Qt.TextFormat.RichText)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignTop)
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
    def adjustment(self) -> Adjustment | Combination:
        """What is chosen to be done."""
        from metadesk.effects.adjustments import ADJUSTMENTS
        from metadesk.effects.combining import COMBINATIONS

        key = str(self.chooser.currentData())
        return COMBINATIONS[key] if key in COMBINATIONS else ADJUSTMENTS[key]

    @property
    def parameters(self) -> dict[str, str]:
        """What the chosen adjustment must be told, by name in words."""
        return dict(getattr(self.adjustment, "parameters", {}))

    def _choose(self) -> None:
        while self.form.rowCount():
            self.form.removeRow(0)
        self.lines = {}
        chosen = self.adjustment
        self.sentence.setText(f"{escape(chosen.sentence)} <i>{escape(chosen.citation.short)}</i>")
        for name, words in self.parameters.items():
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

    def edit(self) -> Edit | None:
        """What would be done to the sheet, None if nothing.

        Raises
        ------
        SpecProblem
            If a parameter is missing or impossible, or the rows do not fit.
        """
        from metadesk.analysis.adjusting import adjusting

        return adjusting(
            self._session.table, self.adjustment.key, self._row_ids, self._given(self.lines)
        )

    def _given(self, lines: dict[str, QLineEdit]) -> dict[str, float]:
        read = {name: parse_number(line.text()) for name, line in lines.items()}
        return {name: parsed.value for name, parsed in read.items() if parsed is not None}

    def _show(self) -> None:
        open_ = [w for name, w in self.parameters.items() if name not in self._given(self.lines)]
        edit, said = None, self.tr("Fill in: {0}").format("; ".join(open_))
        if not open_:
            try:
                edit = self.edit()
                said = self.tr("Nothing would change in these rows.")
            except MetadeskError as problem:
                said = str(problem)
        self.take.setEnabled(edit is not None)
        if edit is None:
            self.preview.setText(escape(said))
            return
        after, _ = edit.apply(self._session.table)
        self.preview.setText("<br>".join([*self._changes(after), *self._by_correlation()]))

    def _changes(self, after: StudyTable) -> list[str]:
        """The cells of the first row that changes, before and after."""
        before = self._session.table.steps
        row_id = next(r for r in self._row_ids if after.steps.get(r) != before.get(r))
        columns = {column.id: column for column in after.columns}
        cells = after.steps[row_id][-1].cells
        lines = [
            f"{escape(columns[c.column_id].name)}: {escape(written(c.before))} → "
            f"<b>{escape(written(c.after))}</b>"
            for c in cells[:MOST_CELLS]
        ]
        if len(cells) > MOST_CELLS:
            lines.append(self.tr("further cells: {0}").format(len(cells) - MOST_CELLS))
        more = len(self._row_ids) - 1
        if more and "combine" not in self.adjustment.key:
            likewise = self.tr("and likewise in {0} more rows").format(more)
            lines.append(self.tr("and likewise in 1 more row") if more == 1 else likewise)
        return lines

    def _by_correlation(self) -> list[str]:
        """What other correlations would make of it, because papers seldom tell theirs."""
        from metadesk.analysis.adjusting import values_of_row
        from metadesk.effects.adjustments import ADJUSTMENTS
        from metadesk.effects.conversions.crossover import SWEEP

        if self.adjustment.key == "correlation":
            words = self.tr(
                "Where the measure compares the same people, the results show correlations of {0} "
                "beside it."
            ).format(", ".join(f"{r:g}" for r in SWEEP))
            return [f"<span style='color:{tones().muted}'>{escape(words)}</span>"]
        if self.adjustment.key != "change":
            return []
        values = values_of_row(self._session.table, self._row_ids[0])
        told = []
        for r in SWEEP:
            sds = ADJUSTMENTS["change"].apply(values, r=r)
            pair = [f"{sds[role]:.4g}" for role in ("sd1i", "sd2i") if role in sds]
            told.append(f"{r:g}: {', '.join(pair)}")
        words = self.tr("SDs of the change with a correlation of {0}").format("; ".join(told))
        return [f"<span style='color:{tones().muted}'>{escape(words)}</span>"]

    def _write(self) -> None:
        edit = self.edit()
        if edit is not None:
            self._session.apply(edit)
        self.accept()
