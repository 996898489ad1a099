"""What somebody changed in the worksheets after metadesk saved them: the new cells win.

Columns are found again by their names and rows by what they hold, so that roles, exclusions and ids
stay with what they were said of, also when rows were sorted, put in or taken out.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from metadesk.formats.guess import guess_roles
from metadesk.formats.layout import Grid, Layout, table_from
from metadesk.formats.workbook import Sheet
from metadesk.project.worksheets import alike, grid_of, rows_of, same_form
from metadesk.table import StudyTable, Value

ENOUGH = 0.5  # share of equal cells from which two rows are one
MOST_PAIRS = 250_000  # rows compared with each other; above this only equal rows are found again


@dataclass(frozen=True)
class Changes:
    """How much of a sheet differs from what was saved."""

    cells: int = 0
    rows_in: int = 0
    rows_out: int = 0
    columns_in: tuple[str, ...] = ()
    columns_out: tuple[str, ...] = ()
    moved: bool = False

    def __str__(self) -> str:
        parts = [
            _counted(self.cells, "cell", "changed"),
            _counted(self.rows_in, "row", "added"),
            _counted(self.rows_out, "row", "removed"),
            *(f"column '{name}' added" for name in self.columns_in),
            *(f"column '{name}' removed" for name in self.columns_out),
            "rows in another order" if self.moved else "",
        ]
        return ", ".join(part for part in parts if part) or "columns or blank rows moved"


def reconciled(table: StudyTable, sheet: Sheet) -> tuple[StudyTable, Changes | None]:
    """The table as it was saved, or with what was changed in the worksheet since.

    Returns
    -------
    tuple of StudyTable and Changes or None
        None where the worksheet still holds what was saved; then the table is exactly the saved
        one, with every blank and every type.
    """
    if alike(sheet.grid) == grid_of(table):
        return table, None
    found = _as_table(table, sheet)
    columns = _columns_again(table, found)
    if not columns:
        found = guess_roles(sheet.table()).table  # another table altogether
    rows = _rows_again(table, found, columns)
    return _merged(table, found, columns, rows)


def _as_table(table: StudyTable, sheet: Sheet) -> StudyTable:
    """The worksheet as it is now, with its header where the saved names stand."""
    names = {same_form(column.name) for column in table.columns}
    grid = alike(sheet.grid)
    hits = [len(names.intersection(row)) for row in grid[:40]]
    if not hits or max(hits) == 0:
        return sheet.table()
    header = hits.index(max(hits))
    layout = Layout((header,), header + 1, len(grid))
    return table_from(sheet.grid, sheet.merged, layout, name=sheet.name)


def _columns_again(table: StudyTable, found: StudyTable) -> dict[int, int]:
    """Positions of columns in ``found``, each with its position in ``table``."""
    waiting: dict[Value, deque[int]] = defaultdict(deque)
    for at, column in enumerate(table.columns):
        waiting[same_form(column.name)].append(at)
    return {
        at: waiting[name].popleft()
        for at, column in enumerate(found.columns)
        if waiting[name := same_form(column.name)]
    }


def _rows_again(table: StudyTable, found: StudyTable, columns: Mapping[int, int]) -> dict[int, int]:
    """Positions of rows in ``found``, each with its position in ``table``."""
    old = _shared(table, list(columns.values()))
    new = _shared(found, list(columns))
    waiting: dict[tuple[Value, ...], deque[int]] = defaultdict(deque)
    for at, row in enumerate(old):
        waiting[row].append(at)
    same = {at: waiting[row].popleft() for at, row in enumerate(new) if waiting[row]}
    left_old = sorted(set(range(len(old))) - set(same.values()))
    left_new = [at for at in range(len(new)) if at not in same]
    if len(left_old) * len(left_new) <= MOST_PAIRS:
        same |= _nearly_same(old, new, left_old, left_new)
    return same


def _nearly_same(
    old: Grid, new: Grid, left_old: Sequence[int], left_new: Sequence[int]
) -> dict[int, int]:
    """Pairs of rows that agree in at least half of their cells, the most alike first."""
    scored = [
        (-share, abs(i - j), i, j)
        for i in left_new
        for j in left_old
        if (share := _share(new[i], old[j])) >= ENOUGH
    ]
    pairs: dict[int, int] = {}
    used: set[int] = set()
    for _, _, i, j in sorted(scored):
        if i not in pairs and j not in used:
            pairs[i] = j
            used.add(j)
    return pairs


def _share(a: Sequence[Value], b: Sequence[Value]) -> float:
    """How many of the cells that either row fills are equal."""
    filled = [(x, y) for x, y in zip(a, b, strict=True) if x is not None or y is not None]
    return sum(x == y for x, y in filled) / len(filled) if filled else 0.0


def _shared(table: StudyTable, positions: Sequence[int]) -> Grid:
    """Some columns of a table, row by row, in the form in which equal cells are equal."""
    columns = [[same_form(v) for v in table.columns[at].cells] for at in positions]
    return tuple(zip(*columns, strict=True)) if columns else ((),) * table.n_rows


def _merged(
    table: StudyTable, found: StudyTable, columns: Mapping[int, int], rows: Mapping[int, int]
) -> tuple[StudyTable, Changes]:
    """The cells of ``found`` with the ids, roles and reasons of ``table``; and what is new."""
    row_ids = _ids(found.n_rows, {i: table.row_ids[j] for i, j in rows.items()}, table.next_row_id)
    saved_columns = {i: table.columns[j].id for i, j in columns.items()}
    column_ids = _ids(len(found.columns), saved_columns, table.next_column_id)
    made, changed = [], 0
    for at, column in enumerate(found.columns):
        if at not in columns:
            made.append(replace(column, id=column_ids[at]))
            continue
        saved = table.columns[columns[at]]
        cells = list(column.cells)
        for i, j in rows.items():
            if same_form(cells[i]) == same_form(saved.cells[j]):
                cells[i] = saved.cells[j]
            else:
                changed += 1
        made.append(replace(saved, cells=tuple(cells)))
    kept = set(columns.values())
    filled = [j for j, row in enumerate(rows_of(table)) if any(v is not None for v in row)]
    order = [rows[i] for i in sorted(rows)]
    changes = Changes(
        changed,
        found.n_rows - len(rows),
        len(set(filled) - set(rows.values())),
        tuple(c.name for at, c in enumerate(found.columns) if at not in columns),
        tuple(c.name for at, c in enumerate(table.columns) if at not in kept),
        order != sorted(order),
    )
    merged = StudyTable(
        tuple(made),
        row_ids,
        _reasons(table, found, rows, row_ids),
        table.name,
        table.source,
        table.remarks,
        MappingProxyType({r: steps for r, steps in table.steps.items() if r in set(row_ids)}),
    )
    return merged, changes


def _reasons(
    table: StudyTable, found: StudyTable, rows: Mapping[int, int], row_ids: Sequence[int]
) -> Mapping[int, str]:
    """Why rows are left out: as was said of rows found again, as the reader says of new ones."""
    reasons = {}
    for at, row_id in enumerate(row_ids):
        if at in rows:
            reason = table.excluded.get(table.row_ids[rows[at]])
        else:
            reason = found.excluded.get(found.row_ids[at])
        if reason is not None:
            reasons[row_id] = reason
    return MappingProxyType(reasons)


def _ids(count: int, known: Mapping[int, int], first_new: int) -> tuple[int, ...]:
    """The ids of things found again, new ones for the others."""
    ids, fresh = [], first_new
    for at in range(count):
        if at in known:
            ids.append(known[at])
        else:
            ids.append(fresh)
            fresh += 1
    return tuple(ids)


def same_header(table: StudyTable, sheet: Sheet) -> bool:
    """Whether a worksheet of another name has the columns of this table."""
    first = alike(sheet.grid[:1])
    names = Counter(same_form(column.name) for column in table.columns)
    return bool(names) and Counter(first[0] if first else ()) == names


def _counted(count: int, thing: str, what: str) -> str:
    if not count:
        return ""
    return f"{count} {thing}{'s' if count > 1 else ''} {what}"
