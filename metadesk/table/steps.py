"""Steps kept with a row: what was done to its cells, by what rule, and how to take it back.

A step (a cluster adjustment, another unit, what the row calculator worked out) writes cells and
leaves a record with the row: its name, its parameters, its source, the cells before and after. The
record stays when other edits follow; a cell counts as the step's own as long as nobody typed over
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metadesk.document.numbers import in_sentence
from metadesk.table.cells import Value

if TYPE_CHECKING:
    from metadesk.table.table import StudyTable


@dataclass(frozen=True)
class WrittenCell:
    """A cell that a step wrote, with what stood there before.

    ``typed``: a person gave the value in a form; it was not worked out. ``how`` says in a sentence
    how a value followed from others, where the step's name does not say it.
    """

    column_id: int
    before: Value
    after: Value
    typed: bool = False
    how: str = ""


@dataclass(frozen=True)
class KeptStep:
    """One step of one row.

    Attributes
    ----------
    id : int
        Unique in its table; later steps have larger ones.
    key : str
        What kind of step it is ('cluster', 'calculator').
    title : str
        What a person calls it.
    parameters : tuple of (words, value)
        What it was told, such as ('Intracluster correlation (ICC)', 0.05).
    citation : str
        Where the rule comes from.
    cells : tuple of WrittenCell
        What it wrote into the row.
    told : tuple of str
        What else is to be said of it, one sentence each.
    left_out : tuple of int
        Ids of other rows that the step left out because this row now stands for them.
    """

    id: int
    key: str
    title: str
    parameters: tuple[tuple[str, Value], ...] = ()
    citation: str = ""
    cells: tuple[WrittenCell, ...] = ()
    told: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Title and parameters, as a menu shows them."""
        if not self.parameters:
            return self.title
        said = ", ".join(f"{words} {written(value)}" for words, value in self.parameters)
        return f"{self.title} ({said})"

    def cell(self, column_id: int) -> WrittenCell | None:
        """What the step wrote into a column, None if nothing."""
        return next((cell for cell in self.cells if cell.column_id == column_id), None)


RowSteps = tuple[KeptStep, ...]


def written(value: Value) -> str:
    """A value in a sentence; an empty cell is said to be empty."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return in_sentence(value)
    return str(value)


def same_value(a: Value, b: Value) -> bool:
    """Whether two cells hold the same; 5 and 5.0 do, 5 and '5' do not."""
    return isinstance(a, str) == isinstance(b, str) and a == b


def in_force(
    table: StudyTable, row_ids: Iterable[int] | None = None
) -> dict[tuple[int, int], KeptStep]:
    """Cells that still hold what a step wrote, as (row id, column id), with the last such step."""
    columns = {column.id: column.cells for column in table.columns}
    rows = {row_id: at for at, row_id in enumerate(table.row_ids)}
    found: dict[tuple[int, int], KeptStep] = {}
    for row_id in table.steps if row_ids is None else row_ids:
        for step in table.steps.get(row_id, ()):
            for cell in step.cells:
                place = row_id, cell.column_id
                cells = columns.get(cell.column_id)
                if cells is not None and same_value(cells[rows[row_id]], cell.after):
                    found[place] = step
                else:
                    found.pop(place, None)
    return found


def next_step_id(steps: Mapping[int, RowSteps]) -> int:
    """An id that no step has."""
    return max((step.id for of_row in steps.values() for step in of_row), default=-1) + 1
