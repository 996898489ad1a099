"""A document table on the screen: rounded to the eye, whole on the clipboard."""

from __future__ import annotations

import html
from functools import cache
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QPixmap, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QTableView,
    QWidget,
)

from metadesk.document import Cell, Column, Table, format_value

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
GAP = 10  # px
LEAST_WORDS = 72  # px; a narrower column of words would say nothing


class DocumentTableModel(QAbstractTableModel):
    """Cells as a reader sees them; ``UserRole`` gives the number at full precision."""

    def __init__(self, table: Table, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = table

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """Rows of the table."""
        return 0 if parent.isValid() else len(self.table.rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        """Columns of the table."""
        return 0 if parent.isValid() else len(self.table.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give text, alignment, or the number itself."""
        if not index.isValid():
            return None
        column = self.table.columns[index.column()]
        value = self.table.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return format_value(value, column.kind, column.digits)
        if role == Qt.ItemDataRole.UserRole:
            return value
        if role == Qt.ItemDataRole.ToolTipRole and column.kind == "text":
            return str(value or "")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column.kind)
        if role == Qt.ItemDataRole.DecorationRole and self.after_numbers(index.column()):
            return _gap()
        return None

    def after_numbers(self, column: int) -> bool:
        """Whether words begin where numbers end, so that they would touch."""
        kinds = [c.kind for c in self.table.columns]
        return column > 0 and kinds[column] == "text" and kinds[column - 1] != "text"

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Give the words above a column."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < self.columnCount():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.table.columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(self.table.columns[section].kind)
        if role == Qt.ItemDataRole.DecorationRole and self.after_numbers(section):
            return _gap()
        return None


@cache
def _gap() -> QPixmap:
    """Nothing, as wide as the space between a number and the words after it."""
    nothing = QPixmap(GAP, 1)
    nothing.fill(Qt.GlobalColor.transparent)
    return nothing


def _alignment(kind: str) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if kind == "text" else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


class TableView(QTableView):
    """A table as tall as its rows, to stand among others in a page that scrolls."""

    def __init__(self, table: Table, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"resultTable-{table.key}")
        self.setAccessibleName(table.title)
        self.setModel(DocumentTableModel(table, self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setAlternatingRowColors(False)
        self.setCornerButtonEnabled(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(48)
        self._set_widths(table)
        self._fit_height()
        copy = QShortcut(QKeySequence.StandardKey.Copy, self)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self.copy)

    @property
    def table(self) -> Table:
        """The table that is shown."""
        model = self.model()
        assert isinstance(model, DocumentTableModel)
        return model.table

    def copy(self) -> None:
        """Put the whole table on the clipboard, numbers at full precision."""
        QGuiApplication.clipboard().setMimeData(as_mime(self.table))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Make room for a scroll bar where the columns do not fit."""
        super().resizeEvent(event)
        self._squeeze()
        self._fit_height()

    def _set_widths(self, table: Table) -> None:
        bold = self.horizontalHeader().fontMetrics()
        plain = self.fontMetrics()
        model = self.model()
        assert isinstance(model, DocumentTableModel)
        for at, column in enumerate(table.columns):
            shown = [format_value(r[at], column.kind, column.digits) for r in table.rows[:200]]
            widest = max((plain.horizontalAdvance(s) for s in shown), default=0)
            wide = max(widest, bold.horizontalAdvance(column.title)) + 24
            wide += GAP if model.after_numbers(at) else 0
            self.setColumnWidth(at, min(max(wide, 56), 340))
        self._natural = self.horizontalHeader().length()
        self.setMaximumWidth(self._natural + 2)

    def _squeeze(self) -> None:
        """Cut words in the last column short rather than half out of sight."""
        last = len(self.table.columns) - 1
        if last < 0 or self.table.columns[last].kind != "text":
            return
        others = self.horizontalHeader().length() - self.columnWidth(last)
        room = min(self.viewport().width(), self._natural) - others
        self.setColumnWidth(last, max(room, min(self._natural - others, LEAST_WORDS)))

    def _fit_height(self) -> None:
        rows = self.verticalHeader().length()
        head = self.horizontalHeader().sizeHint().height()
        wider = self.horizontalHeader().length() > self.viewport().width() > 0
        bar = self.horizontalScrollBar().sizeHint().height() if wider else 0
        self.setFixedHeight(rows + head + bar + 2)


def as_mime(table: Table) -> QMimeData:
    """A table for the clipboard: tab-separated text and HTML."""
    data = QMimeData()
    data.setText(as_tsv(table))
    data.setHtml(as_html(table))
    return data


def as_tsv(table: Table) -> str:
    """The table as Excel takes it: numbers with all their digits and a decimal point."""
    lines = [[c.title for c in table.columns], *([_plain(v) for v in row] for row in table.rows)]
    return "\r\n".join("\t".join(cells) for cells in lines)


def as_html(table: Table) -> str:
    """The table as Word takes it: rounded, right-aligned, with its notes."""
    head = "".join(f"<th align='left'>{html.escape(c.title)}</th>" for c in table.columns)
    body = "".join(
        "<tr>"
        + "".join(_html_cell(v, c) for v, c in zip(row, table.columns, strict=True))
        + "</tr>"
        for row in table.rows
    )
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in table.notes)
    return (
        f"<p><b>{html.escape(table.title)}</b></p>"
        "<table xmlns:x='urn:schemas-microsoft-com:office:excel'>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"
    )


def _html_cell(value: Cell, column: Column) -> str:
    """A cell that reads rounded in Word and stays a whole number of digits in a spreadsheet.

    Excel takes the number from ``x:num``, LibreOffice from ``sdval``.
    """
    shown = html.escape(format_value(value, column.kind, column.digits))
    if isinstance(value, str) or value is None or not _plain(value):
        return f"<td align='left'>{shown}</td>"
    return f'<td align="right" x:num="{_plain(value)}" sdval="{_plain(value)}">{shown}</td>'


def _plain(value: Cell) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float):
        return repr(value)
    return str(value).replace("\t", " ").replace("\n", " ")
