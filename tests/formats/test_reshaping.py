"""Compound cells into columns and a row as the header, with what the new columns are."""

from __future__ import annotations

import pytest

from metadesk.formats import guess_roles
from metadesk.formats.reshaping import compound_columns, header_from_row, split_columns
from metadesk.table import make_table
from metadesk.table.splitting import parts_in_column

CELLS = {
    "Study": ["Adams", "Baker", "Chen"],
    "Drug / mean ± SD": ["14.92±2.06***", "13,5 ± 1,9", "12.9 ± 2.4"],
    "Drug / n": [20, 25, 31],
    "Placebo / mean ± SD": ["16.1 ± 2.2", "15.0±2.0", "14.4 ± 2.6"],
    "Placebo / n": [21, 24, 30],
}


def test_split_columns_have_their_roles_and_the_edit_can_be_taken_back():
    table = guess_roles(make_table(CELLS)).table
    found = compound_columns(table)
    assert [table.columns[i].name for i in found] == ["Drug / mean ± SD", "Placebo / mean ± SD"]
    edit = split_columns(table, found)
    assert edit.title == "Split 2 columns"
    made, back = edit.apply(table)
    assert made.roles == {
        "study": "Study", "m1i": "Drug / mean", "sd1i": "Drug / sd", "n1i": "Drug / n",
        "m2i": "Placebo / mean", "sd2i": "Placebo / sd", "n2i": "Placebo / n",
    }  # fmt: skip
    assert made.column("Drug / mean").cells == (14.92, 13.5, 12.9)
    assert compound_columns(made) == ()
    assert back.apply(made)[0] == table


def test_events_of_totals_and_intervals_are_split_into_what_they_are():
    table = make_table(
        {"Study": ["A", "B"], "Drug n/N": ["3/50", "8/61"], "Control n/N": ["7/52", "9/60"]}
    )
    made, _ = split_columns(table, compound_columns(table)).apply(table)
    assert made.roles.items() >= {"ai": "Drug events", "n2i": "Control total"}.items()


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("LOS (IQR)", "median q1 q3"),
        ("LOS median (range)", "median minimum maximum"),
        ("LOS mean (range)", "mean minimum maximum"),
        ("LOS interquartile range", "median q1 q3"),
        ("LOS median", "median lower upper"),
        ("LOS median (95% CI)", "estimate lower upper"),
        ("HR [95% CI]", "estimate lower upper"),
    ],
)
def test_the_header_says_what_stands_in_the_brackets(header, parts):
    column = make_table({"Study": ["A", "B"], header: ["50 [36-64]", "41 [30-52]"]}).columns[1]
    assert parts_in_column(column) == tuple(parts.split())


def test_a_range_is_never_analysed_as_an_interval():
    table = make_table(
        {"Study": ["A", "B"], "LOS median (range)": ["50 [36-64]", "41 [30-52]"], "n": [10, 20]}
    )
    made, _ = split_columns(table, compound_columns(table)).apply(table)
    assert not made.roles.keys() & {"yi", "est", "lower", "upper"}


def test_texts_with_numbers_are_not_offered_where_effects_are_formed():
    table = make_table(
        {"Study": ["A", "B"], "e1": [3, 8], "n1": [50, 61], "e2": [7, 9], "n2": [52, 60],
         "Pages": ["12-15", "101-110"], "Age": ["50 [36-64]", "41 [30-52]"]}
    )  # fmt: skip
    assert compound_columns(table) == ()


def test_a_row_becomes_the_header_and_roles_are_guessed_anew():
    table = make_table(
        {"Column A": ["made by us", "Study", "Adams", "Baker"],
         "Column B": [None, "Events T", 3, 8], "Column C": [None, "Total T", 50, 61],
         "Column D": [None, "Events C", 7, 9], "Column E": [None, "Total C", 52, 60]},
    )  # fmt: skip
    edit = header_from_row(table, 1)
    made, back = edit.apply(table)
    assert edit.title == "Row 2 as column names"
    assert made.row_ids == (2, 3)
    assert made.roles == {
        "study": "Study", "ai": "Events T", "n1i": "Total T", "ci": "Events C", "n2i": "Total C",
    }  # fmt: skip
    assert back.apply(made)[0] == table


def test_a_header_keeps_names_where_the_row_has_none_and_makes_them_differ():
    table = make_table({"a": ["n", 1], "b": [None, 2], "c": ["n", 3]})
    made, _ = header_from_row(table, 0).apply(table)
    assert [c.name for c in made.columns] == ["n", "b", "n (2)"]
