"""Rows left out for what stands in a cell: one sentence names the cell and what mends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metadesk.analysis.engine import prepare
from metadesk.analysis.presets import default_spec
from metadesk.table import make_table

ROLES = {"Study": "study", "ev t": "ai", "n t": "n1i", "ev c": "ci", "n c": "n2i"}
COUNTS = {"ev t": [4, 6, 3], "n t": [123, 306, 231], "ev c": [11, 29, 11], "n c": [139, 303, 220]}


def studies(cell, roles=ROLES, measure="OR", columns=COUNTS):
    """The rows of a sheet whose second row holds ``cell`` in its first column of numbers."""
    cells = {name: list(values) for name, values in columns.items()}
    cells[next(iter(cells))][1] = cell
    table = make_table({"Study": ["A", "B", "C"], **cells}, roles)
    return prepare(replace(default_spec(), measure=measure), table).studies


@pytest.mark.parametrize("cell", ["four", "3-5", "<5", "n=4"])
def test_text_in_a_cell_is_named_with_its_cell(cell):
    first, bad, last = studies(cell)
    assert bad.reason == (
        f"'ev t' holds '{cell}', which is not a number; type the number, or leave the cell empty "
        "if it was not reported."
    )
    assert first.used
    assert last.used
    assert not bad.used


@pytest.mark.parametrize("cell", ["4%", "4 %"])
def test_a_percentage_is_never_taken_as_a_count(cell):
    first, bad, last = studies(cell)
    assert not bad.used
    assert bad.reason == (
        f"'ev t' holds '{cell}', a percentage; type the number itself, or give the column the role "
        "of a percentage."
    )
    assert first.used
    assert last.used


def test_a_percentage_counts_where_percentages_belong():
    roles = {**ROLES, "ev t": "p1i", "ev c": "p2i"}
    _, of_text, _ = studies("4 %", roles)
    _, of_number, _ = studies(4, roles)
    assert of_text.used
    assert of_text.yi == of_number.yi


@pytest.mark.parametrize("cell", [None, "", "NR", "–"])
def test_an_empty_cell_is_only_missing(cell):
    assert studies(cell)[1].reason == "Missing: 'ev t'."


MEANS = {"SD t": [2, 2, 3], "m t": [5, 6, 7], "n t": [30, 40, 50], "m c": [4, 5, 6],
         "SD c": [2, 2, 2], "n c": [30, 41, 50]}  # fmt: skip
MEAN_ROLES = {"Study": "study", "SD t": "sd1i", "m t": "m1i", "n t": "n1i", "m c": "m2i",
              "SD c": "sd2i", "n c": "n2i"}  # fmt: skip
RATIO = {"OR": [0.5, 0.7, 0.6], "lo": [0.3, 0.5, 0.4], "up": [0.8, 0.98, 0.9]}
RATIO_ROLES = {"Study": "study", "OR": "est", "lo": "lower", "up": "upper"}


@pytest.mark.parametrize(
    ("measure", "columns", "roles", "cell", "told"),
    [
        ("OR", COUNTS, ROLES, 400, "Events in group 1, 400, exceed its total, 306; correct one"),
        ("OR", COUNTS, ROLES, -4, "is negative; counts start at 0."),
        ("SMD", MEANS, MEAN_ROLES, 0, "must be above 0; leave the cell empty if it was not"),
        ("SMD", MEANS, MEAN_ROLES, -2, "must be above 0; leave the cell empty if it was not"),
        ("ZCOR", {"r": [0.3, 0.2, 0.4], "n": [40, 60, 50]},
         {"Study": "study", "r": "ri", "n": "ni"}, 1.0, "must lie strictly between −1 and 1."),
        ("OR", RATIO, RATIO_ROLES, 1.5, "lies outside its interval, 0.5 to 0.98; correct one"),
        ("OR", {"p": [0.03, 0.2, 0.04], "OR": [0.5, 0.7, 0.6]},
         {"Study": "study", "p": "pval", "OR": "est"}, 0, "has lost its digits; enter the bound"),
        ("PLO", {"part": [0.3, 0.2, 0.4], "n": [40, 60, 50]},
         {"Study": "study", "part": "est", "n": "ni"}, 30, "is it a percentage? Divide it by 100."),
        ("OR", {"lo": [0.3, 0.5, 0.4], "OR": [0.5, 0.7, 0.6], "up": [0.8, 0.98, 0.9]},
         RATIO_ROLES, 0, "type its bounds with more digits, or a standard error instead."),
    ],
)  # fmt: skip
def test_impossible_numbers_leave_their_row_out_and_no_other(measure, columns, roles, cell, told):
    first, bad, last = studies(cell, roles, measure, columns)
    assert told in bad.reason
    assert bad.reason.count(". ") == 0
    assert not bad.used
    whole = studies(next(iter(columns.values()))[1], roles, measure, columns)
    assert (first.yi, last.yi) == (whole[0].yi, whole[2].yi)


def test_a_count_that_is_not_whole_is_used_with_a_note():
    _, odd, _ = studies(6.5)
    assert odd.used
    assert "Events, group 1, 6.5, is not a whole number; it is used as it stands." in odd.notes
