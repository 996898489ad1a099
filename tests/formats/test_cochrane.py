"""Data packages of Cochrane reviews."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.presets import default_spec
from metadesk.errors import FileProblem
from metadesk.formats import read_sheet
from metadesk.table.outcomes import outcomes_of

ROWS = """\
Analysis group,Analysis number,Analysis name,Subgroup,Study,Study year,GIV Mean,GIV SE,\
Experimental mean,Experimental SD,Experimental cases,Experimental N,Control mean,Control SD,\
Control cases,Control N,O-E,Variance
1,1,Death,,Ada,2001,0.0,0.0,0.0,0.0,4,30,0.0,0.0,9,31,0.0,0.0
1,1,Death,,Bea,2002,0.0,0.0,0.0,0.0,0,50,0.0,0.0,2,52,0.0,0.0
1,2,Pain,,Ada,2001,0.0,0.0,3.1,1.2,0,20,4.0,1.1,0,21,0.0,0.0
1,3,Survival,,Ada,2001,-0.5,0.2,0.0,0.0,0,30,0.0,0.0,0,31,0.0,0.0
1,3,Survival,,Bea,2002,-0.1,0.1,0.0,0.0,0,50,0.0,0.0,0,52,0.0,0.0
2,1,Death,,Che,2003,0.0,0.0,0.0,0.0,2,30,0.0,0.0,6,30,0.0,0.0
"""
SETTINGS = """\
Analysis group,Analysis number,Analysis name,Effect measure
1,1,Death,Odds Ratio
1,2,Pain,Mean Difference
1,3,Survival,Hazard Ratio
2,1,Death,Risk Ratio
"""


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package:
        for name, content in files.items():
            package.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return made.getvalue()


@pytest.fixture
def package(tmp_path):
    tables = {
        "x__1-data-rows_dot_csv": "\ufeff" + ROWS,
        "x__1-overall-estimates-and-settings_dot_csv": SETTINGS,
    }
    path = tmp_path / "review.zip"
    path.write_bytes(
        zipped(**{"a__1-data_dot_zip": zipped(**tables), "a__article_dot_pdf": b"%PDF"})
    )
    return path


def test_the_rows_are_found_one_zip_deeper_and_named_apart(package):
    table = read_sheet(package)
    assert dict(outcomes_of(table).rows) == {
        "1.1 Death": 2,
        "Pain": 1,
        "Survival": 2,
        "2.1 Death": 1,
    }


@pytest.mark.parametrize(
    ("outcome", "measure", "k"),
    [("1.1 Death", "OR", 2), ("Pain", "MD", 1), ("Survival", "HR", 2), ("2.1 Death", "RR", 1)],
)
def test_each_analysis_has_its_measure_and_its_studies(package, outcome, measure, k):
    found = run(replace(default_spec(), outcome=outcome), read_sheet(package))
    assert (found.measure, found.main.k) == (measure, k)


def test_zeros_are_blank_only_where_an_analysis_has_no_such_data(package):
    table = read_sheet(package)
    assert table.column("Experimental cases").cells == (4, 0, None, None, None, 2)
    assert table.column("Experimental mean").cells == (None, None, 3.1, None, None, None)
    assert table.column("GIV Mean").cells == (None, None, None, -0.5, -0.1, None)


def test_the_table_of_rows_alone_is_read_too(tmp_path):
    path = tmp_path / "1-data-rows.csv"
    path.write_text(ROWS)
    found = run(replace(default_spec(), outcome="Survival"), read_sheet(path))
    assert found.used[0].yi == -0.5


def test_another_zip_is_refused_with_a_sentence(tmp_path):
    path = tmp_path / "holiday.zip"
    path.write_bytes(zipped(photo_dot_txt=b"x"))
    with pytest.raises(FileProblem, match=r"holiday\.zip"):
        read_sheet(path)


def test_a_published_package_gives_the_review_its_results(real_sheets):
    table = read_sheet(real_sheets / "revman" / "Fleiss1993.zip")
    found = run(replace(default_spec(), model="mh", model_options={}), table)
    assert found.natural(found.main.pooled.value) == pytest.approx(0.8968655609130709, rel=1e-12)
