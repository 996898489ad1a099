"""Guess what each column is: who the study is, when, what was measured, what may explain it.

The guess is shown in the header and changed with one click. A column about which words and cells
disagree, or which could be two things, gets no role.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from metadesk.formats.blocks import Block, Candidate, beside, candidates, find_blocks
from metadesk.formats.candidates import ENOUGH, MOST
from metadesk.formats.headers import words_of
from metadesk.formats.trial_rows import trial_rows
from metadesk.table import StudyTable, TableColumn, is_missing, shown
from metadesk.table.splitting import parts_in_column

LABELS = (
    "slab", "study label", "plotlabel", "plot label", "author year", "author", "authors",
    "lead author", "first author", "study", "study name", "trial name", "citation", "reference",
    "study id", "trial", "key", "label", "id", "name", "paper", "source",
)  # fmt: skip
YEARS = words_of("year pubyear pub publication yr published date")
OUTCOMES = words_of("outcome outcomes endpoint condition")
SUBGROUPS = words_of("subgroup category stratum")
NUMBER_MODERATORS = words_of(
    "age latitude ablat lat dose duration weeks week months followup length year male female bmi"
    " baseline hours days"
)
OF_ARMS = ("m#i", "sd#i", "se#i", "lb#i", "ub#i", "min#i", "q1_#i", "med#i", "q3_#i", "max#i")
FURTHER = frozenset(
    {"ti", "Fi", "zi", "pi", "ri", "pval", "level", "dfs"}
    | {name.replace("#", arm) for name in OF_ARMS for arm in "12"}
)
"""Roles of further numbers beside an effect's own columns; taken by these very names alone."""
LONGEST_LABEL = 80  # characters of a study's name
YEAR_LIKE = (1950, 2035)  # a column of whole numbers in between may be years without a name
FEW = 8  # distinct values that a moderator of words may have

_ROB = re.compile(r"(rob\b|risk of bias|d[1-7]$|domain \d|overall$)", re.IGNORECASE)
_ROB_WORDS = words_of("low high unclear some concerns moderate serious critical no information")


@dataclass(frozen=True)
class Guess:
    """A table with guessed roles.

    Attributes
    ----------
    table : StudyTable
        The table; guessed columns are marked so.
    reasons : mapping of column id to a sentence
    blocks : tuple of Block
        All sets of columns that give an effect; the first was taken. More than one is a choice that
        a person should make.
    compound : tuple of int
        Ids of columns whose cells hold several numbers ('0.85 [0.70; 1.03]') and can be split.
    """

    table: StudyTable
    reasons: Mapping[int, str]
    blocks: tuple[Block, ...] = ()
    compound: tuple[int, ...] = ()

    @property
    def holds_effects(self) -> bool:
        """Whether effects can be worked out, or rows of a trial were found."""
        return any(b.filled for b in self.blocks) or self.holds_trial

    @property
    def holds_trial(self) -> bool:
        """Whether rows of a trial with repeated measures were found."""
        return self.table.with_role("response") is not None


def guess_roles(table: StudyTable) -> Guess:
    """Guess the roles of all columns from headers and cells; roles that are set already stay."""
    columns = candidates(table)
    roles = {column.id: column.role for column in table.columns if column.role is not None}
    reasons: dict[int, str] = {}
    blocks = find_blocks(columns)
    if trial := trial_rows(columns):
        blocks = ()
        _take(roles, reasons, {c.column.id: role for role, c in trial.items()}, "rows of a trial")
    elif blocks:
        for block in (blocks[0], *beside(blocks[0], blocks[1:])):
            for role, column_id in block.roles:
                roles.setdefault(column_id, role)
                reasons.setdefault(column_id, block.reasons.get(column_id, ""))
        _take(roles, reasons, _by_their_keys(columns, roles), "is named as its role")
    in_blocks = {column_id for block in blocks for _, column_id in block.roles}
    free = [c for c in columns if c.column.id not in roles and c.column.id not in in_blocks]
    if "response" not in roles.values():
        _guess_study(free, roles, reasons)
    _guess_rest(free, roles, reasons, moderators=bool(blocks))
    rows = columns[0].rows if columns else ()
    formed = any(block.filled for block in blocks)
    compound = tuple(
        c.column.id for c in free
        if not c.is_numeric and _says_numbers(c, formed) and _is_compound(c.column, rows)
    )  # fmt: skip
    return Guess(_with_roles(table, roles), reasons, blocks, compound)


