"""Fitting generalised linear mixed models: binary, binomial, count and ordered outcomes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from metadesk.document import Note
from metadesk.models.mixed.generalised.climb import Peak
from metadesk.models.mixed.generalised.families import Ordinal
from metadesk.models.mixed.generalised.integrate import (
    as_poisson,
    endless,
    integrate,
    poisson_limit,
    without_random_effects,
)
from metadesk.models.mixed.generalised.penalised import without_finite_estimate
from metadesk.models.mixed.generalised.problem import (
    GeneralisedProblem,
    generalised_problem,
    separated_terms,
)
from metadesk.models.mixed.generalised.quadrature import MarginalLikelihood
from metadesk.models.mixed.generalised.summary import summarise
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.result import MixedResult
from metadesk.models.mixed.trial_data import TrialData
from metadesk.numerics.progress import SILENT, Progress


def fit_generalised(
    spec: GeneralisedMixed, data: TrialData, progress: Progress = SILENT
) -> MixedResult:
    """Fit a generalised linear mixed model by maximum likelihood.

    The random effects are integrated out by adaptive Gauss–Hermite quadrature, refined until the
    likelihood is stable; with several random effects by Laplace's method unless points are set.
    Where separation leaves a coefficient without a finite estimate, the answer is penalised and
    exact conditional instead, and says so.

    Raises
    ------
    DataProblem, SpecProblem, NotEstimable
        With one sentence.

    References
    ----------
    Pinheiro & Bates (1995); Breslow & Clayton (1993) for the model.
    """
    fitted = climb_generalised(spec, data, progress)
    if isinstance(fitted, GeneralisedProblem):
        return without_finite_estimate(spec, fitted, progress)
    return summary_of(spec, fitted)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A bound model with its likelihood at the maximum."""

    problem: GeneralisedProblem
    likelihood: MarginalLikelihood
    peak: Peak
    notes: tuple[Note, ...] = ()


def summary_of(spec: GeneralisedMixed, fitted: Fitted) -> MixedResult:
    """Everything that is reported about a bound model at its maximum."""
    return summarise(spec, fitted.problem, fitted.likelihood, fitted.peak, list(fitted.notes))


def climb_generalised(
    spec: GeneralisedMixed, data: TrialData, progress: Progress = SILENT
) -> Fitted | GeneralisedProblem:
    """Fit and stop before the summary; the bound model alone where there is no finite maximum."""
    problem = generalised_problem(spec, data)
    progress.step(0.05, "Integrating over persons")
    plain = without_random_effects(problem)
    if not _pinned_down(problem, plain):
        problem = replace(problem, separated=separated_terms(problem.family, problem.frame))
    if problem.separated:
        return problem
    likelihood, peak, notes = integrate(spec, problem, plain, progress)
    if endless(likelihood, peak.par):
        return problem
    limit = poisson_limit(problem.family, peak.par)
    if limit:
        poisson = replace(problem, persons=as_poisson(problem.persons))
        likelihood, peak, notes = integrate(
            spec, poisson, without_random_effects(poisson), progress
        )
        notes.append(Note(limit, "caution", "poisson-limit"))
    return Fitted(problem, likelihood, peak, tuple(notes))


def _pinned_down(problem: GeneralisedProblem, plain: Peak) -> bool:
    """Whether the fit without random effects has its maximum at moderate predictors.

    Then no direction of the coefficients raises the likelihood for ever, and separation need not be
    looked for.
    """
    k = len(problem.family.names)
    eta = problem.persons.X @ plain.par[k:]
    eta = eta - (plain.par[:k].mean() if isinstance(problem.family, Ordinal) else 0.0)
    return bool(plain.converged and plain.exact and np.abs(eta).max(initial=0.0) < 10)
