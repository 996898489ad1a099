"""Rules about the choice of the model: random effects first, fixed effect with caution."""

from __future__ import annotations

import math

from metadesk.advice.rule import Rule
from metadesk.analysis.result import AnalysisResult
from metadesk.document import format_value
from metadesk.models import FitResult, Interval

HANDBOOK = "Cochrane Handbook for Systematic Reviews of Interventions, chapter 10"
MANY_SD = 75.0
HALF_WEIGHT = 50.0
INTHOUT = "IntHout et al. (2016), BMJ Open 6:e010247"
ROEVER = "Röver et al. (2015), BMC Med Res Methodol 15:99"


def _effect(result: AnalysisResult, value: float) -> str:
    return format_value(result.natural(value), "effect")


def _interval(result: AnalysisResult, interval: Interval) -> str:
    ends = sorted((result.natural(interval.lower), result.natural(interval.upper)))
    return f"{format_value(ends[0], 'effect')} to {format_value(ends[1], 'effect')}"


def _null(result: AnalysisResult) -> float:
    return result.scale.null


def _excludes(interval: Interval | None, null: float) -> bool:
    if interval is None or math.isnan(null):
        return False
    return interval.lower > null or interval.upper < null


def start_with_random(result: AnalysisResult) -> str:
    """Say why random effects is where an analysis starts."""
    if result.main is None or result.main.family != "random" or result.main.k < 2:
        return ""
    return (
        "Studies done in different places rarely share one true effect. Random effects estimates "
        "the average of their true effects and how much these vary."
    )


def fixed_as_main(result: AnalysisResult) -> str:
    """Caution against a fixed effect as the main model."""
    if result.main is None or result.main.family != "fixed" or result.main.k < 2:
        return ""
    return (
        "This model assumes that every study measures exactly the same true effect, which is "
        "rarely so: populations, co-interventions and biases differ, large studies dominate, and "
        "the interval comes out too narrow. Keep random effects as the main result and show this "
        "one beside it, or write down why one true effect is believable here."
    )


def models_disagree(result: AnalysisResult) -> str:
    """Point at a fixed and a random answer that differ."""
    fixed, average = result.fit_of("fixed"), result.fit_of("random")
    if fixed is None or average is None or fixed.k < 3:
        return ""
    gap = abs(fixed.pooled.value - average.pooled.value)
    conclusion = _excludes(fixed.pooled.interval, _null(result)) != _excludes(
        average.pooled.interval, _null(result)
    )
    if gap <= 0.5 * average.pooled.se and not conclusion:
        return ""
    return (
        f"Fixed effect ({_effect(result, fixed.pooled.value)}) and random effects "
        f"({_effect(result, average.pooled.value)}) disagree, often because small studies show "
        "larger effects. Look at the study sizes and their quality before trusting either."
    )


def zero_tau2(result: AnalysisResult) -> str:
    """Warn that a tau² of zero is weak evidence with few studies."""
    found = _random(result)
    if found is None or found.heterogeneity is None or found.k >= 10 or found.k < 2:
        return ""
    if found.heterogeneity.tau2 > 0:
        return ""
    upper = found.heterogeneity.tau2_interval
    limit = f" (upper limit of τ²: {format_value(upper.upper)})" if upper is not None else ""
    return (
        "The estimated variation between studies is zero, but with so few studies real variation "
        f"is easily missed{limit}."
    )


def prediction_crosses(result: AnalysisResult) -> str:
    """Say when a new setting may see no effect although the average is clear."""
    found = result.main
    if found is None or found.prediction is None or found.family == "fixed":
        return ""
    null = _null(result)
    if not _excludes(found.pooled.interval, null) or _excludes(found.prediction, null):
        return ""
    return (
        "On average there is an effect, but in a similar new setting it could be nil or reversed: "
        f"the prediction interval runs from {_interval(result, found.prediction)}."
    )


def rough_prediction(result: AnalysisResult) -> str:
    """Warn about a prediction interval from very few studies."""
    found = result.main
    if found is None or found.prediction is None or not 3 <= found.k < 5:
        return ""
    return "The prediction interval rests on very few studies; treat it as rough."


def two_studies(result: AnalysisResult) -> str:
    """Say what two studies cannot tell."""
    if result.main is None or result.main.k != 2:
        return ""
    return (
        "Two studies cannot tell how effects vary. Consider reporting them separately; if they are "
        "pooled, show the interval with and without the small-sample correction and draw no firm "
        "conclusion."
    )


def three_or_four(result: AnalysisResult) -> str:
    """Call an average of three or four studies fragile."""
    if result.main is None or not 3 <= result.main.k <= 4:
        return ""
    return (
        f"With {result.main.k} studies the average is fragile: leave each out in turn and see "
        "whether the conclusion stays."
    )


def one_study(result: AnalysisResult) -> str:
    """Say that one study has nothing to be pooled with."""
    if result.main is None or result.main.k != 1:
        return ""
    return "Only one study: there is nothing to pool. The study's own result is shown."


def heavy_study(result: AnalysisResult) -> str:
    """Point at a study that decides the result alone."""
    if result.main is None or result.main.k < 3:
        return ""
    weighted = [s for s in result.used if not math.isnan(s.weight)]
    if not weighted:
        return ""
    heaviest = max(weighted, key=lambda s: s.weight)
    if heaviest.weight <= HALF_WEIGHT:
        return ""
    return (
        f"{heaviest.label} carries {format_value(heaviest.weight, 'percent', 0)} of the weight and "
        "decides the result. Check its numbers, and look at the result without it."
    )


def much_disagreement(result: AnalysisResult) -> str:
    """Say that one average may mislead."""
    found = _random(result)
    if found is None or found.heterogeneity is None or found.k < 3:
        return ""
    if not found.heterogeneity.I2 > MANY_SD:
        return ""
    return (
        f"The studies disagree a lot (I² = {format_value(found.heterogeneity.I2, 'percent', 0)}). "
        "One average may mislead: look for an explanation planned beforehand, or present the "
        "studies without pooling them."
    )


def _random(result: AnalysisResult) -> FitResult | None:
    if result.main is not None and result.main.family == "random":
        return result.main
    return result.fit_of("random")


MODEL_CHOICE = (
    Rule("A1", "Start with random effects", "note", HANDBOOK, start_with_random),
    Rule("A2", "Fixed effect as main model", "strong", HANDBOOK, fixed_as_main),
    Rule("A4", "Fixed and random disagree", "strong", HANDBOOK, models_disagree),
    Rule("A5", "Variation estimated as zero", "caution", HANDBOOK, zero_tau2),
    Rule("A6", "New setting may differ", "strong", INTHOUT, prediction_crosses),
    Rule("A7", "Rough prediction interval", "caution", HANDBOOK, rough_prediction),
    Rule("A8", "Two studies", "strong", ROEVER, two_studies),
    Rule("A9", "Three or four studies", "caution", HANDBOOK, three_or_four),
    Rule("A11", "One study decides", "caution", HANDBOOK, heavy_study),
    Rule("A12", "Studies disagree a lot", "strong", HANDBOOK, much_disagreement),
    Rule("A14", "One study", "note", HANDBOOK, one_study),
)
