"""Cells that should hold a number: text, dates, error values, formulas, numbers kept as text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from metadesk.table.cells import STORED_AS_TEXT, date_in, is_missing, parse_number
from metadesk.table.checks.look import Look, Problem, Severity
from metadesk.table.compound import split_text
from metadesk.table.roles import ROLES
from metadesk.table.table import TableColumn

_ERROR = re.compile(r"#(DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|SPILL!|CALC!)$", re.IGNORECASE)
_BOUND = re.compile(r"[<>≤≥]")


def text_in_number(look: Look) -> Iterator[Problem]:
    """Text that is no number in a column of numbers."""
    for column, row, text in _texts(look):
        if parse_number(text) is not None or date_in(text) or _ERROR.match(text) or text[0] == "=":
            continue
        remedy = "Type a number, or leave the cell empty if nothing was reported."
        if _BOUND.match(text):
            remedy = "A bound is no number: type the exact value, or leave the cell empty."
        elif split_text(text):
            remedy = "It holds several numbers: split the column."
        yield _in_cell(look, column, row, "error", "text", f"'{text}' is not a number.", remedy)


def date_in_number(look: Look) -> Iterator[Problem]:
    """Dates in a column of numbers: Excel turns 16.5 into 16 May."""
    for column, row, text in _texts(look):
        typed = date_in(text)
        if typed is not None and column.role != "year":
            said = f"Excel turned a number into a date ({text}); probably {typed} was meant."
            remedy = "Look it up and type the number again."
            yield _in_cell(look, column, row, "error", "date", said, remedy)


def error_value(look: Look) -> Iterator[Problem]:
    """Error values of a spreadsheet."""
    for column, row, text in _texts(look):
        if _ERROR.match(text):
            said = f"the formula gives an error, {text}."
            remedy = "Type the value, or mend the formula in the workbook and open it again."
            yield _in_cell(look, column, row, "error", "error_value", said, remedy)


def formula_without_result(look: Look) -> Iterator[Problem]:
    """Formulas whose result the file does not hold."""
    for column, row, text in _texts(look):
        if text.startswith("="):
            said = f"the file holds the formula {text} but not its result."
            remedy = "Open the workbook in Excel and save it, or type the value."
            yield _in_cell(look, column, row, "error", "formula", said, remedy)


def number_as_text(look: Look) -> Iterator[Problem]:
    """Numbers that the file keeps as text; they count, and the sheet says so."""
    found: dict[int, int] = {}
    names: dict[int, str] = {}
    for column, _, text in _texts(look):
        parsed = parse_number(text)
        if parsed is not None and parsed.note == STORED_AS_TEXT:
            found[column.id] = found.get(column.id, 0) + 1
            names[column.id] = column.name
    for column_id, count in found.items():
        one = count == 1
        many = (
            "1 number is stored as text and read as a number"
            if one
            else (f"{count} numbers are stored as text and read as numbers")
        )
        sentence = f"Column {names[column_id]}: {many}."
        yield Problem(None, column_id, "note", sentence, "number_as_text")


def number_assumed(look: Look) -> Iterator[Problem]:
    """Text that was read as a number under an assumption (a decimal comma, a footnote mark)."""
    for column, row, text in _texts(look):
        parsed = parse_number(text)
        if text.endswith("%") and ROLES[column.role or ""].kind in ("count", "size"):
            continue  # a stronger word is said of it among the counts
        if parsed is not None and parsed.note != STORED_AS_TEXT and column.role != "year":
            said = f"'{text}' is read as {parsed.value:.10g} ({parsed.note})."
            remedy = "Type the number if that is wrong."
            yield _in_cell(look, column, row, "note", "number_assumed", said, remedy)


def _texts(look: Look) -> Iterator[tuple[TableColumn, int, str]]:
    """All text cells in columns that must hold numbers."""
    for column in look.columns():
        if column.role is None or not ROLES[column.role].numeric or _categories(look, column):
            continue
        for row in look.rows:
            value = column.cells[row]
            if isinstance(value, str) and not is_missing(value):
                yield column, row, value.strip()


def _categories(look: Look, column: TableColumn) -> bool:
    """Whether an outcome is words throughout, which are analysed as ordered categories."""
    if column.role != "response":
        return False
    cells = [column.cells[row] for row in look.rows if not is_missing(column.cells[row])]
    return bool(cells) and all(isinstance(c, str) and parse_number(c) is None for c in cells)


def _in_cell(
    look: Look, column: TableColumn, row: int, severity: Severity, code: str, said: str, remedy: str
) -> Problem:
    """A problem in a cell, named by row and column."""
    sentence = f"{look.where(row)}, {column.name}: {said}"
    return Problem(look.table.row_ids[row], column.id, severity, sentence, code, remedy)
