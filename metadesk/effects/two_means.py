"""Two groups, a measured outcome: mean difference, standardised differences and ratios of means.

``m = n1 + n2 − 2``; ``d = (m1 − m2)/s_p`` with the pooled SD; ``g = J(m)·d``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metadesk.effects.across import DIFFERENCE_OF_EVENTS
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
    plain_scale,
)
from metadesk.effects.sources import BONETT2008, BONETT2009, BORENSTEIN, HEDGES
from metadesk.effects.two_means_ways import (
    D_ROUTES,
    MEANS_AND_TEST,
    MEANS_ROUTES,
    TWO_ARMS,
    too_few,
)
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


UNEQUAL_VARIANCES = {
    "LS": "large-sample, with degrees of freedom",
    "LS2": "large-sample, with group sizes",
    "LS3": "large-sample, degrees of freedom for the SD alone",
}


@dataclass(frozen=True)
class UnequalOptions:
    """Bias correction and variance of standardised differences with unequal SDs."""

    correct: bool = flag(CORRECT, True)
    vtype: str = choice(_VTYPE, UNEQUAL_VARIANCES, "LS", advanced=True)


@dataclass(frozen=True)
class BiasCorrection:
    """Bias correction of a standardised difference that has one variance formula."""

    correct: bool = flag(CORRECT, True)


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
    vi = _smd_variance(options, d, g, J, m, 1.0 / n1 + 1.0 / n2, n, n)
    return Computed(g, vi, n, (too_few(m),), (_suspicious(g),))


# Beyond this a standardised difference is so unusual that its SDs are suspected.
_HUGE = 2.0


def _suspicious(g: FloatVector) -> Remark:
    return Remark(
        np.abs(g) > _HUGE,
        lambda i: f"An SMD of {g.item(i):.3g} is very large; were standard errors entered as SDs?",
    )


def _without_sd1(columns: Columns, context: Context) -> Inputs:
    """Means, sizes and the SD of group 2."""
    return Inputs({role: columns[role] for role in ("m1i", "n1i", "m2i", "sd2i", "n2i")})


def _glass(columns: Columns, options: SMDOptions, d: FloatVector) -> Computed:
    """Glass's standardised difference: the SD of group 2, with n2 − 1 degrees of freedom."""
    n1, n2 = columns["n1i"], columns["n2i"]
    m = n2 - 1.0
    J = small_sample_factor(m)
    g = J * d if options.correct else d
    base = 1.0 / n1 + 1.0 / n2
    vi = _smd_variance(options, d, g, J, m, base, n2, n1 + n2)
    return Computed(g, vi, n1 + n2, (_few(m),), (_suspicious(g),))


def _smd_variance(
    options: SMDOptions,
    d: FloatVector,
    g: FloatVector,
    J: FloatVector,
    m: FloatVector,
    base: FloatVector,
    n: FloatVector,
    weight: FloatVector,
) -> FloatVector:
    """Variance of a standardised difference with ``base`` where it is zero.

    ``n`` divides the part that comes from estimating the SD; ``AV`` averages g by ``weight``.
    """
    factor = J**2 if options.correct else np.ones(len(J))
    match options.vtype:
        case "LS2":
            return np.asarray(factor * (base + d**2 / (2.0 * n)))
        case "UB":
            return np.asarray(base + (1.0 - (m - 2.0) / (m * J**2)) * g**2)
        case "AV":
            mean = np.nansum(g * weight) / np.nansum(np.where(np.isnan(g), 0.0, weight))
            return np.asarray(base + mean**2 / (2.0 * n))
        case "H0":
            return np.asarray(factor * base * m / (m - 2.0))
        case _:
            return np.asarray(base + g**2 / (2.0 * n))


def _few(m: FloatVector) -> Remark:
    return Remark(m <= 1.0, "Group 2 is too small; it needs at least 3 people.")


def glass_difference(columns: Columns, options: SMDOptions) -> Computed:
    """Standardised mean difference by the SD of group 2."""
    return _glass(columns, options, (columns["m1i"] - columns["m2i"]) / columns["sd2i"])


def glass_difference_unequal(columns: Columns, options: BiasCorrection) -> Computed:
    """Glass's difference with a variance that lets the groups' SDs differ (Bonett 2008)."""
    n1, n2 = columns["n1i"], columns["n2i"]
    v1, v2 = columns["sd1i"] ** 2, columns["sd2i"] ** 2
    m = n2 - 1.0
    d = (columns["m1i"] - columns["m2i"]) / columns["sd2i"]
    g = small_sample_factor(m) * d if options.correct else d
    vi = v1 / v2 / (n1 - 1.0) + 1.0 / m + g**2 / (2.0 * m)
    return Computed(g, vi, n1 + n2, (_few(m),), (_suspicious(g),))


