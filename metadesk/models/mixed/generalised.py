"""Generalised linear mixed models: binary, binomial, count and ordered outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from metadesk.document import Note
from metadesk.errors import DataProblem, NotEstimable, SpecProblem
from metadesk.models.mixed.climb import Peak, climb, newton, numerical_hessian
from metadesk.models.mixed.conditional import ExactDistribution, conditional_logistic
from metadesk.models.mixed.families import Binomial, Family, NegativeBinomial, Ordinal, Poisson
from metadesk.models.mixed.inference import Estimates, estimates, stratum_df
from metadesk.models.mixed.linear import random_columns
from metadesk.models.mixed.marginal import marginal_effects
from metadesk.models.mixed.one_random_effect import OneRandomEffect
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.quadrature import (
    MarginalLikelihood,
    Persons,
    Rule,
    collapse,
    gauss_hermite,
    trapezoid,
)
from metadesk.models.mixed.random_effects import RandomEffects
from metadesk.models.mixed.result import MixedResult, estimates_table
from metadesk.models.mixed.separation import separated_columns
from metadesk.models.mixed.terms import ModelFrame, build_frame
from metadesk.models.mixed.trial_data import TrialData
from metadesk.models.mixed.woodbury import RandomColumns
from metadesk.models.result import (
    Coefficients,
    FitStatistics,
    Quantity,
    Status,
    VarianceComponent,
)
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.types import FloatMatrix, FloatVector

STABLE = 1e-8
ENDLESS_SD = 25.0
MOST_CATEGORIES = 25


@dataclass(frozen=True, eq=False)
class GeneralisedProblem:
    """The data of a generalised mixed model, persons with identical rows collapsed."""

    frame: ModelFrame
    family: Family
    offset: FloatVector
    random: RandomColumns
    persons: Persons
    separated: tuple[str, ...] = ()


def generalised_problem(spec: GeneralisedMixed, data: TrialData) -> GeneralisedProblem:
    """Bind a spec to data and check the outcome.

    Raises
    ------
    DataProblem
        An outcome that the family cannot have, or outcomes that are all equal.
    """
    fixed, random = spec.terms(data), spec.groups(data)
    if len(random) != 1:
        raise SpecProblem(
            "A model for such outcomes takes one grouping of random effects; keep the persons and "
            "make other groupings fixed terms."
        )
    needed = [c for t in random for c in (*t.group.split(":"), *t.terms)]
    needed += [c for c in (data.roles.trials, data.roles.offset) if c]
    frame = build_frame(data, fixed, tuple(needed), intercept=spec.family != "ordinal")
    family, outcome = _family(spec, frame)
    offset = np.zeros(len(frame))
    if data.roles.offset and spec.family in ("poisson", "nbinom1", "nbinom2"):
        offset = frame.numeric(data.roles.offset)
    columns = random_columns(frame, random[0])
    if len(columns) != 1:
        raise SpecProblem("Independent random effects are not offered for such outcomes.")
    if len(columns[0].factor.levels) < 2:
        raise DataProblem(
            f"There is only one level of '{columns[0].group}'; a single person has no variation "
            f"between persons, so use the N-of-1 analysis."
        )
    _check_rows(columns[0], family)
    persons = collapse(
        frame.design.X, columns[0].Z, offset, outcome, family, columns[0].factor.codes
    )
    return GeneralisedProblem(frame, family, offset, columns[0], persons)


def _check_rows(random: RandomColumns, family: Family) -> None:
    """Refuse more random effects than the rows of a person can tell apart."""
    q = random.Z.shape[1]
    most = int(np.bincount(random.factor.codes).max())
    single = isinstance(family, Ordinal) or (isinstance(family, Binomial) and family.m.max() == 1)
    if q > 1 and (q > most or (single and q == most)):
        raise NotEstimable(
            f"No level of '{random.group}' has more than {most} rows, too few for {q} random "
            f"effects; a random treatment effect needs each treatment more than once in a person."
        )


def _family(spec: GeneralisedMixed, frame: ModelFrame) -> tuple[Family, FloatMatrix]:
    data = frame.data
    if spec.family == "ordinal":
        factor = data.outcome_levels.at(frame.rows)
        if len(factor.levels) < 2:
            raise DataProblem("All outcomes are equal, so there is nothing to explain.")
        if len(factor.levels) > MOST_CATEGORIES:
            raise DataProblem(
                f"The outcome has {len(factor.levels)} different values, more than the "
                f"{MOST_CATEGORIES} ordered categories that can be fitted; analyse it as a number, "
                f"or join neighbouring categories."
            )
        return Ordinal(factor.codes, factor.levels), factor.codes.astype(float)[:, None]
    y = frame.y
    if spec.family == "binomial":
        m = frame.numeric(data.roles.trials) if data.roles.trials else np.ones(len(y))
        wrong = np.flatnonzero((y < 0) | (y > m) | (y != np.round(y)) | (m < 1))
        if len(wrong):
            raise DataProblem(
                f"Row {_sheet_row(frame, wrong[0])}: {y[wrong[0]]:g} of {m[wrong[0]]:g} is not a "
                f"number of successes; a binary outcome is 0 or 1, or mark the column of trials."
            )
        if y.sum() in (0, m.sum()):
            raise DataProblem("All outcomes are equal, so there is nothing to explain.")
        return Binomial(y, m), np.column_stack([y, m])
    wrong = np.flatnonzero((y < 0) | (y != np.round(y)))
    if len(wrong):
        raise DataProblem(
            f"Row {_sheet_row(frame, wrong[0])}: {y[wrong[0]]:g} is not a count; counts are whole "
            f"and not negative."
        )
    if y.max() == 0:
        raise DataProblem("All counts are zero, so there is nothing to explain.")
    if spec.family == "poisson":
        return Poisson(y), y[:, None]
    return NegativeBinomial(y, spec.family == "nbinom2"), y[:, None]


def _sheet_row(frame: ModelFrame, i: int) -> int:
    return int(frame.data.rows[frame.rows[i]]) + 1


def _separated(family: Family, frame: ModelFrame) -> tuple[str, ...]:
    X, names = frame.design.X, frame.design.names
    match family:
        case Binomial():
            columns = separated_columns(X, family.y == 0, family.y == family.m)
        case Poisson() | NegativeBinomial():
            zero = family.y == 0
            columns = separated_columns(X, zero, ~zero, one_sided=True)
        case _:
            columns = _separated_cuts(family, X)
    return tuple(names[j] for j in columns)


def _separated_cuts(family: Family, X: FloatMatrix) -> tuple[int, ...]:
    """Columns separated at every cut of an ordered outcome."""
    assert isinstance(family, Ordinal)
    cuts = len(family.levels) - 1
    design = np.column_stack([np.ones(len(X)), X])
    found: set[int] | None = None
    for c in range(cuts):
        high = family.category > c
        here = {j - 1 for j in separated_columns(design, ~high, high) if j > 0}
        found = here if found is None else found & here
    return tuple(sorted(found or ()))


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
    problem = generalised_problem(spec, data)
    progress.step(0.05, "Integrating over persons")
    plain = _without_random_effects(problem)
    if not _pinned_down(problem, plain):
        problem = replace(problem, separated=_separated(problem.family, problem.frame))
    if problem.separated:
        return _without_finite_estimate(spec, problem, progress)
    likelihood, peak, notes = _fitted(spec, problem, plain, progress)
    if _endless(likelihood, peak.par):
        return _without_finite_estimate(spec, problem, progress)
    limit = _poisson_limit(problem.family, peak.par)
    if limit:
        likelihood = _likelihood(_as_poisson(problem.persons), likelihood.rule)
        peak = _climbed(likelihood, peak.par[1:], None, progress)
        notes.append(Note(limit, "caution", "poisson-limit"))
    return _summarised(spec, problem, likelihood, peak, notes)


def _no_end(likelihood: MarginalLikelihood, par: FloatVector) -> bool:
    """Whether the climb is on its way to infinity: all persons alike, or no overdispersion."""
    return _endless(likelihood, par) or bool(_poisson_limit(likelihood.persons.family, par))


def _endless(likelihood: MarginalLikelihood, par: FloatVector) -> bool:
    """Whether the likelihood rises for ever as the variation between persons grows."""
    _, L, _ = likelihood.parts(par)
    return float(np.abs(np.diag(L)).max()) > ENDLESS_SD * likelihood.unit


def _as_poisson(persons: Persons) -> Persons:
    family = persons.family
    assert isinstance(family, NegativeBinomial)
    return Persons(
        persons.X, persons.Z, persons.offset, Poisson(family.y), persons.starts,
        persons.of_row, persons.counts, persons.pattern_of,
    )  # fmt: skip


def _poisson_limit(family: Family, par: FloatVector) -> str:
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


def _likelihood(persons: Persons, rule: Rule) -> MarginalLikelihood:
    if persons.Z.shape[1] == 1:
        return OneRandomEffect(persons, rule)
    return MarginalLikelihood(persons, rule)


def _climbed(
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


def _without_random_effects(problem: GeneralisedProblem) -> Peak:
    """Fit of the family's own parameters and the fixed effects, all persons being alike."""
    P = problem.persons
    still = Persons(
        P.X, np.zeros_like(P.Z[:, :1]), P.offset, P.family, P.starts, P.of_row, P.counts,
        P.pattern_of,
    )  # fmt: skip
    flat = OneRandomEffect(still, gauss_hermite(1))
    k = flat.k
    free = np.delete(np.arange(flat.size), k)

    def widened(b: FloatVector) -> FloatVector:
        return np.insert(b, k, 0.0)

    def evaluate(b: FloatVector) -> tuple[float, FloatVector]:
        value, slope = flat.evaluate(widened(b))
        return value, slope[free]

    def curvature(b: FloatVector) -> FloatMatrix:
        return flat.curvature(widened(b))[np.ix_(free, free)]

    start = np.concatenate([P.family.start(), np.zeros(flat.p)])

    def lost(b: FloatVector) -> bool:
        return bool(_poisson_limit(P.family, b))

    return newton(evaluate, curvature, start, most=30, tolerance=1e-9, stop=lost)


