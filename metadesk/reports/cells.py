"""How one value becomes one cell: numbers stay numbers, text never becomes a formula."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from metadesk.document import Cell, Column
from metadesk.document.numbers import format_value
from metadesk.figure.measure import text_width, wrapped

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell as SheetCell

FONT, FONT_SIZE = "Arial", 10.0
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
LONGEST_TEXT = 32_767
WIDEST, NARROWEST = 64.0, 7.0

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def put(cell: SheetCell, value: Cell, column: Column) -> None:
    """Write a value into a cell of this column.

    Text is written as text whatever it begins with, so that no spreadsheet runs it; what could look
    like a formula also gets the quote prefix that keeps it text when the cell is edited. NaN and
    nothing leave the cell empty; infinite numbers are written as words.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return
    if isinstance(value, bool):
        value = format_value(value)
    if isinstance(value, str) or math.isinf(value):
        shown = value if isinstance(value, str) else format_value(value)
        put_text(cell, shown)
        return
    cell.value = float(value) if isinstance(value, float) else int(value)
    cell.number_format = number_format(column, float(value))


def put_text(cell: SheetCell, text: str) -> None:
    """Write text that stays text."""
    safe = clean(text)
    if not safe:
        return
    cell.value = safe
    cell.data_type = "s"
    if safe.startswith(FORMULA_STARTS):
        cell.quotePrefix = True


def clean(text: str) -> str:
    """Text without control characters, no longer than a cell can hold."""
    safe = _FORBIDDEN.sub("", text)
    return safe if len(safe) <= LONGEST_TEXT else safe[: LONGEST_TEXT - 1] + "…"


def number_format(column: Column, value: float) -> str:
    """The spreadsheet's format for a number of this column; the number itself keeps every digit."""
    match column.kind:
        case "count":
            return "#,##0" if value.is_integer() else "0.00"
        case "year":
            return "0"
        case "p":
            return '[<0.001]"<0.001";0.000'
        case "percent":
            return "0.0"
        case "df":
            return "0" if value.is_integer() else "0.0"
        case "effect" | "se" | "variance" | "statistic":
            least = {"effect": 2, "se": 3, "variance": 4, "statistic": 2}[column.kind]
            return _decimals(value, max(least, column.digits or 0))
        case _:
            return "General" if value.is_integer() else _decimals(value, 2)


def _decimals(value: float, least: int) -> str:
    """At least so many digits after the point, and for small numbers three that count."""
    if value == 0 or abs(value) >= 1:
        return "0." + "0" * least
    needed = 2 - math.floor(math.log10(abs(value)))
    if needed > 8:
        return "0.00E+00"
    return "0." + "0" * max(least, min(needed, least + 4))


def width_of(title: str, cells: Iterable[str]) -> float:
    """Width of a column in the spreadsheet's unit, the digit, for its heading and its cells."""
    head = text_width(_longest_line(title), FONT_SIZE, bold=True)
    widest = max((text_width(cell, FONT_SIZE) for cell in cells), default=0.0)
    return min(max(max(head, widest) / _digit() + 2.5, NARROWEST), WIDEST)


def lines_of(text: str, width: float) -> int:
    """How many lines text takes in a column of this width."""
    return len(wrapped(text, (width - 2.5) * _digit(), FONT_SIZE))


def _digit() -> float:
    """Width of a digit in points, the unit in which spreadsheets measure columns."""
    return text_width("0", FONT_SIZE)


def _longest_line(title: str) -> str:
    """The longer half of a long heading, which the header row shows on two lines."""
    if len(title) < 26 or " " not in title:
        return title
    middle = len(title) // 2
    at = min((i for i, c in enumerate(title) if c == " "), key=lambda i: abs(i - middle))
    return max(title[:at], title[at + 1 :], key=len)


def shown(value: Cell, column: Column) -> str:
    """About what the spreadsheet shows, to measure it by."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or math.isinf(value) or math.isnan(value):
        return format_value(value)
    pattern = number_format(column, float(value))
    if "." in pattern and "[" not in pattern:
        return f"{value:.{len(pattern.split('.')[1])}f}"
    return "<0.001" if "[" in pattern else f"{value:,.10g}"
