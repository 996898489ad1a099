"""Edits as values: ``edit.apply(table)`` gives the new table and the edit that takes it back.

Undo, the autosave journal and the audit trail are this one idea. An edit speaks of rows and columns
by their stable ids and belongs to the table it was made for (or to one that it was undone to); its
``title`` is what the undo menu shows, and the inverse carries the same title.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol, TypeVar

from metadesk.errors import DataProblem
from metadesk.table.cells import Value
from metadesk.table.roles import ROLES, UNIQUE_EXCEPT
from metadesk.table.steps import RowSteps
from metadesk.table.table import StudyTable, TableColumn

T = TypeVar("T")


class Edit(Protocol):
    """A change of a table that can be taken back."""

    @property
    def title(self) -> str:
        """What the undo menu calls it."""
        ...

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Return the changed table and the edit that restores ``table`` exactly."""
        ...


@dataclass(frozen=True)
class SetCells:
    """Write values into cells, each given as (row id, column id, value)."""

    cells: tuple[tuple[int, int, Value], ...]
    title: str = "Typing"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Write the cells; the last of several writes to one cell counts."""
        rows = _positions(table, {row for row, _, _ in self.cells})
        by_column: dict[int, dict[int, Value]] = {}
        for row, column, value in self.cells:
            by_column.setdefault(column, {})[row] = value
        columns, before = list(table.columns), []
        for column_id, writes in by_column.items():
            at = table.column_position(column_id)
            cells = list(columns[at].cells)
            for row, value in writes.items():
                before.append((row, column_id, cells[rows[row]]))
                cells[rows[row]] = value
            columns[at] = replace(columns[at], cells=tuple(cells))
        return table.with_columns(columns), SetCells(tuple(before), self.title)


@dataclass(frozen=True)
class Row:
    """A row on its way in or out: where it stands, its id, its cells from left to right.

    ``cells`` empty means a blank row.
    """

    position: int
    id: int
    cells: tuple[Value, ...] = ()
    excluded: str | None = None
    steps: RowSteps = ()


@dataclass(frozen=True)
class InsertRows:
    """Put rows in; positions are those in the new table, ascending."""

    rows: tuple[Row, ...]
    title: str = "Insert rows"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Put the rows in."""
        new_ids = {row.id for row in self.rows}
        if len(new_ids) < len(self.rows) or not new_ids.isdisjoint(table.row_ids):
            raise ValueError("a row id is already taken")
        places = [row.position for row in self.rows]
        ids = _woven(table.row_ids, places, [row.id for row in self.rows])
        columns = []
        for at, column in enumerate(table.columns):
            new = [row.cells[at] if row.cells else None for row in self.rows]
            columns.append(replace(column, cells=_woven(column.cells, places, new)))
        reasons = {row.id: row.excluded for row in self.rows if row.excluded is not None}
        steps = {row.id: row.steps for row in self.rows if row.steps}
        made = replace(
            table,
            columns=tuple(columns),
            row_ids=ids,
            excluded=_frozen({**table.excluded, **reasons}),
            steps=_frozen({**table.steps, **steps}) if steps else table.steps,
        )
        return made, RemoveRows(tuple(row.id for row in self.rows), self.title)


@dataclass(frozen=True)
class RemoveRows:
    """Take rows out by their ids."""

    row_ids: tuple[int, ...]
    title: str = "Delete rows"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Take the rows out; the inverse remembers where they stood."""
        _positions(table, self.row_ids)
        gone = set(self.row_ids)
        taken = tuple(
            Row(
                at,
                row_id,
                tuple(c.cells[at] for c in table.columns),
                table.excluded.get(row_id),
                table.steps.get(row_id, ()),
            )
            for at, row_id in enumerate(table.row_ids)
            if row_id in gone
        )
        keep = [at for at, row_id in enumerate(table.row_ids) if row_id not in gone]
        made = replace(
            table,
            columns=tuple(
                replace(c, cells=tuple([c.cells[at] for at in keep])) for c in table.columns
            ),
            row_ids=tuple(table.row_ids[at] for at in keep),
            excluded=_without(table.excluded, gone),
            steps=_without(table.steps, gone),
        )
        return made, InsertRows(taken, self.title)


@dataclass(frozen=True)
class InsertColumns:
    """Put columns in, each with its position in the new table, ascending."""

    columns: tuple[tuple[int, TableColumn], ...]
    title: str = "Insert columns"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Put the columns in."""
        taken = {column.id for column in table.columns}
        columns = list(table.columns)
        for position, column in self.columns:
            if column.id in taken:
                raise ValueError("a column id is already taken")
            taken.add(column.id)
            columns.insert(position, column)
        inverse = RemoveColumns(tuple(column.id for _, column in self.columns), self.title)
        return table.with_columns(columns), inverse


@dataclass(frozen=True)
class RemoveColumns:
    """Take columns out by their ids."""

    column_ids: tuple[int, ...]
    title: str = "Delete columns"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Take the columns out; the inverse remembers where they stood and what they held."""
        for column_id in self.column_ids:
            table.column_position(column_id)
        gone = set(self.column_ids)
        taken = tuple((at, c) for at, c in enumerate(table.columns) if c.id in gone)
        kept = tuple(c for c in table.columns if c.id not in gone)
        return table.with_columns(kept), InsertColumns(taken, self.title)


@dataclass(frozen=True)
class RenameColumn:
    """Give a column another name; names stay unique, because analyses speak of columns by name."""

    column_id: int
    name: str
    title: str = "Rename column"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Rename the column."""
        at = table.column_position(self.column_id)
        old = table.columns[at].name
        if not self.name.strip():
            raise DataProblem(f"Column '{old}' needs a name; type one.")
        if any(c.name == self.name for c in table.columns if c.id != self.column_id):
            raise DataProblem(f"There already is a column '{self.name}'; choose another name.")
        columns = list(table.columns)
        columns[at] = replace(columns[at], name=self.name)
        return table.with_columns(columns), RenameColumn(self.column_id, old, self.title)