def _by_their_keys(columns: Sequence[Candidate], roles: Mapping[int, str]) -> dict[int, str]:
    """Further numbers of a row whose headers are the very names of their roles."""
    taken = set(roles.values())
    names = [(c.column.id, c.column.name.strip()) for c in columns if c.is_numeric]
    return {
        column_id: name
        for column_id, name in names
        if name in FURTHER and name not in taken and column_id not in roles
    }


def _says_numbers(candidate: Candidate, formed: bool) -> bool:
    """Whether a header speaks of numbers for an effect; any may, where none is formed yet."""
    reading = candidate.reading
    told = reading.quantity or reading.ratio or "ci" in reading.tokens
    return bool(told) or not formed


def _is_compound(column: TableColumn, rows: Sequence[int]) -> bool:
    """Whether most of the filled cells looked at hold several numbers."""
    return bool(parts_in_column(replace(column, cells=tuple(column.cells[row] for row in rows))))


def _with_roles(table: StudyTable, roles: Mapping[int, str]) -> StudyTable:
    """The table with the guesses where no person has said otherwise."""
    said = {column.role for column in table.columns if column.role}
    return table.with_columns(
        replace(c, role=roles[c.id], guessed=True)
        if c.id in roles and c.role is None and roles[c.id] not in said
        else c
        for c in table.columns
    )


def _take(
    roles: dict[int, str], reasons: dict[int, str], found: Mapping[int, str], why: str
) -> None:
    """Note several roles with one reason."""
    for column_id, role in found.items():
        roles[column_id] = role
        reasons[column_id] = why


def _guess_study(free: list[Candidate], roles: dict[int, str], reasons: dict[int, str]) -> None:
    """Find the column of study labels: the best name whose cells are words."""
    ranked = sorted(
        (LABELS.index(name), at)
        for at, c in enumerate(free)
        if (name := _label_name(c)) is not None and not c.is_numeric
    )
    if ranked:
        at, why = ranked[0][1], "holds the names of studies"
    else:
        at = next((i for i, c in enumerate(free) if _may_be_labels(c, roles)), -1)
        why = "is the first column of words, different in most rows"
    if at >= 0:
        chosen = free.pop(at)
        roles[chosen.column.id] = "study"
        reasons[chosen.column.id] = f"'{chosen.column.name}' {why}"


def _may_be_labels(candidate: Candidate, roles: Mapping[int, str]) -> bool:
    """Whether a column of words left of the data may be the studies' names, whatever it is called.

    Only where effects can be formed: a sheet of words has many such columns.
    """
    if candidate.is_numeric or not roles or candidate.column.id > min(roles):
        return False
    texts = [shown(candidate.column.cells[row]).strip() for row in candidate.rows]
    filled = [text for text in texts if text]
    return (
        len(filled) >= ENOUGH * max(len(texts), 1)
        and len(set(filled)) > MOST * len(filled)
        and max(map(len, filled), default=0) <= LONGEST_LABEL
    )


def _label_name(candidate: Candidate) -> str | None:
    """The name for study labels that a header amounts to."""
    name = re.sub(r"\(.*?\)|\[.*?\]", " ", _humps(candidate.column.name).lower())
    words = " ".join(re.split(r"[^a-z]+", name)).strip()
    if words in LABELS:
        return words
    return next((name for name in LABELS if words == f"{name}s" or words == f"the {name}"), None)


