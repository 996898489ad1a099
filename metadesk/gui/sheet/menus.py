"""The context menus of cells and headers, and the keys that do the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu, QWidget


@dataclass(frozen=True)
class Line:
    """One line of a menu; an empty title is a separator."""

    title: str = ""
    run: Callable[[], object] | None = None
    keys: str = ""
    enabled: bool = True


SEPARATOR = Line()


def menu_of(lines: list[Line], name: str, parent: QWidget) -> QMenu:
    """Make a menu that shows its shortcuts; the keys themselves are the sheet's."""
    menu = QMenu(parent)
    menu.setObjectName(name)
    for line in lines:
        if line.run is None:
            menu.addSeparator()
            continue
        keys = QKeySequence(line.keys).toString(QKeySequence.SequenceFormat.NativeText)
        action = menu.addAction(f"{line.title}\t{keys}" if keys else line.title)
        action.setEnabled(line.enabled)
        action.triggered.connect(lambda _=False, run=line.run: run())
    return menu
