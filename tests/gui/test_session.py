"""The laws of the session: newest wins, out of date is said, cancel and failure lose nothing."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest

from metadesk.analysis.spec import AnalysisSpec
from metadesk.errors import DataProblem
from metadesk.gui.open_sheet import touched_rows
from metadesk.gui.session import Session
from metadesk.table import StudyTable, make_table


@dataclass(frozen=True)
class Put:
    """A tiny edit: one cell."""

    row: int
    column: int
    value: object
    title: str = "Type"

    def apply(self, table):
        old = table.columns[self.column]
        cells = list(old.cells)
        cells[self.row], was = self.value, cells[self.row]
        new = replace(old, cells=tuple(cells))
        columns = (*table.columns[: self.column], new, *table.columns[self.column + 1 :])
        return table.with_columns(columns), Put(self.row, self.column, was, self.title)


@dataclass(frozen=True)
class Impossible:
    title: str = "Nothing"

    def apply(self, table):
        raise DataProblem("Row 9 does not exist.")


@dataclass(frozen=True)
class Prepared:
    spec: AnalysisSpec
    table: StudyTable


@dataclass(frozen=True)
class Result:
    spec: AnalysisSpec
    table: StudyTable


class FakeEngine:
    """Answers with what it was asked; holds the fit of chosen values until told to go on."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.fail_prepare = ""
        self.fail_fit = ""
        self.prepared = []
        self.fitted = []

    def prepare(self, spec, table):
        if self.fail_prepare:
            raise DataProblem(self.fail_prepare)
        self.prepared.append(table)
        return Prepared(spec, table)

    def fit(self, prepared, progress):
        while not self.gate.wait(0.005):
            progress.step(0.5, "Waiting")
        progress.step(0.9, "Nearly")
        if self.fail_fit == "bug":
            raise KeyError("tau2")
        if self.fail_fit:
            raise DataProblem(self.fail_fit)
        self.fitted.append(prepared.table)
        return Result(prepared.spec, prepared.table)


def sheet(name="Sheet"):
    columns = {
        "study": ["A", "B", "C"],
        "yi": [0.1, 0.2, 0.3],
        "vi": [1.0, 1.0, 1.0],
        "x": [1, 2, 3],
    }
    return make_table(columns, {"study": "study", "yi": "yi", "vi": "vi"}, name=name)


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def session(qtbot, engine):
    session = Session(engine, check=lambda table: ())
    yield session
    engine.gate.set()
    assert session.close()


def settled(session):
    return lambda: not session.busy


def open_and_settle(session, qtbot, table=None):
    session.open_table(table or sheet())
    qtbot.waitUntil(settled(session))


def test_opening_a_table_brings_a_result_that_holds(session, qtbot):
    open_and_settle(session, qtbot)
    assert session.result.table is session.table
    assert session.prepared.table is session.table
    assert not session.stale


def test_an_edit_makes_the_result_out_of_date_at_once_and_fresh_when_the_answer_is_here(
    session, qtbot
):
    open_and_settle(session, qtbot)
    old = session.result
    session.apply(Put(1, 1, 0.9))
    assert session.stale
    assert session.result is old
    assert session.touched == {1}
    qtbot.waitUntil(settled(session))
    assert not session.stale
    assert session.touched == frozenset()
    assert session.result.table.cell(1, 1) == 0.9


def test_the_newest_request_wins(session, engine, qtbot):
    open_and_settle(session, qtbot)
    engine.gate.clear()
    shown = []
    session.result_changed.connect(lambda: shown.append(session.result.table.cell(0, 1)))
    with qtbot.waitSignal(session.prepared_changed, check_params_cb=lambda: not session.touched):
        session.apply(Put(0, 1, 5.0))  # this one is under way, waiting at the gate
    session.apply(Put(0, 1, 6.0))
    engine.gate.set()
    qtbot.waitUntil(settled(session))
    assert session.result.table.cell(0, 1) == 6.0
    assert 5.0 not in shown


