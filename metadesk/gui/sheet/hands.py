"""What a person does with the selection, as edits of the session: one undo step each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from metadesk.errors import MetadeskError
from metadesk.gui.sheet.clipboard import Block, mime_of, texts_of
from metadesk.gui.sheet.cursor import Area, Cursor
from metadesk.gui.sheet.grid import SheetModel
from metadesk.table import (
    Compound,
    ReplaceTable,
    SetCells,
    StudyTable,
    Value,
    gestures,
    number_in,
    parse_typed,
)

if TYPE_CHECKING:
    from metadesk.gui.session import Session


class Hands(QObject):
    """Clipboard, clearing, filling, rows and columns, roles, exclusion, sorting."""

    def __init__(
        self, session: Session, model: SheetModel, cursor: Cursor, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session, self._model, self._cursor = session, model, cursor

    @property
    def _table(self) -> StudyTable:
        return self._model.table

    # ------------------------------------------------------------------ cells
    def clear(self) -> None:
        """Empty the selected cells."""
        cells = [
            (row, column)
            for area in self._cursor.areas_in_table()
            for row, column in area.cells()
            if self._table.cell(row, column) is not None
        ]
        if cells:
            self._session.apply(gestures.clear_cells(self._table, cells))

    def fill_down(self) -> None:
        """Copy the uppermost selected cells down; a single row takes what stands above it."""
        edits = []
        for area in self._cursor.areas():
            top = area.top - 1 if area.height == 1 else area.top
            last = min(area.bottom, self._table.n_rows - 1)
            columns = range(area.left, min(area.right, len(self._table.columns) - 1) + 1)
            if top >= 0 and last > top and len(columns):
                rows = range(top, last + 1)
                edits.append(gestures.fill_down(self._table, rows, columns))
        if len(edits) == 1:
            self._session.apply(edits[0])
        elif edits:
            self._session.apply(Compound(edits[0].title, tuple(edits)))

    # ------------------------------------------------------------------ clipboard
    def selected_block(self) -> Block:
        """The selected cells as a rectangle; cells between separate areas are blank."""
        areas = self._cursor.areas_in_table()
        if not areas:
            return self._effect_block()
        rows = sorted({r for a in areas for r in range(a.top, a.bottom + 1)})
        columns = sorted({c for a in areas for c in range(a.left, a.right + 1)})
        if len(areas) == 1:
            return [[self._table.cell(r, c) for c in columns] for r in rows]
        chosen = {cell for area in areas for cell in area.cells()}
        return [
            [self._table.cell(r, c) if (r, c) in chosen else None for c in columns] for r in rows
        ]

    def _effect_block(self) -> Block:
        """Effects at full precision where a number stands alone."""
        sections = sorted(
            {
                section
                for part in self._cursor.parts()
                for section in range(part.left(), part.right() + 1)
                if self._model.effect_key(section)
            }
        )
        return [[self._model.exact_effect(r, s) for s in sections] for r in self._cursor.rows()]

    def copy(self) -> bool:
        """Put the selected cells on the clipboard; return whether there were any."""
        block = self.selected_block()
        if not block or not block[0]:
            return False
        QGuiApplication.clipboard().setMimeData(mime_of(block))
        return True

    def cut(self) -> None:
        """Copy, then empty the cells."""
        if self.copy():
            self.clear()

    def paste(self) -> None:
        """Write what is on the clipboard from the selection's upper left cell on."""
        block = texts_of(QGuiApplication.clipboard().mimeData())
        areas = self._cursor.areas()
        if not block or not areas:
            return
        whole = _table_of(block, self._table)
        if whole is not None:
            self._session.apply(ReplaceTable(whole, self.tr("Paste a table")))
            self._cursor.go(0, 1)
            return
        first = min(areas, key=lambda a: (a.top, a.left))
        if len(block) == len(block[0]) == 1 and sum(a.height * a.width for a in areas) > 1:
            self._fill_areas(block[0][0])
            return
        block = _repeated(block, self._within(first))
        edit = gestures.paste(self._table, first.top, first.left, block)
        self._session.apply(edit)
        bottom, right = first.top + len(block) - 1, first.left + len(block[0]) - 1
        self._cursor.select_area(Area(first.top, first.left, bottom, right))

    def _within(self, area: Area) -> Area:
        """An area of whole rows or columns ends where the table ends."""
        whole_rows = area.bottom >= self._model.rowCount() - 1
        bottom = max(self._table.n_rows - 1, area.top) if whole_rows else area.bottom
        return Area(area.top, area.left, bottom, area.right)

    def _fill_areas(self, text: str) -> None:
        """Write one value into every selected cell."""
        edits, table = [], self._table
        for area in map(self._within, self._cursor.areas()):
            block = [[text] * area.width for _ in range(area.height)]
            edits.append(gestures.paste(table, area.top, area.left, block))
            table, _ = edits[-1].apply(table)
        title = self.tr("Paste into selection")
        self._session.apply(Compound(title, tuple(edits)))

    # ------------------------------------------------------------------ rows and columns
    def insert_rows(self, *, below: bool = False) -> None:
        """Insert as many rows as are selected."""
        rows = self._cursor.rows()
        if rows:
            at = rows[-1] + 1 if below else rows[0]
            self._session.apply(gestures.insert_rows(self._table, at, len(rows)))
            self._cursor.go(at, self._cursor.section)

    def delete_rows(self) -> None:
        """Delete the selected rows."""
        rows = self._cursor.rows()
        if rows:
            self._session.apply(gestures.remove_rows(self._table, rows))
            self._cursor.go(rows[0], self._cursor.section)

    def insert_columns(self, *, right: bool = False) -> None:
        """Insert as many columns as are selected."""
        columns = self._cursor.columns()
        at = (columns[-1] + 1 if right else columns[0]) if columns else len(self._table.columns)
        count = max(len(columns), 1)
        self._session.apply(gestures.insert_columns(self._table, at, count))
        self._cursor.go(self._cursor.row, at + 1)

    def delete_columns(self) -> None:
        """Delete the selected columns."""
        columns = self._cursor.columns()
        if columns:
            self._session.apply(gestures.remove_columns(self._table, columns))
            self._cursor.go(self._cursor.row, columns[0] + 1)

    def rename(self, section: int, name: str) -> None:
        """Rename a column; naming an empty one makes it a column of the table."""
        position = self._model.table_position(section)
        if position is None or name.strip() in ("", self._model.title(section)):
            return
        missing = position + 1 - len(self._table.columns)
        if missing <= 0:
            self._session.apply(gestures.rename_column(self._table, position, name))
            return
        at = len(self._table.columns)
        names = [f"Column {gestures.letter(at + i)}" for i in range(missing - 1)]
        edit = gestures.insert_columns(self._table, at, missing, [*names, name.strip()])
        self._session.apply(edit)

    def split(self, section: int) -> None:
        """Put the numbers of compound cells into columns of their own."""
        column = self._model.column_at(section)
        if column is not None:
            self.split_columns((column.id,))

    def split_columns(self, column_ids: Sequence[int]) -> None:
        """Split columns by their ids; one that cannot be split says so."""
        from metadesk.formats.reshaping import split_columns

        try:
            self._session.apply(split_columns(self._table, column_ids))
        except MetadeskError as problem:
            self._session.message.emit(str(problem))

    def take_as_header(self) -> None:
        """Take the current row as the names of the columns."""
        row = self._cursor.row
        if 0 <= row < self._table.n_rows:
            from metadesk.formats.reshaping import header_from_row

            self._session.apply(header_from_row(self._table, row))
            self._cursor.go(0, 1)

    def set_role(self, section: int, role: str | None) -> None:
        """Say what a column is."""
        column = self._model.column_at(section)
        if column is not None and (column.role != role or column.guessed):
            self._session.apply(gestures.set_role(self._table, section - 1, role))

    def sort(self, section: int, *, descending: bool = False) -> None:
        """Put the rows in the order of a column, numbers before text, empty cells last."""
        column = self._model.column_at(section)
        if column is None:
            return
        order = sort_order(column.cells, descending=descending)
        title = self.tr("Sort by {}").format(column.name)
        self._session.apply(ReplaceTable(_reordered(self._table, order), title))

    # ------------------------------------------------------------------ exclusion
    def exclude(self, row_ids: list[int], reason: str) -> None:
        """Leave rows out with a reason."""
        self._session.apply(gestures.exclude(self._table, row_ids, reason))

    def include(self, row_ids: list[int]) -> None:
        """Take rows back in."""
        self._session.apply(gestures.include(self._table, row_ids))

    def replace_texts(self, cells: list[tuple[int, int, Value]]) -> None:
        """Write what a replacement made of cells, given by position."""
        ids = [(self._table.row_ids[r], self._table.columns[c].id, v) for r, c, v in cells]
        if ids:
            self._session.apply(SetCells(tuple(ids), self.tr("Replace")))


