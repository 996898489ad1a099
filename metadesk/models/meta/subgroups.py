"""Subgroups: one estimate a group, the test of their difference, the overall result beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from metadesk.document import Cell, Column, Note, Table
from metadesk.errors import DataProblem, NotEstimable, SpecProblem
from metadesk.models.meta.data import MetaData
from metadesk.models.meta.design import Factor, build_design
from metadesk.models.meta.fixed_effect import FixedEffect, fit_fixed
from metadesk.models.meta.mixed_effects import MixedEffects, fit_mixed
from metadesk.models.meta.prediction import CLOSED
from metadesk.models.meta.predictions import linear_combinations, pairwise, predict
from metadesk.models.meta.random_effects import PROFILE, RandomEffects, fit_random
from metadesk.models.meta.wald import coefficient_table
from metadesk.models.result import Coefficients, FitResult, Interval, Omnibus, Quantity
from metadesk.numerics.tails import chi2_sf
from metadesk.numerics.types import IntVector


class Rows(Protocol):
    """Data that can be restricted to some of its studies."""

    @property
    def k(self) -> int:
        """Number of studies."""
        ...


D = TypeVar("D", bound=Rows)


@dataclass(frozen=True, eq=False)
class Subgroup:
    """One group: its rows in the data, its estimate, and (with separate tau²) its own fit."""

    level: str
    rows: IntVector
    estimate: Quantity
    prediction: Interval | None
    fit: FitResult | None
    weight: float

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.rows.size)


@dataclass(frozen=True, eq=False)
class SubgroupAnalysis:
    """Subgroups of one column with the test of their differences.

    ``tau2`` says whether tau² is 'separate' or 'common'; with a common one ``model`` is the
    meta-regression on the groups. ``Q_within`` sums the groups' own Q. ``pairs`` holds the
    differences of every two groups, the later in the table less the earlier.
    """

    column: str
    tau2: str
    groups: tuple[Subgroup, ...]
    difference: Omnibus
    Q_within: float
    overall: FitResult
    model: FitResult | None = None
    notes: tuple[Note, ...] = ()
    pairs: Coefficients | None = None

    def table(self) -> Table:
        """One row a group, then the overall estimate; the test stands in the note."""
        columns = (
            Column("level", self.column),
            Column("k", "Studies", "count"),
            Column("estimate", "Estimate", "effect", 3),
            Column("ci_lb", "CI lower", "effect", 3),
            Column("ci_ub", "upper", "effect", 3),
            Column("pval", "P", "p"),
            Column("tau2", "τ²", "variance"),
            Column("I2", "I²", "percent"),
        )
        rows = [_row(g.level, g.k, g.estimate, g.fit or self.model) for g in self.groups]
        rows.append(_row("Overall", self.overall.k, self.overall.pooled, self.overall))
        d = self.difference
        said = (
            f"Test for subgroup differences: {d.method} = {d.statistic:.2f}, "
            f"df = {d.df1:g}, P = {d.p:.4g}; τ² {self.tau2}."
        )
        return Table(f"Subgroups by {self.column}", columns, tuple(rows), (said,), "subgroups")


def _row(level: str, k: int, q: Quantity, fit: FitResult | None) -> tuple[Cell, ...]:
    h = None if fit is None else fit.heterogeneity
    ends = (math.nan, math.nan) if q.interval is None else (q.interval.lower, q.interval.upper)
    spread = (math.nan, math.nan) if h is None else (h.tau2, h.I2)
    return (level, k, q.value, *ends, q.p, *spread)


def separate_subgroups(
    fit: Callable[[D], FitResult],
    data: D,
    take: Callable[[D, IntVector], D],
    groups: Sequence[str],
    column: str,
    order: Sequence[str] = (),
) -> SubgroupAnalysis:
    """Fit every group on its own and compare the estimates.

    The test takes each estimate with its own standard error as the test of the model has it:
    ``Q = sum(w (b - mean)²)``, chi-square on one less than the number of groups (Borenstein et al.
    2009, ch. 19, method 2). Works for any model of study rows, counts included. A group whose model
    cannot be fitted is left out and named.
    """
    found, notes = [], []
    for level in _levels(groups, order):
        rows = np.flatnonzero(np.array([g == level for g in groups]))
        try:
            one = fit(take(data, rows))
        except (NotEstimable, DataProblem) as problem:
            notes.append(Note(f"{column} {level}: {problem}", "caution", "subgroup-not-estimable"))
            continue
        estimate = replace(one.pooled, name=level, title=level)
        found.append(Subgroup(level, rows, estimate, one.prediction, one, math.nan))
    overall = fit(data)
    difference = compare_estimates([g.estimate for g in found], column)
    within = sum(g.fit.heterogeneity.QE for g in found if g.fit and g.fit.heterogeneity)
    return SubgroupAnalysis(
        column,
        "separate",
        _weighted(found, overall),
        difference,
        within,
        overall,
        notes=tuple(notes) + _few(found),
        pairs=_independent_pairs([g.estimate for g in found], overall.coefficients.level),
    )


def _independent_pairs(groups: Sequence[Quantity], level: float) -> Coefficients | None:
    """Differences of independent estimates, tested by z as their Q is by chi-square."""
    if len(groups) < 2:
        return None
    names, L = pairwise([q.name for q in groups])
    b = L @ np.array([q.value for q in groups])
    vb = (L * np.array([q.se**2 for q in groups])) @ L.T
    return coefficient_table(names, b, vb, math.inf, level, "z, the groups' standard errors")


def compare_estimates(estimates: Sequence[Quantity], what: str) -> Omnibus:
    """Cochran's Q of independent estimates; NaN with fewer than two or a standard error of 0."""
    b = np.array([q.value for q in estimates])
    se = np.array([q.se for q in estimates])
    names = tuple(q.name for q in estimates)
    df = float(b.size - 1)
    title = f"Test for subgroup differences ({what})"
    if df < 1 or not (np.isfinite(se) & (se > 0)).all():
        return Omnibus(title, math.nan, "chi2", max(df, 0.0), math.inf, math.nan, names, "Q")
    w = 1.0 / se**2
    q = float((w * (b - w.dot(b) / w.sum()) ** 2).sum())
    return Omnibus(title, q, "chi2", df, math.inf, float(chi2_sf(q, df)), names, "Q")


