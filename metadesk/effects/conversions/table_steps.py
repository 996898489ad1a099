"""Steps to the counts of two groups from a printed odds ratio or risk ratio."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from metadesk.effects.conversions.step import Answers, Settings, Step, Values, only
from metadesk.effects.conversions.tables import BONETT2007
from metadesk.effects.estimates import HANDBOOK


def _events_of_odds_ratio(values: Values, settings: Settings) -> Answers:
    """Events of group 1 from the odds ratio and group 2."""
    n1, c, n2, ratio = values["n1i"], values["ci"], values["n2i"], values["est"]
    if not (ratio > 0 and 0 < c < n2):
        return ()
    odds = ratio * c / (n2 - c)
    return ({"ai": float(np.rint(n1 * odds / (1.0 + odds)))},)


def _events_of_risk_ratio(values: Values, settings: Settings) -> Answers:
    """Events of group 1 from the risk ratio and group 2."""
    if values["n2i"] <= 0:
        return ()
    a = float(np.rint(values["n1i"] * values["est"] * values["ci"] / values["n2i"]))
    return ({"ai": a},) if 0 <= a <= values["n1i"] else ()


def _tables_of(odds: bool) -> Callable[[Values, Settings], Answers]:
    """Both tables that have this ratio and standard error with these group sizes.

    The variance first falls and then rises with the events of group 2, so that up to two tables
    fit; they are rounded to whole people.
    """

    def solve(values: Values, settings: Settings) -> Answers:
        n1, n2, ratio, se = values["n1i"], values["n2i"], values["est"], values["sei"]
        if not (ratio > 0 and se > 0 and n1 >= 2 and n2 >= 2):
            return ()
        c = np.linspace(0.0, n2, 20001)[1:-1]
        with np.errstate(all="ignore"):
            if odds:
                o = ratio * c / (n2 - c)
                a = n1 * o / (1.0 + o)
                v = 1.0 / a + 1.0 / (n1 - a) + 1.0 / c + 1.0 / (n2 - c)
            else:
                a = n1 * ratio * c / n2
                v = np.where(a < n1, 1.0 / a - 1.0 / n1 + 1.0 / c - 1.0 / n2, np.nan)
        miss = v - se**2
        if np.isnan(miss).all():
            return ()
        lowest = int(np.nanargmin(miss))
        crossing = np.flatnonzero((miss[:-1] >= 0) != (miss[1:] >= 0)).tolist()
        if not crossing and 0 <= miss[lowest] < 1e-3 * se**2:
            # The standard error is the smallest there can be: both tables are one.
            crossing = [min(lowest, len(c) - 2)]
        found: list[Mapping[str, float]] = []
        for i in crossing:
            share = min(max(miss[i] / (miss[i] - miss[i + 1]), 0.0), 1.0)
            at = {
                "ai": float(np.rint(a[i] + share * (a[i + 1] - a[i]))),
                "ci": float(np.rint(c[i] + share * (c[i + 1] - c[i]))),
            }
            if at not in found:
                found.append(at)
        return tuple(found)

    return solve


TABLE_STEPS: tuple[Step, ...] = (
    *only(
        ["OR"],
        Step("events_of_or", "events of group 1 from the odds ratio and group 2",
             ("est", "n1i", "ci", "n2i"), ("ai",), BONETT2007, _events_of_odds_ratio),
        Step("table_of_or", "both groups' events from the odds ratio, its SE and the totals",
             ("est", "sei", "n1i", "n2i"), ("ai", "ci"), BONETT2007, _tables_of(odds=True)),
    ),
    *only(
        ["RR"],
        Step("events_of_rr", "events of group 1 from the risk ratio and group 2",
             ("est", "n1i", "ci", "n2i"), ("ai",), HANDBOOK, _events_of_risk_ratio),
        Step("table_of_rr", "both groups' events from the risk ratio, its SE and the totals",
             ("est", "sei", "n1i", "n2i"), ("ai", "ci"), HANDBOOK, _tables_of(odds=False)),
    ),
)  # fmt: skip
