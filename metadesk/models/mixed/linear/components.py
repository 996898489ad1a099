"""Variance components with intervals, what they mean for a clinician, and tests of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from metadesk.errors import SpecProblem
from metadesk.models.mixed.linear.moments import Covariance
from metadesk.models.mixed.linear.newton import Optimum
from metadesk.models.mixed.linear.profile import Profile
from metadesk.models.mixed.options import LinearMixed
from metadesk.models.mixed.result import MixedResult
from metadesk.models.result import Interval, Quantity, VarianceComponent
from metadesk.numerics.progress import SILENT, Progress
from metadesk.numerics.tails import chi2_quantile, chi2_sf

MOST_PROFILED = 8


class Problem(Protocol):
    """What is needed of a bound model."""

    @property
    def covariance(self) -> Covariance:
        """Its covariance structure."""
        ...

    @property
    def n(self) -> int:
        """Number of rows."""
        ...

    @property
    def scale(self) -> float:
        """Units of the residual in which the covariance was fitted."""
        ...


def variance_components(
    problem: Problem, optimum: Optimum, spec: LinearMixed, progress: Progress = SILENT
) -> tuple[VarianceComponent, ...]:
    """Variances (and covariances) of random effects and residuals in the sheet's squared units.

    Intervals of variances are by profile likelihood where the spec asks for them.
    """
    theta, covariance = optimum.theta, problem.covariance
    se = _standard_errors(optimum)
    found = []
    units = problem.scale**2
    inside = 0
    profiled = spec.intervals == "profile" and len(theta) <= MOST_PROFILED
    for c, rank in zip(covariance.components, optimum.ranks, strict=True):
        D = c.matrix(theta)
        for k, (a, b) in enumerate(c.pairs):
            at = c.start + k
            inside = at + 1
            edge = rank < c.size and (a == b and D[a, a] <= 1e-10)
            singular = rank < c.size and c.size > 1 and a != b
            interval = None
            if a == b and profiled:
                interval = profile_interval(problem, optimum, at, spec, progress)
            found.append(
                VarianceComponent(
                    name=covariance.parameters[at],
                    title=_title(c.group, c.terms[a], c.terms[b]),
                    estimate=float(D[a, b]) * units,
                    n_levels=c.n_levels,
                    se=float(se[at]) * units,
                    at_boundary=edge or singular,
                    interval=interval,
                )
            )
    for k in range(inside, len(theta)):
        name = covariance.parameters[k]
        factor = 1.0 if name == "phi" else units
        interval = None
        if profiled and name in ("Residual", "phi"):
            interval = profile_interval(problem, optimum, k, spec, progress)
        floor = covariance.floors.get(k)
        resting = floor is not None and bool(theta[k] <= floor)
        found.append(
            VarianceComponent(
                name=name,
                title=name if name != "phi" else "Autocorrelation φ",
                estimate=0.0 if resting else float(theta[k]) * factor,
                n_levels=problem.n,
                se=float(se[k]) * factor,
                at_boundary=resting,
                interval=interval,
            )
        )
    return tuple(found)


def _title(group: str, a: str, b: str) -> str:
    of = group or "person"
    if a == b:
        return f"level by {of}" if a == "(Intercept)" else f"{a} by {of}"
    return (
        f"covariance of level and {a} by {of}"
        if b == "(Intercept)"
        else f"covariance of {a} and {b} by {of}"
    )


def _standard_errors(optimum: Optimum) -> np.ndarray:
    J = optimum.jacobian
    try:
        spread = 2 * np.linalg.inv(optimum.hessian)
    except np.linalg.LinAlgError:
        return np.full(len(optimum.theta), np.nan)
    return np.asarray(np.sqrt(np.maximum(np.einsum("ka,ab,kb->k", J, spread, J), 0.0)))


def profile_interval(
    problem: Problem, optimum: Optimum, at: int, spec: LinearMixed, progress: Progress = SILENT
) -> Interval | None:
    """Interval of one variance (or φ): values whose profile likelihood is not much smaller.

    In the sheet's squared units. The lower end is 0 where the likelihood allows it; None where an
    end cannot be found.
    """
    covariance, restricted = problem.covariance, spec.method == "REML"
    drop = chi2_quantile(spec.level, 1)
    is_phi = covariance.parameters[at] == "phi"
    units = 1.0 if is_phi else problem.scale**2
    floor, ceiling = 0.0, math.inf
    if is_phi:
        floor, ceiling = covariance.floors.get(at, -0.999), 0.999
    profile = Profile(covariance, problem.n, restricted, optimum, at, float(drop), progress)
    lower, upper = profile.ends(floor, ceiling)
    if math.isnan(lower) or math.isnan(upper):
        return None
    return Interval(lower * units, upper * units, spec.level, "profile likelihood")


def component_quantities(
    problem: Problem, optimum: Optimum, spec: LinearMixed
) -> dict[str, Quantity]:
    """Intraclass correlation, within-person SD and minimal detectable change.

    For a random intercept with one residual variance only; on the log scale also the within-person
    coefficient of variation.
    """
    parts = problem.covariance.components
    theta = optimum.theta
    names = problem.covariance.parameters
    if names[-1] != "Residual" or len(parts) == 0:
        return {}
    s2 = float(theta[-1]) * problem.scale**2
    method = spec.method
    within = math.sqrt(s2)
    found = {
        "within_sd": Quantity("within_sd", "Within-person SD", within, method, kind="number"),
        "mdc": Quantity(
            "mdc",
            "Minimal detectable change (95 %)",
            1.959963984540054 * math.sqrt(2 * s2),
            "1.96·√2·within-person SD",
            kind="number",
        ),
    }
    if spec.transform == "log":
        cv = 100 * math.sqrt(math.expm1(s2))
        found["cv_w"] = Quantity("cv_w", "Within-person CV", cv, "√(exp s²−1)", kind="percent")
    if len(parts) == 1 and parts[0].size == 1:
        between = float(theta[0]) * problem.scale**2
        icc = between / (between + s2)
        found["icc"] = Quantity("icc", "Intraclass correlation", icc, method, kind="number")
    return found


@dataclass(frozen=True)
class RatioTest:
    """A likelihood-ratio test of two nested models; ``mixture`` weighs chi-squares by their df."""

    statistic: float
    mixture: tuple[tuple[float, float], ...]
    p: float
    method: str


def likelihood_ratio(smaller: MixedResult, larger: MixedResult) -> RatioTest:
    """Compare two nested fits to the same rows.

    Models that differ in their random effects are compared with the chi-square mixture that holds
    at the boundary: ½χ²(q) + ½χ²(q+1) where a random effect with its q covariances is added.

    Raises
    ------
    SpecProblem
        If restricted likelihoods of different fixed effects were to be compared, or the rows
        differ.

    References
    ----------
    Self & Liang (1987); Stram & Lee (1994).
    """
    if smaller.statistics is None or larger.statistics is None:
        raise SpecProblem("Only fits with a likelihood can be compared.")
    if not np.array_equal(smaller.rows, larger.rows):
        raise SpecProblem("The two models use different rows; fit both to the same rows.")
    same_terms = smaller.coefficients.names == larger.coefficients.names
    if not same_terms and (smaller.statistics.restricted or larger.statistics.restricted):
        raise SpecProblem(
            "Restricted likelihoods of models with different fixed terms are not comparable; fit "
            "both by maximum likelihood."
        )
    statistic = max(0.0, 2 * (larger.statistics.logLik - smaller.statistics.logLik))
    gap = larger.statistics.n_parameters - smaller.statistics.n_parameters
    if gap <= 0:
        raise SpecProblem("The second model must have more parameters than the first.")
    added = sum(len(D) for D in larger.covariances.values()) - sum(
        len(D) for D in smaller.covariances.values()
    )
    mixture: tuple[tuple[float, float], ...]
    if same_terms and added == 1:
        mixture = ((0.5, float(gap - 1)), (0.5, float(gap)))
        method = f"mixture ½χ²({gap - 1}) + ½χ²({gap}) (variance at its boundary)"
    else:
        mixture = ((1.0, float(gap)),)
        method = f"χ²({gap})" + ("; conservative for variances" if added > 1 else "")
    p = sum(
        w * (float(chi2_sf(statistic, df)) if df > 0 else float(statistic <= 0))
        for w, df in mixture
    )
    return RatioTest(statistic, mixture, min(1.0, p), method)
