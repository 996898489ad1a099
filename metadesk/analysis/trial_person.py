"""One person: the analysis by cycles, models in time, and those of the outcome's own kind."""

from __future__ import annotations

from dataclasses import replace

from metadesk.analysis.trial_asking import effect_of
from metadesk.analysis.trial_models import Comparison, as_analysed, relevant_size, wants_trend
from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.analysis.trial_result import EffectScale, TrialResult
from metadesk.models.mixed import OnePatient, analyse_one_patient
from metadesk.models.mixed.one_patient import OnePatientResult
from metadesk.models.result import Quantity
from metadesk.numerics.progress import Progress

OUTCOMES = {
    "continuous": "continuous",
    "binary": "binary",
    "binomial": "binary",
    "count": "count",
    "count-nb": "count",
    "ordinal": "ordinal",
}
WITHIN_ONE = {
    "binary": EffectScale("odds", "Odds ratio in this person", True),
    "count": EffectScale("rate", "Rate ratio in this person", True),
    "ordinal": EffectScale("cumulative", "Cumulative odds ratio in this person", True),
}
PLAIN = {
    "binary": EffectScale("difference", "Difference of proportions", False),
    "count": EffectScale("difference", "Difference of mean counts", False),
    "ordinal": EffectScale("difference", "Difference of mean categories", False),
}


def analyse_trial_person(
    result: TrialResult, prepared: PreparedTrial, against: Comparison, progress: Progress
) -> TrialResult:
    """Analyse one person; effects of other than measured outcomes are ratios where finite."""
    spec = prepared.spec
    kind = OUTCOMES[prepared.outcome_type]
    options = OnePatient(
        active=against.active,
        control=against.reference,
        outcome=kind,
        level=spec.level,
        relevant=relevant_size(prepared, as_difference=kind != "continuous"),
        lower_is_better=spec.lower_is_better,
        washout=spec.washout,
        trend=wants_trend(spec, "one-patient"),
    )
    patient = analyse_one_patient(options, as_analysed(prepared), progress)
    title = f"{against.active} − {against.reference}"
    found = replace(
        result,
        patient=patient,
        main=patient.fits.get("ar1") or patient.fits.get("ols"),
        notes=patient.notes,
    )
    if patient.outcome is None:
        return replace(found, effect=_measured(patient, prepared, against))
    if patient.outcome.main is not None:
        effect = replace(patient.outcome.main.effect, name="effect", title=title)
        effect = replace(effect, method=f"{patient.outcome.main.label}: {effect.method}")
        return replace(found, effect=effect, scale=WITHIN_ONE[kind])
    return replace(found, effect=_by_cycles(patient, title), scale=PLAIN[kind])


def _measured(patient: OnePatientResult, prepared: PreparedTrial, against: Comparison) -> Quantity:
    """The effect in one person: by cycles where they were randomised, else by the time model."""
    if patient.cycles is None:
        for key in ("ar1", "ols"):
            if key in patient.fits:
                return effect_of(patient.fits[key], prepared, against)
    return _by_cycles(patient, f"{against.active} − {against.reference}")


def _by_cycles(patient: OnePatientResult, title: str) -> Quantity:
    """The mean of the cycle differences; the difference of all values where there are none."""
    cycles = patient.cycles
    if cycles is None:
        return replace(patient.samples.pooled, name="effect", title=title)
    return Quantity(
        "effect", title, cycles.mean, "mean of the cycle differences", se=cycles.se,
        df=cycles.df, p=cycles.p, interval=cycles.interval, kind="effect",
    )  # fmt: skip
