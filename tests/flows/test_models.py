"""Every family of models through the window: chosen, fitted, shown, exported.

The expected numbers are those of the reference cases.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QToolButton,
    QWidget,
)

REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "meta"
BCG, KONSTANTOPOULOS = "dat.bcg.csv", "dat.konstantopoulos2011.csv"
NIELWEISE = "dat.nielweise2007.csv"


def expected(kind: str, case: str) -> dict:
    """What the reference found in a case."""
    cases = json.loads((REFERENCE / f"{kind}.json").read_text(encoding="utf-8"))
    return next(c["expect"] for c in cases if c["id"] == case)


@pytest.fixture
def bcg(person):
    person.open(REFERENCE / "data" / BCG)
    return person


def choose_model(person, key: str, measure: str = "") -> None:
    if measure:
        person.choose("measureChooser", measure)
        person.wait()
    radio = person.widget(QRadioButton, f"model-{key}")
    assert radio.isEnabled(), radio.toolTip()
    radio.click()
    person.wait()


def type_formula(person, text: str) -> None:
    line = person.widget(QLineEdit, "formulaLine")
    line.setText(text)
    line.editingFinished.emit()
    person.wait()


def click(person, name: str) -> None:
    person.widget(QAbstractButton, name).click()
    person.wait()


def cell(book, sheet: str, first: str, column: str) -> object:
    """The value in the row that begins with ``first``, under the last heading before it."""
    head: tuple = ()
    for row in book[sheet]:
        if column in row:
            head = row
        elif head and row and row[0] == first:
            return row[head.index(column)]
    raise AssertionError(f"{sheet}: no row '{first}' under '{column}'")


# -- mixed effects ---------------------------------------------------------------------------------


def test_bcg_over_latitude_gives_the_references_partition_in_the_workbook(bcg) -> None:
    choose_model(bcg, "mixed")
    bcg.choose("addModerator", "ablat")
    bcg.wait()
    bcg.choose("modelForm-test", "z")
    book = bcg.export()
    assert bcg.widget(QLineEdit, "formulaLine").text() == "~ ablat"
    assert cell(book, "Results", "Residual", "τ²") == pytest.approx(0.076347963955, rel=1e-9)
    total = cell(book, "Results", "Total (no moderators)", "τ²")
    part = cell(book, "Results", "Explained by the moderators", "τ²")
    assert total == pytest.approx(0.313243258136, rel=1e-9)
    assert part == pytest.approx(total - 0.076347963955, rel=1e-9)
    assert bcg.holds(book["Heterogeneity"], 75.6266, rel=1e-5)
    slope = expected("k6_mv", "mv.dat.bcg.ablat.REML")["b"][1]
    assert bcg.holds(book["Results"], slope, rel=1e-6)


def test_list_and_formula_say_the_same(bcg) -> None:
    choose_model(bcg, "mixed")
    bcg.choose("addModerator", "ablat")
    bcg.choose("addModerator", "alloc")
    line = bcg.widget(QLineEdit, "formulaLine")
    assert line.text() == "~ ablat + factor(alloc)"
    bcg.choose("term1-reference", "random")
    assert line.text() == '~ ablat + factor(alloc, ref="random")'
    bcg.choose("term0-centre", "mean")
    assert line.text() == '~ centre(ablat) + factor(alloc, ref="random")'
    menu = bcg.widget(QToolButton, "addInteraction").menu()
    menu.actions()[0].trigger()
    assert line.text().endswith(':factor(alloc, ref="random")')
    click(bcg, "term1-remove")
    assert line.text() == "~ centre(ablat)"
    type_formula(bcg, "ablat + year")
    assert bcg.widget(QWidget, "term1").term.column == "year"
    assert line.text() == "~ ablat + year"


def test_an_unknown_column_in_the_formula_is_said_and_nothing_changes(bcg) -> None:
    choose_model(bcg, "mixed")
    type_formula(bcg, "~ ablat")
    type_formula(bcg, "~ latitude")
    assert bcg.session.spec.moderators == "~ ablat"
    assert "no column 'latitude'" in bcg.widget(QWidget, "formulaProblem").text()


@pytest.mark.parametrize(
    ("formula", "case"),
    [
        ("~ factor(alloc)", "reg.dat.bcg.rr.REML.z.alloc"),
        ('~ factor(alloc, ref="random")', "reg.dat.bcg.rr.REML.z.alloc.refrandom"),
        ("~ ablat + year", "reg.dat.bcg.rr.REML.z.ablat.year"),
        ("~ factor(alloc) + ablat + factor(alloc):ablat", "reg.dat.bcg.rr.REML.z.alloc.x.ablat"),
    ],
)
def test_any_mixture_of_moderators_agrees_with_the_reference(bcg, formula, case) -> None:
    choose_model(bcg, "mixed")
    bcg.choose("modelForm-test", "z")
    type_formula(bcg, formula)
    book = bcg.export()
    want = expected("k3_mods", case)
    for value in (*want["b"], want["tau2"], want["QE"]):
        sheet = "Results" if value in want["b"] else "Heterogeneity"
        assert bcg.holds(book[sheet], value, rel=1e-5), value


def test_typed_places_and_marginal_means_reach_the_workbook(bcg) -> None:
    choose_model(bcg, "mixed")
    bcg.choose("modelForm-test", "z")
    type_formula(bcg, "~ factor(alloc) + ablat")
    bcg.widget(QLineEdit, "predict0").setText("random")
    bcg.widget(QLineEdit, "predict1").setText("30")
    click(bcg, "predictAdd")
    book = bcg.export()
    want = expected("k3_mods", "reg.dat.bcg.rr.REML.z.alloc.ablat")
    at = want["predict_newmods"]
    assert bcg.holds(book["Results"], at["pred"][0], rel=1e-6)
    assert bcg.holds(book["Results"], at["se"][0], rel=1e-5)
    assert bcg.holds(book["Results"], want["vif"][0], rel=1e-5) or isinstance(want["vif"], dict)
    words = [str(v) for row in book["Results"] for v in row if v is not None]
    assert "Estimated marginal means of alloc" in words
    assert "Variance inflation" in words
    click(bcg, "place0-remove")
    assert bcg.session.spec.predict_at == ()


def test_a_permutation_test_runs_when_it_is_asked_for(bcg) -> None:
    choose_model(bcg, "mixed")
    type_formula(bcg, "~ ablat")
    click(bcg, "permutationOn")
    test = bcg.session.result.permutation
    assert test.n == 1000
    assert test.pval[1] < 0.05
    book = bcg.export()
    assert bcg.holds(book["Results"], float(test.pval[1]))
    click(bcg, "permutationOn")
    assert bcg.session.result.permutation is None


def test_the_bubble_plot_can_be_explored_and_a_click_finds_the_study(bcg) -> None:
    choose_model(bcg, "mixed")
    type_formula(bcg, "~ ablat")
    bcg.choose("plotChooser", "bubble")
    pane = bcg.widget(QWidget, "plotPane")
    bcg.qtbot.waitUntil(lambda: pane.page is not None and "ubble" in pane.page.title)
    assert len(pane.page.hits) == 13
    bcg.widget(QToolButton, "explorePlot").click()
    explorer = bcg.widget(QWidget, "bubbleExplorer")
    row = bcg.session.table.row_ids[4]
    point = next(p for p in explorer._scatter.points() if p.data() == row)
    explorer._click(None, [point])
    assert bcg.session.selected == row
    assert explorer.place_of(row) is not None


# -- tests -----------------------------------------------------------------------------------------


def test_tests_are_chosen_in_their_own_section(bcg) -> None:
    choose_model(bcg, "mixed")
    type_formula(bcg, "~ ablat + alloc")
    bcg.choose("testsForm-adjust", "holm")
    bcg.widget(QCheckBox, "testsForm-likelihood_ratio").setChecked(True)
    for i in range(2):
        bcg.widget(QCheckBox, f"together{i}").setChecked(True)
    click(bcg, "togetherAdd")
    assert bcg.session.spec.test_together == (("ablat", "factor(alloc)"),)
    assert not bcg.widget(QPushButton, "togetherAdd").isEnabled()
    book = bcg.export()
    words = [str(v) for row in book["Results"] for v in row if v is not None]
    assert "P, adjusted" in words
    assert "Joint test of ablat, factor(alloc)" in words
    assert any(word.startswith("Likelihood ratio (ML)") for word in words)
    settings = {row[0]: row[1] for row in book["Settings"]}
    assert settings["Adjust P values for their number"] == "Holm"
    click(bcg, "together0-remove")
    assert bcg.session.spec.test_together == ()


def test_a_plain_mean_is_tested_by_permutation(bcg) -> None:
    click(bcg, "permutationOn")
    assert bcg.session.result.permutation.names == ("intrcpt",)
    bcg.choose("testsForm-rearrange", "exact")
    bcg.wait()
    assert bcg.session.result.permutation.exact
    book = bcg.export()
    assert bcg.holds(book["Results"], float(bcg.session.result.permutation.pval[0]))


def test_what_a_model_cannot_be_tested_by_is_switched_off(bcg) -> None:
    ratio = bcg.widget(QCheckBox, "testsForm-likelihood_ratio")
    adjust = bcg.widget(QComboBox, "testsForm-adjust")
    assert ratio.isEnabled()
    assert not adjust.isEnabled()
    choose_model(bcg, "mh", "OR")
    assert not ratio.isEnabled()
    choose_model(bcg, "mixed")
    assert adjust.isEnabled()


def test_a_nested_model_beside_has_its_likelihood_ratio_in_the_workbook(bcg) -> None:
    bcg.choose("modelForm-tau2", "ML")
    bcg.wait()
    click(bcg, "compareAdd")
    choose_model(bcg, "mixed")
    type_formula(bcg, "~ ablat")
    bcg.choose("modelForm-tau2", "ML")
    book = bcg.export()
    title = "Likelihood ratio to the main model, χ²"
    shown = cell(book, "Results", "Random effects, ML", title)
    full = bcg.session.result.main.statistics.logLik
    assert shown == pytest.approx(2 * (full + 12.66507634827681), rel=1e-6)


# -- spread explained by moderators ----------------------------------------------------------------


def test_moderators_of_the_spread_have_a_list_and_a_formula_of_their_own(bcg) -> None:
    assert not bcg.widget(QWidget, "scaleSection").isVisible()
    choose_model(bcg, "scale")
    bcg.choose("addModerator", "ablat")
    bcg.choose("addScale", "alloc")
    bcg.wait()
    assert bcg.widget(QLineEdit, "formulaLine").text() == "~ ablat"
    assert bcg.widget(QLineEdit, "scaleLine").text() == "~ factor(alloc)"
    panel = bcg.widget(QWidget, "setupPanel")
    assert "ln τ²" in panel.findChild(QLabel, "equation").text()
    fit = bcg.session.result.main
    bcg.widget(QLineEdit, "predict0").setText("33")
    bcg.widget(QLineEdit, "predict1").setText("random")
    click(bcg, "predictAdd")
    book = bcg.export()
    alpha = fit.spread.coefficients
    assert cell(book, "Results", "allocsystematic", "τ² is multiplied by") == pytest.approx(
        math.exp(alpha.b[2])
    )
    for tau2 in set(fit.spread.tau2.tolist()):
        assert bcg.holds(book["Results"], tau2)
    assert bcg.session.spec.predict_at == ({"ablat": 33.0, "alloc": "random"},)


def test_the_spread_model_agrees_with_the_reference(bcg) -> None:
    choose_model(bcg, "scale")
    bcg.choose("addScale", "ablat")
    bcg.wait()
    want = expected("k7_bias_diag", "scale.dat.bcg.rr.REML.log.ablat")
    book = bcg.export()
    for value in (want["alpha"][0], *want["b"], want["logLik"]):
        assert bcg.holds(book["Results"], value, rel=1e-4), value


def test_the_line_of_tau2_can_be_chosen_in_the_panel(bcg) -> None:
    choose_model(bcg, "scale")
    bcg.choose("addScale", "ablat")
    bcg.wait()
    bcg.choose("modelForm-link", "identity")
    bcg.wait()
    assert bcg.session.spec.model_options["link"] == "identity"
    words = bcg.widget(QWidget, "setupPanel").findChild(QLabel, "equation").text()
    assert "ln τ²" not in words
    assert "<br>τ²" in words
    book = bcg.export()
    for value in (0.3143726306, -0.7150867005, 0.1797923191):
        assert bcg.holds(book["Results"], value, rel=1e-5), value


# -- subgroups -------------------------------------------------------------------------------------


def test_subgroups_by_allocation_agree_with_the_reference(bcg) -> None:
    bcg.choose("modelForm-test", "z")
    click(bcg, "subgroupOn")
    bcg.choose("subgroupColumn", "alloc")
    book = bcg.export()
    want = expected("k3_mods", "subgroup.dat.bcg.rr.alloc.REML.z.")["separate"]
    for group in want["groups"]:
        shown = cell(book, "Results", group["level"], "Estimate (analysis scale)")
        assert shown == pytest.approx(group["b"], rel=1e-6)
        assert cell(book, "Results", group["level"], "τ²") == pytest.approx(group["tau2"], rel=1e-5)
    assert bcg.session.result.subgroups.difference.p == pytest.approx(
        want.get("QMp", bcg.session.result.subgroups.difference.p), rel=1e-5
    )
    page = bcg.widget(QWidget, "plotPane").page
    assert sum(h.id.startswith("subtotal:") for h in page.hits) >= 3


def test_a_common_tau2_changes_the_groups(bcg) -> None:
    bcg.choose("modelForm-test", "z")
    click(bcg, "subgroupOn")
    bcg.choose("subgroupColumn", "alloc")
    bcg.wait()
    apart = [g.estimate.value for g in bcg.session.result.subgroups.groups]
    bcg.choose("subgroupTau2", "common")
    bcg.wait()
    together = [g.estimate.value for g in bcg.session.result.subgroups.groups]
    assert apart != together
    click(bcg, "subgroupOn")
    assert bcg.session.result.subgroups is None


# -- sparse and dependent data ---------------------------------------------------------------------


def test_mantel_haenszel_and_its_options(bcg) -> None:
    choose_model(bcg, "mh", "OR")
    book = bcg.export()
    want = expected("k4_mh_peto", "mh.dat.bcg.or")
    assert bcg.holds(book["Results"], want["b"], rel=1e-9)
    assert bcg.holds(book["Results"], want["se"], rel=1e-9)


def test_peto_gives_the_references_odds_ratio(bcg) -> None:
    choose_model(bcg, "peto", "OR")
    want = expected("k4_mh_peto", "peto.dat.bcg")
    book = bcg.export()
    assert bcg.holds(book["Results"], want["b"], rel=1e-9)
    assert bcg.holds(book["Results"], want["exp"]["pred"], rel=1e-9)


def test_models_of_counts_agree_with_the_reference(person) -> None:
    person.open(REFERENCE / "data" / NIELWEISE)
    choose_model(person, "glmm", "OR")
    for model in ("UM.FS", "CM.EL"):
        person.choose("modelForm-model", model)
        book = person.export(model)
        want = expected("k5_glmm", f"glmm.dat.nielweise2007.or.{model}.ML")
        assert person.holds(book["Results"], want["b"][0], rel=2e-3)
        assert person.holds(book["Heterogeneity"], want["tau2"], rel=2e-2)


def test_three_levels_of_schools_in_districts(person) -> None:
    from metadesk.table.edits import SetRole

    person.open(REFERENCE / "data" / KONSTANTOPOULOS)
    table = person.session.table
    person.session.apply(SetRole(table.column("district").id, "cluster"))
    person.wait()
    assert "E1" in advice_codes(person)
    choose_model(person, "multilevel")
    person.choose("modelForm-test", "z")
    line = person.widget(QLineEdit, "modelForm-random")
    line.setText("1 | district/school")
    line.editingFinished.emit()
    book = person.export()
    want = expected("k6_mv", "mv.dat.konstantopoulos2011.3level.REML")
    assert person.holds(book["Results"], want["b"][0], rel=1e-6)
    assert person.holds(book["Results"], want["se"][0], rel=1e-6)
    for sigma2 in want["sigma2"]:
        assert person.holds(book["Results"], sigma2, rel=1e-4)
    assert person.holds(book["Results"], want["profile_ci"][0]["ci_ub"], rel=1e-3)
    assert "E1" not in advice_codes(person)
    person.choose("modelForm-method", "ML")
    book = person.export("ml")
    want = expected("k6_mv", "mv.dat.konstantopoulos2011.3level.ML")
    assert person.holds(book["Results"], want["b"][0], rel=1e-6)


def advice_codes(person) -> set[str]:
    from metadesk.advice.advise import advise

    return {note.code for note in advise(person.session.result)}


# -- the choice itself -----------------------------------------------------------------------------


def test_what_the_data_cannot_carry_is_greyed_and_says_why(bcg) -> None:
    for key, words in (
        ("peto", "For odds ratio"),
        ("glmm", "the measure here is risk ratio"),
        ("multilevel", "Every study has one row"),
    ):
        radio = bcg.widget(QRadioButton, f"model-{key}")
        assert not radio.isEnabled()
        assert words in radio.toolTip()
        assert words in bcg.widget(QWidget, f"modelWords-{key}").text()
    bcg.choose("measureChooser", "OR")
    bcg.wait()
    assert bcg.widget(QRadioButton, "model-peto").isEnabled()


def test_models_stand_side_by_side_in_the_workbook(bcg) -> None:
    bcg.choose("modelForm-tau2", "DL")
    bcg.wait()
    click(bcg, "compareAdd")
    assert not bcg.widget(QPushButton, "compareAdd").isEnabled()
    bcg.choose("modelForm-tau2", "ML")
    bcg.wait()
    click(bcg, "compareAdd")
    bcg.choose("modelForm-tau2", "REML")
    book = bcg.export()
    assert cell(book, "Results", "Random effects, DL", "τ²") == pytest.approx(0.308760262862)
    assert cell(book, "Results", "Random effects, ML", "AIC") is not None
    click(bcg, "compare0-remove")
    assert [one["label"] for one in bcg.session.spec.compare] == ["Random effects, ML"]


def test_a_long_fit_can_be_stopped_and_the_old_result_stays(bcg) -> None:
    choose_model(bcg, "mixed")
    type_formula(bcg, "~ ablat + year")
    before = bcg.session.result
    many = 1_000_000
    from dataclasses import replace

    bcg.session.set_spec(replace(bcg.session.spec, permutations=many), "Permutation test")
    bcg.qtbot.waitUntil(lambda: bcg.session.busy)
    bcg.session.run()
    bcg.session.cancel()
    assert not bcg.session.busy
    assert bcg.session.stale
    assert bcg.session.result is before
    assert bcg.session.close(5.0), "the worker comes to its next step"


def test_window_and_command_line_agree_on_a_meta_regression(bcg, tmp_path) -> None:
    from metadesk.__main__ import main
    from metadesk.reports.results_json import json_text

    choose_model(bcg, "mixed")
    type_formula(bcg, "~ ablat + factor(alloc)")
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(bcg.session.spec.to_plain()), encoding="utf-8")
    sheet = str(REFERENCE / "data" / BCG)
    main(["analyse", sheet, "--spec", str(spec), "--out", str(tmp_path / "cli")])
    found = json.loads((tmp_path / "cli" / "results.json").read_text(encoding="utf-8"))
    shown = json.loads(json_text(bcg.session.result))
    assert found["models"] == shown["models"]
    assert found["tables"] == shown["tables"]
    assert (tmp_path / "cli" / "bubble.svg").exists()


def test_the_panel_is_worked_by_keyboard(bcg) -> None:
    radio = bcg.widget(QRadioButton, "model-fixed")
    radio.setFocus()
    bcg.qtbot.keyClick(radio, Qt.Key.Key_Space)
    bcg.wait()
    assert bcg.session.spec.model == "fixed"
    assert bcg.widget(QCheckBox, "subgroupOn").focusPolicy() != Qt.FocusPolicy.NoFocus
    assert bcg.widget(QComboBox, "addModerator").accessibleName() == "Add a moderator"
