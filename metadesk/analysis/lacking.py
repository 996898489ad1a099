"""What a row lacks, in the words of the sheet: its column names instead of roles."""

from __future__ import annotations

import math
from collections.abc import Mapping

from metadesk.document.words import inside
from metadesk.effects import MEASURES
from metadesk.effects.rescue import Rescue, missing_values
from metadesk.table.cells import is_missing, number_in
from metadesk.table.checks.look import called
from metadesk.table.roles import ROLES
from metadesk.table.table import StudyTable, number_for

NO_ROUTE = ("Missing:", "The row has no values")


def in_sheets_words(sentence: str, measure: str, names: Mapping[str, str]) -> str:
    """Write the columns' names in the place of 'Events, group 2 (ci)'.

    Parameters
    ----------
    sentence : str
        A reason of ``effects.compute`` or a rescue's sentence.
    measure : str
    names : mapping of role to column name
        A role without a column is called by what it is.
    """
    needs = {need.role: need for route in MEASURES[measure].routes for need in route.needs}
    for role, need in needs.items():
        told = f"{need.title} ({role})"
        if told in sentence:
            known = called(role) if role in ROLES else inside(need.title)
            sentence = sentence.replace(told, f"'{names[role]}'" if role in names else known)
    return sentence


def unread_cell(reason: str, table: StudyTable, row: int) -> str:
    """What stands in a cell that the reason says is missing, '' where it is empty.

    To a reader the cell is full: it holds words, or a percentage where a count belongs.
    """
    for column in table.columns:
        cell = column.cells[row]
        if not (column.role and f"'{column.name}'" in reason and isinstance(cell, str)):
            continue
        words, role = cell.strip(), ROLES[column.role]
        if not role.numeric or is_missing(words) or not math.isnan(number_for(role.key, words)):
            continue
        if math.isnan(number_in(words)):
            return (
                f"'{column.name}' holds '{words}', which is not a number; type the number, or "
                "leave the cell empty if it was not reported."
            )
        return (
            f"'{column.name}' holds '{words}', a percentage; type the number itself, or give the "
            "column the role of a percentage."
        )
    return ""


def nearest_rescue(
    measure: str, values: Mapping[str, float], names: Mapping[str, str]
) -> Rescue | None:
    """The smallest set of cells that would give a row an effect, the sheet's own columns first.

    A reviewer looks for the number that belongs into an empty cell before one of another kind.
    """

    def far(rescue: Rescue) -> tuple[int, int]:
        return sum(role not in names for role in rescue.roles), len(rescue.needs)

    return min(missing_values(measure, values), key=far, default=None)
