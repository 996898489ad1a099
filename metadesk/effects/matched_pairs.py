"""Matched pairs and crossover trials with a yes-or-no outcome.

``ai``: event under both conditions, ``bi``: only under condition 1, ``ci``: only under condition 2,
``di``: under neither. ``MPORM`` instead takes the two conditions' margins as if they were groups.
"""

from __future__ import annotations

import numpy as np

from metadesk.effects.estimates import ESTIMATE_ROUTES
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
from metadesk.effects.sources import CURTIN, ELBOURNE, ZOU
from metadesk.effects.two_by_two import CELLS, Table2x2, mended
from metadesk.effects.zeros import ZeroCells
from metadesk.numerics.types import FloatVector


def _margins(t: Table2x2) -> tuple[FloatVector, FloatVector]:
    """Risk under condition 1 and under condition 2."""
    return (t.ai + t.bi) / t.ni, (t.ai + t.ci) / t.ni


def _paired(columns: Columns, options: ZeroCells) -> Table2x2:
    """Apply the zero rule; an empty row or column of a paired table is no reason to stop."""
    t = mended(columns, options)
    return Table2x2(t.ai, t.bi, t.ci, t.di, t.total, t.reasons[:-1], t.notes[:-1])


def paired_risk_difference(columns: Columns, options: ZeroCells) -> Computed:
    """Difference of the risks under two conditions in the same pairs."""
    t = _paired(columns, options)
    p1, p2 = _margins(t)
    b, c = t.bi / t.ni, t.ci / t.ni
    return t.answer(p1 - p2, (b * (1.0 - b) + c * (1.0 - c) + 2.0 * b * c) / t.ni)


def paired_risk_ratio(columns: Columns, options: ZeroCells) -> Computed:
    """Log ratio of the risks under two conditions in the same pairs."""
    t = _paired(columns, options)
    p1, p2 = _margins(t)
    return t.answer(np.log(p1) - np.log(p2), (t.bi + t.ci) / t.ni / (t.ni * p1 * p2))


def paired_odds_ratio(columns: Columns, options: ZeroCells) -> Computed:
    """Marginal log odds ratio; may be pooled with odds ratios of parallel trials."""
    t = _paired(columns, options)
    p1, p2 = _margins(t)
    q1, q2 = 1.0 - p1, 1.0 - p2
    together = (t.ai * t.di - t.bi * t.ci) / t.ni**2
    yi = np.log(p1 / q1) - np.log(p2 / q2)
    vi = (1.0 / (p1 * q1) + 1.0 / (p2 * q2) - 2.0 * together / (p1 * q1 * p2 * q2)) / t.ni
    return t.answer(yi, vi)


def conditional_odds_ratio(columns: Columns, options: ZeroCells) -> Computed:
    """Conditional log odds ratio of the discordant pairs."""
    t = _paired(columns, options)
    return t.answer(np.log(t.bi / t.ci), 1.0 / t.bi + 1.0 / t.ci)


def paired_peto(columns: Columns, options: ZeroCells) -> Computed:
    """Conditional log odds ratio by Peto's method."""
    t = _paired(columns, options)
    discordant = t.bi + t.ci
    return t.answer((t.bi - discordant / 2.0) / (discordant / 4.0), 4.0 / discordant)


def odds_ratio_from_margins(columns: Columns, options: ZeroCells) -> Computed:
    """Marginal log odds ratio of a paired study that was reported as if it had two groups.

    The covariance of the two margins comes from the correlation r of the two outcomes:
    v = Σ1/cell − 2·n·r/√(a·b·c·d) with n pairs (Elbourne 2002; Curtin 2002).
    """
    t = mended(columns, options)
    n, r = np.rint(t.ni / 2.0), columns["ri"]
    yi = np.log(t.ai / t.bi) - np.log(t.ci / t.di)
    cells = 1.0 / t.ai + 1.0 / t.bi + 1.0 / t.ci + 1.0 / t.di
    vi = cells - 2.0 * n * r / np.sqrt(t.ai * t.bi * t.ci * t.di)
    beyond = vi <= 0
    told = Remark(beyond, "The assumed correlation is not possible with these margins.")
    return Computed(yi, vi, np.rint(t.total / 2.0), (*t.reasons, told), t.notes)


def _pairs(columns: Columns, context: Context) -> Inputs:
    return Inputs({role: columns[role] for role in CELLS})


def _with_r(columns: Columns, context: Context) -> Inputs:
    return Inputs({role: columns[role] for role in (*CELLS, "ri")})