def _pinned_down(problem: GeneralisedProblem, plain: Peak) -> bool:
    """Whether the fit without random effects has its maximum at moderate predictors.

    Then no direction of the coefficients raises the likelihood for ever, and separation need not be
    looked for.
    """
    k = len(problem.family.names)
    eta = problem.persons.X @ plain.par[k:]
    eta = eta - (plain.par[:k].mean() if isinstance(problem.family, Ordinal) else 0.0)
    return bool(plain.converged and plain.exact and np.abs(eta).max(initial=0.0) < 10)


def _fitted(
    spec: GeneralisedMixed, problem: GeneralisedProblem, plain: Peak, progress: Progress
) -> tuple[MarginalLikelihood, Peak, list[Note]]:
    q = problem.persons.Z.shape[1]
    base, curvature = plain.par, plain.hessian
    k = len(problem.family.names)
    m = q * (q + 1) // 2
    start = np.concatenate([base[:k], np.zeros(m), base[k:]])
    H = np.zeros((len(start), len(start)))
    outside = [*range(k), *range(k + m, len(start))]
    H[np.ix_(outside, outside)] = curvature
    size = np.sqrt(np.maximum(np.mean(problem.persons.Z**2, axis=0), 1e-12))
    for i, (a, b) in enumerate([(r, c) for c in range(q) for r in range(c, q)]):
        H[k + i, k + i] = 0.5 * len(problem.persons.pattern_of)
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
        likelihood = _likelihood(problem.persons, gauss_hermite(1))
        return likelihood, _climbed(likelihood, start, H, progress), notes
    if spec.integration == "agq":
        likelihood = _likelihood(problem.persons, gauss_hermite(spec.points))
        peak = _climbed(likelihood, start, H, progress)
        return likelihood, _curvature_of_the_rule(likelihood, peak), notes
    likelihood, peak = _refined(problem.persons, start, progress)
    return likelihood, peak, notes


