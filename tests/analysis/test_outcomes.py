"""A sheet of several outcomes: one of them is analysed, and every row says where it went."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metadesk.advice.advise import advise
from metadesk.analysis.engine import run
from metadesk.analysis.presets import default_spec
from metadesk.analysis.spec import AnalysisSpec
from metadesk.errors import SpecProblem
from metadesk.plots.forest import ForestOptions, draw_forest
from metadesk.reports.methods import methods_text
from metadesk.reports.results_json import to_plain
from metadesk.reports.tables import study_table
from metadesk.table import make_table

STUDIES = ["Adams", "Baker", "Chen", "Dietz"]
FEVER = ([3, 8, 12, 5], [50, 61, 80, 40], [7, 9, 20, 9], [52, 60, 78, 41])
COUGH = ([30, 28, 0, 15], [50, 61, 80, 40], [17, 19, 22, 19], [52, 60, 78, 41])
ROLES = {"Study": "study", "Outcome": "outcome", "a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i"}


def long_table():
    cells = {
        name: [*f, *c] for name, f, c in zip(("a", "n1", "c", "n2"), FEVER, COUGH, strict=True)
    }
    return make_table(
        {"Study": STUDIES * 2, "Outcome": ["Fever"] * 4 + ["Cough"] * 4, **cells}, ROLES
    )


def alone(cells):
    columns = dict(zip(("a", "n1", "c", "n2"), cells, strict=True))
    roles = {name: role for name, role in ROLES.items() if name != "Outcome"}
    return make_table({"Study": STUDIES, **columns}, roles)


@pytest.mark.parametrize(("outcome", "cells"), [("", FEVER), ("Fever", FEVER), ("cough", COUGH)])
def test_an_outcome_of_a_long_sheet_gives_what_it_gives_alone(outcome, cells):
    found = run(replace(default_spec(), outcome=outcome), long_table())
    expected = run(default_spec(), alone(cells))
    assert found.main.pooled.value == expected.main.pooled.value
    assert found.main.pooled.interval == expected.main.pooled.interval


def test_a_zero_cell_of_another_outcome_adds_nothing_to_this_one():
    spec = replace(default_spec(), measure="OR", measure_options={"to": "if0all"})
    found = run(spec, long_table())
    expected = run(spec, alone(FEVER))
    assert found.main.pooled.value == expected.main.pooled.value
    assert run(replace(spec, outcome="Cough"), long_table()).main.pooled.value == pytest.approx(
        run(spec, alone(COUGH)).main.pooled.value
    )


def test_every_row_says_where_it_went():
    result = run(default_spec(), long_table())
    assert [s.used for s in result.studies] == [True] * 4 + [False] * 4
    assert {s.reason for s in result.studies[4:]} == {"Another outcome: Cough."}
    assert all(s.elsewhere and not s.listed for s in result.studies[4:])
    assert result.left_out == ()
    assert len(to_plain(result)["studies"]) == 8
    assert to_plain(result)["other_outcomes"] == {"Cough": 4}


def test_a_row_that_names_no_outcome_is_left_out_with_that_reason():
    table = long_table()
    columns = list(table.columns)
    columns[1] = replace(columns[1], cells=("Fever", "Fever", "Fever", None, *["Cough"] * 4))
    result = run(replace(default_spec(), outcome="Fever"), table.with_columns(columns))
    assert [s.label for s in result.left_out] == ["Dietz"]
    assert result.left_out[0].reason == "This row names no outcome."


def test_a_row_of_another_outcome_that_a_person_left_out_is_no_study_of_this_one():
    result = run(default_spec(), replace(long_table(), excluded={5: "duplicate"}))
    assert result.left_out == ()
    assert not result.studies[5].by_person


def test_figure_and_tables_are_of_the_outcome_that_is_named():
    result = run(default_spec(), long_table())
    page = draw_forest(result, ForestOptions())
    assert [h.id for h in page.hits if h.id.startswith("row:")] == [
        "row:0",
        "row:1",
        "row:2",
        "row:3",
    ]
    assert any(getattr(mark, "text", "") == "Fever" for mark in page.marks)
    assert len(study_table(result).rows) == 4
    assert "outcome was 'Fever'; 4 rows of the sheet are about another outcome" in methods_text(
        result
    )
    assert any(s.name == "outcome" and s.value == "Fever" for s in result.settings)


def test_an_average_over_outcomes_is_made_when_asked_for_and_stopped_at():
    result = run(replace(default_spec(), outcome="all"), long_table())
    assert result.main.k == 8
    stops = {n.code for n in advise(result) if n.severity == "stop"}
    assert "B13" in stops
    assert "B13" not in {n.code for n in advise(run(default_spec(), long_table()))}


def test_the_measure_is_suggested_from_the_rows_of_the_outcome():
    names = ("m1", "s1", "n1", "m2", "s2", "n2")
    roles = dict(zip(names, ("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i"), strict=True))
    table = make_table(
        {"Study": ["A", "B"] * 2, "Outcome": ["LDL", "LDL", "BMI", "BMI"],
         "unit": ["mg/dl", "mg/dl", "kg/m2", "kg/m2"],
         **{name: [10.0, 11.0, 12.0, 13.0] for name in names}},
        {"Study": "study", "Outcome": "outcome", **roles},
    )  # fmt: skip
    assert run(default_spec(), table).measure == "MD"
    assert run(replace(default_spec(), outcome="all"), table).measure == "SMD"


def test_an_outcome_that_the_sheet_has_not_is_refused():
    with pytest.raises(SpecProblem, match="'Fever', 'Cough'"):
        run(replace(default_spec(), outcome="Pain"), long_table())


def test_the_outcome_survives_the_way_through_a_file():
    spec = replace(default_spec(), outcome="Cough")
    assert AnalysisSpec.from_plain(spec.to_plain()) == spec


def test_a_role_that_the_request_moves_leaves_the_column_that_had_it():
    table = make_table(
        {"Author": ["A", "B"], "Trial": ["T1", "T2"], "y": [0.1, 0.2], "v": [0.01, 0.02]},
        {"Author": "study", "y": "yi", "v": "vi"},
    )
    result = run(replace(default_spec(), roles={"study": "Trial"}), table)
    assert [s.label for s in result.studies] == ["T1", "T2"]
