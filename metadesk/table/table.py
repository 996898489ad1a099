"""The study table: an immutable value, one per sheet.

Cells hold what was typed, parsed: text, whole numbers, floats, dates as ISO text, or ``None``.
Rows and columns carry stable ids, so that a plot, a result and an undo step can speak of the same
row after others were inserted. An edit makes a new table that shares every untouched column.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from metadesk.table.cells import Value, number_in
from metadesk.table.roles import COUNTED, ROLES
from metadesk.table.steps import RowSteps

if TYPE_CHECKING:
    from metadesk.numerics.types import FloatVector

SUBTOTAL_ROW = "Subtotal row"
NOTE_ROW = "Note under the table"
HEADER_ROW = "Repeated header row"
HEADING_ROW = "Heading within the table"
NOT_A_STUDY = frozenset({SUBTOTAL_ROW, NOTE_ROW, HEADER_ROW, HEADING_ROW})
"""Reasons with which a reader leaves out rows that are no studies; figures need not show them."""

NO_MARKS: Mapping[int, str] = MappingProxyType({})
NO_STEPS: Mapping[int, RowSteps] = MappingProxyType({})


def number_for(role: str, value: Value) -> float:
    """The number in a cell of a role; NaN for a percentage where people or events are counted.

    Read as a number, '12 %' of the patients would be 12 patients.
    """
    if isinstance(value, str) and value.rstrip().endswith("%") and ROLES[role].kind in COUNTED:
        return math.nan
    return number_in(value)


@dataclass(frozen=True)
class TableColumn:
    """A column: a stable id, the name in its header, its role (if any) and its cells."""

    id: int
    name: str
    cells: tuple[Value, ...]
    role: str | None = None
    guessed: bool = False


@dataclass(frozen=True)
class StudyTable:
    """Columns of equal length with stable row ids.

    ``excluded`` maps a row id to the reason for which a person left the row out, ``steps`` one to
    the steps that were done to the row's cells. ``name`` is the sheet's, ``source`` the file it
    came from (for the report only). ``remarks`` are sentences on how the file was read that a
    person should know (hidden rows, a decimal comma).
    """

    columns: tuple[TableColumn, ...] = ()
    row_ids: tuple[int, ...] = ()
    excluded: Mapping[int, str] = field(default_factory=lambda: NO_MARKS)
    name: str = "Sheet"
    source: str = ""
    remarks: tuple[str, ...] = ()
    steps: Mapping[int, RowSteps] = field(default_factory=lambda: NO_STEPS)

    def __post_init__(self) -> None:
        for column in self.columns:
            if len(column.cells) != len(self.row_ids):
                raise ValueError(f"column '{column.name}' has {len(column.cells)} cells")

    @property
    def n_rows(self) -> int:
        """How many rows there are, the excluded ones included."""
        return len(self.row_ids)

    def column(self, name: str) -> TableColumn:
        """The first column of this name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def with_role(self, role: str) -> TableColumn | None:
        """The first column that has this role."""
        return next((c for c in self.columns if c.role == role), None)

    def all_with_role(self, role: str) -> tuple[TableColumn, ...]:
        """All columns that have this role, from left to right."""
        return tuple(c for c in self.columns if c.role == role)

    @property
    def roles(self) -> dict[str, str]:
        """Role to column name, first column each."""
        found: dict[str, str] = {}
        for column in self.columns:
            if column.role is not None:
                found.setdefault(column.role, column.name)
        return found

    def cell(self, row: int, column: int) -> Value:
        """The cell at these positions."""
        return self.columns[column].cells[row]

    def floats(self, column: TableColumn, role: str = "") -> FloatVector:
        """The column as (n_rows,) floats; NaN where nothing or no number stands.

        With a ``role`` its cells are read as that role's, see :func:`number_for`.
        """
        import numpy as np  # behind the first paint of the window

        read = partial(number_for, role) if role else number_in
        return np.array([read(v) for v in column.cells], dtype=float)

    def texts(self, column: TableColumn) -> tuple[str, ...]:
        """The column as text; an empty cell is the empty string."""
        return tuple(shown(v) for v in column.cells)

    def labels(self) -> tuple[str, ...]:
        """One label a row: study and year where they are known, else 'Row 3'."""
        study, year = self.with_role("study"), self.with_role("year")
        names = self.texts(study) if study else ("",) * self.n_rows
        years = self.texts(year) if year else ("",) * self.n_rows
        return tuple(
            _label(i, name.strip(), when.strip())
            for i, (name, when) in enumerate(zip(names, years, strict=True))
        )

    def study_words(self) -> tuple[str, ...]:
        """Which study each row belongs to: the cluster column, else study and year; '' if unknown.

        Two rows of one author in different years are two studies.
        """
        cluster = self.with_role("cluster")
        if cluster is not None:
            return tuple(word.strip() for word in self.texts(cluster))
        study = self.with_role("study")
        if study is None:
            return ("",) * self.n_rows
        named = zip(self.labels(), self.texts(study), strict=True)
        return tuple(label if name.strip() else "" for label, name in named)

    def column_position(self, column_id: int) -> int:
        """Where the column with this id stands."""
        for position, column in enumerate(self.columns):
            if column.id == column_id:
                return position
        raise KeyError(column_id)

    def row_position(self, row_id: int) -> int:
        """Where the row with this id stands."""
        try:
            return self.row_ids.index(row_id)
        except ValueError:
            raise KeyError(row_id) from None

    def label(self, row_id: int) -> str:
        """The label of one row."""
        at = self.row_position(row_id)
        study, year = self.with_role("study"), self.with_role("year")
        name = shown(study.cells[at]).strip() if study else ""
        return _label(at, name, shown(year.cells[at]).strip() if year else "")

    @property
    def next_row_id(self) -> int:
        """An id that no row of this table has."""
        return max(self.row_ids, default=-1) + 1

    @property
    def next_column_id(self) -> int:
        """An id that no column of this table has, nor one that a kept step remembers."""
        remembered = (c.column_id for of in self.steps.values() for step in of for c in step.cells)
        return max((*(column.id for column in self.columns), *remembered), default=-1) + 1

    def with_columns(self, columns: Iterable[TableColumn]) -> StudyTable:
        """The same rows with other columns."""
        return replace(self, columns=tuple(columns))


def _label(position: int, name: str, year: str) -> str:
    if not name:
        return f"Row {position + 1}"
    return f"{name} {year}" if year and year not in name else name


def shown(value: Value) -> str:
    """A cell as a person reads it in the sheet; a whole number never gets a decimal point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def make_table(
    columns: Mapping[str, Iterable[Value]],
    roles: Mapping[str, str] | None = None,
    *,
    name: str = "Sheet",
    source: str = "",
) -> StudyTable:
    """Make a table from columns by name; ``roles`` maps a column's name to its role."""
    given = roles or {}
    for role in given.values():
        ROLES[role]
    made = tuple(
        TableColumn(i, title, tuple(cells), given.get(title))
        for i, (title, cells) in enumerate(columns.items())
    )
    n_rows = len(made[0].cells) if made else 0
    return StudyTable(made, tuple(range(n_rows)), name=name, source=source)
