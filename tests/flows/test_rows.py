"""One row at a time: mixed formats, ways that disagree, the calculator, what would save a study."""

from __future__ import annotations

import math
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QRadioButton

from metadesk.effects.dependence import constructed_covariance
from metadesk.gui.effects.adjust import AdjustRows
from metadesk.gui.effects.calculator import RowCalculator
from metadesk.gui.effects.choices import DependenceDialog, PlainDialog
from metadesk.gui.effects.row_window import RowWindow

HEAD = ["Study", "ev t", "n t", "ev c", "n c", "OR", "CI lower", "CI upper", "P"]
ROWS = [
    ["Raw 2001", "4", "123", "11", "139", "", "", "", ""],
    ["Interval 2002", "", "", "", "", "0.50", "0.30", "0.8333333333333", ""],
    ["P value 2003", "", "", "", "", "0.75", "", "", "0.03"],
    ["Lost 2004", "5", "60", "", "61", "", "", "", ""],
]
ROLES = ["study", "ai", "n1i", "ci", "n2i", "est", "lower", "upper", "pval"]


def paste_table(person: Any, rows: list[list[str]]) -> None:
    """Paste a table with its header into an empty sheet and say what the columns are."""
    person.window.open_blank("Events and totals")
    text = "\n".join("\t".join(line) for line in [HEAD, *rows])
    QGuiApplication.clipboard().setText(text)
    sheet = person.window.sheet
    sheet.setFocus()
    sheet.cursor_.go(0, 1)
    person.qtbot.keyClick(sheet.body, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    for section, role in enumerate(ROLES, start=1):
        sheet.hands.set_role(section, role)
    person.wait()
    person.choose("measureChooser", "OR")
    person.wait()


def stand_in(person: Any, row: int) -> None:
    person.window.sheet.setFocus()
    person.window.sheet.cursor_.go(row, 1)


def click(dialog: Any, name: str) -> None:
    dialog.findChild(QPushButton, name).click()


def leave(dialog: Any) -> None:
    """Close a dialog for good, so that the next one is found."""
    dialog.close()
    dialog.deleteLater()


def test_rows_with_counts_intervals_and_p_values_are_pooled_together(person) -> None:
    paste_table(person, ROWS)
    result = person.session.result
    assert [s.used for s in result.studies] == [True, True, True, False]
    routes = [s.route for s in result.studies]
    assert routes == ["events_totals", "est_ci", "est_pval", ""]
    book = person.export()
    log_or = math.log(4 * 128 / (119 * 11))
    z = 1.959963984540054
    assert person.holds(book["Studies"], log_or)
    assert person.holds(book["Studies"], (math.log(0.8333333333333) - math.log(0.3)) / (2 * z))
    assert person.holds(book["Studies"], abs(math.log(0.75)) / 2.170090377584560, rel=1e-8)
    assert person.holds(book["Results"], result.main.pooled.value)
    shown = [str(v) for row in book["Studies"] for v in row]
    assert any("estimate and p-value" in words for words in shown)


def test_two_ways_that_disagree_are_marked_and_the_person_may_choose_the_other(person) -> None:
    rows = [*ROWS[:1], *ROWS[1:3]]
    rows[0] = [*rows[0][:5], "0.80", "0.40", "1.60", ""]
    paste_table(person, rows)
    note = next(n for n in person.study(0).notes if n.startswith("Two ways disagree"))
    assert "0.3911" in note
    assert "0.8" in note
    row_id = person.session.table.row_ids[0]
    person.qtbot.waitUntil(lambda: any(p.code == "ways_disagree" for p in person.session.problems))
    marked = next(p for p in person.session.problems if p.code == "ways_disagree")
    assert marked.row_id == row_id
    model = person.window.sheet.model
    assert model.problems_at(0, model.columnCount() - 1) == [marked]
    stand_in(person, 0)
    window = person.window.effects.explain_row()
    assert isinstance(window, RowWindow)
    words = " ".join(label.text() for label in window.findChildren(QLabel))
    assert "Fleiss" in words
    assert "0.800" in words
    click(window, "use-est_ci")
    person.wait()
    assert person.session.spec.routes == {row_id: "est_ci"}
    assert person.study(0).effect == pytest.approx(0.8)
    leave(window)
    person.session.undo_stack.undo()
    person.wait()
    assert person.study(0).route == "events_totals"
    window = person.window.effects.explain_row()
    click(window, "refuse-events_totals")
    person.wait()
    assert person.session.spec.routes == {row_id: "!events_totals"}
    assert person.study(0).route == "est_ci"
    leave(window)


def test_the_calculator_asks_which_of_two_studies_it_is_and_writes_one_undoable_edit(
    person,
) -> None:
    paste_table(person, ROWS)
    stand_in(person, 3)
    dialog = person.window.effects.calculate_row()
    assert isinstance(dialog, RowCalculator)
    for role, text in (("ai", ""), ("est", "0.5"), ("sei", "0.5"), ("n2i", "61")):
        field = dialog.findChild(QLineEdit, f"calc-{role}")
        field.setText(text)
        field.textEdited.emit(text)
    assert not dialog.take.isEnabled()
    assert "Which one" in dialog.answer.text()
    choices = dialog.findChildren(QRadioButton)
    assert len(choices) == 2
    choices[0].click()
    assert dialog.take.isEnabled()
    before = person.session.table
    steps = person.session.undo_stack.count()
    click(dialog, "calculatorTake")
    person.wait()
    assert person.session.undo_stack.count() == steps + 1
    assert person.study(3).used
    table = person.session.table
    a, c = (table.with_role(role).cells[3] for role in ("ai", "ci"))
    assert 0 < a < c < 61
    odds = (a / (60 - a)) / (c / (61 - c))
    assert odds == pytest.approx(0.5, rel=0.2)
    assert person.study(3).effect == pytest.approx(odds)
    person.session.undo_stack.undo()
    assert person.session.table == before


def test_the_calculator_adds_the_columns_that_a_study_needs(person) -> None:
    paste_table(person, ROWS)
    stand_in(person, 3)
    dialog = person.window.effects.calculate_row()
    for role, text in (("p2i", "20"),):
        field = dialog.findChild(QLineEdit, f"calc-{role}")
        field.setText(text)
        field.textEdited.emit(text)
    assert dialog.findChild(QLineEdit, "calc-ci").placeholderText() == "12"
    click(dialog, "calculatorTake")
    person.wait()
    assert person.study(3).used
    table = person.session.table
    assert table.with_role("p2i") is not None
    assert table.with_role("ci").cells[3] == 12
    person.session.undo_stack.undo()
    assert person.session.table.with_role("p2i") is None


def test_a_lost_study_says_which_value_would_save_it_and_leads_to_the_cell(person) -> None:
    paste_table(person, ROWS)
    person.qtbot.waitUntil(lambda: any(p.code == "no_effect" for p in person.session.problems))
    problem = next(p for p in person.session.problems if p.code == "no_effect")
    assert problem.remedy.startswith("'ev c' would give")
    stand_in(person, 3)
    window = person.window.effects.explain_row()
    click(window, "rescue-0")
    sheet = person.window.sheet
    assert (sheet.cursor_.row, sheet.model.column_at(sheet.cursor_.section).role) == (3, "ci")
    person.type_cell(3, "ev c", "9")
    person.wait()
    assert person.study(3).used


def test_groups_the_other_way_round_turn_the_effect(person) -> None:
    paste_table(person, ROWS)
    before = person.study(0).yi
    stand_in(person, 0)
    dialog = person.window.effects.adjust_rows()
    assert isinstance(dialog, AdjustRows)
    chooser = dialog.findChild(QComboBox, "adjustment")
    chooser.setCurrentIndex(chooser.findData("swap"))
    click(dialog, "adjustTake")
    person.wait()
    assert person.study(0).yi == pytest.approx(-before)
    person.session.undo_stack.undo()
    person.wait()
    assert person.study(0).yi == before


def choose_in(dialog: Any, block: str, **values: Any) -> None:
    for name, value in values.items():
        field = dialog.form.field(name)
        if isinstance(field, QComboBox):
            field.setCurrentIndex(field.findData(value))
        elif isinstance(field, QLineEdit):
            field.setText(str(value))
            field.editingFinished.emit()
        else:
            field.setValue(value)


def test_several_effects_of_a_study_are_combined_with_the_stated_correlation(person) -> None:
    rows = [ROWS[0], ROWS[1], ["Interval 2002", *ROWS[2][1:]]]
    paste_table(person, rows)
    y = [person.study(i).yi for i in (1, 2)]
    v = [person.study(i).vi for i in (1, 2)]
    dialog = person.window.effects.choose_dependence()
    assert isinstance(dialog, DependenceDialog)
    choose_in(dialog, "dependence", use="combine", rho=0.6)
    person.wait()
    assert person.session.spec.dependence == {"use": "combine", "rho": 0.6}
    c = 0.6 * math.sqrt(v[0] * v[1])
    total = v[0] + v[1] - 2 * c
    combined = ((v[1] - c) * y[0] + (v[0] - c) * y[1]) / total
    variance = (v[0] * v[1] - c * c) / total
    assert person.study(1).yi == pytest.approx(combined)
    assert person.study(1).vi == pytest.approx(variance)
    assert not person.study(2).used
    assert "Combined" in person.study(2).reason
    book = person.export()
    assert person.holds(book["Studies"], combined)
    assert person.holds(book["Studies"], variance)
    leave(dialog)


def test_kept_effects_of_a_study_reach_the_multilevel_model_with_their_covariances(person) -> None:
    from metadesk.models.meta.multilevel.data import DependentData
    from metadesk.models.meta.multilevel.fit import Multilevel, fit_multilevel

    rows = [ROWS[0], ROWS[1], ["Interval 2002", *ROWS[2][1:]], ["Last", *ROWS[1][1:]]]
    paste_table(person, rows)
    dialog = person.window.effects.choose_dependence()
    choose_in(dialog, "dependence", use="keep", rho=0.7)
    leave(dialog)
    from dataclasses import replace

    spec = person.session.spec
    person.session.set_spec(
        replace(spec, model="multilevel", model_options={}, preset=""), "multilevel"
    )
    person.wait()
    result = person.session.result
    assert result.main is not None, result.problem
    import numpy as np

    yi = np.array([s.yi for s in result.studies])
    vi = np.array([s.vi for s in result.studies])
    names = [s.label for s in result.studies]
    V = constructed_covariance(vi, names, obs=[0, 1, 2, 3], rho=0.7)
    data = DependentData.of(yi, V, factors={"study": names, "effect": list("0123")})
    expected = fit_multilevel(Multilevel(), data)
    assert result.main.pooled.value == pytest.approx(expected.pooled.value, rel=1e-9)
    assert person.holds(person.export()["Results"], result.main.pooled.value)


def test_the_effect_in_plain_numbers_stands_in_results_and_workbook(person, bcg_book) -> None:
    person.open(bcg_book)
    dialog = person.window.effects.choose_plain()
    assert isinstance(dialog, PlainDialog)
    choose_in(dialog, "plain", baseline="0.1")
    person.wait()
    assert person.session.spec.plain == {"baseline": 0.1}
    ratio = math.exp(-0.714532342158)
    fewer = 1000 * 0.1 * (ratio - 1)
    book = person.export()
    assert person.holds(book["Results"], fewer)
    assert person.holds(book["Results"], -1000 / fewer)
    assert "51 fewer per 1,000" in dialog.state.text()
    person.window.show_tab(1)
    keys = [table.key for table in person.window.results.tables]
    assert "plain" in keys
    leave(dialog)
