"""The composition root of the window: application, theme, fonts, session, window, crash report."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QDir, QEvent, QObject, QSettings, QStandardPaths, QTimer, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QApplication

from metadesk import __version__
from metadesk.gui.jobs import Tell, sentence_of
from metadesk.gui.main_window import MainWindow
from metadesk.gui.recovery import Recovery
from metadesk.gui.session import Session
from metadesk.gui.theme import apply_theme
from metadesk.numerics.progress import Progress

if TYPE_CHECKING:
    from metadesk.gui.dialogs.about import CrashDialog

log = logging.getLogger("metadesk")
NO_DISPLAY = (
    "metadesk: There is no display to open a window on. Without one: "
    "metadesk analyse FILE.xlsx --out FOLDER"
)
UNKNOWN = "metadesk: There is no option '{}'. 'metadesk --help' shows what there is."
QT_WITH_VALUE = frozenset({
    "platform", "platformpluginpath", "platformtheme", "plugin", "style", "stylesheet",
    "qwindowgeometry", "geometry", "qwindowicon", "icon", "qwindowtitle", "title", "display",
    "session", "name",
})  # fmt: skip
QT_ALONE = frozenset({"reverse", "widgetcount", "nograb", "dograb", "sync"})
LONGEST_WAIT_MS = 1500
LOG_BYTES = 2_000_000  # the log of earlier days is dropped above this size


def run_window(words: Sequence[str]) -> int:
    """Open the window, with a file if one is named; return the exit code."""
    unknown = next((w for w in _own_words(words) if w.startswith("-")), None)
    if unknown is not None:
        print(UNKNOWN.format(unknown), file=sys.stderr)
        return 2
    if not has_display():
        print(NO_DISPLAY, file=sys.stderr)
        return 2
    # the matrices are small: threads of the linear algebra would only get in each other's way
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    app = make_application(list(words))
    log_path = start_log()
    desk = Desk(QSettings("metadesk", "metadesk"), journals=data_folder() / "journals")
    hook = CrashHook(log_path, desk.window)
    sys.excepthook = hook.caught
    if (path := _file_in(words)) is not None:
        desk.window.open_path(path)
    desk.show()
    try:
        return app.exec()
    finally:
        sys.excepthook = sys.__excepthook__


def has_display() -> bool:
    """Whether Qt has something to show a window on; it would end the program without a word."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def make_application(words: list[str]) -> QApplication:
    """Make the application object with name, look and a font."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(["metadesk", *words])
    app.setApplicationName("metadesk")
    app.setApplicationVersion(__version__)
    app.setOrganizationName("metadesk")
    app.setDesktopFileName("metadesk")
    if not QFontDatabase.families():
        from metadesk.paint import ensure_fonts

        ensure_fonts()  # a machine without any font still gets words
    apply_theme(app, str(QSettings("metadesk", "metadesk").value("look", "system")))
    return app


class Desk(QObject):
    """Session and window put together; what is slow to load comes after the first paint.

    ``journals`` is the folder in which unsaved changes are kept; without one none are.
    """

    ready = Signal()

    def __init__(
        self, settings: QSettings, session: Session | None = None, journals: Path | None = None
    ) -> None:
        super().__init__()
        self._loading = False
        self.session = session or Session()
        self.window = MainWindow(self.session, settings)
        self.recovery: Recovery | None = None
        if journals is not None:
            self.recovery = Recovery(self.session, journals, self.window)
            self.recovery.restored.connect(self.window.show_restored)
            self.window.closed.connect(self.recovery.clear)
        self._lane = self.session.new_lane(newest_wins=False)
        self._lane.done.connect(self._loaded)
        self._lane.failed.connect(lambda _, sentence: self.session.message.emit(sentence))
        hints = QApplication.styleHints()
        hints.colorSchemeChanged.connect(lambda _: self._follow_system())

    def show(self) -> None:
        """Show the window; the rest is loaded when it has been painted."""
        self.window.installEventFilter(self)
        self.window.show()
        QTimer.singleShot(LONGEST_WAIT_MS, self, self.load)  # a window may be shown minimised

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Wait for the first paint."""
        if event.type() == QEvent.Type.Paint and not self._loading:
            QTimer.singleShot(0, self, self.load)
        return super().eventFilter(watched, event)

    def load(self) -> None:
        """Load numerics, catalogues and readers in a thread, once."""
        if not self._loading:
            self._loading = True
            self.window.removeEventFilter(self)
            self._lane.start(load_engine)

    def _loaded(self) -> None:
        self.window.start()
        if self.recovery is not None:
            self.recovery.offer()
        self.ready.emit()

    def _follow_system(self) -> None:
        if str(self.window.settings.value("look", "system")) == "system":
            self.window.set_look("system")


def load_engine(_progress: Progress, _tell: Tell) -> object:
    """Import what the first analysis and the first plot need."""
    from metadesk.numerics.quick_scipy import load_special

    load_special()  # before anything else asks for it
    import metadesk.advice.advise
    import metadesk.advice.equation
    import metadesk.analysis.engine
    import metadesk.formats
    import metadesk.plots
    import metadesk.table.validate  # noqa: F401

    return None


def data_folder() -> Path:
    """The program's own folder on this computer."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppLocalDataLocation)
    return Path(place or QDir.tempPath())


def start_log() -> Path:
    """Write warnings and crashes to a file in the user's own folder; return its path."""
    folder = data_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metadesk.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.unlink()
        handler: logging.Handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:
        path, handler = Path("metadesk.log"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    return path


class CrashHook:
    """Shows an exception that nobody caught, once at a time, and writes it to the log."""

    def __init__(self, log_path: Path, window: MainWindow) -> None:
        self._log_path = log_path
        self._window = window
        self._open: CrashDialog | None = None

    def caught(
        self, kind: type[BaseException], problem: BaseException, trace: TracebackType | None
    ) -> None:
        """Take the place of ``sys.excepthook``."""
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        report = f"metadesk {__version__}\n" + "".join(
            traceback.format_exception(kind, problem, trace)
        )
        log.error("not caught: %s", report)
        if self._open is not None:
            return
        from metadesk.gui.dialogs.about import CrashDialog

        sentence = sentence_of(problem) if isinstance(problem, Exception) else str(problem)
        self._open = CrashDialog(sentence, report, str(self._log_path), self._window)
        self._open.finished.connect(self._closed)
        self._open.open()

    def _closed(self) -> None:
        self._open = None


def _own_words(words: Sequence[str]) -> list[str]:
    """The words that Qt does not take for itself."""
    own: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, _ = word.lstrip("-").partition("=")
        if word.startswith("-") and name in QT_WITH_VALUE:
            if not equals:
                next(rest, None)
        elif not (word.startswith("-") and (name in QT_ALONE or name.startswith("psn_"))):
            own.append(word)
    return own


def _file_in(words: Sequence[str]) -> Path | None:
    """The first word that is no option."""
    return next((Path(w) for w in _own_words(words) if not w.startswith("-")), None)
