"""The sheets of a project as worksheets of an ordinary workbook: a header row, then clean data.

Numbers are numbers and text is text; nothing that was typed ever becomes a formula. A row that is
left out of the analyses stands there in grey. openpyxl is loaded when a workbook is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Context
from typing import TYPE_CHECKING, Any

from metadesk.formats.layout import Grid, trimmed
from metadesk.reports.cells import FONT, FONT_SIZE, FORMULA_STARTS, clean, put_text, width_of
from metadesk.table import StudyTable, Value, shown

if TYPE_CHECKING:
    from openpyxl import Workbook

LONGEST_TITLE = 31
MEASURED = 200  # rows by which a column's width is chosen
WHOLE = 2**53  # whole numbers up to this are the same in a workbook
SMALLEST, LARGEST = 2.3e-308, 9.99e307  # the ends of what Excel takes for a number
GREY, HEADER_FILL = "808080", "E8EEF6"
HEADER, EXCLUDED = "metadesk header", "metadesk left out"
KEPT = Context(prec=15, rounding=ROUND_HALF_UP)  # the digits that every spreadsheet keeps
READ_AS_MORE = (*FORMULA_STARTS, "#")  # begins a formula or an error to a spreadsheet
TAKEN = ("metadesk", "history")
"""Titles in lower case that no sheet of a person gets: our own, and one that Excel keeps."""

_NOT_IN_A_TITLE = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


def titles_of(names: Sequence[str]) -> tuple[str, ...]:
    """A title for each worksheet that every spreadsheet takes, as near to the sheet's name."""
    taken, titles = set(TAKEN), []
    for name in names:
        bare = _NOT_IN_A_TITLE.sub(" ", clean(name)).strip().strip("'").strip() or "Sheet"
        title, number = bare[:LONGEST_TITLE].strip(), 1
        while title.lower() in taken:
            number += 1
            tail = f" ({number})"
            title = f"{bare[: LONGEST_TITLE - len(tail)].strip()}{tail}"
        taken.add(title.lower())
        titles.append(title)
    return tuple(titles)


def add_worksheet(book: Workbook, table: StudyTable, title: str) -> None:
    """Write a table as a worksheet of a write-only workbook."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for at, column in enumerate(table.columns, 1):
        width = width_of(column.name, (shown(v) for v in column.cells[:MEASURED]))
        sheet.column_dimensions[get_column_letter(at)].width = round(width, 1)

    def cell(value: Value, style: str) -> Any:
        number = number_of(value)
        if number is not None and not style:
            return number
        text = "" if number is not None else _ESCAPE.sub("_x005F_", clean(shown(value)))
        if text and not style and not text.startswith(READ_AS_MORE):
            return text
        made = WriteOnlyCell(sheet, number)
        if style:
            made.style = style  # first: it would take the quote prefix of the text away
        if number is None:
            put_text(made, text)
        return made

    sheet.append([cell(column.name, HEADER) for column in table.columns])
    for row_id, row in zip(table.row_ids, rows_of(table), strict=True):
        style = EXCLUDED if row_id in table.excluded else ""
        sheet.append([None if value is None else cell(value, style) for value in row])


def add_styles(book: Workbook) -> None:
    """The two looks of a cell besides the plain one."""
    from openpyxl.styles import Font, NamedStyle, PatternFill

    bold = Font(name=FONT, size=FONT_SIZE, bold=True)
    fill = PatternFill("solid", fgColor=HEADER_FILL)
    book.add_named_style(NamedStyle(HEADER, font=bold, fill=fill))
    book.add_named_style(NamedStyle(EXCLUDED, font=Font(italic=True, color=GREY)))


def number_of(value: Value) -> int | float | bool | None:
    """The value as a workbook keeps it exactly, None where it must be written as text."""
    if isinstance(value, float):
        return value if value == 0 or SMALLEST <= abs(value) <= LARGEST else None
    if isinstance(value, int):
        return value if abs(value) <= WHOLE else None
    return None


def rows_of(table: StudyTable) -> Iterator[tuple[Value, ...]]:
    """The cells row by row."""
    if not table.columns:
        return iter([()] * table.n_rows)
    return zip(*(column.cells for column in table.columns), strict=True)


def grid_of(table: StudyTable) -> Grid:
    """The worksheet of a table as it is read back when nobody changed it."""
    header = tuple(column.name for column in table.columns)
    return alike((header, *rows_of(table)))


def alike(rows: Iterable[Sequence[Value]]) -> Grid:
    """Cells brought to a form in which the same cell is equal after any spreadsheet saved it."""
    return trimmed([tuple([same_form(value) for value in row]) for row in rows])


def same_form(value: Value) -> Value:
    """A cell without what a workbook does not keep: outer spaces, the sixteenth digit, its type."""
    if isinstance(value, bool):
        return shown(value)
    number = number_of(value)
    if number is not None:
        return float(KEPT.create_decimal(f"{number:.16g}"))  # as written, then as others keep it
    text = clean(shown(value)).replace("\r\n", "\n").replace("\r", "\n")
    return text.strip() or None
