"""The table of data rows in a package of a Cochrane review: one row a study and analysis.

Zeros stand where an analysis has no such data; they become blanks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metadesk.table import StudyTable, TableColumn, Value, number_in, shown

NUMBERS = ("Analysis group", "Analysis number")
NAME = "Analysis name"
NEEDED = (*NUMBERS, NAME, "Study")
KINDS = (
    ("Experimental SD", "Control SD", "Experimental mean", "Control mean"),
    ("GIV SE", "GIV Mean"),
    ("Variance", "O-E"),
)
COUNTS = ("Experimental cases", "Control cases")
ROLES = {
    NAME: "outcome", "Study": "study", "Study year": "year", "Subgroup": "subgroup",
    "GIV Mean": "yi", "GIV SE": "sei", "O-E": "oe", "Variance": "v",
}  # fmt: skip


def is_data_rows(table: StudyTable) -> bool:
    """Whether a table has the columns of the package's rows."""
    return {column.name for column in table.columns}.issuperset(NEEDED)


def arranged(table: StudyTable) -> StudyTable:
    """Blanks for zeros that are no data, roles for what the columns are known to be."""
    keys = [
        tuple(shown(v) for v in row)
        for row in zip(*(table.column(n).cells for n in NUMBERS), strict=True)
    ]
    told = {kind: _analyses_with(table, keys, kind) for kind in KINDS}
    other = set().union(*told.values())
    columns = []
    for column in table.columns:
        kind = next((k for k in KINDS if column.name in k), None)
        if kind is not None:
            column = _blanked(column, [key in told[kind] for key in keys])
        elif column.name in COUNTS:
            column = _blanked(column, [key not in other for key in keys])
        columns.append(_with_role(column))
    return _named_apart(table.with_columns(columns), keys)


def _named_apart(table: StudyTable, keys: Sequence[tuple[str, ...]]) -> StudyTable:
    """An outcome that stands in several analyses carries their numbers."""
    names = dict(zip(keys, (shown(v) for v in table.column(NAME).cells), strict=True))
    often = list(names.values())
    cells = tuple(
        f"{'.'.join(key)} {names[key]}" if often.count(names[key]) > 1 else names[key]
        for key in keys
    )
    return table.with_columns(
        replace(c, cells=cells) if c.name == NAME else c for c in table.columns
    )


def _analyses_with(
    table: StudyTable, keys: Sequence[tuple[str, ...]], kind: Sequence[str]
) -> set[tuple[str, ...]]:
    """The analyses in which the first of these columns holds more than zeros."""
    spread = next((c for c in table.columns if c.name == kind[0]), None)
    cells: Sequence[Value] = () if spread is None else spread.cells
    return {key for key, cell in zip(keys, cells, strict=False) if number_in(cell) > 0}


def _blanked(column: TableColumn, kept: Sequence[bool]) -> TableColumn:
    cells = tuple(v if keep else None for v, keep in zip(column.cells, kept, strict=True))
    return replace(column, cells=cells)


def _with_role(column: TableColumn) -> TableColumn:
    role = ROLES.get(column.name)
    filled = any(v is not None for v in column.cells)
    return replace(column, role=role, guessed=True) if role and filled else column
