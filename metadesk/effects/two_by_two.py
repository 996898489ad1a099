"""Two groups, events and non-events: odds ratio, risk ratio, risk difference and their kin.

Group 1 has ``ai`` events and ``bi`` non-events, group 2 ``ci`` and ``di``; totals ``n1i``, ``n2i``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from metadesk.effects.across import ODDS_OF_MEANS
from metadesk.effects.estimates import ESTIMATE_ROUTES
from metadesk.effects.generic import OBSERVED_EXPECTED
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Inputs,
    Measure,
    Need,
    Remark,
    Route,
    log_scale,
    plain_scale,
)
from metadesk.effects.scales import FISHER_Z
from metadesk.effects.sources import (
    CHINN,
    COX,
    FLEISS,
    RUCKER,
    SANCHEZ_MECA,
    YULE,
    YUSUF,
)
from metadesk.effects.zeros import ZeroCells, ZeroCellsKept, corrected, without_events
from metadesk.numerics.types import FloatVector
from metadesk.options import choice

CELLS = ("ai", "bi", "ci", "di")
_VTYPE = "Variance"
LARGE = "large-sample approximation"
AVERAGE = "with the average proportion of each group over studies"
NULL = "under no difference between the groups"


@dataclass(frozen=True)
class RatioOptions(ZeroCells):
    """Zero cells and variance of odds ratios and risk ratios."""

    vtype: str = choice(_VTYPE, {"LS": LARGE, "AV": AVERAGE, "H0": NULL}, "LS", advanced=True)


@dataclass(frozen=True)
class DifferenceOptions(ZeroCells):
    """Zero cells and variance of risk differences."""

    vtype: str = choice(
        _VTYPE, {"LS": LARGE, "UB": "unbiased", "AV": AVERAGE, "H0": NULL}, "LS", advanced=True
    )


@dataclass(frozen=True)
class PhiOptions(ZeroCellsKept):
    """Zero cells and sampling scheme of the phi coefficient."""

    vtype: str = choice(
        _VTYPE,
        {"LS": "one sample, classified twice", "CS": "the same (cross-sectional)",
         "ST": "two groups of fixed size (stratified)"},
        "LS",
        advanced=True,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Table2x2:
    """Cells after the zero-cell rule, with what that rule did."""

    ai: FloatVector
    bi: FloatVector
    ci: FloatVector
    di: FloatVector
    total: FloatVector
    reasons: tuple[Remark, ...]
    notes: tuple[Remark, ...]

    @property
    def n1i(self) -> FloatVector:
        """Size of group 1."""
        return self.ai + self.bi

    @property
    def n2i(self) -> FloatVector:
        """Size of group 2."""
        return self.ci + self.di

    @property
    def p1i(self) -> FloatVector:
        """Proportion with the event in group 1."""
        return self.ai / self.n1i

    @property
    def p2i(self) -> FloatVector:
        """Proportion with the event in group 2."""
        return self.ci / self.n2i

    @property
    def ni(self) -> FloatVector:
        """Size of both groups."""
        return self.n1i + self.n2i

    @property
    def pooled(self) -> FloatVector:
        """Proportion with the event in both groups together."""
        return (self.ai + self.ci) / self.ni

    def answer(self, yi: FloatVector, vi: FloatVector) -> Computed:
        """Estimates with the remarks of the zero-cell rule."""
        return Computed(yi, vi, self.total, self.reasons, self.notes)


def mended(columns: Columns, options: Any) -> Table2x2:
    """Apply the zero-cell rule to the tables."""
    cells = [columns[role] for role in CELLS]
    reasons: tuple[Remark, ...] = (without_events(*cells),) if options.drop00 else ()
    if reasons:
        kept = ~reasons[0].mask
        columns = {role: np.where(kept, columns[role], np.nan) for role in CELLS}
    cells2, note = corrected(columns, CELLS, options.add, options.to, "all four cells")
    total = columns["ai"] + columns["bi"] + columns["ci"] + columns["di"]
    nobody = (cells2["ai"] + cells2["bi"] == 0) | (cells2["ci"] + cells2["di"] == 0)
    reasons += (Remark(nobody, "A group has nobody in it; both groups need at least one person."),)
    bare = (columns["ai"] + columns["bi"] == 0) | (columns["ci"] + columns["di"] == 0)
    told = Remark(bare & ~nobody, "A group has nobody in it; the effect rests on what was added.")
    return Table2x2(**cells2, total=total, reasons=reasons, notes=(note, told))


def _arm_average(p: FloatVector, n: FloatVector) -> float:
    """Mean proportion over studies, weighted by size."""
    return float(np.nansum(p * n) / np.nansum(np.where(np.isnan(p), 0.0, n)))


def _proportions_for(t: Table2x2, vtype: str) -> tuple[FloatVector | float, FloatVector | float]:
    """The proportions that the chosen variance formula is evaluated at."""
    if vtype == "AV":
        return _arm_average(t.p1i, t.n1i), _arm_average(t.p2i, t.n2i)
    if vtype == "H0":
        return t.pooled, t.pooled
    return t.p1i, t.p2i


def log_odds_ratio(columns: Columns, options: RatioOptions) -> Computed:
    """Log odds ratio, variance by Woolf: the sum of the cells' reciprocals."""
    t = mended(columns, options)
    yi = np.log(t.ai / t.bi) - np.log(t.ci / t.di)
    if options.vtype == "LS":
        return t.answer(yi, 1.0 / t.ai + 1.0 / t.bi + 1.0 / t.ci + 1.0 / t.di)
    p1, p2 = _proportions_for(t, options.vtype)
    return t.answer(yi, 1.0 / (t.n1i * p1 * (1.0 - p1)) + 1.0 / (t.n2i * p2 * (1.0 - p2)))


