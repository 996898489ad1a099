"""The engine: a spec and a sheet in, a result out. The window and the command line both call it.

It reads nothing, writes nothing and keeps nothing; the same spec and sheet give identical numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, overload

from metadesk import __version__
from metadesk.analysis.comparing import beside
from metadesk.analysis.correlation import correlation_sweep
from metadesk.analysis.fitting import fit_model, model_label
from metadesk.analysis.permuting import permuted
from metadesk.analysis.prepare import Prepared, check_usable
from metadesk.analysis.prepare import prepare as prepare_studies
from metadesk.analysis.presets import DEFAULT_PRESET, PRESETS
from metadesk.analysis.readers import READERS, ModelInput, read_effects
from metadesk.analysis.result import AnalysisResult, Companion, StudyResult
from metadesk.analysis.settings import settings_of
from metadesk.analysis.spec import AnalysisSpec
from metadesk.analysis.subgroups import analysed_subgroups, subgroup_words
from metadesk.analysis.suitability import require_measure
from metadesk.analysis.testing import further_tests
from metadesk.analysis.trial_spec import AnySpec, TrialSpec
from metadesk.document import Note
from metadesk.effects.measures import MEASURES
from metadesk.errors import DataProblem, MetadeskError, NotEstimable, SpecProblem
from metadesk.models import FitResult
from metadesk.models.meta import MODELS
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatVector, IntVector
from metadesk.table import StudyTable

if TYPE_CHECKING:
    from metadesk.analysis.trial_prepare import PreparedTrial
    from metadesk.analysis.trial_result import TrialResult

__all__ = ["AnyPrepared", "AnyResult", "Prepared", "fit", "prepare", "run"]

# Models of trial rows take a while to import: they are loaded with the first sheet that needs them.
AnyPrepared: TypeAlias = "Prepared | PreparedTrial"
AnyResult: TypeAlias = "AnalysisResult | TrialResult"

_NUMBERS = re.compile(r"[-−]?\d[\d.,]*")


@overload
def run(spec: AnalysisSpec, table: StudyTable, progress: Progress = SILENT) -> AnalysisResult: ...
@overload
def run(spec: TrialSpec, table: StudyTable, progress: Progress = SILENT) -> TrialResult: ...
def run(spec: AnySpec, table: StudyTable, progress: Progress = SILENT) -> AnyResult:
    """Analyse one sheet, of studies or of trial rows as the spec says.

    Parameters
    ----------
    spec : AnalysisSpec or TrialSpec
        What is wanted.
    table : StudyTable
        The sheet; rows a person excluded stay in the result with their reason.
    progress : Progress
        Told how far the work is; may stop it.

    Raises
    ------
    DataProblem
        If no study can be pooled or no row analysed; the sentence says why and what would mend it.
    NotEstimable
        If the studies do not determine what the model asks.
    SpecProblem
        If the spec names something that does not exist.
    Cancelled
        If the person gave up.
    """
    if isinstance(spec, TrialSpec):
        from metadesk.analysis.trial import check_analysed, fit_trial
        from metadesk.analysis.trial_prepare import prepare_trial

        analysed = fit_trial(prepare_trial(spec, table), progress)
        check_analysed(analysed)
        return analysed
    prepared = prepare_studies(spec, table)
    check_usable(prepared)
    return _fitted(_blank(prepared), prepared, progress)


@overload
def prepare(spec: AnalysisSpec, table: StudyTable) -> Prepared: ...
@overload
def prepare(spec: TrialSpec, table: StudyTable) -> PreparedTrial: ...
def prepare(spec: AnySpec, table: StudyTable) -> AnyPrepared:
    """Bind the roles of a sheet and account for every row: effect sizes, or checked trial rows."""
    if isinstance(spec, TrialSpec):
        from metadesk.analysis.trial_prepare import prepare_trial

        return prepare_trial(spec, table)
    return prepare_studies(spec, table)


@overload
def fit(prepared: Prepared, progress: Progress = SILENT) -> AnalysisResult: ...
@overload
def fit(prepared: PreparedTrial, progress: Progress = SILENT) -> TrialResult: ...
def fit(prepared: AnyPrepared, progress: Progress = SILENT) -> AnyResult:
    """Fit the model that the spec asks for, and what stands beside it.

    Where nothing can be answered the result has no ``main`` fit and says why in ``problem``.
    """
    if not isinstance(prepared, Prepared):
        from metadesk.analysis.trial import fit_trial

        return fit_trial(prepared, progress)
    blank = _blank(prepared)
    try:
        check_usable(prepared)
        return _fitted(blank, prepared, progress)
    except MetadeskError as problem:
        return replace(blank, problem=str(problem))


def _blank(prepared: Prepared) -> AnalysisResult:
    """The result as it stands before anything is fitted."""
    effects = prepared.effects
    used = [s.used for s in prepared.studies]
    return AnalysisResult(
        spec=prepared.spec,
        measure=prepared.measure,
        scale=effects.scale if effects else MEASURES["GEN"].scale,
        size=effects.typical_size(used) if effects else math.nan,
        studies=prepared.studies,
        data_columns=prepared.data_columns,
        fingerprint=prepared.fingerprint,
        outcome=prepared.outcome,
        other_outcomes=prepared.other_outcomes,
        sheet=prepared.table.name,
        source=prepared.table.source,
        app_version=__version__,
    )


def _fitted(blank: AnalysisResult, prepared: Prepared, progress: Progress) -> AnalysisResult:
    spec = prepared.spec
    entry = MODELS[spec.model]
    progress.step(0.1, entry.title)
    require_measure(entry, prepared.measure)
    found = READERS[entry.reads](prepared, spec.model_options)
    prepared = replace(prepared, studies=_marked(prepared.studies, found.dropped))
    part = progress.within(0.1, 0.6)
    main = fit_model(spec.model, spec.model_options, spec.level, found.data, part)
    progress.step(0.6, "Fixed and random effects beside it")
    companions, failed = _companions(prepared, main, found, progress.within(0.6, 0.7))
    companions += correlation_sweep(prepared, progress.within(0.7, 0.72))
    groups = progress.within(0.72, 0.78)
    subgroups = analysed_subgroups(prepared, found, groups) if spec.subgroup else None
    tests, untested = further_tests(spec, found, main, progress.within(0.78, 0.88))
    permutation, unpermuted = permuted(spec, found, progress.within(0.88, 1.0))
    studies = _weighted(prepared.studies, main, companions, found.rows)
    return replace(
        blank,
        studies=_grouped(studies, prepared) if spec.subgroup else studies,
        main=main,
        companions=companions,
        subgroups=subgroups,
        design=getattr(found.data, "design", None) or found.design,
        scale_design=getattr(found.data, "scale", None),
        tests=tests,
        permutation=permutation,
        notes=main.notes + failed + untested + unpermuted + _row_notes(prepared),
        settings=settings_of(prepared, main),
    )


def _marked(
    studies: tuple[StudyResult, ...], dropped: Mapping[int, str]
) -> tuple[StudyResult, ...]:
    if not dropped:
        return studies
    return tuple(
        replace(s, used=False, reason=dropped[i]) if i in dropped else s
        for i, s in enumerate(studies)
    )


def _companions(
    prepared: Prepared, main: FitResult, of_main: ModelInput, progress: Progress
) -> tuple[tuple[Companion, ...], tuple[Note, ...]]:
    """Fixed and random effects always stand side by side, then what else was asked for.

    A model that cannot be fitted to these data is named in a note; the others still stand.
    """
    spec = prepared.spec
    effects = read_effects(prepared, {})
    fits: list[Companion] = []
    notes: list[Note] = []
    for key, options in (("random", PRESETS[DEFAULT_PRESET].model_options), ("fixed", {})):
        if spec.model == key:
            fits.append(Companion(key, MODELS[key].title, main))
            continue
        found = fit_model(key, options, spec.level, effects.data, progress)
        fits.append(beside(key, MODELS[key].title, found, effects, main, of_main))
    for number, other in enumerate(spec.compare, start=1):
        part = progress.within((number - 1) / len(spec.compare), number / len(spec.compare))
        part.step(0.0, "Other models beside it")
        key, options = str(other["model"]), other.get("options", {})
        moderators, scale = str(other.get("moderators", "")), str(other.get("scale", ""))
        label = str(other.get("label", "")) or model_label(key, options, moderators, scale)
        wanted = replace(spec, model=key, moderators=moderators, scale=scale)
        try:
            require_measure(MODELS[key], prepared.measure)
            read = READERS[MODELS[key].reads](replace(prepared, spec=wanted), options)
            fit = fit_model(key, options, spec.level, read.data, part)
        except (DataProblem, NotEstimable, SpecProblem) as problem:
            notes.append(Note(f"Beside it, {label}: {problem}", "caution", "not-beside"))
            continue
        fits.append(beside(f"other-{number}", label, fit, read, main, of_main))
    return tuple(fits), tuple(notes)


def _weighted(
    studies: tuple[StudyResult, ...],
    main: FitResult,
    companions: tuple[Companion, ...],
    rows: IntVector,
) -> tuple[StudyResult, ...]:
    fixed = next((c.fit for c in companions if c.key == "fixed"), None)
    mine = _by_row(rows, main.weights)
    fitted, blup, spread = (_by_row(rows, v) for v in (main.fitted, main.blup, main.blup_se))
    beside = iter(_list(fixed))
    return tuple(
        replace(
            s,
            weight=mine.get(i, math.nan),
            weight_fixed=next(beside, math.nan),
            fitted=fitted.get(i, math.nan),
            blup=blup.get(i, math.nan),
            blup_se=spread.get(i, math.nan),
        )
        if s.used
        else s
        for i, s in enumerate(studies)
    )


def _grouped(studies: tuple[StudyResult, ...], prepared: Prepared) -> tuple[StudyResult, ...]:
    words = subgroup_words(prepared)
    return tuple(replace(s, subgroup=w) for s, w in zip(studies, words, strict=True))


def _by_row(rows: IntVector, values: FloatVector | None) -> dict[int, float]:
    """Values by position; none where the model counts other studies than the sheet's rows."""
    if values is None or values.size != rows.size:
        return {}
    return dict(zip(rows.tolist(), values.tolist(), strict=True))


