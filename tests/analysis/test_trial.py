from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from metadesk.analysis.bridge import bridge_edit, bridge_row, bridge_table
from metadesk.analysis.engine import fit, prepare, run
from metadesk.analysis.presets import default_spec
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.trial_models import comparison
from metadesk.analysis.trial_spec import TrialSpec, holds_trial, spec_from_plain
from metadesk.errors import DataProblem, SpecProblem
from metadesk.formats import read_sheet
from metadesk.reports.trial_prose import trial_sentence
from metadesk.resources import example
from metadesk.table import make_table
from metadesk.table.edits import SetCells, SetExcluded

REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "trials"


def case(name):
    return json.loads((REFERENCE / "cases" / f"{name}.json").read_text())["expect"]


def sheet(name):
    return read_sheet(REFERENCE / "data" / f"{name}.csv")


def analysed(name, **options):
    return run(TrialSpec().with_options(**options), sheet(name))


def beside(result, key):
    return next(c.effect for c in result.companions if c.key == key)


def test_a_spec_survives_json():
    spec = TrialSpec(outcome="pain", relevant=1.0, roles={"cycle": "pair"}, carryover=True)
    again = spec_from_plain(json.loads(json.dumps(spec.to_plain())))
    assert again == spec


def test_a_spec_without_a_kind_is_one_for_studies():
    assert isinstance(spec_from_plain({"measure": "OR"}), AnalysisSpec)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "trial", "df": "magic"}, "one of kenward-roger"),
        ({"kind": "trial", "colour": 1}, "no field 'colour'"),
        ({"kind": "rows"}, "studies or trial"),
        ({"kind": "trial", "level": 2}, "between"),
    ],
)
def test_a_wrong_spec_is_answered_in_a_sentence(given, words):
    with pytest.raises(SpecProblem, match=words):
        spec_from_plain(given)


def test_a_2x2_crossover_agrees_with_hills_and_armitage():
    expected = case("x22_enuresis")
    result = analysed("enuresis")
    assert (result.active, result.reference) == ("D", "P")
    assert result.design.key == "2x2"
    assert result.effect.value == pytest.approx(expected["treatment_effect"]["estimate"], rel=1e-8)
    assert result.effect.se == pytest.approx(expected["treatment_effect"]["se"], rel=1e-6)
    assert result.classical.treatment.p == pytest.approx(
        expected["treatment_effect"]["p"], rel=1e-8
    )
    assert result.carryover == (result.classical.carryover,)


def test_the_degrees_of_freedom_asked_for_are_used_and_the_others_stand_beside():
    expected = case("lmm_pefr_2x2_unpaired")["fixed"]
    wanted = expected["treatment[A]"]
    kr, satterthwaite = wanted["kenward_roger"], wanted["satterthwaite"]
    result = analysed("copd_missing", sequence=True, reference="B")
    assert result.effect.value == pytest.approx(kr["estimate"], rel=1e-6)
    assert result.effect.df == pytest.approx(kr["df"], rel=1e-4)
    assert beside(result, "df").df == pytest.approx(satterthwaite["df"], rel=1e-3)
    other = analysed("copd_missing", sequence=True, reference="B", df="satterthwaite")
    assert other.effect.df == pytest.approx(satterthwaite["df"], rel=1e-3)


def test_missing_periods_are_used_by_the_model_and_left_out_by_complete_pairs():
    result = analysed("copd_missing")
    assert len(result.used) == 93
    assert result.design.n_missing > 0
    assert beside(result, "complete").se != pytest.approx(result.effect.se)


def test_a_series_gives_population_persons_and_the_meta_analysis_of_persons():
    expected = case("nof1_gaba_pain_slope")["fixed"]["treatment[Gabapentin]"]["kenward_roger"]
    result = run(TrialSpec(cycle=True), read_sheet(example("nof1_gabapentin.xlsx")))
    assert result.analysis == "series"
    assert result.effect.value == pytest.approx(expected["estimate"], rel=1e-6)
    assert result.effect.se == pytest.approx(expected["se"], rel=1e-4)
    assert result.series.prediction.lower < result.effect.interval.lower
    assert result.pooled.k == len(result.series.raw.patients)
    summary = case("summary_gaba_pain")
    assert result.pooled.k == summary["k"]
    own = dict(zip(result.series.raw.patients, result.series.raw.yi, strict=True))
    for person in ("751", "768", "804"):
        assert own[person] == pytest.approx(summary["patient"][person]["mean"])


