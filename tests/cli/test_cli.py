"""The program without a window: what it writes, what it says, and how it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import openpyxl
import pytest

from metadesk.__main__ import main
from metadesk.analysis.presets import PRESETS
from metadesk.models.meta import MODELS
from metadesk.resources import example

BCG = example("bcg_vaccine.xlsx")


def refused(capsys, *words: str) -> str:
    assert main(["analyse", *words]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("metadesk: ")
    assert "Traceback" not in said
    assert "\n" not in said
    return said


def test_analyse_writes_numbers_workbook_and_figures_and_says_where(tmp_path, capsys) -> None:
    out = tmp_path / "new" / "folder"
    assert main(["analyse", str(BCG), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    names = {p.name for p in out.iterdir()}
    assert {"results.json", "results.xlsx", "forest.png", "forest.svg", "forest.pdf"} <= names
    assert all(name in said for name in names)
    assert "0.49" in said
    assert "13 studies" in said


def test_the_command_may_be_spelt_the_american_way(tmp_path, capsys) -> None:
    assert main(["analyze", str(BCG), "--out", str(tmp_path)]) == 0
    assert "13 studies" in capsys.readouterr().out


def test_advice_is_given_on_the_command_line_as_in_the_window(tmp_path, capsys) -> None:
    main(["analyse", str(BCG), "--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert "Advice:\n  Fixed effect (0.65) and random effects (0.49) disagree" in said
    sheet = tmp_path / "several.csv"
    rows = [f"S{i},{'ABC'[i % 3]},{i / 10},0.05" for i in range(9)]
    sheet.write_text("\n".join(["key,area,yi,vi", *rows]), encoding="utf-8")
    main(["analyse", str(sheet), "--role", "cluster=area", "--out", str(tmp_path)])
    assert "studies give more than one effect" in capsys.readouterr().out


def test_the_json_holds_every_number_at_full_precision(tmp_path) -> None:
    main(["analyse", str(BCG), "--out", str(tmp_path)])
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    text = json.dumps(found)
    assert found["version"] >= 1
    assert "-0.71453234" in text
    assert "REML" in text


def test_the_workbook_has_its_five_sheets(tmp_path) -> None:
    main(["analyse", str(BCG), "--out", str(tmp_path)])
    book = openpyxl.load_workbook(tmp_path / "results.xlsx")
    assert book.sheetnames == ["Results", "Studies", "Heterogeneity", "Settings", "Figures"]


@pytest.mark.parametrize(
    ("words", "tau2"),
    [
        (["--tau2", "REML"], 0.313243258136),
        (["--tau2", "DL"], 0.308760262862),
        (["--tau2", "PM"], 0.318068452205),
    ],
)
def test_options_on_the_command_line_change_the_number(tmp_path, words, tau2) -> None:
    main(["analyse", str(BCG), "--measure", "RR", *words, "--out", str(tmp_path)])
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert str(tau2)[:11] in text


def test_a_spec_file_and_the_same_options_give_the_same_numbers(tmp_path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(
        json.dumps({"measure": "OR", "model": "random",
                    "model_options": dict(PRESETS["revman-5"].model_options),
                    "preset": "revman-5"}),
        encoding="utf-8",
    )  # fmt: skip
    assert main(["analyse", str(BCG), "--spec", str(spec), "--out", str(tmp_path / "a")]) == 0
    words = ["--measure", "OR", "--preset", "revman-5", "--out", str(tmp_path / "b")]
    assert main(["analyse", str(BCG), *words]) == 0
    first, second = (
        json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8")) for name in "ab"
    )
    assert first["models"] == second["models"]


def test_a_study_left_out_is_named_with_its_reason(tmp_path) -> None:
    from metadesk.formats import read_sheet

    label = read_sheet(BCG).labels()[0]
    words = ["--exclude", f"{label}=duplicate population", "--out", str(tmp_path)]
    assert main(["analyse", str(BCG), *words]) == 0
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert "duplicate population" in text


def test_a_file_that_is_not_there_is_one_sentence(capsys, tmp_path) -> None:
    assert "none.xlsx" in refused(capsys, "none.xlsx", "--out", str(tmp_path))


def test_wrong_words_are_one_sentence_that_helps(capsys, tmp_path) -> None:
    out = ["--out", str(tmp_path)]
    assert "no measure 'ORR'" in refused(capsys, str(BCG), "--measure", "ORR", *out)
    assert "no model 'randm'" in refused(capsys, str(BCG), "--model", "randm", *out)
    assert "tau2" in refused(capsys, str(BCG), "--tau2", "RMLE", *out)
    assert "no column 'tpos'" in refused(capsys, str(BCG), "--role", "ai=tpos", *out)
    assert "NAME=VALUE" in refused(capsys, str(BCG), "--option", "tau2", *out)
    assert "such as 0.95" in refused(capsys, str(BCG), "--level", "95", *out)
    assert "no study 'X'" in refused(capsys, str(BCG), "--exclude", "X=y", *out)


def test_what_the_model_cannot_use_is_one_sentence(capsys, tmp_path) -> None:
    out = ["--out", str(tmp_path)]
    assert "no column 'nope'" in refused(capsys, str(BCG), "--subgroup", "nope", *out)
    assert "no moderators" in refused(capsys, str(BCG), "--moderators", "~ Latitude", *out)
    mixed = ["--model", "mixed", "--moderators"]
    assert "'nope'" in refused(capsys, str(BCG), *mixed, "~ nope", *out)
    assert "cannot be read" in refused(capsys, str(BCG), *mixed, "~ (", *out)
    assert "no option 'foo'" in refused(capsys, str(BCG), "--option", "foo=1", *out)
    assert not list(tmp_path.iterdir())


def test_words_that_are_no_command_are_one_sentence(capsys) -> None:
    assert "required: --out" in refused(capsys, str(BCG))
    assert "'abc'" in refused(capsys, str(BCG), "--level", "abc", "--out", "x")
    assert main(["list", "nonsense"]) == 2
    assert "'measures'" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others always have a display")
def test_without_a_display_the_window_says_so_in_one_sentence(root) -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    bare = {k: v for k, v in os.environ.items() if k not in hidden}
    command = [sys.executable, "-m", "metadesk", str(BCG)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=bare)
    assert done.returncode == 2
    assert "no display" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_sheet_that_is_not_there_names_those_that_are(capsys, tmp_path) -> None:
    said = refused(capsys, str(BCG), "--sheet", "Nope", "--out", str(tmp_path))
    assert "Nope" in said


def test_a_folder_that_cannot_be_made_is_one_sentence(capsys, tmp_path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert "cannot be made" in refused(capsys, str(BCG), "--out", str(tmp_path / "file" / "x"))


@pytest.mark.parametrize("what", ["measures", "models", "checks", "plots", "presets"])
def test_every_catalogue_can_be_listed(what, capsys) -> None:
    assert main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert what == "measures" or all(len(line.split()) >= 3 for line in lines)


@pytest.mark.parametrize("option", ["--exclude", "--route", "--adjust"])
def test_half_a_name_is_answered_with_the_studies_that_bear_it(capsys, tmp_path, option) -> None:
    said = refused(capsys, str(BCG), option, "Comstock=swap", "--out", str(tmp_path / "x"))
    assert "There is no study 'Comstock'. Did you mean 'Comstock et al 1974' or" in said
    other = refused(capsys, str(BCG), option, "Zed=swap", "--out", str(tmp_path / "x"))
    assert "'Comstock & Webster 1969' and 1 more." in other
    assert "TB cases" not in other


def test_without_a_word_the_lists_are_named(capsys) -> None:
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert all(what in said for what in ("measures", "conversions", "adjustments", "presets"))


@pytest.mark.parametrize("what", ["checks", "models", "plots", "presets"])
def test_keys_titles_and_sentences_of_a_list_stand_apart(what, capsys) -> None:
    from metadesk.listing import _entries

    main(["list", what])
    lines = capsys.readouterr().out.splitlines()
    for (key, title, sentence), line in zip(_entries(what), lines, strict=True):
        assert line.startswith(f"{key}  ")
        assert f"  {title}  " in line
        assert line.endswith(sentence)


def test_the_options_of_every_model_are_listed_with_what_they_may_be(capsys) -> None:
    assert main(["list", "options"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {entry.key for entry in MODELS}
    assert any(line.startswith("scale") and "link=log|identity" in line for line in lines)


def test_what_is_wrong_in_the_sheet_is_said_after_the_result(tmp_path, capsys) -> None:
    book = tmp_path / "bad.csv"
    book.write_text(
        "Study,e1,n1,e2,n2\nAdams,3,50,7,52\nBaker,8,61,9,60\nChen,99,60,12,61\n"
        "Dietz,5,40,,41\nEck,4,44,,45\n",
        encoding="utf-8",
    )
    assert main(["analyse", str(book), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "Must be mended:\n  Row 3 (Chen): events in the treated group, 99, exceed" in said
    assert "Worth a look:\n  Row 4 (Dietz) has no effect yet. 'e2' would give" in said
    assert "(1 more like it)" in said


def test_cells_are_checked_in_the_roles_that_the_words_give(tmp_path, capsys) -> None:
    table = tmp_path / "sheet.csv"
    table.write_text(
        "Study,x,m,y,k\nA,4,123,11,139\nB,6,306,29,303\nC,four,60,9,61\nD,4%,60,9,61\n",
        encoding="utf-8",
    )
    roles = [w for r in ("ai=x", "n1i=m", "ci=y", "n2i=k") for w in ("--role", r)]
    words = ["analyse", str(table), "--measure", "OR", *roles, "--out", str(tmp_path / "o")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "2 studies (2 left out)" in said
    assert "Row 3 (C), x: 'four' is not a number." in said
    assert "'4%', is a percentage and is not used." in said


def test_measures_are_listed_with_formula_needs_and_options(capsys) -> None:
    from metadesk.effects import MEASURES

    assert main(["list", "measures"]) == 0
    said = capsys.readouterr().out
    for measure in MEASURES:
        assert f"  {measure.key:<8}{measure.title}. " in said
        assert measure.formula in said
        assert measure.family in said
    assert "ai n1i ci n2i" in said
    assert "to=only0|all|if0all|none" in said


def test_dependence_plain_numbers_and_routes_can_be_given_in_words(tmp_path) -> None:
    table = tmp_path / "two.csv"
    table.write_text(
        "Study,ai,n1i,ci,n2i,OR,lower,upper\n"
        "A,4,123,11,139,0.8,0.4,1.6\nB,5,60,9,61,,,\nB,7,60,9,61,,,\n",
        encoding="utf-8",
    )
    words = ["analyse", str(table), "--measure", "OR", "--out", str(tmp_path / "out")]
    roles = ("ai", "n1i", "ci", "n2i", "est=OR", "lower", "upper", "study=Study")
    for role in roles:
        words += ["--role", role if "=" in role else f"{role}={role}"]
    words += ["--dependence", "use=combine", "--dependence", "rho=0.6"]
    words += ["--plain", "baseline=0.2", "--route", "A=est_ci"]
    assert main(words) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert found["spec"]["dependence"] == {"use": "combine", "rho": 0.6}
    assert [s["used"] for s in found["studies"]] == [True, True, False]
    assert found["studies"][0]["effect"] == pytest.approx(0.8)
    assert found["studies"][0]["route"] == "est_ci"
    plain = next(t for t in found["tables"] if t["key"] == "plain")
    assert plain["rows"][1]["value"] == pytest.approx(200.0)


def test_the_command_line_does_not_load_the_window(root, tmp_path) -> None:
    code = (
        "import sys; from metadesk.__main__ import main;"
        f"main(['analyse', {str(BCG)!r}, '--out', {str(tmp_path)!r}]);"
        "print('PySide6.QtWidgets' in sys.modules, 'scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False False"


def test_notes_under_the_table_are_not_counted_as_studies_left_out(tmp_path, capsys) -> None:
    main(["analyse", str(BCG), "--out", str(tmp_path)])
    assert "left out" not in capsys.readouterr().out


def test_a_model_with_moderators_is_not_summed_up_as_one_pooled_effect(tmp_path, capsys) -> None:
    words = ["--model", "mixed", "--moderators", "~ Latitude", "--out", str(tmp_path)]
    assert main(["analyse", str(BCG), *words]) == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert "residual τ² = 0.076" in said
    assert "76% of τ² explained" in said
    assert "risk ratio" not in said


LONG = """Study,Outcome,e1,n1,e2,n2
Adams,Fever,3,50,7,52
Baker,Fever,8,61,9,60
Chen,Fever,9,60,12,61
Adams,Cough,30,50,17,52
Baker,Cough,28,61,19,60
"""


def test_an_outcome_of_a_long_sheet_is_chosen_by_name_and_the_others_are_named(
    tmp_path, capsys
) -> None:
    book = tmp_path / "long.csv"
    book.write_text(LONG, encoding="utf-8")
    words = ["analyse", str(book), "--out", str(tmp_path)]
    assert main(words) == 0
    assert "Outcome 'Fever'. Others: 'Cough'." in capsys.readouterr().out
    assert main([*words, "--outcome", "cough"]) == 0
    assert "Outcome 'Cough'. Others: 'Fever'." in capsys.readouterr().out
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert found["outcome"] == "Cough"
    assert [s["used"] for s in found["studies"]] == [False, False, False, True, True]
    assert "no outcome 'Pain'; the sheet has 'Fever', 'Cough'" in refused(
        capsys, *words[1:], "--outcome", "Pain"
    )


def test_an_outcome_side_by_side_with_others_is_chosen_by_its_words(tmp_path, capsys) -> None:
    book = tmp_path / "wide.csv"
    book.write_text(
        "ID,mi_pain,sdi_pain,ni_pain,mc_pain,sdc_pain,nc_pain,"
        "mi_sleep_3m,sdi_sleep_3m,ni_sleep_3m,mc_sleep_3m,sdc_sleep_3m,nc_sleep_3m\n"
        "A,5,1,20,6,1,20,8,2,19,7,2,18\nB,4,1,30,6,1,31,9,2,29,8,2,30\n",
        encoding="utf-8",
    )
    words = ["analyse", str(book), "--out", str(tmp_path)]
    assert main([*words, "--outcome", "Sleep 3m"]) == 0
    assert "Others: 'pain'." in capsys.readouterr().out
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert found["studies"][0]["data"]["m1i"] == 8
    assert "the sheet has 'pain', 'sleep 3m'" in refused(capsys, *words[1:], "--outcome", "x")


def test_compound_cells_are_split_when_asked_and_named_when_not(tmp_path, capsys) -> None:
    book = tmp_path / "cells.csv"
    book.write_text(
        "Study,HR (95% CI)\nA,0.85 [0.70; 1.03]\nB,0.70 (0.49-1.00)\nC,1.20 [0.90; 1.60]\n",
        encoding="utf-8",
    )
    words = ["analyse", str(book), "--out", str(tmp_path)]
    assert main(words) == 2
    assert "Cells of 'HR (95% CI)' hold several numbers; --split all" in capsys.readouterr().out
    assert main([*words, "--split", "HR (95% CI)"]) == 0
    assert "3 studies, random effects: hazard ratio" in capsys.readouterr().out
    assert "no column 'OR' to split; the sheet has 'Study'" in refused(
        capsys, *words[1:], "--split", "OR"
    )
    assert "cannot be split" in refused(capsys, *words[1:], "--split", "Study")


def test_rows_can_be_adjusted_first(tmp_path, capsys):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "Study,ai,n1i,ci,n2i\nChen,12,60,18,58\nDiaz,6,40,10,50\nDiaz,3,30,10,50\n",
        encoding="utf-8",
    )
    words = ["analyse", str(sheet), "--measure", "OR", "--out", str(tmp_path / "out")]
    words += ["--adjust", "Chen=cluster,cluster_size=21,icc=0.05", "--adjust", "Diaz=combine1"]
    assert main(words) == 0
    (found,) = (tmp_path / "out").glob("*.json")
    studies = json.loads(found.read_text(encoding="utf-8"))["studies"]
    assert studies[0]["data"]["n1i"] == 30
    assert studies[0]["steps"][0]["key"] == "cluster"
    assert studies[1]["data"]["ai"] == 9
    assert studies[2]["reason"] == "Combined with row 2"
    assert main([*words[:-4], "--adjust", "Chen=cluster,icc=0.05"]) == 2
    assert "needs cluster_size" in capsys.readouterr().err


def test_adjustments_and_conversions_are_listed(capsys):
    assert main(["list", "adjustments"]) == 0
    said = capsys.readouterr().out
    assert "cluster_size=Mean cluster size m" in said
    assert "combine1" in said
    assert main(["list", "conversions"]) == 0
    assert "se1i n1i → sd1i" in capsys.readouterr().out


def test_shared_groups_types_and_times_can_be_told_in_words(tmp_path):
    table = tmp_path / "arms.csv"
    table.write_text(
        "Study,2,vs,n1,n2,yi,vi\nA,low,p,30,60,-0.3,0.04\nA,high,p,32,60,-0.45,0.0441\n"
        "B,low,p,50,50,-0.1,0.03\n",
        encoding="utf-8",
    )
    words = ["analyse", str(table), "--measure", "GEN", "--out", str(tmp_path / "out")]
    for role in ("study=Study", "yi=yi", "vi=vi"):
        words += ["--role", role]
    for said in ("use=combine", "why=control", "group1=2", "group2=vs", "size1=n1", "size2=n2"):
        words += ["--dependence", said]
    assert main(words) == 0
    study = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))["studies"][0]
    share = (1 / 60) / ((1 / 30 + 1 / 60) * (1 / 32 + 1 / 60)) ** 0.5
    c = share * 0.2 * 0.21
    assert study["vi"] == pytest.approx((0.04 * 0.0441 - c**2) / (0.04 + 0.0441 - 2 * c))


def test_a_small_difference_is_told_with_digits_that_show_its_interval(tmp_path, capsys) -> None:
    main(["analyse", str(BCG), "--measure", "RD", "--model", "mh", "--out", str(tmp_path)])
    assert "risk difference −0.0033 95% CI [−0.0039, −0.0027]" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--bogus"], ["-platform", "offscreen", "--bogus"]])
def test_an_unknown_option_is_refused_rather_than_opening_the_window(capsys, words) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("metadesk: There is no option '--bogus'.")
    assert "\n" not in said


def test_options_of_qt_and_their_values_are_neither_unknown_nor_files() -> None:
    from metadesk.gui.app import _own_words

    words = ["-platform", "offscreen", "-style=fusion", "--reverse", "trials.xlsx"]
    assert _own_words(words) == ["trials.xlsx"]
