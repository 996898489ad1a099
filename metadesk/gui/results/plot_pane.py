"""The plot tab: the figure of the last result, its zoom, its options, and what a click does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from metadesk.gui.forms import OptionsForm, QuietCombo
from metadesk.gui.jobs import Tell
from metadesk.gui.results.page_view import PageView
from metadesk.gui.session import Session
from metadesk.gui.sheet.reason_menu import ReasonMenu
from metadesk.gui.theme import icon, panel_css, set_role, tones
from metadesk.numerics.progress import Progress
from metadesk.options import from_plain
from metadesk.table.edits import SetExcluded

if TYPE_CHECKING:
    from metadesk.analysis.engine import AnyResult
    from metadesk.figure import Page
    from metadesk.gui.results.bubble_explorer import BubbleExplorer

PATIENCE_MS = 120  # a result that is late by less than this is not called out of date on the plot
ROOM_FOR_WORDS, ROOM_FOR_ZOOM = 760, 520  # px
EXPLORED = ("bubble",)  # plots that can also be explored
SAID_ELSEWHERE = ("group1", "group2", "favours_left", "favours_right")


class PlotPane(QWidget):
    """Draws behind the window and shows; tells the session what was clicked.

    ``tools`` is the strip of buttons; the window puts it where there is room.
    """

    page_changed = Signal()
    export_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plotPane")
        self._session = session
        self._key = "forest"
        self._kinds: dict[str, str] = {}
        self._chosen = False
        self._last: dict[str, str] = {}
        self._drawn: AnyResult | None = None
        self._ready = False
        self._lane = session.new_lane(newest_wins=True)
        self._lane.done.connect(self._on_page)
        self._lane.failed.connect(lambda _, sentence: self._say(sentence))
        self._worded: list[QToolButton] = []
        self._zooms: tuple[QToolButton, ...] = ()
        self.view = PageView(self)
        self._why = QLabel(self)
        self._why.setObjectName("plotWhy")
        self._why.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._why.setWordWrap(True)
        self._why.setContentsMargins(48, 24, 48, 24)
        set_role(self._why, "muted")
        self._badge = QLabel(self.view)
        self._badge.setObjectName("staleBadge")
        self._badge.hide()
        self._veil = QTimer(self)
        self._veil.setSingleShot(True)
        self._veil.setInterval(PATIENCE_MS)
        self._veil.timeout.connect(self._show_veil)
        self._options = QScrollArea(self)
        self._options.setObjectName("plotOptions")
        self._options.setAccessibleName(self.tr("Options of the plot"))
        self._options.setWidgetResizable(True)
        self._options.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._options.setFixedWidth(280)
        self._options.hide()
        self._form: OptionsForm | None = None
        self._explorer: BubbleExplorer | None = None
        self._lay_out()
        self.view.clicked.connect(self._click)
        self.view.asked.connect(self._menu)
        session.result_changed.connect(self.refresh)
        session.figure_changed.connect(lambda _: self._draw())
        session.selection_changed.connect(lambda row: self.view.choose(f"row:{row}"))
        session.sheets_changed.connect(self._show_options)
        self.restyle()
        self.refresh()

    # -- building ---------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.tools = QWidget(self)
        self.tools.setObjectName("plotTools")
        bar = QHBoxLayout(self.tools)
        bar.setContentsMargins(12, 1, 8, 1)
        bar.setSpacing(2)
        self._plots = QuietCombo(self)
        self._plots.setObjectName("plotChooser")
        self._plots.setAccessibleName(self.tr("Kind of plot"))
        self._plots.setMaximumWidth(240)
        self._plots.setMinimumContentsLength(16)
        self._plots.hide()
        self._plots.activated.connect(self._choose_plot)
        self._percent = self._button(
            "plotZoom", "", self.tr("100 %"), lambda: self.view.set_zoom(1.0)
        )
        self._percent.setToolTip(self.tr("Show at its own size"))
        self._percent.setAccessibleName(self.tr("Show at its own size"))
        self._percent.setFixedWidth(self.fontMetrics().horizontalAdvance("0000 %") + 12)
        self.view.zoom_changed.connect(lambda z: self._percent.setText(f"{z * 100:.0f} %"))
        bar.addWidget(self._plots)
        zoom_out = partial(self._zoom, 1 / 1.2)
        zoom_in = partial(self._zoom, 1.2)
        smaller = self._button("zoomOut", "zoom-out", self.tr("Smaller"), zoom_out)
        larger = self._button("zoomIn", "zoom-in", self.tr("Larger"), zoom_in)
        self._zooms = (smaller, self._percent, larger)
        for button in self._zooms:
            bar.addWidget(button)
        bar.addWidget(
            self._button("fitWidth", "fit-width", self.tr("Fit to width"), self.view.fit_width)
        )
        bar.addSpacing(12)
        bar.addWidget(self._button("copyFigure", "copy", self.tr("Copy"), self.copy, words=True))
        export = self._button(
            "exportFigure", "export", self.tr("Export…"), self.export_asked.emit, words=True
        )
        bar.addWidget(export)
        self._toggle = self._button(
            "plotOptionsToggle", "sliders", self.tr("Options"), self._show_options, words=True
        )
        self._toggle.setCheckable(True)
        bar.addWidget(self._toggle)
        self._explore = self._button(
            "explorePlot", "search", self.tr("Explore"), self._show_explorer, words=True
        )
        self._explore.setToolTip(self.tr("Zoom with the wheel, names under the pointer"))
        self._explore.setCheckable(True)
        self._explore.hide()
        bar.addWidget(self._explore)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._why)
        self._stack.addWidget(self.view)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addLayout(self._stack, 1)
        middle.addWidget(self._options)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)

    def _button(
        self, name: str, sign: str, words_: str, run: Callable[[], object], *, words: bool = False
    ) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setText(words_)
        button.setProperty("sign", sign)
        button.setToolTip(words_)
        button.setAccessibleName(words_.rstrip("…"))
        if words:
            self._worded.append(button)
        set_role(button, "flat")
        button.clicked.connect(lambda: run())
        return button

    def restyle(self) -> None:
        """Take the colours of the palette in force."""
        t = tones()
        self.setStyleSheet(panel_css(t))
        self.tools.setStyleSheet(panel_css(t))
        for button in self.tools.findChildren(QToolButton):
            if sign := button.property("sign"):
                button.setIcon(icon(str(sign), t.muted))
        self._badge.setStyleSheet(
            f"background: {t.raised}; color: {t.caution}; border: 1px solid {t.caution};"
            "border-radius: 10px; padding: 3px 12px; font-weight: 600;"
        )

    def start(self) -> None:
        """Take up work: the catalogue of plots is loaded now."""
        from metadesk.plots import PLOTS

        self._ready = True
        self._kinds = {plot.key: plot.takes for plot in PLOTS}
        self._fill_chooser()
        self._session.spec_changed.connect(self._fill_chooser)
        self.refresh()

    def _fill_chooser(self) -> None:
        """Offer the plots for what the sheet holds, the one shown last chosen."""
        from metadesk.plots import PLOTS

        kind = self._session.kind
        keys = [key for key, takes in self._kinds.items() if takes == kind]
        shown = [self._plots.itemData(i) for i in range(self._plots.count())]
        if keys == shown:
            return
        self._last[self._kinds.get(self._key, "studies")] = self._key
        self._plots.clear()
        for key in keys:
            self._plots.addItem(PLOTS[key].title, key)
            at = self._plots.count() - 1
            self._plots.setItemData(at, PLOTS[key].sentence, Qt.ItemDataRole.ToolTipRole)
        self._key = self._last.get(kind, keys[0])
        self._plots.setCurrentIndex(self._plots.findData(self._key))
        self._plots.setVisible(len(keys) > 1)
        self._drawn = None
        self._chosen = False
        self._show_options()

    # -- showing ----------------------------------------------------------------------------------

    @property
    def page(self) -> Page | None:
        """The figure on the screen, None while there is none."""
        hidden = self._stack.currentWidget() is self._why
        return None if hidden else self.view.page

    @property
    def plot_key(self) -> str:
        """The plot that is shown."""
        return self._key

    def refresh(self) -> None:
        """Draw what is new; say what is out of date or why there is nothing to draw."""
        session = self._session
        if session.any_result is None:
            self._drawn = None
            self._lane.forget()
            self._say(session.failure or self.tr("The plot appears here with the first result."))
        elif session.any_result is not self._drawn:
            self._draw()
        if session.stale and session.any_result is not None:
            if session.failure or not self._veil.isActive():
                self._veil.start(0 if session.failure else PATIENCE_MS)
        else:
            self._veil.stop()

    def _draw(self) -> None:
        from_result = self._session.any_result
        if not self._ready or from_result is None:
            return
        self._drawn = from_result
        self._first_that_fits(from_result)
        key, chosen = self._key, dict(self._session.figure_options(self._key))

        def work(_progress: Progress, _tell: Tell) -> object:
            from metadesk.plots import PLOTS

            plot = PLOTS[key]
            why = plot.needs(from_result)
            return why or plot.draw(from_result, from_plain(plot.options, chosen, where=key))

        self._lane.start(work)

    def _first_that_fits(self, result: AnyResult) -> None:
        """Where the plot on show cannot be drawn from trial rows, take the first that can."""
        from metadesk.plots import PLOTS

        if result.kind != "trial" or self._chosen or PLOTS[self._key].fits(result):
            return
        fitting = next((p.key for p in PLOTS if p.fits(result)), self._key)
        self._key = fitting
        self._plots.setCurrentIndex(self._plots.findData(fitting))

    def _on_page(self, _number: int, drawn: object) -> None:
        from metadesk.figure import Page

        if not isinstance(drawn, Page):
            self._say(str(drawn))
            return
        self.view.show_page(drawn)
        self._stack.setCurrentWidget(self.view)
        self._show_explorer()
        if not self._session.stale:
            self._hide_veil()
            self._say_what_is_missing()
        self.view.choose(f"row:{self._session.selected}")
        self.page_changed.emit()

    def _say(self, why: str) -> None:
        self._why.setText(why)
        self._stack.setCurrentWidget(self._why)
        self._explore.setVisible(False)
        self.page_changed.emit()

    def _show_veil(self) -> None:
        if not self._session.stale:
            return
        busy = self._session.busy
        words = self.tr("Out of date – updating…") if busy else self.tr("Out of date")
        if self._session.failure:
            words = f"{words}: {self._session.failure}"
        self._show_badge(words)
        self.view.set_faded(True)

    def _say_what_is_missing(self) -> None:
        """Say on a figure of single studies why there is no pooled one."""
        result = self._session.any_result
        if result is not None and result.problem:
            self._show_badge(result.problem)

    def _show_badge(self, words: str) -> None:
        self._badge.setText(words)
        self._badge.setMaximumWidth(max(200, self.view.width() - 32))
        self._badge.setWordWrap(len(words) > 60)
        self._badge.adjustSize()
        self._place_badge()
        self._badge.show()

    def _hide_veil(self) -> None:
        self._veil.stop()
        self._badge.hide()
        self.view.set_faded(False)

    def _place_badge(self) -> None:
        self._badge.move((self.view.width() - self._badge.width()) // 2, 12)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the badge in its place; where room is scarce, buttons are signs only."""
        super().resizeEvent(event)
        self._place_badge()
        style = (
            Qt.ToolButtonStyle.ToolButtonTextBesideIcon
            if self.width() > ROOM_FOR_WORDS
            else Qt.ToolButtonStyle.ToolButtonIconOnly
        )
        for button in self._worded:
            button.setToolButtonStyle(style)
        for button in self._zooms:  # Ctrl and the wheel, and the keys + − 0, do the same
            button.setVisible(self.width() > ROOM_FOR_ZOOM)

    def _show_explorer(self) -> None:
        """Show the plot to explore in place of the page, where there is one and it is wanted."""
        from metadesk.analysis.result import AnalysisResult

        result = self._session.any_result
        offered = self._key in EXPLORED and isinstance(result, AnalysisResult)
        self._explore.setVisible(offered)
        if not offered or not isinstance(result, AnalysisResult) or not self._explore.isChecked():
            if self._explorer is not None and self._stack.currentWidget() is self._explorer:
                self._stack.setCurrentWidget(self.view)
            return
        from metadesk.plots.bubble import BubbleOptions, bubble_needs, bubble_scene

        if bubble_needs(result) is not None:
            return
        if self._explorer is None:
            from metadesk.gui.results.bubble_explorer import BubbleExplorer

            self._explorer = BubbleExplorer(self)
            self._explorer.chosen.connect(self._session.select)
            self._session.selection_changed.connect(self._explorer.choose)
            self._stack.addWidget(self._explorer)
        options = from_plain(BubbleOptions, self._session.figure_options(self._key))
        self._explorer.show_scene(result, bubble_scene(result, options))
        self._explorer.choose(self._session.selected)
        self._stack.setCurrentWidget(self._explorer)

    # -- what the person does ---------------------------------------------------------------------

    def copy(self) -> None:
        """Put the figure on the clipboard as a picture of 300 dots per inch."""
        if self.page is not None:
            from metadesk.paint.export import paint_image

            QGuiApplication.clipboard().setImage(paint_image(self.page, dpi=300))
            self._session.message.emit(self.tr("The figure is on the clipboard."))

    def _zoom(self, factor: float) -> None:
        self.view.set_zoom(self.view.zoom * factor)

    def _choose_plot(self) -> None:
        self._chosen = True
        self._key = str(self._plots.currentData())
        self._show_options()
        self._draw()

    def _show_options(self) -> None:
        """Show the options of this plot, made from their description."""
        wanted = self._toggle.isChecked() and self._ready
        self._options.setVisible(wanted)
        if not wanted:
            return
        from metadesk.plots import PLOTS

        self._form = OptionsForm(
            PLOTS[self._key].options,
            self._session.figure_options(self._key),
            name="plotForm",
            leave_out=SAID_ELSEWHERE,
            advanced_title=self.tr("More"),
        )
        self._form.changed.connect(partial(self._session.set_figure_option, self._key))
        self._form.rejected.connect(self._session.message)
        frame = QFrame()
        frame.setObjectName("plotOptionsBody")
        column = QVBoxLayout(frame)
        column.setContentsMargins(16, 8, 16, 16)
        column.addWidget(self._form)
        column.addStretch(1)
        self._options.setWidget(frame)

    def _click(self, id: str) -> None:
        if id.startswith("row:"):
            self._session.select(int(id.removeprefix("row:")))

    def _menu(self, id: str, place: QPoint) -> None:
        menu = self.menu_for(id)
        menu.popup(place)

    def menu_for(self, id: str) -> QMenu:
        """The menu on what stands for ``id``: leave a study out or take it back, go to its row."""
        menu = QMenu(self)
        menu.setObjectName("plotMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if id.startswith("row:"):
            self._study_menu(menu, int(id.removeprefix("row:")))
            menu.addSeparator()
        copy = menu.addAction(icon("copy"), self.tr("Copy figure"))
        copy.triggered.connect(lambda: self.copy())
        export = menu.addAction(icon("export"), self.tr("Export figure…"))
        export.triggered.connect(lambda: self.export_asked.emit())
        return menu

    def _study_menu(self, menu: QMenu, row_id: int) -> None:
        table = self._session.table
        if row_id not in table.row_ids:
            return
        label = table.labels()[table.row_ids.index(row_id)]
        if row_id in table.excluded:
            back = menu.addAction(self.tr("Take {0} back in").format(label))
            back.triggered.connect(
                lambda: self._set_excluded(row_id, None, self.tr("Take {0} back in").format(label))
            )
        else:
            reasons = ReasonMenu(label, menu)
            reasons.setTitle(self.tr("Leave {0} out").format(label))
            reasons.setIcon(icon("exclude"))
            title = self.tr("Leave {0} out").format(label)
            reasons.chosen.connect(lambda why: self._set_excluded(row_id, why, title))
            menu.addMenu(reasons)
        go = menu.addAction(self.tr("Go to its row"))
        go.triggered.connect(lambda: self._go(row_id))

    def _set_excluded(self, row_id: int, reason: str | None, title: str) -> None:
        self._session.apply(SetExcluded((row_id,), reason, title))

    def _go(self, row_id: int) -> None:
        self._session.select(-1)
        self._session.select(row_id)
