"""The 'data and analyses' export of RevMan 5: comparisons, outcomes, subgroups and studies in rows.

Rows of three levels stand one under the other; only the studies are data. The outcome, the subgroup
and the effect measure are written beside each study, every other row is excluded with its reason,
and the zeros that RevMan writes where an outcome has no such data become blanks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from metadesk.table import StudyTable, TableColumn, Value, number_in, shown
from metadesk.table.gestures import unused_name
from metadesk.table.table import HEADING_ROW, SUBTOTAL_ROW

LEVELS = ("Comparison Number", "Outcome Number", "Subgroup Number")
NEEDED = (*LEVELS, "Name", "Data Type")
MEASURE = "Effect Measure"
POOLED = ("Q", "df", "Data Type", MEASURE)  # filled in rows that hold a pooled result
COUNTS, MEANS = ("Events 1", "Events 2"), ("Mean 1", "SD 1", "Mean 2", "SD 2")
LOG_RANK = ("O-E", "Variance")
NOT_OF = {
    "DIC": (*MEANS, *LOG_RANK), "CON": (*COUNTS, *LOG_RANK), "IV": (*COUNTS, *MEANS, *LOG_RANK),
    "IPD": MEANS,
}  # fmt: skip
RATIOS = frozenset({"OR", "RR", "HR", "PETO_OR", "ODDS RATIO", "RISK RATIO", "HAZARD RATIO",
                    "RATE RATIO"})  # fmt: skip

Key = tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What the row of an outcome says of the studies under it."""

    name: str
    kind: str
    measure: str

    def lacks(self, column: str) -> bool:
        """Whether an outcome of this kind has no data in a column."""
        return any(self.kind.startswith(k) and column in names for k, names in NOT_OF.items())


def is_revman(table: StudyTable) -> bool:
    """Whether a table has the columns of the export."""
    names = {column.name for column in table.columns}
    return names.issuperset(NEEDED)


def untangled(table: StudyTable) -> StudyTable:
    """Write what belongs to each study beside it and exclude the rows that are no studies."""
    keys = [tuple(shown(v) for v in row) for row in _rows(table, LEVELS)]
    outcomes, subgroups, excluded = _levels(table, keys)
    of_row = [
        outcomes.get(key[:2]) if row_id not in excluded else None
        for key, row_id in zip(keys, table.row_ids, strict=True)
    ]
    columns = [_without_zeros(column, of_row) for column in table.columns]
    table = replace(table, columns=tuple(columns), excluded=MappingProxyType(excluded))
    for title, role, tell in _told(of_row, [subgroups.get(key) for key in keys]):
        cells = [tell(at) for at in range(table.n_rows)]
        if any(cell is not None for cell in cells):
            table = _with_column(table, title, cells, role)
    return _with_log_rank(_with_generic(table, of_row), of_row)


def _levels(
    table: StudyTable, keys: Sequence[Key]
) -> tuple[dict[Key, Outcome], dict[Key, str], dict[int, str]]:
    """Outcomes and subgroups by their numbers, and why rows are no studies."""
    pooled = [any(v is not None for v in row) for row in _rows(table, _there(table, POOLED))]
    kinds = _words(table, "Data Type")
    measures = _words(table, MEASURE)
    comparisons: dict[str, str] = {}
    outcomes: dict[Key, Outcome] = {}
    subgroups: dict[Key, str] = {}
    excluded = dict(table.excluded)
    for at, (row_id, key, name) in enumerate(
        zip(table.row_ids, keys, _words(table, "Name"), strict=True)
    ):
        if key[1] == "0":
            excluded[row_id] = HEADING_ROW
            comparisons[key[0]] = name
        elif pooled[at]:
            excluded[row_id] = SUBTOTAL_ROW
            if key[:2] not in outcomes:
                outcomes[key[:2]] = Outcome(name, kinds[at].upper(), measures[at])
            elif key[2] != "0":
                subgroups[key] = name
    return _told_apart(outcomes, comparisons), subgroups, excluded