@dataclass(frozen=True)
class SetRole:
    """Say what a column is; a role that stands only once moves here from the column that had it."""

    column_id: int
    role: str | None
    title: str = "Change column role"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Set the role; what a person says is no guess any more."""
        changes: list[tuple[int, str | None, bool]] = [(self.column_id, self.role, False)]
        if self.role is not None and ROLES[self.role].key not in UNIQUE_EXCEPT:
            changes += [
                (column.id, None, False)
                for column in table.all_with_role(self.role)
                if column.id != self.column_id
            ]
        return SetRoles(tuple(changes), self.title).apply(table)


@dataclass(frozen=True)
class SetRoles:
    """Set the roles of several columns, each as (column id, role, whether it is a guess)."""

    roles: tuple[tuple[int, str | None, bool], ...]
    title: str = "Change column roles"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Set the roles as given."""
        columns, before = list(table.columns), []
        for column_id, role, guessed in self.roles:
            at = table.column_position(column_id)
            if role is not None:
                ROLES[role]
            before.append((column_id, columns[at].role, columns[at].guessed))
            columns[at] = replace(columns[at], role=role, guessed=guessed)
        return table.with_columns(columns), SetRoles(tuple(reversed(before)), self.title)


@dataclass(frozen=True)
class SetExcluded:
    """Leave rows out of the analyses with a reason, or take them back in (``reason`` None)."""

    row_ids: tuple[int, ...]
    reason: str | None
    title: str = "Exclude rows"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Set the reason for all rows."""
        reasons = tuple((row_id, self.reason) for row_id in self.row_ids)
        return SetReasons(reasons, self.title).apply(table)


@dataclass(frozen=True)
class SetReasons:
    """Set a row's reason for exclusion each (None: the row takes part)."""

    reasons: tuple[tuple[int, str | None], ...]
    title: str = "Exclude rows"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Set the reasons as given."""
        _positions(table, {row_id for row_id, _ in self.reasons})
        excluded, before = dict(table.excluded), []
        for row_id, reason in self.reasons:
            before.append((row_id, excluded.pop(row_id, None)))
            if reason is not None:
                excluded[row_id] = reason
        made = replace(table, excluded=_frozen(excluded))
        return made, SetReasons(tuple(reversed(before)), self.title)


@dataclass(frozen=True)
class SetSteps:
    """Set the steps that are kept with rows, each as (row id, its steps in their order)."""

    steps: tuple[tuple[int, RowSteps], ...]
    title: str = "Keep a step"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Set the steps as given."""
        _positions(table, {row_id for row_id, _ in self.steps})
        kept, before = dict(table.steps), []
        for row_id, steps in self.steps:
            before.append((row_id, kept.pop(row_id, ())))
            if steps:
                kept[row_id] = steps
        made = replace(table, steps=_frozen(kept))
        return made, SetSteps(tuple(reversed(before)), self.title)


@dataclass(frozen=True)
class ReplaceTable:
    """Put another table in this one's place (a sheet read again, a table sorted)."""

    table: StudyTable
    title: str = "Replace the table"

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Return the other table."""
        return self.table, ReplaceTable(table, self.title)


@dataclass(frozen=True)
class Compound:
    """Several edits, one after the other, that are done and taken back as one."""

    title: str
    edits: tuple[Edit, ...]

    def apply(self, table: StudyTable) -> tuple[StudyTable, Edit]:
        """Apply all edits in order."""
        back: list[Edit] = []
        for edit in self.edits:
            table, inverse = edit.apply(table)
            back.append(inverse)
        return table, Compound(self.title, tuple(reversed(back)))


def _positions(table: StudyTable, row_ids: Iterable[int]) -> Mapping[int, int]:
    """Where rows stand; one row is looked for, many are looked up in an index."""
    wanted = tuple(row_ids)
    if len(wanted) <= 2:
        return {row_id: table.row_position(row_id) for row_id in wanted}
    index = {row_id: at for at, row_id in enumerate(table.row_ids)}
    return {row_id: index[row_id] for row_id in wanted}


def _woven(old: Sequence[T], places: Sequence[int], new: Sequence[T]) -> tuple[T, ...]:
    """Old values with the new ones at their (ascending) places."""
    woven: list[T] = []
    start = 0
    for place, value in zip(places, new, strict=True):
        end = start + place - len(woven)
        woven.extend(old[start:end])
        woven.append(value)
        start = end
    woven.extend(old[start:])
    return tuple(woven)


def _frozen(marks: Mapping[int, T]) -> Mapping[int, T]:
    """A mapping that nobody can change behind the table's back."""
    return MappingProxyType(dict(marks))


def _without(marks: Mapping[int, T], gone: Collection[int]) -> Mapping[int, T]:
    """What is said of rows, without that of the rows that go."""
    return _frozen({row_id: mark for row_id, mark in marks.items() if row_id not in gone})
