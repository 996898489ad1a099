"""Every family of measures: raw numbers pasted into a blank sheet, the measure chosen among cards,
and the reference's effects found in the exported workbook."""

from __future__ import annotations

import csv
import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QPushButton, QRadioButton

from metadesk.gui.effects.calculator import RowCalculator
from metadesk.gui.effects.cards import MeasureCards
from metadesk.gui.start_page import BLANKS

REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "meta"

FAMILIES = [
    ("escalc.dat.bcg.or", "Two groups by cells"),
    ("escalc.dat.nielweise2007.or", "Events and totals"),
    ("escalc.dat.nielweise2007.rd", "Events and totals"),
    ("escalc.dat.nielweise2007.peto", "Events and totals"),
    ("escalc.dat.normand1999.md", "Means and SDs"),
    ("escalc.dat.normand1999.smd", "Means and SDs"),
    ("escalc.dat.normand1999.rom", "Means and SDs"),
    ("escalc.dat.normand1999.d2orl", "Means and SDs"),
    ("escalc.dat.hart1999.irr", "Events and person-time"),
    ("escalc.paired.v.mpor", "Matched pairs or crossover events"),
    ("escalc.paired.v.mprr", "Matched pairs or crossover events"),
    ("escalc.dat.morris2008.t.smcc", "Before and after, or crossover means"),
    ("escalc.dat.morris2008.t.mc", "Before and after, or crossover means"),
    ("escalc.dat.molloy2014.zcor", "Correlations"),
    ("escalc.dat.aloe2013.zspcor", "Regression coefficients"),
    ("escalc.dat.pritz1997.plo", "Events of one group"),
    ("escalc.dat.pritz1997.pft", "Events of one group"),
    ("escalc.dat.hart1999.irln", "Rates of one group"),
    ("escalc.dat.normand1999.mnln", "Means of one group"),
    ("escalc.dat.demir2022.abt", "Reliability (alpha)"),
]

OPTIONS = [
    ("escalc.dat.nielweise2007.or.add.all", "escalc.dat.nielweise2007.or"),
    ("escalc.dat.nielweise2007.or.add025.only0", "escalc.dat.nielweise2007.or"),
    ("escalc.dat.nielweise2007.rr.if0all", "escalc.dat.nielweise2007.rr"),
    ("escalc.dat.nissen2007.or.drop00.true", "escalc.dat.nissen2007.or"),
    ("escalc.dat.normand1999.smd.UB", "escalc.dat.normand1999.smd"),
    ("escalc.dat.normand1999.smd.LS2", "escalc.dat.normand1999.smd"),
    ("escalc.dat.normand1999.md.HO", "escalc.dat.normand1999.md"),
    ("escalc.dat.normand1999.smd.uncorrected", "escalc.dat.normand1999.smd"),
    ("escalc.dat.normand1999.rom.HO.uncorrected", "escalc.dat.normand1999.rom"),
    ("escalc.dat.hart1999.irr.all", "escalc.dat.hart1999.irr"),
    ("escalc.paired.v.mpor.all", "escalc.paired.v.mpor"),
]


@lru_cache
def cases() -> dict[str, dict[str, Any]]:
    found = json.loads((REFERENCE / "k1_escalc.json").read_text(encoding="utf-8"))
    return {case["id"]: case for case in found}


def numbers(case: dict[str, Any]) -> dict[str, list[str]]:
    """The raw numbers of a case by role."""
    path = REFERENCE / "data" / f"{case['dataset']}.csv"
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    roles = case["spec"]["es"]["roles"]
    wanted = case["spec"].get("rows")
    chosen = rows if wanted is None else [rows[i] for i in wanted]
    return {role: ["" if r[c] == "NA" else r[c] for r in chosen] for role, c in roles.items()}


