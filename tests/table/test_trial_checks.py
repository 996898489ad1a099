from __future__ import annotations

import pytest

from metadesk.table import make_table
from metadesk.table.validate import validate


def sheet(**changed):
    columns = {
        "subject": [1, 1, 2, 2],
        "sequence": ["AB", "AB", "BA", "BA"],
        "period": [1, 2, 1, 2],
        "treatment": ["A", "B", "B", "A"],
        "y": [1.0, 2.5, 3.0, 1.5],
        **changed,
    }
    roles = {name: name for name in ("subject", "sequence", "period", "treatment")}
    return make_table(columns, {**roles, "y": "response"})


def test_a_clean_sheet_of_trial_rows_has_no_problem():
    assert validate(sheet()) == ()


def test_an_outcome_of_words_throughout_is_no_text_in_numbers():
    assert validate(sheet(y=["poor", "good", "fair", "good"])) == ()
    mixed = validate(sheet(y=[1.0, "good", 3.0, 1.5]))
    assert any("'good' is not a number" in p.sentence for p in mixed)


@pytest.mark.parametrize(
    ("changed", "code", "row", "words"),
    [
        ({"period": [1, 1, 1, 2]}, "period_twice", 1, "subject 1 has period 1 in row 1 already"),
        ({"sequence": ["AB", "BA", "BA", "BA"]}, "two_sequences", 1, "in row 1 in AB"),
        ({"treatment": ["A", "A", "B", "A"]}, "treatment_not_planned", 1, "gives B in period 2"),
        ({"treatment": ["A"] * 4, "sequence": ["x"] * 4}, "one_treatment", 0, "only one treatment"),
    ],
)
def test_what_is_wrong_stands_at_its_cell(changed, code, row, words):
    found = [p for p in validate(sheet(**changed)) if p.code == code]
    assert found
    assert found[0].row_id == row
    assert words in found[0].sentence
    assert found[0].column_id is not None


def test_repeated_measurements_with_a_time_are_no_duplicates():
    columns = {"subject": [1, 1], "period": [1, 1], "t": [1, 2], "y": [1.0, 2.0]}
    table = make_table(
        columns, {"subject": "subject", "period": "period", "t": "time", "y": "response"}
    )
    assert [p for p in validate(table) if p.code == "period_twice"] == []
