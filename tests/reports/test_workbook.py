import io
import math
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import bcg, bcg_table, estimates, with_excluded

from metadesk.document import Column
from metadesk.errors import FileProblem
from metadesk.figure import Page, Text
from metadesk.paint import png_bytes
from metadesk.reports.cells import clean, number_format, put, put_text
from metadesk.reports.workbook import SHEETS, screen_size, workbook_bytes, write_results

EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "#N/A", "a\x00b\x07")


@pytest.fixture(scope="module")
def result():
    return bcg()


@pytest.fixture(scope="module")
def png():
    return png_bytes(Page(360, 180, (Text(5, 10, "Hi"),)), dpi=200)


def opened(result, figures=()):
    return openpyxl.load_workbook(io.BytesIO(workbook_bytes(result, figures)))


def column(sheet, title):
    head = [c.value for c in sheet[1]]
    return [row[head.index(title)] for row in sheet.iter_rows(min_row=2)]


def test_the_sheets_are_the_promised_ones(result, png):
    assert tuple(opened(result, [("Forest plot", png)]).sheetnames) == SHEETS


def test_pooled_effects_of_both_models_stand_side_by_side_at_full_precision(result):
    sheet = opened(result)["Results"]
    assert [c.value for c in column(sheet, "Model")[:2]] == [
        "Random effects",
        "Fixed effect (inverse variance)",
    ]
    cell = column(sheet, "Risk ratio")[0]
    assert cell.value == pytest.approx(math.exp(result.main.pooled.value), rel=1e-15)
    assert cell.number_format == "0.000"
    assert cell.data_type == "n"


def test_ratios_are_shown_on_both_scales(result):
    sheet = opened(result)["Results"]
    values = [c.value for row in sheet.iter_rows() for c in row]
    assert "On the scale of the analysis (log risk ratio)" in values
    assert result.main.pooled.value in values


def test_every_row_of_the_sheet_is_in_studies_with_its_reason():
    result = with_excluded({2: "Duplicate"})
    sheet = opened(result)["Studies"]
    assert [c.value for c in column(sheet, "Study")] == [s.study for s in result.studies]
    assert column(sheet, "Why left out")[2].value == "Duplicate"
    assert column(sheet, "Pooled")[2].value == "no"
    years = column(sheet, "Year")
    assert (years[0].value, years[0].number_format) == (1948, "0")
    assert [c.value for c in column(sheet, "yi (log risk ratio)")] == [
        pytest.approx(s.yi, rel=1e-15) for s in result.studies
    ]


def test_missing_numbers_are_empty_cells_not_words():
    sheet = opened(estimates([0.3, None, 0.1], [0.04, 0.1, 0.2]))["Studies"]
    assert column(sheet, "Estimate")[1].value is None


def test_heterogeneity_and_settings_say_how(result):
    book = opened(result)
    heterogeneity, settings = book["Heterogeneity"], book["Settings"]
    assert column(heterogeneity, "Value")[0].value == result.main.heterogeneity.tau2
    assert "REML" in column(heterogeneity, "Method")[0].value
    chosen = dict(
        zip(
            (c.value for c in column(settings, "Setting")),
            (c.value for c in column(settings, "Choice")),
            strict=True,
        )
    )
    assert chosen["Prediction interval"] == "t with k − 1 degrees of freedom"
    sources = [c.value or "" for c in column(settings, "Source")]
    assert any("10.3102/10769986030003261" in words for words in sources)


def test_header_rows_stay_in_sight_and_columns_are_wide_enough(result):
    book = opened(result)
    for name in SHEETS[:4]:
        assert book[name].freeze_panes in ("A2", "B2")
        assert book[name]["A1"].font.bold
    widths = book["Studies"].column_dimensions
    assert widths["A"].width > len("Frimodt-Møller et al.") * 0.8


def test_the_figure_is_embedded_at_its_own_size_with_its_name(result, png):
    made = workbook_bytes(result, [("Forest plot & more", png)])
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.read("xl/media/image1.png") == png
        drawing = archive.read("xl/drawings/drawing1.xml").decode()
    assert 'descr="Forest plot &amp; more"' in drawing
    assert screen_size(png) == (480, 240)


def test_without_a_figure_the_sheet_says_so(result):
    assert "No figure" in opened(result)["Figures"]["A1"].value


def test_the_same_result_gives_the_same_bytes(result, png):
    figures = [("Forest plot", png)]
    made = workbook_bytes(result, figures)
    assert workbook_bytes(bcg(), figures) == made
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert {entry.date_time[:3] for entry in archive.infolist()} == {(2000, 1, 1)}


@pytest.mark.parametrize("words", EVIL)
def test_text_is_never_a_formula_or_an_error(words):
    result = with_excluded({0: words})
    sheet = opened(result)["Studies"]
    cell = column(sheet, "Why left out")[0]
    assert cell.data_type == "s"
    assert cell.quotePrefix == words.startswith(("=", "+", "-", "@", "\t", "\r"))
    raw = workbook_bytes(result)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/"):
                assert b"<f>" not in archive.read(name)


@given(st.text())
def test_any_text_can_be_written(words):
    sheet = openpyxl.Workbook().active
    put_text(sheet["A1"], words)
    assert sheet["A1"].data_type in ("s", "n")
    openpyxl.load_workbook(saved(sheet.parent))


def saved(book):
    stream = io.BytesIO()
    book.save(stream)
    return stream


def test_very_long_text_is_cut_to_what_a_cell_holds():
    assert len(clean("x" * 40_000)) == 32_767


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("p", 2e-26, '[<0.001]"<0.001";0.000'),
        ("count", 12.0, "#,##0"),
        ("year", 1980.0, "0"),
        ("df", 12.0, "0"),
        ("df", 10.5, "0.0"),
        ("effect", 0.49, "0.000"),
        ("effect", 12.3, "0.00"),
        ("effect", 0.0003, "0.000000"),
        ("effect", 1e-12, "0.00E+00"),
    ],
)
def test_number_formats(kind, value, expected):
    assert number_format(Column("x", "X", kind), value) == expected


def test_infinite_and_missing_numbers():
    sheet = openpyxl.Workbook().active
    put(sheet["A1"], math.inf, Column("df", "df", "df"))
    put(sheet["A2"], math.nan, Column("df", "df", "df"))
    assert sheet["A1"].value == "∞"
    assert sheet["A2"].value is None


def test_a_result_without_a_pooled_effect_is_written_too():
    sheet = opened(estimates([0.3], [0.04], excluded={0: "Retracted"}))["Results"]
    words = [c.value for row in sheet.iter_rows() for c in row if c.value]
    assert any(str(w).startswith("No study can be pooled") for w in words)


def test_a_workbook_that_cannot_be_saved_gives_a_sentence(result, tmp_path):
    with pytest.raises(FileProblem, match="does not exist"):
        write_results(result, tmp_path / "nowhere" / "results.xlsx")
    assert write_results(result, tmp_path / "results.xlsx").stat().st_size > 5000


def test_five_hundred_studies_fit():
    sheet = opened(bcg(table=bcg_table(500)))["Studies"]
    assert sheet.max_row == 501
