"""The engine: same spec and sheet, same numbers; every row accounted for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from metadesk.analysis.engine import fit, prepare, run
from metadesk.analysis.presets import PRESETS, default_spec
from metadesk.analysis.spec import AnalysisSpec
from metadesk.errors import DataProblem, SpecProblem
from metadesk.reports.subgroup_tables import subgroup_table
from metadesk.table import SetCells, make_table

OPTIONS = {
    "tau2": {"REML": 0.313243258136, "DL": 0.308760262862, "PM": 0.318068452205},
}


def test_the_default_is_random_effects_with_reml_and_the_guarded_interval(bcg) -> None:
    result = run(default_spec(), bcg)
    assert result.measure == "RR"
    assert result.main.model == "random"
    assert result.main.pooled.value == pytest.approx(-0.714532342158, rel=1e-10)
    assert result.main.heterogeneity.tau2 == pytest.approx(0.313243258136, rel=1e-9)
    assert result.natural(result.main.pooled.interval.lower) == pytest.approx(
        math.exp(-1.108443723), rel=1e-8
    )
    assert result.main.heterogeneity.tau2_interval.upper == pytest.approx(1.1114790841, rel=1e-8)


def test_fixed_and_random_effects_always_stand_side_by_side(bcg) -> None:
    for model in ("random", "fixed"):
        result = run(AnalysisSpec(model=model), bcg)
        assert [c.key for c in result.companions] == ["random", "fixed"]
        assert result.fit_of("fixed").pooled.value == pytest.approx(-0.4302851637, rel=1e-9)
        assert result.fit_of(model) is result.main


@pytest.mark.parametrize(("method", "tau2"), OPTIONS["tau2"].items())
def test_the_estimator_of_tau2_changes_the_number_as_metafor_says(bcg, method, tau2) -> None:
    result = run(default_spec().with_options(tau2=method), bcg)
    assert result.main.heterogeneity.tau2 == pytest.approx(tau2, rel=1e-9)


def test_the_preset_revman_5_gives_dersimonian_laird_with_the_wald_interval(bcg) -> None:
    result = run(PRESETS["revman-5"].apply(default_spec()), bcg)
    assert result.main.pooled.value == pytest.approx(-0.714117222073, rel=1e-10)
    assert result.main.pooled.se == pytest.approx(0.178742089535, rel=1e-9)
    assert math.isinf(result.main.pooled.df)
    assert result.main.heterogeneity.I2 == pytest.approx(92.117347, rel=1e-7)
    assert result.main.prediction is None


def test_the_confidence_level_widens_every_interval(bcg) -> None:
    usual = run(default_spec(), bcg)
    wide = run(replace(default_spec(), level=0.99), bcg)
    assert wide.main.pooled.interval.lower < usual.main.pooled.interval.lower
    assert wide.main.prediction.lower < usual.main.prediction.lower
    assert wide.studies[0].lower < usual.studies[0].lower
    assert wide.main.pooled.interval.level == 0.99


def test_an_excluded_study_keeps_its_effect_and_its_reason_but_is_not_pooled(bcg) -> None:
    without = replace(bcg, excluded={3: "duplicate population"})
    result = run(default_spec(), without)
    left = result.studies[3]
    assert not left.used
    assert left.by_person
    assert left.reason == "duplicate population"
    assert left.effect == pytest.approx(0.2365, abs=1e-4)
    assert math.isnan(left.weight)
    assert result.main.k == 12
    assert sum(s.weight for s in result.used) == pytest.approx(100.0)


def test_rows_used_and_rows_left_out_are_all_rows() -> None:
    table = make_table(
        {"study": ["A", "B", "C", "D"], "e1": [3, 30, None, 5], "n1": [20, 21, 30, 40],
         "e2": [5, 4, 2, 9], "n2": [20, 20, 30, 40]},
        {"study": "study", "e1": "ai", "n1": "n1i", "e2": "ci", "n2": "n2i"},
    )  # fmt: skip
    result = run(default_spec(), table)
    assert [s.used for s in result.studies] == [True, False, False, True]
    assert all(s.reason for s in result.left_out)
    assert "30" in result.studies[1].reason
    assert "21" in result.studies[1].reason
    assert len(result.used) + len(result.left_out) == table.n_rows


def test_one_study_gives_that_study(bcg) -> None:
    alone = replace(bcg, excluded=dict.fromkeys(range(1, 13), "left out"))
    result = run(default_spec(), alone)
    assert result.main.k == 1
    assert result.main.pooled.value == pytest.approx(result.studies[0].yi)


def test_a_sheet_without_any_role_says_what_is_missing() -> None:
    table = make_table({"a": [1, 2], "b": ["x", "y"]})
    with pytest.raises(DataProblem, match="give roles to the columns"):
        run(default_spec(), table)
    result = fit(prepare(default_spec(), table))
    assert result.main is None
    assert "give roles" in result.problem


def test_a_column_that_is_not_there_is_named_with_those_that_are(bcg) -> None:
    with pytest.raises(SpecProblem, match=r"no column 'events'.*'tpos'"):
        run(replace(default_spec(), roles={"ai": "events"}), bcg)


def test_roles_in_the_spec_go_before_the_sheets_own(bcg) -> None:
    swapped = {"ai": "cpos", "bi": "cneg", "ci": "tpos", "di": "tneg"}
    turned = run(replace(default_spec(), roles=swapped), bcg)
    usual = run(default_spec(), bcg)
    assert turned.main.pooled.value == pytest.approx(-usual.main.pooled.value)


def test_the_same_request_gives_identical_numbers_and_the_same_fingerprint(bcg) -> None:
    first, second = run(default_spec(), bcg), run(default_spec(), bcg)
    assert first.fingerprint == second.fingerprint
    assert first.main.pooled.value == second.main.pooled.value
    assert first.main.pooled.interval == second.main.pooled.interval


def test_an_edit_of_a_used_cell_changes_the_fingerprint_and_of_another_does_not(bcg) -> None:
    def changed(name: str, value: object):
        columns = tuple(
            replace(c, cells=(value, *c.cells[1:])) if c.name == name else c for c in bcg.columns
        )
        return prepare(default_spec(), bcg.with_columns(columns)).fingerprint

    here = prepare(default_spec(), bcg).fingerprint
    assert changed("tpos", 5) != here
    assert changed("ablat", 45) == here


def test_every_choice_stands_among_the_settings(bcg) -> None:
    settings = {s.name: s.value for s in run(default_spec(), bcg).settings}
    assert settings["measure"] == "Risk ratio (RR)"
    assert "REML" in settings["model.tau2"]
    assert "Hartung" in settings["model.test"]
    assert settings["preset"] == "Cochrane 2025"
    assert settings["rows"] == "13 of 13"


def test_an_unknown_option_of_the_model_is_named(bcg) -> None:
    result = fit(prepare(default_spec().with_options(tau="REML"), bcg))
    assert result.main is None
    assert "no option 'tau'" in result.problem


def test_subgroups_get_their_own_estimates_and_a_test_of_their_difference(bcg) -> None:
    result = run(replace(default_spec().with_options(test="z", tau2="DL"), subgroup="alloc"), bcg)
    groups = {g.level: g for g in result.subgroups.groups}
    assert groups["random"].estimate.value == pytest.approx(-1.004161353998, rel=1e-10)
    assert groups["alternate"].k == 2
    assert result.subgroups.tau2 == "separate"
    assert {s.subgroup for s in result.studies} == {"random", "alternate", "systematic"}
    common = run(replace(default_spec(), subgroup="alloc", subgroup_tau2="common"), bcg)
    assert common.subgroups.difference.statistic != result.subgroups.difference.statistic


def test_studies_that_state_no_subgroup_are_said_to_count_as_one(bcg) -> None:
    alloc = bcg.column("alloc")
    row = bcg.row_ids[0]
    silent = SetCells(((row, alloc.id, None),)).apply(bcg)[0]
    result = run(replace(default_spec(), subgroup="alloc"), silent)
    notes = subgroup_table(result, result.subgroups).notes
    assert "1 study that does not state alloc stands as a group in this test" in " ".join(notes)
    whole = run(replace(default_spec(), subgroup="alloc"), bcg)
    assert "not state" not in " ".join(subgroup_table(whole, whole.subgroups).notes)


def test_a_subgroup_column_that_is_not_there_is_named(bcg) -> None:
    result = fit(prepare(replace(default_spec(), subgroup="region"), bcg))
    assert result.main is None
    assert "no column 'region'" in result.problem


def test_any_number_of_models_can_stand_beside_the_main_one(bcg) -> None:
    others = ({"model": "random", "options": {"tau2": "DL", "test": "z"}, "label": "DL"},)
    result = run(replace(default_spec(), compare=others), bcg)
    assert [c.label for c in result.companions][2:] == ["DL"]
    assert result.companions[2].fit.heterogeneity.tau2 == pytest.approx(0.308760262862, rel=1e-9)


def test_mantel_haenszel_reads_the_counts(bcg) -> None:
    result = run(AnalysisSpec(measure="OR", model="mh"), bcg)
    assert result.main.pooled.value == pytest.approx(-0.473410988389, rel=1e-9)
    assert result.fit_of("random") is not None


def test_mantel_haenszel_of_reported_estimates_says_what_it_needs() -> None:
    table = make_table({"y": [0.1, 0.2], "se": [0.1, 0.1]}, {"y": "yi", "se": "sei"})
    result = fit(prepare(AnalysisSpec(measure="GEN", model="mh"), table))
    assert "needs events and totals" in result.problem


def test_meta_regression_gives_the_references_residual_tau2_and_partition(bcg) -> None:
    spec = AnalysisSpec(model="mixed", moderators="~ ablat", model_options={"test": "z"})
    result = run(spec, bcg)
    assert result.main.coefficients.names == ("intrcpt", "ablat")
    assert result.main.coefficients.b == pytest.approx([0.251468210007, -0.029101725012], rel=1e-9)
    assert result.main.heterogeneity.tau2 == pytest.approx(0.076347963955, rel=1e-9)
    assert result.main.heterogeneity.R2 == pytest.approx(75.627, rel=1e-4)
    assert result.main.heterogeneity.tau2_total == pytest.approx(0.313243258136, rel=1e-9)
    assert result.design.names == ("intrcpt", "ablat")


def test_a_row_without_the_moderator_is_left_out_with_the_reason(bcg) -> None:
    columns = tuple(
        replace(c, cells=(None, *c.cells[1:])) if c.name == "ablat" else c for c in bcg.columns
    )
    result = run(AnalysisSpec(model="mixed", moderators="~ ablat"), bcg.with_columns(columns))
    assert not result.studies[0].used
    assert "'ablat'" in result.studies[0].reason
    assert result.main.k == 12
    assert result.fit_of("random").k == 12


def test_a_factor_in_the_formula_gets_its_levels(bcg) -> None:
    spec = AnalysisSpec(model="mixed", moderators="~ ablat + factor(alloc)")
    result = run(spec, bcg)
    bare = run(replace(spec, moderators="~ ablat + alloc"), bcg)
    assert bare.main.coefficients.b == pytest.approx(result.main.coefficients.b)
    assert result.main.coefficients.names[1] == "ablat"
    assert len(result.main.coefficients.names) == 4


def test_a_formula_that_names_no_column_says_which_there_are(bcg) -> None:
    result = fit(prepare(AnalysisSpec(model="mixed", moderators="~ latitude"), bcg))
    assert "'latitude'" in result.problem
    assert "'ablat'" in result.problem


def test_a_glmm_reads_the_counts(bcg) -> None:
    result = run(AnalysisSpec(measure="OR", model="glmm", model_options={"model": "UM.FS"}), bcg)
    assert result.main.pooled.value == pytest.approx(-0.745013, rel=1e-3)
    assert result.main.heterogeneity.tau2 == pytest.approx(0.29489, rel=1e-2)


def test_a_multilevel_model_reads_the_groupings() -> None:
    table = make_table(
        {"study": ["A", "A", "B", "B", "C", "C"], "y": [0.1, 0.2, 0.5, 0.6, -0.1, 0.0],
         "v": [0.01] * 6},
        {"study": "study", "y": "yi", "v": "vi"},
    )  # fmt: skip
    result = run(AnalysisSpec(model="multilevel"), table)
    assert len(result.main.components) == 2
    assert result.main.k == 6


def test_a_group_with_nobody_in_it_leaves_the_row_out_of_models_of_counts() -> None:
    table = make_table(
        {"a": [3, 0, 4], "n1": [20, 0, 30], "c": [5, 2, 6], "n2": [21, 20, 31]},
        {"a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i"},
    )
    result = run(AnalysisSpec(measure="OR", model="mh"), table)
    assert result.main.k == 2
    assert not result.studies[1].used
    assert result.studies[1].reason


def test_a_model_of_counts_takes_moderators_and_leaves_rows_without_them_out(bcg) -> None:
    columns = tuple(
        replace(c, cells=(None, *c.cells[1:])) if c.name == "ablat" else c for c in bcg.columns
    )
    spec = AnalysisSpec(measure="OR", model="glmm", moderators="~ ablat")
    full = run(spec, bcg)
    assert full.main.coefficients.names == ("intrcpt", "ablat")
    assert full.main.coefficients.b[1] == pytest.approx(-0.033, abs=0.005)
    fewer = run(spec, bcg.with_columns(columns))
    assert fewer.main.k == 12
    assert "'ablat'" in fewer.studies[0].reason


def test_sentences_about_rows_that_differ_in_numbers_only_are_one_note() -> None:
    table = make_table(
        {"study": ["A", "B", "C"], "m1": [9.0, 8.0, 5.0], "s1": [1.0, 1.0, 1.0], "n1": [20] * 3,
         "m2": [5.0, 4.5, 5.1], "s2": [1.0, 1.0, 1.0], "n2": [20] * 3},
        {"study": "study", "m1": "m1i", "s1": "sd1i", "n1": "n1i", "m2": "m2i", "s2": "sd2i",
         "n2": "n2i"},
    )  # fmt: skip
    said = [n.text for n in run(AnalysisSpec(measure="SMD"), table).notes if "SMD" in n.text]
    assert len(said) == 1
    assert said[0].startswith("A: An SMD of 3.92 is very large")
    assert said[0].endswith("The same is to be said, with other numbers, of 1 more row: B.")


def test_a_measure_that_no_column_fits_leaves_every_row_out_with_a_reason() -> None:
    table = make_table({"study": ["A", "B"], "r": [0.1, 0.2]}, {"study": "study", "r": "ri"})
    found = fit(prepare(AnalysisSpec(measure="PETO"), table))
    assert [s.used for s in found.studies] == [False, False]
    assert all("needs events in the treated group" in s.reason for s in found.studies)
    assert found.problem.startswith("No study can be pooled.")


def test_subgroups_of_a_multilevel_model_are_asked_for_as_a_moderator() -> None:
    table = make_table(
        {"study": ["A", "A", "B", "C"], "y": [0.1, 0.2, 0.3, 0.4], "v": [0.1] * 4,
         "group": ["x", "y", "x", "y"]},
        {"study": "study", "y": "yi", "v": "vi"},
    )  # fmt: skip
    spec = AnalysisSpec(model="multilevel", model_options={"profile": False}, subgroup="group")
    assert "choose 'group' as moderator" in fit(prepare(spec, table)).problem
