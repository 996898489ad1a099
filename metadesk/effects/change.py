"""Pre/post, matched and crossover means: the same people under two conditions.

``m1i sd1i`` and ``m2i sd2i`` are the two conditions, ``ri`` their correlation, ``ni`` the people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from metadesk.effects.change_ways import (
    BY_CHANGE,
    BY_MEANS,
    BY_RAW,
    BY_SDS,
    PAIRED_ROUTES,
    difference_sd,
)
from metadesk.effects.gamma import small_sample_factor
from metadesk.effects.generic import NoOptions
from metadesk.effects.hypergeometric import unbiased
from metadesk.effects.measure import (
    Columns,
    Computed,
    Measure,
    Remark,
    log_scale,
    plain_scale,
)
from metadesk.effects.ratios_of_means import negative_means, opposite_means
from metadesk.effects.sources import (
    BECKER1988,
    BONETT2008,
    COUSINEAU,
    GIBBONS,
    LAJEUNESSE2011,
    NAKAGAWA,
    SENIOR,
)
from metadesk.numerics.types import FloatVector
from metadesk.options import choice, flag

_CORRECT = "Correct for small-sample bias"
_VARIANCES = {
    "LS": "large-sample approximation",
    "LS2": "large-sample, with the exact factor",
    "UB": "unbiased",
    "H0": "under no change",
}


@dataclass(frozen=True)
class StandardisedChangeOptions:
    """Bias correction and variance of a standardised mean change."""

    correct: bool = flag(_CORRECT, True)
    vtype: str = choice("Variance", _VARIANCES, "LS", advanced=True)


@dataclass(frozen=True)
class UnequalChangeOptions:
    """Bias correction and variance of a standardised mean change with unequal SDs."""

    correct: bool = flag(_CORRECT, True)
    vtype: str = choice(
        "Variance",
        {"LS": "large-sample, with degrees of freedom", "LS2": "large-sample, with people"},
        "LS",
        advanced=True,
    )

    def divisor(self, n: FloatVector) -> FloatVector:
        """What the variance is divided by: n − 1, or n."""
        return n if self.vtype == "LS2" else n - 1.0


@dataclass(frozen=True)
class ChangeCorrection:
    """Bias correction of a change measure."""

    correct: bool = flag(_CORRECT, True)


def _few(m: FloatVector) -> Remark:
    return Remark(m <= 1.0, "The group is too small; at least 3 people are needed.")


def mean_change(columns: Columns, options: NoOptions) -> Computed:
    """Difference of two means of the same people."""
    n = columns["ni"]
    return Computed(columns["m1i"] - columns["m2i"], difference_sd(columns) ** 2 / n, n)


def _standardised(
    d: FloatVector, n: FloatVector, base: FloatVector, options: StandardisedChangeOptions
) -> Computed:
    """Correct d and give its variance, ``base`` being the variance where d is zero."""
    m = n - 1.0
    J = small_sample_factor(m)
    g = J * d if options.correct else d
    factor = J**2 if options.correct else np.ones(len(J))
    match options.vtype:
        case "LS2":
            vi = factor * (base + d**2 / (2.0 * n))
        case "UB":
            vi = base + (1.0 - (m - 2.0) / (m * J**2)) * g**2
        case "H0":
            vi = factor * base * m / (m - 2.0)
        case _:
            vi = base + g**2 / (2.0 * n)
    return Computed(g, vi, n, (_few(m),))


def standardised_change_by_change(columns: Columns, options: StandardisedChangeOptions) -> Computed:
    """Mean change over the SD of the changes (``di``); not comparable with two-group SMDs."""
    n = columns["ni"]
    return _standardised(columns["di"], n, 1.0 / n, options)


def standardised_change_by_raw(columns: Columns, options: StandardisedChangeOptions) -> Computed:
    """Mean change over the SD of condition 1; comparable with two-group SMDs.

    ``LS``: Becker (1988), eq. 13; ``UB``: Viechtbauer (2007), eq. 37, which takes the correlation
    freed of its small bias and so needs 5 people.
    """
    n, r = columns["ni"], columns["ri"]
    d = (columns["m1i"] - columns["m2i"]) / columns["sd1i"]
    if options.vtype != "UB":
        return _standardised(d, n, 2.0 * (1.0 - r) / n, options)
    got = _standardised(d, n, 2.0 * (1.0 - unbiased(r, n)) / n, options)
    few = Remark(n <= 4, "The unbiased variance needs at least 5 people; choose another variance.")
    return replace(got, reasons=(*got.reasons, few))


def standardised_change_unequal(columns: Columns, options: UnequalChangeOptions) -> Computed:
    """Mean change over the SD of condition 1, letting the two SDs differ (Bonett 2008, eq. 13)."""
    n = columns["ni"]
    d = (columns["m1i"] - columns["m2i"]) / columns["sd1i"]
    g = small_sample_factor(n - 1.0) * d if options.correct else d
    vi = (difference_sd(columns) ** 2 / columns["sd1i"] ** 2 + g**2 / 2.0) / options.divisor(n)
    return Computed(g, vi, n, (_few(n - 1.0),))


def _averaged_sd(
    columns: Columns, options: ChangeCorrection | UnequalChangeOptions
) -> tuple[FloatVector, FloatVector]:
    """Change over the root mean variance, corrected with 2(n − 1)/(1 + r²) df (Cousineau 2020)."""
    middle = (columns["sd1i"] ** 2 + columns["sd2i"] ** 2) / 2.0
    d = (columns["m1i"] - columns["m2i"]) / np.sqrt(middle)
    m = 2.0 * (columns["ni"] - 1.0) / (1.0 + columns["ri"] ** 2)
    return (small_sample_factor(m) * d if options.correct else d), middle


def standardised_change_by_average(columns: Columns, options: ChangeCorrection) -> Computed:
    """Mean change over the average SD of the two conditions."""
    n, r = columns["ni"], columns["ri"]
    g, _ = _averaged_sd(columns, options)
    vi = 2.0 * (1.0 - r) / n + g**2 * (1.0 + r**2) / (4.0 * n)
    return Computed(g, vi, n, (_few(n - 1.0),))


def standardised_change_by_average_unequal(
    columns: Columns, options: UnequalChangeOptions
) -> Computed:
    """Mean change over the average SD, letting the two SDs differ (Bonett 2008, eq. 10)."""
    n, r = columns["ni"], columns["ri"]
    v1, v2 = columns["sd1i"] ** 2, columns["sd2i"] ** 2
    g, middle = _averaged_sd(columns, options)
    own = g**2 * (v1**2 + v2**2 + 2.0 * r**2 * v1 * v2) / (8.0 * middle**2)
    vi = (difference_sd(columns) ** 2 / middle + own) / options.divisor(n)
    return Computed(g, vi, n, (_few(n - 1.0),))


def log_ratio_of_dependent_means(columns: Columns, options: ChangeCorrection) -> Computed:
    """Log ratio of two means of the same people (Lajeunesse 2011, eq. 6; 2015 correction)."""
    n, r = columns["ni"], columns["ri"]
    cv1, cv2 = columns["sd1i"] / columns["m1i"], columns["sd2i"] / columns["m2i"]
    yi = np.log(columns["m1i"] / columns["m2i"])
    if options.correct:
        yi = yi + (cv1**2 - cv2**2) / (2.0 * n)
    vi = (cv1**2 + cv2**2 - 2.0 * r * cv1 * cv2) / n
    return Computed(yi, vi, n, (opposite_means(columns),))


def log_dependent_variability_ratio(columns: Columns, options: NoOptions) -> Computed:
    """Log ratio of two SDs of the same people."""
    n, r = columns["ni"], columns["ri"]
    return Computed(np.log(columns["sd1i"] / columns["sd2i"]), (1.0 - r**2) / (n - 1.0), n)


def log_dependent_cv_ratio(columns: Columns, options: ChangeCorrection) -> Computed:
    """Log ratio of two coefficients of variation of the same people."""
    spread = log_dependent_variability_ratio(columns, NoOptions())
    means = log_ratio_of_dependent_means(columns, options)
    return Computed(
        spread.yi - means.yi, spread.vi + means.vi, spread.ni, (negative_means(columns),)
    )


_FAMILY = "Pre/post, matched and crossover, measured outcome"
_SMD = plain_scale("standardised mean change")

CHANGE = (
    Measure("MC", "Mean change", "MC", _FAMILY,
            "How much higher the mean is under condition 1 in the same people.",
            "m1 − m2; v = (s1² + s2² − 2r·s1·s2)/n", NoOptions, plain_scale("mean change"), GIBBONS,
            mean_change, BY_MEANS),
    Measure("SMCC", "Standardised mean change, by change scores", "SMC", _FAMILY,
            "The mean change in SDs of the changes; not to be pooled with two-group SMDs.",
            "J(n − 1)·(m1 − m2)/s_d; v = 1/n + g²/(2n)", StandardisedChangeOptions, _SMD, GIBBONS,
            standardised_change_by_change, BY_CHANGE),
    Measure("SMCR", "Standardised mean change, by raw scores", "SMC", _FAMILY,
            "The mean change in SDs of condition 1; may be pooled with two-group SMDs.",
            "J(n − 1)·(m1 − m2)/s1; v = 2(1 − r)/n + g²/(2n)", StandardisedChangeOptions, _SMD,
            BECKER1988, standardised_change_by_raw, BY_RAW),
    Measure("SMCRH", "Standardised mean change, by raw scores, unequal SDs", "SMC", _FAMILY,
            "The mean change in SDs of condition 1, letting the two SDs differ.",
            "J(n − 1)·(m1 − m2)/s1; v = s_d²/(s1²(n − 1)) + g²/(2(n − 1))",
            UnequalChangeOptions, _SMD,
            BONETT2008, standardised_change_unequal, PAIRED_ROUTES),
    Measure("SMCRP", "Standardised mean change, by the average SD", "SMC", _FAMILY,
            "The mean change in average SDs; may be pooled with two-group SMDs.",
            "J(2(n − 1)/(1 + r²))·(m1 − m2)/√((s1² + s2²)/2); v = 2(1 − r)/n + g²(1 + r²)/(4n)",
            ChangeCorrection, _SMD, COUSINEAU, standardised_change_by_average, PAIRED_ROUTES),
    Measure("SMCRPH", "Standardised mean change, by the average SD, unequal SDs", "SMC", _FAMILY,
            "The mean change in average SDs of the two conditions, letting the two SDs differ.",
            "as SMCRP; v = s_d²/(s̄²(n − 1)) + g²(s1⁴ + s2⁴ + 2r²s1²s2²)/(8s̄⁴(n − 1))",
            UnequalChangeOptions, _SMD, BONETT2008, standardised_change_by_average_unequal,
            PAIRED_ROUTES),
    Measure("ROMC", "Ratio of means, same people", "RoM", _FAMILY,
            "How many times higher the mean is under condition 1 in the same people.",
            "ln(m1/m2) + ½[s1²/(n·m1²) − s2²/(n·m2²)]", ChangeCorrection,
            log_scale("ratio of means"), LAJEUNESSE2011, log_ratio_of_dependent_means,
            PAIRED_ROUTES),
    Measure("VRC", "Variability ratio, same people", "VR", _FAMILY,
            "How many times more people differ from one another under condition 1.",
            "ln(s1/s2); v = (1 − r²)/(n − 1)", NoOptions, log_scale("variability ratio"), NAKAGAWA,
            log_dependent_variability_ratio, BY_SDS),
    Measure("CVRC", "Coefficient of variation ratio, same people", "CVR", _FAMILY,
            "How many times more people differ in relation to their mean under condition 1.",
            "VRC − ROMC; v = v(VRC) + v(ROMC)", ChangeCorrection,
            log_scale("coefficient of variation ratio"), SENIOR, log_dependent_cv_ratio,
            PAIRED_ROUTES),
)  # fmt: skip
