"""What answers when the model asked for cannot: one rung after the other, each by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from metadesk.document import Note
from metadesk.errors import MetadeskError, NotEstimable
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.glmm.data import CountData, as_counts
from metadesk.models.meta.glmm.firth import Firth, fit_firth
from metadesk.models.meta.glmm.fit import MODELS, CountMixed, fit_counts
from metadesk.models.meta.mantel_haenszel import MantelHaenszel, fit_mantel_haenszel
from metadesk.models.meta.random_effects import RandomEffects, fit_random
from metadesk.models.meta.two_arms import TwoArms
from metadesk.models.result import FitResult
from metadesk.numerics.progress import SILENT, Progress
from metadesk.options import choice, number

RUNGS = {
    "CM.AL": "Conditional, approximate likelihood (CM.AL)",
    "UM.FS": "Arms, fixed study effects (UM.FS)",
    "firth": "Penalised regression (Firth)",
    "mh": "Mantel–Haenszel",
    "iv": "Inverse variance, ½ added to zero cells, random effects",
}


@dataclass(frozen=True)
class SparseLadder:
    """Which model of the counts is tried first; the ladder below it is always the same."""

    model: str = choice("First model", MODELS, "CM.EL")
    test: str = choice("Test and interval", {"z": "z", "t": "t, k − p df"}, "z")
    level: float = number("Confidence level", 0.95, minimum=0.5, maximum=0.9999)


def fit_sparse(
    spec: SparseLadder, data: CountData | TwoArms, progress: Progress = SILENT
) -> FitResult:
    """Fit the first model of the ladder that converges to a finite, plausible estimate.

    From the model asked for: UM.FS, CM.AL, penalised regression, Mantel–Haenszel, inverse variance.
    ``status.rung`` names what answered, and a note says why the ones above it did not.

    Raises
    ------
    NotEstimable
        If no rung answers.
    """
    counts = as_counts(data)
    failures: list[str] = []
    for name, attempt in _rungs(spec, counts, progress).items():
        try:
            fit = attempt()
        except MetadeskError as problem:
            failures.append(f"{name}: {problem}")
            continue
        if fit.status.converged:
            return _labelled(fit, name, failures)
        failures.append(f"{name}: it did not converge to a plausible estimate.")
    raise NotEstimable("No model of these counts gives an estimate. " + " ".join(failures))


def _rungs(
    spec: SparseLadder, data: CountData, progress: Progress
) -> dict[str, Callable[[], FitResult]]:
    def mixed(model: str) -> Callable[[], FitResult]:
        wanted = CountMixed(model=model, test=spec.test, level=spec.level)
        return lambda: fit_counts(wanted, data, progress)

    order = [spec.model, *(m for m in ("UM.FS", "CM.AL") if m != spec.model)]
    rungs: dict[str, Callable[[], FitResult]] = {model: mixed(model) for model in order}
    rungs["firth"] = lambda: fit_firth(Firth(level=spec.level), data, progress)
    if data.intercept_only and data.events.shape[0] == 2:
        rungs["mh"] = lambda: fit_mantel_haenszel(
            MantelHaenszel(level=spec.level), _two_arms(data), progress
        )
    rungs["iv"] = lambda: _inverse_variance(spec, data, progress)
    return rungs


def _two_arms(data: CountData) -> TwoArms:
    (x1, x2), (n1, n2) = data.events, data.totals
    return TwoArms.of(data.measure, x1, n1, x2, n2, slab=data.slab)


def _inverse_variance(spec: SparseLadder, data: CountData, progress: Progress) -> FitResult:
    yi, vi = data.informative().approximate_effects()
    return fit_random(RandomEffects(level=spec.level), MetaData.of(yi, vi), progress)


def _labelled(fit: FitResult, rung: str, failures: list[str]) -> FitResult:
    status = replace(fit.status, rung=rung, messages=(*fit.status.messages, *failures))
    if not failures:
        return replace(fit, status=status)
    note = Note(
        f"Answered by {RUNGS.get(rung, rung)}, because models above it could not: "
        + " ".join(failures),
        "caution",
        "ladder",
    )
    return replace(fit, status=status, notes=(*fit.notes, note))
