from __future__ import annotations

import math

import pytest

from metadesk.errors import SpecProblem
from metadesk.table import StudyTable, TableColumn, make_table, shown

TABLE = make_table(
    {"author": ["Aronson", "Hart ", None], "year": [1948, 1977.0, None], "n": [123, "1 204", "NR"]},
    {"author": "study", "year": "year", "n": "n1i"},
    name="BCG",
)


def test_labels_join_study_and_year_and_number_what_has_none():
    assert TABLE.labels() == ("Aronson 1948", "Hart 1977", "Row 3")
    assert TABLE.label(1) == "Hart 1977"


def test_a_year_that_stands_in_the_label_is_not_repeated():
    table = make_table({"s": ["Hart 1977"], "y": [1977]}, {"s": "study", "y": "year"})
    assert table.labels() == ("Hart 1977",)


def test_floats_read_text_and_leave_gaps_as_nan():
    values = TABLE.floats(TABLE.column("n"))
    assert values[:2].tolist() == [123.0, 1204.0]
    assert math.isnan(values[2])


def test_rows_and_columns_are_found_by_id():
    assert TABLE.row_position(2) == 2
    assert TABLE.column_position(1) == 1
    with pytest.raises(KeyError):
        TABLE.row_position(9)
    with pytest.raises(KeyError):
        TABLE.column_position(9)
    with pytest.raises(KeyError):
        TABLE.column("nothing")


def test_new_ids_are_never_taken():
    assert TABLE.next_row_id == 3
    assert TABLE.next_column_id == 3
    assert StudyTable().next_row_id == 0


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="column 'x' has 1 cells"):
        StudyTable((TableColumn(0, "x", (1,)),), (0, 1))


def test_an_unknown_role_is_refused():
    with pytest.raises(SpecProblem, match="no role 'aii'"):
        make_table({"x": [1]}, {"x": "aii"})


def test_cells_are_shown_as_people_write_them():
    values = [60.0, 0.1, None, True, "NR", 1e20]
    assert [shown(v) for v in values] == ["60", "0.1", "", "TRUE", "NR", "1e+20"]