def log_risk_ratio(columns: Columns, options: RatioOptions) -> Computed:
    """Log risk ratio with its large-sample variance."""
    t = mended(columns, options)
    yi = np.log(t.p1i) - np.log(t.p2i)
    if options.vtype == "LS":
        return t.answer(yi, 1.0 / t.ai - 1.0 / t.n1i + 1.0 / t.ci - 1.0 / t.n2i)
    p1, p2 = _proportions_for(t, options.vtype)
    return t.answer(yi, (1.0 - p1) / (t.n1i * p1) + (1.0 - p2) / (t.n2i * p2))


def risk_difference(columns: Columns, options: DifferenceOptions) -> Computed:
    """Difference of two proportions."""
    t = mended(columns, options)
    p1, p2 = _proportions_for(t, options.vtype)
    lost = 1.0 if options.vtype == "UB" else 0.0
    vi = p1 * (1.0 - p1) / (t.n1i - lost) + p2 * (1.0 - p2) / (t.n2i - lost)
    return t.answer(t.p1i - t.p2i, vi)


def arcsine_difference(columns: Columns, options: ZeroCellsKept) -> Computed:
    """Difference of arcsine square-root transformed proportions; defined without events too."""
    t = mended(columns, options)
    yi = np.arcsin(np.sqrt(t.p1i)) - np.arcsin(np.sqrt(t.p2i))
    return t.answer(yi, 1.0 / (4.0 * t.n1i) + 1.0 / (4.0 * t.n2i))


def peto_odds_ratio(columns: Columns, options: ZeroCells) -> Computed:
    """Peto's one-step log odds ratio: observed minus expected events over their variance."""
    t = mended(columns, options)
    events, others = t.ai + t.ci, t.bi + t.di
    expected = events * t.n1i / t.ni
    v = events * others * (t.n1i / t.ni) * (t.n2i / t.ni) / (t.ni - 1.0)
    return t.answer((t.ai - expected) / v, 1.0 / v)


