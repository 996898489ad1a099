"""Which measure the columns of a sheet suggest, with the reason in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metadesk.table import StudyTable

_RATIO_NAMES = {
    "OR": r"\b(a?or|odds[ _.]?ratio)\b",
    "HR": r"\b(a?hr|hazard[ _.]?ratio)\b",
    "IRR": r"\b(irr|rate[ _.]?ratio|incidence[ _.]?rate[ _.]?ratio)\b",
    "RR": r"\b(a?rr|risk[ _.]?ratio|relative[ _.]?risk)\b",
}


@dataclass(frozen=True)
class Suggestion:
    """A measure with its options, and why the sheet suggests it."""

    measure: str
    reason: str
    options: Mapping[str, Any] = field(default_factory=dict)


def suggest_measure(roles: Mapping[str, str]) -> Suggestion:
    """Suggest a measure from the roles that columns have.

    Parameters
    ----------
    roles : mapping of role to column name

    Returns
    -------
    Suggestion
        ``measure`` is '' when no measure can be formed; ``reason`` then says what is missing.
    """
    have = set(roles)
    if {"ai", "ci"} <= have and ({"bi", "di"} <= have or {"n1i", "n2i"} <= have):
        return Suggestion("RR", "Events and totals in two groups: risk ratio.")
    if {"m1i", "m2i"} <= have:
        return Suggestion("MD", "Means and SDs in two groups: mean difference.")
    if {"x1i", "t1i", "x2i", "t2i"} <= have:
        return Suggestion("IRR", "Events and person-time in two groups: rate ratio.")
    if {"oe", "v"} <= have:
        return Suggestion("HR", "O − E and its variance: hazard ratio.")
    if "est" in have:
        return _reported_ratio(roles)
    if "yi" in have:
        return Suggestion("GEN", "An estimate with its precision: pooled as it stands.")
    if {"ri", "ni"} <= have:
        return Suggestion("ZCOR", "Correlations with sample sizes: Fisher's z.")
    if {"xi", "ni"} <= have:
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
    name = roles["est"].lower().replace("_", " ")
    for measure, pattern in _RATIO_NAMES.items():
        if re.search(pattern, name):
            return Suggestion(measure, f"A printed ratio, '{roles['est']}', with its precision.")
    return Suggestion("GEN", "A printed ratio with its precision.", {"scale": "ratio"})


def suggest_for(table: StudyTable) -> Suggestion:
    """Suggest a measure for a sheet whose columns have roles."""
    return suggest_measure(table.roles)
