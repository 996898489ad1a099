"""Small pictures on the measure cards, one a family, drawn in the colours of the window."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from metadesk.gui.theme import Tones

Draw = Callable[[QPainter, Tones], None]
WIDTH, HEIGHT = 64.0, 44.0
BELL = [(x / 12.0, math.exp(-0.5 * ((x - 6) / 1.9) ** 2)) for x in range(13)]


def draw_picture(painter: QPainter, place: QRectF, family: str, t: Tones) -> None:
    """Draw a family's picture into a rectangle, at its own proportions."""
    draw = PICTURES.get(family, _interval)
    scale = min(place.width() / WIDTH, place.height() / HEIGHT)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(place.center())
    painter.scale(scale, scale)
    painter.translate(-WIDTH / 2, -HEIGHT / 2)
    draw(painter, t)
    painter.restore()


def _pen(painter: QPainter, colour: str, width: float = 1.6) -> None:
    pen = QPen(QColor(colour), width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _fill(painter: QPainter, colour: str, opacity: float = 1.0) -> None:
    shade = QColor(colour)
    shade.setAlphaF(opacity)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(shade)


def _people(painter: QPainter, t: Tones, left: float, filled: int, columns: int = 4) -> None:
    """A block of people as dots; the filled ones have the event."""
    for i in range(columns * 5):
        at = QPointF(left + 6.2 * (i % columns), 9 + 6.4 * (i // columns))
        if i < filled:
            _fill(painter, t.accent)
        else:
            _fill(painter, t.muted, 0.28)
        painter.drawEllipse(at, 2.3, 2.3)


def _two_groups(painter: QPainter, t: Tones) -> None:
    _people(painter, t, 6, 4)
    _people(painter, t, 39, 9)


def _one_group(painter: QPainter, t: Tones) -> None:
    _people(painter, t, 17, 8, 6)


def _bell(painter: QPainter, t: Tones, left: float, colour: str) -> None:
    curve = QPolygonF([QPointF(left + 38 * x, 37 - 28 * y) for x, y in BELL])
    area = QPolygonF(curve)
    area.append(QPointF(left + 38, 37))
    area.append(QPointF(left, 37))
    _fill(painter, colour, 0.18)
    painter.drawPolygon(area)
    _pen(painter, colour)
    painter.drawPolyline(curve)


def _two_bells(painter: QPainter, t: Tones) -> None:
    _bell(painter, t, 3, t.muted)
    _bell(painter, t, 23, t.accent)


def _one_bell(painter: QPainter, t: Tones) -> None:
    _bell(painter, t, 13, t.accent)
    _pen(painter, t.accent, 1.2)
    painter.drawLine(QPointF(32, 9), QPointF(32, 37))


def _cut_bells(painter: QPainter, t: Tones) -> None:
    _two_bells(painter, t)
    _pen(painter, t.text, 1.2)
    painter.drawLine(QPointF(32, 6), QPointF(32, 39))


def _line_of_time(painter: QPainter, t: Tones, y: float, events: tuple[float, ...]) -> None:
    _pen(painter, t.muted, 1.4)
    painter.drawLine(QPointF(6, y), QPointF(58, y))
    _fill(painter, t.accent)
    for x in events:
        painter.drawEllipse(QPointF(x, y), 3.0, 3.0)


def _two_times(painter: QPainter, t: Tones) -> None:
    _line_of_time(painter, t, 14, (20, 44))
    _line_of_time(painter, t, 31, (12, 24, 33, 47))


def _one_time(painter: QPainter, t: Tones) -> None:
    _line_of_time(painter, t, 22, (14, 27, 41))


def _pairs(painter: QPainter, t: Tones) -> None:
    """Each person under both conditions: filled where the event happened."""
    for i, (first, second) in enumerate(((1, 1), (0, 1), (1, 0), (0, 1))):
        y = 8 + 9.5 * i
        _pen(painter, t.muted, 1.2)
        painter.drawLine(QPointF(20, y), QPointF(44, y))
        for x, event in ((18, first), (46, second)):
            _fill(painter, t.accent if event else t.base)
            painter.drawEllipse(QPointF(x, y), 3.2, 3.2)
            _pen(painter, t.accent if event else t.muted, 1.2)
            painter.drawEllipse(QPointF(x, y), 3.2, 3.2)


def _change(painter: QPainter, t: Tones) -> None:
    """The same people before and after."""
    for before, after in ((30, 17), (35, 24), (25, 12), (33, 29)):
        _pen(painter, t.muted, 1.2)
        painter.drawLine(QPointF(15, before), QPointF(49, after))
        _fill(painter, t.muted)
        painter.drawEllipse(QPointF(15, before), 2.4, 2.4)
        _fill(painter, t.accent)
        painter.drawEllipse(QPointF(49, after), 2.4, 2.4)


POINTS = ((10, 34), (16, 28), (20, 31), (26, 22), (31, 26), (35, 19), (41, 21), (46, 13), (53, 12))


def _scatter(painter: QPainter, t: Tones) -> None:
    _pen(painter, t.muted, 1.2)
    painter.drawPolyline(QPolygonF([QPointF(5, 5), QPointF(5, 39), QPointF(59, 39)]))
    _fill(painter, t.accent)
    for x, y in POINTS:
        painter.drawEllipse(QPointF(x, y), 2.3, 2.3)


def _line(painter: QPainter, t: Tones) -> None:
    _scatter(painter, t)
    _pen(painter, t.text, 1.4)
    painter.drawLine(QPointF(8, 36), QPointF(56, 9))


def _items(painter: QPainter, t: Tones) -> None:
    """The items of a scale, answered alike."""
    for i, marks in enumerate(((2, 3), (2, 2), (3, 3), (2, 3))):
        y = 9 + 9 * i
        for j in range(5):
            _fill(painter, t.accent if j in marks else t.muted, 1.0 if j in marks else 0.28)
            painter.drawEllipse(QPointF(14 + 9 * j, y), 2.9, 2.9)


def _steps(painter: QPainter, t: Tones) -> None:
    """Two survival curves."""
    for drops, colour in (
        (((5, 7), (16, 11), (27, 15), (40, 19), (58, 22)), t.accent),
        (((5, 7), (12, 14), (21, 22), (34, 29), (58, 34)), t.muted),
    ):
        _pen(painter, colour)
        corner = QPolygonF([QPointF(*drops[0])])
        for (_, y0), (x1, y1) in itertools.pairwise(drops):
            corner.append(QPointF(x1, y0))
            corner.append(QPointF(x1, y1))
        painter.drawPolyline(corner)


def _interval(painter: QPainter, t: Tones) -> None:
    """An estimate with its interval, as a paper prints it."""
    for y, low, middle, high in ((12, 12, 26, 40), (23, 20, 30, 40), (34, 16, 36, 56)):
        _pen(painter, t.accent)
        painter.drawLine(QPointF(low, y), QPointF(high, y))
        _fill(painter, t.accent)
        painter.drawRect(QRectF(middle - 2.6, y - 2.6, 5.2, 5.2))
    _pen(painter, t.muted, 1.0)
    painter.drawLine(QPointF(44, 4), QPointF(44, 40))


PICTURES: dict[str, Draw] = {
    "Two groups, events": _two_groups,
    "Two groups, measured outcome": _two_bells,
    "Two groups, measured outcome, told otherwise": _cut_bells,
    "Two groups, events over person-time": _two_times,
    "Matched pairs and crossover, events": _pairs,
    "Pre/post, matched and crossover, measured outcome": _change,
    "Correlation": _scatter,
    "Regression": _line,
    "One group, events": _one_group,
    "One group, events over person-time": _one_time,
    "One group, measured outcome": _one_bell,
    "Reliability": _items,
    "Survival": _steps,
    "Ready-made estimates": _interval,
}
