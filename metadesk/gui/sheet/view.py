"""One part of the sheet on the screen: the fixed columns, the scrolled ones, the pinned effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QPalette
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QFrame, QTableView, QWidget

from metadesk.gui.sheet.colours import sheet_colours
from metadesk.gui.sheet.cursor import Cursor
from metadesk.gui.sheet.delegate import CellDelegate
from metadesk.gui.sheet.grid import TICK, Index, SheetModel
from metadesk.gui.sheet.header import RoleHeader, RowHeader

Keys = Callable[[QKeyEvent], bool]


class SheetView(QTableView):
    """A table view without a will of its own: keys go to the sheet, the cursor is shared."""

    tick_clicked = Signal(int)
    menu_requested = Signal(QPoint)

    def __init__(
        self, model: SheetModel, cursor: Cursor, keys: Keys, *, name: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(self.tr("Sheet"))
        self._cursor, self._keys, self._sheet = cursor, keys, model
        self._first, self._end = 0, model.columnCount()
        self.setModel(model)
        unused = self.selectionModel()
        self.setSelectionModel(cursor.selection)
        unused.deleteLater()
        self.header = RoleHeader(model, self)
        self.setHorizontalHeader(self.header)
        self.rows = RowHeader(model, lambda: cursor.row, self)
        self.setVerticalHeader(self.rows)
        self.delegate = CellDelegate(model, cursor, self)
        self.setItemDelegate(self.delegate)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)  # the delegate draws it in a colour of ours
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAutoScroll(True)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(
            triggers.DoubleClicked | triggers.AnyKeyPressed | triggers.EditKeyPressed
        )
        self.restyle()

    def restyle(self) -> None:
        """Take the window's font and palette."""
        colours = sheet_colours(self.palette())
        self.delegate.restyle(self.font(), colours)
        self.header.restyle(self.font(), colours)
        self.rows.restyle(self.font(), colours)
        self.rows.setDefaultSectionSize(self.fontMetrics().height() + 9)
        # no style sheet: it would make the viewport see-through, and scrolling paint every cell
        corner = self.findChild(QAbstractButton)
        if corner is not None:
            corner.setStyleSheet(
                f"QTableCornerButton::section {{ background: {colours.header.name()};"
                f" border: none; border-bottom: 1px solid {colours.grid.name()};"
                f" border-right: 1px solid {colours.grid.name()}; }}"
            )
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, colours.base)
        self.setPalette(palette)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ask the sheet first; what it does not know may begin typing."""
        if self._keys(event):
            event.accept()
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Tick boxes, Shift across the parts of the sheet, and where a drag begins."""
        index = self.indexAt(event.position().toPoint())
        left = event.button() == Qt.MouseButton.LeftButton
        if not index.isValid():
            super().mousePressEvent(event)
        elif left and index.column() == TICK:
            self.tick_clicked.emit(index.row())
        elif left and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._cursor.go(index.row(), index.column(), extend=True)
        elif event.button() == Qt.MouseButton.RightButton:
            self.setFocus()
            if not self._cursor.selection.isSelected(index):
                self._cursor.go(index.row(), index.column())
        else:
            self._cursor.start_at(index)
            super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A double click on a tick box is two clicks."""
        if self.indexAt(event.position().toPoint()).column() == TICK:
            self.mousePressEvent(event)
            return
        super().mouseDoubleClickEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of the selection."""
        self.menu_requested.emit(event.globalPos())

    def show_sections(self, first: int, end: int) -> None:
        """Show the sections from ``first`` up to and without ``end``."""
        self._first, self._end = first, end
        for section in range(self._sheet.columnCount()):
            inside = first <= section < end and not self._cursor.is_hidden(section)
            if self.isColumnHidden(section) == inside:
                self.setColumnHidden(section, not inside)

    def dataChanged(self, first: Index, last: Index, roles: Sequence[int] = ()) -> None:
        """Paint again only what changed; Qt's own answer to a range is to paint everything."""
        left, right = max(first.column(), self._first), min(last.column(), self._end - 1)
        if left > right:
            return
        x, y = self.columnViewportPosition(left), self.rowViewportPosition(first.row())
        end = self.columnViewportPosition(right) + self.columnWidth(right)
        bottom = self.rowViewportPosition(last.row()) + self.rowHeight(last.row())
        changed = QRect(x, y, end - x, bottom - y) & self.viewport().rect()
        if not changed.isEmpty():
            self.viewport().update(changed)

    def update_row(self, row: int) -> None:
        """Paint one row again."""
        if 0 <= row < self._sheet.rowCount():
            top, height = self.rowViewportPosition(row), self.rowHeight(row)
            self.viewport().update(0, top, self.viewport().width(), height)
            self.rows.viewport().update(0, top, self.rows.width(), height)

    def shows(self, index: QModelIndex) -> bool:
        """Whether this part holds the column of ``index``."""
        return index.isValid() and self._first <= index.column() < self._end
