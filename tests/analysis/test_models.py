"""What the data can carry, what a model expects, and models beside the main one."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from metadesk.analysis.engine import fit, prepare, run
from metadesk.analysis.expected import expected_along, expected_at, number_columns
from metadesk.analysis.plain import plain_numbers
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.suitability import Carried, carried, why_not
from metadesk.errors import Cancelled, SpecProblem
from metadesk.models.meta import MODELS
from metadesk.numerics.progress import Progress
from metadesk.reports.model_tables import model_tables
from metadesk.reports.numbers import all_numbers
from metadesk.reports.prose import result_sentence
from metadesk.reports.tables import pooled_table
from metadesk.table import make_table

COUNTS = frozenset({"study", "ai", "n1i", "ci", "n2i"})


@pytest.mark.parametrize(
    ("model", "found", "words"),
    [
        ("mh", Carried("GEN", frozenset({"yi", "vi"}), 5, False), "events and totals"),
        ("peto", Carried("RR", COUNTS, 5, False), "odds ratio"),
        ("glmm", Carried("RR", COUNTS, 5, False), "the measure here is risk ratio"),
        ("mixed", Carried("RR", COUNTS, 2, False), "at least 3 studies; there are 2"),
        ("multilevel", Carried("RR", COUNTS, 5, False), "Every study has one row"),
    ],
)
def test_a_model_that_the_data_cannot_carry_says_why(model, found, words) -> None:
    assert words in why_not(MODELS[model], found)


@pytest.mark.parametrize("entry", list(MODELS), ids=lambda m: m.key)
def test_every_model_can_be_carried_by_some_data(entry) -> None:
    roles = COUNTS | {"xi", "ni", "x1i", "t1i", "x2i", "t2i"}
    measure = entry.measures[0] if entry.measures else "OR"
    assert why_not(entry, Carried(measure, frozenset(roles), 10, True)) == ""


def test_every_model_stands_on_one_shelf() -> None:
    shelves = {m.key: m.shelf for m in MODELS}
    assert shelves["glmm"] == shelves["multilevel"] == shelves["mixed"] == "mixed"
    assert shelves["mh"] == shelves["peto"] == "fixed"
    assert shelves["hc"] == "random"


def test_rows_of_one_study_are_seen(bcg) -> None:
    assert not carried(bcg, "RR", 13).several_rows
    table = make_table({"study": ["A", "A", "B"], "y": [1, 2, 3], "v": [1, 1, 1]},
                       {"study": "study", "y": "yi", "v": "vi"})  # fmt: skip
    assert carried(table, "GEN", 3).several_rows


@pytest.fixture(scope="module")
def explained(bcg):
    return run(AnalysisSpec(model="mixed", moderators="~ ablat + factor(alloc)"), bcg)


def test_typed_places_need_every_moderator_and_the_right_kind(explained) -> None:
    assert number_columns(explained) == ("ablat",)
    with pytest.raises(SpecProblem, match="needs a value of alloc"):
        expected_at(explained, [{"ablat": 33}])
    with pytest.raises(SpecProblem, match="is a number in this model"):
        expected_at(explained, [{"ablat": "north", "alloc": "random"}])
    with pytest.raises(SpecProblem, match="no moderator 'year'"):
        expected_at(explained, [{"ablat": 33, "alloc": "random", "year": 1960}])


@pytest.mark.parametrize("model", ["mixed", "glmm", "multilevel"])
def test_the_slope_of_a_lone_moderator_without_intercept_is_no_pooled_effect(bcg, model) -> None:
    found = run(AnalysisSpec(measure="OR", model=model, moderators="~ 0 + ablat"), bcg)
    assert found.main is not None
    assert found.main.coefficients.names == ("ablat",)
    assert "on ablat; test of moderators" in result_sentence(found)
    names = {n.name for n in all_numbers(found, found.main)}
    assert "ablat.b" in names
    assert not names & {"estimate", "b", "ci_lb"}
    assert plain_numbers(found) == ()
    side_by_side = next(t for t in model_tables(found) if t.key == "comparison")
    assert side_by_side.column("estimate")[0] is None
    assert pooled_table(found).column("model")[0] != found.main.title


def test_the_expected_effect_is_linear_along_a_number(explained) -> None:
    at, held = expected_along(explained, "ablat", [10.0, 20.0, 30.0])
    assert np.diff(at.pred, 2) == pytest.approx([0.0], abs=1e-12)
    assert "alloc averaged evenly" in held


def test_an_impossible_place_is_said_in_the_table(bcg) -> None:
    spec = AnalysisSpec(model="mixed", moderators="~ ablat", predict_at=({"ablat": "x"},))
    table = next(t for t in model_tables(run(spec, bcg)) if t.key == "predictions")
    assert table.rows == ()
    assert "is a number" in table.notes[0]


def test_best_predictions_lie_between_the_study_and_what_the_model_expects(explained) -> None:
    for s in explained.used:
        low, high = sorted((s.yi, s.fitted))
        assert low - 1e-12 <= s.blup <= high + 1e-12


def test_the_fingerprint_knows_the_moderators_values(bcg) -> None:
    from metadesk.table import SetCells

    spec = AnalysisSpec(model="mixed", moderators="~ ablat")
    column = bcg.column("ablat")
    changed, _ = SetCells(((bcg.row_ids[0], column.id, 45.0),)).apply(bcg)
    assert prepare(spec, bcg).fingerprint != prepare(spec, changed).fingerprint
    plain = AnalysisSpec()
    assert prepare(plain, bcg).fingerprint == prepare(plain, changed).fingerprint


@pytest.mark.parametrize(
    "spec",
    [
        AnalysisSpec(measure="OR", model="glmm", model_options={"model": "CM.EL"}),
        AnalysisSpec(model="random", model_options={"prediction": "nnf"}),
        AnalysisSpec(model="mixed", moderators="~ ablat", permutations=5000),
        AnalysisSpec(model="multilevel", model_options={"random": "1 | alloc/effect"}),
    ],
    ids=["conditional likelihood", "bootstrap", "permutations", "profiles"],
)
def test_a_long_fit_stops_in_the_middle(bcg, spec) -> None:
    steps, stop = [], threading.Event()

    def report(fraction: float, what: str) -> None:
        steps.append(what)
        if len(steps) > 4:
            stop.set()

    with pytest.raises(Cancelled):
        fit(prepare(spec, bcg), Progress(report, stop.is_set))
    assert len(steps) <= 6


def test_a_permutation_test_of_other_models_is_refused_in_a_note(bcg) -> None:
    found = run(AnalysisSpec(model="hc", permutations=199), bcg)
    assert found.permutation is None
    assert any(n.code == "no-permutation" for n in found.notes)


def test_the_rule_of_prediction_reaches_what_is_expected(bcg) -> None:
    ends = {}
    for rule in ("t(k-1)", "normal", "none"):
        spec = AnalysisSpec(model="mixed", moderators="~ ablat", model_options={"prediction": rule})
        at, _ = expected_along(run(spec, bcg), "ablat", [30.0])
        ends[rule] = float(at.pi_ub[0])
    assert ends["normal"] < ends["t(k-1)"]
    assert np.isnan(ends["none"])


@pytest.mark.parametrize("model", ["mh", "firth", "glmm", "peto", "random"])
@pytest.mark.parametrize("measure", ["OR", "RR"])
def test_a_table_of_events_only_is_answered_or_refused_with_a_sentence(model, measure) -> None:
    table = make_table(
        {"s": ["A", "B"], "a": [10, 5], "n1": [10, 5], "c": [10, 5], "n2": [10, 5]},
        {"s": "study", "a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i"},
    )
    found = fit(prepare(AnalysisSpec(measure=measure, model=model), table))
    assert found.main is not None or found.problem.endswith(".")


@pytest.mark.parametrize(("model", "measure"), [("glmm", "OR"), ("mh", "RR"), ("peto", "OR")])
def test_subgroups_of_models_of_tables_are_their_own_analyses(model, measure) -> None:
    cells = {
        "s": list("ABCDEF"), "a": [3, 8, 12, 5, 7, 4], "n1": [50, 61, 80, 40, 44, 39],
        "c": [7, 9, 20, 9, 8, 6], "n2": [52, 60, 78, 41, 47, 40],
    }  # fmt: skip
    roles = {"s": "study", "a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i"}
    spec = AnalysisSpec(measure=measure, model=model)
    whole = make_table({**cells, "g": list("xyxyxy")}, roles)
    found = run(replace(spec, subgroup="g"), whole).subgroups
    for at, level in enumerate("xy"):
        part = make_table({n: v[at::2] for n, v in cells.items()}, roles)
        alone = run(spec, part).main.pooled.value
        group = next(g for g in found.groups if g.level == level)
        assert group.estimate.value == pytest.approx(alone, rel=1e-9)


DISTRICTS = {
    "yi": [0.1, 0.3, 0.2, 0.5, 0.7, 0.6, -0.1, 0.0, -0.2, 0.3, 0.2, 0.4],
    "vi": [0.02, 0.03, 0.02, 0.03, 0.02, 0.04, 0.02, 0.03, 0.02, 0.04, 0.02, 0.03],
    "area": [part for part in "ABCD" for _ in range(3)],
}


def levels(columns, marked, **given):
    spec = AnalysisSpec(measure="GEN", model="multilevel", **given)
    return run(spec, make_table(columns, {"yi": "yi", "vi": "vi", **marked})).main.pooled


def test_the_cluster_is_the_same_by_the_sheets_roles_by_the_request_and_by_name() -> None:
    columns = {"key": [f"S{i}" for i in range(12)], **DISTRICTS}
    by_sheet = levels(columns, {"key": "study", "area": "cluster"})
    by_request = levels(columns, {"key": "study"}, roles={"cluster": "area"})
    by_study = levels(columns, {}, roles={"study": "area"})
    by_name = levels(columns, {"key": "study"}, model_options={"random": "1 | area/effect"})
    assert {by_sheet.value, by_request.value, by_study.value} == {by_name.value}
    assert by_request.se == by_name.se
    assert by_name.se > levels(columns, {"key": "study"}).se


def test_a_column_called_study_does_not_take_the_place_of_the_cluster() -> None:
    columns = {"study": [f"S{i}" for i in range(12)], **DISTRICTS}
    marked = levels(columns, {"study": "study", "area": "cluster"})
    named = levels(columns, {"study": "study"}, model_options={"random": "1 | area/effect"})
    assert marked.value == named.value


def test_a_column_of_effects_called_effect_is_no_grouping() -> None:
    columns = {"key": DISTRICTS["area"], "effect": [0.2] * 12, "vi": DISTRICTS["vi"]}
    columns["effect"][1:4] = [0.5, 0.4, 0.9]
    spec = AnalysisSpec(measure="GEN", model="multilevel")
    found = run(spec, make_table(columns, {"key": "study", "effect": "yi", "vi": "vi"}))
    assert [c.n_levels for c in found.main.components] == [4, 12]


@pytest.mark.parametrize(("model", "said"), [("firth", True), ("glmm", True), ("random", False)])
def test_what_is_added_to_zero_cells_is_not_said_of_a_model_of_counts(model, said) -> None:
    columns = {
        "s": list("ABCD"),
        "a": [0, 3, 4, 6],
        "n": [40] * 4,
        "c": [2, 5, 9, 8],
        "m": [40] * 4,
    }
    roles = {"s": "study", "a": "ai", "n": "n1i", "c": "ci", "m": "n2i"}
    found = run(AnalysisSpec(measure="OR", model=model), make_table(columns, roles))
    assert any("the model reads the counts as they are" in n.text for n in found.notes) is said