def test_one_person_is_compared_by_cycles_with_the_floor_of_the_p_value():
    result = analysed("guyatt_nof1")
    assert result.analysis == "one-patient"
    assert result.patient.cycles.floor == pytest.approx(0.25)
    assert result.effect.value == pytest.approx(case("single_guyatt")["mean"], rel=1e-8)


def test_a_person_of_a_series_can_be_analysed_alone():
    table = read_sheet(example("nof1_gabapentin.xlsx"))
    result = run(TrialSpec(patient="768"), table)
    assert result.analysis == "one-patient"
    assert result.subjects == ("768",)
    assert any("another person" in r.reason for r in result.left_out)
    with pytest.raises(SpecProblem, match="no person 'X'"):
        run(TrialSpec(patient="X"), table)


def test_yes_or_no_outcomes_get_the_generalised_model_and_the_exact_tests():
    expected = case("glmm_cerebrovascular")["exact_ml"]["fixed"]["treatment[active]"]
    result = analysed("cerebrovascular_c2")
    assert result.outcome_type == "binary"
    assert result.effect.value == pytest.approx(expected["estimate"], rel=1e-4)
    exact = case("bin22_cerebrovascular")
    assert f"{result.binary.mcnemar.p_exact:.6f}"[:7] in str(exact)
    keys = {c.key for c in result.companions}
    assert keys == {"lr", "within", "rd active - placebo", "log or active - placebo"}


WORDS = {"yes": ("yes", "no"), "ja": ("Ja", "Nein"), "truth": ("TRUE", "FALSE"),
         "event": ("event", "none"), "digits": ("1", "0")}  # fmt: skip


def spelled(name, one, zero):
    """The same sheet with its 1 and 0 written as words."""
    table = sheet(name)
    column = next(c for c in table.columns if c.role == "response")
    words = tuple({1.0: one, 0.0: zero}[float(v)] for v in column.cells)
    columns = [replace(c, cells=words) if c is column else c for c in table.columns]
    return replace(table, columns=tuple(columns))


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_yes_and_no_in_words_are_analysed_as_the_numbers_and_the_event_is_said(words):
    plain = analysed("cerebrovascular_c2")
    result = run(TrialSpec(), spelled("cerebrovascular_c2", *words))
    assert result.outcome_type == "binary"
    assert result.effect.value == plain.effect.value
    assert result.binary.mcnemar.p_exact == plain.binary.mcnemar.p_exact
    said = f"'{words[0]}' is the event, '{words[1]}' is none"
    assert (said in trial_sentence(result)) == (words[0] != "1")


def test_two_other_words_name_the_one_taken_as_the_event_or_are_asked_about():
    plain = analysed("cerebrovascular_c2")
    table = spelled("cerebrovascular_c2", "poor", "good")
    result = run(TrialSpec(), table)
    assert result.effect.value == pytest.approx(plain.effect.value, rel=1e-5)
    assert "'poor' was taken as the event" in trial_sentence(result)
    with pytest.raises(DataProblem, match="write 1 for the event and 0 for the other"):
        run(TrialSpec(outcome_type="binary"), table)


def test_an_outcome_not_known_is_a_missing_one_whatever_the_kind():
    words = rows(y=["yes", "no", "NA", "yes", "no", "yes", "no", "no"])
    for table in (words, rows(y=[1.0, 2.5, "NA", 1.5, 2.0, 2.75, 2.5, 1.0])):
        result = fit(prepare(TrialSpec(), table))
        assert result.rows[2].reason == "the outcome is missing"
        assert sum(r.used for r in result.rows) == 7


