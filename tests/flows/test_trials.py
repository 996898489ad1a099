"""From a workbook of trial rows through the window to the exported results, and the bridge."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QPushButton

from metadesk.analysis.engine import run
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.formats import read_sheet
from metadesk.gui.trial.bridge import BridgeDialog
from metadesk.resources import example


def expected(name, **options):
    return run(TrialSpec().with_options(**options), read_sheet(example(name)))


def test_an_n_of_1_workbook_to_the_exported_results(person):
    person.open(example("nof1_gabapentin.xlsx"))
    assert person.session.kind == "trial"
    assert person.session.trial_result.analysis == "series"
    person.widget(QCheckBox, "trialModel-cycle").setChecked(True)
    person.wait()
    result = expected("nof1_gabapentin.xlsx", cycle=True)
    assert person.session.trial_result.effect.value == pytest.approx(result.effect.value)
    sheets = person.export("gabapentin")
    assert set(sheets) == {
        "Results", "Subjects", "Rows", "Design", "What to report", "Settings", "Figures",
    }  # fmt: skip
    assert person.holds(sheets["Results"], result.effect.value)
    assert person.holds(sheets["Results"], result.series.prediction.lower)
    assert person.holds(sheets["Subjects"], float(result.series.individual.estimate[3]))
    assert len(sheets["Rows"]) >= 276
    assert list(person.folder.glob("gabapentin persons-forest.png"))


def test_another_outcome_another_person_and_back_by_undo(person):
    person.open(example("nof1_gabapentin.xlsx"))
    before = person.session.trial_result.effect.value
    person.choose("trial-outcome", "Sleep")
    person.wait()
    sleep = person.session.trial_result
    assert sleep.roles.outcome == "Sleep"
    assert sleep.effect.value != before
    person.choose("trial-patient", "768")
    person.wait()
    assert person.session.trial_result.analysis == "one-patient"
    person.session.undo_stack.undo()
    person.session.undo_stack.undo()
    person.wait()
    assert person.session.trial_result.effect.value == pytest.approx(before)


def test_an_edited_cell_and_a_person_left_out_change_the_result(person):
    person.open(example("crossover_enuresis.xlsx"))
    before = person.session.trial_result.effect.value
    person.type_cell(0, "Dry nights", "14")
    person.wait()
    after = person.session.trial_result.effect.value
    assert after != before
    person.session.undo_stack.undo()
    person.wait()
    assert person.session.trial_result.effect.value == pytest.approx(before)


def test_the_effect_of_a_trial_goes_into_a_meta_analysis(person):
    person.open(example("crossover_enuresis.xlsx"))
    effect = person.session.trial_result.effect
    person.widget(QPushButton, "trialSend").click()
    dialog = person.window.findChild(BridgeDialog, "bridgeDialog")
    dialog.name.setText("Hills 1979")
    dialog.go.click()
    person.wait()
    assert person.session.kind == "studies"
    assert person.session.sheet_names[-1] == "Meta-analysis"
    study = person.study(0)
    assert (study.label, study.yi) == ("Hills 1979", pytest.approx(effect.value))
    assert study.sei == pytest.approx(effect.se)
    person.session.switch_sheet(0)
    person.wait()
    person.widget(QPushButton, "trialSend").click()
    again = person.window.findChildren(BridgeDialog, "bridgeDialog")[-1]
    assert again.target.itemText(0) == "Meta-analysis"
    again.name.setText("Once more")
    again.target.setCurrentIndex(0)
    again.go.click()
    person.wait()
    assert [s.label for s in person.session.result.used] == ["Hills 1979", "Once more"]
    person.session.undo_stack.undo()
    person.wait()
    assert [s.label for s in person.session.result.used] == ["Hills 1979"]


def test_a_person_says_what_a_sheet_holds(person, bcg_book):
    person.open(bcg_book)
    assert person.session.kind == "studies"
    person.choose("sheetKind", "trial")
    person.wait()
    assert person.session.kind == "trial"
    assert "marked as the treatment" in person.session.trial_result.problem
    person.session.undo_stack.undo()
    person.wait()
    assert person.session.result.main is not None


def test_the_plots_offered_are_those_of_the_sheet(person, bcg_book):
    person.open(example("crossover_enuresis.xlsx"))
    chooser = person.widget(QComboBox, "plotChooser")
    keys = [chooser.itemData(i) for i in range(chooser.count())]
    assert "period-means" in keys
    assert "forest" not in keys
    for key in ("profiles", "period-means", "periods-scatter", "differences", "residuals"):
        person.choose("plotChooser", key)
        person.qtbot.waitUntil(lambda: person.window.plot.page is not None, timeout=10_000)
    person.open(bcg_book)
    assert chooser.findData("forest") >= 0


def test_a_wide_sheet_is_offered_to_be_lengthened(person, tmp_path):
    file = tmp_path / "wide.csv"
    file.write_text(
        "id,sequence,y1,y2\n1,AB,8,5\n2,AB,14,10\n3,AB,6,0\n4,BA,3,6\n5,BA,7,9\n6,BA,9,8\n"
    )
    person.open(file)
    if person.session.kind == "studies":
        person.choose("sheetKind", "trial")
        person.wait()
    button = person.widget(QPushButton, "trialLengthen")
    assert not button.isHidden()
    button.click()
    person.wait()
    assert person.session.table.n_rows == 12
    assert person.session.trial_result.design.key == "2x2"
    assert button.isHidden()
    person.session.undo_stack.undo()
    person.wait()
    assert person.session.table.n_rows == 6
