"""Series of N-of-1 trials: the effect in the population and for each person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metadesk.analysis.trial_asking import Beside, effect_of, model_notes
from metadesk.analysis.trial_checks import beside_generalised
from metadesk.analysis.trial_companions import (
    POOLED,
    pooled_persons,
    series_companions,
)
from metadesk.analysis.trial_ladder import ladder_of
from metadesk.analysis.trial_models import (
    Comparison,
    as_analysed,
    data_of,
    fit_main,
    generalised_options,
    relevant_size,
)
from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.analysis.trial_result import TrialCompanion, TrialResult
from metadesk.models import FitResult
from metadesk.models.mixed import PatientSeries, analyse_series
from metadesk.models.mixed.generalised_series import generalised_series
from metadesk.numerics.progress import Progress


def analyse_trial_series(
    result: TrialResult, prepared: PreparedTrial, against: Comparison, progress: Progress
) -> TrialResult:
    """Fit the model with an own effect for each person, and pool the persons beside it."""
    spec = prepared.spec
    if prepared.outcome_type != "continuous":
        return _generalised(result, prepared, against, progress)
    beside = Beside()
    main = fit_main(prepared, "series", against, progress)
    progress.step(0.5, "Effects of single persons")
    options = PatientSeries(
        active=against.active,
        control=against.reference,
        level=spec.level,
        relevant=relevant_size(prepared),
        lower_is_better=spec.lower_is_better,
        cycle_levels="cycle" in spec.random,
        cycle_effects=spec.cycle,
        trend=spec.trend == "yes",
    )
    series = beside.ask("Series", lambda: analyse_series(options, as_analysed(prepared), progress))
    found: dict[str, Any] = {"main": main, "series": series}
    found["effect"] = effect_of(main, prepared, against)
    if spec.companions:
        progress.step(0.8, "Other analyses beside it")
        if series is not None:
            found["pooled"] = beside.ask(
                "Meta-analysis of the persons", lambda: pooled_persons(series.raw, spec.level)
            )
        found["companions"] = series_companions(
            prepared, against, main, series, found.get("pooled"), progress
        )
        found["ladder"] = ladder_of(prepared, "series", against, progress)
    return replace(result, **found, notes=(*model_notes(main, series), *beside.notes))


def _generalised(
    result: TrialResult, prepared: PreparedTrial, against: Comparison, progress: Progress
) -> TrialResult:
    """A series whose outcomes are not measured: all effects are logarithms of ratios."""
    spec, beside = prepared.spec, Beside()
    main = fit_main(prepared, "series", against, progress)
    effect = effect_of(main, prepared, against)
    model = generalised_options(prepared, "series", against)
    size = relevant_size(prepared)
    found: dict[str, Any] = {}
    if "slope" in model.random:
        found["series"] = beside.ask(
            "Series",
            lambda: generalised_series(
                model, data_of(prepared), against.active, against.reference,
                relevant=size, lower_is_better=spec.lower_is_better, progress=progress,
            ),
        )  # fmt: skip
    series = found.get("series")
    if spec.companions:
        found.update(beside_generalised(prepared, "series", against, main, progress))
        if series is not None:
            found["pooled"] = beside.ask(
                "Meta-analysis of the persons", lambda: pooled_persons(series.raw, spec.level)
            )
        found["companions"] = (*found["companions"], *_pooled(found.get("pooled")))
    notes = (*model_notes(main, series), *beside.notes)
    return replace(result, main=main, effect=effect, notes=notes, **found)


def _pooled(pooled: FitResult | None) -> tuple[TrialCompanion, ...]:
    if pooled is None:
        return ()
    return (TrialCompanion("pooled", "Meta-analysis of the persons", pooled.pooled, POOLED),)
