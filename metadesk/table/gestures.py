"""What a person does at the sheet, as edits with the names that the undo menu shows.

Each gesture looks at the table as it is and returns an edit; nothing changes until it is applied.
"""

from __future__ import annotations

from collections.abc import Sequence

from metadesk.table.cells import Value, parse_typed
from metadesk.table.edits import (
    Compound,
    Edit,
    InsertColumns,
    InsertRows,
    RemoveColumns,
    RemoveRows,
    RenameColumn,
    Row,
    SetCells,
    SetExcluded,
    SetRole,
)
from metadesk.table.roles import ROLES
from metadesk.table.table import StudyTable, TableColumn


def type_cell(table: StudyTable, row: int, column: int, text: str) -> SetCells:
    """Type text into the cell at these positions."""
    target = table.columns[column]
    cells = ((table.row_ids[row], target.id, parse_typed(text)),)
    return SetCells(cells, f"Typing in {target.name}")


def clear_cells(table: StudyTable, cells: Sequence[tuple[int, int]]) -> SetCells:
    """Empty the cells at these (row, column) positions."""
    erased = tuple((table.row_ids[r], table.columns[c].id, None) for r, c in cells)
    return SetCells(erased, f"Clear {_counted(len(erased), 'cell')}")


def paste(table: StudyTable, row: int, column: int, block: Sequence[Sequence[str]]) -> Edit:
    """Paste a block of text with its upper left corner at these positions.

    The table grows by as many rows and columns as the block needs. A shorter line of the block
    leaves the cells beyond its end alone.
    """
    height, width = len(block), max((len(line) for line in block), default=0)
    title = f"Paste {height} × {width} cells"
    grown: list[Edit] = []
    target = table
    if (missing := row + height - table.n_rows) > 0:
        grown.append(insert_rows(target, table.n_rows, missing))
        target, _ = grown[-1].apply(target)
    if (missing := column + width - len(table.columns)) > 0:
        grown.append(insert_columns(target, len(table.columns), missing))
        target, _ = grown[-1].apply(target)
    cells = tuple(
        (target.row_ids[row + r], target.columns[column + c].id, parse_typed(text))
        for r, line in enumerate(block)
        for c, text in enumerate(line)
    )
    written = SetCells(cells, title)
    return Compound(title, (*grown, written)) if grown else written


def fill_down(table: StudyTable, rows: Sequence[int], columns: Sequence[int]) -> SetCells:
    """Copy the uppermost of the chosen cells of each column into those below it."""
    first, *below = sorted(rows)
    cells = tuple(
        (table.row_ids[row], table.columns[at].id, table.cell(first, at))
        for at in columns
        for row in below
    )
    return SetCells(cells, f"Fill down {_counted(len(below), 'row')}")


def insert_rows(table: StudyTable, at: int, count: int = 1) -> InsertRows:
    """Insert blank rows so that the first of them stands at ``at``."""
    start = table.next_row_id
    rows = tuple(Row(at + i, start + i) for i in range(count))
    return InsertRows(rows, f"Insert {_counted(count, 'row')}")


def remove_rows(table: StudyTable, rows: Sequence[int]) -> RemoveRows:
    """Delete the rows at these positions."""
    ids = tuple(table.row_ids[row] for row in sorted(set(rows)))
    return RemoveRows(ids, f"Delete {_counted(len(ids), 'row')}")


def insert_columns(
    table: StudyTable, at: int, count: int = 1, names: Sequence[str] = ()
) -> InsertColumns:
    """Insert blank columns so that the first of them stands at ``at``."""
    taken = {column.name for column in table.columns}
    start, made = table.next_column_id, []
    for i in range(count):
        name = unused_name(names[i] if i < len(names) else f"Column {letter(at + i)}", taken)
        taken.add(name)
        made.append((at + i, TableColumn(start + i, name, (None,) * table.n_rows)))
    return InsertColumns(tuple(made), f"Insert {_counted(count, 'column')}")


def remove_columns(table: StudyTable, columns: Sequence[int]) -> RemoveColumns:
    """Delete the columns at these positions."""
    chosen = [table.columns[at] for at in sorted(set(columns))]
    many = f"Delete {_counted(len(chosen), 'column')}"
    title = f"Delete column {chosen[0].name}" if len(chosen) == 1 else many
    return RemoveColumns(tuple(column.id for column in chosen), title)


def rename_column(table: StudyTable, column: int, name: str) -> RenameColumn:
    """Rename the column at this position."""
    target = table.columns[column]
    return RenameColumn(target.id, name.strip(), f"Rename {target.name} to {name.strip()}")


def set_role(table: StudyTable, column: int, role: str | None) -> SetRole:
    """Say what the column at this position is."""
    target = table.columns[column]
    said = f"is {ROLES[role].title}" if role is not None else "has no role"
    return SetRole(target.id, role, f"{target.name} {said}")


def exclude(table: StudyTable, row_ids: Sequence[int], reason: str) -> SetExcluded:
    """Leave rows out of the analyses and say why."""
    why = reason.strip() or "No reason given"
    return SetExcluded(tuple(row_ids), why, f"Exclude {_named(table, row_ids)} ({why})")


def include(table: StudyTable, row_ids: Sequence[int]) -> SetExcluded:
    """Take excluded rows back into the analyses."""
    return SetExcluded(tuple(row_ids), None, f"Include {_named(table, row_ids)}")


def letter(position: int) -> str:
    """The letters with which a spreadsheet names the column at this position (0 is A)."""
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def unused_name(name: str, taken: set[str]) -> str:
    """The name itself, or with the first number in brackets that makes it unique."""
    if name not in taken:
        return name
    number = 2
    while f"{name} ({number})" in taken:
        number += 1
    return f"{name} ({number})"


def block_of(text: str) -> list[list[str]]:
    """Read what a spreadsheet puts on the clipboard: tab-separated, cells with breaks in quotes."""
    import csv
    import io

    if '"' not in text:
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return [line.split("\t") for line in (lines[:-1] if lines[-1] == "" else lines)]
    return list(csv.reader(io.StringIO(text, newline=""), delimiter="\t", quotechar='"'))


def as_text(block: Sequence[Sequence[Value]]) -> str:
    """Write cells as a spreadsheet expects them on the clipboard."""
    from metadesk.table.table import shown

    return "".join("\t".join(_quoted(shown(v)) for v in line) + "\r\n" for line in block)


def _quoted(text: str) -> str:
    """Text with tabs, breaks or quotes in quotes."""
    if any(mark in text for mark in '\t\r\n"'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _counted(count: int, thing: str) -> str:
    """'1 row', '2 rows'."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _named(table: StudyTable, row_ids: Sequence[int]) -> str:
    """The label of one row, or how many there are."""
    return table.label(row_ids[0]) if len(row_ids) == 1 else _counted(len(row_ids), "row")
