"""What the effects say about rows: no noise on clean sheets, plain words on bad ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metadesk.analysis.engine import prepare
from metadesk.analysis.presets import default_spec
from metadesk.analysis.row_checks import ROW_CHECKS, row_problems
from metadesk.formats import guess_roles
from metadesk.table import make_table

STUDIES = ["Adams", "Baker", "Chen", "Dietz", "Eck"]
NAMES = ("mean.e", "sd.e", "n.e", "mean.c", "sd.c", "n.c")
CELLS = (
    [5.1, 4.9, 6.2, 5.5, 5.8], [1.2, 1.1, 1.6, 1.4, 1.3], [40, 32, 51, 20, 36],
    [5.9, 5.2, 6.8, 6.0, 6.1], [1.3, 1.0, 1.5, 1.2, 1.4], [41, 30, 50, 22, 35],
)  # fmt: skip


def sheet(**more):
    columns = dict(zip(NAMES, CELLS, strict=True))
    return guess_roles(make_table({"Study": STUDIES, **columns, **more})).table


def problems(table, **spec):
    return list(row_problems(prepare(replace(default_spec(), **spec), table)))


def smds():
    return [
        round(s.yi, 3) for s in prepare(replace(default_spec(), measure="SMD"), sheet()).studies
    ]


def test_a_clean_sheet_has_none():
    assert problems(sheet()) == []
    assert problems(sheet(g=smds(), SE=[0.2] * 5), measure="SMD") == []


def test_a_given_effect_that_the_raw_data_do_not_give_is_told_row_by_row():
    given = smds()
    given[2] = -given[2]
    (problem,) = problems(sheet(g=given, SE=[0.2] * 5), measure="SMD")
    assert (problem.code, problem.row_id) == ("given_differs", 2)
    assert "'g' says 0.384, the raw data give -0.3838" in problem.sentence


def test_a_given_effect_that_is_another_quantity_throughout_is_told_once():
    table = sheet(g=[g + 0.7 for g in smds()], SE=[0.2] * 5)
    (problem,) = problems(table, measure="SMD")
    assert problem.row_id is None
    assert "5 of 5 rows" in problem.sentence


def test_a_given_effect_of_another_measure_is_not_compared():
    assert problems(sheet(g=[9.0] * 5, SE=[0.2] * 5), measure="MD") == []


def test_a_row_that_lacks_numbers_names_the_columns_in_which_they_belong():
    table = sheet()
    columns = [replace(c, cells=(None, *c.cells[1:])) if c.name in ("sd.c", "n.c") else c
               for c in table.columns]  # fmt: skip
    found = prepare(default_spec(), table.with_columns(columns))
    assert found.studies[0].reason == "Missing: 'sd.c' and 'n.c'."
    (problem,) = row_problems(found)
    assert problem.sentence == "Row 1 (Adams) has no effect yet."
    assert problem.remedy.startswith("'sd.c' and 'n.c' would give an effect")


def test_a_row_without_a_label_is_named_once():
    table = make_table(
        {"a": [3, 4], "n1": [9, 9], "c": [None, 2], "n2": [9, 9]},
        {"a": "ai", "n1": "n1i", "c": "ci", "n2": "n2i"},
    )
    (problem,) = problems(table)
    assert problem.sentence == "Row 1 has no effect yet."


def test_a_missing_number_of_a_column_that_is_not_there_is_called_by_what_it_is():
    table = make_table(
        {"Study": ["A", "B"], "a": [3, 4], "n1": [9, 9]}, {"Study": "study", "a": "ai", "n1": "n1i"}
    )
    found = prepare(replace(default_spec(), measure="RR"), table)
    assert found.studies[0].reason == (
        "Missing: events in the control group and total in the control group."
    )


def test_a_very_large_difference_is_pointed_at():
    table = sheet()
    columns = [
        replace(c, cells=(0.1, *c.cells[1:])) if c.name in ("sd.e", "sd.c") else c
        for c in table.columns
    ]
    found = problems(table.with_columns(columns), measure="SMD")
    assert [p.code for p in found] == ["very_large"]


def estimates(values):
    columns = {"s": STUDIES, "e": values, "se": [0.1] * 5}
    return make_table(columns, {"s": "study", "e": "est", "se": "sei"})


def test_a_ratio_must_be_above_0():
    table = estimates([0.8, -0.16, 0.7, 1.1, 0])
    found = [p for p in problems(table, measure="OR") if p.code == "ratio_not_positive"]
    assert [(p.row_id, p.column_id, p.severity) for p in found] == [
        (1, 1, "error"),
        (4, 1, "error"),
    ]
    assert found[0].sentence == "Row 2 (Baker): a ratio must be above 0; the cell says -0.16."


@pytest.mark.parametrize("measure", ["COR", "MD", "RD"])
def test_a_correlation_or_a_difference_may_be_negative(measure):
    assert problems(estimates([0.8, -0.16, 0.7, 0.1, 0]), measure=measure) == []


@pytest.mark.parametrize("check", list(ROW_CHECKS), ids=lambda check: check.key)
def test_every_check_is_listed_with_a_title_and_a_sentence(check):
    assert check.title
    assert check.sentence.endswith(".")
