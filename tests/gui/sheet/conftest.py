"""Sheets and panes that the tests of the spreadsheet share."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from metadesk.analysis.result import StudyResult
from metadesk.gui.session import Session
from metadesk.gui.sheet.pane import SheetPane
from metadesk.table import make_table


def bcg_table():
    """Five trials, one with a number stored as text and one with a negative count."""
    columns = {
        "Study": ["Aronson", "Ferguson", "Rosenthal", "Hart", "Frimodt"],
        "Year": [1948, 1949, 1960, 1977, 1973],
        "tpos": [4, 6, 3, 62, "33*"],
        "tneg": [119, 300, 228, 13536, 5036],
        "cpos": [11, 29, 11, -248, 47],
        "cneg": [128, 274, 209, 12619, 5761],
        "Note": ["random", "007", "1-2", 'say "x"', "two\nlines"],
    }
    roles = {"Study": "study", "Year": "year", "tpos": "ai", "tneg": "bi", "cpos": "ci"}
    table = make_table(columns, roles | {"cneg": "di"})
    guessed = (replace(c, guessed=c.role in ("ai", "bi")) for c in table.columns)
    return table.with_columns(guessed)


@pytest.fixture
def bcg():
    return bcg_table()


class StillEngine:
    """Answers at once with an effect for every row, so that no test waits for numbers."""

    def prepare(self, spec, table):
        studies = tuple(
            StudyResult(
                row_id=row_id, label=label, used=True, yi=0.5, vi=0.04,
                effect=1.65, lower=1.11, upper=2.44, route_title="counts",
            )
            for row_id, label in zip(table.row_ids, table.labels(), strict=True)
        )  # fmt: skip
        return SimpleNamespace(spec=spec, measure="OR", studies=studies, effects=None, table=table)

    def fit(self, prepared, progress):
        return SimpleNamespace(spec=prepared.spec, table=prepared.table)


@pytest.fixture
def session(qtbot):
    made = Session(StillEngine())
    yield made
    made._rest.stop()
    made._lane.close()


@pytest.fixture
def settled(qtbot, session):
    """Wait until problems and effects of the table in front are here."""

    def wait():
        qtbot.waitUntil(lambda: not (session.busy or session.checking or session.touched))

    return wait


@pytest.fixture
def pane(qtbot, session, settled, bcg):
    made = SheetPane(session)
    qtbot.addWidget(made)
    made.resize(1500, 500)
    made.show()
    session.open_table(bcg)
    settled()
    made.body.setFocus()
    return made


@pytest.fixture(autouse=True)
def own_clipboard(monkeypatch):
    """A clipboard of the test's own: tests that run side by side share the system's."""
    from PySide6.QtGui import QGuiApplication

    class Clipboard:
        mime = None

        def mimeData(self):
            return self.mime

        def setMimeData(self, mime):
            self.mime = mime

        def setText(self, text):
            from PySide6.QtCore import QMimeData

            self.mime = QMimeData()
            self.mime.setText(text)

    made = Clipboard()
    monkeypatch.setattr(QGuiApplication, "clipboard", staticmethod(lambda: made))
    return made