def _table_of(block: list[list[str]], table: StudyTable) -> StudyTable | None:
    """The table in a block with headers that is pasted into an empty sheet, else None."""
    is_empty = all(v is None for column in table.columns for v in column.cells)
    if not is_empty or len(block) < 2 or len(block[0]) < 2:
        return None
    from metadesk.formats import guess_roles
    from metadesk.formats.layout import find_layout, table_from, trimmed

    grid = trimmed([[parse_typed(text) for text in row] for row in block])
    layout = find_layout(grid)
    if not layout.header or layout.first >= layout.last:
        return None
    made = table_from(grid, (), layout, name=table.name, source=table.source)
    return guess_roles(made).table


def sort_order(cells: tuple[Value, ...], *, descending: bool = False) -> list[int]:
    """Row positions in the order of their cells; a stable sort, empty cells last either way."""
    filled = [i for i, v in enumerate(cells) if v is not None and v != ""]
    empty = [i for i, v in enumerate(cells) if v is None or v == ""]

    def key(i: int) -> tuple[int, float, str]:
        number = number_in(cells[i])
        return (1, 0.0, str(cells[i]).casefold()) if math.isnan(number) else (0, number, "")

    return sorted(filled, key=key, reverse=descending) + empty


def _reordered(table: StudyTable, order: list[int]) -> StudyTable:
    columns = tuple(replace(c, cells=tuple([c.cells[i] for i in order])) for c in table.columns)
    return replace(table, columns=columns, row_ids=tuple(table.row_ids[i] for i in order))


def _repeated(block: list[list[str]], area: Area) -> list[list[str]]:
    """The block as often as it fits into a selection that is a multiple of it."""
    height, width = len(block), len(block[0])
    down = area.height // height if area.height % height == 0 else 1
    across = area.width // width if area.width % width == 0 else 1
    return [row * across for row in block] * down if down * across > 1 else block
