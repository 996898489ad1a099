"""Which measure the columns of a sheet suggest, with the reason in words."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from metadesk.errors import SpecProblem
from metadesk.table import StudyTable, TableColumn, is_missing, number_in, shown
from metadesk.table.checks.units import MEASURE_COLUMN
from metadesk.table.outcomes import chosen_outcome, outcomes_of

_NAMES = {
    "OR": r"(a?or|odds ratio|lor|logor|lnor)",
    "HR": r"(a?hr|hazard ratio|lhr|loghr|lnhr)",
    "IRR": r"(irr|rate ratio|incidence rate ratio|logirr|lnirr)",
    "RR": r"(a?rr|risk ratio|relative risk|lrr|logrr|lnrr)",
    "ROM": r"(rom|ratio of means|lnrom|logrom)",
}
_DIFFERENCES = {
    "SMD": r"\b(smd|hedges'?s?( g)?|cohen'?s?( d)?|standardi[sz]ed mean difference)\b|^g\b",
    "RD": r"\b(rd|risk difference)\b",
    "MD": r"\b(md|wmd|mean difference)\b",
    "ZCOR": r"\b(zcor|fisher'?s?( z)?)\b",
}
_SAID = {
    "or": "OR", "odds ratio": "OR", "rr": "RR", "risk ratio": "RR", "relative risk": "RR",
    "rd": "RD", "risk difference": "RD", "hr": "HR", "hazard ratio": "HR", "irr": "IRR",
    "rate ratio": "IRR", "md": "MD", "mean difference": "MD", "smd": "SMD", "peto or": "PETO",
    "peto odds ratio": "PETO", "std mean difference": "SMD", "standardised mean difference": "SMD",
    "standardized mean difference": "SMD", "ratio of means": "ROM",
}  # fmt: skip
SPEAK_OF_THE_STUDY = frozenset(
    {"study", "year", "outcome", "subgroup", "cluster", "moderator", "rob", "ni", "n1i", "n2i"}
)
_LOG = re.compile(r"^(log|ln|l)[ .]?(?=[a-z])|\b(log|ln)\b")
_UNIT = re.compile(r"units?\b", re.IGNORECASE)
_ONE_UNIT = re.compile(
    r"\b(days?|hours?|minutes|weeks|months|length of stay|kg|mmhg|cm|weight|bmi|height|"
    r"blood pressure|hba1c|mmol|mg ?dl|dollars?|costs?)\b",
    re.IGNORECASE,
)
SPREAD = 6.0
"""SDs of studies that differ by more than this factor come from different scales."""
LEVELS, LEVELS_SPREAD = 3.0, 2.0
"""So do means that differ by the first factor while the SDs differ by the second."""
MOST_ROWS = 5000  # a suggestion need not read more of a very long sheet


@dataclass(frozen=True)
class Suggestion:
    """A measure with its options, and why the sheet suggests it."""

    measure: str
    reason: str
    options: Mapping[str, Any] = field(default_factory=dict)


def suggest_measure(
    roles: Mapping[str, str], table: StudyTable | None = None, outcome: str = ""
) -> Suggestion:
    """Suggest a measure from the roles that columns have, and from what stands in them.

    Parameters
    ----------
    roles : mapping of role to column name
    table : StudyTable, optional
        The sheet; means are looked at, because means on different scales need another measure.
    outcome : str
        The outcome of a long sheet that a request asks for; only its rows are looked at.

    Returns
    -------
    Suggestion
        ``measure`` is '' when no measure can be formed; ``reason`` then says what is missing.
    """
    said = _said_measure(table, outcome)
    have = _told(set(roles), roles, table, outcome)
    if said and _can_form(said, have):
        return Suggestion(said, f"The sheet's column of measures says {said}.")
    if {"ai", "ci"} <= have and ({"bi", "di"} <= have or {"n1i", "n2i"} <= have):
        return Suggestion("RR", "Events and totals in two groups: risk ratio.")
    if {"p1i", "n1i", "p2i", "n2i"} <= have:
        return Suggestion("RR", "Percentages and totals in two groups: risk ratio.")
    if {"m1i", "m2i"} <= have:
        return _paired(have) or _two_means(roles, table, outcome)
    if {"med1i", "med2i"} <= have:
        return Suggestion("MD", "Medians in two groups, as estimated means: mean difference.")
    if {"x1i", "t1i", "x2i", "t2i"} <= have:
        return Suggestion("IRR", "Events and person-time in two groups: rate ratio.")
    if {"oe", "v"} <= have:
        return Suggestion("HR", "O − E and its variance: hazard ratio.")
    if "est" in have:
        return _reported_ratio(roles)
    if "yi" in have:
        return _on_analysis_scale(roles)
    return _one_group(have)


def _told(
    have: set[str], roles: Mapping[str, str], table: StudyTable | None, outcome: str
) -> set[str]:
    """The roles whose columns hold something in the rows analysed; all, if nothing stands there."""
    if table is None:
        return have
    _, rows = _rows_of(table, outcome)
    found = {
        role for role in have
        if (c := _column(table, roles[role])) and any(not is_missing(c.cells[i]) for i in rows)
    }  # fmt: skip
    return found if any(role not in SPEAK_OF_THE_STUDY for role in found) else have


def _said_measure(table: StudyTable | None, outcome: str) -> str:
    """The one measure that a column of measures names in the rows analysed, '' if none does."""
    if table is None:
        return ""
    _, rows = _rows_of(table, outcome)
    for column in table.columns:
        if MEASURE_COLUMN.search(column.name):
            said = {shown(column.cells[i]).strip().lower() for i in rows} - {""}
            if len(said) == 1:
                return _SAID.get(re.sub(r"[^a-z]+", " ", said.pop()).strip(), "")
    return ""


def _can_form(measure: str, have: set[str]) -> bool:
    """Whether these roles give a measure: from counts, from means, or as reported."""
    counts = {"ai", "ci"} <= have and ({"bi", "di"} <= have or {"n1i", "n2i"} <= have)
    means = {"m1i", "m2i"} <= have
    if measure in ("OR", "RR", "RD", "PETO") and counts:
        return True
    if measure in ("MD", "SMD", "ROM") and means:
        return True
    if {"oe", "v"} <= have and measure in ("HR", "OR"):
        return True
    return measure != "PETO" and not counts and not means and bool({"est", "yi"} & have)


def suggest_for(table: StudyTable, outcome: str = "") -> Suggestion:
    """Suggest a measure for a sheet whose columns have roles."""
    return suggest_measure(table.roles, table, outcome)


def _paired(have: set[str]) -> Suggestion | None:
    """Two means of the same people: their correlation stands in the sheet, and one size."""
    if {"ri", "ni"} <= have and not {"n1i", "n2i"} <= have:
        return Suggestion("MC", "Two means of the same people with their correlation: mean change.")
    return None


def _one_group(have: set[str]) -> Suggestion:
    if {"ai", "mi", "ni"} <= have:
        return Suggestion("ABT", "Alpha, items and sample size: coefficient alpha, log scale.")
    if {"r2i", "mi", "ni"} <= have:
        return Suggestion("ZR2", "R², predictors and sample size: explained variance.")
    if {"ri", "ni"} <= have:
        return Suggestion("ZCOR", "Correlations with sample sizes: Fisher's z.")
    if {"xi", "ni"} <= have or {"xi", "mi"} <= have:
        return Suggestion("PLO", "Events in one group: proportion on the logit scale.")
    if {"xi", "ti"} <= have:
        return Suggestion("IRLN", "Events and person-time in one group: log rate.")
    if {"mi", "sdi", "ni"} <= have:
        return Suggestion("MN", "Means in one group: raw mean.")
    return Suggestion(
        "",
        "No effect can be formed yet: give roles to the columns that hold events and totals, means "
        "and SDs, or an estimate with its standard error or interval.",
    )


def _reported_ratio(roles: Mapping[str, str]) -> Suggestion:
    words = _words(roles["est"])
    for measure, pattern in _NAMES.items():
        if re.search(rf"\b{pattern}\b", words):
            return Suggestion(measure, f"A printed ratio, '{roles['est']}', with its precision.")
    for measure, pattern in _DIFFERENCES.items():
        if re.search(pattern, words):
            return Suggestion(measure, f"A printed '{roles['est']}' with its precision.")
    return Suggestion("GEN", "A printed ratio with its precision.", {"scale": "ratio"})


def _on_analysis_scale(roles: Mapping[str, str]) -> Suggestion:
    """An estimate on the analysis scale; the name of a column says which ('log RR')."""
    name = roles["yi"]
    words = _words(name)
    if _LOG.search(words):
        for measure, pattern in _NAMES.items():
            if re.search(rf"\b(log|ln|l)? ?{pattern}\b", words):
                return Suggestion(
                    measure,
                    f"'{name}' is the logarithm of a ratio: pooled as logs, shown as ratio.",
                )
        if "ratio" in words:
            return Suggestion("GEN", f"'{name}' is a logarithm of a ratio.", {"scale": "ratio"})
    for measure, pattern in _DIFFERENCES.items():
        if re.search(pattern, words):
            return Suggestion(measure, f"'{name}' with its precision.")
    return Suggestion("GEN", "An estimate with its precision: pooled as it stands.")


def _two_means(roles: Mapping[str, str], table: StudyTable | None, outcome: str) -> Suggestion:
    plain = Suggestion("MD", "Means and SDs in two groups: mean difference.")
    if table is None:
        return plain
    name, rows = _rows_of(table, outcome)
    units = _units(table, rows)
    if len(units) > 1:
        listed = ", ".join(units[:4]) + (" …" if len(units) > 4 else "")
        return Suggestion(
            "SMD",
            f"The studies measure in different units ({listed}): standardised mean difference.",
        )
    names = [roles["m1i"], roles["m2i"], table.name, name]
    if units or any(_ONE_UNIT.search(_words(name)) for name in names):
        return plain
    spreads = _both_groups(table, roles, rows, ("sd1i", "sd2i"))
    levels = _both_groups(table, roles, rows, ("m1i", "m2i"))
    times, apart = _times_apart(spreads), _times_apart(levels)
    # means of changes lie near zero and differ many-fold in one unit; only levels tell of scales
    levels_tell = bool(levels) and statistics.median(levels) > statistics.median(spreads or [0.0])
    what, most = ("SDs", times) if times > SPREAD else ("means", apart)
    if times > SPREAD or (levels_tell and apart >= LEVELS and times >= LEVELS_SPREAD):
        return Suggestion(
            "SMD",
            f"The studies' {what} differ up to {most:.0f}-fold, so they seem to use "
            "different scales: standardised mean difference. Choose the mean difference if all "
            "measured in one unit.",
        )
    return Suggestion(
        "MD",
        "Means and SDs in two groups: mean difference. Choose the standardised mean difference if "
        "the studies used different scales.",
    )


def _rows_of(table: StudyTable, wanted: str) -> tuple[str, list[int]]:
    """The outcome that is analysed ('' for the whole sheet) and its rows that take part."""
    rows = [i for i, r in enumerate(table.row_ids[:MOST_ROWS]) if r not in table.excluded]
    outcomes = outcomes_of(table)
    try:
        name = chosen_outcome(outcomes, wanted)
    except SpecProblem:  # said where the request is run
        return "", rows
    return name, [i for i in rows if outcomes.of_row[i] == name] if name else rows


def _units(table: StudyTable, rows: list[int]) -> tuple[str, ...]:
    """The units that a column 'units' names, one spelling each."""
    for column in table.columns:
        if _UNIT.match(column.name):
            said = (shown(column.cells[i]) for i in rows if not is_missing(column.cells[i]))
            return tuple(dict.fromkeys(word.lower().replace(" ", "") for word in said))
    return ()


def _both_groups(
    table: StudyTable, roles: Mapping[str, str], rows: list[int], pair: tuple[str, str]
) -> list[float]:
    """The geometric mean of both groups' values, study by study, where both are positive."""
    columns = [c for role in pair if (c := _column(table, roles.get(role)))]
    if len(columns) < 2:
        return []
    pairs = ([number_in(c.cells[i]) for c in columns] for i in rows)
    return [math.sqrt(a * b) for a, b in pairs if a > 0 and b > 0]


def _times_apart(spreads: list[float]) -> float:
    """How many times larger large SDs are than small ones; one odd study at either end is let go.

    A single SD that is far off is more often an error of extraction than another scale.
    """
    ordered = sorted(spreads)
    inner = ordered[1:-1] if len(ordered) > 4 else ordered
    return inner[-1] / inner[0] if len(inner) > 1 else 1.0


def _column(table: StudyTable, name: str | None) -> TableColumn | None:
    return next((c for c in table.columns if c.name == name), None)


def _words(name: str) -> str:
    parts: Iterable[str] = re.split(r"[\s_./()\[\],-]+", name.lower())
    return " ".join(part for part in parts if part)
