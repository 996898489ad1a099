"""Adjustments of rows as edits of the sheet: for the window, for a request, for the command line.

An adjustment changes cells and leaves a record with the row (:mod:`metadesk.table.steps`), whoever
asked for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from metadesk.effects.adjustments import ADJUSTMENTS
from metadesk.effects.combining import COMBINATIONS, Combination
from metadesk.errors import SpecProblem
from metadesk.table import NOT_A_STUDY, Edit, StudyTable, number_in
from metadesk.table.stepping import Doing, RowWriting, step_edit

ALL_ROWS = "*"
MOST_NAMED = 12


def values_of_row(table: StudyTable, row_id: int) -> dict[str, float]:
    """The numbers of a row by the roles of their columns."""
    at = table.row_position(row_id)
    found = {c.role: number_in(c.cells[at]) for c in table.columns if c.role}
    return {role: x for role, x in found.items() if not math.isnan(x)}


def adjusting(
    table: StudyTable, key: str, row_ids: Sequence[int], parameters: Mapping[str, float]
) -> Edit | None:
    """Adjust rows, or combine them into the first; None where nothing would change.

    Raises
    ------
    SpecProblem
        If the adjustment is unknown, a parameter missing or impossible, or rows do not fit.
    """
    if key in COMBINATIONS:
        return _combining(table, COMBINATIONS[key], row_ids)
    adjustment = ADJUSTMENTS[key]
    rows = []
    for row_id in row_ids:
        after = adjustment.apply(values_of_row(table, row_id), **parameters)
        rows.append(RowWriting(row_id, {r: None if math.isnan(x) else x for r, x in after.items()}))
    said = {words: parameters[name] for name, words in adjustment.parameters.items()}
    doing = Doing(key, adjustment.title, said, adjustment.citation.full)
    return step_edit(table, doing, rows, f"{adjustment.title}: {_named(table, row_ids)}")


def _combining(table: StudyTable, asked: Combination, row_ids: Sequence[int]) -> Edit | None:
    """Write the combined groups into the first row and leave the others out."""
    ordered = sorted((r for r in row_ids if r not in table.excluded), key=table.row_position)
    values = asked.apply([values_of_row(table, row_id) for row_id in ordered])
    others = tuple(ordered[1:])
    told = tuple(f"Combined with {table.label(other)}." for other in others)
    doing = Doing(asked.key, asked.title, {}, asked.citation.full)
    row = RowWriting(ordered[0], values, told=told, left_out=others)
    return step_edit(table, doing, [row], f"{asked.title}: {_named(table, ordered)}")


def _named(table: StudyTable, row_ids: Sequence[int]) -> str:
    return table.label(row_ids[0]) if len(row_ids) == 1 else f"{len(row_ids)} rows"


def rows_named(table: StudyTable, word: str) -> tuple[int, ...]:
    """The ids of the rows that a word means: a study's label, 'Row 3', or '*' for all.

    Raises
    ------
    SpecProblem
        If no row is called so.
    """
    if word.strip() == ALL_ROWS:
        return tuple(r for r in table.row_ids if r not in table.excluded)
    labels = table.labels()
    found = tuple(r for r, label in zip(table.row_ids, labels, strict=True) if label == word)
    if found:
        return found
    for at, row_id in enumerate(table.row_ids):
        if word.strip().lower() == f"row {at + 1}":
            return (row_id,)
    raise SpecProblem(f"There is no study '{word}'. {_studies_near(table, word)}")


def _studies_near(table: StudyTable, word: str) -> str:
    """Which studies bear a name like the word, else those of the sheet; notes are no studies."""
    rows = zip(table.row_ids, table.labels(), strict=True)
    labels = [label for r, label in rows if table.excluded.get(r) not in NOT_A_STUDY]
    names = [f"'{label}'" for label in dict.fromkeys(labels)]
    near = [name for name in names if word.strip().casefold() in name.casefold()]
    if near:
        return f"Did you mean {' or '.join(near[:3])}?"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"The sheet has {', '.join(names[:MOST_NAMED])}{more}."


def adjusted(
    table: StudyTable, asked: Sequence[Mapping[str, Any]], roles: Mapping[str, str]
) -> StudyTable:
    """Return the table after the adjustments of a request, one after the other.

    Parameters
    ----------
    table : StudyTable
    asked : sequence of mappings
        Each with ``do`` (key of an adjustment), ``rows`` (labels of studies, 'Row 3'; absent: all)
        and the adjustment's parameters by name.
    roles : mapping of role to column name
        What the request says of columns; it goes before what the sheet says.

    Raises
    ------
    SpecProblem
        If an adjustment, a row or a parameter is wrong.
    """
    if not asked:
        return table
    own = {name: role for role, name in roles.items()}
    taken = set(roles)
    table = table.with_columns(
        replace(c, role=own.get(c.name, None if c.role in taken else c.role)) for c in table.columns
    )
    for one in asked:
        parameters = {k: float(v) for k, v in one.items() if k not in ("do", "rows")}
        words = one.get("rows", [ALL_ROWS])
        row_ids = dict.fromkeys(row for word in words for row in rows_named(table, str(word)))
        edit = adjusting(table, str(one.get("do", "")), tuple(row_ids), parameters)
        if edit is not None:
            table, _ = edit.apply(table)
    return table
