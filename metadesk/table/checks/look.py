"""What every check looks at: rows that take part, their numbers by role, how to name them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from metadesk.document.words import inside
from metadesk.table.cells import Value, is_missing, number_in
from metadesk.table.roles import ROLES
from metadesk.table.steps import KeptStep, in_force
from metadesk.table.table import StudyTable, TableColumn, shown

Severity = Literal["error", "warning", "note"]
ARMS = {1: "treated", 2: "control"}


@dataclass(frozen=True)
class Problem:
    """One finding, as a sentence about one cell, one row or one column.

    An 'error' keeps the row from being used as it stands, a 'warning' asks for a look, a 'note'
    says what was assumed. ``row_id`` or ``column_id`` is None where the finding has none.
    """

    row_id: int | None
    column_id: int | None
    severity: Severity
    sentence: str
    code: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """A rule: its name, what it looks for, and the function that finds it."""

    key: str
    title: str
    sentence: str
    function: Callable[[Look], Iterator[Problem]]


class Look:
    """A sheet as the checks see it: only rows that take part, only roles in use."""

    def __init__(self, table: StudyTable, needs: Collection[str] | None = None) -> None:
        self.table = table
        self.needs = needs
        self.rows = [i for i, row_id in enumerate(table.row_ids) if row_id not in table.excluded]
        self._numbers: dict[int, list[float]] = {}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """One label for each row of the table."""
        return self.table.labels()

    def column(self, role: str) -> TableColumn | None:
        """The column of a role that is in use."""
        if self.needs is not None and role not in self.needs:
            return None
        return self.table.with_role(role)

    def columns(self) -> list[TableColumn]:
        """All columns with a role in use."""
        return [
            c for c in self.table.columns
            if c.role is not None and (self.needs is None or c.role in self.needs)
        ]  # fmt: skip

    def numbers(self, column: TableColumn) -> list[float]:
        """The column's numbers by row of the table, NaN where there is none."""
        if column.id not in self._numbers:
            self._numbers[column.id] = [number_in(v) for v in column.cells]
        return self._numbers[column.id]

    def filled(self, role: str) -> list[tuple[int, float]]:
        """Rows that take part and their numbers, for a role in use."""
        column = self.column(role)
        if column is None:
            return []
        numbers = self.numbers(column)
        return [(row, numbers[row]) for row in self.rows if not math.isnan(numbers[row])]

    def together(self, *roles: str) -> Iterator[tuple[int, tuple[float, ...]]]:
        """Rows in which all of these roles hold a number."""
        columns = [self.column(role) for role in roles]
        if any(column is None for column in columns):
            return
        numbers = [self.numbers(column) for column in columns if column is not None]
        for row in self.rows:
            values = tuple(of_role[row] for of_role in numbers)
            if not any(math.isnan(value) for value in values):
                yield row, values

    @cached_property
    def _stepped(self) -> dict[tuple[int, int], KeptStep]:
        return in_force(self.table) if self.table.steps else {}

    def step(self, row: int, role: str) -> str:
        """The kind of step whose number stands in a cell, '' where a person typed it."""
        column = self.table.with_role(role)
        if column is None or not self._stepped:
            return ""
        found = self._stepped.get((self.table.row_ids[row], column.id))
        return "" if found is None else found.key

    def where(self, row: int) -> str:
        """How a sentence names a row: 'Row 7 (Chen 2011)'."""
        number, label = f"Row {row + 1}", self.labels[row]
        return number if label == number else f"{number} ({label})"

    def outcome(self, row: int) -> str:
        """The outcome that a row of a long table is about, '' in other tables."""
        column = self.table.with_role("outcome")
        return "" if column is None else plain(shown(column.cells[row]))

    def problem(
        self, row: int, role: str, severity: Severity, code: str, said: str, remedy: str
    ) -> Problem:
        """A problem in the cell of this row and role; ``said`` follows the name of the row."""
        column = self.table.with_role(role)
        return Problem(
            self.table.row_ids[row],
            None if column is None else column.id,
            severity,
            f"{self.where(row)}: {said}",
            code,
            remedy,
        )


def called(role: str) -> str:
    """How a sentence calls a role: 'events in the treated group'."""
    entry = ROLES[role]
    group = ARMS.get(entry.arm)
    if group is None:
        return inside(entry.title)
    return f"{inside(entry.title.rsplit(',', 1)[0])} in the {group} group"


def number(value: float) -> str:
    """A number as it is typed."""
    return f"{value:.10g}"


def plain(text: str) -> str:
    """Text without accents, capitals and double spaces, for comparing."""
    bare = unicodedata.normalize("NFKD", text)
    kept = "".join(c for c in bare if not unicodedata.combining(c))
    return " ".join(kept.lower().split())


def median(values: Sequence[float]) -> float:
    """The middle value."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def is_filled(value: Value) -> bool:
    """Whether a cell says something other than 'missing'."""
    return not is_missing(value)
