"""How fast the spreadsheet is with 10,000 rows and 40 columns; measured, not asserted."""

import pytest
from PySide6.QtCore import QCoreApplication, QMimeData
from PySide6.QtGui import QGuiApplication

from metadesk.gui.session import Session
from metadesk.gui.sheet.pane import SheetPane
from metadesk.table import gestures, make_table

pytest.importorskip("pytest_benchmark")
ROWS, COLUMNS = 10_000, 40


class NoEngine:
    def prepare(self, spec, table):
        return None

    def fit(self, prepared, progress):
        return None


def large_table():
    columns = {"Study": [f"Study {i}" for i in range(ROWS)]}
    for c in range(COLUMNS - 1):
        columns[f"c{c}"] = [r % 977 if c % 3 else f"text {r}" for r in range(ROWS)]
    return make_table(columns, {"Study": "study", "c1": "ai", "c2": "n1i", "c4": "ci", "c5": "n2i"})


@pytest.fixture(scope="module")
def table():
    return large_table()


@pytest.fixture
def pane(qtbot, table):
    session = Session(NoEngine(), check=lambda _table: ())
    made = SheetPane(session)
    qtbot.addWidget(made)
    made.resize(1500, 900)
    made.show()
    session.open_table(table)
    QCoreApplication.processEvents()
    yield made
    session._rest.stop()
    session._lane.close()


def shown(work):
    work()
    QCoreApplication.processEvents()


def test_opening_and_first_paint(benchmark, pane, table):
    session = pane.model.session
    benchmark.pedantic(lambda: shown(lambda: session.open_table(table)), rounds=3)


def test_a_step_of_the_wheel(benchmark, pane):
    bar = pane.body.verticalScrollBar()
    benchmark(lambda: shown(lambda: bar.setValue((bar.value() + 69) % bar.maximum())))


def test_a_page(benchmark, pane):
    bar = pane.body.verticalScrollBar()
    benchmark(lambda: shown(lambda: bar.setValue((bar.value() + 7919) % bar.maximum())))


def test_typing_into_a_cell(benchmark, pane):
    index = pane.model.index(5000, 7)
    pane.cursor_.go(5000, 7)
    numbers = iter(range(1, 1_000_000))
    benchmark(lambda: shown(lambda: pane.model.setData(index, str(next(numbers)))))


def test_pasting_ten_thousand_cells(benchmark, pane, monkeypatch):
    mime = QMimeData()
    mime.setText(gestures.as_text([[r * c for c in range(10)] for r in range(1000)]))

    class Clipboard:
        def mimeData(self):
            return mime

    monkeypatch.setattr(QGuiApplication, "clipboard", staticmethod(Clipboard))
    pane.cursor_.go(100, 5)
    benchmark.pedantic(lambda: shown(pane.hands.paste), rounds=3)