def _curvature_of_the_rule(likelihood: MarginalLikelihood, peak: Peak) -> Peak:
    """The rule's own curvature where it has too few points for Louis's formula."""
    if likelihood.q > 1 or not peak.exact:
        return peak
    finer = _likelihood(likelihood.persons, gauss_hermite(2 * len(likelihood.rule.nodes) + 1))
    finer.modes = likelihood.modes
    if abs(finer.evaluate(peak.par, gradient=False)[0] - peak.value) < STABLE:
        return peak
    return replace(peak, hessian=numerical_hessian(likelihood.evaluate, peak.par))


def _refined(
    persons: Persons, start: FloatVector, progress: Progress
) -> tuple[MarginalLikelihood, Peak]:
    """Add points until the likelihood at its maximum no longer changes."""
    likelihood = _likelihood(persons, gauss_hermite(9))
    peak = _climbed(likelihood, start, None, progress, tolerance=1e-7)
    polished = False
    for rule in _ladder(likelihood):
        finer = _likelihood(persons, rule)
        while True:
            finer.modes = likelihood.modes
            value, _ = finer.evaluate(peak.par, gradient=False)
            change = abs(value - peak.value)
            if polished or not (change < STABLE and peak.converged):
                break
            peak = _climbed(likelihood, peak.par, peak.hessian, progress)
            polished = True
        if (change < STABLE and peak.converged) or _no_end(likelihood, peak.par):
            return likelihood, peak
        likelihood, polished, peak = finer, False, replace(peak, value=value)
        if change > 1e-4 or not peak.converged:
            peak = _climbed(likelihood, peak.par, peak.hessian, progress, tolerance=1e-7)
    return likelihood, _climbed(likelihood, peak.par, peak.hessian, progress)