def test_bioequivalence_agrees_with_the_published_ratio():
    expected = case("be_rds01")
    result = analysed("rds01", transform="log", bioequivalence=True)
    found = result.bioequivalence
    assert found.method_a.ratio == pytest.approx(expected["method_a"]["pe"], rel=1e-6)
    assert found.method_b.ratio == pytest.approx(expected["method_b_satterthwaite"]["pe"], rel=1e-5)
    assert found.upper_limit == pytest.approx(expected["abel_high"], rel=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"transform": "log"}, {"sequence": True}, {"carryover": True}, {"df": "residual"},
        {"residual": "treatment"}, {"level": 0.9}, {"method": "ML"}, {"random": "none"},
        {"reference": "B"},
    ],
)  # fmt: skip
def test_every_choice_changes_the_numbers(options):
    plain = analysed("bioequiv_abb_baa")
    other = analysed("bioequiv_abb_baa", **options)
    assert other.main.coefficients.ci_lb.tolist() != plain.main.coefficients.ci_lb.tolist()
    assert other.fingerprint != plain.fingerprint


def test_choices_for_one_person_change_the_numbers():
    plain = analysed("guyatt_nof1")
    washed = analysed("guyatt_nof1", washout=1)
    assert washed.patient.n < plain.patient.n
    assert "relevant" in analysed("guyatt_nof1", relevant=0.5).patient.probability
    untrended = analysed("guyatt_nof1", trend="no")
    assert len(untrended.main.coefficients.names) < len(plain.main.coefficients.names)


def test_a_row_left_out_by_hand_stays_in_the_result_with_its_reason():
    table = sheet("enuresis")
    left, _ = SetExcluded((table.row_ids[0],), "spoiled").apply(table)
    result = run(TrialSpec(), left)
    first = result.rows[0]
    assert (first.used, first.by_person, first.reason) == (False, True, "spoiled")
    assert len(result.used) == table.n_rows - 1


def test_shuffled_rows_give_the_same_effect():
    table = sheet("copd_missing")
    order = sorted(range(table.n_rows), key=lambda i: (i * 37) % table.n_rows)
    columns = {c.name: [c.cells[i] for i in order] for c in table.columns}
    turned = make_table(columns, {c.name: c.role for c in table.columns if c.role})
    assert run(TrialSpec(), turned).effect.value == pytest.approx(
        run(TrialSpec(), table).effect.value, rel=1e-9
    )


def rows(**changed):
    columns = {
        "subject": [1, 1, 2, 2, 3, 3, 4, 4],
        "period": [1, 2] * 4,
        "treatment": ["A", "B", "B", "A"] * 2,
        "y": [1.0, 2.5, 3.0, 1.5, 2.0, 2.75, 2.5, 1.0],
        **changed,
    }
    roles = {"subject": "subject", "period": "period", "treatment": "treatment", "y": "response"}
    return make_table(columns, roles)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"treatment": ["A"] * 8}, "Only one treatment"),
        ({"treatment": ["A", "B"] * 4}, "all persons had the same treatment"),
        ({"y": [2.0] * 8}, "All outcomes are equal"),
        ({"y": [1.0, "high", 3.0, 1.5, 2.0, 2.75, 2.5, 1.0]}, "Row 2: the outcome 'high'"),
        ({"period": [1, 1, 1, 2, 1, 2, 1, 2]}, "Rows 1 and 2: subject 1 has two rows for period 1"),
    ],
)
def test_bad_rows_are_answered_in_a_sentence_and_the_rows_stay(changed, words):
    result = fit(prepare(TrialSpec(), rows(**changed)))
    assert words in result.problem
    assert len(result.rows) == 8
    with pytest.raises(DataProblem, match=words.split("'")[0]):
        run(TrialSpec(), rows(**changed))


def test_a_comparison_with_itself_is_refused():
    assert (
        "compared with itself" in fit(prepare(TrialSpec(active="A", reference="A"), rows())).problem
    )


def test_a_sheet_with_these_roles_holds_a_trial():
    assert holds_trial(rows())
    assert not holds_trial(make_table({"yi": [1.0]}, {"yi": "yi"}))


def test_the_effect_goes_into_a_new_sheet_and_beside_parallel_trials():
    row = bridge_row(analysed("enuresis"), "Hills 1979")
    new = run(default_spec(), bridge_table(row))
    assert new.studies[0].yi == row.estimate
    assert new.studies[0].vi == pytest.approx(row.se**2)
    parallel = make_table(
        {
            "Study": ["P1", "P2"], "m1": [5.0, 6.0], "s1": [2.0, 2.5], "n1": [20, 30],
            "m2": [4.0, 4.5], "s2": [2.0, 2.0], "n2": [20, 30],
        },
        {"Study": "study", "m1": "m1i", "s1": "sd1i", "n1": "n1i", "m2": "m2i", "s2": "sd2i",
         "n2": "n2i"},
    )  # fmt: skip
    edit = bridge_edit(row, parallel)
    both, back = edit.apply(parallel)
    pooled = run(AnalysisSpec(measure="MD"), both)
    assert [s.label for s in pooled.used] == ["P1", "P2", "Hills 1979"]
    assert pooled.studies[2].yi == row.estimate
    assert back.apply(both)[0] == parallel