def _told_apart(outcomes: dict[Key, Outcome], comparisons: dict[str, str]) -> dict[Key, Outcome]:
    """One outcome of two comparisons is two analyses: each carries its comparison's name."""
    names = [outcome.name for outcome in outcomes.values()]
    return {
        key: replace(outcome, name=f"{comparisons.get(key[0], key[0])}: {outcome.name}")
        if names.count(outcome.name) > 1
        else outcome
        for key, outcome in outcomes.items()
    }


def _told(
    of_row: Sequence[Outcome | None], subgroups: Sequence[str | None]
) -> list[tuple[str, str | None, Callable[[int], Value]]]:
    """The columns to write beside the studies: title, role, and what stands in a row."""

    def name(at: int) -> Value:
        outcome = of_row[at]
        return None if outcome is None else outcome.name

    def subgroup(at: int) -> Value:
        return None if of_row[at] is None else subgroups[at]

    def measure(at: int) -> Value:
        outcome = of_row[at]
        return None if outcome is None else outcome.measure or None

    return [
        ("Outcome", "outcome", name), ("Subgroup", "subgroup", subgroup),
        ("Measure of the outcome", None, measure),
    ]  # fmt: skip


def _without_zeros(column: TableColumn, of_row: Sequence[Outcome | None]) -> TableColumn:
    """A column without the zeros of outcomes that have no data of its kind."""
    cells = tuple(
        None if outcome is not None and outcome.lacks(column.name) else cell
        for cell, outcome in zip(column.cells, of_row, strict=True)
    )
    return column if cells == column.cells else replace(column, cells=cells)


def _with_generic(table: StudyTable, of_row: Sequence[Outcome | None]) -> StudyTable:
    """Effects and standard errors of generic inverse variance; ratios as logarithms, as their SEs.

    RevMan exports the ratio itself but the standard error of its logarithm.
    """
    generic = [outcome is not None and outcome.kind.startswith("IV") for outcome in of_row]
    if not any(generic) or len(_there(table, ("Effect Estimate", "SE"))) < 2:
        return table
    effects: list[Value] = []
    for outcome, cell in zip(of_row, table.column("Effect Estimate").cells, strict=True):
        value = number_in(cell)
        ratio = outcome is not None and outcome.measure.upper() in RATIOS
        effects.append(math.log(value) if ratio and value > 0 else cell)
    errors = table.column("SE").cells
    for title, role, cells in (("Effect", "yi", effects), ("Standard error", "sei", errors)):
        own = [cell if mine else None for cell, mine in zip(cells, generic, strict=True)]
        table = _with_column(table, title, own, role)
    return table


def _with_log_rank(table: StudyTable, of_row: Sequence[Outcome | None]) -> StudyTable:
    """Roles for O − E and its variance, where an outcome is of this kind."""
    if not any(outcome is not None and outcome.kind.startswith("IPD") for outcome in of_row):
        return table
    roles = {"O-E": "oe", "Variance": "v"}
    return table.with_columns(
        replace(c, role=roles[c.name], guessed=True) if c.name in roles else c
        for c in table.columns
    )


def _words(table: StudyTable, name: str) -> list[str]:
    """A column as words, all '' where it is not there."""
    if not _there(table, (name,)):
        return [""] * table.n_rows
    return [shown(v).strip() for v in table.column(name).cells]


def _there(table: StudyTable, names: Sequence[str]) -> list[str]:
    """Those of these columns that the table has."""
    return [column.name for column in table.columns if column.name in names]


def _rows(table: StudyTable, names: Sequence[str]) -> list[tuple[Value, ...]]:
    """The cells of these columns, row by row."""
    return list(zip(*(table.column(name).cells for name in names), strict=True))


def _with_column(
    table: StudyTable, name: str, cells: Sequence[Value], role: str | None
) -> StudyTable:
    """The table with one more column at the end."""
    title = unused_name(name, {column.name for column in table.columns})
    new = TableColumn(table.next_column_id, title, tuple(cells), role, guessed=role is not None)
    return table.with_columns((*table.columns, new))