def average_sd_difference(columns: Columns, options: UnequalOptions) -> Computed:
    """Standardised mean difference by the root of the mean variance (Bonett 2008, 2009)."""
    n1, n2 = columns["n1i"], columns["n2i"]
    v1, v2 = columns["sd1i"] ** 2, columns["sd2i"] ** 2
    m = n1 + n2 - 2.0
    d = (columns["m1i"] - columns["m2i"]) / np.sqrt((v1 + v2) / 2.0)
    g = small_sample_factor(m) * d if options.correct else d
    vi = unequal_variance(g, v1 / (v1 + v2), n1, n2, options.vtype)
    return Computed(g, vi, n1 + n2, (too_few(m),), (_suspicious(g),))


def unequal_variance(
    d: FloatVector, share1: FloatVector, n1: FloatVector, n2: FloatVector, vtype: str
) -> FloatVector:
    """Variance of a difference ``d`` standardised by the mean of two different variances.

    With ``r1 = s1²/(s1² + s2²)`` (``share1``), ``r2 = 1 − r1``: d²(r1²/a1 + r2²/a2)/2, which comes
    from estimating the SD, plus 2(r1/b1 + r2/b2) from the means (Bonett 2008, eq. 8). ``LS`` has
    n − 1 for a and b, ``LS2`` n for both, ``LS3`` n − 1 for a and n for b (plain delta method).
    """
    lost_sd = 0.0 if vtype == "LS2" else 1.0
    lost_mean = 1.0 if vtype == "LS" else 0.0
    share2 = 1.0 - share1
    own = d**2 * (share1**2 / (n1 - lost_sd) + share2**2 / (n2 - lost_sd)) / 2.0
    return np.asarray(own + 2.0 * (share1 / (n1 - lost_mean) + share2 / (n2 - lost_mean)))


_GLASS_ROUTES = (
    Route(
        "means_sd2",
        "means and totals of both groups, SD of group 2",
        (
            Need("m1i", "Mean, group 1"),
            Need("n1i", "Total, group 1", "size"),
            Need("m2i", "Mean, group 2"),
            Need("sd2i", "SD, group 2", "sd"),
            Need("n2i", "Total, group 2", "size2"),
        ),
        _without_sd1,
    ),
    *(r for r in TWO_ARMS if r.key != "means"),
    *MEANS_AND_TEST,
)
_CONTINUOUS = "Two groups, measured outcome"

MEAN_DIFFERENCE = Measure(
    "MD", "Mean difference", "MD", _CONTINUOUS,
    "How much higher the mean is in group 1, in the unit of the outcome.",
    "m1 − m2; v = s1²/n1 + s2²/n2",
    MeanDifferenceOptions, plain_scale("mean difference"), BORENSTEIN, mean_difference,
    MEANS_ROUTES,
)  # fmt: skip
SMD = Measure(
    "SMD", "Standardised mean difference", "SMD", _CONTINUOUS,
    "How many standard deviations the mean of group 1 is higher, for outcomes on different scales.",
    "g = J(m)·(m1 − m2)/s_p; v = 1/n1 + 1/n2 + g²/(2N)",
    SMDOptions, plain_scale("standardised mean difference"), HEDGES, standardised_mean_difference,
    (*D_ROUTES, *ESTIMATE_ROUTES), DIFFERENCE_OF_EVENTS,
)  # fmt: skip

SMD_AVERAGE_SD = Measure(
    "SMDH", "Standardised mean difference, unequal SDs", "SMD", _CONTINUOUS,
    "The standardised mean difference by the average of the two groups' variances.",
    "J(m)·(m1 − m2)/√((s1² + s2²)/2)",
    UnequalOptions, plain_scale("standardised mean difference"), BONETT2009,
    average_sd_difference, MEANS_ROUTES,
)  # fmt: skip
GLASS = Measure(
    "SMD1", "Standardised mean difference by the SD of group 2 (Glass)", "SMD", _CONTINUOUS,
    "How many standard deviations of the comparison group the mean of group 1 is higher.",
    "J(n2 − 1)·(m1 − m2)/s2; v = 1/n1 + 1/n2 + g²/(2·n2)",
    SMDOptions, plain_scale("standardised mean difference"), HEDGES, glass_difference,
    (*_GLASS_ROUTES, *ESTIMATE_ROUTES),
)  # fmt: skip
GLASS_UNEQUAL = Measure(
    "SMD1H", "Standardised mean difference by the SD of group 2, unequal SDs", "SMD", _CONTINUOUS,
    "Glass's difference with a variance that lets the groups' SDs differ.",
    "J(n2 − 1)·(m1 − m2)/s2; v = (s1²/s2²)/(n1 − 1) + 1/(n2 − 1) + g²/(2(n2 − 1))",
    BiasCorrection, plain_scale("standardised mean difference"), BONETT2008,
    glass_difference_unequal, MEANS_ROUTES,
)  # fmt: skip

TWO_MEANS = (MEAN_DIFFERENCE, SMD, SMD_AVERAGE_SD, GLASS, GLASS_UNEQUAL)
