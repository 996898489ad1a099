"""Everything that can be done, found by typing a few letters of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget


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
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(4)
        column.addWidget(self.line)
        column.addWidget(self.list)
        self.line.textChanged.connect(self._fill)
        self.line.returnPressed.connect(self._do)
        self.list.itemClicked.connect(self._do)
        self.line.installEventFilter(self)
        self.resize(480, 380)
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
            keys = f"    {command.keys}" if command.keys else ""
            item = QListWidgetItem(command.icon or QIcon(), f"{command.title}{keys}")
            item.setData(Qt.ItemDataRole.UserRole, at)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _do(self) -> None:
        item = self.list.currentItem()
        self.close()
        if item is not None:
            self._commands[item.data(Qt.ItemDataRole.UserRole)].run()


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