def test_an_answer_that_arrives_after_a_newer_edit_is_dropped(session, engine, qtbot):
    open_and_settle(session, qtbot)
    with qtbot.waitSignal(session.prepared_changed, check_params_cb=lambda: not session.touched):
        session.apply(Put(0, 1, 5.0))
    session.apply(Put(0, 1, 6.0))
    assert session.stale
    with qtbot.waitSignal(session.result_changed):
        pass
    assert session.result.table.cell(0, 1) == 6.0


def test_a_burst_of_edits_is_one_request(session, engine, qtbot):
    open_and_settle(session, qtbot)
    before = len(engine.prepared)
    for value in range(20):
        session.apply(Put(0, 1, float(value)))
    qtbot.waitUntil(settled(session))
    assert len(engine.prepared) == before + 1
    assert session.result.table.cell(0, 1) == 19.0


def test_cancel_keeps_the_last_result_and_says_that_it_is_out_of_date(session, engine, qtbot):
    open_and_settle(session, qtbot)
    old = session.result
    engine.gate.clear()
    session.apply(Put(0, 1, 5.0))
    with qtbot.waitSignal(session.message):
        session.cancel()
    assert session.result is old
    assert session.stale
    assert not session.busy


def test_a_failed_fit_keeps_the_last_result_and_says_why(session, engine, qtbot):
    open_and_settle(session, qtbot)
    old = session.result
    engine.fail_fit = "Two studies are too few."
    with qtbot.waitSignal(session.message) as said:
        session.apply(Put(0, 1, 5.0))
    assert said.args == ["Two studies are too few."]
    assert session.failure == "Two studies are too few."
    assert session.result is old
    assert session.stale


def test_a_failed_preparation_shows_no_old_effect_sizes(session, engine, qtbot):
    open_and_settle(session, qtbot)
    engine.fail_prepare = "No such column."
    session.apply(Put(0, 1, 5.0))
    qtbot.waitUntil(settled(session))
    assert session.prepared is None
    assert session.failure == "No such column."


def test_a_bug_becomes_one_sentence_and_a_line_in_the_log(session, engine, qtbot, caplog):
    engine.fail_fit = "bug"
    open_and_settle(session, qtbot)
    assert session.failure.startswith("This should not have happened: KeyError")
    assert "job" in caplog.text


def test_every_change_can_be_undone_by_name(session, qtbot):
    open_and_settle(session, qtbot)
    table, spec = session.table, session.spec
    session.apply(Put(0, 1, 5.0, "Type 5 in yi"))
    session.set_spec(replace(spec, model="fixed"), "Model: fixed effect")
    assert session.undo_stack.undoText() == "Model: fixed effect"
    session.undo_stack.undo()
    assert session.spec == spec
    assert session.undo_stack.undoText() == "Type 5 in yi"
    session.undo_stack.undo()
    assert session.table == table
    session.undo_stack.redo()
    session.undo_stack.redo()
    assert session.table.cell(0, 1) == 5.0
    assert session.spec.model == "fixed"


def test_setting_the_same_spec_is_no_step(session):
    session.set_spec(session.spec, "Nothing")
    assert not session.undo_stack.canUndo()


def test_an_edit_that_cannot_be_applied_changes_nothing(session, qtbot):
    open_and_settle(session, qtbot)
    with qtbot.waitSignal(session.message) as said:
        session.apply(Impossible())
    assert said.args == ["Row 9 does not exist."]
    assert not session.undo_stack.canUndo()
    assert not session.stale


def test_each_sheet_keeps_its_edits_its_request_and_its_undo_steps(session, qtbot):
    session.open_workbook((sheet("First"), sheet("Second")))
    session.apply(Put(0, 1, 5.0, "Type 5"))
    session.switch_sheet(1)
    assert session.table.name == "Second"
    assert session.table.cell(0, 1) == 0.1
    assert not session.undo_stack.canUndo()
    session.set_spec(replace(session.spec, model="fixed"), "Model")
    session.switch_sheet(0)
    assert session.table.cell(0, 1) == 5.0
    assert session.spec.model == "random"
    assert session.undo_group.undoText() == "Type 5"
    qtbot.waitUntil(settled(session))
    assert not session.stale


