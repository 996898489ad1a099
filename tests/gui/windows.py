"""What the window's tests share: a workbook, a window with its engine, and how to wait."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from metadesk.gui.app import Desk
from metadesk.gui.theme import apply_theme

ROWS = [
    ("Aronson", 1948, 4, 123, 11, 139),
    ("Ferguson", 1949, 6, 306, 29, 303),
    ("Rosenthal", 1960, 3, 231, 11, 220),
    ("Hart", 1977, 62, 13598, 248, 12867),
    ("Frimodt", 1973, 33, 5069, 47, 5808),
]
HEADER = ("Study", "Year", "Events 1", "Total 1", "Events 2", "Total 2")


def make_workbook(path: Path, rows=ROWS, *, second: bool = False) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Trials"
    for row in (HEADER, *rows):
        sheet.append(row)
    if second:
        other = book.create_sheet("Means")
        other.append(("Study", "Mean 1", "SD 1", "N 1", "Mean 2", "SD 2", "N 2"))
        other.append(("A", 3.1, 1.0, 40, 4.0, 1.2, 41))
        other.append(("B", 2.9, 0.9, 60, 3.3, 1.1, 62))
        other.append(("C", 3.5, 1.4, 30, 3.9, 1.3, 29))
    book.save(path)
    return path


def make_desk(folder: Path, look: str = "light") -> Desk:
    settings = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    settings.setValue("look", look)
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, look)
    return Desk(settings)


def open_workbook(window, qtbot, path: Path) -> None:
    with qtbot.waitSignal(window.opened, timeout=20_000):
        window.open_path(path)
    settle(window, qtbot)


def settle(window, qtbot) -> None:
    """Wait until the result holds and its figure is on the screen."""
    session = window.session
    qtbot.waitUntil(lambda: not session.busy and not session.stale, timeout=20_000)
    qtbot.waitUntil(lambda: window.plot.page is not None, timeout=20_000)
