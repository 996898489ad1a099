"""Crossover trials and other repeated measures: the mixed model and what stands beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metadesk.analysis.trial_asking import Beside, effect_of, model_notes
from metadesk.analysis.trial_checks import beside_generalised
from metadesk.analysis.trial_companions import (
    carryover_of,
    companions_of,
)
from metadesk.analysis.trial_ladder import ladder_of
from metadesk.analysis.trial_models import Comparison, as_analysed, data_of, fit_main
from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.analysis.trial_result import TrialResult
from metadesk.errors import MetadeskError
from metadesk.models.mixed import (
    Bioequivalence,
    MixedResult,
    analyse_binary_two_by_two,
    analyse_two_by_two,
    assess_bioequivalence,
)
from metadesk.numerics.progress import Progress


def analyse_crossover(
    result: TrialResult, prepared: PreparedTrial, against: Comparison, progress: Progress
) -> TrialResult:
    """Fit the model asked for; where it has no answer, its companions still stand."""
    beside, spec = Beside(), prepared.spec
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
            found["ladder"] = ladder_of(prepared, "crossover", against, progress)
        elif main is not None:
            found.update(beside_generalised(prepared, "crossover", against, main, progress))
        if main is not None:
            found["carryover"] = carryover_of(prepared, against, found.get("classical"))
    if spec.bioequivalence and prepared.outcome_type == "continuous":
        progress.step(0.8, "Bioequivalence")
        found["bioequivalence"] = beside.ask(
            "Bioequivalence", lambda: _bioequivalence(prepared, against)
        )
    notes = model_notes(main, *(found.get(k) for k in ("classical", "binary", "bioequivalence")))
    return replace(result, **found, notes=(*notes, *beside.notes))


def _classical(prepared: PreparedTrial, against: Comparison, beside: Beside) -> dict[str, Any]:
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
