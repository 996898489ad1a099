"""What stands beside the main analysis of a trial: the same rows, analysed otherwise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np

from metadesk.analysis.fitting import fit_model
from metadesk.analysis.presets import DEFAULT_PRESET, PRESETS
from metadesk.analysis.trial_models import (
    Comparison,
    data_of,
    fit_persons_fixed,
    linear_options,
    with_cycles,
    without_intervals,
)
from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.analysis.trial_result import TrialCompanion
from metadesk.errors import MetadeskError
from metadesk.models import FitResult
from metadesk.models.meta.data import MetaData
from metadesk.models.mixed import LinearMixed, MixedResult, Term, TrialData, fit_linear
from metadesk.models.mixed.columns import RawCell, as_words
from metadesk.models.mixed.linear.weight import share_of_the_others
from metadesk.models.mixed.patient_series import PatientSummaries, SeriesResult
from metadesk.models.mixed.two_by_two import ClassicalCrossover
from metadesk.models.result import Quantity
from metadesk.numerics.progress import SILENT, Progress

POOLED = "The persons' own effects pooled as studies are: random effects, REML, Hartung–Knapp."
Ask = tuple[str, str, str, Callable[[], MixedResult]]
WITHIN = "Compares each person with themselves only; needs no normal distribution of persons."


def companions_of(
    prepared: PreparedTrial, against: Comparison, main: MixedResult, progress: Progress = SILENT
) -> tuple[TrialCompanion, ...]:
    """The treatment effect of a crossover by other degrees of freedom and other models."""
    data = data_of(prepared)
    asked = linear_options(prepared, "crossover", against)
    base = without_intervals(asked)

    def linear(model: LinearMixed, rows: TrialData = data) -> Callable[[], MixedResult]:
        return lambda: fit_linear(model, rows, progress)

    df = "satterthwaite" if asked.df == "kenward-roger" else "kenward-roger"
    title = {"satterthwaite": "Satterthwaite", "kenward-roger": "Kenward–Roger"}[df]
    asks: list[Ask] = [
        ("df", f"Same model, {title} df", "", linear(replace(base, method="REML", df=df))),
        ("ml", "Same model, maximum likelihood",
         "Variances come out too small; for comparing models only.",
         linear(replace(base, method="ML", df="satterthwaite"))),
        ("fixed", "Persons as fixed effects", WITHIN,
         lambda: fit_persons_fixed(prepared, against, progress)),
    ]  # fmt: skip
    if not asked.carryover and _can_carry(prepared):
        asks.append(
            ("carryover", "With first-order carryover", "Costs precision.",
             linear(replace(base, carryover=True)))
        )  # fmt: skip
    asks += _with_baseline(prepared, base, linear)
    whole = _complete(prepared)
    if whole is not None:
        words = "Leaves out what the model can use."
        with suppress(MetadeskError, ArithmeticError):
            name = f"{prepared.roles.treatment}[{against.active}]"
            share = share_of_the_others(base, data, whole, name)
            others = data.n_subjects - whole.n_subjects
            words += (
                f" The {others} persons left out carry {100 * share:.1f} % of the information "
                f"about the effect."
            )
        asks.append(("complete", "Persons with all periods only", words, linear(base, whole)))
    return _answered(asks, prepared, against)


def _with_baseline(
    prepared: PreparedTrial,
    base: LinearMixed,
    linear: Callable[..., Callable[[], MixedResult]],
) -> list[Ask]:
    """The baseline of each period as a covariate, and split into person's mean and deviation."""
    column = prepared.roles.baseline
    if not column:
        return []
    asks: list[Ask] = []
    if not base.baseline:
        asks.append(
            ("baseline", "With the baseline as covariate", "Adjusted, never subtracted.",
             linear(replace(base, baseline=True)))
        )  # fmt: skip
    try:
        data, names = _split_baseline(data_of(prepared), column)
    except MetadeskError:
        return asks
    rest = tuple(t for t in base.terms(data) if t.column != column)
    fixed = (*(Term(n, "numeric") for n in names), *rest)
    asks.append(
        ("baseline-split", "Baseline split: person's mean and deviation from it",
         "Slopes between and within persons may differ (Kenward & Roger 2010).",
         linear(replace(base, fixed=fixed), data))
    )  # fmt: skip
    return asks


def _split_baseline(data: TrialData, column: str) -> tuple[TrialData, tuple[str, str]]:
    """Two columns more: the mean baseline of each person, and the row's deviation from it."""
    values, person = data.numeric(column), data.subject.codes
    known = ~np.isnan(values)
    counts = np.bincount(person[known], minlength=data.n_subjects)
    sums = np.bincount(person[known], values[known], minlength=data.n_subjects)
    mean = (sums / np.maximum(counts, 1))[person]
    names = (f"{column}, person's mean", f"{column}, deviation")
    cells: dict[str, list[RawCell]] = {n: [None] * data.n_rows for n in names}
    for i in np.flatnonzero(known):
        row = int(data.rows[i])
        cells[names[0]][row] = float(mean[i])
        cells[names[1]][row] = float(values[i] - mean[i])
    return TrialData.from_columns({**data.cells, **cells}, data.roles, repeated=True), names


