"""Climbing the likelihood of a generalised mixed model, with points enough for a stable answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from metadesk.document import Note
from metadesk.models.mixed.generalised.alike import fit_alike
from metadesk.models.mixed.generalised.climb import Peak, climb, newton, numerical_hessian
from metadesk.models.mixed.generalised.families import Family, NegativeBinomial, Poisson
from metadesk.models.mixed.generalised.one_random_effect import OneRandomEffect
from metadesk.models.mixed.generalised.problem import GeneralisedProblem
from metadesk.models.mixed.generalised.quadrature import (
    MarginalLikelihood,
    Persons,
    Rule,
    gauss_hermite,
    trapezoid,
)
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.numerics.progress import Progress
from metadesk.numerics.types import FloatMatrix, FloatVector

STABLE = 1e-8
ENDLESS_SD = 25.0


def _no_end(likelihood: MarginalLikelihood, par: FloatVector) -> bool:
    """Whether the climb is on its way to infinity: all persons alike, or no overdispersion."""
    return endless(likelihood, par) or bool(poisson_limit(likelihood.persons.family, par))


def endless(likelihood: MarginalLikelihood, par: FloatVector) -> bool:
    """Whether the likelihood rises for ever as the variation between persons grows."""
    _, L, _ = likelihood.parts(par)
    return float(np.abs(np.diag(L)).max()) > ENDLESS_SD * likelihood.unit


def as_poisson(persons: Persons) -> Persons:
    """The same persons, their counts taken as Poisson."""
    family = persons.family
    assert isinstance(family, NegativeBinomial)
    return replace(persons, family=Poisson(family.y))


def poisson_limit(family: Family, par: FloatVector) -> str:
    """What to say where the dispersion of a negative binomial has run to its Poisson limit."""
    if not isinstance(family, NegativeBinomial):
        return ""
    gone = par[0] > 12 if family.quadratic else par[0] < -12
    if not gone:
        return ""
    return (
        "Beyond the variation between persons the counts vary no more than Poisson counts do, so "
        "the "
        "negative binomial model has turned into the Poisson model, which is reported."
    )


def likelihood_of(persons: Persons, rule: Rule) -> MarginalLikelihood:
    """The likelihood in its quickest form."""
    if persons.Z.shape[1] == 1:
        return OneRandomEffect(persons, rule)
    return MarginalLikelihood(persons, rule)


def climbed(
    likelihood: MarginalLikelihood,
    start: FloatVector,
    H: FloatMatrix | None,
    progress: Progress,
    tolerance: float = 1e-14,
) -> Peak:
    """Climb with Louis's curvature where it is exact, else by quasi-Newton steps."""

    def lost(par: FloatVector) -> bool:
        return _no_end(likelihood, par)

    if isinstance(likelihood, OneRandomEffect) and likelihood.curvature_is_exact:
        return newton(
            likelihood.evaluate,
            likelihood.curvature,
            start,
            tolerance=tolerance,
            stop=lost,
            progress=progress,
        )
    return climb(likelihood.evaluate, start, H, tolerance=tolerance, stop=lost, progress=progress)


def without_random_effects(problem: GeneralisedProblem) -> Peak:
    """Fit of the family's own parameters and the fixed effects, all persons being alike."""
    family = problem.persons.family
    return fit_alike(problem.persons, lambda b: bool(poisson_limit(family, b)))


def integrate(
    spec: GeneralisedMixed, problem: GeneralisedProblem, plain: Peak, progress: Progress
) -> tuple[MarginalLikelihood, Peak, list[Note]]:
    """Climb as the spec asks: to a stable answer, by a set number of points, or by Laplace.

    ``plain`` is the fit without random effects, from which the climb starts.
    """
    q = problem.persons.Z.shape[1]
    base, curvature = plain.par, plain.hessian
    k = len(problem.persons.family.names)
    m = len(problem.persons.factor)
    start = np.concatenate([base[:k], np.zeros(m), base[k:]])
    H = np.zeros((len(start), len(start)))
    outside = [*range(k), *range(k + m, len(start))]
    H[np.ix_(outside, outside)] = curvature
    size = np.sqrt(np.maximum(np.mean(problem.persons.Z**2, axis=0), 1e-12))
    for i, cells in enumerate(problem.persons.factor):
        H[k + i, k + i] = 0.5 * len(problem.persons.pattern_of)
        a, b = cells[0]
        start[k + i] = 0.7 / size[a] if a == b else 0.0
    notes: list[Note] = []
    if spec.integration == "laplace" or (q > 1 and spec.integration == "auto"):
        if spec.integration == "auto":
            notes.append(
                Note(
                    "With several random effects the likelihood is approximated by Laplace's "
                    "method; set a number of quadrature points to check it.",
                    "caution",
                    "laplace",
                )
            )
        likelihood = likelihood_of(problem.persons, gauss_hermite(1))
        return likelihood, climbed(likelihood, start, H, progress), notes
    if spec.integration == "agq":
        likelihood = likelihood_of(problem.persons, gauss_hermite(spec.points))
        peak = climbed(likelihood, start, H, progress)
        return likelihood, _curvature_of_the_rule(likelihood, peak), notes
    likelihood, peak = _refined(problem.persons, start, progress)
    return likelihood, peak, notes


def _curvature_of_the_rule(likelihood: MarginalLikelihood, peak: Peak) -> Peak:
    """The rule's own curvature where it has too few points for Louis's formula."""
    if not isinstance(likelihood, OneRandomEffect) or not peak.exact:
        return peak
    finer = likelihood_of(likelihood.persons, gauss_hermite(2 * len(likelihood.rule.nodes) + 1))
    finer.modes = likelihood.modes
    if abs(finer.evaluate(peak.par, gradient=False)[0] - peak.value) < STABLE:
        return peak
    H = likelihood.numerical_curvature(peak.par)
    if H is None:
        H = numerical_hessian(likelihood.evaluate, peak.par)
    return replace(peak, hessian=H)


def _refined(
    persons: Persons, start: FloatVector, progress: Progress
) -> tuple[MarginalLikelihood, Peak]:
    """Add points until the likelihood at its maximum no longer changes."""
    likelihood = likelihood_of(persons, gauss_hermite(9))
    peak = climbed(likelihood, start, None, progress, tolerance=1e-7)
    polished = False
    for rule in _ladder(likelihood):
        finer = likelihood_of(persons, rule)
        while True:
            finer.modes = likelihood.modes
            value, _ = finer.evaluate(peak.par, gradient=False)
            change = abs(value - peak.value)
            if polished or not (change < STABLE and peak.converged):
                break
            peak = climbed(likelihood, peak.par, peak.hessian, progress)
            polished = True
        if (change < STABLE and peak.converged) or _no_end(likelihood, peak.par):
            return likelihood, peak
        likelihood, polished, peak = finer, False, replace(peak, value=value)
        if change > 1e-4 or not peak.converged:
            peak = climbed(likelihood, peak.par, peak.hessian, progress, tolerance=1e-7)
    return likelihood, climbed(likelihood, peak.par, peak.hessian, progress)


def _ladder(likelihood: MarginalLikelihood) -> Iterator[Rule]:
    """Finer and finer rules; the widest integrands decide how far the last ones reach."""
    yield from (gauss_hermite(points) for points in (15, 25, 45))
    reach = max(min(8.6 / max(likelihood.smallest_spread, 0.05), 60.0), 14.0)
    yield from (trapezoid(step, reach) for step in (0.4, 0.2, 0.1, 0.05, 0.025))
