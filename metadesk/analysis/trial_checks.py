"""Checks of models for yes/no, counted and ordered outcomes, and the effect asked in other ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metadesk.analysis.trial_companions import generalised_companions
from metadesk.analysis.trial_models import Comparison, data_of, generalised_options
from metadesk.analysis.trial_prepare import PreparedTrial
from metadesk.analysis.trial_result import TrialCompanion
from metadesk.errors import MetadeskError
from metadesk.models.mixed import GeneralisedMixed, MixedResult, TrialData, fit_generalised
from metadesk.models.mixed.generalised.checks import effects_by_cut, overdispersion
from metadesk.models.mixed.generalised.conditional import (
    Conditional,
    conditional_counts,
    conditional_logistic,
)
from metadesk.models.mixed.generalised.families import Binomial, NegativeBinomial, Poisson
from metadesk.models.mixed.generalised.fit import Fitted, climb_generalised
from metadesk.models.mixed.generalised.likelihood_ratio import likelihood_ratio_of
from metadesk.models.mixed.generalised.problem import GeneralisedProblem, generalised_problem
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_sf, quantile

RATIO = "Likelihood ratio with a profile interval: better than Wald where outcomes are few."
WITHIN = "Compares each person with themselves; needs no distribution of their levels."


def beside_generalised(
    prepared: PreparedTrial,
    analysis: str,
    against: Comparison,
    main: MixedResult,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """What stands beside such a model, by the names of the result's fields."""
    averaged = generalised_companions(main, against, prepared.roles.treatment)
    lines, checks, by_cut = generalised_checks(prepared, analysis, against, progress)
    return {"companions": (*lines, *averaged), "checks": checks, "by_cut": by_cut}


def generalised_checks(
    prepared: PreparedTrial, analysis: str, against: Comparison, progress: Progress = SILENT
) -> tuple[tuple[TrialCompanion, ...], tuple[Quantity, ...], tuple[Quantity, ...]]:
    """Further lines for the effect, checks of the model, and the effect at each cut."""
    spec, data = generalised_options(prepared, analysis, against), data_of(prepared)
    name = f"{prepared.roles.treatment}[{against.active}]"
    lines: list[TrialCompanion] = []
    checks: list[Quantity] = []
    try:
        fitted = climb_generalised(spec, data, progress)
    except MetadeskError:
        return (), (), ()
    if isinstance(fitted, Fitted):
        lines += _ratio(fitted, name, spec.level, progress)
        spread = overdispersion(fitted)
        checks += [spread] if spread is not None else []
        if spec.family == "poisson":
            more, test = _negative_binomial(spec, data, fitted, name, progress)
            lines += more
            checks += test
    lines += _within_persons(spec, data, name)
    by_cut: tuple[Quantity, ...] = ()
    if spec.family == "ordinal" and isinstance(fitted, Fitted):
        by_cut = effects_by_cut(spec, data, name, progress)
    return tuple(lines), tuple(checks), by_cut


def _ratio(fitted: Fitted, name: str, level: float, progress: Progress) -> list[TrialCompanion]:
    try:
        effect = likelihood_ratio_of(fitted, name, level, progress)
    except MetadeskError:
        return []
    return [TrialCompanion("lr", "Same model, likelihood ratio", effect, RATIO)]


def _negative_binomial(
    spec: GeneralisedMixed, data: TrialData, poisson: Fitted, name: str, progress: Progress
) -> tuple[list[TrialCompanion], list[Quantity]]:
    """The effect if counts may vary more than Poisson counts, and the test that they do not.

    The dispersion under Poisson is at its boundary, so that half of the chi-square is at zero.
    """
    try:
        fit = fit_generalised(replace(spec, family="nbinom2"), data, progress)
    except MetadeskError:
        return [], []
    if fit.statistics is None or fit.separated or name not in fit.coefficients.names:
        return [], []
    gain = max(0.0, 2 * (fit.statistics.logLik - poisson.peak.value))
    p = 0.5 * float(chi2_sf(gain, 1)) if gain > 1e-6 else 1.0
    test = Quantity(
        "poisson", "Likelihood ratio, negative binomial against Poisson", gain,
        "mixture ½χ²(0) + ½χ²(1)", df=1.0, p=p,
    )  # fmt: skip
    effect = fit.coefficients.at(name)
    line = TrialCompanion(
        "nbinom2", "Negative binomial", effect, "Allows counts to vary more than Poisson counts."
    )
    return [line], [test]


def _within_persons(spec: GeneralisedMixed, data: TrialData, name: str) -> list[TrialCompanion]:
    """The effect with the persons' levels conditioned away."""
    try:
        problem = generalised_problem(spec, data)
        found = _conditional(problem)
    except MetadeskError:
        return []
    if found is None or name not in found.names:
        return []
    i = found.names.index(name)
    b, se = float(found.b[i]), float(found.se[i])
    if abs(b) > 20:
        return []
    half = float(quantile(spec.level)) * se
    method = "conditional likelihood ratio, Wald interval"
    effect = Quantity(
        name, name, b, method, se=se, p=float(found.pval[i]),
        interval=Interval(b - half, b + half, spec.level, method), kind="effect",
    )  # fmt: skip
    return [TrialCompanion("within", "Within persons only (conditional)", effect, WITHIN)]


def _conditional(problem: GeneralisedProblem) -> Conditional | None:
    X, names, family = problem.frame.design.X, problem.frame.design.names, problem.family
    match family:
        case Binomial():
            return conditional_logistic(X, family.y, problem.person, names, trials=family.m)
        case Poisson() | NegativeBinomial():
            return conditional_counts(X, family.y, problem.offset, problem.person, names)
        case _:
            return None