def phi_coefficient(columns: Columns, options: PhiOptions) -> Computed:
    """Phi coefficient with the large-sample variance of Yule (1912), or that for fixed group sizes.

    The stratified variance follows by the delta method from
    φ = √(n1·n2)/N · (p1 − p2)/√(p̄·q̄) with binomial p1, p2.
    """
    t = mended(columns, options)
    row1, row2 = t.n1i / t.ni, t.n2i / t.ni
    col1, col2 = t.pooled, 1.0 - t.pooled
    spread = col1 * col2
    phi = (t.ai * t.di - t.bi * t.ci) / (t.ni**2 * np.sqrt(row1 * row2 * spread))
    if options.vtype == "ST":
        scale, gap = np.sqrt(row1 * row2), t.p1i - t.p2i
        slope = gap * (col2 - col1) / (2.0 * spread**1.5)
        d1 = scale * (1.0 / np.sqrt(spread) - slope * row1)
        d2 = scale * (-1.0 / np.sqrt(spread) - slope * row2)
        vi = d1**2 * t.p1i * (1 - t.p1i) / t.n1i + d2**2 * t.p2i * (1 - t.p2i) / t.n2i
        return t.answer(phi, vi)
    rows, cols = row1 - row2, col1 - col2
    vi = (
        1.0
        - phi**2
        + phi * (1.0 + phi**2 / 2.0) * rows * cols / np.sqrt(row1 * row2 * spread)
        - 0.75 * phi**2 * (rows**2 / (row1 * row2) + cols**2 / spread)
    ) / t.ni
    return t.answer(phi, vi)


def to_fisher_z(got: Computed) -> Computed:
    """Turn correlations into Fisher's z by the delta method."""
    r = got.yi
    return Computed(np.arctanh(r), got.vi / (1.0 - r**2) ** 2, got.ni, got.reasons, got.notes)


def phi_z(columns: Columns, options: PhiOptions) -> Computed:
    """Phi coefficient on Fisher's z scale."""
    return to_fisher_z(phi_coefficient(columns, options))


def yule_q(columns: Columns, options: ZeroCells) -> Computed:
    """Yule's Q, (OR − 1)/(OR + 1)."""
    t = mended(columns, options)
    ratio = (t.ai * t.di) / (t.bi * t.ci)
    q = (ratio - 1.0) / (ratio + 1.0)
    cells = 1.0 / t.ai + 1.0 / t.bi + 1.0 / t.ci + 1.0 / t.di
    return t.answer(q, (1.0 - q**2) ** 2 * cells / 4.0)


def yule_y(columns: Columns, options: ZeroCells) -> Computed:
    """Yule's Y, (√OR − 1)/(√OR + 1)."""
    t = mended(columns, options)
    root = np.sqrt((t.ai * t.di) / (t.bi * t.ci))
    y = (root - 1.0) / (root + 1.0)
    cells = 1.0 / t.ai + 1.0 / t.bi + 1.0 / t.ci + 1.0 / t.di
    return t.answer(y, (1.0 - y**2) ** 2 * cells / 16.0)


def probit_difference(columns: Columns, options: ZeroCells) -> Computed:
    """Difference of probit-transformed proportions, an estimate of a standardised difference."""
    t = mended(columns, options)
    z1, z2 = special.ndtri(t.p1i), special.ndtri(t.p2i)
    vi = sum(
        2.0 * math.pi * p * (1.0 - p) * np.exp(z**2) / n
        for p, z, n in ((t.p1i, z1, t.n1i), (t.p2i, z2, t.n2i))
    )
    return t.answer(z1 - z2, np.asarray(vi))


def odds_ratio_to_d_logistic(columns: Columns, options: ZeroCells) -> Computed:
    """Log odds ratio times √3/π: the standardised difference behind logistic responses."""
    got = log_odds_ratio(columns, _large_sample(options))
    f = math.sqrt(3.0) / math.pi
    return Computed(f * got.yi, f**2 * got.vi, got.ni, got.reasons, got.notes)


def odds_ratio_to_d_normal(columns: Columns, options: ZeroCells) -> Computed:
    """Log odds ratio over 1.65 (Cox): the standardised difference behind normal responses."""
    got = log_odds_ratio(columns, _large_sample(options))
    return Computed(got.yi / 1.65, got.vi / 1.65**2, got.ni, got.reasons, got.notes)


def _large_sample(options: ZeroCells) -> RatioOptions:
    return RatioOptions(add=options.add, to=options.to, drop00=options.drop00)


def _from_cells(columns: Columns, context: Context) -> Inputs:
    return Inputs({role: columns[role] for role in CELLS})


def _from_totals(columns: Columns, context: Context) -> Inputs:
    """Non-events are totals minus events."""
    reasons = tuple(
        Remark(events > n, _exceeds(group, events, n))
        for group, events, n in (
            ("1", columns["ai"], columns["n1i"]),
            ("2", columns["ci"], columns["n2i"]),
        )
    )
    ai, ci = columns["ai"], columns["ci"]
    cells = {"ai": ai, "bi": columns["n1i"] - ai, "ci": ci, "di": columns["n2i"] - ci}
    return Inputs(cells, reasons)


