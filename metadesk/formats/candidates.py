"""Columns as the guess sees them: header read, cells as numbers; and blocks of such columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Literal

from metadesk.formats.headers import Reading, read_headers
from metadesk.table import StudyTable, TableColumn, is_missing, number_in

Family = Literal["two-by-two", "person-time", "means", "estimate", "correlation", "one group"]
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
    filled : int
        In how many rows (of the first 500) all of the block's columns hold a number.
    reasons : mapping of column id to a few words
    """

    name: str
    family: Family
    roles: tuple[tuple[str, int], ...]
    filled: int
    reasons: Mapping[int, str]

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


def filled_rows(parts: Sequence[Candidate]) -> int:
    """In how many rows all columns hold a number."""
    if not parts:
        return 0
    return sum(all(x == x for x in row) for row in zip(*(p.numbers for p in parts), strict=True))


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


def named_apart(blocks: list[Block]) -> list[Block]:
    """A lone block needs no name."""
    if len(blocks) != 1:
        return blocks
    only = blocks[0]
    return [Block("", only.family, only.roles, only.filled, only.reasons)]
