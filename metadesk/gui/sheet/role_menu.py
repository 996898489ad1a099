"""The menu of roles: grouped, searched by typing, with 'No role' at the top."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from metadesk.gui.sheet.colours import chip_of, scroll_bar_css, sheet_colours
from metadesk.table import ROLES, UNIQUE_EXCEPT, StudyTable

KEY = Qt.ItemDataRole.UserRole
NO_ROLE = ""


@dataclass(frozen=True)
class RoleLine:
    """One line of the menu; a heading has no key."""

    key: str | None
    text: str
    hint: str = ""


def matching_roles(table: StudyTable, sought: str) -> list[RoleLine]:
    """Lines for the roles whose name, title or group holds every word that was typed."""
    words = sought.lower().split()
    lines: list[RoleLine] = [] if words else [RoleLine(NO_ROLE, "No role")]
    group = ""
    for role in ROLES:
        heap = f"{role.key} {role.title} {role.group}".lower()
        if not all(word in heap for word in words):
            continue
        if role.group != group:
            group = role.group
            lines.append(RoleLine(None, group))
        taken = table.with_role(role.key) if role.key not in UNIQUE_EXCEPT else None
        lines.append(RoleLine(role.key, role.title, taken.name if taken is not None else ""))
    return lines


class RoleMenu(QFrame):
    """A popup with a search line over a grouped list."""

    chosen = Signal(str)  # key of the role, '' for none

    def __init__(self, table: StudyTable, current: str | None, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("role_menu")
        self.setAccessibleName(self.tr("Role of the column"))
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._table, self._current = table, current
        self._colours = sheet_colours(parent.palette())
        self.search = QLineEdit(self)
        self.search.setObjectName("role_search")
        self.search.setAccessibleName(self.tr("Search a role"))
        self.search.setPlaceholderText(self.tr("Search: events, SD, CI, year …"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._fill)
        self.search.installEventFilter(self)
        self.list = QListWidget(self)
        self.list.setObjectName("role_list")
        self.list.setAccessibleName(self.tr("Roles"))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setUniformItemSizes(True)
        self.list.setIconSize(QSize(12, 12))
        self.list.verticalScrollBar().setStyleSheet(scroll_bar_css(self._colours))
        self.list.itemClicked.connect(self._take)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.search)
        layout.addWidget(self.list)
        self._fill("")
        self.resize(300, 420)

    def open_at(self, point: QPoint) -> None:
        """Show the menu inside the screen and let the person type at once."""
        screen = self.screen().availableGeometry()
        x = max(screen.left(), min(point.x(), screen.right() - self.width()))
        y = max(screen.top(), min(point.y(), screen.bottom() - self.height()))
        self.move(x, y)
        self.show()
        self.search.setFocus()

    def _fill(self, sought: str) -> None:
        self.list.clear()
        height = self.fontMetrics().height() + 8
        for line in matching_roles(self._table, sought):
            item = self._item(line)
            item.setSizeHint(QSize(0, height))
            self.list.addItem(item)
        current = (i for i in range(self.list.count()) if self._key_at(i) == (self._current or ""))
        row = -1 if sought else next(current, -1)
        self.list.setCurrentRow(row)
        if row < 0:
            self._step(1)
        else:
            self.list.scrollToItem(self.list.item(row))

    def _item(self, line: RoleLine) -> QListWidgetItem:
        if line.key is None:
            item = QListWidgetItem(line.text)
            font = item.font()
            font.setBold(True)
            font.setPointSizeF(self.font().pointSizeF() * 0.9)
            item.setFont(font)
            item.setForeground(self._colours.faint)
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            return item
        role = ROLES[line.key] if line.key else None
        taken = self.tr("   · now {}").format(line.hint) if line.hint else ""
        own = role is not None and role.key == self._current
        item = QListWidgetItem(line.text + ("   ✓" if own else taken))
        tint = self._colours.chips[chip_of(role)]
        item.setIcon(_swatch(tint.fill, tint.line))
        item.setData(KEY, line.key)
        return item

    def _key_at(self, row: int) -> str | None:
        item = self.list.item(row)
        key = None if item is None else item.data(KEY)
        return key if isinstance(key, str) else None

    def _step(self, by: int) -> None:
        row = self.list.currentRow() + by
        while 0 <= row < self.list.count() and self._key_at(row) is None:
            row += by
        if 0 <= row < self.list.count():
            self.list.setCurrentRow(row)

    def _take(self, item: QListWidgetItem | None) -> None:
        key = item.data(KEY) if item is not None else None
        if key is not None:
            self.chosen.emit(key)
            self.close()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrows and Enter of the search line work on the list."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            match event.key():
                case Qt.Key.Key_Down:
                    self._step(1)
                    return True
                case Qt.Key.Key_Up:
                    self._step(-1)
                    return True
                case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                    self._take(self.list.currentItem())
                    return True
        return super().eventFilter(watched, event)


def _swatch(fill: QColor, line: QColor) -> QIcon:
    picture = QPixmap(24, 24)
    picture.setDevicePixelRatio(2)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(line, 1))
    painter.setBrush(fill)
    painter.drawRoundedRect(1, 1, 10, 10, 3, 3)
    painter.end()
    return QIcon(picture)