def _ladder(likelihood: MarginalLikelihood) -> Iterator[Rule]:
    """Finer and finer rules; the widest integrands decide how far the last ones reach."""
    yield from (gauss_hermite(points) for points in (15, 25, 45))
    reach = max(min(8.6 / max(likelihood.smallest_spread, 0.05), 60.0), 14.0)
    yield from (trapezoid(step, reach) for step in (0.4, 0.2, 0.1, 0.05, 0.025))


def _summarised(
    spec: GeneralisedMixed,
    problem: GeneralisedProblem,
    likelihood: MarginalLikelihood,
    peak: Peak,
    notes: list[Note],
) -> MixedResult:
    frame, design = problem.frame, problem.frame.design
    psi, L, beta = likelihood.parts(peak.par)
    k, m = likelihood.k, likelihood.m
    D = L @ L.T
    unit = 1e-4
    edge = bool(np.linalg.svd(L, compute_uv=False)[-1] < unit)
    spread = _covariance(likelihood, peak, edge)
    spread_beta = spread[k + m :, k + m :]
    df = np.full(len(beta), math.inf)
    if spec.df == "between-within":
        df, _ = stratum_df(design.X, (problem.random.factor.codes,), (problem.random.Z[:, 1:],))
    rule = "normal distribution" if spec.df == "z" else "between–within"
    if (np.diag(spread_beta) <= 0).any():
        raise NotEstimable(
            "The likelihood is flat along some of the coefficients, so they have no standard "
            "errors; simplify the random effects or leave out terms."
        )
    table = estimates(design.names, beta, np.sqrt(np.diag(spread_beta)), df, spec.level, rule)
    names = problem.random.terms
    if edge and likelihood.q == 1:
        D, L = np.zeros_like(D), np.zeros_like(L)
    boundary = (f"variation between levels of {problem.random.group or 'person'}",) if edge else ()
    if boundary:
        notes.append(
            Note(
                "At the boundary: the data show no variation between persons beyond chance; the "
                "coefficients are those of the model without it.",
                "caution",
                "singular-fit",
            )
        )
    if likelihood.q == 1 and abs(L[0, 0]) > 4 and isinstance(problem.family, Binomial):
        notes.append(
            Note(
                f"The standard deviation between persons is {abs(L[0, 0]):.1f} on the logit scale: "
                "most "
                f"persons answer alike in all periods. Compare the conditional analysis within "
                f"persons, which does not depend on how levels are distributed.",
                "caution",
                "large-random-sd",
            )
        )
    if not peak.converged:
        notes.append(
            Note(
                "The fit did not converge; do not use its numbers. Simplify the random effects or "
                "the terms.",
                "strong",
                "not-converged",
            )
        )
    loglik = peak.value
    count = likelihood.size
    n = len(frame)
    correction = 2 * count * (count + 1) / (n - count - 1) if n > count + 1 else math.nan
    extra = _own_quantities(problem.family, psi, spread[:k, :k])
    extra.update(marginal_effects(spec, frame, problem.family, problem.random, peak.par, spread))
    conditional = _treatment_ratios(table, problem.family)
    return MixedResult(
        model="generalised-mixed",
        title=f"Generalised linear mixed model, {_named(problem.family)}",
        family="mixed",
        k=len(problem.random.factor.levels),
        n=n,
        rows=frame.data.rows[frame.rows],
        excluded=frame.excluded,
        coefficients=_coefficients(table, spread_beta),
        method=f"maximum likelihood; {likelihood.rule.name}",
        status=Status(
            converged=peak.converged,
            iterations=peak.iterations,
            rung=likelihood.rule.name,
            boundary=boundary,
            aliased=design.aliased,
        ),
        components=tuple(
            VarianceComponent(
                name=f"{problem.random.group}: {name}",
                title=f"{'level' if name == '(Intercept)' else name} by {problem.random.group}",
                estimate=float(D[i, i]),
                n_levels=len(problem.random.factor.levels),
                at_boundary=edge and D[i, i] < unit**2,
            )
            for i, name in enumerate(names)
        ),
        statistics=FitStatistics(
            loglik, -2 * loglik, -2 * loglik + 2 * count,
            -2 * loglik + count * math.log(n), -2 * loglik + 2 * count + correction, False, count,
        ),
        notes=(*frame.data.notes, *notes),
        extra=MappingProxyType(extra),
        tables=(estimates_table("Ratios given the person", "ratios", conditional, None),)
        if conditional is not None
        else (),
        random=(_modes(problem, likelihood, L, peak.par),),
        covariances=MappingProxyType({problem.random.group: D}),
        rule="z",
        equation=_equation(problem, spec),
    )  # fmt: skip


