import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from metadesk.errors import FileProblem, SpecProblem
from metadesk.figure import Dot, Hit, Line, Page, Poly, Rect, Text
from metadesk.figure.measure import text_width
from metadesk.paint import draw_page, ensure_fonts, export, png_bytes
from metadesk.paint.export import (
    figure_for_workbook,
    fitting_dpi,
    paint_image,
    pixel_size,
    without_dates,
)
from metadesk.paint.fonts import UNITS, painter_font


@pytest.fixture
def page():
    marks = (
        Rect(10, 10, 30, 20, "#2f6db5", id="row:1"),
        Line(50, 20, 90, 20, "#ff0000", 4, id="row:2"),
        Poly(((60, 40), (70, 35), (80, 40), (70, 45)), "#00aa00"),
        Dot(20, 60, 5, "#aa00aa"),
        Text(10, 90, "Heterogeneity τ² ก & <x>", 8, "#000000"),
    )
    return Page(200, 100, marks, (Hit("row:1", 5, 5, 190, 30),), "A figure", "What it shows")


def read_pixel(image, x, y, scale):
    return image.pixelColor(round(x * scale), round(y * scale)).name()


@pytest.mark.parametrize(
    "words", ["Vaccinated", "Total 0.41 [0.13, 1.26]", "วัคซีนบีซีจี", "AVATAR 111"]
)
@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("size", [7.2, 8.0, 11.0])
def test_qt_sets_type_as_wide_as_the_layout_measured(words, bold, size):
    from PySide6.QtGui import QFontMetricsF

    ensure_fonts()
    metrics = QFontMetricsF(painter_font(size, bold, False, True))
    assert metrics.horizontalAdvance(words) / UNITS == pytest.approx(
        text_width(words, size, bold=bold), rel=2e-3
    )


def test_tabular_type_is_set_without_kerning():
    from PySide6.QtGui import QFontMetricsF

    ensure_fonts()
    metrics = QFontMetricsF(painter_font(8, False, False, False))
    assert metrics.horizontalAdvance("1111") == pytest.approx(
        UNITS * text_width("1111", 8, tabular=True), rel=2e-3
    )


def test_marks_are_painted_where_they_are(page):
    image = paint_image(page, dpi=144)
    assert read_pixel(image, 25, 20, 2) == "#2f6db5"
    assert read_pixel(image, 70, 20, 2) == "#ff0000"
    assert read_pixel(image, 70, 40, 2) == "#00aa00"
    assert read_pixel(image, 20, 60, 2) == "#aa00aa"
    assert read_pixel(image, 150, 60, 2) == "#ffffff"


def test_a_highlight_tints_its_region_and_a_clip_skips_the_rest(page):
    from PySide6.QtGui import QImage, QPainter

    ensure_fonts()
    image = QImage(200, 100, QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    draw_page(painter, page, clip=(0, 0, 45, 45), highlight="row:1")
    painter.end()
    assert read_pixel(image, 150, 20, 1) not in ("#ffffff", "#ff0000")
    assert read_pixel(image, 25, 20, 1) == "#2f6db5"
    assert read_pixel(image, 20, 60, 1) == "#ffffff"


def test_the_png_has_the_size_and_resolution_asked_for(page):
    png = png_bytes(page, width_cm=12.7, dpi=600)
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height) == (3000, 1500)
    at = png.index(b"pHYs")
    assert struct.unpack(">I", png[at + 4 : at + 8])[0] == round(600 / 0.0254)


def test_the_same_page_gives_the_same_bytes(page, tmp_path):
    for kind in ("png", "svg", "pdf"):
        first = export(page, tmp_path / f"a.{kind}").read_bytes()
        assert export(page, tmp_path / f"b.{kind}").read_bytes() == first


def test_pdf_dates_and_identifiers_are_fixed_and_keep_their_length(page, tmp_path):
    made = export(page, tmp_path / "a.pdf").read_bytes()
    assert made.startswith(b"%PDF")
    assert b"(D:20000101000000" in made
    assert b'CreateDate="2000-01-01T00:00:00' in made
    assert without_dates(made) == made
    other = b"/CreationDate (D:20261123013300+02'00')\nxmp:CreateDate=\"2026-11-23T01:33:00+02:00\""
    assert len(without_dates(other)) == len(other)


def test_the_pdf_has_the_figures_own_size_and_searchable_fonts(page, tmp_path):
    made = export(page, tmp_path / "a.pdf").read_bytes()
    assert b"/MediaBox [0 0 200" in made
    assert b"/ToUnicode" in made
    assert b"LiberationSans" in made


@pytest.mark.parametrize("dpi", [10, 1201])
def test_resolutions_out_of_range_are_refused_in_a_sentence(page, dpi):
    with pytest.raises(SpecProblem, match="50 to 1200 dots per inch"):
        png_bytes(page, dpi=dpi)


def test_too_large_a_picture_says_which_resolution_is_possible():
    tall = Page(500, 8000, ())
    with pytest.raises(SpecProblem, match="Choose 288 dots per inch or less"):
        pixel_size(tall, dpi=1200)
    assert pixel_size(tall, dpi=288) == (2000, 32000)


def test_an_unknown_kind_is_refused(page, tmp_path):
    with pytest.raises(SpecProblem, match="not as 'bmp'"):
        export(page, tmp_path / "a.bmp")


def test_a_missing_folder_gives_a_sentence(page, tmp_path):
    with pytest.raises(FileProblem, match="does not exist"):
        export(page, tmp_path / "nowhere" / "a.png")


def test_a_large_png_can_be_painted_in_a_worker(page):
    ensure_fonts()
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(png_bytes, page, dpi=600).result()
    assert there == png_bytes(page, dpi=600)


def test_export_works_without_any_application(tmp_path):
    words = (
        "from pathlib import Path\n"
        "from metadesk.figure import Page, Text\n"
        "from metadesk.paint import export\n"
        "import sys\n"
        "export(Page(50, 20, (Text(5, 10, 'Hi'),)), Path(sys.argv[1]))\n"
        "assert 'PySide6.QtWidgets' not in sys.modules\n"
    )
    plain = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "QT_QPA_PLATFORM")}
    for kind in ("png", "pdf"):
        target = tmp_path / f"a.{kind}"
        done = subprocess.run(
            [sys.executable, "-c", words, str(target)], env=plain, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert target.stat().st_size > 100


@pytest.mark.parametrize(("rows", "dpi"), [(100, 300), (1000, 177), (20_000, 0)])
def test_a_very_long_figure_has_fewer_dots_or_is_left_to_svg(rows, dpi):
    page = Page(500.0, 13.0 * rows, ())
    assert fitting_dpi(page) == dpi
    if dpi:
        assert max(pixel_size(page, dpi=dpi)) <= 32_000
    assert (figure_for_workbook(page) is None) is (dpi == 0)
