"""Making steps and taking them back, each as one edit; cells are named by the roles they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from metadesk.errors import DataProblem
from metadesk.table.cells import Value
from metadesk.table.edits import (
    Compound,
    Edit,
    InsertColumns,
    SetCells,
    SetExcluded,
    SetReasons,
    SetSteps,
)
from metadesk.table.gestures import unused_name
from metadesk.table.roles import ROLES
from metadesk.table.steps import (
    KeptStep,
    WrittenCell,
    in_force,
    next_step_id,
    same_value,
    written,
)
from metadesk.table.table import StudyTable, TableColumn


@dataclass(frozen=True)
class RowWriting:
    """What a step writes into one row: values by role, ``None`` to empty the cell.

    ``typed`` names the roles whose values a person gave; ``how`` says by role how others followed;
    ``told`` is what else is to be said; ``left_out`` are the rows that this one now stands for.
    """

    row_id: int
    values: Mapping[str, float | None]
    typed: frozenset[str] = frozenset()
    how: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    told: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()


@dataclass(frozen=True)
class Doing:
    """What is done: a short key, its name, what it was told, and where its rule comes from."""

    key: str
    name: str
    parameters: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    citation: str = ""


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


def step_edit(
    table: StudyTable, doing: Doing, rows: Sequence[RowWriting], title: str
) -> Edit | None:
    """Write values into rows and keep what was done with each row.

    A row in which only typed values are new keeps no step: that is plain typing. None where
    nothing would change; ``title`` is what the undo menu shows.
    """
    wanted = [role for row in rows for role, x in row.values.items() if x is not None]
    added = columns_for(table, wanted)
    grown = added.apply(table)[0] if added is not None else table
    cells: list[tuple[int, int, Value]] = []
    kept: list[tuple[int, tuple[KeptStep, ...]]] = []
    edits: list[Edit] = [] if added is None else [added]
    step_id = next_step_id(table.steps)
    for row in rows:
        new = _written_cells(grown, row)
        if not new and not row.left_out:
            continue
        cells += [(row.row_id, cell.column_id, cell.after) for cell in new]
        if all(cell.typed for cell in new) and not row.left_out:
            continue
        step = KeptStep(
            step_id, doing.key, doing.name, tuple(doing.parameters.items()), doing.citation,
            new, row.told, row.left_out,
        )  # fmt: skip
        step_id += 1
        kept.append((row.row_id, (*table.steps.get(row.row_id, ()), step)))
        if row.left_out:
            edits.append(SetExcluded(row.left_out, _combined_with(table, row.row_id), title))
    if not cells and not kept:
        return None
    edits.append(SetCells(tuple(cells), title))
    if kept:
        edits.append(SetSteps(tuple(kept), title))
    return Compound(title, tuple(edits))


def _written_cells(table: StudyTable, row: RowWriting) -> tuple[WrittenCell, ...]:
    """The cells of a row that get another value; whole numbers are written as such."""
    found = []
    at = table.row_position(row.row_id)
    for role, x in row.values.items():
        column = table.with_role(role)
        value = _value(x)
        if column is not None and not _alike(column.cells[at], value):
            typed, how = role in row.typed, row.how.get(role, "")
            found.append(WrittenCell(column.id, column.cells[at], value, typed, how))
    return tuple(found)


def _alike(a: Value, b: Value) -> bool:
    return a is b or same_value(a, b)


def _value(x: float | None) -> Value:
    if x is None:
        return None
    return int(x) if float(x).is_integer() and abs(x) < 1e15 else float(x)


def _combined_with(table: StudyTable, row_id: int) -> str:
    return f"Combined with row {table.row_position(row_id) + 1}"


@dataclass(frozen=True)
class TakenBack:
    """The edit that takes a step back, and what could not be restored, one sentence a cell."""

    edit: Edit
    said: tuple[str, ...] = ()


def take_back(table: StudyTable, steps: Sequence[tuple[int, int]]) -> TakenBack:
    """Take back steps, each given as (row id, step id), whatever else was edited since.

    A cell that was typed over stays as it was typed, and that is said. Rows that the step left out
    come back unless another reason was given since.

    Raises
    ------
    DataProblem
        If a later step that is still in force builds on a cell of this one.
    """
    cells: list[tuple[int, int, Value]] = []
    kept: dict[int, tuple[KeptStep, ...]] = {}
    reasons: list[tuple[int, str | None]] = []
    said: list[str] = []
    names = []
    for row_id, step_id in steps:
        of_row = kept.get(row_id, table.steps.get(row_id, ()))
        step = next((s for s in of_row if s.id == step_id), None)
        if step is None:
            raise DataProblem(f"{_row_words(table, row_id)}: this step was taken back before.")
        names.append(step.title)
        back, stays = _cells_back(table, row_id, step)
        cells += back
        said += stays
        kept[row_id] = tuple(s for s in of_row if s.id != step_id)
        reasons += [
            (other, None)
            for other in step.left_out
            if table.excluded.get(other) == _combined_with(table, row_id)
        ]
    title = f"Take back: {names[0]}" if names else "Take back"
    edits: list[Edit] = [SetCells(tuple(cells), title), SetSteps(tuple(kept.items()), title)]
    if reasons:
        edits.append(SetReasons(tuple(reasons), title))
    return TakenBack(Compound(title, tuple(edits)), tuple(said))


def _cells_back(
    table: StudyTable, row_id: int, step: KeptStep
) -> tuple[list[tuple[int, int, Value]], list[str]]:
    """The cells as they were before a step, and what is said of those that stay."""
    holding = in_force(table, [row_id])
    columns = {column.id: column for column in table.columns}
    at = table.row_position(row_id)
    back: list[tuple[int, int, Value]] = []
    said: list[str] = []
    for cell in step.cells:
        last = holding.get((row_id, cell.column_id))
        if last is not None and last.id == step.id:
            back.append((row_id, cell.column_id, cell.before))
        elif last is not None and last.id > step.id:
            raise DataProblem(
                f"{_row_words(table, row_id)}: '{last.title}' was done after '{step.title}' and "
                f"builds on its numbers; take back '{last.title}' first."
            )
        elif cell.column_id not in columns:
            said.append(f"{_row_words(table, row_id)}: a column that it wrote into is gone.")
        else:
            column = columns[cell.column_id]
            said.append(
                f"{_row_words(table, row_id)}: '{column.name}' was typed over since and stays "
                f"{written(column.cells[at])}; before the step it was {written(cell.before)}."
            )
    return back, said


def _row_words(table: StudyTable, row_id: int) -> str:
    at, label = table.row_position(row_id), table.label(row_id)
    return label if label == f"Row {at + 1}" else f"Row {at + 1} ({label})"