def series_companions(
    prepared: PreparedTrial,
    against: Comparison,
    main: MixedResult,
    series: SeriesResult | None,
    pooled: FitResult | None,
    progress: Progress = SILENT,
) -> tuple[TrialCompanion, ...]:
    """The effect in the population of a series by other models."""
    data = data_of(prepared)
    base = without_intervals(linear_options(prepared, "series", against))
    asks: list[Ask] = [
        ("df", "Same model, Satterthwaite df", "",
         lambda: fit_linear(replace(base, df="satterthwaite"), data, progress)),
        ("intercept", "One effect for all persons",
         "Takes effects as equal, so its interval is too narrow where they are not.",
         lambda: fit_linear(replace(base, random="intercept"), data, progress)),
    ]  # fmt: skip
    if prepared.roles.cycle and prepared.roles.subject and "cycle" not in base.random:
        asks.append(
            ("cycle", "With a level for each cycle", "",
             lambda: fit_linear(with_cycles(prepared, base), data, progress))
        )  # fmt: skip
    found = list(_answered(asks, prepared, against))
    if series is not None:
        found.append(
            TrialCompanion(
                "unweighted", "Mean of the persons' own differences", series.raw.unweighted
            )
        )
    if pooled is not None:
        found.append(
            TrialCompanion(
                "pooled",
                "Meta-analysis of the persons",
                pooled.pooled,
                POOLED,
            )
        )
    return tuple(found)


def generalised_companions(
    main: MixedResult, against: Comparison, treatment: str
) -> tuple[TrialCompanion, ...]:
    """Marginal effects beside the conditional one."""
    pair = f"{against.active} - {against.reference}"
    words = {
        f"rd {pair}": "Difference of risks in the population.",
        f"log or {pair}": "Odds ratio in the population; nearer to 1 than that of a person.",
        f"log rr {pair}": "Ratio of rates in the population.",
    }
    found = [
        TrialCompanion(
            key,
            main.extra[key].title.replace("Marginal log", "Marginal"),
            main.extra[key],
            sentence,
        )
        for key, sentence in words.items()
        if key in main.extra
    ]
    exact = main.extra.get(f"exact {treatment}[{against.active}]")
    if exact is not None:
        found.append(TrialCompanion("exact", exact.title, exact, "Within persons, exact."))
    return tuple(found)


def _answered(
    asks: list[Ask],
    prepared: PreparedTrial,
    against: Comparison,
) -> tuple[TrialCompanion, ...]:
    """The companions that have an answer; one that has none is left out."""
    name = f"{prepared.roles.treatment}[{against.active}]"
    found = []
    for key, label, sentence, run in asks:
        try:
            fit = run()
        except (MetadeskError, ArithmeticError):
            continue
        if name in fit.coefficients.names:
            found.append(TrialCompanion(key, label, fit.coefficients.at(name), sentence))
    return tuple(found)


def carryover_of(
    prepared: PreparedTrial, against: Comparison, classical: ClassicalCrossover | None
) -> tuple[Quantity, ...]:
    """Carryover as an assumption check: the sequence contrast, or the carryover coefficients."""
    if classical is not None:
        return (classical.carryover,)
    if prepared.outcome_type != "continuous" or not _can_carry(prepared):
        return ()
    model = replace(
        without_intervals(linear_options(prepared, "crossover", against)), carryover=True
    )
    try:
        fit = fit_linear(model, data_of(prepared))
    except (MetadeskError, ArithmeticError):
        return ()
    names = [n for n in fit.coefficients.names if n.startswith("carry[")]
    return tuple(
        replace(fit.coefficients.at(n), title=f"After {n[6:-1]} − after {against.reference}")
        for n in names
    )


def _can_carry(prepared: PreparedTrial) -> bool:
    design = prepared.design
    return design is not None and design.carryover_at_all and design.key != "2x2"


def _complete(prepared: PreparedTrial) -> TrialData | None:
    """The rows of persons who have all periods; None where all have or too few do."""
    data, period = data_of(prepared), prepared.roles.period
    if not period or not prepared.roles.subject or prepared.roles.cycle:
        return None
    periods = data.factor(period)
    have: dict[int, set[int]] = {}
    for person, place in zip(data.subject.codes, periods.codes, strict=True):
        have.setdefault(int(person), set()).add(int(place))
    whole = {
        data.subject.levels[p] for p, places in have.items() if len(places) == len(periods.levels)
    }
    if len(whole) in (0, 1, len(have)):
        return None
    who = data.cells[prepared.roles.subject]
    outcome: list[RawCell] = [
        cell if as_words(name) in whole else None
        for cell, name in zip(data.cells[prepared.roles.outcome], who, strict=True)
    ]
    return TrialData.from_columns({**data.cells, prepared.roles.outcome: outcome}, prepared.roles)


def pooled_persons(raw: PatientSummaries, level: float) -> FitResult:
    """Pool the persons' own differences as a meta-analysis pools studies.

    References
    ----------
    Araujo, Julious & Senn (2016), the summary-measures approach.
    """
    preset = PRESETS[DEFAULT_PRESET]
    data = MetaData.of(raw.yi, raw.vi, slab=raw.patients, ni=raw.ni.astype(float))
    return fit_model(preset.model, preset.model_options, level, data)
