"""The list of problems and the way to the cell."""

import pytest
from PySide6.QtCore import Qt

from metadesk.gui.problems import Fold, Heading, ProblemsPanel, grouped, title_of
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


def alike(count, code="same_label", severity="warning"):
    return tuple(Problem(i, 0, severity, f"Row {i + 1}", code) for i in range(count))


def test_many_problems_of_one_kind_stand_in_one_line_until_it_is_opened():
    problems = (*alike(3, "off_by_ten"), *alike(12))
    lines = grouped(problems)
    assert [x.count for x in lines if isinstance(x, Fold)] == [12]
    assert len(lines) == 1 + 3 + 1
    opened = grouped(problems, frozenset({("warning", "same_label")}))
    assert len(opened) == 1 + 3 + 1 + 12


def test_a_fold_opens_with_a_click_and_closes_with_enter(qtbot, session, panel):
    session.sheet.problems = alike(8)
    session.problems_changed.emit()
    assert panel.model.rowCount() == 2
    assert panel.count == 1
    index = panel.model.index(1)
    assert index.data() == "Repeated study (8)"
    qtbot.mouseClick(
        panel.list.viewport(), Qt.MouseButton.LeftButton, pos=panel.list.visualRect(index).center()
    )
    assert panel.model.rowCount() == 10
    with qtbot.waitSignal(panel.cell_requested):
        panel.list.clicked.emit(panel.model.index(2))
    panel.list.setCurrentIndex(panel.model.index(1))
    qtbot.keyClick(panel.list, Qt.Key.Key_Return)
    assert panel.model.rowCount() == 2


@pytest.mark.parametrize("code", ["same_label", "no_effect", "ways_disagree", "reading"])
def test_every_kind_of_problem_has_a_title(code):
    assert title_of(code) != code
    assert "_" not in title_of(code)