def test_a_changed_cell_changes_the_effect():
    table = sheet("enuresis")
    column = next(c for c in table.columns if c.role == "response")
    edit = SetCells(((table.row_ids[0], column.id, 14),))
    changed, _ = edit.apply(table)
    assert run(TrialSpec(), changed).effect.value != run(TrialSpec(), table).effect.value


def told_idle(result):
    return [n.text for n in result.notes if n.code == "idle-choice"]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cerebrovascular_c2", {"df": "satterthwaite"}, "Degrees of freedom: Satterthwaite"),
        ("cerebrovascular_c2", {"residual": "un"}, "Residuals within a person: unstructured"),
        ("cerebrovascular_c2", {"residual": "cs"}, "Residuals within a person: compound"),
        ("cerebrovascular_c2", {"transform": "log"}, "Analysed as: natural logarithm"),
        ("raynaud", {"outcome_type": "count", "bioequivalence": True}, "Bioequivalence is for"),
        ("raynaud", {"outcome_type": "count", "method": "ML"}, "maximum likelihood"),
        ("copd_missing", {"adjust": "holm"}, "there is one comparison"),
        ("copd_missing", {"integration": "agq"}, "needs no integration"),
        ("copd_missing", {"cycle": True}, "No column is marked as the cycle"),
        ("copd_missing", {"washout": 1}, "single person only"),
        ("copd_missing", {"rounded": True}, "belongs to bioequivalence"),
        ("cerebrovascular_c2", {"df": "z"}, ""),
        ("guyatt_nof1", {"df": "z"}, "One person is analysed by cycles"),
        ("guyatt_nof1", {"residual": "ar1"}, "One person is analysed by cycles"),
    ],
)
def test_a_choice_without_effect_is_said_and_changes_no_number(name, options, words):
    kind = {"outcome_type": options.get("outcome_type", "auto")}
    plain, other = analysed(name, **kind), analysed(name, **options)
    said = told_idle(other)
    assert told_idle(plain) == []
    assert len(said) == bool(words)
    assert words in " ".join(said)
    assert [r.value for r in other.rows if r.used] == [r.value for r in plain.rows if r.used]
    assert other.effect.interval == plain.effect.interval
    assert other.bioequivalence is None


def test_between_within_degrees_of_freedom_are_followed_for_yes_or_no():
    plain, other = analysed("sim_bin3"), analysed("sim_bin3", df="between-within")
    assert told_idle(other) == []
    assert other.effect.interval.upper > plain.effect.interval.upper


@pytest.mark.parametrize(
    "name",
    ["No tea", "no treatment", "Without tea", "Water without tea", "Untreated", "Not treated",
     "nothing", "NO-TEA", "Kein Tee"],
)  # fmt: skip
def test_names_of_doing_without_are_the_control(name):
    for other in ("Herbal tea", "Ace"):
        found = comparison(TrialSpec(), sorted((other, name)))
        assert (found.active, found.reference) == (other, name)


@pytest.mark.parametrize("levels", [("No 1", "No 2"), ("Ace", "Norvasc"), ("A", "No. 2")])
def test_names_that_only_begin_alike_are_no_control(levels):
    found = comparison(TrialSpec(), levels)
    assert (found.active, found.reference) == (levels[1], levels[0])


def test_planned_periods_without_an_outcome_are_said_in_the_sentence():
    result = analysed("copd_missing")
    said = f"{result.design.n_missing} planned periods have no outcome"
    assert said in trial_sentence(result)
    assert "planned period" not in trial_sentence(analysed("enuresis"))
    table = sheet("enuresis")
    left, _ = SetExcluded((table.row_ids[0],), "spoiled").apply(table)
    words = "1 planned period has no outcome; 1 person contributes one period only."
    assert words in trial_sentence(run(TrialSpec(), left))
