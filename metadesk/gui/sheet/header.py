"""The header of the sheet: each column's name with a chip that says what the column is."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QHeaderView, QToolTip, QWidget

from metadesk.gui.sheet.colours import SheetColours, chip_of, sheet_colours
from metadesk.gui.sheet.delegate import paint_corner
from metadesk.gui.sheet.grid import TICK, SheetModel
from metadesk.table.gestures import letter

PADDING = 7
CHIP_PADDING = 6
WIDEST_CHIP = 132
LEVELS = " / "  # what the readers put between a heading over several columns and a name


class RoleHeader(QHeaderView):
    """Paints name and role chip; a click on the chip asks for the role menu."""

    role_requested = Signal(int, QPoint)
    rename_requested = Signal(int)

    def __init__(self, model: SheetModel, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._sheet = model
        self._hovered = -1
        self.setObjectName("sheet_header")
        self.setAccessibleName(self.tr("Column names and roles"))
        self.setSectionsClickable(True)
        self.setHighlightSections(True)
        self.setMouseTracking(True)
        self.setMinimumSectionSize(28)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.restyle(self.font(), sheet_colours(self.palette()))

    def restyle(self, font: QFont, colours: SheetColours) -> None:
        """Take the window's font and colours."""
        self._colours = colours
        self._name_font = QFont(font)
        self._name_font.setBold(True)
        self._chip_font = QFont(font)
        self._chip_font.setPointSizeF(font.pointSizeF() * 0.85)
        self._name_metrics = QFontMetrics(self._name_font)
        self._chip_metrics = QFontMetrics(self._chip_font)
        self.updateGeometry()
        self.viewport().update()

    def sizeHint(self) -> QSize:
        """Name and chip with air around them; one line more for a heading over several columns."""
        lines = self._name_metrics.height() + self._chip_metrics.height()
        if self.has_upper:
            lines += self._chip_metrics.height()
        return QSize(super().sizeHint().width(), lines + 20)

    @property
    def has_upper(self) -> bool:
        """Whether a column has a heading over its name, as in 'Treated / Events'."""
        return any(LEVELS in column.name for column in self._sheet.table.columns)

    def _levels(self, section: int) -> tuple[str, str]:
        """The heading over a name, '' for none, and the name itself."""
        name = self._sheet.title(section).replace("\n", " ")
        if self._sheet.column_at(section) is None:
            return "", name
        upper, _, lower = name.rpartition(LEVELS)
        return upper, lower

    # ------------------------------------------------------------------ what stands in it
    def chip_text(self, section: int) -> str:
        """What the chip says; '' where there is none."""
        if self._sheet.column_at(section) is None:
            return ""
        role = self._sheet.role_at(section)
        return role.title if role is not None else self.tr("+ role")

    def wanted_width(self, section: int) -> int:
        """How wide name and chip would like to be."""
        upper, lower = self._levels(section)
        over = self._chip_metrics.horizontalAdvance(upper)
        name = max(self._name_metrics.horizontalAdvance(lower), over)
        chip = self._chip_metrics.horizontalAdvance(self.chip_text(section)) + 2 * CHIP_PADDING
        return max(name, min(chip, WIDEST_CHIP)) + 2 * PADDING + 2

    def chip_rect(self, section: int) -> QRect:
        """Where the chip of a section lies in the viewport; empty where there is none."""
        text = self.chip_text(section)
        if not text:
            return QRect()
        rect = self._section_rect(section)
        height = self._chip_metrics.height() + 4
        wide = self._chip_metrics.horizontalAdvance(text) + 2 * CHIP_PADDING
        width = min(wide, rect.width() - PADDING - 3)
        return QRect(rect.left() + PADDING - 2, rect.bottom() - height - 5, width, height)

    def _section_rect(self, section: int) -> QRect:
        left = self.sectionViewportPosition(section)
        return QRect(left, 0, self.sectionSize(section), self.viewport().height())

    # ------------------------------------------------------------------ painting
    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        """Paint one header."""
        colours = self._colours
        effect = self._sheet.effect_key(section)
        painter.save()
        painter.fillRect(rect, colours.effect_header if effect else colours.header)
        if section == self._hovered and self._sheet.column_at(section) is not None:
            painter.fillRect(rect, colours.current_row)
        painter.setPen(colours.grid)
        painter.drawLine(rect.topRight(), rect.bottomRight())
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        self._paint_name(painter, rect, section, faint=effect in ("yi", "sei", "route"))
        self._paint_chip(painter, section)
        problems = self._sheet.problems_of_column(section)
        if problems:
            paint_corner(painter, rect.adjusted(0, 0, -1, 0), problems[0].severity, colours)
        if self._is_chosen(section):
            painter.fillRect(
                QRect(rect.left(), rect.bottom() - 1, rect.width(), 2), colours.current
            )
        painter.restore()

    def _is_chosen(self, section: int) -> bool:
        chosen = self.selectionModel()
        return section != TICK and chosen is not None and chosen.currentIndex().column() == section

    def _paint_name(self, painter: QPainter, rect: QRect, section: int, faint: bool) -> None:
        upper, name = self._levels(section)
        width = rect.width() - 2 * PADDING + 2
        bottom = rect.bottom() - 8
        if self.chip_text(section):
            bottom = self.chip_rect(section).top() - 3
        colours, elide = self._colours, Qt.TextElideMode.ElideRight
        painter.setFont(self._name_font)
        painter.setPen(colours.muted if faint else colours.header_ink)
        if not name and not self._sheet.n_columns and 0 < section < self._sheet.first_effect:
            name = letter(section - 1)
            painter.setFont(self._chip_font)
            painter.setPen(colours.excluded_ink)
        height = self._name_metrics.height()
        place = QRect(rect.left() + PADDING, bottom - height + 1, width, height)
        numbers = self._sheet.effect_key(section) in ("yi", "sei", "effect")
        side = int(Qt.AlignmentFlag.AlignRight if numbers else Qt.AlignmentFlag.AlignLeft)
        painter.drawText(place, side, self._name_metrics.elidedText(name, elide, width))
        if upper:
            painter.setFont(self._chip_font)
            painter.setPen(colours.muted)
            over = place.translated(0, -self._chip_metrics.height() - 1)
            painter.drawText(over, 0, self._chip_metrics.elidedText(upper, elide, width))

    def _paint_chip(self, painter: QPainter, section: int) -> None:
        text = self.chip_text(section)
        if not text:
            return
        column, role = self._sheet.column_at(section), self._sheet.role_at(section)
        guessed = column is not None and column.guessed and role is not None
        place, tint = self.chip_rect(section), self._colours.chips[chip_of(role)]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        dashed = guessed or role is None
        painter.setPen(
            QPen(tint.line, 1, Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine)
        )
        painter.setBrush(Qt.BrushStyle.NoBrush if role is None else tint.fill)
        painter.drawRoundedRect(QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        font = QFont(self._chip_font)
        font.setItalic(guessed)
        painter.setFont(font)
        painter.setPen(tint.ink)
        inner = place.adjusted(CHIP_PADDING - 1, 0, -CHIP_PADDING + 2, 0)
        shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, inner.width() + 1)
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignVCenter), shown)

    # ------------------------------------------------------------------ the mouse
    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Open the role menu on the chip, choose the column beside it."""
        point = event.position().toPoint()
        section = self.logicalIndexAt(point)
        left = event.button() == Qt.MouseButton.LeftButton
        if left and self.chip_rect(section).contains(point):
            self.ask_role(section)
            return
        super().mousePressEvent(event)

    def ask_role(self, section: int) -> None:
        """Ask for the role menu under the chip."""
        corner = self.chip_rect(section).bottomLeft()
        self.role_requested.emit(section, self.viewport().mapToGlobal(corner + QPoint(0, 4)))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Rename on a double click, fit the width on one at the edge."""
        point = event.position().toPoint()
        section = self.logicalIndexAt(point)
        on_chip = self.chip_rect(section).contains(point)
        at_edge = self.cursor().shape() == Qt.CursorShape.SplitHCursor
        if not at_edge and not on_chip and self._sheet.table_position(section) is not None:
            self.rename_requested.emit(section)
            return
        super().mouseDoubleClickEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show that the chip can be clicked."""
        super().mouseMoveEvent(event)
        point = event.position().toPoint()
        section = self.logicalIndexAt(point)
        if section != self._hovered:
            self._hovered = section
            self.viewport().update()
        if self.chip_rect(section).contains(point):
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        elif self.cursor().shape() == Qt.CursorShape.PointingHandCursor:
            self.unsetCursor()

    def leaveEvent(self, event: QEvent) -> None:
        """Forget the hovered section."""
        self._hovered = -1
        self.viewport().update()
        super().leaveEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show name and role as tooltip."""
        if event.type() == QEvent.Type.ToolTip:
            asked = cast(QHelpEvent, event)
            text = self._sheet.headerData(
                self.logicalIndexAt(asked.pos()),
                Qt.Orientation.Horizontal,
                Qt.ItemDataRole.ToolTipRole,
            )
            QToolTip.showText(asked.globalPos(), text or "", self)
            return True
        return super().viewportEvent(event)


