"""What the pooled effect means for people: per 1,000, number needed to treat, units of a scale.

A request says in its block ``plain`` which baseline risk or scale is meant; without one the median
risk of the sheet's comparison groups is taken and said to be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from metadesk.analysis.result import AnalysisResult
from metadesk.document.numbers import NumberKind
from metadesk.effects.absolute import (
    ALTMAN,
    SCHUNEMANN,
    Kind,
    NumberNeeded,
    Range,
    in_units,
    median_baseline,
    number_needed,
    odds_ratio_of_smd,
    responders_of_smd,
    risk_difference_at,
    risk_with,
    superiority_of_smd,
)
from metadesk.effects.sources import CHINN, NEWCOMBE2006
from metadesk.errors import SpecProblem
from metadesk.options import from_plain, number, text

KINDS: dict[str, Kind] = {
    "OR": "OR", "PETO": "OR", "MPOR": "OR", "MPORM": "OR", "D2ORL": "OR", "D2ORN": "OR",
    "RR": "RR", "MPRR": "RR", "RD": "RD", "MPRD": "RD", "HR": "HR",
}  # fmt: skip
STANDARDISED = frozenset(
    {"SMD", "SMDH", "SMD1", "SMD1H", "PBIT", "OR2DL", "OR2DN", "SMCR", "SMCRH", "SMCRP", "SMCRPH"}
)
RATES = {"IRR": ("x2i", "t2i")}
PROPORTIONS = frozenset({"PR", "PLN", "PLO", "PRZ", "PAS", "PFT"})
ONE_RATE = frozenset({"IR", "IRLN", "IRS", "IRFT"})


@dataclass(frozen=True)
class PlainChoice:
    """Which people and which scale the plain numbers are about."""

    baseline: float | None = number(
        "Risk in the comparison group", None, minimum=0.0,
        help="Between 0 and 1 (5 % is 0.05). Empty: the median of the sheet's comparison groups.",
    )  # fmt: skip
    scale_sd: float | None = number(
        "SD of a familiar scale", None, minimum=0.0,
        help="A standardised difference times this SD is a difference in points of the scale.",
    )  # fmt: skip
    scale_name: str = text("Name of that scale", help="As it shall stand in tables, 'HAM-D points'")


@dataclass(frozen=True)
class PlainNumber:
    """One reading of the pooled effect with its interval; ``sentence`` says it in words."""

    key: str
    title: str
    value: float
    lower: float
    upper: float
    kind: NumberKind
    sentence: str
    method: str


def plain_numbers(result: AnalysisResult) -> tuple[PlainNumber, ...]:
    """Read the pooled effect of the main model in plain numbers.

    Raises
    ------
    SpecProblem
        If the request's baseline risk or scale is impossible.
    """
    main = result.main
    if main is None or not result.measure or not main.has_pooled:
        return ()
    chosen = from_plain(PlainChoice, result.spec.plain, where="plain")
    ends = main.pooled.interval
    if ends is None or not math.isfinite(ends.lower + ends.upper):
        return ()
    effect = _range(result, main.pooled.value, ends.lower, ends.upper)
    return tuple(_numbers(result, chosen, effect))


def _numbers(result: AnalysisResult, chosen: PlainChoice, effect: Range) -> Iterator[PlainNumber]:
    measure = result.measure
    kind = KINDS.get(measure)
    if kind is not None and kind != "RD":
        yield _relative(effect, result)
    if kind is not None:
        yield from _for_people(result, chosen, effect, kind)
    elif measure in RATES:
        yield _relative(effect, result)
        yield from _for_time(result, chosen, effect)
    elif measure in STANDARDISED:
        yield from _of_standardised(chosen, effect)
    elif measure in PROPORTIONS | ONE_RATE:
        per = "people" if measure in PROPORTIONS else "units of person-time"
        many = effect.times(1000.0)
        yield _number(
            "per_1000", f"Events per 1,000 {per}", many, "number",
            f"{_about(many.value)} in 1,000 {per} ({_about(many.lower)} to {_about(many.upper)})",
            "effect × 1,000",
        )  # fmt: skip


def _relative(effect: Range, result: AnalysisResult) -> PlainNumber:
    change = Range(*(100.0 * (x - 1.0) for x in (effect.value, effect.lower, effect.upper)))
    what = {"HR": "hazard", "IRR": "rate", "RR": "risk", "MPRR": "risk"}.get(result.measure, "odds")

    def said(x: float) -> str:
        return f"{abs(x):.0f} % {'lower' if x < 0 else 'higher'}"

    words = f"{what} {said(change.value)} ({said(change.lower)} to {said(change.upper)})"
    title = f"Relative change of the {what}, %"
    return _number("relative_change", title, change, "number", words, "100 × (ratio − 1)")


def _for_people(
    result: AnalysisResult, chosen: PlainChoice, effect: Range, kind: Kind
) -> Iterator[PlainNumber]:
    baseline, source = _baseline(result, chosen)
    if math.isnan(baseline):
        return
    labels = result.spec.labels
    group1, group2 = labels.group1 or "group 1", labels.group2 or "group 2"
    yield PlainNumber(
        "baseline", f"Risk with {group2} per 1,000", 1000.0 * baseline, math.nan, math.nan,
        "number",
        f"{_about(1000 * baseline)} in 1,000 ({source})", source,
    )  # fmt: skip
    risks = [risk_with(x, kind, baseline) for x in (effect.value, effect.lower, effect.upper)]
    risk = Range(risks[0], min(risks[1:]), max(risks[1:])).times(1000.0)
    yield _number(
        "risk", f"Risk with {group1} per 1,000", risk, "number",
        f"{_about(risk.value)} in 1,000 ({_about(risk.lower)} to {_about(risk.upper)})",
        SCHUNEMANN.short,
    )  # fmt: skip
    difference = risk_difference_at(effect, kind, baseline)
    yield _more_or_fewer("per_1000", "Difference per 1,000", difference, SCHUNEMANN.short)
    main = result.main
    spread = main.prediction if main is not None else None
    if main is not None and spread is not None and math.isfinite(spread.lower):
        around = _range(result, main.pooled.value, spread.lower, spread.upper)
        new = risk_difference_at(around, kind, baseline)
        yield _more_or_fewer(
            "per_1000_new", "Difference per 1,000, prediction for a new study", new,
            f"{SCHUNEMANN.short}; prediction interval",
        )  # fmt: skip
    good = labels.better == "higher"
    yield _needed(number_needed(difference, events_are_good=good))


def _needed(needed: NumberNeeded) -> PlainNumber:
    return PlainNumber(
        "nnt", "Number needed to treat", needed.value, needed.lower, needed.upper, "number",
        needed.sentence, ALTMAN.short,
    )  # fmt: skip


def _for_time(result: AnalysisResult, chosen: PlainChoice, effect: Range) -> Iterator[PlainNumber]:
    rate, source = chosen.baseline, "as stated"
    if rate is None:
        events, time = (_data(result, key) for key in RATES[result.measure])
        if events is None or time is None:
            return
        rate, source = median_baseline(events, time), "median of the comparison groups"
    if math.isnan(rate):
        return
    many = Range(*(1000.0 * rate * (x - 1) for x in (effect.value, effect.lower, effect.upper)))
    yield PlainNumber(
        "baseline", "Rate in the comparison group per 1,000 units of time", 1000.0 * rate,
        math.nan, math.nan, "number", f"{_about(1000 * rate)} per 1,000 ({source})", source,
    )  # fmt: skip
    yield _more_or_fewer(
        "per_1000", "Difference per 1,000 units of time", many.times(1e-3), SCHUNEMANN.short
    )


def _of_standardised(chosen: PlainChoice, effect: Range) -> Iterator[PlainNumber]:
    if chosen.scale_sd is not None:
        points = in_units(effect, chosen.scale_sd)
        name = chosen.scale_name or "points of the scale"
        yield _number(
            "units", f"Difference in {name}", points, "effect",
            f"{points.value:.2g} {name} ({points.lower:.2g} to {points.upper:.2g})",
            f"effect × SD {chosen.scale_sd:g}; {SCHUNEMANN.short}",
        )  # fmt: skip
    odds = odds_ratio_of_smd(effect)
    yield _number(
        "odds_ratio", "As odds ratio", odds, "effect",
        f"odds ratio {odds.value:.2f} ({odds.lower:.2f} to {odds.upper:.2f})", CHINN.short,
    )  # fmt: skip
    above = superiority_of_smd(effect).times(100.0)
    yield _number(
        "superiority", "Probability of superiority, %", above, "number",
        f"a person of group 1 is above one of group 2 with probability {above.value:.0f} % "
        f"({above.lower:.0f} to {above.upper:.0f} %)", NEWCOMBE2006.short,
    )  # fmt: skip
    if chosen.baseline is not None:
        difference = responders_of_smd(effect, chosen.baseline)
        yield _more_or_fewer(
            "responders", "Responders, difference per 1,000", difference, "Furukawa & Leucht (2011)"
        )
        yield _needed(number_needed(difference, events_are_good=True))


def _baseline(result: AnalysisResult, chosen: PlainChoice) -> tuple[float, str]:
    if chosen.baseline is not None:
        if not 0 < chosen.baseline < 1:
            raise SpecProblem(
                f"The baseline risk must lie between 0 and 1, not {chosen.baseline:g}; 5 % is 0.05."
            )
        return chosen.baseline, "as stated"
    events, totals = _data(result, "ci"), _data(result, "n2i")
    if events is None or totals is None:
        return math.nan, ""
    risk = median_baseline(events, totals)
    return (risk if 0 < risk < 1 else math.nan), "median of the comparison groups"


def _data(result: AnalysisResult, key: str) -> np.ndarray | None:
    """A column of raw data over the studies used."""
    column = next((c for c in result.data_columns if c.key == key), None)
    if column is None:
        return None
    cells = [v for v, s in zip(column.values, result.studies, strict=True) if s.used]
    return np.array([math.nan if v is None else v for v in cells], dtype=float)


def _range(result: AnalysisResult, value: float, lower: float, upper: float) -> Range:
    ends = sorted((result.natural(lower), result.natural(upper)))
    return Range(result.natural(value), ends[0], ends[1])


def _more_or_fewer(key: str, title: str, difference: Range, method: str) -> PlainNumber:
    many = difference.times(1000.0)

    def said(x: float) -> str:
        return f"{_about(abs(x))} {'fewer' if x < 0 else 'more'}"

    words = f"{said(many.value)} per 1,000 (from {said(many.lower)} to {said(many.upper)})"
    return _number(key, title, many, "number", words, method)


def _number(
    key: str, title: str, found: Range, kind: NumberKind, sentence: str, method: str
) -> PlainNumber:
    return PlainNumber(key, title, found.value, found.lower, found.upper, kind, sentence, method)


def _about(x: float) -> str:
    """A count of people in words: whole where it is large, two digits where it is small."""
    if math.isinf(x):
        return "∞"
    return f"{x:,.0f}" if abs(x) >= 10 else f"{x:.2g}"


def plain_kind(measure: str) -> str:
    """What has to be known for a measure: 'risk', 'rate', 'scale', or '' where nothing is asked."""
    if measure in KINDS:
        return "risk"
    if measure in RATES:
        return "rate"
    return "scale" if measure in STANDARDISED else ""
