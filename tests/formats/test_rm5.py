"""RevMan 5 reviews as files of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.presets import default_spec
from metadesk.errors import FileProblem
from metadesk.formats import read_sheet, sheet_names
from metadesk.table.outcomes import outcomes_of

REVIEW = """<?xml version="1.0" encoding="UTF-8"?>
<COCHRANE_REVIEW TYPE="INTERVENTION">
<STUDY ID="STD-A" NAME="Ada 2001" YEAR="2001"/><STUDY ID="STD-B" NAME="Béa" YEAR=""/>
<COMPARISON NO="1"><NAME>Drug against
placebo</NAME>
<DICH_OUTCOME EFFECT_MEASURE="RR"><NAME>Death</NAME>
 <DICH_SUBGROUP><NAME>Adults</NAME>
  <DICH_DATA STUDY_ID="STD-A" EVENTS_1="4" TOTAL_1="30" EVENTS_2="9" TOTAL_2="31" EFFECT_SIZE="0.4"
   SE="0.5" O_E="0.0" VAR="0.0"/></DICH_SUBGROUP>
 <DICH_SUBGROUP><NAME>Children</NAME>
  <DICH_DATA STUDY_ID="STD-B" EVENTS_1="6" TOTAL_1="50" EVENTS_2="12" TOTAL_2="52"/></DICH_SUBGROUP>
</DICH_OUTCOME>
<CONT_OUTCOME EFFECT_MEASURE="SMD"><NAME>Pain</NAME>
 <CONT_DATA STUDY_ID="STD-A" MEAN_1="3.1" SD_1="1.2" TOTAL_1="20" MEAN_2="4.0" SD_2="1.1"
  TOTAL_2="21"/></CONT_OUTCOME>
<IPD_OUTCOME EFFECT_MEASURE="HR"><NAME>Survival</NAME>
 <IPD_DATA STUDY_ID="STD-A" O_E="-4.5" VAR="9.0" EVENTS_1="10" TOTAL_1="30" EVENTS_2="15"
  TOTAL_2="30"/></IPD_OUTCOME>
<OTHER_OUTCOME><NAME>Words</NAME></OTHER_OUTCOME>
</COMPARISON></COCHRANE_REVIEW>"""


@pytest.fixture
def review(tmp_path):
    path = tmp_path / "review.rm5"
    path.write_text(REVIEW, encoding="utf-8")
    return path


def test_outcomes_subgroups_and_studies_are_read(review):
    table = read_sheet(review)
    assert dict(outcomes_of(table).rows) == {"Death": 2, "Pain": 1, "Survival": 1}
    kept = [i for i in table.row_ids if i not in table.excluded]
    assert [table.column("Name").cells[i] for i in kept] == [
        "Ada 2001",
        "Béa",
        "Ada 2001",
        "Ada 2001",
    ]
    assert [table.column("Subgroup").cells[i] for i in kept[:2]] == ["Adults", "Children"]
    assert sheet_names(review) == ("review",)


@pytest.mark.parametrize(
    ("outcome", "measure", "yi"),
    [("Death", "RR", -0.7773), ("Pain", "SMD", -0.7676), ("Survival", "HR", -0.5)],
)
def test_each_outcome_has_the_reviews_measure(review, outcome, measure, yi):
    found = run(replace(default_spec(), outcome=outcome), read_sheet(review))
    assert found.measure == measure
    assert found.used[0].yi == pytest.approx(yi, abs=1e-3)


def test_a_review_without_analyses_and_a_damaged_one_are_refused(tmp_path):
    empty, broken = tmp_path / "empty.rm5", tmp_path / "broken.rm5"
    empty.write_text("<COCHRANE_REVIEW><STUDY ID='a'/></COCHRANE_REVIEW>")
    broken.write_text("<COCHRANE_REVIEW><STUDY ID='a'>")
    with pytest.raises(FileProblem, match="without analyses"):
        read_sheet(empty)
    with pytest.raises(FileProblem, match="damaged RevMan file"):
        read_sheet(broken)


def test_a_published_review_gives_the_pooled_result_of_its_export(real_sheets):
    table = read_sheet(real_sheets / "revman" / "Fleiss1993.rm5")
    found = run(replace(default_spec(), model="mh", model_options={}), table)
    assert found.natural(found.main.pooled.value) == pytest.approx(0.8968655609130709, rel=1e-12)
