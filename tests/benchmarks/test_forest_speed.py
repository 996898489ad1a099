"""How long a forest plot takes; measured, not asserted."""

import pytest

pytest.importorskip("pytest_benchmark")

from made_results import bcg, bcg_table

from metadesk.figure import svg_text
from metadesk.paint import draw_page, ensure_fonts, png_bytes
from metadesk.plots.forest import ForestOptions, draw_forest
from metadesk.reports.workbook import workbook_bytes


@pytest.fixture(scope="module", params=[13, 50, 500])
def result(request):
    return bcg(table=bcg_table(request.param))


def painted(page):
    from PySide6.QtGui import QImage, QPainter

    scale = 96 / 72
    image = QImage(round(page.width * scale), 900, QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    painter.scale(scale, scale)
    draw_page(painter, page, clip=(0, 0, page.width, 900 / scale))
    painter.end()


def test_layout(benchmark, result):
    benchmark(draw_forest, result, ForestOptions())


def test_layout_and_paint_of_a_screenful(benchmark, result):
    ensure_fonts()
    benchmark(lambda: painted(draw_forest(result, ForestOptions())))


def test_svg(benchmark, result):
    benchmark(svg_text, draw_forest(result, ForestOptions()))


def test_png_for_the_workbook(benchmark):
    page = draw_forest(bcg(), ForestOptions())
    benchmark.pedantic(png_bytes, (page,), {"dpi": 200}, rounds=5)


def test_workbook(benchmark, result):
    benchmark.pedantic(workbook_bytes, (result,), rounds=3)
