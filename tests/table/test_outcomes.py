"""Outcomes that stand one under the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metadesk.errors import SpecProblem
from metadesk.table import make_table
from metadesk.table.outcomes import chosen_outcome, outcomes_of
from metadesk.table.table import SUBTOTAL_ROW

ROLES = {"Study": "study", "Outcome": "outcome"}


def sheet(*rows):
    return make_table({"Study": [s for s, _ in rows], "Outcome": [o for _, o in rows]}, ROLES)


LONG = sheet(
    ("Adams", "Fever"), ("Adams", "Cough"), ("Baker", "fever "), ("Baker", "Cough"),
    ("Chen", "Fever"), ("Dietz", None),
)  # fmt: skip


def test_outcomes_are_counted_by_their_first_spelling():
    found = outcomes_of(LONG)
    assert found.rows == {"Fever": 3, "Cough": 2}
    assert found.of_row == ("Fever", "Cough", "Fever", "Cough", "Fever", "")


def test_rows_of_several_outcomes_divide_a_sheet_and_the_usual_one_is_analysed():
    found = outcomes_of(LONG)
    assert found.divide
    assert chosen_outcome(found, "") == "Fever"
    assert chosen_outcome(found, " COUGH") == "Cough"
    assert chosen_outcome(found, "all") == ""


def test_the_first_of_equally_many_is_the_usual_one():
    even = sheet(("A", "Pain"), ("B", "Pain"), ("A", "Sleep"), ("B", "Sleep"))
    assert outcomes_of(even).usual == "Pain"


def test_studies_that_word_their_one_outcome_in_their_own_way_are_analysed_together():
    found = outcomes_of(
        sheet(("A", "death"), ("B", "death at day 30"), ("C", "mortality"), ("D", "death"))
    )
    assert not found.divide
    assert chosen_outcome(found, "") == ""


def test_a_study_with_two_outcomes_divides_a_sheet_even_if_each_has_one_row():
    assert outcomes_of(sheet(("A", "Pain"), ("A", "Sleep"))).divide


def test_a_sheet_without_outcomes_is_one_analysis():
    found = outcomes_of(make_table({"Study": ["A", "B"]}, {"Study": "study"}))
    assert not found.divide
    assert chosen_outcome(found, "") == ""


def test_rows_that_are_no_studies_are_no_outcomes():
    table = sheet(("A", "Pain"), ("B", "Pain"), ("Total", "Total"), ("Total", "Total"))
    assert not outcomes_of(replace(table, excluded={2: SUBTOTAL_ROW, 3: SUBTOTAL_ROW})).divide


def test_an_outcome_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(SpecProblem, match=r"no outcome 'Pain'; the sheet has 'Fever', 'Cough'"):
        chosen_outcome(outcomes_of(LONG), "Pain")
    with pytest.raises(SpecProblem, match="no column of the sheet has the role"):
        chosen_outcome(outcomes_of(make_table({"Study": ["A"]})), "Pain")


def test_many_outcomes_are_not_all_listed():
    many = sheet(*((s, f"O{i}") for i in range(30) for s in "AB"))
    with pytest.raises(SpecProblem, match="'O11' and 18 more"):
        chosen_outcome(outcomes_of(many), "Pain")
