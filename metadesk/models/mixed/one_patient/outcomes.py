"""Yes/no, counted and ordered outcomes of one person: exact within cycles, and regressions.

There is no random effect of a single person. The cycles are conditioned away (exact) or stand as
fixed levels (regression); counts that vary more than Poisson's widen the interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from metadesk.document import Note
from metadesk.errors import NotEstimable
from metadesk.models.mixed.columns import Factor
from metadesk.models.mixed.generalised.alike import fit_alike
from metadesk.models.mixed.generalised.climb import Peak
from metadesk.models.mixed.generalised.conditional import (
    ConditionalLikelihood,
    conditional_counts,
    conditional_logistic,
)
from metadesk.models.mixed.generalised.exact import ExactDistribution
from metadesk.models.mixed.generalised.families import Binomial, Family, Ordinal, Poisson
from metadesk.models.mixed.generalised.quadrature import Persons
from metadesk.models.mixed.generalised.separation import separated_columns
from metadesk.models.mixed.terms import independent_columns
from metadesk.models.result import Interval, Quantity
from metadesk.numerics.tails import quantile, two_sided_p
from metadesk.numerics.types import BoolVector, FloatMatrix, FloatVector, IntVector

KINDS = ("binary", "count", "ordinal")
FAR = 40.0
STRATIFIED = "exact, given the totals of the cycles"


@dataclass(frozen=True, eq=False)
class Values:
    """The rows of one person on two treatments.

    ``y`` are outcomes (successes, counts, or category codes), ``m`` trials, ``offset`` log
    exposures, ``stratum`` the cycle of each row (all 0 where there are none), ``trend`` the time of
    each row in units of its spread, or None.
    """

    kind: str
    y: FloatVector
    m: FloatVector
    offset: FloatVector
    active: BoolVector
    stratum: IntVector
    levels: tuple[str, ...]
    trend: FloatVector | None = None


@dataclass(frozen=True)
class OutcomeLine:
    """One way to compare the treatments; ``effect`` is a logarithm for ratios."""

    key: str
    label: str
    effect: Quantity


@dataclass(frozen=True)
class OutcomeAnswer:
    """What the outcome's own analyses say.

    ``counts`` are (successes, rows or trials), (events, exposure) or the rows in each category, for
    active and for control. ``main`` is the line to report, None where no ratio is finite.
    """

    kind: str
    counts: tuple[tuple[float, ...], tuple[float, ...]]
    lines: tuple[OutcomeLine, ...]
    main: OutcomeLine | None
    notes: tuple[Note, ...]


def analyse_outcome(v: Values, level: float) -> OutcomeAnswer:
    """Compare the treatments in the terms of the outcome.

    References
    ----------
    Cox & Snell (1989), chapter 2, for conditioning; McCullagh & Nelder (1989) for quasi-likelihood.
    """
    ways = {"binary": _binary, "count": _count, "ordinal": _ordinal}
    lines, notes = ways[v.kind](v, level)
    finite = [q for q in lines if math.isfinite(q.effect.value) and q.effect.se > 0]
    return OutcomeAnswer(v.kind, _counts(v), tuple(lines), next(iter(finite), None), tuple(notes))


def _counts(v: Values) -> tuple[tuple[float, ...], tuple[float, ...]]:
    def of(who: BoolVector) -> tuple[float, ...]:
        if v.kind == "binary":
            return float(v.y[who].sum()), float(v.m[who].sum())
        if v.kind == "count":
            return float(v.y[who].sum()), float(np.exp(v.offset[who]).sum())
        return tuple(float((v.y[who] == c).sum()) for c in range(len(v.levels)))

    return of(v.active), of(~v.active)


def _binary(v: Values, level: float) -> tuple[list[OutcomeLine], list[Note]]:
    lines: list[OutcomeLine] = []
    X = v.active[:, None].astype(float)
    with suppress(NotEstimable):
        listed = ConditionalLikelihood.of_successes(X, v.y, v.m, v.stratum)
        fit = conditional_logistic(X, v.y, v.stratum, ("effect",), trials=v.m)
        lines.append(_exact_line(listed, float(fit.b[0]), float(fit.se[0]), level, _strata(v)))
    family = Binomial(v.y, v.m)
    separated = _separates(v, v.y == 0, v.y == v.m, one_sided=False)
    notes = _no_regression(separated)
    if not separated:
        lines += _regression(v, family, "Logistic regression", level, quasi=v.m.max() > 1)
    return lines, notes


def _count(v: Values, level: float) -> tuple[list[OutcomeLine], list[Note]]:
    lines: list[OutcomeLine] = []
    separated = _separates(v, v.y == 0, v.y > 0, one_sided=True)
    notes = _no_regression(separated)
    if not separated:
        lines += _regression(v, Poisson(v.y), "Quasi-Poisson regression", level, quasi=True)
    X = v.active[:, None].astype(float)
    with suppress(NotEstimable):
        listed = ConditionalLikelihood.of_listed_counts(X, v.y, v.offset, v.stratum)
        fit = conditional_counts(X, v.y, v.offset, v.stratum, ("effect",))
        lines.append(_exact_line(listed, float(fit.b[0]), float(fit.se[0]), level, _strata(v)))
    return lines, notes


def _ordinal(v: Values, level: float) -> tuple[list[OutcomeLine], list[Note]]:
    family = Ordinal(v.y.astype(np.int64), v.levels)
    design = np.column_stack([np.ones(len(v.y)), _design(v, intercept=False)[0]])
    separated = all(
        bool(separated_columns(design, v.y <= c, v.y > c)) for c in range(len(v.levels) - 1)
    )
    if separated:
        return [], _no_regression(True)
    return _regression(v, family, "Proportional odds", level, quasi=False), []


def _strata(v: Values) -> str:
    return STRATIFIED if v.stratum.max(initial=0) > 0 else "exact"


def _separates(v: Values, low: BoolVector, high: BoolVector, *, one_sided: bool) -> bool:
    X, column = _design(v, intercept=True)
    return column in separated_columns(X, low, high, one_sided=one_sided)


def _no_regression(separated: bool) -> list[Note]:
    if not separated:
        return []
    return [
        Note(
            "One treatment goes with one outcome only, so a regression has no finite ratio; the "
            "exact test and the randomisation test stand.",
            "caution",
            "separation",
        )
    ]


def _design(v: Values, *, intercept: bool) -> tuple[FloatMatrix, int]:
    """Columns of cycles, trend and treatment, and where the treatment stands."""
    cycles = np.unique(v.stratum)[1:]
    columns = [np.ones(len(v.y))] if intercept else []
    columns += [(v.stratum == c).astype(float) for c in cycles]
    if v.trend is not None:
        columns.append(v.trend)
    X = np.column_stack([v.active.astype(float), *columns])
    kept, _ = independent_columns(X)
    return X[:, kept], 0


def _regression(
    v: Values, family: Family, label: str, level: float, *, quasi: bool
) -> list[OutcomeLine]:
    """The treatment's coefficient with cycles as fixed levels; t with the dispersion found."""
    X, at = _design(v, intercept=not isinstance(family, Ordinal))
    peak = fit_alike(_one_person(X, v.offset, family), tolerance=1e-18)
    k = len(family.names)
    df = len(v.y) - X.shape[1] - k
    if not peak.converged or df < 1 or not np.isfinite(peak.par).all():
        return []
    spread = np.linalg.pinv(peak.hessian, hermitian=True)
    se, b = math.sqrt(max(float(spread[k + at, k + at]), 0.0)), float(peak.par[k + at])
    if abs(b) > FAR / 2 or se == 0:
        return []
    dispersion = _dispersion(v, family, X, peak) if quasi else 1.0
    inside = " with cycles" if v.stratum.max(initial=0) > 0 else ""
    words = f"{label}{inside}"
    if quasi:
        se *= math.sqrt(dispersion)
        half, p = float(quantile(level, df)) * se, float(two_sided_p(b / se, df))
        method = f"t, {df} df; dispersion {dispersion:.2f}"
    else:
        half, p = float(quantile(level)) * se, float(two_sided_p(b / se))
        method = "Wald"
    effect = Quantity(
        "effect", words, b, method, se=se, df=df if quasi else math.inf, p=p,
        interval=Interval(b - half, b + half, level, method), kind="effect",
    )  # fmt: skip
    return [OutcomeLine("regression", words, effect)]


