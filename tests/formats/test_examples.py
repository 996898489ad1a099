from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from metadesk.formats import read_sheet, read_workbook
from metadesk.resources import example
from metadesk.table.validate import validate

SCRIPT = Path(__file__).resolve().parents[2] / "packaging" / "make_examples.py"

ROLES = {
    "bcg_vaccine.xlsx": {
        "study": "Trial",
        "year": "Year",
        "ai": "Vaccinated / TB cases",
        "n1i": "Vaccinated / Total",
        "ci": "Not vaccinated / TB cases",
        "n2i": "Not vaccinated / Total",
        "moderator": "Latitude",
    },
    "stroke_length_of_stay.xlsx": {
        "study": "Study",
        "n1i": "Specialist care (treatment) / N",
        "m1i": "Specialist care (treatment) / Mean",
        "sd1i": "Specialist care (treatment) / SD",
        "n2i": "Routine care (control) / N",
        "m2i": "Routine care (control) / Mean",
        "sd2i": "Routine care (control) / SD",
    },
    "passive_smoking.xlsx": {
        "study": "Author",
        "year": "Year",
        "moderator": "Design",
        "est": "OR",
        "lower": "CI lower",
        "upper": "CI upper",
    },
}
STUDIES = {"bcg_vaccine.xlsx": 13, "stroke_length_of_stay.xlsx": 9, "passive_smoking.xlsx": 37}
CROSSOVER = {"subject": "Subject", "sequence": "Sequence", "period": "Period",
             "treatment": "Treatment"}  # fmt: skip
TRIALS = {
    "crossover_enuresis.xlsx": (CROSSOVER | {"response": "Dry nights"}, 58),
    "williams_dysmenorrhoea.xlsx": (CROSSOVER | {"response": "Relief"}, 258),
    "binary_crossover_ecg.xlsx": (CROSSOVER | {"response": "ECG normal"}, 134),
    "nof1_gabapentin.xlsx": (
        {"subject": "Patient", "cycle": "Cycle", "treatment": "Treatment", "response": "Pain"},
        276,
    ),
}


@pytest.mark.parametrize("name", TRIALS)
def test_an_example_of_a_trial_has_its_roles_and_no_errors(name):
    table = read_sheet(example(name))
    roles, rows = TRIALS[name]
    assert table.roles == roles
    assert [p for p in validate(table) if p.severity == "error"] == []
    assert table.n_rows - len(table.excluded) == rows


@pytest.mark.parametrize("name", ROLES)
def test_all_roles_of_an_example_are_guessed(name):
    assert read_sheet(example(name)).roles == ROLES[name]


@pytest.mark.parametrize("name", ROLES)
def test_an_example_has_no_errors_and_its_notes_are_no_studies(name):
    table = read_sheet(example(name))
    assert [p for p in validate(table) if p.severity == "error"] == []
    assert table.n_rows - len(table.excluded) == STUDIES[name]
    assert set(table.excluded.values()) == {"Note under the table"}


@pytest.mark.parametrize("name", ROLES)
def test_an_example_cites_its_source(name):
    (sheet,) = read_workbook(example(name)).sheets
    assert "Med" in str(sheet.grid[1][0])


def test_the_first_trial_is_as_published():
    table = read_sheet(example("bcg_vaccine.xlsx"))
    assert [c.cells[0] for c in table.columns] == [
        "Aronson", 1948, 4, 123, 11, 139, 44, "random",
    ]  # fmt: skip
    assert [sum(table.floats(c)[:13]) for c in table.columns[2:6]] == [
        1065.0, 191064.0, 1510.0, 166283.0,
    ]  # fmt: skip


def test_the_script_makes_the_examples_that_are_shipped(tmp_path):
    spec = importlib.util.spec_from_file_location("make_examples", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for made in script.make_examples(tmp_path):
        assert read_sheet(made).columns == read_sheet(example(made.name)).columns
