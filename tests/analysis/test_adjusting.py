"""Adjustments through the sheet, through a request and in what is reported of a row."""

from __future__ import annotations

import json

import numpy as np
import pytest

from metadesk.analysis.adjusting import adjusted, adjusting, rows_named
from metadesk.analysis.engine import run
from metadesk.analysis.prepare import prepare
from metadesk.analysis.spec import AnalysisSpec
from metadesk.effects import compute
from metadesk.errors import SpecProblem
from metadesk.reports.results_json import to_plain
from metadesk.reports.tables import study_table
from metadesk.table import make_table

CLUSTER = {"do": "cluster", "rows": ["Chen"], "cluster_size": 21, "icc": 0.05}


@pytest.fixture
def table():
    return make_table(
        {
            "Study": ["Chen", "Diaz", "Diaz"], "e": [12, 6, 3], "n": [60, 40, 30],
            "E": [18, 10, 10], "N": [58, 50, 50],
        },
        {"Study": "study", "e": "ai", "n": "n1i", "E": "ci", "N": "n2i"},
    )  # fmt: skip


def odds(a, n1, c, n2):
    cells = {"ai": a, "n1i": n1, "ci": c, "n2i": n2}
    return compute("OR", {r: np.array([float(x)]) for r, x in cells.items()})


def test_an_adjustment_of_the_request_changes_the_effect(table):
    spec = AnalysisSpec(measure="OR", adjustments=(CLUSTER,))
    study = prepare(spec, table).studies[0]
    assert study.vi == pytest.approx(odds(6, 30, 9, 29).vi[0])
    assert study.steps[0].title == "Cluster trial"
    assert study.steps[0].parameters[1] == ("Intracluster correlation (ICC)", 0.05)
    assert prepare(AnalysisSpec(measure="OR"), table).studies[0].steps == ()


def test_columns_that_the_request_names_are_adjusted(table):
    bare = table.with_columns(
        type(c)(c.id, c.name, c.cells, "study" if c.role == "study" else None)
        for c in table.columns
    )
    roles = {"ai": "e", "n1i": "n", "ci": "E", "n2i": "N"}
    spec = AnalysisSpec(measure="OR", roles=roles, adjustments=(CLUSTER,))
    assert prepare(spec, bare).studies[0].vi == pytest.approx(odds(6, 30, 9, 29).vi[0])


def test_arms_of_one_trial_are_combined_by_the_label_they_share(table):
    spec = AnalysisSpec(measure="OR", adjustments=({"do": "combine1", "rows": ("Diaz",)},))
    found = prepare(spec, table).studies
    assert found[1].yi == pytest.approx(odds(9, 70, 10, 50).yi[0])
    assert [s.used for s in found] == [True, True, False]
    assert found[2].reason == "Combined with row 2"


def test_rows_are_named_by_label_by_number_or_all(table):
    assert rows_named(table, "Diaz") == (1, 2)
    assert rows_named(table, "Row 3") == (2,)
    assert rows_named(table, "*") == (0, 1, 2)
    with pytest.raises(SpecProblem, match="There is no study 'Smith'"):
        rows_named(table, "Smith")


def test_adjustments_follow_one_another(table):
    share = {"do": "shared_control", "rows": ["Chen"], "comparisons": 2}
    after = adjusted(table, (CLUSTER, share), {})
    assert after.columns[4].cells[0] == pytest.approx(14.5)
    assert [s.key for s in after.steps[0]] == ["cluster", "shared_control"]


def test_a_missing_or_wrong_parameter_is_said(table):
    with pytest.raises(SpecProblem, match="needs icc"):
        adjusted(table, ({"do": "cluster", "cluster_size": 3},), {})
    with pytest.raises(SpecProblem, match=r"Did you mean .cluster."):
        adjusting(table, "clustre", [0], {})


@pytest.mark.parametrize(
    "given",
    [{"rows": ["A"]}, {"do": "unit", "rows": "A", "factor": 2}, {"do": "unit", "factor": "2"}, 3],
)
def test_a_request_with_a_malformed_adjustment_is_refused(given):
    with pytest.raises(SpecProblem, match="'adjustments' in the spec"):
        AnalysisSpec.from_plain({"adjustments": [given]})


def test_a_request_keeps_its_adjustments(table):
    spec = AnalysisSpec.from_plain({"measure": "OR", "adjustments": [CLUSTER]})
    plain = json.loads(json.dumps(spec.to_plain()))
    assert AnalysisSpec.from_plain(plain) == spec


def test_what_was_done_stands_in_json_and_in_the_table_of_studies(table):
    result = run(AnalysisSpec(measure="OR", adjustments=(CLUSTER,)), table)
    (step,) = to_plain(result)["studies"][0]["steps"]
    assert step["key"] == "cluster"
    assert step["source"].startswith("Rao & Scott")
    cell = {"column": "e", "role": "ai", "before": 12, "after": 6, "holds": True, "how": ""}
    assert cell in step["cells"]
    studies = study_table(result)
    assert studies.columns[-1].key == "steps"
    said = studies.rows[0][-1]
    assert "Cluster trial (Mean cluster size m 21, Intracluster correlation (ICC) 0.05)" in said
    assert "n: 60 → 30" in said
    assert studies.rows[1][-1] is None


def test_a_sheet_without_steps_has_no_column_for_them(table):
    result = run(AnalysisSpec(measure="OR"), table)
    assert study_table(result).columns[-1].key == "route_source"


def test_the_source_of_a_conversion_stands_with_the_row():
    table = make_table(
        {"Study": ["A", "B"], "or": [1.5, 0.8], "lo": [1.1, 0.5], "up": [2.1, 1.3]},
        {"Study": "study", "or": "est", "lo": "lower", "up": "upper"},
    )
    result = run(AnalysisSpec(measure="OR"), table)
    study = to_plain(result)["studies"][0]
    assert study["route_roles"] == ["est", "lower", "upper"]
    assert "Cochrane Handbook" in study["route_source"]
    assert "Cochrane Handbook" in study_table(result).rows[0][-1]
