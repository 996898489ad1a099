"""Generalised linear mixed models: binary, binomial, count and ordered outcomes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from metadesk.document import Note
from metadesk.errors import DataProblem, NotEstimable, SpecProblem
from metadesk.models.mixed.climb import Peak, climb, numerical_hessian
from metadesk.models.mixed.conditional import conditional_logistic, exact_conditional_p
from metadesk.models.mixed.families import Binomial, Family, NegativeBinomial, Ordinal, Poisson
from metadesk.models.mixed.inference import Estimates, estimates, stratum_df
from metadesk.models.mixed.linear import random_columns
from metadesk.models.mixed.marginal import marginal_effects
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


@dataclass(frozen=True, eq=False)
class GeneralisedProblem:
    """The data of a generalised mixed model, persons with identical rows collapsed."""

    frame: ModelFrame
    family: Family
    offset: FloatVector
    random: RandomColumns
    persons: Persons
    separated: tuple[str, ...]


def generalised_problem(spec: GeneralisedMixed, data: TrialData) -> GeneralisedProblem:
    """Bind a spec to data, check the outcome, look for separation.

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
    persons = collapse(
        frame.design.X, columns[0].Z, offset, outcome, family, columns[0].factor.codes
    )
    return GeneralisedProblem(frame, family, offset, columns[0], persons, _separated(family, frame))


def _family(spec: GeneralisedMixed, frame: ModelFrame) -> tuple[Family, FloatMatrix]:
    data = frame.data
    if spec.family == "ordinal":
        factor = data.outcome_levels.at(frame.rows)
        if len(factor.levels) < 2:
            raise DataProblem("All outcomes are equal, so there is nothing to explain.")
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
    if problem.separated:
        return _without_finite_estimate(spec, problem)
    likelihood, peak, notes = _fitted(spec, problem, progress)
    if isinstance(problem.family, Binomial) and _endless(likelihood, peak):
        return _without_finite_estimate(spec, problem)
    limit = _poisson_limit(problem.family, peak)
    if limit:
        plain = MarginalLikelihood(_as_poisson(problem.persons), likelihood.rule)
        start = peak.par[1:]
        peak = climb(plain.evaluate, start, progress=progress)
        likelihood = plain
        notes.append(Note(limit, "caution", "poisson-limit"))
    return _summarised(spec, problem, likelihood, peak, notes)


def _endless(likelihood: MarginalLikelihood, peak: Peak) -> bool:
    """Whether the likelihood rises for ever as the variation between persons grows."""
    _, L, _ = likelihood.parts(peak.par)
    return likelihood.q == 1 and abs(float(L[0, 0])) > ENDLESS_SD


def _as_poisson(persons: Persons) -> Persons:
    family = persons.family
    assert isinstance(family, NegativeBinomial)
    return Persons(
        persons.X, persons.Z, persons.offset, Poisson(family.y), persons.starts,
        persons.of_row, persons.counts, persons.pattern_of,
    )  # fmt: skip


def _poisson_limit(family: Family, peak: Peak) -> str:
    if not isinstance(family, NegativeBinomial):
        return ""
    gone = peak.par[0] > 12 if family.quadratic else peak.par[0] < -12
    if not gone:
        return ""
    return (
        "Beyond the variation between persons the counts vary no more than Poisson counts do, so "
        "the "
        "negative binomial model has turned into the Poisson model, which is reported."
    )


def _start(problem: GeneralisedProblem) -> tuple[FloatVector, FloatMatrix]:
    """Fit without random effects; half a unit of variation between persons to begin with."""
    P = problem.persons
    still = Persons(
        P.X,
        np.zeros_like(P.Z[:, :1]),
        P.offset,
        P.family,
        P.starts,
        P.of_row,
        P.counts,
        P.pattern_of,
    )
    flat = MarginalLikelihood(still, gauss_hermite(1))
    k = flat.k
    par = np.concatenate([P.family.start(), np.zeros(1 + flat.p)])
    free = [i for i in range(len(par)) if i != k]

    def evaluate(b: FloatVector) -> tuple[float, FloatVector]:
        full = np.zeros(len(par))
        full[free] = b
        value, slope = flat.evaluate(full)
        return value, slope[free]

    peak = climb(evaluate, par[free], tolerance=1e-9, rough=True)
    return peak.par, peak.hessian


