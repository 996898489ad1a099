"""The result in one sentence, for the command line, the report and the figure's description."""

from __future__ import annotations

import math

from metadesk.analysis.result import AnalysisResult
from metadesk.document import format_value
from metadesk.document.numbers import interval_text, p_phrase, telling_digits
from metadesk.document.words import inside
from metadesk.models import FitResult, Interval
from metadesk.table import NOT_A_STUDY


def result_sentence(result: AnalysisResult) -> str:
    """Say how many studies, which model, the pooled effect with its interval, and the spread."""
    if result.main is None:
        return result.problem
    fit = result.main
    if not fit.has_pooled:
        return _with_moderators(result, fit)
    pooled = fit.pooled
    digits = _digits(result, pooled.value, pooled.interval)
    parts = [
        f"{_studies(result)}, {inside(fit.title)}: {inside(result.family.title)} "
        f"{natural_text(result, pooled.value, digits)} {_ends(result, pooled.interval, digits)}"
        # a proportion, a rate or a mean of one group has no value of 'no effect' to be tested
        + ("" if math.isnan(result.scale.null) else f", {p_phrase(pooled.p)}")
    ]
    spread = fit.heterogeneity
    if spread is not None and fit.k > 1:
        shown = [] if fit.family == "fixed" else [_tau2(fit, "τ²")]
        if not math.isnan(spread.I2):
            shown.append(f"I² = {format_value(spread.I2, 'percent', 0)}")
        parts.append(", ".join(shown))
    if fit.prediction is not None:
        parts.append(f"prediction interval {_ends(result, fit.prediction, digits, '')}")
    return "; ".join(part for part in parts if part) + "."


def _with_moderators(result: AnalysisResult, fit: FitResult) -> str:
    """With moderators there is no one pooled effect: say what they explain."""
    names = ", ".join(n for n in fit.coefficients.names if n != "intrcpt")
    parts = [f"{_studies(result)}, {inside(fit.title)} on {names}"]
    if fit.omnibus:
        test = fit.omnibus[0]
        letter = "χ²" if test.kind == "chi2" else "F"
        parts.append(
            f"test of moderators {letter} = {format_value(test.statistic, 'statistic')}, "
            f"{p_phrase(test.p)}"
        )
    spread = fit.heterogeneity
    if spread is not None and not spread.QE_df < 1.0:
        shown = _tau2(fit, "residual τ²")
        if not math.isnan(spread.R2):
            shown += f", {format_value(spread.R2, 'percent', 0)} of τ² explained"
        parts.append(shown)
    return "; ".join(parts) + "."


def _tau2(fit: FitResult, name: str) -> str:
    """The between-study variance, or that there is no one number."""
    value = math.nan if fit.heterogeneity is None else fit.heterogeneity.tau2
    if fit.spread is None or not math.isnan(value):
        return f"{name} = {format_value(value, 'variance')}"
    low, high = (
        format_value(float(v), "variance") for v in (fit.spread.tau2.min(), fit.spread.tau2.max())
    )
    return f"{name} from {low} to {high}"


def natural_text(result: AnalysisResult, value: float, digits: int | None = None) -> str:
    """A value of the analysis scale as a reader sees it on the natural scale."""
    return format_value(result.natural(value), "effect", digits)


def _digits(result: AnalysisResult, value: float, interval: Interval | None) -> int | None:
    """Digits after the point, where an effect's own would not tell the ends of its interval apart.

    Ratios keep their own unless value and ends read the same.
    """
    if interval is None:
        return None
    lower, upper = result.natural(interval.lower), result.natural(interval.upper)
    shown = {format_value(v, "effect") for v in (result.natural(value), lower, upper)}
    if result.scale.axis == "log" and len(shown) > 1:
        return None
    return telling_digits(lower, upper)


def _ends(
    result: AnalysisResult, interval: Interval | None, digits: int | None, name: str = "CI"
) -> str:
    if interval is None:
        return ""
    lower, upper = sorted((result.natural(interval.lower), result.natural(interval.upper)))
    level = f"{interval.level * 100:g}% " if name else ""
    return f"{level}{name} {interval_text(lower, upper, digits=digits)}".strip()


def _studies(result: AnalysisResult) -> str:
    left = sum(s.reason not in NOT_A_STUDY for s in result.left_out)
    words = result.counted_by_name
    return f"{words} ({left} left out)" if left else words