def analyse_subgroups(
    model: RandomEffects | FixedEffect,
    data: MetaData,
    groups: Sequence[str],
    column: str,
    *,
    common_tau2: bool = False,
    order: Sequence[str] = (),
) -> SubgroupAnalysis:
    """Subgroups of inverse-variance models, with tau² separate or common.

    A common tau² is the residual tau² of a meta-regression on the groups; the test of
    differences is then its test of moderators. With few studies a group (five or less) it is the
    steadier choice.
    """
    if len(groups) != data.k:
        raise DataProblem(f"There are {data.k} studies but {len(groups)} values of {column}.")
    if not common_tau2:
        if isinstance(model, FixedEffect):
            fixed = model
            return separate_subgroups(
                lambda d: fit_fixed(fixed, d), data, _take, groups, column, order
            )
        random = model
        return separate_subgroups(
            lambda d: fit_random(random, d), data, _take, groups, column, order
        )
    return _common(model, data, groups, column, order)


def _take(data: MetaData, rows: IntVector) -> MetaData:
    return data.take(rows)


def _common(
    model: RandomEffects | FixedEffect,
    data: MetaData,
    groups: Sequence[str],
    column: str,
    order: Sequence[str],
) -> SubgroupAnalysis:
    levels = _levels(groups, order)
    mixed = _as_mixed(model)
    if len(levels) < 2:
        raise NotEstimable(f"All studies have the same value of {column}; there are no subgroups.")
    factor = Factor(column, tuple(levels))
    cells = {column: list(groups)}
    contrast = fit_mixed(mixed, _with(data, cells, factor, True))
    full = _with(data, cells, factor, False)
    means = fit_mixed(mixed, full)
    c, h = means.coefficients, means.heterogeneity
    rule = mixed.prediction if mixed.prediction in CLOSED else "test"
    reach = predict(means, np.eye(len(levels)), prediction=rule)
    found = []
    for i, level in enumerate(levels):
        rows = np.flatnonzero(np.array([g == level for g in groups]))
        estimate = replace(c.at(c.names[i]), name=level, title=level)
        pi = None
        if means.components and not math.isnan(reach.pi_lb[i]):
            pi = Interval(float(reach.pi_lb[i]), float(reach.pi_ub[i]), c.level, rule)
        found.append(Subgroup(level, rows, estimate, pi, None, math.nan))
    overall = fit_fixed(model, data) if isinstance(model, FixedEffect) else fit_random(model, data)
    within = math.nan if h is None else h.QE
    difference = replace(contrast.omnibus[0], title=f"Test for subgroup differences ({column})")
    return SubgroupAnalysis(
        column, "common", _weighted(found, overall), difference, within, overall, contrast,
        _few(found), _pairs_of(means, levels),
    )  # fmt: skip


def _pairs_of(means: FitResult, levels: Sequence[str]) -> Coefficients:
    """Differences of the groups' coefficients, by the model's own test."""
    names, L = pairwise(levels)
    return replace(linear_combinations(means, L), names=names)


def _as_mixed(model: RandomEffects | FixedEffect) -> MixedEffects:
    if isinstance(model, FixedEffect):
        return MixedEffects("none", model.test, model.level, weighting=model.weighting)
    if model.test == PROFILE:
        raise SpecProblem(
            "The profile likelihood is that of one mean. Let each subgroup have its own τ², or "
            "choose another test."
        )
    rule = model.prediction if model.prediction in (*CLOSED, "none") else "test"
    return MixedEffects(
        model.tau2,
        model.test,
        model.level,
        rule,
        model.tau2_interval,
        model.I2,
        model.weighting,
        model.tau2_value,
        model.q_weights,
    )


def _with(data: MetaData, cells: dict[str, list[str]], factor: Factor, intercept: bool) -> MetaData:
    design = build_design(cells, [factor], intercept=intercept)
    return replace(data, X=design.X, names=design.names, design=design)


def _levels(groups: Sequence[str], order: Sequence[str]) -> list[str]:
    found = dict.fromkeys(groups)
    return [g for g in order if g in found] + [g for g in found if g not in order]


def _weighted(groups: list[Subgroup], overall: FitResult) -> tuple[Subgroup, ...]:
    """Each group's share of the overall weights, in percent."""
    if overall.weights is None:
        return tuple(groups)
    w = overall.weights
    return tuple(replace(g, weight=float(w[g.rows].sum())) for g in groups)


def _few(groups: list[Subgroup]) -> tuple[Note, ...]:
    small = [g.level for g in groups if g.k <= 5]
    if not small:
        return ()
    return (
        Note(
            f"Five studies or fewer in {', '.join(small)}: τ² of its own is unsteady there; "
            "compare a common τ².",
            "caution",
            "small-subgroups",
        ),
    )
