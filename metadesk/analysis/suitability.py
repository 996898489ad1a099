"""Which models the data can carry, and why not the others; by the catalogue's own entries."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from metadesk.document.words import inside
from metadesk.effects.measures import MEASURES
from metadesk.errors import SpecProblem
from metadesk.models.meta.entry import StudyModel
from metadesk.table import StudyTable

ONE_ARM = (("xi", "ni"), ("xi", "mi"), ("xi", "ti"))
TWO_ARMS = (("ai", "ci", "n1i", "n2i"), ("ai", "ci", "bi", "di"), ("x1i", "t1i", "x2i", "t2i"))


@dataclass(frozen=True)
class Carried:
    """What matters of a sheet to the choice of a model: its measure, roles, studies and groups.

    ``k`` counts the studies that can be pooled; ``several_rows`` says whether a study (or the
    cluster that holds it) has more than one of them.
    """

    measure: str
    roles: frozenset[str]
    k: int
    several_rows: bool


def carried(
    table: StudyTable, measure: str, k: int, roles: frozenset[str] | None = None
) -> Carried:
    """Look at a sheet."""
    have = frozenset(table.roles) if roles is None else roles
    return Carried(measure, have, k, gives_several_rows(table))


def gives_several_rows(table: StudyTable) -> bool:
    """Whether a study, or the cluster that holds it, has more than one row that counts."""
    words = table.study_words()
    counted = Counter(
        word
        for row_id, word in zip(table.row_ids, words, strict=True)
        if row_id not in table.excluded and word
    )
    return any(n > 1 for n in counted.values())


def why_not(entry: StudyModel, found: Carried) -> str:
    """The reason in one sentence why the data cannot carry a model; empty when they can."""
    if entry.reads in ("two-arms", "counts") and not _has_counts(entry, found):
        return "Needs events and totals (or person-time) of every study; the sheet has none."
    if entry.measures and found.measure not in entry.measures:
        titles = [inside(MEASURES[m].title) for m in entry.measures if m in MEASURES]
        here = inside(MEASURES[found.measure].title) if found.measure else "not chosen yet"
        return f"For {_either(titles)}; the measure here is {here}."
    if entry.reads == "levels" and not found.several_rows:
        return (
            "Every study has one row. If rows belong together, give the role 'Same study "
            "(cluster)' to the column that says so."
        )
    if found.k == 0:
        return "There is no study to pool yet."
    if found.k < entry.fewest:
        there = "there is" if found.k == 1 else "there are"
        studies = "1 study" if found.k == 1 else f"{found.k} studies"
        return f"Needs at least {entry.fewest} studies; {there} {studies} to pool."
    return ""


def require_measure(entry: StudyModel, measure: str) -> None:
    """Refuse a measure that a model is not for.

    Raises
    ------
    SpecProblem
        With the measures that it is for.
    """
    if entry.measures and measure not in entry.measures:
        counted = (
            "" if entry.reads == "effects" else " and needs events and totals (or person-time)"
        )
        titles = [inside(MEASURES[m].title) for m in entry.measures if m in MEASURES]
        raise SpecProblem(
            f"The model '{entry.title}' is for {_either(titles)}{counted}, not for "
            f"{inside(MEASURES[measure].title)}. Choose another measure or model."
        )


def _has_counts(entry: StudyModel, found: Carried) -> bool:
    wanted = TWO_ARMS if entry.reads == "two-arms" else TWO_ARMS + ONE_ARM
    return any(found.roles.issuperset(roles) for roles in wanted)


def _either(titles: list[str]) -> str:
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} or {titles[-1]}"
