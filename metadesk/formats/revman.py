"""The 'data and analyses' export of RevMan 5: comparisons, outcomes, subgroups and studies in rows.

Rows of three levels stand one under the other; only the studies are data. The outcome's and the
subgroup's name are written beside each study, and every other row is excluded with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from metadesk.table import StudyTable, TableColumn, Value, shown
from metadesk.table.gestures import unused_name
from metadesk.table.table import HEADING_ROW, SUBTOTAL_ROW

LEVELS = ("Comparison Number", "Outcome Number", "Subgroup Number")
NEEDED = (*LEVELS, "Name", "Data Type")
POOLED = ("Q", "df", "Data Type", "Effect Measure")  # filled in rows that hold a pooled result


def is_revman(table: StudyTable) -> bool:
    """Whether a table has the columns of the export."""
    names = {column.name for column in table.columns}
    return names.issuperset(NEEDED)


def untangled(table: StudyTable) -> StudyTable:
    """Write outcome and subgroup beside each study and exclude the rows that are no studies."""
    keys = [tuple(shown(v) for v in row) for row in _rows(table, LEVELS)]
    names = [shown(v) for v in table.column("Name").cells]
    pooled = [any(v is not None for v in row) for row in _rows(table, _there(table, POOLED))]
    outcomes: dict[tuple[str, ...], str] = {}
    subgroups: dict[tuple[str, ...], str] = {}
    excluded = dict(table.excluded)
    for row_id, key, name, is_pooled in zip(table.row_ids, keys, names, pooled, strict=True):
        if key[1] == "0":
            excluded[row_id] = HEADING_ROW
        elif is_pooled:
            excluded[row_id] = SUBTOTAL_ROW
            if key[:2] not in outcomes:
                outcomes[key[:2]] = name
            elif key[2] != "0":
                subgroups[key] = name
    columns = _labelled(table, "Outcome", [outcomes.get(key[:2]) for key in keys], "outcome")
    if subgroups:
        made = replace(table, columns=columns)
        columns = _labelled(made, "Subgroup", [subgroups.get(key) for key in keys], "subgroup")
    return replace(table, columns=columns, excluded=MappingProxyType(excluded))


def _there(table: StudyTable, names: Sequence[str]) -> list[str]:
    """Those of these columns that the table has."""
    return [column.name for column in table.columns if column.name in names]


def _rows(table: StudyTable, names: Sequence[str]) -> list[tuple[Value, ...]]:
    """The cells of these columns, row by row."""
    return list(zip(*(table.column(name).cells for name in names), strict=True))


def _labelled(
    table: StudyTable, name: str, cells: Sequence[Value], role: str
) -> tuple[TableColumn, ...]:
    """The columns with one more at the end."""
    title = unused_name(name, {column.name for column in table.columns})
    new = TableColumn(table.next_column_id, title, tuple(cells), role, guessed=True)
    return (*table.columns, new)
