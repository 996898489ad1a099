"""Behind one number: the ways of a row, what they give, what would save it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from metadesk.analysis.engine import prepare
from metadesk.analysis.presets import default_spec
from metadesk.analysis.row_checks import row_problems
from metadesk.analysis.ways import mark_of, rescues_of, steps_taken, ways_of
from metadesk.effects import MEASURES
from metadesk.table import make_table

TABLE = make_table(
    {
        "study": ["A", "B", "C"],
        "a": [12, None, 5],
        "n": [100, None, 60],
        "c": [20, None, None],
        "m": [100, None, 60],
        "or": [0.35, 0.5, None],
        "lo": [0.2, 0.25, None],
        "up": [0.6125, 1.0, None],
    },
    {
        "study": "study", "a": "ai", "n": "n1i", "c": "ci", "m": "n2i", "or": "est", "lo": "lower",
        "up": "upper",
    },
)  # fmt: skip


def prepared(**changes):
    return prepare(replace(default_spec(), measure="OR", **changes), TABLE)


def test_every_way_of_a_row_is_listed_with_its_answer_and_source() -> None:
    ways = ways_of(prepared(), 0)
    assert [w.key for w in ways] == ["events_totals", "est_ci", "ci"]
    first, second, _ = ways
    assert first.used
    assert not second.used
    assert first.effect == pytest.approx(12 * 80 / (88 * 20))
    assert second.effect == pytest.approx(0.35)
    assert "Fleiss" in first.citation
    assert any(step.startswith("Non-events of group 1: 88 (from ") for step in first.steps)
    assert any("SE from the confidence interval" in step for step in second.steps)
    assert second.inputs[0][2] == 0.35


def test_a_refused_way_is_said_to_be_refused() -> None:
    found = ways_of(prepared(routes={0: "!events_totals"}), 0)
    assert [w.refused for w in found] == [True, False, False]
    assert [w.used for w in found] == [False, True, False]


def test_steps_of_the_way_in_use_are_told() -> None:
    assert any("SE from" in step for step in steps_taken(prepared(), 1))
    assert steps_taken(prepared(), 2) == ()


def test_ways_that_disagree_and_rows_that_can_be_saved_are_problems() -> None:
    found = {p.code: p for p in row_problems(prepared())}
    assert found["ways_disagree"].row_id == 0
    assert "0.5455" in found["ways_disagree"].sentence
    assert "0.35" in found["ways_disagree"].sentence
    assert found["no_effect"].row_id == 2
    assert found["no_effect"].remedy.startswith("'c' would give an effect")


def test_a_very_long_sheet_lists_no_more_problems_than_a_person_reads() -> None:
    k = 2000
    table = make_table(
        {"a": [1] * k, "n": [9] * k, "c": [2] + [None] * (k - 1), "m": [9] * k},
        {"a": "ai", "n": "n1i", "c": "ci", "m": "n2i"},
    )
    found = list(row_problems(prepare(default_spec(), table)))
    assert len(found) == 500


def test_a_saving_cell_gives_the_effect() -> None:
    before = prepared()
    (role,) = rescues_of(before, 2)[0].roles
    assert role == "ci"
    assert math.isnan(before.studies[2].yi)
    columns = tuple(
        replace(c, cells=(*c.cells[:2], 9)) if c.role == role else c for c in TABLE.columns
    )
    after = prepare(before.spec, TABLE.with_columns(columns))
    assert after.studies[2].used


def test_marks_tell_converted_and_approximate_ways() -> None:
    assert mark_of("OR", "events_totals") == ""
    assert mark_of("OR", "percentages") == "≈"
    assert mark_of("MD", "means_se") == "†"
    assert mark_of("OR", "est_pval") == "†"
    assert mark_of("OR", "yi_sei") == ""
    assert mark_of("MD", "means_quartiles") == "≈"


def test_every_measure_has_a_way_that_the_window_can_explain() -> None:
    for measure in MEASURES:
        for route in measure.routes:
            assert mark_of(measure.key, route.key) in ("", "†", "≈")
