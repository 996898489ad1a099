"""Where the person is in the sheet: the current cell, what is selected, and how keys move it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QObject,
    Signal,
)

from metadesk.gui.sheet.grid import TICK, SheetModel

Flag = QItemSelectionModel.SelectionFlag


@dataclass(frozen=True)
class Area:
    """A rectangle of the table by row and column position, all four ends included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top + 1

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left + 1

    def cells(self) -> Iterator[tuple[int, int]]:
        """Every cell, row by row."""
        for row in range(self.top, self.bottom + 1):
            for column in range(self.left, self.right + 1):
                yield row, column


class Cursor(QObject):
    """The current cell and the selection, shared by the views that show parts of the sheet."""

    moved = Signal()

    def __init__(self, model: SheetModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.selection = QItemSelectionModel(model, self)
        self.selection.currentChanged.connect(self._on_current)
        self.position = (-1, -1)
        self.hidden: frozenset[int] = frozenset()  # ids of columns that keys pass over
        self._anchor = (0, 1)
        self._tab_start: int | None = None
        self._kept = (0, 1)
        model.modelAboutToBeReset.connect(self._keep)
        model.modelReset.connect(self._restore)
        model.reshaping.connect(self._keep)
        model.reshaped.connect(self._follow)

    # ------------------------------------------------------------------ where
    @property
    def row(self) -> int:
        """Row of the current cell, -1 for none."""
        return self.position[0]

    @property
    def section(self) -> int:
        """Section of the current cell, -1 for none."""
        return self.position[1]

    def parts(self) -> list[QItemSelectionRange]:
        """The ranges of the selection."""
        chosen = self.selection.selection()
        return [chosen.at(i) for i in range(chosen.size())]

    def areas(self) -> list[Area]:
        """What is selected, in positions of the table; empty rows and columns may be among it."""
        found = []
        for part in self.parts():
            left, right = max(part.left(), 1), min(part.right(), self._model.first_effect - 1)
            if left <= right:
                found.append(Area(part.top(), left - 1, part.bottom(), right - 1))
        return found

    def areas_in_table(self) -> list[Area]:
        """What is selected of the table as it is."""
        last_row, last_column = self._model.table.n_rows - 1, len(self._model.table.columns) - 1
        cut = (
            Area(a.top, a.left, min(a.bottom, last_row), min(a.right, last_column))
            for a in self.areas()
        )
        return [a for a in cut if a.height > 0 and a.width > 0]

    def rows(self) -> list[int]:
        """Rows of the table that are touched by the selection, from top to bottom."""
        n = self._model.table.n_rows
        touched: set[int] = set()
        for part in self.parts():
            touched.update(range(part.top(), min(part.bottom(), n - 1) + 1))
        return sorted(touched)

    def columns(self) -> list[int]:
        """Columns of the table that are touched by the selection, from left to right."""
        n = len(self._model.table.columns)
        touched: set[int] = set()
        for area in self.areas():
            touched.update(range(area.left, min(area.right, n - 1) + 1))
        return sorted(touched)

    # ------------------------------------------------------------------ going
    def go(self, row: int, section: int, *, extend: bool = False) -> None:
        """Make a cell the current one; ``extend`` selects from where the person started."""
        row = max(0, min(row, self._model.rowCount() - 1))
        section = max(TICK, min(section, self._model.columnCount() - 1))
        if not extend:
            self._anchor = (row, section)
        self._tab_start = None
        first, last = self._model.index(*self._anchor), self._model.index(row, section)
        self.selection.select(QItemSelection(first, last), Flag.ClearAndSelect)
        self.selection.setCurrentIndex(last, Flag.NoUpdate)

    def step(self, rows: int, sections: int, *, extend: bool = False) -> None:
        """Go by so many rows and columns; hidden columns are passed over."""
        section = self.section + sections
        while sections and self.is_hidden(section):
            section += 1 if sections > 0 else -1
        self.go(self.row + rows, section, extend=extend)

    def is_hidden(self, section: int) -> bool:
        """Whether a section is not on the screen."""
        column = self._model.column_at(section)
        if section >= self._model.first_effect:
            return self._model.session.kind == "trial"  # rows of a trial have no effect each
        return column is not None and column.id in self.hidden

    def tab(self, sections: int) -> None:
        """Go right or left and remember where the line was begun."""
        start = self.section if self._tab_start is None else self._tab_start
        at_end = self.section + sections >= self._model.first_effect
        if at_end and sections > 0:
            self.go(self.row + 1, start)
            return
        self.step(0, sections)
        self._tab_start = start

    def enter(self, rows: int) -> None:
        """Go down or up, back to the column where the line was begun."""
        self.go(self.row + rows, self.section if self._tab_start is None else self._tab_start)

    def jump(self, rows: int, sections: int, *, extend: bool = False) -> None:
        """Go to the edge of the block of filled cells, as Ctrl with an arrow does in Excel."""
        row, section = self.row, self.section
        last_row = max(self._model.table.n_rows - 1, 0)
        last_section = max(len(self._model.table.columns), 1)

        def inside(r: int, s: int) -> bool:
            return 0 <= r <= last_row and 1 <= s <= last_section

        row, section = row + rows, section + sections
        if not inside(row, section):
            return
        filled = bool(self._model.text(row, section))
        while inside(row + rows, section + sections):
            ahead = bool(self._model.text(row + rows, section + sections))
            if filled and not ahead and self._model.text(row, section):
                break
            row, section = row + rows, section + sections
            if not filled and ahead:
                break
        self.go(row, section, extend=extend)

    def select_area(self, area: Area) -> None:
        """Select a rectangle of the table; its upper left cell becomes the current one."""
        self._anchor = (area.top, area.left + 1)
        first = self._model.index(area.top, area.left + 1)
        last = self._model.index(area.bottom, area.right + 1)
        self.selection.select(QItemSelection(first, last), Flag.ClearAndSelect)
        self.selection.setCurrentIndex(first, Flag.NoUpdate)

    def select_rows(self) -> None:
        """Select the whole of every row that is touched."""
        self._select_whole(Flag.Rows)

    def select_columns(self) -> None:
        """Select the whole of every column that is touched."""
        self._select_whole(Flag.Columns)

    def select_all(self) -> None:
        """Select the table without the empty rows and columns around it."""
        table = self._model.table
        row, section = self.position
        last = self._model.index(max(table.n_rows - 1, 0), max(len(table.columns), 1))
        whole = QItemSelection(self._model.index(0, 1), last)
        self.selection.select(whole, Flag.ClearAndSelect)
        self._anchor = (max(row, 0), max(section, 1))

    def _select_whole(self, what: QItemSelectionModel.SelectionFlag) -> None:
        self.selection.select(self.selection.selection(), Flag.ClearAndSelect | what)

    def start_at(self, index: QModelIndex) -> None:
        """Remember where the mouse was pressed."""
        self._anchor = (index.row(), index.column())
        self._tab_start = None

    def _on_current(self, current: QModelIndex, _before: QModelIndex) -> None:
        self.position = (current.row(), current.column())
        if current.isValid():
            self.moved.emit()

    def _follow(self) -> None:
        """Rows or columns shifted under the cursor: a cell that went leaves its place selected."""
        current = self.selection.currentIndex()
        if not current.isValid():
            return
        self.position = (current.row(), current.column())
        if not self.parts():
            self.go(*self._kept)

    def _keep(self) -> None:
        self._kept = self.position

    def _restore(self) -> None:
        self.position = (-1, -1)
        if not self._model.opening:
            row, section = self._kept
            self.go(max(row, 0), max(section, 1))