def _exceeds(group: str, events: FloatVector, n: FloatVector) -> Any:
    return lambda i: (
        f"Events in group {group}, {events[i]:g}, exceed its total, {n[i]:g}; "
        "correct one of the two."
    )


def _from_percentages(columns: Columns, context: Context) -> Inputs:
    """Events are the percentage of the total, to the nearest whole number."""
    cells: dict[str, FloatVector] = {}
    notes: tuple[Remark, ...] = ()
    reasons: tuple[Remark, ...] = ()
    for group, yes, no in (("1", "ai", "bi"), ("2", "ci", "di")):
        p, n = columns[f"p{group}i"], columns[f"n{group}i"]
        events = np.rint(p / 100.0 * n)
        cells[yes], cells[no] = events, n - events
        notes += (Remark(np.ones(len(p), dtype=bool), _counted(group, events, p, n)),)
    small = (
        (columns["p1i"] > 0) & (columns["p1i"] < 1) & (columns["p2i"] > 0) & (columns["p2i"] < 1)
    )
    p1, p2 = columns["p1i"], columns["p2i"]
    notes += (
        Remark(
            small,
            lambda i: (
                f"Both percentages, {p1[i]:g} and {p2[i]:g}, are below 1; if they are proportions, "
                "multiply them by 100."
            ),
        ),
    )
    return Inputs(cells, reasons, notes)


def _counted(group: str, events: FloatVector, p: FloatVector, n: FloatVector) -> Any:
    return lambda i: f"Events in group {group} taken as {events[i]:g}: {p[i]:g}% of {n[i]:g}."


def _group_needs(group: str, yes: str, no: str) -> dict[str, Need]:
    return {
        "yes": Need(yes, f"Events, group {group}", "count"),
        "no": Need(no, f"Non-events, group {group}", "count"),
        "n": Need(f"n{group}i", f"Total, group {group}", "size"),
        "p": Need(f"p{group}i", f"Percentage with events, group {group}", "percent"),
    }


_G1, _G2 = _group_needs("1", "ai", "bi"), _group_needs("2", "ci", "di")

TABLE_ROUTES: tuple[Route, ...] = (
    Route(
        "cells",
        "events and non-events of both groups",
        (_G1["yes"], _G1["no"], _G2["yes"], _G2["no"]),
        _from_cells,
    ),
    Route(
        "events_totals",
        "events and totals of both groups",
        (_G1["yes"], _G1["n"], _G2["yes"], _G2["n"]),
        _from_totals,
    ),
    Route(
        "percentages",
        "percentages and totals of both groups",
        (_G1["p"], _G1["n"], _G2["p"], _G2["n"]),
        _from_percentages,
        approximate=True,
    ),
)
_ROUTES = (*TABLE_ROUTES, *ESTIMATE_ROUTES)
_BINARY = "Two groups, events"
_CORRELATION = plain_scale("correlation", lower=-1.0, upper=1.0)
_SMD = plain_scale("standardised mean difference")

