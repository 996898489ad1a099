"""Writing numbers into one row by role, with the columns that are still missing: one edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metadesk.table import (
    ROLES,
    Compound,
    Edit,
    InsertColumns,
    SetCells,
    StudyTable,
    TableColumn,
    Value,
)
from metadesk.table.gestures import unused_name


def columns_for(table: StudyTable, roles: Sequence[str]) -> InsertColumns | None:
    """Insert a column behind the others for each role that has none; None where all have one."""
    missing = [role for role in dict.fromkeys(roles) if table.with_role(role) is None]
    if not missing:
        return None
    taken = {column.name for column in table.columns}
    made, at = [], len(table.columns)
    for i, role in enumerate(missing):
        name = unused_name(ROLES[role].title, taken)
        taken.add(name)
        column = TableColumn(table.next_column_id + i, name, (None,) * table.n_rows, role)
        made.append((at + i, column))
    return InsertColumns(tuple(made), "Add columns")


def write_row(
    table: StudyTable, cells: Mapping[tuple[int, str], float | None], title: str
) -> Edit | None:
    """Write values given by (row id, role); whole numbers are written as such.

    ``None`` empties a cell. Returns None where nothing would change.
    """
    added = columns_for(table, [role for (_, role), x in cells.items() if x is not None])
    grown = added.apply(table)[0] if added is not None else table
    writes: list[tuple[int, int, Value]] = []
    for (row_id, role), x in cells.items():
        column = grown.with_role(role)
        if column is None:
            continue
        value = _value(x)
        if column.cells[grown.row_position(row_id)] != value:
            writes.append((row_id, column.id, value))
    if not writes:
        return None
    written = SetCells(tuple(writes), title)
    return Compound(title, (added, written)) if added is not None else written


def _value(x: float | None) -> Value:
    if x is None:
        return None
    return int(x) if float(x).is_integer() and abs(x) < 1e15 else float(x)
