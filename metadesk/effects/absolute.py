"""What a relative or standardised effect means for people: absolute effects and other readings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from metadesk.errors import SpecProblem
from metadesk.references import Reference

Kind = Literal["OR", "RR", "RD", "HR", "IRR"]

ALTMAN = Reference(
    "altman1998", "Altman", 1998, "Confidence intervals for the number needed to treat",
    "BMJ, 317, 1309–1312", "10.1136/bmj.317.7168.1309",
)  # fmt: skip
SCHUNEMANN = Reference(
    "schunemann2019", "Schünemann et al.", 2019,
    "Interpreting results and drawing conclusions (Cochrane Handbook, ch. 15)",
    "2nd ed., Wiley",
)  # fmt: skip


@dataclass(frozen=True)
class Range:
    """An estimate with its interval."""

    value: float
    lower: float
    upper: float

    def times(self, factor: float) -> Range:
        """In another unit; a negative factor swaps the ends."""
        ends = sorted((self.lower * factor, self.upper * factor))
        return Range(self.value * factor, ends[0], ends[1])


def risk_with(effect: float, kind: Kind, baseline: float) -> float:
    """Risk in group 1 where group 2 has risk ``baseline``.

    Parameters
    ----------
    effect : float
        On the natural scale: odds ratio, risk ratio, hazard ratio, or risk difference.
    kind : str
        What ``effect`` is. A hazard ratio acts on the survival: 1 − (1 − baseline)^HR.
    baseline : float
        Between 0 and 1.

    Returns
    -------
    float
        Held between 0 and 1, where a risk ratio would lead beyond.
    """
    if not 0.0 < baseline < 1.0:
        raise SpecProblem(
            f"The baseline risk must lie between 0 and 1, not {baseline:g}; 5 % is 0.05."
        )
    match kind:
        case "OR":
            odds = effect * baseline / (1.0 - baseline)
            risk = 1.0 if math.isinf(odds) else odds / (1.0 + odds)
        case "HR":
            risk = 1.0 - (1.0 - baseline) ** effect
        case "RD":
            risk = baseline + effect
        case _:
            risk = baseline * effect
    return min(max(risk, 0.0), 1.0)


def risk_difference_at(effect: Range, kind: Kind, baseline: float) -> Range:
    """Risk difference that an effect with its interval means at a baseline risk."""
    at = [
        risk_with(x, kind, baseline) - baseline for x in (effect.value, effect.lower, effect.upper)
    ]
    return Range(at[0], min(at[1:]), max(at[1:]))


def per_thousand(effect: Range, kind: Kind, baseline: float) -> Range:
    """How many more (positive) or fewer (negative) people in 1,000 have the event."""
    return risk_difference_at(effect, kind, baseline).times(1000.0)


@dataclass(frozen=True)
class NumberNeeded:
    """Number needed to treat, with its interval.

    A negative number is a number needed to harm. Where the risk difference may be zero, the
    interval runs through infinity: from ``lower`` (needed to treat) over ∞ to ``upper`` (negative:
    needed to harm), and ``through_infinity`` is true.
    """

    value: float
    lower: float
    upper: float
    through_infinity: bool
    sentence: str


def number_needed(difference: Range, *, events_are_good: bool = False) -> NumberNeeded:
    """Turn a risk difference into a number needed to treat (Altman 1998).

    Parameters
    ----------
    difference : Range
        Risk in group 1 less risk in group 2.
    events_are_good : bool
        Whether more events are better; then a positive difference is a benefit.
    """
    sign = 1.0 if events_are_good else -1.0
    benefit = difference.times(sign)
    value = _reciprocal(benefit.value)
    if benefit.lower < 0.0 < benefit.upper:
        harm, good = -1.0 / benefit.lower, 1.0 / benefit.upper
        sentence = f"{_named(value)}; interval NNT {good:.3g} through ∞ to NNH {harm:.3g}"
        return NumberNeeded(value, good, -harm, True, sentence)
    ends = sorted((_reciprocal(benefit.lower), _reciprocal(benefit.upper)), key=abs)
    sentence = f"{_named(value)}; interval {_named(ends[0])} to {_named(ends[1])}"
    return NumberNeeded(value, ends[0], ends[1], False, sentence)


def _reciprocal(x: float) -> float:
    return math.inf if x == 0.0 else 1.0 / x


def _named(x: float) -> str:
    if math.isinf(x):
        return "∞"
    return f"NNT {x:.3g}" if x > 0 else f"NNH {-x:.3g}"


def in_units(smd: Range, sd: float) -> Range:
    """Standardised mean difference in units of a scale whose SD is known (Handbook 15.5.3.2)."""
    if not sd > 0:
        raise SpecProblem(f"The SD of the scale must be above 0, not {sd:g}.")
    return smd.times(sd)


def odds_ratio_of_smd(smd: Range) -> Range:
    """Odds ratio of a standardised mean difference for a logistic outcome: exp(d·π/√3)."""
    f = math.pi / math.sqrt(3.0)
    return Range(*(math.exp(f * x) for x in (smd.value, smd.lower, smd.upper)))


def superiority_of_smd(smd: Range) -> Range:
    """Probability that a person of group 1 is above one of group 2: Φ(d/√2)."""
    root = math.sqrt(2.0)
    return Range(*(float(special.ndtr(x / root)) for x in (smd.value, smd.lower, smd.upper)))


def responders_of_smd(smd: Range, baseline: float) -> Range:
    """Risk difference of responders where a part ``baseline`` of group 2 responds.

    Φ(Φ⁻¹(p) + d) − p (Furukawa & Leucht 2011).
    """
    if not 0.0 < baseline < 1.0:
        raise SpecProblem(f"The part of responders must lie between 0 and 1, not {baseline:g}.")
    z = float(special.ndtri(baseline))
    return Range(
        *(float(special.ndtr(z + x)) - baseline for x in (smd.value, smd.lower, smd.upper))
    )


def vaccine_efficacy(ratio: Range) -> Range:
    """Efficacy 1 − ratio, with the ends in order."""
    return Range(1.0 - ratio.value, 1.0 - ratio.upper, 1.0 - ratio.lower)


def median_baseline(events: np.ndarray, totals: np.ndarray) -> float:
    """Median risk of the comparison groups, a usual choice of a baseline risk."""
    known = np.isfinite(events) & np.isfinite(totals) & (totals > 0)
    return float(np.median(events[known] / totals[known])) if known.any() else math.nan
