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
from metadesk.models.mixed.generalised.marginal import marginal_effects
from metadesk.models.mixed.generalised.problem import GeneralisedProblem
from metadesk.models.mixed.generalised.quadrature import MarginalLikelihood
from metadesk.models.mixed.options import GeneralisedMixed
from metadesk.models.mixed.random_effects import RandomEffects
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
        equation=generalised_equation(problem.frame, problem.random, spec),
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
