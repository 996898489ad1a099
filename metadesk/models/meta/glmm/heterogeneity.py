"""Tests of heterogeneity against the saturated model, and what the random effects were."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from metadesk.models.meta.glmm.data import CountData
from metadesk.models.meta.glmm.estimate import Rule
from metadesk.models.meta.glmm.families import Hypergeometric
from metadesk.models.meta.glmm.newton import Optimum, Point, Problem, linear_predictor
from metadesk.models.meta.glmm.problems import CountModel, saturated_with_random_studies
from metadesk.models.meta.glmm.quadrature import posterior_of_effects
from metadesk.models.result import Omnibus
from metadesk.numerics.progress import Progress
from metadesk.numerics.tails import chi2_sf
from metadesk.numerics.types import FloatMatrix, FloatVector


@dataclass(frozen=True)
class HeterogeneityTests:
    """Wald and likelihood-ratio test that all studies share one effect (given the moderators)."""

    wald: float
    wald_p: float
    lrt: float
    lrt_p: float
    df: float
    saturated: float

    def as_omnibus(self) -> tuple[Omnibus, ...]:
        """Both tests for the report."""
        return (
            Omnibus(
                "Heterogeneity, likelihood ratio", self.lrt, "chi2", self.df, math.inf,
                self.lrt_p, (), "Likelihood ratio against the saturated model",
            ),
            Omnibus(
                "Heterogeneity, Wald", self.wald, "chi2", self.df, math.inf, self.wald_p, (),
                "Wald test of the saturated model; none where a study has an empty cell",
            ),
        )  # fmt: skip


def tests_of_heterogeneity(
    data: CountData,
    model: CountModel,
    problem: Problem,
    equal: Optimum,
    rule: Rule,
    progress: Progress,
) -> HeterogeneityTests:
    """Compare equal effects with one effect a study; the Wald test needs every cell filled."""
    df = float(data.k - data.p)
    if model == "UM.RS":
        wald, saturated = _with_random_studies(data, problem, equal, rule, progress)
    else:
        theta, variance = _free_effects(data, problem)
        wald = math.nan
        if np.isfinite(variance).all():
            wald = _residual_q(theta, data.X, lambda M: M / variance[:, None])
        saturated = float(problem.family.saturated().sum())
    lrt = max(2.0 * (saturated - equal.log_likelihood), 0.0)
    if df <= 0:
        return HeterogeneityTests(0.0, 1.0, 0.0, 1.0, 0.0, saturated)
    wald_p = float(chi2_sf(wald, df)) if math.isfinite(wald) else math.nan
    return HeterogeneityTests(wald, wald_p, lrt, float(chi2_sf(lrt, df)), df, saturated)


def _free_effects(data: CountData, problem: Problem) -> tuple[FloatVector, FloatVector]:
    """Each study's own estimate in the model's likelihood; its variance (infinite at an end)."""
    family = problem.family
    if isinstance(family, Hypergeometric):
        return family.free_estimates()
    y, n = data.events, data.totals
    cells = y if data.measure in ("IRR", "IRLN") else np.concatenate([y, n - y])
    if data.measure == "OR" and problem.offset.shape[0] == 1:
        cells = y
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (1.0 / cells).sum(axis=0)
        if data.measure == "OR" and problem.offset.shape[0] == 2:
            theta = np.log(y[0] / (n[0] - y[0])) - np.log(y[1] / (n[1] - y[1]))
        elif data.measure == "PLO":
            theta = np.log(y[0] / (n[0] - y[0]))
        else:
            rate = np.log(y / n)
            theta = rate[0] - rate[1] if rate.shape[0] == 2 else rate[0]
    return theta, variance


def _residual_q(
    theta: FloatVector, X: FloatMatrix, weighed: Callable[[FloatMatrix], FloatMatrix]
) -> float:
    """Generalised least-squares residual about ``X``; NaN if an estimate is infinite.

    ``weighed`` multiplies by the precision of ``theta``, which is never formed.
    """
    if not np.isfinite(theta).all():
        return math.nan
    Q = np.linalg.qr(X)[0]
    WQ, residual = weighed(Q), theta
    for _ in range(2):  # once more, for the digits that a large mean has taken
        b = np.linalg.lstsq(Q.T @ WQ, WQ.T @ residual, rcond=None)[0]
        residual = residual - Q @ b
    return max(float(residual @ weighed(residual[:, None])[:, 0]), 0.0)


def _with_random_studies(
    data: CountData, problem: Problem, equal: Optimum, rule: Rule, progress: Progress
) -> tuple[float, float]:
    """Wald statistic and log-likelihood of UM.RS with an effect of its own for every study."""
    full = saturated_with_random_studies(problem, data.p)
    own, _ = data.approximate_effects()
    start = Point(equal.point.beta[data.p :], own, equal.point.scales[:1])
    found, _ = rule.best(full, start, progress)
    filled = bool((data.events > 0).all())
    if data.measure == "OR":
        filled = filled and bool((data.events < data.totals).all())
    wald = math.nan
    if filled:
        wald = _residual_q(found.point.own, data.X, found.own_precision)
    return wald, found.log_likelihood


def conditional_deviance(problem: Problem, found: Optimum) -> float:
    """Deviance of the counts at the modes of the random effects.

    This is what ``lme4::deviance`` gives for a generalised linear mixed model, and what metafor's
    ``logLik`` of UM.FS, CM.AL, PLO and IRLN fits is made of; a marginal likelihood it is not.
    """
    eta = linear_predictor(problem, found.point)
    scales = found.point.scales
    if scales.size:
        z = problem.z[: scales.size]
        eta = eta + np.einsum("qrk,q,qk->rk", z, scales, found.mode)
    seen = problem.family.terms(eta)[0]
    return float(2.0 * (problem.family.saturated() - seen).sum())


def posterior_effects(problem: Problem, found: Optimum) -> tuple[FloatVector, FloatVector]:
    """Posterior mean and SD of each study's random treatment effect, parameters as estimated."""
    eta = linear_predictor(problem, found.point)
    mean, sd = posterior_of_effects(
        problem.family, eta, problem.z, found.point.scales, 15 if found.nodes > 1 else 7
    )
    scale = float(found.point.scales[-1])
    return scale * mean, scale * sd
