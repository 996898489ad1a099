"""Starting: what is loaded before the first paint, and what happens when something breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from PySide6.QtCore import QEvent, QObject
from windows import make_desk

from metadesk.gui.app import CrashHook
from metadesk.gui.dialogs.about import CrashDialog

HEAVY = ("numpy", "scipy", "pandas", "pyqtgraph", "openpyxl", "python_calamine")
PROBE = """
import json, sys
from PySide6.QtCore import QSettings
from metadesk.gui import app as start

application = start.make_application([])

def told(self):
    print(json.dumps(sorted(sys.modules)))
    application.quit()

start.Desk.load = told
desk = start.Desk(QSettings(sys.argv[1], QSettings.Format.IniFormat))
desk.show()
application.exec()
"""


def test_nothing_heavy_is_loaded_before_the_first_paint(tmp_path, root):
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(tmp_path / "settings.ini")],
        cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert "PySide6.QtWidgets" in loaded
    assert [m for m in loaded if m.split(".")[0] in HEAVY] == []


class _Paints(QObject):
    """Notes in which order the window is painted and the rest is loaded."""

    def __init__(self):
        super().__init__()
        self.events = []

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            self.events.append("paint")
        return False


def test_the_engine_is_loaded_after_the_first_paint_and_once(qtbot, tmp_path):
    desk = make_desk(tmp_path)
    qtbot.addWidget(desk.window)
    paints = _Paints()
    desk.window.installEventFilter(paints)
    desk.ready.connect(lambda: paints.events.append("ready"))
    with qtbot.waitSignal(desk.ready, timeout=30_000):
        desk.show()
    desk.load()
    assert paints.events[0] == "paint"
    assert paints.events.count("ready") == 1
    desk.session.close()


def test_a_file_asked_for_before_the_engine_is_there_is_opened_later(qtbot, tmp_path, workbook):
    desk = make_desk(tmp_path)
    qtbot.addWidget(desk.window)
    desk.window.open_path(workbook)
    with qtbot.waitSignal(desk.window.opened, timeout=30_000):
        desk.show()
    assert desk.session.path == workbook
    desk.session.close()


def test_an_exception_nobody_caught_is_shown_once_with_its_report(window, tmp_path, caplog):
    hook = CrashHook(tmp_path / "metadesk.log", window)
    for words in ("first", "second"):
        try:
            raise KeyError(words)
        except KeyError as problem:
            hook.caught(type(problem), problem, problem.__traceback__)
    dialogs = window.findChildren(CrashDialog)
    assert len(dialogs) == 1
    assert "first" in dialogs[0].findChild(QObject, "crashReport").toPlainText()
    assert "second" in caplog.text
    dialogs[0].close()


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_window_is_painted_in_both_looks(qtbot, tmp_path, look):
    desk = make_desk(tmp_path, look)
    qtbot.addWidget(desk.window)
    with qtbot.waitExposed(desk.window):
        desk.show()
    ground = desk.window.grab().toImage().pixelColor(5, desk.window.height() // 2)
    assert (ground.lightness() < 128) == (look == "dark")
    desk.session.close()
