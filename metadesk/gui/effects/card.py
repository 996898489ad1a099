"""One measure as a card: picture, name, plain words, formula, and what it needs or lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from metadesk.gui.effects.needs import missing_needs, missing_words, needed_words, searched
from metadesk.gui.effects.pictures import draw_picture
from metadesk.gui.theme import tones

if TYPE_CHECKING:
    from metadesk.effects import Measure

MARGIN, PICTURE = 12, 56
WRAP = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)


class MeasureCard(QAbstractButton):
    """Painted by itself; a card that cannot be chosen says which columns are missing."""

    def __init__(self, measure: Measure, have: set[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.measure = measure
        self.lacking = missing_needs(measure, have)
        self.possible = not self.lacking
        ready = (r.title for r in measure.routes if have.issuperset(r.roles))
        self._way = next(ready, needed_words(measure.needs))
        self.heap = searched(measure)
        self.setObjectName(f"card-{measure.key}")
        self.setCheckable(True)
        self.setText(measure.title)
        self.setAccessibleName(f"{measure.title} ({measure.key})")
        self.setAccessibleDescription(f"{measure.sentence} {self.foot}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        if self.possible:
            self.setCursor(Qt.CursorShape.PointingHandCursor)

    @property
    def foot(self) -> str:
        """The last line: what the measure needs, or which columns are missing."""
        if self.lacking:
            return self.tr("Missing: {0}").format(missing_words(self.measure, self.lacking))
        return self.tr("From: {0}").format(self._way)

    def fits(self, words: list[str]) -> bool:
        """Whether every word of a search stands on the card."""
        return all(word in self.heap for word in words)

    def _fonts(self) -> tuple[QFont, QFont, QFont]:
        bold, small = QFont(self.font()), QFont(self.font())
        bold.setBold(True)
        small.setPointSizeF(self.font().pointSizeF() * 0.88)
        formula = QFont(small)
        formula.setItalic(True)
        return bold, small, formula

    def height_for(self, width: int) -> int:
        """How high the card must be at a width, so that every word is seen."""
        return self._place(width)[-1].bottom() + MARGIN

    def _place(self, width: int) -> list[QRect]:
        """Where title, sentence, formula and foot go."""
        bold, small, formula = self._fonts()
        left = MARGIN + PICTURE + MARGIN
        places: list[QRect] = []
        top = MARGIN - 2
        for font, words, x in (
            (bold, self.title, left),
            (self.font(), self.measure.sentence, left),
            (formula, self.measure.formula, MARGIN),
            (small, self.foot, MARGIN),
        ):
            if x == MARGIN and len(places) == 2:
                top = max(top, MARGIN + 44)
            inner = width - x - MARGIN
            tall = QFontMetrics(font).boundingRect(QRect(0, 0, inner, 2000), WRAP, words).height()
            places.append(QRect(x, top, inner, tall))
            top += tall + 4
        return places

    @property
    def title(self) -> str:
        """Name and key."""
        return f"{self.measure.title}  ·  {self.measure.key}"

    def sizeHint(self) -> QSize:
        """A comfortable width and the height it needs."""
        return QSize(300, self.height_for(300))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the card."""
        t = tones()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        chosen, here = self.isChecked(), self.hasFocus() or self.underMouse()
        edge = t.accent if chosen or (here and self.possible) else t.line
        painter.setPen(QPen(QColor(edge), 2.0 if chosen or self.hasFocus() else 1.0))
        fill = QColor(t.selection if chosen else t.raised)
        if not self.possible:
            fill = QColor(t.window)
        painter.setBrush(fill)
        painter.drawRoundedRect(frame, 8, 8)
        if not self.possible:
            painter.setOpacity(0.45)
        draw_picture(painter, QRectF(MARGIN, MARGIN, PICTURE, 40), self.measure.family, t)
        painter.setOpacity(1.0)
        bold, small, formula = self._fonts()
        ink = t.text if self.possible else t.muted
        foot = t.muted if self.possible else t.caution
        for place, font, words, colour in zip(
            self._place(self.width()),
            (bold, self.font(), formula, small),
            (self.title, self.measure.sentence, self.measure.formula, self.foot),
            (ink, ink if self.possible else t.muted, t.muted, foot),
            strict=True,
        ):
            painter.setFont(font)
            painter.setPen(QColor(colour))
            painter.drawText(place, WRAP, words)
        painter.end()
