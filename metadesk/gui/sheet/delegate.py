"""How a cell looks and is edited: tints, corner marks, tick boxes, the editor's keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import (
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from metadesk.gui.sheet.colours import SheetColours, sheet_colours
from metadesk.gui.sheet.cursor import Cursor
from metadesk.gui.sheet.grid import RIGHT, TICK, Index, SheetModel
from metadesk.gui.sheet.origins import WRITTEN

if TYPE_CHECKING:
    from PySide6.QtCore import QAbstractItemModel

    from metadesk.table import Value

PADDING = 7
CORNER = 7.0
BOX = 14
MOST_TEXTS = 50_000


class CellDelegate(QStyledItemDelegate):
    """Paints one cell straight from the model; a table of numbers is mostly painting text."""

    left_by_key = Signal(int, int)  # how far down and to the right the editor's key wants to go

    def __init__(self, model: SheetModel, cursor: Cursor, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self._cursor = cursor
        self._selection = cursor.selection
        self.restyle(parent.font(), sheet_colours(parent.palette()))

    def restyle(self, font: QFont, colours: SheetColours) -> None:
        """Take the window's font and colours."""
        self.colours = colours
        self._font = QFont(font)
        self._small = QFont(font)
        self._small.setPointSizeF(font.pointSizeF() * 0.9)
        self._metrics_of = {False: QFontMetrics(self._font), True: QFontMetrics(self._small)}
        self._fitted: dict[tuple[str, int, bool, bool], tuple[str, int]] = {}

    # ------------------------------------------------------------------ painting
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint tint, selection, text, corner mark and the frame of the current cell."""
        row, section = index.row(), index.column()
        model, colours, current = self._model, self.colours, self._cursor.position
        rect: QRect = option.rect
        painter.fillRect(rect, colours.grid)
        rect.adjust(0, 0, -1, -1)
        problems = model.problems_at(row, section)
        painter.fillRect(rect, self._fill(row, section, problems[0].severity if problems else ""))
        if self._selection.isSelected(index):
            painter.fillRect(rect, colours.selected)
        elif row == current[0]:
            painter.fillRect(rect, colours.current_row)
        if row < model.n_rows:
            if section == TICK:
                self._paint_tick(painter, rect, not model.is_excluded(row))
            else:
                self._paint_text(painter, rect, row, section)
        badge = model.badge(row, section)
        if badge:
            paint_badge(painter, rect, badge, colours)
        if problems:
            paint_corner(painter, rect, problems[0].severity, colours)
        if current == (row, section):
            painter.setPen(QPen(colours.current, 2))
            painter.drawRect(QRectF(rect).adjusted(1, 1, -1, -1))

    def _fill(self, row: int, section: int, severity: str) -> QColor:
        if severity == "error":
            return self.colours.error.fill
        if severity == "warning":
            return self.colours.warning.fill
        if section >= self._model.first_effect:
            return self.colours.effect
        inside = row < self._model.n_rows and section <= self._model.n_columns
        return self.colours.base if inside else self.colours.spare

    def _paint_text(self, painter: QPainter, rect: QRect, row: int, section: int) -> None:
        """Text on its base line; Qt's own layout of a rectangle takes twice as long."""
        model = self._model
        text = model.text(row, section)
        if not text:
            return
        key = model.effect_key(section)
        faint = key in ("yi", "sei", "route") or (bool(key) and model.effect(row).missing)
        excluded = model.is_excluded(row)
        ink = self.colours.muted if faint else self.colours.ink
        painter.setFont(self._small if faint else self._font)
        painter.setPen(self.colours.excluded_ink if excluded else ink)
        metrics = self._metrics_of[faint]
        value = None if key else model.value(row, section)
        text, width = self._fit(text, value, rect.width() - 2 * PADDING, faint)
        x = rect.left() + PADDING
        if model.alignment(row, section) == RIGHT:
            x = rect.right() + 1 - PADDING - width
        y = rect.top() + (rect.height() + metrics.ascent() - metrics.descent()) // 2
        painter.drawText(x, y, text)
        if excluded and not key:
            role = model.role_at(section)
            if role is not None and role.key == "study":
                middle = rect.center().y() + 1
                painter.drawLine(x, middle, x + width, middle)

    def _fit(self, text: str, value: Value, place: int, small: bool) -> tuple[str, int]:
        """What of a text is shown in a place so wide, and its own width; remembered."""
        decimal = isinstance(value, float)
        known = self._fitted.get((text, place, small, decimal))
        if known is None:
            if len(self._fitted) > MOST_TEXTS:
                self._fitted.clear()
            known = self._cut(text, value if isinstance(value, float) else None, place, small)
            self._fitted[text, place, small, decimal] = known
        return known

    def _cut(self, text: str, value: float | None, place: int, small: bool) -> tuple[str, int]:
        """One line; a decimal number with as many digits as fit, as Excel shows it."""
        metrics = self._metrics_of[small]
        line = " ↵ ".join(text.splitlines()) if "\n" in text or "\r" in text else text
        width = metrics.horizontalAdvance(line)
        for digits in range(12, 2, -1) if value is not None else ():
            if width <= place:
                break
            line = f"{value:.{digits}g}"
            width = metrics.horizontalAdvance(line)
        if width <= place:
            return line, width
        whole = text if value is not None else line
        return metrics.elidedText(whole, Qt.TextElideMode.ElideRight, place), place

    def _paint_tick(self, painter: QPainter, rect: QRect, ticked: bool) -> None:
        colours = self.colours
        box = QRectF(0, 0, BOX, BOX)
        box.moveCenter(QRectF(rect).center())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colours.current if ticked else colours.faint, 1.2))
        painter.setBrush(colours.current if ticked else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 3, 3)
        if ticked:
            painter.setPen(QPen(colours.base, 1.8))
            x, y = box.x(), box.y()
            points = [QPointF(x + 3.4, y + 7.2), QPointF(x + 6, y + 10), QPointF(x + 10.8, y + 4.4)]
            painter.drawPolyline(QPolygonF(points))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Rows have one height; only a width is asked for."""
        wide = self._metrics_of[False].horizontalAdvance(
            self._model.text(index.row(), index.column())
        )
        return QSize(wide + 2 * PADDING + 4, self._metrics_of[False].height() + 9)

    # ------------------------------------------------------------------ editing
    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> QLineEdit:
        """Edit in place, in a line without a frame."""
        editor = QLineEdit(parent)
        editor.setObjectName("cell_editor")
        editor.setAccessibleName(self.tr("Cell"))
        editor.setFrame(False)
        editor.setFont(self._font)
        editor.setTextMargins(PADDING - 3, 0, 0, 0)
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Fill the editor with the cell."""
        cast(QLineEdit, editor).setText(self._model.text(index.row(), index.column()))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """Write what was typed."""
        self._model.setData(index, cast(QLineEdit, editor).text())

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        """Cover the cell inside its frame."""
        rect: QRect = option.rect
        editor.setGeometry(rect.adjusted(2, 2, -2, -2))

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        """Enter and Tab write the cell and go on, as in Excel."""
        if event.type() == QEvent.Type.KeyPress and isinstance(editor, QLineEdit):
            step = _step_of(cast(QKeyEvent, event))
            if step is not None:
                self.commitData.emit(editor)
                self.closeEditor.emit(editor, QStyledItemDelegate.EndEditHint.NoHint)
                self.left_by_key.emit(*step)
                return True
        return super().eventFilter(editor, event)