def _list(found: FitResult | None) -> list[float]:
    return [] if found is None or found.weights is None else [float(w) for w in found.weights]


_ONLY_SHOWN = (
    "What is added to zero cells is for the effects of single studies, in the table and the "
    "figure; the model reads the counts as they are."
)


def _row_notes(prepared: Prepared) -> tuple[Note, ...]:
    """What was done to single rows, gathered: one note a sentence, with the studies it is about.

    Sentences that differ in their numbers only are one note, with the first as its example.
    """
    about: dict[str, dict[str, list[str]]] = {}
    for study in prepared.studies:
        if study.used:
            for sentence in study.notes:
                kind = _NUMBERS.sub("#", sentence)
                about.setdefault(kind, {}).setdefault(sentence, []).append(study.label)
    found = tuple(Note(_gathered(sentences)) for sentences in about.values())
    if MODELS[prepared.spec.model].reads == "counts" and any(" added to " in n.text for n in found):
        found += (Note(_ONLY_SHOWN, "note", "added-to-shown"),)
    return found


def _gathered(sentences: Mapping[str, Sequence[str]]) -> str:
    """One sentence for the studies that it, or one of its kind, is about."""
    (first, labels), *others = sentences.items()
    said = f"{_some(labels)}: {first}"
    rest = [label for _, more in others for label in more]
    if not rest:
        return said
    rows = "1 more row" if len(rest) == 1 else f"{len(rest)} more rows"
    return f"{said} The same is to be said, with other numbers, of {rows}: {_some(rest)}."


def _some(labels: Sequence[str]) -> str:
    """Names as a list, the first ones of many, each once."""
    names = list(dict.fromkeys(labels))
    return ", ".join(names[:6]) + (" …" if len(names) > 6 else "")
