"""The partition of heterogeneity as a bar: what the moderators explain, and what they leave."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from metadesk.document import Table, format_value
from metadesk.gui.theme import tones

HEIGHT, WIDEST, GAP = 18, 520, 8


class PartitionBar(QWidget):
    """Total τ² as one bar, its explained part in colour."""

    def __init__(self, table: Table, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("partitionBar")
        values = [v if isinstance(v, float) else 0.0 for v in table.column("tau2")]
        self.total, self.explained, self.residual = values
        self.setAccessibleName(self.words())
        self.setToolTip(self.words())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def share(self) -> float:
        """The explained share, from 0 to 1."""
        if not self.total > 0:
            return 0.0
        return min(max(self.explained / self.total, 0.0), 1.0)

    def words(self) -> str:
        """What the bar shows, for those who do not see it."""
        total, explained, residual = (
            format_value(v, "variance") for v in (self.total, self.explained, self.residual)
        )
        return self.tr("Total τ² {0} = explained {1} + residual {2}").format(
            total, explained, residual
        )

    def sizeHint(self) -> QSize:
        """The bar with a line of words under it."""
        return QSize(WIDEST, HEIGHT + GAP + self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """It may get narrow, never lower."""
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both parts and name them."""
        t = tones()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        width = float(min(self.width(), WIDEST))
        cut = width * self.share
        painter.setBrush(QColor(t.line))
        painter.drawRoundedRect(QRectF(0, 0, width, HEIGHT), 4, 4)
        if cut > 0:
            painter.setBrush(QColor(t.accent))
            painter.drawRoundedRect(QRectF(0, 0, max(cut, 4.0), HEIGHT), 4, 4)
        painter.setPen(QColor(t.muted))
        under = QRectF(0, HEIGHT + GAP / 2, width, self.height() - HEIGHT - GAP / 2)
        explained = self.tr("explained {0}").format(self._part(self.explained))
        residual = self.tr("residual {0}").format(self._part(self.residual))
        painter.drawText(under, Qt.AlignmentFlag.AlignLeft, explained)
        painter.drawText(under, Qt.AlignmentFlag.AlignRight, residual)
        painter.end()

    def _part(self, value: float) -> str:
        shown = format_value(value, "variance")
        if not self.total > 0:
            return f"τ² {shown}"
        return f"τ² {shown} ({format_value(100 * value / self.total, 'percent', 0)})"
