"""Cells that hold several numbers: '14.9 ± 2.1', '21.7 (18.1–25.8)', '0.85 [0.7; 1]', '12/34'.

Nothing is split in silence. :func:`parts_in_column` says what a column holds, and
:func:`split_column` is the edit that puts the parts beside it, for a person to choose.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from metadesk.errors import DataProblem
from metadesk.table.cells import Value, is_missing, parse_number, parse_typed
from metadesk.table.edits import InsertColumns
from metadesk.table.gestures import unused_name
from metadesk.table.table import StudyTable, TableColumn, shown

Part = Literal[
    "mean", "sd", "estimate", "lower", "upper", "events", "total", "percent", "median", "q1", "q3",
    "minimum", "maximum", "value", "in brackets",
]  # fmt: skip

# Compiled when the first text is read (and kept by re): the window starts without them.
_MARKS = r"\s*[*†‡§#]*\s*"
_NUM = r"([+\-−–]?\s?(?:\d{1,3}(?:[ ]\d{3})+|\d+)(?:[.,·]\d+)?|[+\-−]?[.,·]\d+)"
_SIGNED = r"([+\-−–]?\s?(?:\d+(?:[.,·]\d+)?|[.,·]\d+))"
_POINTED = r"([+\-−]?\s?(?:\d+(?:[.·]\d+)?|[.·]\d+))"
_TO = r"\s*(?:to|;|–|—|-|−|\.\.)\s*"
_MEAN_SD = rf"{_NUM}{_MARKS}(?:±|\+/-|\+-){_MARKS}{_NUM}{_MARKS}$"
_RATIO = rf"(\d+)\s*/\s*(\d+){_MARKS}(?:\(\s*{_NUM}\s*%?\s*\))?$"
_COUNT_PERCENT = rf"(\d+){_MARKS}\(\s*{_NUM}\s*%\s*\)$"
_WITH_RANGE = (
    rf"{_NUM}{_MARKS}[,;]?\s*[\[(](?P<what>[A-Za-z0-9%., :=]*?)\s*"
    rf"{_SIGNED}(?:{_TO}|,\s*){_SIGNED}\s*[\])]{_MARKS}$"
)
_COMMA_RANGE = rf"{_POINTED}\s*[,;]\s*{_POINTED}$"
_RANGE = rf"[\[(]?{_SIGNED}\s*(?:to|–|—|-|;)\s*{_SIGNED}[\])]?$"
_BRACKET = rf"{_NUM}{_MARKS}[\[(]\s*{_NUM}\s*[\])]{_MARKS}$"


@dataclass(frozen=True)
class Piece:
    """One number of a compound cell and what it is."""

    part: Part
    value: float


def split_text(text: str) -> tuple[Piece, ...]:
    """The numbers in a compound cell with what they are; () if it is no compound cell.

    A range in brackets counts as a confidence interval unless the cell says IQR or range; a single
    number in brackets is left as that, because it may be an SD, an SE or a percentage.
    """
    words = " ".join(text.split())
    if len(re.findall(r"\d+", words)) < 2 or parse_number(words) is not None:
        return ()
    for reader in (_mean_sd, _fraction, _with_range, _bracket, _bare_range):
        pieces = reader(words)
        if pieces:
            return pieces
    return ()


def parts_in_column(column: TableColumn) -> tuple[Part, ...]:
    """What most filled cells of a column hold, () if they are no compound cells."""
    kinds = Counter(
        tuple(piece.part for piece in split_text(value)) if isinstance(value, str) else ()
        for value in column.cells
        if not is_missing(value)
    )
    if not kinds:
        return ()
    usual, count = kinds.most_common(1)[0]
    return usual if count > sum(kinds.values()) / 2 else ()


def split_column(table: StudyTable, position: int) -> InsertColumns:
    """An edit that puts one column for each part to the right of a compound column.

    Cells of another make than most keep their text in the first new column, so that they are seen.

    Raises
    ------
    DataProblem
        If the column's cells are no compound cells.
    """
    column = table.columns[position]
    parts = parts_in_column(column)
    if not parts:
        raise DataProblem(
            f"Column '{column.name}' cannot be split: most of its cells hold a single value. "
            "Cells like '14.9 ± 2.1', '0.85 [0.70; 1.03]' or '12/34' can be."
        )
    cells = [_row(value, parts) for value in column.cells]
    taken = {c.name for c in table.columns}
    made = []
    for at, part in enumerate(parts):
        name = unused_name(f"{column.name} {part}", taken)
        taken.add(name)
        new = TableColumn(table.next_column_id + at, name, tuple(row[at] for row in cells))
        made.append((position + 1 + at, new))
    return InsertColumns(tuple(made), f"Split column {column.name}")


def _row(value: Value, parts: tuple[Part, ...]) -> tuple[Value, ...]:
    """The values of one cell, one for each part."""
    blank: tuple[Value, ...] = (None,) * (len(parts) - 1)
    if value is None:
        return (None, *blank)
    pieces = split_text(value) if isinstance(value, str) else ()
    if tuple(piece.part for piece in pieces) != parts:
        return (value, *blank)
    return tuple(parse_typed(shown(piece.value)) for piece in pieces)


def _number(text: str) -> float:
    """A matched number; what did not match as one is a programming error."""
    parsed = parse_number(text.replace("− ", "−").replace("- ", "-"))
    if parsed is None:
        raise ValueError(text)
    return parsed.value


def _mean_sd(text: str) -> tuple[Piece, ...]:
    """'14.92 ± 2.06***'."""
    found = re.match(_MEAN_SD, text)
    if not found:
        return ()
    return Piece("mean", _number(found[1])), Piece("sd", _number(found[2]))


def _fraction(text: str) -> tuple[Piece, ...]:
    """'12/34', '12/34 (35.3%)', '12 (35.3%)'."""
    if found := re.match(_RATIO, text):
        events, total = float(found[1]), float(found[2])
        return (Piece("events", events), Piece("total", total)) if events <= total else ()
    if found := re.match(_COUNT_PERCENT, text):
        return Piece("events", float(found[1])), Piece("percent", _number(found[2]))
    return ()


def _with_range(text: str) -> tuple[Piece, ...]:
    """'21.7 (18.1–25.8)', '0,85 [0,70; 1,03]', '50 [IQR 36–64]', '57 [range 20-83]'."""
    found = re.match(_WITH_RANGE, text)
    if not found:
        return ()
    said, groups = found["what"].lower(), found.groups()
    centre, low, high = _number(groups[0]), _number(groups[2]), _number(groups[3])
    if low > high:
        return ()
    if "iqr" in said or "quartile" in said:
        return Piece("median", centre), Piece("q1", low), Piece("q3", high)
    if "range" in said or "min" in said:
        return Piece("value", centre), Piece("minimum", low), Piece("maximum", high)
    return Piece("estimate", centre), Piece("lower", low), Piece("upper", high)


def _bracket(text: str) -> tuple[Piece, ...]:
    """'55.1 (7.9)': an SD, an SE or a percentage; the person says which."""
    found = re.match(_BRACKET, text)
    if not found:
        return ()
    return Piece("value", _number(found[1])), Piece("in brackets", _number(found[2]))


def _bare_range(text: str) -> tuple[Piece, ...]:
    """'84.6,94.5', '1.15-2.25', '18.1 to 25.8'."""
    found = re.match(_COMMA_RANGE, text) or re.match(_RANGE, text)
    if not found:
        return ()
    low, high = _number(found[1]), _number(found[2])
    return (Piece("lower", low), Piece("upper", high)) if low < high else ()