def _coefficients(table: Estimates, vb: FloatMatrix) -> Coefficients:
    return Coefficients(
        table.names, table.estimate, table.se, table.statistic, table.df, table.pval,
        table.ci_lb, table.ci_ub, vb, table.level,
        "z" if table.rule == "normal distribution" else f"t, {table.rule}",
    )  # fmt: skip


def _covariance(likelihood: MarginalLikelihood, peak: Peak, edge: bool) -> FloatMatrix:
    """Inverse observed information; without the direction that has no variation."""
    H = peak.hessian if peak.exact else numerical_hessian(likelihood.evaluate, peak.par)
    k, q = likelihood.k, likelihood.q
    keep = np.ones(len(H), dtype=bool)
    if edge:
        for i, (a, b) in enumerate(likelihood.cells):
            if a == b and (q == 1 or abs(peak.par[k + i]) < 1e-3):
                keep[k + i] = False
    found = np.zeros_like(H)
    inner = np.linalg.pinv(H[np.ix_(keep, keep)], hermitian=True)
    found[np.ix_(keep, keep)] = inner
    return found


def _modes(
    problem: GeneralisedProblem, likelihood: MarginalLikelihood, L: FloatMatrix, par: FloatVector
) -> RandomEffects:
    P = likelihood.persons
    u = likelihood.modes @ L.T
    h = L @ likelihood.mode_covariance(par) @ L.T
    modes, covariance = u[P.pattern_of], h[P.pattern_of]
    order = np.arange(len(problem.random.factor.levels))
    return RandomEffects(
        group=problem.random.group,
        levels=tuple(problem.random.factor.levels[i] for i in order),
        terms=problem.random.terms,
        modes=modes,
        sd=np.sqrt(np.maximum(np.einsum("mii->mi", covariance), 0.0)),
        covariance=covariance,
        leverage=np.zeros((len(modes), len(L), 0)),
    )


def _own_quantities(family: Family, psi: FloatVector, spread: FloatMatrix) -> dict[str, Quantity]:
    se = np.sqrt(np.maximum(np.diag(spread), 0.0)) if len(psi) else np.zeros(0)
    method = "maximum likelihood"
    if isinstance(family, NegativeBinomial):
        if not len(psi):
            return {}
        value = math.exp(psi[0])
        title = "Dispersion k" if family.quadratic else "Dispersion φ"
        return {"dispersion": Quantity("dispersion", title, value, method, se=value * float(se[0]))}
    return {
        f"threshold {name}": Quantity(
            f"threshold {name}", f"Threshold {name}", float(v), method, se=float(s)
        )
        for name, v, s in zip(family.names, psi, se, strict=True)
    }


def _named(family: Family) -> str:
    return {
        "binomial": "logit link",
        "poisson": "Poisson, log link",
        "nbinom1": "negative binomial (variance μ(1 + φ)), log link",
        "nbinom2": "negative binomial (variance μ + μ²/k), log link",
        "ordinal": "cumulative logit",
    }[family.key]


