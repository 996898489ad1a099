"""Columns as the guess sees them: header read, cells as numbers; and blocks of such columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Literal

from metadesk.formats.headers import Reading, read_headers
from metadesk.table import StudyTable, TableColumn, is_missing, number_in

Family = Literal["two-by-two", "person-time", "means", "estimate", "correlation", "one group"]
FAMILY_WORDS: Mapping[Family, str] = {
    "two-by-two": "events and totals", "person-time": "events and person-time",
    "means": "means", "estimate": "reported effect", "correlation": "correlations",
    "one group": "one group",
}  # fmt: skip
ENOUGH = 0.8  # share of cells that must agree where the header says little
MOST = 0.5  # share where the header is plain: a few bad cells are problems, not another column
LOOKED_AT = 500  # rows from which a column is judged


@dataclass(frozen=True)
class Block:
    """Columns that together give an effect.

    Attributes
    ----------
    name : str
        The words that tell this block from the others ('eot PW'), '' if there is only one.
    roles : tuple of (role, column id)
    rows : tuple of int
        Positions of the rows (among the first 500) that hold what an effect needs.
    reasons : mapping of column id to a few words
    """

    name: str
    family: Family
    roles: tuple[tuple[str, int], ...]
    rows: tuple[int, ...]
    reasons: Mapping[int, str]

    @property
    def filled(self) -> int:
        """In how many rows the block tells an effect."""
        return len(self.rows)

    @property
    def role_names(self) -> frozenset[str]:
        """The roles that the block has columns for."""
        return frozenset(role for role, _ in self.roles)


@dataclass(frozen=True)
class Candidate:
    """A column with its header as read and its cells as numbers, looked at once."""

    column: TableColumn
    reading: Reading
    rows: tuple[int, ...]

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """The cells of the rows that take part as numbers, NaN where there is none."""
        return tuple(number_in(self.column.cells[row]) for row in self.rows)

    @cached_property
    def given(self) -> tuple[float, ...]:
        """The numbers that are there."""
        return tuple(x for x in self.numbers if x == x)

    @cached_property
    def is_numeric(self) -> bool:
        """Whether most filled cells are numbers."""
        filled = sum(not is_missing(self.column.cells[row]) for row in self.rows)
        return len(self.given) > MOST * filled

    @cached_property
    def is_count(self) -> bool:
        """Whether the numbers are whole and not negative."""
        whole = sum(x >= 0 and x == int(x) for x in self.given if math.isfinite(x))
        return self.is_numeric and whole > MOST * len(self.given)


def candidates(table: StudyTable) -> tuple[Candidate, ...]:
    """All columns with their headers read; excluded rows and those far down do not speak."""
    readings = read_headers(tuple(column.name for column in table.columns))
    included = (i for i, row_id in enumerate(table.row_ids) if row_id not in table.excluded)
    rows = tuple(islice(included, LOOKED_AT))
    return tuple(
        Candidate(column, reading, rows)
        for column, reading in zip(table.columns, readings, strict=True)
    )


def filled_rows(parts: Sequence[Candidate]) -> tuple[int, ...]:
    """The positions of the rows in which all columns hold a number."""
    if not parts:
        return ()
    numbers = zip(*(p.numbers for p in parts), strict=True)
    return tuple(
        row
        for row, values in zip(parts[0].rows, numbers, strict=True)
        if all(x == x for x in values)
    )


def not_above(events: Candidate, total: Candidate, share: float) -> bool:
    """Whether events stay within their totals in at least this share of the rows."""
    pairs = [
        (e, n) for e, n in zip(events.numbers, total.numbers, strict=True) if e == e and n == n
    ]
    return sum(e <= n for e, n in pairs) >= share * len(pairs)


def simple_block(family: Family, parts: Mapping[str, Candidate]) -> Block:
    """A block whose roles need no more explanation than their names."""
    roles = tuple((role, c.column.id) for role, c in parts.items())
    reasons = {c.column.id: f"'{c.column.name}' by its name and cells" for c in parts.values()}
    return Block("", family, roles, filled_rows(list(parts.values())), reasons)


def named_apart(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """A lone block needs no name; of two with one name each says what it holds."""
    if len(blocks) == 1:
        return (replace(blocks[0], name=""),)
    names = [block.name for block in blocks]
    return tuple(
        replace(b, name=f"{b.name} {FAMILY_WORDS[b.family]}".strip())
        if not b.name or names.count(b.name) > 1
        else b
        for b in blocks
    )
