"""A project that is saved and read is the same project, and an ordinary workbook meanwhile."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from samples import AWKWARD, five_trials, one_sheet, projects

from metadesk.errors import FileProblem
from metadesk.project import Project, ProjectSheet
from metadesk.project.file import read_project, write_project
from metadesk.project.plain import (
    Damaged,
    migrated,
    project_plain,
    project_text,
    read_project_text,
)
from metadesk.project.project import HIDDEN
from metadesk.table import make_table

same_folder = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@given(projects())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_text_of_a_project_is_read_as_the_same_project(project) -> None:
    text = project_text(project)
    assert text.isascii()
    assert text == json.dumps(project_plain(project), separators=(",", ":"))
    again = read_project_text(text)
    assert again == project
    assert project_text(again) == text  # 1 stays 1, 1.0 stays 1.0, true stays true


@given(projects())
@same_folder
def test_a_saved_workbook_is_read_as_the_same_project(tmp_path, project) -> None:
    path = write_project(project, tmp_path / "project.xlsx")
    again = read_project(path)
    assert again == project
    assert again.remark == ""
    assert project_text(again) == project_text(project)


def test_a_workbook_from_elsewhere_is_no_project(tmp_path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Study", "Events"])
    book.create_sheet("metadesk").append(["my own notes"])
    book.save(tmp_path / "book.xlsx")
    assert read_project(tmp_path / "book.xlsx") is None


def test_worksheets_hold_clean_data_and_nothing_becomes_a_formula(tmp_path) -> None:
    table = make_table({"=Study": AWKWARD, "n": range(len(AWKWARD))}, name="A/B: [odd]")
    path = write_project(one_sheet(table), tmp_path / "p.xlsx")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["A B   odd", HIDDEN]
    sheet = book["A B   odd"]
    assert [cell.value for cell in sheet[1]] == ["=Study", "n"]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    assert [c.value for c in sheet["B"][1:]] == list(range(len(AWKWARD)))
    with zipfile.ZipFile(path) as package:
        assert not any(
            b"<f" in package.read(name) for name in package.namelist() if "worksheets" in name
        )


def test_rows_left_out_are_grey_and_the_rest_is_hidden_from_excel(tmp_path) -> None:
    book = openpyxl.load_workbook(write_project(one_sheet(), tmp_path / "p.xlsx"))
    sheet = book["Trials"]
    colours = [str(row[0].font.color and row[0].font.color.rgb) for row in sheet["A2:A6"]]
    assert [colour.endswith("808080") for colour in colours] == [False, False, False, True, False]
    assert sheet.max_column == 6
    assert book[HIDDEN].sheet_state == "veryHidden"
    longest = max(len(str(row[0])) for row in book[HIDDEN].iter_rows(values_only=True))
    assert longest <= 32_767


def test_a_large_project_is_cut_into_cells_that_excel_can_hold(tmp_path) -> None:
    words = tuple(f"  word {i} _x0041_ " * 5 for i in range(3000))
    project = one_sheet(make_table({"notes": words}, name="Notes"))
    path = write_project(project, tmp_path / "p.xlsx")
    rows = list(openpyxl.load_workbook(path)[HIDDEN].iter_rows(values_only=True))
    assert len(rows) > 5
    assert max(len(str(row[0])) for row in rows) <= 32_767
    assert read_project(path) == project


def test_the_sheet_in_front_is_in_front_in_excel_too(tmp_path) -> None:
    sheets = tuple(ProjectSheet(five_trials(n), one_sheet().sheets[0].spec) for n in "ABC")
    path = write_project(Project(sheets, active=2), tmp_path / "p.xlsx")
    assert openpyxl.load_workbook(path).active.title == "C"
    assert read_project(path).active == 2


def test_sheets_of_the_same_or_of_our_own_name_get_titles_of_their_own(tmp_path) -> None:
    names = ("Data", "data", "metadesk", "x" * 40, "x" * 41, "")
    spec = one_sheet().sheets[0].spec
    project = Project(tuple(ProjectSheet(five_trials(n), spec) for n in names))
    path = write_project(project, tmp_path / "p.xlsx")
    titles = openpyxl.load_workbook(path).sheetnames
    assert len({t.lower() for t in titles}) == 7
    assert all(0 < len(t) <= 31 for t in titles)
    assert read_project(path) == project


# -- versions and damage --------------------------------------------------------------------------


def test_a_newer_version_is_refused_with_one_sentence(tmp_path) -> None:
    plain = project_plain(one_sheet()) | {"version": 99, "app_version": "9.9"}
    with pytest.raises(FileProblem, match=r"saved by metadesk 9\.9.*Update metadesk"):
        read_project_text(json.dumps(plain))


def test_older_forms_are_brought_up_to_date_one_version_after_the_other() -> None:
    steps = {1: lambda p: p | {"trail": "one"}, 2: lambda p: p | {"trail": p["trail"] + " two"}}
    assert migrated({"version": 1}, steps, 3) == {"version": 3, "trail": "one two"}


@pytest.mark.parametrize(
    "change",
    [
        {"sheets": []},
        {"active": 7},
        {"version": "x"},
        {"sheets": [{"name": "a"}]},
        {"source": {"name": "a", "run": "rm"}},
    ],
)
def test_damaged_text_is_said_to_be_damaged(change) -> None:
    with pytest.raises(Damaged):
        read_project_text(json.dumps(project_plain(one_sheet()) | change))


def test_a_damaged_hidden_sheet_costs_the_roles_but_not_the_data(tmp_path) -> None:
    path = write_project(one_sheet(), tmp_path / "p.xlsx")
    book = openpyxl.load_workbook(path)
    book[HIDDEN]["A3"] = ":{broken:"
    book.save(path)
    again = read_project(path)
    assert again.sheets[0].table.column("Study").cells == five_trials().column("Study").cells
    assert "damaged" in again.remark


def test_a_request_that_cannot_be_read_starts_anew_and_says_so() -> None:
    plain = project_plain(one_sheet())
    plain["sheets"][0]["spec"]["level"] = 7
    again = read_project_text(json.dumps(plain))
    assert again.sheets[0].table == five_trials()
    assert "starts anew" in again.remark


def test_a_failed_save_leaves_the_older_file_unharmed(tmp_path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    path = write_project(one_sheet(), folder / "p.xlsx")
    before = path.read_bytes()
    with pytest.raises(FileProblem, match="does not exist"):
        write_project(one_sheet(), tmp_path / "nowhere" / "p.xlsx")
    with pytest.raises(FileProblem, match="is a folder"):
        write_project(one_sheet(), folder)
    assert path.read_bytes() == before
    assert [p.name for p in folder.iterdir()] == ["p.xlsx"]


# -- changed in Excel meanwhile -------------------------------------------------------------------


def edited(tmp_path: Path, change) -> Project:
    """Save five trials, change the workbook as a spreadsheet would, and read it."""
    path = write_project(one_sheet(), tmp_path / "p.xlsx")
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)
    again = read_project(path)
    assert again is not None
    return again


def test_a_cell_typed_in_excel_wins_and_is_told(tmp_path) -> None:
    def change(book):
        book["Trials"]["C2"] = 5

    again = edited(tmp_path, change)
    sheet = again.sheets[0]
    assert sheet.table.column("Events 1").cells == (5, 6, 3, 62, 33)
    assert sheet.table.roles == five_trials().roles
    assert sheet.table.excluded == {3: "duplicate population"}
    assert sheet.spec == one_sheet().sheets[0].spec
    assert "in 'Trials' 1 cell changed" in again.remark


def test_sorted_rows_keep_their_ids_and_reasons(tmp_path) -> None:
    def change(book):
        sheet = book["Trials"]
        rows = sorted(sheet.iter_rows(min_row=2, values_only=True), key=lambda r: r[0])
        for at, row in enumerate(rows, 2):
            for c, value in enumerate(row, 1):
                sheet.cell(at, c).value = value

    again = edited(tmp_path, change)
    table = again.sheets[0].table
    assert table.row_ids == (0, 1, 4, 3, 2)
    assert table.label(3) == "Hart 1977"
    assert table.excluded == {3: "duplicate population"}
    assert "another order" in again.remark


def test_rows_put_in_and_taken_out_are_told_apart(tmp_path) -> None:
    def change(book):
        sheet = book["Trials"]
        sheet.delete_rows(2)
        sheet.append(["Newman", 2001, 1, 50, 4, 51])

    again = edited(tmp_path, change)
    table = again.sheets[0].table
    assert table.row_ids == (1, 2, 3, 4, 5)
    assert table.excluded == {3: "duplicate population"}
    assert "1 row added, 1 row removed" in again.remark


def test_columns_are_found_again_by_name(tmp_path) -> None:
    def change(book):
        sheet = book["Trials"]
        sheet.delete_cols(2)
        sheet.insert_cols(1)
        for at, value in enumerate(["Country", "US", "US", "UK", "FR", "NO"], 1):
            sheet.cell(at, 1).value = value

    again = edited(tmp_path, change)
    table = again.sheets[0].table
    assert [c.name for c in table.columns][:2] == ["Country", "Study"]
    assert table.roles["ai"] == "Events 1"
    assert table.excluded == {3: "duplicate population"}
    assert "column 'Country' added, column 'Year' removed" in again.remark


def test_a_title_above_the_header_does_no_harm(tmp_path) -> None:
    def change(book):
        book["Trials"].insert_rows(1)
        book["Trials"]["A1"] = "All trials up to May"

    again = edited(tmp_path, change)
    assert again.sheets[0].table == five_trials()


def test_a_renamed_sheet_keeps_its_analysis_and_a_new_one_is_added(tmp_path) -> None:
    def change(book):
        book["Trials"].title = "RCTs"
        new = book.create_sheet("Second")
        for row in (["Study", "Mean"], ["A", 1.5], ["B", 2.5]):
            new.append(row)

    again = edited(tmp_path, change)
    assert [s.table.name for s in again.sheets] == ["RCTs", "Second"]
    assert again.sheets[0].spec == replace(one_sheet().sheets[0].spec, sheet="RCTs")
    assert "now called 'RCTs'; sheet 'Second' is new" in again.remark


def test_a_row_written_anew_does_not_inherit_the_reason(tmp_path) -> None:
    def change(book):
        for at, value in enumerate(["Newman", 2001, 1, 50, 4, 51], 1):
            book["Trials"].cell(5, at).value = value

    table = edited(tmp_path, change).sheets[0].table
    assert table.excluded == {}
    assert table.row_ids == (0, 1, 2, 5, 4)


def test_another_table_in_its_place_is_read_anew(tmp_path) -> None:
    def change(book):
        sheet = book["Trials"]
        sheet.delete_rows(1, 20)
        for row in (["Author", "Mean"], ["A", 1.5], ["B", 2.5]):
            sheet.append(row)

    again = edited(tmp_path, change)
    table = again.sheets[0].table
    assert table.with_role("study").cells == ("A", "B")
    assert table.excluded == {}


def test_a_spreadsheet_that_keeps_fifteen_digits_changes_nothing(tmp_path) -> None:
    table = make_table({"x": (8.033333333333335, 9.133333333333335, 1 / 3)}, name="Numbers")
    path = write_project(one_sheet(table), tmp_path / "p.xlsx")
    book = openpyxl.load_workbook(path)
    for at, value in enumerate((8.03333333333334, 9.13333333333334, 0.333333333333333), 2):
        book["Numbers"].cell(at, 1).value = value
    book.save(path)
    again = read_project(path)
    assert again.sheets[0].table == table
    assert again.remark == ""


def test_headers_and_rows_left_out_stay_text_too(tmp_path):
    from metadesk.analysis.presets import default_spec

    table = replace(
        make_table({"=Study": ["+Ada", "-Bea"], "@n": [1, 2]}, {"=Study": "study"}),
        excluded={0: "old"},
    )
    path = tmp_path / "p.xlsx"
    write_project(Project((ProjectSheet(table, default_spec(), {}),)), path)
    sheet = openpyxl.load_workbook(path).worksheets[0]
    cells = [sheet[place] for place in ("A1", "B1", "A2", "A3")]
    assert [c.value for c in cells] == ["=Study", "@n", "+Ada", "-Bea"]
    assert all(c.data_type == "s" and c.quotePrefix for c in cells)
