from __future__ import annotations

from metadesk.analysis.engine import run
from metadesk.analysis.trial_spec import TrialSpec, holds_trial
from metadesk.formats.wide import lengthen, wide_plan
from metadesk.table import make_table

FIRST, SECOND = [8.0, 14.0, 6.0, 3.0, 7.0, 9.0], [5.0, 10.0, 0.0, 6.0, 9.0, 8.0]
SEQUENCE = ["DP", "DP", "DP", "PD", "PD", "PD"]


def wide(**columns):
    return make_table({"id": [1, 2, 3, 4, 5, 6], **columns})


def test_periods_with_a_sequence_become_rows_with_treatments():
    table = wide(sequence=SEQUENCE, y1=FIRST, y2=SECOND, age=[30, 31, 32, 33, 34, 35])
    plan = wide_plan(table)
    assert (plan.subject, plan.sequence, plan.labels) == ("id", "sequence", ("1", "2"))
    long, back = lengthen(table, plan).apply(table)
    assert holds_trial(long)
    assert long.n_rows == 12
    assert [c.cells[0] for c in long.columns] == [1, "DP", 1, "D", 8.0, 30]
    assert [c.cells[7] for c in long.columns] == [4, "PD", 2, "D", 6.0, 33]
    assert back.apply(long)[0] == table
    assert run(TrialSpec(), long).classical is not None


def test_treatments_in_columns_of_their_own_are_taken_from_there():
    plan = wide_plan(
        wide(treat1=list("ABABAB"), treat2=list("BABABA"), pain1=FIRST, pain2=SECOND,
             sleep1=SECOND, sleep2=FIRST)
    )  # fmt: skip
    assert plan.given == ("treat1", "treat2")
    assert dict(plan.outcomes) == {"pain": ("pain1", "pain2"), "sleep": ("sleep1", "sleep2")}


def test_columns_named_for_treatments_become_treatments():
    table = wide(Drug=FIRST, Placebo=SECOND)
    long, _ = lengthen(table, wide_plan(table)).apply(table)
    assert [c.name for c in long.columns] == ["Subject", "Treatment", "Outcome"]
    assert long.columns[1].cells[:2] == ("Drug", "Placebo")


def test_a_sheet_of_studies_is_not_wide():
    table = make_table(
        {"study": ["a", "b"], "m1": [1.0, 2.0], "m2": [1.0, 2.0], "n1": [5, 6], "n2": [5, 6]}
    )
    assert wide_plan(table) is None