ODDS_RATIO = Measure(
    "OR", "Odds ratio", "OR", _BINARY,
    "How many times higher the odds of the event are in group 1 than in group 2.",
    "ln(a·d / b·c); v = 1/a + 1/b + 1/c + 1/d",
    RatioOptions, log_scale("odds ratio"), FLEISS, log_odds_ratio, _ROUTES, ODDS_OF_MEANS,
)  # fmt: skip
RISK_RATIO = Measure(
    "RR", "Risk ratio", "RR", _BINARY,
    "How many times higher the risk of the event is in group 1 than in group 2.",
    "ln(p1 / p2); v = 1/a − 1/n1 + 1/c − 1/n2",
    RatioOptions, log_scale("risk ratio"), FLEISS, log_risk_ratio, _ROUTES,
)  # fmt: skip
RISK_DIFFERENCE = Measure(
    "RD", "Risk difference", "RD", _BINARY,
    "How much higher the risk of the event is in group 1 than in group 2.",
    "p1 − p2; v = p1·q1/n1 + p2·q2/n2",
    DifferenceOptions, plain_scale("risk difference", lower=-1.0, upper=1.0), FLEISS,
    risk_difference, _ROUTES,
)  # fmt: skip
ARCSINE = Measure(
    "AS", "Arcsine risk difference", "ASD", _BINARY,
    "The difference of risks on a scale where zero events need no correction.",
    "arcsin√p1 − arcsin√p2; v = 1/(4·n1) + 1/(4·n2)",
    ZeroCellsKept, plain_scale("arcsine difference"), RUCKER, arcsine_difference, _ROUTES,
)  # fmt: skip
PETO = Measure(
    "PETO", "Peto odds ratio", "Peto OR", _BINARY,
    "An odds ratio from observed minus expected events, for rare events and groups of like size.",
    "(a − E)/V; v = 1/V with the hypergeometric variance V",
    ZeroCells, log_scale("Peto odds ratio"), YUSUF, peto_odds_ratio,
    (*TABLE_ROUTES, OBSERVED_EXPECTED, *ESTIMATE_ROUTES),
)  # fmt: skip
PHI = Measure(
    "PHI", "Phi coefficient", "φ", _BINARY,
    "The correlation of two yes-or-no variables.",
    "(a·d − b·c)/√(n1·n2·x·y)",
    PhiOptions, _CORRELATION, YULE, phi_coefficient, _ROUTES,
)  # fmt: skip
PHI_Z = Measure(
    "ZPHI", "Phi coefficient, Fisher's z", "φ", _BINARY,
    "The correlation of two yes-or-no variables, on Fisher's z scale.",
    "artanh(φ); v = v(φ)/(1 − φ²)²",
    PhiOptions, FISHER_Z, YULE, phi_z, _ROUTES,
)  # fmt: skip
YULE_Q = Measure(
    "YUQ", "Yule's Q", "Q", _BINARY,
    "The odds ratio brought between −1 and 1.",
    "(OR − 1)/(OR + 1); v = ¼(1 − Q²)²·Σ1/cell",
    ZeroCells, plain_scale("Yule's Q", lower=-1.0, upper=1.0), YULE, yule_q, _ROUTES,
)  # fmt: skip
YULE_Y = Measure(
    "YUY", "Yule's Y", "Y", _BINARY,
    "The square root of the odds ratio brought between −1 and 1.",
    "(√OR − 1)/(√OR + 1); v = (1/16)(1 − Y²)²·Σ1/cell",
    ZeroCells, plain_scale("Yule's Y", lower=-1.0, upper=1.0), YULE, yule_y, _ROUTES,
)  # fmt: skip
PROBIT = Measure(
    "PBIT", "Probit-transformed risk difference", "Probit d", _BINARY,
    "The standardised mean difference behind two proportions, if the trait behind them is normal.",
    "Φ⁻¹(p1) − Φ⁻¹(p2); v = Σ 2π·p·q·exp(z²)/n",
    ZeroCells, _SMD, SANCHEZ_MECA, probit_difference, _ROUTES,
)  # fmt: skip
OR_TO_D_LOGISTIC = Measure(
    "OR2DL", "Odds ratio as standardised mean difference (logistic)", "d from OR", _BINARY,
    "The standardised mean difference behind an odds ratio, if the trait behind it is logistic.",
    "ln(OR)·√3/π; v = v(ln OR)·3/π²",
    ZeroCells, _SMD, CHINN, odds_ratio_to_d_logistic, _ROUTES,
)  # fmt: skip
OR_TO_D_NORMAL = Measure(
    "OR2DN", "Odds ratio as standardised mean difference (normal)", "d from OR", _BINARY,
    "The standardised mean difference behind an odds ratio, if the trait behind it is normal.",
    "ln(OR)/1.65; v = v(ln OR)/1.65²",
    ZeroCells, _SMD, COX, odds_ratio_to_d_normal, _ROUTES,
)  # fmt: skip

TWO_BY_TWO = (
    ODDS_RATIO, RISK_RATIO, RISK_DIFFERENCE, ARCSINE, PETO, PHI, PHI_Z, YULE_Q, YULE_Y, PROBIT,
    OR_TO_D_LOGISTIC, OR_TO_D_NORMAL,
)  # fmt: skip
