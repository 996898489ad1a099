"""Outcomes that stand one under the other in a long sheet, and which of them is analysed.

Fever and cough are not averaged: where a sheet names several outcomes, an analysis is of one of
them. A column in which every study words its one outcome in its own way does not divide a sheet.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from metadesk.errors import SpecProblem
from metadesk.table.cells import is_missing
from metadesk.table.table import NOT_A_STUDY, StudyTable, shown

ALL = "all"
"""What a request says to have all outcomes analysed together."""
MANY = 12  # more names than this are not listed in a sentence


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of a sheet.

    ``rows`` maps each outcome, in its first spelling and in the sheet's order, to how many rows it
    has. ``of_row`` names the outcome of every row, '' where none is named. ``divide`` says whether
    the sheet is one of several outcomes.
    """

    rows: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    of_row: tuple[str, ...] = ()
    divide: bool = False

    @property
    def usual(self) -> str:
        """The outcome with the most rows, the first of several; '' in a sheet of one outcome."""
        return max(self.rows, key=lambda name: self.rows[name]) if self.divide else ""


_RECENT: deque[tuple[StudyTable, Outcomes]] = deque(maxlen=4)
"""Tables are never changed, and after each edit several panels ask about the same one."""


def outcomes_of(table: StudyTable) -> Outcomes:
    """The outcomes of a sheet; capitals and outer spaces make no difference."""
    for known, outcomes in tuple(_RECENT):
        if known is table:
            return outcomes
    outcomes = _read(table)
    _RECENT.append((table, outcomes))
    return outcomes


def _read(table: StudyTable) -> Outcomes:
    """Read the outcomes from the column that names them."""
    column = table.with_role("outcome")
    if column is None:
        return Outcomes()
    spelled: dict[str, str] = {}
    of_row: list[str] = []
    for value in column.cells:
        name = "" if is_missing(value) else " ".join(shown(value).split())
        of_row.append(spelled.setdefault(name.casefold(), name))
    studies = [
        i for i, row_id in enumerate(table.row_ids)
        if table.excluded.get(row_id) not in NOT_A_STUDY and of_row[i]
    ]  # fmt: skip
    rows = Counter(of_row[i] for i in studies)
    return Outcomes(MappingProxyType(dict(rows)), tuple(of_row), _divide(table, of_row, studies))


def chosen_outcome(outcomes: Outcomes, wanted: str) -> str:
    """The outcome that is analysed: the one asked for, else the usual; '' for the whole sheet.

    Raises
    ------
    SpecProblem
        If the sheet has no such outcome.
    """
    if not wanted:
        return outcomes.usual
    word = " ".join(wanted.split()).casefold()
    found = next((name for name in outcomes.rows if name.casefold() == word), None)
    if found is not None:
        return found
    if word == ALL:
        return ""
    if not outcomes.rows:
        raise SpecProblem(
            f"There is no outcome '{wanted}': no column of the sheet has the role 'Outcome name'."
        )
    raise SpecProblem(f"There is no outcome '{wanted}'; the sheet has {listed(outcomes.rows)}.")


def listed(names: Mapping[str, int]) -> str:
    """Outcomes as a sentence lists them, the first ones of many."""
    shown_names = [f"'{name}'" for name in list(names)[:MANY]]
    more = len(names) - len(shown_names)
    return ", ".join(shown_names) + (f" and {more} more" if more else "")


def _divide(table: StudyTable, of_row: list[str], studies: list[int]) -> bool:
    """Whether rows of several outcomes stand under each other.

    They do where one study has rows of two outcomes, or where two outcomes have several rows each.
    """
    counts = Counter(of_row[i] for i in studies)
    if len(counts) < 2:
        return False
    if sum(n > 1 for n in counts.values()) > 1:
        return True
    words = table.study_words()
    per_study: dict[str, set[str]] = {}
    for i in studies:
        if words[i]:
            per_study.setdefault(words[i], set()).add(of_row[i])
    return any(len(found) > 1 for found in per_study.values())