def _treatment_ratios(table: Estimates, family: Family) -> Estimates | None:
    """Coefficients but the intercept on the ratio scale."""
    keep = [i for i, n in enumerate(table.names) if n != "(Intercept)"]
    if not keep:
        return None
    with np.errstate(over="ignore"):
        b, low, high = (np.exp(v[keep]) for v in (table.estimate, table.ci_lb, table.ci_ub))
    return Estimates(
        tuple(table.names[i] for i in keep), b, b * table.se[keep], table.df[keep],
        table.statistic[keep], table.pval[keep], low, high, table.level, table.rule,
    )  # fmt: skip


def _equation(problem: GeneralisedProblem, spec: GeneralisedMixed) -> str:
    frame = problem.frame
    left = {
        "binomial": f"logit P({frame.data.roles.outcome})",
        "ordinal": f"logit P({frame.data.roles.outcome} above a cut)",
    }.get(spec.family, f"log mean {frame.data.roles.outcome}")
    terms = [("carryover" if t.kind == "carryover" else t.column) for t in frame.design.terms]
    random = ["level" if t == "(Intercept)" else t for t in problem.random.terms]
    by = f"({' and '.join(random)} by {problem.random.group or 'person'})"
    return f"{left} = " + " + ".join(["mean", *terms, by])


def _without_finite_estimate(
    spec: GeneralisedMixed, problem: GeneralisedProblem, progress: Progress
) -> MixedResult:
    """What can be said under separation: penalised estimates and exact P values."""
    frame, design = problem.frame, problem.frame.design
    words = ", ".join(problem.separated)
    message = (
        f"Separation: {words} predicts the outcome without exception, so its maximum-likelihood "
        f"estimate is infinite."
        if words
        else "The likelihood rises without end as the differences between persons grow: nearly all "
        "persons answer alike throughout, and the others follow the terms of the model."
    )
    notes = [Note(message, "strong", "separation")]
    extra: dict[str, Quantity] = {}
    family = problem.family
    if not isinstance(family, Binomial) or family.m.max() > 1:
        way = "Leave the term out, or" if words else "Choose fewer random effects, or"
        raise NotEstimable(f"{message} {way} compare the arms with an exact test.")
    person = problem.random.factor.codes
    try:
        firth = conditional_logistic(design.X, family.y, person, design.names, penalise=True)
    except NotEstimable as reason:
        raise NotEstimable(f"{message} {reason}") from reason
    notes.append(
        Note(
            "Shown instead: Firth-penalised estimates within persons with penalised-likelihood P "
            f"values ({firth.n_persons} persons with both outcomes contribute), and exact "
            "conditional P values.",
            "caution",
            "firth",
        )
    )
    columns = [design.names.index(n) for n in firth.names]
    X = design.X[:, columns]
    if np.isin(X, (0.0, 1.0)).all():
        with suppress(NotEstimable):
            exact = ExactDistribution(X, family.y, person, progress)
            for j, name in enumerate(firth.names):
                extra[f"exact {name}"] = Quantity(
                    f"exact {name}", f"Exact test of {name}", math.nan, "exact conditional",
                    p=exact.test(j)[0],
                )  # fmt: skip
    table = estimates(
        firth.names, firth.b, firth.se, np.full(len(firth.b), math.inf), spec.level,
        "normal distribution",
    )  # fmt: skip
    coefficients = Coefficients(
        table.names, table.estimate, table.se, table.statistic, table.df, firth.pval,
        table.ci_lb, table.ci_ub, np.diag(table.se**2), spec.level,
        "penalised likelihood ratio (Wald interval)",
    )  # fmt: skip
    return MixedResult(
        model="generalised-mixed",
        title="Conditional logistic regression, Firth-penalised",
        family="mixed",
        k=len(problem.random.factor.levels),
        n=len(frame),
        rows=frame.data.rows[frame.rows],
        excluded=frame.excluded,
        coefficients=coefficients,
        method="Firth-penalised conditional likelihood",
        status=Status(rung="penalised conditional", messages=(message,), aliased=design.aliased),
        notes=(*frame.data.notes, *notes),
        extra=MappingProxyType(extra),
        equation=_equation(problem, spec),
        separated=problem.separated,
    )
