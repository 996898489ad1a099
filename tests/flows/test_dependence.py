"""Several effects of one study through the real window: the choice in the panel, its details, and
the numbers in the exported workbook."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QLabel, QToolButton

from metadesk.effects.dependence import constructed_covariance
from metadesk.gui.effects.choices import DependenceDialog
from metadesk.gui.setup.dependence_box import DependenceBox

DATA = Path(__file__).resolve().parents[1] / "reference" / "meta" / "data"
COLUMNS = ("trial", "outcome", "yi", "vi", "v1i", "v2i")
ROLES = ("study", "outcome", "yi", "vi", "covariance", "covariance")
TRIALS = [
    ["Study", "arm", "compared with", "n arm", "n other", "effect", "SE"],
    ["Chen 2011", "low dose", "placebo", "30", "60", "-0.30", "0.20"],
    ["Chen 2011", "high dose", "placebo", "32", "60", "-0.45", "0.21"],
    ["Diaz 2013", "low dose", "placebo", "50", "50", "-0.10", "0.18"],
    ["Eriksen 2016", "high dose", "placebo", "40", "42", "-0.35", "0.22"],
]
TRIAL_ROLES = ("study", "group1", "group2", "n1i", "n2i", "yi", "sei")


def paste(person: Any, rows: list[list[str]], roles: tuple[str, ...]) -> None:
    """Paste a table with its header into an empty sheet and say what the columns are."""
    person.window.open_blank("Ratios with intervals")
    QGuiApplication.clipboard().setText("\n".join("\t".join(line) for line in rows))
    sheet = person.window.sheet
    sheet.setFocus()
    sheet.cursor_.go(0, 1)
    person.qtbot.keyClick(sheet.body, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    for section, role in enumerate(roles, start=1):
        sheet.hands.set_role(section, role)
    person.choose("measureChooser", "GEN")
    person.wait()


def berkey() -> list[list[str]]:
    with (DATA / "dat.berkey1998.csv").open(encoding="utf-8-sig", newline="") as handle:
        return [list(COLUMNS), *([r[c] for c in COLUMNS] for r in csv.DictReader(handle))]


def details(person: Any) -> DependenceDialog:
    person.widget(QToolButton, "dependenceMore").click()
    found = [d for d in person.window.findChildren(DependenceDialog) if d.isVisible()]
    assert len(found) == 1
    return found[0]


def choose_in(dialog: DependenceDialog, name: str, value: str) -> None:
    combo = dialog.form.field(name)
    assert isinstance(combo, QComboBox)
    at = combo.findData(value)
    assert at >= 0, [combo.itemData(i) for i in range(combo.count())]
    combo.setCurrentIndex(at)


def test_the_choice_stands_in_the_panel_where_studies_have_several_rows(person, bcg_book) -> None:
    person.open(bcg_book)
    assert not person.widget(DependenceBox, "dependenceBox").isVisibleTo(person.window)
    paste(person, TRIALS, TRIAL_ROLES)
    box = person.widget(DependenceBox, "dependenceBox")
    person.qtbot.waitUntil(lambda: box.isVisibleTo(person.window))
    words = person.widget(QLabel, "dependenceSentence")
    assert words.text().startswith("1 of 3 studies have several rows.")
    person.choose("dependenceUse", "keep")
    assert "choose it below" in words.text()
    person.session.undo_stack.undo()
    assert person.session.spec.dependence == {}
    assert person.widget(QComboBox, "dependenceUse").currentData() == "none"


def test_covariances_typed_in_the_sheet_combine_the_outcomes_of_a_trial(person) -> None:
    paste(person, berkey(), ROLES)
    assert person.widget(DependenceBox, "dependenceBox").isVisibleTo(person.window)
    assert "Only one outcome is analysed" in person.widget(QLabel, "dependenceSentence").text()
    person.choose("dependenceUse", "combine")
    dialog = details(person)
    choose_in(dialog, "why", "matrix")
    dialog.reject()
    person.wait()
    assert person.session.spec.dependence == {"use": "combine", "why": "matrix"}
    assert person.widget(QComboBox, "outcomeChooser").currentData() == "all"
    V = np.array([[0.0075, 0.003], [0.003, 0.0077]])
    weights = np.linalg.solve(V, np.ones(2))
    book = person.export()
    assert person.holds(book["Studies"], float(weights @ [0.47, -0.32] / weights.sum()))
    assert person.holds(book["Studies"], 1 / float(weights.sum()))


def test_arms_that_share_a_comparison_group_keep_their_covariance(person) -> None:
    paste(person, TRIALS, TRIAL_ROLES)
    person.choose("dependenceUse", "combine")
    dialog = details(person)
    choose_in(dialog, "why", "control")
    assert dialog.form.field("group1").currentText() == "arm (by its role)"
    assert dialog.form.field("size2").currentText() == "n other (by its role)"
    assert not dialog.form.field("rho").isVisibleTo(dialog)
    dialog.reject()
    person.wait()
    V = constructed_covariance(
        np.array([0.04, 0.0441]), ["Chen", "Chen"], grp1=["low", "high"], grp2=["p", "p"],
        w1=np.array([30.0, 32.0]), w2=np.array([60.0, 60.0]),
    ).dense()  # fmt: skip
    share = (1 / 60) / np.sqrt((1 / 30 + 1 / 60) * (1 / 32 + 1 / 60))
    assert V[0, 1] == pytest.approx(share * 0.2 * 0.21)
    weights = np.linalg.solve(V, np.ones(2))
    assert person.study(0).yi == pytest.approx(float(weights @ [-0.3, -0.45] / weights.sum()))
    assert person.holds(person.export()["Studies"], 1 / float(weights.sum()))


def test_a_column_can_be_chosen_among_those_of_the_sheet(person) -> None:
    paste(person, TRIALS, ("study", "moderator", "moderator", "n1i", "n2i", "yi", "sei"))
    person.choose("dependenceUse", "combine")
    dialog = details(person)
    choose_in(dialog, "why", "control")
    assert dialog.form.field("group1").currentText() == "–"
    choose_in(dialog, "group1", "arm")
    choose_in(dialog, "group2", "compared with")
    dialog.reject()
    person.wait()
    block = person.session.spec.dependence
    assert (block["group1"], block["group2"]) == ("arm", "compared with")
    assert person.session.result.main is not None
