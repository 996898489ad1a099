"""What the effect sizes say about single rows: ways that disagree, values that are missing or odd.

The checks of the sheet (``metadesk.table.checks``) look at cells; these look at what came of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from metadesk.analysis.lacking import NO_ROUTE, in_sheets_words, nearest_rescue
from metadesk.analysis.prepare import Prepared, bound_columns
from metadesk.analysis.result import StudyResult
from metadesk.analysis.suggest import suggest_measure
from metadesk.catalogue import Catalogue
from metadesk.effects import MEASURES
from metadesk.formats.blocks import blocks_in, is_chosen
from metadesk.table.checks.look import Problem, number

DISAGREE = "Two ways disagree"
VERY_LARGE = "An SMD of"
MOST = 500  # nobody reads more, and a very long sheet must not keep the worker busy
MOST_CELLS = 20_000  # beyond this a given effect beside raw data is not looked for
FEW = 3  # rows in which a given effect may differ before its column is said to
APART = 0.05  # part of a given effect by which it must differ from the one worked out
APART_SE = 0.1  # and part of its standard error


@dataclass(frozen=True)
class RowCheck:
    """A rule about the effects of rows: its name, what it looks for, and the function."""

    key: str
    title: str
    sentence: str
    function: Callable[[Prepared], Iterator[Problem]]


def row_problems(prepared: Prepared) -> Iterator[Problem]:
    """All that these checks find in rows of this analysis; not endlessly much."""
    for check in ROW_CHECKS:
        yield from islice(check.function(prepared), MOST)


def ways_disagree(prepared: Prepared) -> Iterator[Problem]:
    """Rows in which two ways to the effect give different answers."""
    for i, study in _listed(prepared):
        for note in study.notes:
            if note.startswith(DISAGREE):
                yield Problem(
                    study.row_id, None, "warning", f"{_where(prepared, i)}: {note}",
                    "ways_disagree",
                    "Look at both in the row's menu, 'How is this effect worked out?', and choose.",
                )  # fmt: skip


def no_effect(prepared: Prepared) -> Iterator[Problem]:
    """Rows that hold some of what an effect needs, but not all."""
    names = _names(prepared)
    for i, study in _listed(prepared):
        if not study.reason.startswith(NO_ROUTE):
            continue
        values = {r: float(c[i]) for r, c in prepared.columns.items() if not math.isnan(c[i])}
        rescue = nearest_rescue(prepared.measure, values, names) if values else None
        if rescue is not None:
            yield Problem(
                study.row_id, None, "warning", f"{_where(prepared, i)} has no effect yet.",
                "no_effect", in_sheets_words(rescue.sentence, prepared.measure, names),
            )  # fmt: skip


def very_large(prepared: Prepared) -> Iterator[Problem]:
    """Standardised differences so large that their SDs are suspected."""
    for i, study in _listed(prepared):
        if study.used and any(note.startswith(VERY_LARGE) for note in study.notes):
            yield Problem(
                study.row_id, None, "warning",
                f"{_where(prepared, i)}: an SMD of {study.yi:.3g} is very large.",
                "very_large",
                "Look whether standard errors were entered as SDs, or a mean is mistyped.",
            )  # fmt: skip


def ratio_not_positive(prepared: Prepared) -> Iterator[Problem]:
    """Ratios as printed that are zero or negative; a correlation or a difference may be."""
    column = bound_columns(prepared.spec, prepared.table).get("est")
    if column is None or prepared.effects is None or prepared.effects.scale.key != "log":
        return
    for i, study in _listed(prepared):
        value = float(prepared.columns["est"][i])
        if value <= 0:
            yield Problem(
                study.row_id, column.id, "error",
                f"{_where(prepared, i)}: a ratio must be above 0; the cell says {number(value)}.",
                "ratio_not_positive",
                "If these are logarithms, give the column the role 'Effect (analysis scale)'.",
            )  # fmt: skip


def given_differs(prepared: Prepared) -> Iterator[Problem]:
    """A reported effect beside raw data that is not what the raw data give."""
    table = prepared.table
    if not prepared.measure or table.n_rows * len(table.columns) > MOST_CELLS:
        return
    for block in blocks_in(table):
        if block.family == "estimate" and not is_chosen(table, block):
            yield from _differences(prepared, dict(block.roles))


def _differences(prepared: Prepared, roles: dict[str, int]) -> Iterator[Problem]:
    """Rows in which the given effect, of the measure that is analysed, is another one."""
    table = prepared.table
    names = {role: table.columns[table.column_position(i)].name for role, i in roles.items()}
    if suggest_measure(names).measure != prepared.measure:
        return
    role = "est" if "est" in names else "yi"
    name, given = names[role], table.floats(table.column(names[role]))
    compared, found = 0, []
    for i, study in _listed(prepared):
        mine = study.effect if role == "est" else study.yi
        raw = study.used and MEASURES[prepared.measure].route(study.route).source == "raw"
        if raw and not math.isnan(given[i]):
            compared += 1
            if _apart(float(given[i]), mine, study.sei, log=role == "est"):
                found.append((i, study.row_id, float(given[i]), mine))
    if len(found) > max(FEW, compared / 2):
        i, _, theirs, mine = found[0]
        yield Problem(
            None, roles[role], "warning",
            f"Column {name} is not what the raw data give in {len(found)} of {compared} rows; "
            f"{_where(prepared, i)} says {theirs:.4g} where they give {mine:.4g}.",
            "given_differs",
            "It may be another quantity (of changes, another formula). The raw data are analysed.",
        )  # fmt: skip
        return
    for i, row_id, theirs, mine in found:
        yield Problem(
            row_id, roles[role], "warning",
            f"{_where(prepared, i)}: '{name}' says {theirs:.4g}, the raw data give {mine:.4g}.",
            "given_differs", "Look both up; the raw data are what is analysed.",
        )  # fmt: skip


def _apart(given: float, mine: float, se: float, *, log: bool) -> bool:
    """Whether two values of one effect differ by more than rounding explains."""
    if math.isnan(given):
        return False
    if log:
        return given <= 0 or abs(math.log(given / mine)) > max(APART, APART_SE * se)
    return abs(given - mine) > max(APART * abs(mine), APART_SE * se)


def _listed(prepared: Prepared) -> Iterator[tuple[int, StudyResult]]:
    """The rows of this analysis that no person left out, with their positions."""
    for i, study in enumerate(prepared.studies):
        if study.listed and not study.by_person:
            yield i, study


def _names(prepared: Prepared) -> dict[str, str]:
    """The columns of this analysis by role."""
    return {role: c.name for role, c in bound_columns(prepared.spec, prepared.table).items()}


def _where(prepared: Prepared, i: int) -> str:
    """How a sentence names a row."""
    number, label = f"Row {i + 1}", prepared.studies[i].label
    return number if label == number else f"{number} ({label})"


ROW_CHECKS: Catalogue[RowCheck] = Catalogue("check of the rows")
ROW_CHECKS.add(
    RowCheck("no_effect", "No effect yet", "Rows that lack something an effect needs.", no_effect),
    RowCheck("ratio_not_positive", "Ratio not positive", "Ratios of 0 or less.",
             ratio_not_positive),
    RowCheck("given_differs", "Given effect differs",
             "Reported effects that the raw data beside them do not give.", given_differs),
    RowCheck("ways_disagree", "Two ways disagree",
             "Rows in which two ways to the effect give different answers.", ways_disagree),
    RowCheck("very_large", "Very large effect",
             "Standardised differences whose SDs are suspected.", very_large),
)  # fmt: skip
