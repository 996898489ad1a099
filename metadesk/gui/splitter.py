"""A splitter whose handle is a thin line, easy to see and wide enough to take."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSplitter, QSplitterHandle, QWidget

from metadesk.gui.theme import tones

GRIP = 5  # px that the pointer can take


class LineSplitter(QSplitter):
    """A splitter without grips; it has no style sheet, which its children would inherit."""

    def __init__(self, orientation: Qt.Orientation, name: str, parent: QWidget) -> None:
        super().__init__(orientation, parent)
        self.setObjectName(name)
        self.setHandleWidth(GRIP)
        self.setChildrenCollapsible(False)

    def createHandle(self) -> QSplitterHandle:
        """Make a line."""
        return _Line(self.orientation(), self)


class _Line(QSplitterHandle):
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        middle = GRIP // 2
        upright = self.orientation() == Qt.Orientation.Horizontal
        line = QRect(middle, 0, 1, self.height()) if upright else QRect(0, middle, self.width(), 1)
        painter.fillRect(line, QColor(tones().line))
        painter.end()
