"""Everything that is reported about a fitted generalised mixed model."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np

from metadesk.document import Note
from metadesk.errors import NotEstimable
from metadesk.models.mixed.estimates import Estimates, estimates
from metadesk.models.mixed.generalised.climb import Peak, numerical_hessian
from metadesk.models.mixed.generalised.families import Binomial, Family, NegativeBinomial
from metadesk.models.mixed.generalised.marginal import cholesky_factor, marginal_effects
from metadesk.models.mixed.generalised.problem import GeneralisedProblem
from metadesk.models.mixed.generalised.quadrature import MarginalLikelihood
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.random_effects import RandomEffects, by_group, by_level
from metadesk.models.mixed.result import MixedResult, estimates_table
from metadesk.models.mixed.strata import stratum_df
from metadesk.models.mixed.wording import generalised_equation
from metadesk.models.result import (
    Coefficients,
    FitStatistics,
    Quantity,
    Status,
    VarianceComponent,
)
from metadesk.numerics.types import FloatMatrix, FloatVector

EDGE = 1e-4  # a standard deviation below it is none
WIDE_SD = 4.0


def summarise(
    spec: GeneralisedMixed,
    problem: GeneralisedProblem,
    likelihood: MarginalLikelihood,
    peak: Peak,
    notes: list[Note],
) -> MixedResult:
    """Everything that is reported about a fitted model."""
    frame, design = problem.frame, problem.frame.design
    psi, L, beta = likelihood.parts(peak.par)
    k, m, n = likelihood.k, likelihood.m, len(frame)
    factors = _factors(problem, peak.par[k : k + m])
    edges = [bool(np.linalg.svd(f, compute_uv=False)[-1] < EDGE) for f in factors]
    spread = _covariance(likelihood, peak, problem, edges)
    spread_beta = spread[k + m :, k + m :]
    if (np.diag(spread_beta) <= 0).any():
        raise NotEstimable(
            "The likelihood is flat along some of the coefficients, so they have no standard "
            "errors; simplify the random effects or leave out terms."
        )
    df = _degrees(spec, problem, len(beta))
    rule = "normal distribution" if spec.df == "z" else "between–within"
    table = estimates(design.names, beta, np.sqrt(np.diag(spread_beta)), df, spec.level, rule)
    Ds = [f @ f.T if len(f) > 1 or not e else 0 * f for f, e in zip(factors, edges, strict=True)]
    boundary = tuple(
        f"variation between levels of {c.group or 'person'}"
        for c, edge in zip(problem.components, edges, strict=True)
        if edge
    )
    if likelihood.q == 1 and edges[0]:
        L = np.zeros_like(L)
    notes = [*notes, *_notes(problem, likelihood, peak, boundary)]
    extra = _own_quantities(problem.family, psi, spread[:k, :k])
    extra.update(
        marginal_effects(
            spec, frame, likelihood.persons.family, problem.components, peak.par, spread
        )
    )
    ratios = _treatment_ratios(table)
    return MixedResult(
        model="generalised-mixed",
        title=f"Generalised linear mixed model, {_named(problem.family)}",
        family="mixed",
        k=len(frame.factor(frame.data.roles.subject).levels),
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
        components=_components(problem, Ds, edges),
        statistics=_statistics(peak.value, n, _parameters(spec, likelihood)),
        notes=(*frame.data.notes, *notes),
        extra=MappingProxyType(extra),
        tables=(estimates_table("Ratios given the person", "ratios", ratios, None),)
        if ratios is not None
        else (),
        random=_modes(problem, likelihood, L, peak.par),
        covariances=MappingProxyType(by_group(problem.components, Ds)),
        rule="z",
        equation=generalised_equation(frame, problem.groups, spec),
    )


def _factors(problem: GeneralisedProblem, parameters: FloatVector) -> list[FloatMatrix]:
    """Cholesky factor of each block of random effects."""
    return [cholesky_factor(c, parameters) for c in problem.components]


def _degrees(spec: GeneralisedMixed, problem: GeneralisedProblem, p: int) -> FloatVector:
    if spec.df != "between-within":
        return np.full(p, math.inf)
    groups = sorted(problem.groups, key=lambda g: len(g.factor.levels))
    codes = tuple(g.factor.codes for g in groups)
    return stratum_df(problem.frame.design.X, codes, tuple(g.Z[:, 1:] for g in groups))[0]


def _parameters(spec: GeneralisedMixed, likelihood: MarginalLikelihood) -> int:
    """How many parameters were estimated; a dispersion at its Poisson limit is one of them."""
    lost = spec.family in ("nbinom1", "nbinom2") and likelihood.k == 0
    return likelihood.size + int(lost)


def _statistics(loglik: float, n: int, count: int) -> FitStatistics:
    correction = 2 * count * (count + 1) / (n - count - 1) if n > count + 1 else math.nan
    aic = -2 * loglik + 2 * count
    bic = -2 * loglik + count * math.log(n)
    return FitStatistics(loglik, -2 * loglik, aic, bic, aic + correction, False, count)


def _components(
    problem: GeneralisedProblem, Ds: list[FloatMatrix], edges: list[bool]
) -> tuple[VarianceComponent, ...]:
    found = []
    for c, D, edge in zip(problem.components, Ds, edges, strict=True):
        for i, name in enumerate(c.terms):
            found.append(
                VarianceComponent(
                    name=f"{c.group}: {name}",
                    title=f"{'level' if name == '(Intercept)' else name} by {c.group or 'person'}",
                    estimate=float(D[i, i]),
                    n_levels=c.n_levels,
                    at_boundary=edge and D[i, i] < EDGE**2,
                )
            )
    return tuple(found)


def _notes(
    problem: GeneralisedProblem,
    likelihood: MarginalLikelihood,
    peak: Peak,
    boundary: tuple[str, ...],
) -> list[Note]:
    found = []
    if boundary and likelihood.q == 1:
        found.append(
            Note(
                "At the boundary: the data show no variation between persons beyond chance; the "
                "coefficients are those of the model without it.",
                "caution",
                "singular-fit",
            )
        )
    elif boundary:
        found.append(
            Note(
                f"At the boundary: {', '.join(boundary)}. The data show no such variation beyond "
                f"chance, which does not prove that there is none.",
                "caution",
                "singular-fit",
            )
        )
    sd = abs(float(peak.par[likelihood.k])) / likelihood.unit
    if likelihood.q == 1 and sd > WIDE_SD and isinstance(problem.family, Binomial):
        found.append(
            Note(
                f"The standard deviation between persons is {sd:.1f} on the logit scale: most "
                f"persons answer alike in all periods. Compare the conditional analysis within "
                f"persons, which does not depend on how levels are distributed.",
                "caution",
                "large-random-sd",
            )
        )
    if not peak.converged:
        found.append(
            Note(
                "The fit did not converge; do not use its numbers. Simplify the random effects or "
                "the terms.",
                "strong",
                "not-converged",
            )
        )
    return found


def _coefficients(table: Estimates, vb: FloatMatrix) -> Coefficients:
    return Coefficients(
        table.names, table.estimate, table.se, table.statistic, table.df, table.pval,
        table.ci_lb, table.ci_ub, vb, table.level,
        "z" if table.rule == "normal distribution" else f"t, {table.rule}",
    )  # fmt: skip


def _covariance(
    likelihood: MarginalLikelihood, peak: Peak, problem: GeneralisedProblem, edges: list[bool]
) -> FloatMatrix:
    """Inverse observed information; without the directions that have no variation."""
    H = peak.hessian if peak.exact else numerical_hessian(likelihood.evaluate, peak.par)
    k = likelihood.k
    keep = np.ones(len(H), dtype=bool)
    for c, edge in zip(problem.components, edges, strict=True):
        for i, (a, b) in enumerate(c.pairs, start=k + c.start):
            if edge and a == b and (c.size == 1 or abs(peak.par[i]) < 10 * EDGE):
                keep[i] = False
    found = np.zeros_like(H)
    inner = np.linalg.pinv(H[np.ix_(keep, keep)], hermitian=True)
    found[np.ix_(keep, keep)] = inner
    return found


def _modes(
    problem: GeneralisedProblem, likelihood: MarginalLikelihood, L: FloatMatrix, par: FloatVector
) -> tuple[RandomEffects, ...]:
    P = likelihood.persons
    u = likelihood.modes @ L.T
    h = L @ likelihood.mode_covariance(par) @ L.T
    nothing = np.zeros((len(P.pattern_of), len(L), 0))
    return by_level(problem.groups, problem.blocks, u[P.pattern_of], h[P.pattern_of], nothing)


def _own_quantities(family: Family, psi: FloatVector, spread: FloatMatrix) -> dict[str, Quantity]:
    se = np.sqrt(np.maximum(np.diag(spread), 0.0)) if len(psi) else np.zeros(0)
    method = "maximum likelihood"
    if isinstance(family, NegativeBinomial):
        title = "Dispersion k" if family.quadratic else "Dispersion φ"
        if not len(psi):
            limit = math.inf if family.quadratic else 0.0
            return {"dispersion": Quantity("dispersion", title, limit, "Poisson limit")}
        value = math.exp(psi[0])
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


def _treatment_ratios(table: Estimates) -> Estimates | None:
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
