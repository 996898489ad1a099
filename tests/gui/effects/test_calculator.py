"""The row calculator: fields by group, what follows, decimal commas, nothing without a number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLineEdit

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