def _humps(name: str) -> str:
    """A header with its capital humps apart."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _guess_rest(
    free: Sequence[Candidate],
    roles: dict[int, str],
    reasons: dict[int, str],
    *,
    moderators: bool,
) -> None:
    """Year, outcome, subgroup, sample size, risk of bias, and what may explain differences."""
    rules: tuple[tuple[str, Callable[[Candidate], bool], str], ...] = (
        ("year", _is_year, "holds years"),
        ("rob", _is_rob, "holds judgements of risk of bias"),
        ("outcome", _is_outcome, "names outcomes, several rows each"),
        ("subgroup", _is_subgroup, "holds few categories"),
    )
    for candidate in free:
        column_id = candidate.column.id
        for role, test, why in rules:
            single = role != "rob" and role in roles.values()
            if column_id not in roles and not single and test(candidate):
                _take(roles, reasons, {column_id: role}, f"'{candidate.column.name}' {why}")
    _guess_sizes(free, roles, reasons)
    for candidate in free:
        if moderators and candidate.column.id not in roles and _is_moderator(candidate):
            roles[candidate.column.id] = "moderator"
            reasons[candidate.column.id] = "differs between studies and may explain differences"


def _guess_sizes(free: Sequence[Candidate], roles: dict[int, str], reasons: dict[int, str]) -> None:
    """Sizes of groups or of whole studies beside a reported estimate."""
    taken = set(roles.values())
    if "n1i" in taken or "ni" in taken:
        return
    arms = {c.reading.arm: c for c in free if _is_size(c) and c.reading.arm}
    if set(arms) == {1, 2}:
        found = {arms[1].column.id: "n1i", arms[2].column.id: "n2i"}
        _take(roles, reasons, found, "sizes of the two groups")
    sizes = [c for c in free if _is_size(c) and not c.reading.arm]
    if len(sizes) == 1 and not arms and sizes[0].column.id not in roles:
        _take(roles, reasons, {sizes[0].column.id: "ni"}, "sizes of the studies")


def _is_year(candidate: Candidate) -> bool:
    """Whether a column is named for years and holds them."""
    if not candidate.is_numeric or not candidate.given:
        return False
    if any(word in YEARS for word in candidate.reading.tokens):
        return all(1800 <= x <= 2100 for x in candidate.given)
    low, high = YEAR_LIKE
    nameless = not candidate.reading.quantity and len(candidate.given) >= 3
    return nameless and all(low <= x <= high and x == int(x) for x in candidate.given)


def _is_outcome(candidate: Candidate) -> bool:
    """Whether a column names outcomes: few names for many rows."""
    named = any(word in OUTCOMES for word in candidate.reading.tokens)
    return named and not candidate.is_numeric and 0 < len(_distinct(candidate))


def _is_subgroup(candidate: Candidate) -> bool:
    """Whether a column is named for categories and holds few."""
    name = re.split(r"[^a-z]+", candidate.column.name.lower())
    return any(word in SUBGROUPS for word in name) and 2 <= len(_distinct(candidate)) <= FEW


def _is_rob(candidate: Candidate) -> bool:
    """Whether a column holds judgements such as Low, Some concerns, High."""
    values = _distinct(candidate)
    judged = bool(values) and all(
        word in _ROB_WORDS for value in values for word in value.lower().split()
    )
    return judged and _ROB.match(candidate.column.name.replace("_", " ")) is not None


def _is_size(candidate: Candidate) -> bool:
    """Whether a column holds sizes of groups or of whole studies."""
    reading = candidate.reading
    return reading.quantity == "total" and not reading.rest and candidate.is_count


def _is_moderator(candidate: Candidate) -> bool:
    """Whether a column has few categories that repeat, or is a known number about the patients."""
    values = _distinct(candidate)
    rows = len(candidate.rows)
    if "measure" in candidate.reading.tokens:
        return False
    if candidate.is_numeric:
        known = any(word in NUMBER_MODERATORS for word in candidate.reading.tokens)
        return known and len(values) > 1 and not candidate.reading.arm
    if any(len(value) > 40 for value in values):
        return False
    return 2 <= len(values) <= min(FEW, rows // 2)


def _distinct(candidate: Candidate) -> set[str]:
    """The different texts of a column."""
    cells = (candidate.column.cells[row] for row in candidate.rows)
    return {shown(v).strip() for v in cells if not is_missing(v)}
