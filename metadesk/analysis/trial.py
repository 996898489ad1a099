"""The engine for trial rows: the model asked for, and what stands beside it.

A crossover gets its mixed model and the classical companions, a series of N-of-1 trials the effect
in the population and for each person, a single person the analysis by cycles. What cannot be
answered beside the main analysis is a note; where the main analysis has no answer, its companions
still stand.
"""

from __future__ import annotations

import math
from dataclasses import replace

from metadesk import __version__
from metadesk.analysis.trial_crossover import analyse_crossover
from metadesk.analysis.trial_idle import idle_choices, idle_notes
from metadesk.analysis.trial_models import comparison, data_of, random_choice, wants_trend
from metadesk.analysis.trial_person import analyse_trial_person
from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.analysis.trial_result import WORD_ORDER, TrialResult, TrialRow
from metadesk.analysis.trial_series import analyse_trial_series
from metadesk.analysis.trial_settings import trial_settings
from metadesk.document import Note
from metadesk.errors import DataProblem, MetadeskError
from metadesk.models.mixed import MixedResult
from metadesk.numerics.progress import SILENT, Progress
from metadesk.table import number_in

WAYS = {
    "one-patient": analyse_trial_person,
    "series": analyse_trial_series,
    "crossover": analyse_crossover,
}


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


def idle_in(prepared: PreparedTrial) -> dict[str, str]:
    """Choices of the request that change nothing for this sheet, with the reason."""
    data, design = prepared.data, prepared.design
    analysis = analysis_of(prepared) if data is not None else "crossover"
    count = len(design.treatments) if design is not None else 0
    marked = prepared.roles.filled()
    return idle_choices(prepared.spec, marked, prepared.outcome_type, analysis, count)


def _alternates(prepared: PreparedTrial) -> bool:
    """Whether every person has every treatment more than once, as in a series of N-of-1 trials."""
    data = data_of(prepared)
    counts: dict[tuple[int, int], int] = {}
    for pair in zip(data.subject.codes.tolist(), data.treatment.codes.tolist(), strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    whole = data.n_subjects * len(data.treatment.levels)
    return len(counts) == whole and min(counts.values()) > 1


def _analysed(blank: TrialResult, prepared: PreparedTrial, progress: Progress) -> TrialResult:
    data = data_of(prepared)
    analysis = analysis_of(prepared)
    against = comparison(prepared.spec, data.treatment.levels)
    started = replace(blank, analysis=analysis, active=against.active, reference=against.reference)
    progress.step(0.1, "Fitting the model")
    result = WAYS[analysis](started, prepared, against, progress)
    design = prepared.design.notes if prepared.design else ()
    idle = idle_notes(prepared.spec, idle_in(prepared), prepared.roles.filled())
    told = (*prepared.notes, *_word_order(prepared), *result.notes, *design, *idle)
    notes = _distinct((*told, *_left_out_note(result)))
    return replace(
        result,
        rows=_with_fit(result.rows, result.main),
        notes=notes,
        settings=trial_settings(
            result, random_choice(prepared, analysis), wants_trend(prepared.spec, analysis)
        ),
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


def _word_order(prepared: PreparedTrial) -> tuple[Note, ...]:
    """In which order categories of words were taken, as no program can know it."""
    if prepared.outcome_type != "ordinal":
        return ()
    levels = data_of(prepared).outcome_levels.levels
    if all(not math.isnan(number_in(w)) for w in levels):
        return ()
    if len(levels) == 2:
        return (
            Note(f"{prepared.roles.outcome} holds two words: '{levels[1]}' was taken as the event, "
                 f"the later by the alphabet. If '{levels[0]}' is the event, write 1 for it and 0 "
                 f"for the other.", "strong", WORD_ORDER),
        )  # fmt: skip
    return (
        Note(f"Categories of {prepared.roles.outcome} were taken as {' < '.join(levels)}. If that "
             f"is not their order, write them as numbers.", "strong", WORD_ORDER),
    )  # fmt: skip


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