def _one_person(X: FloatMatrix, offset: FloatVector, family: Family) -> Persons:
    n = len(X)
    rows = np.arange(n)
    return Persons(X, np.zeros((n, 1)), offset, family, rows, rows, np.ones(n), rows, ())


def _dispersion(v: Values, family: Family, X: FloatMatrix, peak: Peak) -> float:
    """Pearson's χ² over its degrees of freedom."""
    eta = X @ peak.par + v.offset
    if isinstance(family, Binomial):
        p = special.expit(eta)
        mean, variance = v.m * p, v.m * p * (1 - p)
    else:
        mean = variance = np.exp(eta)
    chi2 = float(np.sum((v.y - mean) ** 2 / variance))
    return float(chi2 / (len(v.y) - X.shape[1]))


def _exact_line(
    listed: ConditionalLikelihood, b: float, se: float, level: float, how: str
) -> OutcomeLine:
    """Conditional estimate with its exact P value and exact interval."""
    exact = ExactDistribution(listed)
    p = exact.test(0)[0]
    low, high = exact_interval(exact, level)
    edge = exact.seen[0] in (exact.states[:, 0].min(), exact.states[:, 0].max())
    if edge:
        upper = exact.seen[0] == exact.states[:, 0].max()
        b, se = math.inf if upper else -math.inf, math.nan
    effect = Quantity(
        "effect", "Exact", b, how, se=se, p=p,
        interval=Interval(low, high, level, "exact"), kind="effect",
    )  # fmt: skip
    return OutcomeLine("exact", f"Conditional estimate, {how}", effect)


def exact_interval(exact: ExactDistribution, level: float) -> tuple[float, float]:
    """Ends of the log ratio at which either exact tail is half of what is left; tails joined."""
    value = exact.states[:, 0].astype(float)
    logs = np.log(exact.weights)
    seen = float(exact.seen[0])
    tail = (1 - level) / 2

    def upper(b: float) -> float:
        return float(special.softmax(logs + b * value)[value >= seen].sum()) - tail

    def lower(b: float) -> float:
        return tail - float(special.softmax(logs + b * value)[value <= seen].sum())

    low = -math.inf if seen == value.min() else _root(upper)
    high = math.inf if seen == value.max() else _root(lower)
    return low, high


def _root(rising: Callable[[float], float]) -> float:
    """Root of a function that rises with the log ratio."""
    return float(optimize.brentq(rising, -FAR, FAR, xtol=1e-12))


def strata_of(cycle: Factor | None, n: int) -> IntVector:
    """Numbers of the cycles, 0 for all rows where there are none."""
    if cycle is None:
        return np.zeros(n, dtype=np.int64)
    return np.unique(cycle.codes, return_inverse=True)[1].reshape(-1).astype(np.int64)
