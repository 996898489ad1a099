"""The row calculator: fields by group, what follows, decimal commas, nothing without a number."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLineEdit, QRadioButton

from metadesk.effects import MEASURES
from metadesk.gui.effects.calculator import RowCalculator, fields_of
from metadesk.gui.session import Session
from metadesk.table import make_table


@pytest.fixture
def session(qtbot):
    session = Session()
    session.auto_run = False
    session.open_table(make_table({"Study": ["A"], "m": [5.0]}, {"Study": "study", "m": "m1i"}))
    yield session
    session.close()


def opened(session, qtbot, measure: str) -> RowCalculator:
    session.set_spec(replace(session.spec, measure=measure), "measure")
    dialog = RowCalculator(session, 0)
    qtbot.addWidget(dialog)
    return dialog


def type_in(dialog, **texts) -> None:
    for role, text in texts.items():
        field = dialog.findChild(QLineEdit, f"calc-{role}")
        field.setText(text)
        field.textEdited.emit(text)


@pytest.mark.parametrize("measure", [m.key for m in MEASURES])
def test_every_measure_has_fields_for_all_its_routes(measure) -> None:
    groups = fields_of(MEASURES[measure])
    roles = [role for fields in groups.values() for role in fields]
    assert len(roles) == len(set(roles))
    assert set(roles) >= set(MEASURES[measure].roles)


def test_what_the_row_holds_stands_in_the_fields(session, qtbot) -> None:
    dialog = opened(session, qtbot, "MD")
    assert dialog.fields["m1i"].text() == "5"


def test_what_follows_stands_grey_in_the_empty_fields(session, qtbot) -> None:
    dialog = opened(session, qtbot, "MD")
    type_in(dialog, se1i="0,5", n1i="100", m2i="4", sd2i="5", n2i="100")
    assert dialog.fields["sd1i"].placeholderText() == "5"
    assert dialog.fields["sd1i"].text() == ""
    assert "MD 1.000" in dialog.answer.text()
    assert "SD of group 1 from the SE" in dialog.steps.text()


def test_impossible_numbers_are_said_and_nothing_is_made_up(session, qtbot) -> None:
    dialog = opened(session, qtbot, "OR")
    type_in(dialog, ai="12", n1i="10", ci="3", n2i="10")
    assert "OR" not in dialog.answer.text().split()[0]
    assert dialog.answer.text()


def test_an_empty_calculator_writes_nothing(session, qtbot) -> None:
    dialog = opened(session, qtbot, "OR")
    type_in(dialog)
    assert dialog.known() == {}
    assert not dialog.take.isEnabled()
    before = session.undo_stack.count()
    dialog.reject()
    assert session.undo_stack.count() == before


def test_a_choice_writes_the_fewest_numbers_that_tell_the_studies_apart(session, qtbot) -> None:
    dialog = opened(session, qtbot, "HR")
    type_in(dialog, pval="0.02", ai="30", ci="45")
    dialog.findChildren(QRadioButton)[0].click()
    dialog.take.click()
    table = session.table
    assert table.with_role("est").cells[0] == pytest.approx(0.577917, rel=1e-5)
    assert table.with_role("yi") is None
    assert table.with_role("vi") is None


def test_a_percentage_in_a_cell_of_counts_is_not_taken_for_a_count(session, qtbot) -> None:
    table = make_table({"Study": ["A"], "e": ["4%"], "n": [50]}, {"e": "ai", "n": "n1i"})
    session.open_table(table)
    dialog = opened(session, qtbot, "OR")
    assert dialog.fields["ai"].text() == ""
    assert dialog.fields["n1i"].text() == "50"


def test_the_level_of_a_rows_interval_is_read(session, qtbot) -> None:
    names = {"e": "est", "lo": "lower", "up": "upper", "c": "level"}
    row = {"e": [2.0], "lo": [1.1], "up": [3.6363636], "c": [90]}
    session.open_table(make_table({"Study": ["A"], **row}, names))
    dialog = opened(session, qtbot, "RR")
    assert dialog.fields["level"].text() == "90"
    se = float(dialog.fields["sei"].placeholderText())
    assert se == pytest.approx(math.log(2 / 1.1) / 1.6448536269514722, rel=1e-5)