class RowHeader(QHeaderView):
    """Row numbers, flat and quiet, with the current row in the accent colour."""

    def __init__(self, model: SheetModel, current_row: Callable[[], int], parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._sheet, self._current_row = model, current_row
        self.setObjectName("sheet_rows")
        self.setAccessibleName(self.tr("Row numbers"))
        self.setSectionsClickable(True)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.restyle(self.font(), sheet_colours(self.palette()))

    def restyle(self, font: QFont, colours: SheetColours) -> None:
        """Take the window's font and colours."""
        self._colours = colours
        self._number_font = QFont(font)
        self._number_font.setPointSizeF(font.pointSizeF() * 0.9)
        self.viewport().update()

    def paintSection(self, painter: QPainter, rect: QRect, row: int) -> None:
        """Paint one row number."""
        colours, current = self._colours, row == self._current_row()
        painter.fillRect(rect, colours.effect_header if current else colours.header)
        painter.setPen(colours.grid)
        painter.drawLine(rect.topRight(), rect.bottomRight())
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        font = QFont(self._number_font)
        font.setBold(current)
        painter.setFont(font)
        inside = row < self._sheet.table.n_rows
        ink = colours.current if current else colours.faint if inside else colours.excluded_ink
        painter.setPen(ink)
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), str(row + 1))
