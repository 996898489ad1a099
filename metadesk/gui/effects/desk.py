"""Opens the dialogs about effects: from menus, from the panel and from a row's context menu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDialog, QWidget

from metadesk.gui.sheet.menus import SEPARATOR, Line

if TYPE_CHECKING:
    from metadesk.gui.session import Session
    from metadesk.gui.sheet.pane import SheetPane
    from metadesk.table import StudyTable


@dataclass(frozen=True)
class EffectAction:
    """One thing to do about effects, for the menu of the analysis."""

    id: str
    title: str
    run: Callable[[], object]
    keys: tuple[str, ...]
    tip: str


class EffectDesk(QObject):
    """Knows the session and the sheet; one dialog is open at a time and waits for nobody."""

    def __init__(self, session: Session, sheet: SheetPane, parent: QWidget) -> None:
        super().__init__(parent)
        self._session, self._sheet, self._window = session, sheet, parent
        sheet.more_lines.append(self.row_lines)

    def actions(self) -> tuple[EffectAction, ...]:
        """What stands in the menu of the analysis."""
        return (
            EffectAction(
                "measures", self.tr("Effect &measure…"), self.choose_measure, ("Ctrl+Shift+M",),
                self.tr("All measures as cards: what each needs and what it says"),
            ),
            EffectAction(
                "row-ways", self.tr("How is this &effect worked out?"), self.explain_row,
                ("Ctrl+I",), self.tr("Values, conversions, formula and other ways of this row"),
            ),
            EffectAction(
                "calculator", self.tr("Row ca&lculator…"), self.calculate_row, ("Ctrl+K",),
                self.tr("Type what the paper says of this study and see what follows"),
            ),
            EffectAction(
                "adjust", self.tr("A&djust rows…"), self.adjust_rows, (),
                self.tr("Units, direction, cluster trials, a shared control group"),
            ),
            EffectAction(
                "dependence", self.tr("&Several effects of one study…"), self.choose_dependence,
                (), self.tr("Combine them, or keep them with their covariances"),
            ),
            EffectAction(
                "plain", self.tr("In &plain numbers…"), self.choose_plain, (),
                self.tr("Per 1,000, number needed to treat, points of a scale"),
            ),
        )  # fmt: skip

    def row_lines(self) -> list[Line]:
        """What a row's context menu offers about its effect; nothing for the rows of a trial."""
        if not self.has_studies():
            return []
        has = self.row_id() is not None
        return [
            SEPARATOR,
            Line(self.tr("How is this effect worked out?"), self.explain_row, "Ctrl+I", has),
            Line(self.tr("Which value would save this study?"), self.explain_row, "", self._lost()),
            Line(self.tr("Row calculator…"), self.calculate_row, "Ctrl+K", has),
            Line(self.tr("Adjust rows…"), self.adjust_rows, "", has),
            *self._lines_back(),
        ]

    def _lines_back(self) -> list[Line]:
        """One line for each step of the selected rows that can be taken back."""
        steps = steps_of(self._session.table, self._chosen_rows())
        lines = []
        for name, places in steps.items():
            words = self.tr("Take back: {0}").format(name)
            lines.append(Line(words, self._taker(places)))
        return [SEPARATOR, *lines] if lines else []

    def _taker(self, places: list[tuple[int, int]]) -> Callable[[], None]:
        return lambda: self.take_back(places)

    def take_back(self, places: Sequence[tuple[int, int]]) -> None:
        """Take back steps, each given as (row id, step id), and say what stays as it was typed."""
        from metadesk.errors import DataProblem
        from metadesk.table.stepping import take_back

        try:
            taken = take_back(self._session.table, places)
        except DataProblem as problem:
            self._session.message.emit(str(problem))
            return
        self._session.apply(taken.edit)
        if taken.said:
            self._session.message.emit(" ".join(taken.said))

    def _chosen_rows(self) -> list[int]:
        """The ids of the selected rows."""
        rows = (self._sheet.model.row_id(row) for row in self._sheet.cursor_.rows())
        return [row_id for row_id in rows if row_id is not None]

    def has_studies(self) -> bool:
        """Whether the sheet in front holds studies, not the rows of one trial."""
        return bool(self._session.table.columns) and self._session.kind == "studies"

    def row_id(self) -> int | None:
        """The row the cursor stands in, None for an empty one at the end."""
        return self._sheet.model.row_id(self._sheet.cursor_.row)

    def _lost(self) -> bool:
        """Whether the row at the cursor has no effect."""
        row_id, prepared = self.row_id(), self._session.prepared
        if row_id is None or prepared is None:
            return False
        study = next((s for s in prepared.studies if s.row_id == row_id), None)
        return study is not None and study.yi != study.yi and study.listed

    # ------------------------------------------------------------------ the dialogs
    def choose_measure(self) -> QDialog:
        """Show the cards."""
        from metadesk.gui.effects.cards import MeasureCards

        return self._open(MeasureCards(self._session, self._window))

    def explain_row(self) -> QDialog | None:
        """Show how the effect of the row at the cursor is worked out."""
        row_id = self.row_id()
        if row_id is None:
            self._say_no_row()
            return None
        from metadesk.gui.effects.row_window import RowWindow

        window = RowWindow(self._session, row_id, self._window)
        window.cell_asked.connect(self.go_to_cell)
        window.calculator_asked.connect(self.calculate)
        window.step_given_up.connect(lambda row, step: self.take_back([(row, step)]))
        return self._open(window)

    def calculate_row(self) -> QDialog | None:
        """Open the calculator for the row at the cursor."""
        row_id = self.row_id()
        if row_id is None:
            self._say_no_row()
            return None
        return self.calculate(row_id)

    def calculate(self, row_id: int) -> QDialog:
        """Open the calculator for a row."""
        from metadesk.gui.effects.calculator import RowCalculator

        return self._open(RowCalculator(self._session, row_id, self._window))

    def adjust_rows(self) -> QDialog | None:
        """Adjust the selected rows."""
        row_ids = self._chosen_rows()
        if not row_ids:
            self._say_no_row()
            return None
        from metadesk.gui.effects.adjust import AdjustRows

        return self._open(AdjustRows(self._session, row_ids, self._window))

    def choose_dependence(self) -> QDialog:
        """Say what to do with several effects of one study."""
        from metadesk.gui.effects.choices import DependenceDialog

        return self._open(DependenceDialog(self._session, self._window))

    def choose_plain(self) -> QDialog:
        """Say which people and which scale the plain numbers are about."""
        from metadesk.gui.effects.choices import PlainDialog

        return self._open(PlainDialog(self._session, self._window))

    def go_to_cell(self, row_id: int, role: str) -> None:
        """Go to a row's cell of a role; a column is added where there is none."""
        from metadesk.table.stepping import columns_for

        added = columns_for(self._session.table, [role])
        if added is not None:
            self._session.apply(added)
        column = self._session.table.with_role(role)
        if column is not None:
            self._sheet.show_cell(row_id, column.id)

    def _say_no_row(self) -> None:
        self._session.message.emit(self.tr("Go to the row of a study first."))

    def _open(self, dialog: QDialog) -> QDialog:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog


def steps_of(table: StudyTable, row_ids: Sequence[int]) -> dict[str, list[tuple[int, int]]]:
    """The steps of rows by their names, the latest first, each as (row id, step id).

    Of several steps of one name in one row the latest comes first; it has to go before the others.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    steps = [(step, row_id) for row_id in row_ids for step in table.steps.get(row_id, ())]
    for step, row_id in sorted(steps, key=lambda pair: -pair[0].id):
        places = found.setdefault(step.name, [])
        if row_id not in {row for row, _ in places}:
            places.append((row_id, step.id))
    return found