def test_the_answer_for_another_sheet_is_dropped(session, engine, qtbot):
    engine.gate.clear()
    session.open_workbook((sheet("First"), sheet("Second")))
    with qtbot.waitSignal(session.prepared_changed):
        session.run()
    session.switch_sheet(1)
    engine.gate.set()
    qtbot.waitUntil(settled(session))
    assert session.result.table.name == "Second"
    session.switch_sheet(0)
    qtbot.waitUntil(settled(session))
    assert session.result.table.name == "First"


def test_problems_are_told_while_a_long_fit_still_runs(qtbot):
    engine = FakeEngine()
    engine.gate.clear()
    session = Session(engine, check=lambda table: (f"seen {table.cell(0, 1)}",))
    session.open_table(sheet())
    qtbot.waitUntil(lambda: session.problems == ("seen 0.1",))
    assert session.busy
    session.apply(Put(0, 1, 0.7))
    qtbot.waitUntil(lambda: session.problems == ("seen 0.7",))
    assert session.busy
    engine.gate.set()
    assert session.close()


def test_problems_are_told_when_there_are_no_effect_sizes(qtbot):
    engine = FakeEngine()
    engine.fail_prepare = "No."
    session = Session(engine, check=lambda table: ("wrong",))
    session.open_table(sheet())
    qtbot.waitUntil(lambda: session.problems == ("wrong",))
    assert session.close()


def test_a_sheet_left_before_it_was_checked_is_checked_when_it_comes_back(qtbot):
    session = Session(FakeEngine(), check=lambda table: (table.name,))
    session.open_workbook((sheet("One"), sheet("Two")))
    qtbot.waitUntil(settled(session))
    session.switch_sheet(1)
    assert session.problems == ()
    qtbot.waitUntil(lambda: session.problems == ("Two",))
    session.switch_sheet(0)
    qtbot.waitUntil(lambda: session.problems == ("One",))
    assert session.close()


def test_with_auto_run_off_effect_sizes_stay_live_and_the_result_waits(session, qtbot):
    open_and_settle(session, qtbot)
    session.auto_run = False
    session.apply(Put(0, 1, 5.0))
    qtbot.waitUntil(settled(session))
    assert session.prepared.table is session.table
    assert session.stale
    session.run()
    qtbot.waitUntil(settled(session))
    assert not session.stale


def test_selection_is_told_once(session, qtbot):
    heard = []
    session.selection_changed.connect(heard.append)
    session.select(2)
    session.select(2)
    assert heard == [2]


def test_closing_while_a_fit_runs_ends_it_in_time(qtbot):
    engine = FakeEngine()
    engine.gate.clear()
    session = Session(engine, check=lambda table: ())
    session.open_table(sheet())
    with qtbot.waitSignal(session.prepared_changed):
        session.run()
    assert session.close(2.0)


def test_after_closing_nothing_starts(qtbot):
    session = Session(FakeEngine(), check=lambda table: ())
    lane = session.new_lane(newest_wins=False)
    session.close()
    lane.start(lambda progress, tell: None)
    assert not lane.busy


def test_cells_without_a_role_touch_no_row():
    table = sheet()
    after, _ = Put(0, 3, 99).apply(table)
    assert touched_rows(table, after) == frozenset()
    assert touched_rows(table, after, all_columns=True) == {0}


def test_a_new_role_touches_every_row():
    table = sheet()
    columns = [replace(c, role="ni") if c.name == "x" else c for c in table.columns]
    assert touched_rows(table, table.with_columns(columns)) == {0, 1, 2}


def test_an_inserted_row_touches_only_itself():
    table = sheet()
    columns = [replace(c, cells=(c.cells[0], None, *c.cells[1:])) for c in table.columns]
    after = replace(table, columns=tuple(columns), row_ids=(0, 3, 1, 2))
    assert touched_rows(table, after) == {3}
