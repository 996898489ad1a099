"""A workbook that metadesk saved is analysed as it was saved, unless the words say otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import pytest

from metadesk.__main__ import main
from metadesk.analysis.presets import PRESETS, default_spec
from metadesk.formats import read_sheet
from metadesk.project import Project, ProjectSheet
from metadesk.project.file import write_project
from metadesk.resources import example


@pytest.fixture
def saved(tmp_path):
    """The BCG trials, one of them left out, with odds ratios and DerSimonian-Laird."""
    table = read_sheet(example("bcg_vaccine.xlsx"))
    table = replace(table, excluded=MappingProxyType({**table.excluded, 3: "duplicate"}))
    spec = replace(PRESETS["revman-5"].apply(default_spec()), measure="OR")
    first = ProjectSheet(replace(table, name="First"), default_spec())
    sheets = (first, ProjectSheet(table, spec))
    return write_project(Project(sheets, active=1), tmp_path / "review.xlsx")


def analysed(capsys, saved, *words: str):
    out = saved.parent / "out"
    assert main(["analyse", str(saved), "--out", str(out), *words]) == 0
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found, capsys.readouterr().out


def test_the_saved_analysis_is_used_and_named(saved, capsys) -> None:
    found, said = analysed(capsys, saved)
    assert "Analysis of sheet 'Trials' as saved in 'review.xlsx'." in said
    assert found["measure"]["key"] == "OR"
    assert found["models"][0]["k"] == 12
    assert "RevMan 5" in json.dumps(found["settings"])


def test_words_change_the_saved_analysis_and_it_is_said(saved, capsys) -> None:
    found, said = analysed(capsys, saved, "--measure", "RR")
    assert "as saved in 'review.xlsx', changed as said here." in said
    assert found["measure"]["key"] == "RR"
    assert found["models"][0]["k"] == 12


def test_a_spec_file_takes_the_place_of_the_saved_analysis(saved, capsys, tmp_path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"measure": "RD"}), encoding="utf-8")
    found, said = analysed(capsys, saved, "--spec", str(spec))
    assert "as saved" not in said
    assert found["measure"]["key"] == "RD"


def test_another_sheet_is_analysed_as_saved_too(saved, capsys) -> None:
    found, said = analysed(capsys, saved, "--sheet", " first ")
    assert "sheet 'First' as saved" in said
    assert found["measure"]["key"] == "RR"


def test_a_sheet_that_was_not_saved_is_one_sentence(saved, capsys) -> None:
    assert main(["analyse", str(saved), "--sheet", "Nowhere", "--out", str(saved.parent)]) == 2
    assert "has no sheet 'Nowhere'; it has 'First', 'Trials'" in capsys.readouterr().err
