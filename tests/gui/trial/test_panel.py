from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QWidget

from metadesk.formats import read_sheet
from metadesk.gui.session import Session
from metadesk.gui.start_page import blank_sheet
from metadesk.gui.trial.panel import TrialPanel
from metadesk.resources import example
from metadesk.table.edits import SetRole


@pytest.fixture
def session(qtbot):
    session = Session()
    yield session
    assert session.close()


@pytest.fixture
def panel(session, qtbot):
    panel = TrialPanel(session)
    qtbot.addWidget(panel)
    panel.start()
    return panel


def open_example(session, qtbot, name):
    session.open_table(read_sheet(example(name)))
    qtbot.waitUntil(lambda: session.trial_result is not None and not session.stale, timeout=30_000)


def test_the_panel_says_design_equation_and_what_is_always_in(session, panel, qtbot):
    open_example(session, qtbot, "crossover_enuresis.xlsx")
    assert "2×2 crossover" in panel.findChild(QLabel, "trialDesign").text()
    assert "Dry nights = mean + Period + Treatment" in panel.findChild(QLabel, "equation").text()
    assert "Period and treatment" in panel.findChild(QLabel, "trialAlways").text()


def test_a_choice_is_one_undoable_step_and_reaches_the_result(session, panel, qtbot):
    open_example(session, qtbot, "crossover_enuresis.xlsx")
    before = session.trial_result
    panel.findChild(QCheckBox, "trialModel-carryover").setChecked(True)
    assert session.trial.carryover
    qtbot.waitUntil(
        lambda: session.trial_result is not before and not session.stale, timeout=20_000
    )
    session.undo_stack.undo()
    assert not session.trial.carryover
    assert not panel.findChild(QCheckBox, "trialModel-carryover").isChecked()


def test_only_what_changes_the_numbers_can_be_chosen(session, panel, qtbot):
    open_example(session, qtbot, "crossover_enuresis.xlsx")
    assert not panel.findChild(QWidget, "trialModel-cycle").isEnabled()
    assert not panel.findChild(QWidget, "trialPerson-washout").isEnabled()
    assert panel.findChild(QWidget, "trialModel-df").isEnabled()
    open_example(session, qtbot, "binary_crossover_ecg.xlsx")
    for name in ("residual", "df", "method", "adjust"):
        field = panel.findChild(QWidget, f"trialModel-{name}")
        assert not field.isEnabled()
        assert "counted and ordered" in field.toolTip() or "measured outcomes" in field.toolTip()
    told = panel.findChild(QLabel, "trialIdle")
    assert "compared by the normal distribution" in told.text()
    assert not told.isHidden()
    open_example(session, qtbot, "crossover_enuresis.xlsx")
    assert told.isHidden()


def test_treatments_of_the_sheet_are_offered(session, panel, qtbot):
    open_example(session, qtbot, "williams_dysmenorrhoea.xlsx")
    combo = panel.findChild(QComboBox, "trial-reference")
    assert [combo.itemData(i) for i in range(combo.count())] == ["", "A", "B", "C"]


def test_roles_say_what_a_sheet_holds_until_a_person_does(session, qtbot):
    open_example(session, qtbot, "crossover_enuresis.xlsx")
    response = session.table.with_role("response")
    session.apply(SetRole(response.id, None))
    assert session.kind == "studies"
    session.undo_stack.undo()
    assert session.kind == "trial"
    session.set_kind("studies", "This sheet holds studies")
    session.apply(SetRole(response.id, None))
    assert session.kind == "studies"
    session.undo_stack.undo()
    assert session.kind == "studies"


def test_every_widget_of_the_panel_has_a_name(panel):
    for kind in (QComboBox, QCheckBox):
        for widget in panel.findChildren(kind):
            assert widget.objectName()
            assert widget.accessibleName()


def test_a_blank_sheet_for_trial_rows_waits_for_its_first_rows(session, panel, qtbot):
    session.open_table(blank_sheet("Crossover or N-of-1 rows"))
    qtbot.waitUntil(lambda: session.trial_result is not None and not session.stale, timeout=30_000)
    assert session.kind == "trial"
    assert "no rows" in session.trial_result.problem


def test_the_panel_says_which_word_is_the_event(session, panel, qtbot):
    table = read_sheet(example("binary_crossover_ecg.xlsx"))
    column = table.with_role("response")
    words = tuple("yes" if v else "no" for v in column.cells)
    columns = tuple(replace(c, cells=words) if c is column else c for c in table.columns)
    session.open_table(replace(table, columns=columns))
    qtbot.waitUntil(lambda: session.trial_result is not None and not session.stale, timeout=30_000)
    assert "'yes' is the event" in unescape(panel.findChild(QLabel, "trialDesign").text())
