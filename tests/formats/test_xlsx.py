from __future__ import annotations

import datetime

import pytest

from metadesk.errors import FileProblem
from metadesk.formats import read_sheet, read_workbook, sheet_names
from metadesk.table.validate import validate

ROWS = [
    ["Study", "Year", "e1", "n1", "e2", "n2"],
    ["Ada", 2001, 3, 50, 7, 52],
    ["Bea", 2002, 8, 61, 9, 60],
    ["Che", 2003, 12, 80, 20, 78],
]


def test_whole_numbers_stay_whole(workbook):
    table = read_sheet(workbook(ROWS))
    assert table.column("n1").cells == (50, 61, 80)
    assert all(type(v) is int for v in table.column("n1").cells)
    assert table.name == "Data"


def test_titles_and_blank_rows_above_the_header_are_skipped(workbook):
    above = [["Extraction sheet of the review", *[None] * 5], ["version 3"], []]
    table = read_sheet(workbook([*above, *ROWS]))
    assert [c.name for c in table.columns] == ROWS[0]
    assert table.n_rows == 3


def test_a_merged_header_of_two_levels_is_joined(workbook):
    rows = [
        ["BCG trials"],
        [],
        ["Study", "Year", "Intervention", None, "Control", None],
        [None, None, "Events", "Total", "Events", "Total"],
        *ROWS[1:],
    ]
    merge = ("A3:A4", "B3:B4", "C3:D3", "E3:F3")
    table = read_sheet(workbook(rows, merge=merge))
    assert [c.name for c in table.columns] == [
        "Study",
        "Year",
        "Intervention / Events",
        "Intervention / Total",
        "Control / Events",
        "Control / Total",
    ]
    assert table.roles["ai"] == "Intervention / Events"
    assert table.n_rows == 3


def test_a_header_of_two_levels_without_merged_cells_is_joined(workbook):
    rows = [
        [None, None, "Intervention", None, "Control", None],
        ["Study", "Year", "Events", "Total", "Events", "Total"],
        *ROWS[1:],
    ]
    table = read_sheet(workbook(rows))
    assert table.roles["n2i"] == "Control / Total"
    assert table.columns[0].name == "Study"


def test_totals_and_notes_are_kept_but_excluded_with_a_reason(workbook):
    rows = [
        *ROWS,
        ["Total (95% CI)", None, 23, 191, 36, 190],
        [],
        ["Note: events are deaths from any cause."],
        ["a) after 12 months"],
    ]
    table = read_sheet(workbook(rows))
    assert table.n_rows == 6
    assert dict(table.excluded) == {
        3: "Subtotal row",
        4: "Note under the table",
        5: "Note under the table",
    }


def test_a_study_that_still_waits_for_its_numbers_is_no_note(workbook):
    table = read_sheet(workbook([*ROWS, ["Dow"]]))
    assert table.n_rows == 4
    assert not table.excluded


def test_a_study_called_after_a_total_is_no_subtotal(workbook):
    table = read_sheet(workbook([*ROWS, ["Total knee group", 2004, 1, 10, 2, 10]]))
    assert not table.excluded


def test_unnamed_and_equal_headers_become_unique_and_empty_columns_go(workbook):
    rows = [
        ["Study", "n", "n", None, None, None],
        ["Ada", 1, 2, None, "remark", None],
        ["Bea", 3, 4, None, None, None],
    ]
    table = read_sheet(workbook(rows))
    assert [c.name for c in table.columns] == ["Study", "n", "n (2)", "Column E"]


def test_a_sheet_without_a_header_gets_letters(workbook):
    table = read_sheet(workbook([[1, "Ada", 3.5], [2, "Bea", 4.5], [3, "Che", 5.5]]))
    assert [c.name for c in table.columns] == ["Column A", "Column B", "Column C"]
    assert table.n_rows == 3


def test_a_used_range_of_a_million_rows_is_trimmed(tmp_path):
    from openpyxl import Workbook
    from openpyxl.styles import PatternFill

    book = Workbook()
    sheet = book.active
    for row in ROWS:
        sheet.append(row)
    sheet["XFD1048576"].fill = PatternFill("solid", fgColor="FFFF00")
    path = tmp_path / "huge.xlsx"
    book.save(path)
    table = read_sheet(path)
    assert (table.n_rows, len(table.columns)) == (3, 6)


def test_dates_stay_text_and_are_reported(workbook):
    rows = [["Study", "g", "SE"], ["Ada", datetime.date(2024, 5, 16), 0.2], ["Bea", 0.3, 0.1],
            ["Che", 0.4, 0.2], ["Dow", 0.2, 0.2], ["Eck", 0.5, 0.3]]  # fmt: skip
    table = read_sheet(workbook(rows))
    assert table.column("g").cells[0] == "2024-05-16"
    assert [p.code for p in validate(table)] == ["date"]


def test_formulas_without_a_stored_result_are_kept_and_said(workbook):
    path = workbook([*ROWS, ["Dow", 2004, "=C2+C3", 90, 4, 91]])
    table = read_sheet(path)
    assert table.column("e1").cells[3] == "=C2+C3"
    assert [p.code for p in validate(table)] == ["formula", "reading"]
    (sheet,) = read_workbook(path).sheets
    assert "C5" in sheet.remarks[0]


