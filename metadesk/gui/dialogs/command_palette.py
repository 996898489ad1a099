"""Everything that can be done, found by typing a few letters of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from metadesk.gui.theme import scroll_css, tones

KEYS = Qt.ItemDataRole.UserRole + 1
SIDE, SIGN, GAP = 12, 18, 12  # px: the margin, an icon, and what is between it and the words


@dataclass(frozen=True)
class Command:
    """One line of the palette."""

    title: str
    run: Callable[[], object]
    keys: str = ""
    icon: QIcon | None = None


class CommandPalette(QDialog):
    """A line and a list; Enter does the first thing, arrows choose another."""

    def __init__(self, commands: Sequence[Command], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("commandPalette")
        self.setAccessibleName(self.tr("Commands"))
        self._commands = tuple(commands)
        self.line = QLineEdit(self)
        self.line.setObjectName("commandLine")
        self.line.setAccessibleName(self.tr("Type what you want to do"))
        self.line.setPlaceholderText(self.tr("What do you want to do?"))
        self.line.setFrame(False)
        self.line.setTextMargins(8, 8, 8, 8)
        self.list = QListWidget(self)
        self.list.setObjectName("commandList")
        self.list.setAccessibleName(self.tr("Commands that fit"))
        self.list.setFrameShape(QListWidget.Shape.NoFrame)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setItemDelegate(CommandLine(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setStyleSheet(_css())
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(self.line)
        column.addWidget(self.list)
        self.line.textChanged.connect(self._fill)
        self.line.returnPressed.connect(self._do)
        self.list.itemClicked.connect(self._do)
        self.line.installEventFilter(self)
        self.resize(520, 420)
        self._fill("")

    def event(self, event: QEvent) -> bool:
        """Go away when the person turns to another window."""
        if event.type() == QEvent.Type.WindowDeactivate:
            self.close()
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrows move through the list while the line has the keys."""
        if watched is self.line and isinstance(event, QKeyEvent):
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if step and event.type() == QEvent.Type.KeyPress:
                count = max(self.list.count(), 1)
                self.list.setCurrentRow((self.list.currentRow() + step) % count)
                return True
        return super().eventFilter(watched, event)

    def _fill(self, words: str) -> None:
        self.list.clear()
        ranked = [(fits(words, c.title), at) for at, c in enumerate(self._commands)]
        for _, at in sorted((rank, at) for rank, at in ranked if rank is not None):
            command = self._commands[at]
            item = QListWidgetItem(command.icon or QIcon(), command.title)
            item.setData(Qt.ItemDataRole.UserRole, at)
            item.setData(KEYS, command.keys)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _do(self) -> None:
        item = self.list.currentItem()
        self.close()
        if item is not None:
            self._commands[item.data(Qt.ItemDataRole.UserRole)].run()


class CommandLine(QStyledItemDelegate):
    """A line of the palette: its sign, its title, its keys at the right."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """As high as the words with room above and below."""
        return QSize(200, option.fontMetrics.height() + 16)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint one line."""
        t, rect = tones(), QRect(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(t.selection))
        rect.adjust(SIDE, 0, -SIDE, 0)
        sign = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(sign, QIcon):
            sign.paint(painter, rect.x(), rect.y(), SIGN, rect.height())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(t.muted))
        painter.drawText(rect, Qt.AlignmentFlag.AlignRight | middle, index.data(KEYS) or "")
        painter.setPen(QColor(t.text))
        rect.adjust(SIGN + GAP, 0, 0, 0)
        painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | middle, index.data())


def _css() -> str:
    t = tones()
    return f"""
    QDialog#commandPalette {{ background: {t.raised}; border: 1px solid {t.muted}; }}
    QLineEdit {{ background: {t.raised}; border: none; border-bottom: 1px solid {t.line};
        padding: 6px 4px; }}
    QListWidget {{ background: {t.raised}; border: none; outline: none; padding: 4px 0px; }}
    """ + scroll_css(t)


def fits(typed: str, title: str) -> int | None:
    """How well letters fit: 0 at the start, 1 inside, 2 scattered, None not at all."""
    letters, words = typed.lower().strip(), title.lower()
    if words.startswith(letters):
        return 0
    if letters in words:
        return 1
    place = 0
    for letter in letters.replace(" ", ""):
        place = words.find(letter, place) + 1
        if place == 0:
            return None
    return 2