def _with_joint(columns: Columns, context: Context) -> Inputs:
    """The correlation is the phi coefficient of the pairs' own table, which the joint part fills.

    Of n pairs a had the event under condition 1, c under condition 2 and π·n under both.
    """
    a, c, joint = columns["ai"], columns["ci"], columns["pi"]
    n = a + columns["bi"]
    both = joint * n
    r = (n * both - a * c) / np.sqrt(a * (n - a) * c * (n - c))
    slack = 1e-9 * n
    beyond = (both > np.minimum(a, c) + slack) | (both < np.maximum(a + c - n, 0.0) - slack)
    reasons = (
        Remark(
            beyond,
            lambda i: (
                f"{joint[i]:g} of the pairs with the event under both conditions does not go with "
                f"{a[i]:g} and {c[i]:g} events among {n[i]:g} pairs."
            ),
        ),
        Remark(
            ~np.isfinite(r),
            "Everybody or nobody had the event under one condition; the outcomes have no "
            "correlation.",
        ),
    )
    known = np.isfinite(r) & ~beyond
    notes = (Remark(known, lambda i: f"Correlation of the outcomes: {r[i]:.3g}."),)
    return Inputs({**{role: columns[role] for role in CELLS}, "ri": r}, reasons, notes)


def _totals(columns: Columns, context: Context) -> Inputs:
    """Margins as events among the pairs under each condition."""
    n, first, second = columns["n1i"], columns["ai"], columns["ci"]
    over = (first > n) | (second > n)
    cells = {"ai": first, "bi": n - first, "ci": second, "di": n - second}
    reasons = (
        Remark(
            over, lambda i: f"Events, {first[i]:g} and {second[i]:g}, exceed the {n[i]:g} pairs."
        ),
    )
    return Inputs({**cells, "ri": columns["ri"]}, reasons)


_PAIRED_CELLS = (
    Need("ai", "Pairs with the event under both conditions", "count"),
    Need("bi", "Pairs with the event under condition 1 only", "count"),
    Need("ci", "Pairs with the event under condition 2 only", "count"),
    Need("di", "Pairs without the event", "count"),
)
_MARGIN_CELLS = (
    Need("ai", "Events under condition 1", "count"),
    Need("bi", "Non-events under condition 1", "count"),
    Need("ci", "Events under condition 2", "count"),
    Need("di", "Non-events under condition 2", "count"),
)
_R = Need("ri", "Correlation of the two outcomes", "correlation")
_JOINT = Need("pi", "Part of pairs with the event under both", "proportion")
PAIR_ROUTES = (
    Route("pairs", "the four kinds of pairs", _PAIRED_CELLS, _pairs),
)  # fmt: skip
MARGIN_ROUTES = (
    Route("margins_r", "margins and correlation", (*_MARGIN_CELLS, _R), _with_r, ELBOURNE),
    Route(
        "margins_joint", "margins and joint events", (*_MARGIN_CELLS, _JOINT), _with_joint, ELBOURNE
    ),
    Route(
        "margin_totals_r",
        "events under each condition, pairs and correlation",
        (_MARGIN_CELLS[0], _MARGIN_CELLS[2], Need("n1i", "Pairs", "size"), _R),
        _totals,
        ELBOURNE,
    ),
)
_ROUTES = (*PAIR_ROUTES, *ESTIMATE_ROUTES)
_FAMILY = "Matched pairs and crossover, events"

MATCHED_PAIRS = (
    Measure(
        "MPRD", "Matched-pairs risk difference", "RD", _FAMILY,
        "How much higher the risk is under condition 1 in the same people.",
        "p1. − p.1; v = (b + c − (b − c)²/n)/n²",
        ZeroCells, plain_scale("risk difference", lower=-1.0, upper=1.0), ZOU,
        paired_risk_difference, _ROUTES,
    ),
    Measure(
        "MPRR", "Matched-pairs risk ratio", "RR", _FAMILY,
        "How many times higher the risk is under condition 1 in the same people.",
        "ln(p1./p.1); v = (b + c)/((a + b)(a + c))",
        ZeroCells, log_scale("risk ratio"), ZOU, paired_risk_ratio, _ROUTES,
    ),
    Measure(
        "MPOR", "Matched-pairs odds ratio, marginal", "OR", _FAMILY,
        "The odds ratio over all people; may be pooled with parallel trials.",
        "logit p1. − logit p.1",
        ZeroCells, log_scale("odds ratio"), CURTIN, paired_odds_ratio, _ROUTES,
    ),
    Measure(
        "MPORC", "Matched-pairs odds ratio, conditional", "OR", _FAMILY,
        "The odds ratio within a person; not to be pooled with parallel trials.",
        "ln(b/c); v = 1/b + 1/c",
        ZeroCells, log_scale("odds ratio"), CURTIN, conditional_odds_ratio, _ROUTES,
    ),
    Measure(
        "MPPETO", "Matched-pairs odds ratio, Peto", "Peto OR", _FAMILY,
        "The odds ratio within a person by Peto's method, for few discordant pairs.",
        "2(b − c)/(b + c); v = 4/(b + c)",
        ZeroCells, log_scale("Peto odds ratio"), CURTIN, paired_peto, _ROUTES,
    ),
    Measure(
        "MPORM", "Odds ratio of a crossover reported as two groups", "OR", _FAMILY,
        "The marginal odds ratio from the two conditions' totals and an assumed correlation.",
        "ln(a·d/b·c); v = Σ1/cell − 2·n·r/√(a·b·c·d)",
        ZeroCells, log_scale("odds ratio"), ELBOURNE, odds_ratio_from_margins,
        (*MARGIN_ROUTES, *ESTIMATE_ROUTES),
    ),
)  # fmt: skip
