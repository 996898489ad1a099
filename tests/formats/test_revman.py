from __future__ import annotations

import math
from dataclasses import replace

import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.presets import default_spec
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
    assert table.column("Subgroup").cells[3:7] == ("Adults", "Adults", None, "Children")


def test_events_and_totals_are_recognised(table):
    assert table.roles.items() >= {
        "study": "Name", "ai": "Events 1", "n1i": "Total 1", "ci": "Events 2", "n2i": "Total 2",
    }.items()  # fmt: skip


def test_a_published_export_has_seven_and_five_studies(real_sheets):
    table = read_sheet(real_sheets / "s55_RevMan5_Fleiss1993_CR.csv")
    assert sorted(outcomes_of(table).rows.values()) == [5, 7]


MIXED = """\
Comparison Number,Outcome Number,Subgroup Number,Name,Data Type,Effect Measure,Events 1,Mean 1,\
SD 1,Total 1,Events 2,Mean 2,SD 2,Total 2,Effect Estimate,SE,Q,df
1,0,0,Drug against placebo,,,,,,,,,,,,,,
1,1,0,Death,DIC,OR,10,,,80,21,,,83,0.4,,0.4,1
1,1,0,Ada 2001,,,4,0,0,30,9,0,0,31,0.38,0.6,,
1,1,0,Bea 2002,,,6,0,0,50,12,0,0,52,0.45,0.5,,
1,2,0,Pain,CON,MD,0,,,40,0,,,42,-1.1,,0.1,1
1,2,0,Ada 2001,,,0,3.1,1.2,20,0,4.0,1.1,21,-0.9,0.36,,
1,2,0,Che 2003,,,0,2.9,1.0,20,0,4.2,1.3,21,-1.3,0.36,,
1,3,0,Survival,IV,HR,0,,,0,0,,,0,0.7,,0.1,1
1,3,0,Ada 2001,,,0,0,0,30,0,0,0,31,0.5,0.2,,
1,3,0,Bea 2002,,,0,0,0,50,0,0,0,52,0.9,0.1,,
2,0,0,Drug against nothing,,,,,,,,,,,,,,
2,1,0,Death,DIC,RR,2,,,30,6,,,30,0.33,,0,0
2,1,0,Dow 2004,,,2,0,0,30,6,0,0,30,0.33,0.8,,
"""


@pytest.fixture
def review(tmp_path):
    path = tmp_path / "review.csv"
    path.write_text(MIXED)
    return read_sheet(path)


def analysed(table, outcome):
    return run(replace(default_spec(), outcome=outcome, model="fixed", model_options={}), table)


def test_counts_means_and_generic_effects_each_have_their_columns(review):
    assert review.roles.items() >= {
        "ai": "Events 1", "n1i": "Total 1", "m1i": "Mean 1", "sd1i": "SD 1", "yi": "Effect",
        "sei": "Standard error",
    }.items()  # fmt: skip


def test_zeros_of_an_outcome_without_such_data_are_blanks(review):
    names = review.column("Outcome").cells
    for name, outcome in (("Mean 1", "Pain"), ("Events 1", "Death")):
        filled = {names[i] for i, v in enumerate(review.column(name).cells) if v is not None}
        assert not any(outcome not in (found or outcome) for found in filled)


def test_one_outcome_of_two_comparisons_is_two_analyses(review):
    assert list(outcomes_of(review).rows) == [
        "Drug against placebo: Death", "Pain", "Survival", "Drug against nothing: Death",
    ]  # fmt: skip


def test_each_outcome_is_analysed_with_the_measure_that_the_review_says(review):
    death = analysed(review, "Drug against placebo: Death")
    assert (death.measure, death.main.k) == ("OR", 2)
    pain = analysed(review, "Pain")
    assert (pain.measure, pain.main.k) == ("MD", 2)
    assert pain.studies[5].yi == pytest.approx(3.1 - 4.0)
    assert analysed(review, "Drug against nothing: Death").measure == "RR"


def test_a_generic_ratio_is_pooled_as_its_logarithm(review):
    found = analysed(review, "Survival")
    assert found.measure == "HR"
    w = (1 / 0.2**2, 1 / 0.1**2)
    expected = (w[0] * math.log(0.5) + w[1] * math.log(0.9)) / sum(w)
    assert found.main.pooled.value == pytest.approx(expected)


def test_a_published_export_gives_the_pooled_results_it_holds(real_sheets):
    table = read_sheet(real_sheets / "s55_RevMan5_Fleiss1993_CR.csv")
    spec = replace(default_spec(), model="mh", model_options={})
    found = run(spec, table)
    assert found.natural(found.main.pooled.value) == pytest.approx(0.89686556, rel=1e-8)
    other = analysed(table, "Mental Health Treatment versus Control")
    assert other.main.pooled.value == pytest.approx(-0.70938839, rel=1e-7)
