"""A page on any QPainter: screen, picture, PDF, printer, all from the same geometry."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF, QTransform

from metadesk.figure import Dot, Line, Mark, Page, Poly, Rect, Text
from metadesk.figure.measure import bounds, left_edge
from metadesk.figure.page import Bounds
from metadesk.paint.fonts import UNITS, painter_font

HIGHLIGHT = QColor(47, 109, 181, 38)
NO_BRUSH = QBrush(Qt.BrushStyle.NoBrush)
NO_PEN = QPen(Qt.PenStyle.NoPen)


def draw_page(
    painter: QPainter, page: Page, clip: Bounds | None = None, highlight: str | None = None
) -> None:
    """Paint a page; the painter's units are points of the page.

    Parameters
    ----------
    painter : QPainter
        Active, and scaled by the caller so that one unit is one point.
    page : Page
        What to paint. White ground is not painted: that is the caller's.
    clip : (left, top, right, bottom), optional
        Marks wholly outside are skipped.
    highlight : str, optional
        Id of a region that gets a tint under its marks.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    if highlight:
        _draw_highlight(painter, page, highlight)
    brush = _Brush(painter)
    for mark in page.marks:
        if clip is None or _visible(mark, clip):
            brush.draw(mark)
    painter.restore()


def _draw_highlight(painter: QPainter, page: Page, id: str) -> None:
    for hit in page.hits:
        if hit.id == id:
            painter.fillRect(QRectF(hit.x, hit.y, hit.width, hit.height), HIGHLIGHT)


def _visible(mark: Mark, clip: Bounds) -> bool:
    """Whether a mark meets the clip; text is asked for its height only, widths cost more."""
    if isinstance(mark, Text):
        return mark.y - 1.2 * mark.size <= clip[3] and mark.y + 0.5 * mark.size >= clip[1]
    a = bounds(mark)
    return a[0] <= clip[2] and a[2] >= clip[0] and a[1] <= clip[3] and a[3] >= clip[1]


@lru_cache(maxsize=512)
def _pen(colour: str, width: float, dash: tuple[float, ...]) -> QPen:
    if not colour:
        return NO_PEN
    pen = QPen(QColor(colour), width)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    if dash:
        # Qt counts dashes in widths of the pen.
        pen.setDashPattern([d / width for d in dash])
    return pen


@lru_cache(maxsize=128)
def _fill(colour: str) -> QBrush:
    return QBrush(QColor(colour)) if colour else NO_BRUSH


class _Brush:
    """A painter that changes its pen, brush and font only when the next mark needs another."""

    def __init__(self, painter: QPainter) -> None:
        self.painter = painter
        self.points = painter.worldTransform()
        self.type_units = QTransform(self.points).scale(1 / UNITS, 1 / UNITS)
        self.in_type_units = False
        self.pen: object = None
        self.brush: object = None
        self.font: object = None

    def draw(self, mark: Mark) -> None:
        is_text = isinstance(mark, Text)
        if is_text is not self.in_type_units:
            self.painter.setWorldTransform(self.type_units if is_text else self.points)
            self.in_type_units = is_text
        match mark:
            case Text():
                self._text(mark)
            case Line():
                self._style(_pen(mark.colour, mark.width, mark.dash), None)
                self.painter.drawLine(QLineF(mark.x1, mark.y1, mark.x2, mark.y2))
            case Rect():
                self._shape(mark)
                self.painter.drawRect(QRectF(mark.x, mark.y, mark.width, mark.height))
            case Poly():
                self._shape(mark)
                corners = QPolygonF([QPointF(x, y) for x, y in mark.points])
                if mark.closed:
                    self.painter.drawPolygon(corners)
                else:
                    self.painter.drawPolyline(corners)
            case Dot():
                self._shape(mark)
                self.painter.drawEllipse(QPointF(mark.x, mark.y), mark.radius, mark.radius)

    def _shape(self, mark: Rect | Poly | Dot) -> None:
        self._style(_pen(mark.stroke, mark.stroke_width, ()), _fill(mark.fill))

    def _style(self, pen: QPen, brush: QBrush | None) -> None:
        if pen is not self.pen:
            self.painter.setPen(pen)
            self.pen = pen
        if brush is not None and brush is not self.brush:
            self.painter.setBrush(brush)
            self.brush = brush

    def _text(self, mark: Text) -> None:
        font = painter_font(mark.size, mark.bold, mark.italic, not mark.tabular)
        if font is not self.font:
            self.painter.setFont(font)
            self.font = font
        self._style(_pen(mark.colour, 1.0, ()), None)
        self.painter.drawText(QPointF(left_edge(mark) * UNITS, mark.y * UNITS), mark.text)