def paste_into_blank(person: Any, kind: str, columns: dict[str, list[str]]) -> None:
    """Paste raw numbers into the blank sheet of a kind, in the order of its columns."""
    window = person.window
    window.open_blank(kind)
    order = list(BLANKS[kind].values())
    k = len(next(iter(columns.values())))
    block = []
    for i in range(k):
        line = {"study": f"Study {i + 1}", **{role: cells[i] for role, cells in columns.items()}}
        block.append("\t".join(line.get(role, "") for role in order))
    QGuiApplication.clipboard().setText("\n".join(block))
    sheet = window.sheet
    sheet.setFocus()
    sheet.cursor_.go(0, 1)
    person.qtbot.keyClick(sheet.body, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert person.session.table.n_rows == k


def choose_card(person: Any, key: str) -> None:
    """Open the cards from the panel, type the key's name, and press Enter."""
    person.wait()
    person.window.effects.choose_measure()
    cards = person.window.findChild(MeasureCards)
    cards.search.setText(key.lower())
    card = cards.card(key)
    assert card.possible, card.foot
    person.qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    cards.findChild(QPushButton, "chooseMeasure").click()
    person.qtbot.waitUntil(lambda: not cards.isVisible())
    cards.deleteLater()
    person.wait()
    assert person.session.result.measure == key


def kind_of(case: dict[str, Any], kind: str) -> str:
    return "Matched pairs or crossover events" if kind == "Two groups by cells" else kind


@pytest.mark.parametrize(("name", "kind"), FAMILIES, ids=[n for n, _ in FAMILIES])
def test_raw_numbers_of_each_family_give_the_references_effects(person, name, kind) -> None:
    case = cases()[name]
    columns = numbers(case)
    paste_into_blank(person, kind_of(case, kind), columns)
    choose_card(person, case["spec"]["es"]["measure"])
    book = person.export()
    expected = case["expect"]
    assert len(expected["yi"]) == len(person.session.result.studies)
    for yi, vi in zip(expected["yi"], expected["vi"], strict=True):
        if yi is None or math.isnan(yi):
            continue
        assert person.holds(book["Studies"], yi, rel=1e-8), yi
        assert person.holds(book["Studies"], vi, rel=1e-8), vi


@pytest.mark.parametrize(("name", "plain"), OPTIONS, ids=[n for n, _ in OPTIONS])
def test_an_option_of_the_panel_changes_the_effects_as_the_reference_says(
    person, name, plain
) -> None:
    case, before = cases()[name], cases()[plain]
    kinds = dict(FAMILIES)
    kind = kinds.get(plain) or "Events and totals"
    paste_into_blank(person, kind_of(case, kind), numbers(case))
    choose_card(person, case["spec"]["es"]["measure"])
    for option, value in case["spec"]["es"]["options"].items():
        field = person.window.findChild(object, f"measureForm-{option}")
        assert field is not None, option
        if hasattr(field, "setChecked"):
            field.setChecked(bool(value))
        elif hasattr(field, "findData"):
            field.setCurrentIndex(field.findData(value))
        else:
            field.setValue(float(value))
        person.wait()
    book = person.export()
    changed = 0
    for row, (vi, old) in enumerate(zip(case["expect"]["vi"], before["expect"]["vi"], strict=True)):
        if vi is None:
            assert not person.study(row).used
            changed += 1
            continue
        assert person.holds(book["Studies"], vi, rel=1e-8), vi
        changed += vi != pytest.approx(old, rel=1e-9)
    assert changed


@pytest.mark.parametrize(
    ("kind", "measure"), [("Ratios with intervals", "RR"), ("Hazard ratios", "HR")]
)
def test_printed_ratios_with_intervals_give_the_references_effects(person, kind, measure) -> None:
    conversions = json.loads((REFERENCE / "k8_agg_conv.json").read_text(encoding="utf-8"))
    case = next(c for c in conversions if c["id"] == "conv_wald.dat.hackshaw1998.or.ci")
    path = REFERENCE / "data" / "dat.hackshaw1998.csv"
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    columns = {"est": "or", "lower": "or.lb", "upper": "or.ub"}
    paste_into_blank(person, kind, {role: [r[c] for r in rows] for role, c in columns.items()})
    choose_card(person, measure)
    book = person.export()
    for yi, vi in zip(case["expect"]["yi"], case["expect"]["vi"], strict=True):
        assert person.holds(book["Studies"], yi, rel=1e-8), yi
        assert person.holds(book["Studies"], vi, rel=1e-8), vi


def test_observed_minus_expected_gives_the_log_hazard_ratio(person) -> None:
    paste_into_blank(person, "Hazard ratios", {"oe": ["-12.5", "3"], "v": ["40", "16"]})
    choose_card(person, "HR")
    book = person.export()
    for yi, vi in ((-0.3125, 0.025), (0.1875, 0.0625)):
        assert person.holds(book["Studies"], yi)
        assert person.holds(book["Studies"], vi)


def test_ready_made_estimates_give_the_references_pooled_effect(person) -> None:
    pooled = json.loads((REFERENCE / "k2_uni.json").read_text(encoding="utf-8"))
    case = next(c for c in pooled if c["id"] == "uni.dat.hackshaw1998.REML.adhoc")
    with (REFERENCE / "data" / "dat.hackshaw1998.csv").open(encoding="utf-8-sig") as handle:
        rows = list(csv.DictReader(handle))
    columns = {
        "yi": [row["yi"] for row in rows],
        "sei": [repr(math.sqrt(float(row["vi"]))) for row in rows],
    }
    paste_into_blank(person, "Estimates with standard errors", columns)
    choose_card(person, "GEN")
    book = person.export()
    for row in rows:
        assert person.holds(book["Studies"], float(row["yi"]))
        assert person.holds(book["Studies"], float(row["vi"]))
    (b,) = case["expect"]["b"]
    assert person.holds(book["Results"], b, rel=1e-6)


def test_a_log_rank_test_without_direction_is_asked_for_it_and_kept_with_the_row(person) -> None:
    paste_into_blank(person, "Hazard ratios", {"oe": ["-12.5", ""], "v": ["40", ""]})
    choose_card(person, "HR")
    person.window.sheet.setFocus()
    person.window.sheet.cursor_.go(1, 1)
    dialog = person.window.effects.calculate_row()
    assert isinstance(dialog, RowCalculator)
    for role, text in {"pval": "0.02", "ai": "30", "ci": "45"}.items():
        field = dialog.findChild(QLineEdit, f"calc-{role}")
        field.setText(text)
        field.textEdited.emit(text)
    assert "Which one" in dialog.answer.text()
    better, worse = dialog.findChildren(QRadioButton)
    assert "HR 0.578" in better.text()
    assert "HR 1.730" in worse.text()
    better.click()
    dialog.findChild(QPushButton, "calculatorTake").click()
    person.wait()
    row_id = person.session.table.row_ids[1]
    assert "log-rank" in str(person.session.table.steps[row_id]).lower()
    book = person.export()
    v, z = 30 * 45 / 75, -2.3263478740408408  # Parmar et al. (1998), eq. 7 and 10
    assert person.holds(book["Studies"], z / math.sqrt(v))
    assert person.holds(book["Studies"], 1 / v)
