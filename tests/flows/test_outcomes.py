"""Sheets of several outcomes through the window: which one is analysed, seen and changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QComboBox

from metadesk.advice.advise import advise
from metadesk.analysis.engine import run
from metadesk.analysis.presets import default_spec
from metadesk.table import make_table

STUDIES = ("Adams 2001", "Baker 2004", "Chen 2011", "Dietz 2018")
FEVER = ((3, 50, 7, 52), (8, 61, 9, 60), (12, 80, 20, 78), (5, 40, 9, 41))
COUGH = ((30, 50, 17, 52), (28, 61, 19, 60), (10, 80, 22, 78), (15, 40, 19, 41))


@pytest.fixture
def long_book(tmp_path: Path) -> Path:
    lines = ["Study,Outcome,Events T,Total T,Events C,Total C"]
    for name, rows in (("Fever", FEVER), ("Cough", COUGH)):
        lines += [f"{s},{name},{','.join(map(str, r))}" for s, r in zip(STUDIES, rows, strict=True)]
    path = tmp_path / "long.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def wide_book(tmp_path: Path) -> Path:
    heads = [f"{q} {g} {o}" for o in ("pain", "sleep") for g in "TC" for q in ("mean", "sd", "n")]
    lines = [",".join(["Study", *heads])]
    for i, study in enumerate(STUDIES):
        pain = (5.1 + i, 1.2, 40, 5.9 + i, 1.3, 41)
        sleep = (7.0 - i / 9, 2.0, 38, 6.5, 2.1, 40)
        lines.append(",".join(map(str, (study, *pain, *sleep))))
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def alone(rows):
    columns = dict(zip(("a", "n1", "c", "n2"), zip(*rows, strict=True), strict=True))
    roles = {"a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i", "Study": "study"}
    return run(default_spec(), make_table({"Study": STUDIES, **columns}, roles)).main.pooled.value


def test_one_outcome_of_a_long_sheet_is_analysed_and_the_window_says_which(person, long_book):
    person.open(long_book)
    chooser = person.widget(QComboBox, "outcomeChooser")
    assert chooser.isVisible()
    assert chooser.currentData() == "Fever"
    assert "Outcome 'Fever', one of 2: 4 rows" in person.window.sheet.banner.label.text()
    assert person.session.result.main.pooled.value == alone(FEVER)
    assert person.window.sheet.model.effect(4).effect == "another outcome"


def test_another_outcome_is_one_click_and_reaches_the_workbook(person, long_book):
    person.open(long_book)
    person.choose("outcomeChooser", "Cough")
    person.wait()
    assert person.session.result.main.pooled.value == alone(COUGH)
    book = person.export()
    assert person.holds(book["Results"], alone(COUGH))
    assert len([row for row in book["Studies"] if row[0] in STUDIES]) == 4
    assert any("Cough" in row for row in book["Settings"])
    person.session.undo_stack.undo()
    person.wait()
    assert person.session.result.main.pooled.value == alone(FEVER)
    menu = person.window.sheet.banner.block_menu()
    assert [a.isChecked() for a in menu.actions() if a.text()] == [True, False, False]
    menu.actions()[1].trigger()
    person.wait()
    assert person.session.result.outcome == "Cough"


def test_all_outcomes_in_one_average_are_stopped_at(person, long_book):
    person.open(long_book)
    person.choose("outcomeChooser", "all")
    person.wait()
    assert person.session.result.main.k == 8
    assert "B13" in {note.code for note in advise(person.session.result)}
    assert "All 2 outcomes together" in person.window.sheet.banner.label.text()


def test_an_outcome_whose_name_was_edited_away_asks_for_another(person, long_book):
    person.open(long_book)
    person.choose("outcomeChooser", "Cough")
    person.wait()
    for row in range(4, 8):
        person.type_cell(row, "Outcome", "Coughing")
    person.qtbot.waitUntil(lambda: "no outcome 'Cough'" in person.session.failure)
    assert person.session.stale
    person.choose("outcomeChooser", "Coughing")
    person.wait()
    assert person.session.result.main.pooled.value == alone(COUGH)


def test_sets_of_columns_side_by_side_are_chosen_in_the_panel(person, wide_book):
    person.open(wide_book)
    chooser = person.widget(QComboBox, "columnsChooser")
    assert [chooser.itemText(i) for i in range(chooser.count())] == [
        "pain (4 rows)", "sleep (4 rows)",
    ]  # fmt: skip
    before = person.session.result.main.pooled.value
    person.choose("columnsChooser", 1)
    person.wait()
    assert person.session.table.roles["m1i"] == "mean T sleep"
    assert person.session.result.main.pooled.value != before
    person.session.undo_stack.undo()
    person.wait()
    assert person.session.result.main.pooled.value == before


def test_a_sheet_of_one_outcome_offers_no_choice(person, bcg_book):
    person.open(bcg_book)
    assert not person.widget(QComboBox, "outcomeChooser").isVisible()
    assert not person.widget(QComboBox, "columnsChooser").isVisible()
