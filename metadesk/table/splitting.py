"""A column of compound cells taken apart into columns, as one edit that a person chooses.

What the numbers are is read from the cells, and from the header where cells leave it open: '(7.9)'
under 'mean (SD)' is an SD, '[36–64]' under 'median [IQR]' are quartiles. A range is never taken for
quartiles, nor an interval for a range, because of its looks alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import get_args

from metadesk.errors import DataProblem
from metadesk.table.cells import Value, is_missing, parse_typed
from metadesk.table.compound import Part, Piece, split_text
from metadesk.table.edits import InsertColumns
from metadesk.table.gestures import unused_name
from metadesk.table.table import StudyTable, TableColumn, shown

LOOKED_AT = 300  # filled cells from which a column is judged
RARE = 0.05  # share of cells below which one way of writing makes no columns of its own
ORDER: tuple[Part, ...] = get_args(Part)
PLAIN = ("mean", "median", "estimate", "events", "value")  # what a single number may be

_SAID = re.compile(
    r"\b(mean|median|average|events?|cases|no\.?|n|estimate|m)?\s*(±|\+/-|\+-|/|\(|\[|,|&|and|or)\s*"
    r"(sd|s\.d\.|se|sem|iqr|range|total|n|%|percent|(95|90|99)\s*%?[\s-]*(ci|cri)|ci|"
    r"standard deviation|confidence interval|interquartile range)\s*([\)\]]|$|(?=[\s,;/]))",
    re.IGNORECASE,
)
_SD = re.compile(r"\b(sd|s\.d\.|standard deviations?)", re.IGNORECASE)
_SE = re.compile(r"\b(sem?|s\.e\.m?\.?|standard errors?)\b", re.IGNORECASE)
_INTERVAL = re.compile(r"\b(ci|cri|confidence|credible)\b", re.IGNORECASE)
_MEAN = re.compile(r"\b(mean|average)\b", re.IGNORECASE)
_MEDIAN = re.compile(r"\bmedian\b", re.IGNORECASE)
_RANGE = re.compile(r"\b(range|min(imum)?|max(imum)?)\b", re.IGNORECASE)
_QUARTILES = re.compile(r"\b(iqr|interquartile|quartiles?)\b", re.IGNORECASE)


def pieces_of(value: Value, header: str) -> tuple[Piece, ...]:
    """The numbers of a cell with what they are, in the light of its header; () if it holds one."""
    if not isinstance(value, str):
        return ()
    pieces = split_text(value)
    parts = tuple(piece.part for piece in pieces)
    named = _named_by(header, parts)
    return tuple(Piece(part, piece.value) for part, piece in zip(named, pieces, strict=True))


def parts_in_column(column: TableColumn) -> tuple[Part, ...]:
    """What the cells of a column hold, in a fixed order; () if most are no compound cells."""
    filled = islice((v for v in column.cells if not is_missing(v)), LOOKED_AT)
    kinds = Counter(
        tuple(piece.part for piece in pieces_of(value, column.name)) for value in filled
    )
    count = kinds.total()
    single = kinds.pop((), 0)
    if not count or count - single <= count / 2:
        return ()
    top = kinds.most_common(1)[0][0]
    often = [kind for kind, n in kinds.items() if kind == top or n >= max(RARE * count, 2)]
    usual = {part for kind in often for part in kind}
    return tuple(part for part in ORDER if part in usual)


def split_column(table: StudyTable, position: int) -> InsertColumns:
    """An edit that puts one column for each part to the right of a compound column.

    A cell that holds something else keeps its text in the first new column, so that it is seen; a
    single number stands where a single number may (a mean, an estimate), else nowhere.

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
    cells = [_row(value, column.name, parts) for value in column.cells]
    taken = {c.name for c in table.columns}
    made = []
    for at, part in enumerate(parts):
        name = unused_name(name_of(column.name, part), taken)
        taken.add(name)
        new = TableColumn(table.next_column_id + at, name, tuple(row[at] for row in cells))
        made.append((position + 1 + at, new))
    return InsertColumns(tuple(made), f"Split column {column.name}")


def name_of(header: str, part: Part) -> str:
    """The header of one part: 'HR (95% CI)' gives 'HR lower', 'Control / mean ± SD' 'Control / sd'.

    What the header said of the parts together is left out; group and outcome stay.
    """
    *groups, last = header.split(" / ")
    base = " ".join(_SAID.sub(" ", last).split()).strip(" ,;:-–")
    if part in re.split(r"[^a-z]+", base.lower()):
        return " / ".join((*groups, base))
    return " / ".join((*groups, f"{base} {part}".strip()))


def _row(value: Value, header: str, parts: tuple[Part, ...]) -> tuple[Value, ...]:
    """The values of one cell, one for each part."""
    pieces = {piece.part: piece.value for piece in pieces_of(value, header)}
    if pieces and set(pieces) <= set(parts):
        return tuple(parse_typed(shown(pieces[part])) if part in pieces else None for part in parts)
    kept: dict[Part, Value] = {}
    if value is not None:
        plain = next((part for part in parts if part in PLAIN), None)
        if isinstance(value, str):
            kept[plain or parts[0]] = value
        elif plain is not None:
            kept[plain] = value
    return tuple(kept.get(part) for part in parts)


def _named_by(header: str, parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts, those left open by the cell named by the header."""
    found = tuple(parts)
    if found == ("value", "in brackets"):
        if _SD.search(header):
            return "mean", "sd"
        if _SE.search(header):
            return "mean", "se"
        return ("events", "percent") if "%" in header else found
    if found == ("estimate", "lower", "upper"):
        return _around(header)
    return found


def _around(header: str) -> tuple[Part, Part, Part]:
    """What two numbers around a third are: by themselves an interval, the header knows better."""
    if _QUARTILES.search(header):
        return "median", "q1", "q3"
    if _INTERVAL.search(header):
        return "estimate", "lower", "upper"
    if _RANGE.search(header):
        return ("mean" if _MEAN.search(header) else "median"), "minimum", "maximum"
    if _MEDIAN.search(header):  # quartiles or a range: the sheet does not say
        return "median", "lower", "upper"
    return "estimate", "lower", "upper"
