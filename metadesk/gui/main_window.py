"""The window: model panel at the left, the sheet above, plots and tables below."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QMainWindow,
    QMessageBox,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from metadesk.gui.actions import Actions
from metadesk.gui.commands import palette_commands, records
from metadesk.gui.effects.desk import EffectDesk
from metadesk.gui.opening import OpenedBook, Opener
from metadesk.gui.problems import ProblemsPanel
from metadesk.gui.recent import RecentFiles
from metadesk.gui.results.plot_pane import PlotPane
from metadesk.gui.results.results_pane import ResultsPane
from metadesk.gui.saving import Saver
from metadesk.gui.session import Session
from metadesk.gui.setup.panel import SetupPanel
from metadesk.gui.sheet.pane import SheetPane
from metadesk.gui.splitter import LineSplitter
from metadesk.gui.start_page import BLANKS, StartPage, blank_sheet
from metadesk.gui.state_strip import StateStrip
from metadesk.gui.theme import apply_theme, bar_css, icon, tabs_css, tones
from metadesk.gui.trial.side import Side

if TYPE_CHECKING:
    from metadesk.gui.dialogs.command_palette import CommandPalette
    from metadesk.gui.dialogs.export import ExportDialog

PANEL_WAITS_MS = 1200  # a file that takes longer, or gives no figure, is not waited for
SUFFIXES = (
    ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".csv", ".tsv", ".txt", ".rm5", ".zip",
)  # fmt: skip


class MainWindow(QMainWindow):
    """Puts the panels together; it knows them, they do not know each other."""

    opened = Signal(object)  # the path, None for a blank sheet
    closed = Signal()

    def __init__(self, session: Session, settings: QSettings) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setAcceptDrops(True)
        self.resize(1360, 880)
        self.session = session
        self.settings = settings
        self.recent = RecentFiles(settings)
        self._ready = False
        self._pending: Path | None = None
        self._opener = Opener(session, self)
        self._opener.opened.connect(self._show_book)
        self._opener.failed.connect(self._say_problem)
        self.saver = Saver(session, self)
        self.saver.saved.connect(self._saved)
        self.saver.failed.connect(self._say_problem)
        self._build()
        self.actions_ = Actions(self)
        self.actions_.add(records(self))
        self._fill_menus()
        self._fill_toolbar()
        self._connect()
        self.restyle()
        self._restore()
        self._refresh()

    # -- putting together -------------------------------------------------------------------------

    def _build(self) -> None:
        session = self.session
        self.setup = SetupPanel(session, self)
        self.sheet = SheetPane(session, self)
        self.sheet.setMinimumWidth(320)  # it arranges its columns to any width above this
        self.plot = PlotPane(session, self)
        self.results = ResultsPane(session, self)
        self.problems = ProblemsPanel(session, self)
        self.effects = EffectDesk(session, self.sheet, self)
        self.start_page = StartPage(self)
        self.state = StateStrip(session, self)
        self.sheet_tabs = QTabBar(self)
        self.sheet_tabs.setObjectName("sheetTabs")
        self.sheet_tabs.setAccessibleName(self.tr("Sheets of the workbook"))
        self.sheet_tabs.setShape(QTabBar.Shape.RoundedSouth)
        self.sheet_tabs.setExpanding(False)
        self.sheet_tabs.setDrawBase(False)
        self.sheet_tabs.setUsesScrollButtons(True)
        upper = QWidget(self)
        upper.setObjectName("sheetArea")
        column = QVBoxLayout(upper)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.sheet, 1)
        column.addWidget(self.sheet_tabs)
        self.tabs = QTabWidget(self)
        self.tabs.setObjectName("resultTabs")
        self.tabs.setAccessibleName(self.tr("What was found"))
        self.tabs.tabBar().setAccessibleName(self.tr("Figures, results and problems"))
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.plot, self.tr("Forest plot"))
        self.tabs.addTab(self.results, self.tr("Results"))
        self.tabs.addTab(self.problems, self.tr("Problems"))
        self.tabs.setCornerWidget(self.plot.tools)
        self.tabs.currentChanged.connect(lambda at: self.plot.tools.setVisible(at == 0))
        self.right = LineSplitter(Qt.Orientation.Vertical, "rightSplitter", self)
        self.right.addWidget(upper)
        self.right.addWidget(self.tabs)
        self.right.setStretchFactor(0, 45)
        self.right.setStretchFactor(1, 55)
        self.right.setSizes([360, 440])
        self.across = LineSplitter(Qt.Orientation.Horizontal, "mainSplitter", self)
        self.side = Side(session, self.setup, self)
        self.across.addWidget(self.side)
        self.across.addWidget(self.right)
        self.across.setStretchFactor(1, 1)
        self.across.setSizes([312, 1048])
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.start_page)
        self._pages.addWidget(self.across)
        self.setCentralWidget(self._pages)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addPermanentWidget(self.state)

    def _connect(self) -> None:
        session = self.session
        session.message.connect(lambda words: self.statusBar().showMessage(words, 8000))
        session.problems_changed.connect(self._count_problems)
        session.sheets_changed.connect(self._show_sheets)
        session.spec_changed.connect(self._name_plots)
        self._soon = QTimer(self)  # one keystroke tells of many changes
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._refresh)
        for signal in (
            session.figure_changed, session.result_changed, session.table_changed,
            session.busy_changed, self.plot.page_changed,
        ):  # fmt: skip
            signal.connect(self._refresh_soon)
        session.saved_changed.connect(self._refresh)
        session.undo_group.indexChanged.connect(self._refresh)
        session.undo_group.activeStackChanged.connect(self._refresh)
        self.plot.export_asked.connect(lambda: self.export(workbook=False))
        self.sheet_tabs.currentChanged.connect(session.switch_sheet)
        self.problems.cell_requested.connect(self.sheet.show_cell)
        self.start_page.open_asked.connect(self.choose_file)
        self.start_page.file_asked.connect(self.open_path)
        self.start_page.blank_asked.connect(self.open_blank)

    def start(self) -> None:
        """Fill what needs the catalogues; called when these are loaded, after the first paint.

        With a file to open the model panel waits for the first figure, which comes sooner so.
        """
        self._ready = True
        self.plot.start()
        if self._pending is None:
            self.side.start()
        else:
            self.open_path(self._pending)
            self.plot.page_changed.connect(self._start_side)
            QTimer.singleShot(PANEL_WAITS_MS, self, self.side.start)
        self._refresh()

    def _start_side(self) -> None:
        if self.plot.page is not None:
            self.plot.page_changed.disconnect(self._start_side)
            QTimer.singleShot(0, self, self.side.start)  # behind the paint of the figure

    # -- what can be done -------------------------------------------------------------------------

    def _fill_menus(self) -> None:
        bar = self.menuBar()
        file = bar.addMenu(self.tr("&File"))
        file.addAction(self.actions_["open"])
        self._recent_menu = file.addMenu(self.tr("Open &recent"))
        self._recent_menu.aboutToShow.connect(self._fill_recent)
        blanks = file.addMenu(icon("new"), self.tr("&New sheet"))
        for kind in BLANKS:
            blanks.addAction(self.tr(kind)).triggered.connect(
                lambda _=False, kind=kind: self.open_blank(kind)
            )
        for ids in (("save", "save-as"), ("export", "start")):
            file.addSeparator()
            file.addActions([self.actions_[id] for id in ids])
        file.addSeparator()
        file.addAction(self.actions_["quit"])
        edit = bar.addMenu(self.tr("&Edit"))
        edit.addActions(self.actions_.in_menu("edit"))
        self._sheet_menu = bar.addMenu(self.tr("&Sheet"))
        self._sheet_menu.aboutToShow.connect(self._fill_sheet_menu)
        bar.addMenu(self.tr("&Analysis")).addActions(self.actions_.in_menu("analysis"))
        bar.addMenu(self.tr("Effe&cts")).addActions(self.actions_.in_menu("effects"))
        view = bar.addMenu(self.tr("&View"))
        view.addActions(self.actions_.in_menu("view"))
        view.addSeparator()
        view.addActions(self.actions_.in_menu("look"))
        bar.addMenu(self.tr("&Help")).addActions(self.actions_.in_menu("help"))
        for record in self.actions_.records:
            self.addAction(self.actions_[record.id])

    def _fill_toolbar(self) -> None:
        self._bar = QToolBar(self.tr("Tools"), self)
        self._bar.setObjectName("toolBar")
        self._bar.setAccessibleName(self.tr("Tools"))
        self._bar.setMovable(False)
        self._bar.setIconSize(QSize(20, 20))
        self._bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        for id in ("open", "save", "", "undo", "redo", "", "run", "", "side"):
            if id:
                self._bar.addAction(self.actions_[id])
            else:
                self._bar.addSeparator()
        spring = QWidget(self._bar)
        spring.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._bar.addWidget(spring)
        for id in ("palette", "export"):
            self._bar.addAction(self.actions_[id])
        for id in ("undo", "redo", "side", "palette"):
            button = self._bar.widgetForAction(self.actions_[id])
            button.setProperty("toolButtonStyle", Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.addToolBar(self._bar)

    def _refresh_soon(self) -> None:
        self._soon.start(0)

    def _refresh(self) -> None:
        group = self.session.undo_group
        for id, words, what in (
            ("undo", self.tr("&Undo"), group.undoText()),
            ("redo", self.tr("&Redo"), group.redoText()),
        ):
            self.actions_[id].setText(f"{words} {what}".rstrip())
            self.actions_[id].setToolTip(f"{words} {what}".replace("&", "").rstrip())
        self.actions_.refresh()
        path = self.session.path
        name = path.name if path else self.tr("New sheet") if self.has_sheet() else ""
        self.setWindowTitle(f"{name}[*] – metadesk" if name else "metadesk[*]")
        self.setWindowModified(self.session.edited)

    # -- opening ----------------------------------------------------------------------------------

    def open_path(self, path: Path) -> None:
        """Open a workbook or CSV file; what is wrong with it is said in a sentence."""
        if not self._ready:
            self._pending = Path(path)
            return
        self._pending = None
        self.saver.ask(partial(self._read, Path(path)))

    def _read(self, path: Path) -> None:
        self.statusBar().showMessage(self.tr("Opening {0}…").format(path.name))
        self._opener.open(path)

    def open_blank(self, kind: str) -> None:
        """Start with an empty sheet whose columns have their roles."""
        self.saver.ask(partial(self._show_blank, kind))

    def _show_blank(self, kind: str) -> None:
        self.session.open_table(blank_sheet(kind))
        self._show_workspace()
        self.opened.emit(None)

    def choose_file(self) -> None:
        """Ask for a file and open it."""
        last = str(self.recent.folder)
        pattern = " ".join(f"*{s}" for s in SUFFIXES)
        kinds = ";;".join(
            (self.tr("Workbooks and tables ({0})").format(pattern), self.tr("All files (*)"))
        )
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Open"), last, kinds)
        if name:
            self.open_path(Path(name))

    def _show_book(self, book: OpenedBook) -> None:
        self.statusBar().clearMessage()
        if book.project is not None:
            self.session.open_project(book.project, book.path)
        else:
            self.session.open_workbook(book.tables, book.path, book.active)
            self.session.source = book.source
        self.recent.remember(book.path)
        self._show_workspace()
        self.opened.emit(book.path)
        if book.project is not None and book.project.remark:
            self._tell(book.project.remark)

    def show_restored(self) -> None:
        """Show what was restored; a file that is still being read no longer matters."""
        self._opener.forget()
        self._show_workspace()

    def _saved(self, path: Path) -> None:
        self.recent.remember(path)
        self.statusBar().showMessage(self.tr("Saved: {0}").format(path.name), 8000)

    def _tell(self, sentence: str) -> None:
        box = QMessageBox(QMessageBox.Icon.Information, "metadesk", sentence, parent=self)
        box.setObjectName("remarkBox")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def _say_problem(self, sentence: str) -> None:
        self.statusBar().showMessage(sentence)
        box = QMessageBox(QMessageBox.Icon.Warning, "metadesk", sentence, parent=self)
        box.setObjectName("problemBox")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()  # not exec: nothing waits for the answer

    def _show_workspace(self) -> None:
        self._pages.setCurrentWidget(self.across)
        self.sheet.setFocus()
        self._refresh()

    def show_start(self) -> None:
        """Show the start page; the sheet stays as it is."""
        self.start_page.show_recent(self.recent.paths())
        self._pages.setCurrentWidget(self.start_page)
        self._refresh()

    def _show_sheets(self) -> None:
        names = self.session.sheet_names
        self.sheet_tabs.blockSignals(True)
        if [self.sheet_tabs.tabText(i) for i in range(self.sheet_tabs.count())] != list(names):
            while self.sheet_tabs.count():
                self.sheet_tabs.removeTab(0)
            for name in names:
                self.sheet_tabs.addTab(name)
        self.sheet_tabs.setCurrentIndex(self.session.sheet_index)
        self.sheet_tabs.blockSignals(False)
        self.sheet_tabs.setVisible(len(names) > 1)

    def _fill_recent(self) -> None:
        self._recent_menu.clear()
        for path in self.recent.paths():
            action = self._recent_menu.addAction(path.name)
            action.setToolTip(str(path))
            action.triggered.connect(lambda _=False, path=path: self.open_path(path))
        if self._recent_menu.isEmpty():
            self._recent_menu.addAction(self.tr("No recent files")).setEnabled(False)

    # -- doing ------------------------------------------------------------------------------------

    def export(self, *, workbook: bool = True) -> ExportDialog:
        """Open the export dialog."""
        from metadesk.gui.dialogs.export import ExportDialog

        dialog = ExportDialog(
            self.session, self.plot.plot_key, self.settings, workbook=workbook, parent=self
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.exported.connect(self._exported)
        dialog.open()
        return dialog

    def _exported(self, written: Sequence[Path]) -> None:
        names = ", ".join(path.name for path in written)
        self.statusBar().showMessage(self.tr("Saved: {0}").format(names), 15000)

    def show_tab(self, index: int) -> None:
        """Bring a tab of what was found to the front."""
        self._pages.setCurrentWidget(self.across)
        self.tabs.setCurrentIndex(index)
        self.tabs.currentWidget().setFocus()

    def about(self) -> None:
        """Show name, version and licence."""
        from metadesk.gui.dialogs.about import AboutDialog

        dialog = AboutDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def show_palette(self) -> CommandPalette:
        """Show everything that can be done now."""
        from metadesk.gui.dialogs.command_palette import CommandPalette

        palette = CommandPalette(palette_commands(self), self)
        palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        corner = self.mapToGlobal(self.rect().topLeft())
        palette.move(corner.x() + (self.width() - palette.width()) // 2, corner.y() + 96)
        palette.show()
        palette.line.setFocus()
        return palette

    def _fill_sheet_menu(self) -> None:
        self._sheet_menu.clear()
        lines = self.sheet.cell_lines() if self.has_sheet() else []
        for line in lines:
            if line.run is None:
                self._sheet_menu.addSeparator()
                continue
            keys = QKeySequence(line.keys).toString(QKeySequence.SequenceFormat.NativeText)
            action = self._sheet_menu.addAction(f"{line.title}\t{keys}" if keys else line.title)
            action.setEnabled(line.enabled)
            action.triggered.connect(lambda _=False, run=line.run: run())
        if not lines:
            self._sheet_menu.addAction(self.tr("Open a sheet first")).setEnabled(False)

    def has_sheet(self) -> bool:
        """Whether a sheet with columns is open."""
        return bool(self.session.table.columns)

    def toggle_auto(self) -> None:
        """Analyse after every change, or only when asked."""
        self.session.auto_run = not self.session.auto_run
        if self.session.auto_run and self.session.stale:
            self.session.run()
        self._refresh()

    def toggle_side(self) -> None:
        """Put sheet and plot beside each other, or one above the other."""
        beside = self.right.orientation() == Qt.Orientation.Vertical
        self.right.setOrientation(Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical)
        self.right.setSizes([1, 1] if beside else [45, 55])
        self._refresh()

    def toggle_panel(self) -> None:
        """Show or hide the model panel."""
        self.side.setVisible(self.side.isHidden())
        self._refresh()

    def _name_plots(self) -> None:
        trial = self.session.kind == "trial"
        self.tabs.setTabText(0, self.tr("Plots") if trial else self.tr("Forest plot"))

    def _count_problems(self) -> None:
        count = self.problems.count
        words = self.tr("Problems")
        self.tabs.setTabText(2, f"{words} ({count})" if count else words)

    # -- looks ------------------------------------------------------------------------------------

    def look(self) -> str:
        """The look that was asked for: 'light', 'dark' or 'system'."""
        return str(self.settings.value("look", "system"))

    def set_look(self, wanted: str) -> None:
        """Change to 'light', 'dark' or what the system says, and remember it."""
        self.settings.setValue("look", wanted)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, wanted)
        self.restyle()
        self._refresh()

    def restyle(self) -> None:
        """Take the colours of the palette in force, in every panel."""
        t = tones()
        self._bar.setStyleSheet(bar_css(t))
        self.tabs.tabBar().setStyleSheet(tabs_css(t))
        self.sheet_tabs.setStyleSheet(tabs_css(t, edge="top", pad="4px 12px"))
        self.statusBar().setStyleSheet(
            f"QStatusBar {{ border-top: 1px solid {t.line}; }} QStatusBar::item {{ border: none; }}"
        )
        for panel in (self.side, self.plot, self.results, self.state):
            panel.restyle()
        self.results.refresh()
        self.start_page.show_recent(self.recent.paths())
        self.actions_.repaint_icons()
        self.setWindowIcon(icon("metadesk"))

    # -- the window itself ------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files that can be opened."""
        if _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the file."""
        path = _dropped(event)
        if path is not None:
            event.acceptProposedAction()
            self.open_path(path)

    def leave(self) -> None:
        """Close the window; changes that no file has are asked about first."""
        self.saver.ask(self.close)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about changes that would be lost, keep the window's shape, stop what runs."""
        if self.saver.busy or (event.spontaneous() and self.session.edited):
            event.ignore()
            self.leave()
            return
        self.settings.setValue("window/geometry", self.saveGeometry())
        self.settings.setValue("window/across", self.across.saveState())
        self.settings.setValue("window/right", self.right.saveState())
        self.settings.sync()
        self.session.close(2.0)
        super().closeEvent(event)
        self.closed.emit()

    def _restore(self) -> None:
        for key, take in (
            ("geometry", self.restoreGeometry),
            ("across", self.across.restoreState),
            ("right", self.right.restoreState),
        ):
            kept = self.settings.value(f"window/{key}")
            if isinstance(kept, QByteArray):
                take(kept)


def _dropped(event: QDropEvent) -> Path | None:
    """The first dropped file that can be opened."""
    for url in event.mimeData().urls():
        path = Path(url.toLocalFile())
        if url.isLocalFile() and path.suffix.lower() in SUFFIXES:
            return path
    return None
