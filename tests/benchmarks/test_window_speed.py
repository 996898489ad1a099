"""How fast the window is: start to first paint, a keystroke to the new forest plot. Not asserted.

Run with ``pytest tests/benchmarks/test_window_speed.py``; the numbers depend on the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings

from metadesk.table import make_table
from metadesk.table.edits import SetCells

ROOT = Path(__file__).resolve().parents[2]
START = """
import sys
from PySide6.QtCore import QSettings
from metadesk.gui import app as start

application = start.make_application([])
start.Desk.load = lambda self: application.quit()
desk = start.Desk(QSettings(sys.argv[1], QSettings.Format.IniFormat))
desk.show()
application.exec()
"""
FOREST = """
import sys
from pathlib import Path
from PySide6.QtCore import QSettings
from metadesk.gui import app as start

application = start.make_application([])
desk = start.Desk(QSettings(sys.argv[1], QSettings.Format.IniFormat))
plot = desk.window.plot
plot.page_changed.connect(lambda: plot.page is not None and application.quit())
desk.window.open_path(Path(sys.argv[2]))
desk.show()
application.exec()
"""


def _run(script: str, folder: Path, *words: str) -> None:
    """Run in a fresh process with compiled bytecode, as an installed program has it."""
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        [sys.executable, "-c", script, str(folder / "settings.ini"), *words],
        cwd=ROOT, env=environment, check=True, timeout=600,
    )  # fmt: skip


def test_process_start_to_painted_window(benchmark, tmp_path):
    benchmark.pedantic(_run, (START, tmp_path), rounds=5, warmup_rounds=1)


def test_process_start_to_the_forest_plot_of_an_example(benchmark, tmp_path):
    example = ROOT / "resources" / "examples" / "bcg_vaccine.xlsx"
    benchmark.pedantic(_run, (FOREST, tmp_path, str(example)), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("studies", [50, 500])
def test_keystroke_to_new_forest_plot(benchmark, qtbot, tmp_path, studies):
    from metadesk.gui.app import Desk

    desk = Desk(QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))
    window, session = desk.window, desk.session
    qtbot.addWidget(window)
    with qtbot.waitSignal(desk.ready, timeout=120_000):
        desk.show()
    names = ("study", "ai", "n1i", "ci", "n2i")
    cells = ([f"Study {i}" for i in range(studies)], *(
        [k + (7 * i) % 23 for i in range(studies)] for k in (5, 200, 9, 210)
    ))  # fmt: skip
    columns = dict(zip(names, cells, strict=True))
    window._show_workspace()
    with qtbot.waitSignal(window.plot.page_changed, timeout=120_000):
        session.open_table(make_table(columns, {name: name for name in names}))
    qtbot.waitUntil(lambda: window.plot.page is not None and not session.stale, timeout=60_000)
    value = iter(range(3, 10_000))

    def type_a_number() -> None:
        with qtbot.waitSignal(window.plot.page_changed, timeout=120_000):
            session.apply(SetCells(((0, 1, 3 + next(value) % 100),), "Typing"))
        window.plot.view.viewport().repaint()

    benchmark.pedantic(type_a_number, rounds=20, warmup_rounds=2)
    session.close()
