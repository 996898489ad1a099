"""The results workbook: Results, Studies, Heterogeneity, Settings and Figures.

openpyxl is loaded when a workbook is written. The same result gives the same bytes: the document's
dates are fixed, and so are those inside the archive.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, cast

from metadesk.analysis.result import AnalysisResult
from metadesk.document import Table
from metadesk.reports.cells import FONT, FONT_SIZE, lines_of, put, put_text, shown, width_of
from metadesk.reports.compose import notes_of
from metadesk.reports.methods import methods_text
from metadesk.reports.model_tables import report_tables
from metadesk.reports.prose import result_sentence
from metadesk.reports.tables import (
    analysis_scale_table,
    heterogeneity_table,
    pooled_table,
    settings_table,
    study_table,
)
from metadesk.saving import save_bytes

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell.cell import Cell as SheetCell
    from openpyxl.drawing.image import Image
    from openpyxl.worksheet.worksheet import Worksheet

SHEETS = ("Results", "Studies", "Heterogeneity", "Settings", "Figures")
Figure = tuple[str, bytes]
FIXED_DATE = datetime(2000, 1, 1)
ARCHIVE_DATE = (2000, 1, 1, 0, 0, 0)
HEADER_FILL, HEADER_RULE = "E8EEF6", "2F6DB5"
STYLES = {"left": "metadesk words", "right": "metadesk numbers"}
SCREEN_DPI = 96.0
POINTS_A_ROW, POINTS_A_LINE = 15.0, 13.0
PROSE_WIDTH = 110


def write_results(result: AnalysisResult, path: Path, figures: Sequence[Figure] = ()) -> Path:
    """Save a result as a workbook, whole or not at all.

    Parameters
    ----------
    result : AnalysisResult
        What to write.
    path : Path
        Where; an older file there is replaced once the new one is complete.
    figures : sequence of (name, PNG bytes)
        Pictures for the last sheet.

    Raises
    ------
    FileProblem
        If the file cannot be written; the older one is unharmed.
    """
    return save_bytes(path, workbook_bytes(result, figures))


def workbook_bytes(result: AnalysisResult, figures: Sequence[Figure] = ()) -> bytes:
    """The workbook in memory."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    add_styles(book)
    sheets = {name: book.create_sheet(name) for name in SHEETS}
    _fill_results(sheets["Results"], result)
    for name, table in (
        ("Studies", study_table(result)),
        ("Heterogeneity", heterogeneity_table(result)),
        ("Settings", settings_table(result)),
    ):
        write_table(sheets[name], table, 1)
        finish(sheets[name], [(table, 1)])
    if len(study_table(result).rows):
        sheets["Studies"].auto_filter.ref = sheets["Studies"].dimensions
    fill_figures(sheets["Figures"], figures)
    book.properties.title = result.spec.labels.title or "Meta-analysis"
    book.properties.creator = "metadesk"
    return saved(book, [name for name, _ in figures])


def _fill_results(sheet: Worksheet, result: AnalysisResult) -> None:
    """Pooled effects on both scales, the sentence, what must be known, the methods."""
    pooled = pooled_table(result)
    placed = [(pooled, 1)]
    row = write_table(sheet, pooled, 1)
    others = (analysis_scale_table(result), *report_tables(result))
    for table in others:
        if table.rows:
            row = write_line(sheet, row + 1, table.title, bold=True)
            placed.append((table, row))
            row = write_table(sheet, table, row)
    finish(sheet, placed)
    paragraphs = [("In words", result_sentence(result))]
    paragraphs += [("Note", note.text) for note in notes_of(result)]
    paragraphs += [("Methods", methods_text(result))]
    row += 1
    for title, words in paragraphs:
        row = write_line(sheet, row, title, bold=True)
        row = write_line(sheet, row, words) + 1


def add_styles(book: Workbook) -> None:
    """The four looks of a cell, by name; a name is also far cheaper to give than a look."""
    from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side

    body = Font(name=FONT, size=FONT_SIZE)
    bold = Font(name=FONT, size=FONT_SIZE, bold=True)
    fill = PatternFill("solid", fgColor=HEADER_FILL)
    under = Border(bottom=Side(style="medium", color=HEADER_RULE))
    for side, indent in (("left", 1), ("right", 0)):
        look = Alignment(horizontal=side, vertical="top", wrap_text=side == "left", indent=indent)
        head = Alignment(horizontal=side, vertical="center", wrap_text=True, indent=indent)
        book.add_named_style(NamedStyle(STYLES[side], font=body, alignment=look))
        book.add_named_style(
            NamedStyle(f"{STYLES[side]} heading", bold, fill, under, alignment=head)
        )


