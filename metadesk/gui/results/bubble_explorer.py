"""The bubble plot to explore: zoom with the wheel, names under the pointer, a click finds the row.

pyqtgraph is loaded when the first one is opened. What is shown is the scene of the bubble plot, in
the same coordinates; the figure for print is drawn by :mod:`metadesk.plots.bubble`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from metadesk.analysis.result import AnalysisResult
    from metadesk.plots.bubble import BubbleScene

FIT, FILL, CHOSEN = (28, 68, 116), (47, 109, 181, 220), (176, 53, 47)
CI_BAND, PI_BAND = (47, 109, 181, 70), (47, 109, 181, 28)


class BubbleExplorer(QWidget):
    """``chosen`` tells the row of the study that was clicked."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        import pyqtgraph

        self.setObjectName("bubbleExplorer")
        self.setAccessibleName(self.tr("Bubble plot to explore"))
        self._pg: Any = pyqtgraph
        self.canvas: Any = pyqtgraph.PlotWidget(self, background="w")
        self.canvas.setObjectName("bubbleCanvas")
        self.canvas.setMenuEnabled(False)
        self.canvas.showGrid(x=True, y=True, alpha=0.15)
        self._scatter: Any = None
        self._places: dict[int, tuple[float, float]] = {}
        self._selected = -1
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.addWidget(self.canvas)

    def show_scene(self, result: AnalysisResult, scene: BubbleScene) -> None:
        """Show the studies, the fitted line and its bands."""
        from metadesk.plots.bubble import tip_of

        pg = self._pg
        self.canvas.clear()
        self.canvas.setLogMode(x=False, y=False)
        self.canvas.getAxis("left").setLogMode(scene.log)
        self.canvas.setLabel("bottom", scene.moderator)
        self.canvas.setLabel("left", result.family.title)
        xs = list(scene.xs)
        for (low, high), colour in ((scene.pi, PI_BAND), (scene.ci, CI_BAND)):
            if all(math.isfinite(v) for v in low):
                ends = [
                    pg.PlotDataItem(xs, [_placed(v, scene.log) for v in line])
                    for line in (low, high)
                ]
                self.canvas.addItem(pg.FillBetweenItem(*ends, brush=pg.mkBrush(*colour)))
        mean = [_placed(v, scene.log) for v in scene.mean]
        self.canvas.addItem(pg.PlotDataItem(xs, mean, pen=pg.mkPen(FIT, width=2)))
        null = result.natural(result.scale.null)
        if math.isfinite(null):
            pen = pg.mkPen((120, 128, 136), width=1, style=pg.QtCore.Qt.PenStyle.DashLine)
            self.canvas.addItem(pg.InfiniteLine(_placed(null, scene.log), angle=0, pen=pen))
        tips = {b.study.row_id: tip_of(result, scene, b) for b in scene.bubbles}
        self._places = {b.study.row_id: (b.x, _placed(b.y, scene.log)) for b in scene.bubbles}
        self._scatter = pg.ScatterPlotItem(
            hoverable=True,
            hoverPen=pg.mkPen(CHOSEN, width=2),
            tip=lambda x, y, data: tips.get(int(data), ""),
        )
        self._scatter.addPoints(
            [
                {
                    "pos": self._places[b.study.row_id],
                    "size": 2.6 * b.radius,
                    "data": b.study.row_id,
                    "brush": pg.mkBrush(*FILL),
                    "pen": pg.mkPen("w"),
                }
                for b in sorted(scene.bubbles, key=lambda b: -b.radius)
            ]
        )
        self._scatter.sigClicked.connect(self._click)
        self.canvas.addItem(self._scatter)
        self.choose(self._selected)
        self._fit_range(scene)

    def _fit_range(self, scene: BubbleScene) -> None:
        """All studies and the confidence band; the wheel goes further."""
        ys = [b.y for b in scene.bubbles] + [v for line in scene.ci for v in line]
        placed = [_placed(y, scene.log) for y in ys if math.isfinite(y)]
        box = self.canvas.getPlotItem().vb
        box.setXRange(scene.xs[0], scene.xs[-1], padding=0.03)
        box.setYRange(min(placed), max(placed), padding=0.08)

    def choose(self, row_id: int) -> None:
        """Mark one study."""
        self._selected = row_id
        if self._scatter is None:
            return
        for point in self._scatter.points():
            one = int(point.data()) == row_id
            point.setPen(self._pg.mkPen(CHOSEN if one else "w", width=3 if one else 1))

    def place_of(self, row_id: int) -> QPointF | None:
        """Where a study stands, in the canvas' own pixels."""
        place = self._places.get(row_id)
        if place is None:
            return None
        scene: QPointF = self.canvas.getPlotItem().vb.mapViewToScene(QPointF(*place))
        return scene

    def _click(self, _item: object, points: Any, *_more: object) -> None:
        if len(points):
            self.chosen.emit(int(points[0].data()))


def _placed(value: float, log: bool) -> float:
    """A number as the axis spaces it."""
    return math.log10(value) if log and value > 0 else value
