"""Putting a sheet right by hand: compound cells into columns, a row as the header.

Each is one edit; roles are guessed anew for what is new, and what a person said stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metadesk.formats.guess import guess_roles
from metadesk.table import Compound, Edit, ReplaceTable, SetRoles, StudyTable, shown
from metadesk.table.gestures import unused_name
from metadesk.table.splitting import name_of, parts_in_column, split_column


def compound_columns(table: StudyTable) -> tuple[int, ...]:
    """Ids of the columns whose cells hold several numbers that are not in columns of their own."""
    names = {column.name for column in table.columns}
    at = {column.id: column for column in table.columns}
    return tuple(
        column_id
        for column_id in guess_roles(table).compound
        if not names.issuperset(
            name_of(at[column_id].name, part) for part in parts_in_column(at[column_id])
        )
    )


def split_columns(table: StudyTable, column_ids: Sequence[int]) -> Edit:
    """Split these columns and guess what the new ones are.

    Raises
    ------
    DataProblem
        If the cells of one of them are no compound cells.
    """
    edits: list[Edit] = []
    made = table
    for column_id in column_ids:
        edits.append(split_column(made, made.column_position(column_id)))
        made, _ = edits[-1].apply(made)
    guessed = guess_roles(made).table
    roles = tuple(
        (new.id, new.role, new.guessed)
        for new, old in zip(guessed.columns, made.columns, strict=True)
        if new.role != old.role
    )
    if roles:
        edits.append(SetRoles(roles, "Guess roles"))
    if len(column_ids) == 1:
        return Compound(edits[0].title, tuple(edits))
    return Compound(f"Split {len(column_ids)} columns", tuple(edits))


def header_from_row(table: StudyTable, row: int) -> ReplaceTable:
    """Take a row as the names of the columns; it goes with the rows above it.

    A column without a word in that row keeps its name. Roles that were guessed are guessed anew.
    """
    taken: set[str] = set()
    columns = []
    for column in table.columns:
        words = " ".join(shown(column.cells[row]).split()) or column.name
        name = unused_name(words, taken)
        taken.add(name)
        said = None if column.guessed else column.role
        cells = column.cells[row + 1 :]
        columns.append(replace(column, name=name, cells=cells, role=said, guessed=False))
    kept = table.row_ids[row + 1 :]
    excluded = {i: why for i, why in table.excluded.items() if i in set(kept)}
    made = replace(table, columns=tuple(columns), row_ids=kept, excluded=excluded)
    return ReplaceTable(guess_roles(made).table, f"Row {row + 1} as column names")