def write_table(sheet: Worksheet, table: Table, top: int) -> int:
    """Write header, rows and notes from row ``top`` on; returns the first free row."""
    looks = [STYLES["left" if column.kind == "text" else "right"] for column in table.columns]
    for j, (column, look) in enumerate(zip(table.columns, looks, strict=True), 1):
        cell = _cell(sheet, top, j)
        cell.style = f"{look} heading"
        put_text(cell, column.title)
    for i, row in enumerate(table.rows, top + 1):
        columns = zip(row, table.columns, looks, strict=True)
        for j, (value, column, look) in enumerate(columns, 1):
            cell = _cell(sheet, i, j)
            cell.style = look
            put(cell, value, column)
    end = top + 1 + len(table.rows)
    for note in table.notes:
        end = write_line(sheet, end, note, italic=True)
    return end


def _cell(sheet: Worksheet, row: int, column: int) -> SheetCell:
    """A cell to write into; these sheets have no merged ones."""
    return cast("SheetCell", sheet.cell(row, column))


def write_line(
    sheet: Worksheet, row: int, text: str, *, bold: bool = False, italic: bool = False
) -> int:
    """Write a line of words over the columns, broken where it gets long; the next free row."""
    import textwrap

    from openpyxl.styles import Font

    for line in textwrap.wrap(text, PROSE_WIDTH) or [""]:
        cell = _cell(sheet, row, 1)
        put_text(cell, line)
        cell.font = Font(name=FONT, size=FONT_SIZE, bold=bold, italic=italic)
        row += 1
    return row


def finish(sheet: Worksheet, placed: Sequence[tuple[Table, int]]) -> None:
    """Column widths and row heights that fit, and a first row that stays in sight."""
    from openpyxl.utils import get_column_letter

    widths: dict[int, float] = {}
    for table, _ in placed:
        for j, column in enumerate(table.columns):
            cells = (shown(row[j], column) for row in table.rows)
            widths[j] = max(widths.get(j, 0.0), width_of(column.title, cells))
    for j, width in widths.items():
        sheet.column_dimensions[get_column_letter(j + 1)].width = round(width, 1)
    for table, top in placed:
        sheet.row_dimensions[top].height = 2.2 * POINTS_A_LINE
        for i, row in enumerate(table.rows, top + 1):
            lines = [lines_of(v, widths[j]) for j, v in enumerate(row) if isinstance(v, str)]
            sheet.row_dimensions[i].height = POINTS_A_LINE * max(lines, default=1) + 2.0
    sheet.freeze_panes = "B2" if sheet.title == "Studies" else "A2"
    _fit_to_paper(sheet)


def _fit_to_paper(sheet: Worksheet) -> None:
    """Print lying, all columns on one page's width, the header row on every page."""
    from openpyxl.worksheet.properties import PageSetupProperties

    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.fitToHeight = 0
    sheet.print_title_rows = "1:1"


def fill_figures(sheet: Worksheet, figures: Sequence[Figure]) -> None:
    """The figures under each other, each under its name."""
    row = 1
    if not figures:
        write_line(sheet, 1, "No figure could be drawn from this result.")
    for name, png in figures:
        row = write_line(sheet, row, name, bold=True)
        image = _picture(png)
        sheet.add_image(image, f"A{row}")
        row += round(float(image.height) * 0.75 / POINTS_A_ROW) + 2
    sheet.sheet_view.showGridLines = False
    _fit_to_paper(sheet)


def _picture(png: bytes) -> Image:
    """A PNG for a sheet at its own size on paper, without another library to look into it."""
    from openpyxl.drawing.image import Image

    class Picture(Image):
        def __init__(self, content: bytes) -> None:
            self.ref = BytesIO(content)
            self.content = content
            self.format = "png"
            self.width, self.height = screen_size(content)

        def _data(self) -> bytes:
            return self.content

    return Picture(png)


def screen_size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG in screen pixels, from its dots and its dots per metre."""
    width, height = struct.unpack(">II", png[16:24])
    at = png.find(b"pHYs", 0, 4096)
    per_metre = struct.unpack(">I", png[at + 4 : at + 8])[0] if at > 0 else 0
    scale = SCREEN_DPI / (per_metre * 0.0254) if per_metre else 1.0
    return round(width * scale), round(height * scale)


def saved(book: Workbook, names: Sequence[str]) -> bytes:
    """The workbook's bytes with fixed dates and the figures' names as their alternative text."""
    from openpyxl.writer.excel import ExcelWriter

    book.properties.created = book.properties.modified = FIXED_DATE
    first = BytesIO()
    with zipfile.ZipFile(first, "w") as archive:
        ExcelWriter(book, archive).save()
    final = BytesIO()
    with zipfile.ZipFile(first) as source, zipfile.ZipFile(final, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.startswith("xl/drawings/drawing"):
                content = _described(content, names)
            entry = zipfile.ZipInfo(name, ARCHIVE_DATE)
            target.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return final.getvalue()


def _described(drawing: bytes, names: Sequence[str]) -> bytes:
    """Put each figure's name where a screen reader looks for it."""
    from xml.sax.saxutils import quoteattr

    waiting = iter(names)

    def name(found: re.Match[bytes]) -> bytes:
        return b"descr=" + quoteattr(next(waiting, "Figure")).encode("utf-8")

    return re.sub(rb'descr="[^"]*"', name, drawing)