def _fitted(
    spec: GeneralisedMixed, problem: GeneralisedProblem, progress: Progress
) -> tuple[MarginalLikelihood, Peak, list[Note]]:
    q = problem.persons.Z.shape[1]
    base, curvature = _start(problem)
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
                    "method; "
                    "set a number of quadrature points to check it.",
                    "caution",
                    "laplace",
                )
            )
        likelihood = MarginalLikelihood(problem.persons, gauss_hermite(1))
        return likelihood, climb(likelihood.evaluate, start, H, progress=progress), notes
    if spec.integration == "agq":
        likelihood = MarginalLikelihood(problem.persons, gauss_hermite(spec.points))
        return likelihood, climb(likelihood.evaluate, start, H, progress=progress), notes
    likelihood, peak = _refined(problem.persons, start, H, progress)
    return likelihood, peak, notes


def _refined(
    persons: Persons, start: FloatVector, H: FloatMatrix, progress: Progress
) -> tuple[MarginalLikelihood, Peak]:
    """Add points until the likelihood at its maximum no longer changes."""
    likelihood = MarginalLikelihood(persons, gauss_hermite(9))
    peak = climb(likelihood.evaluate, start, H, tolerance=1e-9, rough=True, progress=progress)
    for rule in _ladder(likelihood):
        finer = MarginalLikelihood(persons, rule)
        finer.modes = likelihood.modes.copy()
        value, _ = finer.evaluate(peak.par, gradient=False)
        stable = abs(value - peak.value) < STABLE
        if stable and peak.converged:
            return likelihood, climb(likelihood.evaluate, peak.par, peak.hessian, progress=progress)
        if _endless(likelihood, peak):
            break
        likelihood = finer
        peak = climb(
            likelihood.evaluate, peak.par, peak.hessian, tolerance=1e-10, progress=progress
        )
    return likelihood, peak


def _ladder(likelihood: MarginalLikelihood) -> list[Rule]:
    reach = min(8.6 / max(likelihood.smallest_spread, 0.05), 60.0)
    return [
        *(gauss_hermite(points) for points in (15, 25, 45)),
        *(trapezoid(step, max(reach, 14.0)) for step in (0.4, 0.2, 0.1, 0.05, 0.025)),
    ]


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
        random=(_modes(problem, likelihood, L),),
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
    problem: GeneralisedProblem, likelihood: MarginalLikelihood, L: FloatMatrix
) -> RandomEffects:
    P = likelihood.persons
    u = likelihood.modes @ L.T
    h = np.zeros((len(u), len(L), len(L)))
    modes, covariance = u[P.pattern_of], h[P.pattern_of]
    order = np.arange(len(problem.random.factor.levels))
    return RandomEffects(
        group=problem.random.group,
        levels=tuple(problem.random.factor.levels[i] for i in order),
        terms=problem.random.terms,
        modes=modes,
        sd=np.full(modes.shape, math.nan),
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


def _without_finite_estimate(spec: GeneralisedMixed, problem: GeneralisedProblem) -> MixedResult:
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
        raise NotEstimable(message + " Leave the term out, or compare the arms with an exact test.")
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
        for j, name in enumerate(firth.names):
            try:
                two, _, _ = exact_conditional_p(X, family.y, person, j)
            except NotEstimable:
                break
            extra[f"exact {name}"] = Quantity(
                f"exact {name}", f"Exact test of {name}", math.nan, "exact conditional", p=two,
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
