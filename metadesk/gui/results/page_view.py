"""A figure on the screen: painted once, then only shown; what is under the pointer is tinted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from metadesk.gui.theme import tones

if TYPE_CHECKING:
    from metadesk.figure import Hit, Page

Zoom = Literal["width", "free"]
MARGIN = 16  # px of desk around the paper
SCREEN_POINTS = 96.0 / 72.0  # logical pixels a point at 100 %
TINT = QColor(47, 109, 181, 30)
CHOSEN = QColor(47, 109, 181, 56)


class PageView(QAbstractScrollArea):
    """Shows a page as white paper; ids of marks come back as signals."""

    hovered = Signal(str)
    clicked = Signal(str)
    asked = Signal(str, QPoint)  # context menu on an id, global position
    zoom_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pageView")
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self._page: Page | None = None
        self._mode: Zoom = "width"
        self._scale = SCREEN_POINTS
        self._over = ""
        self._chosen = ""
        self._faded = False
        self._cache = QPixmap()
        self._cache_key: tuple[object, ...] = ()

    @property
    def page(self) -> Page | None:
        """The page that is shown."""
        return self._page

    @property
    def zoom(self) -> float:
        """1.0 is the size on paper at 96 dots per inch."""
        return self._scale / SCREEN_POINTS

    def show_page(self, page: Page | None) -> None:
        """Show another page at the same zoom and place."""
        self._page = page
        self.setAccessibleName(page.title if page and page.title else self.tr("Figure"))
        self.setAccessibleDescription(page.description if page else "")
        self._lay_out()

    def set_zoom(self, zoom: float) -> None:
        """Show at this zoom (1.0: as on paper)."""
        self._mode = "free"
        self._scale = SCREEN_POINTS * min(max(zoom, 0.2), 6.0)
        self._lay_out()

    def fit_width(self) -> None:
        """Show the page as wide as the pane, and follow it."""
        self._mode = "width"
        self._lay_out()

    def set_faded(self, faded: bool) -> None:
        """Veil the page because it is out of date."""
        if faded != self._faded:
            self._faded = faded
            self.viewport().update()

    def choose(self, id: str) -> None:
        """Mark what stands for ``id`` and bring it into view."""
        if id == self._chosen:
            return
        self._chosen = id
        hit = self._page.hit_of(id) if self._page and id else None
        if hit is not None:
            self._bring_into_view(hit)
        self.viewport().update()

    def point_of(self, id: str) -> QPoint | None:
        """The place of what stands for ``id``, in the viewport's pixels."""
        hit = self._page.hit_of(id) if self._page else None
        return None if hit is None else self._box(hit).center().toPoint()

    # -- geometry ---------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        if self._page is None:
            self.viewport().update()
            return
        if self._mode == "width":
            room = self.viewport().width() - 2 * MARGIN
            self._scale = min(max(room / self._page.width, 0.3), 1.35 * SCREEN_POINTS)
        size = self._paper_size()
        view = self.viewport().size()
        for bar, need, have in (
            (self.horizontalScrollBar(), size.width() + 2 * MARGIN, view.width()),
            (self.verticalScrollBar(), size.height() + 2 * MARGIN, view.height()),
        ):
            bar.setRange(0, max(0, need - have))
            bar.setPageStep(have)
            bar.setSingleStep(24)
        self._cache_key = ()
        self.zoom_changed.emit(self.zoom)
        self.viewport().update()

    def _paper_size(self) -> QSize:
        assert self._page is not None
        return QSize(round(self._page.width * self._scale), round(self._page.height * self._scale))

    def _origin(self) -> QPointF:
        """Where the paper's corner stands in the viewport."""
        spare = (self.viewport().width() - self._paper_size().width()) / 2
        x = max(float(MARGIN), spare) - self.horizontalScrollBar().value()
        return QPointF(round(x), MARGIN - self.verticalScrollBar().value())

    def _box(self, hit: Hit) -> QRectF:
        at = self._origin()
        return QRectF(
            at.x() + hit.x * self._scale,
            at.y() + hit.y * self._scale,
            hit.width * self._scale,
            hit.height * self._scale,
        )

    def _hit(self, place: QPointF) -> Hit | None:
        if self._page is None:
            return None
        at = place - self._origin()
        return self._page.hit_at(at.x() / self._scale, at.y() / self._scale)

    def _bring_into_view(self, hit: Hit) -> None:
        box, view = self._box(hit), self.viewport().rect()
        bar = self.verticalScrollBar()
        if box.top() < 0:
            bar.setValue(round(bar.value() + box.top() - 24))
        elif box.bottom() > view.height():
            bar.setValue(round(bar.value() + box.bottom() - view.height() + 24))

    # -- painting ---------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show the painted paper, then the tints on top."""
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), QColor(tones().window))
        if self._page is not None:
            self._show_paper(painter)
        painter.end()

    def _show_paper(self, painter: QPainter) -> None:
        assert self._page is not None
        at = self._origin()
        paper = QRectF(at, self._paper_size().toSizeF())
        seen = paper.intersected(QRectF(self.viewport().rect())).toAlignedRect()
        if seen.isEmpty():
            return
        ratio = self.viewport().devicePixelRatioF()
        key = (id(self._page), self._scale, seen.size(), seen.topLeft() - at.toPoint(), ratio)
        if key != self._cache_key:
            self._cache, self._cache_key = self._painted(seen.topLeft(), seen.size(), ratio), key
        painter.drawPixmap(seen.topLeft(), self._cache)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        for id_, colour in ((self._over, TINT), (self._chosen, CHOSEN)):
            hit = self._page.hit_of(id_) if id_ else None
            if hit is not None:
                painter.fillRect(self._box(hit), colour)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        if self._faded:
            painter.fillRect(seen, QColor(255, 255, 255, 150))
        painter.setPen(QPen(QColor(tones().line), 1))
        painter.drawRect(paper)

    def _painted(self, corner: QPoint, size: QSize, ratio: float) -> QPixmap:
        from metadesk.paint import draw_page

        assert self._page is not None
        pixmap = QPixmap(size * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.white)
        painter = QPainter(pixmap)
        shift = self._origin() - QPointF(corner)
        painter.translate(shift)
        painter.scale(self._scale, self._scale)
        left, top = -shift.x() / self._scale, -shift.y() / self._scale
        right, bottom = left + size.width() / self._scale, top + size.height() / self._scale
        draw_page(painter, self._page, (left, top, right, bottom))
        painter.end()
        return pixmap

    # -- what the person does ---------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit again."""
        super().resizeEvent(event)
        self._lay_out()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tint what is under the pointer."""
        hit = self._hit(event.position())
        self._hover(hit.id if hit else "")

    def leaveEvent(self, event: QEvent) -> None:
        """Take the tint away."""
        self._hover("")

    def _hover(self, id: str) -> None:
        if id != self._over:
            self._over = id
            row = id.startswith("row:")
            self.viewport().setCursor(
                Qt.CursorShape.PointingHandCursor if row else Qt.CursorShape.ArrowCursor
            )
            self.hovered.emit(id)
            self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose what is clicked."""
        hit = self._hit(event.position())
        if hit is not None and event.button() in (
            Qt.MouseButton.LeftButton,
            Qt.MouseButton.RightButton,
        ):
            self.clicked.emit(hit.id)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for a menu on what is under the pointer, or on what is chosen (menu key)."""
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            place = self.point_of(self._chosen) or self.viewport().rect().center()
            self.asked.emit(self._chosen, self.viewport().mapToGlobal(place))
            return
        hit = self._hit(QPointF(event.pos()))
        self.asked.emit(hit.id if hit else "", event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk through the rows with the arrows; zoom with + and −."""
        match event.key():
            case Qt.Key.Key_Up:
                self._walk(-1)
            case Qt.Key.Key_Down:
                self._walk(1)
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.set_zoom(self.zoom * 1.2)
            case Qt.Key.Key_Minus:
                self.set_zoom(self.zoom / 1.2)
            case Qt.Key.Key_0:
                self.fit_width()
            case _:
                super().keyPressEvent(event)

    def _walk(self, step: int) -> None:
        if self._page is None:
            return
        rows = list(dict.fromkeys(h.id for h in self._page.hits if h.id.startswith("row:")))
        if not rows:
            return
        at = rows.index(self._chosen) + step if self._chosen in rows else 0
        self.clicked.emit(rows[min(max(at, 0), len(rows) - 1)])

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with Ctrl, else scroll."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_zoom(self.zoom * (1.15 if event.angleDelta().y() > 0 else 1 / 1.15))
            event.accept()
        else:
            super().wheelEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Say in a tip what is under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            hit = self._hit(QPointF(event.pos()))
            if hit is not None and hit.tip:
                QToolTip.showText(event.globalPos(), hit.tip, self.viewport())
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)
