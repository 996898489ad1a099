"""The engine for trial rows: the model asked for, and what stands beside it.

A crossover gets its mixed model and the classical companions, a series of N-of-1 trials the effect
in the population and for each person, a single person the analysis by cycles. What cannot be
answered beside the main analysis is a note; where the main analysis has no answer, its companions
still stand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from metadesk import __version__
from metadesk.analysis.trial_companions import (
    carryover_of,
    companions_of,
    generalised_companions,
    pooled_persons,
    series_companions,
)
from metadesk.analysis.trial_models import (
    Comparison,
    as_analysed,
    comparison,
    data_of,
    fit_main,
    random_choice,
    wants_trend,
)
from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.analysis.trial_result import TrialResult, TrialRow
from metadesk.analysis.trial_settings import trial_settings
from metadesk.document import Note
from metadesk.errors import DataProblem, MetadeskError
from metadesk.models.mixed import (
    Bioequivalence,
    MixedResult,
    OnePatient,
    PatientSeries,
    analyse_binary_two_by_two,
    analyse_one_patient,
    analyse_series,
    analyse_two_by_two,
    assess_bioequivalence,
)
from metadesk.models.mixed.one_patient import OnePatientResult
from metadesk.models.result import Quantity
from metadesk.numerics.progress import SILENT, Progress

T = TypeVar("T")


def fit_trial(prepared: PreparedTrial, progress: Progress = SILENT) -> TrialResult:
    """Analyse trial rows as the request asks; ``problem`` says why where that is impossible."""
    blank = TrialResult(
        spec=prepared.spec,
        roles=prepared.roles,
        rows=prepared.rows,
        scale=prepared.scale,
        outcome_type=prepared.outcome_type,
        design=prepared.design,
        problem=prepared.problem,
        fingerprint=prepared.fingerprint,
        sheet=prepared.table.name,
        source=prepared.table.source,
        app_version=__version__,
    )
    if prepared.problem:
        return blank
    try:
        return _analysed(blank, prepared, progress)
    except MetadeskError as sentence:
        return replace(blank, problem=str(sentence))


def check_analysed(result: TrialResult) -> None:
    """Raise the one sentence that says why nothing was analysed."""
    if result.problem:
        raise DataProblem(result.problem)


def analysis_of(prepared: PreparedTrial) -> str:
    """What is done: as the request says, else what the recognised design calls for."""
    if prepared.spec.design != "auto":
        return prepared.spec.design
    key = prepared.design.key if prepared.design else ""
    if key == "repeated" and _alternates(prepared):
        return "series"
    return {"n-of-1": "one-patient", "n-of-1-series": "series"}.get(key, "crossover")


def _alternates(prepared: PreparedTrial) -> bool:
    """Whether every person has every treatment more than once, as in a series of N-of-1 trials."""
    data = data_of(prepared)
    counts: dict[tuple[int, int], int] = {}
    for pair in zip(data.subject.codes.tolist(), data.treatment.codes.tolist(), strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    whole = data.n_subjects * len(data.treatment.levels)
    return len(counts) == whole and min(counts.values()) > 1


@dataclass
class _Beside:
    """Runs what stands beside the main analysis; what it cannot answer becomes a note."""

    notes: list[Note] = field(default_factory=list)

    def ask(self, what: str, run: Callable[[], T]) -> T | None:
        try:
            return run()
        except MetadeskError as sentence:
            self.notes.append(Note(f"{what}: {sentence}", "note", "companion-missing"))
            return None


def _analysed(blank: TrialResult, prepared: PreparedTrial, progress: Progress) -> TrialResult:
    data = data_of(prepared)
    analysis = analysis_of(prepared)
    against = comparison(prepared.spec, data.treatment.levels)
    started = replace(blank, analysis=analysis, active=against.active, reference=against.reference)
    progress.step(0.1, "Fitting the model")
    run = {"one-patient": _one_patient, "series": _series}.get(analysis, _crossover)
    result = run(started, prepared, against, progress)
    design = prepared.design.notes if prepared.design else ()
    notes = _distinct((*result.notes, *design, *_left_out_note(result)))
    return replace(
        result,
        rows=_with_fit(result.rows, result.main),
        notes=notes,
        settings=trial_settings(
            result, random_choice(prepared.spec, analysis), wants_trend(prepared.spec, analysis)
        ),
    )


def _crossover(
    result: TrialResult, prepared: PreparedTrial, against: Comparison, progress: Progress
) -> TrialResult:
    beside, spec = _Beside(), prepared.spec
    main: MixedResult | None = None
    problem = ""
    try:
        main = fit_main(prepared, "crossover", against, progress)
    except MetadeskError as sentence:
        problem = str(sentence)
    found: dict[str, Any] = {"main": main, "problem": problem}
    if main is not None:
        found["effect"] = effect_of(main, prepared, against)
    progress.step(0.6, "Other analyses beside it")
    if spec.companions:
        found.update(_classical(prepared, against, beside))
        if main is not None and prepared.outcome_type == "continuous":
            found["companions"] = companions_of(prepared, against, main, progress)
        elif main is not None:
            found["companions"] = generalised_companions(main, against, prepared.roles.treatment)
        if main is not None:
            found["carryover"] = carryover_of(prepared, against, found.get("classical"))
    if spec.bioequivalence:
        progress.step(0.8, "Bioequivalence")
        found["bioequivalence"] = beside.ask(
            "Bioequivalence", lambda: _bioequivalence(prepared, against)
        )
    notes = _model_notes(main, *(found.get(k) for k in ("classical", "binary", "bioequivalence")))
    return replace(result, **found, notes=(*notes, *beside.notes))


def _classical(prepared: PreparedTrial, against: Comparison, beside: _Beside) -> dict[str, Any]:
    """The classical companions of a complete 2×2 crossover."""
    design, level = prepared.design, prepared.spec.level
    if design is None or design.key != "2x2":
        return {}
    data = as_analysed(prepared)
    pair = (against.active, against.reference)
    if prepared.outcome_type == "binary":
        return {
            "binary": beside.ask(
                "Exact tests", lambda: analyse_binary_two_by_two(data, *pair, level)
            )
        }
    if prepared.outcome_type in ("continuous", "count", "count-nb"):
        return {
            "classical": beside.ask(
                "Classical analysis", lambda: analyse_two_by_two(data, *pair, level)
            )
        }
    return {}


def _bioequivalence(prepared: PreparedTrial, against: Comparison) -> Any:
    spec = prepared.spec
    df = spec.df if spec.df in ("satterthwaite", "kenward-roger") else "containment"
    options = Bioequivalence(
        reference=against.reference,
        test=against.active,
        df=df,
        widen=spec.widen,
        rounded=spec.rounded,
    )
    return assess_bioequivalence(options, data_of(prepared))


def _series(
    result: TrialResult, prepared: PreparedTrial, against: Comparison, progress: Progress
) -> TrialResult:
    spec = prepared.spec
    if prepared.outcome_type != "continuous":
        main = fit_main(prepared, "series", against, progress)
        effect = effect_of(main, prepared, against)
        beside_it = generalised_companions(main, against, prepared.roles.treatment)
        return replace(
            result,
            main=main,
            effect=effect,
            companions=beside_it if spec.companions else (),
            notes=_model_notes(main),
        )
    beside = _Beside()
    main = fit_main(prepared, "series", against, progress)
    progress.step(0.5, "Effects of single persons")
    options = PatientSeries(
        active=against.active,
        control=against.reference,
        level=spec.level,
        relevant=spec.relevant,
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
    return replace(result, **found, notes=(*_model_notes(main, series), *beside.notes))


def _one_patient(
    result: TrialResult, prepared: PreparedTrial, against: Comparison, progress: Progress
) -> TrialResult:
    spec = prepared.spec
    if prepared.outcome_type == "ordinal" and not len(data_of(prepared).outcome):
        raise DataProblem(
            "The outcome of a single person must be numbers; number the categories in order."
        )
    options = OnePatient(
        active=against.active,
        control=against.reference,
        level=spec.level,
        relevant=spec.relevant,
        lower_is_better=spec.lower_is_better,
        washout=spec.washout,
        trend=wants_trend(spec, "one-patient"),
    )
    patient = analyse_one_patient(options, as_analysed(prepared), progress)
    notes = list(patient.notes)
    if prepared.outcome_type not in ("continuous",):
        notes.append(
            Note(
                "The values of this person are analysed as numbers: for yes/no outcomes the effect "
                "is a difference of proportions. The randomisation test holds for any outcome.",
                "caution",
                "one-person-numbers",
            )
        )
    return replace(
        result,
        patient=patient,
        main=patient.fits.get("ar1") or patient.fits.get("ols"),
        effect=_effect_of_one(patient, prepared, against),
        notes=tuple(notes),
    )


def _effect_of_one(
    patient: OnePatientResult, prepared: PreparedTrial, against: Comparison
) -> Quantity:
    """The effect in one person: by cycles where they were randomised, else by the time model."""
    title = f"{against.active} − {against.reference}"
    cycles = patient.cycles
    if cycles is not None:
        return Quantity(
            "effect", title, cycles.mean, "mean of the cycle differences", se=cycles.se,
            df=cycles.df, p=cycles.p, interval=cycles.interval, kind="effect",
        )  # fmt: skip
    for key in ("ar1", "ols"):
        if key in patient.fits:
            return effect_of(patient.fits[key], prepared, against)
    return replace(patient.samples.pooled, name="effect", title=title)


def effect_of(main: MixedResult, prepared: PreparedTrial, against: Comparison) -> Quantity:
    """The treatment contrast of a mixed model.

    Raises
    ------
    DataProblem
        If the treatment cannot be told from other terms.
    """
    name = f"{prepared.roles.treatment}[{against.active}]"
    if name not in main.coefficients.names:
        raise DataProblem(
            f"The difference between {against.active} and {against.reference} cannot be told from "
            f"the other terms; leave out a term."
        )
    return replace(
        main.coefficients.at(name),
        name="effect",
        title=f"{against.active} − {against.reference}",
        method=f"{main.title}, {main.method}",
    )


def _with_fit(rows: tuple[TrialRow, ...], main: MixedResult | None) -> tuple[TrialRow, ...]:
    """Rows with fitted value and residual where the model has them."""
    if main is None or main.fitted is None or main.residuals is None:
        return rows
    if len(main.fitted) != len(main.rows):
        return rows
    found = {
        int(i): (float(f), float(e))
        for i, f, e in zip(main.rows, main.fitted, main.residuals, strict=True)
    }
    return tuple(
        replace(r, fitted=found[i][0], residual=found[i][1])
        if i in found and r.used and not math.isnan(found[i][0])
        else r
        for i, r in enumerate(rows)
    )


def _model_notes(*found: Any) -> tuple[Note, ...]:
    return tuple(note for one in found if one is not None for note in one.notes)


def _left_out_note(result: TrialResult) -> tuple[Note, ...]:
    chosen = [r for r in result.rows if r.by_person and not r.empty]
    if not chosen:
        return ()
    return (
        Note(f"{len(chosen)} rows were left out by hand; their reasons stand beside them.",
             "note", "rows-by-person"),
    )  # fmt: skip


def _distinct(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """Each sentence once; the count of unused rows is told with the rows themselves."""
    kept: dict[str, Note] = {}
    for note in notes:
        if note.code != "rows-excluded":
            kept.setdefault(note.text, note)
    return tuple(kept.values())