def test_error_cells_are_kept_as_text(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    for row in ROWS:
        sheet.append(row)
    sheet["C3"] = "#DIV/0!"
    assert sheet["C3"].data_type == "e"
    path = tmp_path / "errors.xlsx"
    book.save(path)
    table = read_sheet(path)
    assert table.column("e1").cells[1] == "#DIV/0!"
    assert [p.code for p in validate(table)] == ["error_value"]


def test_hidden_sheets_are_not_offered_and_hidden_rows_are_said(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    notes = book.active
    notes.title = "Lists"
    notes.append(["low", "high"])
    notes.sheet_state = "hidden"
    data = book.create_sheet("Data")
    for row in ROWS:
        data.append(row)
    data.row_dimensions[3].hidden = True
    data.column_dimensions["B"].hidden = True
    path = tmp_path / "hidden.xlsx"
    book.save(path)
    assert sheet_names(path) == ("Data",)
    assert read_sheet(path).name == "Data"
    read = read_workbook(path)
    assert [s.name for s in read.visible] == ["Data"]
    assert len(read.sheets[1].remarks) == 2
    assert read_sheet(path, "lists").n_rows == 0


def test_the_sheet_with_effect_data_is_taken(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    about = book.active
    about.append(["About", "this review"])
    about.append(["Made by", "us"])
    data = book.create_sheet("Data")
    for row in ROWS:
        data.append(row)
    path = tmp_path / "two.xlsx"
    book.save(path)
    assert read_sheet(path).name == "Data"
    assert sheet_names(path) == ("Sheet", "Data")


def test_an_unknown_sheet_is_named_with_those_there_are(workbook):
    path = workbook(ROWS)
    with pytest.raises(FileProblem, match=r"no sheet 'Mortality'; it has 'Data'"):
        read_sheet(path, "Mortality")
    assert read_sheet(path, " data ").n_rows == 3


def test_a_missing_file_a_folder_and_an_empty_file_are_said(tmp_path):
    with pytest.raises(FileProblem, match="There is no file"):
        read_sheet(tmp_path / "nothing.xlsx")
    with pytest.raises(FileProblem, match="is a folder"):
        read_sheet(tmp_path)
    (tmp_path / "zero.xlsx").touch()
    with pytest.raises(FileProblem, match="0 bytes"):
        read_sheet(tmp_path / "zero.xlsx")


def test_a_workbook_without_cells_is_empty(workbook):
    with pytest.raises(FileProblem, match="is empty"):
        read_sheet(workbook([]))


def test_what_only_calls_itself_a_workbook_is_refused(tmp_path):
    web = tmp_path / "export.xlsx"
    web.write_text("<html><table></table></html>")
    with pytest.raises(FileProblem, match="not an Excel workbook"):
        read_sheet(web)
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04" + b"\x00" * 50)
    with pytest.raises(FileProblem, match="cannot be read as a workbook"):
        read_sheet(broken)


def test_a_protected_workbook_says_how_to_open_it(tmp_path):
    locked = tmp_path / "secret.xlsx"
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 500
    locked.write_bytes(head + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(FileProblem, match="protected by a password"):
        read_sheet(locked)


def test_a_file_that_may_not_be_read_is_said_to_be_locked(workbook, monkeypatch):
    from pathlib import Path

    path = workbook(ROWS)

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileProblem, match="locked by another program"):
        read_sheet(path)


def test_a_cell_merged_over_several_rows_counts_for_each_of_them(workbook):
    rows = [
        ["Study", "Arm", "e1", "n1", "e2", "n2"],
        ["Ada 2001", "10 mg", 3, 50, 7, 52],
        [None, "20 mg", 4, 51, None, None],
        ["Bea 2002", "10 mg", 8, 61, 9, 60],
        ["Note: merged", None, None, None, None, None],
        [None, None, None, None, None, None],
    ]
    table = read_sheet(workbook(rows, merge=("A2:A3", "E2:E3", "F2:F3", "A5:F6")))
    assert table.column("Study").cells[:3] == ("Ada 2001", "Ada 2001", "Bea 2002")
    assert table.column("n2").cells[:3] == (52, 52, 60)
    assert table.n_rows == 4
    assert table.remarks == (
        "Cells merged over several rows (A2, E2, F2) count for each of these rows.",
    )
    assert "reading" in {p.code for p in validate(table)}


def test_what_the_reader_assumed_is_said_among_the_notes(tmp_path):
    path = tmp_path / "comma.csv"
    path.write_text("Study;g;SE\nAda;0,5;0,1\nBea;0,25;0,125\n")
    said = [p.sentence for p in validate(read_sheet(path)) if p.code == "reading"]
    assert said == ["Commas are read as decimal points throughout."]


def test_hidden_sheets_are_named_where_the_data_are(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    data = book.active
    for row in ROWS:
        data.append(row)
    more = book.create_sheet("Old data")
    more.append(["Study", "n"])
    more.sheet_state = "hidden"
    path = tmp_path / "hidden.xlsx"
    book.save(path)
    assert read_sheet(path).remarks == (
        "Sheet 'Old data' is hidden in the workbook and it was not opened. "
        "Unhide it in Excel first.",
    )


def test_a_workbook_of_charts_only_says_so(tmp_path):
    from openpyxl import Workbook
    from openpyxl.chart import BarChart

    book = Workbook()
    book.create_chartsheet("Figure").add_chart(BarChart())
    book.remove(book["Sheet"])
    path = tmp_path / "charts.xlsx"
    book.save(path)
    with pytest.raises(FileProblem, match="only charts"):
        read_sheet(path)
