"""A trial analysis in words: one sentence of the result, and the methods paragraph."""

from __future__ import annotations

from metadesk.analysis.trial_result import TrialResult
from metadesk.analysis.trial_spec import DF, RESIDUAL
from metadesk.document import format_value
from metadesk.document.numbers import interval_text, p_phrase
from metadesk.document.words import inside
from metadesk.models.result import Interval, Quantity


def trial_sentence(result: TrialResult) -> str:
    """Say who was analysed, how, and the treatment effect with its interval."""
    effect = result.effect
    if effect is None:
        return result.problem
    design = result.design.title if result.design else "trial rows"
    persons = len(result.subjects)
    count = "one person" if persons == 1 else f"{persons} persons"
    head = f"{design[:1].upper()}{design[1:]}; {count}, {len(result.used)} rows"
    if design.endswith(("persons", "person")):
        head = f"{design[:1].upper()}{design[1:]}; {len(result.used)} rows"
    words = f"{head}: {result.scale.title.lower()} {result.contrast} {effect_text(result, effect)}"
    parts = [words]
    if result.patient is not None and result.patient.cycles is not None:
        cycles = result.patient.cycles
        parts.append(
            f"randomisation test {p_phrase(cycles.p_random)} (smallest possible {cycles.floor:.3g})"
        )
    if result.series is not None:
        series = result.series
        spread = format_value(series.between_sd.value, "effect")
        parts.append(f"SD of the effect between persons {spread}")
        parts.append(f"prediction interval {_ends(result, series.prediction)}")
    return "; ".join(parts) + "."


def effect_text(result: TrialResult, q: Quantity) -> str:
    """An effect on the scale of a reader, with interval and P value."""
    shown = format_value(result.scale.natural(q.value), "effect")
    if q.interval is None:
        return f"{shown}, {p_phrase(q.p)}"
    level = f"{100 * q.interval.level:g}% CI"
    return f"{shown} {level} {_ends(result, q.interval)}, {p_phrase(q.p)}"


def _ends(result: TrialResult, interval: Interval) -> str:
    natural = result.scale.natural
    lower, upper = sorted((natural(interval.lower), natural(interval.upper)))
    return interval_text(lower, upper)


def trial_methods(result: TrialResult) -> str:
    """The methods paragraph of a paper, from the choices that were made."""
    version = f" {result.app_version}" if result.app_version else ""
    sentences = [*_analysis(result), _left_out(result)]
    sentences.append(f"Analyses were done with metadesk{version}.")
    return " ".join(s for s in sentences if s)


def _analysis(result: TrialResult) -> list[str]:
    if result.effect is None:
        return []
    if result.analysis == "one-patient":
        return _one_person(result)
    spec, main = result.spec, result.main
    if main is None:
        return []
    kind = inside(main.title)
    sentences = [
        f"{result.roles.outcome} was analysed with a {kind} ({main.equation}), by {main.method}."
    ]
    if result.outcome_type == "continuous":
        residual = (
            "" if spec.residual == "independent" else f", residuals {RESIDUAL[spec.residual]}"
        )
        sentences.append(
            f"Treatments were compared with {DF[main.rule]} degrees of freedom{residual}."
        )
    if not spec.carryover and result.analysis == "crossover":
        sentences.append(
            "No carryover was assumed, as the washout must justify; carryover was looked at as a "
            "check and did not choose the analysis."
        )
    if result.series is not None:
        sentences.append(
            "Each person had an own treatment effect; effects of persons are shrunken towards the "
            "population, and the prediction interval is for the effect in a further person."
        )
    if not main.status.converged:
        sentences.append("The fit did not converge.")
    level = f"{100 * spec.level:g}%"
    return [*sentences, f"Confidence intervals are at the {level} level."]


def _one_person(result: TrialResult) -> list[str]:
    patient = result.patient
    if patient is None:
        return []
    sentences = []
    if patient.cycles is not None:
        sentences.append(
            f"The {len(patient.cycles.differences)} cycles of one person were compared by the "
            f"difference {result.contrast} in each cycle, with a t test and a randomisation test "
            f"over all orders of the pairs."
        )
    if "ar1" in patient.fits:
        sentences.append(
            "An autoregressive model in time stands beside it, with fixed autocorrelations as a "
            "sensitivity analysis."
        )
    if patient.n_left_out:
        sentences.append(f"{patient.n_left_out} rows after changes of treatment were left out.")
    return sentences or ["The values on both treatments were compared."]


def _left_out(result: TrialResult) -> str:
    left = result.left_out
    if not left:
        return ""
    words = "1 row was" if len(left) == 1 else f"{len(left)} rows were"
    chosen = sum(r.by_person for r in left)
    return f"{words} left out{f', {chosen} of them by decision' if chosen else ''}."
