"""The sentences that the sheet says about itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from metadesk.errors import SpecProblem
from metadesk.table import NOT_A_STUDY, ROLES, StudyTable
from metadesk.table.outcomes import chosen_outcome, outcomes_of

if TYPE_CHECKING:
    from metadesk.formats.blocks import Block

MOST_ROWS = 2000
REASONS = (
    "Duplicate population",
    "Wrong outcome",
    "Wrong intervention or comparator",
    "Wrong study design",
    "High risk of bias",
    "Data not usable",
    "Outlier (sensitivity analysis)",
)
_KINDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("events and totals", frozenset({"ai", "bi", "p1i"})),
    ("means and SDs", frozenset({"m1i"})),
    ("medians", frozenset({"med1i"})),
    ("events and person-time", frozenset({"x1i"})),
    ("reported estimates", frozenset({"est", "yi", "oe"})),
    ("correlations", frozenset({"ri"})),
    ("events of one group", frozenset({"xi"})),
    ("persons measured repeatedly", frozenset({"subject", "response"})),
)


def banner_sentence(table: StudyTable, wanted: str = "") -> str:
    """One calm line on what was recognised and what is left to decide.

    ``wanted`` is the outcome that the request asks for, where the sheet holds several.
    """
    if not table.columns or not table.n_rows:
        return "Type into the sheet or paste a table from Excel; a double click names a column."
    roles = {column.role for column in table.columns if column.role}
    kinds = [name for name, marks in _KINDS if marks & roles]
    rows = study_rows(table)
    of_trial = {"treatment", "response"} <= roles
    by_row = of_trial or _names_repeat(table)
    studies = _counted(rows, "row", "rows") if by_row else _counted(rows, "study", "studies")
    studies = _outcome(table, wanted) or studies
    what = f"{studies}, {_listed(kinds)} recognised." if kinds else f"{studies}."
    parts = [what, _left_out(table), _without_role(table)]
    if not kinds:
        parts.append("Click '+ role' in a header to say what a column is.")
    return " ".join(part for part in parts if part)


def blocks_of(table: StudyTable) -> tuple[Block, ...]:
    """The sets of columns that could be analysed."""
    if not table.columns or not table.n_rows:  # the window is starting: import nothing
        return ()
    from metadesk.formats.blocks import blocks_in

    return blocks_in(table)


def compound_columns_of(table: StudyTable) -> tuple[int, ...]:
    """Ids of the columns whose cells hold several numbers; none are looked for in a long sheet."""
    if not table.columns or not table.n_rows or table.n_rows > MOST_ROWS:
        return ()
    from metadesk.formats.reshaping import compound_columns

    return compound_columns(table)


def study_rows(table: StudyTable) -> int:
    """How many rows hold a study."""
    notes = {row for row, reason in table.excluded.items() if reason in NOT_A_STUDY}
    return sum(
        1
        for i, row_id in enumerate(table.row_ids)
        if row_id not in notes and any(c.cells[i] is not None for c in table.columns)
    )


def _names_repeat(table: StudyTable) -> bool:
    """Whether several rows bear the name of one study."""
    parts = [c.cells for c in (table.with_role("study"), table.with_role("year")) if c is not None]
    names = [name for name in zip(*parts, strict=True) if any(part is not None for part in name)]
    return len(set(names)) < len(names)


def columns_without_role(table: StudyTable) -> list[int]:
    """Positions of the columns that hold something and have no role."""
    return [
        i
        for i, column in enumerate(table.columns)
        if column.role is None and any(v is not None for v in column.cells)
    ]


def has_guesses(table: StudyTable) -> bool:
    """Whether a role is only a guess."""
    return any(column.guessed and column.role for column in table.columns)


def role_titles(table: StudyTable) -> list[str]:
    """The titles of the guessed roles, for a tooltip."""
    return [f"{c.name}: {ROLES[c.role].title}" for c in table.columns if c.guessed and c.role]


def _outcome(table: StudyTable, wanted: str) -> str:
    """Which outcome of several is analysed, '' in a sheet of one."""
    outcomes = outcomes_of(table)
    if not outcomes.divide:
        return ""
    try:
        name = chosen_outcome(outcomes, wanted)
    except SpecProblem:
        return f"One of {len(outcomes.rows)} outcomes must be chosen"
    if not name:
        return f"All {len(outcomes.rows)} outcomes together"
    count = _counted(outcomes.rows[name], "row", "rows")
    return f"Outcome '{name}', one of {len(outcomes.rows)}: {count}"


def _left_out(table: StudyTable) -> str:
    count = sum(1 for reason in table.excluded.values() if reason in NOT_A_STUDY)
    if not count:
        return ""
    return f"{_counted(count, 'row', 'rows')} of notes or totals left out."


def _without_role(table: StudyTable) -> str:
    count = len(columns_without_role(table))
    return f"{_counted(count, 'column', 'columns')} without a role." if count else ""


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
