"""Two groups, a measured outcome: mean difference, standardised differences and ratios of means.

``m = n1 + n2 − 2``; ``d = (m1 − m2)/s_p`` with the pooled SD; ``g = J(m)·d``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from metadesk.effects.arms import two_arm_routes
from metadesk.effects.estimates import ESTIMATE_ROUTES
from metadesk.effects.gamma import small_sample_factor
from metadesk.effects.measure import (
    Columns,
    Computed,
    Context,
    Inputs,
    Measure,
    Need,
    Remark,
    Route,
    RouteFunction,
    plain_scale,
)
from metadesk.effects.sources import BORENSTEIN, HEDGES
from metadesk.numerics.types import FloatVector
from metadesk.options import choice, flag

_VTYPE = "Variance"
LS, LS2, UB = "large-sample approximation", "large-sample, with the exact factor", "unbiased"
CORRECT = "Correct for small-sample bias"


@dataclass(frozen=True)
class MeanDifferenceOptions:
    """Variance of a mean difference."""

    vtype: str = choice(
        _VTYPE,
        {
            "LS": "own variance of each group",
            "UB": "the same",
            "HO": "one variance for both groups",
        },
        "LS",
        advanced=True,
    )


@dataclass(frozen=True)
class SMDOptions:
    """Bias correction and variance of the standardised mean difference."""

    correct: bool = flag(CORRECT, True, help="Hedges's g; off: Cohen's d.")
    vtype: str = choice(
        _VTYPE,
        {"LS": LS, "LS2": LS2, "UB": UB, "AV": "with the average effect over studies",
         "H0": "under no difference"},
        "LS",
        advanced=True,
    )  # fmt: skip


def mean_difference(columns: Columns, options: MeanDifferenceOptions) -> Computed:
    """Difference of two means in the unit of the outcome."""
    n1, n2 = columns["n1i"], columns["n2i"]
    v1, v2 = columns["sd1i"] ** 2, columns["sd2i"] ** 2
    yi = columns["m1i"] - columns["m2i"]
    if options.vtype == "HO":
        pooled = ((n1 - 1.0) * v1 + (n2 - 1.0) * v2) / (n1 + n2 - 2.0)
        return Computed(yi, pooled * (1.0 / n1 + 1.0 / n2), n1 + n2)
    return Computed(yi, v1 / n1 + v2 / n2, n1 + n2)


def standardised_mean_difference(columns: Columns, options: SMDOptions) -> Computed:
    """Standardised mean difference from ``di`` (uncorrected) and group sizes.

    Variance ``LS``: Hedges (1982), eq. 8, with g; ``LS2``: Borenstein (2009), eq. 12.16–12.18;
    ``UB``: Hedges (1983), unbiased; ``AV`` puts the size-weighted mean effect in place of g.
    """
    d, n1, n2 = columns["di"], columns["n1i"], columns["n2i"]
    m, n = n1 + n2 - 2.0, n1 + n2
    J = small_sample_factor(m)
    g = J * d if options.correct else d
    base = 1.0 / n1 + 1.0 / n2
    match options.vtype:
        case "LS2":
            factor = J**2 if options.correct else 1.0
            vi = factor * (base + d**2 / (2.0 * n))
        case "UB":
            vi = base + (1.0 - (m - 2.0) / (m * J**2)) * g**2
        case "AV":
            mean = np.nansum(g * n) / np.nansum(np.where(np.isnan(g), 0.0, n))
            vi = base + mean**2 / (2.0 * n)
        case "H0":
            factor = J**2 if options.correct else 1.0
            vi = factor * base * m / (m - 2.0)
        case _:
            vi = base + g**2 / (2.0 * n)
    return Computed(g, vi, n, (_too_few(m),))


def _too_few(m: FloatVector) -> Remark:
    return Remark(m <= 1.0, "The groups are too small; together they need at least 4 people.")


def pooled_sd(columns: Columns) -> FloatVector:
    """SD within groups, pooled over both."""
    n1, n2 = columns["n1i"], columns["n2i"]
    squares = (n1 - 1.0) * columns["sd1i"] ** 2 + (n2 - 1.0) * columns["sd2i"] ** 2
    return np.sqrt(squares / (n1 + n2 - 2.0))


@dataclass(frozen=True)
class _ToD:
    """A route to means and SDs, taken one step further to d."""

    route: Route

    def __call__(self, columns: Columns, context: Context) -> Inputs:
        got = self.route.function(columns, context)
        assert isinstance(got, Inputs)
        v = got.values
        d = (v["m1i"] - v["m2i"]) / pooled_sd(v)
        return Inputs({"di": d, "n1i": v["n1i"], "n2i": v["n2i"]}, got.reasons, got.notes)


def _with_d(columns: Columns, d: FloatVector, *reasons: Remark, note: str = "") -> Inputs:
    notes = (Remark(np.ones(len(d), dtype=bool), note),) if note else ()
    return Inputs({"di": d, "n1i": columns["n1i"], "n2i": columns["n2i"]}, reasons, notes)


def _from_d(columns: Columns, context: Context) -> Inputs:
    return _with_d(columns, columns["di"], note="The typed d was taken as not bias-corrected.")


def _from_t(columns: Columns, context: Context) -> Inputs:
    """The identity d = t·√(1/n1 + 1/n2)."""
    return _with_d(columns, columns["ti"] * np.sqrt(1.0 / columns["n1i"] + 1.0 / columns["n2i"]))


def _from_p(columns: Columns, context: Context) -> Inputs:
    """Through t: its two-sided quantile with the sign of the p-value."""
    p, n1, n2 = columns["pi"], columns["n1i"], columns["n2i"]
    m = n1 + n2 - 2.0
    t = -special.stdtrit(np.maximum(m, 1.0), np.abs(p) / 2.0) * np.sign(p)
    return _with_d(columns, t * np.sqrt(1.0 / n1 + 1.0 / n2), _too_few(m))


def _from_f(columns: Columns, context: Context) -> Inputs:
    """F of two groups is t²; its direction is lost and taken as positive."""
    d = np.sqrt(columns["Fi"]) * np.sqrt(1.0 / columns["n1i"] + 1.0 / columns["n2i"])
    return _with_d(columns, d, note="F has no direction; group 1 was taken as the higher one.")


_SIZES = (Need("n1i", "Total, group 1", "size"), Need("n2i", "Total, group 2", "size"))
_SIGNED_P = Need("pi", "P value with the sign of the difference", "signed_p")


def _test(key: str, title: str, need: Need, function: RouteFunction) -> Route:
    return Route(key, title, (need, *_SIZES), function, BORENSTEIN, "test")


TWO_ARMS = two_arm_routes()
D_ROUTES: tuple[Route, ...] = (
    *(
        Route(r.key, r.title, r.needs, _ToD(r), r.citation, r.source, r.approximate)
        for r in TWO_ARMS
    ),
    _test("t", "t statistic and totals", Need("ti", "t statistic"), _from_t),
    _test("d", "standardised difference d and totals", Need("di", "Cohen's d"), _from_d),
    _test("p", "p-value (signed) and totals", _SIGNED_P, _from_p),
    _test("F", "F of two groups and totals", Need("Fi", "F statistic", "nonnegative"), _from_f),
)
_MEANS = (*TWO_ARMS, *ESTIMATE_ROUTES)
_FROM_D = (*D_ROUTES, *ESTIMATE_ROUTES)
_CONTINUOUS = "Two groups, measured outcome"

MEAN_DIFFERENCE = Measure(
    "MD", "Mean difference", "MD", _CONTINUOUS,
    "How much higher the mean is in group 1, in the unit of the outcome.",
    "m1 − m2; v = s1²/n1 + s2²/n2",
    MeanDifferenceOptions, plain_scale("mean difference"), BORENSTEIN, mean_difference, _MEANS,
)  # fmt: skip
SMD = Measure(
    "SMD", "Standardised mean difference", "SMD", _CONTINUOUS,
    "How many standard deviations the mean of group 1 is higher, for outcomes on different scales.",
    "g = J(m)·(m1 − m2)/s_p; v = 1/n1 + 1/n2 + g²/(2N)",
    SMDOptions, plain_scale("standardised mean difference"), HEDGES, standardised_mean_difference,
    _FROM_D,
)  # fmt: skip

TWO_MEANS = (MEAN_DIFFERENCE, SMD)
