from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest

from metadesk.analysis.engine import run
from metadesk.analysis.trial_spec import TrialSpec
from metadesk.cli import run_command
from metadesk.formats import read_sheet
from metadesk.resources import example


def test_a_trial_sheet_is_analysed_by_guess(tmp_path, capsys):
    path = example("nof1_gabapentin.xlsx")
    assert run_command(["analyse", str(path), "--out", str(tmp_path)]) == 0
    expected = run(TrialSpec(), read_sheet(path))
    assert "Series of N-of-1 trials" in capsys.readouterr().out
    plain = json.loads((tmp_path / "results.json").read_text())
    assert plain["effect"]["value"] == pytest.approx(expected.effect.value)
    assert "Subjects" in openpyxl.load_workbook(tmp_path / "results.xlsx").sheetnames
    for ending in ("png", "svg", "pdf"):
        assert (tmp_path / f"persons-forest.{ending}").stat().st_size > 1000


def test_a_spec_file_for_trial_rows(tmp_path):
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"kind": "trial", "outcome": "Sleep", "df": "satterthwaite"}))
    path = example("nof1_gabapentin.xlsx")
    assert run_command(["analyse", str(path), "--spec", str(spec), "--out", str(tmp_path)]) == 0
    plain = json.loads((tmp_path / "results.json").read_text())
    assert plain["spec"]["outcome"] == "Sleep"
    assert "Satterthwaite" in plain["model"]["method"]


def test_options_of_a_trial_on_the_command_line(tmp_path, capsys):
    path = str(example("crossover_enuresis.xlsx"))
    words = ["analyse", path, "--option", "reference=Drug", "--level", "0.9"]
    assert run_command([*words, "--out", str(tmp_path)]) == 0
    assert "Placebo − Drug −2.04 90% CI" in capsys.readouterr().out
    assert run_command(["analyse", path, "--option", "magic=1", "--out", str(tmp_path)]) == 2
    assert "no option 'magic'" in capsys.readouterr().err


def test_the_command_line_says_planned_periods_without_an_outcome(tmp_path, capsys):
    path = Path(__file__).parents[1] / "reference" / "trials" / "data" / "copd_missing.csv"
    assert run_command(["analyse", str(path), "--out", str(tmp_path)]) == 0
    assert "planned periods have no outcome" in capsys.readouterr().out
