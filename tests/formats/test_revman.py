from __future__ import annotations

import pytest

from metadesk.formats import read_sheet
from metadesk.formats.revman import is_revman
from metadesk.table.outcomes import outcomes_of

EXPORT = """\
Comparison Number,Outcome Number,Subgroup Number,Name,Data Type,Effect Measure,\
Events 1,Total 1,Events 2,Total 2,Q,df
1,0,0,Drug against placebo,,,,,,,,
1,1,0,Death,DIC,OR,10,80,21,83,0.4,2
1,1,1,Adults,,,6,50,15,53,0.1,1
1,1,1,Ada 2001,,,4,30,9,31,,
1,1,1,Bea 2002,,,2,20,6,22,,
1,1,2,Children,,,4,30,6,30,0,0
1,1,2,Che 2003,,,4,30,6,30,,
1,2,0,Stroke,DIC,OR,1,30,2,31,0,0
1,2,0,Ada 2001,,,1,30,2,31,,
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "review.csv"
    path.write_text(EXPORT)
    return read_sheet(path)


def test_only_study_rows_take_part(table):
    assert is_revman(table)
    kept = [i for i in table.row_ids if i not in table.excluded]
    assert [table.column("Name").cells[i] for i in kept] == [
        "Ada 2001", "Bea 2002", "Che 2003", "Ada 2001",
    ]  # fmt: skip
    assert set(table.excluded.values()) == {"Subtotal row", "Heading within the table"}


def test_outcome_and_subgroup_stand_beside_each_study(table):
    assert outcomes_of(table).rows == {"Death": 3, "Stroke": 1}
    assert table.column("Subgroup").cells[3:7] == ("Adults", "Adults", "Children", "Children")


def test_events_and_totals_are_recognised(table):
    assert table.roles.items() >= {
        "study": "Name", "ai": "Events 1", "n1i": "Total 1", "ci": "Events 2", "n2i": "Total 2",
    }.items()  # fmt: skip


def test_a_published_export_has_seven_and_five_studies(real_sheets):
    table = read_sheet(real_sheets / "s55_RevMan5_Fleiss1993_CR.csv")
    assert sorted(outcomes_of(table).rows.values()) == [5, 7]
