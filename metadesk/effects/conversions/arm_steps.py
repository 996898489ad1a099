"""Steps within one group: totals and events, SDs and means from what was printed in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from metadesk.effects.conversions import spread
from metadesk.effects.conversions.fivenum import (
    LUO,
    SHI,
    SMALLEST,
    WAN,
    FiveNumbers,
    mean_sd,
    sd_of_quartiles,
    sd_of_range,
)
from metadesk.effects.conversions.step import Answers, Settings, Step, Values, step
from metadesk.effects.estimates import HANDBOOK
from metadesk.numerics.types import FloatVector

_Width = Callable[[FloatVector, FloatVector, FloatVector], FloatVector]


def _arm_steps(g: str) -> tuple[Step, ...]:
    """Steps within one group."""
    m, sd, se, n = f"m{g}i", f"sd{g}i", f"se{g}i", f"n{g}i"
    lb, ub = f"lb{g}i", f"ub{g}i"
    yes, no = ("ai", "bi") if g == "1" else ("ci", "di")
    p = f"p{g}i"
    med, q1, q3, low, high = f"med{g}i", f"q1_{g}i", f"q3_{g}i", f"min{g}i", f"max{g}i"
    return (
        step(f"total{g}", f"total of group {g}", (yes, no), n, lambda a, b: a + b,
             inverse=f"others{g}"),
        step(f"others{g}", f"non-events of group {g}", (n, yes), no, lambda n, a: n - a,
             inverse=f"total{g}"),
        step(f"events{g}", f"events of group {g}", (n, no), yes, lambda n, b: n - b,
             inverse=f"total{g}"),
        step(f"events_of_percent{g}", f"events of group {g} from the percentage", (p, n), yes,
             lambda p, n: float(np.rint(p / 100.0 * n)), inverse=f"percent{g}"),
        step(f"percent{g}", f"percentage of group {g}", (yes, n), p,
             lambda a, n: np.divide(100.0 * a, n),
             inverse=f"events_of_percent{g}"),
        step(f"sd_of_se{g}", f"SD of group {g} from the SE", (se, n), sd, spread.sd_from_se,
             inverse=f"se_of_sd{g}"),
        step(f"se_of_sd{g}", f"SE of group {g} from the SD", (sd, n), se, spread.se_from_sd,
             inverse=f"sd_of_se{g}"),
        Step(f"sd_of_ci{g}", f"SD of group {g} from the interval of its mean", (lb, ub, n), (sd,),
             HANDBOOK, _sd_of_interval(lb, ub, n, sd), f"ci_of_sd{g}"),
        Step(f"ci_of_sd{g}", f"interval of the mean of group {g}", (m, sd, n), (lb, ub), HANDBOOK,
             _interval_of_sd(m, sd, n, lb, ub), f"sd_of_ci{g}"),
        step(f"mean_of_ci{g}", f"mean of group {g} from its interval", (lb, ub), m,
             lambda a, b: (a + b) / 2.0),
        _by_width(f"sd_of_quartiles{g}",
                  f"SD of group {g}, roughly, from the quartiles beside a mean",
                  (m, q1, q3, n), sd, sd_of_quartiles),
        _by_width(f"sd_of_range{g}", f"SD of group {g}, roughly, from the range beside a mean",
                  (m, low, high, n), sd, sd_of_range),
        Step(f"five{g}", f"mean and SD of group {g} from five numbers", (low, q1, med, q3, high, n),
             (m, sd), SHI,
             _by_order({"min": low, "q1": q1, "median": med, "q3": q3, "max": high}, n, m, sd),
             approximate=True),
        Step(f"quartiles{g}", f"mean and SD of group {g} from the quartiles", (q1, med, q3, n),
             (m, sd), LUO, _by_order({"q1": q1, "median": med, "q3": q3}, n, m, sd),
             approximate=True),
        Step(f"range{g}", f"mean and SD of group {g} from the range", (low, med, high, n),
             (m, sd), LUO, _by_order({"min": low, "median": med, "max": high}, n, m, sd),
             approximate=True),
    )  # fmt: skip


def _sd_of_interval(lb: str, ub: str, n: str, sd: str) -> Callable[[Values, Settings], Answers]:
    def solve(values: Values, settings: Settings) -> Answers:
        if values[n] < 2 or values[ub] <= values[lb]:
            return ()
        got = spread.sd_from_interval(values[lb], values[ub], values[n], settings.level)
        return ({sd: float(got)},)

    return solve


def _interval_of_sd(
    m: str, sd: str, n: str, lb: str, ub: str
) -> Callable[[Values, Settings], Answers]:
    def solve(values: Values, settings: Settings) -> Answers:
        if values[n] < 2:
            return ()
        low, high = spread.interval_from_sd(values[m], values[sd], values[n], settings.level)
        return ({lb: float(low), ub: float(high)},)

    return solve


def _by_width(
    key: str, title: str, roles: tuple[str, str, str, str], sd: str, spread_of: _Width
) -> Step:
    """SD from the distance of two order statistics, where the mean was reported itself."""

    def solve(values: Values, settings: Settings) -> Answers:
        low, high, n = (np.array(values[role]) for role in roles[1:])
        if n < SMALLEST or high <= low:
            return ()
        return ({sd: float(spread_of(low, high, n))},)

    return Step(key, title, roles, (sd,), WAN, solve, approximate=True)


def _by_order(
    parts: Mapping[str, str], n: str, m: str, sd: str
) -> Callable[[Values, Settings], Answers]:
    def solve(values: Values, settings: Settings) -> Answers:
        given = {part: np.array([values[role]]) for part, role in parts.items()}
        x = FiveNumbers.of(**given, n=np.array([values[n]]))
        mean, spread_ = mean_sd(x)
        if x.disordered[0] or not (np.isfinite(mean[0]) and spread_[0] > 0):
            return ()
        return ({m: float(mean[0]), sd: float(spread_[0])},)

    return solve


ARM_STEPS = (*_arm_steps("1"), *_arm_steps("2"))
