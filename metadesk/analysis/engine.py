"""The engine: a spec and a sheet in, a result out. The window and the command line both call it.

It reads nothing, writes nothing and keeps nothing; the same spec and sheet give identical numbers.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from metadesk import __version__
from metadesk.analysis.prepare import Prepared, check_usable, prepare
from metadesk.analysis.result import AnalysisResult, Companion, StudyResult
from metadesk.analysis.settings import settings_of
from metadesk.analysis.spec import AnalysisSpec
from metadesk.document import Note
from metadesk.effects.measures import MEASURES
from metadesk.errors import MetadeskError
from metadesk.models import FitResult
from metadesk.models.meta import MODELS
from metadesk.models.meta.data import MetaData
from metadesk.numerics.progress import SILENT, Progress
from metadesk.options import from_plain, options_of
from metadesk.table import StudyTable

__all__ = ["Prepared", "fit", "prepare", "run"]


def run(spec: AnalysisSpec, table: StudyTable, progress: Progress = SILENT) -> AnalysisResult:
    """Analyse one sheet.

    Parameters
    ----------
    spec : AnalysisSpec
        What is wanted.
    table : StudyTable
        The sheet; rows a person excluded stay in the result with their reason.
    progress : Progress
        Told how far the work is; may stop it.

    Raises
    ------
    DataProblem
        If no study can be pooled; the sentence says why and what would mend it.
    SpecProblem
        If the spec names something that does not exist.
    Cancelled
        If the person gave up.
    """
    prepared = prepare(spec, table)
    check_usable(prepared)
    return fit(prepared, progress)


def fit(prepared: Prepared, progress: Progress = SILENT) -> AnalysisResult:
    """Fit the model that the spec asks for, and fixed and random effects beside it.

    Where nothing can be pooled the result has no ``main`` fit and says why in ``problem``.
    """
    spec = prepared.spec
    blank = AnalysisResult(
        spec=spec,
        measure=prepared.measure,
        scale=prepared.effects.scale if prepared.effects else MEASURES["GEN"].scale,
        studies=prepared.studies,
        data_columns=prepared.data_columns,
        fingerprint=prepared.fingerprint,
        sheet=prepared.table.name,
        source=prepared.table.source,
        app_version=__version__,
    )
    try:
        check_usable(prepared)
        data = study_data(prepared)
        progress.step(0.1, MODELS[spec.model].title)
        main = fit_model(spec.model, spec.model_options, spec.level, data, progress)
    except MetadeskError as problem:
        return replace(blank, problem=str(problem))
    progress.step(0.8, "Fixed and random effects beside it")
    companions = _companions(spec, data, main, progress)
    return replace(
        blank,
        studies=_weighted(prepared.studies, main, companions),
        main=main,
        companions=companions,
        notes=main.notes + _row_notes(prepared.studies),
        settings=settings_of(prepared, main),
    )


def study_data(prepared: Prepared) -> MetaData:
    """The effects of the studies that are used, as the models read them."""
    assert prepared.effects is not None
    rows = np.array([i for i, s in enumerate(prepared.studies) if s.used], dtype=int)
    effects = prepared.effects
    weights = prepared.columns.get("weights")
    return MetaData.of(
        effects.yi[rows],
        effects.vi[rows],
        slab=[prepared.studies[i].label for i in rows],
        ni=effects.ni[rows],
        weights=None if weights is None else weights[rows],
    )


def fit_model(
    key: str, options: Any, level: float, data: MetaData, progress: Progress = SILENT
) -> FitResult:
    """Fit one model of the catalogue with options given by name."""
    entry = MODELS[key]
    known = {option.name for option in options_of(entry.options)}
    given = dict(options) | ({"level": level} if "level" in known else {})
    return entry.fit(from_plain(entry.options, given, where=f"model {key}"), data, progress)


def _companions(
    spec: AnalysisSpec, data: MetaData, main: FitResult, progress: Progress
) -> tuple[Companion, ...]:
    """Fixed and random effects always stand side by side, whichever is the main model."""
    from metadesk.analysis.presets import DEFAULT_PRESET, PRESETS

    random_options = PRESETS[DEFAULT_PRESET].model_options
    fits = []
    for key, options in (("random", random_options), ("fixed", {})):
        found = main if spec.model == key else fit_model(key, options, spec.level, data, progress)
        fits.append(Companion(key, MODELS[key].title, found))
    return tuple(fits)


def _weighted(
    studies: tuple[StudyResult, ...], main: FitResult, companions: tuple[Companion, ...]
) -> tuple[StudyResult, ...]:
    fixed = next((c.fit for c in companions if c.key == "fixed"), None)
    mine = iter(_list(main))
    beside = iter(_list(fixed))
    return tuple(
        replace(s, weight=next(mine, math.nan), weight_fixed=next(beside, math.nan))
        if s.used
        else s
        for s in studies
    )


def _list(found: FitResult | None) -> list[float]:
    return [] if found is None or found.weights is None else [float(w) for w in found.weights]


def _row_notes(studies: tuple[StudyResult, ...]) -> tuple[Note, ...]:
    """What was done to single rows, gathered: one note a sentence, with the studies it is about."""
    about: dict[str, list[str]] = {}
    for study in studies:
        if study.used:
            for sentence in study.notes:
                about.setdefault(sentence, []).append(study.label)
    return tuple(
        Note(f"{', '.join(labels[:6])}{' …' if len(labels) > 6 else ''}: {sentence}")
        for sentence, labels in about.items()
    )
