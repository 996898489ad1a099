from __future__ import annotations

import pytest

from metadesk.errors import DataProblem
from metadesk.table import make_table
from metadesk.table.compound import split_text
from metadesk.table.splitting import name_of, parts_in_column, pieces_of, split_column


@pytest.mark.parametrize(
    ("text", "parts", "values"),
    [
        ("14.92±2.06***", "mean sd", (14.92, 2.06)),
        ("54,2 ± 8,1", "mean sd", (54.2, 8.1)),
        ("-3.1 +/- 0.4", "mean sd", (-3.1, 0.4)),
        ("84.6,94.5", "lower upper", (84.6, 94.5)),
        ("1.15-2.25", "lower upper", (1.15, 2.25)),
        ("-0.11-0.65", "lower upper", (-0.11, 0.65)),
        ("18.1 to 25.8", "lower upper", (18.1, 25.8)),
        ("21.7 (18.1−25.8)", "estimate lower upper", (21.7, 18.1, 25.8)),
        ("0.85 [0.70; 1.03]", "estimate lower upper", (0.85, 0.70, 1.03)),
        ("0,85 [0,70; 1,03]", "estimate lower upper", (0.85, 0.70, 1.03)),
        ("0.85 (95% CI 0.70 to 1.03)", "estimate lower upper", (0.85, 0.70, 1.03)),
        ("-0.35 (-0.79, -0.10)", "estimate lower upper", (-0.35, -0.79, -0.10)),
        ("50 [IQR 36.25-64.50]", "median q1 q3", (50, 36.25, 64.5)),
        ("57 [range 20-83]", "value minimum maximum", (57, 20, 83)),
        ("55.5 (13.1)", "value in brackets", (55.5, 13.1)),
        ("12/34", "events total", (12, 34)),
        ("12/34 (35.3%)", "events total", (12, 34)),
        ("12 (35.3%)", "events percent", (12, 35.3)),
    ],
)
def test_the_numbers_in_a_compound_cell_are_told_apart(text, parts, values):
    pieces = split_text(text)
    wanted = ["in brackets" if p == "brackets" else p for p in parts.split() if p != "in"]
    assert [p.part for p in pieces] == wanted
    assert tuple(p.value for p in pieces) == values


@pytest.mark.parametrize(
    "text", ["12", "0,85", "1 204", "NR", "34/12", "see table 2", "2.25-1.15", "Chen 2011", "84,94"]
)
def test_what_is_no_compound_cell_is_left_alone(text):
    assert split_text(text) == ()


def test_a_column_is_split_beside_itself_and_can_be_taken_back():
    table = make_table({"Study": ["a", "b", "c"], "HR": ["0.85 [0.70; 1.03]", "1.2 (1–1.5)", "NR"]})
    edit = split_column(table, 1)
    changed, back = edit.apply(table)
    assert edit.title == "Split column HR"
    assert [c.name for c in changed.columns] == [
        "Study",
        "HR",
        "HR estimate",
        "HR lower",
        "HR upper",
    ]
    assert changed.column("HR lower").cells == (0.7, 1, None)
    assert changed.column("HR estimate").cells == (0.85, 1.2, "NR")
    assert back.apply(changed)[0] == table


def test_cells_of_another_make_keep_their_text():
    table = make_table({"x": ["5 ± 1", "6 ± 2", "7 (3)"]})
    changed, _ = split_column(table, 0).apply(table)
    assert changed.column("x mean").cells == (5, 6, "7 (3)")
    assert changed.column("x sd").cells == (1, 2, None)


def test_a_column_of_single_values_cannot_be_split():
    table = make_table({"n": [1, 2, "3/4"]})
    assert parts_in_column(table.columns[0]) == ()
    with pytest.raises(DataProblem, match="cannot be split"):
        split_column(table, 0)


@pytest.mark.parametrize(
    ("header", "part", "name"),
    [
        ("HR (95% CI)", "lower", "HR lower"),
        ("Mean (SD)", "sd", "sd"),
        ("Age, mean (SD)", "mean", "Age mean"),
        ("Control / mean ± SD", "sd", "Control / sd"),
        ("Control / events/total", "events", "Control / events"),
        ("Events T (%)", "events", "Events T"),
        ("n/N treated", "total", "treated total"),
        ("LDL [mg/dl]", "mean", "LDL [mg/dl] mean"),
    ],
)
def test_a_part_is_named_for_its_group_and_outcome(header, part, name):
    assert name_of(header, part) == name


@pytest.mark.parametrize(
    ("header", "text", "parts"),
    [
        ("mean (SD)", "55.1 (7.9)", ("mean", "sd")),
        ("mean (SE)", "55.1 (7.9)", ("mean", "se")),
        ("n (%)", "12 (24)", ("events", "percent")),
        ("pain", "55.1 (7.9)", ("value", "in brackets")),
        ("median [IQR]", "50 [36-64]", ("median", "q1", "q3")),
        ("median [IQR]", "50 [range 36-64]", ("value", "minimum", "maximum")),
        ("OR", "0.8 [0.6-1.1]", ("estimate", "lower", "upper")),
    ],
)
def test_the_header_tells_what_cells_leave_open(header, text, parts):
    assert tuple(piece.part for piece in pieces_of(text, header)) == parts


def test_a_column_of_several_ways_of_writing_has_a_column_for_each_part():
    name = "Age, median [iqr] or mean (sd)"
    cells = ["50 [36.25-64.50]", "57 [range 20-83]", "55.5 (13.1)", 35, "49 [32-60]", "61 (9)",
             "44 [range 1-9]", None]  # fmt: skip
    changed, _ = split_column(make_table({name: cells}), 0).apply(make_table({name: cells}))
    found = {c.name.removeprefix("Age, median or ").removeprefix("Age "): c.cells
             for c in changed.columns[1:]}  # fmt: skip
    assert {k.split()[-1] for k in found} == {
        "mean", "sd", "median", "q1", "q3", "minimum", "maximum", "value",
    }  # fmt: skip
    by_part = {k.split()[-1]: cells for k, cells in found.items()}
    assert by_part["median"] == (50, None, None, None, 49, None, None, None)
    assert by_part["sd"] == (None, None, 13.1, None, None, 9, None, None)
    assert by_part["minimum"] == (None, 20, None, None, None, None, 1, None)


def test_a_single_number_is_no_bound_of_an_interval():
    cells = ["1.15-2.25", "0.3-0.9", -0.76, "0.1-0.5"]
    table = make_table({"95% CI": cells})
    changed, _ = split_column(table, 0).apply(table)
    assert changed.columns[1].cells == (1.15, 0.3, None, 0.1)