def _step_of(event: QKeyEvent) -> tuple[int, int] | None:
    """Rows and columns to go after a key that ends editing, None for any other key."""
    back = -1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
    match event.key():
        case Qt.Key.Key_Return | Qt.Key.Key_Enter:
            return back, 0
        case Qt.Key.Key_Tab:
            return 0, 1
        case Qt.Key.Key_Backtab:
            return 0, -1
        case Qt.Key.Key_Up:
            return -1, 0
        case Qt.Key.Key_Down:
            return 1, 0
    return None


def paint_badge(painter: QPainter, rect: QRect, badge: str, colours: SheetColours) -> None:
    """Mark a cell in its lower left corner: full where a step wrote it, hollow where it was read.

    Problems have the upper right corner; shape and place tell the marks apart without colours.
    """
    left, bottom = float(rect.left()), rect.bottom() + 1.0
    size = CORNER if badge == WRITTEN else CORNER - 1.0
    corner = [QPointF(left, bottom - size), QPointF(left, bottom), QPointF(left + size, bottom)]
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if badge == WRITTEN:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.current)
        painter.drawPolygon(QPolygonF(corner))
    else:
        painter.setPen(QPen(colours.faint, 1.0))
        painter.drawLine(corner[0], corner[2])
    painter.restore()


def paint_corner(painter: QPainter, rect: QRect, severity: str, colours: SheetColours) -> None:
    """Paint the mark of a problem into the upper right corner; no selection hides it."""
    tints = {"error": colours.error.line, "warning": colours.warning.line}
    right, top = rect.right() + 1.0, float(rect.top())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(tints.get(severity, colours.note_mark))
    corner = [QPointF(right - CORNER, top), QPointF(right, top), QPointF(right, top + CORNER)]
    painter.drawPolygon(QPolygonF(corner))
    painter.restore()
