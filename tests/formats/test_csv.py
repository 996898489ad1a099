from __future__ import annotations

import pytest

from metadesk.errors import FileProblem
from metadesk.formats import read_sheet, read_workbook, sheet_names


@pytest.fixture
def text(tmp_path):
    def write(content, name="data.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content.encode(encoding))
        return path

    return write


PLAIN = 'Study,Year,g,SE\n"Chen, 2011",2011,0.25,0.10\nDiaz,2012,-0.5,0.2\n'


def test_a_plain_file_is_read_with_quoted_commas(text):
    table = read_sheet(text(PLAIN))
    assert table.column("Study").cells == ("Chen, 2011", "Diaz")
    assert table.column("g").cells == (0.25, -0.5)
    assert table.roles == {"study": "Study", "year": "Year", "yi": "g", "sei": "SE"}


def test_a_byte_order_mark_is_no_part_of_the_first_name(text):
    assert read_sheet(text(PLAIN, encoding="utf-8-sig")).columns[0].name == "Study"
    assert read_sheet(text(PLAIN, encoding="utf-16")).columns[0].name == "Study"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_are_read_where_commas_do_not_delimit(text, delimiter):
    lines = ["Study;g;SE;n", "Müller;0,25;0,10;1.204", "Diaz;-0,5;0,2;88"]
    table = read_sheet(text("\n".join(lines).replace(";", delimiter)))
    assert table.column("g").cells == (0.25, -0.5)
    assert table.column("n").cells == (1204, 88)


def test_points_stay_points_in_a_file_with_semicolons(text):
    table = read_sheet(text("Study;g;SE\nA;0.25;0.1\nB;1.204;0.2\n"))
    assert table.column("g").cells == (0.25, 1.204)


@pytest.mark.parametrize(
    ("encoding", "name"), [("cp1252", "Müller’s trial"), ("mac_roman", "Jones’s trial")]
)
def test_old_encodings_are_read_and_the_guess_is_said(text, encoding, name):
    path = text(f"Study,g,SE\n{name},0.2,0.1\n", encoding=encoding)
    (sheet,) = read_workbook(path).sheets
    assert sheet.table().column("Study").cells == (name,)
    assert "not UTF-8" in sheet.remarks[0]


def test_thai_windows_text_is_read(text):
    path = text("Study,g,SE\nการศึกษาที่หนึ่ง,0.2,0.1\n", encoding="cp874")
    assert read_sheet(path).column("Study").cells == ("การศึกษาที่หนึ่ง",)


def test_row_names_without_a_header_get_their_own_column(text):
    table = read_sheet(text('"author","yi","vi"\n"1","Ada",0.1,0.2\n"2","Bea",0.3,0.2\n'))
    assert [c.name for c in table.columns] == ["Column A", "author", "yi", "vi"]
    assert table.roles["study"] == "author"


def test_short_lines_are_filled_with_blanks(text):
    table = read_sheet(text("Study,a,b\nAda,1\nBea,2,3\nChe,4,5\n"))
    assert table.column("b").cells == (None, 3, 5)


def test_a_csv_has_one_sheet_named_after_the_file(text):
    path = text(PLAIN, name="mortality.csv")
    assert sheet_names(path) == ("mortality",)
    assert read_sheet(path, "mortality").name == "mortality"


def test_a_workbook_that_is_called_csv_is_read_as_a_workbook(workbook):
    path = workbook([["Study", "yi", "vi"], ["Ada", 0.1, 0.2], ["Bea", 0.2, 0.1]], name="x.csv")
    assert read_sheet(path).roles["yi"] == "yi"


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"\x00\x01\x02binary\x00")
    with pytest.raises(FileProblem, match="not a text file"):
        read_sheet(path)


def test_a_file_of_blanks_is_empty(text):
    with pytest.raises(FileProblem, match="is empty"):
        read_sheet(text("\n \n,,\n"))


def test_excels_line_that_names_the_delimiter_is_no_data(tmp_path):
    path = tmp_path / "sep.csv"
    path.write_text("sep=;\nStudy;g;SE\nA;0,5;0,1\nB;0,4;0,2\n")
    table = read_sheet(path)
    assert [c.name for c in table.columns] == ["Study", "g", "SE"]
    assert table.column("g").cells == (0.5, 0.4)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_is_read_with_and_without_its_mark(tmp_path, encoding):
    path = tmp_path / "wide.csv"
    path.write_bytes("Study,g,SE\nMüller,0.5,0.1\nÅse,0.4,0.2\n".encode(encoding))
    assert read_sheet(path).column("Study").cells == ("Müller", "Åse")
