"""The list of problems and the way to the cell."""

import pytest
from PySide6.QtCore import Qt

from metadesk.gui.problems import Heading, ProblemsPanel, grouped
from metadesk.gui.session import Session
from metadesk.table import make_table
from metadesk.table.validate import Problem


class NoEngine:
    def prepare(self, spec, table):
        return None

    def fit(self, prepared, progress):
        return None


@pytest.fixture
def session(qtbot):
    made = Session(NoEngine())
    yield made
    made._rest.stop()
    made._lane.close()


@pytest.fixture
def panel(qtbot, session):
    made = ProblemsPanel(session)
    qtbot.addWidget(made)
    made.resize(700, 300)
    made.show()
    return made


def bad_table():
    columns = {"Study": ["A", "B"], "e1": [-5, 3], "n1": [20, "30*"]}
    return make_table(columns, {"Study": "study", "e1": "ai", "n1": "n1i"})


def open_bad(qtbot, session):
    with qtbot.waitSignal(session.problems_changed):
        session.open_table(bad_table())
    qtbot.waitUntil(lambda: bool(session.problems))


def test_problems_stand_under_headings_with_the_worst_first():
    problems = tuple(
        Problem(0, 0, severity, severity, "x") for severity in ("note", "error", "warning", "error")
    )
    lines = grouped(problems)
    assert [x for x in lines if isinstance(x, Heading)] == [
        Heading("error", 2), Heading("warning", 1), Heading("note", 1)
    ]  # fmt: skip
    assert [x.sentence for x in lines if isinstance(x, Problem)] == [
        "error", "error", "warning", "note"
    ]  # fmt: skip


def test_the_model_keeps_the_rules_of_qt(qtbot, session, panel, qtmodeltester):
    qtmodeltester.check(panel.model)
    open_bad(qtbot, session)
    qtmodeltester.check(panel.model)


def test_a_click_asks_for_the_cell(qtbot, session, panel):
    open_bad(qtbot, session)
    index = panel.model.index(1)
    assert "negative" in index.data()
    with qtbot.waitSignal(panel.cell_requested) as heard:
        qtbot.mouseClick(
            panel.list.viewport(), Qt.MouseButton.LeftButton,
            pos=panel.list.visualRect(index).center(),
        )  # fmt: skip
    assert heard.args == [session.table.row_ids[0], session.table.columns[1].id]


def test_enter_on_a_problem_goes_to_the_cell(qtbot, session, panel):
    open_bad(qtbot, session)
    panel.list.setCurrentIndex(panel.model.index(1))
    with qtbot.waitSignal(panel.cell_requested):
        qtbot.keyClick(panel.list, Qt.Key.Key_Return)


def test_the_count_leaves_notes_out_and_goes_back_to_none(qtbot, session, panel):
    open_bad(qtbot, session)
    severities = [p.severity for p in session.problems]
    assert "note" in severities
    assert panel.count == len([s for s in severities if s != "note"])
    with qtbot.waitSignal(panel.count_changed) as heard:
        session.open_table(make_table({"Study": ["A"]}, {"Study": "study"}))
        qtbot.waitUntil(lambda: not session.problems)
    assert heard.args is not None
    qtbot.waitUntil(lambda: panel.none.isVisible())
    assert panel.count == 0


def test_every_widget_can_be_named_by_a_screen_reader(panel):
    assert panel.list.accessibleName()
    assert panel.accessibleName()
