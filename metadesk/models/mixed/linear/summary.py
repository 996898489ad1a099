"""Everything that is reported about a fitted linear mixed model."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import cast

import numpy as np

from metadesk.document import Note
from metadesk.models.mixed.contrasts import least_squares_means, pairwise, terms_tested
from metadesk.models.mixed.estimates import DfRule, Estimates
from metadesk.models.mixed.linear.components import (
    MOST_PROFILED,
    component_quantities,
    variance_components,
)
from metadesk.models.mixed.linear.inference import fixed_effects
from metadesk.models.mixed.linear.modes import random_effects
from metadesk.models.mixed.linear.newton import Optimum
from metadesk.models.mixed.linear.problem import LinearProblem
from metadesk.models.mixed.multiplicity import ADJUSTMENTS, adjusted_p, critical_t
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.random_effects import (
    IndividualEffects,
    RandomEffects,
    by_group,
    individual_effects,
)
from metadesk.models.mixed.result import (
    MixedResult,
    estimates_table,
    individual_table,
    type3_table,
)
from metadesk.models.mixed.strata import stratum_df
from metadesk.models.mixed.wording import linear_equation, singular_note
from metadesk.models.result import Coefficients, FitStatistics, Omnibus, Status
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector


def summarise(
    spec: LinearMixed, problem: LinearProblem, optimum: Optimum, progress: Progress = SILENT
) -> MixedResult:
    """Everything that is reported about a fitted model."""
    frame, design = problem.frame, problem.frame.design
    restricted = spec.method == "REML"
    rule = _rule(spec)
    codes = tuple(g.factor.codes for g in problem.groups)
    by_size = sorted(range(len(codes)), key=lambda i: int(codes[i].max()))

    def strata() -> tuple[FloatVector, FloatVector]:
        slopes = tuple(problem.groups[i].Z[:, 1:] for i in by_size)
        return stratum_df(design.X, tuple(codes[i] for i in by_size), slopes)

    effects = fixed_effects(optimum, problem.R, problem.scale, problem.offset, strata, problem.n)
    table = effects.combine(design.names, np.eye(problem.p), rule, spec.level)
    tests = terms_tested(effects, design, rule)
    means = least_squares_means(effects, frame, rule, spec.level)
    pairs = pairwise(effects, frame, rule, spec.level)
    adjusted = None
    if pairs is not None and spec.adjust != "none" and len(pairs.names) > 1:
        pairs, adjusted = _adjusted(spec, pairs, len(frame.data.treatment.levels))
    random = random_effects(problem.covariance, optimum, problem.R, problem.scale)
    components = variance_components(problem, optimum, spec, progress)
    own = _individual(problem, optimum, random, effects.beta, effects.C)
    fitted = design.times(effects.beta)
    shrunken = fitted + _random_part(problem, random)
    loglik = problem.loglik(optimum, restricted)
    boundary = tuple(c.title for c in components if c.at_boundary)
    notes = [*frame.data.notes]
    if not optimum.converged:
        notes.append(
            Note(
                "The fit did not converge; do not use its numbers. Choose fewer random effects "
                "or a simpler residual structure.",
                "strong",
                "not-converged",
            )
        )
    if spec.intervals == "profile" and len(optimum.theta) > MOST_PROFILED:
        notes.append(
            Note(
                f"No intervals of the variances: the model has {len(optimum.theta)} of them and "
                f"their covariances, more than the {MOST_PROFILED} that are profiled.",
                code="no-variance-intervals",
            )
        )
    if boundary:
        notes.append(singular_note(boundary, rule))
    if design.aliased:
        notes.append(_aliased_note(design.aliased))
    if frame.design.position(frame.data.roles.treatment) >= 0 and means is None:
        notes.append(
            Note(
                "With a carryover term (or aliased terms) the mean of a treatment depends on what "
                "came before it, so contrasts are shown and no means.",
                code="no-lsmeans",
            )
        )
    residual = problem.covariance.residual_words(optimum.theta, problem.scale)
    tables = [type3_table(tests)] if tests else []
    if means is not None:
        tables.append(estimates_table("Least-squares means", "lsmeans", means, None))
    if pairs is not None:
        tables.append(estimates_table("Treatment contrasts", "contrasts", pairs, adjusted))
    tables += [individual_table(e) for e in own]
    return MixedResult(
        model="linear-mixed",
        title="Linear mixed model",
        family="mixed",
        k=len(frame.factor(frame.data.roles.subject).levels),
        n=problem.n,
        rows=frame.data.rows[frame.rows],
        excluded=frame.excluded,
        coefficients=_coefficients(
            table, effects.adjusted if rule == "kenward-roger" else effects.C
        ),
        method=f"{spec.method}; degrees of freedom: {table.rule}",
        status=Status(
            converged=optimum.converged,
            iterations=optimum.iterations,
            rung="Newton on the restricted likelihood"
            if restricted
            else "Newton on the likelihood",
            boundary=boundary,
            aliased=design.aliased,
        ),
        components=components,
        statistics=_statistics(problem, optimum, loglik, restricted),
        omnibus=tuple(
            Omnibus(t.title, t.F, "F", t.num_df, t.den_df, t.p, (t.title,), t.rule) for t in tests
        ),
        fitted=shrunken,
        notes=tuple(notes),
        extra=MappingProxyType(component_quantities(problem, optimum, spec)),
        tables=tuple(tables),
        effects=effects,
        type3=tests,
        lsmeans=means,
        contrasts=pairs,
        adjusted=adjusted,
        adjustment=spec.adjust,
        random=random,
        individual=own,
        covariances=MappingProxyType(_covariances(problem, optimum)),
        residual=MappingProxyType(residual),
        sigma=next(v for name, v in residual.items() if name.startswith("sd")),
        residuals=problem.y - shrunken,
        rule=rule,
        equation=linear_equation(frame, spec),
    )


def _rule(spec: LinearMixed) -> DfRule:
    if spec.method == "ML" and spec.df == "kenward-roger":
        return "satterthwaite"
    return cast(DfRule, spec.df)


def _coefficients(e: Estimates, vb: FloatMatrix) -> Coefficients:
    return Coefficients(
        names=e.names,
        b=e.estimate,
        se=e.se,
        stat=e.statistic,
        df=e.df,
        pval=e.pval,
        ci_lb=e.ci_lb,
        ci_ub=e.ci_ub,
        vb=vb,
        level=e.level,
        test=("z" if e.rule == "normal distribution" else f"t, {e.rule}"),
    )


def _adjusted(spec: LinearMixed, e: Estimates, k: int) -> tuple[Estimates, FloatVector]:
    p = adjusted_p(e.pval, spec.adjust, e.statistic, e.df, k)
    m = len(e.names)
    half = e.se * np.array([critical_t(spec.level, spec.adjust, float(d), m, k) for d in e.df])
    rule = f"{e.rule}; intervals adjusted by {ADJUSTMENTS[spec.adjust]}"
    wide = Estimates(
        e.names, e.estimate, e.se, e.df, e.statistic, e.pval,
        e.estimate - half, e.estimate + half, e.level, rule,
    )  # fmt: skip
    return wide, p


def _individual(
    problem: LinearProblem,
    optimum: Optimum,
    random: tuple[RandomEffects, ...],
    beta: FloatVector,
    C: FloatMatrix,
) -> tuple[IndividualEffects, ...]:
    """Effects by person for every random slope that has a fixed effect of the same name."""
    names = problem.frame.design.names
    found = []
    for effects, component in zip(random, problem.covariance.components, strict=True):
        D = component.matrix(optimum.theta) * problem.scale**2
        for t, name in enumerate(effects.terms):
            if name in names and name != "(Intercept)":
                between = float(D[t, t])
                found.append(individual_effects(effects, t, names.index(name), beta, C, between))
    return tuple(found)


def _random_part(problem: LinearProblem, random: tuple[RandomEffects, ...]) -> FloatVector:
    part = np.zeros(problem.n)
    for g, effects in zip(problem.groups, random, strict=True):
        own = effects.modes[g.factor.codes]
        part += own[:, 0] if effects.terms == ("(Intercept)",) else np.einsum("it,it->i", g.Z, own)
    return part


def _covariances(problem: LinearProblem, optimum: Optimum) -> dict[str, FloatMatrix]:
    components = problem.covariance.components
    return by_group(components, [c.matrix(optimum.theta) * problem.scale**2 for c in components])


def residual_start(problem: LinearProblem) -> int:
    """Where the parameters of the residuals begin."""
    return sum(len(c.pairs) for c in problem.covariance.components)


def _statistics(
    problem: LinearProblem, optimum: Optimum, loglik: float, restricted: bool
) -> FitStatistics:
    n, p = problem.n, problem.p
    m = len(optimum.theta) + p
    size = n - p if restricted else n
    correction = 2 * m * (m + 1) / (size - m - 1) if size > m + 1 else math.nan
    aic = -2 * loglik + 2 * m
    bic = -2 * loglik + m * math.log(n)
    return FitStatistics(loglik, -2 * loglik, aic, bic, aic + correction, restricted, m)


def _aliased_note(names: tuple[str, ...]) -> Note:
    words = ", ".join(names)
    return Note(
        f"Left out because earlier terms say the same: {words}.", "caution", "aliased-terms"
    )
