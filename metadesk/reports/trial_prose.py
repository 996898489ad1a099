"""A trial analysis in words: one sentence of the result, and the methods paragraph."""

from __future__ import annotations

from collections.abc import Mapping

from metadesk.analysis.trial_result import EVENT_WORDS, WORD_ORDER, TrialResult
from metadesk.analysis.trial_spec import DF, RESIDUAL
from metadesk.document import format_value
from metadesk.document.numbers import interval_text, p_phrase
from metadesk.document.words import inside
from metadesk.models.mixed.patient_series import SeriesResult
from metadesk.models.mixed.recognise import MISSING_PERIODS
from metadesk.models.result import Interval, Quantity

TOLD = (MISSING_PERIODS, EVENT_WORDS, WORD_ORDER)  # notes that a reader must have beside the number


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
    patient = result.patient
    test = (patient.cycles or patient.free) if patient is not None else None
    if test is not None:
        parts.append(
            f"randomisation test {p_phrase(test.p_random)} "
            f"(smallest possible {format_value(test.floor, 'p')})"
        )
    if patient is not None:
        parts += chances_in_words(result, patient.probability)
    if result.series is not None:
        series = result.series
        parts += spread_in_words(result, series)
    told = [note.text for code in TOLD for note in result.notes if note.code == code]
    return " ".join([f"{'; '.join(parts)}.", *told])


def spread_in_words(result: TrialResult, series: SeriesResult) -> list[str]:
    """How effects differ between persons, and what to expect in the next one."""
    spread = format_value(series.between_sd.value, "effect")
    if series.between_sd.interval is not None:
        between = series.between_sd.interval
        spread += f" ({100 * between.level:g}% CI {interval_text(between.lower, between.upper)})"
    of = "logarithm of the effect" if result.scale.ratio else "effect"
    ends = natural_ends(result, series.prediction)
    return [f"SD of the {of} between persons {spread}", f"prediction interval {ends}"]


WORDS = ((0.95, "very probable"), (0.8, "probable"), (0.2, "open"), (0.05, "improbable"))


def chances_in_words(result: TrialResult, chances: Mapping[str, float]) -> list[str]:
    """How probable it is that the treatment helps this person, and enough to matter."""
    said = []
    direction = "lower" if result.spec.lower_is_better else "higher"
    if "benefit" in chances:
        p = chances["benefit"]
        said.append(f"that {result.active} gives {direction} values in this person is {_chance(p)}")
    if "relevant" in chances:
        p = chances["relevant"]
        said.append(f"that it does so by at least {result.spec.relevant:g} is {_chance(p)}")
    return said


def _chance(p: float) -> str:
    words = next((word for limit, word in WORDS if p >= limit), "very improbable")
    return f"{words} ({p:.2f})"


def effect_text(result: TrialResult, q: Quantity) -> str:
    """An effect on the scale of a reader, with interval and P value."""
    shown = format_value(result.scale.natural(q.value), "effect")
    if q.interval is None:
        return f"{shown}, {p_phrase(q.p)}"
    level = f"{100 * q.interval.level:g}% CI"
    return f"{shown} {level} {natural_ends(result, q.interval)}, {p_phrase(q.p)}"


def natural_ends(result: TrialResult, interval: Interval) -> str:
    """The ends of an interval on the scale of a reader."""
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
    if patient.free is not None:
        sentences.append(
            f"The periods of one person were compared by the difference {result.difference} with a "
            f"randomisation test over all orders of the periods."
        )
    if patient.outcome is not None and patient.outcome.main is not None:
        sentences.append(f"The ratio is from this analysis: {patient.outcome.main.label}.")
    if patient.cycles is not None:
        sentences.append(
            f"The {len(patient.cycles.differences)} cycles of one person were compared by the "
            f"difference {result.difference} in each cycle, with a t test and a randomisation test "
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
